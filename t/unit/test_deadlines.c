/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_deadlines - the heap of deadlines against a plain array that is searched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab/deadlines.h"

#define T(name) cmocka_unit_test(name)

enum { IDS = 200 };

static uint64_t
next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

/* The earliest of an array, equal ones by number; IDS when there is none until then. */
static uint32_t
earliest(const uint64_t *when_ms, uint64_t until_ms)
{
	uint32_t best = IDS, i;

	for (i = 0; i < IDS; i++)
		if (when_ms[i] != DEADLINES_NONE && when_ms[i] <= until_ms && (best == IDS || when_ms[i] < when_ms[best]))
			best = i;
	return best;
}

static void
take_all(struct deadlines *d, uint64_t *when_ms, uint64_t until_ms)
{
	struct deadlines_item item;
	uint32_t want;

	while ((want = earliest(when_ms, until_ms)) != IDS) {
		assert_int_equal(deadlines_next(d, until_ms, &item), 1);
		assert_int_equal(item.id, want);
		assert_int_equal(item.when_ms, when_ms[want]);
		when_ms[want] = DEADLINES_NONE;
	}
	assert_int_equal(deadlines_next(d, until_ms, &item), 0);
}

static void
deadlines_come_in_order_however_they_were_set(void **state)
{
	uint64_t seed, when_ms[IDS], now_ms;
	struct deadlines d;
	size_t i, step;

	(void)state;
	for (seed = 1; seed <= 20; seed++) {
		uint64_t random = seed;

		d = (struct deadlines){ 0 };
		for (i = 0; i < IDS; i++)
			when_ms[i] = DEADLINES_NONE;
		for (now_ms = 0, step = 0; step < 3000; step++) {
			uint32_t id = (uint32_t)(next_random(&random) % IDS);

			/* Put off, brought forward, at an instant that others have, taken away. */
			when_ms[id] = next_random(&random) % 16 == 0 ? DEADLINES_NONE : now_ms + next_random(&random) % 50;
			assert_int_equal(deadlines_set(&d, id, when_ms[id]), 0);
			if (next_random(&random) % 4 == 0)
				take_all(&d, when_ms, now_ms += next_random(&random) % 20);
		}
		take_all(&d, when_ms, UINT64_MAX - 1);
		deadlines_fini(&d);
	}
}

static void
nothing_is_due_before_its_time(void **state)
{
	struct deadlines d = { 0 };
	struct deadlines_item item;

	(void)state;
	assert_int_equal(deadlines_next(&d, UINT64_MAX - 1, &item), 0);
	assert_int_equal(deadlines_set(&d, 3, 10), 0);
	assert_int_equal(deadlines_next(&d, 9, &item), 0);
	assert_int_equal(deadlines_next(&d, 10, &item), 1);
	assert_int_equal(item.id, 3);
	assert_int_equal(deadlines_next(&d, UINT64_MAX - 1, &item), 0);
	deadlines_fini(&d);
}

static void
the_same_deadline_set_twice_comes_once(void **state)
{
	struct deadlines d = { 0 };
	struct deadlines_item item;

	(void)state;
	assert_int_equal(deadlines_set(&d, 7, 5), 0);
	assert_int_equal(deadlines_set(&d, 7, 9), 0);
	assert_int_equal(deadlines_set(&d, 7, 5), 0);
	assert_int_equal(deadlines_next(&d, 100, &item), 1);
	assert_int_equal(deadlines_next(&d, 100, &item), 0);
	deadlines_fini(&d);
}

static void
putting_off_takes_no_memory(void **state)
{
	struct deadlines d = { 0 };
	uint64_t i;

	(void)state;
	for (i = 0; i < 100000; i++)
		assert_int_equal(deadlines_set(&d, (uint32_t)(i % 10), i), 0);
	assert_true(d.n_heap <= 10);
	deadlines_fini(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(deadlines_come_in_order_however_they_were_set),
		T(nothing_is_due_before_its_time),
		T(the_same_deadline_set_twice_comes_once),
		T(putting_off_takes_no_memory),
	};

	return cmocka_run_group_tests_name("deadlines", tests, NULL, NULL);
}
