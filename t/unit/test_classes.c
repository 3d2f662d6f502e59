/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_classes - classes of sessions: their ids stay, and their limits hold in whatever ring, to the millisecond.
 */
#include "shm_place.h"

#include "shm/classes.h"
#include "shm/park.h"
#include "shm/words.h"

#define MAX GS_DURATION_MAX

static int
open_usual(void **state)
{
	struct store *s = calloc(1, sizeof(*s));
	struct gs_table_spec spec = usual_spec();

	open_store(s, &spec);
	*state = s;
	return 0;
}

static int
close_clean(void **state)
{
	struct store *s = *state;

	assert_clean(s->t, NOW + 20 * 365 * DAY);
	close_store(s);
	free(s);
	return 0;
}

static void
set_class(struct store *s, const char *name, uint64_t ttl_ms, uint64_t idle_ms)
{
	struct gs_class_spec c = { .rule = { ttl_ms, idle_ms } };

	(void)snprintf(c.name, sizeof(c.name), "%s", name);
	assert_int_equal(gs_classes_apply(s->t, &c, 1), 0);
}

static int
put_of(struct store *s, const char *key, const char *class_name, uint64_t ttl_ms, uint32_t ring, uint64_t now_ms)
{
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(s->t, key);
	int id = gs_classes_find(s->t, class_name);

	assert_true(id >= 0);
	args.set = GS_SET_CLASS_BIT | GS_SET_TTL_BIT;
	args.class_id = (uint32_t)id;
	args.ttl_ms = ttl_ms;
	args.ring = ring;
	return gs_kv_put(s->t, &s->c, &k, now_ms, "v", 1, &args, NULL);
}

/* It is there at ends_ms, for reader, scan and sweep, and at the next millisecond for none of them. */
static void
assert_ends_at(struct store *s, const char *key, uint64_t ends_ms)
{
	uint64_t ordinal = hit_of(s, key).ordinal;
	struct gs_settled done;
	struct gs_meta meta;

	assert_int_equal(peek_at(s, key, ends_ms, &meta), 1);
	assert_int_equal(gs_kv_ends_ms(s->t, &meta), ends_ms);
	assert_int_equal(gs_kv_at(s->t, &s->c, ordinal, ends_ms, &meta), 0);
	assert_int_not_equal(settle_at(s, key, ends_ms).what, GS_SETTLE_EXPIRED);
	assert_int_equal(peek_at(s, key, ends_ms + 1, &meta), GS_ENOENT);
	assert_int_equal(gs_kv_at(s->t, &s->c, ordinal, ends_ms + 1, &meta), GS_ENOENT);
	assert_int_equal(touch_at(s, key, ends_ms + 1), GS_ENOENT);
	done = settle_at(s, key, ends_ms + 1);
	assert_int_equal(done.what, GS_SETTLE_EXPIRED);
}

static void
limits_hold_in_every_ring_to_the_millisecond(void **state)
{
	static const struct {
		const char *what;		/* for who reads */
		uint64_t class_ttl_ms, class_idle_ms, own_ttl_ms, get_after_ms, touch_after_ms, ends_after_ms;
	} rows[] = {
		{ "idle", MAX, 5 * MIN, 0, 0, 0, 5 * MIN },
		{ "an access moves idle", MAX, 5 * MIN, 0, 3 * MIN, 0, 8 * MIN },
		{ "so does a touch", MAX, 5 * MIN, 0, 0, 3 * MIN, 8 * MIN },
		{ "ttl", 5 * MIN, MAX, 0, 0, 0, 5 * MIN },
		{ "no access moves ttl", 5 * MIN, MAX, 0, 3 * MIN, 0, 5 * MIN },
		{ "a touch does", 5 * MIN, MAX, 0, 0, 3 * MIN, 8 * MIN },
		{ "a shorter ttl of its own wins", 5 * MIN, MAX, MIN, 0, 0, MIN },
		{ "a longer one does not", 5 * MIN, MAX, HOUR, 0, 0, 5 * MIN },
		{ "an own ttl and idle", MAX, 5 * MIN, 6 * MIN, 3 * MIN, 0, 6 * MIN },
		{ "idle before ttl", 20 * MIN, 5 * MIN, 0, MIN, 0, 6 * MIN },
		{ "ttl before idle", 6 * MIN, 5 * MIN, 0, 3 * MIN, 0, 6 * MIN },
	};
	static const uint32_t rings[] = { ACTIVE, WARM, COLD, SUSPECT };
	struct store *s = *state;

	for (size_t i = 0; i < N_ROWS(rows) * N_ROWS(rings); i++) {
		uint32_t ring = rings[i % N_ROWS(rings)];
		size_t row = i / N_ROWS(rings);

		set_class(s, "guest", rows[row].class_ttl_ms, rows[row].class_idle_ms);
		assert_int_equal(put_of(s, "k", "guest", rows[row].own_ttl_ms, ACTIVE, NOW), 1);
		if (rows[row].get_after_ms != 0)
			assert_int_equal(get_at(s, "k", NOW + rows[row].get_after_ms), 1);
		if (rows[row].touch_after_ms != 0)
			assert_int_equal(touch_at(s, "k", NOW + rows[row].touch_after_ms), 0);
		if (ring != ACTIVE)
			assert_int_equal(move_at(s, "k", NOW + rows[row].get_after_ms + rows[row].touch_after_ms, ring), 0);
		if (ring != SUSPECT)
			assert_ends_at(s, "k", NOW + rows[row].ends_after_ms);
		else
			assert_int_equal(settle_at(s, "k", NOW + rows[row].ends_after_ms + 1).what, GS_SETTLE_EXPIRED);
	}
}

static void
those_of_no_class_and_of_others_are_not_concerned(void **state)
{
	struct store *s = *state;

	set_class(s, "guest", MIN, MIN);
	assert_int_equal(put_of(s, "none", "", 0, ACTIVE, NOW), 1);
	assert_int_equal(put_of(s, "other", "anonymous", 0, ACTIVE, NOW), 1);
	assert_int_equal(settle_at(s, "none", NOW + 2 * MIN).what, GS_SETTLE_STAYS);
	assert_int_equal(settle_at(s, "other", NOW + 2 * MIN).what, GS_SETTLE_STAYS);
	assert_int_equal(get_at(s, "none", NOW + 2 * MIN), 1);
	assert_int_equal(get_at(s, "other", NOW + 2 * MIN), 1);
}

static void
what_a_reader_told_moves_idle(void **state)
{
	struct store *s = *state;
	struct gs_hit hit;

	set_class(s, "guest", MAX, 5 * MIN);
	assert_int_equal(put_of(s, "k", "guest", 0, ACTIVE, NOW), 1);
	hit = hit_of(s, "k");
	assert_true(gs_words_accesses(s->t, &hit, NOW + 4 * MIN, 3));
	assert_ends_at(s, "k", NOW + 9 * MIN);
}

static void
parked_session_waits_beyond_the_limits_of_its_class(void **state)
{
	struct store *s = *state;
	struct gs_key k = key_of(s->t, "k");

	set_class(s, "guest", 2 * MIN, MIN);
	assert_int_equal(put_of(s, "k", "guest", 0, ACTIVE, NOW), 1);
	assert_int_equal(gs_park_set(s->t, &s->c, &k, NOW + 30 * S, HOUR), 0);
	assert_int_equal(settle_at(s, "k", NOW + 30 * MIN).what, GS_SETTLE_STAYS);
	/* and has them again from when it was asked for */
	assert_int_equal(get_at(s, "k", NOW + 30 * MIN), 1);
	assert_ends_at(s, "k", NOW + 31 * MIN);
}

static void
changed_class_counts_from_the_same_instants(void **state)
{
	struct store *s = *state;
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(s->t, "k");

	set_class(s, "guest", MAX, 5 * MIN);
	assert_int_equal(put_of(s, "k", "", 0, ACTIVE, NOW), 1);
	args.set = GS_SET_CLASS_BIT;
	args.class_id = (uint32_t)gs_classes_find(s->t, "guest");
	assert_int_equal(gs_kv_setattr(s->t, &s->c, &k, NOW + 2 * MIN, &args), 0);
	assert_ends_at(s, "k", NOW + 5 * MIN);
}

static void
changed_limit_has_all_rings_armed_anew(void **state)
{
	struct store *s = *state;

	set_class(s, "guest", MAX, 5 * MIN);
	for (uint32_t i = 0; i < s->t->n_rings; i++) {
		assert_int_equal(atomic_load(&s->t->ctl->ring[i].rearm), 1);
		atomic_store(&s->t->ctl->ring[i].rearm, 0);
	}
	set_class(s, "guest", MAX, 5 * MIN);
	for (uint32_t i = 0; i < s->t->n_rings; i++)
		assert_int_equal(atomic_load(&s->t->ctl->ring[i].rearm), 0);
	assert_int_equal(put_of(s, "k", "guest", 0, ACTIVE, NOW), 1);
	set_class(s, "guest", MAX, MIN);
	assert_int_equal(atomic_load(&s->t->ctl->ring[COLD].rearm), 1);
	assert_ends_at(s, "k", NOW + MIN);
}

static void
name_keeps_its_id_and_no_other_gets_it(void **state)
{
	struct store *s = *state;
	char name[GS_RING_NAME_BYTES];
	int guest;

	assert_int_equal(gs_classes_find(s->t, NULL), GS_CLASS_NONE);
	assert_int_equal(gs_classes_find(s->t, ""), GS_CLASS_NONE);
	assert_int_equal(gs_classes_find(s->t, "anonymous"), GS_CLASS_ANONYMOUS);
	assert_int_equal(gs_classes_find(s->t, "authenticated"), GS_CLASS_AUTHENTICATED);
	assert_int_equal(gs_classes_find(s->t, "guest"), GS_EINVAL);
	set_class(s, "guest", MAX, MIN);
	guest = gs_classes_find(s->t, "guest");
	assert_true(guest > GS_CLASS_AUTHENTICATED);
	assert_int_equal(put_of(s, "k", "guest", 0, ACTIVE, NOW), 1);
	/* The configuration has it no more: who is of it says so, and has no limits; nobody else gets it. */
	set_class(s, "admin", MAX, 2 * MIN);
	assert_int_equal(gs_classes_find(s->t, "guest"), GS_EINVAL);
	assert_int_equal(gs_classes_find_any(s->t, "guest"), guest);
	assert_int_not_equal(gs_classes_find(s->t, "admin"), guest);
	gs_classes_name(s->t, (uint32_t)guest, name);
	assert_string_equal(name, "guest");
	assert_int_equal(get_at(s, "k", NOW + 3 * MIN), 1);
	set_class(s, "guest", MAX, MIN);
	assert_int_equal(gs_classes_find(s->t, "guest"), guest);
	/* built-in ones stay */
	assert_int_equal(gs_classes_find(s->t, "anonymous"), GS_CLASS_ANONYMOUS);
	gs_classes_name(s->t, 77, name);
	assert_string_equal(name, "");
}

static void
ids_that_are_used_up_are_said(void **state)
{
	struct store *s = *state;
	struct gs_class_spec c = { .rule = { MAX, MAX } };

	for (int i = GS_CLASS_AUTHENTICATED + 1; i < GS_CLASSES; i++) {
		(void)snprintf(c.name, sizeof(c.name), "c%d", i);
		assert_true(gs_classes_has_room(s->t, c.name));
		assert_int_equal(gs_classes_apply(s->t, &c, 1), 0);
	}
	assert_false(gs_classes_has_room(s->t, "more"));
	assert_true(gs_classes_has_room(s->t, "c3"));
	(void)snprintf(c.name, sizeof(c.name), "more");
	assert_int_equal(gs_classes_apply(s->t, &c, 1), GS_ERANGE);
	assert_int_equal(gs_classes_find(s->t, "more"), GS_EINVAL);
}

static void
id_that_nobody_knows_is_named_and_taken(void **state)
{
	struct store *s = *state;
	char name[GS_RING_NAME_BYTES];

	gs_classes_meet(s->t, 3);
	gs_classes_meet(s->t, GS_CLASS_ANONYMOUS);
	gs_classes_meet(s->t, 200);
	gs_classes_name(s->t, 3, name);
	assert_string_equal(name, "unknown-3");
	assert_int_equal(gs_classes_find(s->t, name), GS_EINVAL);
	set_class(s, "guest", MAX, MIN);
	assert_int_equal(gs_classes_find(s->t, "guest"), 4);
	assert_int_equal(gs_classes_find(s->t, "anonymous"), GS_CLASS_ANONYMOUS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(limits_hold_in_every_ring_to_the_millisecond, open_usual, close_clean),
		cmocka_unit_test_setup_teardown(those_of_no_class_and_of_others_are_not_concerned, open_usual, close_clean),
		cmocka_unit_test_setup_teardown(what_a_reader_told_moves_idle, open_usual, close_clean),
		cmocka_unit_test_setup_teardown(parked_session_waits_beyond_the_limits_of_its_class, open_usual, close_clean),
		cmocka_unit_test_setup_teardown(changed_class_counts_from_the_same_instants, open_usual, close_clean),
		cmocka_unit_test_setup_teardown(changed_limit_has_all_rings_armed_anew, open_usual, close_clean),
		cmocka_unit_test_setup_teardown(name_keeps_its_id_and_no_other_gets_it, open_usual, close_clean),
		cmocka_unit_test_setup_teardown(ids_that_are_used_up_are_said, open_usual, close_clean),
		cmocka_unit_test_setup_teardown(id_that_nobody_knows_is_named_and_taken, open_usual, close_clean),
	};

	return cmocka_run_group_tests_name("classes", tests, NULL, NULL);
}
