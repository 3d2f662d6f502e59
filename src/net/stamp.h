/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stamp.h - which of two copies of a session is the newer one.
 *
 * The end of a session goes before everything: ids are not used again.  Else
 * whoever changes a session has leased it, and every lease has a greater term
 * than those before it: terms decide, and within one the version.  Hosts that
 * were cut off from the others change what they have without a lease of all,
 * and mark it as split; beside such a copy times decide, see hlc.h.
 *
 * That is an order, with no circles, as long as who changes a session has taken
 * in the time of the copy that it changes: then of copies that are not split a
 * greater term has a later time too.
 */
#ifndef NET_STAMP_H
#define NET_STAMP_H

#include <stdint.h>

enum stamp_flag {
	STAMP_IS_TOMB = 1,		/* the session has ended */
	STAMP_IS_SPLIT = 2,		/* changed by who was cut off */
};

struct stamp {
	uint64_t term;			/* of the lease; the epoch of the map is its upper part */
	uint64_t version;		/* of the session */
	uint64_t hlc;			/* when it was changed */
	uint16_t writer;		/* the host that did */
	uint8_t flags;			/* enum stamp_flag */
};

/* < 0: a is older; > 0: a is newer; 0: they are one. */
int stamp_compare(const struct stamp *a, const struct stamp *b);

#endif
