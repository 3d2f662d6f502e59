/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_torture - the plan of a torture, its values, and what its journal makes of what was seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lab/torture_journal.h"
#include "lab/torture_plan.h"
#include "lab/torture_value.h"

#define T(name) cmocka_unit_test(name)
#define N_ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

enum { WORKERS = 6, STEPS = 20000 };

/* ---- the plan ---- */

static void
one_seed_is_one_plan(void **state)
{
	struct torture_plan a, b, c;
	struct torture_step x, y, z;
	int n_differ = 0;

	(void)state;
	torture_plan_init(&a, 42, WORKERS);
	torture_plan_init(&b, 42, WORKERS);
	torture_plan_init(&c, 43, WORKERS);
	for (int i = 0; i < STEPS; i++) {
		torture_plan_next(&a, &x);
		torture_plan_next(&b, &y);
		torture_plan_next(&c, &z);
		assert_true(x.at_us == y.at_us && x.deed == y.deed && x.who == y.who);
		n_differ += x.at_us != z.at_us;
	}
	assert_true(n_differ > STEPS / 2);
}

static void
workers_are_disturbed_every_1_to_50_ms_and_the_daemon_every_second(void **state)
{
	uint64_t last_us = 0, worker_us = 0, second_us = 0, n[TORTURE_DEEDS] = { 0 }, who[WORKERS] = { 0 };
	struct torture_plan p;
	struct torture_step s;

	(void)state;
	torture_plan_init(&p, 7, WORKERS);
	for (int i = 0; i < STEPS; i++) {
		torture_plan_next(&p, &s);
		assert_true(s.at_us >= last_us && s.who < WORKERS);
		last_us = s.at_us;
		n[s.deed]++;
		if (s.deed == TORTURE_DO_KILL_DAEMON) {
			/* a second after the last one that was, or very soon after it */
			if (s.at_us - second_us > TORTURE_DAEMON_AGAIN_US)
				assert_in_range(s.at_us - second_us, TORTURE_DAEMON_US - 8 * TORTURE_DAEMON_AGAIN_US, TORTURE_DAEMON_US);
			second_us = s.at_us;
			continue;
		}
		assert_in_range(s.at_us - worker_us, TORTURE_STEP_MIN_US, TORTURE_STEP_MAX_US);
		worker_us = s.at_us;
		who[s.who]++;
	}
	assert_in_range(n[TORTURE_DO_KILL], STEPS / 4, STEPS / 2);
	assert_in_range(n[TORTURE_DO_STOP], STEPS / 4, STEPS / 2);
	assert_in_range(n[TORTURE_DO_CONT], STEPS / 4, STEPS / 2);
	assert_true(n[TORTURE_DO_KILL_DAEMON] >= last_us / TORTURE_DAEMON_US);
	for (int i = 0; i < WORKERS; i++)
		assert_in_range(who[i], STEPS / WORKERS * 9 / 10, STEPS / WORKERS * 11 / 10);
}

/* ---- values ---- */

static void
a_value_is_its_keys_and_its_numbers_alone(void **state)
{
	unsigned char value[TORTURE_VALUE_MAX];
	size_t longest = 0, shortest = SIZE_MAX;

	(void)state;
	for (uint64_t number = 1; number < 3000; number++) {
		uint64_t key = number % 17;
		size_t len = torture_value_make(value, 'o', key, number), at = number * 7919 % len;

		assert_in_range(len, TORTURE_VALUE_MIN, TORTURE_VALUE_MAX);
		longest = len > longest ? len : longest;
		shortest = len < shortest ? len : shortest;
		assert_int_equal(torture_value_number(value, len, 'o', key), number);
		assert_int_equal(torture_value_number(value, len, 'o', key + 1), 0);
		assert_int_equal(torture_value_number(value, len, 'h', key), 0);
		assert_int_equal(torture_value_number(value, len - 1, 'o', key), 0);
		value[at] ^= 1 << number % 8;
		assert_int_equal(torture_value_number(value, len, 'o', key), 0);
	}
	assert_true(shortest < 40 && longest > 7000);
}

static void
a_key_says_its_number(void **state)
{
	char key[TORTURE_KEY_BYTES];
	size_t longest = 0;

	(void)state;
	for (uint64_t number = 0; number < 1000; number++) {
		size_t len = torture_key(key, 'o', number);

		assert_int_equal(strlen(key), len);
		longest = len > longest ? len : longest;
		assert_int_equal(torture_key_number(key, len, 'o'), number);
		assert_int_equal(torture_key_number(key, len, 'h'), -1);
		assert_int_equal(torture_key_number(key, len - 1, 'o'), -1);
	}
	assert_int_equal(longest, 255);
	assert_int_equal(torture_key_number("owner", 5, 'o'), -1);
}

/* ---- the journal ---- */

/* What the writer does between the two looks at the journal, and what is seen: */
enum deed { D_END = 0, D_PUT, D_DEL, D_INTEND_PUT, D_INTEND_DEL, D_ACK, D_VOID };
enum sight { S_NONE = -1, S_IT = -2 };		/* else a number */

struct row {
	const char *what;
	enum deed before[8], during[8];
	int seen;
	enum torture_verdict verdict;
};

static const struct row rows[] = {
	{ "never put, not there", { D_END }, { D_END }, S_NONE, TORTURE_FINE },
	{ "never put, there", { D_END }, { D_END }, S_IT, TORTURE_RESURRECTED },
	{ "never put, a value", { D_END }, { D_END }, 1, TORTURE_TORN },
	{ "put and seen", { D_PUT }, { D_END }, 1, TORTURE_FINE },
	{ "put and gone", { D_PUT }, { D_END }, S_NONE, TORTURE_LOST },
	{ "put twice, the first seen", { D_PUT, D_PUT }, { D_END }, 1, TORTURE_LOST },
	{ "put while we look, seen", { D_END }, { D_PUT }, 1, TORTURE_FINE },
	{ "put while we look, not seen", { D_END }, { D_PUT }, S_NONE, TORTURE_FINE },
	{ "intended, seen before it is acknowledged", { D_PUT, D_INTEND_PUT }, { D_END }, 2, TORTURE_FINE },
	{ "intended, the one before seen", { D_PUT, D_INTEND_PUT }, { D_END }, 1, TORTURE_FINE },
	{ "not intended, seen", { D_PUT, D_INTEND_PUT }, { D_END }, 3, TORTURE_TORN },
	{ "came to nothing, seen", { D_PUT, D_INTEND_PUT, D_VOID }, { D_END }, 2, TORTURE_RESURRECTED },
	{ "came to nothing while we look, seen", { D_PUT, D_INTEND_PUT }, { D_VOID }, 2, TORTURE_FINE },
	{ "came to nothing, the next seen", { D_PUT, D_INTEND_PUT, D_VOID }, { D_PUT }, 3, TORTURE_FINE },
	{ "came to nothing, the one before seen", { D_PUT, D_INTEND_PUT, D_VOID }, { D_END }, 1, TORTURE_FINE },
	{ "came to nothing before the acknowledged one", { D_PUT, D_INTEND_PUT, D_VOID, D_PUT }, { D_END }, 2, TORTURE_LOST },
	{ "ended, there", { D_PUT, D_DEL }, { D_END }, S_IT, TORTURE_RESURRECTED },
	{ "ended, its value", { D_PUT, D_DEL }, { D_END }, 1, TORTURE_RESURRECTED },
	{ "ended, a value of the end's number", { D_PUT, D_DEL }, { D_END }, 2, TORTURE_TORN },
	{ "ended while we look, not there", { D_PUT }, { D_DEL }, S_NONE, TORTURE_FINE },
	{ "ended while we look, there", { D_PUT }, { D_DEL }, 1, TORTURE_FINE },
	{ "ended and put again while we look, not there", { D_PUT }, { D_DEL, D_PUT }, S_NONE, TORTURE_FINE },
	{ "changed twice while we look, not there", { D_PUT }, { D_PUT, D_PUT }, S_NONE, TORTURE_LOST },
	{ "its end is intended, not there", { D_PUT, D_INTEND_DEL }, { D_END }, S_NONE, TORTURE_FINE },
	{ "its end came to nothing, not there", { D_PUT, D_INTEND_DEL, D_VOID, D_PUT }, { D_END }, S_NONE, TORTURE_LOST },
	{ "ended, its start intended, there", { D_PUT, D_DEL, D_INTEND_PUT }, { D_END }, S_IT, TORTURE_FINE },
	{ "ended, its start came to nothing, there", { D_PUT, D_DEL, D_INTEND_PUT, D_VOID }, { D_END }, S_IT, TORTURE_RESURRECTED },
};

static void
act(struct torture_key_journal *k, const enum deed deeds[8])
{
	for (int i = 0; i < 8 && deeds[i] != D_END; i++) {
		if (deeds[i] == D_PUT || deeds[i] == D_INTEND_PUT)
			(void)torture_journal_intend(k, true);
		if (deeds[i] == D_DEL || deeds[i] == D_INTEND_DEL)
			(void)torture_journal_intend(k, false);
		if (deeds[i] == D_PUT || deeds[i] == D_DEL || deeds[i] == D_ACK)
			torture_journal_ack(k);
		if (deeds[i] == D_VOID)
			torture_journal_void(k);
	}
}

static enum torture_verdict
look(struct torture_key_journal *k, const struct torture_before *b, int seen)
{
	return seen == S_NONE ? torture_journal_saw_none(k, b) : seen == S_IT ? torture_journal_saw_it(k, b) :
	    torture_journal_saw_value(k, b, (uint64_t)seen);
}

static void
each_sight_has_its_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ROWS(rows); i++) {
		struct torture_key_journal k = { 0 };
		struct torture_before b;
		enum torture_verdict v;

		act(&k, rows[i].before);
		torture_journal_before(&k, &b);
		act(&k, rows[i].during);
		v = look(&k, &b, rows[i].seen);
		if (v != rows[i].verdict)
			fail_msg("%s: verdict %d, want %d", rows[i].what, v, rows[i].verdict);
	}
}

static void
what_one_has_seen_nobody_sees_undone(void **state)
{
	struct torture_key_journal k = { 0 };
	struct torture_before b;

	(void)state;
	act(&k, (enum deed[8]){ D_PUT, D_INTEND_PUT });
	torture_journal_before(&k, &b);
	assert_int_equal(look(&k, &b, 2), TORTURE_FINE);
	torture_journal_before(&k, &b);
	assert_int_equal(look(&k, &b, 1), TORTURE_LOST);

	act(&k, (enum deed[8]){ D_ACK, D_INTEND_DEL });
	torture_journal_before(&k, &b);
	assert_int_equal(look(&k, &b, S_NONE), TORTURE_FINE);
	torture_journal_before(&k, &b);
	assert_int_equal(look(&k, &b, 2), TORTURE_RESURRECTED);
	assert_int_equal(look(&k, &b, S_IT), TORTURE_RESURRECTED);
	assert_true(torture_journal_is_in_doubt(&k));
}

static void
a_listing_knows_who_stayed(void **state)
{
	struct torture_key_journal k = { 0 };
	struct torture_before b;

	(void)state;
	torture_journal_before(&k, &b);
	assert_true(torture_journal_stayed_away(&k, &b) && !torture_journal_stayed(&k, &b));
	act(&k, (enum deed[8]){ D_INTEND_PUT });
	assert_true(!torture_journal_stayed_away(&k, &b) && !torture_journal_stayed(&k, &b));
	act(&k, (enum deed[8]){ D_ACK });
	torture_journal_before(&k, &b);
	act(&k, (enum deed[8]){ D_PUT, D_INTEND_PUT });
	assert_true(torture_journal_stayed(&k, &b) && !torture_journal_stayed_away(&k, &b));
	act(&k, (enum deed[8]){ D_ACK, D_INTEND_DEL });
	assert_true(!torture_journal_stayed(&k, &b));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_seed_is_one_plan),
		T(workers_are_disturbed_every_1_to_50_ms_and_the_daemon_every_second),
		T(a_value_is_its_keys_and_its_numbers_alone),
		T(a_key_says_its_number),
		T(each_sight_has_its_verdict),
		T(what_one_has_seen_nobody_sees_undone),
		T(a_listing_knows_who_stayed),
	};

	return cmocka_run_group_tests_name("torture", tests, NULL, NULL);
}
