/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_segments - memory is given back piece by piece, while sessions stay where they are found.
 */
#include "shm_place.h"

#include <sys/stat.h>

#include "daemon/shrink.h"
#include "shm/region.h"
#include "shm/segments.h"

enum { SESSIONS = 600 };

static struct gs_table_spec
roomy_spec(void)
{
	struct gs_table_spec spec = usual_spec();

	spec.max_sessions = 4000;
	spec.rings[ACTIVE].capacity = 1000;
	return spec;
}

static struct gs_arena *
arena_of(struct store *s)
{
	return gs_table_arena(s->t, ACTIVE, 0);
}

static void
put_numbered(struct store *s, int from, int to)
{
	char key[16];

	for (int i = from; i < to; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(put_at(s, key, key, NOW), 1);
	}
}

static void
del_numbered(struct store *s, int from, int to)
{
	char key[16];

	for (int i = from; i < to; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(del_at(s, key, NOW), 0);
	}
}

static void
assert_numbered(struct store *s, int from, int to)
{
	char key[16], buf[1000];

	for (int i = from; i < to; i++) {
		struct gs_key k;
		int n = snprintf(key, sizeof(key), "k%d", i);

		k = key_of(s->t, key);
		assert_int_equal(gs_kv_get(s->t, &s->c, &k, NOW, buf, sizeof(buf), GS_KV_INSPECT, NULL), n);
		assert_memory_equal(buf, key, n);
	}
}

static uint64_t
blocks_of(struct store *s)
{
	struct stat st;

	assert_int_equal(fstat(arena_of(s)->fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static struct gs_segments_use
use_of(struct store *s)
{
	struct gs_segments_use use;

	gs_segments_count(arena_of(s), &use);
	return use;
}

/* A second context of the same process, as the daemon has one. */
static void
open_other(struct store *s, struct gs_ctx *c)
{
	assert_int_equal(gs_ctx_init(c, s->t, 2), 0);
}

static void
segment_that_drains_is_taken_from_by_nobody(void **state)
{
	struct gs_table_spec spec = roomy_spec();
	struct store s;

	(void)state;
	open_store(&s, &spec);
	put_numbered(&s, 0, 10);
	gs_slots_flush(s.t, &s.c);
	assert_true(gs_segments_drain(s.t, arena_of(&s), 0));
	assert_false(gs_segments_drain(s.t, arena_of(&s), 0));
	put_numbered(&s, 10, 40);
	for (int i = 10; i < 40; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "k%d", i);
		assert_int_not_equal(gs_entry_slot(hit_of(&s, key).entry) / arena_of(&s)->seg_slots, 0);
	}
	assert_int_equal(use_of(&s).n_draining, 1);
	assert_clean(s.t, NOW);
	assert_true(gs_segments_undrain(arena_of(&s), 0));
	assert_false(gs_segments_undrain(arena_of(&s), 0));
	assert_clean(s.t, NOW);
	close_store(&s);
}

static void
sessions_move_out_of_a_segment_and_its_memory_is_gone(void **state)
{
	struct gs_table_spec spec = roomy_spec();
	uint32_t budget = UINT32_MAX;
	struct gs_ctx daemon;
	struct store s;
	uint64_t before, seg_bytes;

	(void)state;
	open_store(&s, &spec);
	open_other(&s, &daemon);
	put_numbered(&s, 0, SESSIONS);
	gs_slots_flush(s.t, &s.c);
	del_numbered(&s, SESSIONS / 3, SESSIONS);
	gs_slots_flush(s.t, &s.c);
	before = blocks_of(&s);
	for (uint32_t i = 0; i < GS_HELD_CELLS; i++)
		assert_int_equal(atomic_load(&s.c.page->held[i]), 0);
	seg_bytes = (uint64_t)arena_of(&s)->seg_slots * arena_of(&s)->slot_size;
	assert_true(gs_segments_drain(s.t, arena_of(&s), 0));
	assert_int_equal(gs_segments_evacuate(s.t, &daemon, arena_of(&s), 0, NOW, &budget), 0);
	assert_int_equal(UINT32_MAX - budget, arena_of(&s)->seg_slots);
	assert_int_equal(gs_segments_release(s.t, arena_of(&s), 0), 1);
	assert_int_equal(gs_segments_state(arena_of(&s), 0), GS_SEGMENT_ABSENT);
	assert_int_equal(before - blocks_of(&s), seg_bytes);
	assert_numbered(&s, 0, SESSIONS / 3);
	assert_clean(s.t, NOW);
	gs_ctx_fini(&daemon, s.t);
	close_store(&s);
}

static void
what_is_moved_keeps_version_times_and_hits(void **state)
{
	struct gs_table_spec spec = roomy_spec();
	struct gs_meta before, after;
	uint32_t budget = 100;
	struct gs_ctx daemon;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	open_other(&s, &daemon);
	put_numbered(&s, 0, 3);
	assert_int_equal(get_at(&s, "k1", NOW + 5), 2);
	assert_int_equal(touch_at(&s, "k1", NOW + 7), 0);
	assert_int_equal(peek_at(&s, "k1", NOW + 9, &before), 2);
	assert_true(gs_segments_drain(s.t, arena_of(&s), 0));
	(void)gs_segments_evacuate(s.t, &daemon, arena_of(&s), 0, NOW + 9, &budget);
	assert_int_equal(peek_at(&s, "k1", NOW + 9, &after), 2);
	assert_int_not_equal(gs_entry_slot(before.entry), gs_entry_slot(after.entry));
	assert_true(before.version == after.version && before.hits == after.hits && before.interest == after.interest);
	assert_true(before.accessed_ms == after.accessed_ms && before.touched_ms == after.touched_ms && before.birth == after.birth);
	assert_true(before.ordinal == after.ordinal && before.ring == after.ring && before.expires_ms == after.expires_ms);
	gs_ctx_fini(&daemon, s.t);
	close_store(&s);
}

static void
budget_bounds_what_is_moved_at_once(void **state)
{
	struct gs_table_spec spec = roomy_spec();
	uint32_t budget = 5;
	struct gs_ctx daemon;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	open_other(&s, &daemon);
	put_numbered(&s, 0, 20);
	gs_slots_flush(s.t, &s.c);
	assert_true(gs_segments_drain(s.t, arena_of(&s), 0));
	assert_int_equal(gs_segments_evacuate(s.t, &daemon, arena_of(&s), 0, NOW, &budget), 15);
	assert_int_equal(budget, 0);
	assert_int_equal(gs_segments_release(s.t, arena_of(&s), 0), 0);
	assert_int_equal(gs_segments_state(arena_of(&s), 0), GS_SEGMENT_DRAINING);
	assert_numbered(&s, 0, 20);
	gs_ctx_fini(&daemon, s.t);
	close_store(&s);
}

static void
segment_stays_as_long_as_somebody_lists_a_slot_of_it(void **state)
{
	struct gs_table_spec spec = roomy_spec();
	struct store s;
	uint32_t addr;
	int cell;

	(void)state;
	open_store(&s, &spec);
	cell = gs_slots_claim(s.t, &s.c, ACTIVE, 0);
	assert_true(cell >= 0);
	addr = s.c.cell[cell].addr;
	gs_slots_keep(&s.c, cell);
	assert_true(gs_segments_drain(s.t, arena_of(&s), 0));
	assert_int_equal(gs_segments_release(s.t, arena_of(&s), 0), 0);
	/* Free, but somebody who was about to take it has it in his list: he must find it as it is. */
	gs_slots_flush(s.t, &s.c);
	atomic_store(&s.c.page->held[7], addr + 1);
	assert_int_equal(gs_segments_release(s.t, arena_of(&s), 0), 0);
	atomic_store(&s.t->ctl->reg[1].state, GS_CTX_DEAD);
	assert_int_equal(gs_segments_release(s.t, arena_of(&s), 0), 0);
	atomic_store(&s.t->ctl->reg[1].state, GS_CTX_LIVE);
	atomic_store(&s.c.page->held[7], 0);
	assert_int_equal(gs_segments_release(s.t, arena_of(&s), 0), 1);
	assert_int_equal(blocks_of(&s) / arena_of(&s)->slot_size < arena_of(&s)->seg_slots, 1);
	close_store(&s);
}

static void
next_claim_lets_go_of_slots_in_a_segment_that_drains(void **state)
{
	struct gs_table_spec spec = roomy_spec();
	struct store s;

	(void)state;
	open_store(&s, &spec);
	put_numbered(&s, 0, 1);
	for (int i = 0; i < 20; i++)
		assert_int_equal(put_at(&s, "k0", "v", NOW), 0);	/* fills limbo */
	assert_true(gs_segments_drain(s.t, arena_of(&s), 0));
	assert_int_equal(put_at(&s, "k0", "k0", NOW), 0);
	/* what it was in went to limbo by that very put, so it is let go of with the next drain that begins */
	atomic_fetch_add(&s.t->ctl->drain_epoch, 1);
	assert_int_equal(put_at(&s, "k0", "k0", NOW), 0);
	for (int i = 0; i < GS_HELD_CELLS; i++)
		if (atomic_load(&s.c.page->held[i]) != 0)
			assert_int_not_equal(gs_entry_slot(atomic_load(&s.c.page->held[i]) - 1) / arena_of(&s)->seg_slots, 0);
	assert_int_equal(gs_segments_release(s.t, arena_of(&s), 0), 1);
	assert_numbered(&s, 0, 1);
	assert_clean(s.t, NOW);
	close_store(&s);
}

/* The generation of every slot that was given back and taken again is one it never had: an old entry finds nothing. */
static void
generations_go_on_after_a_segment_comes_back(void **state)
{
	struct gs_table_spec spec = roomy_spec();
	struct store s;
	uint32_t greatest = 0;

	(void)state;
	open_store(&s, &spec);
	for (int round = 0; round < 5; round++) {
		struct gs_hit hit;

		put_numbered(&s, 0, 1);
		for (int i = 0; i < 30; i++)
			assert_int_equal(put_at(&s, "k0", "v", NOW), 0);
		hit = hit_of(&s, "k0");
		assert_int_equal(gs_entry_slot(hit.entry) / arena_of(&s)->seg_slots, 0);
		assert_true(gs_word_gen(hit.w) > greatest);
		for (uint32_t i = 0; i < arena_of(&s)->seg_slots; i++) {
			uint32_t gen = gs_word_gen(atomic_load(&gs_table_slot(s.t, gs_entry(0, 0, ACTIVE, 0, i))->W));

			greatest = gen > greatest ? gen : greatest;
		}
		del_numbered(&s, 0, 1);
		gs_slots_flush(s.t, &s.c);
		assert_true(gs_segments_drain(s.t, arena_of(&s), 0));
		assert_int_equal(gs_segments_release(s.t, arena_of(&s), 0), 1);
		assert_int_equal(get_at(&s, "k0", NOW), GS_ENOENT);
	}
	close_store(&s);
}

static void
ring_that_needs_a_segment_takes_back_one_that_drains(void **state)
{
	struct gs_table_spec spec = small_arena_spec(300);
	struct store s;

	(void)state;
	open_store(&s, &spec);
	while (gs_slots_commit(arena_of(&s)) == 1)
		;
	for (uint32_t seg = 0; seg < arena_of(&s)->n_segments; seg++)
		assert_true(gs_segments_drain(s.t, arena_of(&s), seg));
	/* the daemon that drained them died: no claim is refused for it */
	put_numbered(&s, 0, 90);
	assert_true(use_of(&s).n_active >= 2);
	assert_clean(s.t, NOW);
	close_store(&s);
}

static void
segment_left_half_emptied_is_finished_by_the_next_daemon(void **state)
{
	struct gs_table_spec spec = roomy_spec();
	struct store s;
	uint64_t word;

	(void)state;
	open_store(&s, &spec);
	put_numbered(&s, 0, 1);
	del_numbered(&s, 0, 1);
	gs_slots_flush(s.t, &s.c);
	word = atomic_load(&arena_of(&s)->segments[0]);
	atomic_store(&arena_of(&s)->segments[0], gs_segment(gs_segment_gen(word), GS_SEGMENT_EMPTYING));
	put_numbered(&s, 0, 1);			/* another segment is there for it meanwhile */
	assert_int_equal(gs_segments_release(s.t, arena_of(&s), 0), 1);
	assert_int_equal(gs_segments_state(arena_of(&s), 0), GS_SEGMENT_ABSENT);
	assert_clean(s.t, NOW);
	close_store(&s);
}

/* Its memory may be gone already, and its generations with it: nobody may take a slot there before it is absent. */
static void
segment_left_half_released_has_no_way_back(void **state)
{
	struct gs_table_spec spec = roomy_spec();
	struct store s;
	uint32_t addr;
	int cell;

	(void)state;
	open_store(&s, &spec);
	cell = gs_slots_claim(s.t, &s.c, ACTIVE, 0);
	assert_true(cell >= 0);
	addr = s.c.cell[cell].addr;
	gs_slots_keep(&s.c, cell);
	gs_slots_flush(s.t, &s.c);
	atomic_store(&arena_of(&s)->segments[0], gs_segment(77, GS_SEGMENT_RELEASING));
	atomic_store(&s.c.page->held[7], addr + 1);	/* who looks, and will find that it is not active */
	put_numbered(&s, 0, 1);
	assert_int_not_equal(gs_entry_slot(hit_of(&s, "k0").entry) / arena_of(&s)->seg_slots, 0);
	assert_int_equal(gs_segments_release(s.t, arena_of(&s), 0), 1);
	assert_true(atomic_load(&arena_of(&s)->segments[0]) == gs_segment(77, GS_SEGMENT_ABSENT));
	close_store(&s);
}

static void
memory_that_comes_late_is_given_back_too(void **state)
{
	struct gs_table_spec spec = roomy_spec();
	struct store s;
	uint64_t before, word;
	struct gs_arena *a;

	(void)state;
	open_store(&s, &spec);
	a = arena_of(&s);
	put_numbered(&s, 0, 1);
	before = blocks_of(&s);
	word = atomic_load(&a->segments[1]);
	assert_false(gs_segments_has_stray(a));
	/* as a client that was about to commit it, when it was given back */
	assert_int_equal(gs_region_commit(a->fd, (uint64_t)(a->slots - (unsigned char *)a->map) + (uint64_t)a->seg_slots * a->slot_size,
	    (uint64_t)a->seg_slots * a->slot_size), 0);
	assert_true(gs_segments_has_stray(a));
	assert_int_equal(gs_segments_reclaim(a, 1), 1);
	assert_int_equal(blocks_of(&s), before);
	assert_false(gs_segments_has_stray(a));
	assert_int_equal(gs_segments_reclaim(a, 0), 0);		/* in use */
	/* and that client's next step fails: the word is another */
	assert_true(atomic_load(&a->segments[1]) != word);
	assert_int_equal(gs_segments_state(a, 1), GS_SEGMENT_ABSENT);
	close_store(&s);
}

static uint32_t
look(struct store *s, struct shrink *sh, struct gs_ctx *daemon)
{
	struct shrink_done done;
	uint32_t n = 0;

	for (int i = 0; i < SHRINK_PERIOD_TICKS; i++) {
		shrink_tick(sh, s->t, daemon, NOW, &done);
		n += done.n_segments[ACTIVE];
	}
	return n;
}

static void
committed_slots_are_counted_behind_a_segment_that_was_given_back(void **state)
{
	struct gs_table_spec spec = roomy_spec();
	struct gs_arena *a;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	a = arena_of(&s);
	assert_true(a->n_segments > 6);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(gs_slots_count_committed(a), i * a->seg_slots);
		assert_int_equal(gs_slots_commit(a), 1);
	}
	assert_true(gs_segments_drain(s.t, a, 1));
	assert_int_equal(gs_slots_count_committed(a), 4 * a->seg_slots);
	assert_int_equal(gs_segments_release(s.t, a, 1), 1);
	assert_int_equal(gs_slots_count_committed(a), 3 * a->seg_slots);
	/* What came late and was given back leaves a mark behind those that were never used. */
	assert_int_equal(gs_segments_reclaim(a, 6), 1);
	assert_int_equal(gs_slots_count_committed(a), 3 * a->seg_slots);
	for (uint32_t i = 4; i <= a->n_segments; i++) {
		assert_int_equal(gs_slots_commit(a), 1);
		assert_int_equal(gs_slots_count_committed(a), i * a->seg_slots);
	}
	close_store(&s);
}

static void
ring_that_empties_gives_its_memory_back_after_a_while_and_fills_again(void **state)
{
	struct gs_table_spec spec = roomy_spec();
	struct shrink sh = { 0 };
	struct gs_ctx daemon;
	struct store s;
	uint32_t given = 0;
	uint64_t full;

	(void)state;
	open_store(&s, &spec);
	open_other(&s, &daemon);
	put_numbered(&s, 0, SESSIONS);
	full = blocks_of(&s);
	for (int i = 0; i < 3 * SHRINK_CALM_LOOKS; i++)
		assert_int_equal(look(&s, &sh, &daemon), 0);
	del_numbered(&s, 10, SESSIONS);
	gs_slots_flush(s.t, &s.c);
	for (int i = 0; i < SHRINK_CALM_LOOKS - 1; i++)
		assert_int_equal(look(&s, &sh, &daemon), 0);
	for (int i = 0; i < 3; i++)
		given += look(&s, &sh, &daemon);
	assert_true(given >= 3);
	assert_true(blocks_of(&s) <= full - (uint64_t)given * arena_of(&s)->seg_slots * arena_of(&s)->slot_size);
	assert_numbered(&s, 0, 10);
	assert_clean(s.t, NOW);
	put_numbered(&s, 10, SESSIONS);
	assert_numbered(&s, 0, SESSIONS);
	assert_clean(s.t, NOW);
	assert_int_equal(blocks_of(&s), full);
	gs_ctx_fini(&daemon, s.t);
	close_store(&s);
}

static void
empty_ring_keeps_nothing(void **state)
{
	struct gs_table_spec spec = roomy_spec();
	struct shrink sh = { 0 };
	struct gs_ctx daemon;
	struct gs_audit a;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	open_other(&s, &daemon);
	put_numbered(&s, 0, SESSIONS);
	del_numbered(&s, 0, SESSIONS);
	gs_slots_flush(s.t, &s.c);
	for (int i = 0; i < 2 * SHRINK_CALM_LOOKS; i++)
		(void)look(&s, &sh, &daemon);
	gs_audit_run(s.t, NOW, &a, NULL);
	assert_int_equal(a.committed_bytes, 0);
	gs_ctx_fini(&daemon, s.t);
	close_store(&s);
}

static void
ring_that_was_lowered_does_not_wait(void **state)
{
	struct gs_table_spec spec = roomy_spec();
	struct shrink sh = { 0 };
	struct shrink_done done;
	struct gs_ctx daemon;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	open_other(&s, &daemon);
	put_numbered(&s, 0, SESSIONS);
	del_numbered(&s, 20, SESSIONS);
	gs_slots_flush(s.t, &s.c);
	shrink_tick(&sh, s.t, &daemon, NOW, &done);
	assert_int_equal(done.n_segments[ACTIVE], 0);
	shrink_hurry(&sh, WARM);
	shrink_tick(&sh, s.t, &daemon, NOW, &done);
	assert_int_equal(done.n_segments[ACTIVE], 0);
	shrink_hurry(&sh, ACTIVE);
	shrink_tick(&sh, s.t, &daemon, NOW, &done);
	assert_in_range(done.n_segments[ACTIVE], 2, arena_of(&s)->n_segments);
	shrink_tick(&sh, s.t, &daemon, NOW, &done);
	assert_int_equal(done.n_segments[ACTIVE], 0);
	assert_numbered(&s, 0, 20);
	assert_clean(s.t, NOW);
	gs_ctx_fini(&daemon, s.t);
	close_store(&s);
}

static void
new_daemon_goes_on_at_once_with_what_drains(void **state)
{
	struct gs_table_spec spec = roomy_spec();
	struct shrink sh = { 0 };
	struct shrink_done done;
	struct gs_ctx daemon;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	open_other(&s, &daemon);
	put_numbered(&s, 0, SESSIONS);
	del_numbered(&s, 20, SESSIONS);
	gs_slots_flush(s.t, &s.c);
	assert_true(gs_segments_drain(s.t, arena_of(&s), 1));
	shrink_tick(&sh, s.t, &daemon, NOW, &done);
	assert_int_equal(done.n_segments[ACTIVE], 1);
	assert_int_equal(gs_segments_state(arena_of(&s), 1), GS_SEGMENT_ABSENT);
	gs_ctx_fini(&daemon, s.t);
	close_store(&s);
}

static void
reserve_is_taken_beyond_the_capacity(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct gs_put_args args = plain_args();
	struct store s;
	struct gs_key k;

	(void)state;
	spec.rings[ACTIVE].capacity = 5;
	spec.rings[ACTIVE].reserve = 3;
	open_store(&s, &spec);
	shut(s.t, ACTIVE);
	put_numbered(&s, 0, 8);
	k = key_of(s.t, "k8");
	assert_int_equal(gs_kv_put(s.t, &s.c, &k, NOW, "v", 1, &args, NULL), GS_ENOSPC);
	del_numbered(&s, 3, 4);
	put_numbered(&s, 8, 9);
	close_store(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(segment_that_drains_is_taken_from_by_nobody),
		T(sessions_move_out_of_a_segment_and_its_memory_is_gone),
		T(what_is_moved_keeps_version_times_and_hits),
		T(budget_bounds_what_is_moved_at_once),
		T(segment_stays_as_long_as_somebody_lists_a_slot_of_it),
		T(next_claim_lets_go_of_slots_in_a_segment_that_drains),
		T(generations_go_on_after_a_segment_comes_back),
		T(ring_that_needs_a_segment_takes_back_one_that_drains),
		T(segment_left_half_emptied_is_finished_by_the_next_daemon),
		T(segment_left_half_released_has_no_way_back),
		T(memory_that_comes_late_is_given_back_too),
		T(committed_slots_are_counted_behind_a_segment_that_was_given_back),
		T(ring_that_empties_gives_its_memory_back_after_a_while_and_fills_again),
		T(ring_that_was_lowered_does_not_wait),
		T(new_daemon_goes_on_at_once_with_what_drains),
		T(empty_ring_keeps_nothing),
		T(reserve_is_taken_beyond_the_capacity),
	};

	return cmocka_run_group_tests_name("segments", tests, NULL, NULL);
}
