/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.h - what the daemon tells of itself: the figures that are of no table, in its answers and in the memory of each.
 */
#ifndef GS_DAEMON_HOST_H
#define GS_DAEMON_HOST_H

#include "daemon/manager.h"
#include "shm/stats.h"

void host_figures(const struct manager *m, struct gs_figures *out);
/* Put them into the memory of each table, when one of them has changed, so that nobody has to ask. */
void host_tell(const struct manager *m);

#endif
