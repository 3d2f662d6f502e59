/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/feedback.h"

#include <string.h>

#include "base/bits.h"
#include "shm/kv_quota.h"
#include "shm/park.h"
#include "shm/words.h"

enum {
	DIRTY_BITS = 64,		/* in a word */
	LINES_TRIED = 16,		/* for a record's cell: 250 records nearly always find one each */
	FOLLOWS = 3,			/* how often a record that was replaced is looked up anew */
	TRIES = 100,			/* to copy a header while others count accesses in it */
};

/* ---- the reader's side ---- */

/* The first line of a record's cells: by a hash, so that neighbours spread. */
static uint32_t
line_of(uint64_t record)
{
	return (uint32_t)gs_mulhi64(record * UINT64_C(0x9e3779b97f4a7c15), GS_FEEDBACK_LINES);
}

static void
mark_dirty(struct gs_ctx_page *page, uint32_t line)
{
	_Atomic uint64_t *word = &page->dirty[line / DIRTY_BITS];
	uint64_t bit = UINT64_C(1) << line % DIRTY_BITS;

	/* seq_cst, both; pair with take_lines, which clears the bit before it looks at the cells: one of us sees the other */
	if ((atomic_load_explicit(word, memory_order_seq_cst) & bit) == 0)
		(void)atomic_fetch_or_explicit(word, bit, memory_order_seq_cst);
}

/* What is told in one cell. */
struct told {
	uint64_t entry, at_ms;		/* what gs_feedback_record() leaves of an entry; the last access */
	uint32_t n;			/* accesses */
};

/* So many accesses more in this cell; false when it is another record's, or can hold no more. */
static bool
tell_in(struct gs_feedback_cell *cell, const struct told *told)
{
	uint64_t seen = atomic_load_explicit(&cell->what, memory_order_relaxed);

	while (seen == 0 || (gs_feedback_record(seen) == told->entry && gs_feedback_count(seen) + told->n <= GS_FEEDBACK_MOST)) {
		if (atomic_load_explicit(&cell->at_ms, memory_order_relaxed) < told->at_ms)
			atomic_store_explicit(&cell->at_ms, told->at_ms, memory_order_relaxed);
		/* seq_cst; pairs with the exchange in take_cell: whoever takes the count has its time or a later one, and with mark_dirty */
		if (atomic_compare_exchange_strong_explicit(&cell->what, &seen, gs_feedback(told->entry, gs_feedback_count(seen) + told->n),
		    memory_order_seq_cst, memory_order_relaxed))
			return true;
	}
	return false;
}

static void
tell(struct gs_ctx_page *page, const struct told *told)
{
	uint32_t first = line_of(told->entry) * GS_FEEDBACK_WAYS;
	_Atomic uint64_t *lost = &page->count[GS_COUNT_LOST];

	for (uint32_t i = 0; i < LINES_TRIED * GS_FEEDBACK_WAYS; i++) {
		uint32_t cell = (first + i) % GS_FEEDBACK_CELLS;

		if (tell_in(&page->cell[cell], told)) {
			mark_dirty(page, cell / GS_FEEDBACK_WAYS);
			return;
		}
	}
	atomic_store_explicit(lost, atomic_load_explicit(lost, memory_order_relaxed) + told->n, memory_order_relaxed);
}

void
gs_feedback_tell(struct gs_ctx *c, uint64_t entry, uint64_t now_ms)
{
	tell(c->page, &(struct told){ gs_feedback_record(entry), now_ms, 1 });
}

void
gs_feedback_move_counters(struct gs_ctx_page *to, const struct gs_ctx_page *from)
{
	to->magic = GS_CTX_MAGIC;
	for (int n = 0; n < GS_COUNTERS; n++)
		atomic_store_explicit(&to->count[n], atomic_load_explicit(&from->count[n], memory_order_relaxed) -
		    atomic_load_explicit(&from->folded[n], memory_order_relaxed), memory_order_relaxed);
}

void
gs_feedback_move_cells(struct gs_ctx_page *to, struct gs_ctx_page *from)
{
	for (uint32_t i = 0; i < GS_FEEDBACK_CELLS; i++) {
		uint64_t what = atomic_exchange_explicit(&from->cell[i].what, 0, memory_order_relaxed);

		if (what != 0)
			tell(to, &(struct told){ gs_feedback_record(what), from->cell[i].at_ms, gs_feedback_count(what) });
	}
}

/* ---- the daemon's side ---- */

struct taking {
	struct gs_table *t;
	struct gs_ctx *c;
	uint64_t now_ms;
};

/*
 * The slot that a hit's entry names, if that record is still in it, and its header. A slot that was given back keeps the
 * bytes of its last record until it is taken again: it says whose they were.
 */
static bool
open_record(struct gs_table *t, struct gs_hit *hit, struct gs_slot *head)
{
	int rc = 0;

	hit->slot = gs_table_slot(t, hit->entry);
	for (int i = 0; hit->slot != NULL && rc == 0 && i < TRIES; i++) {
		/* acquire; pairs with the release of READY in gs_record_write */
		hit->w = atomic_load_explicit(&hit->slot->W, memory_order_acquire);
		if ((gs_word_state(hit->w) != GS_SLOT_READY && gs_word_state(hit->w) != GS_SLOT_FREE) ||
		    (gs_word_gen(hit->w) & GS_GEN_MASK) != gs_entry_gen(hit->entry))
			return false;
		rc = gs_record_header(t, hit, head);
	}
	return rc > 0;
}

/* The record was replaced: the one that its session has by now. False when it has none, or its slot was used again. */
static bool
follow(struct taking *d, struct gs_hit *hit, struct gs_slot *head)
{
	const struct gs_key k = { .bytes = d->c->scratch + GS_SLOT_HEADER_BYTES, .len = head->key_len, .ns = head->ns, .hash = head->hash };
	uint32_t birth = head->birth;
	int rc = 0;

	for (int i = 0; rc == 0 && i < TRIES; i++)
		rc = gs_record_copy(d->t, d->c, hit);
	/* What does not change in a record is as it was in its header. */
	return rc > 0 && gs_index_find(d->t, d->c, &k, GS_FETCH_HEAD, hit) == 1 && open_record(d->t, hit, head) && head->birth == birth;
}

/* Through an outer ring: bring the session in where that ring allows it, and wake it if it is parked. False when it has another record now. */
static bool
bring_in(struct taking *d, struct gs_hit *hit, const struct gs_slot *head, const struct told *told, bool *was_brought_in)
{
	uint64_t record = gs_feedback_record(hit->entry);
	struct gs_slot before = *head;
	int rc;

	/* Of several at once the last has one before it, and that was just now. */
	if (told->n > 1)
		gs_kv_set(&before.A, gs_timed(told->at_ms, 0));
	if (*was_brought_in ||
	    (!gs_park_is_parked(head) && !gs_kv_is_promotable(d->t, gs_entry_ring(hit->entry), &before, told->at_ms)))
		return true;
	hit->ordinal = gs_index_ordinal_of(d->t, head->hash, gs_entry_addr(hit->entry), gs_entry_gen(hit->entry));
	if (hit->ordinal == UINT64_MAX)
		return false;
	hit->at = gs_table_entry(d->t, hit->ordinal);
	/* acquire; pairs with the compare-and-swaps that publish */
	hit->entry = atomic_load_explicit(hit->at, memory_order_acquire);
	if (gs_feedback_record(hit->entry) != record || (hit->entry & GS_ENTRY_TENT) != 0) {
		hit->entry = record;
		return false;
	}
	rc = gs_park_is_parked(head) ? gs_park_resume(d->t, d->c, hit, d->now_ms) : gs_kv_promote(d->t, d->c, hit, d->now_ms);
	*was_brought_in = rc == 1;
	return rc == 0;
}

/* What is known of the accesses told together, however often their record is looked for. */
struct charge {
	bool is_done;
	uint32_t n;			/* so many of them count */
};

/* Count them in their record. False when it was replaced. */
static bool
count_in(struct taking *d, struct gs_hit *hit, const struct told *told, struct charge *charge)
{
	uint64_t entry = hit->entry;

	/* Where that may move it, they are counted first: they were served. */
	if (!charge->is_done && !gs_kv_is_suspect(d->t, entry) && !gs_kv_is_gated(d->t)) {
		charge->n = told->n;
		charge->is_done = gs_words_accesses(d->t, hit, told->at_ms, told->n);
		if (charge->is_done)
			(void)gs_kv_charge_told(d->t, d->c, hit, told->at_ms, told->n);
		return charge->is_done;
	}
	if (!charge->is_done)
		charge->n = gs_kv_charge_told(d->t, d->c, hit, told->at_ms, told->n);
	charge->is_done = true;
	/* What was moved to the suspects is counted there. */
	return charge->n == 0 || (hit->entry == entry && gs_words_accesses(d->t, hit, told->at_ms, charge->n));
}

/* What was read is a key that was given up, which readers tell of when its grace is over: whether it is. */
static bool
raise_alarm(struct taking *d, struct gs_hit *hit, const struct gs_slot *head, const struct told *told)
{
	unsigned char bytes[GS_KEY_BYTES];
	struct gs_key k = { .bytes = bytes, .len = head->key_len, .ns = head->ns, .hash = head->hash };
	int rc = 0;

	for (int i = 0; rc == 0 && i < TRIES; i++)
		rc = gs_record_copy(d->t, d->c, hit);
	if (rc <= 0)
		return false;
	memcpy(bytes, d->c->scratch + GS_SLOT_HEADER_BYTES, head->key_len);
	return gs_kv_reused(d->t, d->c, &k, told->at_ms, d->now_ms, told->n);
}

/* Do what the accesses would have done. False when their session is another by now, or gone. */
static bool
count_told(struct taking *d, const struct told *told)
{
	struct gs_hit hit = { .entry = told->entry };
	bool was_brought_in = false;
	struct charge charge = { .is_done = false };
	struct gs_slot head;

	if (!open_record(d->t, &hit, &head))
		return false;
	if (gs_kv_is_rotated(&head))
		return raise_alarm(d, &hit, &head, told);
	for (int i = 0; i < FOLLOWS; i++) {
		uint32_t ring = gs_entry_ring(hit.entry);

		if (gs_record_is_over(d->t, ring, &head, told->at_ms))
			return false;
		if (gs_word_state(hit.w) == GS_SLOT_READY && bring_in(d, &hit, &head, told, &was_brought_in) &&
		    count_in(d, &hit, told, &charge))
			return true;
		if (!follow(d, &hit, &head))
			return false;
	}
	return false;
}

/* A slot of ours that has memory: looking at another one would take some. */
static bool
is_ours(struct gs_table *t, uint64_t entry)
{
	const struct gs_arena *a = gs_table_arena(t, gs_entry_ring(entry), gs_entry_class(entry));

	return gs_table_slot(t, entry) != NULL && gs_table_has(t, a) && gs_slots_is_committed(a, gs_entry_slot(entry));
}

/* Can that be at all? A record which may be read, and a time that is neither to come nor long ago. */
static bool
can_be(const struct taking *d, const struct told *told)
{
	return told->n > 0 && is_ours(d->t, told->entry) &&
	    told->at_ms <= d->now_ms + GS_FEEDBACK_AHEAD_MS && told->at_ms + GS_FEEDBACK_AGE_MS >= d->now_ms;
}

/* Returns whether there was something. */
static bool
take_cell(struct taking *d, struct gs_feedback_cell *cell)
{
	struct told told;
	uint64_t what;

	/* seq_cst; pairs with the exchange in tell_in: it is behind the clearing of the bit in take_lines */
	if (atomic_load_explicit(&cell->what, memory_order_seq_cst) == 0)
		return false;
	/* seq_cst; pairs with the exchange in tell_in */
	what = atomic_exchange_explicit(&cell->what, 0, memory_order_seq_cst);
	told.entry = gs_feedback_record(what);
	told.n = gs_feedback_count(what);
	told.at_ms = atomic_load_explicit(&cell->at_ms, memory_order_relaxed);
	if (!can_be(d, &told)) {
		gs_ctx_count(d->c, GS_COUNT_NONSENSE);
		return true;
	}
	/* Its clock may have ticked after ours was read. */
	told.at_ms = gs_min_u64(told.at_ms, d->now_ms);
	gs_ctx_count_many(d->c, count_told(d, &told) ? GS_COUNT_FEEDBACK : GS_COUNT_LOST, told.n);
	return true;
}

/* The lines whose bits are set in a word. Returns how many cells. */
static uint32_t
take_lines(struct taking *d, struct gs_ctx_page *page, uint32_t word)
{
	uint64_t bits = atomic_load_explicit(&page->dirty[word], memory_order_relaxed);
	uint32_t n = 0;

	if (bits == 0)
		return 0;
	/* seq_cst; pairs with mark_dirty */
	bits = atomic_exchange_explicit(&page->dirty[word], 0, memory_order_seq_cst);
	for (; bits != 0; bits &= bits - 1) {
		uint32_t line = word * DIRTY_BITS + (uint32_t)__builtin_ctzll(bits);

		for (uint32_t i = 0; line < GS_FEEDBACK_LINES && i < GS_FEEDBACK_WAYS; i++)
			n += take_cell(d, &page->cell[line * GS_FEEDBACK_WAYS + i]);
	}
	return n;
}

uint32_t
gs_feedback_take(struct gs_table *t, struct gs_ctx *c, struct gs_ctx_page *page, uint64_t now_ms)
{
	struct taking d = { t, c, now_ms };

	return take_lines(&d, page, 0) + take_lines(&d, page, 1);
}

void
gs_feedback_drop(struct gs_ctx *c, struct gs_ctx_page *page)
{
	for (uint32_t i = 0; i < GS_FEEDBACK_CELLS; i++)
		gs_ctx_count_many(c, GS_COUNT_LOST, gs_feedback_count(atomic_exchange_explicit(&page->cell[i].what, 0, memory_order_relaxed)));
}

/* ---- counters ---- */

/* What a reader does is counted under these. */
static const enum gs_counter counters[] = {
	GS_COUNT_GETS, GS_COUNT_MISSES, GS_COUNT_PEEKS, GS_COUNT_REFUSED, GS_COUNT_CORRUPT, GS_COUNT_RETRIES, GS_COUNT_LOST,
	GS_COUNT_FORBIDDEN,
};

static void
note_more(struct gs_ctx *c, struct gs_feedback_fold *f, enum gs_counter n, uint64_t more)
{
	gs_ctx_count_many(c, n, more);
	if (n == GS_COUNT_FORBIDDEN)
		f->forbidden += more;
	if (n == GS_COUNT_REFUSED)
		f->refused += more;
}

void
gs_feedback_fold(struct gs_ctx *c, struct gs_ctx_page *page, struct gs_feedback_fold *f, uint64_t now_ms)
{
	uint64_t most = (gs_min_u64(gs_sub_sat(now_ms, f->at_ms), UINT32_MAX) + 1) * GS_FEEDBACK_PER_MS;

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		enum gs_counter n = counters[i];
		uint64_t now = atomic_load_explicit(&page->count[n], memory_order_relaxed), more = now - f->seen[n];

		if (more == 0)
			continue;
		if (more <= most)
			note_more(c, f, n, more);
		else
			gs_ctx_count(c, GS_COUNT_NONSENSE);
		f->seen[n] = now;
		atomic_store_explicit(&page->folded[n], now, memory_order_relaxed);
	}
	f->at_ms = now_ms;
}
