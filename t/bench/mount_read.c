/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mount_read.c - how much longer reading a random session takes through one mount than through another.
 *
 *	mount_read [-b BATCHES] [-r READS] SESSIONS DIRECTORY NULL_DIRECTORY
 *
 * Both have files k0 ... k(SESSIONS-1).  A read is open, read to the end,
 * close.  Batches alternate between the two, so that whatever else the machine
 * does meanwhile meets both; the ratio printed is the median of the ratios of
 * neighbours.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { MOST_BATCHES = 1000, MOST_READS = 1000000, BUFFER_BYTES = 65536 };

struct plan {
	uint64_t sessions, batches, reads;
	int dir_fd[2];			/* measured, null */
	uint64_t seed;
	uint64_t bytes;			/* read in all */
};

/* Source: S. Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016. */
static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * UINT64_C(2685821657736338717);
}

/* 0, or -1 when the file cannot be read. */
static int
read_one(struct plan *p, int dir_fd)
{
	static char buf[BUFFER_BYTES];
	char name[32];
	ssize_t n;
	int fd;

	(void)snprintf(name, sizeof(name), "k%" PRIu64, next_random(&p->seed) % p->sessions);
	fd = openat(dir_fd, name, O_RDONLY);
	if (fd < 0) {
		perror(name);
		return -1;
	}
	n = read(fd, buf, sizeof(buf));
	if (n > 0)
		p->bytes += (uint64_t)n;
	(void)close(fd);
	return n > 0 ? 0 : -1;
}

/* Nanoseconds that a read takes, 0 when one failed. */
static double
time_batch(struct plan *p, int dir_fd)
{
	uint64_t start = gs_clock_mono_ns(), i;

	for (i = 0; i < p->reads; i++)
		if (read_one(p, dir_fd) != 0)
			return 0;
	return (double)(gs_clock_mono_ns() - start) / (double)p->reads;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int
run(struct plan *p)
{
	static double ratio[MOST_BATCHES], ours[MOST_BATCHES], null[MOST_BATCHES];
	uint64_t i;

	/* The first of each only fills caches. */
	if (time_batch(p, p->dir_fd[0]) == 0 || time_batch(p, p->dir_fd[1]) == 0)
		return 1;
	for (i = 0; i < p->batches; i++) {
		ours[i] = time_batch(p, p->dir_fd[i % 2]);
		null[i] = time_batch(p, p->dir_fd[1 - i % 2]);
		if (ours[i] == 0 || null[i] == 0)
			return 1;
		if (i % 2 == 1) {
			double swap = ours[i];

			ours[i] = null[i];
			null[i] = swap;
		}
		ratio[i] = ours[i] / null[i];
	}
	qsort(ratio, p->batches, sizeof(*ratio), compare);
	qsort(ours, p->batches, sizeof(*ours), compare);
	qsort(null, p->batches, sizeof(*null), compare);
	(void)printf("mount_read %.2f   (%.1f us a read, %.1f us where nothing is stored; %" PRIu64 " batches of %" PRIu64 " reads, quartiles %.2f and %.2f)\n",
	    ratio[p->batches / 2], ours[p->batches / 2] / 1000, null[p->batches / 2] / 1000, p->batches, p->reads,
	    ratio[p->batches / 4], ratio[p->batches * 3 / 4]);
	return 0;
}

static uint64_t
number(const char *text, uint64_t most)
{
	uint64_t n = strtoull(text, NULL, 10);

	return n > most ? most : n;
}

int
main(int argc, char **argv)
{
	struct plan p = { .batches = 160, .reads = 500, .seed = UINT64_C(0x9e3779b97f4a7c15) };
	int c, i;

	while ((c = getopt(argc, argv, "b:r:")) != -1) {
		if (c == 'b')
			p.batches = number(optarg, MOST_BATCHES);
		else if (c == 'r')
			p.reads = number(optarg, MOST_READS);
	}
	p.sessions = argc - optind == 3 ? number(argv[optind], UINT64_MAX) : 0;
	if (p.sessions == 0 || p.batches == 0 || p.reads == 0) {
		(void)fprintf(stderr, "usage: mount_read [-b BATCHES] [-r READS] SESSIONS DIRECTORY NULL_DIRECTORY\n");
		return 2;
	}
	for (i = 0; i < 2; i++) {
		p.dir_fd[i] = open(argv[optind + 1 + i], O_RDONLY | O_DIRECTORY);
		if (p.dir_fd[i] < 0) {
			perror(argv[optind + 1 + i]);
			return 1;
		}
	}
	return run(&p);
}
