/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/suspects.h"

#include <time.h>

#include "shm/quota.h"

/* Before S is a second. */
static inline _Atomic uint64_t *
rate_word(struct gs_slot *slot)
{
	return &slot->S;
}

#include "shm_place.h"

#define HOLDER UINT64_C(7)
#define OTHER UINT64_C(8)

enum { N_TICKS = 5 };

struct place {
	struct store s;
	struct gs_ctx daemon;		/* context 0 */
	struct suspects *list;
};

static void
open_place(struct place *p, const struct gs_table_spec *spec)
{
	const struct gs_quota_rules rules = {
		.hold_ms = 10 * S, .release_ms = MIN, .action = GS_QUOTA_REPORT, .expel_after = 5,
	};

	open_store(&p->s, spec);
	gs_quota_apply(p->s.t, &rules);
	assert_int_equal(gs_ctx_init(&p->daemon, p->s.t, GS_DAEMON_CTX), 0);
	p->list = suspects_new(p->s.t, &p->daemon);
	assert_non_null(p->list);
}

static int
set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	const struct gs_table_spec spec = usual_spec();

	assert_non_null(p);
	open_place(p, &spec);
	*state = p;
	return 0;
}

static int
tear_down(void **state)
{
	struct place *p = *state;

	suspects_free(&p->list);
	gs_ctx_fini(&p->daemon, p->s.t);
	close_store(&p->s);
	free(p);
	return 0;
}

/* Accuse a session where it is, as whoever finds it over its quota does, but tell nobody. */
static void
accuse(struct place *p, const char *key, uint32_t offences, uint64_t since_ms)
{
	struct gs_hit hit = hit_of(&p->s, key);

	atomic_store(&hit.slot->O, gs_timed(gs_offence(offences, since_ms), gs_entry_gen(hit.entry)));
}

/* What is printed; the caller frees it. */
static char *
printed(struct place *p, uint64_t now_ms, bool is_whole)
{
	char *text;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	suspects_print(p->list, now_ms, is_whole, to);
	assert_int_equal(fclose(to), 0);
	return text;
}

static void
assert_printed(struct place *p, uint64_t now_ms, const char *want)
{
	char *text = printed(p, now_ms, true);

	assert_string_equal(text, want);
	free(text);
}

/* What was lent, lines; the caller frees it. */
static char *
lent(struct place *p, struct suspects_wish w, uint64_t now_ms, size_t want)
{
	char *text;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	assert_int_equal(suspects_lend(p->list, &w, now_ms, to), want);
	assert_int_equal(fclose(to), 0);
	return text;
}

static uint64_t
lend_one(struct place *p, uint64_t holder, uint64_t now_ms)
{
	char *text = lent(p, (struct suspects_wish){ .holder = holder, .n = 1, .lease_ms = 1000 }, now_ms, 1);
	uint64_t id = strtoull(text, NULL, 10);

	free(text);
	assert_true(id != 0);
	return id;
}

static void
assert_none_to_lend(struct place *p, uint64_t holder, uint64_t now_ms)
{
	free(lent(p, (struct suspects_wish){ .holder = holder, .n = 10, .lease_ms = 1000 }, now_ms, 0));
}

static int
judge(struct place *p, struct gs_wire_verdict v, uint64_t holder, const char *key, uint64_t now_ms)
{
	struct gs_meta meta;

	return suspects_judge(p->list, &(struct suspects_verdict){ .v = v, .key = key, .key_len = strlen(key), .holder = holder }, now_ms, &meta);
}

/* ---- who is listed ---- */

static void
who_is_moved_to_the_suspects_is_listed_and_who_is_moved_out_is_not(void **state)
{
	struct place *p = *state;
	uint64_t revision = suspects_revision(p->list);

	assert_int_equal(put_at(&p->s, "a b", "v", NOW), 1);
	assert_int_equal(put_at(&p->s, "c", "v", NOW), 1);
	suspects_tick(p->list, NOW);
	assert_printed(p, NOW, "");
	assert_int_equal(suspects_revision(p->list), revision);
	assert_int_equal(move_at(&p->s, "a b", NOW, SUSPECT), 0);
	suspects_tick(p->list, NOW);
	assert_printed(p, NOW + 500, "a\\040b 0.00/s 1 500 held\n");
	assert_true(suspects_revision(p->list) > revision);
	revision = suspects_revision(p->list);
	suspects_tick(p->list, NOW + 500);
	assert_int_equal(suspects_revision(p->list), revision);
	assert_int_equal(move_at(&p->s, "a b", NOW, ACTIVE), 0);
	suspects_tick(p->list, NOW + 500);
	assert_printed(p, NOW + 500, "");
	assert_int_equal(suspects_count(p->list), 0);
	assert_true(suspects_revision(p->list) > revision);
}

static void
a_suspect_whose_record_is_written_anew_is_the_same_suspect(void **state)
{
	struct place *p = *state;
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(p->s.t, "k");
	uint64_t id;

	args.flags = GS_KV_INSPECT;
	start_in(&p->s, "k", SUSPECT, NOW);
	suspects_tick(p->list, NOW);
	id = lend_one(p, HOLDER, NOW);
	assert_int_equal(gs_kv_put(p->s.t, &p->s.c, &k, NOW, "other", 5, &args, NULL), 0);
	suspects_tick(p->list, NOW + 10);
	assert_int_equal(suspects_count(p->list), 1);
	assert_none_to_lend(p, OTHER, NOW + 10);
	assert_int_equal(judge(p, (struct gs_wire_verdict){ .id = id, .what = GS_JUDGE_EXPEL }, HOLDER, "k", NOW + 10), 0);
	assert_int_equal(peek_at(&p->s, "k", NOW + 10, NULL), GS_ENOENT);
}

static void
the_sweep_tells_of_those_accused_where_they_are(void **state)
{
	struct place *p = *state;
	struct gs_settled done;

	start_in(&p->s, "w", WARM, NOW);
	suspects_tick(p->list, NOW);		/* the first walk is over */
	accuse(p, "w", 1, NOW - 300);
	done = settle_at(&p->s, "w", NOW);
	assert_int_equal(done.what, GS_SETTLE_STAYS);
	suspects_note(p->list, &done.meta, NOW);
	assert_printed(p, NOW, "w 0.00/s 1 300 reported\n");
	/* It decays, and is accused still. */
	assert_int_equal(move_at(&p->s, "w", NOW, COLD), 0);
	suspects_tick(p->list, NOW);
	assert_printed(p, NOW, "w 0.00/s 1 300 reported\n");
	accuse(p, "w", 1, 0);
	suspects_tick(p->list, NOW);
	assert_printed(p, NOW, "");
}

static void
a_new_list_finds_everybody(void **state)
{
	struct place *p = *state;

	start_in(&p->s, "a", ACTIVE, NOW);
	start_in(&p->s, "c", COLD, NOW);
	start_in(&p->s, "s", SUSPECT, NOW);
	start_in(&p->s, "x", WARM, NOW);
	accuse(p, "a", 1, NOW);
	accuse(p, "c", 2, NOW);
	suspects_free(&p->list);
	p->list = suspects_new(p->s.t, &p->daemon);
	suspects_tick(p->list, NOW);
	assert_int_equal(suspects_count(p->list), 3);
}

static void
who_was_missed_is_found_by_the_walk(void **state)
{
	struct place *p = *state;
	int ticks = 0;

	start_in(&p->s, "a", COLD, NOW);
	suspects_tick(p->list, NOW);
	accuse(p, "a", 1, NOW);
	while (suspects_count(p->list) == 0 && ticks < 100) {
		suspects_tick(p->list, NOW);
		ticks++;
	}
	assert_in_range(ticks, 0, 1 + 2048 / SUSPECTS_WALK);
}

static void
the_list_is_bounded_and_who_is_beyond_is_counted_and_comes_when_there_is_room(void **state)
{
	struct place *p = *state;
	struct gs_table_spec spec = usual_spec();
	const uint32_t n = SUSPECTS_MAX + 10;
	char key[16];

	suspects_free(&p->list);
	gs_ctx_fini(&p->daemon, p->s.t);
	close_store(&p->s);
	spec.max_sessions = n;
	spec.record_size = 100;
	spec.slot_size[0] = gs_table_slot_bytes(GS_KEY_BYTES, GS_OWNER_BYTES, 100);
	spec.rings[SUSPECT].capacity = n;
	open_place(p, &spec);
	for (uint32_t i = 0; i < n; i++) {
		(void)snprintf(key, sizeof(key), "%u", i);
		start_in(&p->s, key, SUSPECT, NOW);
	}
	/* a piece at each tick, and all within a second's */
	for (int i = 0; i < N_TICKS; i++)
		suspects_tick(p->list, NOW);
	assert_int_equal(suspects_count(p->list), SUSPECTS_MAX);
	assert_true(counted(&p->s, GS_COUNT_UNLISTED) >= 10);
	for (uint32_t i = 0; i < 20; i++) {
		(void)snprintf(key, sizeof(key), "%u", i);
		assert_int_equal(del_at(&p->s, key, NOW), 0);
	}
	for (int i = 0; i < N_TICKS; i++)
		suspects_tick(p->list, NOW);
	assert_int_equal(suspects_count(p->list), n - 20);
}

static void
states_follow_time_and_offences(void **state)
{
	struct place *p = *state;

	start_in(&p->s, "k", SUSPECT, NOW);
	accuse(p, "k", 1, NOW);
	suspects_tick(p->list, NOW);
	assert_printed(p, NOW + 10 * S - 1, "k 0.00/s 1 9999 held\n");
	assert_printed(p, NOW + 10 * S, "k 0.00/s 1 10000 slow\n");
	accuse(p, "k", 5, NOW);
	assert_printed(p, NOW, "k 0.00/s 5 0 listed\n");
	free(lent(p, (struct suspects_wish){ .holder = HOLDER, .n = 1, .lease_ms = 1000, .min_offences = GS_WIRE_LISTED }, NOW, 1));
	assert_printed(p, NOW, "k 0.00/s 5 0 leased\n");
	assert_printed(p, NOW + 1001, "k 0.00/s 5 1001 listed\n");
}

static void
a_key_is_shown_whole_only_to_who_may_have_it(void **state)
{
	struct place *p = *state;
	char *text;

	start_in(&p->s, "abcdefghijklm", SUSPECT, NOW);
	suspects_tick(p->list, NOW);
	text = printed(p, NOW, false);
	assert_memory_equal(text, "abcdefgh~", 9);
	assert_null(strstr(text, "ijklm"));
	free(text);
}

/* ---- reapers ---- */

static void
nobody_is_lent_twice_and_a_loan_ends_with_its_time_or_its_holder(void **state)
{
	struct place *p = *state;
	uint64_t id;

	start_in(&p->s, "k", SUSPECT, NOW);
	suspects_tick(p->list, NOW);
	id = lend_one(p, HOLDER, NOW);
	assert_none_to_lend(p, OTHER, NOW + 1000);
	/* at its last ms it is lent still, and after that it is not */
	assert_int_equal(judge(p, (struct gs_wire_verdict){ .id = id, .what = GS_JUDGE_EXPEL }, OTHER, "k", NOW + 1000), GS_ESTALE);
	assert_int_equal(judge(p, (struct gs_wire_verdict){ .id = id, .what = GS_JUDGE_EXPEL }, HOLDER, "k", NOW + 1001), GS_ESTALE);
	assert_int_equal(lend_one(p, OTHER, NOW + 1001), id);
	suspects_let_go(p->list, HOLDER);
	assert_none_to_lend(p, HOLDER, NOW + 1002);
	suspects_let_go(p->list, OTHER);
	assert_int_equal(lend_one(p, HOLDER, NOW + 1002), id);
	assert_int_equal(peek_at(&p->s, "k", NOW, NULL), 1);
}

static void
who_was_left_alone_is_lent_again_after_a_while_or_an_offence(void **state)
{
	struct place *p = *state;
	uint64_t id;

	start_in(&p->s, "k", SUSPECT, NOW);
	accuse(p, "k", 1, NOW);
	suspects_tick(p->list, NOW);
	id = lend_one(p, HOLDER, NOW);
	assert_int_equal(judge(p, (struct gs_wire_verdict){ .id = id, .what = GS_JUDGE_LEAVE, .quiet_ms = 5000 }, HOLDER, "", NOW), 0);
	assert_none_to_lend(p, OTHER, NOW + 4999);
	assert_int_equal(lend_one(p, OTHER, NOW + 5000), id);
	assert_int_equal(judge(p, (struct gs_wire_verdict){ .id = id, .what = GS_JUDGE_LEAVE, .quiet_ms = 5000 }, OTHER, "", NOW + 5000), 0);
	accuse(p, "k", 2, NOW);
	suspects_tick(p->list, NOW + 5001);
	assert_int_equal(lend_one(p, OTHER, NOW + 5001), id);
}

static void
only_those_with_enough_offences_are_lent(void **state)
{
	struct place *p = *state;
	char *text;

	start_in(&p->s, "one", SUSPECT, NOW);
	start_in(&p->s, "three", SUSPECT, NOW);
	accuse(p, "one", 1, NOW);
	accuse(p, "three", 3, NOW);
	suspects_tick(p->list, NOW);
	free(lent(p, (struct suspects_wish){ .holder = HOLDER, .n = 10, .lease_ms = 1000, .min_offences = GS_WIRE_LISTED }, NOW, 0));
	text = lent(p, (struct suspects_wish){ .holder = HOLDER, .n = 10, .lease_ms = 1000, .min_offences = 3 }, NOW, 1);
	assert_non_null(strstr(text, " three 0.00/s 3 0 held\n"));
	free(text);
}

/* Half octaves over 2^-12 a second, in the word S. */
static void
set_rate(struct place *p, const char *key, uint32_t code)
{
	struct gs_hit hit = hit_of(&p->s, key);

	atomic_store(rate_word(hit.slot), gs_timed(gs_offence(code, NOW), gs_entry_gen(hit.entry)));
}

static void
only_those_with_enough_attempts_are_lent(void **state)
{
	struct place *p = *state;
	struct suspects_wish wish = { .holder = HOLDER, .n = 10, .lease_ms = 1000, .min_rate_per_h = 8 * 3600 };
	char *text;

	start_in(&p->s, "slow", SUSPECT, NOW);
	start_in(&p->s, "fast", SUSPECT, NOW);
	set_rate(p, "slow", 29);
	set_rate(p, "fast", 30);
	suspects_tick(p->list, NOW);
	text = lent(p, wish, NOW, 1);
	assert_non_null(strstr(text, " fast 8.00/s "));
	free(text);
	free(lent(p, wish, NOW, 0));
	set_rate(p, "slow", 31);
	text = lent(p, wish, NOW, 1);
	assert_non_null(strstr(text, " slow 11.31/s "));
	free(text);
}

static void
a_verdict_meets_the_session_that_was_lent_and_no_other_of_its_key(void **state)
{
	struct place *p = *state;
	uint64_t id;

	start_in(&p->s, "k", SUSPECT, NOW);
	suspects_tick(p->list, NOW);
	id = lend_one(p, HOLDER, NOW);
	assert_int_equal(del_at(&p->s, "k", NOW), 0);
	start_in(&p->s, "k", ACTIVE, NOW);
	assert_int_equal(judge(p, (struct gs_wire_verdict){ .id = id, .what = GS_JUDGE_EXPEL }, HOLDER, "k", NOW), GS_ENOENT);
	suspects_tick(p->list, NOW);
	assert_int_equal(judge(p, (struct gs_wire_verdict){ .id = id, .what = GS_JUDGE_EXPEL }, HOLDER, "k", NOW), GS_ENOENT);
	assert_int_equal(ring_of(&p->s, "k"), ACTIVE);
	assert_int_equal(counted(&p->s, GS_COUNT_EXPELLED), 0);
}

/* A key that was given up, and was used long after, is a suspect beside the one that it led to. */
static void
a_verdict_on_a_key_that_was_given_up_ends_that_key(void **state)
{
	struct place *p = *state;
	struct gs_key old = key_of(p->s.t, "old"), new = key_of(p->s.t, "new");
	char buf[1000];
	const struct gs_rotation r = { .from = &old, .to = &new, .grace_ms = 1000, .wall_ns = 1, .buf = buf };

	start_in(&p->s, "old", ACTIVE, NOW);
	assert_int_equal(gs_kv_rotate(p->s.t, &p->s.c, NOW, &r), 0);
	assert_int_equal(get_at(&p->s, "old", NOW + 1001), GS_ESTALE);
	suspects_tick(p->list, NOW + 1001);
	assert_int_equal(suspects_count(p->list), 2);
	for (int i = 0; i < 2; i++) {
		char *text = lent(p, (struct suspects_wish){ .holder = HOLDER, .n = 1, .lease_ms = 1000 }, NOW + 1001, 1);
		const struct gs_wire_verdict v = { .id = strtoull(text, NULL, 10), .what = GS_JUDGE_EXPEL };
		const char *key = strstr(text, " old ") != NULL ? "old" : "new";

		assert_int_equal(judge(p, v, HOLDER, key, NOW + 1001), 0);
		free(text);
	}
	assert_int_equal(suspects_count(p->list), 0);
	assert_int_equal(counted(&p->s, GS_COUNT_EXPELLED), 2);
	assert_int_equal(peek_at(&p->s, "new", NOW + 1001, NULL), GS_ENOENT);
	assert_clean(p->s.t, NOW + 1001);
}

static void
an_operator_judges_by_key(void **state)
{
	struct place *p = *state;
	struct gs_meta meta;

	start_in(&p->s, "s", SUSPECT, NOW);
	start_in(&p->s, "r", WARM, NOW);
	start_in(&p->s, "x", WARM, NOW);
	accuse(p, "r", 3, NOW);
	suspects_tick(p->list, NOW);
	(void)lend_one(p, HOLDER, NOW);
	assert_int_equal(judge(p, (struct gs_wire_verdict){ .what = GS_JUDGE_PARDON }, OTHER, "s", NOW), 0);
	assert_int_equal(ring_of(&p->s, "s"), ACTIVE);
	assert_int_equal(judge(p, (struct gs_wire_verdict){ .what = GS_JUDGE_PARDON }, OTHER, "r", NOW), 0);
	assert_int_equal(ring_of(&p->s, "r"), WARM);
	assert_int_equal(peek_at(&p->s, "r", NOW, &meta), 1);
	assert_int_equal(gs_offence_since_ms(meta.offence), 0);
	assert_int_equal(gs_offence_count(meta.offence), 3);
	assert_int_equal(counted(&p->s, GS_COUNT_PARDONED), 2);
	assert_int_equal(suspects_count(p->list), 0);
	assert_int_equal(judge(p, (struct gs_wire_verdict){ .what = GS_JUDGE_PARDON }, OTHER, "x", NOW), GS_ENOENT);
	assert_int_equal(judge(p, (struct gs_wire_verdict){ .what = GS_JUDGE_EXPEL }, OTHER, "x", NOW), 0);
	assert_int_equal(judge(p, (struct gs_wire_verdict){ .what = GS_JUDGE_EXPEL }, OTHER, "x", NOW), GS_ENOENT);
	assert_int_equal(counted(&p->s, GS_COUNT_EXPELLED), 1);
	assert_int_equal(counted(&p->s, GS_COUNT_ENDED), 0);
	assert_clean(p->s.t, NOW);
}

/* ---- against a model ---- */

enum { KEYS = 40, STEPS = 20000 };

struct model {
	bool lives, is_suspect, is_accused;
	uint64_t id;			/* while it is in the list under one name */
};

static void
do_one_thing(struct place *p, struct model *k, const char *key, uint64_t *seed)
{
	uint64_t id;

	switch (next_random(seed) % 7) {
	case 0:
		if (!k->lives)
			start_in(&p->s, key, ACTIVE, NOW);
		k->lives = true;
		return;
	case 1:
		assert_int_equal(del_at(&p->s, key, NOW), k->lives ? 0 : GS_ENOENT);
		*k = (struct model){ .lives = false };
		return;
	case 2:
		if (k->lives)
			assert_int_equal(move_at(&p->s, key, NOW, SUSPECT), 0);
		k->is_suspect = k->lives;
		return;
	case 3:
		if (k->lives)
			assert_int_equal(move_at(&p->s, key, NOW, WARM), 0);
		k->is_suspect = k->is_accused = false;
		if (k->lives)
			accuse(p, key, 0, 0);
		return;
	case 4:
		if (k->lives && !k->is_suspect)
			accuse(p, key, 1, NOW);
		k->is_accused = k->is_accused || (k->lives && !k->is_suspect);
		return;
	case 5:
		suspects_free(&p->list);
		p->list = suspects_new(p->s.t, &p->daemon);
		return;
	default:
		suspects_tick(p->list, NOW);
		if (suspects_count(p->list) == 0)
			return;
		id = lend_one(p, HOLDER, NOW);
		suspects_let_go(p->list, HOLDER);
		assert_int_equal(judge(p, (struct gs_wire_verdict){ .id = id, .what = GS_JUDGE_EXPEL }, HOLDER, key, NOW), GS_ESTALE);
	}
}

static void
assert_as_in_model(struct place *p, const struct model *m, uint64_t seed)
{
	char key[16], *text;
	size_t n = 0;

	for (int ticks = 0; ticks < 4; ticks++)
		suspects_tick(p->list, NOW);
	text = printed(p, NOW, true);
	for (int i = 0; i < KEYS; i++) {
		bool want = m[i].lives && (m[i].is_suspect || m[i].is_accused), is_there;

		(void)snprintf(key, sizeof(key), "k%02d ", i);
		is_there = strstr(text, key) != NULL;
		if (is_there != want)
			fail_msg("seed %" PRIu64 ": %s is %s in\n%s", seed, key, want ? "not" : "", text);
		n += want;
	}
	free(text);
	assert_int_equal(suspects_count(p->list), n);
}

static void
the_list_is_that_of_a_naive_model(void **state)
{
	struct place *p = *state;
	struct model m[KEYS] = { { .lives = false } };
	uint64_t seed = (uint64_t)(uintptr_t)p ^ (uint64_t)time(NULL), first = seed;
	char key[16];

	print_message("seed %" PRIu64 "\n", first);
	for (int step = 0; step < STEPS; step++) {
		int i = (int)(next_random(&seed) % KEYS);

		(void)snprintf(key, sizeof(key), "k%02d", i);
		do_one_thing(p, &m[i], key, &seed);
		if (step % 10 == 0)
			assert_as_in_model(p, m, first);
	}
	assert_clean(p->s.t, NOW);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(who_is_moved_to_the_suspects_is_listed_and_who_is_moved_out_is_not),
		TEST(a_suspect_whose_record_is_written_anew_is_the_same_suspect),
		TEST(the_sweep_tells_of_those_accused_where_they_are),
		TEST(a_new_list_finds_everybody),
		TEST(who_was_missed_is_found_by_the_walk),
		TEST(the_list_is_bounded_and_who_is_beyond_is_counted_and_comes_when_there_is_room),
		TEST(states_follow_time_and_offences),
		TEST(a_key_is_shown_whole_only_to_who_may_have_it),
		TEST(nobody_is_lent_twice_and_a_loan_ends_with_its_time_or_its_holder),
		TEST(who_was_left_alone_is_lent_again_after_a_while_or_an_offence),
		TEST(only_those_with_enough_offences_are_lent),
		TEST(only_those_with_enough_attempts_are_lent),
		TEST(a_verdict_meets_the_session_that_was_lent_and_no_other_of_its_key),
		TEST(a_verdict_on_a_key_that_was_given_up_ends_that_key),
		TEST(an_operator_judges_by_key),
		TEST(the_list_is_that_of_a_naive_model),
	};

	return cmocka_run_group_tests_name("suspects", tests, NULL, NULL);
}
