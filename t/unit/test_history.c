/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_history - which histories of a session some order explains, and which none does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lab/history.h"

#define T(name) cmocka_unit_test(name)
#define N_ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

enum { MOST_OPS = 8, ENOUGH_BYTES = 64 << 20 };

struct row {
	const char *what;
	int verdict;
	struct history_op ops[MOST_OPS];	/* ended by one that ends at 0 */
};

/* began, ended, value, expected, kind, answer */
#define PUT(a, b, v) { a, b, v, 0, HISTORY_PUT, HISTORY_DONE }
#define START(a, b, v) { a, b, v, 0, HISTORY_PUT, HISTORY_STARTED }
#define PUT_KILLED(a, b, v) { a, b, v, 0, HISTORY_PUT, HISTORY_PENDING }
#define ADD(a, b, v, how) { a, b, v, 0, HISTORY_ADD, how }
#define GET(a, b, v) { a, b, v, 0, HISTORY_READ, HISTORY_DONE }
#define MISS(a, b) { a, b, 0, 0, HISTORY_READ, HISTORY_ABSENT }
#define SWAP(a, b, from, to, how) { a, b, to, from, HISTORY_SWAP, how }
#define DEL(a, b, how) { a, b, 0, 0, HISTORY_DEL, how }
#define DEL_IF(a, b, v, how) { a, b, 0, v, HISTORY_DEL_IF, how }
#define LOOK(a, b, how) { a, b, 0, 0, HISTORY_LOOK, how }

static const struct row rows[] = {
	{ "nothing happened", HISTORY_EXPLAINED, { { 0, 0, 0, 0, 0, 0 } } },
	{ "a put and a get after it", HISTORY_EXPLAINED, { START(1, 2, 7), GET(3, 4, 7) } },
	{ "a get of what nobody put", HISTORY_UNEXPLAINED, { START(1, 2, 7), GET(3, 4, 8) } },
	{ "a miss after a put", HISTORY_UNEXPLAINED, { START(1, 2, 7), MISS(3, 4) } },
	{ "a miss while it is put", HISTORY_EXPLAINED, { START(1, 4, 7), MISS(2, 3) } },
	{ "a stale get", HISTORY_UNEXPLAINED, { START(1, 2, 7), PUT(3, 4, 8), GET(5, 6, 7) } },
	{ "new, then old again, while the put is under way", HISTORY_UNEXPLAINED,
	    { START(1, 2, 7), PUT(3, 10, 8), GET(4, 5, 8), GET(6, 7, 7) } },
	{ "old, then new, while the put is under way", HISTORY_EXPLAINED, { START(1, 2, 7), PUT(3, 10, 8), GET(4, 5, 7), GET(6, 7, 8) } },
	{ "two at once start it, one of them does", HISTORY_EXPLAINED, { START(1, 4, 7), PUT(2, 5, 8), GET(6, 7, 8) } },
	{ "two at once both start it", HISTORY_UNEXPLAINED, { START(1, 4, 7), START(2, 5, 8) } },
	{ "a put that replaces what is not there", HISTORY_UNEXPLAINED, { PUT(1, 2, 7) } },
	{ "one of two adds", HISTORY_EXPLAINED, { ADD(1, 4, 7, HISTORY_STARTED), ADD(2, 3, 8, HISTORY_EXISTS), GET(5, 6, 7) } },
	{ "an add over what is there", HISTORY_UNEXPLAINED, { START(1, 2, 7), ADD(3, 4, 8, HISTORY_STARTED) } },
	{ "an add refused where nothing is", HISTORY_UNEXPLAINED, { ADD(1, 2, 8, HISTORY_EXISTS) } },
	{ "two swaps of one version", HISTORY_UNEXPLAINED,
	    { START(1, 2, 7), SWAP(3, 6, 7, 8, HISTORY_DONE), SWAP(4, 7, 7, 9, HISTORY_DONE) } },
	{ "one of two swaps", HISTORY_EXPLAINED,
	    { START(1, 2, 7), SWAP(3, 6, 7, 8, HISTORY_DONE), SWAP(4, 7, 7, 9, HISTORY_CONFLICT), GET(8, 9, 8) } },
	{ "a swap refused though nobody interfered", HISTORY_UNEXPLAINED, { START(1, 2, 7), SWAP(3, 4, 7, 9, HISTORY_CONFLICT) } },
	{ "a swap of what is gone", HISTORY_EXPLAINED, { START(1, 2, 7), DEL(3, 4, HISTORY_DONE), SWAP(5, 6, 7, 9, HISTORY_ABSENT) } },
	{ "a swap that finds nothing where something is", HISTORY_UNEXPLAINED, { START(1, 2, 7), SWAP(5, 6, 7, 9, HISTORY_ABSENT) } },
	{ "ended twice", HISTORY_UNEXPLAINED, { START(1, 2, 7), DEL(3, 6, HISTORY_DONE), DEL(4, 5, HISTORY_DONE) } },
	{ "ended once", HISTORY_EXPLAINED, { START(1, 2, 7), DEL(3, 6, HISTORY_DONE), DEL(4, 5, HISTORY_ABSENT), MISS(7, 8) } },
	{ "back after its end", HISTORY_UNEXPLAINED, { START(1, 2, 7), DEL(3, 4, HISTORY_DONE), GET(5, 6, 7) } },
	{ "ended by version", HISTORY_EXPLAINED,
	    { START(1, 2, 7), DEL_IF(3, 4, 9, HISTORY_CONFLICT), DEL_IF(5, 6, 7, HISTORY_DONE), DEL_IF(7, 8, 7, HISTORY_ABSENT) } },
	{ "ended by another version", HISTORY_UNEXPLAINED, { START(1, 2, 7), DEL_IF(3, 4, 9, HISTORY_DONE) } },
	{ "touched while there", HISTORY_EXPLAINED, { START(1, 2, 7), LOOK(3, 4, HISTORY_DONE) } },
	{ "touched while not there", HISTORY_UNEXPLAINED, { LOOK(3, 4, HISTORY_DONE) } },
	{ "moved, and not found", HISTORY_UNEXPLAINED, { START(1, 2, 7), LOOK(3, 4, HISTORY_ABSENT) } },
	{ "killed, and it happened", HISTORY_EXPLAINED, { START(1, 2, 7), PUT_KILLED(3, 4, 8), GET(5, 6, 8) } },
	{ "killed, and it did not happen", HISTORY_EXPLAINED, { START(1, 2, 7), PUT_KILLED(3, 4, 8), GET(5, 6, 7) } },
	{ "killed, seen, and then it had not happened", HISTORY_UNEXPLAINED,
	    { START(1, 2, 7), PUT_KILLED(3, 4, 8), GET(5, 6, 8), GET(7, 8, 7) } },
	{ "killed, and it happens after the death", HISTORY_UNEXPLAINED,
	    { START(1, 2, 7), PUT_KILLED(3, 4, 8), GET(5, 6, 7), GET(7, 8, 8) } },
	{ "killed, and two see different things while it dies", HISTORY_EXPLAINED,
	    { START(1, 2, 7), PUT_KILLED(3, 9, 8), GET(4, 5, 7), GET(6, 7, 8), GET(10, 11, 8) } },
	{ "a killed end that happened", HISTORY_EXPLAINED, { START(1, 2, 7), DEL(3, 4, HISTORY_PENDING), MISS(5, 6) } },
	{ "a killed swap of another version", HISTORY_UNEXPLAINED, { START(1, 2, 7), SWAP(3, 4, 6, 9, HISTORY_PENDING), GET(5, 6, 9) } },
	{ "a killed add over what is there", HISTORY_UNEXPLAINED, { START(1, 2, 7), ADD(3, 4, 8, HISTORY_PENDING), GET(5, 6, 8) } },
	{ "a killed get says nothing", HISTORY_EXPLAINED, { { 1, 2, 0, 0, HISTORY_READ, HISTORY_PENDING }, START(3, 4, 7) } },
	{ "what was refused changes nothing", HISTORY_EXPLAINED,
	    { START(1, 2, 7), { 3, 4, 8, 0, HISTORY_PUT, HISTORY_NOTHING }, GET(5, 6, 7) } },
	{ "at one instant is as if they overlapped", HISTORY_EXPLAINED, { START(1, 2, 7), MISS(2, 3) } },
};

static void
each_history_has_its_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ROWS(rows); i++) {
		size_t n = 0, stuck = 0;
		int rc;

		while (n < MOST_OPS && rows[i].ops[n].ended_ns != 0)
			n++;
		rc = history_check(rows[i].ops, n, ENOUGH_BYTES, &stuck);
		if (rc != rows[i].verdict)
			fail_msg("%s: verdict %d, want %d", rows[i].what, rc, rows[i].verdict);
		assert_true(rc != HISTORY_UNEXPLAINED || stuck < n);
	}
}

/* ---- against a register that is one ---- */

enum { CLIENTS = 6, LONG = 1200 };

static uint64_t
next_random(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/* What a call answers in a state. */
static void
answer(struct history_op *o, uint64_t *state)
{
	switch (o->kind) {
	case HISTORY_READ:
	case HISTORY_LOOK:
		o->answer = *state == 0 ? HISTORY_ABSENT : HISTORY_DONE;
		if (o->kind == HISTORY_READ)
			o->value = *state;
		return;
	case HISTORY_PUT:
		o->answer = *state == 0 ? HISTORY_STARTED : HISTORY_DONE;
		*state = o->value;
		return;
	case HISTORY_ADD:
		o->answer = *state == 0 ? HISTORY_STARTED : HISTORY_EXISTS;
		if (*state == 0)
			*state = o->value;
		return;
	default:
		o->answer = *state == 0 ? HISTORY_ABSENT : o->kind != HISTORY_DEL && *state != o->expected ? HISTORY_CONFLICT : HISTORY_DONE;
		if (o->answer == HISTORY_DONE)
			*state = o->kind == HISTORY_SWAP ? o->value : 0;
	}
}

/* Calls of some clients on a true register: each takes effect at a random instant of its own; some are killed before or after it. */
static void
record(struct history_op *ops, size_t n, uint64_t seed)
{
	uint64_t state = 0, random = seed, free_at[CLIENTS] = { 0 };
	uint64_t instant = 1;

	for (size_t i = 0; i < n; i++) {
		struct history_op *o = &ops[i];
		uint64_t *since = &free_at[next_random(&random) % CLIENTS];

		instant += 10;
		*o = (struct history_op){ .value = i + 1, .expected = next_random(&random) % 3 == 0 ? i : state };
		o->kind = (uint32_t)(next_random(&random) % HISTORY_KINDS);
		o->began_ns = *since + 1 + next_random(&random) % (instant - *since);
		if (next_random(&random) % 16 == 0 && next_random(&random) % 2 == 0)
			o->answer = HISTORY_PENDING;	/* without effect */
		else
			answer(o, &state);
		if (next_random(&random) % 16 == 0)
			o->answer = HISTORY_PENDING;	/* perhaps with one */
		o->ended_ns = instant + next_random(&random) % 40;
		*since = o->ended_ns;
		if (*since > instant)
			instant = *since;
	}
}

static void
what_a_register_did_is_explained(void **state)
{
	struct history_op *ops = calloc(LONG, sizeof(*ops));
	size_t stuck;

	(void)state;
	assert_non_null(ops);
	for (uint64_t seed = 1; seed <= 40; seed++) {
		record(ops, LONG, seed * 7919);
		assert_int_equal(history_check(ops, LONG, ENOUGH_BYTES, &stuck), HISTORY_EXPLAINED);
	}
	free(ops);
}

static void
one_get_of_the_future_or_of_the_past_is_found(void **state)
{
	struct history_op *ops = calloc(LONG, sizeof(*ops));
	uint64_t seed = 12345;
	size_t stuck, n_found = 0;

	(void)state;
	assert_non_null(ops);
	for (int round = 0; round < 20; round++) {
		size_t at = 100 + next_random(&seed) % (LONG - 200);

		record(ops, LONG, seed);
		while (ops[at].kind != HISTORY_READ || ops[at].answer != HISTORY_DONE)
			at = at == LONG - 1 ? 0 : at + 1;
		/* 50 calls before, at most 6 of which can overlap with this one: something was written over it since, or it is gone. */
		ops[at].value = round % 2 == 0 ? ops[at].value + 50 : ops[at].value > 50 ? ops[at].value - 50 : LONG + 1;
		n_found += history_check(ops, LONG, ENOUGH_BYTES, &stuck) == HISTORY_UNEXPLAINED;
	}
	free(ops);
	assert_int_equal(n_found, 20);
}

static void
too_much_to_remember_is_said(void **state)
{
	struct history_op ops[24];
	size_t stuck;

	(void)state;
	/* All overlap, and the last get excludes every order. */
	for (size_t i = 0; i < N_ROWS(ops) - 1; i++)
		ops[i] = (struct history_op){ 1, 100, i + 1, 0, HISTORY_PUT, HISTORY_PENDING };
	ops[N_ROWS(ops) - 1] = (struct history_op)GET(101, 102, 99);
	assert_int_equal(history_check(ops, N_ROWS(ops), 1 << 20, &stuck), HISTORY_UNDECIDED);
	assert_int_equal(history_check(ops, 8, ENOUGH_BYTES, &stuck), HISTORY_EXPLAINED);
	ops[8] = (struct history_op)GET(101, 102, 99);
	assert_int_equal(history_check(ops, 9, ENOUGH_BYTES, &stuck), HISTORY_UNEXPLAINED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_history_has_its_verdict),
		T(what_a_register_did_is_explained),
		T(one_get_of_the_future_or_of_the_past_is_found),
		T(too_much_to_remember_is_said),
	};

	return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
