/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rings.h - rings that come and go while a table is in use; for the daemon.
 *
 * The arenas of all ring ids are there from the start, sparse, and every
 * client has mapped them: a ring that is made is there for all at once.  An
 * id that was given up keeps its slots' generations, so that whoever still
 * knows a session of the ring before finds that it is gone.
 */
#ifndef GS_SHM_RINGS_H
#define GS_SHM_RINGS_H

#include "shm/table.h"

/* An id for a new ring, of those to be had the one that had the fewest names; GS_RING_NONE when there is none. */
uint32_t gs_rings_unused(const struct gs_table *t);

/*
 * Make a ring of an unused id: off, with room for nothing. Killed in between, the id is as unused as before.
 * Returns 0, GS_ENOSPC (no memory for its first pages), GS_ESYSTEM.
 */
int gs_rings_make(struct gs_table *t, uint32_t ring, const char *name);

/* Set its state (enum gs_ring_state, not ABSENT) and its place in the order. */
void gs_rings_set(struct gs_table *t, uint32_t ring, uint32_t state, uint32_t diameter);

/* The ring is no more. What comes late to its arenas the sweep moves on, as long as decay_to says where to. */
void gs_rings_drop(struct gs_table *t, uint32_t ring);

#endif
