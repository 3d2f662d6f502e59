/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_kv_quota.c - accesses charged in the slots of a table: who is accused, refused, moved, pardoned, and what a put keeps of it.
 */
#include "shm/feedback.h"
#include "shm/kv_quota.h"
#include "shm_place.h"

enum { RATE_PER_S = 1, BURST = 5 };

#define HOLD (10 * S)
#define RELEASE (60 * S)
#define INTERVAL S

static void
set_rules(struct store *s, uint32_t action, bool is_strict)
{
	const struct gs_quota_rules rules = {
		.limit = gs_quota_limit(RATE_PER_S * 3600, BURST), .hold_ms = HOLD, .release_ms = RELEASE, .action = action,
		.is_strict = is_strict, .expel_after = 5,
	};

	gs_quota_apply(s->t, &rules);
}

static int
open_usual(void **state)
{
	struct gs_table_spec spec = usual_spec();

	spec.rings[SUSPECT].capacity = 2;
	/* The rings are to be full, not the index. */
	spec.max_sessions = 1000;
	return begin_store(state, &spec);
}

#define T_USUAL(name) cmocka_unit_test_setup_teardown(name, open_usual, end_clean)

static int
put_args(struct store *s, const char *key, uint64_t now_ms, const struct gs_put_args *args)
{
	struct gs_key k = key_of(s->t, key);

	return gs_kv_put(s->t, &s->c, &k, now_ms, "v", 1, args, NULL);
}

static struct gs_meta
meta_of(struct store *s, const char *key, uint64_t now_ms)
{
	struct gs_meta m = { 0 };

	assert_true(peek_at(s, key, now_ms, &m) >= 0);
	return m;
}

static bool
is_accused(struct store *s, const char *key)
{
	return gs_offence_since_ms(meta_of(s, key, NOW).offence) != 0;
}

/* Start a session and use its burst up. */
static void
exhaust(struct store *s, const char *key)
{
	assert_int_equal(put_at(s, key, "v", NOW), 1);
	for (int i = 1; i < BURST; i++)
		assert_int_equal(get_at(s, key, NOW), 1);
	assert_false(is_accused(s, key));
}

static uint32_t
due_of(struct store *s, const char *key)
{
	struct gs_meta m = meta_of(s, key, NOW);

	return atomic_load(&gs_table_arena(s->t, m.ring, gs_entry_class(m.entry))->due[gs_entry_slot(m.entry)]);
}

static void
report_accuses_and_refuses_nothing(void **state)
{
	struct store *s = *state;
	struct gs_meta m;

	set_rules(s, GS_QUOTA_REPORT, false);
	exhaust(s, "k");
	assert_int_equal(get_at(s, "k", NOW), 1);
	m = meta_of(s, "k", NOW);
	assert_int_equal(gs_offence_since_ms(m.offence), NOW);
	assert_int_equal(gs_offence_count(m.offence), 1);
	assert_int_equal(m.soon_ms, NOW);
	assert_int_equal(due_of(s, "k"), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(get_at(s, "k", NOW + (uint64_t)i), 1);
	assert_int_equal(put_at(s, "k", "w", NOW + 20), 0);
	m = meta_of(s, "k", NOW + 20);
	assert_int_equal(gs_offence_count(m.offence), 1);
	assert_int_equal(m.soon_ms, NOW + 20);
	assert_int_equal(counted(s, GS_COUNT_ACCUSED), 1);
	assert_int_equal(counted(s, GS_COUNT_REFUSED), 0);
	assert_int_equal(gs_kv_retry_after_ms(s->t, &m, NOW), 0);
	assert_int_equal(gs_kv_pace(s->t, &m, NOW), GS_PACE_FREE);
}

static void
what_counts_for_nothing_is_not_charged(void **state)
{
	struct store *s = *state;
	struct gs_put_args args = plain_args();

	set_rules(s, GS_QUOTA_REPORT, true);
	exhaust(s, "k");
	args.flags = GS_KV_INSPECT;
	for (int i = 0; i < 50; i++) {
		assert_int_equal(peek_at(s, "k", NOW, NULL), 1);
		assert_int_equal(touch_at(s, "k", NOW), 0);
		assert_int_equal(put_args(s, "k", NOW, &args), 0);
	}
	assert_false(is_accused(s, "k"));
}

static void
a_put_over_the_quota_accuses_too_and_every_put_keeps_it(void **state)
{
	struct store *s = *state;
	struct gs_put_args args = plain_args();
	struct gs_meta m;

	set_rules(s, GS_QUOTA_REPORT, false);
	exhaust(s, "k");
	assert_int_equal(put_at(s, "k", "w", NOW), 0);
	assert_true(is_accused(s, "k"));
	args.flags = GS_KV_INSPECT;
	assert_int_equal(put_args(s, "k", NOW + 1, &args), 0);
	assert_int_equal(move_at(s, "k", NOW + 2, WARM), 0);
	m = meta_of(s, "k", NOW + 2);
	assert_int_equal(m.ring, WARM);
	assert_int_equal(gs_offence_since_ms(m.offence), NOW);
	assert_int_equal(gs_offence_count(m.offence), 1);
}

static void
slow_serves_one_in_an_interval(void **state)
{
	struct store *s = *state;
	struct gs_meta m;

	set_rules(s, GS_QUOTA_SLOW, false);
	exhaust(s, "k");
	assert_int_equal(get_at(s, "k", NOW), GS_EQUARANTINE);
	m = meta_of(s, "k", NOW);
	assert_int_equal(m.ring, ACTIVE);
	assert_int_equal(gs_kv_retry_after_ms(s->t, &m, NOW), INTERVAL);
	assert_int_equal(gs_kv_pace(s->t, &m, NOW + INTERVAL), GS_PACE_TURNS);
	assert_int_equal(put_at(s, "k", "w", NOW + 10), GS_EQUARANTINE);
	assert_int_equal(touch_at(s, "k", NOW + 20), GS_EQUARANTINE);
	assert_int_equal(get_at(s, "k", NOW + INTERVAL), 1);
	assert_int_equal(get_at(s, "k", NOW + INTERVAL), GS_EQUARANTINE);
	assert_int_equal(put_at(s, "k", "w", NOW + 2 * INTERVAL), 0);
	assert_int_equal(touch_at(s, "k", NOW + 3 * INTERVAL), 0);
	assert_int_equal(counted(s, GS_COUNT_REFUSED), 4);
	m = meta_of(s, "k", NOW);
	assert_int_equal(gs_offence_count(m.offence), 1);
	assert_int_equal(m.hits, BURST + 2);
}

static void
quarantine_moves_holds_and_then_serves_one_in_an_interval(void **state)
{
	struct store *s = *state;
	struct gs_meta m;

	set_rules(s, GS_QUOTA_QUARANTINE, false);
	exhaust(s, "k");
	assert_int_equal(get_at(s, "k", NOW), GS_EQUARANTINE);
	m = meta_of(s, "k", NOW);
	assert_int_equal(m.ring, SUSPECT);
	assert_int_equal(m.attempts, 1);
	assert_int_equal(gs_kv_retry_after_ms(s->t, &m, NOW), HOLD);
	assert_int_equal(gs_kv_pace(s->t, &m, NOW + HOLD - 1), GS_PACE_HELD);
	assert_int_equal(gs_kv_pace(s->t, &m, NOW + HOLD), GS_PACE_TURNS);
	assert_int_equal(get_at(s, "k", NOW + HOLD - 1), GS_EQUARANTINE);
	assert_int_equal(get_at(s, "k", NOW + HOLD), 1);
	assert_int_equal(get_at(s, "k", NOW + HOLD + 1), GS_EQUARANTINE);
	assert_int_equal(put_at(s, "k", "w", NOW + HOLD + INTERVAL), 0);
	m = meta_of(s, "k", NOW + HOLD + INTERVAL);
	assert_int_equal(m.ring, SUSPECT);
	assert_int_equal(gs_offence_count(m.offence), 1);
	assert_int_equal(counted(s, GS_COUNT_QUARANTINED), 1);
	assert_int_equal(counted(s, GS_COUNT_ACCUSED), 1);
}

static void
where_suspect_is_full_it_stays_and_is_slowed(void **state)
{
	struct store *s = *state;
	char key[8];

	set_rules(s, GS_QUOTA_QUARANTINE, false);
	for (int i = 0; i < 3; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		exhaust(s, key);
		assert_int_equal(get_at(s, key, NOW), GS_EQUARANTINE);
		assert_int_equal(meta_of(s, key, NOW).ring, i < 2 ? SUSPECT : ACTIVE);
	}
	assert_int_equal(counted(s, GS_COUNT_CROWDED), 1);
	assert_int_equal(get_at(s, "k2", NOW + INTERVAL), 1);
	assert_int_equal(get_at(s, "k2", NOW + INTERVAL), GS_EQUARANTINE);
}

static void
strict_refuses_what_is_over_whatever_the_action(void **state)
{
	struct store *s = *state;

	set_rules(s, GS_QUOTA_REPORT, true);
	exhaust(s, "k");
	assert_int_equal(get_at(s, "k", NOW), GS_EQUARANTINE);
	assert_true(is_accused(s, "k"));
	assert_int_equal(get_at(s, "k", NOW + INTERVAL), 1);
	assert_int_equal(get_at(s, "k", NOW + INTERVAL), GS_EQUARANTINE);
}

/* At the pardon's instant, not before; in place, and out of suspect as an access. */
static void
settle_pardons(void **state)
{
	static const uint32_t actions[] = { GS_QUOTA_REPORT, GS_QUOTA_QUARANTINE };
	struct store *s = *state;

	for (size_t i = 0; i < N_ROWS(actions); i++) {
		const char *key = i == 0 ? "report" : "quarantine";
		struct gs_settled did;
		struct gs_meta m;

		set_rules(s, actions[i], false);
		exhaust(s, key);
		(void)get_at(s, key, NOW);
		(void)get_at(s, key, NOW + INTERVAL);
		m = meta_of(s, key, NOW);
		assert_int_equal(gs_kv_pardon_ms(s->t, &m), NOW + INTERVAL + RELEASE);
		did = settle_at(s, key, NOW + INTERVAL + RELEASE - 1);
		assert_int_equal(did.what, GS_SETTLE_STAYS);
		assert_int_equal(did.next_ms, NOW + INTERVAL + RELEASE);
		did = settle_at(s, key, NOW + INTERVAL + RELEASE);
		assert_int_equal(did.what, GS_SETTLE_PARDONED);
		assert_int_equal(did.to, ACTIVE);
		m = meta_of(s, key, NOW + INTERVAL + RELEASE);
		assert_int_equal(m.ring, ACTIVE);
		assert_int_equal(gs_offence_since_ms(m.offence), 0);
		assert_int_equal(gs_offence_count(m.offence), 1);
		assert_int_equal(m.arrival, 0);
		assert_int_equal(m.hits, actions[i] == GS_QUOTA_REPORT ? BURST + 2 : BURST + 1);
		/* Its bucket is empty: the whole burst is served again, and the next offence is the second. */
		for (int k = 0; k < BURST; k++)
			assert_int_equal(get_at(s, key, NOW + 2 * MIN), 1);
		(void)get_at(s, key, NOW + 2 * MIN);
		assert_int_equal(gs_offence_count(meta_of(s, key, NOW).offence), 2);
	}
	assert_int_equal(counted(s, GS_COUNT_PARDONED), 2);
}

static void
a_suspect_waits_for_room(void **state)
{
	struct store *s = *state;
	char key[16];

	set_rules(s, GS_QUOTA_QUARANTINE, false);
	exhaust(s, "k");
	assert_int_equal(get_at(s, "k", NOW), GS_EQUARANTINE);
	/* Until there is no room to be made any more, in any ring. */
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(key, sizeof(key), "other%d", i);
		if (put_at(s, key, "v", NOW + MIN) != 1)
			break;
	}
	assert_int_equal(settle_at(s, "k", NOW + RELEASE).what, GS_SETTLE_STUCK);
	assert_int_equal(meta_of(s, "k", NOW).ring, SUSPECT);
	assert_int_equal(del_at(s, "other0", NOW + MIN), 0);
	assert_int_equal(settle_at(s, "k", NOW + RELEASE).what, GS_SETTLE_PARDONED);
}

static void
a_move_by_hand_accuses_and_pardons(void **state)
{
	struct store *s = *state;
	struct gs_meta m;

	set_rules(s, GS_QUOTA_REPORT, false);
	assert_int_equal(put_at(s, "k", "v", NOW), 1);
	assert_int_equal(move_at(s, "k", NOW, SUSPECT), 0);
	m = meta_of(s, "k", NOW);
	assert_int_equal(gs_offence_since_ms(m.offence), NOW);
	assert_int_equal(gs_kv_pardon_ms(s->t, &m), NOW + HOLD);
	assert_int_equal(get_at(s, "k", NOW), GS_EQUARANTINE);
	assert_int_equal(move_at(s, "k", NOW + S, ACTIVE), 0);
	m = meta_of(s, "k", NOW + S);
	assert_int_equal(gs_offence_since_ms(m.offence), 0);
	assert_int_equal(gs_offence_count(m.offence), 1);
	assert_int_equal(get_at(s, "k", NOW + S), 1);
}

static void
overrides_are_of_a_key_or_an_owner(void **state)
{
	struct gs_quota_rules rules = { .limit = gs_quota_limit(3600, BURST), .action = GS_QUOTA_SLOW, .n_overrides = 3 };
	struct store *s = *state;
	struct gs_put_args args = plain_args();

	memcpy(rules.override[0].name, "alice", 5);
	rules.override[0].name_len = 5;
	rules.override[0].whose = GS_QUOTA_OF_OWNER;
	rules.override[0].limit = gs_quota_limit(3600, 2);
	memcpy(rules.override[1].name, "free", 4);
	rules.override[1].name_len = 4;
	rules.override[1].limit = GS_QUOTA_FREE;
	memcpy(rules.override[2].name, "own", 3);
	rules.override[2].name_len = 3;
	rules.override[2].limit = gs_quota_limit(3600, 3);
	gs_quota_apply(s->t, &rules);
	args.set = GS_SET_OWNER_BIT;
	args.owner = "alice";
	args.owner_len = 5;
	assert_int_equal(put_args(s, "hers", NOW, &args), 1);
	assert_int_equal(put_args(s, "own", NOW, &args), 1);
	assert_int_equal(put_at(s, "free", "v", NOW), 1);
	assert_int_equal(put_at(s, "plain", "v", NOW), 1);
	/* `at once` beside the first */
	static const struct {
		const char *key;
		int more;
	} rows[] = { { "hers", 1 }, { "own", 2 }, { "plain", BURST - 1 } };

	for (size_t i = 0; i < N_ROWS(rows); i++) {
		for (int k = 0; k < rows[i].more; k++)
			if (get_at(s, rows[i].key, NOW) < 0)
				fail_msg("%s is refused too early", rows[i].key);
		if (get_at(s, rows[i].key, NOW) != GS_EQUARANTINE)
			fail_msg("%s is not refused", rows[i].key);
	}
	for (int k = 0; k < 1000; k++)
		assert_int_equal(get_at(s, "free", NOW), 1);
}

/* A put copies the record, and then it is accused: the accusation is in the new record. */
static void
an_accusation_between_copy_and_swing_is_carried(void **state)
{
	struct store *s = *state;
	struct gs_slot seen;
	struct gs_draft d;
	struct gs_hit hit;
	struct gs_meta m;

	set_rules(s, GS_QUOTA_REPORT, false);
	exhaust(s, "k");
	hit = hit_of(s, "k");
	assert_int_equal(gs_record_copy(s->t, &s->c, &hit), 1);
	memcpy(&seen, s->c.scratch, sizeof(seen));
	gs_record_draft_of(&d, s->c.scratch);
	gs_kv_overdo(s->t, &s->c, &hit, NOW + 7, 1);
	assert_true(is_accused(s, "k"));
	assert_int_equal(gs_kv_publish(s->t, &s->c, &(struct gs_over){ &hit, &seen, ACTIVE, NOW }, &d), 0);
	m = meta_of(s, "k", NOW + 7);
	assert_int_equal(gs_offence_since_ms(m.offence), NOW + 7);
	assert_int_equal(m.soon_ms, NOW + 7);
	assert_int_equal(due_of(s, "k"), 0);
}

/* And one that comes after the swing goes to the new record. */
static void
an_accusation_after_the_swing_follows(void **state)
{
	struct store *s = *state;
	struct gs_hit hit;

	set_rules(s, GS_QUOTA_REPORT, false);
	exhaust(s, "k");
	hit = hit_of(s, "k");
	assert_int_equal(put_at(s, "k", "w", NOW - 1), 0);
	gs_kv_overdo(s->t, &s->c, &hit, NOW + 7, 1);
	assert_int_equal(gs_offence_count(meta_of(s, "k", NOW + 7).offence), 1);
}

static void
set_exempt(struct store *s, uint32_t action, const char *pattern)
{
	struct gs_quota_rules rules = {
		.limit = gs_quota_limit(RATE_PER_S * 3600, BURST), .hold_ms = HOLD, .release_ms = RELEASE, .action = action, .expel_after = 5,
		.is_strict = action == GS_QUOTA_SLOW, .n_exempt = pattern == NULL ? 0 : 2, .exempt = { "nobody" },
	};

	(void)snprintf(rules.exempt[1], sizeof(rules.exempt[1]), "%s", pattern == NULL ? "" : pattern);
	assert_true(gs_quota_exempts_others(s->t, &rules));
	gs_quota_apply(s->t, &rules);
	assert_false(gs_quota_exempts_others(s->t, &rules));
}

static void
exempt_keys_are_never_accused(void **state)
{
	static const uint32_t actions[] = { GS_QUOTA_REPORT, GS_QUOTA_SLOW, GS_QUOTA_QUARANTINE };
	struct store *s = *state;

	assert_int_equal(put_at(s, "count1", "v", NOW), 1);
	assert_int_equal(put_at(s, "coun", "v", NOW), 1);
	for (size_t i = 0; i < 3; i++) {
		set_exempt(s, actions[i], "count?");
		for (int n = 0; n < 10 * BURST; n++) {
			assert_int_equal(get_at(s, "count1", NOW), 1);
			assert_int_equal(put_at(s, "count1", "w", NOW), 0);
			assert_int_equal(touch_at(s, "count1", NOW), 0);
			(void)get_at(s, "coun", NOW);
		}
		assert_false(is_accused(s, "count1"));
		assert_true(is_accused(s, "coun"));
		set_exempt(s, actions[i], NULL);
	}
	assert_int_equal(meta_of(s, "count1", NOW).ring, ACTIVE);
	assert_int_equal(counted(s, GS_COUNT_ACCUSED), 1);
}

/* Patterns count at once, also for who was accused before. */
static void
exempt_later_is_served_and_pardoned_in_time(void **state)
{
	struct store *s = *state;
	struct gs_meta m;

	set_rules(s, GS_QUOTA_QUARANTINE, false);
	exhaust(s, "k");
	assert_int_equal(get_at(s, "k", NOW), GS_EQUARANTINE);
	set_exempt(s, GS_QUOTA_QUARANTINE, "[a-k]");
	m = meta_of(s, "k", NOW);
	assert_int_equal(gs_kv_retry_after_ms(s->t, &m, NOW), 0);
	assert_int_equal(gs_kv_pace(s->t, &m, NOW), GS_PACE_FREE);
	for (int i = 0; i < 10; i++)
		assert_int_equal(get_at(s, "k", NOW + HOLD - 1), 1);
	assert_int_equal(settle_at(s, "k", NOW + RELEASE).what, GS_SETTLE_PARDONED);
	set_exempt(s, GS_QUOTA_QUARANTINE, NULL);
	assert_int_equal(get_at(s, "k", NOW + RELEASE), 1);
}

static void
exempt_keys_do_not_decay(void **state)
{
	struct store *s = *state;
	struct gs_settled did;

	set_exempt(s, GS_QUOTA_REPORT, "k*");
	assert_int_equal(put_at(s, "k1", "v", NOW), 1);
	assert_int_equal(put_at(s, "other", "v", NOW), 1);
	did = settle_at(s, "k1", NOW + DAY / 2);
	assert_int_equal(did.what, GS_SETTLE_STAYS);
	/* Not never: the audit's I7 holds, and so it would if the pattern went without a word. */
	assert_int_equal(did.next_ms, NOW + DAY / 2 + HOUR);
	assert_int_equal(settle_at(s, "other", NOW + DAY / 2).what, GS_SETTLE_DECAYED);
	set_exempt(s, GS_QUOTA_REPORT, NULL);
	assert_int_equal(settle_at(s, "k1", NOW + DAY / 2).what, GS_SETTLE_DECAYED);
}

/* Whoever goes on through hold after hold is one for the reaper; who is refused waits no longer for it. */
static void
who_never_stops_offends_again_and_again(void **state)
{
	static const uint32_t actions[] = { GS_QUOTA_REPORT, GS_QUOTA_SLOW, GS_QUOTA_QUARANTINE };
	struct store *s = *state;

	for (uint32_t i = 0; i < 3; i++) {
		const char key[] = { 'k', (char)('0' + i), '\0' };
		struct gs_meta m;

		set_rules(s, actions[i], false);
		exhaust(s, key);
		for (uint64_t at = 0; at < 4 * HOLD; at += 100)
			(void)get_at(s, key, NOW + at);
		m = meta_of(s, key, NOW + 4 * HOLD);
		assert_int_equal(gs_offence_count(m.offence), 4);
		assert_int_equal(gs_offence_since_ms(m.offence), NOW);
		(void)get_at(s, key, NOW + 4 * HOLD);
		assert_int_equal(gs_offence_count(meta_of(s, key, NOW + 4 * HOLD).offence), 5);
		assert_int_equal(gs_kv_pardon_ms(s->t, &m), NOW + 4 * HOLD - 100 + RELEASE);
	}
	assert_int_equal(counted(s, GS_COUNT_ACCUSED), 3);
}

/* Strictest rules, one access in each interval; beside it one who asks ten times as often. */
static void
who_keeps_to_the_rate_is_never_accused(void **state)
{
	struct store *s = *state;
	uint64_t now = NOW;

	set_rules(s, GS_QUOTA_QUARANTINE, true);
	assert_int_equal(put_at(s, "calm", "v", now), 1);
	assert_int_equal(put_at(s, "wild", "v", now), 1);
	for (int i = 0; i < 2000; i++) {
		now += INTERVAL;
		assert_int_equal(i % 2 == 0 ? get_at(s, "calm", now) : put_at(s, "calm", "w", now) + 1, 1);
		for (int k = 0; k < 10; k++)
			(void)get_at(s, "wild", now + (uint64_t)k * 100);
	}
	assert_int_equal(gs_offence_count(meta_of(s, "calm", now).offence), 0);
	assert_int_equal(gs_offence_count(meta_of(s, "wild", now).offence), GS_QUOTA_OFFENCES_MAX);
	assert_int_equal(meta_of(s, "wild", now).ring, SUSPECT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T_USUAL(report_accuses_and_refuses_nothing),
		T_USUAL(what_counts_for_nothing_is_not_charged),
		T_USUAL(a_put_over_the_quota_accuses_too_and_every_put_keeps_it),
		T_USUAL(slow_serves_one_in_an_interval),
		T_USUAL(quarantine_moves_holds_and_then_serves_one_in_an_interval),
		T_USUAL(where_suspect_is_full_it_stays_and_is_slowed),
		T_USUAL(strict_refuses_what_is_over_whatever_the_action),
		T_USUAL(settle_pardons),
		T_USUAL(a_suspect_waits_for_room),
		T_USUAL(a_move_by_hand_accuses_and_pardons),
		T_USUAL(overrides_are_of_a_key_or_an_owner),
		T_USUAL(an_accusation_between_copy_and_swing_is_carried),
		T_USUAL(an_accusation_after_the_swing_follows),
		T_USUAL(exempt_keys_are_never_accused),
		T_USUAL(exempt_later_is_served_and_pardoned_in_time),
		T_USUAL(exempt_keys_do_not_decay),
		T_USUAL(who_never_stops_offends_again_and_again),
		T_USUAL(who_keeps_to_the_rate_is_never_accused),
	};

	return cmocka_run_group_tests_name("kv_quota", tests, NULL, NULL);
}
