/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * segments.h - an arena's memory, segment by segment: drained, emptied, given back; for the daemon.
 *
 * Clients commit segments as they need them (slots.h).  Giving one back takes
 * steps, each of which may be the last of a daemon that dies: drain it, so
 * that nothing is taken there any more; move what lives there; release it
 * when nobody has a slot there.  A client that is asleep with a slot in its
 * list keeps the segment draining, and nothing else.
 */
#ifndef GS_SHM_SEGMENTS_H
#define GS_SHM_SEGMENTS_H

#include "shm/kv.h"

/* How much of an arena is in use. */
struct gs_segments_use {
	uint32_t n_active, n_draining;	/* segments */
	uint64_t n_taken;		/* slots of active segments that have no bit: live, listed, or just given back */
};

void gs_segments_count(const struct gs_arena *a, struct gs_segments_use *out);

/* State of a segment: enum gs_segment_state. */
uint32_t gs_segments_state(const struct gs_arena *a, uint32_t seg);
/* The active segment with the fewest slots taken, n_segments when there is none. */
uint32_t gs_segments_emptiest(const struct gs_arena *a);

/* Let nothing be taken in an active segment any more. False when it is not active. */
bool gs_segments_drain(struct gs_table *t, struct gs_arena *a, uint32_t seg);
/* Take slots in a draining segment again. False when it does not drain. */
bool gs_segments_undrain(struct gs_arena *a, uint32_t seg);

/*
 * Move what lives in a segment to others of its arena: at most *budget sessions, which is lowered by each. Returns how many
 * slots are somebody's after that. 0 does not mean that the segment can be released: somebody may list a free slot.
 */
uint32_t gs_segments_evacuate(struct gs_table *t, struct gs_ctx *c, struct gs_arena *a, uint32_t seg, uint64_t now_ms, uint32_t *budget);

/*
 * Give the memory of a draining segment back, or finish with one that an earlier daemon left half emptied.
 * Returns 1, 0 when somebody has a slot there (it goes on draining), GS_ESYSTEM.
 */
int gs_segments_release(struct gs_table *t, struct gs_arena *a, uint32_t seg);

/*
 * Does the arena have more memory than its committed segments? After a release that is what a late reader touched, or a client
 * committed that was slower than we.
 */
bool gs_segments_has_stray(const struct gs_arena *a);
/* Give back what may be behind an absent segment. Returns 1, 0 when it is not absent, GS_ESYSTEM. */
int gs_segments_reclaim(struct gs_arena *a, uint32_t seg);

#endif
