/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/survey.h"

#include "base/atomic.h"
#include "policy/decay.h"
#include "shm/record.h"

enum { AHEAD = 32 };		/* entries whose slots are fetched before they are looked at */

static uint64_t
entry_at(struct gs_table *t, uint64_t ordinal)
{
	/* acquire; pairs with the compare-and-swaps that publish: the slot is READY */
	return atomic_load_explicit(gs_table_entry(t, ordinal), memory_order_acquire);
}

static bool
is_of(const struct gs_survey *s, uint64_t e)
{
	return e != 0 && (e & GS_ENTRY_TENT) == 0 && gs_entry_ring(e) == s->ring;
}

static void
look_at(struct gs_table *t, struct gs_survey *s, uint64_t e)
{
	struct gs_slot *slot = gs_table_slot(t, e), head;
	struct gs_hit hit = { .entry = e, .slot = slot };
	uint64_t last_ms, interest;

	if (slot == NULL)
		return;
	/* acquire; pairs with the release of READY in gs_record_write */
	hit.w = atomic_load_explicit(&slot->W, memory_order_acquire);
	if (gs_word_state(hit.w) != GS_SLOT_READY || (gs_word_gen(hit.w) & GS_GEN_MASK) != gs_entry_gen(e) ||
	    gs_record_first_line(t, &hit, &head) <= 0 || gs_record_is_over(t, s->ring, &head, s->now_ms))
		return;
	last_ms = gs_timed_value(atomic_load_explicit(&head.A, memory_order_relaxed));
	interest = gs_timed_value(atomic_load_explicit(&head.I, memory_order_relaxed));
	s->sessions++;
	s->leaving += gs_decay_leaves_ms(last_ms, interest, s->ttl_ms, s->half_life_ms) < s->now_ms;
}

bool
gs_survey_step(struct gs_table *t, struct gs_survey *s, uint64_t n)
{
	uint64_t end = gs_min_u64(gs_add_sat(s->next, n), gs_table_entries(t));

	for (; s->next < end; s->next++) {
		uint64_t e = entry_at(t, s->next), far = s->next + AHEAD < end ? entry_at(t, s->next + AHEAD) : 0;

		if (is_of(s, far) && gs_table_slot(t, far) != NULL)
			gs_prefetch(gs_table_slot(t, far));
		if (is_of(s, e))
			look_at(t, s, e);
	}
	return s->next == gs_table_entries(t);
}
