/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/store.h"

#include <stdlib.h>
#include <string.h>

#include "gsession.h"
#include "base/crc32c.h"
#include "shm/record.h"

enum { TRIES = 100 };

/* Every load of W or of a cell is an acquire, and pairs as under ORDERS in layout.h. */

static struct gs_arena *
arena_of(struct gs_table *t, uint32_t addr)
{
	return gs_table_arena(t, gs_entry_ring(addr), gs_entry_class(addr));
}

static uint64_t
load_word(struct gs_table *t, uint32_t addr)
{
	return atomic_load_explicit(&gs_table_slot(t, addr)->W, memory_order_acquire);
}

static bool
is_of(uint64_t w, uint32_t gen)
{
	return ((gs_word_gen(w) ^ gen) & GS_GEN_MASK) == 0;
}

/* ---- what a writer does ---- */

void
gs_store_publish(struct gs_table *t, uint32_t addr, uint32_t gen)
{
	_Atomic uint64_t *word = &gs_table_slot(t, addr)->W;
	uint64_t w = load_word(t, addr);

	if (!gs_store_has(t, addr))
		return;
	/* acq_rel; pairs with the loads of W. Should it fail, somebody has replaced the record already, or helped us. */
	while (is_of(w, gen) && gs_word_state(w) == GS_SLOT_READY && (w & GS_WORD_PUBLISHED) == 0)
		if (atomic_compare_exchange_weak_explicit(word, &w, w | GS_WORD_PUBLISHED, memory_order_acq_rel, memory_order_acquire))
			break;
}

void
gs_store_set_bit(struct gs_table *t, uint32_t addr)
{
	uint32_t slot = gs_entry_slot(addr);

	/* acq_rel; pairs with the loads in gs_store_sync_begin: W is as it must be before the bit is seen */
	(void)atomic_fetch_or_explicit(&arena_of(t, addr)->retired[slot / 64], UINT64_C(1) << (slot % 64), memory_order_acq_rel);
}

static uint64_t
word_with(uint64_t w, bool is_replaced)
{
	return gs_word(gs_word_gen(w), gs_word_ctx(w), is_replaced ? GS_SLOT_REPLACED : GS_SLOT_ENDED) | GS_WORD_PUBLISHED;
}

void
gs_store_retire(struct gs_table *t, uint32_t addr, uint32_t gen, bool is_replaced)
{
	_Atomic uint64_t *word = &gs_table_slot(t, addr)->W;
	uint64_t w = load_word(t, addr);

	/* Who was helped finds it retired, or written by another since. acq_rel; pairs with the loads of W. */
	while (is_of(w, gen) && gs_word_state(w) == GS_SLOT_READY)
		if (atomic_compare_exchange_weak_explicit(word, &w, word_with(w, is_replaced), memory_order_acq_rel, memory_order_acquire)) {
			gs_store_set_bit(t, addr);
			return;
		}
}

bool
gs_store_is_retired(struct gs_table *t, uint32_t addr, uint64_t w)
{
	if (!gs_store_has(t, addr))
		return false;
	return gs_word_state(w) == GS_SLOT_REPLACED || gs_word_state(w) == GS_SLOT_ENDED;
}

bool
gs_store_has_bit(struct gs_table *t, uint32_t addr)
{
	uint32_t slot = gs_entry_slot(addr);

	return (atomic_load_explicit(&arena_of(t, addr)->retired[slot / 64], memory_order_relaxed) >> (slot % 64) & 1) != 0;
}

uint32_t
gs_store_crc(uint32_t gen, const struct gs_draft *d)
{
	const unsigned char *head = (const unsigned char *)&d->head;
	uint32_t crc = gs_crc32c(0, &gen, sizeof(gen));

	/* Between these lie the words that change in place, and the crc. */
	crc = gs_crc32c(crc, head + offsetof(struct gs_slot, hash), sizeof(uint64_t));
	crc = gs_crc32c(crc, head + offsetof(struct gs_slot, val_len), offsetof(struct gs_slot, T) - offsetof(struct gs_slot, val_len));
	crc = gs_crc32c(crc, head + offsetof(struct gs_slot, deadline), offsetof(struct gs_slot, crc) - offsetof(struct gs_slot, deadline));
	crc = gs_crc32c(crc, head + offsetof(struct gs_slot, uid), sizeof(struct gs_slot) - offsetof(struct gs_slot, uid));
	crc = gs_crc32c(crc, d->key, d->head.key_len);
	crc = gs_crc32c(crc, d->owner, d->head.owner_len);
	crc = gs_crc32c(crc, d->link, d->head.link_len);
	crc = gs_crc32c(crc, d->value, d->head.val_len);
	return crc == 0 ? 1 : crc;
}

/* ---- what is done for others ---- */

/*
 * The final entry of a session whose record lies in an arena in a file: 1 and *out, 0 there is none, -1 it changes all the
 * time. birth: of that session, and not of another that had its key.
 */
static int
find_successor(struct gs_table *t, uint64_t hash, uint32_t birth, uint64_t *out)
{
	struct gs_probe p;

	gs_index_probe(t, hash, &p);
	for (int tries = 0; tries < TRIES; tries++) {
		bool is_again = false;

		for (int k = 0; k < GS_PLACES * GS_BUCKET_ENTRIES; k++) {
			_Atomic uint64_t *at = &t->buckets[p.bucket[k / GS_BUCKET_ENTRIES]].e[k % GS_BUCKET_ENTRIES];
			/* acquire, as below; pairs with the compare-and-swaps that publish */
			uint64_t e = atomic_load_explicit(at, memory_order_acquire), w;
			const struct gs_slot *s = gs_table_slot(t, e);
			bool is_same;

			if (e >> 49 != (uint64_t)p.tag << 1 || s == NULL || !gs_store_has(t, gs_entry_addr(e)))
				continue;
			w = load_word(t, gs_entry_addr(e));
			/* 64 bits of a keyed hash: two keys that share it are not met */
			is_same = __atomic_load_n(&s->hash, __ATOMIC_RELAXED) == hash && __atomic_load_n(&s->birth, __ATOMIC_RELAXED) == birth;
			if (!gs_record_is_same(s, w) || !is_of(w, gs_entry_gen(e)) || gs_word_state(w) != GS_SLOT_READY)
				/* Only damage leaves the entry as it is. */
				is_again = is_again || atomic_load_explicit(at, memory_order_acquire) != e;
			else if (is_same) {
				*out = e;
				return 1;
			}
		}
		if (!is_again)
			return 0;
		gs_pause();
	}
	return -1;
}

enum settled { SETTLED_NOT, SETTLED, SETTLE_AGAIN };

/* A slot that no entry names: what is it now? */
static enum settled
settle_unnamed(struct gs_table *t, uint32_t addr, uint64_t w, uint64_t hash, uint32_t birth)
{
	uint64_t successor = 0;
	int found;

	if (gs_word_state(w) == GS_SLOT_READY && (w & GS_WORD_PUBLISHED) == 0)
		return SETTLED_NOT;	/* not yet; or never, and then it is free */
	found = find_successor(t, hash, birth, &successor);
	if (found < 0)
		return SETTLED_NOT;
	/* First what is right, then what is not any more: the disk may have the one without the other. */
	if (found > 0)
		gs_store_publish(t, gs_entry_addr(successor), gs_entry_gen(successor));
	if (gs_word_state(w) == GS_SLOT_ENDED || (gs_word_state(w) == GS_SLOT_REPLACED && found > 0)) {
		/* Whoever retired it may stand still before its bit. */
		if (gs_store_has_bit(t, addr))
			return SETTLED_NOT;
	} else if (!atomic_compare_exchange_strong_explicit(&gs_table_slot(t, addr)->W, &w, word_with(w, found > 0), memory_order_acq_rel,
	    memory_order_acquire))	/* acq_rel; pairs with the loads of W */
		return SETTLE_AGAIN;
	gs_store_set_bit(t, addr);
	return SETTLED;
}

static enum settled
settle_once(struct gs_table *t, uint32_t addr)
{
	const struct gs_slot *s = gs_table_slot(t, addr);
	uint64_t w = load_word(t, addr), hash, ordinal;
	uint32_t birth;

	if (gs_word_state(w) == GS_SLOT_FREE || gs_word_state(w) == GS_SLOT_WRITING)
		return SETTLED_NOT;
	hash = __atomic_load_n(&s->hash, __ATOMIC_RELAXED);
	birth = __atomic_load_n(&s->birth, __ATOMIC_RELAXED);
	if (!gs_record_is_same(s, w))
		return SETTLE_AGAIN;
	ordinal = gs_index_ordinal_of(t, hash, addr, gs_word_gen(w));
	if (ordinal == UINT64_MAX)
		return settle_unnamed(t, addr, w, hash, birth);
	if ((w & GS_WORD_PUBLISHED) != 0 ||
	    (atomic_load_explicit(gs_table_entry(t, ordinal), memory_order_acquire) & GS_ENTRY_TENT) != 0)
		return SETTLED_NOT;
	gs_store_publish(t, addr, gs_word_gen(w));
	return SETTLED;
}

bool
gs_store_settle(struct gs_table *t, uint32_t addr)
{
	if (gs_table_slot(t, addr) == NULL || !gs_store_has(t, addr))
		return false;
	for (int tries = 0; tries < TRIES; tries++) {
		enum settled what = settle_once(t, addr);

		if (what != SETTLE_AGAIN)
			return what == SETTLED;
		gs_pause();
	}
	return false;
}

/* ---- the sync ---- */

int
gs_store_sync_init(struct gs_store_sync *s, const struct gs_table *t)
{
	memset(s, 0, sizeof(*s));
	atomic_store_explicit(&t->ctl->syncs, 0, memory_order_relaxed);
	for (uint32_t i = 0; i < GS_MAX_ARENAS; i++) {
		const struct gs_arena *a = &t->arena[i];

		if (a->map == NULL || !a->is_file)
			continue;
		s->taken[i] = calloc(a->n_slots / 64, sizeof(uint64_t));
		s->ended[i] = calloc(a->n_slots / 64, sizeof(uint64_t));
		s->busy[i] = calloc(a->n_slots / 64, sizeof(uint64_t));
		if (s->taken[i] == NULL || s->ended[i] == NULL || s->busy[i] == NULL) {
			gs_store_sync_fini(s);
			return GS_ENOMEM;
		}
	}
	return 0;
}

void
gs_store_sync_fini(struct gs_store_sync *s)
{
	for (uint32_t i = 0; i < GS_MAX_ARENAS; i++) {
		free(s->taken[i]);
		free(s->ended[i]);
		free(s->busy[i]);
	}
	memset(s, 0, sizeof(*s));
}

static uint32_t
addr_of(const struct gs_arena *a, uint32_t word, uint64_t bits)
{
	return gs_entry_addr(gs_entry(0, 0, a->ring, a->class_id, word * 64 + (uint32_t)__builtin_ctzll(bits)));
}

/* Bits of the retired map that are not taken yet; only_replaced: of REPLACED slots alone. Returns how many were taken. */
static uint64_t
take(uint64_t *taken, struct gs_table *t, struct gs_arena *a, bool only_replaced)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < a->n_slots / 64; i++) {
		/* acquire; pairs with gs_store_set_bit */
		uint64_t more = atomic_load_explicit(&a->retired[i], memory_order_acquire) & ~taken[i];

		for (uint64_t bits = more; only_replaced && bits != 0; bits &= bits - 1)
			if (gs_word_state(load_word(t, addr_of(a, i, bits))) != GS_SLOT_REPLACED)
				more &= ~(bits & -bits);
		taken[i] |= more;
		n += (uint64_t)__builtin_popcountll(more);
	}
	return n;
}

/* Go through the cells of all contexts, of the living and the dead. */
static void
each_listed(struct gs_store_sync *s, struct gs_table *t, bool is_help)
{
	/* acquire; pairs with the daemon's release: the page is clean from then */
	uint32_t used = atomic_load_explicit(&t->ctl->n_ctx_used, memory_order_acquire);

	for (uint32_t i = 0; i < used && i < GS_MAX_CTX; i++)
		for (int k = 0; k < GS_HELD_CELLS; k++) {
			/* acquire; pairs with the release in list_cell and unlist_cell */
			uint32_t held = atomic_load_explicit(&t->ctx[i].held[k], memory_order_acquire), slot = gs_entry_slot(held - 1);

			if (held == 0 || gs_table_slot(t, held - 1) == NULL || !gs_store_has(t, held - 1))
				continue;
			if (is_help)
				(void)gs_store_settle(t, held - 1);
			else
				s->busy[(held - 1) >> 27][slot / 64] |= UINT64_C(1) << (slot % 64);
		}
}

uint64_t
gs_store_sync_begin(struct gs_store_sync *s, struct gs_table *t)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < GS_MAX_ARENAS; i++)
		if (s->taken[i] != NULL) {
			memset(s->taken[i], 0, t->arena[i].n_slots / 8);
			n += take(s->taken[i], t, &t->arena[i], false);
		}
	/*
	 * An ENDED slot that is taken forbids what is older, and that is
	 * retired by now, by its writer or by us.
	 */
	each_listed(s, t, true);
	for (uint32_t i = 0; i < GS_MAX_ARENAS; i++)
		if (s->taken[i] != NULL)
			n += take(s->taken[i], t, &t->arena[i], true);
	s->is_under_way = true;
	s->n_begun++;
	return n;
}

static void
clear_bit(struct gs_arena *a, uint32_t slot)
{
	/* acq_rel; whoever takes the slot from here sets it again after it is FREE, which comes next */
	(void)atomic_fetch_and_explicit(&a->retired[slot / 64], ~(UINT64_C(1) << (slot % 64)), memory_order_acq_rel);
}

/* Is a REPLACED slot that the sync has covered in somebody's cell? */
static bool
holds_replaced(const struct gs_store_sync *s, struct gs_table *t)
{
	for (uint32_t i = 0; i < GS_MAX_ARENAS; i++)
		for (uint32_t word = 0; s->taken[i] != NULL && word < t->arena[i].n_slots / 64; word++)
			for (uint64_t bits = s->taken[i][word] & s->busy[i][word]; bits != 0; bits &= bits - 1)
				if (gs_word_state(load_word(t, addr_of(&t->arena[i], word, bits))) == GS_SLOT_REPLACED)
					return true;
	return false;
}

/* A slot that the sync has covered. True when it is free now. */
static bool
finish_slot(struct gs_store_sync *s, struct gs_table *t, uint32_t arena, uint32_t addr, bool is_any_held)
{
	uint32_t slot = gs_entry_slot(addr);
	uint64_t bit = UINT64_C(1) << (slot % 64), *ended = &s->ended[arena][slot / 64], w = load_word(t, addr);

	/* Its writer may still look at it. */
	if ((s->busy[arena][slot / 64] & bit) != 0)
		return false;
	if (gs_word_state(w) == GS_SLOT_ENDED && (*ended & bit) == 0) {
		/* What it forbids may be one that somebody holds; then it stays until that one is off the disk too. */
		if (!is_any_held)
			*ended |= bit;
		return false;
	}
	*ended &= ~bit;
	clear_bit(&t->arena[arena], slot);
	return gs_store_is_retired(t, addr, w) && gs_slots_free(t, addr, w);
}

uint64_t
gs_store_sync_end(struct gs_store_sync *s, struct gs_table *t, bool is_good)
{
	bool is_any_held;
	uint64_t n = 0;

	s->is_under_way = false;
	if (!is_good)
		return 0;
	s->n_done++;
	atomic_store_explicit(&t->ctl->syncs, s->n_done, memory_order_relaxed);
	for (uint32_t i = 0; i < GS_MAX_ARENAS; i++)
		if (s->busy[i] != NULL)
			memset(s->busy[i], 0, t->arena[i].n_slots / 8);
	each_listed(s, t, false);
	is_any_held = holds_replaced(s, t);
	for (uint32_t i = 0; i < GS_MAX_ARENAS; i++)
		for (uint32_t word = 0; s->taken[i] != NULL && word < t->arena[i].n_slots / 64; word++)
			for (uint64_t bits = s->taken[i][word]; bits != 0; bits &= bits - 1)
				n += finish_slot(s, t, i, addr_of(&t->arena[i], word, bits), is_any_held);
	return n;
}

uint64_t
gs_store_waiting(const struct gs_arena *a)
{
	uint64_t n = 0;

	for (uint32_t i = 0; a->is_file && i < a->n_slots / 64; i++)
		n += (uint64_t)__builtin_popcountll(atomic_load_explicit(&a->retired[i], memory_order_relaxed));
	return n;
}

/* ---- lost files ---- */

/* The sessions that are left of each namespace: of those that are gone nothing says whose they were. */
static void
set_counts(struct gs_table *t, const int64_t left[GS_NAMESPACES])
{
	/* relaxed; who attached before is on his way out, and what he still does the next recount puts right */
	for (uint32_t id = 1; id < GS_NAMESPACES; id++)
		if (atomic_load_explicit(&t->ns_lines[id].n, memory_order_relaxed) != left[id]) {
			atomic_store_explicit(&t->ctl->ns[id].recounted, 1, memory_order_relaxed);
			atomic_store_explicit(&t->ns_lines[id].n, left[id], memory_order_relaxed);
		}
}

uint64_t
gs_store_forget(struct gs_table *t, uint32_t arenas)
{
	int64_t left[GS_NAMESPACES] = { 0 };
	uint64_t n = 0;

	/* release; pairs with the acquire in gs_handle_enter: who attached before knows other files */
	(void)atomic_fetch_add_explicit(&t->ctl->retired, 1, memory_order_release);
	t->retired = atomic_load_explicit(&t->ctl->retired, memory_order_relaxed);
	for (uint64_t o = 0; o < gs_table_entries(t); o++) {
		_Atomic uint64_t *at = gs_table_entry(t, o);
		uint64_t e = atomic_load_explicit(at, memory_order_relaxed);
		const struct gs_slot *s = gs_table_slot(t, e);

		if (e != 0 && (arenas >> (gs_entry_ring(e) * GS_MAX_CLASSES + gs_entry_class(e)) & 1) == 0) {
			if ((e & GS_ENTRY_TENT) == 0 && s != NULL)
				left[s->ns % GS_NAMESPACES]++;
			continue;
		}
		/* What it counts outside its home is too much then, which the slow walk trims. */
		if (e == 0 || !atomic_compare_exchange_strong_explicit(at, &e, 0, memory_order_acq_rel, memory_order_acquire))
			continue;
		if ((e & GS_ENTRY_TENT) == 0)
			(void)atomic_fetch_sub_explicit(&t->idx->population[gs_entry_ring(e)].n, 1, memory_order_relaxed);
		n++;
	}
	set_counts(t, left);
	return n;
}
