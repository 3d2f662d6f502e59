/* SPDX-License-Identifier: BSD-2-Clause */
/* What a sweep does to one session: it stays, goes outwards, is pardoned, or ends; and when it is to look again. */
#include "base/atomic.h"
#include "policy/decay.h"
#include "shm/evict.h"
#include "shm/kv.h"
#include "shm/kv_quota.h"

enum { EXEMPT_LOOK_MS = 3600000 };	/* how long the sweep leaves one alone that a pattern keeps where it is */

/* ---- when ---- */

uint64_t
gs_kv_pardon_ms(const struct gs_table *t, const struct gs_meta *meta)
{
	return gs_record_pardon_ms(t, meta->offence, meta->soon_ms);
}

static uint64_t
leaves_ms(const struct gs_table *t, uint32_t ring, const struct gs_meta *meta)
{
	/* Where a ring drains, or came late, nobody waits for the law. */
	if (gs_table_ring_state(t, ring) != GS_RING_ON)
		return 0;
	/* Out of the last ring it expires, as readers have it too. */
	if (atomic_load_explicit(&t->ctl->ring[ring].decay_to, memory_order_relaxed) != GS_RING_NONE &&
	    gs_quota_is_exempt(t, meta->key, meta->key_len))
		return UINT64_MAX;
	return gs_record_leaves_ms(t, ring, meta->flags, meta->accessed_ms, meta->interest);
}

uint64_t
gs_kv_ends_ms(const struct gs_table *t, const struct gs_meta *meta)
{
	return gs_record_bound_ms(t, &(struct gs_bounded){ meta->class_id, meta->ns, meta->flags, meta->expires_ms, meta->touched_ms,
	    meta->accessed_ms });
}

uint64_t
gs_kv_leaves_ms(const struct gs_table *t, const struct gs_meta *meta)
{
	return leaves_ms(t, meta->ring, meta);
}

/* ---- what ---- */

/*
 * The claim of X makes it invisible first; if an access or a touch came
 * between the judgement and the claim, the claim is taken back and the session
 * lives.
 */
bool
gs_kv_end_judged(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, const struct gs_slot *head, enum gs_tomb_kind kind,
    uint64_t now_ms)
{
	uint64_t x = gs_kv_word(&head->X), claimed = gs_timed(0, gs_timed_gen(x));

	/* seq_cst; pairs with raise_word in record.c, as do the loads of A and T */
	if (gs_timed_value(x) != 0 && !atomic_compare_exchange_strong_explicit(&hit->slot->X, &x, claimed, memory_order_seq_cst,
	    memory_order_relaxed))
		return false;
	if (atomic_load_explicit(&hit->slot->A, memory_order_seq_cst) != gs_kv_word(&head->A) ||
	    atomic_load_explicit(&hit->slot->T, memory_order_seq_cst) != gs_kv_word(&head->T)) {
		(void)atomic_compare_exchange_strong_explicit(&hit->slot->X, &claimed, x, memory_order_seq_cst, memory_order_relaxed);
		return false;
	}
	return gs_kv_end_hit(t, c, hit, head, kind, now_ms);
}

/* End a session whose time is over. */
static enum gs_settle
expire(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, const struct gs_slot *head, uint64_t now_ms)
{
	if (!gs_kv_end_judged(t, c, hit, head, GS_TOMB_PLAIN, now_ms))
		return GS_SETTLE_GONE;
	gs_ctx_count(c, GS_COUNT_EXPIRED);
	return GS_SETTLE_EXPIRED;
}

/*
 * Between the judgement and the move it may have been asked for: then the move was wrong, although the access came over
 * with it. False when it was not, or its place has gone.
 */
static bool
take_back(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *was, const struct gs_slot *head, uint64_t now_ms)
{
	uint32_t from = gs_entry_ring(was->entry);
	struct gs_slot now;
	struct gs_hit hit;
	int rc;

	if (gs_kv_load_at(t, was->ordinal, &hit, &now, NULL) != 1 || now.birth != head->birth || gs_entry_ring(hit.entry) == from ||
	    (gs_timed_value(gs_kv_word(&now.A)) == gs_timed_value(gs_kv_word(&head->A)) &&
	    gs_timed_value(gs_kv_word(&now.I)) == gs_timed_value(gs_kv_word(&head->I))) || !gs_kv_reserve(t, from))
		return false;
	rc = gs_kv_relocate(t, c, &hit, from, now_ms, GS_MOVE_KEEP_TIMES);
	gs_kv_unreserve(t, rc == 0 ? gs_entry_ring(hit.entry) : from);
	return rc == 0;
}

/* As gs_kv_relocate, once more where another had to go for a slot. */
static int
relocate_again(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, uint32_t ring, uint64_t now_ms, enum gs_move_as as)
{
	int rc = gs_kv_relocate(t, c, hit, ring, now_ms, as);

	return rc == KV_AGAIN ? gs_kv_relocate(t, c, hit, ring, now_ms, as) : rc;
}

static enum gs_settle
decay(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, const struct gs_slot *head, uint64_t now_ms, uint32_t to)
{
	bool is_on = gs_table_ring_state(t, gs_entry_ring(hit->entry)) == GS_RING_ON;
	int rc = GS_ENOSPC;

	/* Out of a ring that drains they go by an operator's wish, for which nobody else is to end. */
	c->evict.cost = is_on ? GS_EVICT_AS_ALLOWED : GS_EVICT_BY_MOVES;
	if (gs_evict_reserve(t, c, to, gs_entry_addr(hit->entry), now_ms)) {
		rc = relocate_again(t, c, hit, to, now_ms, GS_MOVE_KEEP_TIMES);
		gs_kv_unreserve(t, rc == 0 ? gs_entry_ring(hit->entry) : to);
	}
	c->evict.cost = GS_EVICT_AS_ALLOWED;
	if (rc == GS_ENOSPC)
		gs_ctx_count(c, GS_COUNT_STUCK);
	if (rc != 0)
		return rc == GS_ENOSPC ? GS_SETTLE_STUCK : GS_SETTLE_GONE;
	if (take_back(t, c, hit, head, now_ms))
		return GS_SETTLE_GONE;
	gs_ctx_count(c, is_on ? GS_COUNT_DECAYED : GS_COUNT_MOVED);
	return GS_SETTLE_DECAYED;
}

/* What a sweep did, or could not do, to the session that it saw. */
static void
tell_settled(struct gs_table *t, struct gs_ctx *c, const struct gs_settled *s, uint64_t now_ms)
{
	const struct gs_meta *m = &s->meta;
	struct gs_turn turn = {
		.from = s->from, .to = s->to, .now_ms = now_ms, .hash = m->hash, .ns = m->ns, .version = m->version,
		.key = m->key, .key_len = m->key_len, .owner = m->owner, .owner_len = m->owner_len,
	};

	switch (s->what) {
	case GS_SETTLE_DECAYED:
		turn.kind = GS_EVENT_DECAYED;
		turn.reason = GS_REASON_IDLE;
		gs_event_tell(t, c, &turn);
		return;
	case GS_SETTLE_EXPIRED:
		turn.kind = GS_EVENT_EXPIRED;
		/* Would it be over however recently it had been asked for? */
		turn.reason = gs_record_bound_ms(t, &(struct gs_bounded){ m->class_id, m->ns, m->flags, m->expires_ms, m->touched_ms,
		    GS_TIME_NEVER }) < now_ms ?
		    GS_REASON_LIFETIME : GS_REASON_IDLE;
		turn.to = GS_RING_NONE;
		gs_event_tell(t, c, &turn);
		return;
	case GS_SETTLE_PARDONED:
		turn.kind = GS_EVENT_PARDONED;
		turn.reason = GS_REASON_SERVED;
		gs_event_tell(t, c, &turn);
		return;
	case GS_SETTLE_STUCK:
		turn.kind = GS_EVENT_STUCK;
		turn.reason = GS_REASON_FULL;
		gs_event_tell_seldom(t, c, &turn);
		return;
	case GS_SETTLE_STAYS:
	case GS_SETTLE_GONE:
	case GS_SETTLE_DAMAGED:
		return;
	}
}

static uint64_t
after(uint64_t instant_ms)
{
	return instant_ms == UINT64_MAX ? UINT64_MAX : instant_ms + 1;
}

/* When to look at a session again that stays. */
static uint64_t
next_of(const struct gs_table *t, uint32_t ring, const struct gs_meta *meta)
{
	uint64_t end_ms = gs_kv_ends_ms(t, meta), ends_ms = end_ms >= GS_TIME_NEVER ? UINT64_MAX : end_ms;

	return gs_min_u64(after(gs_min_u64(ends_ms, leaves_ms(t, ring, meta))), gs_kv_pardon_ms(t, meta));
}

/* From suspect to the innermost ring, as an access; from elsewhere nowhere. */
static enum gs_settle
pardon(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, const struct gs_slot *head, struct gs_settled *out, uint64_t now_ms)
{
	uint32_t to = gs_table_innermost(t);
	int rc;

	if (!gs_kv_is_suspect(t, hit->entry)) {
		out->to = out->from;
		if (!gs_kv_pardon_here(hit, head))
			return GS_SETTLE_GONE;
		gs_ctx_count(c, GS_COUNT_PARDONED);
		return GS_SETTLE_PARDONED;
	}
	out->to = to;
	if (!gs_evict_reserve(t, c, to, gs_entry_addr(hit->entry), now_ms)) {
		gs_ctx_count(c, GS_COUNT_STUCK);
		return GS_SETTLE_STUCK;
	}
	rc = relocate_again(t, c, hit, to, now_ms, GS_MOVE_PARDON);
	gs_kv_unreserve(t, rc == 0 ? out->from : to);
	if (rc != 0)
		return rc == GS_ENOSPC ? GS_SETTLE_STUCK : GS_SETTLE_GONE;
	out->meta.interest = gs_decay_access(out->meta.interest, gs_sub_sat(now_ms, out->meta.accessed_ms), gs_kv_half_life_ms(t));
	out->meta.accessed_ms = gs_max_u64(now_ms, out->meta.accessed_ms);
	gs_ctx_count(c, GS_COUNT_PARDONED);
	return GS_SETTLE_PARDONED;
}

static void
settle(struct gs_table *t, struct gs_ctx *c, uint64_t ordinal, uint64_t now_ms, struct gs_settled *out)
{
	struct gs_slot head;
	struct gs_hit hit;
	uint32_t to;
	int rc;

	out->what = GS_SETTLE_GONE;
	out->next_ms = UINT64_MAX;
	rc = gs_kv_load_at(t, ordinal, &hit, &head, &out->meta);
	if (rc == GS_ECORRUPT)
		out->what = GS_SETTLE_DAMAGED;
	if (rc != 1)
		return;
	hit.place = gs_index_place_of(t, head.hash, ordinal);
	out->from = out->meta.ring;
	to = atomic_load_explicit(&t->ctl->ring[out->from].decay_to, memory_order_relaxed);
	out->to = to;
	if (hit.place < 0)
		return;
	if (gs_record_is_over(t, out->from, &head, now_ms)) {
		out->what = expire(t, c, &hit, &head, now_ms);
		return;
	}
	if (gs_kv_pardon_ms(t, &out->meta) <= now_ms) {
		out->what = pardon(t, c, &hit, &head, out, now_ms);
		out->meta.offence = out->what == GS_SETTLE_PARDONED ? gs_offence(gs_offence_count(out->meta.offence), 0) : out->meta.offence;
		out->next_ms = next_of(t, out->to, &out->meta);
		return;
	}
	out->next_ms = next_of(t, out->from, &out->meta);
	if (to == GS_RING_NONE || to >= t->n_rings || gs_kv_leaves_ms(t, &out->meta) >= now_ms) {
		out->what = GS_SETTLE_STAYS;
		/* Kept by a pattern only, which may change: it is looked at again, as each that could ever leave is. */
		if (out->next_ms == UINT64_MAX && gs_record_next_ms(t, out->from, &head) != UINT64_MAX)
			out->next_ms = now_ms + EXEMPT_LOOK_MS;
		return;
	}
	out->what = decay(t, c, &hit, &head, now_ms, to);
	if (out->what == GS_SETTLE_DECAYED)
		out->next_ms = next_of(t, to, &out->meta);
}

void
gs_kv_settle(struct gs_table *t, struct gs_ctx *c, uint64_t ordinal, uint64_t now_ms, struct gs_settled *out)
{
	settle(t, c, ordinal, now_ms, out);
	tell_settled(t, c, out, now_ms);
}
