/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/kv_draft.h"

#include <string.h>

#include "policy/decay.h"
#include "shm/kv_quota.h"
#include "shm/logout.h"
#include "shm/park.h"

/* A number that differs between two sessions that use one entry, one after the other. */
static uint32_t
birth_of(uint64_t version)
{
	version *= UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(version >> 32);
}

/* What the arguments say about who and what a session is; the rest of the draft stays. */
static void
apply_args(struct gs_draft *d, const struct gs_put_args *args)
{
	if ((args->set & GS_SET_OWNER_BIT) != 0) {
		/* Of no bytes a caller may give none: pointers to copy from are never NULL. */
		d->owner = args->owner_len > 0 ? args->owner : "";
		d->head.owner_len = (uint8_t)args->owner_len;
	}
	if ((args->set & GS_SET_CLASS_BIT) != 0)
		d->head.class_id = (uint8_t)args->class_id;
	if ((args->set & GS_SET_LINK_BIT) != 0) {
		d->link = args->link_len > 0 ? args->link : "";
		d->head.link_len = (uint8_t)args->link_len;
	}
	if ((args->set & GS_SET_CARRIED_BIT) != 0)
		d->head.flags = (uint8_t)((d->head.flags & ~GS_FLAG_CARRIED) | (args->is_carried ? GS_FLAG_CARRIED : 0));
	if ((args->set & GS_SET_TTL_BIT) != 0)
		d->head.ttl_ms = gs_min_u64(args->ttl_ms, GS_TIME_NEVER);
	if ((args->set & (GS_SET_PERM_BIT | GS_SET_UID_BIT)) != 0)
		d->head.uid = args->uid;
	if ((args->set & (GS_SET_PERM_BIT | GS_SET_GID_BIT)) != 0)
		d->head.gid = args->gid;
	if ((args->set & (GS_SET_PERM_BIT | GS_SET_MODE_BIT)) != 0)
		d->head.mode = (uint16_t)(args->mode & 07777);
}

/* Explicit times: the session takes its age from them. */
static void
apply_times(const struct gs_table *t, struct gs_draft *d, const struct gs_put_args *args)
{
	uint64_t was_ms = gs_kv_word(&d->head.A);

	if ((args->set & GS_SET_TIMES_BIT) == 0)
		return;
	d->head.mtime_ns = args->mtime_ns;
	/* Forwards it is a touch of that instant, backwards a restore: what was asked of it after then is not known. */
	gs_kv_set(&d->head.I, args->accessed_ms < was_ms ? GS_INTEREST_ONE :
	    gs_decay_fade(gs_kv_word(&d->head.I), args->accessed_ms - was_ms, gs_kv_half_life_ms(t)));
	gs_kv_set(&d->head.A, args->accessed_ms);
	gs_kv_set(&d->head.T, args->accessed_ms);
	d->head.mtime_ms = args->accessed_ms;
}

void
gs_kv_draft_args(const struct gs_table *t, struct gs_draft *d, const struct gs_put_args *args)
{
	apply_args(d, args);
	apply_times(t, d, args);
}

void
gs_kv_draft_expiry(struct gs_draft *d)
{
	gs_kv_set(&d->head.X, gs_record_expiry(gs_kv_word(&d->head.T), d->head.ttl_ms, d->head.deadline));
}

/* A session that is another one under a new name. */
static void
apply_life(struct gs_draft *d, const struct gs_meta *from)
{
	d->head.created = from->created_ms;
	d->head.deadline = from->deadline_ms;
	d->head.mtime_ns = from->mtime_ns;
	d->head.mtime_ms = from->mtime_ms;
	gs_kv_set(&d->head.A, from->accessed_ms);
	gs_kv_set(&d->head.I, from->interest);
	gs_kv_set(&d->head.T, from->touched_ms);
	gs_kv_set(&d->head.H, from->hits);
	/* Under another name it is accused as well. */
	gs_kv_set(&d->head.Q, from->arrival);
	gs_kv_set(&d->head.O, from->offence);
	gs_kv_set(&d->head.L, gs_offence(from->attempts, from->attempt_ms));
	gs_kv_set(&d->head.S, gs_offence(from->rate_code, from->soon_ms));
}

/* The parts that a put replaces whether the session is new or not. */
static void
draft_value(struct gs_ctx *c, struct gs_draft *d, const struct gs_putting *p, uint64_t old_version)
{
	d->key = p->key->bytes;
	d->value = p->val;
	d->head.hash = p->key->hash;
	d->head.key_len = (uint8_t)p->key->len;
	d->head.ns = (uint16_t)p->key->ns;
	d->head.val_len = (uint16_t)p->val_len;
	d->head.version = gs_kv_next_version(c, old_version, p->now_ms);
	d->head.turn = 0;
	d->head.mtime_ns = p->args->wall_ns;
	d->head.ctime_ns = p->args->wall_ns;
	d->head.mtime_ms = p->now_ms;
	gs_kv_set(&d->head.T, p->now_ms);
}

/* The access that starts it. */
static void
charge_new(const struct gs_table *t, struct gs_draft *d, uint64_t now_ms)
{
	uint64_t limit = gs_quota_find(t, &(struct gs_quota_whom){ d->head.hash, d->head.ns, d->head.owner_len, d->owner });

	if (limit != GS_QUOTA_FREE)
		gs_kv_set(&d->head.Q, gs_quota_charge(limit, 0, now_ms, 1, GS_QUOTA_CLOCK_MS));
}

void
gs_kv_draft_new(const struct gs_table *t, struct gs_ctx *c, struct gs_draft *d, const struct gs_putting *p, uint64_t old_version)
{
	memset(d, 0, sizeof(*d));
	d->owner = d->link = "";
	draft_value(c, d, p, old_version);
	d->head.birth = birth_of(d->head.version);
	d->head.created = (p->args->set & GS_SET_OWNER_BIT) == 0 ? p->now_ms :
	    gs_logout_start_ms(t, p->key->ns, p->args->owner, p->args->owner_len, p->now_ms);
	d->head.deadline = gs_min_u64(gs_add_sat(p->now_ms, t->max_lifetime_ms), GS_TIME_NEVER);
	d->head.uid = p->args->uid;
	d->head.gid = p->args->gid;
	d->head.mode = 0600;
	gs_kv_set(&d->head.A, p->now_ms);
	gs_kv_set(&d->head.I, GS_INTEREST_ONE);
	gs_kv_set(&d->head.H, (p->args->flags & GS_KV_INSPECT) != 0 ? 0 : 1);
	apply_args(d, p->args);
	if ((p->args->flags & GS_KV_INSPECT) == 0)
		charge_new(t, d, p->now_ms);
	apply_times(t, d, p->args);
	if ((p->args->set & GS_SET_LIFE_BIT) != 0)
		apply_life(d, p->args->life);
	gs_kv_draft_expiry(d);
}

void
gs_kv_draft_over(const struct gs_table *t, struct gs_ctx *c, struct gs_draft *d, const struct gs_putting *p)
{
	uint64_t idle_ms = gs_sub_sat(p->now_ms, gs_kv_word(&d->head.A)), half_life_ms = gs_kv_half_life_ms(t);
	bool counts = (p->args->flags & GS_KV_INSPECT) == 0;
	struct gs_put_args args = *p->args;

	/* A token that is there hangs on what it hangs on. */
	args.set &= ~(uint32_t)(GS_SET_LINK_BIT | GS_SET_CARRIED_BIT);
	draft_value(c, d, p, d->head.version);
	gs_kv_set(&d->head.I, counts ? gs_decay_access(gs_kv_word(&d->head.I), idle_ms, half_life_ms) :
	    gs_decay_fade(gs_kv_word(&d->head.I), idle_ms, half_life_ms));
	gs_kv_set(&d->head.A, gs_max_u64(p->now_ms, gs_kv_word(&d->head.A)));
	if (counts) {
		gs_kv_set(&d->head.H, gs_kv_word(&d->head.H) + 1);
		gs_park_clear(&d->head, p->now_ms);
	}
	apply_args(d, &args);
	apply_times(t, d, p->args);
	gs_kv_draft_expiry(d);
}
