/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctx.h - a client context: the page that lists the slots one thread holds, and its private mirror.
 *
 * Rule: a slot is listed in `held` before it can be owned and unlisted after
 * it no longer is, so that the daemon finds every slot of a dead client.
 */
#ifndef GS_SHM_CTX_H
#define GS_SHM_CTX_H

#include <stdbool.h>

#include "base/counters.h"
#include "shm/table.h"

/* EMPTY; OWNED: ours, unused; LIMBO: ours, was published and is left alone for a while; BUSY: in the hands of the operation under way. */
enum gs_cell_state { GS_CELL_EMPTY, GS_CELL_OWNED, GS_CELL_LIMBO, GS_CELL_BUSY, GS_CELL_STATES };

struct gs_cell {
	uint32_t addr;			/* slot address as in an entry */
	uint32_t state;			/* enum gs_cell_state */
	int32_t older, newer;		/* neighbours in the queue of its state; -1: none */
};

/* The cells in one state, in the order in which they came to it: the oldest limbo slot is reused first. */
struct gs_cell_queue {
	int32_t oldest, newest;		/* -1: none */
	uint32_t n;
};

/* What a context has told of what may happen at any rate, in the second under way; see event.h. */
enum { GS_EVENT_OFTEN = 8 };
struct gs_event_gate {
	uint64_t second, hash[GS_EVENT_OFTEN];
	uint32_t n;			/* sessions told of */
	uint32_t untold;		/* happened since the last that was told */
};

/* A session that was seen in a full ring, and may be the next to go; see evict.h. */
struct gs_candidate {
	uint64_t hash, version;
	uint64_t accessed_ms, interest, expires_ms, hits;
	uint32_t addr, gen;
	uint8_t class_id;
	bool is_special;
};

enum { GS_CANDIDATES = 16 };		/* of a ring, kept from one look to the next */

/* At whose cost an operation makes room. */
enum gs_evict_cost {
	GS_EVICT_AS_ALLOWED,		/* sessions move outwards, and end where on_full says so */
	GS_EVICT_BY_MOVES,		/* they move outwards, and nobody ends whose time is not over */
	GS_EVICT_AT_NO_COST,		/* no room is made */
};

/* What a context remembers of the full rings in which it made room. */
struct gs_evict_memory {
	uint64_t random;
	enum gs_evict_cost cost;	/* of the operation under way; whoever sets it puts it back */
	uint32_t depth;			/* room is made for who goes to make room, so many rings deep */
	uint32_t spared;		/* address + 1 of a slot whose session must stay, as it is on its way; 0: none */
	uint32_t looks[GS_MAX_RINGS];	/* taken so far */
	uint32_t spread[GS_MAX_ARENAS];	/* segments up to the last one in use, when we looked */
	uint32_t n[GS_MAX_RINGS];
	struct gs_candidate candidate[GS_MAX_RINGS][GS_CANDIDATES];
	struct gs_evict_log *log;	/* NULL, or where to note who went; replay's */
};

/* Private memory of the process that was granted the page. */
struct gs_ctx {
	struct gs_ctx_page *page;
	uint32_t id;
	bool is_reader;			/* nothing of the table may be written to: accesses go to the page's cells, see feedback.h */
	uint32_t cursor[GS_MAX_ARENAS];	/* bitmap word to look at next */
	struct gs_cell cell[GS_HELD_CELLS];
	struct gs_cell_queue queue[GS_CELL_STATES];
	unsigned char *scratch;		/* a slot of the largest class, for copies that must not alias shared memory */
	uint64_t last_version;
	uint32_t pid, uid;		/* who we are, for what is told of us */
	struct gs_event_gate gate;
	uint32_t drain_seen;		/* drain_epoch of the table when we last let go of draining segments */
	struct gs_evict_memory evict;
};

/* Begin to use page `id` of a table; 0 or GS_ENOMEM. What an earlier owner held must have been recovered. */
int gs_ctx_init(struct gs_ctx *c, struct gs_table *t, uint32_t id);
/* Begin to use a page of a reader's own memory, all zero, or used by this reader before. */
void gs_ctx_init_reader(struct gs_ctx *c, struct gs_ctx_page *page);
/* Give every slot held back to its arena, and end. */
void gs_ctx_fini(struct gs_ctx *c, struct gs_table *t);

/* Single writer, so a plain load and store; readers of `stats` load relaxed. */
static inline void
gs_ctx_count_many(struct gs_ctx *c, enum gs_counter n, uint64_t times)
{
	_Atomic uint64_t *at = &c->page->count[n];

	atomic_store_explicit(at, atomic_load_explicit(at, memory_order_relaxed) + times, memory_order_relaxed);
}

static inline void
gs_ctx_count(struct gs_ctx *c, enum gs_counter n)
{
	gs_ctx_count_many(c, n, 1);
}

static inline void
gs_ctx_count_max(struct gs_ctx *c, enum gs_counter n, uint64_t value)
{
	_Atomic uint64_t *at = &c->page->count[n];

	if (atomic_load_explicit(at, memory_order_relaxed) < value)
		atomic_store_explicit(at, value, memory_order_relaxed);
}

/* Add each counter, over all contexts, to what is there; GS_COUNT_LARGEST becomes the greatest. */
void gs_ctx_add_totals(const struct gs_table *t, uint64_t count[GS_COUNTERS]);
/* Of one counter alone. */
uint64_t gs_ctx_total(const struct gs_table *t, enum gs_counter n);

#endif
