/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/match.h"

#define T(name) cmocka_unit_test(name)

enum { SHIFT = 49 };

struct words {
	_Alignas(64) _Atomic uint64_t w[GS_MATCH_WORDS];
};

static uint64_t
next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state ^ *state >> 29;
}

static void
each_place_answers_with_its_own_bit(void **state)
{
	uint32_t tag = 0x7ffe;

	(void)state;
	for (int i = 0; i < GS_MATCH_WORDS; i++) {
		struct words s = { .w = { 0 } };

		s.w[i] = (uint64_t)tag << SHIFT;
		assert_int_equal(gs_match_words(s.w, tag, SHIFT), UINT32_C(1) << i);
	}
}

static void
low_bits_do_not_count_and_each_high_bit_does(void **state)
{
	uint32_t tag = 0x2aaa;

	(void)state;
	for (int bit = 0; bit < 64; bit++) {
		struct words s = { .w = { 0 } };

		for (int i = 0; i < GS_MATCH_WORDS; i++)
			s.w[i] = ((uint64_t)tag << SHIFT) ^ UINT64_C(1) << bit;
		assert_int_equal(gs_match_words(s.w, tag, SHIFT), bit < SHIFT ? 0xffff : 0);
	}
}

/* Against the definition, with few different tags, so that many match. */
static void
random_words_are_told_apart(void **state)
{
	uint64_t random = 1;

	(void)state;
	for (int n = 0; n < 20000; n++) {
		uint32_t tag = (uint32_t)(next_random(&random) & 0x7fff), want = 0;
		struct words s;

		for (int i = 0; i < GS_MATCH_WORDS; i++) {
			uint64_t word = next_random(&random);

			if ((word & 6) == 0)
				word = (uint64_t)tag << SHIFT | (word & ((UINT64_C(1) << SHIFT) - 1));
			s.w[i] = word;
			want |= (uint32_t)(word >> SHIFT == tag) << i;
		}
		assert_int_equal(gs_match_words(s.w, tag, SHIFT), want);
	}
}

/* ---- numbers below a limit ---- */

struct numbers {
	_Alignas(64) _Atomic uint32_t n[GS_MATCH_WORDS];
};

static void
numbers_are_compared_as_unsigned_ones(void **state)
{
	static const uint32_t edges[] = { 0, 1, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff };

	(void)state;
	for (size_t l = 0; l < sizeof(edges) / sizeof(edges[0]); l++)
		for (size_t v = 0; v < sizeof(edges) / sizeof(edges[0]); v++)
			for (int i = 0; i < GS_MATCH_WORDS; i++) {
				struct numbers s;

				for (int k = 0; k < GS_MATCH_WORDS; k++)
					s.n[k] = k == i ? edges[v] : 0xffffffff;
				assert_int_equal(gs_match_below(s.n, edges[l]), edges[v] < edges[l] ? UINT32_C(1) << i : 0);
			}
}

static void
random_numbers_are_told_apart(void **state)
{
	uint64_t random = 2;

	(void)state;
	for (int round = 0; round < 10000; round++) {
		uint32_t limit = (uint32_t)(next_random(&random) >> 20), want = 0;
		struct numbers s;

		for (int i = 0; i < GS_MATCH_WORDS; i++) {
			s.n[i] = limit - 2 + (uint32_t)(next_random(&random) % 5);
			want |= (uint32_t)(s.n[i] < limit) << i;
		}
		assert_int_equal(gs_match_below(s.n, limit), want);
	}
}

/* ---- some bits of numbers ---- */

static void
halves_match_where_the_bits_that_count_do(void **state)
{
	uint64_t random = 7;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		_Alignas(64) _Atomic uint32_t w[GS_MATCH_WORDS];
		uint32_t mask = round % 2 == 0 ? 0xffff0000 : 0x0000ffff, want = (uint32_t)next_random(&random) & 0x00030003 & mask, expected = 0;

		for (int i = 0; i < GS_MATCH_WORDS; i++) {
			w[i] = (uint32_t)(next_random(&random) >> 20) & 0x80038003;
			expected |= (uint32_t)((w[i] & mask) == want) << i;
		}
		assert_int_equal(gs_match_halves(w, mask, want), expected);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_place_answers_with_its_own_bit),
		T(low_bits_do_not_count_and_each_high_bit_does),
		T(random_words_are_told_apart),
		T(numbers_are_compared_as_unsigned_ones),
		T(random_numbers_are_told_apart),
		T(halves_match_where_the_bits_that_count_do),
	};

	return cmocka_run_group_tests_name("match", tests, NULL, NULL);
}
