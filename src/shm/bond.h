/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bond.h - records that hang on a session of another table: who says that one is to be looked at, and what comes of it.
 *
 * A token's link is the key of its session, which lies in the table that the
 * tokens' one names as its parent.  Both have one secret, so that the kin of a
 * link (layout.h) is the upper bits of the hash of the session's key.  Behind
 * the tombstones T.idx has a bit for each kin: whoever ends a session, gives
 * its key up, or hangs a token on one, sets the bit of that kin.  The daemon
 * takes the bits of the parent and of the tokens every 20 ms, and passes over
 * the tokens' kin once for all of them.
 *
 * Bits are set behind the change and while the context's op_end names the key,
 * so that recovery sets what a dead client did not: none is lost, also not
 * with the daemon, as they lie in shared memory.
 */
#ifndef GS_SHM_BOND_H
#define GS_SHM_BOND_H

#include "shm/kv.h"

/* A set of kins of links. */
struct gs_bond_set {
	uint64_t word[GS_KIN_MARKS];
};

/* The session of this hash has ended, or was given up, in a table on whose sessions tokens may hang: elsewhere nothing is done. */
void gs_bond_mark_end(struct gs_table *t, uint64_t hash);
/* A record of this table was linked; len may be 0. */
void gs_bond_mark_link(struct gs_table *t, const void *link, uint32_t len);
/* At all that hangs on anything. */
void gs_bond_mark_all(struct gs_table *t);
/* Add the marks of a table to a set, and take them away there. True when there were any. */
bool gs_bond_take(struct gs_table *t, struct gs_bond_set *set);

/* What is done to tokens, and to which. */
struct gs_bond {
	struct gs_table *tokens, *parent;
	struct gs_ctx *c, *parent_c;	/* contexts of both tables */
	uint64_t now_ms, parent_now_ms;	/* store times of both */
	uint64_t orphan_ttl_ms;		/* how long a carried token outlives its session; UINT64_MAX: as long as it would live anyway */
	int64_t wall_ns;
	uint64_t n_ended, n_orphaned, n_relinked;	/* out: added up */
};

/*
 * One pass over the tokens whose link is of a kin in the set. Of one whose session has ended, or was started after it: if it
 * is carried it hangs on none from now on, and ends in orphan_ttl_ms at the latest; else it ends, for good if the session
 * did.  One whose session goes on under another key hangs on that.  What cannot be judged now is marked again.
 */
void gs_bond_pass(struct gs_bond *b, const struct gs_bond_set *set);

#endif
