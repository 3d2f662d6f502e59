/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_lifetime - when a session ends by itself.
 */
#include "shm_place.h"

#include "policy/lifetime.h"

#define MAX GS_DURATION_MAX

static void
earliest_of_own_end_ttl_and_idle_wins(void **state)
{
	static const struct {
		const char *what;
		uint64_t own_ms, touched_ms, accessed_ms;
		struct gs_lifetime_rule rule;
		uint64_t want_ms;
	} rows[] = {
		{ "no limits", 500, 100, 200, { MAX, MAX }, 500 },
		{ "never", GS_TIME_NEVER, 100, 200, { MAX, MAX }, GS_TIME_NEVER },
		{ "ttl from the touch, not the access", 500, 100, 200, { 50, MAX }, 150 },
		{ "idle from the access, not the touch", 500, 100, 200, { MAX, 50 }, 250 },
		{ "ttl before idle", 500, 100, 200, { 100, 150 }, 200 },
		{ "idle before ttl", 500, 100, 110, { 100, 50 }, 160 },
		{ "own end before both", 120, 100, 110, { 100, 50 }, 120 },
		{ "one millisecond", 500, 100, 100, { 1, 1 }, 101 },
		{ "a limit that is as long as time", 500, 100, 100, { MAX - 1, MAX - 1 }, 500 },
		{ "an end that was taken away", 0, 100, 100, { 10, 10 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N_ROWS(rows); i++) {
		uint64_t got_ms = gs_lifetime_ends_ms(rows[i].own_ms, rows[i].touched_ms, rows[i].accessed_ms, &rows[i].rule);

		if (got_ms != rows[i].want_ms)
			fail_msg("%s: ends at %" PRIu64 ", not %" PRIu64, rows[i].what, got_ms, rows[i].want_ms);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(earliest_of_own_end_ttl_and_idle_wins),
	};

	return cmocka_run_group_tests_name("lifetime", tests, NULL, NULL);
}
