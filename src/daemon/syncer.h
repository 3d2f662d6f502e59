/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * syncer.h - a thread that waits for the disk, so that the daemon does not.
 *
 * It does one thing: fdatasync of the descriptors that it was given.  It
 * touches no memory of a table, and the daemon asks whether it is through.
 */
#ifndef GS_DAEMON_SYNCER_H
#define GS_DAEMON_SYNCER_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "shm/layout.h"

enum { SYNCER_FDS = GS_CONF_TABLES * GS_MAX_ARENAS };

struct syncer;

/* NULL: no memory, or no thread. */
struct syncer *syncer_new(void);
/* Waits for a sync that is under way. */
void syncer_free(struct syncer **s);

/* Begin to sync; the last one must be through. The descriptors stay open until then. */
void syncer_begin(struct syncer *s, const int *fds, size_t n);
/* Is it through, and how did it end: 0, or GS_ESYSTEM. False while it is under way, and when none was begun. */
bool syncer_poll(struct syncer *s, int *rc);

#endif
