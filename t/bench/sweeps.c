/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sweeps.c - sessions of all ages, gets at a steady rate beside the sweeps, and how late a decay is.
 *
 *	sweeps fill INSTANCE SESSIONS SPREAD_S		s0, s1, ...; the last access of the first is SPREAD_S ago, that of the last is now
 *	sweeps gets INSTANCE SESSIONS SECONDS RATE	get random ones, RATE a second; prints median and 99.9th percentile
 *	sweeps late INSTANCE SESSIONS SECONDS STEP	watch every STEPth leave its ring; prints how late
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gsession.h"
#include "base/clock.h"
#include "lab/latency.h"
#include "attach.h"

enum { VALUE = 512, LOOK_NS = 5000000 };

#define S_NS INT64_C(1000000000)

static size_t
key_of(char key[32], uint64_t i)
{
	return (size_t)snprintf(key, 32, "s%llu", (unsigned long long)i);
}

static int
fill(const char *instance, uint64_t sessions, uint64_t spread_s)
{
	const int64_t first_ns = gs_clock_wall_ns() - (int64_t)spread_s * S_NS;
	struct gs_attr attr = { .size = sizeof(attr), .mask = GS_ATTR_TIMES };
	static const char value[VALUE];
	struct gs *gs = attach(instance);
	char key[32];

	for (uint64_t i = 0; i < sessions; i++) {
		size_t len = key_of(key, i);

		attr.mtime_ns = attr.atime_ns = first_ns + (int64_t)((double)i / (double)sessions * (double)spread_s * 1e9);
		if (gs_put(gs, key, len, value, sizeof(value), NULL) < 0 || gs_setattr(gs, key, len, &attr) < 0)
			errx(1, "put %s", key);
	}
	gs_detach(&gs);
	return 0;
}

static void
sleep_until(uint64_t mono_ns)
{
	const struct timespec at = { .tv_sec = (time_t)(mono_ns / 1000000000), .tv_nsec = (long)(mono_ns % 1000000000) };

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static uint64_t
next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

/* A slice's worth of gets after the other; a slice that was missed is made up for at once. */
static int
gets(const char *instance, uint64_t sessions, uint64_t seconds, uint64_t rate_per_s)
{
	static struct latency took;
	struct gs *gs = attach(instance);
	uint64_t random = 1, n_failed = 0, from = gs_clock_mono_ns(), end = from + seconds * 1000000000, before;
	char key[32], value[VALUE];

	for (uint64_t n = 1; (before = gs_clock_mono_ns()) < end; n++) {
		size_t len = key_of(key, next_random(&random) % sessions);

		/* Awake: who was asleep finds the caches cold, and times that. */
		while (before - from < n * 1000000000 / rate_per_s)
			before = gs_clock_mono_ns();
		n_failed += gs_get(gs, key, len, value, sizeof(value), NULL) < 0;
		latency_add(&took, gs_clock_mono_ns() - before);
	}
	printf("%.2f M gets a second, %llu failed, median %llu ns, 99.9 %% %llu ns: %.1f times (accept 4), longest %.2f ms\n",
	    (double)took.n * 1e3 / (double)(gs_clock_mono_ns() - from), (unsigned long long)n_failed,
	    (unsigned long long)latency_at(&took, 0.5), (unsigned long long)latency_at(&took, 0.999),
	    (double)latency_at(&took, 0.999) / (double)latency_at(&took, 0.5), (double)took.max_ns / 1e6);
	gs_detach(&gs);
	return n_failed > 0;
}

/* Wait until the session of a key has left ring `from`. Returns how late that was, ms. */
static int64_t
watch(struct gs *gs, uint64_t i, const struct gs_info *was)
{
	struct gs_info now = *was;
	char key[32];
	size_t len = key_of(key, i);
	int64_t late_ms;

	do {
		sleep_until(gs_clock_mono_ns() + LOOK_NS);
		late_ms = gs_clock_wall_ns() / 1000000 - (int64_t)was->ring_until_ms;
		if (gs_stat(gs, key, len, &now) < 0)
			errx(1, "stat %s", key);
	} while (strcmp(now.ring, was->ring) == 0);
	return late_ms;
}

/* They leave in the order of their numbers: the first that is still in its ring is the next. */
static int
late(const char *instance, uint64_t sessions, uint64_t seconds, uint64_t step)
{
	const int64_t end_ns = gs_clock_wall_ns() + (int64_t)seconds * S_NS;
	struct gs *gs = attach(instance);
	struct gs_info info;
	int64_t worst_ms = 0;
	uint64_t n = 0;
	char key[32];

	for (uint64_t i = 0; i < sessions && gs_clock_wall_ns() < end_ns; i += step) {
		if (gs_stat(gs, key, key_of(key, i), &info) < 0 || strcmp(info.ring, "active") != 0)
			continue;
		if ((int64_t)info.ring_until_ms * 1000000 > end_ns)
			break;
		int64_t late_ms = watch(gs, i, &info);

		worst_ms = late_ms > worst_ms ? late_ms : worst_ms;
		n++;
	}
	printf("%llu decays watched, the latest by %lld ms (accept 1000)\n", (unsigned long long)n, (long long)worst_ms);
	gs_detach(&gs);
	return n == 0;
}

int
main(int argc, char **argv)
{
	uint64_t n[3] = { 0 };

	for (int i = 3; i < argc && i < 6; i++)
		n[i - 3] = strtoull(argv[i], NULL, 10);
	if (argc == 5 && strcmp(argv[1], "fill") == 0)
		return fill(argv[2], n[0], n[1]);
	if (argc == 6 && strcmp(argv[1], "gets") == 0)
		return gets(argv[2], n[0], n[1], n[2]);
	if (argc == 6 && strcmp(argv[1], "late") == 0)
		return late(argv[2], n[0], n[1], n[2]);
	errx(2, "usage: sweeps fill INSTANCE SESSIONS SPREAD_S | gets INSTANCE SESSIONS SECONDS RATE | late INSTANCE SESSIONS SECONDS STEP");
}
