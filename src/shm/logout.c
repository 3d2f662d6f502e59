/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/logout.h"

#include "base/atomic.h"
#include "shm/kin.h"

enum { TRIES = 100 };			/* to find a free mark, or to copy a record that others count accesses in */

_Static_assert((int)GS_MARKS <= 64, "a bit for each mark");

/* Private copy of a mark. False when it is not set, or not any more: a new one is of a logout that sees what we published. */
static bool
load_mark(const struct gs_mark *mark, struct gs_whose *out)
{
	/* acquire; pairs with the release of SET in fill_mark */
	uint64_t m = atomic_load_explicit(&mark->M, memory_order_acquire);

	if (gs_word_state(m) != GS_MARK_SET)
		return false;
	out->owner = atomic_load_explicit(&mark->owner, memory_order_relaxed);
	out->at_ms = atomic_load_explicit(&mark->at_ms, memory_order_relaxed);
	gs_fence_acquire();
	/* relaxed; the fence orders it after the loads, and pairs with the release fence in fill_mark */
	return atomic_load_explicit(&mark->M, memory_order_relaxed) == m;
}

/* The logout of an owner that ends what was started latest; false when he is in none. */
static bool
find_mark(const struct gs_table *t, uint64_t owner, struct gs_whose *out)
{
	/* acquire; pairs with the exchange in work_off: who comes after it sees the mark */
	uint64_t bits = atomic_load_explicit(&t->idx->marked, memory_order_acquire);
	bool is_marked = false;
	struct gs_whose w;

	for (; bits != 0; bits &= bits - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(bits);

		if (i >= GS_MARKS || !load_mark(&t->idx->mark[i], &w) || w.owner != owner || (is_marked && w.at_ms < out->at_ms))
			continue;
		*out = w;
		is_marked = true;
	}
	return is_marked;
}

uint64_t
gs_logout_start_ms(const struct gs_table *t, uint32_t ns, const void *owner, uint32_t len, uint64_t now_ms)
{
	struct gs_whose w;

	/* relaxed; find_mark looks again */
	if (len == 0 || atomic_load_explicit(&t->idx->marked, memory_order_relaxed) == 0 ||
	    !find_mark(t, gs_kin_hash(t, ns, owner, len), &w))
		return now_ms;
	return gs_max_u64(now_ms, w.at_ms + 1);
}

/* The logout under way that ends what is made of d; false when there is none. */
static bool
find_mark_of(const struct gs_table *t, const struct gs_draft *d, struct gs_whose *w)
{
	return d->head.owner_len > 0 && find_mark(t, gs_kin_hash(t, d->head.ns, d->owner, d->head.owner_len), w) && d->head.created <= w->at_ms;
}

bool
gs_logout_ends(const struct gs_table *t, const struct gs_draft *d)
{
	struct gs_whose w;

	/* relaxed; find_mark looks again */
	return atomic_load_explicit(&t->idx->marked, memory_order_relaxed) != 0 && find_mark_of(t, d, &w);
}

void
gs_logout_heed(struct gs_table *t, struct gs_ctx *c, const struct gs_draft *d)
{
	const struct gs_key k = { .bytes = d->key, .len = d->head.key_len, .ns = d->head.ns, .hash = d->head.hash };
	struct gs_whose w;

	if (find_mark_of(t, d, &w))
		(void)gs_kv_end_of(t, c, &k, &w);
}

/* ---- the logout ---- */

/* An instant behind all at which sessions were started that this logout can know of, dated behind another one or not. */
static uint64_t
draw_instant(struct gs_table *t, uint64_t now_ms)
{
	_Atomic uint64_t *last = &t->idx->logout_ms;
	/* relaxed, both; one word of its own, and each logout takes a later value than the one before */
	uint64_t seen = atomic_load_explicit(last, memory_order_relaxed), at;

	do
		at = gs_max_u64(now_ms, seen + 2);
	while (!atomic_compare_exchange_weak_explicit(last, &seen, at, memory_order_relaxed, memory_order_relaxed));
	return at;
}

static void
fill_mark(struct gs_mark *mark, uint64_t filling, const struct gs_whose *w)
{
	gs_fence_release();	/* pairs with the acquire fence in load_mark: who sees our values sees FILLING */
	atomic_store_explicit(&mark->owner, w->owner, memory_order_relaxed);
	atomic_store_explicit(&mark->at_ms, w->at_ms, memory_order_relaxed);
	/* release; pairs with the acquire in load_mark */
	atomic_store_explicit(&mark->M, gs_word(gs_word_gen(filling), gs_word_ctx(filling), GS_MARK_SET), memory_order_release);
}

/* Take a free mark and fill it; its number, or GS_EBUSY. */
static int
take_mark(struct gs_table *t, struct gs_ctx *c, const struct gs_whose *w)
{
	for (int tries = 0; tries < TRIES; tries++) {
		for (int i = 0; i < GS_MARKS; i++) {
			struct gs_mark *mark = &t->idx->mark[i];
			uint64_t m = atomic_load_explicit(&mark->M, memory_order_relaxed), filling = gs_word(gs_word_gen(m) + 1, c->id, GS_MARK_FILLING);

			/* acquire; pairs with the release in drop_mark: its bit was cleared first */
			if (gs_word_state(m) != GS_MARK_FREE || !atomic_compare_exchange_strong_explicit(&mark->M, &m, filling,
			    memory_order_acquire, memory_order_relaxed))
				continue;
			fill_mark(mark, filling, w);
			return i;
		}
		gs_pause();
	}
	return GS_EBUSY;
}

static void
drop_mark(struct gs_table *t, int i)
{
	struct gs_mark *mark = &t->idx->mark[i];

	/* release, both; the first pairs with find_mark, the second with take_mark */
	(void)atomic_fetch_and_explicit(&t->idx->marked, ~(UINT64_C(1) << i), memory_order_release);
	atomic_store_explicit(&mark->M, gs_word(gs_word_gen(atomic_load_explicit(&mark->M, memory_order_relaxed)), 0, GS_MARK_FREE),
	    memory_order_release);
}

/* End the session that a record leads to, if it is one of those. 1, 0, GS_EAGAIN. */
static int
end_by_record(struct gs_table *t, struct gs_ctx *c, const struct gs_meta *record, const struct gs_whose *w)
{
	const struct gs_key k = { .bytes = record->key, .len = record->key_len, .ns = record->ns, .hash = record->hash };

	return record->created_ms > w->at_ms ? 0 : gs_kv_end_of(t, c, &k, w);
}

/* What a context is publishing may be of the owner and may have come behind the pass. */
static int
look_at_page(struct gs_table *t, struct gs_ctx *c, uint32_t id, const struct gs_whose *w)
{
	/* acquire; pairs with the release in gs_logout_look: who is through has looked at the mark */
	uint32_t addr = atomic_load_explicit(&t->ctx[id].publishing, memory_order_acquire);
	struct gs_meta record;

	if (addr == 0 || id == c->id || !gs_kin_at(t, addr - 1, &record) || record.owner_len == 0 ||
	    gs_kin_hash(t, record.ns, record.owner, record.owner_len) != w->owner)
		return 0;
	return end_by_record(t, c, &record, w);
}

/* From the mark's fields to its end. How many sessions were ended, or GS_EAGAIN: then the mark stays. */
static int64_t
work_off(struct gs_table *t, struct gs_ctx *c, int i)
{
	struct gs_whose w = { 0, 0 };
	struct gs_meta record;
	struct gs_kin kin;
	int64_t n = 0;
	int rc = 0;

	(void)load_mark(&t->idx->mark[i], &w);
	/* seq_cst; pairs with the look at the bits in gs_logout_look */
	(void)atomic_fetch_or_explicit(&t->idx->marked, UINT64_C(1) << i, memory_order_seq_cst);
	gs_fence_full();
	gs_kin_of_owner(&kin, w.owner);
	while (rc >= 0 && gs_kin_next(t, &kin, &record) > 0) {
		rc = end_by_record(t, c, &record, &w);
		n += rc > 0;
	}
	/* acquire; pairs with the release of the count when a context is granted */
	for (uint32_t id = 0, used = atomic_load_explicit(&t->ctl->n_ctx_used, memory_order_acquire); rc >= 0 && id < used && id < GS_MAX_CTX; id++) {
		rc = look_at_page(t, c, id, &w);
		n += rc > 0;
	}
	if (rc < 0)
		return rc;
	drop_mark(t, i);
	return n;
}

/* Leave a mark to the daemon. */
static void
hand_over(struct gs_mark *mark)
{
	uint64_t m = atomic_load_explicit(&mark->M, memory_order_relaxed);

	/* release; pairs with the acquire in gs_logout_finish */
	atomic_store_explicit(&mark->M, gs_word(gs_word_gen(m), GS_DAEMON_CTX, gs_word_state(m)), memory_order_release);
}

int
gs_logout_run(struct gs_table *t, struct gs_ctx *c, uint64_t owner, uint64_t now_ms, uint64_t *n)
{
	const struct gs_whose w = { .owner = owner, .at_ms = draw_instant(t, now_ms) };
	int i = take_mark(t, c, &w);
	int64_t ended;

	*n = 0;
	if (i < 0)
		return i;
	ended = work_off(t, c, i);
	if (ended < 0) {
		hand_over(&t->idx->mark[i]);
		return (int)ended;
	}
	*n = (uint64_t)ended;
	return 0;
}

/* ---- the daemon ---- */

void
gs_logout_recover(struct gs_table *t, struct gs_ctx *c, uint32_t id)
{
	/* acquire; pairs with the releases of a process that is no more */
	uint32_t addr = atomic_load_explicit(&t->ctx[id].publishing, memory_order_acquire);
	struct gs_meta record;
	struct gs_whose w;

	if (addr != 0 && gs_kin_at(t, addr - 1, &record) && record.owner_len > 0 &&
	    find_mark(t, gs_kin_hash(t, record.ns, record.owner, record.owner_len), &w))
		(void)end_by_record(t, c, &record, &w);
	/* release; pairs with look_at_page */
	atomic_store_explicit(&t->ctx[id].publishing, 0, memory_order_release);
	for (int i = 0; i < GS_MARKS; i++) {
		uint64_t m = atomic_load_explicit(&t->idx->mark[i].M, memory_order_relaxed);

		if (gs_word_state(m) != GS_MARK_FREE && gs_word_ctx(m) == id)
			hand_over(&t->idx->mark[i]);
	}
}

uint32_t
gs_logout_finish(struct gs_table *t, struct gs_ctx *c)
{
	uint32_t n = 0;

	for (int i = 0; i < GS_MARKS; i++) {
		/* acquire; pairs with hand_over */
		uint64_t m = atomic_load_explicit(&t->idx->mark[i].M, memory_order_acquire);

		if (gs_word_state(m) == GS_MARK_FREE || gs_word_ctx(m) != GS_DAEMON_CTX)
			continue;
		/* Of one that was not filled nobody knows whom it meant, and nobody was told that it was done. */
		if (gs_word_state(m) != GS_MARK_SET)
			drop_mark(t, i);
		else
			n += work_off(t, c, i) >= 0;
	}
	return n;
}
