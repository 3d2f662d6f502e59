/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_index - a key has four places; it is in one of them once, and headers say where to look.
 *
 * Keys are searched by their hash, with the table's own secret, so that as
 * many as wanted have one home.
 */
#include "shm_place.h"

#define PER_BUCKET ((uint32_t)GS_BUCKET_ENTRIES)

struct crowd {			/* sessions of one home */
	struct store s;
	uint64_t home;
	unsigned next;		/* number of the next name to try */
	char key[80][12];
	uint32_t n;
};

static struct gs_probe
probe_of(struct gs_table *t, const char *key)
{
	struct gs_key k = key_of(t, key);
	struct gs_probe p;

	gs_index_probe(t, k.hash, &p);
	return p;
}

/* The next name whose home is c->home (and whose last resort is `last`, unless that is UINT64_MAX). */
static const char *
name_at_home(struct crowd *c, uint64_t last)
{
	char *name = c->key[c->n];

	for (;; c->next++) {
		struct gs_probe p;

		(void)snprintf(name, sizeof(c->key[0]), "%u", c->next);
		p = probe_of(c->s.t, name);
		if (p.bucket[0] == c->home && (last == UINT64_MAX || p.bucket[3] == last)) {
			c->next++;
			c->n++;
			return name;
		}
	}
}

static void
open_crowd(struct crowd *c, uint32_t n)
{
	struct gs_table_spec spec = usual_spec();

	memset(c, 0, sizeof(*c));
	open_store(&c->s, &spec);
	c->home = 3;
	while (c->n < n)
		assert_int_equal(put_at(&c->s, name_at_home(c, UINT64_MAX), "v", NOW), 1);
}

static void
close_crowd(struct crowd *c)
{
	assert_clean(c->s.t, NOW);
	close_store(&c->s);
}

static uint64_t
header(const struct crowd *c)
{
	return atomic_load(&c->s.t->buckets[c->home].H);
}

static int
place_of(struct crowd *c, const char *key)
{
	return hit_of(&c->s, key).place;
}

static void
assert_all_found(struct crowd *c, uint32_t from)
{
	for (uint32_t i = from; i < c->n; i++)
		assert_int_equal(get_at(&c->s, c->key[i], NOW), 1);
}

static void
places_of_a_hash_are_four_buckets_inside_the_index(void **state)
{
	static const uint64_t hashes[] = { 0, 1, UINT64_MAX, UINT64_C(1) << 63, 0x123456789abcdef0 };
	struct gs_table_spec spec = usual_spec();
	struct gs_table *t;

	(void)state;
	spec.max_sessions = 1000;
	assert_int_equal(gs_table_create_private(&t, &spec), 0);
	for (size_t i = 0; i < N_ROWS(hashes); i++) {
		struct gs_probe p;

		gs_index_probe(t, hashes[i], &p);
		assert_true(p.bucket[0] < t->n_groups * GS_GROUP_BUCKETS);
		assert_int_not_equal(p.bucket[0] % GS_GROUP_BUCKETS, GS_GROUP_HOMES);
		assert_int_equal(p.bucket[1], p.bucket[0] / GS_GROUP_BUCKETS * GS_GROUP_BUCKETS + GS_GROUP_HOMES);
		assert_int_equal(p.bucket[2] % GS_GROUP_BUCKETS, GS_GROUP_HOMES);
		assert_int_equal(p.bucket[2] / GS_GROUP_BUCKETS, (p.bucket[0] / GS_GROUP_BUCKETS + 1) % t->n_groups);
		assert_in_range(p.bucket[3], t->n_groups * GS_GROUP_BUCKETS, t->n_buckets - 1);
		assert_int_not_equal(p.tag, 0);
		assert_int_equal(gs_index_place_of(t, hashes[i], p.bucket[2] * GS_BUCKET_ENTRIES + 14), 2);
		assert_int_equal(gs_index_place_of(t, hashes[i], (p.bucket[0] ^ 1) * GS_BUCKET_ENTRIES), -1);
	}
	gs_table_free(&t);
}

static void
home_is_filled_first_then_the_stashes_then_the_last_resort(void **state)
{
	struct crowd c;

	(void)state;
	open_crowd(&c, 3 * PER_BUCKET + 1);
	for (uint32_t i = 0; i < c.n; i++)
		assert_int_equal(place_of(&c, c.key[i]), i / PER_BUCKET);
	assert_all_found(&c, 0);
	assert_int_equal(gs_header_count(header(&c)), 2 * PER_BUCKET + 1);
	assert_int_equal(gs_header_kmax(header(&c)), 3);
	close_crowd(&c);
}

static void
header_counts_what_lies_outside_and_no_more(void **state)
{
	struct crowd c;

	(void)state;
	open_crowd(&c, PER_BUCKET);
	assert_int_equal(header(&c) & UINT32_MAX, 0);
	assert_int_equal(put_at(&c.s, name_at_home(&c, UINT64_MAX), "v", NOW), 1);
	assert_int_equal(gs_header_count(header(&c)), 1);
	assert_int_equal(gs_header_kmax(header(&c)), 1);
	assert_int_equal(gs_header_filter(header(&c)), probe_of(c.s.t, c.key[PER_BUCKET]).filter_bit);
	assert_int_equal(put_at(&c.s, name_at_home(&c, UINT64_MAX), "v", NOW), 1);
	assert_int_equal(gs_header_count(header(&c)), 2);
	/* an end inside the home changes nothing of it, an end outside does */
	assert_int_equal(del_at(&c.s, c.key[0], NOW), 0);
	assert_int_equal(gs_header_count(header(&c)), 2);
	assert_int_equal(del_at(&c.s, c.key[PER_BUCKET], NOW), 0);
	assert_int_equal(gs_header_count(header(&c)), 1);
	assert_int_equal(del_at(&c.s, c.key[PER_BUCKET + 1], NOW), 0);
	assert_int_equal(header(&c) & UINT32_MAX, 0);
	close_crowd(&c);
}

static void
each_insert_moves_the_version_and_no_update_does(void **state)
{
	struct crowd c;
	uint32_t before;

	(void)state;
	open_crowd(&c, 1);
	before = gs_header_version(header(&c));
	assert_int_equal(put_at(&c.s, c.key[0], "w", NOW), 0);
	assert_int_equal(move_at(&c.s, c.key[0], NOW, COLD), 0);
	assert_int_equal(gs_header_version(header(&c)), before);
	assert_int_equal(put_at(&c.s, name_at_home(&c, UINT64_MAX), "v", NOW), 1);
	assert_int_equal(gs_header_version(header(&c)), before + 1);
	close_crowd(&c);
}

static void
full_places_refuse_the_next_key_and_take_it_when_one_has_left(void **state)
{
	struct crowd c;
	uint64_t last;

	(void)state;
	open_crowd(&c, 3 * PER_BUCKET);
	last = probe_of(c.s.t, c.key[0]).bucket[3];
	for (uint32_t i = 0; i < PER_BUCKET; i++)
		assert_int_equal(put_at(&c.s, name_at_home(&c, last), "v", NOW), 1);
	name_at_home(&c, last);
	assert_int_equal(put_at(&c.s, c.key[c.n - 1], "v", NOW), GS_ENOSPC);
	assert_int_equal(atomic_load(&c.s.c.page->op_entry), 0);
	assert_clean(c.s.t, NOW);
	assert_int_equal(del_at(&c.s, c.key[20], NOW), 0);
	assert_int_equal(put_at(&c.s, c.key[c.n - 1], "v", NOW), 1);
	assert_int_equal(place_of(&c, c.key[c.n - 1]), 1);
	assert_all_found(&c, 21);
	close_crowd(&c);
}

static void
entry_never_moves_while_its_key_is_there(void **state)
{
	struct crowd c;
	uint64_t ordinal;

	(void)state;
	open_crowd(&c, PER_BUCKET + 1);
	ordinal = hit_of(&c.s, c.key[PER_BUCKET]).ordinal;
	/* there is room at home now, and nobody comes back for it */
	assert_int_equal(del_at(&c.s, c.key[0], NOW), 0);
	assert_int_equal(put_at(&c.s, c.key[PER_BUCKET], "another value", NOW), 0);
	assert_int_equal(move_at(&c.s, c.key[PER_BUCKET], NOW, WARM), 0);
	assert_int_equal(get_at(&c.s, c.key[PER_BUCKET], NOW), 13);
	assert_int_equal(hit_of(&c.s, c.key[PER_BUCKET]).ordinal, ordinal);
	close_crowd(&c);
}

static void
an_end_leaves_no_tombstone(void **state)
{
	struct crowd c;

	(void)state;
	open_crowd(&c, 3 * PER_BUCKET);
	for (uint32_t i = 0; i < c.n; i++)
		assert_int_equal(del_at(&c.s, c.key[i], NOW), 0);
	for (uint64_t o = 0; o < gs_table_entries(c.s.t); o++)
		assert_int_equal(atomic_load(gs_table_entry(c.s.t, o)), 0);
	assert_int_equal(header(&c) & UINT32_MAX, 0);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(put_at(&c.s, c.key[i % 7], "v", NOW), 1);
		assert_int_equal(place_of(&c, c.key[i % 7]), 0);
		assert_int_equal(del_at(&c.s, c.key[i % 7], NOW), 0);
	}
	close_crowd(&c);
}

static void
count_that_stuck_hides_nobody(void **state)
{
	struct crowd c;

	(void)state;
	open_crowd(&c, 2 * PER_BUCKET);
	atomic_store(&c.s.t->buckets[c.home].H, gs_bucket_header(7, 0xffff, 255, 3));
	assert_int_equal(del_at(&c.s, c.key[PER_BUCKET], NOW), 0);
	assert_int_equal(gs_header_count(header(&c)), 255);
	assert_int_equal(put_at(&c.s, c.key[PER_BUCKET], "v", NOW), 1);
	assert_int_equal(gs_header_count(header(&c)), 255);
	assert_all_found(&c, 0);
	gs_index_trim(c.s.t, c.home);
	assert_int_equal(gs_header_count(header(&c)), PER_BUCKET);
	assert_all_found(&c, 0);
	close_crowd(&c);
}

static void
trim_makes_a_header_exact(void **state)
{
	struct crowd c;
	uint32_t version, filter = 0;

	(void)state;
	open_crowd(&c, 2 * PER_BUCKET + 2);
	for (uint32_t i = PER_BUCKET; i < c.n; i++)
		filter |= probe_of(c.s.t, c.key[i]).filter_bit;
	version = gs_header_version(header(&c));
	gs_index_trim(c.s.t, c.home);
	assert_int_equal(gs_header_version(header(&c)), version);	/* it was exact */
	atomic_store(&c.s.t->buckets[c.home].H, gs_bucket_header(version, 0xffff, 200, 3));
	gs_index_trim(c.s.t, c.home);
	assert_int_equal(gs_header_version(header(&c)), version + 1);
	assert_int_equal(gs_header_count(header(&c)), PER_BUCKET + 2);
	assert_int_equal(gs_header_filter(header(&c)), filter);
	assert_int_equal(gs_header_kmax(header(&c)), 2);
	close_crowd(&c);
}

static void
trim_counts_tentative_entries(void **state)
{
	struct crowd c;
	struct gs_hit hit;

	(void)state;
	open_crowd(&c, PER_BUCKET + 2);
	hit = hit_of(&c.s, c.key[PER_BUCKET]);
	atomic_store(hit.at, hit.entry | GS_ENTRY_TENT);	/* committed, not yet final */
	atomic_store(&c.s.t->buckets[c.home].H, gs_bucket_header(9, 0xffff, 77, 3));
	gs_index_trim(c.s.t, c.home);
	assert_int_equal(gs_header_count(header(&c)), 2);
	atomic_store(hit.at, hit.entry);
	assert_all_found(&c, 0);
	close_crowd(&c);
}

static void
delete_does_not_count_down_after_a_trim(void **state)
{
	struct crowd c;
	struct gs_hit hit;
	uint64_t before;

	(void)state;
	open_crowd(&c, PER_BUCKET + 2);
	hit = hit_of(&c.s, c.key[PER_BUCKET]);
	before = header(&c);
	atomic_store(&c.s.t->buckets[c.home].H, gs_bucket_header(gs_header_version(before), 0xffff, 3, 3));
	gs_index_trim(c.s.t, c.home);
	assert_true(gs_index_remove(c.s.t, &hit, key_of(c.s.t, c.key[PER_BUCKET]).hash));
	assert_false(gs_index_remove(c.s.t, &hit, key_of(c.s.t, c.key[PER_BUCKET]).hash));
	assert_true(gs_header_count(header(&c)) >= 1);
	atomic_store(hit.at, hit.entry);
	gs_index_trim(c.s.t, c.home);
	close_crowd(&c);
}

/* ---- tentative entries ---- */

/* As if context `ctx` had died after placing a tentative entry for key, before or after its commit. */
static _Atomic uint64_t *
leave_tentative(struct store *s, const char *key, uint32_t ctx, bool is_committed)
{
	struct store other = { .t = s->t };
	struct gs_hit hit;

	assert_int_equal(gs_ctx_init(&other.c, s->t, ctx), 0);
	assert_int_equal(put_at(&other, key, "of the dead", NOW), 1);
	hit = hit_of(&other, key);
	atomic_store(hit.at, hit.entry | GS_ENTRY_TENT);
	atomic_store(&other.c.page->op_entry, hit.ordinal + 1);
	atomic_store(&other.c.page->held[31], gs_entry_addr(hit.entry) + 1);
	if (!is_committed) {
		_Atomic uint64_t *h = &s->t->buckets[probe_of(s->t, key).bucket[0]].H;
		uint64_t seen = atomic_load(h);

		atomic_store(h, gs_bucket_header(gs_header_version(seen) - 1, 0, 0, 0));
	}
	free(other.c.scratch);
	return hit.at;
}

static void
tentative_entry_is_no_session(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	_Atomic uint64_t *at;

	(void)state;
	open_store(&s, &spec);
	at = leave_tentative(&s, "k", 2, true);
	assert_int_equal(get_at(&s, "k", NOW), GS_ENOENT);
	assert_int_equal(del_at(&s, "k", NOW), GS_ENOENT);
	assert_int_equal(touch_at(&s, "k", NOW), GS_ENOENT);
	assert_int_equal(move_at(&s, "k", NOW, COLD), GS_ENOENT);
	assert_true((atomic_load(at) & GS_ENTRY_TENT) != 0);
	close_store(&s);
}

static void
tentative_entry_of_a_dead_inserter_is_killed_by_the_next_one(void **state)
{
	struct gs_table_spec spec = usual_spec();

	(void)state;
	for (int is_committed = 0; is_committed < 2; is_committed++) {
		struct store s;

		open_store(&s, &spec);
		(void)leave_tentative(&s, "k", 2, is_committed);
		assert_int_equal(put_at(&s, "k", "mine", NOW), 1);
		assert_int_equal(get_at(&s, "k", NOW), 4);
		for (uint64_t o = 0; o < gs_table_entries(s.t); o++)
			assert_true((atomic_load(gs_table_entry(s.t, o)) & GS_ENTRY_TENT) == 0);
		/* only the slot and the place that the dead one reserved are still out */
		atomic_store(&s.t->ctl->reg[2].state, GS_CTX_DEAD);
		assert_true(gs_recover_ctx(s.t, 2) > 0);
		gs_recover_population(s.t);
		assert_clean(s.t, NOW);
		close_store(&s);
	}
}

static void
tentative_entry_of_another_key_is_left_alone(void **state)
{
	struct crowd c;
	_Atomic uint64_t *at;
	uint64_t e;

	(void)state;
	open_crowd(&c, 1);
	at = leave_tentative(&c.s, name_at_home(&c, UINT64_MAX), 2, true);
	e = atomic_load(at);
	for (int i = 0; i < 5; i++)
		assert_int_equal(put_at(&c.s, name_at_home(&c, UINT64_MAX), "v", NOW), 1);
	assert_int_equal(atomic_load(at), e);
	atomic_store(at, e & ~GS_ENTRY_TENT);
	atomic_store(&c.s.t->ctx[2].held[31], 0);
	close_crowd(&c);
}

static void
tentative_entry_outside_the_home_is_killed_too(void **state)
{
	struct crowd c;
	const char *key;

	(void)state;
	open_crowd(&c, PER_BUCKET + 3);
	key = name_at_home(&c, UINT64_MAX);
	(void)leave_tentative(&c.s, key, 2, true);
	assert_int_equal(put_at(&c.s, key, "mine", NOW), 1);
	assert_int_equal(get_at(&c.s, key, NOW), 4);
	/* the place that the dead one committed is counted until a trim */
	assert_int_equal(gs_header_count(header(&c)), 5);
	gs_index_trim(c.s.t, c.home);
	assert_int_equal(gs_header_count(header(&c)), 4);
	atomic_store(&c.s.t->ctl->reg[2].state, GS_CTX_DEAD);
	(void)gs_recover_ctx(c.s.t, 2);
	gs_recover_population(c.s.t);
	close_crowd(&c);
}

/* ---- damage ---- */

static void
damaged_entry_is_said_to_be_damaged_and_leads_nowhere(void **state)
{
	static const uint64_t low[] = {
		UINT64_C(0x1ffffffffff),				/* a ring that is not, a slot beyond all */
		UINT64_C(3) << 27,					/* a class that is not */
		GS_SLOT_NUMBERS - 1,					/* a slot beyond the arena */
		UINT64_C(5) << 32,					/* a free slot */
	};
	struct gs_table_spec spec = usual_spec();
	struct store s;

	(void)state;
	open_store(&s, &spec);
	assert_int_equal(put_at(&s, "k", "v", NOW), 1);
	for (size_t i = 0; i < N_ROWS(low); i++) {
		struct gs_hit hit = hit_of(&s, "k");
		uint64_t corrupt = counted(&s, GS_COUNT_CORRUPT);
		struct gs_meta meta;

		atomic_store(hit.at, (uint64_t)gs_entry_tag(hit.entry) << 50 | low[i]);
		assert_int_equal(get_at(&s, "k", NOW), GS_ECORRUPT);
		assert_int_equal(put_at(&s, "k", "v", NOW), GS_ECORRUPT);
		assert_true(gs_kv_at(s.t, &s.c, hit.ordinal, NOW, &meta) < 0);
		assert_true(counted(&s, GS_COUNT_CORRUPT) > corrupt);
		atomic_store(hit.at, hit.entry);
	}
	assert_int_equal(get_at(&s, "k", NOW), 1);
	assert_clean(s.t, NOW);
	close_store(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(places_of_a_hash_are_four_buckets_inside_the_index),
		T(home_is_filled_first_then_the_stashes_then_the_last_resort),
		T(header_counts_what_lies_outside_and_no_more),
		T(each_insert_moves_the_version_and_no_update_does),
		T(full_places_refuse_the_next_key_and_take_it_when_one_has_left),
		T(entry_never_moves_while_its_key_is_there),
		T(an_end_leaves_no_tombstone),
		T(count_that_stuck_hides_nobody),
		T(trim_makes_a_header_exact),
		T(trim_counts_tentative_entries),
		T(delete_does_not_count_down_after_a_trim),
		T(tentative_entry_is_no_session),
		T(tentative_entry_of_a_dead_inserter_is_killed_by_the_next_one),
		T(tentative_entry_of_another_key_is_left_alone),
		T(tentative_entry_outside_the_home_is_killed_too),
		T(damaged_entry_is_said_to_be_damaged_and_leads_nowhere),
	};

	return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
