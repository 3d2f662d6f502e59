/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * million.c - very many sessions: make them, keep others coming and going, and see that a listing has each once.
 *
 *	million fill INSTANCE N			k0 ... k(N-1), through the library
 *	million churn INSTANCE DIRECTORY N SEED	until the standard input ends: values of the k are replaced, and other
 *						sessions come, move and go, through the library and the mount
 *	million check DIRECTORY N		list them; then go back to places in the listing
 */
#include <sys/stat.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"

enum { VALUE_BYTES = 900, NAME_BYTES = 256, PATH_BYTES = 512, OTHERS = 500, PLACES = 1000 };

struct place {
	long at;			/* of telldir(3) */
	char next[NAME_BYTES];		/* the next name from there that stays */
};

static uint64_t seed;

/* Source: S. Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016. */
static uint64_t
below(uint64_t n)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (seed * UINT64_C(2685821657736338717) >> 16) % n;
}

static struct gs *
attach(const char *instance)
{
	const struct gs_options opt = { .size = sizeof(opt), .instance = instance };
	struct gs *gs;
	int rc = gs_attach(&gs, &opt);

	if (rc < 0)
		errx(1, "attach: %s", gs_strerror(rc));
	return gs;
}

/* What is not there any more, or has no room, is as good. */
static void
must(int rc, const char *what)
{
	if (rc < 0 && rc != GS_ENOENT && rc != GS_EEXIST && rc != GS_ENOSPC)
		errx(1, "%s: %s", what, gs_strerror(rc));
}

static int
fill(const char *instance, uint64_t n)
{
	static const char value[100];
	struct gs *gs = attach(instance);
	char key[NAME_BYTES];
	uint64_t i;
	int rc;

	for (i = 0; i < n; i++) {
		(void)snprintf(key, sizeof(key), "k%" PRIu64, i);
		rc = gs_put(gs, key, strlen(key), value, sizeof(value), NULL);
		if (rc < 0)
			errx(1, "%s: %s", key, gs_strerror(rc));
	}
	gs_detach(&gs);
	return 0;
}

/* The k stay, with another value, which is another record. */
static void
churn_library(struct gs *gs, uint64_t n, uint64_t who)
{
	const struct gs_put_options old = { .size = sizeof(old), .flags = GS_ONLY_OLD };
	static const char value[VALUE_BYTES];
	char key[NAME_BYTES];

	(void)snprintf(key, sizeof(key), "k%" PRIu64, below(n));
	must(gs_put(gs, key, strlen(key), value, 1 + below(VALUE_BYTES), &old), "update");
	(void)snprintf(key, sizeof(key), "library%" PRIu64 "-%" PRIu64, who, below(OTHERS));
	switch (below(4)) {
	case 0:
		must(gs_del(gs, key, strlen(key), 0), "del");
		break;
	case 1:
		must(gs_move(gs, key, strlen(key), below(2) == 0 ? "warm" : "active"), "move");
		break;
	default:
		must(gs_put(gs, key, strlen(key), value, below(VALUE_BYTES), NULL), "put");
	}
}

static void
churn_mount(const char *directory, uint64_t who)
{
	char path[PATH_BYTES], path2[PATH_BYTES];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/mount%" PRIu64 "-%" PRIu64, directory, who, below(OTHERS));
	(void)snprintf(path2, sizeof(path2), "%s/mount%" PRIu64 "-%" PRIu64, directory, who, below(OTHERS));
	switch (below(4)) {
	case 0:
		if (unlink(path) != 0 && errno != ENOENT)
			err(1, "%s", path);
		break;
	case 1:
		if (rename(path, path2) != 0 && errno != ENOENT)
			err(1, "%s", path);
		break;
	default:
		fd = open(path, O_WRONLY | O_CREAT, 0600);
		if (fd < 0 || write(fd, path, strlen(path)) < 0)
			err(1, "%s", path);
		(void)close(fd);
	}
}

static int
churn(const char *instance, const char *directory, uint64_t n, uint64_t who)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	struct gs *gs = attach(instance);
	uint64_t i;

	seed = (who + 1) * UINT64_C(0x9e3779b97f4a7c15);
	for (i = 0; i % 16 != 0 || poll(&in, 1, 0) == 0; i++) {
		churn_library(gs, n, who);
		churn_mount(directory, who);
	}
	gs_detach(&gs);
	(void)printf("%" PRIu64 " turns\n", i);
	return 0;
}

/* One name of a listing. Returns whether it stays. */
static bool
count(const char *name, unsigned char *seen, uint64_t n)
{
	char *end;
	uint64_t i;

	if (name[0] != 'k')
		return false;
	i = strtoull(name + 1, &end, 10);
	if (*end != '\0' || i >= n)
		errx(1, "%s: nobody made it", name);
	seen[i] += seen[i] < 255;
	return true;
}

/* Remember a place now and then, with the name that is there. Returns how many. */
static size_t
list(DIR *d, unsigned char *seen, uint64_t n, struct place *places)
{
	uint64_t step = n / PLACES + 1, i = 0;
	const struct dirent *e;
	size_t n_places = 0;
	bool is_open = false;		/* a place without its name yet */
	long at;

	for (at = telldir(d); (e = readdir(d)) != NULL; at = telldir(d), i++) {
		if (!is_open && i % step == 0 && n_places < PLACES) {
			places[n_places].at = at;
			is_open = true;
		}
		if (count(e->d_name, seen, n) && is_open) {
			(void)snprintf(places[n_places++].next, NAME_BYTES, "%s", e->d_name);
			is_open = false;
		}
	}
	return n_places;
}

/* The next name that stays. */
static const char *
next_kept(DIR *d)
{
	const struct dirent *e;

	do
		e = readdir(d);
	while (e != NULL && e->d_name[0] != 'k');
	return e == NULL ? "the end" : e->d_name;
}

static int
check(const char *directory, uint64_t n)
{
	static struct place places[PLACES];
	unsigned char *seen = calloc(n, 1);
	uint64_t i, of[3] = { 0 }, lost = 0;
	DIR *d = opendir(directory);
	size_t n_places;

	if (d == NULL || seen == NULL)
		err(1, "%s", directory);
	n_places = list(d, seen, n, places);
	for (i = 0; i < n; i++)
		of[seen[i] > 2 ? 2 : seen[i]]++;
	for (i = n_places; i-- > 0;) {
		seekdir(d, places[i].at);
		lost += strcmp(next_kept(d), places[i].next) != 0;
	}
	(void)closedir(d);
	free(seen);
	(void)printf("once %" PRIu64 " never %" PRIu64 " twice %" PRIu64 " places %zu lost %" PRIu64 "\n", of[1], of[0], of[2], n_places, lost);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "fill") == 0)
		return fill(argv[2], strtoull(argv[3], NULL, 10));
	if (argc == 6 && strcmp(argv[1], "churn") == 0)
		return churn(argv[2], argv[3], strtoull(argv[4], NULL, 10), strtoull(argv[5], NULL, 10));
	if (argc == 4 && strcmp(argv[1], "check") == 0)
		return check(argv[2], strtoull(argv[3], NULL, 10));
	errx(2, "usage: million fill INSTANCE N | churn INSTANCE DIRECTORY N SEED | check DIRECTORY N");
}
