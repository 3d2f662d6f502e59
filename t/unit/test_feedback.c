/* SPDX-License-Identifier: BSD-2-Clause */
/* test_feedback.c - what readers tell of their accesses: that it counts as if they had written it, and that lies do not. */
#include "shm_place.h"

#include <sys/mman.h>

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <unistd.h>

#include "shm/event.h"
#include "shm/feedback.h"

/* A store, and a reader of it: context 1 is the daemon's, as in every test of one store. */
struct reading {
	struct store s;
	struct gs_ctx reader;
	struct gs_ctx_page *page;
};

static void
open_reading(struct reading *r, const struct gs_table_spec *spec)
{
	open_store(&r->s, spec);
	r->page = aligned_alloc(64, sizeof(*r->page));
	assert_non_null(r->page);
	memset(r->page, 0, sizeof(*r->page));
	gs_ctx_init_reader(&r->reader, r->page);
}

static void
close_reading(struct reading *r, uint64_t now_ms)
{
	assert_clean(r->s.t, now_ms);
	gs_ctx_fini(&r->reader, r->s.t);
	free(r->page);
	close_store(&r->s);
}

/* Get as the reader does. */
static ssize_t
look(struct reading *r, const char *key, uint64_t now_ms)
{
	struct gs_key k = key_of(r->s.t, key);
	char buf[1000];

	return gs_kv_get(r->s.t, &r->reader, &k, now_ms, buf, sizeof(buf), 0, NULL);
}

static uint32_t
take(struct reading *r, uint64_t now_ms)
{
	return gs_feedback_take(r->s.t, &r->s.c, r->page, now_ms);
}

static struct gs_meta
meta_of(struct store *s, const char *key, uint64_t now_ms)
{
	struct gs_meta meta;

	assert_true(peek_at(s, key, now_ms, &meta) >= 0);
	return meta;
}

/* Put a cell there as a liar would. */
static void
plant(struct reading *r, uint64_t entry, uint32_t n, uint64_t at_ms)
{
	atomic_store(&r->page->cell[0].what, gs_feedback(entry, n));
	atomic_store(&r->page->cell[0].at_ms, at_ms);
	atomic_store(&r->page->dirty[0], 1);
}

/* ---- what is told counts ---- */

static void
told_access_does_what_a_get_does(void **state)
{
	static const uint64_t at_ms[] = { NOW + 1, NOW + 1, NOW + 7 * S, NOW + 2 * MIN, NOW + 8 * MIN };
	struct gs_table_spec spec = usual_spec();
	struct reading r, direct;

	(void)state;
	open_reading(&r, &spec);
	open_reading(&direct, &spec);
	start_in(&r.s, "k", ACTIVE, NOW);
	start_in(&direct.s, "k", ACTIVE, NOW);
	for (size_t i = 0; i < N_ROWS(at_ms); i++) {
		struct gs_meta told, got;

		assert_int_equal(look(&r, "k", at_ms[i]), 1);
		assert_int_equal(take(&r, at_ms[i] + 20), 1);
		assert_int_equal(get_at(&direct.s, "k", at_ms[i]), 1);
		told = meta_of(&r.s, "k", at_ms[i]);
		got = meta_of(&direct.s, "k", at_ms[i]);
		assert_int_equal(told.accessed_ms, got.accessed_ms);
		assert_int_equal(told.hits, got.hits);
		assert_true(told.interest - got.interest + 4 <= 8);
	}
	assert_int_equal(counted(&r.s, GS_COUNT_FEEDBACK), N_ROWS(at_ms));
	close_reading(&r, at_ms[4]);
	close_reading(&direct, at_ms[4]);
}

static void
many_accesses_are_told_in_one_cell_and_all_count(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct reading r;
	struct gs_meta meta;

	(void)state;
	open_reading(&r, &spec);
	start_in(&r.s, "k", ACTIVE, NOW);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(look(&r, "k", NOW), 1);
	assert_int_equal(take(&r, NOW), 1);
	meta = meta_of(&r.s, "k", NOW);
	assert_int_equal(meta.hits, 1001);
	assert_true(fabs(gs_decay_interest(meta.interest) - 1001) < 0.001);
	assert_int_equal(take(&r, NOW), 0);
	close_reading(&r, NOW);
}

static void
access_told_after_a_later_one_has_faded_until_then(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct reading r;
	struct gs_meta meta;

	(void)state;
	open_reading(&r, &spec);
	start_in(&r.s, "k", ACTIVE, NOW);
	assert_int_equal(look(&r, "k", NOW + 10 * S), 1);
	assert_int_equal(get_at(&r.s, "k", NOW + 40 * S), 1);
	assert_int_equal(take(&r, NOW + 41 * S), 1);
	meta = meta_of(&r.s, "k", NOW + 41 * S);
	assert_int_equal(meta.accessed_ms, NOW + 40 * S);
	assert_true(fabs(gs_decay_interest(meta.interest) - (1 + exp2(-30.0 / 300) + exp2(-40.0 / 300))) < 1e-6);
	close_reading(&r, NOW + 41 * S);
}

static void
access_through_an_outer_ring_brings_the_session_in_where_it_may(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct reading r;
	struct gs_meta meta;

	(void)state;
	spec.rings[COLD].promote = GS_PROMOTE_NEVER;
	open_reading(&r, &spec);
	start_in(&r.s, "w", WARM, NOW);
	start_in(&r.s, "c", COLD, NOW);
	assert_int_equal(look(&r, "w", NOW + S), 1);
	assert_int_equal(look(&r, "c", NOW + S), 1);
	assert_int_equal(ring_of(&r.s, "w"), WARM);	/* a reader moves nothing */
	assert_int_equal(take(&r, NOW + S), 2);
	assert_int_equal(ring_of(&r.s, "w"), ACTIVE);
	assert_int_equal(ring_of(&r.s, "c"), COLD);
	assert_int_equal(counted(&r.s, GS_COUNT_PROMOTED), 1);
	assert_int_equal(counted(&r.s, GS_COUNT_FEEDBACK), 2);
	meta = meta_of(&r.s, "w", NOW + S);
	assert_int_equal(meta.accessed_ms, NOW + S);
	assert_int_equal(meta.hits, 2);
	assert_int_equal(meta_of(&r.s, "c", NOW + S).accessed_ms, NOW + S);
	close_reading(&r, NOW + S);
}

static void
second_access_through_a_ring_that_wants_two_brings_the_session_in(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct reading r;

	(void)state;
	spec.rings[WARM].promote = GS_PROMOTE_SECOND;
	open_reading(&r, &spec);
	start_in(&r.s, "one", WARM, NOW);
	start_in(&r.s, "two", WARM, NOW);
	start_in(&r.s, "both", WARM, NOW);
	/* what was told of them before is beyond the ttl of active */
	assert_int_equal(look(&r, "one", NOW + 20 * MIN), 1);
	assert_int_equal(look(&r, "two", NOW + 20 * MIN), 1);
	assert_int_equal(look(&r, "both", NOW + 20 * MIN), 1);
	assert_int_equal(look(&r, "both", NOW + 20 * MIN), 1);
	assert_int_equal(take(&r, NOW + 20 * MIN), 3);
	assert_int_equal(ring_of(&r.s, "one"), WARM);
	assert_int_equal(ring_of(&r.s, "two"), WARM);
	assert_int_equal(ring_of(&r.s, "both"), ACTIVE);	/* told of as two at once */
	assert_int_equal(look(&r, "two", NOW + 21 * MIN), 1);
	assert_int_equal(take(&r, NOW + 21 * MIN), 1);
	assert_int_equal(ring_of(&r.s, "two"), ACTIVE);
	assert_int_equal(counted(&r.s, GS_COUNT_PROMOTED), 2);
	close_reading(&r, NOW + 21 * MIN);
}

static void
full_innermost_ring_leaves_it_where_it_is_and_counts_it(void **state)
{
	struct gs_table_spec spec = small_arena_spec(64);
	struct reading r;
	char key[16];

	(void)state;
	open_reading(&r, &spec);
	atomic_store(&r.s.t->ctl->ring[ACTIVE].capacity, 3);
	shut(r.s.t, ACTIVE);
	for (int i = 0; i < 3; i++) {
		(void)snprintf(key, sizeof(key), "a%d", i);
		start_in(&r.s, key, ACTIVE, NOW);
	}
	start_in(&r.s, "w", WARM, NOW);
	assert_int_equal(look(&r, "w", NOW + S), 1);
	assert_int_equal(take(&r, NOW + S), 1);
	assert_int_equal(ring_of(&r.s, "w"), WARM);
	assert_int_equal(meta_of(&r.s, "w", NOW + S).accessed_ms, NOW + S);
	close_reading(&r, NOW + S);
}

static void
access_of_a_record_that_was_replaced_or_moved_counts_for_its_session(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct reading r;

	(void)state;
	open_reading(&r, &spec);
	start_in(&r.s, "k", ACTIVE, NOW);
	start_in(&r.s, "m", ACTIVE, NOW);
	assert_int_equal(look(&r, "k", NOW + 2 * S), 1);
	assert_int_equal(look(&r, "m", NOW + 2 * S), 1);
	assert_int_equal(put_at(&r.s, "k", "new", NOW + 1 * S), 0);
	assert_int_equal(move_at(&r.s, "m", NOW + 1 * S, WARM), 0);
	assert_int_equal(take(&r, NOW + 2 * S), 2);
	assert_int_equal(meta_of(&r.s, "k", NOW + 2 * S).accessed_ms, NOW + 2 * S);
	assert_int_equal(meta_of(&r.s, "k", NOW + 2 * S).hits, 3);
	assert_int_equal(meta_of(&r.s, "m", NOW + 2 * S).accessed_ms, NOW + 2 * S);
	assert_int_equal(ring_of(&r.s, "m"), ACTIVE);
	assert_int_equal(counted(&r.s, GS_COUNT_FEEDBACK), 2);
	close_reading(&r, NOW + 2 * S);
}

static void
access_counts_for_a_session_whose_old_slot_was_given_back(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct reading r;

	(void)state;
	open_reading(&r, &spec);
	start_in(&r.s, "k", WARM, NOW);
	assert_int_equal(look(&r, "k", NOW + 2 * S), 1);
	assert_int_equal(get_at(&r.s, "k", NOW + S), 1);
	assert_int_equal(ring_of(&r.s, "k"), ACTIVE);
	gs_ctx_fini(&r.s.c, r.s.t);
	assert_int_equal(gs_ctx_init(&r.s.c, r.s.t, 1), 0);
	assert_int_equal(take(&r, NOW + 2 * S), 1);
	assert_int_equal(meta_of(&r.s, "k", NOW + 2 * S).accessed_ms, NOW + 2 * S);
	assert_int_equal(meta_of(&r.s, "k", NOW + 2 * S).hits, 3);
	close_reading(&r, NOW + 2 * S);
}

static void
access_of_a_session_that_ended_is_not_its_successors(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct reading r;

	(void)state;
	open_reading(&r, &spec);
	start_in(&r.s, "gone", ACTIVE, NOW);
	start_in(&r.s, "anew", ACTIVE, NOW);
	assert_int_equal(look(&r, "gone", NOW + S), 1);
	assert_int_equal(look(&r, "anew", NOW + S), 1);
	assert_int_equal(del_at(&r.s, "gone", NOW + S), 0);
	assert_int_equal(del_at(&r.s, "anew", NOW + S), 0);
	assert_int_equal(put_at(&r.s, "anew", "another", NOW + S), 1);
	/* Slots that nobody has used again take it, where nobody sees it. */
	assert_int_equal(take(&r, NOW + S), 2);
	assert_int_equal(meta_of(&r.s, "anew", NOW + S).hits, 1);
	assert_int_equal(peek_at(&r.s, "gone", NOW + S, NULL), GS_ENOENT);
	close_reading(&r, NOW + S);
}

static void
slot_that_was_used_again_gets_nothing_of_what_was_told_before(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct reading r;
	char key[16];

	(void)state;
	open_reading(&r, &spec);
	start_in(&r.s, "k", ACTIVE, NOW);
	assert_int_equal(look(&r, "k", NOW + S), 1);
	assert_int_equal(del_at(&r.s, "k", NOW + S), 0);
	/* Its slot is given back, and somebody takes it. */
	gs_ctx_fini(&r.s.c, r.s.t);
	assert_int_equal(gs_ctx_init(&r.s.c, r.s.t, 1), 0);
	for (int i = 0; i < 64; i++) {
		(void)snprintf(key, sizeof(key), "n%d", i);
		start_in(&r.s, key, ACTIVE, NOW + S);
	}
	assert_int_equal(take(&r, NOW + 2 * S), 1);
	assert_int_equal(counted(&r.s, GS_COUNT_LOST), 1);
	for (int i = 0; i < 64; i++) {
		(void)snprintf(key, sizeof(key), "n%d", i);
		assert_int_equal(meta_of(&r.s, key, NOW + 2 * S).hits, 1);
	}
	close_reading(&r, NOW + 2 * S);
}

static void
session_that_was_over_at_that_time_is_not_brought_back(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct reading r;
	struct gs_hit hit;

	(void)state;
	open_reading(&r, &spec);
	start_in(&r.s, "c", COLD, NOW);
	hit = hit_of(&r.s, "c");
	/* The last instant at which it is there, and the one after it. */
	plant(&r, hit.entry, 1, NOW + 7 * DAY + 1);
	assert_int_equal(take(&r, NOW + 7 * DAY + 1), 1);
	assert_int_equal(counted(&r.s, GS_COUNT_LOST), 1);
	assert_int_equal(peek_at(&r.s, "c", NOW + 7 * DAY + 1, NULL), GS_ENOENT);
	plant(&r, hit.entry, 1, NOW + 7 * DAY);
	assert_int_equal(take(&r, NOW + 7 * DAY + 10), 1);
	assert_int_equal(counted(&r.s, GS_COUNT_FEEDBACK), 1);
	assert_int_equal(peek_at(&r.s, "c", NOW + 7 * DAY + 10, NULL), 1);
	close_reading(&r, NOW + 7 * DAY + 10);
}

/* ---- no room ---- */

static void
many_different_records_find_room_before_any_is_lost(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct reading r;
	uint32_t in_use = 0;

	(void)state;
	open_reading(&r, &spec);
	/* The promise of libgsession(3); records lie close together, as those of a small store do. */
	for (uint32_t slot = 0; slot < 250; slot++)
		gs_feedback_tell(&r.reader, gs_entry(1, 1 + slot % 3, slot % 2, 0, slot), NOW);
	assert_int_equal(r.page->count[GS_COUNT_LOST], 0);
	for (uint32_t i = 0; i < GS_FEEDBACK_CELLS; i++)
		in_use += r.page->cell[i].what != 0;
	assert_int_equal(in_use, 250);
	assert_true(take(&r, NOW) == 250);
	close_reading(&r, NOW);
}

static void
what_finds_no_room_is_lost_and_counted(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct reading r;
	uint64_t told = 0, cells;

	(void)state;
	open_reading(&r, &spec);
	for (uint32_t slot = 0; slot < 3 * GS_FEEDBACK_CELLS; slot++, told++)
		gs_feedback_tell(&r.reader, gs_entry(1, 1, ACTIVE, 0, slot), NOW);
	assert_true(r.page->count[GS_COUNT_LOST] > 0 && r.page->count[GS_COUNT_LOST] < told);
	/* What is there goes on counting, up to what a cell can hold. */
	for (uint32_t i = 0; i < 2 * GS_FEEDBACK_MOST; i++, told++)
		gs_feedback_tell(&r.reader, gs_entry(1, 1, ACTIVE, 0, 0), NOW);
	cells = 0;
	for (uint32_t i = 0; i < GS_FEEDBACK_CELLS; i++)
		cells += gs_feedback_count(r.page->cell[i].what);
	assert_int_equal(cells + r.page->count[GS_COUNT_LOST], told);
	assert_true(take(&r, NOW) > GS_FEEDBACK_CELLS / 2);
	for (uint32_t i = 0; i < GS_FEEDBACK_CELLS; i++)
		assert_int_equal(r.page->cell[i].what, 0);
	close_reading(&r, NOW);
}

static void
what_is_not_taken_in_the_end_is_counted_as_lost(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct reading r;

	(void)state;
	open_reading(&r, &spec);
	start_in(&r.s, "k", ACTIVE, NOW);
	for (int i = 0; i < 7; i++)
		assert_int_equal(look(&r, "k", NOW), 1);
	gs_feedback_drop(&r.s.c, r.page);
	assert_int_equal(counted(&r.s, GS_COUNT_LOST), 7);
	assert_int_equal(take(&r, NOW), 0);
	close_reading(&r, NOW);
}

struct hammer {
	struct gs_ctx *reader;
	uint64_t entry[8];
	_Atomic int is_done;
};

enum { HAMMERED = 200000 };

static void *
hammer(void *arg)
{
	struct hammer *h = arg;

	for (uint32_t i = 0; i < HAMMERED; i++)
		gs_feedback_tell(h->reader, h->entry[i % 8], NOW + i / 1000);
	atomic_store(&h->is_done, 1);
	return NULL;
}

static void
nothing_is_counted_twice_or_forgotten_while_it_is_taken(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct hammer h = { .is_done = 0 };
	struct reading r;
	uint64_t hits = 0;
	pthread_t thread;
	char key[16];
	bool was_done;

	(void)state;
	open_reading(&r, &spec);
	h.reader = &r.reader;
	for (int i = 0; i < 8; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		start_in(&r.s, key, ACTIVE, NOW);
		h.entry[i] = hit_of(&r.s, key).entry;
	}
	assert_int_equal(pthread_create(&thread, NULL, hammer, &h), 0);
	do {
		was_done = atomic_load(&h.is_done) != 0;
		(void)take(&r, NOW + HAMMERED / 1000);
	} while (!was_done);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (int i = 0; i < 8; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		hits += meta_of(&r.s, key, NOW).hits - 1;
		assert_int_equal(meta_of(&r.s, key, NOW).accessed_ms, NOW + (HAMMERED - 1) / 1000);
	}
	assert_int_equal(hits + r.page->count[GS_COUNT_LOST], HAMMERED);
	assert_int_equal(counted(&r.s, GS_COUNT_FEEDBACK), hits);
	close_reading(&r, NOW + HAMMERED / 1000);
}

/* ---- lies ---- */

static void
nonsense_is_refused_and_counted(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct reading r;
	uint64_t k, n = 0;

	(void)state;
	open_reading(&r, &spec);
	start_in(&r.s, "k", ACTIVE, NOW);
	start_in(&r.s, "suspect", SUSPECT, NOW);
	k = hit_of(&r.s, "k").entry;
	struct {
		const char *what;
		uint64_t entry;
		uint32_t n;
		uint64_t at_ms;
	} rows[] = {
		{ "no access", k, 0, NOW },
		{ "a ring that is none", gs_entry(0, 1, 7, 0, 0), 1, NOW },
		{ "a class that is none", gs_entry(0, 1, ACTIVE, 3, 0), 1, NOW },
		{ "a slot that is none", gs_entry(0, 1, ACTIVE, 0, GS_SLOT_NUMBERS - 1), 1, NOW },
		{ "a slot without memory", gs_entry(0, 1, COLD, 0, r.s.t->arena[COLD * GS_MAX_CLASSES].n_slots - 1), 1, NOW },
		{ "a time to come", k, 1, NOW + GS_FEEDBACK_AHEAD_MS + 1 },
		{ "the end of time", k, 1, UINT64_MAX },
		{ "a time long ago", k, 1, NOW - GS_FEEDBACK_AGE_MS - 1 },
		{ "the beginning of time", k, 1, 0 },
	};

	assert_false(gs_slots_is_committed(&r.s.t->arena[COLD * GS_MAX_CLASSES], gs_entry_slot(rows[4].entry)));
	for (size_t i = 0; i < N_ROWS(rows); i++) {
		plant(&r, rows[i].entry, rows[i].n, rows[i].at_ms);
		if (take(&r, NOW) != 1 || counted(&r.s, GS_COUNT_NONSENSE) != ++n)
			fail_msg("%s is believed", rows[i].what);
	}
	assert_int_equal(meta_of(&r.s, "k", NOW).hits, 1);
	assert_int_equal(meta_of(&r.s, "k", NOW).interest, GS_INTEREST_ONE);
	assert_int_equal(ring_of(&r.s, "suspect"), SUSPECT);
	/* An attempt of a suspect that is refused is none of its accesses. */
	plant(&r, hit_of(&r.s, "suspect").entry, 3, NOW);
	assert_int_equal(take(&r, NOW), 1);
	assert_int_equal(meta_of(&r.s, "suspect", NOW).hits, 1);
	assert_int_equal(counted(&r.s, GS_COUNT_NONSENSE), n);
	/* Another generation may be the truth of a moment ago. */
	plant(&r, k ^ UINT64_C(5) << 32, 1, NOW);
	assert_int_equal(take(&r, NOW), 1);
	assert_int_equal(counted(&r.s, GS_COUNT_LOST), 1);
	/* So may a clock that ticked after ours. */
	plant(&r, k, 1, NOW + 4);
	assert_int_equal(take(&r, NOW), 1);
	assert_int_equal(meta_of(&r.s, "k", NOW).accessed_ms, NOW);
	close_reading(&r, NOW);
}

static void
greatest_lie_is_a_bounded_number_of_accesses(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct reading r;
	uint64_t k;

	(void)state;
	open_reading(&r, &spec);
	start_in(&r.s, "k", ACTIVE, NOW);
	k = hit_of(&r.s, "k").entry;
	for (uint32_t i = 0; i < GS_FEEDBACK_CELLS; i++) {
		atomic_store(&r.page->cell[i].what, gs_feedback(k, GS_FEEDBACK_MOST));
		atomic_store(&r.page->cell[i].at_ms, NOW);
	}
	atomic_store(&r.page->dirty[0], UINT64_MAX);
	atomic_store(&r.page->dirty[1], UINT64_MAX);	/* with bits of lines that there are none of */
	assert_int_equal(take(&r, NOW), GS_FEEDBACK_CELLS);
	assert_int_equal(meta_of(&r.s, "k", NOW).hits, 1 + (uint64_t)GS_FEEDBACK_CELLS * GS_FEEDBACK_MOST);
	assert_true(gs_decay_interest(meta_of(&r.s, "k", NOW).interest) < 2.0 * GS_FEEDBACK_CELLS * GS_FEEDBACK_MOST);
	assert_int_equal(r.page->dirty[0] | r.page->dirty[1], 0);
	close_reading(&r, NOW);
}

/* Words that are nearly right, so that they come further than noise does. */
static void
scribble(struct reading *r, uint64_t *random)
{
	_Atomic uint64_t *words = (void *)r->page;

	for (size_t i = 0; i < sizeof(*r->page) / sizeof(uint64_t); i++)
		atomic_store_explicit(&words[i], next_random(random) << 40 ^ next_random(random) << 20 ^ next_random(random), memory_order_relaxed);
	for (uint32_t i = 0; i < GS_FEEDBACK_CELLS; i++) {
		uint64_t random_slot = next_random(random) % 130, n = next_random(random) % 4;

		if (next_random(random) % 4 == 0)
			continue;
		atomic_store(&r->page->cell[i].what, gs_feedback(gs_entry(0, (uint32_t)(1 + n), (uint32_t)(next_random(random) % 5), 0,
		    (uint32_t)random_slot), (uint32_t)next_random(random)));
		atomic_store(&r->page->cell[i].at_ms, NOW - next_random(random) % 4096);
	}
}

static void
random_bytes_harm_nothing(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct gs_feedback_fold fold = { .at_ms = NOW - 1 };
	uint64_t random = 1, before;
	struct reading r;
	char key[16];

	(void)state;
	open_reading(&r, &spec);
	for (int i = 0; i < 80; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		start_in(&r.s, key, (uint32_t)(i % 4), NOW);
	}
	for (int round = 0; round < 300; round++) {
		scribble(&r, &random);
		before = counted(&r.s, GS_COUNT_GETS);
		assert_true(take(&r, NOW) <= GS_FEEDBACK_CELLS);
		gs_feedback_fold(&r.s.c, r.page, &fold, NOW);
		assert_true(counted(&r.s, GS_COUNT_GETS) - before <= 2 * GS_FEEDBACK_PER_MS);
	}
	assert_true(counted(&r.s, GS_COUNT_NONSENSE) > 0 && counted(&r.s, GS_COUNT_FEEDBACK) > 0);
	for (int i = 0; i < 80; i++) {
		struct gs_meta meta;

		(void)snprintf(key, sizeof(key), "k%d", i);
		meta = meta_of(&r.s, key, NOW);
		assert_true(meta.accessed_ms <= NOW);
		assert_true((meta.ring == SUSPECT) == (i % 4 == SUSPECT));
		assert_int_equal(meta.touched_ms, NOW);
	}
	close_reading(&r, NOW);
}

/* ---- keys that were given up ---- */

enum { GRACE_MS = 30000 };

static void
give_up(struct reading *r, const char *from, const char *to, uint64_t now_ms)
{
	struct gs_key a = key_of(r->s.t, from), b = key_of(r->s.t, to);
	char buf[1000];
	const struct gs_rotation rotation = { .from = &a, .to = &b, .grace_ms = GRACE_MS, .wall_ns = 1, .buf = buf };

	assert_int_equal(gs_kv_rotate(r->s.t, &r->s.c, now_ms, &rotation), 0);
}

/* The entry of whatever is under a key. */
static uint64_t
entry_of(struct reading *r, const char *key)
{
	struct gs_key k = key_of(r->s.t, key);
	struct gs_hit hit;

	assert_int_equal(gs_index_find(r->s.t, &r->s.c, &k, GS_FETCH_HEAD, &hit), 1);
	return hit.entry;
}

/* The events of a kind since a place: how often it happened, and by whom the last time. */
static uint64_t
events_of(struct reading *r, struct gs_event_cursor *cur, uint32_t kind, struct gs_told *last)
{
	uint64_t n = 0;
	struct gs_told e;

	while (gs_event_next(r->s.t, cur, NOW, &e) == 1)
		if (e.kind == kind) {
			n += e.count;
			*last = e;
		}
	return n;
}

static void
reader_who_uses_a_key_given_up_long_ago_raises_the_alarm(void **state)
{
	struct gs_table_spec spec = usual_spec();
	uint64_t late = NOW + GRACE_MS + 1, hits;
	struct gs_event_cursor cur;
	struct gs_told e = { .kind = 0 };
	struct reading r;

	(void)state;
	spec.max_lifetime_ms = 2 * HOUR;
	open_reading(&r, &spec);
	assert_int_equal(put_at(&r.s, "old", "x", NOW), 1);
	give_up(&r, "old", "new", NOW);
	gs_event_begin(&cur, gs_event_last(r.s.t));
	/* While it has its grace it is the session. */
	hits = meta_of(&r.s, "new", NOW).hits;
	assert_int_equal(look(&r, "old", NOW + 1), 1);
	assert_int_equal(take(&r, NOW + 1), 1);
	assert_int_equal(meta_of(&r.s, "new", NOW + 1).hits, hits + 1);
	assert_int_equal(look(&r, "old", late), GS_ESTALE);
	assert_int_equal(look(&r, "old", late), GS_ESTALE);
	assert_int_equal(look(&r, "old", late), GS_ESTALE);
	assert_int_equal(counted(&r.s, GS_COUNT_REPLAYED), 0);
	r.s.c.pid = 7;
	r.s.c.uid = 8;
	assert_int_equal(take(&r, late), 1);
	assert_int_equal(counted(&r.s, GS_COUNT_REPLAYED), 3);
	assert_int_equal(meta_of(&r.s, "new", late).ring, SUSPECT);
	assert_int_equal(gs_entry_ring(entry_of(&r, "old")), SUSPECT);
	assert_int_equal(events_of(&r, &cur, GS_EVENT_REUSED, &e), 3);
	assert_int_equal(e.pid, 7);
	assert_int_equal(e.uid, 8);
	assert_int_equal(e.reason, GS_REASON_ROTATION);
	assert_int_equal(e.key_len, 3);
	assert_memory_equal(e.key, "old", 3);
	close_reading(&r, late);
}

static void
liar_who_tells_of_a_key_in_its_grace_accuses_nobody(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct reading r;

	(void)state;
	spec.max_lifetime_ms = 2 * HOUR;
	open_reading(&r, &spec);
	assert_int_equal(put_at(&r.s, "old", "x", NOW), 1);
	give_up(&r, "old", "new", NOW);
	plant(&r, entry_of(&r, "old"), 5, NOW + 1);
	assert_int_equal(take(&r, NOW + 1), 1);
	assert_int_equal(counted(&r.s, GS_COUNT_LOST), 5);
	assert_int_equal(counted(&r.s, GS_COUNT_REPLAYED), 0);
	assert_int_equal(meta_of(&r.s, "new", NOW + 1).ring, ACTIVE);
	close_reading(&r, NOW + 1);
}

/* ---- counters ---- */

static void
counters_are_added_up_as_they_grow_and_no_faster_than_can_be(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct gs_feedback_fold fold = { .at_ms = NOW };
	struct reading r;

	(void)state;
	open_reading(&r, &spec);
	start_in(&r.s, "k", ACTIVE, NOW);
	assert_int_equal(look(&r, "k", NOW), 1);
	assert_int_equal(look(&r, "k", NOW), 1);
	assert_int_equal(look(&r, "none", NOW), GS_ENOENT);
	gs_feedback_fold(&r.s.c, r.page, &fold, NOW + 1);
	assert_int_equal(counted(&r.s, GS_COUNT_GETS), 2);
	assert_int_equal(counted(&r.s, GS_COUNT_MISSES), 1);
	assert_int_equal(r.page->folded[GS_COUNT_GETS], 2);
	gs_feedback_fold(&r.s.c, r.page, &fold, NOW + 2);
	assert_int_equal(counted(&r.s, GS_COUNT_GETS), 2);
	/* Backwards, or faster than any processor: from there on it is taken again. */
	atomic_store(&r.page->count[GS_COUNT_GETS], 1);
	gs_feedback_fold(&r.s.c, r.page, &fold, NOW + 3);
	atomic_store(&r.page->count[GS_COUNT_GETS], 1 + 2 * GS_FEEDBACK_PER_MS + 1);
	gs_feedback_fold(&r.s.c, r.page, &fold, NOW + 4);
	assert_int_equal(counted(&r.s, GS_COUNT_GETS), 2);
	assert_int_equal(counted(&r.s, GS_COUNT_NONSENSE), 2);
	atomic_store(&r.page->count[GS_COUNT_GETS], 1 + 2 * GS_FEEDBACK_PER_MS + 1 + 5);
	/* What a reader cannot do is not counted. */
	atomic_store(&r.page->count[GS_COUNT_STARTED], 5);
	gs_feedback_fold(&r.s.c, r.page, &fold, NOW + 5);
	assert_int_equal(counted(&r.s, GS_COUNT_GETS), 7);
	assert_int_equal(counted(&r.s, GS_COUNT_STARTED), 1);
	close_reading(&r, NOW);
}

static void
what_was_refused_is_kept_for_whoever_tells_of_it(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct gs_feedback_fold fold = { .at_ms = NOW };
	struct reading r;

	(void)state;
	open_reading(&r, &spec);
	start_in(&r.s, "k", SUSPECT, NOW);
	assert_int_equal(look(&r, "k", NOW), GS_EQUARANTINE);
	gs_ctx_count_many(&r.reader, GS_COUNT_FORBIDDEN, 3);
	gs_feedback_fold(&r.s.c, r.page, &fold, NOW + 1);
	gs_ctx_count(&r.reader, GS_COUNT_FORBIDDEN);
	gs_feedback_fold(&r.s.c, r.page, &fold, NOW + 2);
	assert_int_equal(fold.forbidden, 4);
	assert_int_equal(fold.refused, 1);
	assert_int_equal(counted(&r.s, GS_COUNT_FORBIDDEN), 4);
	/* What cannot be is not told either. */
	gs_ctx_count_many(&r.reader, GS_COUNT_FORBIDDEN, UINT64_MAX / 2);
	gs_feedback_fold(&r.s.c, r.page, &fold, NOW + 3);
	assert_int_equal(fold.forbidden, 4);
	close_reading(&r, NOW + 3);
}

/* ---- nothing is written ---- */

static int
open_anew(int fd)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Any store would be the end of this process: the maps are read-only, and so are the descriptors below them. */
static void
reader_reads_a_table_that_it_cannot_write_to(void **state)
{
	static const uint32_t rings[] = { ACTIVE, WARM, COLD, SUSPECT };
	struct gs_table_spec spec = usual_spec();
	int fds[GS_TABLE_FDS], came[GS_TABLE_FDS], n;
	struct gs_table *mapped;
	struct reading r;
	char why[256], key[16];

	(void)state;
	open_reading(&r, &spec);
	for (uint32_t i = 0; i < N_ROWS(rings); i++) {
		(void)snprintf(key, sizeof(key), "k%u", i);
		start_in(&r.s, key, rings[i], NOW);
	}
	n = gs_table_fds(r.s.t, came);
	for (int i = 0; i < GS_TABLE_FDS; i++)
		fds[i] = -1;
	for (int i = 0, next = GS_TABLE_ARENA_FD; i < GS_MAX_ARENAS; i++)
		if (r.s.t->arena[i].map != NULL)
			fds[GS_TABLE_ARENA_FD + i] = open_anew(came[next++]);
	fds[GS_TABLE_CTL_FD] = open_anew(came[0]);
	fds[GS_TABLE_IDX_FD] = open_anew(came[1]);
	fds[GS_TABLE_EVT_FD] = open_anew(came[GS_TABLE_EVT_FD]);
	assert_true(n > GS_TABLE_ARENA_FD);
	assert_int_equal(gs_table_map(&mapped, fds, GS_TABLE_WRITE, why) < 0, 1);
	for (int i = 0, next = GS_TABLE_ARENA_FD; i < GS_MAX_ARENAS; i++)
		if (r.s.t->arena[i].map != NULL)
			fds[GS_TABLE_ARENA_FD + i] = open_anew(came[next++]);
	fds[GS_TABLE_CTL_FD] = open_anew(came[0]);
	fds[GS_TABLE_IDX_FD] = open_anew(came[1]);
	fds[GS_TABLE_EVT_FD] = open_anew(came[GS_TABLE_EVT_FD]);
	assert_int_equal(gs_table_map(&mapped, fds, GS_TABLE_READ, why), 0);
	assert_null(mapped->ctx);
	assert_int_equal(mprotect(mapped->idx, GS_PAGE_BYTES, PROT_READ | PROT_WRITE), -1);
	for (uint32_t i = 0; i <= N_ROWS(rings); i++) {
		struct gs_meta meta;
		struct gs_key k;

		(void)snprintf(key, sizeof(key), "k%u", i);
		assert_int_equal(gs_key_init(mapped, &k, key, strlen(key)), 0);
		assert_int_equal(gs_kv_get(mapped, &r.reader, &k, NOW, key, sizeof(key), 0, &meta), i < 3 ? 1 : i == 3 ? GS_EQUARANTINE : GS_ENOENT);
		(void)gs_kv_get(mapped, &r.reader, &k, NOW + 300 * DAY, NULL, 0, 0, NULL);
	}
	for (uint64_t ordinal = 0; ordinal < gs_table_entries(mapped); ordinal++) {
		struct gs_meta meta;

		(void)gs_kv_at(mapped, &r.reader, ordinal, NOW, &meta);
	}
	assert_int_equal(take(&r, NOW), 4);
	assert_int_equal(ring_of(&r.s, "k2"), ACTIVE);
	gs_table_free(&mapped);
	close_reading(&r, NOW);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(told_access_does_what_a_get_does),
		T(many_accesses_are_told_in_one_cell_and_all_count),
		T(access_told_after_a_later_one_has_faded_until_then),
		T(access_through_an_outer_ring_brings_the_session_in_where_it_may),
		T(second_access_through_a_ring_that_wants_two_brings_the_session_in),
		T(full_innermost_ring_leaves_it_where_it_is_and_counts_it),
		T(access_of_a_record_that_was_replaced_or_moved_counts_for_its_session),
		T(access_counts_for_a_session_whose_old_slot_was_given_back),
		T(access_of_a_session_that_ended_is_not_its_successors),
		T(slot_that_was_used_again_gets_nothing_of_what_was_told_before),
		T(session_that_was_over_at_that_time_is_not_brought_back),
		T(many_different_records_find_room_before_any_is_lost),
		T(what_finds_no_room_is_lost_and_counted),
		T(what_is_not_taken_in_the_end_is_counted_as_lost),
		T(nothing_is_counted_twice_or_forgotten_while_it_is_taken),
		T(nonsense_is_refused_and_counted),
		T(greatest_lie_is_a_bounded_number_of_accesses),
		T(random_bytes_harm_nothing),
		T(reader_who_uses_a_key_given_up_long_ago_raises_the_alarm),
		T(liar_who_tells_of_a_key_in_its_grace_accuses_nobody),
		T(counters_are_added_up_as_they_grow_and_no_faster_than_can_be),
		T(what_was_refused_is_kept_for_whoever_tells_of_it),
		T(reader_reads_a_table_that_it_cannot_write_to),
	};

	return cmocka_run_group_tests_name("feedback", tests, NULL, NULL);
}
