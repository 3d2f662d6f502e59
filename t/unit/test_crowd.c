/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm_place.h"

#include "shm/crowd.h"
#include "shm/kin.h"

enum { MOST = 3 };

static int
open_usual(void **state)
{
	struct gs_table_spec spec = usual_spec();

	spec.max_per_owner = MOST;
	return begin_store(state, &spec);
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

	put_of(s, "a", "alice", NOW);
	put_of(s, "b", "alice", NOW + 1);
	put_of(s, "c", "alice", NOW + 2);
	atomic_store(&s->t->ctl->max_per_owner, 0);
	put_of(s, "d", "alice", NOW + 3);
	put_of(s, "e", "alice", NOW + 3);
	atomic_store(&s->t->ctl->max_per_owner, MOST);
	for (int i = 0; i < 2; i++) {
		struct gs_meta meta;

		/* The second one may be gone: it was judged as one of the others by the first. */
		if (peek_at(s, i == 0 ? "d" : "e", NOW + 3, &meta) < 0)
			continue;
		atomic_store(&s->c.page->crowding, gs_kin_hash(s->t, 0, "alice", 5));
		gs_crowd_end(s->t, &s->c, meta.birth, NOW + 3);
	}
	assert_true(!is_there(s, "a") && !is_there(s, "b") && is_there(s, "c") && is_there(s, "d") && is_there(s, "e"));
}

static uint64_t
noted(const struct store *s, uint32_t id)
{
	return atomic_load(&s->t->ctx[id].crowding);
}

static void
give(struct store *s, const char *key, const char *owner, bool by_put, uint64_t now_ms)
{
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(s->t, key);

	args.set = GS_SET_OWNER_BIT;
	args.owner = owner;
	args.owner_len = (uint32_t)strlen(owner);
	if (by_put)
		assert_int_equal(gs_kv_put(s->t, &s->c, &k, now_ms, "w", 1, &args, NULL), 0);
	else
		assert_int_equal(gs_kv_setattr(s->t, &s->c, &k, now_ms, &args), 0);
}

/* One that gets an owner, or another one, by a put or by a change of its attributes. */
static void
gift_beyond_the_limit_is_held_to_it_as_a_start(void **state)
{
	struct store *s = *state;

	for (int by_put = 0; by_put < 2; by_put++) {
		const char *owner = by_put ? "alice" : "bob";
		uint64_t now_ms = NOW + (uint64_t)by_put * MIN;

		put_of(s, by_put ? "pa" : "a", owner, now_ms);
		put_of(s, by_put ? "pb" : "b", owner, now_ms + 1);
		put_of(s, by_put ? "pc" : "c", owner, now_ms + 2);
		put_of(s, by_put ? "px" : "x", by_put ? NULL : "carol", now_ms - 1);
		/* to whom it belongs already, it is none more */
		give(s, by_put ? "pa" : "a", owner, by_put, now_ms + 3);
		assert_int_equal(counted(s, GS_COUNT_DISPLACED), by_put);
		assert_true(is_there(s, by_put ? "pb" : "b"));
		give(s, by_put ? "px" : "x", owner, by_put, now_ms + 4);
		assert_int_equal(counted(s, GS_COUNT_DISPLACED), by_put + 1);
		assert_true(is_there(s, by_put ? "px" : "x"));
		/* a setattr is no access: a is the one asked for longest ago, though it was given last */
		assert_true(is_there(s, by_put ? "pa" : "b") && !is_there(s, by_put ? "pb" : "a"));
		assert_int_equal(noted(s, 1), 0);
	}
}

/* Killed between the tentative entry and the commit: there is no session, and nobody ends for it. */
static void
start_that_was_never_committed_costs_nobody_a_session(void **state)
{
	struct store *s = *state;
	struct gs_key k = key_of(s->t, "d");
	struct gs_slot head;
	struct gs_hit hit;

	atomic_store(&s->t->ctl->max_per_owner, 0);
	for (int i = 0; i < 4; i++)
		put_of(s, (const char *[]){ "a", "b", "c", "d" }[i], "alice", NOW + (uint64_t)i);
	atomic_store(&s->t->ctl->max_per_owner, MOST);
	assert_int_equal(gs_kv_look_up(s->t, &s->c, &k, NOW + 9, &hit, &head), 1);
	atomic_store(hit.at, hit.entry | GS_ENTRY_TENT);
	atomic_store(&s->t->ctx[2].crowding, gs_kin_hash(s->t, 0, "alice", 5));
	gs_crowd_recover(s->t, &s->c, 2, NOW + 9);
	assert_int_equal(counted(s, GS_COUNT_DISPLACED), 0);
	atomic_store(hit.at, hit.entry);
	/* Committed, it counts. */
	atomic_store(&s->t->ctx[2].crowding, gs_kin_hash(s->t, 0, "alice", 5));
	gs_crowd_recover(s->t, &s->c, 2, NOW + 9);
	assert_int_equal(counted(s, GS_COUNT_DISPLACED), 1);
	assert_true(!is_there(s, "a") && is_there(s, "b") && is_there(s, "c") && is_there(s, "d"));
}

/* Between the publication and the pass. */
static void
pass_of_the_dead_is_made_up_for(void **state)
{
	struct store *s = *state;

	atomic_store(&s->t->ctl->max_per_owner, 0);
	for (int i = 0; i < 5; i++)
		put_of(s, (const char *[]){ "a", "b", "c", "d", "e" }[i], "alice", NOW + (uint64_t)i);
	put_of(s, "x", "bob", NOW);
	atomic_store(&s->t->ctl->max_per_owner, MOST);
	gs_crowd_recover(s->t, &s->c, 2, NOW + 9);
	assert_int_equal(counted(s, GS_COUNT_DISPLACED), 0);
	atomic_store(&s->t->ctx[2].crowding, gs_kin_hash(s->t, 0, "alice", 5));
	gs_crowd_recover(s->t, &s->c, 2, NOW + 9);
	assert_int_equal(noted(s, 2), 0);
	assert_int_equal(counted(s, GS_COUNT_DISPLACED), 2);
	assert_true(!is_there(s, "a") && !is_there(s, "b") && is_there(s, "c") && is_there(s, "d") && is_there(s, "e") && is_there(s, "x"));
}

/* Whoever is killed at any instant after the session is there leaves the note; who was refused leaves none. */
static void
note_stands_while_the_pass_is_owed(void **state)
{
	struct store *s = *state;
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(s->t, "a");

	put_of(s, "a", "alice", NOW);
	assert_int_equal(noted(s, 1), 0);
	args.set = GS_SET_OWNER_BIT;
	args.owner = "bob";
	args.owner_len = 3;
	args.if_version = 1;
	assert_int_equal(gs_kv_put(s->t, &s->c, &k, NOW, "v", 1, &args, NULL), GS_ECONFLICT);
	assert_int_equal(noted(s, 1), 0);
	/* no slot, and nobody who could go */
	s->t->arena[0].fd = -1;
	gs_slots_flush(s->t, &s->c);
	args.if_version = 0;
	k = key_of(s->t, "b");
	shut(s->t, ACTIVE);
	for (int i = 0; i < 1000; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "f%d", i);
		k = key_of(s->t, key);
		if (gs_kv_put(s->t, &s->c, &k, NOW, "v", 1, &args, NULL) < 0)
			break;
		assert_int_equal(noted(s, 1), 0);
	}
	assert_int_equal(noted(s, 1), 0);
}

/* A new name for the same session is none more, nor is the old one while it leads on. */
static void
rotation_at_the_limit_ends_nobody(void **state)
{
	struct store *s = *state;
	struct gs_key from = key_of(s->t, "a"), to = key_of(s->t, "n");
	unsigned char buf[1000];
	const struct gs_rotation r = { .from = &from, .to = &to, .grace_ms = MIN, .buf = buf, .wall_ns = 1 };

	put_of(s, "a", "alice", NOW);
	put_of(s, "b", "alice", NOW + 1);
	put_of(s, "c", "alice", NOW + 2);
	assert_int_equal(gs_kv_rotate(s->t, &s->c, NOW + 3, &r), 0);
	assert_true(is_there(s, "n") && is_there(s, "b") && is_there(s, "c"));
	assert_int_equal(counted(s, GS_COUNT_DISPLACED), 0);
	put_of(s, "d", "alice", NOW + 4);
	assert_int_equal(counted(s, GS_COUNT_DISPLACED), 1);
	assert_true(!is_there(s, "n") && is_there(s, "b") && is_there(s, "c") && is_there(s, "d"));
}

#define T_USUAL(name) cmocka_unit_test_setup_teardown(name, open_usual, end_clean)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T_USUAL(start_beyond_the_limit_ends_the_least_recently_used),
		T_USUAL(sessions_are_counted_and_not_their_records),
		T_USUAL(lower_limit_holds_from_the_next_start_on),
		T_USUAL(two_that_start_at_once_leave_no_more_than_the_limit),
		T_USUAL(gift_beyond_the_limit_is_held_to_it_as_a_start),
		T_USUAL(start_that_was_never_committed_costs_nobody_a_session),
		T_USUAL(pass_of_the_dead_is_made_up_for),
		T_USUAL(note_stands_while_the_pass_is_owed),
		T_USUAL(rotation_at_the_limit_ends_nobody),
	};

	return cmocka_run_group_tests_name("crowd", tests, NULL, NULL);
}
