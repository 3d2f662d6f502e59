/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/evict.h"

#include "base/bits.h"
#include "policy/decay.h"

#define MIDDLE (UINT64_C(1) << 62)	/* a score of no idle time and no interest beyond one access */

enum {
	ONESHOT_HASTE = 2,
	LOG_STEPS = 16,			/* of log2 of the accesses, per doubling */
	LOG_MOST = 5 * LOG_STEPS,	/* more than 32 accesses count as 32 */
	WORTH = 4 * LOG_STEPS,		/* four doublings halve the idle time */
	BINS = 256,
};

/* log2 in steps, along a straight line between powers of two. */
static uint64_t
log2_steps(uint64_t n)
{
	uint32_t whole = 63 - (uint32_t)__builtin_clzll(n);
	uint64_t part = whole >= 4 ? (n >> (whole - 4)) - LOG_STEPS : (n << (4 - whole)) - LOG_STEPS;

	return (uint64_t)whole * LOG_STEPS + part;
}

static uint64_t
counted_idle_ms(const struct gs_evictee *e, uint64_t idle_ms)
{
	if (e->hits <= 1)
		return idle_ms * ONESHOT_HASTE;
	return idle_ms * WORTH / (WORTH + gs_min_u64(log2_steps(e->hits), LOG_MOST));
}

uint64_t
gs_evict_score(const struct gs_evictee *e, uint64_t now_ms, uint64_t half_life_ms)
{
	uint64_t idle_ms = gs_min_u64(gs_sub_sat(now_ms, e->accessed_ms), UINT64_C(1) << 48);
	unsigned __int128 bonus = (unsigned __int128)half_life_ms * gs_sub_sat(e->interest, GS_INTEREST_ONE) >> 40;

	if (e->is_over)
		return GS_EVICT_SCORE_OVER;
	return gs_sub_sat(MIDDLE + counted_idle_ms(e, idle_ms), bonus > MIDDLE ? MIDDLE : (uint64_t)bonus);
}

uint64_t
gs_evict_threshold(const uint64_t *scores, uint32_t n, uint32_t n_wanted)
{
	uint64_t from = UINT64_MAX, to = 0, width;
	uint32_t count[BINS], above = 0, bin;

	for (uint32_t i = 0; i < n; i++) {
		from = gs_min_u64(from, scores[i]);
		/* What is over would stretch the scale: it is above all others. */
		if (scores[i] != GS_EVICT_SCORE_OVER)
			to = gs_max_u64(to, scores[i]);
		else
			above++;
	}
	if (above >= n_wanted)
		return GS_EVICT_SCORE_OVER;
	while (from < to) {
		uint32_t over = above;

		width = (to - from) / BINS + 1;
		for (uint32_t i = 0; i < BINS; i++)
			count[i] = 0;
		for (uint32_t i = 0; i < n; i++)
			if (scores[i] >= from && scores[i] <= to)
				count[(scores[i] - from) / width]++;
		for (bin = BINS; bin > 0 && over < n_wanted; bin--)
			over += count[bin - 1];
		/* In this bin it lies; its lower end will do once it holds no more than are wanted. */
		from += bin * width;
		to = gs_min_u64(to, from + width - 1);
		if (over == n_wanted || width == 1)
			break;
		above = over - count[bin];
	}
	return from;
}

enum gs_evict_kind
gs_evict_kind_of(const struct gs_evictee *e, const struct gs_evict_nature *n)
{
	if (e->is_over)
		return GS_EVICT_OVER;
	if (n->is_special)
		return GS_EVICT_LIVE;
	if (!n->has_class)
		return e->hits <= 1 ? GS_EVICT_ONESHOT : GS_EVICT_LIVE;
	return n->is_anonymous ? GS_EVICT_ANONYMOUS : GS_EVICT_LIVE;
}
