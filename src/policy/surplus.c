/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/surplus.h"

#include "base/bits.h"

enum { KEPT_PART = 4, SHORT_PART = 16 };

uint32_t
gs_surplus_segments(uint32_t n_segments, uint32_t seg_slots, uint64_t n_taken)
{
	uint64_t slots = (uint64_t)n_segments * seg_slots, kept = gs_add_sat(n_taken, n_taken / KEPT_PART);

	if (n_taken == 0)
		return n_segments;
	return (uint32_t)(gs_sub_sat(gs_sub_sat(slots, kept), seg_slots) / seg_slots);
}

int
gs_surplus_is_short(uint32_t n_segments, uint32_t seg_slots, uint64_t n_taken)
{
	uint64_t slots = (uint64_t)n_segments * seg_slots;

	return n_taken > 0 && gs_sub_sat(slots, n_taken) < gs_min_u64(slots / SHORT_PART, seg_slots) + 1;
}
