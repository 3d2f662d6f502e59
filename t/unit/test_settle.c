/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_settle - what the sweep does to a session: it leaves its ring to the millisecond, and is never taken from who asks.
 */
#include "shm_place.h"

#include <math.h>

static void
set_half_life(struct store *s, uint64_t half_life_ms)
{
	for (uint32_t i = 0; i < s->t->n_rings; i++)
		atomic_store(&s->t->ctl->ring[i].half_life_ms, half_life_ms);
}

/* It stays at `leaves_ms`, and one millisecond later moves from `from` to `to`. */
static void
assert_leaves_at(struct store *s, const char *key, uint64_t leaves_ms, uint32_t from, uint32_t to)
{
	struct gs_settled done = settle_at(s, key, leaves_ms);

	if (done.what != GS_SETTLE_STAYS || done.next_ms != leaves_ms + 1)
		fail_msg("at NOW + %" PRIu64 ": what %d, next NOW + %" PRIu64, leaves_ms - NOW, (int)done.what, done.next_ms - NOW);
	assert_int_equal(ring_of(s, key), from);
	done = settle_at(s, key, leaves_ms + 1);
	assert_int_equal(done.what, GS_SETTLE_DECAYED);
	assert_int_equal(done.from, from);
	assert_int_equal(done.to, to);
	assert_int_equal(ring_of(s, key), to);
}

static void
without_half_life_it_leaves_after_its_idle_time(void **state)
{
	struct store *s = *state;

	set_half_life(s, 0);
	assert_int_equal(put_at(s, "k", "v", NOW), 1);
	for (uint64_t i = 1; i <= 100; i++)
		assert_int_equal(get_at(s, "k", NOW + i), 1);
	assert_leaves_at(s, "k", NOW + 100 + 10 * MIN, ACTIVE, WARM);
	assert_leaves_at(s, "k", NOW + 100 + HOUR, WARM, COLD);
	assert_int_equal(settle_at(s, "k", NOW + 100 + 7 * DAY).what, GS_SETTLE_STAYS);
	assert_int_equal(settle_at(s, "k", NOW + 100 + 7 * DAY + 1).what, GS_SETTLE_EXPIRED);
	assert_int_equal(get_at(s, "k", NOW), GS_ENOENT);
}

static void
with_a_half_life_interest_prolongs_its_stay(void **state)
{
	static const struct {
		uint64_t at_ms[6];		/* accesses after the first */
		size_t n;
		double interest;
	} rows[] = {
		{ { 0 }, 0, 1 },
		{ { 0 }, 1, 2 },
		{ { 0, 0, 0 }, 3, 4 },
		{ { 5 * MIN }, 1, 1.5 },
		{ { 5 * MIN, 10 * MIN }, 2, 1.75 },
		{ { 2500, 7333, 60000, 61000, 90001, 123457 }, 6, 0 },
	};
	struct store *s = *state;

	for (size_t i = 0; i < N_ROWS(rows); i++) {
		uint64_t last = rows[i].n == 0 ? 0 : rows[i].at_ms[rows[i].n - 1], stay;
		double interest = exp2(-(double)last / (5.0 * MIN));

		assert_int_equal(put_at(s, "k", "v", NOW), 1);
		for (size_t k = 0; k < rows[i].n; k++) {
			assert_int_equal(get_at(s, "k", NOW + rows[i].at_ms[k]), 1);
			interest += exp2(-(double)(last - rows[i].at_ms[k]) / (5.0 * MIN));
		}
		if (rows[i].interest != 0)
			assert_float_equal(interest, rows[i].interest, 1e-9);
		/* rounded down to ms, a whole one is not the one before */
		stay = (uint64_t)floor(5.0 * MIN * log2(interest) + 1e-6);
		assert_leaves_at(s, "k", NOW + last + 10 * MIN + stay, ACTIVE, WARM);
		assert_leaves_at(s, "k", NOW + last + HOUR + stay, WARM, COLD);
		assert_int_equal(settle_at(s, "k", NOW + last + 7 * DAY + stay).what, GS_SETTLE_STAYS);
		assert_int_equal(settle_at(s, "k", NOW + last + 7 * DAY + stay + 1).what, GS_SETTLE_EXPIRED);
	}
}

static void
interest_below_one_shortens_nothing(void **state)
{
	struct store *s = *state;

	assert_int_equal(put_at(s, "k", "v", NOW), 1);
	assert_int_equal(touch_at(s, "k", NOW + 9 * MIN), 0);
	assert_leaves_at(s, "k", NOW + 19 * MIN, ACTIVE, WARM);
	/* but one access more is then worth little more than one */
	assert_int_equal(get_at(s, "k", NOW + 20 * MIN), 1);
	assert_leaves_at(s, "k", NOW + 30 * MIN + (uint64_t)(5.0 * MIN * log2(1 + exp2(-4))), ACTIVE, WARM);
}

static void
access_at_the_last_instant_keeps_it(void **state)
{
	struct store *s = *state;

	assert_int_equal(put_at(s, "k", "v", NOW), 1);
	assert_int_equal(get_at(s, "k", NOW + 10 * MIN), 1);
	assert_int_equal(settle_at(s, "k", NOW + 10 * MIN + 1).what, GS_SETTLE_STAYS);
	assert_int_equal(ring_of(s, "k"), ACTIVE);
}

static void
late_sweep_moves_one_ring_a_time_and_keeps_the_session(void **state)
{
	struct store *s = *state;
	struct gs_settled done;

	assert_int_equal(put_at(s, "k", "v", NOW), 1);
	done = settle_at(s, "k", NOW + 2 * DAY);
	assert_int_equal(done.what, GS_SETTLE_DECAYED);
	assert_true(done.next_ms <= NOW + 2 * DAY);
	assert_int_equal(settle_at(s, "k", NOW + 2 * DAY).what, GS_SETTLE_DECAYED);
	assert_int_equal(settle_at(s, "k", NOW + 2 * DAY).what, GS_SETTLE_STAYS);
	assert_int_equal(ring_of(s, "k"), COLD);
	assert_int_equal(counted(s, GS_COUNT_DECAYED), 2);
}

static void
next_instant_is_the_earlier_of_leaving_and_end(void **state)
{
	struct store *s = *state;
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(s->t, "k");

	args.set = GS_SET_TTL_BIT;
	args.ttl_ms = 3 * MIN;
	assert_int_equal(gs_kv_put(s->t, &s->c, &k, NOW, "v", 1, &args, NULL), 1);
	assert_int_equal(settle_at(s, "k", NOW).next_ms, NOW + 3 * MIN + 1);
	args.ttl_ms = 30 * MIN;
	assert_int_equal(gs_kv_setattr(s->t, &s->c, &k, NOW, &args), 0);
	assert_int_equal(settle_at(s, "k", NOW).next_ms, NOW + 10 * MIN + 1);
	assert_int_equal(settle_at(s, "k", NOW + 10 * MIN + 1).next_ms, NOW + 30 * MIN + 1);
	assert_int_equal(settle_at(s, "k", NOW + 30 * MIN).what, GS_SETTLE_STAYS);
	assert_int_equal(settle_at(s, "k", NOW + 30 * MIN + 1).what, GS_SETTLE_EXPIRED);
	assert_int_equal(counted(s, GS_COUNT_EXPIRED), 1);
}

static void
ring_without_end_is_never_left(void **state)
{
	struct store *s = *state;
	struct gs_settled done;

	atomic_store(&s->t->ctl->ring[ACTIVE].ttl_ms, GS_DURATION_MAX);
	assert_int_equal(put_at(s, "k", "v", NOW), 1);
	done = settle_at(s, "k", NOW + 1000 * DAY);
	assert_int_equal(done.what, GS_SETTLE_STAYS);
	assert_int_equal(done.next_ms, UINT64_MAX);
	/* a rule that changes counts from the last access, as if it had always been so */
	atomic_store(&s->t->ctl->ring[ACTIVE].ttl_ms, DAY);
	assert_leaves_at(s, "k", NOW + DAY, ACTIVE, WARM);
}

static void
decay_without_room_stays_and_is_tried_again(void **state)
{
	struct store *s = *state;

	atomic_store(&s->t->ctl->ring[WARM].capacity, 1);
	shut(s->t, WARM);
	start_in(s, "there", WARM, NOW + 5 * MIN);
	assert_int_equal(put_at(s, "k", "v", NOW), 1);
	for (uint64_t i = 1; i <= 3; i++) {
		assert_int_equal(settle_at(s, "k", NOW + 10 * MIN + i).what, GS_SETTLE_STUCK);
		assert_int_equal(counted(s, GS_COUNT_STUCK), i);
		assert_int_equal(population(s->t, WARM), 1);
		assert_int_equal(peek_at(s, "k", NOW + 10 * MIN + i, NULL), 1);
	}
	assert_int_equal(del_at(s, "there", NOW), 0);
	assert_int_equal(settle_at(s, "k", NOW + 11 * MIN).what, GS_SETTLE_DECAYED);
	assert_int_equal(counted(s, GS_COUNT_STUCK), 3);
}

static void
empty_entry_is_nothing_to_settle(void **state)
{
	struct store *s = *state;
	struct gs_settled done;

	gs_kv_settle(s->t, &s->c, 0, NOW, &done);
	assert_int_equal(done.what, GS_SETTLE_GONE);
	gs_kv_settle(s->t, &s->c, gs_table_entries(s->t), NOW, &done);
	assert_int_equal(done.what, GS_SETTLE_GONE);
	gs_kv_settle(s->t, &s->c, UINT64_MAX, NOW, &done);
	assert_int_equal(done.what, GS_SETTLE_GONE);
}

/* ---- the claim of what is over ---- */

static void
sweep_that_died_after_its_claim_left_a_session_that_is_over(void **state)
{
	struct store *s = *state;
	struct gs_hit hit;

	start_in(s, "k", COLD, NOW);
	hit = hit_of(s, "k");
	atomic_store(&hit.slot->X, gs_timed(0, gs_entry_gen(hit.entry)));
	assert_int_equal(get_at(s, "k", NOW), GS_ENOENT);
	assert_int_equal(touch_at(s, "k", NOW), GS_ENOENT);
	/* the next sweep ends it, or a put starts anew in its place */
	assert_int_equal(settle_at(s, "k", NOW).what, GS_SETTLE_EXPIRED);
	assert_int_equal(population(s->t, COLD), 0);
	start_in(s, "k", COLD, NOW);
	hit = hit_of(s, "k");
	atomic_store(&hit.slot->X, gs_timed(0, gs_entry_gen(hit.entry)));
	assert_int_equal(put_at(s, "k", "v", NOW), 1);
	assert_int_equal(get_at(s, "k", NOW), 1);
}

/* A session that is touched while the sweep looks at it: from the slot's words, the touch is first or the sweep is. */
static void
claim_and_touch_exclude_each_other(void **state)
{
	struct store *s = *state;
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(s->t, "k");
	struct gs_hit hit;
	uint64_t x;

	args.set = GS_SET_TTL_BIT;
	args.ttl_ms = MIN;
	assert_int_equal(gs_kv_put(s->t, &s->c, &k, NOW, "v", 1, &args, NULL), 1);
	hit = hit_of(s, "k");
	x = atomic_load(&hit.slot->X);
	assert_int_equal(touch_at(s, "k", NOW + MIN), 0);
	/* the claim that the sweep would make by what it saw before finds another word */
	assert_false(atomic_compare_exchange_strong(&hit.slot->X, &x, gs_timed(0, gs_entry_gen(hit.entry))));
	assert_int_equal(settle_at(s, "k", NOW + MIN + 1).what, GS_SETTLE_STAYS);
	assert_int_equal(settle_at(s, "k", NOW + 2 * MIN + 1).what, GS_SETTLE_EXPIRED);
	assert_int_equal(touch_at(s, "k", NOW + MIN), GS_ENOENT);
}

static void
every_live_slot_has_a_hint_that_is_not_late(void **state)
{
	struct store *s = *state;
	uint64_t rng = 11;
	char key[16];

	/* whatever is done to sessions, the hint of each is at most the unit of its next instant */
	for (int i = 0; i < 3000; i++) {
		uint64_t now_ms = NOW + (uint64_t)i * 700;
		struct gs_settled done;
		struct gs_hit hit;

		(void)snprintf(key, sizeof(key), "k%" PRIu64, next_random(&rng) % 20);
		switch (next_random(&rng) % 5) {
		case 0: (void)put_at(s, key, "v", now_ms); break;
		case 1: (void)get_at(s, key, now_ms); break;
		case 2: (void)touch_at(s, key, now_ms); break;
		case 3: (void)move_at(s, key, now_ms, (uint32_t)(next_random(&rng) % 3)); break;
		case 4: (void)del_at(s, key, now_ms); break;
		}
		if (peek_at(s, key, now_ms, NULL) < 0)
			continue;
		hit = hit_of(s, key);
		done = settle_at(s, key, now_ms);
		if (done.what == GS_SETTLE_DECAYED)
			hit = hit_of(s, key);
		assert_true(atomic_load(&gs_table_arena(s->t, gs_entry_ring(hit.entry), 0)->due[gs_entry_slot(hit.entry)]) <=
		    gs_record_due(done.next_ms));
	}
}

#define T_USUAL(name) cmocka_unit_test_setup_teardown(name, begin_usual, end_clean)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T_USUAL(without_half_life_it_leaves_after_its_idle_time),
		T_USUAL(with_a_half_life_interest_prolongs_its_stay),
		T_USUAL(interest_below_one_shortens_nothing),
		T_USUAL(access_at_the_last_instant_keeps_it),
		T_USUAL(late_sweep_moves_one_ring_a_time_and_keeps_the_session),
		T_USUAL(next_instant_is_the_earlier_of_leaving_and_end),
		T_USUAL(ring_without_end_is_never_left),
		T_USUAL(decay_without_room_stays_and_is_tried_again),
		T_USUAL(empty_entry_is_nothing_to_settle),
		T_USUAL(sweep_that_died_after_its_claim_left_a_session_that_is_over),
		T_USUAL(claim_and_touch_exclude_each_other),
		T_USUAL(every_live_slot_has_a_hint_that_is_not_late),
	};

	return cmocka_run_group_tests_name("settle", tests, NULL, NULL);
}
