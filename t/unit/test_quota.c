/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_quota.c - the quota law: bursts, waits, accusation and pardon by tables, and a million schedules at random.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "policy/quota.h"

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

enum { START_MS = 1000000 };

#define PER_S(n) ((uint64_t)(n) * 3600)

static void
a_limit_holds_rate_and_burst(void **state)
{
	static const struct {
		uint64_t rate_per_h, burst, interval;
	} rows[] = {
		{ PER_S(1), 20, 64000 },
		{ PER_S(50), 200, 1280 },
		{ 1, GS_QUOTA_BURST_MAX, GS_QUOTA_UNITS_PER_H },
		{ GS_QUOTA_RATE_MAX_PER_H, 1, 6 },
		{ PER_S(300), 7, 213 },		/* rounded to who asks */
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		uint64_t limit = gs_quota_limit(rows[i].rate_per_h, rows[i].burst);

		assert_int_equal(gs_quota_burst(limit), rows[i].burst);
		assert_int_equal(gs_quota_interval(limit), rows[i].interval);
		assert_int_not_equal(limit, GS_QUOTA_FREE);
	}
}

/* How many accesses at one instant are within the quota. */
static uint64_t
at_once(uint64_t limit, uint64_t *arrival, uint64_t now_ms)
{
	uint64_t n = 0, next;

	while ((next = gs_quota_charge(limit, *arrival, now_ms, 1, GS_QUOTA_CLOCK_MS)) != 0) {
		*arrival = next;
		n++;
	}
	return n;
}

static void
burst_may_come_at_once_and_comes_back_at_the_rate(void **state)
{
	static const struct {
		uint64_t rate_per_h, burst, later_ms, back;
	} rows[] = {
		{ PER_S(1), 20, 1000, 1 },
		{ PER_S(1), 20, 999, 1 },	/* the clock may be a tick behind */
		{ PER_S(1), 20, 989, 0 },
		{ PER_S(1), 20, 5000, 5 },
		{ PER_S(1), 20, 3600000, 20 },
		{ PER_S(50), 200, 20, 1 },
		{ PER_S(50), 1, 20, 1 },
		{ 60, 3, 60000, 1 },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		uint64_t limit = gs_quota_limit(rows[i].rate_per_h, rows[i].burst), arrival = 0;

		assert_int_equal(at_once(limit, &arrival, START_MS), rows[i].burst);
		if (at_once(limit, &arrival, START_MS + rows[i].later_ms) != rows[i].back)
			fail_msg("row %zu", i);
	}
}

static void
what_is_refused_is_told_how_long_and_then_served(void **state)
{
	uint64_t limit = gs_quota_limit(PER_S(2), 3), arrival = 0, now = START_MS, wait;

	(void)state;
	(void)at_once(limit, &arrival, now);
	for (int i = 0; i < 100; i++) {
		wait = gs_quota_wait_ms(limit, arrival, now);
		assert_in_range(wait, 1, 500);
		if (wait > 1)
			assert_int_equal(gs_quota_charge(limit, arrival, now + wait - 1, 1, GS_QUOTA_CLOCK_MS), 0);
		now += wait;
		arrival = gs_quota_charge(limit, arrival, now, 1, GS_QUOTA_CLOCK_MS);
		assert_int_not_equal(arrival, 0);
	}
}

static void
a_batch_has_forty_ms_more(void **state)
{
	uint64_t limit = gs_quota_limit(PER_S(1000), 10);

	(void)state;
	assert_int_not_equal(gs_quota_charge(limit, 0, START_MS, 50, GS_QUOTA_BATCH_MS), 0);
	assert_int_equal(gs_quota_charge(limit, 0, START_MS, 51, GS_QUOTA_BATCH_MS), 0);
	assert_int_equal(gs_quota_charge(limit, 0, START_MS, 51, GS_QUOTA_CLOCK_MS), 0);
}

static void
an_accusation_is_an_offence_and_an_attempt(void **state)
{
	struct gs_accused a = { 0 };
	uint64_t limit = gs_quota_limit(PER_S(1), 20);

	(void)state;
	gs_quota_accuse(&a, limit, START_MS);
	assert_int_equal(a.offences, 1);
	assert_int_equal(a.since_ms, START_MS);
	assert_int_equal(a.attempt_ms, START_MS);
	assert_int_equal(a.soon_ms, START_MS);
	assert_true(gs_quota_rate_per_s(a.rate_code) == 1.0);
	for (int i = 0; i < 100; i++)
		gs_quota_accuse(&a, limit, START_MS);
	assert_int_equal(a.offences, GS_QUOTA_OFFENCES_MAX);
	/* An operator's is no attempt. */
	gs_quota_accuse(&a, GS_QUOTA_FREE, START_MS + 5);
	assert_int_equal(a.soon_ms, 0);
	assert_int_equal(gs_quota_pardon_ms(a.since_ms, a.soon_ms, 10000, 60000), START_MS + 5 + 10000);
}

static void
an_attempt_is_too_soon_before_two_intervals(void **state)
{
	static const struct {
		uint64_t gap_ms;
		uint32_t n;
		bool is_soon;
	} rows[] = {
		{ 0, 1, true }, { 1, 1, true }, { 1999, 1, true }, { 2000, 1, false }, { 60000, 1, false },
		{ 60000, 2, true }, { 100, 5, true },
	};
	uint64_t limit = gs_quota_limit(PER_S(1), 20);

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		uint64_t now = START_MS + rows[i].gap_ms;
		struct gs_accused a = { 0 };

		gs_quota_accuse(&a, limit, START_MS - 10);
		a.attempt_ms = START_MS;
		gs_quota_attempt(&a, limit, 10000, now, rows[i].n);
		if (a.soon_ms != (rows[i].is_soon ? now : START_MS - 10))
			fail_msg("row %zu: %llu", i, (unsigned long long)a.soon_ms);
		assert_int_equal(a.attempt_ms, now);
	}
}

/* Attempts in a rhythm, from the accusation on; a pause once. */
static void
who_goes_on_offends_anew_after_each_hold(void **state)
{
	static const struct {
		uint64_t hold_ms, gap_ms, for_ms, pause_at_ms, pause_ms;
		uint32_t n, want;
	} rows[] = {
		/* ten times as often as once a second */
		{ 10000, 100, 9999, 0, 0, 1, 1 },
		{ 10000, 100, 10000, 0, 0, 1, 2 },
		{ 10000, 100, 19900, 0, 0, 1, 2 },
		{ 10000, 100, 20000, 0, 0, 1, 3 },
		{ 10000, 100, 45000, 0, 0, 1, 5 },
		{ 10000, 100, 3600000, 0, 0, 1, GS_QUOTA_OFFENCES_MAX },
		/* told of together */
		{ 10000, 100, 45000, 0, 0, 5, 5 },
		/* four times; three and a half */
		{ 10000, 250, 45000, 0, 0, 1, 5 },
		{ 10000, 286, 45000, 0, 0, 1, 1 },
		/* twice: who asks, is refused, waits and is served; and the quota itself */
		{ 10000, 500, 3600000, 0, 0, 1, 1 },
		{ 10000, 1000, 3600000, 0, 0, 1, 1 },
		/* a hold that is shorter than a second is one */
		{ 0, 100, 4500, 0, 0, 1, 5 },
		{ 10, 100, 4500, 0, 0, 1, 5 },
		/* the end of a hold is slept through: the first attempt after it is not too soon, and comes behind the end */
		{ 10000, 100, 19900, 9000, 3000, 1, 1 },
		{ 10000, 100, 25000, 9000, 3000, 1, 2 },
		/* but a short pause is none */
		{ 10000, 100, 19900, 9500, 1000, 1, 2 },
		/* ends of holds that one gap has all of are one offence */
		{ 0, 100, 2060, 600, 1450, 1, 2 },
	};
	uint64_t limit = gs_quota_limit(PER_S(1), 20);

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		uint64_t at = 0, pause_at_ms = rows[i].pause_at_ms;
		struct gs_accused a = { 0 };

		gs_quota_accuse(&a, limit, START_MS);
		for (at = rows[i].gap_ms; at <= rows[i].for_ms; at += rows[i].gap_ms) {
			if (pause_at_ms != 0 && at >= pause_at_ms) {
				at += rows[i].pause_ms;
				pause_at_ms = 0;
			}
			gs_quota_attempt(&a, limit, rows[i].hold_ms, START_MS + at, rows[i].n);
		}
		if (a.offences != rows[i].want || a.since_ms != START_MS)
			fail_msg("row %zu: %u offences", i, a.offences);
	}
}

/* By an operator: no rate is known; and a suspect that nobody accused. */
static void
who_was_accused_by_hand_offends_when_it_is_known_to(void **state)
{
	uint64_t limit = gs_quota_limit(PER_S(1), 20);
	struct gs_accused a = { 0 }, nobody = { 0 };

	(void)state;
	gs_quota_accuse(&a, GS_QUOTA_FREE, START_MS);
	for (uint64_t at = 100; at <= 20000; at += 100) {
		gs_quota_attempt(&a, limit, 10000, START_MS + at, 1);
		gs_quota_attempt(&nobody, limit, 10000, START_MS + at, 1);
	}
	assert_int_equal(a.offences, 3);
	assert_int_equal(nobody.offences, 0);
}

static void
pardon_waits_for_hold_and_for_release(void **state)
{
	static const struct {
		uint64_t since, soon, hold, release, want;
	} rows[] = {
		{ 1000, 1000, 10000, 60000, 61000 },
		{ 1000, 5000, 10000, 60000, 65000 },
		{ 1000, 5000, 100000, 60000, 101000 },
		{ 1000, 1000, 10000, 0, 11000 },
		{ 1000, 0, 10000, 60000, 11000 },	/* nobody asked for it since */
		{ 1000, 1000, 0, 0, 1000 },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		assert_int_equal(gs_quota_pardon_ms(rows[i].since, rows[i].soon, rows[i].hold, rows[i].release), rows[i].want);
}

static void
a_suspect_is_held_and_then_has_one_in_an_interval(void **state)
{
	uint64_t limit = gs_quota_limit(PER_S(1), 20);
	struct gs_accused a = { 0 };

	(void)state;
	gs_quota_accuse(&a, limit, START_MS);
	assert_int_equal(gs_quota_refused_ms(&a, GS_QUOTA_HOLDS, limit, 10000, START_MS), 10000);
	assert_int_equal(gs_quota_refused_ms(&a, GS_QUOTA_HOLDS, limit, 10000, START_MS + 9999), 1);
	assert_int_equal(gs_quota_refused_ms(&a, GS_QUOTA_HOLDS, limit, 10000, START_MS + 10000), 0);
	a.served = (START_MS + 10000) * GS_QUOTA_UNITS;
	assert_int_equal(gs_quota_refused_ms(&a, GS_QUOTA_HOLDS, limit, 10000, START_MS + 10001), 999);
	assert_int_equal(gs_quota_refused_ms(&a, GS_QUOTA_HOLDS, limit, 10000, START_MS + 11000), 0);
	assert_int_equal(gs_quota_refused_ms(&a, GS_QUOTA_COUNTS, limit, 10000, START_MS), 0);
}

static void
slow_grows_with_the_time_that_it_was_too_fast_up_to_a_second(void **state)
{
	static const struct {
		uint64_t fast_ms, want_ms;
	} rows[] = { { 0, 20 }, { 100, 20 }, { 800, 100 }, { 4000, 500 }, { 8000, 1000 }, { 3600000, 1000 } };
	uint64_t limit = gs_quota_limit(PER_S(50), 200);

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		uint64_t now = START_MS + rows[i].fast_ms;
		struct gs_accused a = { 0 };

		gs_quota_accuse(&a, limit, START_MS);
		a.soon_ms = now;
		a.served = now * GS_QUOTA_UNITS;
		assert_int_equal(gs_quota_refused_ms(&a, GS_QUOTA_SLOWS, limit, 10000, now), rows[i].want_ms);
	}
}

/* The rate that is shown comes near the one at which it is asked for, whatever the clock's tick. */
static void
rate_comes_near_the_attempts(void **state)
{
	static const struct {
		double per_s;
		uint64_t tick_ms, for_ms;
	} rows[] = { { 0.5, 1, 60000 }, { 3, 1, 20000 }, { 100, 4, 2000 }, { 500, 4, 2000 }, { 4000, 4, 2000 }, { 500, 10, 2000 } };

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		uint64_t limit = gs_quota_limit(PER_S(50), 1), n = (uint64_t)(rows[i].per_s * (double)rows[i].for_ms / 1000), at = START_MS;
		struct gs_accused a = { 0 };
		double shown;

		gs_quota_accuse(&a, limit, START_MS);
		for (uint64_t k = 1; k <= n; k++) {
			at = START_MS + (uint64_t)((double)k * 1000 / rows[i].per_s);
			gs_quota_attempt(&a, limit, 10000, at - at % rows[i].tick_ms, 1);
		}
		shown = gs_quota_rate_per_s(a.rate_code);
		if (shown < rows[i].per_s / 2 || shown > rows[i].per_s * 1.5)
			fail_msg("%g attempts a second are shown as %g", rows[i].per_s, shown);
	}
}

/* ---- schedules at random ---- */

static uint64_t seed;

static uint64_t
random_below(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

static double
random_unit(void)
{
	return (double)random_below(1 << 24) / (1 << 24);
}

/* A client in exact time: its bucket holds `tokens`, of burst at most. */
struct client {
	double per_ms, burst, tokens, at_ms;
};

static void
wait_ms(struct client *c, double ms)
{
	c->at_ms += ms;
	c->tokens = fmin(c->burst, c->tokens + ms * c->per_ms);
}

/* What the store sees of an instant. */
static uint64_t
tick(double at_ms, uint64_t tick_ms)
{
	uint64_t ms = (uint64_t)at_ms;

	return ms - ms % tick_ms;
}

/* One who never asks without a whole token, and asks as soon as he has one, or later. */
static void
run_below(uint64_t rate_per_h, uint64_t burst, int schedule)
{
	struct client c = { (double)rate_per_h / 3600000, (double)burst, (double)burst, START_MS + random_unit() };
	uint64_t limit = gs_quota_limit(rate_per_h, burst), arrival = 0, ticks = 1 + random_below(GS_QUOTA_CLOCK_MS);
	double hurry = random_unit();

	for (int i = 0; i < 40; i++) {
		if (c.tokens < 1)
			wait_ms(&c, (1 - c.tokens) / c.per_ms * 1.000001);
		if (random_unit() > hurry)
			wait_ms(&c, random_unit() * random_unit() * (double)burst / c.per_ms);
		if (c.tokens < 1)
			continue;
		c.tokens -= 1;
		arrival = gs_quota_charge(limit, arrival, tick(c.at_ms, ticks), 1, GS_QUOTA_CLOCK_MS);
		if (arrival == 0)
			fail_msg("schedule %d: one below %llu/h with %llu at once is accused at access %d", schedule,
			    (unsigned long long)rate_per_h, (unsigned long long)burst, i);
	}
}

/* The same, told by a reader: all that came in 20 ms at the instant of the last. */
static void
run_below_told(uint64_t rate_per_h, uint64_t burst, int schedule)
{
	struct client c = { (double)rate_per_h / 3600000, (double)burst, (double)burst, START_MS + random_unit() };
	uint64_t limit = gs_quota_limit(rate_per_h, burst), arrival = 0, n = 0;
	double first_ms = 0, last_ms = 0;

	for (int i = 0; i < 40; i++) {
		if (c.tokens < 1)
			wait_ms(&c, (1 - c.tokens) / c.per_ms * 1.000001);
		if (n > 0 && c.at_ms > first_ms + 20) {
			arrival = gs_quota_charge(limit, arrival, (uint64_t)last_ms, n, GS_QUOTA_BATCH_MS);
			if (arrival == 0)
				fail_msg("schedule %d: a reader below %llu/h with %llu at once is accused", schedule,
				    (unsigned long long)rate_per_h, (unsigned long long)burst);
			n = 0;
		}
		if (n++ == 0)
			first_ms = c.at_ms;
		last_ms = c.at_ms;
		c.tokens -= 1;
	}
}

/* One who was calm, and then asks ten times as often: from the access on with which he is over, 50 ms or the next access. */
static void
run_tenfold(uint64_t rate_per_h, uint64_t burst, int schedule)
{
	double per_ms = (double)rate_per_h / 3600000, gap_ms = 0.1 / per_ms, at_ms = START_MS, over_ms = -1, tokens = (double)burst;
	uint64_t limit = gs_quota_limit(rate_per_h, burst), arrival = 0;

	for (;; at_ms += gap_ms) {
		uint64_t next = gs_quota_charge(limit, arrival, (uint64_t)at_ms, 1, GS_QUOTA_CLOCK_MS);

		if (next == 0)
			return;
		arrival = next;
		/* By the exact law: the first that finds no token. */
		tokens = fmin((double)burst, tokens + gap_ms * per_ms) - 1;
		if (over_ms < 0 && tokens < -gap_ms * per_ms)
			over_ms = at_ms;
		if (over_ms >= 0 && at_ms > over_ms + fmax(50, 2.1 * gap_ms))
			fail_msg("schedule %d: tenfold %llu/h with %llu at once is not found in 50 ms", schedule,
			    (unsigned long long)rate_per_h, (unsigned long long)burst);
	}
}

static void
a_million_schedules(void **state)
{
	const char *given = getenv("GSESSION_SEED");

	(void)state;
	seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 2654435761u;
	seed += seed == 0;
	print_message("# seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < 1000000; i++) {
		/* From 2 an hour to the greatest rate, evenly by magnitude. */
		uint64_t rate_per_h = (uint64_t)exp2(1 + random_unit() * 24.1), burst = 1 + random_below(50);

		if (rate_per_h > GS_QUOTA_RATE_MAX_PER_H)
			rate_per_h = GS_QUOTA_RATE_MAX_PER_H;
		switch (i % 4) {
		case 0:
			run_below_told(rate_per_h, burst, i);
			break;
		case 1:
			run_tenfold(rate_per_h, burst, i);
			break;
		default:
			run_below(rate_per_h, burst, i);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_limit_holds_rate_and_burst),
		cmocka_unit_test(burst_may_come_at_once_and_comes_back_at_the_rate),
		cmocka_unit_test(what_is_refused_is_told_how_long_and_then_served),
		cmocka_unit_test(a_batch_has_forty_ms_more),
		cmocka_unit_test(an_accusation_is_an_offence_and_an_attempt),
		cmocka_unit_test(an_attempt_is_too_soon_before_two_intervals),
		cmocka_unit_test(who_goes_on_offends_anew_after_each_hold),
		cmocka_unit_test(who_was_accused_by_hand_offends_when_it_is_known_to),
		cmocka_unit_test(pardon_waits_for_hold_and_for_release),
		cmocka_unit_test(a_suspect_is_held_and_then_has_one_in_an_interval),
		cmocka_unit_test(slow_grows_with_the_time_that_it_was_too_fast_up_to_a_second),
		cmocka_unit_test(rate_comes_near_the_attempts),
		cmocka_unit_test(a_million_schedules),
	};

	return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
