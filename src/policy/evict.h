/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evict.h - what a session in a full ring is worth: which go outwards first, and which may be dropped.
 *
 * Those whose time is over go first.  Of the others the longest idle, where
 * idle time is counted for less the more accesses a session has had, twice
 * for a session of one access, and less half_life * log2(interest).  That is
 * the order in which the decay law would let them go, bent towards those who
 * came once: a crawler's sessions make room for each other and for nobody
 * else's.  Without half-life and with equal numbers of accesses it is least
 * recently used.
 *
 * One-shot sessions are not first whatever their age: then a visitor's second
 * request would find his session gone, and on real logs that keeps fewer of
 * the sessions that are asked for again than LRU does (t/bench/policy).
 *
 * Source: LRFU (Lee et al., IEEE ToC 50(12), 2001) for recency and frequency
 * in one number; S3-FIFO (Yang et al., SOSP 2023) for the quick end of
 * one-hit wonders; hyperbolic caching (Blankstein et al., ATC 2017) for idle
 * time over accesses, and for a sample in the place of an ordered list.
 */
#ifndef GS_POLICY_EVICT_H
#define GS_POLICY_EVICT_H

#include <stdbool.h>
#include <stdint.h>

#define GS_EVICT_SCORE_OVER UINT64_MAX

/* A session as eviction sees it. */
struct gs_evictee {
	uint64_t accessed_ms;		/* last access */
	uint64_t interest;		/* at that access, as stored */
	uint64_t hits;			/* accesses counted */
	bool is_over;			/* its lifetime is */
};

/* How badly it should go: the greater, the sooner; GS_EVICT_SCORE_OVER when it is over. half_life_ms: of the innermost ring. */
uint64_t gs_evict_score(const struct gs_evictee *e, uint64_t now_ms, uint64_t half_life_ms);

/*
 * gs_evict_threshold - the score from which on sessions go, so that of those sampled n_wanted do.
 *
 *   scores	of a sample, n of them, n > 0; put in no order
 *   n_wanted	1 to n; the greater the sample the nearer is what happens to all
 *
 * Found by a histogram between least and greatest, and then one of the part
 * where it lies.  At least n_wanted have the returned score or a greater one.
 */
uint64_t gs_evict_threshold(const uint64_t *scores, uint32_t n, uint32_t n_wanted);

/* How little is lost with a session, from nothing on: whoever allows one kind to be dropped allows all before it. */
enum gs_evict_kind {
	GS_EVICT_OVER = 1,		/* its lifetime is over */
	GS_EVICT_ONESHOT = 2,		/* one access, and nobody said what it is */
	GS_EVICT_ANONYMOUS = 3,		/* its class says that nobody logged in */
	GS_EVICT_LIVE = 4,		/* never dropped */
};

/* What is known of a session beside its times. */
struct gs_evict_nature {
	bool has_class;			/* it is of some class */
	bool is_anonymous;		/* and that is the anonymous one */
	bool is_special;		/* parked, rotated, or a token: somebody counts on it */
};

enum gs_evict_kind gs_evict_kind_of(const struct gs_evictee *e, const struct gs_evict_nature *n);

#endif
