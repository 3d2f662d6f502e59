/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_decay - the decay law against sums computed here in long double.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "policy/decay.h"

#define T(name) cmocka_unit_test(name)
#define N_ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

#define S UINT64_C(1000)
#define MIN (60 * S)
#define H (60 * MIN)
#define D (24 * H)

static const uint64_t half_lives[] = { 1 * S, 7 * S, 1 * MIN, 5 * MIN, 30 * MIN, 3 * H, 1 * D, 7 * D };

/* The law as it is written down: interest at the last of n accesses, as a number and not as a logarithm. */
static long double
exact_interest(const uint64_t *at_ms, size_t n, uint64_t half_life_ms)
{
	long double sum = 0;
	size_t i;

	for (i = 0; i < n; i++)
		sum += exp2l(-(long double)(at_ms[n - 1] - at_ms[i]) / (long double)half_life_ms);
	return sum;
}

static long double
exact_leaves(const uint64_t *at_ms, size_t n, uint64_t ttl_ms, uint64_t half_life_ms)
{
	long double bonus = half_life_ms == 0 ? 0 : (long double)half_life_ms * log2l(exact_interest(at_ms, n, half_life_ms));

	return (long double)at_ms[n - 1] + (long double)ttl_ms + bonus;
}

/* As decay.h keeps a logarithm of interest. */
static uint64_t
stored(double log2_interest)
{
	return GS_INTEREST_ONE + (uint64_t)llround(log2_interest * 0x1p40);
}

/* A small generator of our own: the same numbers everywhere. */
static uint64_t
next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

static void
one_access_adds_one_to_what_is_left_of_the_interest(void **state)
{
	static const struct {
		double before;		/* interest, as a number */
		uint64_t idle_ms, half_life_ms;
		double after;
	} rows[] = {
		{ 1, 0, 5 * MIN, 2 },
		{ 1, 5 * MIN, 5 * MIN, 1.5 },
		{ 2, 5 * MIN, 5 * MIN, 2 },
		{ 4, 10 * MIN, 5 * MIN, 2 },
		{ 3, 0, 5 * MIN, 4 },
		{ 1000, 0, 5 * MIN, 1001 },
		{ 1000, 50 * MIN, 5 * MIN, 1 + 1000.0 / 1024 },
		{ 1, 1000 * D, 1 * S, 1 },
		{ 1e25, 0, 7 * D, 1e25 },
		{ 0x1p-20, 0, 5 * MIN, 1 + 0x1p-20 },
		{ 7, 0, 0, 1 },
		{ 7, 1 * D, 0, 1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < N_ROWS(rows); i++) {
		uint64_t before = stored(log2(rows[i].before));
		double after = gs_decay_interest(gs_decay_access(before, rows[i].idle_ms, rows[i].half_life_ms));

		assert_true(fabs(after / rows[i].after - 1) < 1e-9);
	}
}

static void
a_session_leaves_at_last_access_plus_ttl_plus_half_life_times_log2_of_interest(void **state)
{
	static const struct {
		uint64_t last_ms;
		int log2_interest;
		uint64_t ttl_ms, half_life_ms, want;
	} rows[] = {
		{ 0, 0, 5 * MIN, 5 * MIN, 5 * MIN },
		{ 1000, 1, 5 * MIN, 5 * MIN, 1000 + 10 * MIN },
		{ 1000, 3, 5 * MIN, 5 * MIN, 1000 + 20 * MIN },
		{ 1000, 3, 30 * MIN, 1 * MIN, 1000 + 33 * MIN },
		{ 77, 0, 0, 5 * MIN, 77 },
		{ 77, -3, 1 * MIN, 5 * MIN, 77 + 1 * MIN },
		{ 77, -32, 1 * MIN, 5 * MIN, 77 + 1 * MIN },
		{ 77, 0, 1 * MIN, 36500 * D, 77 + 1 * MIN },
		{ 77, 9, 2 * S, 0, 77 + 2 * S },
		{ 77, 5, GS_DURATION_MAX, 5 * MIN, UINT64_MAX },
		{ 77, 5, GS_DURATION_MAX, 0, UINT64_MAX },
		{ UINT64_MAX - 5, 0, 10, 0, UINT64_MAX },
		{ 10, 0, UINT64_MAX - 5, 0, UINT64_MAX },
		{ 10, 95, 10, UINT64_MAX, UINT64_MAX },
	};
	size_t i;

	(void)state;
	for (i = 0; i < N_ROWS(rows); i++)
		assert_int_equal(gs_decay_leaves_ms(rows[i].last_ms, stored(rows[i].log2_interest), rows[i].ttl_ms,
		    rows[i].half_life_ms), rows[i].want);
}

static void
no_half_life_means_a_plain_idle_time(void **state)
{
	uint64_t interest = GS_INTEREST_ONE;
	int i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		interest = gs_decay_access(interest, (uint64_t)i, 0);
		assert_int_equal(interest, GS_INTEREST_ONE);
		assert_int_equal(gs_decay_leaves_ms(1000 + (uint64_t)i, interest, 300, 0), 1300 + i);
	}
}

static void
a_session_never_leaves_before_last_access_plus_ttl(void **state)
{
	uint64_t seed = 1, i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		uint64_t interest = next_random(&seed) << 9 & GS_INTEREST_MAX, ttl = next_random(&seed) % D;

		assert_true(gs_decay_leaves_ms(i, interest, ttl, half_lives[i % N_ROWS(half_lives)]) >= i + ttl);
	}
}

/* Gaps of a visitor: mostly bursts, now and then an absence. */
static uint64_t
next_gap(uint64_t *seed, uint64_t half_life_ms)
{
	switch (next_random(seed) % 8) {
	case 0:
		return next_random(seed) % (3 * half_life_ms);
	case 1:
		return 0;
	case 2:
		return half_life_ms / 7;
	default:
		return next_random(seed) % (half_life_ms / 50 + 1);
	}
}

static void
deadlines_are_within_a_millisecond_of_the_exact_sum_after_a_thousand_accesses(void **state)
{
	static uint64_t at_ms[1000];
	uint64_t seed, interest, leaves;
	size_t h, n;

	(void)state;
	for (h = 0; h < N_ROWS(half_lives); h++)
		for (seed = 1; seed <= 4; seed++) {
			uint64_t random = seed;

			at_ms[0] = next_random(&random);
			interest = GS_INTEREST_ONE;
			for (n = 1; n < N_ROWS(at_ms); n++) {
				uint64_t gap = next_gap(&random, half_lives[h]);

				at_ms[n] = at_ms[n - 1] + gap;
				interest = gs_decay_access(interest, gap, half_lives[h]);
				if (n % 37 != 0 && n + 1 != N_ROWS(at_ms))
					continue;
				leaves = gs_decay_leaves_ms(at_ms[n], interest, 5 * MIN, half_lives[h]);
				assert_true(fabsl((long double)leaves - exact_leaves(at_ms, n + 1, 5 * MIN, half_lives[h])) <= 1);
			}
		}
}

static void
a_thousand_accesses_at_one_instant_stay_within_a_millisecond(void **state)
{
	uint64_t interest, leaves;
	size_t h;
	int n;

	(void)state;
	for (h = 0; h < N_ROWS(half_lives); h++) {
		interest = GS_INTEREST_ONE;
		for (n = 1; n <= 1000; n++) {
			if (n > 1)
				interest = gs_decay_access(interest, 0, half_lives[h]);
			leaves = gs_decay_leaves_ms(0, interest, 0, half_lives[h]);
			assert_true(fabsl((long double)leaves - (long double)half_lives[h] * log2l(n)) <= 1);
		}
	}
}

static void
a_deadline_that_is_a_whole_number_of_milliseconds_is_met_exactly(void **state)
{
	uint64_t interest;
	size_t h;
	int n;

	(void)state;
	for (h = 0; h < N_ROWS(half_lives); h++) {
		interest = GS_INTEREST_ONE;
		for (n = 1; n <= 1024; n++) {
			if (n > 1)
				interest = gs_decay_access(interest, 0, half_lives[h]);
			if ((n & (n - 1)) == 0)
				assert_int_equal(gs_decay_leaves_ms(0, interest, 0, half_lives[h]),
				    half_lives[h] * (uint64_t)__builtin_ctz((unsigned)n));
		}
	}
}

static void
interest_at_a_touch_is_what_is_left_of_it(void **state)
{
	static const struct {
		double before;
		uint64_t idle_ms, half_life_ms;
		double after;
	} rows[] = {
		{ 1, 0, 5 * MIN, 1 },
		{ 8, 15 * MIN, 5 * MIN, 1 },
		{ 1, 5 * MIN, 5 * MIN, 0.5 },
		{ 1, 100 * MIN, 5 * MIN, 0x1p-20 },
		{ 1, 1000 * D, 5 * MIN, 0x1p-32 },
		{ 5, 1 * D, 0, 1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < N_ROWS(rows); i++) {
		double after = gs_decay_interest(gs_decay_fade(stored(log2(rows[i].before)), rows[i].idle_ms, rows[i].half_life_ms));

		assert_true(fabs(after / rows[i].after - 1) < 1e-9);
	}
}

static void
a_touch_between_two_accesses_does_not_change_what_the_second_makes(void **state)
{
	uint64_t seed = 3, i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		uint64_t a = next_random(&seed) % (20 * MIN), b = next_random(&seed) % (20 * MIN), before = stored((double)(i % 20));
		uint64_t at_once = gs_decay_access(before, a + b, 5 * MIN);
		uint64_t touched = gs_decay_access(gs_decay_fade(before, a, 5 * MIN), b, 5 * MIN);

		assert_true((touched > at_once ? touched - at_once : at_once - touched) <= 4);
	}
}

static void
interest_does_not_depend_on_the_past_once_it_has_faded(void **state)
{
	(void)state;
	assert_int_equal(gs_decay_access(GS_INTEREST_MAX, 300 * D, 1 * D), gs_decay_access(GS_INTEREST_ONE, 300 * D, 1 * D));
	assert_int_equal(gs_decay_access(GS_INTEREST_MAX, UINT64_MAX, 1), GS_INTEREST_ONE);
}

static void
interest_stops_at_its_greatest_value(void **state)
{
	uint64_t interest = GS_INTEREST_MAX;
	int i;

	(void)state;
	for (i = 0; i < 10; i++)
		interest = gs_decay_access(interest, 0, 1 * D);
	assert_int_equal(interest, GS_INTEREST_MAX);
	assert_int_equal(gs_decay_leaves_ms(0, GS_INTEREST_MAX, UINT64_MAX - 1, UINT64_MAX), UINT64_MAX);
}

static void
a_steady_rate_is_read_back_from_the_interest_it_holds(void **state)
{
	uint64_t interest = GS_INTEREST_ONE;
	int i;

	(void)state;
	for (i = 0; i < 100000; i++)
		interest = gs_decay_access(interest, 100, 5 * MIN);
	assert_true(fabs(gs_decay_rate_per_s(gs_decay_interest(interest), 5 * MIN) - 10) < 0.01);
	assert_true(gs_decay_rate_per_s(gs_decay_interest(interest), 0) == 0);
}

static void
what_was_counted_elsewhere_is_added_exactly(void **state)
{
	static const struct {
		double mine, there, seen;	/* interests, as numbers */
	} rows[] = {
		{ 1, 2, 1 }, { 1, 1, 1 }, { 5, 8, 2 }, { 0x1p-20, 3, 2 }, { 1000, 1001, 1000 }, { 1, 1e6 + 1, 1e6 }, { 1e6, 2, 1 },
		{ 3, 1.75, 0.25 }, { 2, 1, 4 },
	};

	(void)state;
	for (size_t i = 0; i < N_ROWS(rows); i++) {
		double more = rows[i].there > rows[i].seen ? rows[i].there - rows[i].seen : 0;
		uint64_t got = gs_decay_carry(stored(log2(rows[i].mine)), stored(log2(rows[i].there)), stored(log2(rows[i].seen)));

		assert_true(fabs(gs_decay_interest(got) / (rows[i].mine + more) - 1) < 1e-6);
	}
}

static void
accesses_told_together_are_as_many_single_ones(void **state)
{
	uint64_t one_by_one = GS_INTEREST_ONE, together;

	(void)state;
	for (uint32_t n = 1; n <= 1000; n++) {
		one_by_one = gs_decay_access(one_by_one, n == 1 ? 60000 : 0, 300000);
		together = gs_decay_accesses(GS_INTEREST_ONE, 60000, n, 0, 300000);
		assert_true(together - one_by_one + 1000 <= 2000);
	}
	assert_int_equal(gs_decay_accesses(GS_INTEREST_ONE, 60000, 1, 0, 300000), gs_decay_access(GS_INTEREST_ONE, 60000, 300000));
	/* Late by a half-life, two count as one. */
	together = gs_decay_accesses(GS_INTEREST_ONE, 0, 2, 300000, 300000);
	assert_true(together - (GS_INTEREST_ONE + (UINT64_C(1) << 40)) + 1 <= 2);
	assert_int_equal(gs_decay_accesses(GS_INTEREST_ONE, 60000, 7, 5, 0), GS_INTEREST_ONE);
	assert_true(gs_decay_accesses(GS_INTEREST_MAX, 0, UINT32_MAX, 0, 1) <= GS_INTEREST_MAX);
	assert_int_equal(gs_decay_accesses(GS_INTEREST_NONE, UINT64_MAX, 1, UINT64_MAX, 1), GS_INTEREST_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_access_adds_one_to_what_is_left_of_the_interest),
		T(a_session_leaves_at_last_access_plus_ttl_plus_half_life_times_log2_of_interest),
		T(no_half_life_means_a_plain_idle_time),
		T(a_session_never_leaves_before_last_access_plus_ttl),
		T(deadlines_are_within_a_millisecond_of_the_exact_sum_after_a_thousand_accesses),
		T(a_thousand_accesses_at_one_instant_stay_within_a_millisecond),
		T(a_deadline_that_is_a_whole_number_of_milliseconds_is_met_exactly),
		T(interest_at_a_touch_is_what_is_left_of_it),
		T(a_touch_between_two_accesses_does_not_change_what_the_second_makes),
		T(interest_does_not_depend_on_the_past_once_it_has_faded),
		T(interest_stops_at_its_greatest_value),
		T(a_steady_rate_is_read_back_from_the_interest_it_holds),
		T(what_was_counted_elsewhere_is_added_exactly),
		T(accesses_told_together_are_as_many_single_ones),
	};

	return cmocka_run_group_tests_name("decay", tests, NULL, NULL);
}
