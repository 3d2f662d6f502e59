/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shrink.h - give back the memory that rings no longer need.
 */
#ifndef GS_DAEMON_SHRINK_H
#define GS_DAEMON_SHRINK_H

#include "shm/kv.h"

enum {
	SHRINK_PERIOD_TICKS = 4,	/* of the sweep, between two looks */
	SHRINK_CALM_LOOKS = 5,		/* in a row with a surplus, before anything of it is drained */
	SHRINK_MOVES = 4096,		/* sessions moved at one look */
	SHRINK_DRAINS = 256,		/* segments of an arena that drain at once */
};

/* What is remembered of a table from one look to the next; all zero to begin. */
struct shrink {
	uint32_t ticks;
	uint32_t hurried;		/* bit of a ring: looked at in the next tick, and what is too much drained at once */
	uint8_t n_calm[GS_MAX_ARENAS];	/* looks in a row at which an arena had a surplus */
};

/* What one look gave back. */
struct shrink_done {
	uint32_t n_segments[GS_MAX_RINGS];
	uint64_t bytes[GS_MAX_RINGS];
};

/* A ring was lowered: what its memory has too much is not kept for a load that may come again. */
void shrink_hurry(struct shrink *s, uint32_t ring);
/*
 * Once a tick: at the first, for what an earlier daemon had begun, and then every fourth, look at all arenas, drain, move,
 * release. Times are store ms.
 */
void shrink_tick(struct shrink *s, struct gs_table *t, struct gs_ctx *c, uint64_t now_ms, struct shrink_done *done);

#endif
