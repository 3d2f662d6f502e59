/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sweep.h - what the daemon does to sessions as time passes: decay, expiry, the slow walk that repairs, and memory given back.
 */
#ifndef GS_DAEMON_SWEEP_H
#define GS_DAEMON_SWEEP_H

#include "daemon/manager.h"

enum { SWEEP_PERIOD_MS = 250 };

/* One tick: settle every session whose due hint has come, in all tables. */
void sweep_tick(struct manager *m);

/*
 * What a tick began and takes more than a moment, a recount's look at the index: is there any, and the next ms of it. Between
 * two of them requests are answered.
 */
bool sweep_has_more(const struct manager *m);
void sweep_go_on(struct manager *m);

#endif
