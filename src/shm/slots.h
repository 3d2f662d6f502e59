/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slots.h - free slots: claimed before they are written, given back after they are read no more.
 *
 * The word W of a slot is the truth about it; a bit of the bitmap is a hint
 * that it is free.  Every slot that a context may own is in its `held` list
 * first, so the life of a slot is a line: listed, in the index, listed by
 * whoever took it out, free or written anew.
 */
#ifndef GS_SHM_SLOTS_H
#define GS_SHM_SLOTS_H

#include "shm/ctx.h"

/* Nothing is held yet: what gs_ctx_init() begins with. */
void gs_slots_begin(struct gs_ctx *c);

/*
 * Claim a slot of an arena: W is WRITING by us. Returns its cell (BUSY), or GS_ENOSPC.
 * Makes a system call only when the arena commits its next segment.
 */
int gs_slots_claim(struct gs_table *t, struct gs_ctx *c, uint32_t ring, uint32_t class_id);

/* Begin to fetch what the next claim in this arena and the writing of `bytes` of the slot will touch. Claims nothing. */
void gs_slots_prefetch(const struct gs_table *t, const struct gs_ctx *c, uint32_t ring, uint32_t class_id, uint32_t bytes);

/* List somebody's published slot before taking it out of the index. Returns its cell (BUSY). */
int gs_slots_list(struct gs_table *t, struct gs_ctx *c, uint32_t addr);

/* The index has the slot now, or we do not get it after all: forget it. */
void gs_slots_unlist(struct gs_ctx *c, int cell);
/* Claimed and not used: keep for the next claim. */
void gs_slots_keep(struct gs_ctx *c, int cell);
/* Taken out of the index: ours, left alone for a while, for readers under way; the oldest such one goes back. */
void gs_slots_retire(struct gs_table *t, struct gs_ctx *c, int cell);

/* Give every slot held back. */
void gs_slots_flush(struct gs_table *t, struct gs_ctx *c);

/* Set free a slot that nobody owns any more (recovery): W to FREE if it still is `w`, then its bit. */
bool gs_slots_free(struct gs_table *t, uint32_t addr, uint64_t w);
/* Set a slot's bit: it is free (or the bit lies, which does no harm). */
void gs_slots_set_bit(struct gs_table *t, uint32_t addr);
bool gs_slots_has_bit(struct gs_table *t, uint32_t addr);

/*
 * Commit an arena's next segment; when none is left, or no memory, one that drains is in use again. Returns 1, 0 when all are in use,
 * GS_ENOSPC, GS_ESYSTEM.
 */
int gs_slots_commit(struct gs_arena *a);
/* Of an arena that an earlier table filled: make sure that the memory of its committed segments is there. As gs_slots_commit; 0. */
int gs_slots_recommit(struct gs_arena *a);
/* Is the segment of this slot committed, in use or draining? */
bool gs_slots_is_committed(const struct gs_arena *a, uint32_t slot);
/* How many slots are in such segments, for who shows it: a moment's number. Cost: a load for each that was ever used. */
uint64_t gs_slots_count_committed(const struct gs_arena *a);
/* May a session be in its segment? While that is being emptied too, until it is sure that none is. */
bool gs_slots_may_live(const struct gs_arena *a, uint32_t slot);
/* May slots of its segment be taken? */
bool gs_slots_is_active(const struct gs_arena *a, uint32_t slot);

/* Is the slot in a cell of a living context? Searches all of them. */
bool gs_slots_is_listed(const struct gs_table *t, uint32_t addr);
/* Is it in a cell of a dead one that the daemon has still to recover? */
bool gs_slots_is_left(const struct gs_table *t, uint32_t addr);

#endif
