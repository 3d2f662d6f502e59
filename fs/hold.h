/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hold.h - requests whose answer is held back, because their sessions ask too fast.
 *
 * Of such a session one access is served in an interval of its quota.  A
 * request that comes sooner waits here for its turn, and no thread with it:
 * a thread of the hold's own makes each request anew when its time has come.
 *
 *	op_open -> hold_turn: refused for n ms -> hold_back     the kernel has no answer yet
 *	                     n ms later            ops_again -> hold_turn: served, answered
 *	                                                     -> refused again: hold_back, if there is time left
 *
 * Nobody waits longer than HOLD_MS; whose turn would come later, or who
 * finds the places taken, is answered EDQUOT at once.  Those who wait for one
 * session have their turns in the order in which they came.
 */
#ifndef HOLD_H
#define HOLD_H

#include "call.h"

enum {
	HOLD_MS = 1000,			/* the longest that an answer is held back */
	HOLD_REQUESTS = 1024,		/* held at once, of a mount */
	HOLD_OF_SESSION = 16,		/* and of one session: it does not take the places of the others */
};

struct hold;

/* A request that may have to wait: the arguments of its operation. */
enum request_kind { REQUEST_OPEN, REQUEST_CREATE, REQUEST_SETATTR };

struct request {
	enum request_kind kind;
	uint64_t node;			/* of CREATE the directory */
	const char *name;		/* of CREATE, GS_KEY_BYTES at most */
	uint32_t mode;			/* of CREATE */
	struct fuse_file_info fi;
	bool has_fi;			/* always but for SETATTR */
	struct stat want;		/* of SETATTR */
	int to_set;
};

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
 * counted as an attempt; hold_back() may keep the request. ESTALE: it has ended meanwhile. Or another errno.
 */
int hold_turn(struct call *c, uint64_t node, const struct gs_item *item, enum hold_access what, bool *is_made);

/* Keep a request that was refused, until its turn: 0. Else what it is to be answered: EDQUOT, EINTR. What r points to is copied. */
int hold_back(struct call *c, const struct request *r);

#endif
