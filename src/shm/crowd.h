/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crowd.h - how many sessions one owner may have.
 *
 * Where the table has max_per_owner, whoever has started a session, or given
 * one to another owner, counts those of its owner by a pass over the kin
 * (kin.h), and ends as many as are too many, those first that nobody asked for
 * longest.  Two that start at once both come to their pass after their session
 * is there, so that the later one sees all but those that move at that moment,
 * from where the pass will come to where it has been: they are counted at the
 * owner's next start.  Of a process that dies before its pass its page names
 * the owner, and the daemon makes up for it.
 */
#ifndef GS_SHM_CROWD_H
#define GS_SHM_CROWD_H

#include "shm/kv_impl.h"

enum { GS_CROWD_ENDS = 16 };		/* sessions that one pass ends at most: after a limit was lowered it takes several */

/* Before a session of an owner is published, where there is a limit: note whose sessions are to be counted. */
void gs_crowd_begin(const struct gs_table *t, struct gs_ctx *c, const struct gs_draft *d);

/*
 * After it was: end what the owner that was noted has too much, but not the session of this birth. Nothing where none was.
 * Costs a pass over 4 bytes a slot of the table.
 */
void gs_crowd_end(struct gs_table *t, struct gs_ctx *c, uint32_t birth, uint64_t now_ms);

/* It was not published: nobody is to be counted. */
void gs_crowd_give_up(struct gs_ctx *c);

/* For the daemon, with its own context: make up for the pass of a context whose process is dead. Before it is granted again. */
void gs_crowd_recover(struct gs_table *t, struct gs_ctx *c, uint32_t id, uint64_t now_ms);

#endif
