/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_series - points in time at a step that fits the length of a log nobody knew before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab/feed.h"
#include "lab/series.h"

#define T(name) cmocka_unit_test(name)
#define N_ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

#define S UINT64_C(1000)
#define MIN (60 * S)
#define H (60 * MIN)
#define D (24 * H)

static struct series series;

/* A log of n lines, evenly over its span. */
static void
fill(uint64_t span_ms, uint64_t n)
{
	uint64_t at_ms, i;

	series = (struct series){ 0 };
	for (i = 0; i <= n; i++)
		while (series_is_due(&series, span_ms / n * i + (i == n ? span_ms % n : 0), &at_ms))
			series_add(&series, at_ms)->count[0] = at_ms;
	series_add(&series, span_ms)->count[0] = span_ms;
}

static void
the_step_is_the_smallest_of_which_the_log_has_at_most_sixty(void **state)
{
	static const struct {
		uint64_t span_ms, step_ms;
	} rows[] = {
		{ 0, S }, { 1, S }, { 60 * S, S }, { 61 * S, 5 * S }, { 300 * S, 5 * S }, { 304 * S, 5 * S }, { 305 * S, 10 * S }, { H, MIN },
		{ 2 * H, 5 * MIN }, { D, 30 * MIN }, { 3 * D, 3 * H }, { 61 * D, 10 * D }, { 730 * D, 100 * D },
		{ FEED_SPAN_MS, 100000 * D },
	};
	size_t i, k;
	uint64_t n;

	(void)state;
	for (i = 0; i < N_ROWS(rows); i++)
		for (n = 1; n < 5000; n = n * 7) {
			fill(rows[i].span_ms, n);
			assert_int_equal(series_step_ms(&series), rows[i].step_ms);
			assert_true(series.n <= SERIES_STEPS + 2);
			for (k = 0; k + 1 < series.n; k++)
				assert_int_equal(series.points[k].at_ms, k * rows[i].step_ms);
			for (k = 0; k < series.n; k++)
				assert_int_equal(series.points[k].count[0], series.points[k].at_ms);
			assert_int_equal(series.points[series.n - 1].at_ms, rows[i].span_ms);
			assert_true(series.n == 1 || series.points[series.n - 2].at_ms < rows[i].span_ms);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_step_is_the_smallest_of_which_the_log_has_at_most_sixty),
	};

	return cmocka_run_group_tests_name("series", tests, NULL, NULL);
}
