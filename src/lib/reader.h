/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reader.h - what a handle of a reader has in the place of contexts: pages of its own, in which it tells of its accesses.
 *
 * They are known to one daemon only.  When another serves, as T.ctl says, a
 * call asks that one for new pages, the next calls look whether the answer
 * has come, and then the new pages lie where the old ones were.  None of
 * these calls waits.
 */
#ifndef GS_LIB_READER_H
#define GS_LIB_READER_H

#include "lib/handle.h"

/*
 * Map the pages that came, in the place of those that gs has.  Takes over only their descriptor.  GS_EVERSION when a
 * descriptor can be written through that a reader must not have: the daemon knows no readers; GS_ECORRUPT, GS_ENOMEM.
 */
int gs_reader_take_pages(struct gs *gs, int fds[GS_TABLE_FDS]);
/* The table is mapped and gs->own->ctl leads to the daemon that sent the pages. */
void gs_reader_begin(struct gs *gs);
/* Give up the pages, and the search for a daemon. */
void gs_reader_end(struct gs *gs);

/* Go on with the search when another daemon serves than the one that has our pages. */
void gs_reader_search(struct gs *gs);

/* At each call. */
static inline void
gs_reader_keep(struct gs *gs)
{
	/* relaxed, both; what is late is done by the next call */
	if (__builtin_expect(atomic_load_explicit(&gs->t->ctl->daemon_epoch, memory_order_relaxed) !=
	    atomic_load_explicit(&gs->own->reader.epoch, memory_order_relaxed), 0))
		gs_reader_search(gs);
}

#endif
