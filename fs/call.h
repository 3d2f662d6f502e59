/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * call.h - one request of the kernel: who asks, and what he may.
 *
 * The mount is without default_permissions, so that the kernel need not ask
 * for attributes before each step; everything is checked here.  Who mounted
 * and root are operators: they may list, and pass every check of modes.
 */
#ifndef CALL_H
#define CALL_H

#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "mount.h"

struct intent;

enum {
	CALL_GROUPS = 256,
	CALL_COPY_BYTES = 32768,
	CALL_LATER = 1 << 16,		/* among the errnos: it would have to wait, and nothing has been changed */
};

struct call {
	fuse_req_t req;
	struct mount *m;
	uint32_t uid, gid;
	int32_t pid;
	bool is_operator;
	bool may_wait;			/* for other processes; else what would have to is CALL_LATER */
	uint64_t came_ms;		/* of one that may wait, by CLOCK_MONOTONIC; 0: now */
	bool is_again;			/* the answer was held back, and this is another try; */
	uint64_t until_ms;		/* the last by this time, CLOCK_MONOTONIC */
	struct intent *intent;		/* what it is about to change, or NULL; */
	bool was_begun;			/* which the process before had begun */
	uint64_t turn_after_ms;		/* of a try that is refused: how long until its turn, see hold_turn(); 0: the refusal is the answer */
};

/* False: it has been put aside, or answered. */
bool call_begin(struct call *c, fuse_req_t req);
void call_end(struct call *c);
/* Answer with an errno, or, of CALL_LATER, put it aside; then its intent has been ended. */
void call_refuse(struct call *c, int rc);
/*
 * Answer with n bytes of what a lock guards that this thread holds, and release it: first, unless they are too many to be
 * copied, as whoever waits for the answer may run at once, in this thread's place, and want it.
 */
void call_reply_unlock(struct call *c, const void *bytes, size_t n, pthread_mutex_t *lock);
/* May it go on to where it waits? 0 or CALL_LATER. */
int call_wait(const struct call *c);

/* 0 or EACCES: mask is of R_OK, W_OK, X_OK; mode has the permission bits. */
int call_may(const struct call *c, uint32_t uid, uint32_t gid, uint32_t mode, int mask);
/* Owner or operator. */
bool call_owns(const struct call *c, uint32_t uid);
/* The groups of the caller beside his own; how many. */
uint32_t call_groups(const struct call *c, uint32_t groups[CALL_GROUPS]);
/* Is gid one of the caller's groups. */
bool call_is_in_group(const struct call *c, uint32_t gid);

#endif
