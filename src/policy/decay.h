/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decay.h - how interest in a session fades, and when it leaves its ring.
 *
 * interest at the last access = sum over the accesses of 2^(-(t_last - t_i) / half_life)
 * leaves its ring after         last access + ttl + half_life * log2(interest)
 *
 * Interest is kept as 32 + log2 in 7.40 fixed point, so that it may also be
 * far below 1 (a session touched long after its last access).  One access
 * makes x of it log2(1 + 2^x), whatever its size, and a thousand of them in a
 * row stay within a tenth of a millisecond of the exact sum at a half-life of
 * a day.
 * (8.24 fixed point would be off by milliseconds after a thousand accesses
 * with a half-life of five minutes, because rounding adds up while interest
 * is large.)
 *
 * Source: exponentially decayed counters, E. Cohen, M. Strauss,
 * "Maintaining time-decaying stream aggregates", PODS 2003.
 */
#ifndef GS_POLICY_DECAY_H
#define GS_POLICY_DECAY_H

#include <stdint.h>

#define GS_INTEREST_ONE (UINT64_C(32) << 40)	/* one access, just now */
#define GS_INTEREST_NONE UINT64_C(0)		/* 2^-32: as good as never asked for */
#define GS_INTEREST_BITS 47			/* 7 + 40 */
#define GS_INTEREST_MAX ((UINT64_C(1) << GS_INTEREST_BITS) - 1)
#define GS_DURATION_MAX UINT64_MAX		/* the value `max` */

/*
 * gs_decay_access - interest after one more access.
 *
 *   interest	at the last access or touch before, as stored
 *   idle_ms	time since then
 *   half_life_ms	of the innermost ring; 0: interest is always 1
 *
 * Returns the interest now, as stored, rounded to nearest.
 */
uint64_t gs_decay_access(uint64_t interest, uint64_t idle_ms, uint64_t half_life_ms);

/*
 * gs_decay_accesses - the same after n accesses at one instant, told late.
 *
 *   n		at least 1
 *   late_ms	how long before the last access these were; then idle_ms is 0
 */
uint64_t gs_decay_accesses(uint64_t interest, uint64_t idle_ms, uint32_t n, uint64_t late_ms, uint64_t half_life_ms);

/* gs_decay_fade - interest after idle_ms without an access: what a touch leaves. Arguments as above. */
uint64_t gs_decay_fade(uint64_t interest, uint64_t idle_ms, uint64_t half_life_ms);

/*
 * gs_decay_carry - interest with that of accesses which were counted elsewhere, after it was copied from there.
 *
 *   interest	where it goes to
 *   now, seen	there: now, and when it was copied; all three faded to one instant
 *
 * Returns interest + now - seen, as stored; `interest` when nothing was added.
 */
uint64_t gs_decay_carry(uint64_t interest, uint64_t now, uint64_t seen);

/*
 * gs_decay_leaves_ms - the last instant at which a session is still in its ring.
 *
 *   last_ms	last access
 *   interest	at the last access, as stored; below 1 counts as 1
 *   ttl_ms, half_life_ms	of the ring it is in; ttl GS_DURATION_MAX: never leaves
 *
 * Returns an instant rounded down to ms, UINT64_MAX for never.  A session
 * leaves when now_ms > the result.
 */
uint64_t gs_decay_leaves_ms(uint64_t last_ms, uint64_t interest, uint64_t ttl_ms, uint64_t half_life_ms);

/* The interest itself, for people. */
double gs_decay_interest(uint64_t interest);

/* Accesses per second that would hold this interest, as gs_decay_interest(): times ln 2 / half-life; 0 when half_life_ms is 0. */
double gs_decay_rate_per_s(double interest, uint64_t half_life_ms);

#endif
