/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recover.h - take back what dead clients held; for the daemon.
 *
 * Nothing here is needed for reads and writes to be right: a process that
 * dies leaves only slots, a tentative entry, a reservation.  A slot is freed
 * after looking W, U, N, U, W: its word, that no living client lists it, that
 * no entry names it, that still nobody lists it, and its word again by the
 * compare-and-swap that frees it.
 */
#ifndef GS_SHM_RECOVER_H
#define GS_SHM_RECOVER_H

#include "shm/kv.h"

/*
 * What a context of a dead process holds; its registry state must be GS_CTX_DEAD. Returns how many slots came back. Cost: 32 cells.
 * A slot that a living client lists too stays listed: that one may let go of what it never got, and nobody would have it.
 */
uint32_t gs_recover_ctx(struct gs_table *t, uint32_t id);
/* Does the context list nothing any more? Else gs_recover_ctx again in a while. */
bool gs_recover_is_done(const struct gs_table *t, uint32_t id);
/* Forget what it lists: it is a living client's for good, and should it not be, the walk finds it. */
void gs_recover_forget(struct gs_table *t, uint32_t id);

/*
 * One slot, whatever state it is in: free it if it is nobody's, set its bit if it is free, arm its due hint if it is live.
 * Returns true when something had to be done.
 */
bool gs_recover_slot(struct gs_table *t, uint32_t addr);

/* Where a paced walk over all slots and all entries is; all zero to begin. */
struct gs_recover_cursor {
	uint32_t arena, slot;
	uint64_t bucket;
	bool done;
};

/* Walk on for about `budget` slots or buckets; repairs as above, kills tentative entries of the dead, trims headers. Returns repairs. */
uint64_t gs_recover_step(struct gs_table *t, struct gs_recover_cursor *at, uint32_t budget);

/* Kill the tentative entries of dead contexts and trim headers in buckets [from, from + n). */
uint64_t gs_recover_entries(struct gs_table *t, uint64_t from, uint64_t n);

/* Final entries by ring, and by namespace where there are any; or what the counters say of them. */
struct gs_tally {
	int64_t of_ring[GS_MAX_RINGS];
	int64_t of_ns[GS_NAMESPACES];
};

/*
 * The population counters against the final entries, in several looks: what a counter has too much or too little in each of
 * them was left by the dead and is corrected; what it has in some is an operation under way. Where each look meets somebody
 * in the middle of one, as in a store that is never quiet, as many as the least of them are taken for the dead; the next
 * recount, behind each slow walk at the latest, puts that right. A look may be made in slices: what changes between two of
 * them is as what changes within one, so that they are to follow each other closely. All zero to begin.
 */
struct gs_recounted {
	int64_t least, most;		/* counter less entries, in all looks so far */
};

struct gs_recount {
	uint32_t looks;			/* that have ended */
	uint64_t at;			/* the next entry of the look under way; 0: none is */
	struct gs_tally before, n;	/* of that look: the counters at its beginning, the entries so far */
	struct gs_recounted of_ring[GS_MAX_RINGS], of_ns[GS_NAMESPACES];
};

/*
 * Go on with the look under way, or begin the next, for so many entries: UINT64_MAX for a whole one. Returns true when it was
 * the end of the last one: the counters are corrected, and *r is as at the beginning.
 */
bool gs_recover_recount(struct gs_table *t, struct gs_recount *r, uint64_t budget);

/* Has a recount been begun that has not ended? */
static inline bool
gs_recover_is_recounting(const struct gs_recount *r)
{
	return r->looks > 0 || r->at > 0;
}

/* All looks, a ms apart. */
void gs_recover_population(struct gs_table *t);

#endif
