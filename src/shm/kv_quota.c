/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/kv_quota.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "shm/feedback.h"

enum { FOLLOWS = 100 };		/* how often a record that is replaced again and again is followed */

/* In L and S beside the ms: [46:41] attempts at that ms, or the code of the rate  [40:0] ms */
static uint64_t
pack(uint32_t top, uint64_t ms)
{
	return gs_offence(top, ms);
}

static uint64_t
word_of(const _Atomic uint64_t *word, uint32_t gen)
{
	uint64_t seen = atomic_load_explicit(word, memory_order_relaxed);

	return gs_timed_gen(seen) == gen ? gs_timed_value(seen) : 0;
}

/* The words of an accusation, as one looks at them. */
struct words {
	uint64_t q, o, l, s;
};

static void
load_words(struct words *w, const struct gs_slot *s, uint32_t gen)
{
	w->q = word_of(&s->Q, gen);
	w->o = word_of(&s->O, gen);
	w->l = word_of(&s->L, gen);
	w->s = word_of(&s->S, gen);
}

static void
unpack(struct gs_accused *a, const struct words *w)
{
	a->since_ms = gs_offence_since_ms(w->o);
	a->offences = gs_offence_count(w->o);
	a->attempts = gs_offence_count(w->l);
	a->attempt_ms = gs_offence_since_ms(w->l);
	a->rate_code = gs_offence_count(w->s);
	a->soon_ms = gs_offence_since_ms(w->s);
	a->served = w->q;
}

static void
pack_all(struct words *w, const struct gs_accused *a)
{
	w->q = a->served;
	w->o = gs_offence(a->offences, a->since_ms);
	w->l = pack(a->attempts, a->attempt_ms);
	w->s = pack(a->rate_code, a->soon_ms);
}

void
gs_kv_draft_accused(struct gs_draft *d, uint64_t limit, uint64_t now_ms)
{
	struct words w = { gs_kv_word(&d->head.Q), gs_kv_word(&d->head.O), gs_kv_word(&d->head.L), gs_kv_word(&d->head.S) };
	struct gs_accused a;

	unpack(&a, &w);
	gs_quota_accuse(&a, limit, now_ms);
	pack_all(&w, &a);
	gs_kv_set(&d->head.Q, w.q);
	gs_kv_set(&d->head.O, w.o);
	gs_kv_set(&d->head.L, w.l);
	gs_kv_set(&d->head.S, w.s);
}

void
gs_kv_draft_pardoned(struct gs_draft *d)
{
	gs_kv_set(&d->head.O, gs_offence(gs_offence_count(gs_kv_word(&d->head.O)), 0));
	gs_kv_set(&d->head.Q, 0);
	gs_kv_set(&d->head.L, 0);
	gs_kv_set(&d->head.S, 0);
}

void
gs_kv_draft_quota(const struct gs_hit *hit, struct gs_draft *d)
{
	struct words w;

	load_words(&w, hit->slot, gs_entry_gen(hit->entry));
	gs_kv_set(&d->head.Q, w.q);
	gs_kv_set(&d->head.O, w.o);
	gs_kv_set(&d->head.L, w.l);
	gs_kv_set(&d->head.S, w.s);
}

uint64_t
gs_kv_limit(struct gs_table *t, const struct gs_hit *hit)
{
	unsigned char owner[GS_OWNER_BYTES];
	struct gs_slot head;

	if (!gs_quota_has_overrides(t))
		return gs_quota_table_limit(t);
	if (gs_record_header(t, hit, &head) <= 0)
		return GS_QUOTA_FREE;
	gs_racy_load(owner, (const unsigned char *)hit->slot + gs_record_owner_off(head.key_len), head.owner_len);
	return gs_record_is_same(hit->slot, hit->w) ? gs_quota_find(t, &(struct gs_quota_whom){ head.hash, head.ns, head.owner_len, owner }) : GS_QUOTA_FREE;
}

/* Is no quota about the session of a hit, by its key? */
static bool
is_exempt(struct gs_table *t, const struct gs_hit *hit)
{
	unsigned char key[GS_KEY_BYTES];
	struct gs_slot head;

	if (!gs_quota_has_exempt(t))
		return false;
	/* Of one that is another record's by now it is nobody's business. */
	if (gs_record_header(t, hit, &head) <= 0)
		return true;
	gs_racy_load(key, (const unsigned char *)hit->slot + GS_SLOT_HEADER_BYTES, head.key_len);
	return !gs_record_is_same(hit->slot, hit->w) || gs_quota_is_exempt(t, key, head.key_len);
}

void
gs_kv_meta_quota(const struct gs_hit *hit, struct gs_meta *meta)
{
	struct words w;

	if (meta == NULL)
		return;
	load_words(&w, hit->slot, gs_entry_gen(hit->entry));
	meta->arrival = w.q;
	meta->offence = w.o;
	meta->attempts = gs_offence_count(w.l);
	meta->attempt_ms = gs_offence_since_ms(w.l);
	meta->rate_code = gs_offence_count(w.s);
	meta->soon_ms = gs_offence_since_ms(w.s);
}

/* ---- in place ---- */

/* One step of a word from what was seen. False when it is of another record, or was changed meanwhile. */
static bool
step_word(_Atomic uint64_t *word, uint32_t gen, uint64_t from, uint64_t to)
{
	uint64_t seen = gs_timed(from, gen);

	/* seq_cst; that of O pairs with gs_words_merge: it sees the accusation, or we see the entry swung */
	return atomic_compare_exchange_strong_explicit(word, &seen, gs_timed(to, gen), memory_order_seq_cst, memory_order_relaxed);
}

/* Whoever counts an attempt in L also says what follows from it. */
static void
store_attempt(struct gs_slot *s, uint32_t gen, const struct words *before, const struct words *after, bool is_served)
{
	if (step_word(&s->L, gen, before->l, after->l)) {
		(void)step_word(&s->S, gen, before->s, after->s);
		if (after->o != before->o)
			(void)step_word(&s->O, gen, before->o, after->o);
	}
	if (is_served)
		atomic_store_explicit(&s->Q, gs_timed(after->q, gen), memory_order_relaxed);
}

static void
look_soon(struct gs_table *t, uint64_t entry)
{
	struct gs_arena *a = gs_table_arena(t, gs_entry_ring(entry), gs_entry_class(entry));

	/* The sweep looks at it next: it tells of it, and knows when to pardon it. */
	atomic_store_explicit(&a->due[gs_entry_slot(entry)], 0, memory_order_relaxed);
}

/* Accuse the record that a hit names, unless it is accused already. False when another record is in the slot. */
static bool
accuse_slot(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, uint64_t limit, uint64_t now_ms)
{
	struct gs_slot *s = hit->slot;
	uint32_t gen = gs_entry_gen(hit->entry);
	struct words before, after;
	struct gs_accused a;

	load_words(&before, s, gen);
	unpack(&a, &before);
	if (a.since_ms != 0)
		return true;
	gs_quota_accuse(&a, limit, now_ms);
	pack_all(&after, &a);
	if (!step_word(&s->O, gen, before.o, after.o))
		return gs_timed_gen(atomic_load_explicit(&s->O, memory_order_relaxed)) == gen;
	store_attempt(s, gen, &before, &after, true);
	look_soon(t, hit->entry);
	gs_ctx_count(c, GS_COUNT_ACCUSED);
	if (gs_record_copy(t, c, hit) > 0)
		gs_kv_tell(t, c, c->scratch, &(struct gs_turn){
			.kind = GS_EVENT_ACCUSED, .reason = GS_REASON_RATE, .from = gs_entry_ring(hit->entry), .to = gs_entry_ring(hit->entry),
			.now_ms = now_ms });
	return true;
}

/* The record that the hit's entry names by now, of the session with this birth. False when it has none. */
static bool
follow(struct gs_table *t, struct gs_hit *hit, uint32_t birth)
{
	/* acquire, both; pair with the compare-and-swaps that publish, and with the release of READY in gs_record_write */
	hit->entry = atomic_load_explicit(hit->at, memory_order_acquire);
	hit->slot = gs_table_slot(t, hit->entry);
	if (hit->entry == 0 || (hit->entry & GS_ENTRY_TENT) != 0 || hit->slot == NULL)
		return false;
	hit->w = atomic_load_explicit(&hit->slot->W, memory_order_acquire);
	return gs_word_state(hit->w) == GS_SLOT_READY && __atomic_load_n(&hit->slot->birth, __ATOMIC_RELAXED) == birth;
}

/* Accuse the session of a hit where it is, in whatever record it is. */
static void
accuse(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *was, uint64_t limit, uint64_t now_ms)
{
	uint32_t birth = __atomic_load_n(&was->slot->birth, __ATOMIC_RELAXED);
	struct gs_hit hit = *was;

	for (int i = 0; i < FOLLOWS; i++) {
		/* seq_cst; pairs with the swing of the entry: the merge behind it sees our O, or we see the entry swung */
		if (accuse_slot(t, c, &hit, limit, now_ms) && atomic_load_explicit(hit.at, memory_order_seq_cst) == hit.entry)
			return;
		if (!follow(t, &hit, birth))
			return;
	}
}

/* n attempts on one who is accused. How long it is refused, ms; 0: it is served. */
static uint64_t
attempt(const struct gs_table *t, const struct gs_hit *hit, uint64_t limit, uint64_t now_ms, uint32_t n)
{
	const struct gs_quota_cfg *q = &t->ctl->quota;
	enum gs_quota_phase phase = gs_kv_is_suspect(t, hit->entry) ? GS_QUOTA_HOLDS : gs_kv_is_gated(t) ? GS_QUOTA_SLOWS : GS_QUOTA_COUNTS;
	uint64_t hold_ms = atomic_load_explicit(&q->hold_ms, memory_order_relaxed), wait_ms;
	uint32_t gen = gs_entry_gen(hit->entry);
	struct words before, after;
	struct gs_accused a;

	load_words(&before, hit->slot, gen);
	unpack(&a, &before);
	wait_ms = gs_quota_refused_ms(&a, phase, limit, hold_ms, now_ms);
	gs_quota_attempt(&a, limit, hold_ms, now_ms, n);
	if (wait_ms == 0)
		a.served = now_ms * GS_QUOTA_UNITS;
	pack_all(&after, &a);
	if (n > 0)
		store_attempt(hit->slot, gen, &before, &after, wait_ms == 0);
	return wait_ms;
}

static bool
is_accused(const struct gs_hit *hit)
{
	return gs_offence_since_ms(word_of(&hit->slot->O, gs_entry_gen(hit->entry))) != 0;
}

void
gs_kv_overdo(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, uint64_t now_ms, uint32_t n)
{
	uint64_t limit = gs_kv_limit(t, hit);

	if (limit == GS_QUOTA_FREE || is_exempt(t, hit))
		return;
	if (is_accused(hit))
		(void)attempt(t, hit, limit, now_ms, n);
	else
		accuse(t, c, hit, limit, now_ms);
}

/* ---- gated ---- */

/* Charge one access in place. False when it is over the quota. */
static bool
charge_gated(struct gs_table *t, const struct gs_hit *hit, uint64_t limit, uint64_t now_ms)
{
	uint32_t gen = gs_entry_gen(hit->entry);
	bool is_strict = atomic_load_explicit(&t->ctl->quota.is_strict, memory_order_relaxed) != 0;
	uint64_t seen = atomic_load_explicit(&hit->slot->Q, memory_order_relaxed), next;

	do {
		next = gs_quota_charge(limit, gs_timed_gen(seen) == gen ? gs_timed_value(seen) : 0, now_ms, 1, GS_QUOTA_CLOCK_MS);
		if (next == 0)
			return false;
		if (!is_strict) {
			atomic_store_explicit(&hit->slot->Q, gs_timed(next, gen), memory_order_relaxed);
			return true;
		}
		/* relaxed; a count alone: strict loses none */
	} while (!atomic_compare_exchange_weak_explicit(&hit->slot->Q, &seen, gs_timed(next, gen), memory_order_relaxed, memory_order_relaxed));
	return true;
}

/* Over the quota: to the suspects, or accused where it is. GS_EQUARANTINE, or KV_AGAIN when it is another record's by now. */
static int
set_aside(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, uint64_t limit, uint64_t now_ms)
{
	uint32_t to = gs_table_suspect(t), from = gs_entry_ring(hit->entry);
	int rc = GS_ENOSPC;

	if (atomic_load_explicit(&t->ctl->quota.action, memory_order_relaxed) == GS_QUOTA_QUARANTINE) {
		if (to != GS_RING_NONE && gs_kv_reserve(t, to)) {
			rc = gs_kv_relocate(t, c, hit, to, now_ms, GS_MOVE_ACCUSE);
			gs_kv_unreserve(t, rc == 0 ? from : to);
		}
		if (rc == KV_AGAIN || rc == GS_ECORRUPT)
			return KV_AGAIN;
		if (rc == 0) {
			gs_ctx_count(c, GS_COUNT_ACCUSED);
			gs_ctx_count(c, GS_COUNT_QUARANTINED);
			gs_kv_tell(t, c, c->scratch, &(struct gs_turn){
				.kind = GS_EVENT_QUARANTINED, .reason = GS_REASON_RATE, .from = from, .to = to, .now_ms = now_ms });
			return 0;
		}
		gs_ctx_count(c, GS_COUNT_CROWDED);
	}
	accuse(t, c, hit, limit, now_ms);
	return GS_EQUARANTINE;
}

/* By a reader: as it would be judged; what it did is told. */
static int
admit_reader(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, uint64_t limit, uint64_t now_ms)
{
	if (!gs_kv_is_suspect(t, hit->entry) && !is_accused(hit))
		return 0;
	if (is_exempt(t, hit) || attempt(t, hit, limit, now_ms, 0) == 0)
		return 0;
	gs_feedback_tell(c, hit->entry, now_ms);
	return GS_EQUARANTINE;
}

int
gs_kv_admit(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, uint64_t now_ms, struct gs_charge *charge)
{
	uint64_t limit = gs_kv_limit(t, hit);
	int rc;

	if (charge->is_done || charge->is_refused)
		return charge->is_refused ? GS_EQUARANTINE : 0;
	if (limit == GS_QUOTA_FREE && gs_kv_is_suspect(t, hit->entry))
		limit = gs_quota_limit(GS_QUOTA_RATE_MAX_PER_H, 1);	/* who has no quota was brought there by an operator */
	if (limit == GS_QUOTA_FREE)
		return 0;
	if (c->is_reader)
		return admit_reader(t, c, hit, limit, now_ms);
	if (gs_kv_is_suspect(t, hit->entry) || is_accused(hit)) {
		charge->is_done = true;
		charge->is_refused = !is_exempt(t, hit) && attempt(t, hit, limit, now_ms, 1) > 0;
		return charge->is_refused ? GS_EQUARANTINE : 0;
	}
	if (charge->is_touch)
		return 0;
	if (charge_gated(t, hit, limit, now_ms) || is_exempt(t, hit)) {
		charge->is_done = true;
		return 0;
	}
	rc = set_aside(t, c, hit, limit, now_ms);
	charge->is_refused = rc != KV_AGAIN;
	return rc == 0 ? KV_AGAIN : rc;
}

/* ---- telling ---- */

enum gs_pace
gs_kv_pace(const struct gs_table *t, const struct gs_meta *meta, uint64_t now_ms)
{
	uint64_t since_ms = gs_offence_since_ms(meta->offence), hold_ms = atomic_load_explicit(&t->ctl->quota.hold_ms, memory_order_relaxed);
	bool is_suspect = t->ctl->ring[meta->ring].kind == GS_RING_SUSPECT;

	if ((is_suspect || since_ms != 0) && gs_quota_is_exempt(t, meta->key, meta->key_len))
		return GS_PACE_FREE;
	if (!is_suspect)
		return since_ms != 0 && gs_kv_is_gated(t) ? GS_PACE_TURNS : GS_PACE_FREE;
	return now_ms < gs_add_sat(since_ms, hold_ms) ? GS_PACE_HELD : GS_PACE_TURNS;
}

uint64_t
gs_kv_retry_after_ms(const struct gs_table *t, const struct gs_meta *meta, uint64_t now_ms)
{
	const struct gs_quota_cfg *q = &t->ctl->quota;
	uint64_t limit = gs_quota_find(t, &(struct gs_quota_whom){ meta->hash, meta->ns, meta->owner_len, meta->owner });
	struct gs_accused a = {
		.since_ms = gs_offence_since_ms(meta->offence), .soon_ms = meta->soon_ms, .served = meta->arrival,
	};
	bool is_suspect = t->ctl->ring[meta->ring].kind == GS_RING_SUSPECT;

	if ((!is_suspect && (a.since_ms == 0 || !gs_kv_is_gated(t))) || gs_quota_is_exempt(t, meta->key, meta->key_len))
		return 0;
	return gs_quota_refused_ms(&a, is_suspect ? GS_QUOTA_HOLDS : GS_QUOTA_SLOWS, limit,
	    atomic_load_explicit(&q->hold_ms, memory_order_relaxed), now_ms);
}

/* ---- after the fact ---- */

void
gs_kv_charge_put(struct gs_table *t, struct gs_ctx *c, struct gs_hit *hit, uint32_t birth, uint64_t now_ms)
{
	struct gs_hit made = *hit;

	if ((gs_quota_table_limit(t) == GS_QUOTA_FREE && !gs_quota_has_overrides(t)) || !follow(t, &made, birth))
		return;
	gs_kv_charge(t, c, &made, now_ms);
	*hit = made;
}

/* The entry of a hit that was found by its record alone. */
static bool
find_entry(struct gs_table *t, struct gs_hit *hit)
{
	hit->ordinal = gs_index_ordinal_of(t, __atomic_load_n(&hit->slot->hash, __ATOMIC_RELAXED), gs_entry_addr(hit->entry), gs_entry_gen(hit->entry));
	if (hit->ordinal == UINT64_MAX)
		return false;
	hit->at = gs_table_entry(t, hit->ordinal);
	hit->place = gs_index_place_of(t, __atomic_load_n(&hit->slot->hash, __ATOMIC_RELAXED), hit->ordinal);
	/* acquire; pairs with the compare-and-swaps that publish */
	hit->entry = atomic_load_explicit(hit->at, memory_order_acquire);
	return gs_table_slot(t, hit->entry) == hit->slot && hit->place >= 0;
}

uint32_t
gs_kv_charge_told(struct gs_table *t, struct gs_ctx *c, struct gs_hit *hit, uint64_t at_ms, uint32_t n)
{
	uint64_t limit = gs_kv_limit(t, hit), next;
	uint32_t gen = gs_entry_gen(hit->entry);

	if (limit == GS_QUOTA_FREE)
		return gs_kv_is_suspect(t, hit->entry) ? 0 : n;
	if (gs_kv_is_suspect(t, hit->entry) || is_accused(hit)) {
		bool is_served = is_exempt(t, hit) || attempt(t, hit, limit, at_ms, n) == 0;

		if (!gs_kv_is_suspect(t, hit->entry) && !gs_kv_is_gated(t))
			return n;
		return is_served ? 1 : 0;
	}
	next = gs_quota_charge(limit, word_of(&hit->slot->Q, gen), at_ms, n, GS_QUOTA_BATCH_MS);
	if (next != 0)
		atomic_store_explicit(&hit->slot->Q, gs_timed(next, gen), memory_order_relaxed);
	else if (!is_exempt(t, hit) && find_entry(t, hit))
		(void)set_aside(t, c, hit, limit, at_ms);
	return n;
}

bool
gs_kv_pardon_here(const struct gs_hit *hit, const struct gs_slot *head)
{
	struct gs_slot *s = hit->slot;
	uint32_t gen = gs_entry_gen(hit->entry);
	uint64_t o = gs_timed_value(gs_kv_word(&head->O));

	/* The attempts first: one that comes now keeps it accused. */
	if (!step_word(&s->S, gen, gs_timed_value(gs_kv_word(&head->S)), 0) ||
	    !step_word(&s->L, gen, gs_timed_value(gs_kv_word(&head->L)), 0) ||
	    !step_word(&s->O, gen, o, gs_offence(gs_offence_count(o), 0)))
		return false;
	atomic_store_explicit(&s->Q, gs_timed(0, gen), memory_order_relaxed);
	return true;
}
