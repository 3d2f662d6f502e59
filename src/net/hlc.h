/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hlc.h - times that follow causes: whoever has heard of an event gives a later time to the next, whatever the clocks of the hosts say.
 *
 * The upper 48 bits are milliseconds since 1970, as far as they are not behind
 * what was heard; the lower 16 count events within one, and run over into them.
 *
 * Source: S. Kulkarni et al., "Logical Physical Clocks and Consistent Snapshots in Globally Distributed Databases", 2014.
 */
#ifndef NET_HLC_H
#define NET_HLC_H

#include <stdint.h>

enum { HLC_COUNT_BITS = 16, HLC_DRIFT_MS = 5000 };

struct hlc {
	uint64_t last;
};

/* The time of an event here; wall_ms is the clock's, and may go back. */
uint64_t hlc_next(struct hlc *h, uint64_t wall_ms);

/*
 * hlc_hear - take in a time that another host has told.
 *
 * Returns 0, or GS_ERANGE: it is more than HLC_DRIFT_MS before our clock, which of the two is wrong nobody knows, and nothing
 * was taken in.
 */
int hlc_hear(struct hlc *h, uint64_t theirs, uint64_t wall_ms);

/* Its milliseconds. */
uint64_t hlc_ms(uint64_t time);

#endif
