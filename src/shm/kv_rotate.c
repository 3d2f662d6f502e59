/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/atomic.h"
#include "policy/decay.h"
#include "shm/bond.h"
#include "shm/event.h"
#include "shm/feedback.h"
#include "shm/kv.h"
#include "shm/kv_impl.h"

enum {
	MAX_HOPS = 64,			/* keys given up one after the other; also what bounds a damaged ring of them */
};

/* ---- following ---- */

/* What is under a key. */
struct seen {
	struct gs_hit hit;
	struct gs_meta meta;
	struct gs_slot head;		/* last: a record would follow it */
};

/* Header and names of what is under a key, whatever it is. 1, or as gs_kv_look_up. */
static int
load(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, struct seen *out)
{
	int rc = KV_AGAIN;

	for (int tries = 0; tries < KV_TRIES && rc == KV_AGAIN; tries++) {
		rc = gs_kv_look_up(t, c, k, now_ms, &out->hit, &out->head);
		if ((rc == 1 || rc == KV_ROTATED) && !gs_kv_fill_meta(&out->hit, &out->head, &out->meta))
			rc = KV_AGAIN;
	}
	return rc == KV_AGAIN ? GS_EAGAIN : rc;
}

static int
step_to(const struct gs_table *t, const struct gs_meta *meta, struct gs_followed *out)
{
	memcpy(out->bytes, meta->link, meta->link_len);
	return gs_key_init_in(t, &out->key, meta->ns, out->bytes, meta->link_len);
}

/*
 * Somebody used a key that was given up long ago: he who has it and he who has the new one may not be the same. Both become
 * suspects, so that neither goes on unseen.
 */
static void
raise_alarm(struct gs_table *t, struct gs_ctx *c, const struct gs_key *old, uint64_t now_ms, const struct seen *seen, uint32_t n)
{
	const struct gs_meta *meta = &seen->meta;
	uint32_t suspect = gs_table_suspect(t);
	struct gs_followed to;
	struct seen next = *seen;
	int rc = KV_ROTATED;

	gs_ctx_count_many(c, GS_COUNT_REPLAYED, n);
	gs_event_tell_seldom(t, c, &(struct gs_turn){ .kind = GS_EVENT_REUSED, .reason = GS_REASON_ROTATION, .from = meta->ring,
	    .to = suspect, .now_ms = now_ms, .hash = old->hash, .ns = old->ns, .version = meta->version, .key = old->bytes,
	    .key_len = old->len, .owner = meta->owner, .owner_len = meta->owner_len, .count = n });
	if (suspect == GS_RING_NONE)
		return;
	(void)gs_kv_move(t, c, old, now_ms, suspect);
	for (int hops = 0; hops < MAX_HOPS && rc == KV_ROTATED; hops++) {
		if (step_to(t, &next.meta, &to) < 0)
			return;
		rc = load(t, c, &to.key, now_ms, &next);
	}
	if (rc == 1)
		(void)gs_kv_move(t, c, &to.key, now_ms, suspect);
}

bool
gs_kv_reused(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t at_ms, uint64_t now_ms, uint32_t n)
{
	struct seen seen;

	if (load(t, c, k, now_ms, &seen) != KV_ROTATED || !gs_kv_is_grace_over(&seen.head, at_ms))
		return false;
	raise_alarm(t, c, k, now_ms, &seen, n);
	return true;
}

int
gs_kv_follow(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, uint32_t flags, struct gs_followed *out)
{
	struct seen seen;
	int rc = load(t, c, k, now_ms, &seen);

	if (rc == KV_ROTATED && gs_kv_is_grace_over(&seen.head, now_ms)) {
		if ((flags & GS_KV_INSPECT) != 0)
			return GS_ESTALE;
		/* A reader cannot: the daemon sees what he told of, and does it for him. */
		if (c->is_reader)
			gs_feedback_tell(c, seen.hit.entry, now_ms);
		else
			raise_alarm(t, c, k, now_ms, &seen, 1);
		return GS_ESTALE;
	}
	if (rc == 1)
		return GS_EAGAIN;	/* a key that was given up starts again: only after its deadline */
	/* Keys on the way lead on however old they are: it is the one that was asked for that has a grace. */
	for (int hops = 0; hops < MAX_HOPS && rc == KV_ROTATED; hops++) {
		rc = step_to(t, &seen.meta, out);
		if (rc == 0)
			rc = load(t, c, &out->key, now_ms, &seen);
	}
	return rc == 1 ? 0 : rc == KV_ROTATED ? GS_ECORRUPT : rc;
}

int
gs_kv_lead(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, struct gs_followed *out, struct gs_meta *meta)
{
	struct seen seen;
	int rc;

	memcpy(out->bytes, k->bytes, k->len);
	rc = gs_key_init_in(t, &out->key, k->ns, out->bytes, k->len);
	for (int hops = 0; hops < MAX_HOPS && rc == 0; hops++) {
		rc = load(t, c, &out->key, now_ms, &seen);
		if (rc == KV_ROTATED)
			rc = step_to(t, &seen.meta, out);
	}
	if (rc == 1)
		*meta = seen.meta;
	return rc == 1 ? 0 : rc == 0 ? GS_ECORRUPT : rc;
}

/* ---- giving up ---- */

/* The session of the old key, whole: value in r->buf, the rest in *meta, and the hit that it was seen by. 0, KV_AGAIN, or an error. */
static int
copy_old(struct gs_table *t, struct gs_ctx *c, uint64_t now_ms, const struct gs_rotation *r, struct gs_hit *hit, struct gs_meta *meta)
{
	struct gs_slot *head;
	int rc = gs_index_find(t, c, r->from, GS_FETCH_WHOLE, hit);

	if (rc <= 0)
		return rc < 0 ? rc : GS_ENOENT;
	rc = gs_record_copy(t, c, hit);
	if (rc <= 0)
		return rc < 0 ? rc : KV_AGAIN;
	head = (struct gs_slot *)(void *)c->scratch;
	if (gs_record_is_over(t, gs_entry_ring(hit->entry), head, now_ms))
		return GS_ENOENT;
	if (gs_kv_is_rotated(head))
		return GS_ESTALE;
	if (t->ctl->ring[gs_entry_ring(hit->entry)].kind == GS_RING_SUSPECT)
		return GS_EQUARANTINE;
	gs_record_meta(hit, head, c->scratch + GS_SLOT_HEADER_BYTES, meta);
	memcpy(r->buf, c->scratch + gs_record_value_off(head->key_len, head->owner_len, head->link_len), head->val_len);
	return 0;
}

/* The new session: all that the old one is. */
static void
args_of(const struct gs_rotation *r, const struct gs_meta *old, struct gs_put_args *out)
{
	*out = (struct gs_put_args){
		.flags = GS_KV_INSPECT, .ring = old->ring, .wall_ns = r->wall_ns,
		.set = GS_SET_LIFE_BIT | GS_SET_PERM_BIT | GS_SET_OWNER_BIT | GS_SET_CLASS_BIT | GS_SET_TTL_BIT | GS_SET_LINK_BIT |
		    GS_SET_CARRIED_BIT,
		.life = old, .uid = old->uid, .gid = old->gid, .mode = old->mode, .owner = old->owner, .owner_len = old->owner_len,
		.class_id = old->class_id,
		/* One that was parked goes on: nobody waits under a key that nobody had. */
		.ttl_ms = (old->flags & GS_FLAG_PARKED) != 0 ? (uint64_t)old->resume_ttl_s * 1000 : old->ttl_ms, .link = old->link, .link_len = old->link_len,
		.is_carried = (old->flags & GS_FLAG_CARRIED) != 0,
	};
}

/* What stays under the old key: it counts as the same session until its entry was swung, so that what was written in place comes over. */
static void
draft_alias(struct gs_ctx *c, struct gs_draft *d, uint64_t now_ms, const struct gs_rotation *r)
{
	gs_record_draft_of(d, c->scratch);
	d->link = r->to->bytes;
	d->head.link_len = (uint8_t)r->to->len;
	d->head.val_len = 0;
	d->head.flags = GS_FLAG_ROTATED;
	d->head.class_id = GS_CLASS_NONE;
	d->head.ttl_ms = 0;
	d->head.created = now_ms;
	d->head.resume_ttl_s = (uint32_t)r->grace_ms;
	d->head.version = gs_kv_next_version(c, d->head.version, now_ms);
	d->head.turn = 0;
	gs_kv_set(&d->head.X, d->head.deadline);
}

/* Swing the entry that was copied to the record that leads on. 0, KV_AGAIN when the session changed, GS_ENOSPC, GS_EFBIG. */
static int
give_up_key(struct gs_table *t, struct gs_ctx *c, uint64_t now_ms, const struct gs_rotation *r, const struct gs_hit *hit)
{
	struct gs_slot seen;
	struct gs_draft d;
	int rc = gs_record_copy(t, c, hit);

	if (rc <= 0)
		return rc < 0 ? rc : KV_AGAIN;
	memcpy(&seen, c->scratch, sizeof(seen));
	draft_alias(c, &d, now_ms, r);
	if (gs_record_class(t, &d.head) >= GS_MAX_CLASSES)
		return GS_EFBIG;
	return gs_kv_publish(t, c, &(struct gs_over){ hit, &seen, gs_entry_ring(hit->entry), now_ms }, &d);
}

/* What came to the old session while it was copied: then the new one is renewed. */
static void
catch_up(struct gs_table *t, struct gs_ctx *c, uint64_t now_ms, const struct gs_rotation *r, const struct gs_meta *old)
{
	struct seen alias;

	if (load(t, c, r->from, now_ms, &alias) != KV_ROTATED)
		return;
	if (alias.meta.touched_ms != old->touched_ms || alias.meta.accessed_ms != old->accessed_ms)
		(void)gs_kv_touch(t, c, r->to, now_ms);
}

/* One try: the copy, the new session (made for the first time, or changed to what the old one is by now), the old key. */
static int
rotate_once(struct gs_table *t, struct gs_ctx *c, uint64_t now_ms, const struct gs_rotation *r, uint64_t *version)
{
	struct gs_put_args args;
	struct gs_meta old, made;
	struct gs_hit hit;
	int rc = copy_old(t, c, now_ms, r, &hit, &old);

	if (rc != 0)
		return rc;
	args_of(r, &old, &args);
	args.flags |= *version == 0 ? GS_KV_ONLY_NEW : 0;
	args.if_version = *version;
	rc = gs_kv_put(t, c, r->to, now_ms, r->buf, old.val_len, &args, &made);
	if (rc < 0)
		return rc;
	*version = made.version;
	/* Noted until the mark is set; pairs with gs_recover_ctx. */
	gs_kv_begin_start(c, r->from);
	rc = give_up_key(t, c, now_ms, r, &hit);
	if (rc == 0) {
		/* What hangs on the old key is to hang on the new one. */
		gs_bond_mark_end(t, r->from->hash);
		catch_up(t, c, now_ms, r, &old);
	}
	gs_kv_give_up_start(c);
	return rc;
}

int
gs_kv_rotate(struct gs_table *t, struct gs_ctx *c, uint64_t now_ms, const struct gs_rotation *r)
{
	struct gs_ending undo = { .kind = GS_TOMB_NONE };
	uint64_t version = 0;
	int rc = KV_AGAIN;

	for (int tries = 0; tries < KV_TRIES && rc == KV_AGAIN; tries++)
		rc = rotate_once(t, c, now_ms, r, &version);
	if (rc == 0) {
		gs_ctx_count(c, GS_COUNT_ROTATED);
		gs_event_tell(t, c, &(struct gs_turn){ .kind = GS_EVENT_ROTATED, .reason = GS_REASON_OWNER, .from = GS_RING_NONE,
		    .to = GS_RING_NONE, .now_ms = now_ms, .hash = r->from->hash, .ns = r->from->ns, .key = r->from->bytes,
		    .key_len = r->from->len });
	}
	/* The old one ended meanwhile, or was given up by another: ours is nobody's. */
	if (rc != 0 && version != 0) {
		undo.if_version = version;
		(void)gs_kv_end(t, c, r->to, now_ms, &undo);
	}
	return gs_kv_result(t, c, r->from, rc);
}
