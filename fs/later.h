/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * later.h - requests that have to wait for the daemon: put aside, and answered by a thread that may wait.
 *
 * No thread that serves the mount waits for another process.  A handler that
 * finds that it would returns CALL_LATER before it has changed anything; the
 * request is kept as the kernel sent it, and the one thread of this module
 * has it handled once more, from the begin, as a call that may wait:
 *
 *	handler -> CALL_LATER -> call_refuse -> later_put        the kernel has no answer yet
 *	                             this thread -> transport_repeat -> handler -> daemon -> answered
 *
 * So requests for the daemon are served one after the other, as it serves
 * them; those for sessions go on meanwhile.  While it does not answer nobody
 * waits longer for it than CTLPOOL_TIMEOUT_MS: with the request that has
 * waited so long all are told so that had come before its end.
 *
 * What is only to be told to the daemon is queued here too, and dropped when
 * there is too much of it.
 */
#ifndef LATER_H
#define LATER_H

#include "call.h"
#include "ctl/wire.h"

enum { LATER_REQUESTS = 1024, LATER_TOLD = 256, LATER_WHAT_BYTES = 128 };	/* put aside at once */

struct later;

struct later *later_new(struct mount *m);
/* Requests are of this session from now on. */
void later_begin(struct later *l, struct fuse_session *se);
/* Requests put aside are answered with ENODEV, what was to be told is told; nothing is put aside from then on. */
void later_stop(struct later *l);
void later_free(struct later **l);

/* Is it this module's thread that asks; then when its request was put aside, by CLOCK_MONOTONIC. */
bool later_is_here(uint64_t *came_ms);

/* Put aside the request that this thread handles; it is answered, at once where that cannot be. */
void later_put(struct call *c);
/* The kernel wants the request of this number no more. True: it was put aside, and has been answered. */
bool later_interrupt(struct later *l, uint64_t unique);

/* Tell the daemon something on behalf of the caller, once it listens. table, what: copied. */
void later_tell(struct call *c, enum gs_wire_verb verb, const char *table, const char *what);

#endif
