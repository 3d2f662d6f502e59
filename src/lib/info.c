/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/info.h"

#include <string.h>

#include "policy/decay.h"
#include "policy/quota.h"
#include "shm/classes.h"
#include "shm/namespaces.h"

#define ORDINAL_BITS 33
#define BIRTH_BITS 25

void
gs_info_now(const struct gs *gs, struct gs_now *out)
{
	out->store_ms = gs_table_now_ms(gs->t);
	out->wall_ns = gs_info_wall_ns(gs, out->store_ms);
}

int64_t
gs_info_wall_ns(const struct gs *gs, uint64_t store_ms)
{
	/* Modulo 2^64, as all times are: a damaged one is wrong, not undefined. */
	return (int64_t)((store_ms + atomic_load_explicit(&gs->t->ctl->wall_add_ms, memory_order_relaxed)) * 1000000);
}

uint64_t
gs_info_id(uint64_t ordinal, uint32_t birth)
{
	return (uint64_t)(birth & ((1u << BIRTH_BITS) - 1)) << ORDINAL_BITS | ordinal;
}

uint64_t
gs_info_ordinal(uint64_t id)
{
	return id & ((UINT64_C(1) << ORDINAL_BITS) - 1);
}

/* Wall-clock ms of a store time; 0 for never and for what is before 1970. */
static uint64_t
wall_ms(uint64_t store_ms, const struct gs_now *now)
{
	int64_t ms;

	if (store_ms >= GS_TIME_NEVER)
		return 0;
	ms = gs_table_wall_ms(store_ms, now->store_ms, now->wall_ns);
	return ms < 0 ? 0 : (uint64_t)ms;
}

struct gs_info_times
gs_info_times(const struct gs_meta *m, const struct gs_now *now)
{
	int64_t touched_ns = (int64_t)(wall_ms(m->touched_ms, now) * 1000000);

	if (m->touched_ms == m->mtime_ms)
		return (struct gs_info_times){ .mtime_ns = m->mtime_ns, .ctime_ns = m->ctime_ns };
	return (struct gs_info_times){ .mtime_ns = touched_ns, .ctime_ns = touched_ns > m->ctime_ns ? touched_ns : m->ctime_ns };
}

void
gs_info_fill(const struct gs *gs, const struct gs_meta *m, const struct gs_now *now, struct gs_info *out)
{
	const struct gs_table *t = gs->t;
	struct gs_info_times times = gs_info_times(m, now);
	uint64_t half_life_ms = atomic_load_explicit(&t->ctl->ring[gs_table_innermost(t)].half_life_ms, memory_order_relaxed);

	memset(out, 0, sizeof(*out));
	out->id = gs_info_id(m->ordinal, m->birth);
	out->version = m->version;
	out->created_ms = wall_ms(m->created_ms, now);
	out->accessed_ms = wall_ms(m->accessed_ms, now);
	out->touched_ms = wall_ms(m->touched_ms, now);
	out->deadline_ms = wall_ms(gs_kv_ends_ms(t, m), now);
	out->ring_until_ms = wall_ms(gs_kv_leaves_ms(t, m), now);
	out->ttl_ms = m->ttl_ms;
	out->mtime_ns = times.mtime_ns;
	out->ctime_ns = times.ctime_ns;
	out->hits = m->hits;
	out->interest = gs_decay_interest(m->interest);
	out->rate_per_s = gs_offence_since_ms(m->offence) != 0 ? gs_quota_rate_per_s(m->rate_code) :
	    gs_decay_rate_per_s(out->interest, half_life_ms);
	out->retry_after_ms = gs_kv_retry_after_ms(t, m, now->store_ms);
	out->pace = gs_kv_pace(t, m, now->store_ms);
	out->len = m->val_len;
	out->uid = m->uid;
	out->gid = m->gid;
	out->mode = m->mode;
	out->parked = (m->flags & GS_FLAG_PARKED) != 0;
	out->resume_ttl_ms = (uint64_t)m->resume_ttl_s * 1000;
	out->ring_id = m->ring;
	out->owner_len = m->owner_len;
	(void)gs_table_ring_name(t, m->ring, out->ring);
	gs_classes_name(t, m->class_id, out->class_name);
	out->ns_id = m->ns;
	gs_namespaces_name(t, m->ns, out->ns);
	memcpy(out->owner, m->owner, m->owner_len);
}
