/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/recover.h"

#include <string.h>
#include <time.h>

#include "base/atomic.h"
#include "shm/bond.h"
#include "shm/namespaces.h"
#include "shm/record.h"
#include "shm/store.h"
#include "shm/tomb.h"

enum {
	TRIES = 100,
	LOOKS = 8,			/* of a recount */
	AHEAD = 8,			/* slots that are fetched before they are looked at */
};

static bool
is_ctx_live(const struct gs_table *t, uint32_t id)
{
	/* acquire; pairs with the daemon's release: the page is clean before the state says LIVE */
	return id < GS_MAX_CTX && atomic_load_explicit(&t->ctl->reg[id].state, memory_order_acquire) == GS_CTX_LIVE;
}

/* The hash of a slot whose word is w; false when the slot is not that any more. */
static bool
hash_of(const struct gs_slot *s, uint64_t w, uint64_t *out)
{
	*out = __atomic_load_n(&s->hash, __ATOMIC_RELAXED);
	return gs_record_is_same(s, w);
}

/* The same, and its namespace. */
static bool
load_names(const struct gs_slot *s, uint64_t w, uint64_t *hash, uint32_t *ns)
{
	*ns = __atomic_load_n(&s->ns, __ATOMIC_RELAXED);
	return hash_of(s, w, hash);
}

static void
arm(struct gs_table *t, uint32_t addr, const struct gs_slot *s)
{
	struct gs_arena *a = gs_table_arena(t, gs_entry_ring(addr), gs_entry_class(addr));
	uint64_t next = gs_record_next_ms(t, a->ring, s);
	uint32_t never = GS_DUE_NEVER;

	(void)atomic_compare_exchange_strong_explicit(&a->due[gs_entry_slot(addr)], &never, gs_record_due(next), memory_order_relaxed,
	    memory_order_relaxed);
}

/* HELD: a living client lists it, whether it is his or not. */
enum verdict { SLOT_RIGHT, SLOT_MENDED, SLOT_CHANGED, SLOT_HELD };

static enum verdict
mend_free(struct gs_table *t, uint32_t addr)
{
	if (gs_slots_has_bit(t, addr))
		return SLOT_RIGHT;
	if (gs_slots_is_listed(t, addr))
		return SLOT_HELD;
	gs_slots_set_bit(t, addr);
	return SLOT_MENDED;
}

static enum verdict
mend_live(struct gs_table *t, uint32_t addr, const struct gs_slot *s)
{
	struct gs_arena *a = gs_table_arena(t, gs_entry_ring(addr), gs_entry_class(addr));

	(void)gs_store_settle(t, addr);
	if (atomic_load_explicit(&a->due[gs_entry_slot(addr)], memory_order_relaxed) != GS_DUE_NEVER)
		return SLOT_RIGHT;
	arm(t, addr, s);
	return SLOT_RIGHT;
}

static enum verdict
mend_retired(struct gs_table *t, uint32_t addr)
{
	if (gs_store_has_bit(t, addr))
		return SLOT_RIGHT;
	gs_store_set_bit(t, addr);
	return SLOT_MENDED;
}

static enum verdict
look(struct gs_table *t, uint32_t addr)
{
	struct gs_slot *s = gs_table_slot(t, addr);
	/* acquire; pairs with the release of READY in gs_record_write, and with gs_slots_free */
	uint64_t w = atomic_load_explicit(&s->W, memory_order_acquire), hash;

	if (gs_word_state(w) == GS_SLOT_FREE)
		return mend_free(t, addr);
	if (gs_store_is_retired(t, addr, w))
		return mend_retired(t, addr);
	if (gs_slots_is_listed(t, addr))
		return SLOT_HELD;
	if (gs_word_state(w) == GS_SLOT_READY) {
		if (!hash_of(s, w, &hash))
			return SLOT_CHANGED;
		if (gs_index_ordinal_of(t, hash, addr, gs_word_gen(w)) != UINT64_MAX)
			return mend_live(t, addr, s);
	}
	/* It left the index before we looked there, so its new owner had listed it by then. */
	if (gs_slots_is_listed(t, addr))
		return SLOT_CHANGED;
	if ((w & GS_WORD_PUBLISHED) != 0 && gs_store_has(t, addr))
		return gs_store_settle(t, addr) ? SLOT_MENDED : SLOT_CHANGED;
	return gs_slots_free(t, addr, w) ? SLOT_MENDED : SLOT_CHANGED;
}

static enum verdict
settle(struct gs_table *t, uint32_t addr)
{
	for (int tries = 0; tries < TRIES; tries++) {
		enum verdict v = look(t, addr);

		if (v != SLOT_CHANGED)
			return v;
	}
	return SLOT_HELD;	/* somebody is busy with it */
}

bool
gs_recover_slot(struct gs_table *t, uint32_t addr)
{
	return settle(t, addr) == SLOT_MENDED;
}

/* Kill one tentative entry if its context is not alive (or is `ctx`). */
static bool
kill_entry(struct gs_table *t, _Atomic uint64_t *at)
{
	/* acquire, then acq_rel; pair with place_tentative, and with commit_insert should its owner live after all */
	uint64_t e = atomic_load_explicit(at, memory_order_acquire);
	struct gs_slot *s;

	if ((e & GS_ENTRY_TENT) == 0)
		return false;
	s = gs_table_slot(t, e);
	/* acquire; pairs with the release of READY in gs_record_write */
	if (s != NULL && is_ctx_live(t, gs_word_ctx(atomic_load_explicit(&s->W, memory_order_acquire))))
		return false;
	return atomic_compare_exchange_strong_explicit(at, &e, 0, memory_order_acq_rel, memory_order_acquire);
}

/*
 * An entry of one of a hash's places whose session must not be there, for its own sake or because its namespace is not: 1 out,
 * 0 none of that, -1 it changed.
 */
static int
end_entry(struct gs_table *t, uint64_t hash, uint64_t ordinal, bool is_over)
{
	struct gs_hit hit = { .at = gs_table_entry(t, ordinal), .ordinal = ordinal };
	uint64_t found;
	uint32_t ns;

	/* acquire, both; pair with the compare-and-swaps that publish, and with the release of READY in gs_record_write */
	hit.entry = atomic_load_explicit(hit.at, memory_order_acquire);
	hit.slot = gs_table_slot(t, hit.entry);
	if (hit.entry == 0 || (hit.entry & GS_ENTRY_TENT) != 0 || hit.slot == NULL)
		return 0;
	hit.w = atomic_load_explicit(&hit.slot->W, memory_order_acquire);
	if (gs_word_state(hit.w) != GS_SLOT_READY || (gs_word_gen(hit.w) & GS_GEN_MASK) != gs_entry_gen(hit.entry) ||
	    !load_names(hit.slot, hit.w, &found, &ns))
		return atomic_load_explicit(hit.at, memory_order_acquire) == hit.entry ? 0 : -1;
	/* Asked in any case: the removal of its namespace may have been past it. */
	if (found != hash || (gs_namespaces_reopen(t, ns) && !is_over))
		return 0;
	hit.place = gs_index_place_of(t, hash, ordinal);
	if (!gs_index_remove(t, &hit, hash))
		return -1;
	gs_namespaces_unreserve(t, ns);
	(void)atomic_fetch_sub_explicit(&t->idx->population[gs_entry_ring(hit.entry)].n, 1, memory_order_relaxed);
	(void)settle(t, gs_entry_addr(hit.entry));
	return 1;
}

/* What hangs on a session that the dead one was ending; what it was putting to hang on one is not known. */
static void
mark_bonds(struct gs_table *t, uint64_t hash)
{
	if (hash != 0 && atomic_load_explicit(&t->ctl->is_tokens, memory_order_relaxed) != 0)
		gs_bond_mark_all(t);
	else if (hash != 0)
		gs_bond_mark_end(t, hash);
}

/*
 * Who died may have ended a session for good and not have taken it out, or have started one that somebody else ended so, one
 * of whose key a namespace was made, or one of a namespace that was removed.
 */
static void
finish_end(struct gs_table *t, uint64_t hash)
{
	bool is_over = hash != 0 && (gs_tomb_find(t, hash, gs_table_now_ms(t)) == GS_TOMB_FINAL || gs_namespaces_has_hash(t, hash));
	struct gs_probe p;

	if (!is_over && (hash == 0 || !gs_namespaces_are_used(t)))
		return;
	/* Our look at the entries is behind that at the tombstone, as in gs_kv_end_hit. */
	gs_fence_full();
	gs_index_probe(t, hash, &p);
	for (int place = 0; place < GS_PLACES; place++)
		for (uint64_t i = 0; i < GS_BUCKET_ENTRIES; i++)
			for (int tries = 0; tries < TRIES; tries++)
				if (end_entry(t, hash, p.bucket[place] * GS_BUCKET_ENTRIES + i, is_over) >= 0)
					break;
}

uint32_t
gs_recover_ctx(struct gs_table *t, uint32_t id)
{
	struct gs_ctx_page *page = &t->ctx[id];
	/* acquire; pairs with the releases of op_entry in index.c */
	uint64_t op = atomic_load_explicit(&page->op_entry, memory_order_acquire), ending;
	uint32_t mended = 0;

	if (op > 0 && op <= gs_table_entries(t))
		(void)kill_entry(t, gs_table_entry(t, op - 1));
	atomic_store_explicit(&page->op_entry, 0, memory_order_relaxed);
	/* acquire; pairs with the releases in kv_end.c: what the dead one did before is seen */
	ending = atomic_load_explicit(&page->op_end, memory_order_acquire);
	finish_end(t, ending);
	mark_bonds(t, ending);
	atomic_store_explicit(&page->op_end, 0, memory_order_relaxed);
	for (int i = 0; i < GS_HELD_CELLS; i++) {
		/* acquire; pairs with the release in slots.c */
		uint32_t addr = atomic_load_explicit(&page->held[i], memory_order_acquire);
		enum verdict v = addr != 0 && gs_table_slot(t, addr - 1) != NULL ? settle(t, addr - 1) : SLOT_RIGHT;

		mended += v == SLOT_MENDED;
		if (v != SLOT_HELD)
			atomic_store_explicit(&page->held[i], 0, memory_order_relaxed);
	}
	return mended;
}

bool
gs_recover_is_done(const struct gs_table *t, uint32_t id)
{
	for (int i = 0; i < GS_HELD_CELLS; i++)
		if (atomic_load_explicit(&t->ctx[id].held[i], memory_order_relaxed) != 0)
			return false;
	return true;
}

void
gs_recover_forget(struct gs_table *t, uint32_t id)
{
	for (int i = 0; i < GS_HELD_CELLS; i++)
		atomic_store_explicit(&t->ctx[id].held[i], 0, memory_order_relaxed);
}

static bool
is_home(const struct gs_table *t, uint64_t bucket)
{
	return bucket < t->n_groups * GS_GROUP_BUCKETS && bucket % GS_GROUP_BUCKETS != GS_GROUP_HOMES;
}

uint64_t
gs_recover_entries(struct gs_table *t, uint64_t from, uint64_t n)
{
	uint64_t end = gs_min_u64(from + n, t->n_buckets), killed = 0;

	for (uint64_t b = from; b < end; b++) {
		for (int i = 0; i < GS_BUCKET_ENTRIES; i++)
			killed += kill_entry(t, &t->buckets[b].e[i]);
		if (is_home(t, b))
			gs_index_trim(t, b);
	}
	return killed;
}

/* Fetch what will be looked at soon: a slot, and where the index has the record in a nearer one. */
static void
prefetch_ahead(const struct gs_table *t, const struct gs_arena *a, uint32_t slot)
{
	const struct gs_slot *near = (const void *)(a->slots + gs_min_u64(slot + AHEAD / 2, a->n_slots - 1) * a->slot_size);

	gs_prefetch(a->slots + gs_min_u64(slot + AHEAD, a->n_slots - 1) * a->slot_size);
	if (gs_slots_is_committed(a, (uint32_t)gs_min_u64(slot + AHEAD / 2, a->n_slots - 1)))
		gs_index_prefetch_home(t, __atomic_load_n(&near->hash, __ATOMIC_RELAXED));
}

/* The slots of one arena from at->slot on; returns how many were looked at. */
static uint32_t
walk_arena(struct gs_table *t, struct gs_recover_cursor *at, uint32_t budget, uint64_t *repairs)
{
	struct gs_arena *a = &t->arena[at->arena];
	uint32_t seen = 0;

	while (gs_table_has(t, a) && at->slot < a->n_slots && seen < budget) {
		if (at->slot % a->seg_slots == 0 && !gs_slots_is_committed(a, at->slot)) {
			at->slot += a->seg_slots;
			continue;
		}
		prefetch_ahead(t, a, at->slot);
		*repairs += gs_recover_slot(t, gs_entry_addr(gs_entry(0, 0, a->ring, a->class_id, at->slot)));
		at->slot++;
		seen++;
	}
	if (!gs_table_has(t, a) || at->slot >= a->n_slots) {
		at->arena++;
		at->slot = 0;
	}
	return seen;
}

uint64_t
gs_recover_step(struct gs_table *t, struct gs_recover_cursor *at, uint32_t budget)
{
	uint64_t repairs = 0;

	while (budget > 0 && at->arena < GS_MAX_ARENAS)
		budget -= walk_arena(t, at, budget, &repairs);
	if (budget > 0 && at->bucket < t->n_buckets) {
		repairs += gs_recover_entries(t, at->bucket, budget);
		at->bucket += budget;
	}
	at->done = at->arena == GS_MAX_ARENAS && at->bucket >= t->n_buckets;
	return repairs;
}

/* Whose entry is it? Of a slot that is another record's by now it is a look that was disturbed, as others are. */
static void
tally_entry(struct gs_table *t, uint64_t e, bool has_namespaces, struct gs_tally *n)
{
	const struct gs_slot *s;
	uint32_t ns;

	if (e == 0 || (e & GS_ENTRY_TENT) != 0)
		return;
	n->of_ring[gs_entry_ring(e)]++;
	s = has_namespaces ? gs_table_slot(t, e) : NULL;
	ns = s == NULL ? 0 : __atomic_load_n(&s->ns, __ATOMIC_RELAXED);
	if (ns < GS_NAMESPACES)
		n->of_ns[ns]++;
}

/* The entries from `from` on, up to the one before `end`. */
static void
count_entries(struct gs_table *t, uint64_t from, uint64_t end, struct gs_tally *n)
{
	bool has_namespaces = gs_namespaces_are_used(t);

	for (uint64_t o = from; o < end; o++) {
		const struct gs_slot *s = NULL;

		if (has_namespaces && o + AHEAD < gs_table_entries(t))
			s = gs_table_slot(t, atomic_load_explicit(gs_table_entry(t, o + AHEAD), memory_order_relaxed));
		if (s != NULL)
			gs_prefetch(&s->ns);
		/* acquire; keeps the second look at the counters behind it, as theirs keeps this behind the first */
		tally_entry(t, atomic_load_explicit(gs_table_entry(t, o), memory_order_acquire), has_namespaces, n);
	}
}

static void
load_counters(const struct gs_table *t, struct gs_tally *n)
{
	for (uint32_t i = 0; i < t->n_rings; i++)
		n->of_ring[i] = atomic_load_explicit(&t->idx->population[i].n, memory_order_acquire);
	for (uint32_t i = 0; i < GS_NAMESPACES; i++)
		n->of_ns[i] = atomic_load_explicit(&t->ns_lines[i].n, memory_order_acquire);
}

/* Modulo 2^64: a damaged counter may be anything, and is put right all the same. */
static int64_t
less(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

/* One look at one counter: by what it differed at least and at most. */
static void
look_at_counter(struct gs_recounted *r, bool is_first, int64_t before, int64_t n, int64_t after)
{
	int64_t least = less(gs_min_i64(before, after), n), most = less(gs_max_i64(before, after), n);

	r->least = is_first ? least : gs_min_i64(r->least, least);
	r->most = is_first ? most : gs_max_i64(r->most, most);
}

static void
correct(_Atomic int64_t *counter, const struct gs_recounted *r)
{
	if (r->least > 0 || r->most < 0)
		(void)atomic_fetch_sub_explicit(counter, r->least > 0 ? r->least : r->most, memory_order_relaxed);
}

/* First that it was: whoever stood still between his counting and his entry in all looks was taken for the dead. */
static void
correct_namespace(struct gs_table *t, uint32_t id, const struct gs_recounted *r)
{
	if (r->least > 0 || r->most < 0)
		atomic_store_explicit(&t->ctl->ns[id].recounted, 1, memory_order_release);	/* release; keeps it before the count */
	correct(&t->ns_lines[id].n, r);
}

/* All entries are counted: one look more is made. */
static void
end_look(struct gs_table *t, struct gs_recount *r)
{
	struct gs_tally after;

	load_counters(t, &after);
	for (uint32_t i = 0; i < t->n_rings; i++)
		look_at_counter(&r->of_ring[i], r->looks == 0, r->before.of_ring[i], r->n.of_ring[i], after.of_ring[i]);
	for (uint32_t i = 1; i < GS_NAMESPACES; i++)
		look_at_counter(&r->of_ns[i], r->looks == 0, r->before.of_ns[i], r->n.of_ns[i], after.of_ns[i]);
	r->looks++;
	r->at = 0;
}

bool
gs_recover_recount(struct gs_table *t, struct gs_recount *r, uint64_t budget)
{
	uint64_t end = gs_min_u64(gs_table_entries(t), gs_add_sat(r->at, budget));

	if (r->at == 0) {
		r->n = (struct gs_tally){ 0 };
		load_counters(t, &r->before);
	}
	count_entries(t, r->at, end, &r->n);
	r->at = end;
	if (end < gs_table_entries(t))
		return false;
	end_look(t, r);
	if (r->looks < LOOKS)
		return false;
	for (uint32_t i = 0; i < t->n_rings; i++)
		correct(&t->idx->population[i].n, &r->of_ring[i]);
	for (uint32_t i = 1; i < GS_NAMESPACES; i++)
		correct_namespace(t, i, &r->of_ns[i]);
	*r = (struct gs_recount){ 0 };
	return true;
}

void
gs_recover_population(struct gs_table *t)
{
	const struct timespec apart = { .tv_nsec = 1000000 };
	struct gs_recount r = { 0 };

	while (!gs_recover_recount(t, &r, UINT64_MAX))
		(void)nanosleep(&apart, NULL);
}
