/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan.h - what a change of the hosts would have to bring from where to where, before anything of it is done.
 *
 * `cat plan` prints it; `echo commit > plan` makes moves of it.  A plan holds
 * for the map that it was made of, and for no other.
 */
#ifndef NET_PLAN_H
#define NET_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "net/map.h"

enum { PLAN_STEPS = MAP_SLOTS * (MAP_COPIES + MAP_OUTER_COPIES) };

/* A copy of a slot that a host gets which has none. */
struct plan_step {
	uint16_t slot, from, to;	/* from: MAP_NOBODY where no host has one, so that the copy begins empty */
	uint8_t ring;			/* enum map_ring */
};

struct plan {
	uint32_t n_steps, n_switched;	/* slots that only get another primary among their holders count as switched */
	uint64_t bytes;			/* to be sent in all */
	uint64_t most_bytes;		/* that one host sends or gets: what the plan takes at a given rate, at least */
	struct plan_step steps[PLAN_STEPS];	/* by ring, then by slot */
};

/*
 * plan_propose - place all slots of a map anew, by its hosts' states and weights.
 *
 *	next	its homes and outers are replaced; moves are left alone
 *	copies	of a home, the primary among them; from 1 to MAP_COPIES
 *
 * Hosts that are not active are given nothing. With no host of weight for outers, nobody holds them. Cost: see place_slots,
 * twice. Returns 0, GS_EINVAL or GS_ENOMEM.
 */
int plan_propose(struct map *next, uint32_t copies);

/*
 * plan_make - the steps from one map to another.
 *
 *	bytes	of each slot's records, by enum map_ring; NULL: all 0
 *
 * A copy comes from the slot's first holder that neither map says is down.
 */
void plan_make(struct plan *out, const struct map *now, const struct map *next, const uint64_t (*bytes)[MAP_SLOTS]);

#endif
