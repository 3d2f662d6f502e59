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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_place_answers_with_its_own_bit),
		T(low_bits_do_not_count_and_each_high_bit_does),
		T(random_words_are_told_apart),
	};

	return cmocka_run_group_tests_name("match", tests, NULL, NULL);
}
