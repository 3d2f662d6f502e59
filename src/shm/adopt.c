/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/adopt.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gsession.h"
#include "policy/decay.h"
#include "shm/classes.h"
#include "shm/disk.h"
#include "shm/namespaces.h"
#include "shm/record.h"
#include "shm/region.h"

/* Nobody else works on the table: every access is relaxed. */

/* A slot whose bytes are right. */
struct found {
	uint64_t hash, version;
	uint32_t addr, birth;
	uint8_t turn;
	bool is_over;			/* ENDED, or its time is over */
};

struct adopting {
	struct gs_table *t;
	struct gs_ctx *c;
	struct gs_adopted *out;
	uint64_t now_ms;
	uint64_t *keeps[GS_MAX_ARENAS];	/* bit per slot: in the index */
	struct found *late;		/* those that READY ones are held against, and READY ones of which there were two */
	size_t n_late, late_cap;
};

static uint64_t
word_of(const struct gs_slot *s)
{
	return atomic_load_explicit(&s->W, memory_order_relaxed);
}

static struct gs_slot *
slot_of(struct adopting *a, uint32_t addr)
{
	struct gs_slot *s = gs_table_slot(a->t, addr);

	assert(s != NULL);	/* the address is of an arena that we walk */
	return s;
}

/* ---- one slot ---- */

/* Is what a slot says to hold there, byte for byte? Then d is it, its parts in place. */
static bool
is_whole(const struct gs_table *t, const struct gs_arena *arena, const struct gs_slot *s, struct gs_draft *d)
{
	memcpy(&d->head, s, sizeof(d->head));
	if (d->head.key_len == 0 || d->head.key_len > t->key_max || d->head.owner_len > GS_OWNER_BYTES ||
	    d->head.val_len > t->record_size ||
	    gs_record_value_off(d->head.key_len, d->head.owner_len, d->head.link_len) + (uint32_t)d->head.val_len > arena->slot_size)
		return false;
	d->key = s->data;
	d->owner = (const unsigned char *)s + gs_record_owner_off(d->head.key_len);
	d->link = (const unsigned char *)s + gs_record_link_off(d->head.key_len, d->head.owner_len);
	d->value = (const unsigned char *)s + gs_record_value_off(d->head.key_len, d->head.owner_len, d->head.link_len);
	return d->head.crc == gs_store_crc(gs_word_gen(word_of(s)), d) &&
	    d->head.ns < GS_NAMESPACES && d->head.hash == gs_key_hash(t, d->head.ns, d->key, d->head.key_len);
}

/* May the slot hold a session? Others are free, whatever is in them. */
static bool
may_hold(uint64_t w)
{
	return (w & GS_WORD_PUBLISHED) != 0 && (gs_word_state(w) == GS_SLOT_READY ||
	    gs_word_state(w) == GS_SLOT_REPLACED || gs_word_state(w) == GS_SLOT_ENDED);
}

/* The value of a word that changes in place, as long as it is of this record; of one that was carried over too. */
static uint64_t
value_of(const _Atomic uint64_t *word, uint32_t gen, uint64_t otherwise)
{
	uint64_t timed = atomic_load_explicit(word, memory_order_relaxed);
	uint32_t off = (gs_timed_gen(timed) ^ gen) & GS_GEN_MASK;

	return off == 0 || off == UINT32_C(1) << (GS_GEN_BITS - 1) ? gs_timed_value(timed) : otherwise;
}

static void
set_word(_Atomic uint64_t *word, uint64_t value, uint32_t gen)
{
	/* What is right is left alone: the disk has it already. */
	if (atomic_load_explicit(word, memory_order_relaxed) != gs_timed(value, gen))
		atomic_store_explicit(word, gs_timed(value, gen), memory_order_relaxed);
}

/* Make the words that change in place ones of this record, within bounds. */
static void
mend_words(struct adopting *a, struct gs_slot *s)
{
	uint32_t gen = gs_word_gen(word_of(s));
	uint64_t written_ms = gs_min_u64(s->mtime_ms, a->now_ms);
	uint64_t touched_ms = value_of(&s->T, gen, written_ms), last_ms, x, expires_ms;

	touched_ms = gs_min_u64(touched_ms, a->now_ms);
	last_ms = gs_min_u64(value_of(&s->A, gen, touched_ms), a->now_ms);
	expires_ms = gs_record_expiry(touched_ms, s->ttl_ms, s->deadline);
	/* 0: a sweep had claimed it, because its time was over, which will be seen again. */
	x = value_of(&s->X, gen, expires_ms);
	set_word(&s->X, x == 0 || x > expires_ms ? expires_ms : x, gen);
	set_word(&s->A, last_ms, gen);
	set_word(&s->I, gs_min_u64(value_of(&s->I, gen, GS_INTEREST_ONE), GS_INTEREST_MAX), gen);
	set_word(&s->T, touched_ms, gen);
	set_word(&s->H, value_of(&s->H, gen, 0), gen);
	set_word(&s->Q, value_of(&s->Q, gen, 0), gen);
	set_word(&s->O, value_of(&s->O, gen, 0), gen);
	set_word(&s->L, gs_min_u64(value_of(&s->L, gen, 0), a->now_ms), gen);
	set_word(&s->S, gs_min_u64(value_of(&s->S, gen, 0), a->now_ms), gen);
}

/* ---- the index ---- */

static void
keep(struct adopting *a, uint32_t addr, bool is_kept)
{
	uint64_t *word = &a->keeps[addr >> 27][gs_entry_slot(addr) / 64], bit = UINT64_C(1) << (gs_entry_slot(addr) % 64);

	*word = is_kept ? *word | bit : *word & ~bit;
}

/* Is the record of slot s older than this one? */
static bool
is_older(const struct gs_slot *s, const struct found *f)
{
	return s->version < f->version || (s->version == f->version && (int8_t)(uint8_t)(s->turn - f->turn) < 0);
}

static struct gs_key
key_of(const struct gs_slot *s)
{
	return (struct gs_key){ .hash = s->hash, .bytes = s->data, .len = s->key_len, .ns = s->ns };
}

static void
count(struct gs_table *t, uint32_t addr, int64_t n)
{
	const struct gs_slot *s = gs_table_slot(t, addr);

	if (s != NULL && s->ns != 0) {
		gs_namespaces_meet(t, s->ns);
		(void)atomic_fetch_add_explicit(&t->ns_lines[s->ns].n, n, memory_order_relaxed);
	}
	(void)atomic_fetch_add_explicit(&t->idx->population[gs_entry_ring(addr)].n, n, memory_order_relaxed);
}

static uint32_t
kin_of(const struct gs_table *t, const struct gs_slot *s)
{
	const unsigned char *base = (const unsigned char *)s;

	return gs_record_kin(t, s, base + gs_record_owner_off(s->key_len), base + gs_record_link_off(s->key_len, s->owner_len));
}

/* The due hint says when its ring must look at it, the kin whose it is. */
static void
arm(struct adopting *a, uint32_t addr)
{
	struct gs_arena *arena = gs_table_arena(a->t, gs_entry_ring(addr), gs_entry_class(addr));
	const struct gs_slot *s = slot_of(a, addr);
	uint64_t next_ms = gs_record_next_ms(a->t, arena->ring, s);

	atomic_store_explicit(&arena->due[gs_entry_slot(addr)], gs_record_due(next_ms), memory_order_relaxed);
	atomic_store_explicit(&arena->kin[gs_entry_slot(addr)], kin_of(a->t, s), memory_order_relaxed);
}

static struct found
found_of(struct adopting *a, uint32_t addr)
{
	const struct gs_slot *s = slot_of(a, addr);

	return (struct found){ .hash = s->hash, .version = s->version, .addr = addr, .birth = s->birth, .turn = s->turn };
}

static int
remember_late(struct adopting *a, const struct found *f)
{
	if (a->n_late == a->late_cap) {
		size_t cap = a->late_cap == 0 ? 1024 : 2 * a->late_cap;
		struct found *more = realloc(a->late, cap * sizeof(*more));

		if (more == NULL)
			return GS_ENOMEM;
		a->late = more;
		a->late_cap = cap;
	}
	a->late[a->n_late++] = *f;
	return 0;
}

/*
 * Put a READY slot into the index, unless a later record of its key is there. Which had to give way is in *other; its addr
 * is GS_RING_NONE when none had. Returns the birth of what is there now.
 */
static uint32_t
place(struct adopting *a, const struct found *f, struct found *other)
{
	struct gs_slot *s = slot_of(a, f->addr);
	struct gs_key k = key_of(s);
	uint32_t gen = gs_word_gen(word_of(s)), was;
	struct gs_hit hit;
	int rc = gs_index_insert(a->t, a->c, &k, f->addr, gen, &hit);

	other->addr = GS_RING_NONE;
	if (rc == 0) {
		was = gs_entry_addr(hit.entry);
		*other = *f;
		if (!is_older(slot_of(a, was), f) || !gs_index_replace(&hit, f->addr, gen))
			return slot_of(a, was)->birth;
		*other = found_of(a, was);
		keep(a, was, false);
		count(a->t, was, -1);
	} else if (rc < 0) {
		a->out->homeless++;
		return f->birth;
	}
	keep(a, f->addr, true);
	count(a->t, f->addr, 1);
	arm(a, f->addr);
	return f->birth;
}

/* Of two sessions that had the key, one after the other, the later one may turn out to have ended. */
static int
place_first(struct adopting *a, const struct found *f)
{
	struct found other;
	uint32_t birth = place(a, f, &other);

	return other.addr != GS_RING_NONE && other.birth != birth ? remember_late(a, &other) : 0;
}

/* The latest of a session's slots that are not simply READY has ended: what is older has too. */
static void
end_older(struct adopting *a, const struct found *f)
{
	struct gs_key k = key_of(slot_of(a, f->addr));
	struct gs_hit hit;

	/* The versions of two sessions do not say which of them came first. */
	bool is_there = gs_index_find(a->t, a->c, &k, GS_FETCH_HEAD, &hit) == 1 && hit.slot->birth == f->birth;

	if (is_there && !is_older(hit.slot, f))
		return;
	a->out->over++;
	if (!is_there || !gs_index_remove(a->t, &hit, k.hash))
		return;
	keep(a, gs_entry_addr(hit.entry), false);
	count(a->t, gs_entry_addr(hit.entry), -1);
}

/* It was replaced, and that is not on the disk, or it gave way to a session that has ended. */
static void
bring_back(struct adopting *a, const struct found *f)
{
	struct gs_slot *s = slot_of(a, f->addr);
	uint64_t w = word_of(s);
	struct gs_key k = key_of(s);
	struct found other;
	struct gs_hit hit;

	if (gs_index_find(a->t, a->c, &k, GS_FETCH_HEAD, &hit) == 1 && !is_older(hit.slot, f))
		return;
	atomic_store_explicit(&s->W, gs_word(gs_word_gen(w), gs_word_ctx(w), GS_SLOT_READY) | GS_WORD_PUBLISHED, memory_order_relaxed);
	(void)place(a, f, &other);
}

/* By hash and session, the latest first. */
static int
compare_found(const void *left, const void *right)
{
	const struct found *l = left, *r = right;
	int turns = (int8_t)(uint8_t)(r->turn - l->turn);

	if (l->hash != r->hash)
		return l->hash < r->hash ? -1 : 1;
	if (l->birth != r->birth)
		return l->birth < r->birth ? -1 : 1;
	if (l->version != r->version)
		return l->version > r->version ? -1 : 1;
	return turns != 0 ? turns : (l->addr > r->addr) - (l->addr < r->addr);
}

static void
judge_all_late(struct adopting *a)
{
	/* An array of none has no address, and qsort wants one. */
	if (a->n_late > 0)
		qsort(a->late, a->n_late, sizeof(a->late[0]), compare_found);
	for (int is_over = 1; is_over >= 0; is_over--)
		for (size_t i = 0; i < a->n_late; i++) {
			const struct found *f = &a->late[i];

			if (f->is_over != is_over || (i > 0 && f->hash == f[-1].hash && f->birth == f[-1].birth))
				continue;
			if (is_over)
				end_older(a, f);
			else
				bring_back(a, f);
		}
}

/* ---- arenas ---- */

static int
look_at(struct adopting *a, struct gs_arena *arena, uint32_t slot)
{
	struct found f = { .addr = gs_entry_addr(gs_entry(0, 0, arena->ring, arena->class_id, slot)) };
	struct gs_slot *s = slot_of(a, f.addr);
	uint64_t w = word_of(s);
	struct gs_draft d;

	if (!may_hold(w))
		return 0;
	if (!is_whole(a->t, arena, s, &d)) {
		a->out->damaged++;
		return 0;
	}
	mend_words(a, s);
	gs_classes_meet(a->t, s->class_id);
	f.hash = s->hash;
	f.birth = s->birth;
	f.version = s->version;
	f.turn = s->turn;
	f.is_over = gs_word_state(w) == GS_SLOT_ENDED || gs_record_is_over(a->t, arena->ring, s, a->now_ms);
	if (f.is_over || gs_word_state(w) == GS_SLOT_REPLACED)
		return remember_late(a, &f);
	return place_first(a, &f);
}

static bool
is_taken_over(const struct gs_past *past, const struct gs_arena *arena)
{
	return (past->arenas >> (arena->ring * GS_MAX_CLASSES + arena->class_id) & 1) != 0;
}

/* Call fn for each slot of the committed segments of the arenas taken over, until it fails. */
static int
each_slot(struct adopting *a, const struct gs_past *past, int (*fn)(struct adopting *a, struct gs_arena *arena, uint32_t slot))
{
	int rc = 0;

	for (uint32_t i = 0; i < GS_MAX_ARENAS; i++) {
		struct gs_arena *arena = &a->t->arena[i];

		if (arena->map == NULL || !is_taken_over(past, arena))
			continue;
		for (uint32_t slot = 0; slot < arena->n_slots && rc == 0; slot++)
			if (gs_slots_is_committed(arena, slot))
				rc = fn(a, arena, slot);
			else
				slot += arena->seg_slots - 1;
	}
	return rc;
}

/* The latest instant that a record speaks of: it was then that the store wrote last, or later. */
static int
note_time(struct adopting *a, struct gs_arena *arena, uint32_t slot)
{
	struct gs_slot *s = gs_table_slot(a->t, gs_entry(0, 0, arena->ring, arena->class_id, slot));
	struct gs_draft d;

	if (may_hold(word_of(s)) && is_whole(a->t, arena, s, &d))
		a->now_ms = gs_max_u64(a->now_ms, gs_max_u64(s->created, s->mtime_ms));
	return 0;
}

/* Segment states, bitmaps and due hints as of an empty arena whose memory is there. */
static int
clear_arena(struct adopting *a, struct gs_arena *arena)
{
	size_t bytes = arena->n_slots / 8;
	int rc = gs_slots_recommit(arena);

	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < arena->n_slots / 64; i++) {
		atomic_store_explicit(&arena->bitmap[i], 0, memory_order_relaxed);
		atomic_store_explicit(&arena->retired[i], 0, memory_order_relaxed);
	}
	for (uint32_t slot = 0; slot < arena->n_slots; slot++)
		if (gs_slots_is_committed(arena, slot))
			atomic_store_explicit(&arena->due[slot], GS_DUE_NEVER, memory_order_relaxed);
		else
			slot += arena->seg_slots - 1;
	a->keeps[arena->ring * GS_MAX_CLASSES + arena->class_id] = calloc(1, bytes);
	return a->keeps[arena->ring * GS_MAX_CLASSES + arena->class_id] == NULL ? GS_ENOMEM : 0;
}

static int
each_arena(struct adopting *a, const struct gs_past *past, int (*fn)(struct adopting *a, struct gs_arena *arena))
{
	int rc = 0;

	for (uint32_t i = 0; i < GS_MAX_ARENAS && rc == 0; i++)
		if (a->t->arena[i].map != NULL && is_taken_over(past, &a->t->arena[i]))
			rc = fn(a, &a->t->arena[i]);
	return rc;
}

static int
sync_arena(struct adopting *a, struct gs_arena *arena)
{
	(void)a;
	return gs_disk_sync(arena->fd);
}

/* ---- what is left ---- */

static int
free_slot(struct adopting *a, struct gs_arena *arena, uint32_t slot)
{
	uint32_t addr = gs_entry_addr(gs_entry(0, 0, arena->ring, arena->class_id, slot));
	struct gs_slot *s = slot_of(a, addr);
	uint64_t w = word_of(s);

	if ((a->keeps[addr >> 27][slot / 64] >> (slot % 64) & 1) != 0)
		return 0;
	if (gs_word_state(w) != GS_SLOT_FREE || (w & GS_WORD_PUBLISHED) != 0)
		atomic_store_explicit(&s->W, gs_word(gs_word_gen(w), 0, GS_SLOT_FREE), memory_order_relaxed);
	gs_slots_set_bit(a->t, addr);
	return 0;
}

/* What forbids an older record is needed until the disk has that one freed. */
static int
free_unended(struct adopting *a, struct gs_arena *arena, uint32_t slot)
{
	uint64_t w = word_of(gs_table_slot(a->t, gs_entry(0, 0, arena->ring, arena->class_id, slot)));

	return gs_word_state(w) == GS_SLOT_ENDED ? 0 : free_slot(a, arena, slot);
}

static int
settle_files(struct adopting *a, const struct gs_past *past)
{
	/* First what is kept, and then what is freed: a power cut in between must find the same. */
	int rc = each_arena(a, past, sync_arena);

	if (rc == 0)
		rc = each_slot(a, past, free_unended);
	if (rc == 0)
		rc = each_arena(a, past, sync_arena);
	return rc == 0 ? each_slot(a, past, free_slot) : rc;
}

int
gs_adopt_run(struct gs_table *t, struct gs_ctx *c, const struct gs_past *past, struct gs_adopted *out)
{
	struct adopting a = { .t = t, .c = c, .out = out, .now_ms = gs_table_now_ms(t) };
	int rc;

	memset(out, 0, sizeof(*out));
	rc = each_arena(&a, past, clear_arena);
	if (rc == 0)
		rc = each_slot(&a, past, note_time);
	if (rc == 0) {
		if (a.now_ms > gs_table_now_ms(t))
			gs_table_set_now(t, a.now_ms);
		rc = each_slot(&a, past, look_at);
	}
	if (rc == 0) {
		judge_all_late(&a);
		rc = settle_files(&a, past);
	}
	for (uint32_t i = 0; i < t->n_rings; i++)
		out->sessions += (uint64_t)atomic_load_explicit(&t->idx->population[i].n, memory_order_relaxed);
	for (uint32_t i = 0; i < GS_MAX_ARENAS; i++)
		free(a.keeps[i]);
	free(a.late);
	return rc;
}
