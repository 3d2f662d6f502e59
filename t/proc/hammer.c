/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hammer.c - clients of a store that stay just below their quota, and such that exceed it tenfold.
 *
 *	hammer calm INSTANCE COUNT RATE			ask for each of w0, w1, ... a little less than RATE times a second until SIGTERM; a
 *							refusal or a miss ends it with 1
 *	hammer loud INSTANCE COUNT RATE BURST STOPPED	four processes ask for h0, h1, ... together ten times as fast; the first STOPPED are left
 *							alone once they are refused, the others asked for until somebody ends them.
 *		caught COUNT beyond N late_ms N		when all are refused: at most so many accesses of one were served beyond its quota, and
 *							at most so long after that was exceeded was it refused
 *		home N after_ms MIN MAX			when those left alone are in the innermost ring again: how long after their last attempt
 *		ended N					when the others are gone
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gsession.h"

enum { SESSIONS = 4096, HAMMERS = 4, TENFOLD = 10, LOOK_MS = 2, PATIENCE_MS = 30000 };

/* What the four know together of one session; times are ms of CLOCK_MONOTONIC. */
struct victim {
	_Atomic uint64_t served, first_ms, over_ms, caught_ms, last_ms, beyond;
	atomic_bool is_ended;
};

struct loud {
	unsigned count, stopped;
	double rate_per_ms, burst;
	struct victim victim[SESSIONS];
};

static volatile sig_atomic_t must_stop;

static void
stop(int sig)
{
	(void)sig;
	must_stop = 1;
}

static uint64_t
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static uint64_t
now_ms(void)
{
	return now_us() / 1000;
}

/* The pace is what is tested: nobody may ask sooner than this. */
static void
wait_until_us(uint64_t at_us)
{
	struct timespec ts = { .tv_sec = (time_t)(at_us / 1000000), .tv_nsec = (long)(at_us % 1000000 * 1000) };

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static struct gs *
attach(const char *instance)
{
	struct gs_options opt = { .size = sizeof(opt), .instance = instance, .n_threads = 1 };
	struct gs *gs;
	int rc = gs_attach(&gs, &opt);

	if (rc < 0)
		errx(1, "attach: %s", gs_strerror(rc));
	return gs;
}

static void
start_sessions(struct gs *gs, char letter, unsigned count)
{
	char key[16];
	int rc;

	for (unsigned i = 0; i < count; i++) {
		(void)snprintf(key, sizeof(key), "%c%u", letter, i);
		rc = gs_put(gs, key, strlen(key), "value", 5, NULL);
		if (rc < 0)
			errx(1, "put %s: %s", key, gs_strerror(rc));
	}
}

static ssize_t
get(struct gs *gs, char letter, unsigned i)
{
	char key[16], value[8];

	(void)snprintf(key, sizeof(key), "%c%u", letter, i);
	return gs_get(gs, key, strlen(key), value, sizeof(value), NULL);
}

/* ---- calm ---- */

static int
calm(const char *instance, unsigned count, double rate)
{
	struct gs *gs = attach(instance);
	/* 5 % less often than the rate allows */
	uint64_t interval_us = (uint64_t)(1.05e6 / rate), at_us, rounds = 0;
	ssize_t rc;

	(void)signal(SIGTERM, stop);
	start_sessions(gs, 'w', count);
	(void)puts("working");
	(void)fflush(stdout);
	for (at_us = now_us(); !must_stop; rounds++) {
		/* A round that begins late is followed by none that is early. */
		at_us += interval_us;
		at_us = at_us < now_us() ? now_us() : at_us;
		wait_until_us(at_us);
		for (unsigned i = 0; i < count; i++) {
			rc = get(gs, 'w', i);
			if (rc < 0)
				errx(1, "get w%u in round %llu: %s", i, (unsigned long long)rounds, gs_strerror((int)rc));
		}
	}
	gs_detach(&gs);
	(void)printf("rounds %llu\n", (unsigned long long)rounds);
	return 0;
}

/* ---- loud ---- */

static void
note_max(_Atomic uint64_t *at, uint64_t value)
{
	uint64_t seen = atomic_load(at);

	while (seen < value && !atomic_compare_exchange_weak(at, &seen, value))
		continue;
}

static void
note_first(_Atomic uint64_t *at, uint64_t value)
{
	uint64_t none = 0;

	(void)atomic_compare_exchange_strong(at, &none, value);
}

/* By how many the accesses served exceed what the quota gives in that time. */
static double
beyond(const struct loud *l, const struct victim *v)
{
	return (double)atomic_load(&v->served) - l->burst - l->rate_per_ms * (double)(now_ms() - atomic_load(&v->first_ms));
}

static void
note_served(const struct loud *l, struct victim *v)
{
	double n;

	(void)atomic_fetch_add(&v->served, 1);
	if (atomic_load(&v->caught_ms) != 0)
		return;
	n = beyond(l, v);
	if (n > 0) {
		note_first(&v->over_ms, now_ms());
		note_max(&v->beyond, (uint64_t)n);
	}
}

static void
hit(struct gs *gs, struct loud *l, unsigned i)
{
	struct victim *v = &l->victim[i];
	ssize_t rc;

	if (atomic_load(&v->is_ended) || (i < l->stopped && atomic_load(&v->caught_ms) != 0))
		return;
	note_first(&v->first_ms, now_ms());
	rc = get(gs, 'h', i);
	note_max(&v->last_ms, now_ms());
	if (rc >= 0)
		note_served(l, v);
	else if (rc == GS_EQUARANTINE)
		note_first(&v->caught_ms, now_ms());
	else if (rc == GS_ENOENT && atomic_load(&v->caught_ms) != 0)
		atomic_store(&v->is_ended, true);
	else
		errx(1, "get h%u: %s", i, gs_strerror((int)rc));
}

static unsigned
n_ended(struct loud *l)
{
	unsigned n = 0;

	for (unsigned i = 0; i < l->count; i++)
		n += atomic_load(&l->victim[i].is_ended);
	return n;
}

static void
hammer(const char *instance, struct loud *l, unsigned which)
{
	struct gs *gs = attach(instance);
	uint64_t interval_us = (uint64_t)(1e3 * HAMMERS / TENFOLD / l->rate_per_ms), at_us = now_us() + interval_us * which / HAMMERS;

	while (n_ended(l) < l->count - l->stopped) {
		wait_until_us(at_us);
		for (unsigned i = 0; i < l->count; i++)
			hit(gs, l, i);
		at_us += interval_us;
	}
	gs_detach(&gs);
}

static bool
is_home(struct gs *gs, unsigned i)
{
	struct gs_info info;
	char key[16];

	(void)snprintf(key, sizeof(key), "h%u", i);
	return gs_stat(gs, key, strlen(key), &info) >= 0 && strcmp(info.ring, "active") == 0;
}

static void
look_on(uint64_t until_ms, const char *what)
{
	if (now_ms() > until_ms)
		errx(1, "%s did not happen in time", what);
	wait_until_us(now_us() + LOOK_MS * 1000);
}

static void
say_caught(struct loud *l)
{
	uint64_t until_ms = now_ms() + PATIENCE_MS, most = 0, late_ms = 0;

	for (unsigned i = 0; i < l->count; i++) {
		struct victim *v = &l->victim[i];

		while (atomic_load(&v->caught_ms) == 0)
			look_on(until_ms, "the refusal of all");
		if (atomic_load(&v->over_ms) != 0 && atomic_load(&v->caught_ms) > atomic_load(&v->over_ms) + late_ms)
			late_ms = atomic_load(&v->caught_ms) - atomic_load(&v->over_ms);
		most = atomic_load(&v->beyond) > most ? atomic_load(&v->beyond) : most;
	}
	(void)printf("caught %u beyond %llu late_ms %llu\n", l->count, (unsigned long long)most, (unsigned long long)late_ms);
	(void)fflush(stdout);
}

static void
say_home(struct gs *gs, struct loud *l)
{
	uint64_t until_ms = now_ms() + PATIENCE_MS, after_ms[SESSIONS] = { 0 }, least = UINT64_MAX, most = 0;

	for (unsigned n = 0; n < l->stopped;) {
		look_on(until_ms, "the pardon of those left alone");
		for (unsigned i = 0; i < l->stopped; i++) {
			if (after_ms[i] != 0 || !is_home(gs, i))
				continue;
			after_ms[i] = now_ms() - atomic_load(&l->victim[i].last_ms);
			least = after_ms[i] < least ? after_ms[i] : least;
			most = after_ms[i] > most ? after_ms[i] : most;
			n++;
		}
	}
	(void)printf("home %u after_ms %llu %llu\n", l->stopped, (unsigned long long)least, (unsigned long long)most);
	(void)fflush(stdout);
}

static int
loud(const char *instance, const struct loud *how)
{
	struct loud *l = mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct gs *gs = attach(instance);
	int status, failed = 0;

	if (l == MAP_FAILED)
		err(1, "mmap");
	l->count = how->count;
	l->stopped = how->stopped;
	l->rate_per_ms = how->rate_per_ms;
	l->burst = how->burst;
	start_sessions(gs, 'h', l->count);
	for (unsigned i = 0; i < HAMMERS; i++) {
		pid_t pid = fork();

		if (pid < 0)
			err(1, "fork");
		if (pid == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			hammer(instance, l, i);
			_exit(0);
		}
	}
	say_caught(l);
	say_home(gs, l);
	while (wait(&status) > 0)
		failed |= status != 0;
	(void)printf("ended %u\n", n_ended(l));
	gs_detach(&gs);
	return failed;
}

int
main(int argc, char **argv)
{
	static struct loud how;

	if (argc == 5 && strcmp(argv[1], "calm") == 0)
		return calm(argv[2], (unsigned)atoi(argv[3]), atof(argv[4]));
	if (argc == 7 && strcmp(argv[1], "loud") == 0) {
		how.count = (unsigned)atoi(argv[3]);
		how.rate_per_ms = atof(argv[4]) / 1000;
		how.burst = atof(argv[5]);
		how.stopped = (unsigned)atoi(argv[6]);
		if (how.count > SESSIONS || how.stopped > how.count)
			errx(2, "too many");
		return loud(argv[2], &how);
	}
	errx(2, "see the top of hammer.c");
}
