/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_record - a record is read whole or not at all, and what changes in place belongs to one generation.
 */
#include "shm_place.h"

#include <sys/mman.h>

#include <math.h>
#include <unistd.h>

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

static void
parts_of_a_record_come_back_as_written(void **state)
{
	static const struct {
		size_t key, owner, value;
	} rows[] = {
		{ 1, 0, 0 }, { 7, 1, 1 }, { 8, 8, 8 }, { 9, 63, 999 }, { 255, 64, 1000 }, { 255, 0, 1000 }, { 31, 33, 35 },
	};
	char bytes[1024], got[1000];
	struct gs_table_spec spec = usual_spec();
	struct store s;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 131 + 7);
	open_store(&s, &spec);
	for (size_t i = 0; i < N_ROWS(rows); i++) {
		struct gs_put_args args = plain_args();
		struct gs_meta meta;
		struct gs_key k;

		args.set = GS_SET_OWNER_BIT;
		args.owner = bytes + 500;
		args.owner_len = (uint32_t)rows[i].owner;
		assert_int_equal(gs_key_init(s.t, &k, bytes + i, rows[i].key), 0);
		assert_int_equal(gs_kv_put(s.t, &s.c, &k, NOW, bytes, rows[i].value, &args, NULL), 1);
		assert_int_equal(gs_kv_get(s.t, &s.c, &k, NOW, got, sizeof(got), 0, &meta), rows[i].value);
		assert_memory_equal(got, bytes, rows[i].value);
		assert_int_equal(meta.key_len, rows[i].key);
		assert_memory_equal(meta.key, bytes + i, rows[i].key);
		assert_int_equal(meta.key[rows[i].key], 0);
		assert_int_equal(meta.owner_len, rows[i].owner);
		assert_memory_equal(meta.owner, bytes + 500, rows[i].owner);
	}
	assert_clean(s.t, NOW);
	close_store(&s);
}

static void
smallest_class_that_holds_a_record_is_taken(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	struct gs_meta meta;
	static const uint32_t lengths[] = { 0, 80, 81, 200, 400, 1000 }, classes[] = { 0, 0, 1, 1, 2, 3 };
	char value[1000] = { 0 };

	(void)state;
	spec.n_classes = 4;
	spec.slot_size[0] = 256;
	spec.slot_size[1] = 384;
	spec.slot_size[2] = 768;
	spec.slot_size[3] = gs_table_slot_bytes(GS_KEY_BYTES, GS_OWNER_BYTES, 1000);
	open_store(&s, &spec);
	for (size_t i = 0; i < N_ROWS(lengths); i++) {
		struct gs_put_args args = plain_args();
		struct gs_key k = key_of(s.t, "k");

		(void)gs_kv_put(s.t, &s.c, &k, NOW, value, lengths[i], &args, NULL);
		assert_int_equal(peek_at(&s, "k", NOW, &meta), lengths[i]);
		assert_int_equal(gs_entry_class(meta.entry), classes[i]);
	}
	assert_int_equal(gs_record_class(s.t, 255, 64, 1000), 3);
	assert_int_equal(gs_record_class(s.t, 255, 64, 2000), GS_MAX_CLASSES);
	/* and back, when it shrinks */
	assert_int_equal(put_at(&s, "k", "", NOW), 0);
	assert_int_equal(gs_entry_class(hit_of(&s, "k").entry), 0);
	assert_clean(s.t, NOW);
	close_store(&s);
}

/* ---- reading while it changes ---- */

static void
copy_is_refused_once_the_slot_is_written_anew(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	struct gs_hit hit;
	struct gs_slot head;

	(void)state;
	open_store(&s, &spec);
	assert_int_equal(put_at(&s, "k", "first", NOW), 1);
	hit = hit_of(&s, "k");
	assert_int_equal(gs_record_copy(s.t, &s.c, &hit), 1);
	/* replaced, but left alone: a reader under way still gets it whole */
	assert_int_equal(put_at(&s, "k", "second", NOW), 0);
	assert_int_equal(gs_record_copy(s.t, &s.c, &hit), 1);
	assert_memory_equal(s.c.scratch + gs_record_value_off(1, 0), "first", 5);
	for (int i = 0; gs_record_is_same(hit.slot, hit.w); i++) {
		assert_true(i < 100);
		assert_int_equal(put_at(&s, "k", "later", NOW), 0);
	}
	assert_int_equal(gs_record_copy(s.t, &s.c, &hit), 0);
	assert_int_equal(gs_record_header(s.t, &hit, &head), 0);
	assert_false(gs_index_replace(&hit, 0, 0));
	close_store(&s);
}

static void
slot_being_written_is_no_record(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	struct gs_hit hit;
	struct gs_slot head;

	(void)state;
	open_store(&s, &spec);
	assert_int_equal(put_at(&s, "k", "v", NOW), 1);
	hit = hit_of(&s, "k");
	atomic_store(&hit.slot->W, gs_word(gs_word_gen(hit.w), 1, GS_SLOT_WRITING));
	assert_int_equal(gs_record_header(s.t, &hit, &head), 0);
	assert_int_equal(get_at(&s, "k", NOW), GS_ECORRUPT);	/* it is so for ever */
	atomic_store(&hit.slot->W, hit.w);
	assert_int_equal(get_at(&s, "k", NOW), 1);
	close_store(&s);
}

static void
lengths_out_of_bounds_are_damage_and_can_be_ended(void **state)
{
	static const struct {
		uint8_t key_len, owner_len;
		uint16_t val_len;
	} rows[] = { { 1, 65, 1 }, { 1, 255, 1 }, { 1, 0, 65535 }, { 1, 64, 1400 } };
	struct gs_table_spec spec = usual_spec();
	struct store s;

	(void)state;
	open_store(&s, &spec);
	for (size_t i = 0; i < N_ROWS(rows); i++) {
		struct gs_hit hit;

		assert_int_equal(put_at(&s, "k", "v", NOW), 1);
		hit = hit_of(&s, "k");
		hit.slot->owner_len = rows[i].owner_len;
		hit.slot->val_len = rows[i].val_len;
		assert_int_equal(get_at(&s, "k", NOW), GS_ECORRUPT);
		assert_int_equal(put_at(&s, "k", "v", NOW), GS_ECORRUPT);
		assert_int_equal(touch_at(&s, "k", NOW), GS_ECORRUPT);
		assert_int_equal(move_at(&s, "k", NOW, COLD), GS_ECORRUPT);
		assert_int_equal(del_at(&s, "k", NOW), 0);
	}
	assert_clean(s.t, NOW);
	close_store(&s);
}

/* Move the map of an arena to where nothing may be touched behind it. */
static void
move_before_a_guard(struct gs_arena *a)
{
	unsigned char *old = (unsigned char *)a->map;
	unsigned char *to = mmap(NULL, a->bytes + GS_PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(to, MAP_FAILED);
	assert_ptr_equal(mremap(old, a->bytes, a->bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to), to);
	a->segments = (void *)(to + ((unsigned char *)a->segments - old));
	a->bitmap = (void *)(to + ((unsigned char *)a->bitmap - old));
	a->due = (void *)(to + ((unsigned char *)a->due - old));
	a->slots = to + (a->slots - old);
	a->map = (void *)to;
}

/* A damaged slot of the smallest class may pretend to a key that is longer than itself: behind it the map ends. */
static void
damage_sends_no_reader_outside_the_arena(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	struct gs_arena *a;
	struct gs_slot *slot;
	struct gs_probe p;
	struct gs_audit audit;
	struct gs_key k;
	char key[GS_KEY_BYTES] = { 0 };
	uint32_t last;

	(void)state;
	spec.n_classes = 2;
	spec.slot_size[0] = 256;
	spec.slot_size[1] = gs_table_slot_bytes(GS_KEY_BYTES, GS_OWNER_BYTES, 1000);
	open_store(&s, &spec);
	a = &s.t->arena[0];
	while (gs_slots_commit(a) == 1)
		;
	move_before_a_guard(a);
	assert_int_equal(gs_key_init(s.t, &k, key, sizeof(key)), 0);
	last = a->n_slots - 1;
	slot = gs_table_slot(s.t, last);
	slot->hash = k.hash;
	slot->key_len = GS_KEY_BYTES;
	atomic_store(&slot->W, gs_word(1, 1, GS_SLOT_READY));
	gs_index_probe(s.t, k.hash, &p);
	atomic_store(&s.t->buckets[p.bucket[0]].e[0], gs_entry(p.tag, 1, 0, 0, last));
	assert_true(gs_kv_get(s.t, &s.c, &k, NOW, NULL, 0, 0, NULL) < 0);
	gs_audit_run(s.t, NOW, &audit, NULL);
	assert_true(audit.broken[8] > 0);
	close_store(&s);
}

/* ---- words that change in place ---- */

static void
access_after_the_slot_was_reused_counts_nowhere(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	struct gs_hit hit;
	struct gs_slot before;

	(void)state;
	open_store(&s, &spec);
	assert_int_equal(put_at(&s, "k", "v", NOW), 1);
	hit = hit_of(&s, "k");
	while (atomic_load(&hit.slot->W) == hit.w)
		assert_int_equal(put_at(&s, "k", "v", NOW), 0);
	/* and then for another session */
	gs_slots_flush(s.t, &s.c);
	for (int i = 0; gs_word_state(atomic_load(&hit.slot->W)) != GS_SLOT_READY; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(put_at(&s, key, "v", NOW), 1);
	}
	memcpy(&before, hit.slot, sizeof(before));
	assert_false(gs_record_access(s.t, &hit, NOW + 1000));
	assert_memory_equal(hit.slot, &before, sizeof(before));
	close_store(&s);
}

static void
access_to_an_ended_session_is_no_success(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	struct gs_hit hit;

	(void)state;
	open_store(&s, &spec);
	assert_int_equal(put_at(&s, "k", "v", NOW), 1);
	hit = hit_of(&s, "k");
	atomic_store(&hit.slot->X, gs_timed(0, gs_entry_gen(hit.entry)));	/* claimed by the sweep */
	assert_false(gs_record_access(s.t, &hit, NOW + 1));
	assert_int_equal(get_at(&s, "k", NOW + 1), GS_ENOENT);
	assert_int_equal(touch_at(&s, "k", NOW + 1), GS_ENOENT);
	assert_int_equal(put_at(&s, "k", "v", NOW + 1), 1);
	assert_clean(s.t, NOW + 1);
	close_store(&s);
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
	assert_true(gs_record_access(s.t, &one, NOW + 9 * MIN));
	assert_true(gs_record_access(s.t, &one, NOW + 9 * MIN));
	assert_true(gs_record_access(s.t, &other, NOW + 9 * MIN));
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
	assert_true(gs_record_access(s.t, &hit, NOW - 4));	/* another clock's tick */
	head = header_of(&s, &hit);
	assert_int_equal(value_of(&head.A), NOW);
	assert_true(value_of(&head.I) > interest);
	close_store(&s);
}

/* ---- an update comes between ---- */

/* What an update of k at now_ms does until just before it swings the entry: the copy it goes by. */
struct update {
	struct gs_hit hit;
	struct gs_slot seen;
	struct gs_draft d;
	uint64_t entry;
	int cell;
};

static void
begin_update(struct store *s, struct update *u, uint64_t now_ms, bool is_access)
{
	u->hit = hit_of(s, "k");
	assert_int_equal(gs_record_copy(s->t, &s->c, &u->hit), 1);
	memcpy(&u->seen, s->c.scratch, sizeof(u->seen));
	gs_record_draft_of(&u->d, s->c.scratch);
	if (is_access) {
		uint64_t idle_ms = now_ms - atomic_load(&u->d.head.A);

		atomic_store(&u->d.head.I, gs_decay_access(atomic_load(&u->d.head.I), idle_ms, 5 * MIN));
		atomic_store(&u->d.head.A, now_ms);
	}
	u->cell = gs_slots_claim(s->t, &s->c, ACTIVE, 0);
	assert_true(u->cell >= 0);
}

static void
swing(struct store *s, struct update *u)
{
	uint32_t addr = s->c.cell[u->cell].addr, gen = gs_record_write(s->t, &s->c, u->cell, &u->d);
	int old = gs_slots_list(s->t, &s->c, gs_entry_addr(u->hit.entry));

	assert_true(gs_index_replace(&u->hit, addr, gen));
	gs_slots_unlist(&s->c, u->cell);
	gs_slots_retire(s->t, &s->c, old);
	u->entry = gs_entry(0, gen, 0, 0, 0) | addr;
}

static void
merge(struct store *s, struct update *u)
{
	gs_record_merge(s->t, &u->hit, &u->seen, &u->d, u->entry);
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
			assert_true(gs_record_access(s.t, &u.hit, rows[i].between_ms[k]));
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
	assert_false(gs_record_access(s.t, &u.hit, NOW + 1000));
	assert_false(gs_record_access(s.t, &u.hit, NOW));
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
	assert_true(gs_record_access(s.t, &first.hit, NOW + MIN));
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
	assert_true(gs_record_access(s.t, &hit, NOW));
	for (int i = 0; i < 200; i++) {
		assert_int_equal(put_at(&s, "k", "v", NOW), 0);
		assert_false(gs_record_access(s.t, &hit, NOW));
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
	u.d.head.ttl_ms = 30 * MIN;		/* an operator sets another ttl meanwhile */
	atomic_store(&u.d.head.X, NOW + 30 * MIN);
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
		T(parts_of_a_record_come_back_as_written),
		T(smallest_class_that_holds_a_record_is_taken),
		T(copy_is_refused_once_the_slot_is_written_anew),
		T(slot_being_written_is_no_record),
		T(lengths_out_of_bounds_are_damage_and_can_be_ended),
		T(damage_sends_no_reader_outside_the_arena),
		T(access_after_the_slot_was_reused_counts_nowhere),
		T(access_to_an_ended_session_is_no_success),
		T(two_readers_who_find_a_session_long_idle_count_both),
		T(access_in_the_past_takes_nothing_away),
		T(accesses_between_copy_and_publication_are_carried_over_exactly),
		T(access_that_comes_after_the_merge_is_sent_to_the_new_slot),
		T(access_is_carried_on_when_the_new_record_was_replaced_too),
		T(late_access_by_an_old_entry_counts_in_no_later_use_of_the_slot),
		T(touch_between_copy_and_publication_is_carried_over_and_adds_no_interest),
		T(session_that_the_sweep_claimed_is_not_revived_by_a_late_touch),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
