/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm_place.h"

#include "shm/feedback.h"
#include "shm/park.h"

static int
park_at(struct store *s, const char *key, uint64_t now_ms, uint64_t ttl_ms)
{
	struct gs_key k = key_of(s->t, key);

	return gs_park_set(s->t, &s->c, &k, now_ms, ttl_ms);
}

static void
put_with_ttl(struct store *s, const char *key, uint64_t ttl_ms)
{
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(s->t, key);

	args.set = GS_SET_TTL_BIT;
	args.ttl_ms = ttl_ms;
	assert_true(gs_kv_put(s->t, &s->c, &k, NOW, "v", 1, &args, NULL) >= 0);
}

static struct gs_meta
meta_at(struct store *s, const char *key, uint64_t now_ms)
{
	struct gs_meta meta;

	assert_true(peek_at(s, key, now_ms, &meta) >= 0);
	return meta;
}

static void
parked_session_waits_in_the_outermost_ring_for_its_ttl(void **state)
{
	struct store *s = *state;
	struct gs_settled done;

	put_with_ttl(s, "a", HOUR);
	assert_int_equal(park_at(s, "a", NOW, 100 * DAY), 0);
	assert_int_equal(ring_of(s, "a"), COLD);
	/* Longer than cold keeps one that nobody asks for, and than its own ttl. */
	done = settle_at(s, "a", NOW + 100 * DAY);
	assert_int_equal(done.what, GS_SETTLE_STAYS);
	assert_int_equal(done.next_ms, NOW + 100 * DAY + 1);
	assert_true(peek_at(s, "a", NOW + 100 * DAY, NULL) >= 0);
	assert_int_equal(peek_at(s, "a", NOW + 100 * DAY + 1, NULL), GS_ENOENT);
	assert_int_equal(settle_at(s, "a", NOW + 100 * DAY + 1).what, GS_SETTLE_EXPIRED);
}

static void
access_brings_it_back_with_its_own_ttl(void **state)
{
	struct store *s = *state;
	struct gs_meta meta;

	put_with_ttl(s, "a", HOUR);
	assert_int_equal(park_at(s, "a", NOW, 100 * DAY), 0);
	meta = meta_at(s, "a", NOW + 50 * DAY);
	assert_int_equal(meta.flags & GS_FLAG_PARKED, GS_FLAG_PARKED);
	assert_int_equal(meta.resume_ttl_s, 3600);
	assert_int_equal(ring_of(s, "a"), COLD);
	assert_int_equal(get_at(s, "a", NOW + 50 * DAY), 1);
	meta = meta_at(s, "a", NOW + 50 * DAY);
	assert_int_equal(meta.ring, ACTIVE);
	assert_int_equal(meta.flags, 0);
	assert_int_equal(meta.ttl_ms, HOUR);
	assert_int_equal(meta.resume_ttl_s, 0);
	assert_int_equal(meta.expires_ms, NOW + 50 * DAY + HOUR);
	assert_int_equal(meta.accessed_ms, NOW + 50 * DAY);
	assert_int_equal(meta.hits, 2);
	assert_int_equal(counted(s, GS_COUNT_PARKED), 1);
	assert_int_equal(counted(s, GS_COUNT_RESUMED), 1);
	assert_int_equal(del_at(s, "a", NOW), 0);
}

static void
put_and_move_inwards_bring_it_back_too(void **state)
{
	struct store *s = *state;
	struct gs_meta meta;

	assert_int_equal(put_at(s, "a", "v", NOW), 1);
	assert_int_equal(put_at(s, "b", "v", NOW), 1);
	assert_int_equal(park_at(s, "a", NOW, HOUR), 0);
	assert_int_equal(park_at(s, "b", NOW, HOUR), 0);
	assert_int_equal(put_at(s, "a", "w", NOW + MIN), 0);
	assert_int_equal(move_at(s, "b", NOW + MIN, WARM), 0);
	meta = meta_at(s, "a", NOW + MIN);
	assert_true(meta.ring == ACTIVE && meta.flags == 0 && meta.ttl_ms == 0 && meta.expires_ms >= GS_TIME_NEVER);
	meta = meta_at(s, "b", NOW + MIN);
	assert_true(meta.ring == WARM && meta.flags == 0 && meta.ttl_ms == 0 && meta.expires_ms >= GS_TIME_NEVER);
}

static void
looks_and_touches_leave_it_parked(void **state)
{
	const struct gs_put_args inspect = { .flags = GS_KV_INSPECT, .ring = GS_RING_NONE, .wall_ns = 1 };
	struct store *s = *state;
	struct gs_key k = key_of(s->t, "a");

	assert_int_equal(put_at(s, "a", "v", NOW), 1);
	assert_int_equal(park_at(s, "a", NOW, HOUR), 0);
	assert_int_equal(touch_at(s, "a", NOW + MIN), 0);
	assert_int_equal(meta_at(s, "a", NOW + MIN).expires_ms, NOW + MIN + HOUR);
	assert_int_equal(gs_kv_put(s->t, &s->c, &k, NOW + 2 * MIN, "w", 1, &inspect, NULL), 0);
	assert_int_equal(ring_of(s, "a"), COLD);
	assert_int_equal(meta_at(s, "a", NOW + MIN).flags & GS_FLAG_PARKED, GS_FLAG_PARKED);
	/* Parked again the ttl begins anew; what it goes on with stays. */
	assert_int_equal(park_at(s, "a", NOW + 3 * MIN, 2 * HOUR), 0);
	assert_int_equal(meta_at(s, "a", NOW + 3 * MIN).expires_ms, NOW + 3 * MIN + 2 * HOUR);
	assert_int_equal(meta_at(s, "a", NOW + 3 * MIN).resume_ttl_s, 0);
}

static void
ring_that_promotes_nobody_keeps_it_awake(void **state)
{
	struct store *s = *state;
	struct gs_meta meta;

	atomic_store(&s->t->ctl->ring[COLD].promote, GS_PROMOTE_NEVER);
	assert_int_equal(put_at(s, "a", "v", NOW), 1);
	assert_int_equal(park_at(s, "a", NOW, 0), 0);
	assert_int_equal(meta_at(s, "a", NOW + 300 * DAY).expires_ms, GS_TIME_NEVER);
	assert_int_equal(get_at(s, "a", NOW + 300 * DAY), 1);
	meta = meta_at(s, "a", NOW + 300 * DAY);
	assert_true(meta.ring == COLD && meta.flags == 0 && meta.accessed_ms == NOW + 300 * DAY);
	/* The second access is enough for a ring that asks for two; the one that wakes it is. */
	atomic_store(&s->t->ctl->ring[COLD].promote, GS_PROMOTE_SECOND);
	assert_int_equal(park_at(s, "a", NOW + 300 * DAY, 0), 0);
	assert_int_equal(get_at(s, "a", NOW + 350 * DAY), 1);
	assert_int_equal(ring_of(s, "a"), ACTIVE);
}

static void
suspect_and_nobody_are_refused(void **state)
{
	struct store *s = *state;

	assert_int_equal(put_at(s, "a", "v", NOW), 1);
	assert_int_equal(move_at(s, "a", NOW, SUSPECT), 0);
	assert_int_equal(park_at(s, "a", NOW, HOUR), GS_EQUARANTINE);
	assert_int_equal(ring_of(s, "a"), SUSPECT);
	assert_int_equal(park_at(s, "nobody", NOW, HOUR), GS_ENOENT);
}

static void
full_ring_refuses_and_the_session_stays(void **state)
{
	struct store *s = *state;

	atomic_store(&s->t->ctl->ring[COLD].capacity, 0);
	assert_int_equal(put_at(s, "a", "v", NOW), 1);
	assert_int_equal(park_at(s, "a", NOW, HOUR), GS_ENOSPC);
	assert_int_equal(ring_of(s, "a"), ACTIVE);
	assert_int_equal(meta_at(s, "a", NOW).flags, 0);
}

/* By what it told the daemon, which comes by later. */
static void
access_of_a_reader_brings_it_back(void **state)
{
	struct store *s = *state;
	struct gs_ctx_page *page = aligned_alloc(GS_PAGE_BYTES, GS_CTX_BYTES);
	struct gs_ctx reader;
	struct gs_key k = key_of(s->t, "a");
	struct gs_meta meta;

	assert_non_null(page);
	memset(page, 0, GS_CTX_BYTES);
	gs_ctx_init_reader(&reader, page);
	assert_int_equal(put_at(s, "a", "v", NOW), 1);
	assert_int_equal(park_at(s, "a", NOW, HOUR), 0);
	assert_int_equal(gs_kv_get(s->t, &reader, &k, NOW + MIN, NULL, 0, 0, NULL), 1);
	assert_int_equal(ring_of(s, "a"), COLD);
	assert_int_equal(gs_feedback_take(s->t, &s->c, page, NOW + MIN + 20), 1);
	meta = meta_at(s, "a", NOW + MIN + 20);
	assert_true(meta.ring == ACTIVE && meta.flags == 0 && meta.hits == 2);
	free(page);
}

#define T_USUAL(name) cmocka_unit_test_setup_teardown(name, begin_usual, end_clean)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T_USUAL(parked_session_waits_in_the_outermost_ring_for_its_ttl),
		T_USUAL(access_brings_it_back_with_its_own_ttl),
		T_USUAL(put_and_move_inwards_bring_it_back_too),
		T_USUAL(looks_and_touches_leave_it_parked),
		T_USUAL(ring_that_promotes_nobody_keeps_it_awake),
		T_USUAL(suspect_and_nobody_are_refused),
		T_USUAL(full_ring_refuses_and_the_session_stays),
		T_USUAL(access_of_a_reader_brings_it_back),
	};

	return cmocka_run_group_tests_name("park", tests, NULL, NULL);
}
