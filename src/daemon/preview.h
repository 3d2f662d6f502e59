/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preview.h - how many sessions of a ring another ttl and half_life would move now: counted over some ticks, nothing changed.
 */
#ifndef GS_DAEMON_PREVIEW_H
#define GS_DAEMON_PREVIEW_H

#include "shm/survey.h"

enum { PREVIEW_ENTRIES = 1 << 17 };	/* of the index, looked at in a tick, and at once when a preview begins: 5 to 30 ms */

/* One a ring; all zero: none was asked for. */
struct preview {
	struct gs_survey survey;
	bool is_asked, is_done;
};

/* Begin to count, in the place of what was counted before. Looks at the first PREVIEW_ENTRIES at once. */
void preview_begin(struct preview *p, struct gs_table *t, const struct gs_survey *law);
/* Once a tick, of the previews of a table's rings, by id: go on with one of those that are under way. */
void preview_tick(struct preview p[GS_MAX_RINGS], struct gs_table *t);
/* How much of it has been looked at, per cent. */
uint32_t preview_percent(const struct preview *p, const struct gs_table *t);

#endif
