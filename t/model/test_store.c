/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_store - random operations, against a model that is too simple to be wrong.
 *
 * The seed is printed; GS_SEED=n runs that one again.
 */
#include "store_model.h"

#include <time.h>

enum { STEPS = 40000, AUDIT_EVERY = 400 };

static uint64_t seed;

static void
fill(unsigned char *buf, uint32_t value, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		buf[i] = (unsigned char)(value * 2654435761u + i * 40503u + (i >> 8));
}

static const char *
name_of(uint32_t i)
{
	static char name[96];

	/* lengths differ, so that classes do */
	(void)snprintf(name, sizeof(name), "%0*u", 1 + (int)(i * 7 % 90), i);
	return name;
}

/* ---- both, and what they say ---- */

static void
assert_same(const struct world *w, const char *what, uint32_t i, int64_t got, int64_t want)
{
	if (got != want)
		fail_msg("seed %" PRIu64 ", shape %s, step %" PRIu64 ", %s of %u: the store says %" PRId64 ", the model %" PRId64, seed,
		    w->shape->name, w->step, what, i, got, want);
}

static uint32_t
index_of(const struct gs_meta *meta)
{
	char name[256];

	memcpy(name, meta->key, meta->key_len);
	name[meta->key_len] = '\0';
	return (uint32_t)strtoul(name, NULL, 10);
}

/* Who had to go for the call that was just made: out of a full ring, outwards, or for good if his time was over. */
static void
let_go(struct world *w)
{
	for (uint32_t i = 0; i < w->gone.n; i++) {
		const struct gs_evicted *gone = &w->gone.item[i];
		uint32_t key = index_of(&gone->meta);
		struct session *m = &w->m[key];

		assert_true(w->gone.n <= GS_EVICT_LOG);
		assert_same(w, "ring that it was evicted from", key, gone->from, m->is_there ? (int64_t)m->ring : -1);
		assert_same(w, "population it was too many in", key, w->population[m->ring] >= w->shape->capacity[m->ring], 1);
		if (gone->as == GS_EVICTED_OUTWARDS) {
			assert_same(w, "ring that it was evicted to", key, gone->to, decay_to(w, m->ring));
			move_to(w, m, gone->to);
			continue;
		}
		assert_same(w, "time that was over", key, gone->as == GS_EVICTED_OVER && is_over(w, m), 1);
		w->population[m->ring]--;
		m->is_there = false;
	}
	w->gone.n = 0;
}

static void
put_one(struct world *w, struct store *s, uint32_t i)
{
	struct session *m = &w->m[i];
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(w->t, name_of(i));
	static unsigned char bytes[1001];
	uint32_t value = (uint32_t)below(w, UINT32_MAX), len = (uint32_t)below(w, below(w, 2) == 0 ? 100 : 1001);
	struct gs_meta meta;
	bool was_there;
	int got, want;

	args.flags = (uint32_t)below(w, 8) & (below(w, 2) == 0 ? 0 : 7);
	if ((args.flags & GS_KV_ONLY_NEW) != 0)
		args.flags &= ~(uint32_t)GS_KV_ONLY_OLD;
	if (below(w, 4) == 0) {
		args.set = GS_SET_TTL_BIT;
		args.ttl_ms = below(w, 3) == 0 ? 0 : below(w, 2 * HOUR) + 1;
	}
	if (below(w, 4) == 0) {
		args.set |= GS_SET_CLASS_BIT;
		args.class_id = (uint32_t)below(w, MODEL_CLASSES);
	}
	if (below(w, 8) == 0)
		args.ring = (uint32_t)below(w, w->shape->n_rings);
	if (below(w, 8) == 0)
		args.if_version = below(w, 2) == 0 ? m->version : 1;
	fill(bytes, value, len);
	got = gs_kv_put(w->t, &s->c, &k, w->now_ms, bytes, len, &args, &meta);
	let_go(w);
	was_there = m->is_there;
	want = model_put(w, m, &args);
	assert_same(w, "put", i, got, want);
	if (want < 0)
		return;
	/* one that starts anew is another, but not always a later number within one tick of the clock */
	assert_true(was_there ? meta.version > m->version : meta.version != m->version);
	m->version = meta.version;
	m->value = value;
	m->val_len = len;
	assert_same(w, "ring after a put", i, meta.ring, m->ring);
}

static void
get_one(struct world *w, struct store *s, uint32_t i, uint32_t flags)
{
	struct session *m = &w->m[i];
	struct gs_key k = key_of(w->t, name_of(i));
	unsigned char got[1000], want[1000];
	struct gs_meta meta;
	ssize_t n = gs_kv_get(w->t, &s->c, &k, w->now_ms, got, sizeof(got), flags, &meta);

	let_go(w);
	if (!m->is_there || is_over(w, m)) {
		assert_same(w, "get", i, n, GS_ENOENT);
		return;
	}
	if ((flags & GS_KV_INSPECT) == 0 && is_suspect(w, m->ring)) {
		assert_same(w, "get", i, n, GS_EQUARANTINE);
		return;
	}
	if ((flags & GS_KV_INSPECT) == 0) {
		count_access(w, m);
		promote(w, m);
	}
	assert_same(w, "length", i, n, m->val_len);
	fill(want, m->value, m->val_len);
	assert_memory_equal(got, want, m->val_len);
	assert_same(w, "ring", i, meta.ring, m->ring);
	assert_same(w, "version", i, (int64_t)meta.version, (int64_t)m->version);
	assert_same(w, "last access", i, (int64_t)meta.accessed_ms, (int64_t)m->accessed_ms);
	assert_same(w, "last touch", i, (int64_t)meta.touched_ms, (int64_t)m->touched_ms);
	assert_same(w, "hits", i, (int64_t)meta.hits, (int64_t)m->hits);
	assert_same(w, "start", i, (int64_t)meta.created_ms, (int64_t)m->created_ms);
	assert_same(w, "end", i, (int64_t)meta.expires_ms, (int64_t)(expires_ms(m) < GS_TIME_NEVER ? expires_ms(m) : GS_TIME_NEVER));
	assert_same(w, "end with its class", i, (int64_t)gs_kv_ends_ms(w->t, &meta), (int64_t)(ends_ms(w, m) < GS_TIME_NEVER ? ends_ms(w, m) : GS_TIME_NEVER));
	assert_same(w, "class", i, meta.class_id, m->class_id);
	if (fabsl((long double)meta.interest / 0x1p40L - 32 - log2l(m->interest)) * (long double)w->shape->half_life_ms > 1)
		assert_same(w, "interest", i, (int64_t)meta.interest, (int64_t)((log2l(m->interest) + 32) * 0x1p40L));
}

static void
touch_one(struct world *w, struct store *s, uint32_t i)
{
	struct session *m = &w->m[i];
	int want = !m->is_there || is_over(w, m) ? GS_ENOENT : is_suspect(w, m->ring) ? GS_EQUARANTINE : 0;

	assert_same(w, "touch", i, touch_at(s, name_of(i), w->now_ms), want);
	if (want == 0) {
		fade(w, m);
		/* later than an mtime that was given in this tick, so that it is seen */
		m->touched_ms = m->given_ms == w->now_ms ? w->now_ms + 1 : w->now_ms;
	}
}

static void
del_one(struct world *w, struct store *s, uint32_t i)
{
	struct session *m = &w->m[i];
	struct gs_key k = key_of(w->t, name_of(i));
	uint64_t if_version = below(w, 4) == 0 ? m->version ^ below(w, 2) : 0;
	int want = !m->is_there || is_over(w, m) ? GS_ENOENT : if_version != 0 && if_version != m->version ? GS_ECONFLICT : 0;

	assert_same(w, "del", i, gs_kv_del(w->t, &s->c, &k, w->now_ms, if_version), want);
	if (want == 0) {
		w->population[m->ring]--;
		m->is_there = false;
	}
}

static void
set_one(struct world *w, struct store *s, uint32_t i)
{
	struct session *m = &w->m[i];
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(w->t, name_of(i));
	int want = !m->is_there || is_over(w, m) ? GS_ENOENT : 0;

	args.set = (below(w, 2) == 0 ? GS_SET_TTL_BIT : GS_SET_TIMES_BIT) | (below(w, 4) == 0 ? GS_SET_CLASS_BIT : 0);
	args.class_id = (uint32_t)below(w, MODEL_CLASSES);
	args.ttl_ms = below(w, 3) == 0 ? 0 : below(w, 6 * HOUR) + 1;
	args.accessed_ms = w->now_ms - below(w, 3) * below(w, HOUR);
	assert_same(w, "setattr", i, gs_kv_setattr(w->t, &s->c, &k, w->now_ms, &args), want);
	if (want < 0)
		return;
	if ((args.set & GS_SET_CLASS_BIT) != 0)
		m->class_id = args.class_id;
	if ((args.set & GS_SET_TTL_BIT) != 0) {
		m->ttl_ms = args.ttl_ms;
	} else {
		/* forwards it is a touch of that instant */
		fade_to(w, m, args.accessed_ms);
		m->touched_ms = args.accessed_ms;
		m->given_ms = args.accessed_ms;
	}
}

/* ---- the sweep and the scan ---- */

static void
sweep(struct world *w, struct store *s)
{
	struct gs_meta meta;

	for (uint64_t o = 0; o < gs_table_entries(w->t); o++) {
		uint64_t e = atomic_load(gs_table_entry(w->t, o));
		struct gs_settled done;
		uint32_t i;

		if (e == 0)
			continue;
		/* whose it is, whether it is over or not */
		assert_int_equal(gs_kv_at(w->t, &s->c, o, 0, &meta), 0);
		i = index_of(&meta);
		if (is_doubtful(w, &w->m[i]))
			continue;
		gs_kv_settle(w->t, &s->c, o, w->now_ms, &done);
		let_go(w);
		assert_same(w, "settle", i, done.what, model_settle(w, &w->m[i]));
		if (done.what == GS_SETTLE_STAYS || done.what == GS_SETTLE_DECAYED) {
			uint64_t next_ms = leaves_ms(w, &w->m[i]) < ends_ms(w, &w->m[i]) ? leaves_ms(w, &w->m[i]) : ends_ms(w, &w->m[i]);

			if (next_ms < GS_TIME_NEVER && (done.next_ms > next_ms + 2 || done.next_ms < next_ms))
				assert_same(w, "next instant", i, (int64_t)done.next_ms, (int64_t)next_ms + 1);
		}
	}
}

static void
scan(struct world *w, struct store *s)
{
	uint8_t seen[KEYS] = { 0 };
	struct gs_meta meta;

	for (uint64_t o = 0; o < gs_table_entries(w->t); o++)
		if (gs_kv_at(w->t, &s->c, o, w->now_ms, &meta) == 0) {
			assert_true(index_of(&meta) < w->shape->n_keys);
			seen[index_of(&meta)]++;
		}
	for (uint32_t i = 0; i < w->shape->n_keys; i++)
		if (!is_doubtful(w, &w->m[i]))
			assert_same(w, "number in a scan", i, seen[i], w->m[i].is_there && !is_over(w, &w->m[i]));
}

/* ---- running ---- */

/* The next sweep, as far as due hints go. */
static void
arm_anew(struct world *w)
{
	for (uint64_t o = 0; o < gs_table_entries(w->t); o++) {
		uint64_t e = atomic_load(gs_table_entry(w->t, o));

		if (e != 0)
			gs_table_arena(w->t, gs_entry_ring(e), gs_entry_class(e))->due[gs_entry_slot(e)] =
			    gs_record_due(gs_record_next_ms(w->t, gs_entry_ring(e), gs_table_slot(w->t, e)));
	}
	for (uint32_t r = 0; r < w->t->n_rings; r++)
		atomic_store(&w->t->ctl->ring[r].rearm, 0);
}

/* Somebody writes control/sessions/classes. */
static void
change_rules(struct world *w)
{
	static const char *const names[MODEL_CLASSES] = { "", "anonymous", "authenticated", "guest" };

	for (uint32_t id = 0; id < MODEL_CLASSES; id++) {
		struct gs_class_spec *c = &w->of_class[id];

		(void)snprintf(c->name, sizeof(c->name), "%s", names[id]);
		c->rule.ttl_ms = id == 0 || below(w, 2) == 0 ? GS_DURATION_MAX : below(w, 4 * HOUR) + 1;
		c->rule.idle_ms = id == 0 || below(w, 3) == 0 ? GS_DURATION_MAX : below(w, 2 * HOUR) + 1;
	}
	assert_int_equal(gs_classes_apply(w->t, &w->of_class[1], MODEL_CLASSES - 1), 0);
	arm_anew(w);
}

static void
pass_time(struct world *w)
{
	const struct session *m = &w->m[below(w, w->shape->n_keys)];
	uint64_t to_ms = w->now_ms;

	switch (below(w, 12)) {
	case 0:
		to_ms += below(w, 10 * MIN);
		break;
	case 1:
		if (m->is_there)
			to_ms = leaves_ms(w, m) + below(w, 2);
		break;
	case 2:
		if (m->is_there)
			to_ms = ends_ms(w, m) + below(w, 2);
		break;
	default:
		to_ms += below(w, 3) * below(w, 2000);
	}
	/* not so far that nothing is left to look at */
	if (to_ms > w->now_ms && to_ms < w->now_ms + 2 * HOUR)
		w->now_ms = to_ms;
}

static void
step(struct world *w)
{
	struct store *s = &w->by[below(w, CONTEXTS)];
	uint32_t i = (uint32_t)below(w, w->shape->n_keys), ring;
	int rc;

	if (below(w, 3) == 0)
		pass_time(w);
	while (is_doubtful(w, &w->m[i]))
		w->now_ms++;
	switch (below(w, 20)) {
	case 0: case 1: case 2: case 3: case 4: case 5:
		put_one(w, s, i);
		break;
	case 6: case 7: case 8: case 9: case 10:
		get_one(w, s, i, 0);
		break;
	case 11: case 12:
		get_one(w, s, i, GS_KV_INSPECT);
		break;
	case 13: case 14:
		touch_one(w, s, i);
		break;
	case 15:
		del_one(w, s, i);
		break;
	case 16: case 17:
		ring = (uint32_t)below(w, w->shape->n_rings);
		rc = move_at(s, name_of(i), w->now_ms, ring);
		let_go(w);
		assert_same(w, "move", i, rc, model_move(w, &w->m[i], ring));
		break;
	case 18:
		set_one(w, s, i);
		break;
	case 19:
		if (below(w, 10) == 0)
			sweep(w, s);
		if (below(w, 20) == 0)
			change_rules(w);
		break;
	}
}

static void
check_all(struct world *w)
{
	scan(w, &w->by[0]);
	for (uint32_t i = 0; i < w->shape->n_keys; i++)
		if (!is_doubtful(w, &w->m[i]))
			get_one(w, &w->by[0], i, GS_KV_INSPECT);
	for (uint32_t r = 0; r < w->shape->n_rings; r++)
		assert_same(w, "population", r, population(w->t, r), w->population[r]);
	assert_clean(w->t, w->now_ms);
}

static void
open_world(struct world *w, const struct shape *shape)
{
	static const char *const names[] = { "active", "warm", "cold", "deep", "suspect" };
	struct gs_table_spec spec = {
		.name = "t", .record_size = 1000, .key_max = GS_KEY_BYTES, .n_classes = shape->n_classes, .max_sessions = 100,
		.max_lifetime_ms = shape->max_lifetime_ms,
		.slot_size = { 320, 512, 960 },
	};

	memset(w, 0, sizeof(*w));
	spec.slot_size[spec.n_classes - 1] = gs_table_slot_bytes(GS_KEY_BYTES, GS_OWNER_BYTES, 1000);
	for (uint32_t r = 0; r < shape->n_rings; r++) {
		bool suspects = shape->has_suspect && r == shape->n_rings - 1;

		add_ring(&spec, names[suspects ? 4 : r], ring_ttl_ms(r), shape->capacity[r],
		    r + 1 < shape->n_rings - shape->has_suspect ? r + 1 : GS_RING_NONE);
		spec.rings[r].half_life_ms = shape->half_life_ms;
		if (shape->promote_never != 0 && r == shape->promote_never)
			spec.rings[r].promote = GS_PROMOTE_NEVER;
	}
	w->shape = shape;
	w->now_ms = NOW;
	w->rng = seed;
	assert_int_equal(gs_table_create_private(&w->t, &spec), 0);
	/* Who is moved to the suspects stays there until he is moved out. */
	atomic_store(&w->t->ctl->quota.hold_ms, UINT64_MAX);
	change_rules(w);
	for (uint32_t i = 0; i < CONTEXTS; i++) {
		w->by[i].t = w->t;
		assert_int_equal(gs_ctx_init(&w->by[i].c, w->t, i + 1), 0);
		w->by[i].c.evict.log = &w->gone;
	}
}

static void
run(const struct shape *shape)
{
	static struct world w;

	open_world(&w, shape);
	for (w.step = 0; w.step < STEPS; w.step++) {
		step(&w);
		if (w.step % AUDIT_EVERY == 0)
			check_all(&w);
	}
	check_all(&w);
	for (int i = 0; i < CONTEXTS; i++)
		gs_ctx_fini(&w.by[i].c, w.t);
	assert_clean(w.t, w.now_ms);
	gs_table_free(&w.t);
}

static void
one_class_and_two_tiny_rings_behave_as_the_model(void **state)
{
	static const struct shape shape = {
		"tiny", 1, 2, false, { 5, 7 }, 0, 5 * MIN, GS_DURATION_MAX, 20,
	};

	(void)state;
	run(&shape);
}

static void
four_classes_and_five_rings_behave_as_the_model(void **state)
{
	static const struct shape shape = {
		"five", 4, 5, true, { 60, 70, 80, 90, 20 }, 2, 5 * MIN, GS_DURATION_MAX, 300,
	};

	(void)state;
	run(&shape);
}

static void
four_classes_and_two_rings_without_half_life_behave_as_the_model(void **state)
{
	static const struct shape shape = {
		"idle", 4, 2, false, { 100, 200 }, 0, 0, 3 * HOUR, 250,
	};

	(void)state;
	run(&shape);
}

static void
crowded_index_of_three_rings_and_suspects_behaves_as_the_model(void **state)
{
	static const struct shape shape = {
		"crowded", 1, 4, true, { 300, 300, 300, 300 }, 0, 30 * S, 8 * HOUR, 300,
	};

	(void)state;
	run(&shape);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_class_and_two_tiny_rings_behave_as_the_model),
		T(four_classes_and_five_rings_behave_as_the_model),
		T(four_classes_and_two_rings_without_half_life_behave_as_the_model),
		T(crowded_index_of_three_rings_and_suspects_behaves_as_the_model),
	};
	const char *given = getenv("GS_SEED");

	seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	(void)printf("# GS_SEED=%" PRIu64 "\n", seed);
	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
