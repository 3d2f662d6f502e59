/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/decay.h"

#include <math.h>

#include "base/bits.h"

#define UNIT 1099511627776.0	/* 2^40 */
#define BIAS 32.0
#define HALF_MS (UINT64_C(1) << 39)

static uint64_t
stored(double log2_interest)
{
	double n = (log2_interest + BIAS) * UNIT + 0.5;

	if (n <= 0)
		return GS_INTEREST_NONE;
	return gs_min_u64((uint64_t)n, GS_INTEREST_MAX);
}

static double
faded(uint64_t interest, uint64_t idle_ms, uint64_t half_life_ms)
{
	return (double)interest / UNIT - BIAS - (double)idle_ms / (double)half_life_ms;
}

uint64_t
gs_decay_access(uint64_t interest, uint64_t idle_ms, uint64_t half_life_ms)
{
	double x;

	if (half_life_ms == 0)
		return GS_INTEREST_ONE;
	x = faded(interest, idle_ms, half_life_ms);
	/* log2(1 + 2^x) for large x is x + log2(1 + 2^-x): keeps the precision that 1 + 2^x would lose. */
	if (x > 0)
		return stored(x + log1p(exp2(-x)) * M_LOG2E);
	return stored(log1p(exp2(x)) * M_LOG2E);
}

uint64_t
gs_decay_accesses(uint64_t interest, uint64_t idle_ms, uint32_t n, uint64_t late_ms, uint64_t half_life_ms)
{
	double x, more;

	if (half_life_ms == 0)
		return GS_INTEREST_ONE;
	x = faded(interest, idle_ms, half_life_ms);
	more = log2(n) - (double)late_ms / (double)half_life_ms;
	/* log2(2^x + 2^more), from the greater of them */
	if (x > more)
		return stored(x + log1p(exp2(more - x)) * M_LOG2E);
	return stored(more + log1p(exp2(x - more)) * M_LOG2E);
}

uint64_t
gs_decay_fade(uint64_t interest, uint64_t idle_ms, uint64_t half_life_ms)
{
	if (half_life_ms == 0)
		return GS_INTEREST_ONE;
	return stored(faded(interest, idle_ms, half_life_ms));
}

uint64_t
gs_decay_carry(uint64_t interest, uint64_t now, uint64_t seen)
{
	double x = (double)interest / UNIT - BIAS, more;

	if (now <= seen)
		return interest;
	/* log2(2^now - 2^seen), then log2(2^x + 2^more) from the greater of them */
	more = (double)now / UNIT - BIAS + log1p(-exp2(-(double)(now - seen) / UNIT)) * M_LOG2E;
	if (x > more)
		return stored(x + log1p(exp2(more - x)) * M_LOG2E);
	return stored(more + log1p(exp2(x - more)) * M_LOG2E);
}

uint64_t
gs_decay_leaves_ms(uint64_t last_ms, uint64_t interest, uint64_t ttl_ms, uint64_t half_life_ms)
{
	unsigned __int128 bonus, slack;

	if (ttl_ms == GS_DURATION_MAX)
		return UINT64_MAX;
	/*
	 * Interest that was rounded a thousand times may lie 500 units below the exact one, and a deadline that is a
	 * whole number of ms (accesses at one instant give powers of two) must not become the one before.
	 */
	slack = (unsigned __int128)half_life_ms * 512;
	if (slack > HALF_MS)
		slack = HALF_MS;
	bonus = ((unsigned __int128)half_life_ms * gs_sub_sat(interest, GS_INTEREST_ONE) + slack) >> 40;
	if (bonus > UINT64_MAX)
		return UINT64_MAX;
	return gs_add_sat(gs_add_sat(last_ms, ttl_ms), (uint64_t)bonus);
}

double
gs_decay_interest(uint64_t interest)
{
	return exp2((double)interest / UNIT - BIAS);
}

double
gs_decay_rate_per_s(double interest, uint64_t half_life_ms)
{
	if (half_life_ms == 0)
		return 0;
	return interest * M_LN2 * 1000.0 / (double)half_life_ms;
}
