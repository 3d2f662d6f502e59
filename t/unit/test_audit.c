/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_audit - each invariant, violated on purpose, is reported, and no other.
 */
#include "shm_place.h"

static int
open_usual(void **state)
{
	struct store *s;

	(void)begin_usual(state);
	s = *state;
	start_in(s, "a", ACTIVE, NOW);
	start_in(s, "b", WARM, NOW);
	start_in(s, "c", COLD, NOW);
	return 0;
}

/* Exactly invariant Ii is broken, n times, and the report says so. */
static void
assert_only(struct store *s, int law, uint64_t n)
{
	struct gs_audit a;
	char *text, sentence[16];
	size_t len;
	FILE *to = open_memstream(&text, &len);

	gs_audit_run(s->t, NOW, &a, to);
	gs_audit_print(&a, s->t, to);
	assert_int_equal(fclose(to), 0);
	for (int i = 1; i <= 10; i++)
		if (a.broken[i] != (i == law ? n : 0))
			fail_msg("planted I%d, I%d was found %" PRIu64 " times:\n%s", law, i, a.broken[i], text);
	assert_int_equal(a.n_broken, n);
	(void)snprintf(sentence, sizeof(sentence), "\nI%d: ", law);
	assert_true(strncmp(text, sentence + 1, strlen(sentence) - 1) == 0 || strstr(text, sentence) != NULL);
	assert_non_null(strstr(text, "broken: I"));
	assert_null(strstr(text, "clean"));
	free(text);
}

static void
clean_table_prints_its_sum(void **state)
{
	struct store *s = *state;
	struct gs_audit a;
	char *text, want[128];
	size_t len;
	FILE *to = open_memstream(&text, &len);

	gs_audit_run(s->t, NOW, &a, to);
	gs_audit_print(&a, s->t, to);
	assert_int_equal(fclose(to), 0);
	assert_int_equal(a.n_broken, 0);
	assert_int_equal(a.live, 3);
	assert_true(a.listed > 0);
	assert_int_equal(a.free + a.live + a.listed, a.capacity);
	assert_int_equal(a.capacity, 3ull * s->t->arena[0].seg_slots);
	(void)snprintf(want, sizeof(want), "table t: free %" PRIu64 " + live %" PRIu64 " + listed %" PRIu64 " = capacity %" PRIu64 "\n", a.free,
	    a.live, a.listed, a.capacity);
	if (strncmp(text, want, strlen(want)) != 0)
		fail_msg("%s", text);
	assert_non_null(strstr(text, "ring active: 1 sessions\n"));
	assert_non_null(strstr(text, "ring suspect: 0 sessions\n"));
	assert_non_null(strstr(text, "clean"));
	free(text);
}

/* ---- I1 ---- */

/* An entry that is empty: where the keys are is different in every table. */
static _Atomic uint64_t *
empty_entry(struct store *s)
{
	uint64_t o = 0;

	while (atomic_load(gs_table_entry(s->t, o)) != 0)
		o++;
	return gs_table_entry(s->t, o);
}

static void
entry_that_names_no_slot_of_ours_is_reported(void **state)
{
	struct store *s = *state;

	atomic_store(empty_entry(s), gs_entry(1, 1, 7, 3, 5));
	atomic_fetch_add(&s->t->idx->population[7].n, 1);
	assert_only(s, 1, 1);
}

static void
entry_of_a_slot_without_memory_is_reported(void **state)
{
	struct store *s = *state;

	atomic_store(empty_entry(s), gs_entry(1, 1, SUSPECT, 0, 5));
	assert_only(s, 1, 1);
}

static void
entry_of_another_generation_is_reported(void **state)
{
	struct store *s = *state;
	struct gs_hit hit = hit_of(s, "a");

	/* the slot is then nobody's, unless it is listed: here it is */
	atomic_store(hit.at, hit.entry + (UINT64_C(1) << 32));
	atomic_store(&s->t->ctx[3].held[0], gs_entry_addr(hit.entry) + 1);
	assert_only(s, 1, 1);
}

/* ---- I2 ---- */

static void
entry_in_a_bucket_that_is_not_its_keys_is_reported(void **state)
{
	struct store *s = *state;
	struct gs_hit hit = hit_of(s, "a");
	uint64_t elsewhere = (hit.ordinal / GS_BUCKET_ENTRIES + 1) % GS_GROUP_HOMES * GS_BUCKET_ENTRIES + 14;

	atomic_store(hit.at, 0);
	atomic_store(gs_table_entry(s->t, elsewhere), hit.entry);
	/* nobody finds the slot by its hash: only a list keeps it from being nobody's */
	atomic_store(&s->t->ctx[3].held[0], gs_entry_addr(hit.entry) + 1);
	assert_only(s, 2, 1);
}

static void
entry_with_a_wrong_tag_is_reported(void **state)
{
	struct store *s = *state;
	struct gs_hit hit = hit_of(s, "a");

	atomic_store(hit.at, hit.entry ^ UINT64_C(1) << 50);
	assert_only(s, 2, 1);
}

static void
key_that_does_not_give_its_hash_is_reported(void **state)
{
	struct store *s = *state;

	((unsigned char *)hit_of(s, "a").slot->data)[0] ^= 1;
	assert_only(s, 2, 1);
}

/* ---- I3 ---- */

static void
key_that_is_there_twice_is_reported(void **state)
{
	struct store *s = *state;
	struct gs_hit first = hit_of(s, "a"), second;
	struct gs_audit a;

	/* hidden while the second one is started */
	atomic_store(first.at, 0);
	start_in(s, "a", ACTIVE, NOW);
	second = hit_of(s, "a");
	for (uint64_t o = second.ordinal / GS_BUCKET_ENTRIES * GS_BUCKET_ENTRIES; ; o++)
		if (atomic_load(gs_table_entry(s->t, o)) == 0) {
			atomic_store(gs_table_entry(s->t, o), first.entry);
			break;
		}
	gs_audit_run(s->t, NOW, &a, NULL);
	assert_only(s, 3, 2);	/* from either side */
}

/* ---- I4 ---- */

static void
header_that_hides_an_entry_is_reported(void **state)
{
	struct store *s = *state;
	struct gs_probe p;
	char key[16];
	uint64_t h;
	uint32_t n = 0;

	for (uint32_t i = 0; n < GS_BUCKET_ENTRIES + 2; i++) {
		struct gs_key k;

		(void)snprintf(key, sizeof(key), "%u", i);
		k = key_of(s->t, key);
		gs_index_probe(s->t, k.hash, &p);
		if (p.bucket[0] == 3 && peek_at(s, key, NOW, NULL) < 0) {
			start_in(s, key, ACTIVE, NOW);
			n++;
		}
	}
	h = atomic_load(&s->t->buckets[3].H);
	assert_true(gs_header_count(h) >= 2);
	/* too few counted */
	atomic_store(&s->t->buckets[3].H, gs_bucket_header(1, gs_header_filter(h), gs_header_count(h) - 1, gs_header_kmax(h)));
	assert_only(s, 4, gs_header_count(h));
	/* a filter without their bits: of each that is outside */
	atomic_store(&s->t->buckets[3].H, gs_bucket_header(1, 0, gs_header_count(h), gs_header_kmax(h)));
	assert_only(s, 4, gs_header_count(h));
	atomic_store(&s->t->buckets[3].H, gs_bucket_header(1, gs_header_filter(h), gs_header_count(h), 0));
	assert_only(s, 4, gs_header_count(h));
	/* too many is no violation */
	atomic_store(&s->t->buckets[3].H, gs_bucket_header(1, 0xffff, 200, 3));
	assert_clean(s->t, NOW);
}

/* ---- I5, I6, I7 ---- */

static void
slot_that_is_nobodys_is_reported(void **state)
{
	static const uint32_t states[] = { GS_SLOT_WRITING, GS_SLOT_READY, 3, 255 };
	struct store *s = *state;

	for (size_t i = 0; i < N_ROWS(states); i++) {
		atomic_store(&gs_table_slot(s->t, 9)->W, gs_word(3, 1, states[i]));
		assert_only(s, 5, 1);
		atomic_store(&gs_table_slot(s->t, 9)->W, 0);
		assert_clean(s->t, NOW);
	}
	/* what the dead list is taken back soon; what a context lists that is nobody's any more never is */
	atomic_store(&gs_table_slot(s->t, 9)->W, gs_word(3, 1, GS_SLOT_WRITING));
	atomic_store(&s->t->ctx[3].held[0], 9 + 1);
	assert_clean(s->t, NOW);
	atomic_store(&s->t->ctl->reg[3].state, GS_CTX_DEAD);
	assert_clean(s->t, NOW);
	atomic_store(&s->t->ctl->reg[3].state, GS_CTX_UNUSED);
	assert_only(s, 5, 1);
}

static void
free_slot_without_its_bit_is_reported(void **state)
{
	struct store *s = *state;

	atomic_fetch_and(&s->t->arena[0].bitmap[0], ~(UINT64_C(1) << 9));
	assert_only(s, 6, 1);
	atomic_store(&s->t->ctx[3].held[0], 9 + 1);
	assert_clean(s->t, NOW);
}

static void
live_slot_that_the_sweep_never_looks_at_is_reported(void **state)
{
	struct store *s = *state;
	struct gs_hit hit = hit_of(s, "a");

	atomic_store(&s->t->arena[0].due[gs_entry_slot(hit.entry)], GS_DUE_NEVER);
	assert_only(s, 7, 1);
	/* unless nothing ever ends there */
	atomic_store(&s->t->ctl->ring[ACTIVE].ttl_ms, GS_DURATION_MAX);
	assert_clean(s->t, NOW);
}

/* ---- I8, I9, I10 ---- */

static void
lengths_and_times_out_of_bounds_are_reported(void **state)
{
	struct store *s = *state;
	struct gs_hit hit = hit_of(s, "a");
	struct gs_slot *slot = hit.slot;
	uint32_t gen = gs_entry_gen(hit.entry);

	slot->val_len = 1001;
	assert_only(s, 8, 1);
	slot->val_len = 60000;
	assert_only(s, 8, 1);
	slot->val_len = 1;
	slot->owner_len = 65;
	assert_only(s, 8, 1);
	slot->owner_len = 0;
	slot->deadline = NOW + 5;
	assert_only(s, 8, 1);
	slot->deadline = GS_TIME_NEVER;
	atomic_store(&slot->A, gs_timed(NOW + HOUR, gen));
	assert_only(s, 8, 1);
	atomic_store(&slot->A, gs_timed(NOW, gen));
	atomic_store(&slot->T, gs_timed(NOW + HOUR, gen));
	assert_only(s, 8, 1);
	atomic_store(&slot->T, gs_timed(NOW, gen));
	assert_clean(s->t, NOW);
}

static void
population_that_disagrees_is_reported(void **state)
{
	struct store *s = *state;

	/* as much as sixteen living clients cannot have under way */
	atomic_fetch_add(&s->t->idx->population[WARM].n, 17);
	assert_only(s, 9, 1);
	atomic_fetch_sub(&s->t->idx->population[WARM].n, 34);
	assert_only(s, 9, 1);
	atomic_fetch_add(&s->t->idx->population[WARM].n, 17);
	assert_clean(s->t, NOW);
	/* and where nobody lives, none */
	for (uint32_t i = 0; i < GS_PRIVATE_CTX; i++)
		if (i != 1)
			atomic_store(&s->t->ctl->reg[i].state, GS_CTX_DEAD);
	atomic_fetch_add(&s->t->idx->population[WARM].n, 2);
	assert_only(s, 9, 1);
}

static void
tentative_entry_of_nobody_is_reported(void **state)
{
	struct store *s = *state;
	struct gs_hit hit = hit_of(s, "a");
	uint64_t w = hit.w;

	atomic_store(hit.at, hit.entry | GS_ENTRY_TENT);
	atomic_store(&s->t->ctx[1].held[31], gs_entry_addr(hit.entry) + 1);
	atomic_fetch_sub(&s->t->idx->population[ACTIVE].n, 1);
	assert_clean(s->t, NOW);
	/* who is dead is recovered first */
	atomic_store(&s->t->ctl->reg[1].state, GS_CTX_DEAD);
	assert_clean(s->t, NOW);
	atomic_store(&s->t->ctl->reg[1].state, GS_CTX_LIVE);
	atomic_store(&hit.slot->W, gs_word(gs_word_gen(w), 4000, GS_SLOT_READY));
	assert_only(s, 10, 1);
	atomic_store(&hit.slot->W, w);
	atomic_store(hit.at, gs_entry(5, 5, 7, 0, 0) | GS_ENTRY_TENT);
	assert_only(s, 10, 1);
}

/* Found by t/fuzz/table: a state that is none was looked up in the names of states. */
static void
ring_of_no_state_is_printed_as_none(void **state)
{
	struct store *s = *state;
	struct gs_audit a;
	char *text;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	atomic_store(&s->t->ctl->ring[WARM].state, 200);
	assert_int_equal(gs_table_ring_state(s->t, WARM), GS_RING_ABSENT);
	gs_audit_run(s->t, NOW, &a, to);
	gs_audit_print(&a, s->t, to);
	assert_int_equal(fclose(to), 0);
	assert_non_null(strstr(text, "ring active"));
	assert_null(strstr(text, "ring warm"));
	free(text);
}

#define T_USUAL(name) cmocka_unit_test_setup_teardown(name, open_usual, end_store)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T_USUAL(clean_table_prints_its_sum),
		T_USUAL(entry_that_names_no_slot_of_ours_is_reported),
		T_USUAL(entry_of_a_slot_without_memory_is_reported),
		T_USUAL(entry_of_another_generation_is_reported),
		T_USUAL(entry_in_a_bucket_that_is_not_its_keys_is_reported),
		T_USUAL(entry_with_a_wrong_tag_is_reported),
		T_USUAL(key_that_does_not_give_its_hash_is_reported),
		T_USUAL(key_that_is_there_twice_is_reported),
		T_USUAL(header_that_hides_an_entry_is_reported),
		T_USUAL(slot_that_is_nobodys_is_reported),
		T_USUAL(free_slot_without_its_bit_is_reported),
		T_USUAL(live_slot_that_the_sweep_never_looks_at_is_reported),
		T_USUAL(lengths_and_times_out_of_bounds_are_reported),
		T_USUAL(population_that_disagrees_is_reported),
		T_USUAL(tentative_entry_of_nobody_is_reported),
		T_USUAL(ring_of_no_state_is_printed_as_none),
	};

	return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
