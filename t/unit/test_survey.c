/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_survey - what another law would do to a ring, counted in pieces: the same as session by session, and nothing changes.
 */
#include "shm_place.h"

#include "shm/survey.h"

enum { SESSIONS = 90 };

static uint64_t
rnd(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return *seed >> 33;
}

/* Sessions of all ages in active and warm; *seed decides. */
static void
fill(struct store *s, uint64_t *seed)
{
	char key[16];
	struct gs_key k;

	for (int i = 0; i < SESSIONS; i++) {
		uint64_t at_ms = NOW - rnd(seed) % (9 * MIN);

		(void)snprintf(key, sizeof(key), "k%d", i);
		k = key_of(s->t, key);
		assert_int_equal(put_at(s, key, "v", at_ms), 1);
		for (uint64_t n = rnd(seed) % 4; n > 0; n--)
			assert_int_equal(gs_kv_get(s->t, &s->c, &k, at_ms, NULL, 0, 0, NULL) == GS_ENOENT, 0);
		if (rnd(seed) % 3 == 0)
			assert_int_equal(gs_kv_move(s->t, &s->c, &k, NOW, WARM), 0);
	}
}

/* The same by looking each session up. */
static void
count_one_by_one(struct store *s, const struct gs_survey *law, uint64_t *sessions, uint64_t *leaving)
{
	struct gs_meta meta;

	*sessions = *leaving = 0;
	for (uint64_t o = 0; o < gs_table_entries(s->t); o++) {
		if (gs_kv_at(s->t, &s->c, o, law->now_ms, &meta) != 0 || meta.ring != law->ring)
			continue;
		(*sessions)++;
		*leaving += gs_decay_leaves_ms(meta.accessed_ms, meta.interest, law->ttl_ms, law->half_life_ms) < law->now_ms;
	}
}

static void
survey_counts_as_one_by_one_in_any_pieces(void **state)
{
	struct gs_table_spec spec = usual_spec();
	uint64_t seed = 4711, sessions, leaving, some = 0;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	fill(&s, &seed);
	for (int round = 0; round < 200; round++) {
		struct gs_survey v = { .ring = rnd(&seed) % 3 == 0 ? WARM : ACTIVE, .ttl_ms = rnd(&seed) % (10 * MIN), .half_life_ms = rnd(&seed) % MIN,
			.now_ms = NOW };
		uint64_t piece = 1 + rnd(&seed) % 1000;
		int steps = 0;

		count_one_by_one(&s, &v, &sessions, &leaving);
		while (!gs_survey_step(s.t, &v, piece))
			assert_true(++steps < 100000);
		if (v.sessions != sessions || v.leaving != leaving)
			fail_msg("round %d, seed 4711: %llu of %llu, not %llu of %llu", round, (unsigned long long)v.leaving,
			    (unsigned long long)v.sessions, (unsigned long long)leaving, (unsigned long long)sessions);
		some += leaving > 0 && leaving < sessions;
	}
	assert_true(some > 50);
	assert_int_equal(gs_ctx_total(s.t, GS_COUNT_DECAYED), 0);
	assert_clean(s.t, NOW);
	close_store(&s);
}

static void
over_is_not_counted(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct gs_survey v = { .ring = COLD, .ttl_ms = 1, .now_ms = NOW + 8 * DAY };
	struct store s;
	struct gs_key k;

	(void)state;
	open_store(&s, &spec);
	assert_int_equal(put_at(&s, "k", "v", NOW), 1);
	k = key_of(s.t, "k");
	assert_int_equal(gs_kv_move(s.t, &s.c, &k, NOW, COLD), 0);
	assert_true(gs_survey_step(s.t, &v, UINT64_MAX));
	assert_int_equal(v.sessions, 0);
	close_store(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(survey_counts_as_one_by_one_in_any_pieces),
		T(over_is_not_counted),
	};

	return cmocka_run_group_tests_name("survey", tests, NULL, NULL);
}
