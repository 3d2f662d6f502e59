/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * surplus.h - how much of an arena's memory is more than it needs.
 *
 * Memory is taken when it is needed and given back with delay: what is kept
 * beyond what is in use is a quarter of that, and a segment to write into.
 * A segment that was taken because these were used up is surplus only after
 * a segment's worth has left, so a load that swings by a fifth around its
 * mean moves nothing.
 */
#ifndef GS_POLICY_SURPLUS_H
#define GS_POLICY_SURPLUS_H

#include <stdint.h>

/*
 * gs_surplus_segments - how many of an arena's segments could be given back.
 *
 *	n_segments	in use
 *	seg_slots	slots of each
 *	n_taken		slots of them that are taken
 *
 * Returns a number from 0 to n_segments; all of them when nothing is taken.
 */
uint32_t gs_surplus_segments(uint32_t n_segments, uint32_t seg_slots, uint64_t n_taken);

/* Are the segments in use nearly full, so that one that drains had better stay? Arguments as above. */
int gs_surplus_is_short(uint32_t n_segments, uint32_t seg_slots, uint64_t n_taken);

#endif
