/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_recount - the population is counted in slices, whatever sessions do between two of them.
 *
 * The model is naive: each key that there may be is looked up. The seed is
 * printed; GS_SEED=n runs that one again.
 */
#include <time.h>

#include "shm_place.h"

#include "shm/namespaces.h"

enum { KEYS = 25, SPACES = 3, RINGS = 3, ROUNDS = 4000, QUICK_ROUNDS = 400, LEFT = 9, LOOKS = 8, CHANGES = 4 };

struct world {
	struct store s;
	uint32_t ns[SPACES];
	uint64_t rng;
	char text[16];			/* of the key in use */
};

/* Counters by ring, and by namespace but the default one. */
struct counts {
	int64_t of[RINGS + SPACES - 1];
};

static uint64_t
pick(struct world *w, uint64_t n)
{
	return next_random(&w->rng) % n;
}

static struct gs_key
any_key(struct world *w, uint64_t space, uint64_t i)
{
	struct gs_key k;
	int len = snprintf(w->text, sizeof(w->text), "k%d", (int)i);

	assert_int_equal(gs_key_init_in(w->s.t, &k, w->ns[space], w->text, (size_t)len), 0);
	return k;
}

static void
change(struct world *w)
{
	struct gs_key k = any_key(w, pick(w, SPACES), pick(w, KEYS));
	const struct gs_put_args args = plain_args();

	switch (pick(w, 3)) {
	case 0:
		assert_true(gs_kv_put(w->s.t, &w->s.c, &k, NOW, "v", 1, &args, NULL) >= 0);
		break;
	case 1:
		(void)gs_kv_del(w->s.t, &w->s.c, &k, NOW, 0);
		break;
	default:
		(void)gs_kv_move(w->s.t, &w->s.c, &k, NOW, (uint32_t)pick(w, RINGS));
		break;
	}
}

static void
count_naively(struct world *w, struct counts *n)
{
	*n = (struct counts){ { 0 } };
	for (uint64_t space = 0; space < SPACES; space++)
		for (uint64_t i = 0; i < KEYS; i++) {
			struct gs_key k = any_key(w, space, i);
			struct gs_hit hit;

			if (gs_index_find(w->s.t, &w->s.c, &k, GS_FETCH_HEAD, &hit) != 1)
				continue;
			n->of[gs_entry_ring(hit.entry)]++;
			if (space > 0)
				n->of[RINGS + space - 1]++;
		}
}

static _Atomic int64_t *
counter(struct world *w, uint32_t i)
{
	return i < RINGS ? &w->s.t->idx->population[i].n : &w->s.t->ns_lines[w->ns[i - RINGS + 1]].n;
}

/* What the dead left, too much or too little. */
static void
leave(struct world *w, struct counts *left)
{
	for (uint32_t i = 0; i < N_ROWS(left->of); i++) {
		left->of[i] = (int64_t)pick(w, 2 * LEFT + 1) - LEFT;
		atomic_fetch_add(counter(w, i), left->of[i]);
	}
}

/* A recount in slices of any size; in some of its looks sessions change, but never in look `quiet`. */
static void
recount(struct world *w, uint32_t quiet, bool is_disturbed)
{
	struct gs_recount r = { 0 };
	bool is_done;

	do {
		uint64_t budget = 1 + pick(w, pick(w, 2) == 0 ? 32 : gs_table_entries(w->s.t)), at = r.at;

		is_done = gs_recover_recount(w->s.t, &r, budget);
		assert_true(is_done || r.at <= at + budget);
		/* Between two looks, too: that is what a daemon's ticks are. */
		for (uint64_t n = is_disturbed && (r.looks != quiet || r.at == 0) ? pick(w, CHANGES) : 0; n > 0; n--)
			change(w);
	} while (!is_done);
	assert_false(gs_recover_is_recounting(&r));
}

/* What is left of too much or too little is between that and nothing, and nothing where nobody changed a session. */
static void
check_left(struct world *w, const struct counts *left, bool is_exact)
{
	struct counts truth;

	count_naively(w, &truth);
	for (uint32_t i = 0; i < N_ROWS(truth.of); i++) {
		int64_t off = atomic_load(counter(w, i)) - truth.of[i], was = left->of[i];

		if (is_exact ? off != 0 : was > 0 ? off < 0 || off > was : off > 0 || off < was)
			fail_msg("counter %u is off by %" PRId64 ", it was by %" PRId64, i, off, was);
	}
}

static void
open_world(struct world *w)
{
	struct gs_table_spec spec = usual_spec();
	struct gs_namespace_spec ns = { .idle_ms = GS_DURATION_MAX, .max_sessions = GS_NAMESPACE_UNLIMITED, .mode = 0700 };

	open_store(&w->s, &spec);
	for (uint32_t i = 1; i < SPACES; i++) {
		int id;

		(void)snprintf(ns.name, sizeof(ns.name), "n%u", i);
		id = gs_namespaces_make(w->s.t, &w->s.c, &ns);
		assert_true(id > 0);
		w->ns[i] = (uint32_t)id;
	}
	for (int i = 0; i < KEYS * SPACES; i++)
		change(w);
}

static void
what_is_counted_in_slices_is_what_is_there(void **state)
{
	const char *given = getenv("GS_SEED");
	uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	struct world w = { .rng = seed };

	(void)state;
	(void)printf("# seed %" PRIu64 "\n", seed);
	open_world(&w);
	for (int round = getenv("GS_QUICK") != NULL ? ROUNDS - QUICK_ROUNDS : 0; round < ROUNDS; round++) {
		bool is_disturbed = pick(&w, 4) != 0;
		struct counts left;

		leave(&w, &left);
		recount(&w, (uint32_t)pick(&w, LOOKS), is_disturbed);
		check_left(&w, &left, !is_disturbed);
		/* Behind it one that nobody disturbs. */
		recount(&w, 0, false);
		check_left(&w, &left, true);
	}
	assert_clean(w.s.t, NOW);
	close_store(&w.s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_counted_in_slices_is_what_is_there),
	};

	return cmocka_run_group_tests_name("recount", tests, NULL, NULL);
}
