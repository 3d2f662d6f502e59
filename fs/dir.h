/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dir.h - listings: of sessions straight from the index, of all other directories from a copy made when opened.
 *
 * A session's place in a listing is its index entry's, which it keeps while
 * its key is present: what is there throughout is listed exactly once,
 * however much is updated, started and ended meanwhile, and a listing costs
 * no memory however long it is.
 */
#ifndef DIR_H
#define DIR_H

#include <sys/stat.h>
#include <sys/statvfs.h>

#include "call.h"

enum { DIR_NAME_BYTES = 64 };	/* longest name that is not a session's, with its NUL */

struct dir_entry {
	char name[DIR_NAME_BYTES];
	struct stat st;
	double timeout_s;		/* how long the kernel may believe it */
};

struct dir {				/* an open directory that is not a ring's */
	size_t n, room;
	struct dir_entry *entries;
};

/* Add a name; one that is too long is left out. 0 or ENOMEM. */
int dir_add(struct dir *d, const char *name, const struct stat *st, double timeout_s);

/* Of any directory; only operators open a ring's. *fh is 0 for a ring's. */
int dir_open(struct call *c, uint64_t node, uint64_t *fh);
void dir_release(struct call *c, uint64_t node, uint64_t fh);
/* handles_let_go() of directories. */
void dirs_let_go(struct mount *m);

/* Answers the request itself: entries from offset on, with attributes when is_plus. */
void dir_read(struct call *c, uint64_t node, uint64_t fh, size_t size, uint64_t offset, bool is_plus);

/* A name of the root or of a table's directory. */
int dir_lookup(struct call *c, uint64_t parent, const char *name, struct fuse_entry_param *out);

/* statvfs of the ring or of the whole. */
void dir_statfs(struct call *c, uint64_t node, struct statvfs *out);

#endif
