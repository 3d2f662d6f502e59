/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/atomic.h"
#include "policy/decay.h"
#include "shm/bond.h"
#include "shm/crowd.h"
#include "shm/evict.h"
#include "shm/kv.h"
#include "shm/kv_draft.h"
#include "shm/kv_quota.h"
#include "shm/logout.h"
#include "shm/park.h"

/* The session as put, for the caller. */
static void
report(const struct gs_hit *hit, uint32_t ring, const struct gs_draft *d, struct gs_meta *meta)
{
	struct gs_slot head;
	struct gs_hit at = *hit;
	_Atomic uint64_t *words[GS_TIMED_WORDS];

	if (meta == NULL)
		return;
	memcpy(&head, &d->head, sizeof(head));
	gs_timed_words(&head, words);
	for (size_t i = 0; i < GS_TIMED_WORDS; i++)
		gs_kv_set(words[i], gs_timed(gs_kv_word(words[i]), 0));
	gs_record_meta(&at, &head, NULL, meta);
	meta->ring = ring;
	memcpy(meta->key, d->key, head.key_len);
	meta->key[head.key_len] = 0;
	memcpy(meta->owner, d->owner, head.owner_len);
	meta->owner[head.owner_len] = 0;
	memcpy(meta->link, d->link, head.link_len);
	meta->link[head.link_len] = 0;
}

static void
tell_started(struct gs_table *t, const struct gs_ctx *c, const struct gs_putting *p, uint32_t ring, const struct gs_draft *d)
{
	struct gs_turn turn = {
		.kind = GS_EVENT_CREATED, .reason = (p->args->set & GS_SET_LIFE_BIT) != 0 ? GS_REASON_RENAME : GS_REASON_WRITE,
		.from = GS_RING_NONE, .to = ring, .now_ms = p->now_ms,
	};

	gs_kv_tell_draft(t, c, d, &turn);
}

static uint32_t
start_ring(const struct gs_table *t, const struct gs_put_args *args)
{
	return args->ring == GS_RING_NONE ? gs_table_innermost(t) : args->ring;
}

/* The least of tombstones that refuses a session that would start. */
static enum gs_tomb_kind
refusing(const struct gs_put_args *args)
{
	return (args->flags & GS_KV_NOT_ENDED) != 0 ? GS_TOMB_PLAIN : GS_TOMB_FINAL;
}

/* What was published stands, or was ended meanwhile: as gs_kv_end_start. */
static int
end_start(struct gs_table *t, struct gs_ctx *c, const struct gs_putting *p, const struct gs_draft *d)
{
	const struct gs_starting s = { .key = p->key, .least = refusing(p->args), .birth = d->head.birth, .now_ms = p->now_ms };

	/* What hangs on a session that has ended by now the daemon is to find. */
	gs_bond_mark_link(t, d->link, d->head.link_len);
	return gs_kv_end_start(t, c, &s);
}

/* What starts among the suspects is accused, by whoever starts it there. */
static void
accuse_new(const struct gs_table *t, struct gs_draft *d, uint32_t ring, uint64_t now_ms)
{
	if (t->ctl->ring[ring].kind == GS_RING_SUSPECT && gs_offence_since_ms(gs_kv_word(&d->head.O)) == 0)
		gs_kv_draft_accused(d, GS_QUOTA_FREE, now_ms);
}

/* One more of its owner's; but not one that takes the place of another, as by a rotation, which ends then. */
static void
begin_crowd(const struct gs_table *t, struct gs_ctx *c, const struct gs_putting *p, const struct gs_draft *d)
{
	if ((p->args->set & GS_SET_LIFE_BIT) == 0)
		gs_crowd_begin(t, c, d);
}

/* Of one of the same namespace, which ends for it. */
static bool
takes_place(const struct gs_putting *p)
{
	return (p->args->set & GS_SET_LIFE_BIT) != 0 && p->args->life->ns == p->key->ns;
}

/* Nothing is there: start the session. */
static int
put_new(struct gs_table *t, struct gs_ctx *c, const struct gs_putting *p)
{
	struct gs_starting s = { .key = p->key, .least = refusing(p->args), .ring = start_ring(t, p->args),
	    .takes_place = takes_place(p), .now_ms = p->now_ms };
	struct gs_draft d;
	struct gs_hit hit;
	int rc;

	if ((p->args->flags & GS_KV_ONLY_OLD) != 0 || p->args->if_version != 0)
		return GS_ENOENT;
	if (gs_kv_is_refused(t, p->key->hash, s.least, p->now_ms))
		return GS_ESTALE;
	if (!gs_evict_reserve(t, c, s.ring, GS_EVICT_ANY, p->now_ms))
		return GS_ENOSPC;
	gs_kv_draft_new(t, c, &d, p, 0);
	accuse_new(t, &d, s.ring, p->now_ms);
	s.birth = d.head.birth;
	begin_crowd(t, c, p, &d);
	rc = gs_kv_start(t, c, &s, &d, &hit);
	if (rc != 0)
		return rc;
	gs_ctx_count(c, GS_COUNT_STARTED);
	tell_started(t, c, p, s.ring, &d);
	if (p->meta != NULL) {
		hit.ordinal = gs_index_ordinal_of(t, p->key->hash, gs_entry_addr(hit.entry), gs_entry_gen(hit.entry));
		report(&hit, s.ring, &d, p->meta);
	}
	gs_logout_look(t, c, &d, true);
	gs_crowd_end(t, c, d.head.birth, p->now_ms);
	return 1;
}

/* What is there is over: start anew in its entry. */
static int
put_over_expired(struct gs_table *t, struct gs_ctx *c, const struct gs_putting *p, const struct gs_hit *hit, const struct gs_slot *seen)
{
	uint32_t ring = start_ring(t, p->args), from = gs_entry_ring(hit->entry);
	unsigned char owner[GS_OWNER_BYTES];
	struct gs_turn over = {
		.kind = GS_EVENT_EXPIRED, .reason = GS_REASON_REPLACED, .from = from, .to = GS_RING_NONE, .now_ms = p->now_ms,
		.hash = p->key->hash, .version = seen->version, .ns = p->key->ns, .key = p->key->bytes, .key_len = p->key->len,
		.owner = owner, .owner_len = seen->owner_len,
	};
	struct gs_draft d;
	int rc;

	if ((p->args->flags & GS_KV_ONLY_OLD) != 0 || p->args->if_version != 0)
		return GS_ENOENT;
	/* A key that was given up may have decayed out of the last ring: it starts nothing before its deadline all the same. */
	if (gs_kv_is_rotated(seen) && seen->deadline >= p->now_ms) {
		(void)gs_kv_end_hit(t, c, hit, seen, GS_TOMB_FINAL, p->now_ms);
		return KV_AGAIN;
	}
	if (gs_kv_is_refused(t, p->key->hash, refusing(p->args), p->now_ms))
		return GS_ESTALE;
	/* In its own ring it takes the place of what is over, even if the ring is full. */
	if (ring != from && !gs_evict_reserve(t, c, ring, gs_entry_addr(hit->entry), p->now_ms))
		return GS_ENOSPC;
	/* Whoever wins the entry copied the bytes of its record: a slot is not written again before. */
	gs_racy_load(owner, (unsigned char *)hit->slot + gs_record_owner_off(seen->key_len), seen->owner_len);
	gs_kv_draft_new(t, c, &d, p, seen->version);
	accuse_new(t, &d, ring, p->now_ms);
	begin_crowd(t, c, p, &d);
	gs_kv_begin_start(c, p->key);
	rc = gs_kv_publish(t, c, &(struct gs_over){ hit, seen, ring, p->now_ms }, &d);
	if (ring != from)
		gs_kv_unreserve(t, rc == 0 ? from : ring);
	if (rc != 0) {
		gs_kv_give_up_start(c);
		return rc;
	}
	/* What hung on the one that was over does not hang on this one. */
	gs_bond_mark_end(t, p->key->hash);
	gs_ctx_count(c, GS_COUNT_EXPIRED);
	rc = end_start(t, c, p, &d);
	if (rc != 0)
		return rc;
	gs_ctx_count(c, GS_COUNT_STARTED);
	gs_event_tell(t, c, &over);
	tell_started(t, c, p, ring, &d);
	report(hit, ring, &d, p->meta);
	gs_crowd_end(t, c, d.head.birth, p->now_ms);
	return 1;
}

/* What a put keeps of the bytes behind the header. */
struct names {
	unsigned char owner[GS_OWNER_BYTES];
	unsigned char link[GS_KEY_BYTES];
};

/* A draft with a record's header, and its owner and link copied to `names`. False: look again. */
static bool
draft_from(const struct gs_hit *hit, const struct gs_slot *seen, struct gs_draft *d, struct names *names)
{
	_Atomic uint64_t *words[GS_TIMED_WORDS];

	memcpy(&d->head, seen, sizeof(d->head));
	gs_timed_words(&d->head, words);
	for (size_t i = 0; i < GS_TIMED_WORDS; i++)
		gs_kv_set(words[i], gs_timed_value(gs_kv_word(words[i])));
	d->owner = names->owner;
	d->link = names->link;
	gs_racy_load(names->owner, (unsigned char *)hit->slot + gs_record_owner_off(seen->key_len), seen->owner_len);
	gs_racy_load(names->link, (unsigned char *)hit->slot + gs_record_link_off(seen->key_len, seen->owner_len), seen->link_len);
	return gs_record_is_same(hit->slot, hit->w);
}

/* A session that another owner gets is to him as one that starts, unless it goes on with the life of one that he has. */
static void
begin_gift(const struct gs_table *t, struct gs_ctx *c, const struct gs_put_args *args, const struct gs_draft *d, const unsigned char *was,
    uint32_t was_len)
{
	if ((args->set & GS_SET_LIFE_BIT) != 0)
		return;
	if (d->head.owner_len != was_len || memcmp(d->owner, was, was_len) != 0)
		gs_crowd_begin(t, c, d);
}

/* Judge the put of a session that is there. 0: do it; KV_AGAIN, GS_EQUARANTINE. */
static int
admit(struct gs_table *t, struct gs_ctx *c, const struct gs_putting *p, const struct gs_hit *hit, const struct gs_slot *seen)
{
	int rc = gs_kv_admit(t, c, hit, p->now_ms, p->charge);

	if (rc != GS_EQUARANTINE)
		return rc;
	if (!gs_kv_fill_meta(hit, seen, p->meta))
		return KV_AGAIN;
	gs_kv_meta_quota(hit, p->meta);
	return rc;
}

/* The session is there: replace its value, and bring it in if the access does that. */
static int
put_replace(struct gs_table *t, struct gs_ctx *c, const struct gs_putting *p, const struct gs_hit *hit, const struct gs_slot *seen)
{
	uint32_t from = gs_entry_ring(hit->entry), to = from, in;
	bool counts = (p->args->flags & GS_KV_INSPECT) == 0, comes_in, resumes = counts && gs_park_is_parked(seen);
	struct gs_turn turn = { .kind = resumes ? GS_EVENT_RESUMED : GS_EVENT_PROMOTED, .reason = GS_REASON_WRITE, .from = from,
		.now_ms = p->now_ms };
	bool is_suspect = gs_kv_is_suspect(t, hit->entry), is_judged = counts && (is_suspect || gs_kv_is_gated(t));
	struct names names;
	struct gs_hit made;
	struct gs_draft d;
	int rc;

	if (gs_kv_is_rotated(seen))
		return KV_ROTATED;
	if (counts && is_suspect && (rc = admit(t, c, p, hit, seen)) != 0)
		return rc;
	if ((p->args->flags & GS_KV_ONLY_NEW) != 0)
		return GS_EEXIST;
	if (p->args->if_version != 0 && p->args->if_version != seen->version)
		return GS_ECONFLICT;
	if (is_judged && !is_suspect && (rc = admit(t, c, p, hit, seen)) != 0)
		return rc;
	if (!draft_from(hit, seen, &d, &names))
		return KV_AGAIN;
	if (is_judged)
		gs_kv_draft_quota(hit, &d);
	gs_kv_draft_over(t, c, &d, p);
	begin_gift(t, c, p->args, &d, names.owner, seen->owner_len);
	comes_in = resumes ? gs_park_comes_in(t, from) : gs_kv_is_promotable(t, from, seen, p->now_ms);
	if (counts && comes_in) {
		in = gs_kv_promote_to(t, from);
		if (gs_evict_reserve(t, c, in, gs_entry_addr(hit->entry), p->now_ms))
			to = in;
	}
	rc = gs_kv_publish(t, c, &(struct gs_over){ hit, seen, to, p->now_ms }, &d);
	if (to != from)
		gs_kv_unreserve(t, rc == 0 ? from : to);
	if (rc != 0)
		return rc;
	if (to != from || resumes) {
		gs_ctx_count(c, resumes ? GS_COUNT_RESUMED : GS_COUNT_PROMOTED);
		turn.to = to;
		gs_kv_tell_draft(t, c, &d, &turn);
	}
	gs_ctx_count(c, GS_COUNT_UPDATED);
	report(hit, to, &d, p->meta);
	if (counts && !is_judged) {
		made = *hit;
		gs_kv_charge_put(t, c, &made, seen->birth, p->now_ms);
		gs_kv_meta_quota(&made, p->meta);
	}
	gs_crowd_end(t, c, d.head.birth, p->now_ms);
	return 0;
}

static int
put_once(struct gs_table *t, struct gs_ctx *c, const struct gs_putting *p)
{
	struct gs_slot seen;
	struct gs_hit hit;
	int rc = gs_index_find(t, c, p->key, GS_FETCH_HEAD, &hit);

	if (rc < 0)
		return rc;
	if (rc == 0)
		return put_new(t, c, p);
	rc = gs_record_header(t, &hit, &seen);
	if (rc <= 0)
		return rc < 0 ? rc : KV_AGAIN;
	if (gs_record_is_over(t, gs_entry_ring(hit.entry), &seen, p->now_ms))
		return put_over_expired(t, c, p, &hit, &seen);
	return put_replace(t, c, p, &hit, &seen);
}

/* Most sessions are written where new ones start, with an owner as short as the given one. */
static void
prefetch_claim(const struct gs_table *t, const struct gs_ctx *c, const struct gs_putting *p)
{
	const struct gs_slot like = { .key_len = (uint8_t)p->key->len, .owner_len = (uint8_t)p->args->owner_len, .val_len = (uint16_t)p->val_len };
	uint32_t class_id = gs_record_class(t, &like);

	if (class_id < GS_MAX_CLASSES)
		gs_slots_prefetch(t, c, start_ring(t, p->args), class_id, gs_table_slot_bytes(p->key->len, p->args->owner_len, p->val_len));
}

static void
count_refusal(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, int rc)
{
	if (rc == GS_ENOSPC) {
		gs_ctx_count(c, GS_COUNT_ENOSPC);
		gs_kv_tell_refused(t, c, k, now_ms, GS_REASON_FULL);
	}
	if (rc == GS_EQUARANTINE) {
		gs_ctx_count(c, GS_COUNT_REFUSED);
		gs_kv_tell_refused(t, c, k, now_ms, GS_REASON_SUSPECT);
	}
	if (rc == GS_ESTALE) {
		gs_ctx_count(c, GS_COUNT_STALE);
		gs_kv_tell_refused(t, c, k, now_ms, GS_REASON_STALE);
	}
}

int
gs_kv_put(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, const void *val, size_t val_len,
    const struct gs_put_args *args, struct gs_meta *meta)
{
	struct gs_charge charge = { .is_done = false };
	const struct gs_putting p = { k, args, val, (uint32_t)val_len, now_ms, meta, &charge };
	struct gs_followed to;
	int rc = KV_AGAIN;

	gs_ctx_count_max(c, GS_COUNT_LARGEST, val_len);
	if (val_len > t->record_size) {
		gs_ctx_count(c, GS_COUNT_EFBIG);
		return GS_EFBIG;
	}
	gs_index_prefetch_home(t, k->hash);
	prefetch_claim(t, c, &p);
	for (int tries = 0; tries < KV_TRIES && rc == KV_AGAIN; tries++)
		rc = put_once(t, c, &p);
	gs_crowd_give_up(c);
	if (rc == KV_ROTATED) {
		rc = gs_kv_follow(t, c, k, now_ms, args->flags, &to);
		/* The session that it leads to has ended: nothing starts under a key that was given up. */
		return rc < 0 ? (rc == GS_ENOENT ? GS_ESTALE : rc) : gs_kv_put(t, c, &to.key, now_ms, val, val_len, args, meta);
	}
	count_refusal(t, c, k, now_ms, rc);
	return gs_kv_result(t, c, k, rc);
}

/* ---- setattr ---- */

/* What a touch does to the times. */
static void
apply_renewal(const struct gs_table *t, struct gs_draft *d, uint64_t now_ms)
{
	uint64_t last_ms = gs_kv_word(&d->head.A);

	gs_kv_set(&d->head.T, now_ms);
	gs_kv_set(&d->head.I, gs_decay_fade(gs_kv_word(&d->head.I), gs_sub_sat(now_ms, last_ms), gs_kv_half_life_ms(t)));
	gs_kv_set(&d->head.A, gs_max_u64(now_ms, last_ms));
}

/* Do the conditions of a change hold for the record that was copied? */
static int
may_change(const unsigned char *copy, const struct gs_put_args *args)
{
	struct gs_slot head;

	memcpy(&head, copy, sizeof(head));
	if ((args->set & GS_SET_IF_LINK_BIT) != 0 && (head.link_len != args->if_link_len || (head.link_len > 0 &&
	    memcmp(copy + gs_record_link_off(head.key_len, head.owner_len), args->if_link, head.link_len) != 0)))
		return GS_ECONFLICT;
	if ((args->set & GS_SET_GIVE_BIT) != 0 && head.link_len > 0 && (head.flags & GS_FLAG_CARRIED) == 0)
		return GS_EPERM;
	return 0;
}

static void
apply_deadline(const struct gs_table *t, struct gs_draft *d, uint64_t now_ms, const struct gs_put_args *args)
{
	if ((args->set & GS_SET_GIVE_BIT) != 0) {
		/* As one that starts: what hung on another session before has nothing of it. */
		d->head.created = now_ms;
		d->head.deadline = gs_min_u64(gs_add_sat(now_ms, t->max_lifetime_ms), GS_TIME_NEVER);
	}
	if ((args->set & GS_SET_DEADLINE_BIT) != 0)
		d->head.deadline = gs_min_u64(d->head.deadline, args->deadline_ms);
}

/* Noted until what it hangs on is marked; pairs with gs_recover_ctx. */
static int
publish_linked(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, const struct gs_over *over, const struct gs_draft *d)
{
	int rc;

	gs_kv_begin_start(c, k);
	rc = gs_kv_publish(t, c, over, d);
	if (rc == 0)
		gs_bond_mark_link(t, d->link, d->head.link_len);
	gs_kv_give_up_start(c);
	return rc;
}

static int
setattr_once(struct gs_table *t, struct gs_ctx *c, const struct gs_putting *p)
{
	const struct gs_put_args *args = p->args;
	uint64_t now_ms = p->now_ms;
	struct gs_slot seen;
	struct gs_draft d;
	struct gs_over over;
	struct gs_hit hit;
	int rc = gs_index_find(t, c, p->key, GS_FETCH_WHOLE, &hit);

	if (rc <= 0)
		return rc < 0 ? rc : GS_ENOENT;
	rc = gs_record_copy(t, c, &hit);
	if (rc <= 0)
		return rc < 0 ? rc : KV_AGAIN;
	memcpy(&seen, c->scratch, sizeof(seen));
	if (gs_record_is_over(t, gs_entry_ring(hit.entry), &seen, now_ms))
		return GS_ENOENT;
	if (gs_kv_is_rotated(&seen))
		return KV_ROTATED;
	if ((args->set & GS_SET_RENEW_BIT) != 0 && (gs_kv_is_suspect(t, hit.entry) || gs_kv_is_gated(t)) &&
	    (rc = gs_kv_admit(t, c, &hit, now_ms, p->charge)) != 0)
		return rc;
	rc = may_change(c->scratch, args);
	if (rc < 0)
		return rc;
	gs_record_draft_of(&d, c->scratch);
	gs_kv_draft_quota(&hit, &d);
	d.head.ctime_ns = args->wall_ns;
	gs_kv_draft_args(t, &d, args);
	apply_deadline(t, &d, now_ms, args);
	if (gs_record_class(t, &d.head) >= GS_MAX_CLASSES)
		return GS_EFBIG;
	if ((args->set & GS_SET_RENEW_BIT) != 0)
		apply_renewal(t, &d, now_ms);
	gs_kv_draft_expiry(&d);
	begin_gift(t, c, args, &d, c->scratch + gs_record_owner_off(seen.key_len), seen.owner_len);
	over = (struct gs_over){ &hit, &seen, gs_entry_ring(hit.entry), now_ms };
	if ((args->set & GS_SET_LINK_BIT) == 0)
		rc = gs_kv_publish(t, c, &over, &d);
	else
		rc = publish_linked(t, c, p->key, &over, &d);
	if (rc == 0)
		gs_crowd_end(t, c, d.head.birth, now_ms);
	return rc;
}

int
gs_kv_setattr(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, const struct gs_put_args *args)
{
	struct gs_charge charge = { .is_touch = true };
	const struct gs_putting p = { .key = k, .args = args, .now_ms = now_ms, .charge = &charge };
	struct gs_followed to;
	int rc = KV_AGAIN;

	for (int tries = 0; tries < KV_TRIES && rc == KV_AGAIN; tries++)
		rc = setattr_once(t, c, &p);
	gs_crowd_give_up(c);
	if (rc == KV_ROTATED) {
		rc = gs_kv_follow(t, c, k, now_ms, (args->set & GS_SET_RENEW_BIT) != 0 ? 0 : GS_KV_INSPECT, &to);
		return rc < 0 ? rc : gs_kv_setattr(t, c, &to.key, now_ms, args);
	}
	if (rc == 0 && (args->set & GS_SET_RENEW_BIT) != 0)
		gs_ctx_count(c, GS_COUNT_TOUCHED);
	count_refusal(t, c, k, now_ms, rc);
	return gs_kv_result(t, c, k, rc);
}
