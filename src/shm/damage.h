/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * damage.h - tell what cannot be from what is changing: an entry, a record or a context page that no program of ours leaves so.
 *
 * A look at shared memory that does not fit together usually means that
 * somebody was faster.  It is damage when the entry still is the same after
 * all else was looked at.  Works while others read and write.
 */
#ifndef GS_SHM_DAMAGE_H
#define GS_SHM_DAMAGE_H

#include "shm/kv.h"

enum gs_damage {
	GS_DAMAGE_NONE,
	GS_DAMAGE_NOWHERE,		/* the entry names no slot that there is */
	GS_DAMAGE_STALE,		/* its slot is not ready, or of another generation */
	GS_DAMAGE_LENGTHS,		/* the record's lengths do not fit its slot */
	GS_DAMAGE_PLACE,		/* the record's hash does not lead to this entry */
	GS_DAMAGE_WORDS,		/* a word that changes in place is of another generation */
	GS_DAMAGES,
};

/* One word for people: "nowhere", "stale", "lengths", "place", "words". */
const char *gs_damage_name(enum gs_damage what);

/* What is wrong with the entry at an ordinal and the record that it names. Cost: a look at two lines. */
enum gs_damage gs_damage_of_entry(struct gs_table *t, uint64_t ordinal);

/* How many cells of a context page name no slot that there is; the cell of its tentative entry is one of them. */
uint32_t gs_damage_of_page(struct gs_table *t, uint32_t id);

#endif
