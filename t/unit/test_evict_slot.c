/* SPDX-License-Identifier: BSD-2-Clause */
/* Rings with places left and no memory: whose slot is taken, and when nobody's is; gs_evict_slot. */
#include "shm_place.h"

#include <pthread.h>

#include "shm/evict.h"
#include "shm/rings.h"

enum { SEGMENT = 64 };			/* slots */

/* Three rings with places for 300 each, 64 slots to a segment. */
static struct gs_table_spec
roomy_spec(uint32_t on_full)
{
	struct gs_table_spec spec = small_arena_spec(300);

	spec.max_sessions = 900;
	spec.rings[WARM].decay_to = COLD;
	add_ring(&spec, "cold", 7 * DAY, 300, GS_RING_NONE);
	spec.rings[COLD].on_full = on_full;
	return spec;
}

static void
open_roomy(struct store *s, uint32_t on_full)
{
	struct gs_table_spec spec = roomy_spec(on_full);

	open_store(s, &spec);
	assert_int_equal(s->t->arena[0].seg_slots, SEGMENT);
}

static void
close_clean(struct store *s)
{
	assert_clean(s->t, NOW + 365 * DAY);
	close_store(s);
}

/* No ring gets another page from here on. */
static void
fill_tmpfs(struct store *s)
{
	for (uint32_t ring = ACTIVE; ring <= COLD; ring++)
		s->t->arena[ring * GS_MAX_CLASSES].fd = -1;
}

static const char *
name_of(int i)
{
	static char name[16];

	(void)snprintf(name, sizeof(name), "s%d", i);
	return name;
}

/* Start n sessions in a ring, numbered from `from`, a second apart. */
static void
start_many(struct store *s, uint32_t ring, int from, int n)
{
	for (int i = from; i < from + n; i++)
		start_in(s, name_of(i), ring, NOW + (uint64_t)i * S);
}

/* The last slot of the first segment of a ring is a session's, and the tmpfs is full. */
static void
fill_segment(struct store *s, uint32_t ring, int from)
{
	start_many(s, ring, from, SEGMENT);
	assert_int_equal(population(s->t, ring), SEGMENT);
}

static void
put_without_a_slot_moves_who_is_worth_least_outwards(void **state)
{
	struct store s;

	(void)state;
	open_roomy(&s, GS_ON_FULL_REFUSE);
	start_in(&s, "warmed", WARM, NOW);
	start_in(&s, "colder", COLD, NOW);
	fill_segment(&s, ACTIVE, 0);
	fill_tmpfs(&s);
	for (int i = SEGMENT; i < SEGMENT + 20; i++)
		assert_int_equal(put_at(&s, name_of(i), "v", NOW + 200 * S + (uint64_t)i), 1);
	assert_int_equal(counted(&s, GS_COUNT_EVICTED), 20);
	assert_int_equal(counted(&s, GS_COUNT_ENOSPC), 0);
	assert_int_equal(population(s.t, ACTIVE), SEGMENT);
	assert_int_equal(population(s.t, WARM), 21);
	for (int i = 0; i < SEGMENT + 20; i++)
		assert_true(peek_at(&s, name_of(i), NOW + MIN, NULL) >= 0);
	close_clean(&s);
}

static void
outer_ring_without_a_slot_makes_one_itself(void **state)
{
	struct store s;

	(void)state;
	open_roomy(&s, GS_ON_FULL_REFUSE);
	start_in(&s, "colder", COLD, NOW);
	fill_segment(&s, WARM, 0);
	fill_segment(&s, ACTIVE, SEGMENT);
	fill_tmpfs(&s);
	assert_int_equal(put_at(&s, "new", "v", NOW + 5 * MIN), 1);
	assert_int_equal(population(s.t, ACTIVE), SEGMENT);
	assert_int_equal(population(s.t, WARM), SEGMENT);
	assert_int_equal(population(s.t, COLD), 2);
	assert_int_equal(counted(&s, GS_COUNT_EVICTED), 2);
	for (int i = 0; i < 2 * SEGMENT; i++)
		assert_true(peek_at(&s, name_of(i), NOW + 5 * MIN, NULL) >= 0);
	close_clean(&s);
}

static void
when_no_ring_has_a_slot_on_full_decides(void **state)
{
	static const uint32_t rows[] = { GS_ON_FULL_REFUSE, GS_ON_FULL_EXPIRED, GS_ON_FULL_ONESHOT };
	struct store s;
	int there;

	(void)state;
	for (size_t i = 0; i < N_ROWS(rows); i++) {
		open_roomy(&s, rows[i]);
		fill_segment(&s, COLD, 0);
		fill_segment(&s, WARM, SEGMENT);
		fill_segment(&s, ACTIVE, 2 * SEGMENT);
		fill_tmpfs(&s);
		assert_int_equal(put_at(&s, "new", "v", NOW + 5 * MIN), rows[i] == GS_ON_FULL_ONESHOT ? 1 : GS_ENOSPC);
		assert_int_equal(counted(&s, GS_COUNT_DROPPED_ONESHOT), rows[i] == GS_ON_FULL_ONESHOT);
		there = 0;
		for (int k = 0; k < 3 * SEGMENT; k++)
			there += peek_at(&s, name_of(k), NOW + 5 * MIN, NULL) >= 0;
		assert_int_equal(there, rows[i] == GS_ON_FULL_ONESHOT ? 3 * SEGMENT - 1 : 3 * SEGMENT);
		close_clean(&s);
	}
}

static void
ring_without_memory_that_has_nobody_refuses(void **state)
{
	struct store s;

	(void)state;
	open_roomy(&s, GS_ON_FULL_ANONYMOUS);
	fill_segment(&s, WARM, 0);
	fill_tmpfs(&s);
	assert_int_equal(put_at(&s, "new", "v", NOW), GS_ENOSPC);
	assert_int_equal(population(s.t, WARM), SEGMENT);
	close_clean(&s);
}

static void
replacing_a_value_without_a_slot_spares_its_session(void **state)
{
	struct store s, other;

	(void)state;
	open_roomy(&s, GS_ON_FULL_REFUSE);
	start_in(&s, "warmed", WARM, NOW);
	fill_segment(&s, ACTIVE, 0);
	fill_tmpfs(&s);
	/* one who holds no slot yet; what it changes is the one that would go first */
	other.t = s.t;
	assert_int_equal(gs_ctx_init(&other.c, s.t, 2), 0);
	assert_int_equal(put_at(&other, name_of(0), "w", NOW + 5 * MIN), 0);
	assert_int_equal(ring_of(&s, name_of(0)), ACTIVE);
	assert_int_equal(population(s.t, WARM), 2);
	gs_ctx_fini(&other.c, s.t);
	close_clean(&s);
}

static void
promotion_without_a_slot_spares_who_comes_in(void **state)
{
	struct store s;

	(void)state;
	open_roomy(&s, GS_ON_FULL_ONESHOT);
	fill_segment(&s, COLD, 0);
	fill_segment(&s, WARM, SEGMENT);
	fill_segment(&s, ACTIVE, 2 * SEGMENT);
	fill_tmpfs(&s);
	/* the one of warm that would go first */
	assert_true(get_at(&s, name_of(SEGMENT), NOW + 5 * MIN) >= 0);
	assert_int_equal(ring_of(&s, name_of(SEGMENT)), ACTIVE);
	assert_int_equal(counted(&s, GS_COUNT_DROPPED_ONESHOT), 1);
	assert_int_equal(population(s.t, ACTIVE), SEGMENT);
	close_clean(&s);
}

static void
decay_without_a_slot_makes_one_at_once(void **state)
{
	struct store s;

	(void)state;
	open_roomy(&s, GS_ON_FULL_REFUSE);
	start_in(&s, "colder", COLD, NOW);
	fill_segment(&s, WARM, 0);
	start_in(&s, "k", ACTIVE, NOW);
	fill_tmpfs(&s);
	assert_int_equal(settle_at(&s, "k", NOW + 15 * MIN).what, GS_SETTLE_DECAYED);
	assert_int_equal(ring_of(&s, "k"), WARM);
	assert_int_equal(population(s.t, COLD), 2);
	close_clean(&s);
}

/* ---- several at once ---- */

enum { THREADS = 4, THREAD_KEYS = 30, THREAD_OPS = 20000 };

struct worker {
	pthread_t thread;
	struct gs_table *t;
	uint32_t id;
	bool is_there[THREAD_KEYS];
	uint64_t n_done, n_refused, n_lost;
};

/* Puts, gets and ends sessions of its own; counts one that it does not find as it left it. */
static void
work_once(struct worker *w, struct gs_ctx *c, uint64_t *random)
{
	int i = (int)(next_random(random) % THREAD_KEYS), what = (int)(next_random(random) % 8), rc;
	const struct gs_put_args args = plain_args();
	char name[32], buf[16];
	struct gs_key k;

	(void)snprintf(name, sizeof(name), "%u-%d", w->id, i);
	k = key_of(w->t, name);
	if (what < 4)
		rc = gs_kv_put(w->t, c, &k, NOW + w->n_done, "v", 1, &args, NULL);
	else
		rc = what < 7 ? (int)gs_kv_get(w->t, c, &k, NOW + w->n_done, buf, sizeof(buf), 0, NULL) : gs_kv_del(w->t, c, &k, NOW + w->n_done, 0);
	w->n_refused += rc == GS_ENOSPC;
	w->n_lost += rc != GS_ENOSPC && what < 4 && rc != !w->is_there[i];
	w->n_lost += what >= 4 && (rc >= 0) != w->is_there[i];
	if (what < 4 && rc >= 0)
		w->is_there[i] = true;
	if (what == 7 && rc == 0)
		w->is_there[i] = false;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	uint64_t random = w->id;
	struct gs_ctx c;

	if (gs_ctx_init(&c, w->t, w->id) < 0)
		return NULL;
	for (; w->n_done < THREAD_OPS; w->n_done++)
		work_once(w, &c, &random);
	gs_ctx_fini(&c, w->t);
	return NULL;
}

static void
threads_that_want_slots_at_once_lose_nobody(void **state)
{
	struct worker w[THREADS] = { 0 };
	uint64_t n_refused = 0;
	char name[32];
	struct store s;

	(void)state;
	open_roomy(&s, GS_ON_FULL_REFUSE);
	/* a segment each inwards, and all there is in the outermost ring */
	start_in(&s, "a", ACTIVE, NOW);
	start_in(&s, "b", WARM, NOW);
	start_many(&s, COLD, 0, 3 * SEGMENT + 1);
	for (int i = 0; i <= 3 * SEGMENT; i++)
		assert_int_equal(del_at(&s, name_of(i), NOW + HOUR), 0);
	gs_slots_flush(s.t, &s.c);
	fill_tmpfs(&s);
	for (uint32_t i = 0; i < THREADS; i++) {
		w[i].t = s.t;
		w[i].id = i + 2;
		assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
		assert_int_equal(w[i].n_done, THREAD_OPS);
		assert_int_equal(w[i].n_lost, 0);
		n_refused += w[i].n_refused;
		for (int k = 0; k < THREAD_KEYS; k++) {
			(void)snprintf(name, sizeof(name), "%u-%d", w[i].id, k);
			assert_int_equal(peek_at(&s, name, NOW + MIN, NULL) >= 0, w[i].is_there[k]);
		}
	}
	/* All slots of a ring may rest with others for an instant. */
	assert_true(n_refused < THREADS * THREAD_OPS / 100);
	assert_true(counted(&s, GS_COUNT_EVICTED) > 100);
	close_clean(&s);
}

/* ---- whom it may cost ---- */

static void
drain_into_a_full_ring_drops_nobody(void **state)
{
	struct gs_table_spec spec = roomy_spec(GS_ON_FULL_ANONYMOUS);
	struct store s;

	(void)state;
	spec.rings[COLD].capacity = 3;
	open_store(&s, &spec);
	for (int i = 0; i < 3; i++)
		start_in(&s, name_of(i), COLD, NOW);
	start_in(&s, "k", WARM, NOW);
	/* as the daemon does: nothing comes in, and what is there goes */
	atomic_store(&s.t->ctl->ring[WARM].capacity, 0);
	gs_rings_set(s.t, WARM, GS_RING_DRAINING, 1);
	assert_int_equal(settle_at(&s, "k", NOW + S).what, GS_SETTLE_STUCK);
	assert_int_equal(counted(&s, GS_COUNT_STUCK), 1);
	assert_int_equal(counted(&s, GS_COUNT_DROPPED_ONESHOT) + counted(&s, GS_COUNT_DROPPED_ANONYMOUS), 0);
	for (int i = 0; i < 3; i++)
		assert_true(peek_at(&s, name_of(i), NOW + S, NULL) >= 0);
	assert_true(peek_at(&s, "k", NOW + S, NULL) >= 0);
	/* nor does anybody come in for whom one of its sessions would go, and another for that one */
	start_in(&s, "in", ACTIVE, NOW + S);
	assert_int_equal(move_at(&s, "in", NOW + S, WARM), GS_ENOSPC);
	assert_int_equal(ring_of(&s, "k"), WARM);
	assert_int_equal(population(s.t, COLD), 3);
	/* a place that somebody leaves is taken */
	assert_int_equal(del_at(&s, name_of(0), NOW + S), 0);
	assert_int_equal(settle_at(&s, "k", NOW + 2 * S).what, GS_SETTLE_DECAYED);
	close_clean(&s);
}

static void
decay_into_a_full_ring_drops_what_on_full_allows(void **state)
{
	struct gs_table_spec spec = roomy_spec(GS_ON_FULL_ONESHOT);
	struct store s;

	(void)state;
	spec.rings[COLD].capacity = 1;
	open_store(&s, &spec);
	start_in(&s, "a", COLD, NOW);
	start_in(&s, "k", WARM, NOW);
	assert_int_equal(settle_at(&s, "k", NOW + 3 * HOUR).what, GS_SETTLE_DECAYED);
	assert_int_equal(counted(&s, GS_COUNT_DROPPED_ONESHOT), 1);
	close_clean(&s);
}

static void
shift_within_a_ring_moves_nobody_else(void **state)
{
	struct gs_hit hit;
	struct store s;

	(void)state;
	open_roomy(&s, GS_ON_FULL_ONESHOT);
	start_in(&s, "warmed", WARM, NOW);
	fill_segment(&s, ACTIVE, 0);
	fill_tmpfs(&s);
	gs_slots_flush(s.t, &s.c);
	hit = hit_of(&s, name_of(7));
	assert_int_equal(gs_kv_shift(s.t, &s.c, hit.ordinal, gs_entry_addr(hit.entry), NOW), GS_ENOSPC);
	assert_int_equal(population(s.t, ACTIVE), SEGMENT);
	assert_int_equal(counted(&s, GS_COUNT_EVICTED), 0);
	close_clean(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(put_without_a_slot_moves_who_is_worth_least_outwards),
		T(outer_ring_without_a_slot_makes_one_itself),
		T(when_no_ring_has_a_slot_on_full_decides),
		T(ring_without_memory_that_has_nobody_refuses),
		T(replacing_a_value_without_a_slot_spares_its_session),
		T(promotion_without_a_slot_spares_who_comes_in),
		T(decay_without_a_slot_makes_one_at_once),
		T(threads_that_want_slots_at_once_lose_nobody),
		T(drain_into_a_full_ring_drops_nobody),
		T(decay_into_a_full_ring_drops_what_on_full_allows),
		T(shift_within_a_ring_moves_nobody_else),
	};

	return cmocka_run_group_tests_name("evict_slot", tests, NULL, NULL);
}
