/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lifetime.h - when a session ends by itself: its own end, and the limits of its class.
 *
 * The earliest wins.  A class may have a ttl, which counts from the last put
 * or touch as a session's own does, and an idle, which counts from the last
 * access.  At the end itself the session is still there.
 */
#ifndef GS_POLICY_LIFETIME_H
#define GS_POLICY_LIFETIME_H

#include <stdint.h>

#include "base/bits.h"

/* The limits of a class, ms; GS_DURATION_MAX: none. */
struct gs_lifetime_rule {
	uint64_t ttl_ms, idle_ms;
};

/*
 * The last instant at which a session is there: own_ms is its own end, by its own ttl and its deadline; touched_ms its last
 * put or touch, accessed_ms its last access. Store ms, and so is what it returns: at most own_ms.
 */
static inline uint64_t
gs_lifetime_ends_ms(uint64_t own_ms, uint64_t touched_ms, uint64_t accessed_ms, const struct gs_lifetime_rule *rule)
{
	return gs_min_u64(own_ms, gs_min_u64(gs_add_sat(touched_ms, rule->ttl_ms), gs_add_sat(accessed_ms, rule->idle_ms)));
}

#endif
