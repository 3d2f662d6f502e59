/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_tomb - what was ended does not come back: tombstones alone, under put and del, and between threads.
 *
 * The seed is printed; GS_SEED=n runs that one again.
 */
#include "shm_place.h"

#include <pthread.h>
#include <time.h>

#include "shm/tomb.h"

enum { THREADS = 4, KEYS = 200, STEPS = 60000, ROUNDS = 30000 };

#define UNTIL (NOW + HOUR)

static uint64_t seed;

static struct gs_table_spec
mortal_spec(void)
{
	struct gs_table_spec spec = usual_spec();

	spec.max_lifetime_ms = 2 * HOUR;
	return spec;
}

static int
end_at(struct store *s, const char *key, enum gs_tomb_kind kind, uint64_t now_ms)
{
	const struct gs_ending how = { .kind = kind };
	struct gs_key k = key_of(s->t, key);

	return gs_kv_end(s->t, &s->c, &k, now_ms, &how);
}

static enum gs_tomb_kind
tomb_at(const struct store *s, const char *key, uint64_t now_ms)
{
	return gs_tomb_find(s->t, key_of(s->t, key).hash, now_ms);
}

/* ---- alone ---- */

/* A hash whose window is number w. */
static uint64_t
hash_in(const struct gs_table *t, uint64_t w, uint64_t *rng)
{
	uint64_t step = UINT64_MAX / (t->n_tombs / GS_TOMB_WAYS);

	return w * step + step / 4 + (next_random(rng) << 20 | next_random(rng)) % (step / 2);
}

static void
tombstone_stands_until_its_time_is_over(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;

	(void)state;
	open_store(&s, &spec);
	assert_int_equal(gs_tomb_find(s.t, 0, NOW), GS_TOMB_NONE);
	assert_false(gs_tomb_may_refuse(s.t, NOW));
	assert_true(gs_tomb_leave(s.t, 0, GS_TOMB_PLAIN, UNTIL, NOW));
	assert_false(gs_tomb_may_refuse(s.t, NOW));
	assert_int_equal(gs_tomb_find(s.t, 0, UNTIL), GS_TOMB_PLAIN);
	assert_int_equal(gs_tomb_find(s.t, 0, UNTIL + 1), GS_TOMB_NONE);
	assert_int_equal(gs_tomb_find(s.t, 1, NOW), GS_TOMB_NONE);
	/* What is over leaves none. */
	assert_true(gs_tomb_leave(s.t, 5, GS_TOMB_FINAL, NOW - 1, NOW));
	assert_int_equal(gs_tomb_count(s.t, GS_TOMB_FINAL, NOW - 1), 0);
	/* The later of two times counts, and final stays. */
	assert_true(gs_tomb_leave(s.t, 0, GS_TOMB_FINAL, UNTIL - 1, NOW));
	assert_true(gs_tomb_leave(s.t, 0, GS_TOMB_PLAIN, UNTIL + 9, NOW));
	assert_int_equal(gs_tomb_find(s.t, 0, UNTIL + 9), GS_TOMB_FINAL);
	assert_int_equal(gs_tomb_find(s.t, 0, UNTIL + 10), GS_TOMB_NONE);
	assert_int_equal(gs_tomb_count(s.t, GS_TOMB_FINAL, NOW), 1);
	assert_int_equal(gs_tomb_count(s.t, GS_TOMB_PLAIN, NOW), 0);
	assert_true(gs_tomb_may_refuse(s.t, UNTIL + 9));
	/* One that never ends. */
	assert_true(gs_tomb_leave(s.t, UINT64_MAX, GS_TOMB_FINAL, UINT64_MAX, NOW));
	assert_int_equal(gs_tomb_find(s.t, UINT64_MAX, GS_TIME_NEVER), GS_TOMB_FINAL);
	assert_true(gs_tomb_may_refuse(s.t, GS_TIME_NEVER));
	close_store(&s);
}

/* Of a full window the one that ends soonest goes, and no final one for one that is not. */
static void
full_window_loses_what_ends_soonest(void **state)
{
	struct gs_table_spec spec = usual_spec();
	uint64_t hash[GS_TOMB_WAYS + 4], rng = 7;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	for (uint64_t i = 0; i < N_ROWS(hash); i++)
		hash[i] = hash_in(s.t, 3, &rng);
	for (uint64_t i = 0; i < GS_TOMB_WAYS; i++)
		assert_true(gs_tomb_leave(s.t, hash[i], i == 0 ? GS_TOMB_FINAL : GS_TOMB_PLAIN, NOW + 100 + i, NOW));
	/* Ours ends soonest: it is the one that is lost. */
	assert_false(gs_tomb_leave(s.t, hash[8], GS_TOMB_PLAIN, NOW + 50, NOW));
	assert_int_equal(gs_tomb_find(s.t, hash[8], NOW), GS_TOMB_NONE);
	/* The plain one that ends soonest goes, although a final one ends sooner. */
	assert_false(gs_tomb_leave(s.t, hash[8], GS_TOMB_PLAIN, NOW + 900, NOW));
	assert_int_equal(gs_tomb_find(s.t, hash[8], NOW), GS_TOMB_PLAIN);
	assert_int_equal(gs_tomb_find(s.t, hash[1], NOW), GS_TOMB_NONE);
	assert_int_equal(gs_tomb_find(s.t, hash[0], NOW), GS_TOMB_FINAL);
	/* A final one takes the place of a plain one that ends later. */
	assert_false(gs_tomb_leave(s.t, hash[9], GS_TOMB_FINAL, NOW + 10, NOW));
	assert_int_equal(gs_tomb_find(s.t, hash[9], NOW), GS_TOMB_FINAL);
	assert_int_equal(gs_tomb_find(s.t, hash[2], NOW), GS_TOMB_NONE);
	/* Whose time is over makes room without loss. */
	assert_true(gs_tomb_leave(s.t, hash[10], GS_TOMB_PLAIN, NOW + 900, NOW + 11));
	assert_int_equal(gs_tomb_find(s.t, hash[10], NOW + 11), GS_TOMB_PLAIN);
	assert_int_equal(gs_tomb_find(s.t, hash[9], NOW + 11), GS_TOMB_NONE);
	/* Another window is not touched. */
	assert_true(gs_tomb_leave(s.t, hash_in(s.t, 4, &rng), GS_TOMB_PLAIN, NOW + 1, NOW));
	close_store(&s);
}

struct stone {
	uint64_t hash, until_ms;
	enum gs_tomb_kind kind;
};

/* At most 8 to a window, so that none is lost: then all that counts is key, time and kind. */
static void
random_tombstones_are_those_of_the_model(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct stone m[KEYS] = { { 0 } };
	uint64_t rng = seed, now_ms = NOW;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	for (uint64_t i = 0; i < KEYS; i++)
		m[i].hash = hash_in(s.t, i / 8, &rng);
	for (int step = 0; step < STEPS; step++) {
		struct stone *k = &m[next_random(&rng) % KEYS];
		bool stands = k->kind != GS_TOMB_NONE && k->until_ms >= now_ms;

		if (next_random(&rng) % 3 == 0) {
			enum gs_tomb_kind kind = next_random(&rng) % 2 == 0 ? GS_TOMB_PLAIN : GS_TOMB_FINAL;
			uint64_t until_ms = now_ms + next_random(&rng) % 200;

			assert_true(gs_tomb_leave(s.t, k->hash, kind, until_ms, now_ms));
			k->kind = stands ? (kind > k->kind ? kind : k->kind) : kind;
			k->until_ms = stands ? gs_max_u64(until_ms, k->until_ms) : until_ms;
		} else if (gs_tomb_find(s.t, k->hash, now_ms) != (stands ? k->kind : GS_TOMB_NONE)) {
			fail_msg("seed %" PRIu64 ", step %d: %d stands where the model has %d", seed, step, gs_tomb_find(s.t, k->hash, now_ms),
			    stands ? (int)k->kind : 0);
		}
		now_ms += next_random(&rng) % 2;
	}
	close_store(&s);
}

/* ---- under put and del ---- */

static void
plain_end_lets_the_key_start_again(void **state)
{
	struct gs_table_spec spec = mortal_spec();
	struct store s;

	(void)state;
	open_store(&s, &spec);
	assert_int_equal(put_at(&s, "k", "v", NOW), 1);
	assert_int_equal(tomb_at(&s, "k", NOW), GS_TOMB_NONE);
	assert_int_equal(del_at(&s, "k", NOW + 1), 0);
	assert_int_equal(tomb_at(&s, "k", NOW + 2 * HOUR), GS_TOMB_PLAIN);
	assert_int_equal(tomb_at(&s, "k", NOW + 2 * HOUR + 1), GS_TOMB_NONE);
	assert_int_equal(put_at(&s, "k", "v", NOW + 2), 1);
	assert_int_equal(del_at(&s, "k", NOW + 3), 0);
	assert_int_equal(tomb_at(&s, "k", NOW + 2 * HOUR + 2), GS_TOMB_PLAIN);
	assert_clean(s.t, NOW);
	close_store(&s);
}

static void
final_end_refuses_the_key_until_the_deadline(void **state)
{
	struct gs_table_spec spec = mortal_spec();
	struct store s;

	(void)state;
	open_store(&s, &spec);
	assert_int_equal(put_at(&s, "k", "v", NOW), 1);
	assert_int_equal(end_at(&s, "k", GS_TOMB_FINAL, NOW + 1), 0);
	assert_int_equal(peek_at(&s, "k", NOW + 1, NULL), GS_ENOENT);
	assert_int_equal(put_at(&s, "k", "v", NOW + 2 * HOUR), GS_ESTALE);
	assert_int_equal(counted(&s, GS_COUNT_STALE), 1);
	assert_int_equal(end_at(&s, "k", GS_TOMB_FINAL, NOW + 2), GS_ENOENT);
	assert_int_equal(put_at(&s, "other", "v", NOW + 2), 1);
	assert_int_equal(put_at(&s, "k", "v", NOW + 2 * HOUR + 1), 1);
	assert_clean(s.t, NOW + 2 * HOUR + 1);
	close_store(&s);
}

static void
table_may_make_every_end_final(void **state)
{
	struct gs_table_spec spec = mortal_spec();
	struct gs_meta m;
	struct gs_key k;
	struct store s;

	(void)state;
	spec.ended = GS_ENDED_FINAL;
	open_store(&s, &spec);
	k = key_of(s.t, "k");
	assert_int_equal(put_at(&s, "k", "v", NOW), 1);
	assert_int_equal(peek_at(&s, "k", NOW, &m), 1);
	/* A version that is not there leaves nothing behind. */
	assert_int_equal(gs_kv_del(s.t, &s.c, &k, NOW, m.version + 1), GS_ECONFLICT);
	assert_int_not_equal(tomb_at(&s, "k", NOW), GS_TOMB_FINAL);
	assert_int_equal(put_at(&s, "k", "w", NOW), 0);
	assert_int_equal(peek_at(&s, "k", NOW, &m), 1);
	assert_int_equal(gs_kv_del(s.t, &s.c, &k, NOW, m.version), 0);
	assert_int_equal(tomb_at(&s, "k", NOW), GS_TOMB_FINAL);
	assert_int_equal(put_at(&s, "k", "v", NOW + 1), GS_ESTALE);
	assert_int_equal(put_at(&s, "l", "v", NOW), 1);
	assert_int_equal(del_at(&s, "l", NOW), 0);
	assert_int_equal(put_at(&s, "l", "v", NOW), GS_ESTALE);
	assert_clean(s.t, NOW);
	close_store(&s);
}

/* Also one that ends for want of interest: a copy of it must not come back. At its deadline there is nothing to come back. */
static void
expiry_leaves_a_plain_one(void **state)
{
	struct gs_table_spec spec = mortal_spec();
	struct gs_put_args args = plain_args();
	struct gs_key k;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	k = key_of(s.t, "brief");
	args.set = GS_SET_TTL_BIT;
	args.ttl_ms = MIN;
	assert_int_equal(gs_kv_put(s.t, &s.c, &k, NOW, "v", 1, &args, NULL), 1);
	assert_int_equal(settle_at(&s, "brief", NOW + MIN + 1).what, GS_SETTLE_EXPIRED);
	assert_int_equal(tomb_at(&s, "brief", NOW + 2 * HOUR), GS_TOMB_PLAIN);
	assert_int_equal(put_at(&s, "old", "v", NOW), 1);
	assert_int_equal(settle_at(&s, "old", NOW + 2 * HOUR + 1).what, GS_SETTLE_EXPIRED);
	assert_int_equal(tomb_at(&s, "old", NOW), GS_TOMB_NONE);
	/* What brings copies back is refused by it. */
	args = plain_args();
	args.flags = GS_KV_NOT_ENDED | GS_KV_INSPECT;
	assert_int_equal(gs_kv_put(s.t, &s.c, &k, NOW + 2 * MIN, "v", 1, &args, NULL), GS_ESTALE);
	k = key_of(s.t, "old");
	assert_int_equal(gs_kv_put(s.t, &s.c, &k, NOW + 2 * MIN, "v", 1, &args, NULL), 1);
	assert_clean(s.t, NOW + 2 * MIN);
	close_store(&s);
}

static void
session_is_ended_at_its_entry_by_birth(void **state)
{
	struct gs_table_spec spec = mortal_spec();
	struct gs_meta m;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	assert_int_equal(put_at(&s, "k", "v", NOW), 1);
	assert_int_equal(peek_at(&s, "k", NOW, &m), 1);
	assert_int_equal(gs_kv_end_at(s.t, &s.c, m.ordinal, m.birth + 1, GS_TOMB_FINAL, NOW), GS_ENOENT);
	assert_int_equal(tomb_at(&s, "k", NOW), GS_TOMB_NONE);
	assert_int_equal(gs_kv_end_at(s.t, &s.c, m.ordinal, m.birth, GS_TOMB_FINAL, NOW), 0);
	assert_int_equal(gs_kv_end_at(s.t, &s.c, m.ordinal, m.birth, GS_TOMB_FINAL, NOW), GS_ENOENT);
	assert_int_equal(put_at(&s, "k", "v", NOW), GS_ESTALE);
	assert_clean(s.t, NOW);
	close_store(&s);
}

/* Who died between the tombstone and the entry: recovery ends what stands there, and the audit knows the law. */
static void
recovery_completes_an_end(void **state)
{
	struct gs_table_spec spec = mortal_spec();
	struct gs_audit a;
	struct gs_key k;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	k = key_of(s.t, "k");
	assert_int_equal(put_at(&s, "k", "v", NOW), 1);
	assert_int_equal(put_at(&s, "other", "v", NOW), 1);
	atomic_store(&s.t->ctx[2].op_end, k.hash);
	assert_true(gs_tomb_leave(s.t, k.hash, GS_TOMB_FINAL, NOW + 2 * HOUR, NOW));
	gs_audit_run(s.t, NOW, &a, NULL);
	assert_int_equal(a.broken[12], 0);
	(void)gs_recover_ctx(s.t, 2);
	assert_int_equal(atomic_load(&s.t->ctx[2].op_end), 0);
	assert_int_equal(peek_at(&s, "k", NOW, NULL), GS_ENOENT);
	assert_int_equal(peek_at(&s, "other", NOW, NULL), 1);
	assert_clean(s.t, NOW);
	/* And what nobody is ending breaks the law. */
	assert_true(gs_tomb_leave(s.t, key_of(s.t, "other").hash, GS_TOMB_FINAL, NOW + 2 * HOUR, NOW));
	gs_audit_run(s.t, NOW, &a, NULL);
	assert_int_equal(a.broken[12], 1);
	close_store(&s);
}

/* ---- between threads ---- */

struct crew {
	struct store s;
	struct gs_ctx ctx[THREADS];
	pthread_barrier_t gate;
	uint64_t hash[THREADS * 2 * 16];
	struct gs_key k;
};

struct hand {
	struct crew *crew;
	int who;
	uint64_t started, refused, ended;
};

static void
run_crew(struct crew *crew, void *(*work)(void *), struct hand hands[THREADS])
{
	pthread_t thread[THREADS];

	assert_int_equal(pthread_barrier_init(&crew->gate, NULL, THREADS), 0);
	for (int i = 0; i < THREADS; i++) {
		hands[i] = (struct hand){ .crew = crew, .who = i };
		assert_int_equal(gs_ctx_init(&crew->ctx[i], crew->s.t, (uint32_t)i + 2), 0);
		assert_int_equal(pthread_create(&thread[i], NULL, work, &hands[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(thread[i], NULL), 0);
		gs_ctx_fini(&crew->ctx[i], crew->s.t);
	}
	(void)pthread_barrier_destroy(&crew->gate);
}

/* 16 windows, two places of each for each thread: in the end all are needed, and before all are freed by time again and again. */
static void *
leave_own(void *arg)
{
	struct hand *h = arg;
	struct gs_table *t = h->crew->s.t;

	for (uint64_t round = 0; round < ROUNDS; round++) {
		uint64_t now_ms = NOW + round * 10, hash = h->crew->hash[round % 32 * THREADS + (uint64_t)h->who];

		(void)pthread_barrier_wait(&h->crew->gate);
		h->refused += !gs_tomb_leave(t, hash, round % 3 == 0 ? GS_TOMB_FINAL : GS_TOMB_PLAIN,
		    now_ms + (round >= ROUNDS - 32 ? HOUR : 5), now_ms) || gs_tomb_find(t, hash, now_ms) == GS_TOMB_NONE;
	}
	return NULL;
}

static void
threads_lose_none_while_there_is_room(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct hand hands[THREADS];
	struct crew crew;
	uint64_t rng = seed, found = 0;

	(void)state;
	open_store(&crew.s, &spec);
	for (uint64_t i = 0; i < N_ROWS(crew.hash); i++)
		crew.hash[i] = hash_in(crew.s.t, i / THREADS % 16, &rng);
	run_crew(&crew, leave_own, hands);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(hands[i].refused, 0);
	for (uint64_t i = 0; i < N_ROWS(crew.hash); i++)
		found += gs_tomb_find(crew.s.t, crew.hash[i], NOW + ROUNDS * 10) != GS_TOMB_NONE;
	assert_int_equal(found, N_ROWS(crew.hash));
	close_store(&crew.s);
}

/* Three start the key again and again while one ends it for good: it always wins, whoever is told what. */
static void *
start_or_end(void *arg)
{
	struct hand *h = arg;
	struct crew *crew = h->crew;
	struct gs_table *t = crew->s.t;
	const struct gs_put_args args = plain_args();
	const struct gs_ending final = { .kind = GS_TOMB_FINAL };

	for (uint64_t round = 0; round < ROUNDS; round++) {
		/* Each round after the deadline of the one before: the key may start. */
		uint64_t now_ms = NOW + round * 3 * HOUR;
		struct gs_ctx *c = &crew->ctx[h->who];
		int rc;

		(void)pthread_barrier_wait(&crew->gate);
		if (h->who == 0) {
			if (gs_kv_put(t, c, &crew->k, now_ms, "v", 1, &args, NULL) < 0)
				abort();
		}
		(void)pthread_barrier_wait(&crew->gate);
		if (h->who == 0) {
			h->ended += gs_kv_end(t, c, &crew->k, now_ms, &final) == 0;
		} else {
			(void)gs_kv_del(t, c, &crew->k, now_ms, 0);
			rc = gs_kv_put(t, c, &crew->k, now_ms, "w", 1, &args, NULL);
			h->started += rc >= 0;
			h->refused += rc == GS_ESTALE;
		}
		(void)pthread_barrier_wait(&crew->gate);
		/* Who found none to end left no tombstone. */
		if (gs_tomb_find(t, crew->k.hash, now_ms) == GS_TOMB_FINAL &&
		    gs_kv_get(t, c, &crew->k, now_ms, NULL, 0, GS_KV_INSPECT, NULL) != GS_ENOENT)
			abort();
		(void)pthread_barrier_wait(&crew->gate);
	}
	return NULL;
}

static void
end_for_good_wins_every_race_with_a_start(void **state)
{
	struct gs_table_spec spec = mortal_spec();
	struct hand hands[THREADS];
	struct crew crew;

	(void)state;
	open_store(&crew.s, &spec);
	crew.k = key_of(crew.s.t, "k");
	run_crew(&crew, start_or_end, hands);
	/* The race was one: now and then each side was first. */
	assert_true(hands[0].ended > 0);
	assert_true(hands[1].refused + hands[2].refused + hands[3].refused > 0);
	assert_true(hands[1].started + hands[2].started + hands[3].started > 0);
	assert_clean(crew.s.t, NOW + (ROUNDS - 1) * 3 * HOUR);
	close_store(&crew.s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(tombstone_stands_until_its_time_is_over),
		T(full_window_loses_what_ends_soonest),
		T(random_tombstones_are_those_of_the_model),
		T(plain_end_lets_the_key_start_again),
		T(final_end_refuses_the_key_until_the_deadline),
		T(table_may_make_every_end_final),
		T(expiry_leaves_a_plain_one),
		T(session_is_ended_at_its_entry_by_birth),
		T(recovery_completes_an_end),
		T(threads_lose_none_while_there_is_room),
		T(end_for_good_wins_every_race_with_a_start),
	};
	const char *given = getenv("GS_SEED");

	seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	(void)printf("# seed %" PRIu64 "\n", seed);
	return cmocka_run_group_tests_name("tomb", tests, NULL, NULL);
}
