/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_kv - what each operation on a session answers, and what it changes.
 */
#include "shm_place.h"

#define V(text) text, sizeof(text) - 1

static int
put_args(struct store *s, const char *key, uint64_t now_ms, const char *value, const struct gs_put_args *args)
{
	struct gs_key k = key_of(s->t, key);

	return gs_kv_put(s->t, &s->c, &k, now_ms, value, strlen(value), args, NULL);
}

static void
assert_value(struct store *s, const char *key, uint64_t now_ms, const char *want)
{
	struct gs_key k = key_of(s->t, key);
	char buf[1000];

	assert_int_equal(gs_kv_get(s->t, &s->c, &k, now_ms, buf, sizeof(buf), GS_KV_INSPECT, NULL), strlen(want));
	assert_memory_equal(buf, want, strlen(want));
}

static struct gs_meta
meta_of(struct store *s, const char *key, uint64_t now_ms)
{
	struct gs_meta meta;

	assert_true(peek_at(s, key, now_ms, &meta) >= 0);
	return meta;
}

/* ---- values ---- */

static void
put_starts_then_replaces_and_get_gives_the_last_value(void **state)
{
	struct store *s = *state;

	assert_int_equal(get_at(s, "k", NOW), GS_ENOENT);
	assert_int_equal(put_at(s, "k", "one", NOW), 1);
	assert_value(s, "k", NOW, "one");
	assert_int_equal(put_at(s, "k", "another, longer one", NOW), 0);
	assert_value(s, "k", NOW, "another, longer one");
	assert_int_equal(put_at(s, "k", "", NOW), 0);
	assert_int_equal(get_at(s, "k", NOW), 0);
	assert_int_equal(del_at(s, "k", NOW), 0);
	assert_int_equal(get_at(s, "k", NOW), GS_ENOENT);
	assert_int_equal(del_at(s, "k", NOW), GS_ENOENT);
}

static void
add_only_starts_and_update_only_replaces(void **state)
{
	static const struct {
		uint32_t flags;
		bool is_there;
		int rc;
	} rows[] = {
		{ 0, false, 1 }, { 0, true, 0 },
		{ GS_KV_ONLY_NEW, false, 1 }, { GS_KV_ONLY_NEW, true, GS_EEXIST },
		{ GS_KV_ONLY_OLD, false, GS_ENOENT }, { GS_KV_ONLY_OLD, true, 0 },
	};
	struct store *s = *state;

	for (size_t i = 0; i < N_ROWS(rows); i++) {
		struct gs_put_args args = plain_args();

		args.flags = rows[i].flags;
		if (rows[i].is_there)
			assert_int_equal(put_at(s, "k", "old", NOW), 1);
		assert_int_equal(put_args(s, "k", NOW, "new", &args), rows[i].rc);
		if (rows[i].rc >= 0)
			assert_value(s, "k", NOW, "new");
		else if (rows[i].is_there)
			assert_value(s, "k", NOW, "old");
		(void)del_at(s, "k", NOW);
	}
}

static void
keys_and_values_out_of_bounds_are_refused_with_their_own_errors(void **state)
{
	struct store *s = *state;
	char key[257] = { 0 }, value[1001] = { 0 }, buf[8];
	struct gs_put_args args = plain_args();
	struct gs_meta meta;
	struct gs_key k;

	memset(key, 'k', 256);
	assert_int_equal(gs_key_init(s->t, &k, key, 0), GS_EINVAL);
	assert_int_equal(gs_key_init(s->t, &k, NULL, 1), GS_EINVAL);
	assert_int_equal(gs_key_init(s->t, &k, key, 256), GS_ENAMETOOLONG);
	assert_int_equal(gs_key_init(s->t, &k, key, 255), 0);
	assert_int_equal(gs_kv_put(s->t, &s->c, &k, NOW, value, 1001, &args, NULL), GS_EFBIG);
	assert_int_equal(counted(s, GS_COUNT_EFBIG), 1);
	assert_int_equal(counted(s, GS_COUNT_LARGEST), 1001);
	assert_int_equal(gs_kv_put(s->t, &s->c, &k, NOW, value, 1000, &args, NULL), 1);
	/* too small a buffer: the length is told, and it was no access */
	assert_int_equal(gs_kv_get(s->t, &s->c, &k, NOW + S, buf, sizeof(buf), 0, &meta), GS_ERANGE);
	assert_int_equal(meta.val_len, 1000);
	assert_int_equal(meta.accessed_ms, NOW);
	assert_int_equal(meta.hits, 1);
}

static void
keys_are_bytes(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} rows[] = { { V("a") }, { V("a\0") }, { V("a\0b") }, { V("\0") }, { V("\xff\xfe") }, { V("a/b") }, { V("A") }, { V("aaaaaaaa") }, { V("aaaaaaaaa") } };
	struct store *s = *state;
	struct gs_put_args args = plain_args();
	char buf[8];
	struct gs_key k;

	for (size_t i = 0; i < N_ROWS(rows); i++) {
		assert_int_equal(gs_key_init(s->t, &k, rows[i].bytes, rows[i].n), 0);
		assert_int_equal(gs_kv_put(s->t, &s->c, &k, NOW, &i, sizeof(i), &args, NULL), 1);
	}
	for (size_t i = 0; i < N_ROWS(rows); i++) {
		assert_int_equal(gs_key_init(s->t, &k, rows[i].bytes, rows[i].n), 0);
		assert_int_equal(gs_kv_get(s->t, &s->c, &k, NOW, buf, sizeof(buf), 0, NULL), sizeof(i));
		assert_memory_equal(buf, &i, sizeof(i));
	}
}

/* ---- versions ---- */

static void
write_that_names_a_version_happens_only_to_that_version(void **state)
{
	struct store *s = *state;
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(s->t, "k");
	uint64_t first;

	args.if_version = 1;
	assert_int_equal(put_args(s, "k", NOW, "v", &args), GS_ENOENT);
	assert_int_equal(put_at(s, "k", "one", NOW), 1);
	first = meta_of(s, "k", NOW).version;
	assert_int_equal(put_at(s, "k", "two", NOW), 0);
	args.if_version = first;
	assert_int_equal(put_args(s, "k", NOW, "three", &args), GS_ECONFLICT);
	assert_int_equal(gs_kv_del(s->t, &s->c, &k, NOW, first), GS_ECONFLICT);
	assert_value(s, "k", NOW, "two");
	args.if_version = meta_of(s, "k", NOW).version;
	assert_int_equal(put_args(s, "k", NOW, "three", &args), 0);
	assert_int_equal(gs_kv_del(s->t, &s->c, &k, NOW, meta_of(s, "k", NOW).version), 0);
}

static void
version_grows_with_the_value_and_with_nothing_else(void **state)
{
	struct store *s = *state;
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(s->t, "k");
	uint64_t version;

	assert_int_equal(put_at(s, "k", "v", NOW), 1);
	version = meta_of(s, "k", NOW).version;
	assert_int_equal(get_at(s, "k", NOW), 1);
	assert_int_equal(touch_at(s, "k", NOW + 1), 0);
	assert_int_equal(move_at(s, "k", NOW + 1, COLD), 0);
	args.set = GS_SET_MODE_BIT;
	assert_int_equal(gs_kv_setattr(s->t, &s->c, &k, NOW + 1, &args), 0);
	assert_int_equal(meta_of(s, "k", NOW).version, version);
	/* even when the clock went back */
	assert_int_equal(put_at(s, "k", "v", NOW - DAY), 0);
	assert_true(meta_of(s, "k", NOW).version > version);
}

static void
no_version_of_a_key_ever_comes_again_whoever_writes_it(void **state)
{
	enum { CONTEXTS = 6, WRITES = 60 };
	struct store *s = *state, of[CONTEXTS];
	uint64_t seen[WRITES], rng = 7;

	for (uint32_t i = 0; i < CONTEXTS; i++) {
		of[i].t = s->t;
		assert_int_equal(gs_ctx_init(&of[i].c, s->t, i + 2), 0);
	}
	/* all within one tick of the clock */
	for (int i = 0; i < WRITES; i++) {
		struct store *by = &of[next_random(&rng) % CONTEXTS];

		if (next_random(&rng) % 2 == 0)
			(void)del_at(by, "k", NOW);
		assert_true(put_at(by, "k", "v", NOW) >= 0);
		seen[i] = meta_of(s, "k", NOW).version;
		for (int k = 0; k < i; k++)
			if (seen[k] == seen[i])
				fail_msg("writes %d and %d made the same version", k, i);
	}
	for (uint32_t i = 0; i < CONTEXTS; i++)
		gs_ctx_fini(&of[i].c, s->t);
}

/* ---- times ---- */

/* The last instant at which a session is there is `end_ms`; it is not a matter of who asks or how. */
static void
assert_ends_at(struct store *s, const char *key, uint64_t end_ms)
{
	struct gs_key k = key_of(s->t, key);
	struct gs_meta meta;
	uint64_t ordinal = hit_of(s, key).ordinal;
	struct gs_put_args args = plain_args();

	assert_true(peek_at(s, key, end_ms, NULL) >= 0);
	assert_int_equal(gs_kv_at(s->t, &s->c, ordinal, end_ms, &meta), 0);
	assert_int_equal(peek_at(s, key, end_ms + 1, NULL), GS_ENOENT);
	assert_int_equal(get_at(s, key, end_ms + 1), GS_ENOENT);
	assert_int_equal(gs_kv_at(s->t, &s->c, ordinal, end_ms + 1, &meta), GS_ENOENT);
	assert_int_equal(touch_at(s, key, end_ms + 1), GS_ENOENT);
	assert_int_equal(del_at(s, key, end_ms + 1), GS_ENOENT);
	assert_int_equal(move_at(s, key, end_ms + 1, COLD), GS_ENOENT);
	assert_int_equal(gs_kv_setattr(s->t, &s->c, &k, end_ms + 1, &args), GS_ENOENT);
	args.flags = GS_KV_ONLY_OLD;
	assert_int_equal(put_args(s, key, end_ms + 1, "v", &args), GS_ENOENT);
	/* and none of that revived it */
	assert_int_equal(peek_at(s, key, end_ms + 1, NULL), GS_ENOENT);
	assert_true(peek_at(s, key, end_ms, NULL) >= 0);
}

static void
session_with_a_ttl_is_there_at_its_deadline_and_gone_a_millisecond_later(void **state)
{
	struct store *s = *state;
	struct gs_put_args args = plain_args();

	args.set = GS_SET_TTL_BIT;
	args.ttl_ms = 90 * S;
	assert_int_equal(put_args(s, "k", NOW, "v", &args), 1);
	assert_int_equal(meta_of(s, "k", NOW).expires_ms, NOW + 90 * S);
	assert_ends_at(s, "k", NOW + 90 * S);
	/* a read does not renew it, a touch does, and so does a put, which keeps the ttl */
	assert_int_equal(get_at(s, "k", NOW + 50 * S), 1);
	assert_int_equal(meta_of(s, "k", NOW).expires_ms, NOW + 90 * S);
	assert_int_equal(touch_at(s, "k", NOW + 60 * S), 0);
	assert_ends_at(s, "k", NOW + 150 * S);
	assert_int_equal(put_at(s, "k", "w", NOW + 100 * S), 0);
	assert_ends_at(s, "k", NOW + 190 * S);
	args.ttl_ms = 0;
	assert_int_equal(put_args(s, "k", NOW + 110 * S, "v", &args), 0);
	assert_int_equal(meta_of(s, "k", NOW).expires_ms, GS_TIME_NEVER);
}

static void
last_ring_expires_by_the_decay_law_before_any_sweep_comes(void **state)
{
	struct store *s = *state;

	start_in(s, "k", COLD, NOW);
	assert_ends_at(s, "k", NOW + 7 * DAY);
	start_in(s, "warm", WARM, NOW);
	/* from an inner ring it does not expire, however late the sweep is */
	assert_true(peek_at(s, "warm", NOW + 30 * DAY, NULL) >= 0);
}

static void
greatest_lifetime_bounds_a_session_absolutely(void **state)
{
	struct store *s = *state, t;
	struct gs_table_spec spec = usual_spec();
	struct gs_put_args args = plain_args();

	spec.max_lifetime_ms = HOUR;
	open_store(&t, &spec);
	args.set = GS_SET_TTL_BIT;
	args.ttl_ms = 50 * MIN;
	assert_int_equal(put_args(&t, "k", NOW, "v", &args), 1);
	assert_int_equal(meta_of(&t, "k", NOW).deadline_ms, NOW + HOUR);
	assert_int_equal(meta_of(&t, "k", NOW).expires_ms, NOW + 50 * MIN);
	assert_int_equal(touch_at(&t, "k", NOW + 40 * MIN), 0);
	assert_ends_at(&t, "k", NOW + HOUR);
	assert_int_equal(put_at(&t, "k", "w", NOW + 59 * MIN), 0);
	assert_int_equal(move_at(&t, "k", NOW + 59 * MIN, COLD), 0);
	assert_ends_at(&t, "k", NOW + HOUR);
	/* what starts after its end has a lifetime of its own */
	assert_int_equal(put_at(&t, "k", "x", NOW + HOUR + 1), 1);
	assert_int_equal(meta_of(&t, "k", NOW).deadline_ms, NOW + 2 * HOUR + 1);
	assert_clean(t.t, NOW + 3 * HOUR);
	close_store(&t);
	assert_int_equal(put_at(s, "k", "v", NOW), 1);
	assert_int_equal(meta_of(s, "k", NOW).deadline_ms, GS_TIME_NEVER);
}

static void
what_starts_where_a_session_is_over_is_another_session(void **state)
{
	struct store *s = *state;
	struct gs_put_args args = plain_args();
	struct gs_meta old, new;

	args.set = GS_SET_TTL_BIT | GS_SET_OWNER_BIT | GS_SET_MODE_BIT;
	args.ttl_ms = 10 * S;
	args.mode = 0640;
	args.owner = "alice";
	args.owner_len = 5;
	assert_int_equal(put_args(s, "k", NOW, "old", &args), 1);
	old = meta_of(s, "k", NOW);
	args = plain_args();
	args.flags = GS_KV_ONLY_NEW;
	assert_int_equal(put_args(s, "k", NOW + 10 * S, "new", &args), GS_EEXIST);
	assert_int_equal(put_args(s, "k", NOW + 10 * S + 1, "new", &args), 1);
	new = meta_of(s, "k", NOW + 11 * S);
	assert_int_equal(new.ordinal, old.ordinal);
	assert_int_not_equal(new.birth, old.birth);
	assert_true(new.version > old.version);
	assert_int_equal(new.owner_len, 0);
	assert_int_equal(new.ttl_ms, 0);
	assert_int_equal(new.mode, 0600);
	assert_int_equal(new.hits, 1);
	assert_int_equal(new.created_ms, NOW + 10 * S + 1);
	assert_int_equal(counted(s, GS_COUNT_EXPIRED), 1);
	assert_int_equal(counted(s, GS_COUNT_STARTED), 2);
	assert_int_equal(population(s->t, ACTIVE), 1);
}

/* ---- what is an access ---- */

static void
operations_that_ask_for_a_session_are_accesses_and_the_others_are_not(void **state)
{
	enum { GET, PEEK, PUT, PUT_INSPECT, TOUCH, SETATTR, MOVE_OUT, MOVE_IN };
	static const struct {
		int op;
		uint32_t ring;		/* where the session is before */
		bool adds_interest, renews_access, renews_touched;
		uint32_t hits;
	} rows[] = {
		{ GET, ACTIVE, true, true, false, 2 },
		{ GET, WARM, true, true, false, 2 },
		{ PEEK, ACTIVE, false, false, false, 1 },
		{ PEEK, COLD, false, false, false, 1 },
		{ PUT, ACTIVE, true, true, true, 2 },
		{ PUT, COLD, true, true, true, 2 },
		{ PUT_INSPECT, WARM, false, true, true, 1 },
		{ TOUCH, ACTIVE, false, true, true, 1 },
		{ TOUCH, WARM, false, true, true, 1 },
		{ SETATTR, ACTIVE, false, false, false, 1 },
		{ MOVE_OUT, ACTIVE, false, false, false, 1 },
		{ MOVE_IN, COLD, true, true, false, 2 },
	};
	static const uint32_t after[] = { [GET] = ACTIVE, [PUT] = ACTIVE, [MOVE_OUT] = COLD, [MOVE_IN] = ACTIVE };
	const uint64_t then = NOW + 5 * MIN;		/* one half-life */
	struct store *s = *state;

	for (size_t i = 0; i < N_ROWS(rows); i++) {
		struct gs_put_args args = plain_args();
		struct gs_key k = key_of(s->t, "k");
		struct gs_meta m;
		double want = rows[i].adds_interest ? 1.5 : rows[i].renews_access ? 0.5 : 1;
		uint32_t ring = rows[i].ring;

		start_in(s, "k", ring, NOW);
		switch (rows[i].op) {
		case GET: assert_int_equal(get_at(s, "k", then), 1); break;
		case PEEK: assert_int_equal(peek_at(s, "k", then, NULL), 1); break;
		case PUT: assert_int_equal(put_at(s, "k", "w", then), 0); break;
		case PUT_INSPECT: args.flags = GS_KV_INSPECT; assert_int_equal(put_args(s, "k", then, "w", &args), 0); break;
		case TOUCH: assert_int_equal(touch_at(s, "k", then), 0); break;
		case SETATTR: assert_int_equal(gs_kv_setattr(s->t, &s->c, &k, then, &args), 0); break;
		case MOVE_OUT: assert_int_equal(move_at(s, "k", then, COLD), 0); break;
		case MOVE_IN: assert_int_equal(move_at(s, "k", then, ACTIVE), 0); break;
		}
		if (rows[i].op == GET || rows[i].op == PUT || rows[i].op == MOVE_OUT || rows[i].op == MOVE_IN)
			ring = after[rows[i].op];
		m = meta_of(s, "k", then);
		if (m.accessed_ms != (rows[i].renews_access ? then : NOW) || m.touched_ms != (rows[i].renews_touched ? then : NOW) ||
		    m.hits != rows[i].hits || m.ring != ring)
			fail_msg("row %zu: accessed +%" PRIu64 ", touched +%" PRIu64 ", hits %" PRIu64 ", ring %u", i, m.accessed_ms - NOW,
			    m.touched_ms - NOW, m.hits, m.ring);
		assert_float_equal(gs_decay_interest(m.interest), want, 1e-6);
		assert_int_equal(del_at(s, "k", then), 0);
	}
}

static void
explicit_times_give_a_session_its_age(void **state)
{
	struct store *s = *state;
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(s->t, "k");
	struct gs_meta m;

	assert_int_equal(put_at(s, "k", "v", NOW), 1);
	assert_int_equal(get_at(s, "k", NOW), 1);
	args.set = GS_SET_TIMES_BIT;
	args.accessed_ms = NOW - 3 * DAY;
	args.mtime_ns = 12345;
	assert_int_equal(gs_kv_setattr(s->t, &s->c, &k, NOW, &args), 0);
	m = meta_of(s, "k", NOW);
	assert_int_equal(m.accessed_ms, NOW - 3 * DAY);
	assert_int_equal(m.touched_ms, NOW - 3 * DAY);
	assert_int_equal(m.mtime_ns, 12345);
	assert_int_equal(m.interest, GS_INTEREST_ONE);
	assert_int_equal(settle_at(s, "k", NOW).what, GS_SETTLE_DECAYED);
	assert_int_equal(settle_at(s, "k", NOW).what, GS_SETTLE_DECAYED);
	assert_int_equal(settle_at(s, "k", NOW).what, GS_SETTLE_STAYS);
	assert_int_equal(ring_of(s, "k"), COLD);
}

static void
attributes_that_are_not_named_are_kept(void **state)
{
	struct store *s = *state;
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(s->t, "k");
	struct gs_meta m;

	args.set = GS_SET_OWNER_BIT | GS_SET_CLASS_BIT | GS_SET_TTL_BIT | GS_SET_PERM_BIT;
	args.owner = "bob";
	args.owner_len = 3;
	args.class_id = GS_CLASS_AUTHENTICATED;
	args.ttl_ms = DAY;
	args.uid = 10;
	args.gid = 20;
	args.mode = 0644;
	assert_int_equal(put_args(s, "k", NOW, "v", &args), 1);
	assert_int_equal(put_at(s, "k", "w", NOW + 1), 0);
	args = plain_args();
	args.set = GS_SET_GID_BIT;
	args.gid = 30;
	args.wall_ns = 77;
	assert_int_equal(gs_kv_setattr(s->t, &s->c, &k, NOW + 2, &args), 0);
	assert_int_equal(move_at(s, "k", NOW + 3, COLD), 0);
	assert_int_equal(get_at(s, "k", NOW + 4), 1);
	m = meta_of(s, "k", NOW + 5);
	assert_int_equal(m.owner_len, 3);
	assert_memory_equal(m.owner, "bob", 4);
	assert_int_equal(m.class_id, GS_CLASS_AUTHENTICATED);
	assert_int_equal(m.ttl_ms, DAY);
	assert_int_equal(m.uid, 10);
	assert_int_equal(m.gid, 30);
	assert_int_equal(m.mode, 0644);
	assert_int_equal(m.ctime_ns, 77);
	assert_int_equal(m.created_ms, NOW);
	assert_value(s, "k", NOW + 5, "w");
}

/* ---- counters ---- */

static void
each_operation_has_its_counter(void **state)
{
	static const struct {
		enum gs_counter counter;
		uint64_t n;
	} rows[] = {
		{ GS_COUNT_STARTED, 2 }, { GS_COUNT_UPDATED, 1 }, { GS_COUNT_GETS, 2 }, { GS_COUNT_MISSES, 1 }, { GS_COUNT_PEEKS, 1 },
		{ GS_COUNT_TOUCHED, 1 }, { GS_COUNT_MOVED, 1 }, { GS_COUNT_PROMOTED, 1 }, { GS_COUNT_QUARANTINED, 1 },
		{ GS_COUNT_REFUSED, 2 }, { GS_COUNT_PARDONED, 1 }, { GS_COUNT_ENDED, 1 }, { GS_COUNT_EFBIG, 0 }, { GS_COUNT_ENOSPC, 0 },
		{ GS_COUNT_EXPIRED, 0 }, { GS_COUNT_DECAYED, 0 }, { GS_COUNT_STUCK, 0 }, { GS_COUNT_CORRUPT, 0 },
	};
	struct store *s = *state;

	assert_int_equal(put_at(s, "k", "v", NOW), 1);
	assert_int_equal(put_at(s, "k", "w", NOW), 0);
	assert_int_equal(put_at(s, "other", "w", NOW), 1);
	assert_int_equal(get_at(s, "k", NOW), 1);
	assert_int_equal(get_at(s, "none", NOW), GS_ENOENT);
	assert_int_equal(peek_at(s, "k", NOW, NULL), 1);
	assert_int_equal(touch_at(s, "k", NOW), 0);
	assert_int_equal(move_at(s, "k", NOW, WARM), 0);
	assert_int_equal(get_at(s, "k", NOW), 1);
	assert_int_equal(move_at(s, "k", NOW, SUSPECT), 0);
	assert_int_equal(get_at(s, "k", NOW), GS_EQUARANTINE);
	assert_int_equal(put_at(s, "k", "x", NOW), GS_EQUARANTINE);
	assert_int_equal(move_at(s, "k", NOW, ACTIVE), 0);
	assert_int_equal(del_at(s, "k", NOW), 0);
	for (size_t i = 0; i < N_ROWS(rows); i++)
		if (counted(s, rows[i].counter) != rows[i].n)
			fail_msg("row %zu: counted %" PRIu64, i, counted(s, rows[i].counter));
}

#define T_USUAL(name) cmocka_unit_test_setup_teardown(name, begin_usual, end_clean)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T_USUAL(put_starts_then_replaces_and_get_gives_the_last_value),
		T_USUAL(add_only_starts_and_update_only_replaces),
		T_USUAL(keys_and_values_out_of_bounds_are_refused_with_their_own_errors),
		T_USUAL(keys_are_bytes),
		T_USUAL(write_that_names_a_version_happens_only_to_that_version),
		T_USUAL(version_grows_with_the_value_and_with_nothing_else),
		T_USUAL(no_version_of_a_key_ever_comes_again_whoever_writes_it),
		T_USUAL(session_with_a_ttl_is_there_at_its_deadline_and_gone_a_millisecond_later),
		T_USUAL(last_ring_expires_by_the_decay_law_before_any_sweep_comes),
		T_USUAL(greatest_lifetime_bounds_a_session_absolutely),
		T_USUAL(what_starts_where_a_session_is_over_is_another_session),
		T_USUAL(operations_that_ask_for_a_session_are_accesses_and_the_others_are_not),
		T_USUAL(explicit_times_give_a_session_its_age),
		T_USUAL(attributes_that_are_not_named_are_kept),
		T_USUAL(each_operation_has_its_counter),
	};

	return cmocka_run_group_tests_name("kv", tests, NULL, NULL);
}
