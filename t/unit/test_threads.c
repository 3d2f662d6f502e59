/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_threads - four threads on few sessions: nothing torn, nothing lost, nothing counted twice.
 *
 * Each thread has a context of its own, as a process would. What goes wrong
 * in a thread is noted there and said after all have ended.
 */
#include "shm_place.h"

#include <math.h>
#include <pthread.h>
#include <unistd.h>

enum { THREADS = 4, KEYS = 8, KEPT = 4, VALUE_BYTES = 900 };

struct shared {
	struct gs_table *t;
	_Atomic uint64_t now_ms;		/* the clock of all, moved by one of them */
	_Atomic uint32_t n_ready;
	const char *_Atomic wrong;		/* the first thing that was */
	_Atomic uint64_t n_accesses;
	uint32_t n_ops;
};

struct worker {
	struct shared *sh;
	struct store s;
	struct gs_key key[KEYS];
	char name[KEYS][8];
	uint64_t rng, seen[KEYS];
	pthread_t thread;
};

static void
wrong(struct worker *w, const char *what)
{
	const char *none = NULL;

	(void)atomic_compare_exchange_strong(&w->sh->wrong, &none, what);
}

static uint64_t
now_ms(struct worker *w)
{
	return atomic_load(&w->sh->now_ms);
}

static void
all_at_once(struct worker *w)
{
	(void)atomic_fetch_add(&w->sh->n_ready, 1);
	while (atomic_load(&w->sh->n_ready) < THREADS)
		(void)usleep(10);
}

/* ---- values that show whether they are whole ---- */

static uint32_t
make_value(uint64_t *buf, uint64_t key, uint64_t nonce)
{
	uint32_t n = 3 + (uint32_t)(nonce % (VALUE_BYTES / 8 - 3));

	buf[0] = key;
	buf[1] = nonce;
	for (uint32_t i = 2; i < n; i++)
		buf[i] = (key + nonce) * UINT64_C(0x9e3779b97f4a7c15) + i;
	return n * 8;
}

static bool
is_whole(const uint64_t *buf, ssize_t len, uint64_t key)
{
	uint64_t want[VALUE_BYTES / 8];

	return len >= 24 && buf[0] == key && make_value(want, key, buf[1]) == (uint32_t)len && memcmp(buf, want, (size_t)len) == 0;
}

/* ---- the mixed load ---- */

static void
read_one(struct worker *w, uint32_t i, uint32_t flags)
{
	uint64_t buf[VALUE_BYTES / 8];
	struct gs_meta meta;
	ssize_t n = gs_kv_get(w->s.t, &w->s.c, &w->key[i], now_ms(w), buf, sizeof(buf), flags, &meta);

	if (n >= 0 && !is_whole(buf, n, i))
		wrong(w, "a value is torn");
	if (n < 0 && (n != GS_ENOENT || i < KEPT))
		wrong(w, i < KEPT ? "a session that nobody ends was missed" : "a read failed");
	if (n >= 0 && i < KEPT && meta.version < w->seen[i])
		wrong(w, "a version went back");
	if (n >= 0)
		w->seen[i] = meta.version;
}

static void
write_one(struct worker *w, uint32_t i)
{
	struct gs_put_args args = plain_args();
	uint64_t buf[VALUE_BYTES / 8];
	uint32_t len = make_value(buf, i, next_random(&w->rng));
	struct gs_meta meta;
	int rc;

	args.flags = next_random(&w->rng) % 4 == 0 && i >= KEPT ? GS_KV_ONLY_NEW : 0;
	rc = gs_kv_put(w->s.t, &w->s.c, &w->key[i], now_ms(w), buf, len, &args, &meta);
	if (rc < 0 && rc != GS_EEXIST && rc != GS_ENOSPC)
		wrong(w, "a put failed");
	if (rc != 0 && i < KEPT)
		wrong(w, "a put did not find the session that nobody ends");
	if (rc == 0 && i < KEPT && meta.version <= w->seen[i])
		wrong(w, "a put did not make a later version");
	if (rc >= 0)
		w->seen[i] = meta.version;
}

static void
sweep_all(struct worker *w)
{
	struct gs_settled done;

	for (uint64_t o = 0; o < gs_table_entries(w->s.t); o++)
		if (atomic_load_explicit(gs_table_entry(w->s.t, o), memory_order_relaxed) != 0)
			gs_kv_settle(w->s.t, &w->s.c, o, now_ms(w), &done);
}

static void
do_one(struct worker *w)
{
	uint32_t i = (uint32_t)(next_random(&w->rng) % KEYS);
	int rc = 0;

	switch (next_random(&w->rng) % 16) {
	case 0: case 1: case 2: case 3:
		write_one(w, i);
		break;
	case 4:
		rc = gs_kv_touch(w->s.t, &w->s.c, &w->key[i], now_ms(w));
		break;
	case 5: case 6:
		rc = gs_kv_move(w->s.t, &w->s.c, &w->key[i], now_ms(w), (uint32_t)(next_random(&w->rng) % 3));
		break;
	case 7: case 8:
		if (i >= KEPT)
			rc = gs_kv_del(w->s.t, &w->s.c, &w->key[i], now_ms(w), 0);
		break;
	case 9:
		read_one(w, i, GS_KV_INSPECT);
		break;
	default:
		read_one(w, i, 0);
	}
	if (rc < 0 && rc != GS_ENOSPC && (rc != GS_ENOENT || i < KEPT))
		wrong(w, "an operation failed");
}

static void *
run_mixed(void *arg)
{
	struct worker *w = arg;

	all_at_once(w);
	for (uint32_t n = 0; n < w->sh->n_ops; n++) {
		do_one(w);
		if (w->s.c.id == 1 && n % 16 == 0)
			(void)atomic_fetch_add(&w->sh->now_ms, 4);
		if (w->s.c.id == 1 && n % 64 == 0)
			sweep_all(w);
		if (w->s.c.id == 2 && n % 512 == 0)
			for (uint64_t b = 0; b < GS_GROUP_BUCKETS - 1; b++)
				gs_index_trim(w->s.t, b);
	}
	return NULL;
}

/* ---- one session, all at one instant ---- */

static void *
run_accesses(void *arg)
{
	struct worker *w = arg;
	uint64_t n_accesses = 0;
	int rc;

	all_at_once(w);
	for (uint32_t n = 0; n < w->sh->n_ops; n++) {
		switch (next_random(&w->rng) % 8) {
		case 0: case 1:
			rc = put_at(&w->s, "k", "value", NOW);
			n_accesses++;
			break;
		case 2:
			rc = touch_at(&w->s, "k", NOW);
			break;
		case 3:
			/* outwards, so that reads bring it in again and again */
			rc = move_at(&w->s, "k", NOW, 2);
			break;
		default:
			rc = (int)get_at(&w->s, "k", NOW);
			n_accesses++;
		}
		if (rc < 0)
			wrong(w, "an operation failed");
	}
	(void)atomic_fetch_add(&w->sh->n_accesses, n_accesses);
	return NULL;
}

/* ---- a counter, by compare and set ---- */

static void *
run_counter(void *arg)
{
	struct worker *w = arg;
	struct gs_key k = key_of(w->s.t, "k");
	struct gs_put_args args = plain_args();
	struct gs_meta meta;
	uint64_t n;
	int rc;

	all_at_once(w);
	for (uint32_t done = 0; done < w->sh->n_ops; done += rc == 0) {
		if (gs_kv_get(w->s.t, &w->s.c, &k, NOW, &n, sizeof(n), GS_KV_INSPECT, &meta) != sizeof(n))
			wrong(w, "the counter was missed");
		n++;
		args.if_version = meta.version;
		rc = gs_kv_put(w->s.t, &w->s.c, &k, NOW, &n, sizeof(n), &args, NULL);
		if (rc != 0 && rc != GS_ECONFLICT) {
			wrong(w, "a put of the counter failed");
			break;
		}
	}
	return NULL;
}

/* ---- starting and ending one key ---- */

static void *
run_add(void *arg)
{
	struct worker *w = arg;
	struct gs_key k = key_of(w->s.t, "k");
	struct gs_put_args args = plain_args();
	uint64_t started = 0, ended = 0;

	args.flags = GS_KV_ONLY_NEW;
	all_at_once(w);
	for (uint32_t n = 0; n < w->sh->n_ops; n++) {
		int rc = gs_kv_put(w->s.t, &w->s.c, &k, NOW, &n, sizeof(n), &args, NULL);

		started += rc == 1;
		if (rc != 1 && rc != GS_EEXIST)
			wrong(w, "an add failed");
		rc = gs_kv_del(w->s.t, &w->s.c, &k, NOW, 0);
		ended += rc == 0;
		if (rc != 0 && rc != GS_ENOENT)
			wrong(w, "an end failed");
	}
	(void)atomic_fetch_add(&w->sh->n_accesses, started - ended);
	return NULL;
}

/* ---- one who audits what the others change ---- */

enum { AUDITS = 60, AUDITOR = 1 };

static void
change(struct worker *w, uint32_t key)
{
	struct gs_put_args args = plain_args();
	char value[64] = "";

	(void)gs_kv_put(w->s.t, &w->s.c, &w->key[key], NOW, value, sizeof(value), &args, NULL);
	(void)gs_kv_move(w->s.t, &w->s.c, &w->key[(key + 1) % KEYS], NOW, key % 3);
	(void)gs_kv_del(w->s.t, &w->s.c, &w->key[(key + 3) % KEYS], NOW, 0);
}

static void *
run_audit(void *arg)
{
	struct worker *w = arg;
	struct gs_audit a;

	all_at_once(w);
	for (uint32_t n = 0; w->s.c.id != AUDITOR && atomic_load(&w->sh->n_accesses) < AUDITS; n++)
		change(w, (n * 5 + w->s.c.id) % KEYS);
	for (uint32_t n = 0; w->s.c.id == AUDITOR && n < AUDITS; n++) {
		gs_audit_run(w->s.t, NOW, &a, NULL);
		for (int i = 1; i <= GS_AUDIT_LAWS; i++)
			if (a.broken[i] > 0)
				wrong(w, "an audit beside those who work reported something");
		(void)atomic_fetch_add(&w->sh->n_accesses, 1);
	}
	return NULL;
}

/* ---- running ---- */

static void
open_shared(struct shared *sh, uint32_t n_ops)
{
	struct gs_table_spec spec = usual_spec();

	memset(sh, 0, sizeof(*sh));
	spec.n_classes = 3;
	spec.slot_size[2] = spec.slot_size[0];
	spec.slot_size[0] = 384;
	spec.slot_size[1] = 768;
	spec.rings[0].ttl_ms = 200;		/* so that sessions decay while they are used */
	spec.rings[1].ttl_ms = 400;
	spec.rings[0].half_life_ms = spec.rings[1].half_life_ms = spec.rings[2].half_life_ms = 100;
	spec.rings[0].capacity = KEYS - 2;
	assert_int_equal(gs_table_create_private(&sh->t, &spec), 0);
	atomic_store(&sh->now_ms, NOW);
	sh->n_ops = n_ops;
}

static void
run_all(struct shared *sh, void *(*body)(void *))
{
	static struct worker w[THREADS];

	for (uint32_t i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .sh = sh, .s = { .t = sh->t }, .rng = i + 1 };
		assert_int_equal(gs_ctx_init(&w[i].s.c, sh->t, i + 1), 0);
		for (uint32_t k = 0; k < KEYS; k++) {
			(void)snprintf(w[i].name[k], sizeof(w[i].name[k]), "key%u", k);
			w[i].key[k] = key_of(sh->t, w[i].name[k]);
		}
	}
	for (uint32_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&w[i].thread, NULL, body, &w[i]), 0);
	for (uint32_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
	if (atomic_load(&sh->wrong) != NULL)
		fail_msg("%s", atomic_load(&sh->wrong));
	assert_clean(sh->t, atomic_load(&sh->now_ms));
	for (uint32_t i = 0; i < THREADS; i++)
		gs_ctx_fini(&w[i].s.c, sh->t);
	assert_clean(sh->t, atomic_load(&sh->now_ms));
}

static void
readers_writers_movers_and_the_sweep_do_not_disturb_each_other(void **state)
{
	struct shared sh;
	struct store first;
	uint64_t buf[VALUE_BYTES / 8];

	(void)state;
	open_shared(&sh, 100000);
	first.t = sh.t;
	assert_int_equal(gs_ctx_init(&first.c, sh.t, 9), 0);
	for (uint32_t i = 0; i < KEPT; i++) {
		struct gs_put_args args = plain_args();
		char name[8];
		struct gs_key k;

		(void)snprintf(name, sizeof(name), "key%u", i);
		k = key_of(sh.t, name);
		assert_int_equal(gs_kv_put(sh.t, &first.c, &k, NOW, buf, make_value(buf, i, 1), &args, NULL), 1);
	}
	gs_ctx_fini(&first.c, sh.t);
	run_all(&sh, run_mixed);
	gs_table_free(&sh.t);
}

static void
each_access_counts_once_whoever_moves_or_replaces_the_session(void **state)
{
	struct shared sh;
	struct store s;
	struct gs_meta meta;
	double got, want;

	(void)state;
	open_shared(&sh, 40000);
	s.t = sh.t;
	assert_int_equal(gs_ctx_init(&s.c, sh.t, 9), 0);
	assert_int_equal(put_at(&s, "k", "value", NOW), 1);
	run_all(&sh, run_accesses);
	assert_int_equal(peek_at(&s, "k", NOW, &meta), 5);
	/* all at one instant: interest is their number, but for moves inwards, of which there are none */
	got = exp2((double)meta.interest / 0x1p40 - 32);
	want = (double)atomic_load(&sh.n_accesses) + 1;
	if (fabs(got - want) > 0.01)
		fail_msg("%.4f accesses were counted, there were %.0f", got, want);
	gs_ctx_fini(&s.c, sh.t);
	gs_table_free(&sh.t);
}

static void
compare_and_set_loses_no_step(void **state)
{
	struct shared sh;
	struct store s;
	struct gs_key k;
	struct gs_put_args args = plain_args();
	uint64_t n = 0;

	(void)state;
	open_shared(&sh, 10000);
	s.t = sh.t;
	assert_int_equal(gs_ctx_init(&s.c, sh.t, 9), 0);
	k = key_of(sh.t, "k");
	assert_int_equal(gs_kv_put(sh.t, &s.c, &k, NOW, &n, sizeof(n), &args, NULL), 1);
	run_all(&sh, run_counter);
	assert_int_equal(gs_kv_get(sh.t, &s.c, &k, NOW, &n, sizeof(n), 0, NULL), sizeof(n));
	assert_int_equal(n, 10000 * THREADS);
	gs_ctx_fini(&s.c, sh.t);
	gs_table_free(&sh.t);
}

static void
of_all_who_add_a_key_one_at_a_time_succeeds(void **state)
{
	struct shared sh;

	(void)state;
	open_shared(&sh, 50000);
	run_all(&sh, run_add);
	assert_int_equal(atomic_load(&sh.n_accesses), population(sh.t, ACTIVE));
	gs_table_free(&sh.t);
}

static void
audit_beside_those_who_work_reports_nothing(void **state)
{
	struct shared sh;

	(void)state;
	open_shared(&sh, 0);
	run_all(&sh, run_audit);
	gs_table_free(&sh.t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(readers_writers_movers_and_the_sweep_do_not_disturb_each_other),
		T(each_access_counts_once_whoever_moves_or_replaces_the_session),
		T(compare_and_set_loses_no_step),
		T(of_all_who_add_a_key_one_at_a_time_succeeds),
		T(audit_beside_those_who_work_reports_nothing),
	};

	return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
