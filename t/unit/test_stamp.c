/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_stamp - times follow causes though clocks do not, and of any copies of a session one is the newest, in whatever order they meet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/random.h"
#include "gsession.h"
#include "net/hlc.h"
#include "net/stamp.h"

#define T UINT64_C(1700000000000)

static void
time_is_that_of_the_clock_while_it_goes_on(void **state)
{
	struct hlc h = { 0 };
	uint64_t before;

	(void)state;
	assert_int_equal(hlc_ms(hlc_next(&h, T)), T);
	before = hlc_next(&h, T + 5);
	assert_int_equal(hlc_ms(before), T + 5);
	assert_int_equal(hlc_next(&h, T + 5), before + 1);
}

static void
time_goes_on_though_the_clock_goes_back(void **state)
{
	struct hlc h = { 0 };
	uint64_t before = hlc_next(&h, T), now;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		now = hlc_next(&h, T - 3600000);
		assert_true(now > before);
		before = now;
	}
	/* Three times more events than fit into one millisecond. */
	assert_int_equal(hlc_ms(now), T + 3);
}

static void
what_is_heard_is_before_what_follows(void **state)
{
	struct hlc h = { 0 };
	uint64_t theirs = (T + HLC_DRIFT_MS) << HLC_COUNT_BITS | 77;

	(void)state;
	assert_int_equal(hlc_hear(&h, theirs, T), 0);
	assert_true(hlc_next(&h, T) > theirs);
}

static void
times_too_far_ahead_are_not_taken_in(void **state)
{
	struct hlc h = { 0 };
	uint64_t before = hlc_next(&h, T);

	(void)state;
	assert_int_equal(hlc_hear(&h, (T + HLC_DRIFT_MS + 1) << HLC_COUNT_BITS, T), GS_ERANGE);
	assert_int_equal(hlc_hear(&h, UINT64_MAX, T), GS_ERANGE);
	assert_int_equal(hlc_next(&h, T), before + 1);
	/* One far behind takes nothing back. */
	assert_int_equal(hlc_hear(&h, 0, T), 0);
	assert_int_equal(hlc_next(&h, T), before + 2);
}

static void
order_is_as_the_table_says(void **state)
{
	static const struct {
		struct stamp older, newer;
	} rows[] = {
		{ { .term = 1, .version = 9, .hlc = 9 }, { .term = 2, .version = 1, .hlc = 1 } },
		{ { .term = 2, .version = 1, .hlc = 9 }, { .term = 2, .version = 2, .hlc = 1 } },
		{ { .term = 9, .version = 9, .hlc = 9 }, { .term = 1, .version = 1, .hlc = 1, .flags = STAMP_IS_TOMB } },
		{ { .term = 9, .hlc = 9, .flags = STAMP_IS_SPLIT }, { .term = 1, .hlc = 1, .flags = STAMP_IS_TOMB } },
		{ { .term = 1, .flags = STAMP_IS_TOMB }, { .term = 2, .flags = STAMP_IS_TOMB } },
		{ { .term = 9, .version = 9, .hlc = 5 }, { .term = 1, .version = 1, .hlc = 6, .flags = STAMP_IS_SPLIT } },
		{ { .term = 9, .hlc = 5, .flags = STAMP_IS_SPLIT }, { .term = 1, .hlc = 6 } },
		{ { .hlc = 5, .writer = 1, .flags = STAMP_IS_SPLIT }, { .hlc = 5, .writer = 2, .flags = STAMP_IS_SPLIT } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_true(stamp_compare(&rows[i].older, &rows[i].newer) < 0);
		assert_true(stamp_compare(&rows[i].newer, &rows[i].older) > 0);
		assert_int_equal(stamp_compare(&rows[i].older, &rows[i].older), 0);
	}
}

enum { COPIES = 12, HOSTS = 4 };

/* Hosts that change a session in turn, some of them cut off: each copy is made of an earlier one, whose time has been taken in. */
static void
make_history(uint64_t *seed, struct stamp *copies)
{
	struct hlc clocks[HOSTS] = { { 0 } };
	uint64_t term = 1;

	copies[0] = (struct stamp){ .term = term, .version = 1, .hlc = hlc_next(&clocks[0], T) };
	for (uint32_t i = 1, last = 0; i < COPIES; i++) {
		uint64_t r = *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		uint32_t host = (uint32_t)(r >> 33) % HOSTS;
		bool is_split = (r >> 40 & 3) == 0;
		const struct stamp *from = &copies[is_split ? (uint32_t)(r >> 44) % i : last];

		assert_int_equal(hlc_hear(&clocks[host], from->hlc, T), 0);
		copies[i] = *from;
		copies[i].version++;
		copies[i].writer = (uint16_t)host;
		copies[i].hlc = hlc_next(&clocks[host], T - 1000 * host);
		copies[i].flags = is_split ? STAMP_IS_SPLIT : 0;
		if (!is_split) {
			copies[i].term = (r >> 50 & 1) != 0 ? ++term : term;
			copies[i].version = copies[last].version + 1;
			last = i;
		}
	}
}

static void
there_are_no_circles(void **state)
{
	struct stamp copies[COPIES];
	uint64_t seed, first;

	(void)state;
	assert_int_equal(gs_random_bytes(&seed, sizeof(seed)), 0);
	first = seed;
	for (int n = 0; n < 20000; n++) {
		make_history(&seed, copies);
		for (int i = 0; i < COPIES; i++)
			for (int j = 0; j < COPIES; j++)
				for (int k = 0; k < COPIES; k++)
					if (stamp_compare(&copies[i], &copies[j]) > 0 && stamp_compare(&copies[j], &copies[k]) > 0 &&
					    stamp_compare(&copies[i], &copies[k]) <= 0)
						fail_msg("seed %llu, history %d: copies %d, %d and %d go round", (unsigned long long)first, n, i, j, k);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_is_that_of_the_clock_while_it_goes_on),
		cmocka_unit_test(time_goes_on_though_the_clock_goes_back),
		cmocka_unit_test(what_is_heard_is_before_what_follows),
		cmocka_unit_test(times_too_far_ahead_are_not_taken_in),
		cmocka_unit_test(order_is_as_the_table_says),
		cmocka_unit_test(there_are_no_circles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
