/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kill_segments.h - segments that drain, are emptied and come back, for kill_ops.h.
 */
#ifndef T_PROC_KILL_SEGMENTS_H
#define T_PROC_KILL_SEGMENTS_H

#include "kill_place.h"
#include "shm/segments.h"

static inline struct gs_arena *
place_arena(struct place *p)
{
	return gs_table_arena(p->t, PLACE_ACTIVE, 0);
}

static inline void
place_commit(struct place *p)
{
	place_must("another segment", gs_slots_commit(place_arena(p)) == 1);
}

static inline void
place_drain(struct place *p, uint32_t seg)
{
	place_must("a segment that drains", gs_segments_drain(p->t, place_arena(p), seg));
}

static inline void
place_evacuate(struct place *p)
{
	uint32_t budget = UINT32_MAX;

	gs_slots_flush(p->t, &p->rescuer);
	gs_slots_flush(p->t, &p->victim);
	place_must("an evacuation", gs_segments_evacuate(p->t, &p->daemon, place_arena(p), 0, p->now_ms, &budget) == 0);
}

/* All sessions are in segment 0, and there is another. The victim has slots of segment 0. */
static inline void
with_two_segments(struct place *p)
{
	with_session(p);
	place_commit(p);
}

static inline void
while_it_drains(struct place *p)
{
	with_two_segments(p);
	place_drain(p, 0);
}

static inline void
when_all_drain(struct place *p)
{
	with_nothing(p);
	while (gs_slots_commit(place_arena(p)) == 1)
		;
	for (uint32_t seg = 0; seg < place_arena(p)->n_segments; seg++)
		place_drain(p, seg);
}

static inline void
when_it_is_empty(struct place *p)
{
	while_it_drains(p);
	place_evacuate(p);
}

/* Segment 0 was given back; where the sessions are, drains: the next that is taken is segment 0 anew. */
static inline void
when_it_was_given_back(struct place *p)
{
	when_it_is_empty(p);
	place_must("a release", gs_segments_release(p->t, place_arena(p), 0) == 1);
	place_drain(p, 1);
	gs_slots_flush(p->t, &p->daemon);
}

static inline int
run_drain(struct place *p)
{
	return gs_segments_drain(p->t, place_arena(p), 0);
}

static inline int
run_undrain(struct place *p)
{
	return gs_segments_undrain(place_arena(p), 0);
}

static inline int
run_evacuate(struct place *p)
{
	uint32_t budget = UINT32_MAX;

	return (int)gs_segments_evacuate(p->t, &p->daemon, place_arena(p), 0, p->now_ms, &budget);
}

static inline int
run_release(struct place *p)
{
	return gs_segments_release(p->t, place_arena(p), 0);
}

static inline int
run_reclaim(struct place *p)
{
	return gs_segments_reclaim(place_arena(p), 0);
}

#endif
