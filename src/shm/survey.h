/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * survey.h - count what another law would do to the sessions of a ring, a piece of the index at a time; changes nothing.
 */
#ifndef GS_SHM_SURVEY_H
#define GS_SHM_SURVEY_H

#include "shm/kv.h"

struct gs_survey {
	uint32_t ring;
	uint64_t ttl_ms, half_life_ms;	/* the law that is tried */
	uint64_t now_ms;		/* as of this instant */
	uint64_t next;			/* ordinal of the first entry that was not looked at */
	uint64_t sessions;		/* of the ring, so far */
	uint64_t leaving;		/* of those, how many would leave it now */
};

/*
 * Look at the next n entries of the index. Returns whether all have been looked at. A session that moves while the survey is
 * under way may be missed, or counted twice; one that is over is not counted.  Cost: some ns for an entry, and a miss of the
 * caches for each session of the ring.
 */
bool gs_survey_step(struct gs_table *t, struct gs_survey *s, uint64_t n);

#endif
