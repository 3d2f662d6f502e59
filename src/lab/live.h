/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * live.h - drive the running store with an access log, through the public interface, in real time or faster.
 *
 * The store's ttl stays real time: only the log is played faster.  What the
 * store counts grows by exactly what the report says: started and gets.
 */
#ifndef LAB_LIVE_H
#define LAB_LIVE_H

#include "gsession.h"
#include "lab/feed.h"
#include "lab/report.h"

enum { LIVE_VALUE_BYTES = 512, LIVE_WHY_BYTES = 256 };

struct live_options {
	const char *log;
	enum feed_key key;
	size_t key_max;			/* of the table */
	uint64_t speed;			/* times faster than the log, at least 1 */
	FILE *complain;			/* where unreadable lines are shown */
};

/* Returns 0, or an enum gs_err with a sentence in why; what was done until then is done. */
int live_run(struct report *out, struct gs *gs, const struct live_options *o, char why[LIVE_WHY_BYTES]);

#endif
