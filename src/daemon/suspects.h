/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suspects.h - the list of a table's sessions that are accused of asking too fast, from which reapers take.
 *
 * The truth is in the memory: who is in the suspect ring, and in whose slot
 * the word O says since when it is accused.  The list is what the daemon
 * knows of that, made anew after a restart: each tick looks at the suspect
 * ring, the sweep tells of those accused where they are, and a walk over all
 * slots finds who was missed.
 *
 * A reaper is lent suspects for a time.  A loan changes nothing in the
 * memory, so whatever becomes of the reaper, the suspect stays what it is.
 */
#ifndef GS_DAEMON_SUSPECTS_H
#define GS_DAEMON_SUSPECTS_H

#include <stdio.h>

#include "ctl/wire.h"
#include "shm/kv.h"

enum {
	SUSPECTS_MAX = 65536,		/* listed; who is met beyond is counted as `unlisted` */
	SUSPECTS_LOOKS = 16384,		/* of those listed, and of those in the suspect ring, so many are looked at in a tick */
	SUSPECTS_FIRST_WALK = 65536,	/* slots looked at in a tick, until all were once */
	SUSPECTS_WALK = 2048,		/* and from then on */
};

enum suspects_state {
	SUSPECTS_HELD,			/* in the suspect ring, refused until its hold is over */
	SUSPECTS_SLOW,			/* served, but no faster than its quota */
	SUSPECTS_REPORTED,		/* accused, and nothing is refused */
	SUSPECTS_LISTED,		/* has so many offences that it waits for a reaper */
	SUSPECTS_LEASED,		/* a reaper has it */
	SUSPECTS_STATES
};

struct suspects;

/* t and c, the daemon's context, stay the caller's. NULL when there is no memory. */
struct suspects *suspects_new(struct gs_table *t, struct gs_ctx *c);
void suspects_free(struct suspects **s);

/* The sweep has looked at a session: list it if it is accused. */
void suspects_note(struct suspects *s, const struct gs_meta *meta, uint64_t now_ms);

/* Once a tick: who is a suspect no longer, who is one now, which loans are over. */
void suspects_tick(struct suspects *s, uint64_t now_ms);

/* Grows whenever somebody comes to the list, leaves it or changes state in it. */
uint64_t suspects_revision(const struct suspects *s);
size_t suspects_count(const struct suspects *s);

/* Print `key rate offences held_ms state` lines, oldest first; keys whole, or as events have them. */
void suspects_print(struct suspects *s, uint64_t now_ms, bool is_whole, FILE *to);

/* What a reaper asks for. */
struct suspects_wish {
	uint64_t holder;		/* not 0 */
	uint32_t n;			/* at most so many */
	uint32_t lease_ms;
	uint32_t min_offences;		/* GS_WIRE_LISTED: only those in the state LISTED */
	uint64_t min_rate_per_h;	/* only those whose attempts are as many; 0: any */
};

/*
 * Lend suspects that nobody has and that no reaper has just left alone: `id key rate offences held_ms state` lines, key whole, the state that
 * it would have with nobody. Returns how many.
 */
size_t suspects_lend(struct suspects *s, const struct suspects_wish *w, uint64_t now_ms, FILE *to);

/* What a holder has comes back. */
void suspects_let_go(struct suspects *s, uint64_t holder);

/* A verdict over the suspect of this id, or over the session of a key. */
struct suspects_verdict {
	struct gs_wire_verdict v;
	const void *key;
	size_t key_len;
	uint64_t holder;		/* who says it */
};

/*
 * suspects_judge - do what a verdict says.
 *
 * Returns 0 and *meta, the session as it was; GS_ENOENT there is none any more, or none that is accused; GS_ESTALE the loan is
 * over: somebody else may have it; GS_EINVAL a key that none can be; GS_ENOSPC no room for a pardon.
 */
int suspects_judge(struct suspects *s, const struct suspects_verdict *v, uint64_t now_ms, struct gs_meta *meta);

#endif
