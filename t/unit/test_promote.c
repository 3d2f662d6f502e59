/* SPDX-License-Identifier: BSD-2-Clause */
/* The second access within what the inner ring would have kept; policy/promote.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/decay.h"
#include "policy/promote.h"

#define S UINT64_C(1000)
#define MIN (60 * S)
#define T0 (1000 * S)
#define INTEREST_4 (GS_INTEREST_ONE + (UINT64_C(2) << 40))	/* log2 is 2 */

struct row {
	uint64_t last_ms, interest, now_ms, ttl_ms, half_life_ms;
	bool is_second;
};

static const struct row rows[] = {
	/* one access, ttl 5 min: the deadline itself is still within */
	{ T0, GS_INTEREST_ONE, T0, 5 * MIN, 5 * MIN, true },
	{ T0, GS_INTEREST_ONE, T0 + 5 * MIN, 5 * MIN, 5 * MIN, true },
	{ T0, GS_INTEREST_ONE, T0 + 5 * MIN + 1, 5 * MIN, 5 * MIN, false },
	/* interest 4 is two half-lives more */
	{ T0, INTEREST_4, T0 + 15 * MIN, 5 * MIN, 5 * MIN, true },
	{ T0, INTEREST_4, T0 + 15 * MIN + 1, 5 * MIN, 5 * MIN, false },
	/* faded below one counts as one; no half-life: the idle time alone */
	{ T0, GS_INTEREST_NONE, T0 + 5 * MIN, 5 * MIN, 5 * MIN, true },
	{ T0, INTEREST_4, T0 + 5 * MIN + 1, 5 * MIN, 0, false },
	/* an inner ring that lets nothing go */
	{ T0, GS_INTEREST_ONE, UINT64_MAX, GS_DURATION_MAX, 5 * MIN, true },
	/* a ring of no ttl takes what is asked for twice in one ms */
	{ T0, GS_INTEREST_ONE, T0, 0, 0, true },
	{ T0, GS_INTEREST_ONE, T0 + 1, 0, 0, false },
	/* told late: the access before was later than this one */
	{ T0 + S, GS_INTEREST_ONE, T0, 5 * MIN, 5 * MIN, true },
};

static void
second_access_is_one_within_what_the_inner_ring_would_have_kept(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		const struct gs_promote_case c = { r->last_ms, r->interest, r->now_ms, r->ttl_ms, r->half_life_ms };

		if (gs_promote_is_second(&c) != r->is_second)
			fail_msg("row %zu", i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(second_access_is_one_within_what_the_inner_ring_would_have_kept),
	};

	return cmocka_run_group_tests_name("promote", tests, NULL, NULL);
}
