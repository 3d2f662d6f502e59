/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_recover - what a dead client leaves behind comes back, and what is alive is left alone.
 *
 * A death is simulated: a context does a part of an operation, or a whole
 * one and the shared words are put back to where they were before its end;
 * then its registry state is set to DEAD.
 */
#include "shm_place.h"

#define DEAD_ID 2u

struct scene {
	struct store s;			/* the living, context 1 */
	struct store d;			/* the dying, context 2 */
};

static struct gs_table_spec spec;

static int
open_scene(void **state)
{
	struct scene *sc = calloc(1, sizeof(*sc));

	spec = usual_spec();
	open_store(&sc->s, &spec);
	sc->d.t = sc->s.t;
	*state = sc;
	return gs_ctx_init(&sc->d.c, sc->d.t, DEAD_ID);
}

static int
close_scene(void **state)
{
	struct scene *sc = *state;

	free(sc->d.c.scratch);
	close_store(&sc->s);
	free(sc);
	return 0;
}

static uint32_t
listed_by(const struct gs_table *t, uint32_t id)
{
	uint32_t n = 0;

	for (int i = 0; i < GS_HELD_CELLS; i++)
		n += atomic_load(&t->ctx[id].held[i]) != 0;
	return n;
}

/* The process of context 2 dies here, and the daemon takes back what it had. */
static uint32_t
die(struct scene *sc)
{
	uint32_t mended;

	atomic_store(&sc->s.t->ctl->reg[DEAD_ID].state, GS_CTX_DEAD);
	mended = gs_recover_ctx(sc->s.t, DEAD_ID);
	gs_recover_population(sc->s.t);
	assert_int_equal(listed_by(sc->s.t, DEAD_ID), 0);
	assert_int_equal(atomic_load(&sc->s.t->ctx[DEAD_ID].op_entry), 0);
	assert_clean(sc->s.t, NOW + DAY);
	return mended;
}

/* A slot that context 2 claimed and wrote for key, not yet published. */
static int
write_record(struct scene *sc, const char *key, uint32_t *gen)
{
	struct gs_key k = key_of(sc->d.t, key);
	struct gs_draft d = {
		.key = k.bytes, .owner = "", .link = "", .value = "dead",
		.head = { .hash = k.hash, .key_len = (uint8_t)k.len, .val_len = 4, .deadline = GS_TIME_NEVER, .version = 5 },
	};
	int cell = gs_slots_claim(sc->d.t, &sc->d.c, ACTIVE, 0);

	atomic_store(&d.head.X, GS_TIME_NEVER);
	atomic_store(&d.head.A, NOW);
	atomic_store(&d.head.I, GS_INTEREST_ONE);
	assert_true(cell >= 0);
	*gen = gs_record_write(sc->d.t, &sc->d.c, cell, &d);
	return cell;
}

/* ---- places to die ---- */

static void
killed_between_operations_its_slots_come_back(void **state)
{
	struct scene *sc = *state;
	uint32_t held;

	for (int i = 0; i < 20; i++)
		assert_true(put_at(&sc->d, "k", "v", NOW) >= 0);
	held = listed_by(sc->s.t, DEAD_ID);
	assert_true(held > 0);
	assert_int_equal(die(sc), held);
	assert_int_equal(get_at(&sc->s, "k", NOW), 1);
}

static void
killed_after_claiming_nothing_is_lost(void **state)
{
	struct scene *sc = *state;

	assert_true(gs_slots_claim(sc->d.t, &sc->d.c, ACTIVE, 0) >= 0);
	assert_true(die(sc) > 0);
}

static void
killed_after_listing_and_before_taking_nothing_is_lost(void **state)
{
	struct scene *sc = *state;
	struct gs_arena *a = gs_table_arena(sc->s.t, ACTIVE, 0);

	assert_int_equal(gs_slots_commit(a), 1);
	atomic_store(&sc->s.t->ctx[DEAD_ID].held[0], 5 + 1);
	atomic_store(&sc->s.t->ctx[DEAD_ID].held[1], 6 + 1);
	/* one of the bits was cleared already, and the slot not yet taken */
	atomic_fetch_and(&a->bitmap[0], ~(UINT64_C(1) << 6));
	(void)die(sc);
	assert_true(gs_slots_has_bit(sc->s.t, 6));
}

static void
killed_while_writing_the_slot_is_free_again(void **state)
{
	struct scene *sc = *state;
	uint32_t gen, addr;
	int cell = write_record(sc, "k", &gen);

	addr = sc->d.c.cell[cell].addr;
	atomic_store(&gs_table_slot(sc->d.t, addr)->W, gs_word(gen, DEAD_ID, GS_SLOT_WRITING));
	assert_true(die(sc) > 0);
	assert_int_equal(gs_word_state(atomic_load(&gs_table_slot(sc->d.t, addr)->W)), GS_SLOT_FREE);
	assert_true(gs_slots_has_bit(sc->d.t, addr));
}

static void
killed_before_publication_the_record_never_was(void **state)
{
	struct scene *sc = *state;
	uint32_t gen;

	(void)write_record(sc, "k", &gen);
	assert_true(die(sc) > 0);
	assert_int_equal(get_at(&sc->s, "k", NOW), GS_ENOENT);
	assert_int_equal(put_at(&sc->s, "k", "v", NOW), 1);
}

static void
killed_with_a_tentative_entry_the_record_never_was(void **state)
{
	for (int is_committed = 0; is_committed < 2; is_committed++) {
		struct scene *sc = *state;
		struct gs_key k = key_of(sc->s.t, "k");
		struct gs_probe p;
		uint32_t gen, addr;
		int cell = write_record(sc, "k", &gen);
		_Atomic uint64_t *home;
		uint64_t ordinal;

		gs_index_probe(sc->s.t, k.hash, &p);
		home = &sc->s.t->buckets[p.bucket[0]].H;
		addr = sc->d.c.cell[cell].addr;
		ordinal = p.bucket[0] * GS_BUCKET_ENTRIES + 4;
		assert_true(gs_kv_get(sc->s.t, &sc->s.c, &k, NOW, NULL, 0, 0, NULL) == GS_ENOENT);
		atomic_store(&sc->s.t->ctx[DEAD_ID].op_entry, ordinal + 1);
		atomic_store(gs_table_entry(sc->s.t, ordinal), (gs_entry(p.tag, gen, 0, 0, 0) | addr) | GS_ENTRY_TENT);
		if (is_committed)
			atomic_fetch_add(home, UINT64_C(1) << 32);
		atomic_fetch_add(&sc->s.t->idx->population[ACTIVE].n, 1);
		assert_true(die(sc) > 0);
		assert_int_equal(atomic_load(gs_table_entry(sc->s.t, ordinal)), 0);
		assert_int_equal(get_at(&sc->s, "k", NOW), GS_ENOENT);
		assert_int_equal(population(sc->s.t, ACTIVE), 0);
		(void)close_scene(state);
		(void)open_scene(state);
	}
}

static void
killed_after_the_record_was_made_final_it_is_there(void **state)
{
	struct scene *sc = *state;
	struct gs_hit hit;

	assert_int_equal(put_at(&sc->d, "k", "v", NOW), 1);
	hit = hit_of(&sc->d, "k");
	/* neither unlisted nor forgotten as the operation under way */
	atomic_store(&sc->s.t->ctx[DEAD_ID].op_entry, hit.ordinal + 1);
	atomic_store(&sc->s.t->ctx[DEAD_ID].held[30], gs_entry_addr(hit.entry) + 1);
	(void)die(sc);
	assert_int_equal(get_at(&sc->s, "k", NOW), 1);
	assert_int_equal(population(sc->s.t, ACTIVE), 1);
}

static void
killed_before_swinging_the_entry_the_old_record_is_there(void **state)
{
	struct scene *sc = *state;
	uint32_t gen;

	assert_int_equal(put_at(&sc->s, "k", "old", NOW), 1);
	(void)write_record(sc, "k", &gen);
	atomic_store(&sc->s.t->ctx[DEAD_ID].held[31], gs_entry_addr(hit_of(&sc->s, "k").entry) + 1);
	assert_true(die(sc) > 0);
	assert_int_equal(get_at(&sc->s, "k", NOW), 3);
}

static void
killed_after_swinging_the_entry_the_new_record_is_there_and_the_old_slot_free(void **state)
{
	struct scene *sc = *state;
	uint32_t gen, addr;
	struct gs_hit hit;
	int cell;

	assert_int_equal(put_at(&sc->s, "k", "a value", NOW), 1);
	cell = write_record(sc, "k", &gen);
	addr = sc->d.c.cell[cell].addr;
	hit = hit_of(&sc->s, "k");
	assert_true(gs_slots_list(sc->d.t, &sc->d.c, gs_entry_addr(hit.entry)) >= 0);
	assert_true(gs_index_replace(&hit, addr, gen));
	assert_true(die(sc) > 0);
	assert_int_equal(get_at(&sc->s, "k", NOW), 4);
	assert_int_equal(gs_word_state(atomic_load(&hit.slot->W)), GS_SLOT_FREE);
}

static void
killed_after_taking_a_session_out_it_is_gone_and_its_slot_free(void **state)
{
	struct scene *sc = *state;
	struct gs_key k = key_of(sc->s.t, "k");
	struct gs_hit hit;

	assert_int_equal(put_at(&sc->s, "k", "v", NOW), 1);
	hit = hit_of(&sc->s, "k");
	assert_true(gs_slots_list(sc->d.t, &sc->d.c, gs_entry_addr(hit.entry)) >= 0);
	assert_true(gs_index_remove(sc->d.t, &hit, k.hash));
	/* its place in the ring was not given back either */
	assert_true(die(sc) > 0);
	assert_int_equal(get_at(&sc->s, "k", NOW), GS_ENOENT);
	assert_int_equal(population(sc->s.t, ACTIVE), 0);
}

static void
place_reserved_by_the_dead_is_given_back(void **state)
{
	struct scene *sc = *state;

	assert_int_equal(put_at(&sc->s, "k", "v", NOW), 1);
	assert_int_equal(put_at(&sc->s, "l", "v", NOW), 1);
	atomic_fetch_add(&sc->s.t->idx->population[ACTIVE].n, 1);
	atomic_fetch_add(&sc->s.t->idx->population[COLD].n, 1);
	(void)die(sc);
	assert_int_equal(population(sc->s.t, ACTIVE), 2);
	assert_int_equal(population(sc->s.t, COLD), 0);
}

/* ---- what recovery leaves alone ---- */

static void
slot_that_the_dead_and_a_living_client_list_stays_the_livings(void **state)
{
	struct scene *sc = *state;
	int cell = gs_slots_claim(sc->s.t, &sc->s.c, ACTIVE, 0);
	uint32_t addr = sc->s.c.cell[cell].addr;
	uint64_t w = atomic_load(&gs_table_slot(sc->s.t, addr)->W);

	/* both saw its bit; the dead one lost */
	atomic_store(&sc->s.t->ctx[DEAD_ID].held[3], addr + 1);
	atomic_store(&sc->s.t->ctl->reg[DEAD_ID].state, GS_CTX_DEAD);
	assert_int_equal(gs_recover_ctx(sc->s.t, DEAD_ID), 0);
	assert_int_equal(atomic_load(&gs_table_slot(sc->s.t, addr)->W), w);
	assert_false(gs_slots_has_bit(sc->s.t, addr));
	assert_false(gs_recover_is_done(sc->s.t, DEAD_ID));
	assert_clean(sc->s.t, NOW);
	gs_recover_forget(sc->s.t, DEAD_ID);
	assert_true(gs_recover_is_done(sc->s.t, DEAD_ID));
	assert_clean(sc->s.t, NOW);
}

static void
slot_of_the_dead_that_a_loser_lists_is_not_lost_when_he_lets_go(void **state)
{
	struct scene *sc = *state;
	int cell = gs_slots_claim(sc->d.t, &sc->d.c, ACTIVE, 0);
	uint32_t addr = sc->d.c.cell[cell].addr;

	atomic_store(&sc->s.t->ctx[1].held[31], addr + 1);
	atomic_store(&sc->s.t->ctl->reg[DEAD_ID].state, GS_CTX_DEAD);
	(void)gs_recover_ctx(sc->s.t, DEAD_ID);
	assert_false(gs_recover_is_done(sc->s.t, DEAD_ID));
	atomic_store(&sc->s.t->ctx[1].held[31], 0);
	assert_clean(sc->s.t, NOW);
	assert_int_equal(gs_recover_ctx(sc->s.t, DEAD_ID), 1);
	assert_true(gs_recover_is_done(sc->s.t, DEAD_ID));
	assert_true(gs_slots_has_bit(sc->s.t, addr));
	assert_clean(sc->s.t, NOW);
}

static void
tentative_entry_of_a_living_client_is_left_alone(void **state)
{
	struct scene *sc = *state;
	struct gs_hit hit;
	uint64_t e;

	assert_int_equal(put_at(&sc->d, "k", "v", NOW), 1);
	hit = hit_of(&sc->d, "k");
	e = hit.entry | GS_ENTRY_TENT;
	atomic_store(hit.at, e);
	atomic_store(&sc->s.t->ctx[1].op_entry, hit.ordinal + 1);
	assert_int_equal(gs_recover_entries(sc->s.t, 0, sc->s.t->n_buckets), 0);
	assert_int_equal(atomic_load(hit.at), e);
	/* not even by what another dead one wrote into its page */
	atomic_store(&sc->s.t->ctl->reg[3].state, GS_CTX_DEAD);
	atomic_store(&sc->s.t->ctx[3].op_entry, hit.ordinal + 1);
	(void)gs_recover_ctx(sc->s.t, 3);
	assert_int_equal(atomic_load(hit.at), e);
	/* once its owner is dead, it goes */
	atomic_store(&sc->s.t->ctl->reg[DEAD_ID].state, GS_CTX_DEAD);
	assert_int_equal(gs_recover_entries(sc->s.t, 0, sc->s.t->n_buckets), 1);
	assert_int_equal(atomic_load(hit.at), 0);
}

static void
page_of_nonsense_is_survived(void **state)
{
	struct scene *sc = *state;
	uint64_t rng = 99;

	assert_int_equal(put_at(&sc->s, "k", "v", NOW), 1);
	for (int round = 0; round < 200; round++) {
		atomic_store(&sc->s.t->ctl->reg[DEAD_ID].state, GS_CTX_DEAD);
		atomic_store(&sc->s.t->ctx[DEAD_ID].op_entry, round % 2 == 0 ? next_random(&rng) << 33 : next_random(&rng) % 2000);
		for (int i = 0; i < GS_HELD_CELLS; i++)
			atomic_store(&sc->s.t->ctx[DEAD_ID].held[i], (uint32_t)(next_random(&rng) << (round % 3)));
		(void)gs_recover_ctx(sc->s.t, DEAD_ID);
	}
	assert_int_equal(get_at(&sc->s, "k", NOW), 1);
	assert_clean(sc->s.t, NOW);
}

static void
context_can_be_used_again_after_its_recovery(void **state)
{
	struct scene *sc = *state;

	for (int i = 0; i < 10; i++) {
		assert_true(put_at(&sc->d, "k", "v", NOW) >= 0);
		assert_true(gs_slots_claim(sc->d.t, &sc->d.c, WARM, 0) >= 0);
		assert_true(die(sc) > 0);
		free(sc->d.c.scratch);
		atomic_store(&sc->s.t->ctl->reg[DEAD_ID].state, GS_CTX_LIVE);
		assert_int_equal(gs_ctx_init(&sc->d.c, sc->d.t, DEAD_ID), 0);
	}
}

/* ---- the walk ---- */

static uint64_t
walk_all(struct gs_table *t, uint32_t budget, uint32_t *steps)
{
	struct gs_recover_cursor at = { 0 };
	uint64_t mended = 0;

	for (*steps = 0; !at.done; ++*steps) {
		assert_true(*steps < 100000);
		mended += gs_recover_step(t, &at, budget);
	}
	return mended;
}

static void
walk_finds_what_nobody_lists(void **state)
{
	static const uint32_t budgets[] = { 1, 64, 1000, 1000000 };
	struct scene *sc = *state;

	assert_int_equal(put_at(&sc->s, "k", "v", NOW), 1);
	for (size_t i = 0; i < N_ROWS(budgets); i++) {
		struct gs_arena *a = gs_table_arena(sc->s.t, ACTIVE, 0);
		struct gs_hit hit = hit_of(&sc->s, "k");
		uint32_t steps, free_slot = a->n_slots / 2;

		/* a lost slot, a lost bit, a hint that was taken, a header that counts too much */
		atomic_store(&gs_table_slot(sc->s.t, 7)->W, gs_word(9, 5, i % 2 == 0 ? GS_SLOT_WRITING : GS_SLOT_READY));
		atomic_fetch_and(&a->bitmap[0], ~UINT64_C(128));
		atomic_fetch_and(&a->bitmap[free_slot / 64], ~(UINT64_C(1) << free_slot % 64));
		atomic_store(&a->due[gs_entry_slot(hit.entry)], GS_DUE_NEVER);
		atomic_store(&sc->s.t->buckets[0].H, gs_bucket_header(1, 255, 9, 3));
		assert_in_range(walk_all(sc->s.t, budgets[i], &steps), 1, 3);
		assert_int_equal(gs_word_state(atomic_load(&gs_table_slot(sc->s.t, 7)->W)), GS_SLOT_FREE);
		assert_true(gs_slots_has_bit(sc->s.t, 7));
		assert_int_not_equal(atomic_load(&a->due[gs_entry_slot(hit.entry)]), GS_DUE_NEVER);
		assert_int_equal(gs_header_count(atomic_load(&sc->s.t->buckets[0].H)), 0);
		assert_clean(sc->s.t, NOW);
		assert_int_equal(walk_all(sc->s.t, budgets[i], &steps), 0);
	}
}

static void
population_is_counted_anew_where_nobody_counts(void **state)
{
	static const int64_t drifts[] = { 1, -1, 1000, -1000, INT32_MAX };
	struct scene *sc = *state;

	assert_int_equal(put_at(&sc->s, "k", "v", NOW), 1);
	for (size_t i = 0; i < N_ROWS(drifts); i++) {
		atomic_fetch_add(&sc->s.t->idx->population[ACTIVE].n, drifts[i]);
		gs_recover_population(sc->s.t);
		assert_int_equal(population(sc->s.t, ACTIVE), 1);
	}
}

#define T_SCENE(name) cmocka_unit_test_setup_teardown(name, open_scene, close_scene)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T_SCENE(killed_between_operations_its_slots_come_back),
		T_SCENE(killed_after_claiming_nothing_is_lost),
		T_SCENE(killed_after_listing_and_before_taking_nothing_is_lost),
		T_SCENE(killed_while_writing_the_slot_is_free_again),
		T_SCENE(killed_before_publication_the_record_never_was),
		T_SCENE(killed_with_a_tentative_entry_the_record_never_was),
		T_SCENE(killed_after_the_record_was_made_final_it_is_there),
		T_SCENE(killed_before_swinging_the_entry_the_old_record_is_there),
		T_SCENE(killed_after_swinging_the_entry_the_new_record_is_there_and_the_old_slot_free),
		T_SCENE(killed_after_taking_a_session_out_it_is_gone_and_its_slot_free),
		T_SCENE(place_reserved_by_the_dead_is_given_back),
		T_SCENE(slot_that_the_dead_and_a_living_client_list_stays_the_livings),
		T_SCENE(slot_of_the_dead_that_a_loser_lists_is_not_lost_when_he_lets_go),
		T_SCENE(tentative_entry_of_a_living_client_is_left_alone),
		T_SCENE(page_of_nonsense_is_survived),
		T_SCENE(context_can_be_used_again_after_its_recovery),
		T_SCENE(walk_finds_what_nobody_lists),
		T_SCENE(population_is_counted_anew_where_nobody_counts),
	};

	return cmocka_run_group_tests_name("recover", tests, NULL, NULL);
}
