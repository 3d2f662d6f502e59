/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_rings - capacity, promotion and quarantine: a session is in one ring, and a full ring costs nobody a session.
 */
#include "shm_place.h"

/* A table of three sessions in active, two in warm, four in cold, one suspect. */
static int
open_narrow(void **state)
{
	struct gs_table_spec spec = usual_spec();

	spec.rings[ACTIVE].capacity = 3;
	spec.rings[WARM].capacity = 2;
	spec.rings[COLD].capacity = 4;
	spec.rings[SUSPECT].capacity = 1;
	return begin_store(state, &spec);
}

static int
put_args(struct store *s, const char *key, uint64_t now_ms, const struct gs_put_args *args)
{
	struct gs_key k = key_of(s->t, key);

	return gs_kv_put(s->t, &s->c, &k, now_ms, "v", 1, args, NULL);
}

/* ---- promote_to ---- */

static void
next_brings_a_session_in_by_one_ring_an_access(void **state)
{
	struct store *s = *state;
	struct gs_key k = key_of(s->t, "k");
	struct gs_meta meta;
	char buf[8];

	for (uint32_t i = WARM; i <= COLD; i++)
		atomic_store(&s->t->ctl->ring[i].promote_to, (uint16_t)GS_PROMOTE_TO_NEXT);
	assert_int_equal(put_at(s, "k", "v", NOW), 1);
	assert_int_equal(gs_kv_move(s->t, &s->c, &k, NOW, COLD), 0);
	assert_int_equal(gs_kv_get(s->t, &s->c, &k, NOW + 1, buf, sizeof(buf), 0, &meta), 1);
	assert_int_equal(meta.ring, WARM);
	assert_int_equal(gs_ctx_total(s->t, GS_COUNT_PROMOTED), 1);
	/* A put as a get, and of many at once each as one alone. */
	assert_int_equal(put_at(s, "k", "w", NOW + 2), 0);
	assert_int_equal(gs_kv_get(s->t, &s->c, &k, NOW + 3, buf, sizeof(buf), GS_KV_INSPECT, &meta), 1);
	assert_int_equal(meta.ring, ACTIVE);
	assert_int_equal(gs_kv_move(s->t, &s->c, &k, NOW + 4, COLD), 0);
	{
		struct gs_kv_item item = { .key = k, .buf = buf, .cap = sizeof(buf), .meta = &meta };

		gs_kv_get_many(s->t, &s->c, NOW + 5, &item, 1);
		assert_int_equal(item.rc, 1);
		assert_int_equal(meta.ring, WARM);
	}
	/* By diameter, whatever the ids: cold stands within warm now. */
	atomic_store(&s->t->ctl->ring[COLD].diameter, 1);
	atomic_store(&s->t->ctl->ring[WARM].diameter, 2);
	assert_int_equal(gs_kv_get(s->t, &s->c, &k, NOW + 6, buf, sizeof(buf), 0, &meta), 1);
	assert_int_equal(meta.ring, COLD);
	assert_int_equal(gs_kv_get(s->t, &s->c, &k, NOW + 7, buf, sizeof(buf), 0, &meta), 1);
	assert_int_equal(meta.ring, ACTIVE);
}

/* ---- capacity ---- */

static void
full_ring_refuses_a_new_session_and_nothing_else(void **state)
{
	struct store *s = *state;

	shut(s->t, ACTIVE);
	assert_int_equal(put_at(s, "a", "v", NOW), 1);
	assert_int_equal(put_at(s, "b", "v", NOW), 1);
	assert_int_equal(put_at(s, "c", "v", NOW), 1);
	for (int i = 0; i < 5; i++)
		assert_int_equal(put_at(s, "d", "v", NOW), GS_ENOSPC);
	assert_int_equal(counted(s, GS_COUNT_ENOSPC), 5);
	assert_int_equal(get_at(s, "d", NOW), GS_ENOENT);
	/* what is there goes on */
	assert_int_equal(put_at(s, "a", "w", NOW), 0);
	assert_int_equal(get_at(s, "b", NOW), 1);
	assert_int_equal(touch_at(s, "c", NOW), 0);
	/* and room that is made is room */
	assert_int_equal(del_at(s, "b", NOW), 0);
	assert_int_equal(put_at(s, "d", "v", NOW), 1);
	assert_int_equal(put_at(s, "b", "v", NOW), GS_ENOSPC);
	assert_int_equal(move_at(s, "d", NOW, COLD), 0);
	assert_int_equal(put_at(s, "b", "v", NOW), 1);
	assert_int_equal(population(s->t, ACTIVE), 3);
	assert_int_equal(population(s->t, COLD), 1);
}

static void
capacity_counts_each_ring_for_itself(void **state)
{
	static const uint32_t capacity[] = { 3, 2, 4, 1 };
	struct store *s = *state;
	char key[16];

	shut(s->t, ACTIVE);
	shut(s->t, WARM);
	for (uint32_t ring = 0; ring < 4; ring++)
		for (uint32_t i = 0; i < 6; i++) {
			struct gs_put_args args = plain_args();

			args.ring = ring;
			(void)snprintf(key, sizeof(key), "%u-%u", ring, i);
			assert_int_equal(put_args(s, key, NOW, &args), i < capacity[ring] ? 1 : GS_ENOSPC);
		}
	for (uint32_t ring = 0; ring < 4; ring++)
		assert_int_equal(population(s->t, ring), capacity[ring]);
	assert_int_equal(move_at(s, "0-0", NOW, WARM), GS_ENOSPC);
	assert_int_equal(ring_of(s, "0-0"), ACTIVE);
	assert_int_equal(move_at(s, "0-0", NOW, SUSPECT), GS_ENOSPC);
	assert_int_equal(get_at(s, "0-0", NOW), 1);
}

static void
capacity_that_is_lowered_refuses_and_takes_nothing_away(void **state)
{
	struct store *s = *state;

	shut(s->t, ACTIVE);
	start_in(s, "a", ACTIVE, NOW);
	start_in(s, "b", ACTIVE, NOW);
	atomic_store(&s->t->ctl->ring[ACTIVE].capacity, 1);
	assert_int_equal(put_at(s, "c", "v", NOW), GS_ENOSPC);
	assert_int_equal(put_at(s, "a", "w", NOW), 0);
	assert_int_equal(get_at(s, "b", NOW), 1);
	assert_int_equal(del_at(s, "a", NOW), 0);
	assert_int_equal(put_at(s, "c", "v", NOW), GS_ENOSPC);
	assert_int_equal(del_at(s, "b", NOW), 0);
	assert_int_equal(put_at(s, "c", "v", NOW), 1);
}

static void
session_starts_anew_in_a_full_ring_in_the_place_of_what_is_over(void **state)
{
	struct store *s = *state;
	struct gs_put_args args = plain_args();

	shut(s->t, ACTIVE);
	args.set = GS_SET_TTL_BIT;
	args.ttl_ms = S;
	assert_int_equal(put_args(s, "a", NOW, &args), 1);
	start_in(s, "b", ACTIVE, NOW);
	start_in(s, "c", ACTIVE, NOW);
	assert_int_equal(put_at(s, "a", "v", NOW + S + 1), 1);
	assert_int_equal(population(s->t, ACTIVE), 3);
	/* but one that is over elsewhere has no place here to give */
	args.ring = WARM;
	assert_int_equal(put_args(s, "d", NOW, &args), 1);
	assert_int_equal(put_at(s, "d", "v", NOW + S + 1), GS_ENOSPC);
	assert_int_equal(population(s->t, WARM), 1);
	assert_int_equal(del_at(s, "a", NOW + S + 1), 0);
	assert_int_equal(put_at(s, "d", "v", NOW + S + 1), 1);
	assert_int_equal(population(s->t, WARM), 0);
	assert_int_equal(population(s->t, ACTIVE), 3);
}

/* ---- promotion ---- */

static void
access_brings_a_session_in_and_promotion_is_part_of_it(void **state)
{
	static const uint32_t rings[] = { WARM, COLD };
	struct store *s = *state;

	for (size_t i = 0; i < N_ROWS(rings); i++) {
		struct gs_meta before, after;
		struct gs_key k = key_of(s->t, "k");
		char buf[8];

		start_in(s, "k", rings[i], NOW);
		assert_int_equal(peek_at(s, "k", NOW, &before), 1);
		assert_int_equal(gs_kv_get(s->t, &s->c, &k, NOW + MIN, buf, sizeof(buf), 0, &after), 1);
		assert_int_equal(after.ring, ACTIVE);
		assert_int_equal(after.hits, before.hits + 1);
		assert_int_equal(after.accessed_ms, NOW + MIN);
		assert_int_equal(after.ordinal, before.ordinal);
		assert_int_equal(after.birth, before.birth);
		assert_int_equal(after.version, before.version);
		assert_int_equal(population(s->t, rings[i]), 0);
		assert_int_equal(population(s->t, ACTIVE), 1);
		assert_int_equal(counted(s, GS_COUNT_PROMOTED), i + 1);
		assert_int_equal(del_at(s, "k", NOW + MIN), 0);
	}
}

static void
session_is_served_where_it_is_when_the_inner_ring_is_full(void **state)
{
	struct store *s = *state;
	struct gs_meta m;

	shut(s->t, ACTIVE);
	start_in(s, "a", ACTIVE, NOW);
	start_in(s, "b", ACTIVE, NOW);
	start_in(s, "c", ACTIVE, NOW);
	start_in(s, "k", COLD, NOW);
	assert_int_equal(get_at(s, "k", NOW + S), 1);
	assert_int_equal(put_at(s, "k", "w", NOW + 2 * S), 0);
	assert_int_equal(peek_at(s, "k", NOW + 2 * S, &m), 1);
	assert_int_equal(m.ring, COLD);
	assert_int_equal(m.hits, 3);
	assert_int_equal(m.accessed_ms, NOW + 2 * S);
	assert_int_equal(counted(s, GS_COUNT_PROMOTED), 0);
	assert_int_equal(counted(s, GS_COUNT_ENOSPC), 0);
	assert_int_equal(population(s->t, ACTIVE), 3);
	/* and brought in when there is room again */
	assert_int_equal(del_at(s, "a", NOW), 0);
	assert_int_equal(get_at(s, "k", NOW + 3 * S), 1);
	assert_int_equal(ring_of(s, "k"), ACTIVE);
}

static void
ring_that_promotes_never_keeps_its_sessions(void **state)
{
	struct store *s = *state;
	struct gs_meta m;

	atomic_store(&s->t->ctl->ring[COLD].promote, GS_PROMOTE_NEVER);
	start_in(s, "k", COLD, NOW);
	assert_int_equal(get_at(s, "k", NOW + S), 1);
	assert_int_equal(put_at(s, "k", "w", NOW + 2 * S), 0);
	assert_int_equal(peek_at(s, "k", NOW + 2 * S, &m), 1);
	assert_int_equal(m.ring, COLD);
	assert_int_equal(m.accessed_ms, NOW + 2 * S);
	assert_int_equal(m.hits, 3);
}

static void
ring_that_promotes_at_the_second_access_takes_two_within_the_inner_ttl(void **state)
{
	struct store *s = *state;

	atomic_store(&s->t->ctl->ring[COLD].promote, GS_PROMOTE_SECOND);
	start_in(s, "g", COLD, NOW);
	start_in(s, "p", COLD, NOW);
	/* active would have let them go by now: this is the first of two */
	assert_int_equal(get_at(s, "g", NOW + 11 * MIN), 1);
	assert_int_equal(put_at(s, "p", "w", NOW + 11 * MIN), 0);
	assert_int_equal(ring_of(s, "g"), COLD);
	assert_int_equal(ring_of(s, "p"), COLD);
	/* another first one, as the last was too long ago */
	assert_int_equal(get_at(s, "g", NOW + 33 * MIN), 1);
	assert_int_equal(ring_of(s, "g"), COLD);
	assert_int_equal(get_at(s, "g", NOW + 42 * MIN), 1);
	assert_int_equal(put_at(s, "p", "v", NOW + 12 * MIN), 0);
	assert_int_equal(ring_of(s, "g"), ACTIVE);
	assert_int_equal(ring_of(s, "p"), ACTIVE);
	assert_int_equal(counted(s, GS_COUNT_PROMOTED), 2);
}

/* As a backup does it, or a crawler: each of many, once. */
static void
scan_by_get_brings_nothing_in_where_it_takes_two(void **state)
{
	struct store *s = *state;
	char key[16];

	atomic_store(&s->t->ctl->ring[WARM].promote, GS_PROMOTE_SECOND);
	for (int i = 0; i < 60; i++) {
		(void)snprintf(key, sizeof(key), "s%d", i);
		start_in(s, key, WARM, NOW);
	}
	for (int i = 0; i < 60; i++) {
		(void)snprintf(key, sizeof(key), "s%d", i);
		assert_true(get_at(s, key, NOW + 20 * MIN) >= 0);
	}
	assert_int_equal(counted(s, GS_COUNT_PROMOTED), 0);
	assert_int_equal(population(s->t, ACTIVE), 0);
}

static void
sessions_that_no_slot_is_left_for_stay_where_they_are(void **state)
{
	struct gs_table_spec narrow = small_arena_spec(300);
	struct store s;
	char key[16];
	int n;

	(void)state;
	open_store(&s, &narrow);
	for (n = 0; n < 40; n++) {
		(void)snprintf(key, sizeof(key), "w%d", n);
		start_in(&s, key, WARM, NOW);
	}
	/* the inner arena's slots are all held by somebody who does not give them back */
	for (int cell; (cell = gs_slots_claim(s.t, &s.c, ACTIVE, 0)) >= 0; )
		gs_slots_unlist(&s.c, cell);
	for (n = 0; n < 40; n++) {
		(void)snprintf(key, sizeof(key), "w%d", n);
		assert_int_equal(get_at(&s, key, NOW + S), 1);
		assert_int_equal(ring_of(&s, key), WARM);
	}
	assert_int_equal(move_at(&s, "w0", NOW, ACTIVE), GS_ENOSPC);
	assert_int_equal(put_at(&s, "new", "v", NOW), GS_ENOSPC);
	assert_int_equal(population(s.t, ACTIVE), 0);
	assert_int_equal(population(s.t, WARM), 40);
	close_store(&s);
}

/* ---- suspects ---- */

static void
suspect_is_refused_but_can_be_seen_moved_and_ended(void **state)
{
	struct store *s = *state;
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(s->t, "k");
	struct gs_meta m;

	assert_int_equal(put_at(s, "k", "v", NOW), 1);
	assert_int_equal(move_at(s, "k", NOW, SUSPECT), 0);
	assert_int_equal(get_at(s, "k", NOW), GS_EQUARANTINE);
	assert_int_equal(put_at(s, "k", "w", NOW), GS_EQUARANTINE);
	args.flags = GS_KV_ONLY_NEW;
	assert_int_equal(put_args(s, "k", NOW, &args), GS_EQUARANTINE);
	args.flags = GS_KV_ONLY_OLD;
	assert_int_equal(put_args(s, "k", NOW, &args), GS_EQUARANTINE);
	assert_int_equal(touch_at(s, "k", NOW), GS_EQUARANTINE);
	assert_int_equal(counted(s, GS_COUNT_REFUSED), 5);
	assert_int_equal(peek_at(s, "k", NOW, &m), 1);
	assert_int_equal(m.hits, 1);
	assert_int_equal(m.accessed_ms, NOW);
	assert_int_equal(gs_kv_at(s->t, &s->c, m.ordinal, NOW, &m), 0);
	assert_int_equal(m.ring, SUSPECT);
	/* refused accesses change nothing, and a pardon is one */
	assert_int_equal(move_at(s, "k", NOW + MIN, ACTIVE), 0);
	assert_int_equal(peek_at(s, "k", NOW + MIN, &m), 1);
	assert_int_equal(m.hits, 2);
	assert_int_equal(m.accessed_ms, NOW + MIN);
	assert_int_equal(move_at(s, "k", NOW + MIN, SUSPECT), 0);
	assert_int_equal(gs_kv_del(s->t, &s->c, &k, NOW + MIN, m.version), 0);
}

static void
suspect_neither_decays_nor_leaves_but_at_its_lifetime(void **state)
{
	struct store *s = *state;
	struct gs_put_args args = plain_args();

	args.set = GS_SET_TTL_BIT;
	args.ttl_ms = 100 * DAY;
	assert_int_equal(put_args(s, "k", NOW, &args), 1);
	assert_int_equal(move_at(s, "k", NOW, SUSPECT), 0);
	assert_int_equal(settle_at(s, "k", NOW + 100 * DAY).what, GS_SETTLE_STAYS);
	assert_int_equal(peek_at(s, "k", NOW + 100 * DAY, NULL), 1);
	assert_int_equal(peek_at(s, "k", NOW + 100 * DAY + 1, NULL), GS_ENOENT);
	assert_int_equal(get_at(s, "k", NOW + 100 * DAY + 1), GS_ENOENT);
	assert_int_equal(settle_at(s, "k", NOW + 100 * DAY + 1).what, GS_SETTLE_EXPIRED);
}

/* ---- moves ---- */

static void
move_keeps_everything_but_the_ring(void **state)
{
	struct store *s = *state;
	struct gs_put_args args = plain_args();
	struct gs_meta a = { 0 }, b = { 0 };

	args.set = GS_SET_OWNER_BIT | GS_SET_TTL_BIT | GS_SET_PERM_BIT;
	args.owner = "o";
	args.owner_len = 1;
	args.ttl_ms = DAY;
	args.uid = 1;
	args.gid = 2;
	args.mode = 0644;
	assert_int_equal(put_args(s, "k", NOW, &args), 1);
	assert_int_equal(peek_at(s, "k", NOW, &a), 1);
	assert_int_equal(move_at(s, "k", NOW + MIN, COLD), 0);
	assert_int_equal(peek_at(s, "k", NOW + MIN, &b), 1);
	assert_int_equal(b.ring, COLD);
	b.ring = a.ring;
	b.entry = a.entry;
	assert_memory_equal(&a, &b, sizeof(a));
	/* to where it is: nothing to do, and no access */
	assert_int_equal(move_at(s, "k", NOW + MIN, COLD), 0);
	assert_int_equal(counted(s, GS_COUNT_MOVED), 1);
	assert_int_equal(move_at(s, "none", NOW, COLD), GS_ENOENT);
	assert_int_equal(move_at(s, "k", NOW, 4), GS_EINVAL);
	assert_int_equal(move_at(s, "k", NOW, GS_RING_NONE), GS_EINVAL);
}

static void
session_walks_through_every_ring_and_is_there_at_every_step(void **state)
{
	struct store *s = *state;
	uint64_t rng = 3, ordinal;
	uint32_t at = ACTIVE;

	assert_int_equal(put_at(s, "k", "v", NOW), 1);
	ordinal = hit_of(s, "k").ordinal;
	for (int i = 0; i < 500; i++) {
		at = (uint32_t)(next_random(&rng) % 4);
		assert_int_equal(move_at(s, "k", NOW, at), 0);
		assert_int_equal(ring_of(s, "k"), at);
		assert_int_equal(peek_at(s, "k", NOW, NULL), 1);
		assert_int_equal(hit_of(s, "k").ordinal, ordinal);
		for (uint32_t r = 0; r < 4; r++)
			assert_int_equal(population(s->t, r), r == at);
	}
}

#define T_USUAL(name) cmocka_unit_test_setup_teardown(name, begin_usual, end_clean)
#define T_NARROW(name) cmocka_unit_test_setup_teardown(name, open_narrow, end_clean)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T_USUAL(next_brings_a_session_in_by_one_ring_an_access),
		T_NARROW(full_ring_refuses_a_new_session_and_nothing_else),
		T_NARROW(capacity_counts_each_ring_for_itself),
		T_NARROW(capacity_that_is_lowered_refuses_and_takes_nothing_away),
		T_NARROW(session_starts_anew_in_a_full_ring_in_the_place_of_what_is_over),
		T_USUAL(access_brings_a_session_in_and_promotion_is_part_of_it),
		T_NARROW(session_is_served_where_it_is_when_the_inner_ring_is_full),
		T_USUAL(ring_that_promotes_never_keeps_its_sessions),
		T_USUAL(ring_that_promotes_at_the_second_access_takes_two_within_the_inner_ttl),
		T_USUAL(scan_by_get_brings_nothing_in_where_it_takes_two),
		T(sessions_that_no_slot_is_left_for_stay_where_they_are),
		T_USUAL(suspect_is_refused_but_can_be_seen_moved_and_ended),
		T_USUAL(suspect_neither_decays_nor_leaves_but_at_its_lifetime),
		T_USUAL(move_keeps_everything_but_the_ring),
		T_USUAL(session_walks_through_every_ring_and_is_there_at_every_step),
	};

	return cmocka_run_group_tests_name("rings", tests, NULL, NULL);
}
