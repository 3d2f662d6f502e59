/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pressure.h - when a full ring opens its reserve, gives it back, and lets sessions go outwards ahead of need.
 *
 * Marks are parts of what a ring can hold.  The reserve is opened above the
 * high-water mark of the capacity, and closed below the low-water mark, an
 * eighth under the capacity: a load that swings about the capacity does not
 * open and close it.  With the reserve open, and above the high-water mark of
 * capacity and reserve, sessions are evicted until the ring is below that
 * mark by as much as the mark is below the brim, so that whoever starts a
 * session finds a place and need not make one.  A ring of fewer than 128
 * places has its marks at the brim: there is nothing ahead of need.
 */
#ifndef GS_POLICY_PRESSURE_H
#define GS_POLICY_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	GS_PRESSURE_HIGH_PART = 128,	/* above all but this part of its places a ring is under pressure */
	GS_PRESSURE_LOW_PART = 8,	/* below all but this part of its capacity it is not any more */
};

struct gs_pressure {			/* of one ring, sessions */
	uint64_t capacity, reserve, population;
	bool is_open;			/* the reserve */
};

struct gs_pressure_verdict {
	bool is_open;			/* what it is to be */
	uint64_t n_evict;		/* sessions that should leave now */
};

/* What is to be done about a ring. */
void gs_pressure_judge(const struct gs_pressure *p, struct gs_pressure_verdict *out);

#endif
