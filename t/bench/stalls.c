/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stalls.c - how long the longest of many puts takes.
 *
 *	stalls INSTANCE SESSIONS RATE FILE	put RATE random sessions s0, s1, ... a second until FILE is gone; prints how long they took
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gsession.h"
#include "attach.h"

enum { VALUE = 512, LOOK_EVERY = 1024, STALL_NS = 1000000, BUCKETS = 4096, BUCKET_NS = 250 };

static uint64_t
clock_ns(clockid_t id)
{
	struct timespec t;

	(void)clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t
next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

struct seen {
	uint64_t n, n_late, longest_ns, longest_cpu_ns, began_ns;
	uint64_t bucket[BUCKETS];
};

static void
put_one(struct gs *gs, const char *key, const char *value, struct seen *s)
{
	uint64_t cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID), from_ns = clock_ns(CLOCK_MONOTONIC), took_ns;
	int rc = gs_put(gs, key, strlen(key), value, VALUE, NULL);

	took_ns = clock_ns(CLOCK_MONOTONIC) - from_ns;
	cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
	if (rc < 0)
		errx(1, "put %s: %s", key, gs_strerror(rc));
	s->n++;
	s->n_late += took_ns > STALL_NS;
	s->bucket[took_ns / BUCKET_NS < BUCKETS ? took_ns / BUCKET_NS : BUCKETS - 1]++;
	if (took_ns > s->longest_ns)
		s->longest_ns = took_ns;
	if (cpu_ns > s->longest_cpu_ns)
		s->longest_cpu_ns = cpu_ns;
}

static double
quantile_us(const struct seen *s, double q)
{
	uint64_t left = (uint64_t)((double)s->n * q);
	int i;

	for (i = 0; i < BUCKETS - 1 && s->bucket[i] <= left; i++)
		left -= s->bucket[i];
	return (double)(i + 1) * BUCKET_NS / 1000;
}

int
main(int argc, char **argv)
{
	uint64_t sessions, rate, seed = (uint64_t)getpid();
	static struct seen s;
	char value[VALUE], key[32];
	double seconds;
	struct gs *gs;

	if (argc != 5)
		errx(2, "INSTANCE SESSIONS RATE FILE");
	sessions = strtoull(argv[2], NULL, 10);
	rate = strtoull(argv[3], NULL, 10);
	gs = attach(argv[1]);
	memset(value, 'v', sizeof(value));
	s.began_ns = clock_ns(CLOCK_MONOTONIC);
	while (s.n % LOOK_EVERY != 0 || access(argv[4], F_OK) == 0) {
		/* Each at its own time, and no two at once to make up for one that was late. */
		while (clock_ns(CLOCK_MONOTONIC) - s.began_ns < s.n * 1000000000 / rate)
			;
		(void)snprintf(key, sizeof(key), "s%llu", (unsigned long long)(next_random(&seed) % sessions));
		put_one(gs, key, value, &s);
	}
	seconds = (double)(clock_ns(CLOCK_MONOTONIC) - s.began_ns) / 1e9;
	(void)printf("%.0f puts/s, median %.1f us, p99.9 %.1f us, longest %.3f ms (%.3f ms of the processor), %.1f a second over 1 ms\n",
	    (double)s.n / seconds, quantile_us(&s, 0.5), quantile_us(&s, 0.999),
	    (double)s.longest_ns / 1e6, (double)s.longest_cpu_ns / 1e6, (double)s.n_late / seconds);
	gs_detach(&gs);
	return 0;
}
