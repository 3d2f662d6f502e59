/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/atomic.h"
#include "shm/bond.h"
#include "shm/evict.h"
#include "shm/kv.h"
#include "shm/kin.h"
#include "shm/logout.h"
#include "shm/namespaces.h"

int
gs_kv_look_up(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, struct gs_hit *hit, struct gs_slot *head)
{
	int rc = gs_index_find(t, c, k, GS_FETCH_HEAD, hit);

	if (rc <= 0) {
		hit->at = NULL;
		return rc < 0 ? rc : GS_ENOENT;
	}
	rc = gs_record_header(t, hit, head);
	if (rc <= 0)
		return rc < 0 ? rc : KV_AGAIN;
	if (gs_record_is_over(t, gs_entry_ring(hit->entry), head, now_ms))
		return GS_ENOENT;
	return gs_kv_is_rotated(head) ? KV_ROTATED : 1;
}

void
gs_kv_let_go(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, int cell, bool is_replaced)
{
	uint32_t addr = gs_entry_addr(hit->entry);

	if (!gs_store_has(t, addr)) {
		gs_slots_retire(t, c, cell);
		return;
	}
	gs_store_retire(t, addr, gs_entry_gen(hit->entry), is_replaced);
	gs_slots_unlist(c, cell);
}

/* ---- ends ---- */

/* The hash of the key that is under way: recovery ends what stands under a final tombstone. */
static void
note(struct gs_ctx *c, uint64_t hash)
{
	/* release; pairs with the acquire in gs_recover_ctx: at first before the entry changes, at last after it */
	atomic_store_explicit(&c->page->op_end, hash, memory_order_release);
}

bool
gs_kv_end_hit(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, const struct gs_slot *head, enum gs_tomb_kind kind,
    uint64_t now_ms)
{
	int cell;
	bool is_out;

	note(c, head->hash);
	/* A key that was given up is never used again. */
	if (gs_kv_is_rotated(head) && kind == GS_TOMB_PLAIN)
		kind = GS_TOMB_FINAL;
	if (kind != GS_TOMB_NONE && !gs_tomb_leave(t, head->hash, kind, head->deadline, now_ms))
		gs_ctx_count(c, GS_COUNT_TOMBS);
	cell = gs_slots_list(t, c, gs_entry_addr(hit->entry));
	is_out = gs_index_remove(t, hit, head->hash);
	if (is_out) {
		gs_kv_let_go(t, c, hit, cell, false);
		gs_kv_unreserve(t, gs_entry_ring(hit->entry));
		gs_namespaces_unreserve(t, head->ns);
		gs_bond_mark_end(t, head->hash);
	} else {
		gs_slots_unlist(c, cell);
		/* Our tombstone before the next look at the entry; pairs with gs_kv_end_start: who publishes sees it, or we see him. */
		gs_fence_full();
	}
	note(c, 0);
	return is_out;
}

/* A damaged record can be ended, so that its key can be used again. When it would have ended is not known. */
static void
assume_header(const struct gs_table *t, const struct gs_key *k, uint64_t now_ms, struct gs_slot *head)
{
	head->hash = k->hash;
	head->ns = (uint16_t)k->ns;
	head->deadline = gs_min_u64(gs_add_sat(now_ms, t->max_lifetime_ms), GS_TIME_NEVER);
}

/* What an end tells, of a session that a private copy of its owner is kept of. */
static struct gs_turn
turn_of(const struct gs_key *k, const struct gs_hit *hit, const struct gs_slot *head, const unsigned char *owner)
{
	return (struct gs_turn){
		.kind = GS_EVENT_ENDED, .reason = GS_REASON_OWNER, .from = gs_entry_ring(hit->entry), .to = GS_RING_NONE, .hash = k->hash,
		.ns = k->ns, .version = head->version, .key = k->bytes, .key_len = k->len, .owner = owner, .owner_len = head->owner_len,
	};
}

/* What never began, or was told of before it was made final, ends without a word. */
static void
tell_end(struct gs_table *t, const struct gs_ctx *c, const struct gs_ending *how, struct gs_turn *turn, uint64_t now_ms)
{
	turn->now_ms = now_ms;
	if (how->event != 0)
		turn->kind = how->event;
	if (how->reason != 0)
		turn->reason = how->reason;
	if (how->kind != GS_TOMB_NONE)
		gs_event_tell(t, c, turn);
}

static int
end_once(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, const struct gs_ending *how)
{
	unsigned char owner[GS_OWNER_BYTES];
	struct gs_turn turn;
	struct gs_slot head;
	struct gs_hit hit;
	int rc = gs_kv_look_up(t, c, k, now_ms, &hit, &head);

	if (rc == GS_ECORRUPT && hit.at != NULL)
		assume_header(t, k, now_ms, &head);
	else if (rc == KV_ROTATED && (how->kind == GS_TOMB_NONE || gs_kv_is_grace_over(&head, now_ms)))
		rc = 1;		/* nobody but the alarm waits for this record */
	else if (rc != 1)
		return rc;
	if (rc == 1 && how->birth != 0 && head.birth != how->birth)
		return GS_ENOENT;
	if (rc == 1 && how->if_version != 0 && head.version != how->if_version)
		return GS_ECONFLICT;
	if (rc != 1)
		head.version = head.owner_len = 0;
	turn = turn_of(k, &hit, &head, owner);
	/* Whoever wins the entry copied the bytes of its record: a slot is not written again before. */
	if (head.owner_len > 0)
		gs_racy_load(owner, (unsigned char *)hit.slot + gs_record_owner_off(head.key_len), head.owner_len);
	if (!gs_kv_end_hit(t, c, &hit, &head, how->kind, now_ms))
		return KV_AGAIN;
	tell_end(t, c, how, &turn, now_ms);
	return 0;
}

static int
end_tries(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, const struct gs_ending *how)
{
	int rc = KV_AGAIN, tries;

	for (tries = 0; tries < KV_TRIES && rc == KV_AGAIN; tries++)
		rc = end_once(t, c, k, now_ms, how);
	/* Somebody else took it out when our tombstone was there: it has ended for good, by us. */
	if (rc == GS_ENOENT && tries > 1 && how->kind == GS_TOMB_FINAL && gs_kv_is_refused(t, k->hash, GS_TOMB_FINAL, now_ms))
		rc = 0;
	return rc;
}

/*
 * A version that is not there any more must leave no final tombstone: it is plain until that version is out, and what
 * started before it was made final is ended, too.
 */
static int
end_version(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, const struct gs_ending *how)
{
	const struct gs_ending first = { .kind = GS_TOMB_PLAIN, .if_version = how->if_version, .event = how->event, .reason = how->reason };
	const struct gs_starting none = { .key = k, .least = GS_TOMB_FINAL, .now_ms = now_ms };
	struct gs_slot head;
	struct gs_hit hit;
	int rc = gs_kv_look_up(t, c, k, now_ms, &hit, &head);

	if (rc != 1)
		assume_header(t, k, now_ms, &head);
	rc = end_tries(t, c, k, now_ms, &first);
	if (rc != 0)
		return rc;
	note(c, k->hash);
	if (!gs_tomb_leave(t, k->hash, GS_TOMB_FINAL, head.deadline, now_ms))
		gs_ctx_count(c, GS_COUNT_TOMBS);
	/* As in gs_kv_end_hit. */
	gs_fence_full();
	(void)gs_kv_end_start(t, c, &none);
	return 0;
}

int
gs_kv_end(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, const struct gs_ending *how)
{
	struct gs_followed to;
	int rc;

	gs_index_prefetch_home(t, k->hash);
	gs_tomb_prefetch(t, k->hash);
	if (how->kind == GS_TOMB_FINAL && how->if_version != 0)
		rc = end_version(t, c, k, now_ms, how);
	else
		rc = end_tries(t, c, k, now_ms, how);
	if (rc == KV_ROTATED) {
		rc = gs_kv_follow(t, c, k, now_ms, GS_KV_INSPECT, &to);
		return rc < 0 ? rc : gs_kv_end(t, c, &to.key, now_ms, how);
	}
	if (rc == 0)
		gs_ctx_count(c, how->event == GS_EVENT_EXPELLED ? GS_COUNT_EXPELLED : GS_COUNT_ENDED);
	return gs_kv_result(t, c, k, rc);
}

int
gs_kv_del(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, uint64_t if_version)
{
	bool is_final = atomic_load_explicit(&t->ctl->ended, memory_order_relaxed) == GS_ENDED_FINAL;
	const struct gs_ending how = { .kind = is_final ? GS_TOMB_FINAL : GS_TOMB_PLAIN, .if_version = if_version };

	return gs_kv_end(t, c, k, now_ms, &how);
}

int
gs_kv_end_at(struct gs_table *t, struct gs_ctx *c, uint64_t ordinal, uint32_t birth, enum gs_tomb_kind kind, uint64_t now_ms)
{
	const struct gs_ending how = { .kind = kind, .reason = GS_REASON_LOGOUT };
	struct gs_turn turn;
	struct gs_meta meta;
	struct gs_slot head;
	struct gs_hit hit;
	int rc;

	for (int tries = 0; tries < KV_TRIES; tries++) {
		rc = gs_kv_load_at(t, ordinal, &hit, &head, &meta);
		if (rc < 0)
			return rc;
		if (rc == 0 || head.birth != birth)
			return GS_ENOENT;
		hit.place = gs_index_place_of(t, head.hash, ordinal);
		if (hit.place < 0)
			return GS_ECORRUPT;
		if (gs_kv_end_hit(t, c, &hit, &head, kind, now_ms)) {
			const struct gs_key k = { .bytes = meta.key, .len = meta.key_len, .ns = head.ns, .hash = head.hash };

			turn = turn_of(&k, &hit, &head, meta.owner);
			tell_end(t, c, &how, &turn, now_ms);
			return 0;
		}
	}
	return GS_EAGAIN;
}

/* ---- by owner ---- */

/* Is the record that a hit names one of those? 1, with its owner, 0, KV_AGAIN. */
static int
is_of(struct gs_table *t, const struct gs_hit *hit, const struct gs_slot *head, const struct gs_whose *whose,
    unsigned char owner[GS_OWNER_BYTES])
{
	if (head->owner_len == 0 || head->created > whose->at_ms)
		return 0;
	gs_racy_load(owner, (unsigned char *)hit->slot + gs_record_owner_off(head->key_len), head->owner_len);
	if (!gs_record_is_same(hit->slot, hit->w))
		return KV_AGAIN;
	return gs_kin_hash(t, head->ns, owner, head->owner_len) == whose->owner;
}

/* What is over is ended as well: a touch that looked at an earlier clock may still renew it. */
static int
end_of_once(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, const struct gs_whose *whose)
{
	const struct gs_ending how = { .kind = GS_TOMB_FINAL, .reason = GS_REASON_LOGOUT };
	unsigned char owner[GS_OWNER_BYTES];
	struct gs_turn turn;
	struct gs_slot head;
	struct gs_hit hit;
	int rc = gs_index_find(t, c, k, GS_FETCH_HEAD, &hit);

	if (rc <= 0)
		return rc;
	rc = gs_record_header(t, &hit, &head);
	if (rc <= 0)
		return rc < 0 ? rc : KV_AGAIN;
	rc = is_of(t, &hit, &head, whose, owner);
	if (rc != 1)
		return rc;
	turn = turn_of(k, &hit, &head, owner);
	if (!gs_kv_end_hit(t, c, &hit, &head, how.kind, whose->at_ms))
		return KV_AGAIN;
	tell_end(t, c, &how, &turn, whose->at_ms);
	return 1;
}

int
gs_kv_end_of(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, const struct gs_whose *whose)
{
	int rc = KV_AGAIN;

	for (int tries = 0; tries < KV_TRIES && rc == KV_AGAIN; tries++)
		rc = end_of_once(t, c, k, whose);
	if (rc == 1)
		gs_ctx_count(c, GS_COUNT_LOGGED_OUT);
	/* Nobody can say whose a damaged record is; it serves nobody. */
	return rc == GS_ECORRUPT ? 0 : rc == KV_AGAIN ? GS_EAGAIN : rc;
}

bool
gs_kv_displace(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, uint32_t birth)
{
	const struct gs_ending how = { .kind = GS_TOMB_PLAIN, .birth = birth, .reason = GS_REASON_LIMIT };
	int rc = end_tries(t, c, k, now_ms, &how);

	if (rc == 0)
		gs_ctx_count(c, GS_COUNT_DISPLACED);
	return rc == 0 || rc == GS_ENOENT;
}

/* ---- starts ---- */

bool
gs_kv_is_refused(const struct gs_table *t, uint64_t hash, enum gs_tomb_kind least, uint64_t now_ms)
{
	return (least == GS_TOMB_PLAIN || gs_tomb_may_refuse(t, now_ms)) && gs_tomb_find(t, hash, now_ms) >= least;
}

void
gs_kv_begin_start(struct gs_ctx *c, const struct gs_key *k)
{
	note(c, k->hash);
}

void
gs_kv_give_up_start(struct gs_ctx *c)
{
	note(c, 0);
}

/* Is there a namespace by now that forbids what was published? KV_AGAIN, GS_ENOENT, GS_EISDIR, 0. */
static int
look_at_namespaces(const struct gs_table *t, const struct gs_key *k)
{
	int rc;

	/* One of its name was made meanwhile: by the full fence in the insert, or it sees us. */
	if (__builtin_expect(k->ns == 0, 1))
		return gs_namespaces_has(t, k) ? GS_EISDIR : 0;
	/* Its own is on its way out. Pairs with that in close_door of namespaces.c, which sees us, or we see it. */
	gs_fence_full();
	rc = gs_namespaces_door(t, k->ns);
	return rc == GS_EAGAIN ? KV_AGAIN : rc;
}

int
gs_kv_end_start(struct gs_table *t, struct gs_ctx *c, const struct gs_starting *s)
{
	/* Under a final tombstone any session is to go; else another than ours may stand. */
	struct gs_ending silently = { .kind = GS_TOMB_NONE, .birth = s->least == GS_TOMB_FINAL ? 0 : s->birth };
	int rc = 0;

	/* Pairs with the exchange in gs_index_remove: who found the key gone, even by a plain load, sees what it left. */
	gs_fence_acquire();
	if (gs_kv_is_refused(t, s->key->hash, s->least, s->now_ms)) {
		/* Whoever left the tombstone may have been here before us: there is none then. */
		(void)end_tries(t, c, s->key, s->now_ms, &silently);
		rc = GS_ESTALE;
	} else if (s->birth != 0 && (rc = look_at_namespaces(t, s->key)) != 0) {
		silently.birth = s->birth;
		/* Who ended it before us had seen it: it was there. */
		if (end_tries(t, c, s->key, s->now_ms, &silently) != 0)
			rc = 0;
	}
	note(c, 0);
	return rc;
}

/* Count what starts in its namespace. 0, KV_AGAIN, GS_ENOSPC, GS_ENOENT: it is not there, GS_EISDIR: the key is the name of one. */
static int
enter_namespace(struct gs_table *t, const struct gs_key *k, bool takes_place)
{
	int rc = gs_namespaces_reserve(t, k->ns, !takes_place);

	if (rc == 0 && gs_namespaces_has(t, k))
		rc = GS_EISDIR;
	return rc == GS_EAGAIN ? KV_AGAIN : rc;
}

int
gs_kv_start(struct gs_table *t, struct gs_ctx *c, const struct gs_starting *s, const struct gs_draft *d, struct gs_hit *hit)
{
	const struct gs_arena *a = gs_table_arena(t, s->ring, gs_record_class(t, &d->head));
	int rc = enter_namespace(t, s->key, s->takes_place), cell = rc == 0 ? gs_slots_claim(t, c, s->ring, a->class_id) : -1;
	uint32_t addr, gen;

	if (cell < 0) {
		if (rc == 0) {
			rc = gs_evict_slot(t, c, a, GS_EVICT_ANY, s->now_ms);
			gs_namespaces_unreserve(t, s->key->ns);
		}
		gs_kv_unreserve(t, s->ring);
		return rc;
	}
	addr = c->cell[cell].addr;
	gen = gs_record_write(t, c, cell, d);
	gs_kv_begin_start(c, s->key);
	gs_logout_announce(c, addr);
	rc = gs_index_insert(t, c, s->key, addr, gen, hit);
	if (rc != 1) {
		gs_logout_look(t, c, d, false);
		gs_kv_give_up_start(c);
		gs_slots_keep(c, cell);
		gs_kv_unreserve(t, s->ring);
		gs_namespaces_unreserve(t, s->key->ns);
		return rc == 0 ? KV_AGAIN : rc;
	}
	gs_store_publish(t, addr, gen);
	gs_slots_unlist(c, cell);
	gs_record_rearm(t, addr, d);
	/* What hangs on a session that has ended by now the daemon is to find. */
	gs_bond_mark_link(t, d->link, d->head.link_len);
	rc = gs_kv_end_start(t, c, s);
	if (rc != 0)
		gs_logout_look(t, c, d, false);
	hit->entry = gs_entry(0, gen, 0, 0, 0) | addr;
	return rc;
}
