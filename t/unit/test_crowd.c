/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm_place.h"

#include "shm/crowd.h"
#include "shm/kin.h"

enum { MOST = 3 };

static int
open_usual(void **state)
{
	struct store *s = calloc(1, sizeof(*s));
	struct gs_table_spec spec = usual_spec();

	assert_non_null(s);
	spec.max_per_owner = MOST;
	open_store(s, &spec);
	*state = s;
	return 0;
}

static int
close_clean(void **state)
{
	struct store *s = *state;

	assert_clean(s->t, NOW + HOUR);
	close_store(s);
	free(s);
	return 0;
}

static void
put_of(struct store *s, const char *key, const char *owner, uint64_t now_ms)
{
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(s->t, key);

	args.set = owner == NULL ? 0 : GS_SET_OWNER_BIT;
	args.owner = owner;
	args.owner_len = owner == NULL ? 0 : (uint32_t)strlen(owner);
	assert_true(gs_kv_put(s->t, &s->c, &k, now_ms, "v", 1, &args, NULL) >= 0);
}

static bool
is_there(struct store *s, const char *key)
{
	return peek_at(s, key, NOW, NULL) >= 0;
}

static void
start_beyond_the_limit_ends_the_least_recently_used(void **state)
{
	struct store *s = *state;

	put_of(s, "a", "alice", NOW);
	put_of(s, "b", "alice", NOW + 1);
	put_of(s, "c", "alice", NOW + 2);
	put_of(s, "x", "bob", NOW);
	put_of(s, "y", NULL, NOW);
	assert_true(is_there(s, "a") && is_there(s, "b") && is_there(s, "c"));
	assert_int_equal(get_at(s, "a", NOW + 3), 1);
	/* Wherever it is. */
	assert_int_equal(move_at(s, "b", NOW + 3, COLD), 0);
	put_of(s, "d", "alice", NOW + 4);
	assert_true(is_there(s, "a") && !is_there(s, "b") && is_there(s, "c") && is_there(s, "d"));
	put_of(s, "e", "alice", NOW + 5);
	assert_true(is_there(s, "a") && !is_there(s, "c") && is_there(s, "d") && is_there(s, "e"));
	assert_true(is_there(s, "x") && is_there(s, "y"));
	assert_int_equal(counted(s, GS_COUNT_DISPLACED), 2);
}

/* Replaced and moved, a session leaves records that rest: they are not counted. */
static void
sessions_are_counted_and_not_their_records(void **state)
{
	struct store *s = *state;

	for (int i = 0; i < 10; i++) {
		put_of(s, "a", "alice", NOW + (uint64_t)i);
		put_of(s, "b", "alice", NOW + (uint64_t)i);
		assert_int_equal(move_at(s, "b", NOW + (uint64_t)i, i % 2 == 0 ? WARM : COLD), 0);
	}
	put_of(s, "c", "alice", NOW + 20);
	assert_true(is_there(s, "a") && is_there(s, "b") && is_there(s, "c"));
	assert_int_equal(counted(s, GS_COUNT_DISPLACED), 0);
}

static void
lower_limit_holds_from_the_next_start_on(void **state)
{
	struct store *s = *state;
	char key[16];
	int n = 0;

	atomic_store(&s->t->ctl->max_per_owner, 0);
	for (int i = 0; i < 3 * GS_CROWD_ENDS; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		put_of(s, key, "alice", NOW + (uint64_t)i);
	}
	assert_int_equal(counted(s, GS_COUNT_DISPLACED), 0);
	atomic_store(&s->t->ctl->max_per_owner, MOST);
	put_of(s, "l0", "alice", NOW + 100);
	assert_int_equal(counted(s, GS_COUNT_DISPLACED), GS_CROWD_ENDS);
	put_of(s, "l1", "alice", NOW + 101);
	put_of(s, "l2", "alice", NOW + 102);
	put_of(s, "l3", "alice", NOW + 103);
	for (int i = 0; i < 3 * GS_CROWD_ENDS; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		n += is_there(s, key);
	}
	assert_int_equal(n, 0);
	assert_true(!is_there(s, "l0") && is_there(s, "l1") && is_there(s, "l2") && is_there(s, "l3"));
}

/* By another context between the start and its look. */
static void
two_that_start_at_once_leave_no_more_than_the_limit(void **state)
{
	struct store *s = *state;
	struct gs_draft d;

	put_of(s, "a", "alice", NOW);
	put_of(s, "b", "alice", NOW + 1);
	put_of(s, "c", "alice", NOW + 2);
	atomic_store(&s->t->ctl->max_per_owner, 0);
	put_of(s, "d", "alice", NOW + 3);
	put_of(s, "e", "alice", NOW + 3);
	atomic_store(&s->t->ctl->max_per_owner, MOST);
	memset(&d, 0, sizeof(d));
	d.owner = "alice";
	d.head.owner_len = 5;
	for (int i = 0; i < 2; i++) {
		struct gs_meta meta;

		/* The second one may be gone: it was judged as one of the others by the first. */
		if (peek_at(s, i == 0 ? "d" : "e", NOW + 3, &meta) < 0)
			continue;
		d.head.birth = meta.birth;
		gs_crowd_heed(s->t, &s->c, &d, NOW + 3);
	}
	assert_true(!is_there(s, "a") && !is_there(s, "b") && is_there(s, "c") && is_there(s, "d") && is_there(s, "e"));
}

#define T_USUAL(name) cmocka_unit_test_setup_teardown(name, open_usual, close_clean)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T_USUAL(start_beyond_the_limit_ends_the_least_recently_used),
		T_USUAL(sessions_are_counted_and_not_their_records),
		T_USUAL(lower_limit_holds_from_the_next_start_on),
		T_USUAL(two_that_start_at_once_leave_no_more_than_the_limit),
	};

	return cmocka_run_group_tests_name("crowd", tests, NULL, NULL);
}
