/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/tomb.h"

#include "base/atomic.h"

enum {
	TRIES = 100,
	FINAL_STEP_MS = 1 << 20,	/* tomb_final_ms moves in steps of a quarter of an hour, so that its line stays where it is read */
};

uint64_t
gs_tomb_places(uint64_t max_sessions)
{
	return gs_align_up(gs_max_u64(max_sessions / 4, GS_TOMBS_MIN), GS_TOMB_WAYS);
}

static struct gs_tomb *
window_of(const struct gs_table *t, uint64_t hash)
{
	return &t->tombs[gs_mulhi64(hash, t->n_tombs / GS_TOMB_WAYS) * GS_TOMB_WAYS];
}

void
gs_tomb_prefetch(const struct gs_table *t, uint64_t hash)
{
	const struct gs_tomb *window = window_of(t, hash);

	gs_prefetch(window);
	gs_prefetch(&window[GS_TOMB_WAYS / 2]);
}

static uint64_t
key_in(uint64_t hash)
{
	return gs_tomb_key(gs_tomb_hash(hash, 0));
}

/* What one place says of a key; *until as it was seen. */
static enum gs_tomb_kind
kind_of(const struct gs_tomb *at, uint64_t key, uint64_t now_ms, uint64_t *until)
{
	/* seq_cst, both; pair with the exchanges in fill and raise, see gs_tomb_may_refuse; the hash first: its turn is not after that of until */
	uint64_t hash = atomic_load_explicit(&at->hash, memory_order_seq_cst);

	if (gs_tomb_key(hash) != key)
		return GS_TOMB_NONE;
	*until = atomic_load_explicit(&at->until, memory_order_seq_cst);
	if (gs_tomb_turn(*until) != gs_tomb_turn(hash) || gs_tomb_until_ms(*until) < now_ms)
		return GS_TOMB_NONE;
	return (*until & GS_TOMB_FINAL_BIT) != 0 ? GS_TOMB_FINAL : GS_TOMB_PLAIN;
}

enum gs_tomb_kind
gs_tomb_find(const struct gs_table *t, uint64_t hash, uint64_t now_ms)
{
	const struct gs_tomb *window = window_of(t, hash);
	enum gs_tomb_kind found = GS_TOMB_NONE, kind;
	uint64_t until;

	/* Two who left one at the same time may both have found a place: the stronger counts. */
	for (int i = 0; i < GS_TOMB_WAYS; i++) {
		kind = kind_of(&window[i], key_in(hash), now_ms, &until);
		found = kind > found ? kind : found;
	}
	return found;
}

/* Before any final tombstone that ends by then: who does not look for one need not. */
static void
raise_final(struct gs_table *t, uint64_t until_ms)
{
	uint64_t seen = atomic_load_explicit(&t->idx->tomb_final_ms, memory_order_relaxed);
	uint64_t want = gs_align_up(until_ms, FINAL_STEP_MS);

	/* seq_cst; pairs with gs_tomb_may_refuse */
	while (seen < until_ms &&
	    !atomic_compare_exchange_weak_explicit(&t->idx->tomb_final_ms, &seen, want, memory_order_seq_cst, memory_order_relaxed))
		;
}

/* Is one that stands here of less worth than another? */
static bool
is_less(uint64_t until, uint64_t than)
{
	uint64_t final_bit = until & GS_TOMB_FINAL_BIT, other_bit = than & GS_TOMB_FINAL_BIT;

	return final_bit != other_bit ? final_bit < other_bit : gs_tomb_until_ms(until) < gs_tomb_until_ms(than);
}

/* The place of a window whose time is over, or that of least worth. */
static struct gs_tomb *
choose(struct gs_tomb *window, uint64_t now_ms, uint64_t *until)
{
	struct gs_tomb *least = NULL;
	uint64_t seen;

	for (int i = 0; i < GS_TOMB_WAYS; i++) {
		seen = atomic_load_explicit(&window[i].until, memory_order_relaxed);
		if (least == NULL || is_less(seen, *until)) {
			least = &window[i];
			*until = seen;
		}
		if (gs_tomb_until_ms(seen) < now_ms) {
			*until = seen;
			return &window[i];
		}
	}
	return least;
}

/* The place is ours by its word `mine`: give it the hash. False when somebody took it from us. */
static bool
fill(struct gs_tomb *at, uint64_t hash, uint64_t mine)
{
	/* acquire; pairs with the exchange of another below: then the look at until finds his turn */
	uint64_t seen = atomic_load_explicit(&at->hash, memory_order_acquire), want = gs_tomb_hash(hash, gs_tomb_turn(mine));

	/* Whoever comes after us has taken until before he touches the hash, and ours is then none any more. */
	while (atomic_load_explicit(&at->until, memory_order_acquire) == mine)
		/* seq_cst; pairs with kind_of, behind the full fence of who ends the session */
		if (atomic_compare_exchange_strong_explicit(&at->hash, &seen, want, memory_order_seq_cst, memory_order_acquire))
			return atomic_load_explicit(&at->until, memory_order_relaxed) == mine;
	return false;
}

enum left { LEFT_AGAIN, LEFT_LOST, LEFT_WELL };

/* One try to find a place and take it. */
static enum left
leave_once(struct gs_tomb *window, uint64_t hash, uint64_t like, uint64_t now_ms)
{
	uint64_t until, mine;
	struct gs_tomb *at = choose(window, now_ms, &until);
	bool is_free = gs_tomb_until_ms(until) < now_ms;

	if (!is_free && !is_less(until, like))
		return LEFT_LOST;
	mine = (like & ~UINT64_C(0xff)) | ((gs_tomb_turn(until) + 1) & 0xff);
	/* acq_rel; pairs with the acquire loads in fill: who finds our hash finds that the place is ours */
	if (!atomic_compare_exchange_strong_explicit(&at->until, &until, mine, memory_order_acq_rel, memory_order_relaxed) ||
	    !fill(at, hash, mine))
		return LEFT_AGAIN;
	return is_free ? LEFT_WELL : LEFT_LOST;
}

/* One of the key stands: let it last as long as the other and be as final. False when none stands. */
static bool
raise(struct gs_tomb *window, uint64_t hash, uint64_t like, uint64_t now_ms)
{
	uint64_t seen, want, until_ms;

	for (int i = 0; i < GS_TOMB_WAYS; i++)
		while (kind_of(&window[i], key_in(hash), now_ms, &seen) != GS_TOMB_NONE) {
			until_ms = gs_max_u64(gs_tomb_until_ms(seen), gs_tomb_until_ms(like));
			want = gs_tomb_until(until_ms, (seen | like) & GS_TOMB_FINAL_BIT, gs_tomb_turn(seen));
			/* seq_cst; pairs with kind_of, as in fill; the turn is in it, so the hash is still that of the key */
			if (atomic_compare_exchange_strong_explicit(&window[i].until, &seen, want, memory_order_seq_cst, memory_order_relaxed))
				return true;
		}
	return false;
}

bool
gs_tomb_leave(struct gs_table *t, uint64_t hash, enum gs_tomb_kind kind, uint64_t until_ms, uint64_t now_ms)
{
	uint64_t like = gs_tomb_until(gs_min_u64(until_ms, GS_TIME_NEVER), kind == GS_TOMB_FINAL ? GS_TOMB_FINAL_BIT : 0, 0);
	struct gs_tomb *window = window_of(t, hash);
	enum left left;

	if (until_ms < now_ms)
		return true;
	if (kind == GS_TOMB_FINAL)
		raise_final(t, gs_tomb_until_ms(like));
	for (int tries = 0; tries < TRIES; tries++) {
		if (raise(window, hash, like, now_ms))
			return true;
		left = leave_once(window, hash, like, now_ms);
		if (left != LEFT_AGAIN)
			return left == LEFT_WELL;
	}
	return false;
}

enum gs_tomb_kind
gs_tomb_at(const struct gs_table *t, uint64_t i, uint64_t now_ms, uint64_t *hash, uint64_t *until_ms)
{
	enum gs_tomb_kind kind;
	uint64_t until = 0;

	*hash = gs_tomb_key(atomic_load_explicit(&t->tombs[i].hash, memory_order_relaxed));
	kind = kind_of(&t->tombs[i], *hash, now_ms, &until);
	*until_ms = gs_tomb_until_ms(until);
	return kind;
}

uint64_t
gs_tomb_count(const struct gs_table *t, enum gs_tomb_kind kind, uint64_t now_ms)
{
	uint64_t n = 0, hash, until_ms;

	for (uint64_t i = 0; i < t->n_tombs; i++)
		n += gs_tomb_at(t, i, now_ms, &hash, &until_ms) == kind;
	return n;
}
