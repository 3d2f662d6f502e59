/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_record - a record is read whole or not at all, and what changes in place belongs to one generation.
 */
#include "shm_place.h"

#include <sys/mman.h>

#include <unistd.h>

#include "shm/words.h"

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
	static const uint32_t lengths[] = { 0, 56, 57, 184, 400, 1000 }, classes[] = { 0, 0, 1, 1, 2, 3 };
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
	assert_int_equal(gs_record_class(s.t, &(struct gs_slot){ .key_len = 255, .owner_len = 64, .val_len = 1000 }), 3);
	assert_int_equal(gs_record_class(s.t, &(struct gs_slot){ .key_len = 255, .owner_len = 64, .val_len = 2000 }), GS_MAX_CLASSES);
	assert_int_equal(gs_record_class(s.t, &(struct gs_slot){ .key_len = 255, .owner_len = 64, .link_len = 255, .val_len = 1000 }), GS_MAX_CLASSES);
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
	assert_memory_equal(s.c.scratch + gs_record_value_off(1, 0, 0), "first", 5);
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
	a->kin = (void *)(to + ((unsigned char *)a->kin - old));
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
	assert_false(gs_words_access(s.t, &hit, NOW + 1000));
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
	assert_false(gs_words_access(s.t, &hit, NOW + 1));
	assert_int_equal(get_at(&s, "k", NOW + 1), GS_ENOENT);
	assert_int_equal(touch_at(&s, "k", NOW + 1), GS_ENOENT);
	assert_int_equal(put_at(&s, "k", "v", NOW + 1), 1);
	assert_clean(s.t, NOW + 1);
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
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
