/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.h - drive a private store with an access log, in virtual time.
 *
 * One session per key.  Its first request puts it, later ones get it, and a
 * get that finds none puts it again.  Between two lines each deadline runs at
 * its own time, in order: a session is in its ring at its deadline still, and
 * leaves at the first millisecond after.  Every step is the store's own code
 * (kv.h), told the virtual time, so the report says what a store with these
 * settings would have done, in seconds and each time the same.
 *
 * A decay into a full ring waits, and is done at the instant at which a
 * session leaves that ring; those who wait longest go first.
 */
#ifndef LAB_REPLAY_H
#define LAB_REPLAY_H

#include "conf/conf.h"
#include "lab/feed.h"
#include "lab/report.h"

enum { REPLAY_VALUE_BYTES = 512, REPLAY_WHY_BYTES = 256 };

/* What to replay. */
struct replay_order {
	const struct gs_conf *conf;
	const struct gs_conf_table *table;	/* of conf: the private one is made like it */
	const char *log;
	enum feed_key key;
	FILE *complain;			/* where unreadable lines are shown */
};

/*
 * replay_run - replay a log on a private table made as the configuration says.
 *
 *   why	gets a sentence when it fails
 *
 * Returns 0 or an enum gs_err.  The report ends at the time of the last line.
 */
int replay_run(struct report *out, const struct replay_order *order, char why[REPLAY_WHY_BYTES]);

#endif
