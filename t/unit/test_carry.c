/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_carry - what is counted on a slot while it is replaced is counted, and once.
 */
#include "shm_place.h"

#include <math.h>

#include "shm/words.h"

static struct gs_slot
header_of(struct store *s, const struct gs_hit *hit)
{
	struct gs_slot head;

	assert_int_equal(gs_record_header(s->t, hit, &head), 1);
	return head;
}

static uint64_t
value_of(const _Atomic uint64_t *word)
{
	return gs_timed_value(atomic_load(word));
}

/* log2 of the law's sum, over accesses at those times, at the last of them. */
static double
law(const uint64_t *at_ms, size_t n, uint64_t last_ms)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += exp2(-(double)(last_ms - at_ms[i]) / (5.0 * MIN));
	return log2(sum);
}

static void
assert_law(struct store *s, const uint64_t *at_ms, size_t n, uint64_t last_ms)
{
	struct gs_hit hit = hit_of(s, "k");
	struct gs_slot head = header_of(s, &hit);
	double got = (double)value_of(&head.I) / 0x1p40 - 32, want = law(at_ms, n, last_ms);

	assert_int_equal(value_of(&head.A), last_ms);
	/* a tenth of a millisecond of a half-life */
	if (fabs(got - want) * 5.0 * MIN > 0.1)
		fail_msg("interest 2^%.9f, the law says 2^%.9f", got, want);
}

static void
two_readers_who_find_a_session_long_idle_count_both(void **state)
{
	struct gs_table_spec spec = usual_spec();
	const uint64_t at_ms[] = { NOW, NOW + 9 * MIN, NOW + 9 * MIN, NOW + 9 * MIN };
	struct store s;
	struct gs_hit one, other;

	(void)state;
	open_store(&s, &spec);
	assert_int_equal(put_at(&s, "k", "v", NOW), 1);
	one = hit_of(&s, "k");
	other = one;
	(void)header_of(&s, &other);	/* it reads the times, and is held up while the others count */
	assert_true(gs_words_access(s.t, &one, NOW + 9 * MIN));
	assert_true(gs_words_access(s.t, &one, NOW + 9 * MIN));
	assert_true(gs_words_access(s.t, &other, NOW + 9 * MIN));
	assert_law(&s, at_ms, 4, NOW + 9 * MIN);
	close_store(&s);
}

static void
access_in_the_past_takes_nothing_away(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	struct gs_hit hit;
	struct gs_slot head;
	uint64_t interest;

	(void)state;
	open_store(&s, &spec);
	assert_int_equal(put_at(&s, "k", "v", NOW), 1);
	hit = hit_of(&s, "k");
	head = header_of(&s, &hit);
	interest = value_of(&head.I);
	assert_true(gs_words_access(s.t, &hit, NOW - 4));	/* another clock's tick */
	head = header_of(&s, &hit);
	assert_int_equal(value_of(&head.A), NOW);
	assert_true(value_of(&head.I) > interest);
	close_store(&s);
}

/* ---- an update comes between ---- */

/* What an update of k at now_ms does until just before it swings the entry: the copy it goes by. */
struct update {
	struct gs_hit hit;
	struct gs_slot *seen;
	struct gs_draft *d;
	uint64_t entry;
	int cell;
};

static void
begin_update(struct store *s, struct update *u, uint64_t now_ms, bool is_access)
{
	u->hit = hit_of(s, "k");
	u->seen = malloc(sizeof(*u->seen));
	u->d = malloc(sizeof(*u->d));
	assert_int_equal(gs_record_copy(s->t, &s->c, &u->hit), 1);
	memcpy(u->seen, s->c.scratch, sizeof(*u->seen));
	gs_record_draft_of(u->d, s->c.scratch);
	if (is_access) {
		uint64_t idle_ms = now_ms - atomic_load(&u->d->head.A);

		atomic_store(&u->d->head.I, gs_decay_access(atomic_load(&u->d->head.I), idle_ms, 5 * MIN));
		atomic_store(&u->d->head.A, now_ms);
	}
	u->cell = gs_slots_claim(s->t, &s->c, ACTIVE, 0);
	assert_true(u->cell >= 0);
}

static void
swing(struct store *s, struct update *u)
{
	uint32_t addr = s->c.cell[u->cell].addr, gen = gs_record_write(s->t, &s->c, u->cell, u->d);
	int old = gs_slots_list(s->t, &s->c, gs_entry_addr(u->hit.entry));

	assert_true(gs_index_replace(&u->hit, addr, gen));
	gs_slots_unlist(&s->c, u->cell);
	gs_slots_retire(s->t, &s->c, old);
	u->entry = gs_entry(0, gen, 0, 0, 0) | addr;
}

static void
merge(struct store *s, struct update *u)
{
	gs_words_merge(s->t, &u->hit, u->seen, u->d, u->entry);
	free(u->seen);
	free(u->d);
}

static void
accesses_between_copy_and_publication_are_carried_over_exactly(void **state)
{
	static const struct {
		uint64_t update_ms;
		bool is_access;
		size_t n_between;
		uint64_t between_ms[3];
		bool after_swing;		/* they come when the entry names the new slot already */
	} rows[] = {
		{ NOW + 9 * MIN, true, 1, { NOW + 9 * MIN }, false },
		{ NOW + 9 * MIN, true, 1, { NOW + 9 * MIN - 8 }, false },
		{ NOW + 9 * MIN, true, 3, { NOW + 9 * MIN - 8, NOW + 9 * MIN, NOW + 9 * MIN }, false },
		{ NOW + 9 * MIN, true, 1, { NOW + 9 * MIN + 4 }, false },
		{ NOW + 9 * MIN, false, 1, { NOW + 9 * MIN }, false },
		{ NOW + 9 * MIN, false, 3, { NOW + 8 * MIN, NOW + 9 * MIN, NOW + 9 * MIN }, false },
		{ NOW, true, 3, { NOW, NOW, NOW }, false },
		{ NOW, false, 1, { NOW }, false },
		{ NOW + 9 * MIN, true, 2, { NOW + 9 * MIN, NOW + 9 * MIN }, true },
		{ NOW + 9 * MIN, false, 2, { NOW + 9 * MIN, NOW + 9 * MIN }, true },
		{ NOW, true, 0, { 0 }, false },
		{ NOW, false, 0, { 0 }, false },
	};
	struct gs_table_spec spec = usual_spec();
	struct store s;

	(void)state;
	for (size_t i = 0; i < N_ROWS(rows); i++) {
		uint64_t at_ms[6] = { NOW, NOW }, last_ms = NOW;
		size_t n = 2;
		struct update u;

		open_store(&s, &spec);
		assert_int_equal(put_at(&s, "k", "v", NOW), 1);
		assert_int_equal(get_at(&s, "k", NOW), 1);
		begin_update(&s, &u, rows[i].update_ms, rows[i].is_access);
		if (rows[i].is_access)
			at_ms[n++] = last_ms = rows[i].update_ms;
		if (rows[i].after_swing)
			swing(&s, &u);
		for (size_t k = 0; k < rows[i].n_between; k++) {
			at_ms[n++] = rows[i].between_ms[k];
			last_ms = last_ms > rows[i].between_ms[k] ? last_ms : rows[i].between_ms[k];
			assert_true(gs_words_access(s.t, &u.hit, rows[i].between_ms[k]));
		}
		if (!rows[i].after_swing)
			swing(&s, &u);
		merge(&s, &u);
		assert_law(&s, at_ms, n, last_ms);
		assert_clean(s.t, NOW + HOUR);
		close_store(&s);
	}
}

static void
access_that_comes_after_the_merge_is_sent_to_the_new_slot(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	struct update u;
	struct gs_meta before, after;

	(void)state;
	open_store(&s, &spec);
	assert_int_equal(put_at(&s, "k", "v", NOW), 1);
	begin_update(&s, &u, NOW, true);
	swing(&s, &u);
	merge(&s, &u);
	assert_int_equal(peek_at(&s, "k", NOW, &before), 1);
	assert_false(gs_words_access(s.t, &u.hit, NOW + 1000));
	assert_false(gs_words_access(s.t, &u.hit, NOW));
	assert_int_equal(peek_at(&s, "k", NOW, &after), 1);
	assert_int_equal(after.interest, before.interest);
	/* while a reader that only looks still finds the old record whole */
	assert_int_equal(gs_record_copy(s.t, &s.c, &u.hit), 1);
	close_store(&s);
}

static void
access_is_carried_on_when_the_new_record_was_replaced_too(void **state)
{
	const uint64_t at_ms[] = { NOW, NOW + MIN, NOW + 2 * MIN, NOW + 3 * MIN };
	struct gs_table_spec spec = usual_spec();
	struct store s;
	struct update first, second;

	(void)state;
	open_store(&s, &spec);
	assert_int_equal(put_at(&s, "k", "v", NOW), 1);
	begin_update(&s, &first, NOW + 2 * MIN, true);
	assert_true(gs_words_access(s.t, &first.hit, NOW + MIN));
	swing(&s, &first);
	/* it is held up here, and another update comes and goes */
	begin_update(&s, &second, NOW + 3 * MIN, true);
	swing(&s, &second);
	merge(&s, &second);
	merge(&s, &first);
	assert_law(&s, at_ms, 4, NOW + 3 * MIN);
	close_store(&s);
}

static void
late_access_by_an_old_entry_counts_in_no_later_use_of_the_slot(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	struct gs_hit hit;

	(void)state;
	open_store(&s, &spec);
	/* so many that the slots in use are the same ones, round and round */
	for (int i = 0; i < 50; i++)
		assert_true(put_at(&s, "k", "v", NOW) >= 0);
	hit = hit_of(&s, "k");
	assert_true(gs_words_access(s.t, &hit, NOW));
	for (int i = 0; i < 200; i++) {
		assert_int_equal(put_at(&s, "k", "v", NOW), 0);
		assert_false(gs_words_access(s.t, &hit, NOW));
	}
	close_store(&s);
}

/* As gs_kv_touch at now_ms does to the slot of a hit. */
static void
touch_slot(struct gs_slot *slot, uint32_t gen, uint64_t now_ms)
{
	uint64_t idle_ms = now_ms - value_of(&slot->A);

	atomic_store(&slot->X, gs_timed(gs_record_expiry(now_ms, slot->ttl_ms, slot->deadline), gen));
	atomic_store(&slot->T, gs_timed(now_ms, gen));
	atomic_store(&slot->I, gs_timed(gs_decay_fade(value_of(&slot->I), idle_ms, 5 * MIN), gen));
	atomic_store(&slot->A, gs_timed(now_ms, gen));
}

static void
touch_between_copy_and_publication_is_carried_over_and_adds_no_interest(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct gs_put_args args = plain_args();
	struct store s;
	struct update u;
	struct gs_meta meta;
	struct gs_key k;
	double want;

	(void)state;
	open_store(&s, &spec);
	k = key_of(s.t, "k");
	args.set = GS_SET_TTL_BIT;
	args.ttl_ms = 20 * MIN;
	assert_int_equal(gs_kv_put(s.t, &s.c, &k, NOW, "v", 1, &args, NULL), 1);
	begin_update(&s, &u, NOW, false);
	u.d->head.ttl_ms = 30 * MIN;		/* an operator sets another ttl meanwhile */
	atomic_store(&u.d->head.X, NOW + 30 * MIN);
	touch_slot(u.hit.slot, gs_entry_gen(u.hit.entry), NOW + 5 * MIN);
	swing(&s, &u);
	merge(&s, &u);
	assert_int_equal(peek_at(&s, "k", NOW + 6 * MIN, &meta), 1);
	assert_int_equal(meta.touched_ms, NOW + 5 * MIN);
	assert_int_equal(meta.expires_ms, NOW + 35 * MIN);
	assert_int_equal(meta.accessed_ms, NOW + 5 * MIN);
	want = -1;	/* one access, one half-life ago */
	assert_true(fabs((double)meta.interest / 0x1p40 - 32 - want) * 5.0 * MIN < 0.1);
	assert_clean(s.t, NOW + 6 * MIN);
	close_store(&s);
}

static void
session_that_the_sweep_claimed_is_not_revived_by_a_late_touch(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	struct update u;
	struct gs_slot *slot;

	(void)state;
	open_store(&s, &spec);
	assert_int_equal(put_at(&s, "k", "v", NOW), 1);
	begin_update(&s, &u, NOW, false);
	touch_slot(u.hit.slot, gs_entry_gen(u.hit.entry), NOW + 5 * MIN);
	swing(&s, &u);
	slot = gs_table_slot(s.t, u.entry);
	atomic_store(&slot->X, gs_timed(0, gs_entry_gen(u.entry)));
	merge(&s, &u);
	assert_int_equal(value_of(&slot->X), 0);
	close_store(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(two_readers_who_find_a_session_long_idle_count_both),
		T(access_in_the_past_takes_nothing_away),
		T(accesses_between_copy_and_publication_are_carried_over_exactly),
		T(access_that_comes_after_the_merge_is_sent_to_the_new_slot),
		T(access_is_carried_on_when_the_new_record_was_replaced_too),
		T(late_access_by_an_old_entry_counts_in_no_later_use_of_the_slot),
		T(touch_between_copy_and_publication_is_carried_over_and_adds_no_interest),
		T(session_that_the_sweep_claimed_is_not_revived_by_a_late_touch),
	};

	return cmocka_run_group_tests_name("carry", tests, NULL, NULL);
}
