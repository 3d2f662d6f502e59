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

#endif
