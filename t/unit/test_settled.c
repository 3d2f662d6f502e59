/* SPDX-License-Identifier: BSD-2-Clause */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/settled.h"

enum { PATHS = 4, ROUNDS = 20000, READERS = 3 };

static const struct settled_stamp first = { .epoch = 7, .turn = 1 }, changed = { .epoch = 8, .turn = 1 }, another = { .epoch = 7, .turn = 2 };

static int
set_up(void **state)
{
	*state = settled_new(PATHS);
	return *state == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	struct settled *s = *state;

	settled_free(&s);
	return s == NULL ? 0 : -1;
}

static bool
knows_mode(struct settled *s, uint32_t path, const struct settled_stamp *now, uint32_t want)
{
	uint32_t mode = 0;

	return settled_mode(s, path, now, &mode) && mode == want;
}

static bool
knows_text(struct settled *s, uint32_t path, const struct settled_stamp *now, const char *want)
{
	char *text;
	size_t len = 0;
	bool knows = settled_text(s, path, now, &text, &len);

	assert_true(knows == (text != NULL));
	if (knows) {
		assert_int_equal(len, strlen(want));
		assert_string_equal(text, want);
	}
	free(text);
	return knows;
}

static void
what_was_told_is_known_as_of_the_same_stamp_only(void **state)
{
	assert_false(knows_mode(*state, 1, &first, 0640));
	settled_put_mode(*state, 1, &first, 7, 0640);
	settled_put_text(*state, 1, &first, "5m\n", 3);
	assert_true(knows_mode(*state, 1, &first, 0640));
	assert_true(knows_text(*state, 1, &first, "5m\n"));
	/* Another path, a setting changed, another daemon. */
	assert_false(knows_mode(*state, 2, &first, 0640));
	assert_false(knows_text(*state, 2, &first, ""));
	assert_false(knows_mode(*state, 1, &changed, 0640));
	assert_false(knows_text(*state, 1, &changed, ""));
	assert_false(knows_mode(*state, 1, &another, 0640));
	assert_false(knows_text(*state, 1, &another, ""));
}

static void
a_new_line_takes_the_text_of_before_away(void **state)
{
	settled_put_mode(*state, 1, &first, 7, 0640);
	settled_put_text(*state, 1, &first, "5m\n", 3);
	settled_put_mode(*state, 1, &changed, 8, 0440);
	assert_true(knows_mode(*state, 1, &changed, 0440));
	assert_false(knows_text(*state, 1, &changed, ""));
	assert_false(knows_text(*state, 1, &first, ""));
	/* What was asked for before comes late. */
	settled_put_text(*state, 1, &first, "5m\n", 3);
	assert_false(knows_text(*state, 1, &changed, ""));
	settled_put_text(*state, 1, &changed, "6m\n", 3);
	assert_true(knows_text(*state, 1, &changed, "6m\n"));
	settled_put_mode(*state, 1, &changed, 8, 0440);
	assert_true(knows_text(*state, 1, &changed, "6m\n"));
}

static void
a_daemon_of_other_memory_is_not_believed(void **state)
{
	settled_put_mode(*state, 1, &first, 70, 0640);
	settled_put_text(*state, 1, &first, "5m\n", 3);
	assert_false(knows_mode(*state, 1, &first, 0640));
	assert_false(knows_text(*state, 1, &first, ""));
}

static void
a_daemon_that_tells_no_number_is_not_believed(void **state)
{
	const struct settled_stamp none = { .epoch = 0, .turn = 1 };

	settled_put_mode(*state, 1, &none, 0, 0640);
	settled_put_text(*state, 1, &none, "5m\n", 3);
	assert_false(knows_mode(*state, 1, &none, 0640));
	assert_false(knows_text(*state, 1, &none, ""));
}

static void
nothing_long_is_kept_and_nothing_beyond_the_last_path(void **state)
{
	char text[SETTLED_TEXT_BYTES + 2];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	settled_put_mode(*state, 1, &first, 7, 0640);
	settled_put_text(*state, 1, &first, text, SETTLED_TEXT_BYTES + 1);
	assert_false(knows_text(*state, 1, &first, ""));
	settled_put_text(*state, 1, &first, text, SETTLED_TEXT_BYTES);
	text[SETTLED_TEXT_BYTES] = '\0';
	assert_true(knows_text(*state, 1, &first, text));
	settled_put_mode(*state, PATHS, &first, 7, 0640);
	assert_false(knows_mode(*state, PATHS, &first, 0640));
}

/* A path whose text is its stamp: who asks as of a stamp is given no other's. */
struct shared {
	struct settled *s;
	_Atomic uint64_t epoch, hits;
	atomic_bool is_over;
};

static void *
read_on(void *arg)
{
	struct shared *sh = arg;
	struct settled_stamp now = { .turn = 1 };
	char *text;
	size_t len;

	while (!atomic_load(&sh->is_over)) {
		now.epoch = atomic_load(&sh->epoch);
		if (!settled_text(sh->s, 1, &now, &text, &len))
			continue;
		if (strtoull(text, NULL, 10) != now.epoch || strlen(text) != len)
			abort();
		free(text);
		atomic_fetch_add(&sh->hits, 1);
	}
	return NULL;
}

static void
threads_are_never_given_the_text_of_another_stamp(void **state)
{
	struct shared sh = { .s = *state, .epoch = 1 };
	pthread_t readers[READERS];
	char text[32];

	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_on, &sh), 0);
	for (uint64_t e = 1; e <= ROUNDS || atomic_load(&sh.hits) == 0; e++) {
		const struct settled_stamp now = { .epoch = e, .turn = 1 };

		(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)e);
		atomic_store(&sh.epoch, e);
		settled_put_mode(sh.s, 1, &now, e, 0640);
		settled_put_text(sh.s, 1, &now, text, strlen(text));
	}
	atomic_store(&sh.is_over, true);
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_join(readers[i], NULL), 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(what_was_told_is_known_as_of_the_same_stamp_only),
		test(a_new_line_takes_the_text_of_before_away),
		test(a_daemon_of_other_memory_is_not_believed),
		test(a_daemon_that_tells_no_number_is_not_believed),
		test(nothing_long_is_kept_and_nothing_beyond_the_last_path),
		test(threads_are_never_given_the_text_of_another_stamp),
	};

	return cmocka_run_group_tests_name("settled", tests, NULL, NULL);
}
