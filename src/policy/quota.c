/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/quota.h"

#include <math.h>

#include "base/bits.h"

#define CODE_OF_ONE 24		/* one attempt a second */

uint64_t
gs_quota_wait_ms(uint64_t limit, uint64_t arrival, uint64_t now_ms)
{
	uint64_t interval = gs_quota_interval(limit), now = now_ms * GS_QUOTA_UNITS;
	uint64_t ready = gs_sub_sat(arrival + interval, gs_quota_burst(limit) * interval + GS_QUOTA_CLOCK_MS * GS_QUOTA_UNITS);

	return gs_max_u64(1, gs_div_up(gs_sub_sat(ready, now), GS_QUOTA_UNITS));
}

/* n attempts in gap_ms, at least 1. */
static uint32_t
code_of(uint32_t n, uint64_t gap_ms)
{
	double code = floor(2 * log2(1000.0 * n / (double)gap_ms)) + CODE_OF_ONE;

	if (code <= 0)
		return 0;
	return (uint32_t)fmin(code, GS_QUOTA_RATE_CODES - 1);
}

static uint32_t
code_of_limit(uint64_t limit)
{
	return code_of(1, gs_max_u64(1, gs_quota_interval(limit) / GS_QUOTA_UNITS));
}

void
gs_quota_accuse(struct gs_accused *a, uint64_t limit, uint64_t now_ms)
{
	bool is_attempt = limit != GS_QUOTA_FREE;

	a->since_ms = now_ms;
	a->offences = a->offences < GS_QUOTA_OFFENCES_MAX ? a->offences + 1 : GS_QUOTA_OFFENCES_MAX;
	a->attempts = is_attempt ? 1 : 0;
	/* Over the quota it came less than an interval after the one before. */
	a->attempt_ms = a->soon_ms = is_attempt ? now_ms : 0;
	a->rate_code = is_attempt ? code_of_limit(limit) : 0;
	a->served = now_ms * GS_QUOTA_UNITS;
}

/* Has a further hold passed between the last attempt and this one, and is the rate of them still far over the quota? */
static bool
offends_again(const struct gs_accused *a, uint64_t limit, uint64_t hold_ms, uint64_t now_ms)
{
	uint64_t period_ms = gs_max_u64(hold_ms, GS_QUOTA_AGAIN_MS), before_ms = gs_sub_sat(gs_max_u64(a->attempt_ms, a->since_ms), a->since_ms);

	return a->since_ms != 0 && a->rate_code >= code_of_limit(limit) + GS_QUOTA_AGAIN_CODES &&
	    gs_sub_sat(now_ms, a->since_ms) / period_ms > before_ms / period_ms;
}

void
gs_quota_attempt(struct gs_accused *a, uint64_t limit, uint64_t hold_ms, uint64_t now_ms, uint32_t n)
{
	uint64_t gap_ms = gs_sub_sat(now_ms, a->attempt_ms), two = 2 * gs_quota_interval(limit);
	uint32_t code;
	bool is_soon;

	if (n > 1)
		/* They came together, whenever the one before them was: so far apart on average. */
		is_soon = gs_min_u64(gap_ms, GS_QUOTA_BATCH_MS) * GS_QUOTA_UNITS < n * two;
	else
		is_soon = a->attempt_ms != 0 && gap_ms * GS_QUOTA_UNITS < two;
	if (is_soon)
		a->soon_ms = gs_max_u64(a->soon_ms, now_ms);
	if (a->attempt_ms != 0 && gap_ms == 0) {
		a->attempts = (uint32_t)gs_min_u64((uint64_t)a->attempts + n, GS_QUOTA_ATTEMPTS_MAX);
		return;
	}
	if (a->attempt_ms != 0) {
		code = code_of(a->attempts, gap_ms);
		a->rate_code += code > a->rate_code ? 1 : 0;
		a->rate_code -= code < a->rate_code ? 1 : 0;
	}
	if (is_soon && a->offences < GS_QUOTA_OFFENCES_MAX && offends_again(a, limit, hold_ms, now_ms))
		a->offences++;
	a->attempts = (uint32_t)gs_min_u64(n, GS_QUOTA_ATTEMPTS_MAX);
	a->attempt_ms = now_ms;
}

/* The first instant at which one more access is served, in 1/64 ms. */
static uint64_t
next_served(const struct gs_accused *a, enum gs_quota_phase phase, uint64_t limit, uint64_t hold_ms)
{
	uint64_t interval = gs_quota_interval(limit), held = gs_sub_sat(a->soon_ms, a->since_ms) / GS_QUOTA_SLOW_SHARE;

	if (phase == GS_QUOTA_SLOWS)
		return a->served + gs_max_u64(interval, gs_min_u64(held, GS_QUOTA_SLOW_MS) * GS_QUOTA_UNITS);
	return gs_max_u64(gs_add_sat(a->since_ms, hold_ms) * GS_QUOTA_UNITS, a->served + interval);
}

uint64_t
gs_quota_refused_ms(const struct gs_accused *a, enum gs_quota_phase phase, uint64_t limit, uint64_t hold_ms, uint64_t now_ms)
{
	uint64_t now = now_ms * GS_QUOTA_UNITS;

	if (phase == GS_QUOTA_COUNTS)
		return 0;
	return gs_div_up(gs_sub_sat(next_served(a, phase, limit, hold_ms), now), GS_QUOTA_UNITS);
}

uint64_t
gs_quota_pardon_ms(uint64_t since_ms, uint64_t soon_ms, uint64_t hold_ms, uint64_t release_ms)
{
	uint64_t held = gs_add_sat(since_ms, hold_ms);

	return soon_ms == 0 ? held : gs_max_u64(held, gs_add_sat(soon_ms, release_ms));
}

double
gs_quota_rate_per_s(uint32_t code)
{
	return exp2(((double)code - CODE_OF_ONE) / 2);
}
