/* SPDX-License-Identifier: BSD-2-Clause */
/* What a session in a full ring is worth, the threshold, and what may be dropped; policy/evict.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/decay.h"
#include "policy/evict.h"

#define S UINT64_C(1000)
#define MIN (60 * S)
#define NOW (UINT64_C(1) << 40)
#define ONE GS_INTEREST_ONE
#define LOG2(n) (ONE + ((uint64_t)(n) << 40))
#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

/* A pair of sessions: the first goes before the second. */
static const struct pair {
	struct gs_evictee sooner, later;
	uint64_t half_life_ms;
} pairs[] = {
	/* what is over goes before all */
	{ { NOW, LOG2(9), 999, true }, { NOW - 999 * MIN, ONE, 1, false }, 5 * MIN },
	/* of equals the longer idle one */
	{ { NOW - 2, ONE, 2, false }, { NOW - 1, ONE, 2, false }, 5 * MIN },
	{ { NOW - 2, ONE, 2, false }, { NOW - 1, ONE, 2, false }, 0 },
	/* one access: twice as fast, a fresh one is not the first to go all the same */
	{ { NOW - 6 * S, ONE, 1, false }, { NOW - 11 * S, ONE, 2, false }, 0 },
	{ { NOW - 11 * S, ONE, 2, false }, { NOW - 4 * S, ONE, 1, false }, 0 },
	/* more accesses: slower, but only up to 32 */
	{ { NOW - 10 * S, ONE, 2, false }, { NOW - 11 * S, ONE, 16, false }, 0 },
	{ { NOW - 11 * S, ONE, 1000, false }, { NOW - 10 * S, ONE, 32, false }, 0 },
	/* interest is worth so many half-lives */
	{ { NOW - 10 * MIN, ONE, 9, false }, { NOW - 10 * MIN, LOG2(1), 9, false }, 5 * MIN },
	{ { NOW - 30 * MIN, LOG2(1), 9, false }, { NOW - 10 * MIN, ONE, 9, false }, 5 * MIN },
	{ { NOW - 10 * MIN, LOG2(3), 9, false }, { NOW - 10 * MIN, LOG2(4), 9, false }, 5 * MIN },
	/* no half-life: interest says nothing */
	{ { NOW - 11 * MIN, LOG2(9), 9, false }, { NOW - 10 * MIN, ONE, 9, false }, 0 },
	/* a clock that is behind: not idle at all */
	{ { NOW - 10, ONE, 2, false }, { NOW + 5 * S, ONE, 2, false }, 0 },
};

static void
order_in_which_sessions_go(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(pairs); i++) {
		uint64_t sooner = gs_evict_score(&pairs[i].sooner, NOW, pairs[i].half_life_ms);
		uint64_t later = gs_evict_score(&pairs[i].later, NOW, pairs[i].half_life_ms);

		if (sooner <= later)
			fail_msg("pair %zu: %llu, %llu", i, (unsigned long long)sooner, (unsigned long long)later);
	}
}

static void
extremes_are_scores_too(void **state)
{
	static const uint64_t times[] = { 0, 1, NOW, UINT64_MAX }, interests[] = { 0, ONE, GS_INTEREST_MAX };
	static const uint64_t hits[] = { 0, 1, 2, 3, UINT64_MAX }, half_lives[] = { 0, 1, UINT64_C(8640000000000) };

	(void)state;
	for (size_t i = 0; i < N(times) * N(interests) * N(hits) * N(half_lives); i++) {
		const struct gs_evictee e = { times[i % N(times)], interests[i / N(times) % N(interests)],
			hits[i / (N(times) * N(interests)) % N(hits)], false };
		uint64_t half_life_ms = half_lives[i / (N(times) * N(interests) * N(hits))];

		assert_true(gs_evict_score(&e, UINT64_MAX, half_life_ms) < GS_EVICT_SCORE_OVER);
		assert_true(gs_evict_score(&e, 0, half_life_ms) < GS_EVICT_SCORE_OVER);
	}
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* Held against sorting. */
static void
threshold_lets_as_many_go_as_are_wanted(void **state)
{
	uint64_t scores[300], sorted[300], seed = 88172645463325252u;
	uint32_t n, wanted, over;

	(void)state;
	(void)printf("# seed %llu\n", (unsigned long long)seed);
	for (int round = 0; round < 3000; round++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		n = 1 + (uint32_t)(seed % 300);
		wanted = 1 + (uint32_t)(seed >> 20) % n;
		for (uint32_t i = 0; i < n; i++) {
			uint64_t x = (seed + i) * UINT64_C(0x9e3779b97f4a7c15);

			x ^= x >> 29;
			/* all over the range, or close together, or many equal ones; some over */
			scores[i] = round % 3 == 0 ? x : round % 3 == 1 ? (UINT64_C(1) << 62) + x % 5000 : x % 7;
			if (x % 50 == 0)
				scores[i] = GS_EVICT_SCORE_OVER;
		}
		memcpy(sorted, scores, sizeof(sorted));
		qsort(sorted, n, sizeof(sorted[0]), compare);
		over = 0;
		for (uint32_t i = 0; i < n; i++)
			over += scores[i] >= gs_evict_threshold(scores, n, wanted);
		if (over < wanted)
			fail_msg("round %d: %u of %u, %u wanted", round, over, n, wanted);
		/* no more than those that are equal to the last one wanted */
		if (over > wanted && sorted[over - 1] != sorted[wanted - 1])
			fail_msg("round %d: %u go, %u wanted", round, over, wanted);
	}
}

static void
only_what_is_over_one_shot_or_anonymous_can_be_dropped(void **state)
{
	static const struct {
		uint64_t hits;
		bool is_over;
		struct gs_evict_nature n;	/* has_class, is_anonymous, is_special */
		enum gs_evict_kind want;
	} rows[] = {
		{ 9, true, { true, false, true }, GS_EVICT_OVER },
		{ 1, false, { false, false, false }, GS_EVICT_ONESHOT },
		{ 0, false, { false, false, false }, GS_EVICT_ONESHOT },
		{ 2, false, { false, false, false }, GS_EVICT_LIVE },
		{ 1, false, { false, false, true }, GS_EVICT_LIVE },
		{ 1, false, { true, true, false }, GS_EVICT_ANONYMOUS },
		{ 9, false, { true, true, false }, GS_EVICT_ANONYMOUS },
		{ 9, false, { true, true, true }, GS_EVICT_LIVE },
		/* logged in: never */
		{ 1, false, { true, false, false }, GS_EVICT_LIVE },
		{ 9, false, { true, false, false }, GS_EVICT_LIVE },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		const struct gs_evictee e = { NOW, ONE, rows[i].hits, rows[i].is_over };

		if (gs_evict_kind_of(&e, &rows[i].n) != rows[i].want)
			fail_msg("row %zu", i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_in_which_sessions_go),
		cmocka_unit_test(extremes_are_scores_too),
		cmocka_unit_test(threshold_lets_as_many_go_as_are_wanted),
		cmocka_unit_test(only_what_is_over_one_shot_or_anonymous_can_be_dropped),
	};

	return cmocka_run_group_tests_name("evict_policy", tests, NULL, NULL);
}
