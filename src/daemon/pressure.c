/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/pressure.h"

#include <inttypes.h>

#include "daemon/events.h"
#include "policy/pressure.h"

static uint64_t
population(const struct gs_table *t, uint32_t ring)
{
	int64_t n = atomic_load_explicit(&t->idx->population[ring].n, memory_order_relaxed);

	return n > 0 ? (uint64_t)n : 0;
}

/* Open or close the reserve of a ring. */
static void
set_open(const struct pressure_place *at, uint32_t ring, bool is_open)
{
	struct gs_ring_cfg *r = &at->t->ctl->ring[ring];

	atomic_store_explicit(&r->is_open, is_open, memory_order_relaxed);
	if (!is_open)
		shrink_hurry(at->shrink, ring);
	events_add_often(at->events, "reserve", "table=%s ring=%s open=%s count=%" PRIu64, at->t->name, r->name, is_open ? "yes" : "no",
	    population(at->t, ring));
}

static void
look_at(struct pressure *p, const struct pressure_place *at, uint32_t ring, uint64_t now_ms)
{
	struct gs_ring_cfg *r = &at->t->ctl->ring[ring];
	const struct gs_pressure now = {
		.capacity = atomic_load_explicit(&r->capacity, memory_order_relaxed),
		.reserve = atomic_load_explicit(&r->reserve, memory_order_relaxed),
		.population = population(at->t, ring),
		.is_open = atomic_load_explicit(&r->is_open, memory_order_relaxed) != 0,
	};
	struct gs_pressure_verdict to_do;
	struct gs_evict_done done;

	gs_pressure_judge(&now, &to_do);
	if (to_do.is_open != now.is_open)
		set_open(at, ring, to_do.is_open);
	if (r->kind == GS_RING_NORMAL && to_do.n_evict > 0)
		gs_evict_batch(at->t, at->c, ring, gs_min_u64(to_do.n_evict, PRESSURE_MOVES), now_ms, &p->hand[ring], &done);
}

void
pressure_tick(struct pressure *p, const struct pressure_place *at, uint64_t now_ms)
{
	for (uint32_t ring = 0; ring < at->t->n_rings; ring++)
		if (gs_table_ring_state(at->t, ring) == GS_RING_ON)
			look_at(p, at, ring, now_ms);
}
