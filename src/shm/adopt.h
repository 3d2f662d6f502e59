/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * adopt.h - sessions found in the files of a table before, taken into the index of the one that took those files over.
 *
 * A slot is believed when its crc says that its bytes are those that were
 * written; store.h says which of a session's slots is right.  Everything else
 * in the files - bitmaps, due hints, words that change in place - is made anew
 * or held against bounds.  For the daemon, before anybody attaches.
 */
#ifndef GS_SHM_ADOPT_H
#define GS_SHM_ADOPT_H

#include "shm/store.h"

struct gs_adopted {
	uint64_t sessions;		/* found and in the index */
	uint64_t over;			/* had ended, or their time was over */
	uint64_t damaged;		/* slots that say they hold a record, and whose crc is wrong */
	uint64_t homeless;		/* sessions that found no place in the index */
};

/*
 * gs_adopt_run - fill a table of gs_table_create_from from the arenas that it took over, and wait until the disk agrees.
 *
 *   c       a context of the table
 *   past    as it was given to gs_table_create_from
 *
 * Store time is set so that no record is from the future.  Returns 0, GS_ENOMEM, GS_ESYSTEM (the disk): the table is not
 * to be used then, and the files are as good as they were.  Cost: a read of every record.
 */
int gs_adopt_run(struct gs_table *t, struct gs_ctx *c, const struct gs_past *past, struct gs_adopted *out);

#endif
