/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * info.h - from what the memory says of a session to struct gs_info, and names to numbers.
 */
#ifndef GS_LIB_INFO_H
#define GS_LIB_INFO_H

#include "lib/handle.h"

/* Store time, and the wall clock that the table keeps for it: one session always shows the same times. */
struct gs_now {
	uint64_t store_ms;
	int64_t wall_ns;
};

void gs_info_now(const struct gs *gs, struct gs_now *out);
int64_t gs_info_wall_ns(const struct gs *gs, uint64_t store_ms);
void gs_info_fill(const struct gs *gs, const struct gs_meta *m, const struct gs_now *now, struct gs_info *out);

/* The times that are shown, ns of the wall clock: a touch moves both in whole ms, a write has them in ns. */
struct gs_info_times {
	int64_t mtime_ns, ctime_ns;
};

struct gs_info_times gs_info_times(const struct gs_meta *m, const struct gs_now *now);

/* An id: the entry's ordinal with 25 bits that tell its sessions apart. */
uint64_t gs_info_id(uint64_t ordinal, uint32_t birth);
uint64_t gs_info_ordinal(uint64_t id);

#endif
