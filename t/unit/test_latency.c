/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_latency - percentiles from buckets against percentiles from a sorted array.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "lab/latency.h"

#define T(name) cmocka_unit_test(name)

enum { N = 5000 };

static struct latency latency;
static uint64_t samples[N];

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
percentiles_are_within_a_thirtysecond_of_the_exact_ones(void **state)
{
	static const unsigned per_mille[] = { 1, 500, 900, 990, 999, 1000 };
	uint64_t random = 7, got, want;
	size_t i;

	(void)state;
	latency = (struct latency){ 0 };
	for (i = 0; i < N; i++) {
		random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		/* Of all sizes: small, usual, and up to centuries. */
		samples[i] = random >> (i % 64);
		latency_add(&latency, samples[i]);
	}
	qsort(samples, N, sizeof(samples[0]), compare);
	for (i = 0; i < sizeof(per_mille) / sizeof(per_mille[0]); i++) {
		want = samples[(N * per_mille[i] + 999) / 1000 - 1];
		got = latency_at(&latency, per_mille[i] / 1000.0);
		assert_true(got >= want && got - want <= want / 32);
	}
	assert_int_equal(latency.max_ns, samples[N - 1]);
	assert_int_equal(latency.n, N);
}

static void
of_nothing_every_percentile_is_zero(void **state)
{
	(void)state;
	latency = (struct latency){ 0 };
	assert_int_equal(latency_at(&latency, 0.5), 0);
	assert_int_equal(latency_at(&latency, 1), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(percentiles_are_within_a_thirtysecond_of_the_exact_ones),
		T(of_nothing_every_percentile_is_zero),
	};

	return cmocka_run_group_tests_name("latency", tests, NULL, NULL);
}
