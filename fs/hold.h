/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hold.h - opens whose answer is held back, because their sessions ask too fast.
 *
 * Of such a session one access is served in an interval of its quota.  An
 * open that comes sooner waits here for its turn, and no thread with it: a
 * thread of the hold's own makes each open anew when its time has come.
 *
 *	opened_open -> hold_turn: refused for n ms -> hold_back     the kernel has no answer yet
 *	                     n ms later            opened_again -> hold_turn: served, answered
 *	                                                     -> refused again: hold_back, if there is time left
 *
 * Nobody waits longer than HOLD_MS; whose turn would come later, or who
 * finds the places taken, is answered EDQUOT at once.  Of those who wait
 * for one session whoever has waited longest is tried first; but a turn that
 * has come is also that of a request that comes just then, as each is an
 * attempt that the session's quota decides.
 *
 * Only OPEN waits: the kernel asks it without a lock.  A SETATTR has that of
 * the file, for which whoever removes it would wait with the directory's, and
 * a CREATE has the directory's: nobody could use any other name in it.
 */
#ifndef HOLD_H
#define HOLD_H

#include "call.h"

enum {
	HOLD_MS = 1000,			/* the longest that an answer is held back */
	HOLD_OPENS = 1024,		/* held at once, of a mount */
	HOLD_OF_SESSION = 16,		/* and of one session: it does not take the places of the others */
};

struct hold;

struct hold *hold_new(void);
/* Answers all who wait: the session of FUSE ends. Nobody waits any more from then on. */
void hold_stop(struct hold *h);
void hold_free(struct hold **h);

/* What kind of access a request is. */
enum hold_access { HOLD_GET, HOLD_TOUCH };

/*
 * hold_turn - make the access that a request is, if it is one through the innermost ring to a session that asks too fast.
 *
 *   is_made	set when it was made: what the handle reads and writes later is no other; else left alone
 *
 * 0: go on, also when the session does not ask too fast, and is charged when it is read or written. EDQUOT: refused, and
 * counted as an attempt; hold_back() may keep it, of an OPEN. ESTALE: it has ended meanwhile. Or another errno.
 */
int hold_turn(struct call *c, uint64_t node, const struct gs_item *item, enum hold_access what, bool *is_made);

/* Keep an OPEN that was refused, until its turn: 0. Else what it is to be answered: EDQUOT, EINTR. fi is copied. */
int hold_back(struct call *c, uint64_t node, const struct fuse_file_info *fi);

#endif
