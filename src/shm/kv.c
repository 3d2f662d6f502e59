/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/kv.h"

#include <string.h>

#include "base/atomic.h"
#include "base/siphash.h"
#include "policy/decay.h"
#include "policy/promote.h"
#include "shm/damage.h"
#include "shm/evict.h"
#include "shm/kv_quota.h"
#include "shm/logout.h"
#include "shm/park.h"
#include "shm/words.h"

static inline uint64_t
hash_key(const struct gs_table *t, uint32_t ns, const void *bytes, size_t len)
{
	return gs_siphash_tweaked(1, 3, t->sip_k0, t->sip_k1, ns, bytes, len);
}

uint64_t
gs_key_hash(const struct gs_table *t, uint32_t ns, const void *bytes, size_t len)
{
	return hash_key(t, ns, bytes, len);
}

/* In every call: no call of its own. */
static inline int
init_key(const struct gs_table *t, struct gs_key *out, uint32_t ns, const void *bytes, size_t len)
{
	if (len == 0 || bytes == NULL)
		return GS_EINVAL;
	if (len > t->key_max)
		return GS_ENAMETOOLONG;
	out->bytes = bytes;
	out->len = (uint32_t)len;
	out->ns = ns;
	out->hash = hash_key(t, ns, bytes, len);
	return 0;
}

int
gs_key_init(const struct gs_table *t, struct gs_key *out, const void *bytes, size_t len)
{
	return init_key(t, out, 0, bytes, len);
}

int
gs_key_init_in(const struct gs_table *t, struct gs_key *out, uint32_t ns, const void *bytes, size_t len)
{
	return init_key(t, out, ns, bytes, len);
}

/* ---- shared by the operations ---- */

bool
gs_kv_reserve(struct gs_table *t, uint32_t ring)
{
	const struct gs_ring_cfg *r = &t->ctl->ring[ring];
	uint64_t most = gs_add_sat(atomic_load_explicit(&r->capacity, memory_order_relaxed), atomic_load_explicit(&r->reserve, memory_order_relaxed));
	_Atomic int64_t *n = &t->idx->population[ring].n;

	/* relaxed; a bound on a count, nothing is published by it */
	if (atomic_fetch_add_explicit(n, 1, memory_order_relaxed) < (int64_t)gs_min_u64(most, INT64_MAX))
		return true;
	(void)atomic_fetch_sub_explicit(n, 1, memory_order_relaxed);
	return false;
}

void
gs_kv_unreserve(struct gs_table *t, uint32_t ring)
{
	(void)atomic_fetch_sub_explicit(&t->idx->population[ring].n, 1, memory_order_relaxed);
}

uint64_t
gs_kv_half_life_ms(const struct gs_table *t)
{
	return atomic_load_explicit(&t->ctl->ring[gs_table_innermost(t)].half_life_ms, memory_order_relaxed);
}

bool
gs_kv_is_promotable(const struct gs_table *t, uint32_t ring, const struct gs_slot *head, uint64_t now_ms)
{
	const struct gs_ring_cfg *r = &t->ctl->ring[ring], *to;
	uint32_t rule = atomic_load_explicit(&r->promote, memory_order_relaxed);

	if (ring == gs_table_innermost(t) || r->kind != GS_RING_NORMAL)
		return false;
	if (rule != GS_PROMOTE_SECOND)
		return rule == GS_PROMOTE_ACCESS;
	to = &t->ctl->ring[gs_kv_promote_to(t, ring)];
	return gs_promote_is_second(&(struct gs_promote_case){
	    .last_ms = gs_timed_value(gs_kv_word(&head->A)), .interest = gs_timed_value(gs_kv_word(&head->I)), .now_ms = now_ms,
	    .ttl_ms = atomic_load_explicit(&to->ttl_ms, memory_order_relaxed),
	    .half_life_ms = atomic_load_explicit(&to->half_life_ms, memory_order_relaxed) });
}

uint32_t
gs_kv_promote_to(const struct gs_table *t, uint32_t ring)
{
	const struct gs_ring_cfg *r = t->ctl->ring;
	uint32_t innermost = gs_table_innermost(t), found = innermost, most = 0, mine;

	if (atomic_load_explicit(&r[ring].promote_to, memory_order_relaxed) == GS_PROMOTE_TO_INNERMOST)
		return innermost;
	mine = atomic_load_explicit(&r[ring].diameter, memory_order_relaxed);
	for (uint32_t i = 0; i < t->n_rings; i++) {
		uint32_t diameter = atomic_load_explicit(&r[i].diameter, memory_order_relaxed);

		if (r[i].kind != GS_RING_NORMAL || gs_table_ring_state(t, i) != GS_RING_ON || diameter >= mine || diameter < most)
			continue;
		found = i;
		most = diameter;
	}
	return found;
}

uint64_t
gs_kv_next_version(struct gs_ctx *c, uint64_t old, uint64_t now_ms)
{
	const uint64_t step = GS_MAX_CTX;
	uint64_t v = ((now_ms * 1000000) & ~(step - 1)) | c->id;

	/* The low bits are always ours: no other context makes this version, of no incarnation of the key. */
	v = gs_max_u64(v, (c->last_version & ~(step - 1)) + step + c->id);
	v = gs_max_u64(v, (old & ~(step - 1)) + step + c->id);
	c->last_version = v;
	return v;
}

void
gs_kv_tell(struct gs_table *t, const struct gs_ctx *c, const unsigned char *record, struct gs_turn *turn)
{
	const struct gs_slot *head = (const void *)record;

	turn->hash = head->hash;
	turn->version = head->version;
	turn->ns = head->ns;
	turn->key = record + GS_SLOT_HEADER_BYTES;
	turn->key_len = head->key_len;
	turn->owner = record + gs_record_owner_off(head->key_len);
	turn->owner_len = head->owner_len;
	gs_event_tell(t, c, turn);
}

void
gs_kv_tell_draft(struct gs_table *t, const struct gs_ctx *c, const struct gs_draft *d, struct gs_turn *turn)
{
	turn->hash = d->head.hash;
	turn->version = d->head.version;
	turn->ns = d->head.ns;
	turn->key = d->key;
	turn->key_len = d->head.key_len;
	turn->owner = d->owner;
	turn->owner_len = d->head.owner_len;
	gs_event_tell(t, c, turn);
}

void
gs_kv_tell_refused(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, enum gs_event_reason reason)
{
	const struct gs_turn turn = {
		.kind = GS_EVENT_REFUSED, .reason = reason, .from = GS_RING_NONE, .to = GS_RING_NONE, .now_ms = now_ms,
		.hash = k->hash, .ns = k->ns, .key = k->bytes, .key_len = k->len,
	};

	gs_event_tell_seldom(t, c, &turn);
}

int
gs_kv_publish(struct gs_table *t, struct gs_ctx *c, const struct gs_over *over, const struct gs_draft *d)
{
	const struct gs_hit *hit = over->hit;
	uint32_t class_id = gs_record_class(t, &d->head), addr, gen;
	int old, cell = gs_slots_claim(t, c, over->ring, class_id);

	if (cell < 0)
		return gs_evict_slot(t, c, gs_table_arena(t, over->ring, class_id), gs_entry_addr(hit->entry), over->now_ms);
	old = gs_slots_list(t, c, gs_entry_addr(hit->entry));
	addr = c->cell[cell].addr;
	gen = gs_record_write(t, c, cell, d);
	gs_logout_announce(c, addr);
	if (!gs_index_replace(hit, addr, gen)) {
		gs_logout_look(t, c, d, false);
		gs_slots_unlist(c, old);
		gs_slots_keep(c, cell);
		return KV_AGAIN;
	}
	gs_store_publish(t, addr, gen);
	gs_slots_unlist(c, cell);
	/* While the old slot is ours: the merge writes into it. */
	gs_words_merge(t, hit, over->seen, d, gs_entry(0, gen, 0, 0, 0) | addr);
	/* A session that was over has ended; what is in its place is another. */
	gs_kv_let_go(t, c, hit, old, gs_store_has(t, addr) && over->seen->birth == d->head.birth);
	gs_record_rearm(t, addr, d);
	gs_logout_look(t, c, d, true);
	return 0;
}

int
gs_kv_relocate(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, uint32_t ring, uint64_t now_ms, enum gs_move_as as)
{
	struct gs_draft d;
	struct gs_slot seen;
	int rc = gs_record_copy(t, c, hit);

	if (rc <= 0)
		return rc < 0 ? rc : KV_AGAIN;
	memcpy(&seen, c->scratch, sizeof(seen));
	gs_record_draft_of(&d, c->scratch);
	/* Claimed by the sweep, which may take that back, but only here. */
	if (gs_kv_word(&d.head.X) == 0)
		return KV_AGAIN;
	if (as == GS_MOVE_AS_ACCESS || as == GS_MOVE_PARDON)
		gs_park_clear(&d.head, now_ms);
	/* By T: a touch may have come between the copies of X and of T, and T is what tells gs_words_merge. */
	gs_kv_set(&d.head.X, gs_record_expiry(gs_kv_word(&d.head.T), d.head.ttl_ms, d.head.deadline));
	if (as == GS_MOVE_ACCUSE)
		gs_kv_draft_accused(&d, gs_quota_find(t, &(struct gs_quota_whom){ d.head.hash, d.head.ns, d.head.owner_len, d.owner }), now_ms);
	if (as == GS_MOVE_SUSPECT)
		gs_kv_draft_accused(&d, GS_QUOTA_FREE, now_ms);
	if (as == GS_MOVE_PARDON)
		gs_kv_draft_pardoned(&d);
	if (as == GS_MOVE_AS_ACCESS || as == GS_MOVE_PARDON) {
		gs_kv_set(&d.head.I, gs_decay_access(gs_kv_word(&d.head.I), gs_sub_sat(now_ms, gs_kv_word(&d.head.A)), gs_kv_half_life_ms(t)));
		gs_kv_set(&d.head.A, gs_max_u64(now_ms, gs_kv_word(&d.head.A)));
		gs_kv_set(&d.head.H, gs_kv_word(&d.head.H) + 1);
	}
	return gs_kv_publish(t, c, &(struct gs_over){ hit, &seen, ring, now_ms }, &d);
}

int
gs_kv_gave_up(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k)
{
	struct gs_hit hit;
	int rc = gs_index_find(t, c, k, GS_FETCH_HEAD, &hit);

	if (rc < 0)
		return rc;
	return rc == 1 && gs_damage_of_entry(t, hit.ordinal) != GS_DAMAGE_NONE ? GS_ECORRUPT : GS_EAGAIN;
}

int
gs_kv_result(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, int rc)
{
	if (rc == KV_AGAIN)
		rc = gs_kv_gave_up(t, c, k);
	if (rc == GS_ECORRUPT)
		gs_ctx_count(c, GS_COUNT_CORRUPT);
	return rc;
}

/* ---- touch ---- */

static int
touch_once(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, struct gs_charge *charge)
{
	struct gs_slot head;
	struct gs_hit hit;
	int rc = gs_kv_look_up(t, c, k, now_ms, &hit, &head);

	if (rc != 1)
		return rc;
	if (gs_kv_is_suspect(t, hit.entry) || gs_kv_is_gated(t))
		rc = gs_kv_admit(t, c, &hit, now_ms, charge);
	if (rc < 0 || rc == KV_AGAIN)
		return rc;
	return gs_words_renew(t, &hit, &head, now_ms) ? 0 : KV_AGAIN;
}

int
gs_kv_touch(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms)
{
	struct gs_charge charge = { .is_touch = true };
	struct gs_followed to;
	int rc = KV_AGAIN;

	for (int tries = 0; tries < KV_TRIES && rc == KV_AGAIN; tries++)
		rc = touch_once(t, c, k, now_ms, &charge);
	if (rc == KV_ROTATED) {
		rc = gs_kv_follow(t, c, k, now_ms, 0, &to);
		return rc < 0 ? rc : gs_kv_touch(t, c, &to.key, now_ms);
	}
	if (rc == 0)
		gs_ctx_count(c, GS_COUNT_TOUCHED);
	if (rc == GS_EQUARANTINE) {
		gs_ctx_count(c, GS_COUNT_REFUSED);
		gs_kv_tell_refused(t, c, k, now_ms, GS_REASON_SUSPECT);
	}
	return gs_kv_result(t, c, k, rc);
}

/* ---- by ordinal ---- */

int
gs_kv_hit_at(struct gs_table *t, uint64_t ordinal, struct gs_hit *hit)
{
	if (ordinal >= gs_table_entries(t))
		return 0;
	hit->at = gs_table_entry(t, ordinal);
	hit->ordinal = ordinal;
	/* acquire, both; pair with the compare-and-swaps that publish, and with the release of READY in gs_record_write */
	hit->entry = atomic_load_explicit(hit->at, memory_order_acquire);
	if (hit->entry == 0 || (hit->entry & GS_ENTRY_TENT) != 0)
		return 0;
	hit->slot = gs_table_slot(t, hit->entry);
	if (hit->slot == NULL)
		return GS_ECORRUPT;
	hit->w = atomic_load_explicit(&hit->slot->W, memory_order_acquire);
	if (gs_word_state(hit->w) == GS_SLOT_READY && (gs_word_gen(hit->w) & GS_GEN_MASK) == gs_entry_gen(hit->entry))
		return 1;
	/* A slot is not reused while an entry names it: the entry is another by now, or damaged. */
	return atomic_load_explicit(hit->at, memory_order_acquire) == hit->entry ? GS_ECORRUPT : KV_AGAIN;
}

int
gs_kv_load_at(struct gs_table *t, uint64_t ordinal, struct gs_hit *hit, struct gs_slot *head, struct gs_meta *meta)
{
	int rc;

	for (int tries = 0; tries < KV_TRIES; tries++) {
		rc = gs_kv_hit_at(t, ordinal, hit);
		if (rc == KV_AGAIN)
			continue;
		if (rc <= 0)
			return rc;
		rc = gs_record_header(t, hit, head);
		if (rc < 0)
			return rc;
		if (rc > 0 && gs_kv_fill_meta(hit, head, meta))
			return 1;
	}
	return GS_EAGAIN;
}

/* What a look at an entry comes to: 0, GS_ENOENT, or the error. */
static int
answer_at(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, const struct gs_slot *head, uint64_t now_ms, int rc)
{
	if (rc == GS_ECORRUPT)
		gs_ctx_count(c, GS_COUNT_CORRUPT);
	if (rc < 0)
		return rc;
	return rc == 0 || gs_record_is_over(t, gs_entry_ring(hit->entry), head, now_ms) ? GS_ENOENT : 0;
}

int
gs_kv_at(struct gs_table *t, struct gs_ctx *c, uint64_t ordinal, uint64_t now_ms, struct gs_meta *meta)
{
	struct gs_slot head;
	struct gs_hit hit;
	int rc = gs_kv_load_at(t, ordinal, &hit, &head, meta);

	return answer_at(t, c, &hit, &head, now_ms, rc);
}

/* One look, which reads no more than gs_index_prefetch_key() fetches. 1, 0 none, KV_AGAIN, GS_ECORRUPT. */
static int
load_key(struct gs_table *t, uint64_t ordinal, struct gs_hit *hit, struct gs_slot *head, struct gs_listed *out)
{
	int rc = gs_kv_hit_at(t, ordinal, hit);

	if (rc != 1)
		return rc;
	rc = gs_record_first_line(t, hit, head);
	if (rc != 1)
		return rc == 0 ? KV_AGAIN : rc;
	/* Whole words: both sides have room for the last. */
	gs_racy_load(out->key, hit->slot->data, gs_align_up(head->key_len, 8));
	out->key[head->key_len] = '\0';
	out->key_len = head->key_len;
	out->val_len = head->val_len;
	out->ns = head->ns;
	out->ring = gs_entry_ring(hit->entry);
	out->birth = __atomic_load_n(&hit->slot->birth, __ATOMIC_RELAXED);
	return gs_record_is_same(hit->slot, hit->w) ? 1 : KV_AGAIN;
}

int
gs_kv_key_at(struct gs_table *t, struct gs_ctx *c, uint64_t ordinal, uint64_t now_ms, struct gs_listed *out)
{
	struct gs_slot head;
	struct gs_hit hit;
	int rc = KV_AGAIN;

	for (int tries = 0; tries < KV_TRIES && rc == KV_AGAIN; tries++)
		rc = load_key(t, ordinal, &hit, &head, out);
	return answer_at(t, c, &hit, &head, now_ms, rc == KV_AGAIN ? GS_EAGAIN : rc);
}

int
gs_kv_shift(struct gs_table *t, struct gs_ctx *c, uint64_t ordinal, uint32_t addr, uint64_t now_ms)
{
	struct gs_slot head;
	struct gs_hit hit;
	int rc;

	if (gs_kv_load_at(t, ordinal, &hit, &head, NULL) != 1 || gs_entry_addr(hit.entry) != addr)
		return 0;
	c->evict.cost = GS_EVICT_AT_NO_COST;
	rc = gs_kv_relocate(t, c, &hit, gs_entry_ring(hit.entry), now_ms, GS_MOVE_KEEP_TIMES);
	c->evict.cost = GS_EVICT_AS_ALLOWED;
	return rc == KV_AGAIN ? 0 : rc < 0 ? rc : 1;
}
