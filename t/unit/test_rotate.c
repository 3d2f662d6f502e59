/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_rotate - a session goes on under another key; the old one leads to it, and then is a tripwire.
 */
#include "shm_place.h"

#include <pthread.h>

#include "shm/tomb.h"

enum { THREADS = 4, ROUNDS = 3000, GRACE_MS = 30000 };

static int
rotate_at(struct store *s, const char *from, const char *to, uint64_t now_ms)
{
	struct gs_key a = key_of(s->t, from), b = key_of(s->t, to);
	char buf[1000];
	const struct gs_rotation r = { .from = &a, .to = &b, .grace_ms = GRACE_MS, .wall_ns = 1, .buf = buf };

	return gs_kv_rotate(s->t, &s->c, now_ms, &r);
}

static void
assert_value(struct store *s, const char *key, const char *want, uint64_t now_ms)
{
	struct gs_key k = key_of(s->t, key);
	char buf[1000] = "";

	assert_int_equal(gs_kv_get(s->t, &s->c, &k, now_ms, buf, sizeof(buf), 0, NULL), strlen(want));
	assert_string_equal(buf, want);
}

static struct gs_table_spec
mortal_spec(void)
{
	struct gs_table_spec spec = usual_spec();

	spec.max_lifetime_ms = 2 * HOUR;
	return spec;
}

static void
start_rich(struct store *s, const char *key)
{
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(s->t, key);

	args.set = GS_SET_OWNER_BIT | GS_SET_CLASS_BIT | GS_SET_TTL_BIT | GS_SET_PERM_BIT;
	args.owner = "alice";
	args.owner_len = 5;
	args.class_id = GS_CLASS_AUTHENTICATED;
	args.ttl_ms = HOUR;
	args.uid = 7;
	args.gid = 8;
	args.mode = 0640;
	assert_int_equal(gs_kv_put(s->t, &s->c, &k, NOW, "value", 5, &args, NULL), 1);
}

static void
session_goes_on_with_its_life(void **state)
{
	struct gs_table_spec spec = mortal_spec();
	struct gs_meta before, after, old;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	start_rich(&s, "old");
	for (uint64_t i = 1; i < 5; i++)
		assert_int_equal(get_at(&s, "old", NOW + i * S), 5);
	assert_int_equal(peek_at(&s, "old", NOW + MIN, &before), 5);
	assert_int_equal(rotate_at(&s, "old", "new", NOW + MIN), 0);
	assert_int_equal(peek_at(&s, "new", NOW + MIN, &after), 5);
	assert_value(&s, "new", "value", NOW + MIN);
	assert_string_equal((const char *)after.key, "new");
	assert_string_equal((const char *)after.owner, "alice");
	assert_int_equal(after.class_id, GS_CLASS_AUTHENTICATED);
	assert_int_equal(after.ttl_ms, HOUR);
	assert_int_equal(after.uid, 7);
	assert_int_equal(after.gid, 8);
	assert_int_equal(after.mode, 0640);
	assert_int_equal(after.created_ms, before.created_ms);
	assert_int_equal(after.deadline_ms, before.deadline_ms);
	assert_int_equal(after.accessed_ms, before.accessed_ms);
	assert_int_equal(after.touched_ms, before.touched_ms);
	assert_int_equal(after.interest, before.interest);
	assert_int_equal(after.hits, before.hits);
	assert_int_equal(after.expires_ms, before.expires_ms);
	/* What is seen through the old key is the new session. */
	assert_int_equal(peek_at(&s, "old", NOW + MIN, &old), 5);
	assert_string_equal((const char *)old.key, "new");
	assert_int_equal(counted(&s, GS_COUNT_ROTATED), 1);
	assert_clean(s.t, NOW + MIN);
	close_store(&s);
}

static void
old_key_serves_the_session_during_the_grace(void **state)
{
	struct gs_table_spec spec = mortal_spec();
	struct gs_put_args args = plain_args();
	struct gs_kv_item items[2];
	struct gs_meta m;
	struct store s;
	char buf[2][16];
	uint64_t now = NOW + GRACE_MS;

	(void)state;
	open_store(&s, &spec);
	start_rich(&s, "old");
	assert_int_equal(rotate_at(&s, "old", "new", NOW), 0);
	assert_int_equal(put_at(&s, "old", "changed", now), 0);
	assert_value(&s, "new", "changed", now);
	assert_value(&s, "old", "changed", now);
	assert_int_equal(touch_at(&s, "old", now), 0);
	assert_int_equal(peek_at(&s, "new", now, &m), 7);
	assert_int_equal(m.touched_ms, now);
	args.flags = GS_KV_ONLY_NEW;
	items[0] = (struct gs_kv_item){ .key = key_of(s.t, "old"), .buf = buf[0], .cap = 16 };
	items[1] = (struct gs_kv_item){ .key = key_of(s.t, "new"), .buf = buf[1], .cap = 16 };
	assert_int_equal(gs_kv_put(s.t, &s.c, &items[0].key, now, "x", 1, &args, NULL), GS_EEXIST);
	gs_kv_get_many(s.t, &s.c, now, items, 2);
	assert_int_equal(items[0].rc, 7);
	assert_int_equal(items[1].rc, 7);
	/* A second rotation of it is too late; the new one may be rotated, and both old ones lead there. */
	assert_int_equal(rotate_at(&s, "old", "third", now), GS_ESTALE);
	assert_int_equal(rotate_at(&s, "new", "third", now), 0);
	assert_value(&s, "old", "changed", now);
	assert_value(&s, "new", "changed", now);
	assert_int_equal(counted(&s, GS_COUNT_REPLAYED), 0);
	/* A logout by the old key ends the session, and no key of it starts another. */
	assert_int_equal(del_at(&s, "old", now), 0);
	assert_int_equal(get_at(&s, "third", now), GS_ENOENT);
	assert_int_equal(get_at(&s, "old", now), GS_ENOENT);
	assert_int_equal(put_at(&s, "old", "v", now), GS_ESTALE);
	assert_int_equal(put_at(&s, "new", "v", now), GS_ESTALE);
	assert_clean(s.t, now);
	close_store(&s);
}

static void
old_key_after_the_grace_makes_both_suspects(void **state)
{
	struct gs_table_spec spec = mortal_spec();
	uint64_t now = NOW + GRACE_MS + 1;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	start_rich(&s, "old");
	start_rich(&s, "other");
	assert_int_equal(rotate_at(&s, "old", "new", NOW), 0);
	/* An operator's look is no use of it. */
	assert_int_equal(peek_at(&s, "old", now, NULL), GS_ESTALE);
	assert_int_equal(ring_of(&s, "new"), ACTIVE);
	assert_int_equal(counted(&s, GS_COUNT_REPLAYED), 0);
	assert_int_equal(get_at(&s, "old", now), GS_ESTALE);
	assert_int_equal(counted(&s, GS_COUNT_REPLAYED), 1);
	assert_int_equal(ring_of(&s, "new"), SUSPECT);
	assert_int_equal(ring_of(&s, "old"), SUSPECT);
	assert_int_equal(ring_of(&s, "other"), ACTIVE);
	assert_int_equal(get_at(&s, "new", now), GS_EQUARANTINE);
	assert_int_equal(put_at(&s, "old", "v", now), GS_ESTALE);
	assert_int_equal(touch_at(&s, "old", now), GS_ESTALE);
	assert_int_equal(counted(&s, GS_COUNT_REPLAYED), 3);
	/* Who pardons the key that was given up gets it out of there, and what is no suspect is refused in words that have a meaning. */
	{
		struct gs_key k = key_of(s.t, "old");

		assert_int_equal(gs_kv_pardon(s.t, &s.c, &k, now, 0), 0);
		assert_int_equal(ring_of(&s, "old"), ACTIVE);
		assert_int_equal(gs_kv_pardon(s.t, &s.c, &k, now, 0), GS_ESTALE);
	}
	/* Taking the old record away is no use either, and is final. */
	assert_int_equal(del_at(&s, "old", now), 0);
	assert_int_equal(get_at(&s, "old", now), GS_ENOENT);
	assert_int_equal(put_at(&s, "old", "v", now), GS_ESTALE);
	assert_int_equal(put_at(&s, "old", "v", NOW + 2 * HOUR + 1), 1);
	assert_clean(s.t, NOW + 2 * HOUR + 1);
	close_store(&s);
}

/* The record of the old key decays as any: when it is out of the last ring there is no alarm, but nothing starts either. */
static void
old_key_starts_nothing_before_the_deadline(void **state)
{
	struct gs_table_spec spec = mortal_spec();
	struct store s;

	(void)state;
	spec.rings[ACTIVE].decay_to = GS_RING_NONE;
	open_store(&s, &spec);
	start_rich(&s, "swept");
	start_rich(&s, "kept");
	assert_int_equal(rotate_at(&s, "swept", "a", NOW), 0);
	assert_int_equal(rotate_at(&s, "kept", "b", NOW), 0);
	assert_int_equal(settle_at(&s, "swept", NOW + HOUR).what, GS_SETTLE_EXPIRED);
	assert_int_equal(get_at(&s, "kept", NOW + HOUR), GS_ENOENT);
	assert_int_equal(put_at(&s, "swept", "v", NOW + HOUR), GS_ESTALE);
	assert_int_equal(put_at(&s, "kept", "v", NOW + HOUR), GS_ESTALE);
	assert_int_equal(put_at(&s, "kept", "v", NOW + 2 * HOUR + 1), 1);
	assert_clean(s.t, NOW + 2 * HOUR + 1);
	close_store(&s);
}

static void
bad_rotations_change_nothing(void **state)
{
	struct gs_table_spec spec = mortal_spec();
	struct store s;

	(void)state;
	/* The rings are to be full, not the index. */
	spec.max_sessions = 1000;
	open_store(&s, &spec);
	start_rich(&s, "old");
	start_rich(&s, "there");
	start_rich(&s, "ended");
	start_rich(&s, "bad");
	assert_int_equal(move_at(&s, "bad", NOW, SUSPECT), 0);
	{
		const struct gs_ending final = { .kind = GS_TOMB_FINAL };
		struct gs_key k = key_of(s.t, "ended");

		assert_int_equal(gs_kv_end(s.t, &s.c, &k, NOW, &final), 0);
	}
	assert_int_equal(rotate_at(&s, "none", "new", NOW), GS_ENOENT);
	assert_int_equal(rotate_at(&s, "old", "there", NOW), GS_EEXIST);
	assert_int_equal(rotate_at(&s, "old", "ended", NOW), GS_ESTALE);
	assert_int_equal(rotate_at(&s, "bad", "new", NOW), GS_EQUARANTINE);
	assert_value(&s, "old", "value", NOW);
	assert_value(&s, "there", "value", NOW);
	assert_int_equal(peek_at(&s, "new", NOW, NULL), GS_ENOENT);
	/* Where there is no room for two records, there is none for a rotation. */
	for (int i = 0; put_at(&s, (char[]){ 'f', (char)('0' + i / 26), (char)('a' + i % 26), 0 }, "v", NOW) == 1; i++)
		continue;
	assert_int_equal(rotate_at(&s, "old", "new", NOW), GS_ENOSPC);
	assert_value(&s, "old", "value", NOW);
	assert_int_equal(peek_at(&s, "new", NOW, NULL), GS_ENOENT);
	assert_clean(s.t, NOW);
	close_store(&s);
}

static void
record_that_does_not_fit_is_refused(void **state)
{
	struct gs_table_spec spec = mortal_spec();
	char from[GS_KEY_BYTES + 1], to[GS_KEY_BYTES + 1];
	struct store s;

	(void)state;
	spec.record_size = 64;
	spec.slot_size[0] = gs_table_slot_bytes(GS_KEY_BYTES, GS_OWNER_BYTES, 64);
	open_store(&s, &spec);
	memset(from, 'a', GS_KEY_BYTES);
	memset(to, 'b', GS_KEY_BYTES);
	from[GS_KEY_BYTES] = to[GS_KEY_BYTES] = 0;
	assert_int_equal(put_at(&s, from, "v", NOW), 1);
	assert_int_equal(rotate_at(&s, from, to, NOW), GS_EFBIG);
	assert_value(&s, from, "v", NOW);
	assert_int_equal(peek_at(&s, to, NOW, NULL), GS_ENOENT);
	assert_clean(s.t, NOW);
	close_store(&s);
}

/* ---- between threads ---- */

struct crew {
	struct store s;
	struct gs_ctx ctx[THREADS];
	pthread_barrier_t gate;
	uint32_t won[THREADS];
};

struct hand {
	struct crew *crew;
	int who;
};

/* Two rotate the same session to keys of their own, one writes to it and counts, one reads: it is always there, with the last value. */
static void *
rotate_or_use(void *arg)
{
	struct hand *h = arg;
	struct crew *crew = h->crew;
	struct gs_table *t = crew->s.t;
	struct gs_ctx *c = &crew->ctx[h->who];
	const struct gs_put_args args = plain_args();
	char buf[1000], text[32];
	struct gs_key from, to;
	ssize_t rc;

	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint64_t now_ms = NOW + round * 3 * HOUR;
		int len = snprintf(text, sizeof(text), "k%u", round);

		if (gs_key_init(t, &from, text, (size_t)len) < 0)
			abort();
		if (h->who == 0 && gs_kv_put(t, c, &from, now_ms, "0", 1, &args, NULL) != 1)
			abort();
		(void)pthread_barrier_wait(&crew->gate);
		if (h->who < 2) {
			char other[32];
			const struct gs_rotation r = { .from = &from, .to = &to, .grace_ms = GRACE_MS, .wall_ns = 1, .buf = buf };

			len = snprintf(other, sizeof(other), "n%d-%u", h->who, round);
			if (gs_key_init(t, &to, other, (size_t)len) < 0)
				abort();
			rc = gs_kv_rotate(t, c, now_ms, &r);
			if (rc != 0 && rc != GS_ESTALE)
				abort();
			crew->won[h->who] += rc == 0;
			/* Who lost has left nothing. */
			if (rc != 0 && gs_kv_get(t, c, &to, now_ms, NULL, 0, GS_KV_INSPECT, NULL) != GS_ENOENT)
				abort();
		} else if (h->who == 2) {
			for (int i = 1; i <= 5; i++)
				if (gs_kv_put(t, c, &from, now_ms, &(char){ (char)('0' + i) }, 1, &args, NULL) != 0)
					abort();
		} else {
			for (int i = 0; i < 5; i++)
				if (gs_kv_get(t, c, &from, now_ms, buf, sizeof(buf), 0, NULL) != 1)
					abort();
		}
		(void)pthread_barrier_wait(&crew->gate);
		if (h->who == 2 && (gs_kv_get(t, c, &from, now_ms, buf, sizeof(buf), 0, NULL) != 1 || buf[0] != '5'))
			abort();
		(void)pthread_barrier_wait(&crew->gate);
		if (h->who == 0 && gs_kv_del(t, c, &from, now_ms, 0) != 0)
			abort();
		/* And the record of the old key, which is no session. */
		if (h->who == 0 && gs_kv_del(t, c, &from, now_ms + GRACE_MS + 1, 0) != 0)
			abort();
		(void)pthread_barrier_wait(&crew->gate);
	}
	return NULL;
}

static void
one_of_two_rotations_wins_and_no_write_is_lost(void **state)
{
	struct gs_table_spec spec = mortal_spec();
	pthread_t thread[THREADS];
	struct hand hands[THREADS];
	struct crew crew = { .won = { 0 } };

	(void)state;
	open_store(&crew.s, &spec);
	assert_int_equal(pthread_barrier_init(&crew.gate, NULL, THREADS), 0);
	for (int i = 0; i < THREADS; i++) {
		hands[i] = (struct hand){ .crew = &crew, .who = i };
		assert_int_equal(gs_ctx_init(&crew.ctx[i], crew.s.t, (uint32_t)i + 2), 0);
		assert_int_equal(pthread_create(&thread[i], NULL, rotate_or_use, &hands[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(thread[i], NULL), 0);
		gs_ctx_fini(&crew.ctx[i], crew.s.t);
	}
	(void)pthread_barrier_destroy(&crew.gate);
	assert_int_equal(crew.won[0] + crew.won[1], ROUNDS);
	assert_clean(crew.s.t, NOW + ROUNDS * 3 * HOUR);
	for (uint32_t i = 0; i < crew.s.t->n_rings; i++)
		assert_int_equal(population(crew.s.t, i), 0);
	close_store(&crew.s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(session_goes_on_with_its_life),
		T(old_key_serves_the_session_during_the_grace),
		T(old_key_after_the_grace_makes_both_suspects),
		T(old_key_starts_nothing_before_the_deadline),
		T(bad_rotations_change_nothing),
		T(record_that_does_not_fit_is_refused),
		T(one_of_two_rotations_wins_and_no_write_is_lost),
	};

	return cmocka_run_group_tests_name("rotate", tests, NULL, NULL);
}
