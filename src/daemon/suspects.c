/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "daemon/suspects_impl.h"
#include "policy/quota.h"
#include "shm/index.h"
#include "shm/slots.h"

enum {
	FIRST_CAP = 64,
	CELLS_PER_SUSPECT = 4,			/* of a finder: at most half full until the next tick makes it anew */
	WALK_AHEAD = 8,				/* slots that are fetched before they are looked at */
};

/* ---- finding ---- */

static uint32_t
cell_of(const struct finder *f, uint64_t what)
{
	return (uint32_t)((what * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & f->mask;
}

static void
finder_add(struct finder *f, uint64_t what, uint32_t place)
{
	uint32_t i = cell_of(f, what);

	while (f->cell[i] != 0)
		i = (i + 1) & f->mask;
	f->cell[i] = place + 1;
}

uint32_t
suspects_find_ordinal(const struct suspects *s, uint64_t ordinal)
{
	const struct finder *f = &s->by_ordinal;

	if (s->cap == 0)
		return SUSPECTS_NOT_FOUND;
	for (uint32_t i = cell_of(f, ordinal); f->cell[i] != 0; i = (i + 1) & f->mask)
		if (s->list[f->cell[i] - 1].ordinal == ordinal)
			return f->cell[i] - 1;
	return SUSPECTS_NOT_FOUND;
}

/* Is the record in this slot that of somebody listed? */
static bool
is_known(const struct suspects *s, uint32_t addr, uint32_t gen)
{
	const struct finder *f = &s->by_addr;

	if (s->cap == 0)
		return false;
	for (uint32_t i = cell_of(f, addr); f->cell[i] != 0; i = (i + 1) & f->mask) {
		const struct suspect *e = &s->list[f->cell[i] - 1];

		if (e->ordinal != SUSPECTS_GONE && gs_entry_addr(e->entry) == addr && gs_entry_gen(e->entry) == (gen & GS_GEN_MASK))
			return true;
	}
	return false;
}

uint32_t
suspects_find_serial(const struct suspects *s, uint64_t serial)
{
	uint32_t low = 0, high = s->n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (s->list[middle].serial < serial)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->n && s->list[low].serial == serial && s->list[low].ordinal != SUSPECTS_GONE ? low : SUSPECTS_NOT_FOUND;
}

static void
fill_finders(struct suspects *s)
{
	size_t bytes = ((size_t)s->by_addr.mask + 1) * sizeof(uint32_t);

	if (s->cap == 0)
		return;
	memset(s->by_ordinal.cell, 0, bytes);
	memset(s->by_addr.cell, 0, bytes);
	for (uint32_t i = 0; i < s->n; i++) {
		finder_add(&s->by_ordinal, s->list[i].ordinal, i);
		finder_add(&s->by_addr, gs_entry_addr(s->list[i].entry), i);
	}
	s->is_stale = false;
}

/* Room for one more; false when the list is as long as it may be, or there is no memory. */
static bool
make_room(struct suspects *s)
{
	uint32_t cap = s->cap == 0 ? FIRST_CAP : s->cap * 2;
	uint32_t *ordinals, *addrs;
	struct suspect *list;

	if (s->n < s->cap)
		return true;
	if (s->cap == SUSPECTS_MAX)
		return false;
	list = realloc(s->list, cap * sizeof(*list));
	if (list == NULL)
		return false;
	s->list = list;
	ordinals = calloc((size_t)cap * CELLS_PER_SUSPECT, sizeof(*ordinals));
	addrs = calloc((size_t)cap * CELLS_PER_SUSPECT, sizeof(*addrs));
	if (ordinals == NULL || addrs == NULL) {
		free(ordinals);
		free(addrs);
		return false;
	}
	free(s->by_ordinal.cell);
	free(s->by_addr.cell);
	s->by_ordinal = (struct finder){ ordinals, cap * CELLS_PER_SUSPECT - 1 };
	s->by_addr = (struct finder){ addrs, cap * CELLS_PER_SUSPECT - 1 };
	s->cap = cap;
	fill_finders(s);
	return true;
}

/* ---- one suspect ---- */

static bool
is_in_suspect_ring(const struct suspects *s, uint64_t entry)
{
	return s->t->ctl->ring[gs_entry_ring(entry)].kind == GS_RING_SUSPECT;
}

static bool
is_accused(const struct suspects *s, uint64_t entry, uint64_t offence)
{
	return is_in_suspect_ring(s, entry) || gs_offence_since_ms(offence) != 0;
}

bool
suspects_is_held(const struct suspect *e, uint64_t now_ms)
{
	return e->holder != 0 && now_ms <= e->lease_until_ms;
}

/* What it would be if no reaper had it. */
enum suspects_state
suspects_free_state(const struct suspects *s, const struct suspect *e, uint64_t now_ms)
{
	const struct gs_quota_cfg *q = &s->t->ctl->quota;
	uint32_t expel_after = atomic_load_explicit(&q->expel_after, memory_order_relaxed);

	if (expel_after > 0 && e->offences >= expel_after)
		return SUSPECTS_LISTED;
	if (is_in_suspect_ring(s, e->entry))
		return now_ms < gs_add_sat(e->since_ms, atomic_load_explicit(&q->hold_ms, memory_order_relaxed)) ? SUSPECTS_HELD : SUSPECTS_SLOW;
	/* Those for whom there was no room in the suspect ring are slowed down where they are. */
	return atomic_load_explicit(&q->action, memory_order_relaxed) == GS_QUOTA_REPORT ? SUSPECTS_REPORTED : SUSPECTS_SLOW;
}

/* Take over what its slot says of the accusation, and see what state it is in by now. */
static void
judge_state(struct suspects *s, struct suspect *e, uint64_t offence, uint64_t now_ms)
{
	uint64_t since_ms = gs_offence_since_ms(offence);
	enum suspects_state was = e->state;
	uint32_t offences = gs_offence_count(offence);

	if (since_ms != 0)
		e->since_ms = since_ms;
	if (offences > e->offences)
		e->quiet_until_ms = 0;
	if (offences != e->offences)
		s->revision++;
	if (e->quiet_until_ms != 0 && now_ms >= e->quiet_until_ms) {
		e->quiet_until_ms = 0;
		s->revision++;
	}
	e->offences = offences;
	if (e->holder != 0 && !suspects_is_held(e, now_ms))
		e->holder = 0;
	e->state = e->holder != 0 ? SUSPECTS_LEASED : suspects_free_state(s, e, now_ms);
	if (e->state != was)
		s->revision++;
}

static void
drop(struct suspects *s, struct suspect *e)
{
	if (e->ordinal == SUSPECTS_GONE)
		return;
	e->ordinal = SUSPECTS_GONE;
	s->n_gone++;
	s->revision++;
}

static void
begin(struct suspects *s, uint32_t place, const struct gs_meta *meta, uint64_t now_ms)
{
	struct suspect *e = &s->list[place];

	*e = (struct suspect){
		.ordinal = meta->ordinal, .entry = meta->entry, .birth = meta->birth, .serial = ++s->last_serial, .since_ms = now_ms,
		.offences = gs_offence_count(meta->offence), .state = SUSPECTS_STATES,
	};
	finder_add(&s->by_ordinal, e->ordinal, place);
	finder_add(&s->by_addr, gs_entry_addr(e->entry), place);
	judge_state(s, e, meta->offence, now_ms);
}

static void
follow(struct suspects *s, struct suspect *e, const struct gs_meta *meta, uint64_t now_ms)
{
	if (e->entry != meta->entry) {
		e->entry = meta->entry;
		s->is_stale = true;
	}
	judge_state(s, e, meta->offence, now_ms);
}

void
suspects_note(struct suspects *s, const struct gs_meta *meta, uint64_t now_ms)
{
	uint32_t place;

	if (s == NULL || !is_accused(s, meta->entry, meta->offence))
		return;
	place = suspects_find_ordinal(s, meta->ordinal);
	if (place != SUSPECTS_NOT_FOUND && s->list[place].birth == meta->birth) {
		follow(s, &s->list[place], meta, now_ms);
		return;
	}
	if (place != SUSPECTS_NOT_FOUND)
		drop(s, &s->list[place]);
	if (!make_room(s)) {
		gs_ctx_count(s->c, GS_COUNT_UNLISTED);
		return;
	}
	begin(s, s->n++, meta, now_ms);
}

/* The session of a place, as it is now. False when it is none any more, or accused no longer: dropped. */
bool
suspects_look_again(struct suspects *s, struct suspect *e, uint64_t now_ms, struct gs_meta *meta)
{
	int rc;

	if (e->ordinal == SUSPECTS_GONE)
		return false;
	rc = gs_kv_at(s->t, s->c, e->ordinal, now_ms, meta);
	/* Writers were faster every time: it is there, and is looked at again. */
	if (rc == GS_EAGAIN)
		return false;
	if (rc < 0 || meta->birth != e->birth || !is_accused(s, meta->entry, meta->offence)) {
		drop(s, e);
		return false;
	}
	follow(s, e, meta, now_ms);
	return true;
}

/* ---- a tick ---- */

/* An entry that names the same record says that the session lives, and the slot whether it is accused. */
static void
check(struct suspects *s, struct suspect *e, uint64_t now_ms)
{
	/* acquire; pairs with the compare-and-swap that published it: the slot is READY */
	uint64_t entry = atomic_load_explicit(gs_table_entry(s->t, e->ordinal), memory_order_acquire), o;
	struct gs_meta meta;

	if (entry == e->entry) {
		o = atomic_load_explicit(&gs_table_slot(s->t, entry)->O, memory_order_relaxed);
		if (gs_timed_gen(o) == gs_entry_gen(entry) && is_accused(s, entry, gs_timed_value(o))) {
			judge_state(s, e, gs_timed_value(o), now_ms);
			return;
		}
	}
	(void)suspects_look_again(s, e, now_ms, &meta);
}

/* Forget those who are gone; the others stay in order. */
static void
close_ranks(struct suspects *s)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < s->n; i++)
		if (s->list[i].ordinal != SUSPECTS_GONE)
			s->list[kept++] = s->list[i];
	s->n = kept;
	s->n_gone = 0;
	s->is_stale = true;
}

static void
check_listed(struct suspects *s, uint64_t now_ms)
{
	for (uint32_t left = gs_min_u64(s->n, SUSPECTS_LOOKS); left > 0; left--) {
		if (s->check_at >= s->n)
			s->check_at = 0;
		if (s->list[s->check_at].ordinal != SUSPECTS_GONE)
			check(s, &s->list[s->check_at], now_ms);
		s->check_at++;
	}
	if (s->n_gone > 0)
		close_ranks(s);
	if (s->is_stale)
		fill_finders(s);
}

/* List the session whose record is in a slot, if it is accused. */
static void
look_at_slot(struct suspects *s, struct gs_arena *a, uint32_t slot, uint64_t now_ms)
{
	uint32_t addr = gs_entry_addr(gs_entry(0, 0, a->ring, a->class_id, slot));
	struct gs_slot *at = gs_table_slot(s->t, addr);
	uint64_t w, ordinal;
	struct gs_meta meta;

	/* For all but a few this is the only line of the slot that is looked at. */
	if (!is_accused(s, addr, gs_timed_value(atomic_load_explicit(&at->O, memory_order_relaxed))))
		return;
	/* acquire; pairs with the release of READY in gs_record_write */
	w = atomic_load_explicit(&at->W, memory_order_acquire);
	if (gs_word_state(w) != GS_SLOT_READY || is_known(s, addr, gs_word_gen(w)))
		return;
	ordinal = gs_index_ordinal_of(s->t, __atomic_load_n(&at->hash, __ATOMIC_RELAXED), addr, gs_word_gen(w));
	if (ordinal != UINT64_MAX && gs_kv_at(s->t, s->c, ordinal, now_ms, &meta) == 0)
		suspects_note(s, &meta, now_ms);
}

/* The slots in use of an arena, from ring_slot on; the bitmap tells sixty-four of them apart from free ones by one word. Returns how many there were. */
static uint32_t
look_at_arena(struct suspects *s, struct gs_arena *a, uint32_t budget, uint64_t now_ms)
{
	uint32_t seen = 0;

	for (; s->ring_slot < a->n_slots && seen < budget; s->ring_slot += 64) {
		uint64_t used;

		if (s->ring_slot % a->seg_slots == 0 && !gs_slots_is_committed(a, s->ring_slot)) {
			s->ring_slot += a->seg_slots - 64;
			continue;
		}
		used = ~atomic_load_explicit(&a->bitmap[s->ring_slot / 64], memory_order_relaxed);
		for (; used != 0; used &= used - 1, seen++)
			look_at_slot(s, a, s->ring_slot + (uint32_t)__builtin_ctzll(used), now_ms);
	}
	return seen;
}

/* Once through the suspect ring, or a piece of it when it is large. */
static void
look_at_suspect_ring(struct suspects *s, uint64_t now_ms)
{
	uint32_t ring = gs_table_suspect(s->t), budget = SUSPECTS_LOOKS, seen;

	if (ring == GS_RING_NONE || atomic_load_explicit(&s->t->idx->population[ring].n, memory_order_relaxed) == 0)
		return;
	for (; s->ring_class < GS_MAX_CLASSES; s->ring_class++, s->ring_slot = 0) {
		struct gs_arena *a = gs_table_arena(s->t, ring, s->ring_class);

		if (!gs_table_has(s->t, a))
			continue;
		seen = look_at_arena(s, a, budget, now_ms);
		if (s->ring_slot < a->n_slots)
			return;
		budget -= gs_min_u64(budget, seen);
	}
	s->ring_class = 0;
}

/* A piece of the walk over all slots: whoever was accused when nobody could tell us. Returns how many slots of the arena it looked at. */
static uint32_t
walk_arena(struct suspects *s, uint32_t budget, uint64_t now_ms)
{
	struct gs_arena *a = &s->t->arena[s->walk_arena];
	uint32_t seen = 0;

	while (gs_table_has(s->t, a) && s->walk_slot < a->n_slots && seen < budget) {
		if (s->walk_slot % a->seg_slots == 0 && !gs_slots_is_committed(a, s->walk_slot)) {
			s->walk_slot += a->seg_slots;
			continue;
		}
		gs_prefetch(a->slots + gs_min_u64(s->walk_slot + WALK_AHEAD, a->n_slots - 1) * a->slot_size + offsetof(struct gs_slot, O));
		look_at_slot(s, a, s->walk_slot++, now_ms);
		seen++;
	}
	if (!gs_table_has(s->t, a) || s->walk_slot >= a->n_slots) {
		s->walk_arena++;
		s->walk_slot = 0;
	}
	return seen;
}

static void
walk(struct suspects *s, uint64_t now_ms)
{
	uint32_t budget = s->was_walked ? SUSPECTS_WALK : SUSPECTS_FIRST_WALK;

	while (budget > 0 && s->walk_arena < GS_MAX_ARENAS)
		budget -= walk_arena(s, budget, now_ms);
	if (s->walk_arena == GS_MAX_ARENAS) {
		s->walk_arena = 0;
		s->was_walked = true;
	}
}

void
suspects_tick(struct suspects *s, uint64_t now_ms)
{
	if (s == NULL)
		return;
	check_listed(s, now_ms);
	look_at_suspect_ring(s, now_ms);
	walk(s, now_ms);
}

/* ---- making ---- */

struct suspects *
suspects_new(struct gs_table *t, struct gs_ctx *c)
{
	struct suspects *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->t = t;
	s->c = c;
	s->revision = 1;
	return s;
}

void
suspects_free(struct suspects **sp)
{
	struct suspects *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	free(s->list);
	free(s->by_ordinal.cell);
	free(s->by_addr.cell);
	free(s);
}
