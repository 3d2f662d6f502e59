/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * quota.h - how often a session may be asked for, and what becomes of one that is asked for more often.
 *
 * The quota is a generic cell rate algorithm: a session has a theoretical
 * arrival time, in 1/64 ms, which each access moves on by the interval of its
 * rate.  An access is over the quota when that time is too far ahead: by more
 * than `burst` accesses at once leave it.  Such an access is not charged.
 *
 * With it begins an accusation, an offence.  While that holds
 *
 *	an attempt, served or refused, is too soon when it comes less than
 *	two intervals after the one before;
 *	excess is no new offence; but who goes on asking several times as
 *	often as the rate offends anew with the first attempt too soon after
 *	each further `hold` since it began, GS_QUOTA_AGAIN_MS at least;
 *	it ends, in a pardon, at max(since + hold, last attempt too soon + release);
 *	the arrival time is the instant at which the session was served last.
 *
 * What the accused may do meanwhile depends on what is done about it: see
 * enum gs_quota_phase.
 *
 * Source: the generic cell rate algorithm, ITU-T I.371, annex A.
 */
#ifndef GS_POLICY_QUOTA_H
#define GS_POLICY_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#define GS_QUOTA_UNITS UINT64_C(64)		/* of the arrival time in a ms */
#define GS_QUOTA_UNITS_PER_H (GS_QUOTA_UNITS * 3600000)

enum {
	GS_QUOTA_CLOCK_MS = 10,			/* no clock of a host ticks more coarsely: so much may be over and is not */
	GS_QUOTA_BATCH_MS = 40,			/* the same for accesses that are told of together */
	GS_QUOTA_SLOW_MS = 1000,		/* the longest that a session is held back for being accused for long */
	GS_QUOTA_SLOW_SHARE = 8,		/* of the time for which it was too fast, it waits such a part */
	GS_QUOTA_AGAIN_MS = 1000,		/* two offences of one accusation are so far apart at least */
	GS_QUOTA_AGAIN_CODES = 4,		/* half octaves over the rate: who waits for his turn twice at a time comes to two */
	GS_QUOTA_OFFENCES_MAX = 63,		/* counted; it sticks there */
	GS_QUOTA_RATE_CODES = 64,
};

/*
 * A rate and a burst as one word, so that nobody sees one without the other: [63:44] burst  [43:0] interval, 1/64 ms.
 * GS_QUOTA_FREE: never charged.
 */
#define GS_QUOTA_FREE UINT64_C(0)
#define GS_QUOTA_RATE_MAX_PER_H UINT64_C(36000000)	/* 10,000 a second */
#define GS_QUOTA_BURST_MAX UINT64_C(100000)

static inline uint64_t
gs_quota_limit(uint64_t rate_per_h, uint64_t burst)
{
	return burst << 44 | GS_QUOTA_UNITS_PER_H / rate_per_h;
}

static inline uint64_t gs_quota_burst(uint64_t limit) { return limit >> 44; }
static inline uint64_t gs_quota_interval(uint64_t limit) { return limit & ((UINT64_C(1) << 44) - 1); }

/*
 * gs_quota_charge - the arrival time after n accesses.
 *
 *   limit	not GS_QUOTA_FREE
 *   arrival	before; 0 to begin with
 *   at_ms	when the accesses were, or the last of them
 *   n		at least 1
 *   slack_ms	GS_QUOTA_CLOCK_MS for one that is charged as it comes, GS_QUOTA_BATCH_MS for those told of together
 *
 * Returns 0 when they are over the quota.  Inline: every access of every session asks.
 */
static inline uint64_t
gs_quota_charge(uint64_t limit, uint64_t arrival, uint64_t at_ms, uint64_t n, uint64_t slack_ms)
{
	uint64_t at = at_ms * GS_QUOTA_UNITS, interval = gs_quota_interval(limit), next = (arrival > at ? arrival : at) + n * interval;

	return next <= at + gs_quota_burst(limit) * interval + slack_ms * GS_QUOTA_UNITS ? next : 0;
}

/* How long until one access would not be over the quota, ms, at least 1. */
uint64_t gs_quota_wait_ms(uint64_t limit, uint64_t arrival, uint64_t now_ms);

/* What is known of an accusation. */
struct gs_accused {
	uint64_t since_ms;		/* 0: none; the rest but the offences means nothing then */
	uint32_t offences;		/* so often accused, this time included */
	uint32_t attempts;		/* at the last instant of one: 1 to GS_QUOTA_ATTEMPTS_MAX, where it sticks */
	uint64_t attempt_ms;		/* last attempt, served or refused; 0: none yet */
	uint64_t soon_ms;		/* last attempt that came too soon; 0: none yet */
	uint32_t rate_code;		/* of its attempts, see gs_quota_rate_per_s */
	uint64_t served;		/* last time it was, 1/64 ms */
};

enum { GS_QUOTA_ATTEMPTS_MAX = 63 };

/* Accuse: by an access over the quota, or, with limit GS_QUOTA_FREE, by an operator, who is no attempt. */
void gs_quota_accuse(struct gs_accused *a, uint64_t limit, uint64_t now_ms);

/*
 * An attempt while accused; of n that were told of together the last, the others since the attempt before. The rate moves,
 * for each instant at which there were attempts, by half an octave towards what they mean. It may be an offence, see above.
 */
void gs_quota_attempt(struct gs_accused *a, uint64_t limit, uint64_t hold_ms, uint64_t now_ms, uint32_t n);

/* What is done about it. */
enum gs_quota_phase {
	GS_QUOTA_COUNTS,		/* nothing is refused */
	GS_QUOTA_SLOWS,			/* one access in an interval, in more the longer it goes on: up to GS_QUOTA_SLOW_MS */
	GS_QUOTA_HOLDS,			/* none before since + hold, then one in an interval */
};

/* How long the accused is still refused at now_ms; 0: it is served, and a->served is to become now_ms. */
uint64_t gs_quota_refused_ms(const struct gs_accused *a, enum gs_quota_phase phase, uint64_t limit, uint64_t hold_ms, uint64_t now_ms);

/* The first instant at which it is pardoned, unless it comes too soon again. */
uint64_t gs_quota_pardon_ms(uint64_t since_ms, uint64_t soon_ms, uint64_t hold_ms, uint64_t release_ms);

/* A code as attempts per second: half octaves, from 2^-12 to 2^19.5. */
double gs_quota_rate_per_s(uint32_t code);

#endif
