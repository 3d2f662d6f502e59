/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * coherence.c - how often the mount shows what was true before another program's last call.
 *
 *	coherence INSTANCE DIRECTORY ROUNDS
 *
 * It is that other program: it works through the library, and looks through
 * the directory, which is the mount's sessions/, just before and at once
 * after.  It prints a line for each kind of change, `size 3`, with how many
 * of the looks were stale.
 */
#include <sys/stat.h>

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gsession.h"

enum { KEY_BYTES = 32, PATH_BYTES = 512 };

static const char *sessions;

static void
must(int rc, const char *what)
{
	if (rc < 0)
		errx(1, "%s: %s", what, gs_strerror(rc));
}

/* 0 with its attributes, or the errno. */
static int
look(const char *ring, const char *key, struct stat *st)
{
	char path[PATH_BYTES];

	(void)snprintf(path, sizeof(path), "%s/%s/%s", sessions, ring, key);
	return stat(path, st) == 0 ? 0 : errno;
}

static int
size_is_stale(struct gs *gs, const char *key, int round)
{
	char value[1000] = "";
	struct stat st;
	size_t len = 1 + (size_t)round % sizeof(value);

	(void)look("active", key, &st);
	must(gs_put(gs, key, strlen(key), value, len, NULL), "put");
	return look("active", key, &st) != 0 || st.st_size != (off_t)len;
}

static int
mode_is_stale(struct gs *gs, const char *key, int round)
{
	struct gs_attr attr = { .size = sizeof(attr), .mask = GS_ATTR_MODE, .mode = 0600 + (uint32_t)round % 64 };
	struct stat st;

	(void)look("active", key, &st);
	must(gs_setattr(gs, key, strlen(key), &attr), "setattr");
	return look("active", key, &st) != 0 || (st.st_mode & 0777) != attr.mode;
}

/* Ended, and started anew: another file. */
static int
end_is_stale(struct gs *gs, const char *key, int round)
{
	struct stat before, after;
	int is_there;

	(void)round;
	if (look("active", key, &before) != 0)
		return 1;
	must(gs_del(gs, key, strlen(key), 0), "del");
	is_there = look("active", key, &after) != ENOENT;
	must(gs_put(gs, key, strlen(key), "v", 1, NULL), "put");
	return is_there || look("active", key, &after) != 0 || after.st_ino == before.st_ino;
}

/* Inwards: it is no longer to be seen through the outer ring. */
static int
move_is_stale(struct gs *gs, const char *key, int round)
{
	struct stat st;
	int rc;

	(void)round;
	must(gs_move(gs, key, strlen(key), "cold"), "move");
	if (look("cold", key, &st) != 0)
		return 1;
	must(gs_move(gs, key, strlen(key), "active"), "move");
	rc = look("cold", key, &st);
	return rc != ENOENT || look("active", key, &st) != 0;
}

static const struct {
	const char *name;
	int (*is_stale)(struct gs *gs, const char *key, int round);
} changes[] = {
	{ "size", size_is_stale },
	{ "mode", mode_is_stale },
	{ "end", end_is_stale },
	{ "move", move_is_stale },
};

int
main(int argc, char **argv)
{
	struct gs_options opt = { .size = sizeof(opt) };
	char key[KEY_BYTES];
	struct gs *gs;
	size_t i;
	int round, n, stale;

	if (argc != 4 || (n = atoi(argv[3])) < 1)
		errx(2, "usage: coherence INSTANCE DIRECTORY ROUNDS");
	opt.instance = argv[1];
	sessions = argv[2];
	must(gs_attach(&gs, &opt), "attach");
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		(void)snprintf(key, sizeof(key), "coherence-%s", changes[i].name);
		must(gs_put(gs, key, strlen(key), "v", 1, NULL), "put");
		for (round = stale = 0; round < n; round++)
			stale += changes[i].is_stale(gs, key, round);
		(void)printf("%s %d\n", changes[i].name, stale);
	}
	gs_detach(&gs);
	return 0;
}
