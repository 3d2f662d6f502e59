/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv_quota.h - charging accesses to a session's quota, in its slot, by whoever makes them.
 *
 * Where nothing is ever refused (action report, not strict), an access is
 * charged when it is counted.  Else it is judged before it is done: see
 * gs_kv_admit.  A reader writes nothing: it judges by what it reads, and the
 * daemon charges what it tells.
 */
#ifndef GS_SHM_KV_QUOTA_H
#define GS_SHM_KV_QUOTA_H

#include "shm/kv_impl.h"
#include "shm/quota.h"

/* What is known of one call's access, however often the call looks its key up. */
struct gs_charge {
	bool is_touch;			/* only of the accused it is an attempt; nobody is charged */
	bool is_done;			/* it was charged, or its attempt counted */
	bool is_refused;
};

/* May an access be refused to one who is no suspect? */
static inline bool
gs_kv_is_gated(const struct gs_table *t)
{
	const struct gs_quota_cfg *q = &t->ctl->quota;

	return __builtin_expect(atomic_load_explicit(&q->action, memory_order_relaxed) != GS_QUOTA_REPORT ||
	    atomic_load_explicit(&q->is_strict, memory_order_relaxed) != 0, 0);
}

static inline bool
gs_kv_is_suspect(const struct gs_table *t, uint64_t entry)
{
	return t->ctl->ring[gs_entry_ring(entry)].kind == GS_RING_SUSPECT;
}

/*
 * Judge the access to the record that a hit names, of a suspect or where accesses are gated, and charge it. 0: it is to be
 * done. GS_EQUARANTINE. KV_AGAIN: the session was moved to the suspects, or changed.
 */
int gs_kv_admit(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, uint64_t now_ms, struct gs_charge *charge);

/* n accesses that were over the quota, or came while it was accused: an attempt, or an accusation. */
void gs_kv_overdo(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, uint64_t now_ms, uint32_t n);

/* The limit of the session of a hit, from its slot. */
uint64_t gs_kv_limit(struct gs_table *t, const struct gs_hit *hit);

/* Charge an access that was counted, where none is gated. */
static inline void
gs_kv_charge(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, uint64_t now_ms)
{
	struct gs_slot *s = hit->slot;
	uint32_t gen = gs_entry_gen(hit->entry);
	uint64_t limit = gs_quota_table_limit(t), arrival = atomic_load_explicit(&s->Q, memory_order_relaxed), next = 0;
	uint64_t offence = atomic_load_explicit(&s->O, memory_order_relaxed);

	if (__builtin_expect(gs_quota_has_overrides(t), 0))
		limit = gs_kv_limit(t, hit);
	if (limit == GS_QUOTA_FREE)
		return;
	if (__builtin_expect(gs_offence_since_ms(gs_timed_value(offence)) == 0, 1))
		next = gs_quota_charge(limit, gs_timed_gen(arrival) == gen ? gs_timed_value(arrival) : 0, now_ms, 1, GS_QUOTA_CLOCK_MS);
	if (__builtin_expect(next == 0, 0))
		gs_kv_overdo(t, c, hit, now_ms, 1);
	else
		/* A plain store, as that of H: two at once count as one. */
		atomic_store_explicit(&s->Q, gs_timed(next, gen), memory_order_relaxed);
}

/* The same after a put has replaced the record that a hit names, of the session with this birth: then it names the new one. */
void gs_kv_charge_put(struct gs_table *t, struct gs_ctx *c, struct gs_hit *hit, uint32_t birth, uint64_t now_ms);

/* The words Q, O, L and S as they are in the slot by now. meta may be NULL. */
void gs_kv_meta_quota(const struct gs_hit *hit, struct gs_meta *meta);

/* What a reader told: n accesses, the last at at_ms. Returns how many of them count as accesses: n, 1 or none. */
uint32_t gs_kv_charge_told(struct gs_table *t, struct gs_ctx *c, struct gs_hit *hit, uint64_t at_ms, uint32_t n);

/* The words of an accusation in a draft, plain: made, or ended by a pardon. */
void gs_kv_draft_accused(struct gs_draft *d, uint64_t limit, uint64_t now_ms);
void gs_kv_draft_pardoned(struct gs_draft *d);

/* The words Q, O, L and S of a draft as they are in the slot by now. */
void gs_kv_draft_quota(const struct gs_hit *hit, struct gs_draft *d);

/* Pardon the session of a hit where it is; head: its header as judged. False when it was asked for meanwhile. */
bool gs_kv_pardon_here(const struct gs_hit *hit, const struct gs_slot *head);

#endif
