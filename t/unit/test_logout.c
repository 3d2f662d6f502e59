/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm_place.h"

#include "shm/kin.h"
#include "shm/logout.h"

static int
close_clean(void **state)
{
	const struct store *s = *state;

	assert_int_equal(atomic_load(&s->t->idx->marked), 0);
	return end_clean(state);
}

static int
put_by(struct store *s, struct gs_ctx *c, const char *key, const char *owner)
{
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(s->t, key);

	args.set = owner == NULL ? 0 : GS_SET_OWNER_BIT;
	args.owner = owner;
	args.owner_len = owner == NULL ? 0 : (uint32_t)strlen(owner);
	return gs_kv_put(s->t, c, &k, NOW, "v", 1, &args, NULL);
}

static uint64_t
logout(struct store *s, const char *owner)
{
	uint64_t n = UINT64_MAX;

	assert_int_equal(gs_logout_run(s->t, &s->c, gs_kin_hash(s->t, 0, owner, (uint32_t)strlen(owner)), NOW, &n), 0);
	return n;
}

static bool
is_there(struct store *s, const char *key)
{
	return peek_at(s, key, NOW, NULL) >= 0;
}

static void
all_rings_are_reached_and_no_other_owner(void **state)
{
	static const char *const keys[] = { "a", "b", "c", "d" };
	struct store *s = *state;

	for (uint32_t ring = ACTIVE; ring <= SUSPECT; ring++) {
		assert_int_equal(put_by(s, &s->c, keys[ring], "alice"), 1);
		assert_int_equal(move_at(s, keys[ring], NOW, ring), 0);
	}
	assert_int_equal(put_by(s, &s->c, "bob", "bob"), 1);
	assert_int_equal(put_by(s, &s->c, "none", NULL), 1);
	assert_int_equal(put_by(s, &s->c, "alicea", "alicea"), 1);
	assert_int_equal(logout(s, "alice"), 4);
	for (uint32_t ring = ACTIVE; ring <= SUSPECT; ring++)
		assert_false(is_there(s, keys[ring]));
	assert_true(is_there(s, "bob") && is_there(s, "none") && is_there(s, "alicea"));
	assert_int_equal(counted(s, GS_COUNT_LOGGED_OUT), 4);
	assert_int_equal(logout(s, "alice"), 0);
}

/* All within one ms: the clock does not tell them apart. */
static void
new_login_lives_and_ends_with_the_next_logout(void **state)
{
	struct store *s = *state;
	char key[2] = "a";

	for (; key[0] < 'f'; key[0]++) {
		assert_int_equal(put_by(s, &s->c, key, "alice"), 1);
		assert_true(is_there(s, key));
		assert_int_equal(logout(s, "alice"), 1);
		assert_false(is_there(s, key));
	}
}

static void
key_of_an_ended_session_is_refused(void **state)
{
	struct store *s = *state;

	assert_int_equal(put_by(s, &s->c, "a", "alice"), 1);
	assert_int_equal(logout(s, "alice"), 1);
	assert_int_equal(put_by(s, &s->c, "a", NULL), GS_ESTALE);
	assert_int_equal(put_by(s, &s->c, "a", "alice"), GS_ESTALE);
	assert_int_equal(put_by(s, &s->c, "b", "alice"), 1);
}

/* What a logout does until its pass, by hand. */
static void
mark_by_hand(struct store *s, const char *owner, uint64_t at_ms, uint32_t ctx)
{
	struct gs_mark *mark = &s->t->idx->mark[3];

	atomic_store(&mark->owner, gs_kin_hash(s->t, 0, owner, (uint32_t)strlen(owner)));
	atomic_store(&mark->at_ms, at_ms);
	atomic_store(&mark->M, gs_word(9, ctx, GS_MARK_SET));
	atomic_fetch_or(&s->t->idx->marked, UINT64_C(1) << 3);
}

static void
unmark(struct store *s)
{
	atomic_store(&s->t->idx->marked, 0);
	atomic_store(&s->t->idx->mark[3].M, 0);
}

static void
writer_ends_what_he_published_under_a_mark(void **state)
{
	struct store *s = *state;

	assert_int_equal(put_by(s, &s->c, "a", "alice"), 1);
	assert_int_equal(put_by(s, &s->c, "b", "alice"), 1);
	assert_int_equal(put_by(s, &s->c, "c", "bob"), 1);
	mark_by_hand(s, "alice", NOW, 2);
	assert_int_equal(put_by(s, &s->c, "a", NULL), 0);
	assert_false(is_there(s, "a"));
	assert_int_equal(move_at(s, "b", NOW, WARM), 0);
	assert_false(is_there(s, "b"));
	assert_int_equal(put_by(s, &s->c, "c", NULL), 0);
	assert_true(is_there(s, "c"));
	unmark(s);
}

static void
start_under_a_mark_is_dated_behind_it(void **state)
{
	struct store *s = *state;
	struct gs_meta meta;

	mark_by_hand(s, "alice", NOW + 5, 2);
	assert_int_equal(put_by(s, &s->c, "a", "alice"), 1);
	assert_true(peek_at(s, "a", NOW, &meta) >= 0);
	assert_int_equal(meta.created_ms, NOW + 6);
	assert_int_equal(put_by(s, &s->c, "b", "bob"), 1);
	assert_true(peek_at(s, "b", NOW, &meta) >= 0);
	assert_int_equal(meta.created_ms, NOW);
	unmark(s);
}

static void
logout_of_the_dead_is_ended_by_the_daemon(void **state)
{
	struct store *s = *state;

	assert_int_equal(put_by(s, &s->c, "a", "alice"), 1);
	mark_by_hand(s, "alice", NOW, 2);
	assert_int_equal(gs_logout_finish(s->t, &s->c), 0);
	gs_logout_recover(s->t, &s->c, 2);
	assert_int_equal(gs_logout_finish(s->t, &s->c), 1);
	assert_false(is_there(s, "a"));
	assert_int_equal(gs_logout_finish(s->t, &s->c), 0);
}

/* Of a mark that was being filled nobody knows whom it meant. */
static void
logout_that_did_not_begin_is_forgotten(void **state)
{
	struct store *s = *state;

	assert_int_equal(put_by(s, &s->c, "a", "alice"), 1);
	atomic_store(&s->t->idx->mark[3].M, gs_word(9, 2, GS_MARK_FILLING));
	gs_logout_recover(s->t, &s->c, 2);
	assert_int_equal(gs_logout_finish(s->t, &s->c), 0);
	assert_true(is_there(s, "a"));
	assert_int_equal(gs_word_state(atomic_load(&s->t->idx->mark[3].M)), GS_MARK_FREE);
}

static void
look_of_the_dead_is_made_up_for(void **state)
{
	struct store *s = *state;

	assert_int_equal(put_by(s, &s->c, "a", "alice"), 1);
	atomic_store(&s->t->ctx[2].publishing, gs_entry_addr(hit_of(s, "a").entry) + 1);
	gs_logout_recover(s->t, &s->c, 2);
	assert_true(is_there(s, "a"));
	atomic_store(&s->t->ctx[2].publishing, gs_entry_addr(hit_of(s, "a").entry) + 1);
	mark_by_hand(s, "alice", NOW, 1);
	gs_logout_recover(s->t, &s->c, 2);
	assert_false(is_there(s, "a"));
	assert_int_equal(atomic_load(&s->t->ctx[2].publishing), 0);
	unmark(s);
}

static void
more_logouts_than_marks_are_refused(void **state)
{
	struct store *s = *state;
	uint64_t n;

	for (int i = 0; i < GS_MARKS; i++)
		atomic_store(&s->t->idx->mark[i].M, gs_word(1, 2, GS_MARK_SET));
	assert_int_equal(gs_logout_run(s->t, &s->c, gs_kin_hash(s->t, 0, "alice", 5), NOW, &n), GS_EBUSY);
	assert_int_equal(n, 0);
	for (int i = 0; i < GS_MARKS; i++)
		atomic_store(&s->t->idx->mark[i].M, 0);
}

#define T_USUAL(name) cmocka_unit_test_setup_teardown(name, begin_usual, close_clean)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T_USUAL(all_rings_are_reached_and_no_other_owner),
		T_USUAL(new_login_lives_and_ends_with_the_next_logout),
		T_USUAL(key_of_an_ended_session_is_refused),
		T_USUAL(writer_ends_what_he_published_under_a_mark),
		T_USUAL(start_under_a_mark_is_dated_behind_it),
		T_USUAL(logout_of_the_dead_is_ended_by_the_daemon),
		T_USUAL(logout_that_did_not_begin_is_forgotten),
		T_USUAL(look_of_the_dead_is_made_up_for),
		T_USUAL(more_logouts_than_marks_are_refused),
	};

	return cmocka_run_group_tests_name("logout", tests, NULL, NULL);
}
