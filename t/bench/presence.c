/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * presence.c - gets of the C API, a slice whenever somebody asks for one.
 *
 *	presence INSTANCE SESSIONS
 *
 * Puts s0 ... s(SESSIONS-1); then, for each line of standard input, gets random
 * ones for so many milliseconds, and prints the nanoseconds of a get: by the
 * clock; of the processor; and in the median hundred, which nobody has
 * interrupted, however busy the machine is.
 */
#include <err.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "gsession.h"
#include "base/clock.h"
#include "attach.h"

enum { VALUE = 512, KEY = 32, HUNDRED = 100, MOST_HUNDREDS = 100000 };

/* Source: S. Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016. */
static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * UINT64_C(2685821657736338717);
}

static size_t
key_of(char key[KEY], uint64_t i)
{
	return (size_t)snprintf(key, KEY, "s%" PRIu64, i);
}

static uint64_t
processor_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void
fill(struct gs *gs, uint64_t sessions)
{
	static const char value[VALUE];
	char key[KEY];
	uint64_t i;

	for (i = 0; i < sessions; i++)
		if (gs_put(gs, key, key_of(key, i), value, sizeof(value), NULL) < 0)
			errx(1, "put s%" PRIu64, i);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Nanoseconds that each of a hundred took. */
static double
hundred(struct gs *gs, uint64_t sessions, uint64_t *seed)
{
	uint64_t from = gs_clock_mono_ns();
	char key[KEY], value[VALUE];
	int i;

	for (i = 0; i < HUNDRED; i++) {
		uint64_t which = next_random(seed) % sessions;

		if (gs_get(gs, key, key_of(key, which), value, sizeof(value), NULL) != VALUE)
			errx(1, "get s%" PRIu64, which);
	}
	return (double)(gs_clock_mono_ns() - from) / HUNDRED;
}

static void
slice(struct gs *gs, uint64_t sessions, uint64_t ms)
{
	static uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
	static double took[MOST_HUNDREDS];
	uint64_t from = gs_clock_mono_ns(), cpu = processor_ns(), n = 0, all;

	do {
		took[n++] = hundred(gs, sessions, &seed);
		all = gs_clock_mono_ns() - from;
	} while (all < ms * 1000000 && n < MOST_HUNDREDS);
	cpu = processor_ns() - cpu;
	qsort(took, n, sizeof(*took), compare);
	(void)printf("%.2f %.2f %.2f\n", (double)all / (double)(n * HUNDRED), (double)cpu / (double)(n * HUNDRED), took[n / 2]);
	(void)fflush(stdout);
}

int
main(int argc, char **argv)
{
	uint64_t sessions = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
	char line[32];
	struct gs *gs;

	if (sessions == 0)
		errx(2, "usage: presence INSTANCE SESSIONS");
	gs = attach(argv[1]);
	fill(gs, sessions);
	while (fgets(line, sizeof(line), stdin) != NULL)
		slice(gs, sessions, strtoull(line, NULL, 10));
	gs_detach(&gs);
	return 0;
}
