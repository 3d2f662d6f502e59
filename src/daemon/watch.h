/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch.h - look for damage in a table's memory, a piece each tick, and say where it is.
 *
 * Damage stays where it is: its record answers GS_ECORRUPT until it is ended.
 * What a round over the table found is one event, and is not said again as
 * long as the next rounds find the same.
 */
#ifndef GS_DAEMON_WATCH_H
#define GS_DAEMON_WATCH_H

#include "shm/damage.h"

enum { WATCH_BUCKETS = 256 };		/* of the index, at one tick */

struct events;

/* What a round found. */
struct watch_found {
	uint64_t n;			/* damaged entries */
	uint64_t first;			/* ordinal of the first of them */
	uint32_t ring;			/* that it names */
	enum gs_damage what;
};

/* Where a table's round is; all zero to begin. */
struct watch {
	uint64_t bucket;
	struct watch_found now, told;
};

/* A piece of the round. c is the daemon's context: its counter `corrupt` gets what is found. */
void watch_tick(struct watch *w, struct gs_table *t, struct gs_ctx *c, struct events *events);

/* Say how many cells of a dead client's page are damaged, if any are; before its recovery, which ignores them. */
void watch_page(struct gs_table *t, struct gs_ctx *c, uint32_t id, struct events *events);

#endif
