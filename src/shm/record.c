/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/record.h"

#include <string.h>

#include "base/atomic.h"
#include "policy/decay.h"
#include "policy/lifetime.h"
#include "policy/quota.h"
#include "shm/classes.h"
#include "shm/namespaces.h"
#include "shm/store.h"

/* Words of the header behind W, which is written on its own. */
#define BODY_OFF offsetof(struct gs_slot, hash)

enum {
	MERGE_TRIES = 1000,
	CLOSED_GEN = 1 << (GS_GEN_BITS - 1),	/* added to a generation: none that anybody still knows, before or after */
};

uint32_t
gs_record_class(const struct gs_table *t, const struct gs_slot *head)
{
	uint32_t bytes = gs_record_value_off(head->key_len, head->owner_len, head->link_len) + head->val_len, i;

	for (i = 0; i < t->n_classes; i++)
		if (t->arena[i].slot_size >= bytes)
			return i;
	return GS_MAX_CLASSES;
}

static uint32_t
hash16(const struct gs_table *t, uint32_t ns, const void *bytes, uint32_t len)
{
	return len == 0 ? 0 : gs_record_kin_bits(gs_key_hash(t, ns, bytes, len));
}

uint32_t
gs_record_kin(const struct gs_table *t, const struct gs_slot *head, const void *owner, const void *link)
{
	/* What links lead to is in the default namespace of the other table. */
	return gs_kin(hash16(t, head->ns, owner, head->owner_len), hash16(t, 0, link, head->link_len));
}

bool
gs_record_is_same(const struct gs_slot *s, uint64_t w)
{
	gs_fence_acquire();
	/* relaxed; the fence orders it after the copy, and pairs with the writer's release fence behind WRITING */
	return atomic_load_explicit(&s->W, memory_order_relaxed) == w;
}

static uint32_t
slot_size_of(const struct gs_table *t, uint64_t entry)
{
	return t->arena[gs_entry_ring(entry) * GS_MAX_CLASSES + gs_entry_class(entry)].slot_size;
}

static int
load_header(struct gs_table *t, const struct gs_hit *hit, struct gs_slot *out, size_t bytes)
{
	gs_racy_load(out, hit->slot, bytes);
	/* Last access and interest must be of one access, or the interest would fade for longer than it is old. */
	if (!gs_record_is_same(hit->slot, hit->w) ||
	    atomic_load_explicit(&hit->slot->A, memory_order_relaxed) != atomic_load_explicit(&out->A, memory_order_relaxed))
		return 0;
	return gs_record_fits(out, slot_size_of(t, hit->entry)) ? 1 : GS_ECORRUPT;
}

int
gs_record_header(struct gs_table *t, const struct gs_hit *hit, struct gs_slot *out)
{
	return load_header(t, hit, out, sizeof(*out));
}

int
gs_record_first_line(struct gs_table *t, const struct gs_hit *hit, struct gs_slot *out)
{
	out->ns = __atomic_load_n(&hit->slot->ns, __ATOMIC_RELAXED);
	return load_header(t, hit, out, GS_LINE_BYTES);
}

int
gs_record_copy(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit)
{
	uint32_t slot_size = slot_size_of(t, hit->entry), end;
	struct gs_slot *head = (struct gs_slot *)(void *)c->scratch;
	int rc = gs_record_header(t, hit, head);

	if (rc <= 0)
		return rc;
	end = gs_record_value_off(head->key_len, head->owner_len, head->link_len) + head->val_len;
	if (end > slot_size)
		return GS_ECORRUPT;
	gs_racy_load(c->scratch + GS_SLOT_HEADER_BYTES, hit->slot->data, end - GS_SLOT_HEADER_BYTES);
	return gs_record_is_same(hit->slot, hit->w) ? 1 : 0;
}

/* ---- times ---- */

uint64_t
gs_record_expiry(uint64_t touched_ms, uint64_t ttl_ms, uint64_t deadline_ms)
{
	uint64_t at = ttl_ms == 0 ? GS_TIME_NEVER : gs_add_sat(touched_ms, ttl_ms);

	return gs_min_u64(gs_min_u64(at, deadline_ms), GS_TIME_NEVER);
}

/* The value of a word of a header, which may be in shared memory. */
static uint64_t
value_of(const _Atomic uint64_t *word)
{
	return gs_timed_value(atomic_load_explicit(word, memory_order_relaxed));
}

uint64_t
gs_record_leaves_ms(const struct gs_table *t, uint32_t ring, uint32_t flags, uint64_t accessed_ms, uint64_t interest)
{
	const struct gs_ring_cfg *r = &t->ctl->ring[ring];

	if (r->kind == GS_RING_SUSPECT || (flags & GS_FLAG_PARKED) != 0)
		return UINT64_MAX;
	return gs_decay_leaves_ms(accessed_ms, interest, atomic_load_explicit(&r->ttl_ms, memory_order_relaxed),
	    atomic_load_explicit(&r->half_life_ms, memory_order_relaxed));
}

static uint64_t
leaves_ms(const struct gs_table *t, uint32_t ring, const struct gs_slot *head)
{
	return gs_record_leaves_ms(t, ring, __atomic_load_n(&head->flags, __ATOMIC_RELAXED), value_of(&head->A), value_of(&head->I));
}

uint64_t
gs_record_pardon_ms(const struct gs_table *t, uint64_t offence, uint64_t soon_ms)
{
	const struct gs_quota_cfg *q = &t->ctl->quota;
	uint64_t since_ms = gs_offence_since_ms(offence);

	return since_ms == 0 ? UINT64_MAX : gs_quota_pardon_ms(since_ms, soon_ms, atomic_load_explicit(&q->hold_ms, memory_order_relaxed),
	    atomic_load_explicit(&q->release_ms, memory_order_relaxed));
}

/* In every read: a session of no class and the default namespace costs a look at its header, and no call. */
static inline uint64_t
ends_ms(const struct gs_table *t, const struct gs_slot *head)
{
	uint32_t class_id = __atomic_load_n(&head->class_id, __ATOMIC_RELAXED), ns = __atomic_load_n(&head->ns, __ATOMIC_RELAXED);

	if ((class_id | ns) == 0)
		return value_of(&head->X);
	return gs_record_bound_ms(t, &(struct gs_bounded){ .class_id = class_id, .ns = ns,
	    .flags = __atomic_load_n(&head->flags, __ATOMIC_RELAXED), .own_ms = value_of(&head->X), .touched_ms = value_of(&head->T),
	    .accessed_ms = value_of(&head->A) });
}

uint64_t
gs_record_ends_ms(const struct gs_table *t, const struct gs_slot *head)
{
	return ends_ms(t, head);
}

uint64_t
gs_record_bound_ms(const struct gs_table *t, const struct gs_bounded *b)
{
	struct gs_lifetime_rule rule = gs_classes_rule(t, b->class_id);

	rule.idle_ms = gs_min_u64(rule.idle_ms, gs_namespaces_idle_ms(t, b->ns));
	/* What is parked waits as long as it was parked for. */
	return (b->flags & GS_FLAG_PARKED) != 0 ? b->own_ms : gs_lifetime_ends_ms(b->own_ms, b->touched_ms, b->accessed_ms, &rule);
}

uint64_t
gs_record_next_ms(const struct gs_table *t, uint32_t ring, const struct gs_slot *head)
{
	uint64_t at = ends_ms(t, head);

	/* Where a ring drains, or came late, nobody waits for the law. */
	if (gs_table_ring_state(t, ring) != GS_RING_ON)
		return 0;
	at = gs_min_u64(at >= GS_TIME_NEVER ? UINT64_MAX : at, leaves_ms(t, ring, head));
	/* S has the rate of the attempts in its upper bits, as O the offences. */
	return gs_min_u64(at, gs_record_pardon_ms(t, value_of(&head->O), gs_offence_since_ms(value_of(&head->S))));
}

uint32_t
gs_record_due(uint64_t at_ms)
{
	uint64_t due = at_ms >> GS_DUE_SHIFT;

	return due >= GS_DUE_NEVER ? GS_DUE_NEVER : (uint32_t)due;
}

bool
gs_record_is_over(const struct gs_table *t, uint32_t ring, const struct gs_slot *head, uint64_t now_ms)
{
	if (ends_ms(t, head) < now_ms)
		return true;
	/* From the last ring a session expires by the decay law, and readers honour that before the sweep comes. */
	if (atomic_load_explicit(&t->ctl->ring[ring].decay_to, memory_order_relaxed) != GS_RING_NONE)
		return false;
	return leaves_ms(t, ring, head) < now_ms;
}

/* ---- writing ---- */

/* Give the plain values of a draft their generation, in a private copy. */
static void
stamp_words(struct gs_slot *head, uint32_t gen)
{
	_Atomic uint64_t *words[GS_TIMED_WORDS];

	gs_timed_words(head, words);
	for (size_t i = 0; i < GS_TIMED_WORDS; i++) {
		uint64_t plain = atomic_load_explicit(words[i], memory_order_relaxed);

		atomic_store_explicit(words[i], gs_timed(plain, gen), memory_order_relaxed);
	}
}

/* The due hint of a record with this header. */
static uint32_t
due_of(const struct gs_table *t, uint32_t addr, const struct gs_slot *head)
{
	return gs_record_due(gs_record_next_ms(t, gs_entry_ring(addr), head));
}

static _Atomic uint32_t *
due_at(struct gs_table *t, uint32_t addr)
{
	return &gs_table_arena(t, gs_entry_ring(addr), gs_entry_class(addr))->due[gs_entry_slot(addr)];
}

static _Atomic uint32_t *
kin_at(struct gs_table *t, uint32_t addr)
{
	return &gs_table_arena(t, gs_entry_ring(addr), gs_entry_class(addr))->kin[gs_entry_slot(addr)];
}

uint32_t
gs_record_write(struct gs_table *t, struct gs_ctx *c, int cell, const struct gs_draft *d)
{
	uint32_t addr = c->cell[cell].addr, gen;
	struct gs_slot *s = gs_table_slot(t, addr), head;
	unsigned char *base = (unsigned char *)s;

	/* relaxed; the slot is ours alone since it was claimed or retired */
	gen = gs_word_gen(atomic_load_explicit(&s->W, memory_order_relaxed)) + 1;
	atomic_store_explicit(&s->W, gs_word(gen, c->id, GS_SLOT_WRITING), memory_order_relaxed);
	gs_fence_release();	/* pairs with the acquire fence in gs_record_is_same: a reader that sees our bytes sees WRITING */
	memcpy(&head, &d->head, sizeof(head));
	stamp_words(&head, gen);
	head.crc = gs_store_has(t, addr) ? gs_store_crc(gen, d) : 0;
	gs_racy_store(base + BODY_OFF, (unsigned char *)&head + BODY_OFF, sizeof(head) - BODY_OFF);
	gs_racy_store(s->data, d->key, head.key_len);
	gs_racy_store(base + gs_record_owner_off(head.key_len), d->owner, head.owner_len);
	gs_racy_store(base + gs_record_link_off(head.key_len, head.owner_len), d->link, head.link_len);
	gs_racy_store(base + gs_record_value_off(head.key_len, head.owner_len, head.link_len), d->value, head.val_len);
	atomic_store_explicit(due_at(t, addr), due_of(t, addr, &head), memory_order_relaxed);
	atomic_store_explicit(kin_at(t, addr), gs_record_kin(t, &head, d->owner, d->link), memory_order_relaxed);
	/* release; pairs with the acquire of W in match_entry */
	atomic_store_explicit(&s->W, gs_word(gen, c->id, GS_SLOT_READY), memory_order_release);
	return gen;
}

void
gs_record_draft_of(struct gs_draft *out, const unsigned char *scratch)
{
	struct gs_slot *head = &out->head;
	_Atomic uint64_t *words[GS_TIMED_WORDS];

	memcpy(head, scratch, sizeof(*head));
	head->turn++;
	gs_timed_words(head, words);
	for (size_t i = 0; i < GS_TIMED_WORDS; i++) {
		uint64_t timed = atomic_load_explicit(words[i], memory_order_relaxed);

		atomic_store_explicit(words[i], gs_timed_value(timed), memory_order_relaxed);
	}
	out->key = scratch + GS_SLOT_HEADER_BYTES;
	out->owner = scratch + gs_record_owner_off(head->key_len);
	out->link = scratch + gs_record_link_off(head->key_len, head->owner_len);
	out->value = scratch + gs_record_value_off(head->key_len, head->owner_len, head->link_len);
}

void
gs_record_rearm(struct gs_table *t, uint32_t addr, const struct gs_draft *d)
{
	uint32_t never = GS_DUE_NEVER, due;
	struct gs_slot head;

	memcpy(&head, &d->head, sizeof(head));
	stamp_words(&head, 0);
	due = due_of(t, addr, &head);
	if (due != GS_DUE_NEVER)
		(void)atomic_compare_exchange_strong_explicit(due_at(t, addr), &never, due, memory_order_relaxed, memory_order_relaxed);
}

/* ---- words that change in place ---- */

/*
 * Raise a timed word to at least `value` if it still belongs to the generation. False when it does not. *was: its value
 * before, `value` where it was not raised.
 */
static bool
raise_word(_Atomic uint64_t *word, uint64_t value, uint64_t gen, uint64_t *was)
{
	uint64_t seen = atomic_load_explicit(word, memory_order_relaxed);

	while (gs_timed_gen(seen) == gen && gs_timed_value(seen) < value)
		/* seq_cst; pairs with the sweep's claim of X in kv.c: one of us sees the other */
		if (atomic_compare_exchange_weak_explicit(word, &seen, gs_timed(value, (uint32_t)gen), memory_order_seq_cst,
		    memory_order_relaxed)) {
			*was = gs_timed_value(seen);
			return true;
		}
	*was = value;
	return gs_timed_gen(seen) == gen;
}

static uint64_t
innermost_half_life_ms(const struct gs_table *t)
{
	return atomic_load_explicit(&t->ctl->ring[gs_table_innermost(t)].half_life_ms, memory_order_relaxed);
}

/* Add an access to the interest that was `seen` idle_ms ago. False when the word belongs to the generation no more. */
static bool
add_interest(struct gs_slot *s, uint64_t seen, uint64_t idle_ms, uint64_t half_life_ms, uint64_t gen)
{
	uint64_t with;

	do {
		if (gs_timed_gen(seen) != gen)
			return false;
		with = gs_timed(gs_decay_access(gs_timed_value(seen), idle_ms, half_life_ms), (uint32_t)gen);
		/* Whoever was faster counted at this same instant: no more time has passed. */
		idle_ms = 0;
		/* seq_cst; pairs with take_over: what is added before it took the word is carried over */
	} while (with != seen && !atomic_compare_exchange_strong_explicit(&s->I, &seen, with, memory_order_seq_cst, memory_order_relaxed));
	return true;
}

static void
count_hits(struct gs_slot *s, uint64_t gen, uint64_t times)
{
	uint64_t seen = atomic_load_explicit(&s->H, memory_order_relaxed);
	uint64_t n = gs_timed_gen(seen) == gen ? gs_timed_value(seen) + times : times;

	/* A plain store: two at once count as one, and a late one on a reused slot is undone by the next. */
	atomic_store_explicit(&s->H, gs_timed(gs_min_u64(n, GS_TIME_NEVER), (uint32_t)gen), memory_order_relaxed);
}

bool
gs_record_access(struct gs_table *t, const struct gs_hit *hit, uint64_t now_ms)
{
	struct gs_slot *s = hit->slot;
	uint64_t gen = gs_entry_gen(hit->entry), was_ms;
	/*
	 * acquire; pairs with the exchange in add_interest: the last access
	 * that raise_word finds is at least as late as all that are in this
	 * interest, so none of it fades for longer than it is old.
	 */
	uint64_t interest = atomic_load_explicit(&s->I, memory_order_acquire);

	if (!raise_word(&s->A, now_ms, gen, &was_ms) ||
	    !add_interest(s, interest, gs_sub_sat(now_ms, was_ms), innermost_half_life_ms(t), gen))
		return false;
	count_hits(s, gen, 1);
	/* A sweep that ended it before it saw the access must not be answered with success. */
	return gs_timed_value(atomic_load_explicit(&s->X, memory_order_seq_cst)) != 0;
}

bool
gs_record_accesses(struct gs_table *t, const struct gs_hit *hit, uint64_t at_ms, uint32_t n)
{
	struct gs_slot *s = hit->slot;
	uint64_t gen = gs_entry_gen(hit->entry), half_life_ms = innermost_half_life_ms(t), was_ms, idle_ms, late_ms, with;
	/* acquire, and the exchange below; pair with add_interest and take_over, as in gs_record_access */
	uint64_t seen = atomic_load_explicit(&s->I, memory_order_acquire);

	if (!raise_word(&s->A, at_ms, gen, &was_ms))
		return false;
	idle_ms = gs_sub_sat(at_ms, was_ms);
	do {
		if (gs_timed_gen(seen) != gen)
			return false;
		late_ms = gs_sub_sat(gs_timed_value(atomic_load_explicit(&s->A, memory_order_relaxed)), at_ms);
		with = gs_timed(gs_decay_accesses(gs_timed_value(seen), idle_ms, n, late_ms, half_life_ms), (uint32_t)gen);
		/* Whoever was faster let it fade to his own instant: no more time has passed. */
		idle_ms = 0;
	} while (with != seen && !atomic_compare_exchange_strong_explicit(&s->I, &seen, with, memory_order_seq_cst, memory_order_relaxed));
	count_hits(s, gen, n);
	/* seq_cst; pairs with the sweep's claim of X in kv.c, as in gs_record_access */
	return gs_timed_value(atomic_load_explicit(&s->X, memory_order_seq_cst)) != 0;
}

/*
 * T of a record that is renewed. An mtime that was given, which is not that of the last change, is shown while T is as it
 * was written: so T has to be later, even in the tick in which it was given.
 */
static uint64_t
renewed_ms(const struct gs_slot *head, uint64_t now_ms)
{
	return head->mtime_ms == now_ms && head->mtime_ns != head->ctime_ns ? now_ms + 1 : now_ms;
}

bool
gs_record_renew(struct gs_table *t, const struct gs_hit *hit, const struct gs_slot *head, uint64_t now_ms)
{
	struct gs_slot *s = hit->slot;
	uint64_t gen = gs_entry_gen(hit->entry), x = atomic_load_explicit(&head->X, memory_order_relaxed), was_ms;
	uint64_t i = atomic_load_explicit(&head->I, memory_order_relaxed), half_life_ms = innermost_half_life_ms(t);
	uint64_t at_ms = renewed_ms(head, now_ms);
	/* Our clock may have been read before that of the last touch. */
	uint64_t last_ms = gs_max_u64(at_ms, gs_timed_value(atomic_load_explicit(&head->T, memory_order_relaxed)));

	/* X first: it decides between us and a sweep that comes for it. seq_cst; pairs with the claim in kv.c */
	if (!atomic_compare_exchange_strong_explicit(&s->X, &x, gs_timed(gs_record_expiry(last_ms, head->ttl_ms, head->deadline),
	    (uint32_t)gen), memory_order_seq_cst, memory_order_relaxed))
		return false;
	if (!raise_word(&s->T, at_ms, gen, &was_ms) || !raise_word(&s->A, now_ms, gen, &was_ms))
		return false;
	/* Interest fades up to now, unless an access does it at this moment. */
	if (was_ms < now_ms)
		(void)atomic_compare_exchange_strong_explicit(&s->I, &i, gs_timed(gs_decay_fade(gs_timed_value(i), now_ms - was_ms,
		    half_life_ms), (uint32_t)gen), memory_order_relaxed, memory_order_relaxed);
	/* seq_cst, both. The first pairs with expire in kv.c: a sweep that comes for A claims X, and then looks at A. */
	if (gs_timed_value(atomic_load_explicit(&s->X, memory_order_seq_cst)) == 0)
		return false;
	/* The second pairs with take_over: our T was taken after the entry was swung, or we see that it was. */
	return atomic_load_explicit(hit->at, memory_order_seq_cst) == hit->entry;
}

/*
 * Take a word of a replaced slot over: who comes too late finds another
 * generation in it, and goes to the new slot. Exactly what was there before
 * is ours to carry.
 */
static uint64_t
take_over(_Atomic uint64_t *word)
{
	uint64_t seen = atomic_load_explicit(word, memory_order_relaxed);

	/* seq_cst; pairs with raise_word, with add_interest, and with gs_record_renew, which looks at the entry after its store */
	while (!atomic_compare_exchange_weak_explicit(word, &seen, gs_timed(gs_timed_value(seen), gs_timed_gen(seen) ^ CLOSED_GEN),
	    memory_order_seq_cst, memory_order_relaxed))
		;
	return seen;
}

/* What came to an old slot between its copy and its closing, and is still to be carried. */
struct carried {
	uint64_t was_i, was_a, i, a, touched, offence, attempt, soon;
	bool has_accesses, has_touch, has_offence;
};

static void
close_slot(struct carried *c, struct gs_slot *old, const struct gs_slot *seen)
{
	c->was_i = atomic_load_explicit(&seen->I, memory_order_relaxed);
	c->was_a = atomic_load_explicit(&seen->A, memory_order_relaxed);
	/* Interest first: then the last access is not earlier than what it counts. */
	c->i = take_over(&old->I);
	c->a = take_over(&old->A);
	c->touched = take_over(&old->T);
	c->has_accesses = c->a != c->was_a || c->i != c->was_i;
	c->has_touch = c->touched != atomic_load_explicit(&seen->T, memory_order_relaxed);
	/* seq_cst; pairs with the accusation in kv_quota.c: we see it, or he sees the entry swung, and follows it */
	c->offence = gs_timed_value(atomic_load_explicit(&old->O, memory_order_seq_cst));
	c->has_offence = c->offence != gs_timed_value(atomic_load_explicit(&seen->O, memory_order_relaxed)) && gs_offence_since_ms(c->offence) != 0;
	c->attempt = gs_timed_value(atomic_load_explicit(&old->L, memory_order_relaxed));
	c->soon = gs_timed_value(atomic_load_explicit(&old->S, memory_order_relaxed));
}

/* Add the accesses, at their own times, to a slot. Not if it is closed itself: then they are still to be carried. */
static void
carry_accesses(struct carried *c, struct gs_slot *s, uint64_t half_life_ms, uint64_t gen)
{
	/* acquire; pairs with add_interest, as in gs_record_access; the exchange below pairs with take_over */
	uint64_t last_ms = gs_timed_value(c->a), mine = atomic_load_explicit(&s->I, memory_order_acquire), mine_ms, now_ms, with;

	if (!raise_word(&s->A, last_ms, gen, &mine_ms))
		return;
	now_ms = gs_timed_value(atomic_load_explicit(&s->A, memory_order_relaxed));
	while (half_life_ms != 0) {
		if (gs_timed_gen(mine) != gen)
			return;
		with = gs_decay_carry(gs_decay_fade(gs_timed_value(mine), gs_sub_sat(last_ms, mine_ms), half_life_ms),
		    gs_decay_fade(gs_timed_value(c->i), gs_sub_sat(now_ms, last_ms), half_life_ms),
		    gs_decay_fade(gs_timed_value(c->was_i), gs_sub_sat(now_ms, gs_timed_value(c->was_a)), half_life_ms));
		mine_ms = last_ms;
		if (atomic_compare_exchange_strong_explicit(&s->I, &mine, gs_timed(with, (uint32_t)gen), memory_order_seq_cst,
		    memory_order_relaxed))
			break;
	}
	c->has_accesses = false;
}

/* The slot lives on from the touch, by its own ttl (head: its header, X not needed). Not if it is closed itself. */
static void
carry_touch(struct carried *c, struct gs_slot *s, const struct gs_slot *head, uint64_t gen)
{
	uint64_t x = gs_record_expiry(gs_timed_value(c->touched), head->ttl_ms, head->deadline), before, was_ms;

	if (!raise_word(&s->T, gs_timed_value(c->touched), gen, &was_ms))
		return;
	before = atomic_load_explicit(&s->X, memory_order_relaxed);
	/* 0 is the sweep's: it is over already. seq_cst; pairs with the sweep's claim */
	while (gs_timed_gen(before) == gen && gs_timed_value(before) != 0 && gs_timed_value(before) < x &&
	    !atomic_compare_exchange_weak_explicit(&s->X, &before, gs_timed(x, (uint32_t)gen), memory_order_seq_cst, memory_order_relaxed))
		;
	c->has_touch = false;
}

/* It is accused in the new record too, as of the same instant. False when that record was replaced in turn. */
static bool
carry_offence(const struct carried *c, struct gs_table *t, const struct gs_hit *hit)
{
	uint32_t gen = gs_entry_gen(hit->entry), addr = gs_entry_addr(hit->entry);
	uint64_t seen = atomic_load_explicit(&hit->slot->O, memory_order_relaxed);

	/* Who accused it here already did so for the same reason. */
	if (gs_timed_gen(seen) == gen && gs_offence_since_ms(gs_timed_value(seen)) == 0 &&
	    atomic_compare_exchange_strong_explicit(&hit->slot->O, &seen, gs_timed(c->offence, gen), memory_order_seq_cst, memory_order_relaxed)) {
		atomic_store_explicit(&hit->slot->L, gs_timed(c->attempt, gen), memory_order_relaxed);
		atomic_store_explicit(&hit->slot->S, gs_timed(c->soon, gen), memory_order_relaxed);
		atomic_store_explicit(due_at(t, addr), 0, memory_order_relaxed);
	}
	return atomic_load_explicit(hit->at, memory_order_seq_cst) == hit->entry;
}

/* The record that an entry names by now. False when it is none, or another session. */
static bool
current_record(struct gs_table *t, struct gs_hit *hit, struct gs_slot *head, uint32_t birth)
{
	int rc = 0;

	while (rc == 0) {
		/* acquire, all; pair with the compare-and-swaps that publish, and with the release of READY in gs_record_write */
		hit->entry = atomic_load_explicit(hit->at, memory_order_acquire);
		hit->slot = gs_table_slot(t, hit->entry);
		if (hit->entry == 0 || (hit->entry & GS_ENTRY_TENT) != 0 || hit->slot == NULL)
			return false;
		hit->w = atomic_load_explicit(&hit->slot->W, memory_order_acquire);
		rc = gs_record_header(t, hit, head);
		if (rc > 0 && (gs_word_state(hit->w) != GS_SLOT_READY || (gs_word_gen(hit->w) & GS_GEN_MASK) != gs_entry_gen(hit->entry)))
			rc = atomic_load_explicit(hit->at, memory_order_acquire) == hit->entry ? GS_ECORRUPT : 0;
	}
	return rc > 0 && head->birth == birth;
}

void
gs_record_merge(struct gs_table *t, const struct gs_hit *old, const struct gs_slot *seen, const struct gs_draft *d, uint64_t entry)
{
	struct gs_hit hit = *old;
	struct gs_slot head;
	struct carried c;

	close_slot(&c, old->slot, seen);
	if (seen->birth != d->head.birth)
		return;		/* a session that was over, and another in its place */
	hit.entry = entry;
	hit.slot = gs_table_slot(t, entry);
	memcpy(&head, &d->head, sizeof(head));
	/* Whoever replaced our record before we came here has closed its slot: on to his. */
	for (int tries = 0; tries < MERGE_TRIES && (c.has_accesses || c.has_touch || c.has_offence); tries++) {
		if (tries > 0 && !current_record(t, &hit, &head, d->head.birth))
			return;
		if (c.has_accesses)
			carry_accesses(&c, hit.slot, innermost_half_life_ms(t), gs_entry_gen(hit.entry));
		if (c.has_touch)
			carry_touch(&c, hit.slot, &head, gs_entry_gen(hit.entry));
		if (c.has_offence)
			c.has_offence = !carry_offence(&c, t, &hit);
	}
}

void
gs_record_meta(const struct gs_hit *hit, const struct gs_slot *head, const unsigned char *data, struct gs_meta *out)
{
	out->ordinal = hit->ordinal;
	out->entry = hit->entry;
	out->ring = gs_entry_ring(hit->entry);
	out->birth = head->birth;
	out->version = head->version;
	out->hash = head->hash;
	out->expires_ms = gs_timed_value(atomic_load_explicit(&head->X, memory_order_relaxed));
	out->accessed_ms = gs_timed_value(atomic_load_explicit(&head->A, memory_order_relaxed));
	out->interest = gs_timed_value(atomic_load_explicit(&head->I, memory_order_relaxed));
	out->touched_ms = gs_timed_value(atomic_load_explicit(&head->T, memory_order_relaxed));
	out->hits = gs_timed_value(atomic_load_explicit(&head->H, memory_order_relaxed));
	out->deadline_ms = head->deadline;
	out->ttl_ms = head->ttl_ms;
	out->created_ms = head->created;
	out->mtime_ns = head->mtime_ns;
	out->mtime_ms = head->mtime_ms;
	out->ctime_ns = head->ctime_ns;
	out->uid = head->uid;
	out->gid = head->gid;
	out->mode = head->mode;
	out->class_id = head->class_id;
	out->ns = head->ns;
	out->key_len = head->key_len;
	out->owner_len = head->owner_len;
	out->link_len = head->link_len;
	out->flags = head->flags;
	out->resume_ttl_s = head->resume_ttl_s;
	out->arrival = gs_timed_value(atomic_load_explicit(&head->Q, memory_order_relaxed));
	out->offence = gs_timed_value(atomic_load_explicit(&head->O, memory_order_relaxed));
	out->attempts = gs_offence_count(gs_timed_value(atomic_load_explicit(&head->L, memory_order_relaxed)));
	out->attempt_ms = gs_offence_since_ms(gs_timed_value(atomic_load_explicit(&head->L, memory_order_relaxed)));
	out->rate_code = gs_offence_count(gs_timed_value(atomic_load_explicit(&head->S, memory_order_relaxed)));
	out->soon_ms = gs_offence_since_ms(gs_timed_value(atomic_load_explicit(&head->S, memory_order_relaxed)));
	out->val_len = head->val_len;
	out->key[0] = 0;
	out->owner[0] = 0;
	out->link[0] = 0;
	if (data == NULL)
		return;
	memcpy(out->key, data, head->key_len);
	out->key[head->key_len] = 0;
	memcpy(out->owner, data + gs_align_up(head->key_len, 8), head->owner_len);
	out->owner[head->owner_len] = 0;
	memcpy(out->link, data + gs_record_link_off(head->key_len, head->owner_len) - GS_SLOT_HEADER_BYTES, head->link_len);
	out->link[head->link_len] = 0;
}
