/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/slots.h"

#include "gsession.h"
#include "base/atomic.h"
#include "shm/region.h"

enum {
	REFILL = 4,		/* slots taken from the bitmap at once */
	PREFETCH_WORDS = 64,	/* of the bitmap, looked at ahead of a refill */
	LIMBO_DEPTH = 8,	/* operations for which a retired slot is left alone */
};

static struct gs_arena *
arena_of(struct gs_table *t, uint32_t addr)
{
	return gs_table_arena(t, gs_entry_ring(addr), gs_entry_class(addr));
}

static void
leave_queue(struct gs_ctx *c, int cell)
{
	const struct gs_cell *at = &c->cell[cell];
	struct gs_cell_queue *q = &c->queue[at->state];

	*(at->older < 0 ? &q->oldest : &c->cell[at->older].newer) = at->newer;
	*(at->newer < 0 ? &q->newest : &c->cell[at->newer].older) = at->older;
	q->n--;
}

static void
enter_queue(struct gs_ctx *c, int cell, uint32_t state)
{
	struct gs_cell_queue *q = &c->queue[state];
	struct gs_cell *at = &c->cell[cell];

	at->state = state;
	at->older = q->newest;
	at->newer = -1;
	*(q->newest < 0 ? &q->oldest : &c->cell[q->newest].newer) = cell;
	q->newest = cell;
	q->n++;
}

static void
set_cell(struct gs_ctx *c, int cell, uint32_t addr, uint32_t state)
{
	leave_queue(c, cell);
	c->cell[cell].addr = addr;
	enter_queue(c, cell, state);
}

void
gs_slots_begin(struct gs_ctx *c)
{
	for (int i = 0; i < GS_CELL_STATES; i++)
		c->queue[i] = (struct gs_cell_queue){ .oldest = -1, .newest = -1 };
	for (int i = 0; i < GS_HELD_CELLS; i++)
		enter_queue(c, i, GS_CELL_EMPTY);
}

/* Release: what we did with the slot before is seen by whoever finds it listed (recovery's acquire), and by the order of our own program. */
static void
list_cell(struct gs_ctx *c, int cell, uint32_t addr, uint32_t state)
{
	atomic_store_explicit(&c->page->held[cell], addr + 1, memory_order_release);
	/*
	 * The listing must be visible before the slot can become ours. The
	 * read-modify-write that takes it (bitmap, entry) is acq_rel, so it
	 * cannot be seen before this store.
	 */
	set_cell(c, cell, addr, state);
}

static void
unlist_cell(struct gs_ctx *c, int cell)
{
	/* release; pairs with the acquire in gs_slots_is_listed: the slot has its new home first */
	atomic_store_explicit(&c->page->held[cell], 0, memory_order_release);
	set_cell(c, cell, 0, GS_CELL_EMPTY);
}

void
gs_slots_set_bit(struct gs_table *t, uint32_t addr)
{
	uint32_t slot = gs_entry_slot(addr);

	/* acq_rel; pairs with the fetch_and in refill: W is FREE before the bit is seen */
	(void)atomic_fetch_or_explicit(&arena_of(t, addr)->bitmap[slot / 64], UINT64_C(1) << (slot % 64), memory_order_acq_rel);
}

bool
gs_slots_has_bit(struct gs_table *t, uint32_t addr)
{
	uint32_t slot = gs_entry_slot(addr);

	/* acquire; pairs with the fetch_and in refill_from: who sees the bit cleared sees the cell in which the slot was listed */
	return (atomic_load_explicit(&arena_of(t, addr)->bitmap[slot / 64], memory_order_acquire) >> (slot % 64) & 1) != 0;
}

bool
gs_slots_free(struct gs_table *t, uint32_t addr, uint64_t w)
{
	struct gs_slot *s = gs_table_slot(t, addr);

	/* acq_rel; pairs with the claim in refill */
	if (!atomic_compare_exchange_strong_explicit(&s->W, &w, gs_word(gs_word_gen(w), 0, GS_SLOT_FREE), memory_order_acq_rel,
	    memory_order_acquire))
		return false;
	gs_slots_set_bit(t, addr);
	return true;
}

/* Give a held slot back to its arena. */
static void
release_cell(struct gs_table *t, struct gs_ctx *c, int cell)
{
	uint32_t addr = c->cell[cell].addr;
	struct gs_slot *s = gs_table_slot(t, addr);

	(void)gs_slots_free(t, addr, atomic_load_explicit(&s->W, memory_order_relaxed));
	unlist_cell(c, cell);
}

/* The oldest cell in `state`, of one arena (ring and class bits of an address) or of any when arena is NULL; -1 if none. */
static int
oldest(const struct gs_ctx *c, uint32_t state, const struct gs_arena *a)
{
	int i = c->queue[state].oldest;

	while (i >= 0 && a != NULL && (gs_entry_ring(c->cell[i].addr) != a->ring || gs_entry_class(c->cell[i].addr) != a->class_id))
		i = c->cell[i].newer;
	return i;
}

/* A free cell; gives the oldest held slot back when there is none. */
static int
empty_cell(struct gs_table *t, struct gs_ctx *c)
{
	int cell = oldest(c, GS_CELL_EMPTY, NULL);

	if (cell >= 0)
		return cell;
	cell = oldest(c, GS_CELL_LIMBO, NULL);
	if (cell < 0)
		cell = oldest(c, GS_CELL_OWNED, NULL);
	release_cell(t, c, cell);	/* an operation never has more than a few BUSY, so there is one */
	return cell;
}

static uint64_t
segment_of(const struct gs_arena *a, uint32_t slot)
{
	/* acquire; pairs with the release in commit_segment: the memory is there before the word says so */
	return atomic_load_explicit(&a->segments[slot / a->seg_slots], memory_order_acquire);
}

bool
gs_slots_is_committed(const struct gs_arena *a, uint32_t slot)
{
	uint32_t state = gs_segment_state(segment_of(a, slot));

	return state == GS_SEGMENT_ACTIVE || state == GS_SEGMENT_DRAINING;
}

uint64_t
gs_slots_count_committed(const struct gs_arena *a)
{
	const _Atomic uint64_t *at = a->segments, *end = at + a->n_segments;
	uint64_t n = 0, word;

	/*
	 * The lowest that is absent is taken first, and what was used has a generation: behind one that never was none is in
	 * use. But in a file, where each page is as old as it was when the power was cut.
	 */
	for (; at < end; at++) {
		word = atomic_load_explicit(at, memory_order_relaxed);
		if (word == 0 && !a->is_file)
			break;
		n += gs_segment_state(word) - GS_SEGMENT_ACTIVE <= GS_SEGMENT_DRAINING - GS_SEGMENT_ACTIVE;
	}
	return n * a->seg_slots;
}

bool
gs_slots_may_live(const struct gs_arena *a, uint32_t slot)
{
	uint32_t state = gs_segment_state(segment_of(a, slot));

	return state != GS_SEGMENT_ABSENT && state != GS_SEGMENT_RELEASING;
}

bool
gs_slots_is_active(const struct gs_arena *a, uint32_t slot)
{
	return gs_segment_state(segment_of(a, slot)) == GS_SEGMENT_ACTIVE;
}

/* The first segment in a state, its word in *word; n_segments when there is none. */
static uint32_t
find_segment(const struct gs_arena *a, uint32_t state, uint64_t *word)
{
	uint32_t seg;

	for (seg = 0; seg < a->n_segments; seg++) {
		*word = segment_of(a, seg * a->seg_slots);
		if (gs_segment_state(*word) == state)
			break;
	}
	return seg;
}

/* The slots of a segment, and what stands in arrays about them. */
static int
commit_memory(struct gs_arena *a, uint32_t first)
{
	const struct {
		const void *at;
		uint64_t off, bytes;
	} parts[] = {
		{ a->slots, (uint64_t)first * a->slot_size, (uint64_t)a->seg_slots * a->slot_size },
		{ a->bitmap, first / 8, a->seg_slots / 8 },
		{ a->retired, first / 8, a->seg_slots / 8 },
		{ a->due, 4ull * first, 4ull * a->seg_slots },
		{ a->kin, 4ull * first, 4ull * a->seg_slots },
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && rc == 0; i++)
		rc = gs_region_commit(a->fd, (uint64_t)((const unsigned char *)parts[i].at - (unsigned char *)a->map) + parts[i].off,
		    parts[i].bytes);
	return rc;
}

int
gs_slots_recommit(struct gs_arena *a)
{
	for (uint32_t seg = 0; seg < a->n_segments; seg++) {
		uint64_t word = atomic_load_explicit(&a->segments[seg], memory_order_relaxed);
		int rc;

		if (gs_segment_state(word) == GS_SEGMENT_ABSENT)
			continue;
		rc = commit_memory(a, seg * a->seg_slots);
		if (rc < 0)
			return rc;
		atomic_store_explicit(&a->segments[seg], gs_segment(gs_segment_gen(word), GS_SEGMENT_ACTIVE), memory_order_relaxed);
	}
	return 0;
}

/*
 * Any process may do this, daemon or not, and any number at once: each step
 * can be done twice. A bit set for a slot that was taken meanwhile, or whose
 * segment is given back, is a lie that costs its finder a look.
 */
static int
activate(struct gs_arena *a, uint32_t seg, uint64_t word)
{
	uint32_t first = seg * a->seg_slots;
	int rc = commit_memory(a, first);

	if (rc < 0)
		return rc;
	/* acq_rel; pairs with the fetch_and in refill_from */
	for (uint32_t i = first / 64; i < (first + a->seg_slots) / 64; i++)
		(void)atomic_fetch_or_explicit(&a->bitmap[i], UINT64_MAX, memory_order_acq_rel);
	/*
	 * release; pairs with the acquire in segment_of. Should it fail, another was faster, or the daemon gave back what was
	 * there before: its memory and ours, at worst, which the daemon finds.
	 */
	(void)atomic_compare_exchange_strong_explicit(&a->segments[seg], &word, gs_segment(gs_segment_gen(word), GS_SEGMENT_ACTIVE),
	    memory_order_release, memory_order_relaxed);
	return 1;
}

int
gs_slots_commit(struct gs_arena *a)
{
	uint64_t word = 0;
	uint32_t seg = find_segment(a, GS_SEGMENT_ABSENT, &word);
	int rc = seg == a->n_segments ? 0 : activate(a, seg, word);

	if (rc == 1)
		return rc;
	/* The memory of one that drains is there. */
	seg = find_segment(a, GS_SEGMENT_DRAINING, &word);
	return seg == a->n_segments ? rc : activate(a, seg, word);
}

/* FREE -> WRITING of a slot that we listed; false when it is somebody's. gen: what slots of its segment begin with. */
static bool
take(struct gs_slot *s, uint32_t ctx, uint32_t gen)
{
	/* acquire; pairs with the release of whoever set it FREE */
	uint64_t w = atomic_load_explicit(&s->W, memory_order_acquire);

	if (gs_word_state(w) != GS_SLOT_FREE)
		return false;
	if (w != 0)
		gen = gs_word_gen(w);
	/* acq_rel; pairs with gs_slots_free, and with another taker: one of us gets it */
	return atomic_compare_exchange_strong_explicit(&s->W, &w, gs_word(gen + 1, ctx, GS_SLOT_WRITING), memory_order_acq_rel,
	    memory_order_acquire);
}

/* List up to REFILL slots of a bitmap word, clear their bits, take them. Returns how many are ours now. */
static int
refill_from(struct gs_table *t, struct gs_ctx *c, struct gs_arena *a, uint32_t word)
{
	uint64_t bits = atomic_load_explicit(&a->bitmap[word], memory_order_relaxed), mask = 0, had, segment;
	int cell[REFILL], n = 0, got = 0;
	uint32_t addr[REFILL];
	bool is_active;

	for (; bits != 0 && n < REFILL; n++, bits &= bits - 1) {
		uint32_t bit = (uint32_t)__builtin_ctzll(bits);

		addr[n] = gs_entry_addr(gs_entry(0, 0, a->ring, a->class_id, word * 64 + bit));
		cell[n] = empty_cell(t, c);
		list_cell(c, cell[n], addr[n], GS_CELL_BUSY);
		mask |= UINT64_C(1) << bit;
	}
	if (n == 0)
		return 0;
	/* Pairs with the fence in gs_segments_release: it finds our cells, or we find that the segment is in use no more. */
	gs_fence_full();
	segment = segment_of(a, word * 64);
	is_active = gs_segment_state(segment) == GS_SEGMENT_ACTIVE;
	/* acq_rel; pairs with gs_slots_set_bit, and keeps our listing before it */
	had = is_active ? atomic_fetch_and_explicit(&a->bitmap[word], ~mask, memory_order_acq_rel) : 0;
	for (int i = 0; i < n; i++) {
		if ((had >> (gs_entry_slot(addr[i]) % 64) & 1) != 0 && take(gs_table_slot(t, addr[i]), c->id, gs_segment_gen(segment))) {
			set_cell(c, cell[i], addr[i], GS_CELL_OWNED);
			got++;
		} else {
			unlist_cell(c, cell[i]);
		}
	}
	return got;
}

/* Search the active part of the bitmap once round, from where we stopped last. */
static bool
refill(struct gs_table *t, struct gs_ctx *c, struct gs_arena *a)
{
	uint32_t words = a->n_slots / 64, at = c->cursor[a->ring * GS_MAX_CLASSES + a->class_id] % words;

	for (uint32_t i = 0; i < words; i++, at = at + 1 == words ? 0 : at + 1) {
		if (!gs_slots_is_active(a, at * 64)) {
			/* to the last word of the segment that is not in use */
			uint32_t skip = a->seg_slots / 64 - 1 - at % (a->seg_slots / 64);

			i += skip;
			at += skip;
			continue;
		}
		/* again while there are bits: those we cleared may all have lied */
		while (atomic_load_explicit(&a->bitmap[at], memory_order_relaxed) != 0 && gs_slots_is_active(a, at * 64))
			if (refill_from(t, c, a, at) > 0) {
				c->cursor[a->ring * GS_MAX_CLASSES + a->class_id] = at;
				return true;
			}
	}
	return false;
}

/* The oldest cell in a state whose segment does not drain; -1 if none. Others are let go of. */
static int
oldest_active(struct gs_table *t, struct gs_ctx *c, uint32_t state, const struct gs_arena *a)
{
	int cell;

	while ((cell = oldest(c, state, a)) >= 0 && !gs_slots_is_active(a, gs_entry_slot(c->cell[cell].addr)))
		release_cell(t, c, cell);
	return cell;
}

static int
claim_cell(struct gs_table *t, struct gs_ctx *c, struct gs_arena *a)
{
	int cell = oldest_active(t, c, GS_CELL_OWNED, a);

	if (cell >= 0)
		return cell;
	if (c->queue[GS_CELL_LIMBO].n >= LIMBO_DEPTH) {
		cell = oldest_active(t, c, GS_CELL_LIMBO, a);
		if (cell >= 0)
			return cell;
		cell = oldest(c, GS_CELL_LIMBO, NULL);
		if (cell >= 0)
			release_cell(t, c, cell);
	}
	while (!refill(t, c, a))
		if (gs_slots_commit(a) != 1) {
			/* Nothing is left but what we hold in limbo: readers under way will look again. */
			cell = oldest_active(t, c, GS_CELL_LIMBO, a);
			return cell >= 0 ? cell : GS_ENOSPC;
		}
	return oldest(c, GS_CELL_OWNED, a);
}

/* Let go of what we hold, and do not use at this moment, in segments that drain. */
static void
heed_drains(struct gs_table *t, struct gs_ctx *c)
{
	/* acquire; pairs with the release in gs_segments_drain: who sees the epoch sees the segment drain */
	uint32_t epoch = atomic_load_explicit(&t->ctl->drain_epoch, memory_order_acquire);

	if (epoch == c->drain_seen)
		return;
	for (int i = 0; i < GS_HELD_CELLS; i++) {
		const struct gs_cell *cell = &c->cell[i];

		if ((cell->state == GS_CELL_OWNED || cell->state == GS_CELL_LIMBO) &&
		    !gs_slots_is_active(arena_of(t, cell->addr), gs_entry_slot(cell->addr)))
			release_cell(t, c, i);
	}
	c->drain_seen = epoch;
}

static void
prefetch_slot(const struct gs_arena *a, uint32_t slot, uint32_t bytes)
{
	gs_prefetch_write(&a->due[slot]);
	for (uint32_t off = 0; off < bytes && off < a->slot_size; off += GS_LINE_BYTES)
		gs_prefetch_write(a->slots + (uint64_t)slot * a->slot_size + off);
}

/* What refill will most likely take: one slot, and the words of the others. */
static void
prefetch_refill(const struct gs_ctx *c, const struct gs_arena *a, uint32_t bytes)
{
	uint32_t words = a->n_slots / 64, at = c->cursor[a->ring * GS_MAX_CLASSES + a->class_id] % words, n;
	uint64_t bits = 0;

	for (n = 0; n < PREFETCH_WORDS && at < words; n++, at++) {
		/* Of a segment that is not there the bitmap may not be, either. */
		if (!gs_slots_is_active(a, at * 64))
			return;
		bits = atomic_load_explicit(&a->bitmap[at], memory_order_relaxed);
		if (bits != 0)
			break;
	}
	for (n = 0; bits != 0 && n < REFILL; n++, bits &= bits - 1)
		prefetch_slot(a, at * 64 + (uint32_t)__builtin_ctzll(bits), n == 0 ? bytes : 1);
}

void
gs_slots_prefetch(const struct gs_table *t, const struct gs_ctx *c, uint32_t ring, uint32_t class_id, uint32_t bytes)
{
	const struct gs_arena *a = &t->arena[ring * GS_MAX_CLASSES + class_id];
	int cell = oldest(c, GS_CELL_OWNED, a);

	if (!gs_table_has(t, a))
		return;
	if (cell < 0 && c->queue[GS_CELL_LIMBO].n >= LIMBO_DEPTH)
		cell = oldest(c, GS_CELL_LIMBO, a);
	if (cell < 0)
		prefetch_refill(c, a, bytes);
	else
		prefetch_slot(a, gs_entry_slot(c->cell[cell].addr), bytes);
}

int
gs_slots_claim(struct gs_table *t, struct gs_ctx *c, uint32_t ring, uint32_t class_id)
{
	int cell;

	heed_drains(t, c);
	cell = claim_cell(t, c, gs_table_arena(t, ring, class_id));
	if (cell >= 0)
		set_cell(c, cell, c->cell[cell].addr, GS_CELL_BUSY);
	return cell;
}

int
gs_slots_list(struct gs_table *t, struct gs_ctx *c, uint32_t addr)
{
	int cell = empty_cell(t, c);

	list_cell(c, cell, addr, GS_CELL_BUSY);
	return cell;
}

void
gs_slots_unlist(struct gs_ctx *c, int cell)
{
	unlist_cell(c, cell);
}

void
gs_slots_keep(struct gs_ctx *c, int cell)
{
	set_cell(c, cell, c->cell[cell].addr, GS_CELL_OWNED);
}

void
gs_slots_retire(struct gs_table *t, struct gs_ctx *c, int cell)
{
	set_cell(c, cell, c->cell[cell].addr, GS_CELL_LIMBO);
	/* Who only ends sessions would otherwise keep a page full of slots that others could use. */
	if (c->queue[GS_CELL_LIMBO].n > LIMBO_DEPTH)
		release_cell(t, c, oldest(c, GS_CELL_LIMBO, NULL));
}

void
gs_slots_flush(struct gs_table *t, struct gs_ctx *c)
{
	for (int i = 0; i < GS_HELD_CELLS; i++)
		if (c->cell[i].state != GS_CELL_EMPTY)
			release_cell(t, c, i);
}

/* Is the slot in a cell of a context whose state is this? */
static bool
is_in_cell_of(const struct gs_table *t, uint32_t addr, enum gs_ctx_state state)
{
	/* acquire, as of the state; pair with the releases of the daemon that grants a context: its page is clean, and in use from then */
	uint32_t used = atomic_load_explicit(&t->ctl->n_ctx_used, memory_order_acquire);

	for (uint32_t i = 0; i < used && i < GS_MAX_CTX; i++) {
		if (atomic_load_explicit(&t->ctl->reg[i].state, memory_order_acquire) != state)
			continue;
		for (int k = 0; k < GS_HELD_CELLS; k++)
			/* acquire; pairs with the release in list_cell and unlist_cell */
			if (atomic_load_explicit(&t->ctx[i].held[k], memory_order_acquire) == addr + 1)
				return true;
	}
	return false;
}

bool
gs_slots_is_listed(const struct gs_table *t, uint32_t addr)
{
	return is_in_cell_of(t, addr, GS_CTX_LIVE);
}

bool
gs_slots_is_left(const struct gs_table *t, uint32_t addr)
{
	return is_in_cell_of(t, addr, GS_CTX_DEAD);
}
