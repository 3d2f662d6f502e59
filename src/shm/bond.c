/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/bond.h"

#include <string.h>

#include "base/bits.h"
#include "shm/kin.h"
#include "shm/kv_impl.h"

/* Both tables have one secret: of a link it is the hash of the session's key, which is one of the default namespace. */
static uint64_t
hash_of(const struct gs_table *t, const void *bytes, uint32_t len)
{
	return gs_key_hash(t, 0, bytes, len);
}

/* As gs_record_kin has it in the lower half. */
static uint32_t
kin_of(uint64_t hash)
{
	return hash >> 48 == 0 ? 1 : (uint32_t)(hash >> 48);
}

static _Atomic uint64_t *
word_of(struct gs_table *t, uint64_t hash)
{
	return &t->kin_marks[kin_of(hash) / 64];
}

static void
mark(struct gs_table *t, uint64_t hash)
{
	uint64_t bit = UINT64_C(1) << kin_of(hash) % 64;

	/* acq_rel; pairs with the exchange in gs_bond_take: who takes the bit sees what was done before it was set */
	(void)atomic_fetch_or_explicit(word_of(t, hash), bit, memory_order_acq_rel);
}

void
gs_bond_mark_end(struct gs_table *t, uint64_t hash)
{
	if (__builtin_expect(atomic_load_explicit(&t->ctl->has_tokens, memory_order_relaxed) != 0, 0))
		mark(t, hash);
}

void
gs_bond_mark_link(struct gs_table *t, const void *link, uint32_t len)
{
	if (len > 0)
		mark(t, hash_of(t, link, len));
}

void
gs_bond_mark_all(struct gs_table *t)
{
	/* As in mark. */
	for (int i = 0; i < GS_KIN_MARKS; i++)
		(void)atomic_fetch_or_explicit(&t->kin_marks[i], UINT64_MAX, memory_order_acq_rel);
}

bool
gs_bond_take(struct gs_table *t, struct gs_bond_set *set)
{
	bool is_any = false;

	for (int i = 0; i < GS_KIN_MARKS; i++) {
		uint64_t bits;

		if (atomic_load_explicit(&t->kin_marks[i], memory_order_relaxed) == 0)
			continue;
		/* acq_rel; pairs with mark, which sets it again for what came later */
		bits = atomic_exchange_explicit(&t->kin_marks[i], 0, memory_order_acq_rel);
		set->word[i] |= bits;
		is_any = is_any || bits != 0;
	}
	return is_any;
}

/* ---- the pass ---- */

enum parent { PARENT_LIVES, PARENT_MOVED, PARENT_GONE, PARENT_UNKNOWN };

/* Each table counts from its own beginning: the same instant by the clock that both go by. */
static int64_t
clock_ms(const struct gs_table *t, uint64_t store_ms)
{
	return (int64_t)(store_ms - atomic_load_explicit(&t->ctl->clock_add_ms, memory_order_relaxed));
}

/* What has become of the session that a token hangs on; of one that goes on under another key that key is in *to. */
static enum parent
look_for_parent(struct gs_bond *b, const struct gs_meta *token, struct gs_followed *to)
{
	struct gs_meta meta;
	struct gs_key k;
	int rc = gs_key_init(b->parent, &k, token->link, token->link_len);

	/* No table has a session of such a key. */
	if (rc < 0)
		return PARENT_GONE;
	rc = gs_kv_lead(b->parent, b->parent_c, &k, b->parent_now_ms, to, &meta);
	if (rc == GS_ENOENT)
		return PARENT_GONE;
	if (rc < 0)
		return PARENT_UNKNOWN;
	if (clock_ms(b->parent, meta.created_ms) > clock_ms(b->tokens, token->created_ms))
		return PARENT_GONE;
	return to->key.len == k.len && memcmp(to->key.bytes, k.bytes, k.len) == 0 ? PARENT_LIVES : PARENT_MOVED;
}

static void
end_token(struct gs_bond *b, const struct gs_key *k, const struct gs_meta *token)
{
	bool is_final = gs_tomb_find(b->parent, hash_of(b->parent, token->link, token->link_len), b->parent_now_ms) == GS_TOMB_FINAL;
	const struct gs_ending how = { .kind = is_final ? GS_TOMB_FINAL : GS_TOMB_PLAIN, .birth = token->birth, .reason = GS_REASON_PARENT };

	b->n_ended += gs_kv_end(b->tokens, b->c, k, b->now_ms, &how) == 0;
}

/* Change the link of a token from what it was seen as. */
static int
relink(struct gs_bond *b, const struct gs_key *k, const struct gs_meta *token, struct gs_put_args *args)
{
	args->set |= GS_SET_LINK_BIT | GS_SET_IF_LINK_BIT;
	args->if_link = token->link;
	args->if_link_len = token->link_len;
	args->wall_ns = b->wall_ns;
	return gs_kv_setattr(b->tokens, b->c, k, b->now_ms, args);
}

static int
orphan(struct gs_bond *b, const struct gs_key *k, const struct gs_meta *token)
{
	struct gs_put_args args = {
		.set = GS_SET_DEADLINE_BIT,
		.deadline_ms = gs_min_u64(gs_add_sat(b->now_ms, b->orphan_ttl_ms), token->deadline_ms),
	};
	int rc = relink(b, k, token, &args);

	b->n_orphaned += rc == 0;
	return rc;
}

/* A token found by its kin. False when it has to be looked at again. */
static bool
judge(struct gs_bond *b, const struct gs_meta *found)
{
	struct gs_put_args args = { .set = 0 };
	struct gs_followed to;
	struct gs_meta token;
	struct gs_key k;
	int rc = gs_key_init_in(b->tokens, &k, found->ns, found->key, found->key_len);

	/* What was found is a record, which another may have replaced by now: the session of its key counts. */
	if (rc < 0 || gs_kv_get(b->tokens, b->c, &k, b->now_ms, NULL, 0, GS_KV_INSPECT, &token) < 0 || token.link_len == 0)
		return true;
	if (token.key_len != found->key_len || memcmp(token.key, found->key, token.key_len) != 0)
		return true;	/* a key that was given up: the token itself is found, too */
	switch (look_for_parent(b, &token, &to)) {
	case PARENT_LIVES:
		return true;
	case PARENT_UNKNOWN:
		return false;
	case PARENT_MOVED:
		args.link = to.key.bytes;
		args.link_len = to.key.len;
		rc = relink(b, &k, &token, &args);
		b->n_relinked += rc == 0;
		break;
	case PARENT_GONE:
		if ((token.flags & GS_FLAG_CARRIED) != 0)
			rc = orphan(b, &k, &token);
		else
			end_token(b, &k, &token);
		break;
	}
	return rc >= 0 || rc == GS_ENOENT;
}

static bool
is_in(const struct gs_bond_set *set, uint32_t kin)
{
	uint32_t link = gs_kin_link(kin);

	/* 0: it hangs on nothing. */
	return link != 0 && (set->word[link / 64] >> link % 64 & 1) != 0;
}

static void
pass_arena(struct gs_bond *b, const struct gs_arena *a, const struct gs_bond_set *set)
{
	struct gs_meta found;

	for (uint32_t slot = 0; slot < a->n_slots; slot++) {
		/* Where there is no memory, a look would make some. */
		if (slot % a->seg_slots == 0 && !gs_slots_may_live(a, slot)) {
			slot += a->seg_slots - 1;
			continue;
		}
		if (!is_in(set, atomic_load_explicit(&a->kin[slot], memory_order_relaxed)) ||
		    !gs_kin_at(b->tokens, gs_entry_addr(gs_entry(0, 0, a->ring, a->class_id, slot)), &found))
			continue;
		if (!judge(b, &found))
			gs_bond_mark_link(b->tokens, found.link, found.link_len);
	}
}

void
gs_bond_pass(struct gs_bond *b, const struct gs_bond_set *set)
{
	for (int i = 0; i < GS_MAX_ARENAS; i++)
		if (gs_table_has(b->tokens, &b->tokens->arena[i]))
			pass_arena(b, &b->tokens->arena[i], set);
}
