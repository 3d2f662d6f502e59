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

/* What a context of a dead process holds; its registry state must be GS_CTX_DEAD. Returns how many slots came back. Cost: 32 cells. */
uint32_t gs_recover_ctx(struct gs_table *t, uint32_t id);

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

/* Set the population counters to the number of final entries, where nobody counts meanwhile. */
void gs_recover_population(struct gs_table *t);

#endif
