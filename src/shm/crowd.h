/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crowd.h - how many sessions one owner may have.
 *
 * Where the table has max_per_owner, whoever has started a session counts
 * those of its owner by a pass over the kin (kin.h), and ends as many as are
 * too many, those first that nobody asked for longest.  Two that start at once
 * both come to their pass after their session is there, so that the later
 * one sees all.  A process that dies before its pass leaves one too many,
 * until the owner's next start.
 */
#ifndef GS_SHM_CROWD_H
#define GS_SHM_CROWD_H

#include "shm/kv_impl.h"

enum { GS_CROWD_ENDS = 16 };		/* sessions that one start ends at most: after a limit was lowered it takes several */

/* After a session was started from d: end what its owner has too much. Costs a pass over 4 bytes a slot of the table. */
void gs_crowd_thin(struct gs_table *t, struct gs_ctx *c, const struct gs_draft *d, uint64_t now_ms);

/* The same, where there is a limit and an owner. */
static inline void
gs_crowd_heed(struct gs_table *t, struct gs_ctx *c, const struct gs_draft *d, uint64_t now_ms)
{
	/* relaxed; a rule on its own, whoever starts reads it then */
	if (atomic_load_explicit(&t->ctl->max_per_owner, memory_order_relaxed) != 0 && d->head.owner_len > 0)
		gs_crowd_thin(t, c, d, now_ms);
}

#endif
