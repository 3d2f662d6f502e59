/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hasty.c - clients that ask too fast, beside others that do not, for quota.t.
 *
 *	hasty INSTANCE quarantine RATE		four processes ask for ten sessions, ten times as often as RATE a second allows;
 *						one looks after a thousand others. How long until each of the ten is a suspect?
 *	hasty INSTANCE patience N		N gets in a row by one who waits for his turn: how long they take
 *	hasty INSTANCE hurry N			the same by one who does not: how often he is refused
 *	hasty INSTANCE together N		N times in a row slowed, slow2, far and a free one with one call, with patience: who
 *						was found each time, what was found of far, and how long the longest call was
 *
 * Ends with 1 where one of the thousand is accused, or a refusal says no time.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <err.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gsession.h"

enum { HAMMERERS = 4, HAMMERED = 10, OTHERS = 1000, LIMIT_MS = 10000 };

/* When each of the ten was first asked for, and first refused, ns; what the hammerers see. */
struct seen {
	_Atomic uint64_t first_ns[HAMMERED];
	_Atomic uint64_t refused_ns[HAMMERED];
	_Atomic uint32_t n_refused;
};

static uint64_t
now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void
sleep_until_ns(uint64_t at_ns)
{
	const struct timespec ts = { .tv_sec = (time_t)(at_ns / 1000000000), .tv_nsec = (long)(at_ns % 1000000000) };

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static struct gs *
attach(const char *instance, uint32_t patience_ms)
{
	struct gs_options opt = { .size = sizeof(opt), .instance = instance, .timeout_ms = LIMIT_MS, .patience_ms = patience_ms };
	struct gs *gs;
	int rc = gs_attach(&gs, &opt);

	if (rc < 0)
		errx(2, "attach: %s", gs_strerror(rc));
	return gs;
}

static void
start(struct gs *gs, const char *kind, int n)
{
	char key[32];

	for (int i = 0; i < n; i++) {
		(void)snprintf(key, sizeof(key), "%s%d", kind, i);
		if (gs_put(gs, key, strlen(key), "v", 1, NULL) < 0)
			errx(2, "%s is not started", key);
	}
}

/* All ten, in turn, so that each is asked for ten times as often as it may; this process does its quarter. */
static void
hammer(const char *instance, struct seen *seen, uint64_t rate_per_s)
{
	struct gs *gs = attach(instance, 0);
	uint64_t gap_ns = UINT64_C(1000000000) * HAMMERERS / (10 * rate_per_s * HAMMERED), next = now_ns(), none;
	char key[32], value[8];

	for (int i = 0; atomic_load(&seen->n_refused) < HAMMERED; i = (i + 1) % HAMMERED, next += gap_ns) {
		sleep_until_ns(next);
		(void)snprintf(key, sizeof(key), "hammered%d", i);
		none = 0;
		(void)atomic_compare_exchange_strong(&seen->first_ns[i], &none, now_ns());
		none = 0;
		if (gs_get(gs, key, strlen(key), value, sizeof(value), NULL) == GS_EQUARANTINE &&
		    atomic_compare_exchange_strong(&seen->refused_ns[i], &none, now_ns()))
			(void)atomic_fetch_add(&seen->n_refused, 1);
	}
	gs_detach(&gs);
}

/* Each of the others once or twice a second. */
static void
work(const char *instance, struct seen *seen)
{
	struct gs *gs = attach(instance, 0);
	char key[32], value[8];

	for (uint64_t i = 0, next = now_ns(); atomic_load(&seen->n_refused) < HAMMERED; i++, next += 1000000) {
		sleep_until_ns(next);
		(void)snprintf(key, sizeof(key), "other%d", (int)(i % OTHERS));
		if (gs_get(gs, key, strlen(key), value, sizeof(value), NULL) < 0)
			errx(1, "%s is refused", key);
	}
	gs_detach(&gs);
}

static int
count_in_ring(struct gs *gs, const char *kind, int n, const char *ring)
{
	struct gs_info info;
	char key[32];
	int found = 0;

	for (int i = 0; i < n; i++) {
		(void)snprintf(key, sizeof(key), "%s%d", kind, i);
		if (gs_stat(gs, key, strlen(key), &info) < 0)
			errx(2, "%s is lost", key);
		found += strcmp(info.ring, ring) == 0;
	}
	return found;
}

static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int
quarantine(const char *instance, uint64_t rate_per_s)
{
	struct seen *seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct gs *gs = attach(instance, 0);
	uint64_t took[HAMMERED];
	int status, failed = 0, suspects, others;

	if (seen == MAP_FAILED)
		err(2, "mmap");
	start(gs, "hammered", HAMMERED);
	start(gs, "other", OTHERS);
	for (int i = 0; i <= HAMMERERS; i++) {
		pid_t pid = fork();

		if (pid < 0)
			err(2, "fork");
		if (pid == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (i < HAMMERERS)
				hammer(instance, seen, rate_per_s);
			else
				work(instance, seen);
			_exit(0);
		}
	}
	for (int i = 0; i <= HAMMERERS; i++)
		failed += wait(&status) < 0 || status != 0;
	for (int i = 0; i < HAMMERED; i++)
		took[i] = seen->refused_ns[i] - seen->first_ns[i];
	qsort(took, HAMMERED, sizeof(took[0]), compare);
	suspects = count_in_ring(gs, "hammered", HAMMERED, "suspect");
	others = count_in_ring(gs, "other", OTHERS, "active");
	(void)printf("suspects %d others %d median %" PRIu64 " most %" PRIu64 " ms\n", suspects, others, took[HAMMERED / 2] / 1000000,
	    took[HAMMERED - 1] / 1000000);
	gs_detach(&gs);
	return failed > 0;
}

static int
in_a_row(const char *instance, uint32_t patience_ms, int n)
{
	struct gs *gs = attach(instance, patience_ms);
	uint64_t begun = now_ns();
	int refused = 0, silent = 0;
	struct gs_info info;
	char value[8];

	for (int i = 0; i < n; i++)
		if (gs_get(gs, "slowed", 6, value, sizeof(value), &info) == GS_EQUARANTINE) {
			refused++;
			silent += info.retry_after_ms == 0;
		}
	(void)printf("refused %d ms %" PRIu64 "\n", refused, (now_ns() - begun) / 1000000);
	gs_detach(&gs);
	return silent > 0;
}

/* Of each call the first two are found, late; the third, whose turn is too far away, delays nobody. */
static int
together(const char *instance, int n)
{
	static const char *const keys[] = { "slowed", "slow2", "far", "other0" };
	struct gs *gs = attach(instance, 1000);
	uint64_t longest = 0, begun;
	int found = 0, far = 0, silent = 0;

	for (int i = 0; i < n; i++) {
		struct gs_item items[4] = { { 0 } };

		for (int k = 0; k < 4; k++) {
			items[k].key = keys[k];
			items[k].key_len = strlen(keys[k]);
		}
		begun = now_ns();
		if (gs_multi_get(gs, items, 4) != 3)
			warnx("call %d: %zd %zd %zd %zd", i, items[0].rc, items[1].rc, items[2].rc, items[3].rc);
		longest = now_ns() - begun > longest ? now_ns() - begun : longest;
		found += items[0].rc >= 0 && items[1].rc >= 0 && items[3].rc >= 0;
		far += items[2].rc >= 0;
		silent += items[2].rc == GS_EQUARANTINE && items[2].info.retry_after_ms == 0;
	}
	(void)printf("found %d far %d longest %" PRIu64 " ms\n", found, far, longest / 1000000);
	gs_detach(&gs);
	return silent > 0;
}

int
main(int argc, char **argv)
{
	int n = argc == 4 ? atoi(argv[3]) : 0;

	if (n <= 0)
		errx(2, "usage: hasty INSTANCE quarantine|patience|hurry|together N");
	if (strcmp(argv[2], "quarantine") == 0)
		return quarantine(argv[1], (uint64_t)n);
	if (strcmp(argv[2], "together") == 0)
		return together(argv[1], n);
	return in_a_row(argv[1], strcmp(argv[2], "patience") == 0 ? 1000 : 0, n);
}
