/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evict.h - room in a full ring: whoever needs a place makes one, by moving a session outwards, or ending one that may be dropped.
 *
 * There is no list of sessions by value.  Some are looked at, at random, and
 * the best of these and of those kept from before goes: with 16 kept that
 * comes near to an ordered list.  In a ring of at most GS_CANDIDATES sessions
 * all are looked at, and the choice is exact.  What a session is worth is
 * policy/evict.h's.
 *
 * The place of who goes is never free in between: it is handed to who made
 * it.  So the capacity holds at each instant, and nobody who makes room can
 * be robbed of it.  A process that dies with a place in its hand leaves it to
 * the daemon's recount, as one that was reserved.
 *
 * A ring may have places left and no slot: the tmpfs has no room for another
 * segment.  Then a session in a slot of the size that is wanted goes by the
 * same rules, and its slot rests with who made it go, who takes it from there.
 */
#ifndef GS_SHM_EVICT_H
#define GS_SHM_EVICT_H

#include "policy/evict.h"
#include "shm/kv.h"

enum gs_evicted_as {
	GS_EVICTED_OUTWARDS,		/* moved to the ring that it would have decayed to */
	GS_EVICTED_OVER,		/* its time was over; counted as expired */
	GS_EVICTED_DROPPED,		/* ended, as on_full allows */
};

/* One that went. */
struct gs_evicted {
	enum gs_evicted_as as;
	enum gs_evict_kind kind;	/* what it was */
	uint32_t from, to;		/* ring ids; to: of a move */
	struct gs_meta meta;		/* as it was */
};

enum { GS_EVICT_LOG = GS_MAX_RINGS };

#define GS_EVICT_ANY UINT32_MAX		/* spared: nobody */

/* Who went during the operations since n was set to 0; for who is alone in the store. */
struct gs_evict_log {
	uint32_t n;			/* beyond GS_EVICT_LOG they are counted only */
	struct gs_evicted item[GS_EVICT_LOG];
};

/*
 * gs_evict_reserve - a place in a ring for one more session, made if need be.
 *
 * Where the ring has none left, capacity and reserve, a session of it goes:
 * outwards if there is room further out or can be made, else one that
 * on_full of the ring allows to be dropped.  The session in the slot `spared`
 * stays: it is what the place is for.  c->evict.cost may forbid some of that.
 * Nothing is waited for, and no daemon is needed.
 *
 * False when there is no room.  Cost: an addition where there is room; else
 * up to 64 sessions are looked at in each ring, and one is moved as by
 * gs_kv_move.
 */
bool gs_evict_reserve(struct gs_table *t, struct gs_ctx *c, uint32_t ring, uint32_t spared, uint64_t now_ms);

/*
 * gs_evict_slot - a slot for who found none in an arena, although he has a place in its ring.
 *
 * As gs_evict_reserve, but among the sessions of this arena, and at no cost
 * where c->evict.cost says so.  Not for a ring on a disk: there the slot of
 * who goes is of use only when the disk was waited for.
 *
 * Returns KV_AGAIN: look the key up anew, and claim again; what c->scratch
 * had is lost.  GS_ENOSPC: nobody may go.
 */
int gs_evict_slot(struct gs_table *t, struct gs_ctx *c, const struct gs_arena *a, uint32_t spared, uint64_t now_ms);

/* What a batch did. */
struct gs_evict_done {
	uint64_t n_outwards, n_over;
	bool is_blocked;		/* there is no room further out */
};

/* Where the next batch goes on; all zero to begin. */
struct gs_evict_hand {
	uint32_t class_id, slot;
};

/*
 * gs_evict_batch - let n sessions of a ring go outwards, or fewer: by the daemon, ahead of need.
 *
 * A sample says from which score on a session goes, and then slot after slot
 * is looked at, a bounded number.  Nothing is dropped.
 */
void gs_evict_batch(struct gs_table *t, struct gs_ctx *c, uint32_t ring, uint64_t n, uint64_t now_ms, struct gs_evict_hand *hand,
    struct gs_evict_done *done);

#endif
