/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/shrink.h"

#include "policy/surplus.h"
#include "shm/segments.h"

struct looking {
	struct gs_table *t;
	struct gs_ctx *c;
	uint64_t now_ms;
	uint32_t budget;		/* sessions that may still be moved */
	struct shrink_done *done;
};

static void
count_release(struct looking *l, const struct gs_arena *a)
{
	l->done->n_segments[a->ring]++;
	l->done->bytes[a->ring] += (uint64_t)a->seg_slots * a->slot_size;
}

/* Take segments out of use that are more than the arena needs. */
static void
drain_surplus(struct looking *l, struct gs_arena *a, uint32_t n)
{
	for (; n > 0; n--) {
		uint32_t seg = gs_segments_emptiest(a);

		if (seg == a->n_segments || !gs_segments_drain(l->t, a, seg))
			return;
	}
}

/* Go on with what drains, or was left half emptied. */
static void
empty_draining(struct looking *l, struct gs_arena *a)
{
	for (uint32_t seg = 0; seg < a->n_segments; seg++) {
		uint32_t state = gs_segments_state(a, seg), left = 0;

		if (state == GS_SEGMENT_DRAINING)
			left = gs_segments_evacuate(l->t, l->c, a, seg, l->now_ms, &l->budget);
		else if (state != GS_SEGMENT_EMPTYING && state != GS_SEGMENT_RELEASING)
			continue;
		if (left == 0 && gs_segments_release(l->t, a, seg) == 1)
			count_release(l, a);
	}
}

/* The ring fills again: what drains is in use again before anything new is committed. */
static void
undrain_one(struct gs_arena *a)
{
	for (uint32_t seg = 0; seg < a->n_segments; seg++)
		if (gs_segments_undrain(a, seg))
			return;
}

static void
look_at(struct shrink *s, struct looking *l, uint32_t i)
{
	struct gs_arena *a = &l->t->arena[i];
	struct gs_segments_use use;
	uint32_t surplus;

	gs_segments_count(a, &use);
	surplus = gs_surplus_segments(use.n_active, a->seg_slots, use.n_taken);
	s->n_calm[i] = surplus == 0 ? 0 : (uint8_t)gs_min_u64(s->n_calm[i] + 1u, SHRINK_CALM_LOOKS);
	if (use.n_draining > 0 && gs_surplus_is_short(use.n_active, a->seg_slots, use.n_taken))
		undrain_one(a);
	else if (s->n_calm[i] == SHRINK_CALM_LOOKS)
		drain_surplus(l, a, (uint32_t)gs_min_u64(surplus, gs_sub_sat(SHRINK_DRAINS, use.n_draining)));
	empty_draining(l, a);
	if (gs_segments_has_stray(a))
		for (uint32_t seg = 0; seg < a->n_segments; seg++)
			(void)gs_segments_reclaim(a, seg);
}

void
shrink_tick(struct shrink *s, struct gs_table *t, struct gs_ctx *c, uint64_t now_ms, struct shrink_done *done)
{
	struct looking l = { .t = t, .c = c, .now_ms = now_ms, .budget = SHRINK_MOVES, .done = done };

	bool is_due = s->ticks++ % SHRINK_PERIOD_TICKS == 0;

	*done = (struct shrink_done){ 0 };
	for (uint32_t i = 0; i < GS_MAX_ARENAS; i++) {
		bool is_hurried = (s->hurried >> i / GS_MAX_CLASSES & 1) != 0;

		if (!gs_table_has(t, &t->arena[i]) || (!is_due && !is_hurried))
			continue;
		if (is_hurried)
			s->n_calm[i] = SHRINK_CALM_LOOKS;
		look_at(s, &l, i);
	}
	s->hurried = 0;
}

void
shrink_hurry(struct shrink *s, uint32_t ring)
{
	s->hurried |= UINT32_C(1) << ring;
}
