/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/segments.h"

#include "base/atomic.h"
#include "shm/record.h"
#include "shm/recover.h"
#include "shm/region.h"
#include "shm/slots.h"

static uint64_t
word_of(const struct gs_arena *a, uint32_t seg)
{
	/* acquire; pairs with the releases of whoever changed it: what he did before is seen */
	return atomic_load_explicit(&a->segments[seg], memory_order_acquire);
}

static bool
change(struct gs_arena *a, uint32_t seg, uint64_t from, uint64_t to)
{
	/* acq_rel; pairs with the acquire in word_of and in segment_of of slots.c */
	return atomic_compare_exchange_strong_explicit(&a->segments[seg], &from, to, memory_order_acq_rel, memory_order_relaxed);
}

static uint64_t
with_state(uint64_t word, uint32_t state)
{
	return gs_segment(gs_segment_gen(word), state);
}

static uint32_t
addr_of(const struct gs_arena *a, uint32_t slot)
{
	return gs_entry_addr(gs_entry(0, 0, a->ring, a->class_id, slot));
}

uint32_t
gs_segments_state(const struct gs_arena *a, uint32_t seg)
{
	return gs_segment_state(word_of(a, seg));
}

/* ---- counting ---- */

static uint32_t
count_taken(const struct gs_arena *a, uint32_t seg)
{
	uint32_t first = seg * a->seg_slots, n = a->seg_slots;

	for (uint32_t i = first / 64; i < (first + a->seg_slots) / 64; i++)
		n -= (uint32_t)__builtin_popcountll(atomic_load_explicit(&a->bitmap[i], memory_order_relaxed));
	return n;
}

void
gs_segments_count(const struct gs_arena *a, struct gs_segments_use *out)
{
	*out = (struct gs_segments_use){ 0 };
	for (uint32_t seg = 0; seg < a->n_segments; seg++) {
		uint32_t state = gs_segments_state(a, seg);

		out->n_draining += state >= GS_SEGMENT_DRAINING;
		if (state != GS_SEGMENT_ACTIVE)
			continue;
		out->n_active++;
		out->n_taken += count_taken(a, seg);
	}
}

uint32_t
gs_segments_emptiest(const struct gs_arena *a)
{
	uint32_t found = a->n_segments, least = UINT32_MAX;

	/* Of equals the last: arenas fill from the front. */
	for (uint32_t seg = a->n_segments; seg-- > 0;) {
		uint32_t n = gs_segments_state(a, seg) == GS_SEGMENT_ACTIVE ? count_taken(a, seg) : UINT32_MAX;

		if (n >= least)
			continue;
		least = n;
		found = seg;
	}
	return found;
}

/* ---- draining ---- */

bool
gs_segments_drain(struct gs_table *t, struct gs_arena *a, uint32_t seg)
{
	uint64_t word = word_of(a, seg);

	if (gs_segment_state(word) != GS_SEGMENT_ACTIVE || !change(a, seg, word, with_state(word, GS_SEGMENT_DRAINING)))
		return false;
	/* release; pairs with the acquire in heed_drains: the segment is draining before they look */
	(void)atomic_fetch_add_explicit(&t->ctl->drain_epoch, 1, memory_order_release);
	return true;
}

bool
gs_segments_undrain(struct gs_arena *a, uint32_t seg)
{
	uint64_t word = word_of(a, seg);

	return gs_segment_state(word) == GS_SEGMENT_DRAINING && change(a, seg, word, with_state(word, GS_SEGMENT_ACTIVE));
}

/* Move what is in a slot. False when somebody has it in his hands. */
static bool
evacuate_slot(struct gs_table *t, struct gs_ctx *c, uint32_t addr, uint64_t now_ms)
{
	struct gs_slot *s = gs_table_slot(t, addr);
	/* acquire; pairs with the release of READY in gs_record_write */
	uint64_t w = atomic_load_explicit(&s->W, memory_order_acquire);
	uint64_t ordinal = UINT64_MAX, hash = __atomic_load_n(&s->hash, __ATOMIC_RELAXED);

	if (gs_word_state(w) == GS_SLOT_READY && gs_record_is_same(s, w))
		ordinal = gs_index_ordinal_of(t, hash, addr, gs_word_gen(w));
	if (ordinal != UINT64_MAX)
		return gs_kv_shift(t, c, ordinal, addr, now_ms) == 1;
	return gs_recover_slot(t, addr);
}

static bool
is_free(struct gs_table *t, uint32_t addr)
{
	/* acquire; pairs with gs_slots_free */
	return gs_word_state(atomic_load_explicit(&gs_table_slot(t, addr)->W, memory_order_acquire)) == GS_SLOT_FREE;
}

uint32_t
gs_segments_evacuate(struct gs_table *t, struct gs_ctx *c, struct gs_arena *a, uint32_t seg, uint64_t now_ms, uint32_t *budget)
{
	uint32_t left = 0;

	for (uint32_t slot = seg * a->seg_slots; slot < (seg + 1) * a->seg_slots; slot++) {
		if (is_free(t, addr_of(a, slot)))
			continue;
		if (*budget == 0 || !evacuate_slot(t, c, addr_of(a, slot), now_ms))
			left++;
		else
			(*budget)--;
	}
	/* What we moved rests in our list. */
	gs_slots_flush(t, c);
	return left;
}

/* ---- giving back ---- */

/* Does any context list a slot of the segment, whether it is its own or not, and whether the context lives or not? */
static bool
is_listed_in(const struct gs_table *t, const struct gs_arena *a, uint32_t seg)
{
	/* acquire, both; pair with the daemon's release of a context, and with the releases in list_cell and unlist_cell */
	uint32_t used = atomic_load_explicit(&t->ctl->n_ctx_used, memory_order_acquire), addr;

	for (uint32_t i = 0; i < used && i < GS_MAX_CTX; i++)
		for (int k = 0; k < GS_HELD_CELLS; k++) {
			addr = atomic_load_explicit(&t->ctx[i].held[k], memory_order_acquire);
			if (addr != 0 && gs_entry_ring(addr - 1) == a->ring && gs_entry_class(addr - 1) == a->class_id &&
			    gs_entry_slot(addr - 1) / a->seg_slots == seg)
				return true;
		}
	return false;
}

/* Is no slot of the segment anybody's? *gen gets the greatest of their generations. */
static bool
are_all_free(struct gs_table *t, const struct gs_arena *a, uint32_t seg, uint32_t *gen)
{
	for (uint32_t slot = seg * a->seg_slots; slot < (seg + 1) * a->seg_slots; slot++) {
		/* acquire; pairs with gs_slots_free */
		uint64_t w = atomic_load_explicit(&gs_table_slot(t, addr_of(a, slot))->W, memory_order_acquire);

		if (gs_word_state(w) != GS_SLOT_FREE)
			return false;
		if (gs_word_gen(w) > *gen)
			*gen = gs_word_gen(w);
	}
	return true;
}

/* Give the memory back, whoever began with it: what is there is nobody's. */
static int
finish_release(struct gs_arena *a, uint32_t seg)
{
	uint64_t word = word_of(a, seg);
	int rc = gs_region_release(a->fd, (uint64_t)(a->slots - (unsigned char *)a->map) + (uint64_t)seg * a->seg_slots * a->slot_size,
	    (uint64_t)a->seg_slots * a->slot_size);

	if (rc < 0)
		return rc;
	/* Only a daemon changes it in this state. */
	(void)change(a, seg, word, with_state(word, GS_SEGMENT_ABSENT));
	return 1;
}

int
gs_segments_release(struct gs_table *t, struct gs_arena *a, uint32_t seg)
{
	uint64_t word = word_of(a, seg), emptying = with_state(word, GS_SEGMENT_EMPTYING);
	uint32_t gen = gs_segment_gen(word);

	if (gs_segment_state(word) == GS_SEGMENT_RELEASING)
		return finish_release(a, seg);
	if (word != emptying && (gs_segment_state(word) != GS_SEGMENT_DRAINING || !change(a, seg, word, emptying)))
		return 0;
	/*
	 * Pairs with the fence in refill_from of slots.c: who did not find the segment emptying had listed what he takes, and
	 * we find it. The lists first: who took a slot before we look at it may have published and unlisted it by then.
	 */
	gs_fence_full();
	if (is_listed_in(t, a, seg) || !are_all_free(t, a, seg, &gen)) {
		(void)change(a, seg, emptying, with_state(word, GS_SEGMENT_DRAINING));
		return 0;
	}
	/*
	 * The generation before the memory: a daemon that dies in between could not find it any more. One more, so that a
	 * client that began to commit what was there before fails.
	 */
	(void)change(a, seg, emptying, gs_segment(gen + 1, GS_SEGMENT_RELEASING));
	return finish_release(a, seg);
}

bool
gs_segments_has_stray(const struct gs_arena *a)
{
	uint64_t most = (uint64_t)(a->slots - (unsigned char *)a->map), edge_bytes;
	struct gs_region_memory memory;

	gs_region_memory(a->fd, &memory);
	/* A huge page reaches beyond what was asked for, and that is not to be torn apart. */
	edge_bytes = memory.piece_bytes > GS_PAGE_BYTES ? memory.piece_bytes : 0;
	most += edge_bytes;
	for (uint32_t seg = 0; seg < a->n_segments; seg++)
		if (gs_segments_state(a, seg) != GS_SEGMENT_ABSENT)
			most += (uint64_t)a->seg_slots * a->slot_size + edge_bytes;
	return memory.bytes > most;
}

int
gs_segments_reclaim(struct gs_arena *a, uint32_t seg)
{
	uint64_t word = word_of(a, seg);

	if (gs_segment_state(word) != GS_SEGMENT_ABSENT ||
	    !change(a, seg, word, gs_segment(gs_segment_gen(word) + 1, GS_SEGMENT_RELEASING)))
		return 0;
	return finish_release(a, seg);
}
