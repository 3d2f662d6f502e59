/* SPDX-License-Identifier: BSD-2-Clause */
/* Water marks, the reserve, and how many go; policy/pressure.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/pressure.h"

static const struct row {
	struct gs_pressure p;		/* capacity, reserve, population, is_open */
	bool is_open;
	uint64_t n_evict;
} rows[] = {
	/* the marks of 1280 are 1270 and 1120; those of 2560 are 2540 and 2520 */
	{ { 1280, 1280, 0, false }, false, 0 },
	{ { 1280, 1280, 1270, false }, false, 0 },
	{ { 1280, 1280, 1271, false }, true, 0 },
	{ { 1280, 1280, 1271, true }, true, 0 },
	{ { 1280, 1280, 1120, true }, true, 0 },
	{ { 1280, 1280, 1119, true }, false, 0 },
	{ { 1280, 1280, 1120, false }, false, 0 },
	{ { 1280, 1280, 2540, true }, true, 0 },
	{ { 1280, 1280, 2541, true }, true, 21 },
	{ { 1280, 1280, 2560, false }, true, 40 },
	/* without a reserve there is nothing to open */
	{ { 1280, 0, 1280, false }, false, 20 },
	{ { 1280, 0, 1280, true }, false, 20 },
	{ { 1280, 0, 1270, false }, false, 0 },
	/* lowered under what lives there */
	{ { 1280, 0, 5000, false }, false, 3740 },
	{ { 1, 0, 100, false }, false, 99 },
	/* few places: not before they are all taken */
	{ { 127, 0, 127, false }, false, 0 },
	{ { 127, 0, 128, false }, false, 1 },
	{ { 4, 2, 4, false }, false, 0 },
	{ { 4, 2, 5, false }, true, 0 },
	{ { 4, 2, 6, true }, true, 0 },
	{ { 4, 2, 3, true }, false, 0 },
	{ { UINT64_MAX, UINT64_MAX, 5, false }, false, 0 },
};

static void
marks_open_and_close_the_reserve_and_say_how_many_go(void **state)
{
	struct gs_pressure_verdict v;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		gs_pressure_judge(&rows[i].p, &v);
		if (v.is_open != rows[i].is_open || v.n_evict != rows[i].n_evict)
			fail_msg("row %zu: open %d, evict %llu", i, v.is_open, (unsigned long long)v.n_evict);
	}
}

/* Whatever it was before, a verdict that was followed asks for nothing more. */
static void
what_a_verdict_asks_for_is_enough(void **state)
{
	struct gs_pressure_verdict v, again;

	(void)state;
	for (uint64_t capacity = 1; capacity < 3000; capacity = capacity * 5 / 4 + 1)
		for (uint64_t population = 0; population < 4 * capacity; population += capacity / 7 + 1) {
			struct gs_pressure p = { capacity, capacity / 3, population, population % 2 == 0 };

			gs_pressure_judge(&p, &v);
			assert_true(v.n_evict <= population);
			p.population -= v.n_evict;
			p.is_open = v.is_open;
			gs_pressure_judge(&p, &again);
			assert_int_equal(again.n_evict, 0);
			/* and it has not evicted what there was room for */
			if (v.n_evict > 0)
				assert_true(p.population + capacity / 32 + 1 >= capacity + p.reserve - p.reserve / 32);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_open_and_close_the_reserve_and_say_how_many_go),
		cmocka_unit_test(what_a_verdict_asks_for_is_enough),
	};

	return cmocka_run_group_tests_name("pressure", tests, NULL, NULL);
}
