/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pressure.h - what the daemon does about full rings ahead of need: the reserve, and sessions moved outwards.
 *
 * Nobody depends on it: who needs a place in a full ring makes one himself
 * (shm/evict.h).  It only makes that rare.
 */
#ifndef GS_DAEMON_PRESSURE_H
#define GS_DAEMON_PRESSURE_H

#include "daemon/shrink.h"
#include "shm/evict.h"

struct events;

enum { PRESSURE_MOVES = 8192 };		/* sessions of a ring that a tick moves */

/* What is remembered of a table from one tick to the next; all zero to begin. */
struct pressure {
	struct gs_evict_hand hand[GS_MAX_RINGS];
};

/* Where it is done. */
struct pressure_place {
	struct gs_table *t;
	struct gs_ctx *c;
	struct shrink *shrink;		/* told when a reserve is closed: its memory is given back at once */
	struct events *events;
};

/* Once a tick: open and close reserves, evict. Times are store ms. */
void pressure_tick(struct pressure *p, const struct pressure_place *at, uint64_t now_ms);

#endif
