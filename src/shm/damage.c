/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/damage.h"

#include "base/atomic.h"
#include "shm/index.h"
#include "shm/record.h"
#include "shm/slots.h"

static const char *const names[GS_DAMAGES] = { "none", "nowhere", "stale", "lengths", "place", "words" };

const char *
gs_damage_name(enum gs_damage what)
{
	return names[what];
}

/* Is a word that changes in place somebody else's? While the entry stands it is this record's: it is taken over only after that. */
static bool
has_strange_words(const struct gs_slot *head, uint32_t gen)
{
	const _Atomic uint64_t *words[] = { &head->X, &head->A, &head->I, &head->T };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (gs_timed_gen(atomic_load_explicit(words[i], memory_order_relaxed)) != gen)
			return true;
	return false;
}

static enum gs_damage
look_at_record(struct gs_table *t, const struct gs_hit *hit)
{
	struct gs_probe p;
	struct gs_slot head;
	int rc = gs_record_first_line(t, hit, &head);

	if (rc == 0)
		return GS_DAMAGE_NONE;		/* it changes */
	if (rc < 0)
		return GS_DAMAGE_LENGTHS;
	gs_index_probe(t, head.hash, &p);
	if (p.tag != gs_entry_tag(hit->entry) || gs_index_place_of(t, head.hash, hit->ordinal) < 0)
		return GS_DAMAGE_PLACE;
	return has_strange_words(&head, gs_entry_gen(hit->entry)) ? GS_DAMAGE_WORDS : GS_DAMAGE_NONE;
}

static enum gs_damage
look(struct gs_table *t, struct gs_hit *hit)
{
	struct gs_arena *a = gs_table_arena(t, gs_entry_ring(hit->entry), gs_entry_class(hit->entry));

	hit->slot = gs_table_slot(t, hit->entry);
	/* A look behind an absent segment would take memory for it. */
	if (hit->slot == NULL || !gs_slots_is_committed(a, gs_entry_slot(hit->entry)))
		return GS_DAMAGE_NOWHERE;
	/* acquire; pairs with the release of READY in gs_record_write */
	hit->w = atomic_load_explicit(&hit->slot->W, memory_order_acquire);
	if (gs_word_state(hit->w) != GS_SLOT_READY || (gs_word_gen(hit->w) & GS_GEN_MASK) != gs_entry_gen(hit->entry))
		return GS_DAMAGE_STALE;
	return look_at_record(t, hit);
}

enum gs_damage
gs_damage_of_entry(struct gs_table *t, uint64_t ordinal)
{
	struct gs_hit hit = { .ordinal = ordinal };
	enum gs_damage found;

	if (ordinal >= gs_table_entries(t))
		return GS_DAMAGE_NONE;
	hit.at = gs_table_entry(t, ordinal);
	/* acquire, also below; pair with the compare-and-swaps that publish: the slot is ready, and is not reused while the entry stands */
	hit.entry = atomic_load_explicit(hit.at, memory_order_acquire);
	if (hit.entry == 0 || (hit.entry & GS_ENTRY_TENT) != 0)
		return GS_DAMAGE_NONE;
	found = look(t, &hit);
	if (found == GS_DAMAGE_NONE)
		return found;
	gs_fence_acquire();
	return atomic_load_explicit(hit.at, memory_order_acquire) == hit.entry ? found : GS_DAMAGE_NONE;
}

uint32_t
gs_damage_of_page(struct gs_table *t, uint32_t id)
{
	const struct gs_ctx_page *page = &t->ctx[id];
	uint32_t n = atomic_load_explicit(&page->op_entry, memory_order_relaxed) > gs_table_entries(t);

	for (int i = 0; i < GS_HELD_CELLS; i++) {
		uint32_t addr = atomic_load_explicit(&page->held[i], memory_order_relaxed);

		n += addr != 0 && gs_table_slot(t, addr - 1) == NULL;
	}
	return n;
}
