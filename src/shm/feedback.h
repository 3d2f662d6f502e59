/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * feedback.h - how the accesses of readers come to count: told in cells of a page, taken from there by the daemon.
 *
 * A reader cannot write to the table.  It has a context page (layout.h) in
 * memory that it shares with the daemon alone, and counts there, cell by
 * cell, how often it read which record and when last.  The daemon empties
 * the cells several times a second and does with each what the access would
 * have done: last access, interest, hits, promotion; and when the record is
 * a key that was given up, whose grace is over, the alarm.
 *
 * Nothing in such a page is believed.  A cell can say no more than that a
 * record was read which can be read, at a time that can be; whatever else
 * stands in it is refused and counted.  What finds no room is lost, and
 * counted too.
 */
#ifndef GS_SHM_FEEDBACK_H
#define GS_SHM_FEEDBACK_H

#include "shm/ctx.h"

enum {
	GS_FEEDBACK_AGE_MS = 60000,	/* what is told later than this after the access is not believed */
	GS_FEEDBACK_AHEAD_MS = 1000,	/* so far in the future it is taken for now, beyond it is not believed */
	GS_FEEDBACK_PER_MS = 100000,	/* a counter that grows faster is not believed */
};

/* By a reader: the record that the entry names was read at now_ms. Writes to its own page, waits for nobody. */
void gs_feedback_tell(struct gs_ctx *c, uint64_t entry, uint64_t now_ms);

/*
 * By a reader that goes on with another page, because the daemon that knew the first is no more: what that one did not add
 * up, before the other is used; and what it did not take, once nobody writes to the first any more.
 */
void gs_feedback_move_counters(struct gs_ctx_page *to, const struct gs_ctx_page *from);
void gs_feedback_move_cells(struct gs_ctx_page *to, struct gs_ctx_page *from);

/*
 * By the daemon: take what is in a page's cells; c is its own context.  Returns how many cells it took, at most
 * GS_FEEDBACK_CELLS.  Cost: two words when there is nothing, else about as many gets as cells.
 */
uint32_t gs_feedback_take(struct gs_table *t, struct gs_ctx *c, struct gs_ctx_page *page, uint64_t now_ms);

/* By the daemon: what is in a page's cells will not be taken any more, and is counted as lost. */
void gs_feedback_drop(struct gs_ctx *c, struct gs_ctx_page *page);

/* How far a page's counters were added up. All zero to begin with an empty page; private memory. */
struct gs_feedback_fold {
	uint64_t seen[GS_COUNTERS];
	uint64_t at_ms;			/* when that was */
	uint64_t forbidden, refused;	/* of them, calls refused for want of a role and by the quota, until whoever tells of them empties it */
};

/* By the daemon: add to its own counters by how much those of a page have grown since the last time, if that can be. */
void gs_feedback_fold(struct gs_ctx *c, struct gs_ctx_page *page, struct gs_feedback_fold *f, uint64_t now_ms);

#endif
