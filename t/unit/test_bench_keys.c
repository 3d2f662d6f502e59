/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_bench_keys - draws follow the law they are named after, every record is met, and disturbed rounds are left out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lab/bench_keys.h"
#include "lab/bench_rounds.h"

#define T(name) cmocka_unit_test(name)

enum { DRAWS = 1000000, SINGLE = 16, CELLS = SINGLE + 24 };

static struct bench_keys keys;

/* The first ranks have cells of their own, then each cell is twice as wide as the one before. */
static size_t
cell_of(uint64_t rank)
{
	size_t cell = SINGLE;

	if (rank < SINGLE)
		return rank;
	for (rank -= SINGLE; rank >= SINGLE; rank = (rank - SINGLE) / 2)
		cell++;
	return cell;
}

/* Chi-squared of DRAWS draws from n ranks, and the cells that it sums. */
static double
distance(uint64_t n, double s, size_t *cells)
{
	static double want[CELLS], got[CELLS];
	uint64_t i, random = 88172645463325252;
	double total = 0, chi2 = 0;
	struct zipf z;

	memset(want, 0, sizeof(want));
	memset(got, 0, sizeof(got));
	for (i = 0; i < n; i++) {
		want[cell_of(i)] += pow((double)(i + 1), -s);
		total += pow((double)(i + 1), -s);
	}
	zipf_init(&z, n, s);
	for (i = 0; i < DRAWS; i++) {
		uint64_t rank = zipf_next(&z, &random);

		assert_true(rank < n);
		got[cell_of(rank)]++;
	}
	*cells = 0;
	for (i = 0; i < CELLS; i++) {
		double expected = want[i] / total * DRAWS;

		if (expected == 0)
			continue;
		chi2 += (got[i] - expected) * (got[i] - expected) / expected;
		++*cells;
	}
	return chi2;
}

static void
zipf_draws_are_as_likely_as_the_law_says(void **state)
{
	static const struct { uint64_t n; double s; } rows[] = {
		{ 1, 0.99 }, { 2, 0.99 }, { 1000, 0.99 }, { 100000, 0.99 }, { 1000, 0.5 }, { 1000, 2 },
	};
	size_t i, cells;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double chi2 = distance(rows[i].n, rows[i].s, &cells);

		/* Mean and five standard deviations of a chi-squared with as many degrees of freedom. */
		assert_true(chi2 <= (double)cells + 5 * sqrt(2 * (double)cells));
	}
}

static void
another_law_is_told_from_it(void **state)
{
	double total = 0, share = 0;
	uint64_t i, hits = 0, random = 1;
	struct zipf z;

	(void)state;
	for (i = 1; i <= 1000; i++)
		total += 1 / pow((double)i, 0.99);
	share = 1 / total;
	zipf_init(&z, 1000, 0.9);
	for (i = 0; i < DRAWS; i++)
		hits += zipf_next(&z, &random) == 0;
	assert_true(fabs((double)hits / DRAWS - share) > 10 * sqrt(share / DRAWS));
}

static void
every_rank_is_another_record(void **state)
{
	static const uint64_t sizes[] = { 1024, 4096, 10007, 65535, 1000000 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t n = sizes[i], rank, n_seen = 0;
		unsigned char *seen = calloc(1, n);

		assert_non_null(seen);
		assert_int_equal(bench_keys_init(&keys, n), 0);
		for (rank = 0; rank < n; rank++) {
			n_seen += seen[rank * keys.scatter % n] == 0;
			seen[rank * keys.scatter % n] = 1;
		}
		assert_int_equal(n_seen, n);
		/* The hottest two do not share a page. */
		assert_true(keys.scatter > 64 && keys.scatter < n - 64);
		bench_keys_fini(&keys);
		free(seen);
	}
}

static void
parts_of_the_records_are_disjoint(void **state)
{
	uint64_t i;

	(void)state;
	assert_int_equal(bench_keys_init(&keys, 1025), 0);
	keys.parts = 3;
	for (i = 0; i < 30000; i++) {
		bench_keys_choose(&keys, i % 2 == 0);
		keys.part = i % 3;
		uint64_t at = bench_keys_draw(&keys);

		assert_true(at < 1025 && at % 3 == i % 3);
	}
	bench_keys_fini(&keys);
}

static void
keys_are_printable_and_leaving_ones_are_those_that_were_there(void **state)
{
	uint64_t key[BENCH_KEY_BYTES / 8], i, j;

	(void)state;
	assert_int_equal(bench_keys_init(&keys, 2048), 0);
	for (i = 0; i < 2048; i++)
		bench_keys_start(&keys, i, key);
	bench_keys_fresh(&keys);
	for (i = 0; i < BENCH_BATCH; i++) {
		const unsigned char *bytes = (const unsigned char *)keys.key[i];

		assert_int_equal(keys.fresh[i], 2048 + i);
		for (j = 0; j < BENCH_KEY_BYTES; j++)
			assert_true(bytes[j] > ' ' && bytes[j] < 0x7f);
	}
	bench_keys_leaving(&keys);
	/* As many ids as before, each once; those of the fresh that left again are among the leaving. */
	for (i = 0; i < 2048; i++)
		for (j = i + 1; j < 2048; j++)
			assert_true(keys.ids[i] != keys.ids[j]);
	bench_keys_fini(&keys);
}

static void
disturbed_rounds_count_only_where_few_are_calm(void **state)
{
	static struct bench_rounds r;
	size_t calm, i;

	(void)state;
	for (calm = BENCH_ROUNDS_MIN - 1; calm <= BENCH_ROUNDS_MIN; calm++) {
		r.n = 3 * calm;
		for (i = 0; i < r.n; i++) {
			r.is_calm[i] = i % 3 == 1;
			r.ns[i] = r.copy_ns[i] = r.free_ns[i] = r.ratio[i] = r.free_ratio[i] = r.is_calm[i] ? (double)i : -1;
		}
		bench_keep_calm(&r);
		assert_int_equal(r.n, calm < BENCH_ROUNDS_MIN ? 3 * calm : calm);
		for (i = 0; r.n == calm && i < r.n; i++) {
			double want = (double)(3 * i + 1);

			assert_true(r.ns[i] == want && r.copy_ns[i] == want && r.free_ns[i] == want && r.ratio[i] == want &&
			    r.free_ratio[i] == want);
		}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(zipf_draws_are_as_likely_as_the_law_says),
		T(another_law_is_told_from_it),
		T(every_rank_is_another_record),
		T(parts_of_the_records_are_disjoint),
		T(keys_are_printable_and_leaving_ones_are_those_that_were_there),
		T(disturbed_rounds_count_only_where_few_are_calm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
