/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * starter.h - may a handle start sessions: its rights, and the lease where a table has one starter.
 */
#ifndef GS_LIB_STARTER_H
#define GS_LIB_STARTER_H

#include "lib/handle.h"

/* May it, without asking anybody? */
static inline bool
gs_starter_is(const struct gs *gs)
{
	/* relaxed; who has the lease keeps it, and who is given it hears so from the daemon */
	uint64_t starter = atomic_load_explicit(&gs->t->ctl->starter, memory_order_relaxed);

	return (gs->own->rights & GS_RIGHT_START) != 0 && (starter == 0 || starter == gs->own->process);
}

/*
 * Become it: 0, or GS_EPERM: it has not the right, or another process has the lease. Asks the daemon where there is a lease
 * to be had, and then may also be GS_EDOWN or GS_ETIMEDOUT.
 */
int gs_starter_become(struct gs *gs);

#endif
