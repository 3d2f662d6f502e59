/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deadlines.h - which of many numbered things is due next.
 *
 * A binary heap of (when, id).  An item is never searched for: setting a
 * thing's deadline anew leaves the old item where it is, and it is dropped, or
 * put back at the later time, when it reaches the top.  So a deadline that is
 * put off again and again, which is what accesses do to a session, costs no
 * heap operation at all.
 */
#ifndef LAB_DEADLINES_H
#define LAB_DEADLINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEADLINES_NONE UINT64_MAX

struct deadlines_item {
	uint64_t when_ms;
	uint32_t id;
};

struct deadlines_state {
	uint64_t when_ms;		/* its deadline, or DEADLINES_NONE */
	uint64_t queued_ms;		/* of its earliest item in the heap, or DEADLINES_NONE; never after when_ms */
};

struct deadlines {			/* all zero is empty */
	struct deadlines_item *heap;
	size_t n_heap, cap_heap;
	struct deadlines_state *states;	/* by id */
	size_t n_states;
};

/* Set the deadline of id; DEADLINES_NONE: it has none. Returns 0 or GS_ENOMEM. Memory grows with the greatest id. */
int deadlines_set(struct deadlines *d, uint32_t id, uint64_t when_ms);

/*
 * Take the earliest deadline that is not after until_ms, equal ones by id; it is no longer set then.
 * Returns 1, 0 when there is none, GS_ENOMEM.
 */
int deadlines_next(struct deadlines *d, uint64_t until_ms, struct deadlines_item *out);

void deadlines_fini(struct deadlines *d);

#endif
