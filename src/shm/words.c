/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/words.h"

#include <string.h>

#include "base/atomic.h"
#include "policy/decay.h"

enum {
	MERGE_TRIES = 1000,
	CLOSED_GEN = 1 << (GS_GEN_BITS - 1),	/* added to a generation: none that anybody still knows, before or after */
};

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
gs_words_access(struct gs_table *t, const struct gs_hit *hit, uint64_t now_ms)
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
gs_words_accesses(struct gs_table *t, const struct gs_hit *hit, uint64_t at_ms, uint32_t n)
{
	struct gs_slot *s = hit->slot;
	uint64_t gen = gs_entry_gen(hit->entry), half_life_ms = innermost_half_life_ms(t), was_ms, idle_ms, late_ms, with;
	/* acquire, and the exchange below; pair with add_interest and take_over, as in gs_words_access */
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
	/* seq_cst; pairs with the sweep's claim of X in kv.c, as in gs_words_access */
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
gs_words_renew(struct gs_table *t, const struct gs_hit *hit, const struct gs_slot *head, uint64_t now_ms)
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

	/* seq_cst; pairs with raise_word, with add_interest, and with gs_words_renew, which looks at the entry after its store */
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
	/* acquire; pairs with add_interest, as in gs_words_access; the exchange below pairs with take_over */
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
		atomic_store_explicit(gs_record_due_at(t, addr), 0, memory_order_relaxed);
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
gs_words_merge(struct gs_table *t, const struct gs_hit *old, const struct gs_slot *seen, const struct gs_draft *d, uint64_t entry)
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
