/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * drain.h - what the tables' rings of events hold becomes lines of the daemon's log.
 *
 * Every DRAIN_PERIOD_MS: cheap when nothing came.  A round makes no more than
 * DRAIN_LINES lines of a table, so that a burst costs the daemon no more than
 * its share; what the ring lost meanwhile is one line `LOST n=COUNT`.  How far
 * it came stands in the ring, and the next daemon goes on there.  Whoever
 * waits for events is woken by the bell in T.ctl.
 */
#ifndef GS_DAEMON_DRAIN_H
#define GS_DAEMON_DRAIN_H

#include "daemon/manager.h"

enum {
	DRAIN_PERIOD_MS = 20,
	DRAIN_LINES = 1024,		/* of a table in a round */
};

/* Go on where the daemon before stopped; its lines had the revisions before ours. When the tables are open. */
void drain_open(struct manager *m);
/* One round over all tables. */
void drain_round(struct manager *m);

#endif
