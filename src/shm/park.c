/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/park.h"

#include <string.h>

#include "base/bits.h"
#include "policy/decay.h"
#include "shm/event.h"

enum { MS_PER_S = 1000 };

bool
gs_park_comes_in(const struct gs_table *t, uint32_t ring)
{
	const struct gs_ring_cfg *r = &t->ctl->ring[ring];

	return ring != gs_table_innermost(t) && r->kind == GS_RING_NORMAL &&
	    atomic_load_explicit(&r->promote, memory_order_relaxed) != GS_PROMOTE_NEVER;
}

void
gs_park_clear(struct gs_slot *head, uint64_t now_ms)
{
	if (!gs_park_is_parked(head))
		return;
	head->flags &= (uint8_t)~GS_FLAG_PARKED;
	head->ttl_ms = (uint64_t)head->resume_ttl_s * MS_PER_S;
	head->resume_ttl_s = 0;
	gs_kv_set(&head->T, gs_max_u64(now_ms, gs_kv_word(&head->T)));
}

static void
set_parked(struct gs_slot *head, uint64_t now_ms, uint64_t ttl_ms)
{
	/* Its own ttl is kept in whole seconds, rounded up. */
	if (!gs_park_is_parked(head))
		head->resume_ttl_s = (uint32_t)gs_min_u64(gs_div_up(head->ttl_ms, MS_PER_S), UINT32_MAX);
	head->flags |= GS_FLAG_PARKED;
	head->ttl_ms = gs_min_u64(ttl_ms, GS_TIME_NEVER);
	gs_kv_set(&head->T, gs_max_u64(now_ms, gs_kv_word(&head->T)));
}

static void
set_expiry(struct gs_slot *head)
{
	gs_kv_set(&head->X, gs_record_expiry(gs_kv_word(&head->T), head->ttl_ms, head->deadline));
}

/* Publish a draft in a ring, where a place is reserved if it is another one. */
static int
publish(struct gs_table *t, struct gs_ctx *c, const struct gs_over *over, const struct gs_draft *d)
{
	uint32_t from = gs_entry_ring(over->hit->entry);
	int rc = gs_kv_publish(t, c, over, d);

	if (over->ring != from)
		gs_kv_unreserve(t, rc == 0 ? from : over->ring);
	return rc;
}

static int
park_once(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, uint64_t ttl_ms)
{
	uint32_t from, to = gs_table_outermost(t);
	struct gs_slot seen;
	struct gs_draft d;
	struct gs_hit hit;
	int rc = gs_index_find(t, c, k, GS_FETCH_WHOLE, &hit);

	if (rc <= 0)
		return rc < 0 ? rc : GS_ENOENT;
	from = gs_entry_ring(hit.entry);
	rc = gs_record_copy(t, c, &hit);
	if (rc <= 0)
		return rc < 0 ? rc : KV_AGAIN;
	memcpy(&seen, c->scratch, sizeof(seen));
	if (gs_record_is_over(t, from, &seen, now_ms))
		return GS_ENOENT;
	if (t->ctl->ring[from].kind == GS_RING_SUSPECT)
		return GS_EQUARANTINE;
	if (to != from && !gs_kv_reserve(t, to))
		return GS_ENOSPC;
	gs_record_draft_of(&d, c->scratch);
	set_parked(&d.head, now_ms, ttl_ms);
	set_expiry(&d.head);
	rc = publish(t, c, &(struct gs_over){ &hit, &seen, to, now_ms }, &d);
	if (rc == 0)
		gs_kv_tell(t, c, c->scratch, &(struct gs_turn){ .kind = GS_EVENT_PARKED, .reason = GS_REASON_OWNER, .from = from, .to = to,
		    .now_ms = now_ms });
	return rc;
}

int
gs_park_set(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, uint64_t ttl_ms)
{
	int rc = KV_AGAIN;

	for (int tries = 0; tries < KV_TRIES && rc == KV_AGAIN; tries++)
		rc = park_once(t, c, k, now_ms, ttl_ms);
	if (rc == 0)
		gs_ctx_count(c, GS_COUNT_PARKED);
	if (rc == GS_EQUARANTINE)
		gs_ctx_count(c, GS_COUNT_REFUSED);
	if (rc == GS_ENOSPC)
		gs_ctx_count(c, GS_COUNT_ENOSPC);
	return gs_kv_result(t, c, k, rc);
}

int
gs_park_resume(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, uint64_t now_ms)
{
	uint32_t from = gs_entry_ring(hit->entry), to = from;
	struct gs_slot seen;
	struct gs_draft d;
	uint64_t last_ms;
	int rc = gs_record_copy(t, c, hit);

	if (rc <= 0)
		return rc < 0 ? 0 : KV_AGAIN;
	memcpy(&seen, c->scratch, sizeof(seen));
	gs_record_draft_of(&d, c->scratch);
	/* Claimed by the sweep, as in gs_kv_relocate. */
	if (gs_kv_word(&d.head.X) == 0)
		return KV_AGAIN;
	last_ms = gs_kv_word(&d.head.A);
	gs_park_clear(&d.head, now_ms);
	/* As a touch leaves them; the access is counted when it is made. */
	gs_kv_set(&d.head.I, gs_decay_fade(gs_kv_word(&d.head.I), gs_sub_sat(now_ms, last_ms), gs_kv_half_life_ms(t)));
	gs_kv_set(&d.head.A, gs_max_u64(now_ms, last_ms));
	set_expiry(&d.head);
	if (gs_park_comes_in(t, from) && gs_kv_reserve(t, gs_kv_promote_to(t, from)))
		to = gs_kv_promote_to(t, from);
	rc = publish(t, c, &(struct gs_over){ hit, &seen, to, now_ms }, &d);
	if (rc == 0) {
		gs_ctx_count(c, GS_COUNT_RESUMED);
		gs_kv_tell(t, c, c->scratch, &(struct gs_turn){ .kind = GS_EVENT_RESUMED, .reason = GS_REASON_ACCESS, .from = from, .to = to,
		    .now_ms = now_ms });
	}
	return rc == 0 ? 1 : rc == KV_AGAIN ? KV_AGAIN : 0;
}
