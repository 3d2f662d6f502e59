/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history.h - whether some order of the calls on one session explains what each of them answered.
 *
 * Linearizability (Herlihy and Wing 1990) of a session as a register: each
 * call took effect at one instant between its beginning and its end.  Values
 * are numbers that no two calls write, 0 stands for no session.  Sessions are
 * independent, so a history is checked key by key.
 *
 * A call whose process was killed has no answer and ends when the process did:
 * it happened before that instant, or never.
 *
 * Source: J. M. Wing, C. Gong, "Testing and verifying concurrent objects",
 * JPDC 1993; G. Lowe, "Testing for linearizability", CCPE 2017, for what is
 * remembered of the search.
 */
#ifndef LAB_HISTORY_H
#define LAB_HISTORY_H

#include <stddef.h>
#include <stdint.h>

enum history_kind {
	HISTORY_READ,			/* get, peek: `value` was seen */
	HISTORY_PUT,			/* `value`, whatever is there */
	HISTORY_ADD,			/* `value`, if there is none */
	HISTORY_SWAP,			/* `value` in the place of `expected` */
	HISTORY_DEL,			/* whatever is there */
	HISTORY_DEL_IF,			/* if it is `expected` */
	HISTORY_LOOK,			/* touch, move: only whether a session is there */
	HISTORY_KINDS
};

enum history_answer {
	HISTORY_PENDING,		/* killed before it had one */
	HISTORY_DONE,			/* of a put: replaced */
	HISTORY_STARTED,		/* of a put: there was none */
	HISTORY_ABSENT,			/* GS_ENOENT */
	HISTORY_EXISTS,			/* GS_EEXIST */
	HISTORY_CONFLICT,		/* GS_ECONFLICT: there, and not `expected` */
	HISTORY_NOTHING,		/* refused for another reason: no effect, and says nothing */
};

struct history_op {
	uint64_t began_ns, ended_ns;
	uint64_t value, expected;
	uint32_t kind;			/* enum history_kind */
	uint32_t answer;		/* enum history_answer */
};

enum history_verdict {
	HISTORY_EXPLAINED,
	HISTORY_UNEXPLAINED,		/* no order does; *stuck is the call before whose end the search always stopped */
	HISTORY_UNDECIDED,		/* what the search had to remember is over max_bytes */
};

/*
 * Is there an order, from no session at all? ops are in any order, and are not kept.
 * Returns an enum history_verdict or GS_ENOMEM. Cost: near linear where few calls overlap, exponential at worst.
 */
int history_check(const struct history_op *ops, size_t n, size_t max_bytes, size_t *stuck);

#endif
