/* SPDX-License-Identifier: BSD-2-Clause */
/* Room in full rings: who goes, where to, who never does; shm/evict.h. */
#include "shm_place.h"

#include <pthread.h>

#include "shm/evict.h"

/* Small rings, where all sessions are looked at and the choice is exact. */
static struct gs_table_spec
narrow_spec(uint64_t active, uint64_t warm, uint64_t cold, uint32_t on_full)
{
	struct gs_table_spec spec = usual_spec();

	spec.max_sessions = 1000;
	spec.rings[ACTIVE].capacity = active;
	spec.rings[WARM].capacity = warm;
	spec.rings[COLD].capacity = cold;
	spec.rings[COLD].on_full = on_full;
	return spec;
}

static void
open_narrow(struct store *s, uint64_t active, uint64_t warm, uint64_t cold, uint32_t on_full)
{
	struct gs_table_spec spec = narrow_spec(active, warm, cold, on_full);

	open_store(s, &spec);
}

static void
close_clean(struct store *s)
{
	assert_clean(s->t, NOW + 365 * DAY);
	close_store(s);
}

static int
put_class(struct store *s, const char *key, uint32_t ring, uint32_t class_id, uint64_t now_ms)
{
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(s->t, key);

	args.ring = ring;
	args.set = GS_SET_CLASS_BIT;
	args.class_id = class_id;
	return gs_kv_put(s->t, &s->c, &k, now_ms, "v", 1, &args, NULL);
}

static uint64_t
line_of(const struct store *s, uint32_t ring, bool is_dropped)
{
	const struct gs_counter_line *line = &s->t->idx->population[ring];

	return is_dropped ? atomic_load(&line->dropped) : atomic_load(&line->evicted);
}

/* ---- one at a time ---- */

static void
put_into_a_full_ring_moves_who_is_worth_least_outwards(void **state)
{
	struct store s;

	(void)state;
	open_narrow(&s, 3, 10, 10, GS_ON_FULL_REFUSE);
	start_in(&s, "a", ACTIVE, NOW);
	start_in(&s, "b", ACTIVE, NOW + S);
	start_in(&s, "c", ACTIVE, NOW + 2 * S);
	assert_true(get_at(&s, "a", NOW + 3 * S) >= 0);
	/* b is of one access, and longer idle than c */
	assert_int_equal(put_at(&s, "d", "v", NOW + 4 * S), 1);
	assert_int_equal(ring_of(&s, "b"), WARM);
	assert_int_equal(ring_of(&s, "a"), ACTIVE);
	assert_int_equal(ring_of(&s, "c"), ACTIVE);
	assert_int_equal(ring_of(&s, "d"), ACTIVE);
	assert_int_equal(population(s.t, ACTIVE), 3);
	assert_int_equal(population(s.t, WARM), 1);
	assert_int_equal(counted(&s, GS_COUNT_EVICTED), 1);
	assert_int_equal(line_of(&s, ACTIVE, false), 1);
	/* it is no decay, and nobody was refused */
	assert_int_equal(counted(&s, GS_COUNT_DECAYED), 0);
	assert_int_equal(counted(&s, GS_COUNT_ENOSPC), 0);
	close_clean(&s);
}

static void
who_goes_keeps_all_that_it_was(void **state)
{
	struct gs_meta before, after;
	struct store s;

	(void)state;
	open_narrow(&s, 2, 10, 10, GS_ON_FULL_REFUSE);
	start_in(&s, "k", ACTIVE, NOW);
	assert_true(get_at(&s, "k", NOW + S) >= 0);
	start_in(&s, "b", ACTIVE, NOW + 20 * MIN);
	assert_true(peek_at(&s, "k", NOW, &before) >= 0);
	assert_int_equal(put_at(&s, "c", "v", NOW + 21 * MIN), 1);
	assert_true(peek_at(&s, "k", NOW, &after) >= 0);
	assert_int_equal(after.ring, WARM);
	assert_int_equal(after.accessed_ms, before.accessed_ms);
	assert_int_equal(after.interest, before.interest);
	assert_int_equal(after.hits, before.hits);
	assert_int_equal(after.version, before.version);
	assert_int_equal(after.ordinal, before.ordinal);
	assert_int_equal(after.birth, before.birth);
	close_clean(&s);
}

static void
reserve_is_used_before_anybody_goes(void **state)
{
	struct gs_table_spec spec = narrow_spec(2, 10, 10, GS_ON_FULL_REFUSE);
	struct store s;

	(void)state;
	spec.rings[ACTIVE].reserve = 2;
	open_store(&s, &spec);
	for (int i = 0; i < 4; i++)
		start_in(&s, (const char *[]){ "a", "b", "c", "d" }[i], ACTIVE, NOW + (uint64_t)i);
	assert_int_equal(counted(&s, GS_COUNT_EVICTED), 0);
	start_in(&s, "e", ACTIVE, NOW + S);
	assert_int_equal(counted(&s, GS_COUNT_EVICTED), 1);
	assert_int_equal(ring_of(&s, "a"), WARM);
	assert_int_equal(population(s.t, ACTIVE), 4);
	close_clean(&s);
}

static void
full_outer_ring_makes_room_itself_first(void **state)
{
	struct store s;

	(void)state;
	open_narrow(&s, 1, 1, 1, GS_ON_FULL_REFUSE);
	start_in(&s, "a", ACTIVE, NOW);
	start_in(&s, "b", ACTIVE, NOW + S);
	start_in(&s, "c", ACTIVE, NOW + 2 * S);
	assert_int_equal(ring_of(&s, "a"), COLD);
	assert_int_equal(ring_of(&s, "b"), WARM);
	assert_int_equal(ring_of(&s, "c"), ACTIVE);
	assert_int_equal(counted(&s, GS_COUNT_EVICTED), 3);
	/* now there is no room anywhere */
	assert_int_equal(put_at(&s, "d", "v", NOW + 3 * S), GS_ENOSPC);
	assert_int_equal(counted(&s, GS_COUNT_ENOSPC), 1);
	assert_int_equal(ring_of(&s, "a"), COLD);
	assert_int_equal(ring_of(&s, "b"), WARM);
	assert_int_equal(ring_of(&s, "c"), ACTIVE);
	close_clean(&s);
}

static void
what_is_over_goes_first_and_needs_no_room_further_out(void **state)
{
	struct gs_put_args args = plain_args();
	struct gs_key k;
	struct store s;

	(void)state;
	open_narrow(&s, 2, 1, 1, GS_ON_FULL_REFUSE);
	args.set = GS_SET_TTL_BIT;
	args.ttl_ms = S;
	k = key_of(s.t, "short");
	start_in(&s, "old", ACTIVE, NOW);
	assert_int_equal(gs_kv_put(s.t, &s.c, &k, NOW + 5 * S, "v", 1, &args, NULL), 1);
	assert_int_equal(put_at(&s, "new", "v", NOW + 7 * S), 1);
	assert_int_equal(ring_of(&s, "old"), ACTIVE);
	assert_int_equal(peek_at(&s, "short", NOW + 7 * S, NULL), GS_ENOENT);
	assert_int_equal(counted(&s, GS_COUNT_EXPIRED), 1);
	assert_int_equal(counted(&s, GS_COUNT_EVICTED), 0);
	assert_int_equal(population(s.t, WARM), 0);
	close_clean(&s);
}

static void
promotion_into_a_full_ring_spares_who_comes_in(void **state)
{
	struct store s;

	(void)state;
	open_narrow(&s, 2, 1, 2, GS_ON_FULL_ONESHOT);
	start_in(&s, "k", WARM, NOW);
	start_in(&s, "c1", COLD, NOW + S);
	start_in(&s, "c2", COLD, NOW + S);
	start_in(&s, "a", ACTIVE, NOW + 2 * S);
	start_in(&s, "b", ACTIVE, NOW + 3 * S);
	/* room for a in warm is made by moving somebody out of there, but not k, who is the only one: a cannot go */
	assert_true(get_at(&s, "k", NOW + 4 * S) >= 0);
	assert_int_equal(ring_of(&s, "k"), WARM);
	assert_int_equal(counted(&s, GS_COUNT_DROPPED_ONESHOT) + counted(&s, GS_COUNT_PROMOTED), 0);
	/* with one place more there is a way */
	atomic_store(&s.t->ctl->ring[WARM].capacity, 2);
	assert_true(get_at(&s, "k", NOW + 5 * S) >= 0);
	assert_int_equal(ring_of(&s, "k"), ACTIVE);
	assert_int_equal(ring_of(&s, "a"), WARM);
	assert_int_equal(counted(&s, GS_COUNT_PROMOTED), 1);
	assert_int_equal(population(s.t, ACTIVE), 2);
	close_clean(&s);
}

static void
decay_makes_room_too(void **state)
{
	struct store s;

	(void)state;
	open_narrow(&s, 5, 1, 5, GS_ON_FULL_REFUSE);
	start_in(&s, "there", WARM, NOW + 5 * MIN);
	start_in(&s, "k", ACTIVE, NOW);
	assert_int_equal(settle_at(&s, "k", NOW + 10 * MIN + 1).what, GS_SETTLE_DECAYED);
	assert_int_equal(ring_of(&s, "k"), WARM);
	assert_int_equal(ring_of(&s, "there"), COLD);
	assert_int_equal(counted(&s, GS_COUNT_DECAYED), 1);
	assert_int_equal(counted(&s, GS_COUNT_EVICTED), 1);
	assert_int_equal(counted(&s, GS_COUNT_STUCK), 0);
	close_clean(&s);
}

static void
suspects_are_never_moved_to_make_room(void **state)
{
	struct gs_table_spec spec = narrow_spec(2, 1, 1, GS_ON_FULL_ANONYMOUS);
	struct store s;

	(void)state;
	spec.rings[SUSPECT].capacity = 1;
	spec.rings[SUSPECT].on_full = GS_ON_FULL_ANONYMOUS;
	open_store(&s, &spec);
	start_in(&s, "a", ACTIVE, NOW);
	start_in(&s, "b", ACTIVE, NOW);
	assert_int_equal(move_at(&s, "a", NOW, SUSPECT), 0);
	assert_int_equal(move_at(&s, "b", NOW, SUSPECT), GS_ENOSPC);
	assert_int_equal(ring_of(&s, "a"), SUSPECT);
	close_clean(&s);
}

/* ---- nowhere to go ---- */

static void
on_full_says_who_may_be_dropped(void **state)
{
	enum { NONE = GS_CLASS_NONE, ANON = GS_CLASS_ANONYMOUS, AUTH = GS_CLASS_AUTHENTICATED };
	static const struct {
		uint32_t on_full, class_id, accesses;
		bool is_over;
		int want;
		enum gs_counter counter;
	} rows[] = {
		{ GS_ON_FULL_REFUSE, NONE, 1, false, GS_ENOSPC, GS_COUNT_ENOSPC },
		{ GS_ON_FULL_REFUSE, NONE, 1, true, GS_ENOSPC, GS_COUNT_ENOSPC },
		{ GS_ON_FULL_EXPIRED, NONE, 1, false, GS_ENOSPC, GS_COUNT_ENOSPC },
		{ GS_ON_FULL_EXPIRED, AUTH, 9, true, 1, GS_COUNT_EXPIRED },
		{ GS_ON_FULL_ONESHOT, NONE, 1, false, 1, GS_COUNT_DROPPED_ONESHOT },
		{ GS_ON_FULL_ONESHOT, AUTH, 9, true, 1, GS_COUNT_EXPIRED },
		{ GS_ON_FULL_ONESHOT, NONE, 2, false, GS_ENOSPC, GS_COUNT_ENOSPC },
		{ GS_ON_FULL_ONESHOT, ANON, 1, false, GS_ENOSPC, GS_COUNT_ENOSPC },
		{ GS_ON_FULL_ANONYMOUS, ANON, 1, false, 1, GS_COUNT_DROPPED_ANONYMOUS },
		{ GS_ON_FULL_ANONYMOUS, ANON, 9, false, 1, GS_COUNT_DROPPED_ANONYMOUS },
		{ GS_ON_FULL_ANONYMOUS, NONE, 1, false, 1, GS_COUNT_DROPPED_ONESHOT },
		{ GS_ON_FULL_ANONYMOUS, NONE, 2, false, GS_ENOSPC, GS_COUNT_ENOSPC },
		/* a live, logged-in session: never */
		{ GS_ON_FULL_ANONYMOUS, AUTH, 1, false, GS_ENOSPC, GS_COUNT_ENOSPC },
		{ GS_ON_FULL_ANONYMOUS, AUTH, 9, false, GS_ENOSPC, GS_COUNT_ENOSPC },
	};

	(void)state;
	for (size_t i = 0; i < N_ROWS(rows); i++) {
		struct gs_table_spec spec = narrow_spec(10, 10, 1, rows[i].on_full);
		uint64_t now_ms = rows[i].is_over ? NOW + 8 * DAY : NOW + S;
		struct store s;

		/* an outermost ring that its sessions leave by no ttl of their own, so that this one is over by its lifetime */
		spec.max_lifetime_ms = 8 * DAY - 1;
		spec.rings[COLD].ttl_ms = GS_DURATION_MAX;
		spec.rings[COLD].promote = GS_PROMOTE_NEVER;
		open_store(&s, &spec);
		assert_int_equal(put_class(&s, "there", COLD, rows[i].class_id, NOW), 1);
		for (uint32_t k = 1; k < rows[i].accesses; k++)
			assert_true(get_at(&s, "there", NOW + k) >= 0);
		if (put_class(&s, "new", COLD, GS_CLASS_NONE, now_ms) != rows[i].want || counted(&s, rows[i].counter) != 1)
			fail_msg("row %zu", i);
		assert_int_equal(peek_at(&s, "there", NOW + S, NULL) >= 0, rows[i].want != 1);
		assert_int_equal(line_of(&s, COLD, true),
		    counted(&s, GS_COUNT_DROPPED_ONESHOT) + counted(&s, GS_COUNT_DROPPED_ANONYMOUS));
		assert_int_equal(population(s.t, COLD), 1);
		close_clean(&s);
	}
}

static void
nobody_is_dropped_while_there_is_room_further_out(void **state)
{
	struct gs_table_spec spec = narrow_spec(2, 2, 4, GS_ON_FULL_REFUSE);
	struct store s;
	char key[8];

	(void)state;
	spec.rings[ACTIVE].on_full = GS_ON_FULL_ANONYMOUS;
	open_store(&s, &spec);
	for (int i = 0; i < 8; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(put_at(&s, key, "v", NOW + (uint64_t)i * S), 1);
	}
	assert_int_equal(counted(&s, GS_COUNT_DROPPED_ONESHOT), 0);
	/* all are full: what on_full of the ring itself allows */
	assert_int_equal(put_at(&s, "k8", "v", NOW + 9 * S), 1);
	assert_int_equal(counted(&s, GS_COUNT_DROPPED_ONESHOT), 1);
	assert_int_equal(peek_at(&s, "k6", NOW + 9 * S, NULL), GS_ENOENT);
	close_clean(&s);
}

static void
parked_and_bound_records_are_not_dropped(void **state)
{
	struct store s;
	struct gs_hit hit;

	(void)state;
	open_narrow(&s, 10, 10, 1, GS_ON_FULL_ANONYMOUS);
	start_in(&s, "there", COLD, NOW);
	hit = hit_of(&s, "there");
	hit.slot->flags = GS_FLAG_PARKED;
	assert_int_equal(put_class(&s, "new", COLD, GS_CLASS_NONE, NOW + S), GS_ENOSPC);
	hit.slot->flags = GS_FLAG_CARRIED;
	assert_int_equal(put_class(&s, "new", COLD, GS_CLASS_NONE, NOW + S), GS_ENOSPC);
	hit.slot->flags = 0;
	assert_int_equal(put_class(&s, "new", COLD, GS_CLASS_NONE, NOW + S), 1);
	close_clean(&s);
}

/* ---- batches ---- */

static void
batch_lets_those_go_that_are_worth_least(void **state)
{
	struct gs_table_spec spec = narrow_spec(400, 400, 400, GS_ON_FULL_REFUSE);
	struct gs_evict_hand hand = { 0 };
	struct gs_evict_done done;
	struct gs_ctx daemon;
	int n_early = 0;
	struct store s;
	char key[8];

	(void)state;
	open_store(&s, &spec);
	assert_int_equal(gs_ctx_init(&daemon, s.t, GS_DAEMON_CTX), 0);
	/* the first hundred are a minute older than the others */
	for (int i = 0; i < 400; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		start_in(&s, key, ACTIVE, NOW + (i < 100 ? 0 : MIN) + (uint64_t)i);
	}
	/* the sample says about how many */
	for (int round = 0; round < 20 && population(s.t, WARM) < 80; round++) {
		gs_evict_batch(s.t, &daemon, ACTIVE, 20, NOW + 2 * MIN, &hand, &done);
		assert_false(done.is_blocked);
		assert_int_equal(done.n_over, 0);
		assert_in_range(done.n_outwards, 5, 20);
	}
	for (int i = 0; i < 400; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		n_early += ring_of(&s, key) == WARM && i < 100;
	}
	assert_in_range(population(s.t, WARM), 80, 99);
	assert_int_equal(n_early, population(s.t, WARM));
	assert_int_equal(line_of(&s, ACTIVE, false), n_early);
	/* from the last ring nobody goes ahead of need */
	gs_evict_batch(s.t, &daemon, COLD, 20, NOW + 2 * MIN, &hand, &done);
	assert_true(done.is_blocked);
	/* nor where there is no room */
	atomic_store(&s.t->ctl->ring[WARM].capacity, (uint64_t)n_early);
	atomic_store(&s.t->ctl->ring[COLD].capacity, 0);
	gs_evict_batch(s.t, &daemon, ACTIVE, 20, NOW + 2 * MIN, &hand, &done);
	assert_true(done.is_blocked);
	assert_int_equal(done.n_outwards, 0);
	gs_ctx_fini(&daemon, s.t);
	close_clean(&s);
}

/* ---- against a naive model ---- */

enum { KEYS = 60, OPS = 20000 };

struct model {
	struct store s;
	uint64_t now_ms, seed;
	bool is_there[KEYS];
	struct gs_meta was[KEYS];	/* before the operation */
	uint64_t n_dropped;
};

static void
name_key(char key[8], int i)
{
	(void)snprintf(key, 8, "k%d", i);
}

static bool
is_droppable(const struct model *m, const struct gs_meta *meta)
{
	uint32_t on_full = atomic_load(&m->s.t->ctl->ring[meta->ring].on_full);

	return (on_full >= GS_ON_FULL_ONESHOT && meta->class_id == GS_CLASS_NONE && meta->hits <= 1) ||
	    (on_full >= GS_ON_FULL_ANONYMOUS && meta->class_id == GS_CLASS_ANONYMOUS);
}

static void
look_at_all(struct model *m)
{
	char key[8];

	for (int i = 0; i < KEYS; i++) {
		name_key(key, i);
		if (m->is_there[i])
			assert_true(peek_at(&m->s, key, m->now_ms, &m->was[i]) >= 0);
	}
}

static uint64_t
score_of(const struct gs_meta *meta, uint64_t now_ms)
{
	const struct gs_evictee e = { meta->accessed_ms, meta->interest, meta->hits, false };

	return gs_evict_score(&e, now_ms, 5 * MIN);
}

/* Who left active was worth least of those that were there, and are not who was worked on. */
static void
check_choice(const struct model *m, int who, int except)
{
	for (int i = 0; i < KEYS; i++)
		if (i != except && i != who && m->is_there[i] && m->was[i].ring == ACTIVE &&
		    score_of(&m->was[i], m->now_ms) > score_of(&m->was[who], m->now_ms))
			fail_msg("k%d went, k%d is worth less", who, i);
}

/* Every ring within its capacity; who is gone might be; who left active was the right one. */
static void
check_all(struct model *m, int except)
{
	uint64_t n[GS_MAX_RINGS] = { 0 };
	struct gs_meta now;
	char key[8];

	for (int i = 0; i < KEYS; i++) {
		if (!m->is_there[i])
			continue;
		name_key(key, i);
		if (peek_at(&m->s, key, m->now_ms, &now) < 0) {
			assert_true(is_droppable(m, &m->was[i]));
			m->is_there[i] = false;
			m->n_dropped++;
			continue;
		}
		n[now.ring]++;
		if (i != except && m->was[i].ring == ACTIVE && now.ring == WARM)
			check_choice(m, i, except);
		/* nothing else of a session changes by being moved */
		if (i != except)
			assert_true(now.accessed_ms == m->was[i].accessed_ms && now.hits == m->was[i].hits && now.ring >= m->was[i].ring);
	}
	for (uint32_t ring = 0; ring < m->s.t->n_rings; ring++) {
		const struct gs_ring_cfg *r = &m->s.t->ctl->ring[ring];

		assert_int_equal(population(m->s.t, ring), n[ring]);
		assert_true(n[ring] <= atomic_load(&r->capacity) + atomic_load(&r->reserve));
	}
	assert_int_equal(m->n_dropped, counted(&m->s, GS_COUNT_DROPPED_ONESHOT) + counted(&m->s, GS_COUNT_DROPPED_ANONYMOUS));
}

/* A put was refused: nobody could have made room. */
static void
check_refusal(const struct model *m)
{
	for (uint32_t ring = ACTIVE; ring <= COLD; ring++) {
		const struct gs_ring_cfg *r = &m->s.t->ctl->ring[ring];

		assert_int_equal(population(m->s.t, ring), atomic_load(&r->capacity) + atomic_load(&r->reserve));
	}
	for (int i = 0; i < KEYS; i++)
		assert_false(m->is_there[i] && is_droppable(m, &m->was[i]));
}

static void
step(struct model *m)
{
	int i = (int)(next_random(&m->seed) % KEYS), what = (int)(next_random(&m->seed) % 10), rc;
	uint32_t class_id = (uint32_t)(next_random(&m->seed) % 8);
	char key[8];

	name_key(key, i);
	m->now_ms += next_random(&m->seed) % 30;
	look_at_all(m);
	if (what < 5) {
		rc = put_class(&m->s, key, GS_RING_NONE, class_id <= GS_CLASS_AUTHENTICATED ? class_id : GS_CLASS_NONE, m->now_ms);
		if (rc == GS_ENOSPC)
			check_refusal(m);
		else
			assert_int_equal(rc, !m->is_there[i]);
		m->is_there[i] = rc >= 0;
		if (rc == 1)
			m->was[i] = (struct gs_meta){ .ring = ACTIVE };
	} else if (what < 9) {
		assert_int_equal(get_at(&m->s, key, m->now_ms) >= 0, m->is_there[i]);
	} else {
		assert_int_equal(del_at(&m->s, key, m->now_ms) == 0, m->is_there[i]);
		m->is_there[i] = false;
	}
	check_all(m, i);
}

static void
random_operations_lose_nobody_but_whom_on_full_allows(void **state)
{
	static const struct {
		uint64_t active, reserve, warm, cold;
		uint32_t on_full;
	} shapes[] = {
		{ 5, 0, 6, 7, GS_ON_FULL_REFUSE }, { 5, 0, 6, 7, GS_ON_FULL_ONESHOT }, { 5, 0, 6, 7, GS_ON_FULL_ANONYMOUS },
		{ 4, 4, 3, 16, GS_ON_FULL_ANONYMOUS }, { 1, 0, 1, 1, GS_ON_FULL_ANONYMOUS }, { 12, 3, 14, 16, GS_ON_FULL_REFUSE },
	};

	(void)state;
	for (size_t i = 0; i < N_ROWS(shapes); i++) {
		struct gs_table_spec spec = narrow_spec(shapes[i].active, shapes[i].warm, shapes[i].cold, shapes[i].on_full);
		struct model m = { .now_ms = NOW, .seed = 20261124 + i };

		(void)printf("# seed %" PRIu64 "\n", m.seed);
		/* nobody ends by his age */
		spec.rings[COLD].ttl_ms = GS_DURATION_MAX;
		spec.rings[ACTIVE].reserve = shapes[i].reserve;
		open_store(&m.s, &spec);
		for (int k = 0; k < OPS; k++)
			step(&m);
		assert_true(counted(&m.s, GS_COUNT_EVICTED) > 100);
		if (shapes[i].on_full == GS_ON_FULL_REFUSE)
			assert_int_equal(m.n_dropped, 0);
		close_clean(&m.s);
	}
}

/* ---- many at once ---- */

enum { THREADS = 4, THREAD_KEYS = 150, THREAD_OPS = 20000 };

struct worker {
	struct gs_table *t;
	uint32_t id;
	bool has_room;			/* further out: then nobody may be refused */
	bool is_there[THREAD_KEYS];	/* and logged in */
	uint64_t n_refused;
	const char *wrong;
	pthread_t thread;
};

static uint32_t
class_of(int key)
{
	return (uint32_t)key % (GS_CLASS_AUTHENTICATED + 1);
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct store s = { .t = w->t };
	uint64_t seed = 77 + w->id, now_ms = NOW;
	char key[16];

	if (gs_ctx_init(&s.c, w->t, 1 + w->id) != 0) {
		w->wrong = "no context";
		return NULL;
	}
	for (int n = 0; n < THREAD_OPS && w->wrong == NULL; n++) {
		int i = (int)(next_random(&seed) % THREAD_KEYS), rc;

		now_ms += next_random(&seed) % 3;
		(void)snprintf(key, sizeof(key), "%u-%d", w->id, i);
		if (next_random(&seed) % 2 == 0) {
			rc = put_class(&s, key, GS_RING_NONE, class_of(i), now_ms);
			w->n_refused += rc == GS_ENOSPC;
			if (rc < 0 && (rc != GS_ENOSPC || w->has_room || w->is_there[i]))
				w->wrong = "a put was refused";
			if (rc >= 0 && class_of(i) == GS_CLASS_AUTHENTICATED)
				w->is_there[i] = true;
		} else {
			rc = (int)get_at(&s, key, now_ms);
			if (rc < 0 && w->is_there[i])
				w->wrong = "a logged-in session is not found";
		}
	}
	gs_ctx_fini(&s.c, w->t);
	return NULL;
}

static void
run_threads(const struct gs_table_spec *spec, bool has_room)
{
	struct worker w[THREADS];
	struct store s;
	char key[16];

	open_store(&s, spec);
	gs_ctx_fini(&s.c, s.t);
	for (uint32_t i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .t = s.t, .id = i, .has_room = has_room };
		assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
	assert_int_equal(gs_ctx_init(&s.c, s.t, 1), 0);
	for (uint32_t i = 0; i < THREADS; i++) {
		if (w[i].wrong != NULL)
			fail_msg("thread %u: %s", i, w[i].wrong);
		for (int k = 0; k < THREAD_KEYS; k++) {
			(void)snprintf(key, sizeof(key), "%u-%d", i, k);
			if (w[i].is_there[k])
				assert_true(peek_at(&s, key, NOW + MIN, NULL) >= 0);
		}
	}
	for (uint32_t ring = ACTIVE; ring <= COLD; ring++)
		assert_true(population(s.t, ring) <= (int64_t)spec->rings[ring].capacity);
	assert_true(counted(&s, GS_COUNT_EVICTED) > THREAD_OPS / 10);
	close_clean(&s);
}

static void
threads_that_make_room_at_once_lose_nobody_logged_in(void **state)
{
	struct gs_table_spec spec = narrow_spec(40, 60, 250, GS_ON_FULL_ANONYMOUS);

	(void)state;
	run_threads(&spec, false);
}

static void
nobody_is_refused_while_the_outer_ring_has_room(void **state)
{
	struct gs_table_spec spec = narrow_spec(20, 30, 700, GS_ON_FULL_REFUSE);

	(void)state;
	run_threads(&spec, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(put_into_a_full_ring_moves_who_is_worth_least_outwards),
		T(who_goes_keeps_all_that_it_was),
		T(reserve_is_used_before_anybody_goes),
		T(full_outer_ring_makes_room_itself_first),
		T(what_is_over_goes_first_and_needs_no_room_further_out),
		T(promotion_into_a_full_ring_spares_who_comes_in),
		T(decay_makes_room_too),
		T(suspects_are_never_moved_to_make_room),
		T(on_full_says_who_may_be_dropped),
		T(nobody_is_dropped_while_there_is_room_further_out),
		T(parked_and_bound_records_are_not_dropped),
		T(batch_lets_those_go_that_are_worth_least),
		T(random_operations_lose_nobody_but_whom_on_full_allows),
		T(threads_that_make_room_at_once_lose_nobody_logged_in),
		T(nobody_is_refused_while_the_outer_ring_has_room),
	};

	return cmocka_run_group_tests_name("evict", tests, NULL, NULL);
}
