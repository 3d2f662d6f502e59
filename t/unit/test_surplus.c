/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_surplus - memory is given back when there is clearly too much of it, and never so that it is needed at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/surplus.h"

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

static void
what_is_kept_is_what_is_used_a_quarter_more_and_a_segment(void **state)
{
	static const struct {
		uint32_t n_segments, seg_slots;
		uint64_t n_taken;
		uint32_t want;
	} rows[] = {
		{ 0, 64, 0, 0 },
		{ 1, 64, 0, 1 },		/* nothing is taken: nothing is kept */
		{ 9, 64, 0, 9 },
		{ 1, 64, 1, 0 },
		{ 2, 64, 1, 0 },		/* one that is used, one to write into */
		{ 3, 64, 1, 1 },
		{ 10, 64, 256, 4 },		/* 256 + 64 + 64: six segments */
		{ 10, 64, 257, 3 },
		{ 10, 64, 640, 0 },
		{ 10, 64, 9999, 0 },		/* more than there is: clients commit at this moment */
		{ UINT32_MAX, UINT32_MAX, UINT64_MAX, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		assert_int_equal(gs_surplus_segments(rows[i].n_segments, rows[i].seg_slots, rows[i].n_taken), rows[i].want);
}

static void
what_is_left_is_no_surplus_and_not_short(void **state)
{
	(void)state;
	for (uint32_t n = 1; n < 40; n++)
		for (uint64_t taken = 1; taken <= 64ull * n; taken++) {
			uint32_t back = gs_surplus_segments(n, 64, taken);

			assert_true(back < n);
			assert_int_equal(gs_surplus_segments(n - back, 64, taken), 0);
			assert_true(back == 0 || !gs_surplus_is_short(n - back, 64, taken));
		}
}

static void
nearly_full_arena_is_short(void **state)
{
	static const struct {
		uint32_t n_segments;
		uint64_t n_taken;
		int want;
	} rows[] = {
		{ 1, 0, 0 }, { 1, 59, 0 }, { 1, 60, 1 }, { 1, 64, 1 }, { 32, 1984, 1 }, { 32, 1983, 0 }, { 32, 2048, 1 }, { 0, 0, 0 }, { 0, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		assert_int_equal(gs_surplus_is_short(rows[i].n_segments, 64, rows[i].n_taken), rows[i].want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_kept_is_what_is_used_a_quarter_more_and_a_segment),
		cmocka_unit_test(what_is_left_is_no_surplus_and_not_short),
		cmocka_unit_test(nearly_full_arena_is_short),
	};

	return cmocka_run_group_tests_name("surplus", tests, NULL, NULL);
}
