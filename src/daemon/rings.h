/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rings.h - rings that are made, switched, drained and removed while the daemon runs.
 *
 * The configuration in force is the truth, and is kept before the memory
 * follows it: a daemon that is killed in between finishes at its next start.
 */
#ifndef GS_DAEMON_RINGS_H
#define GS_DAEMON_RINGS_H

#include "daemon/manager.h"

/*
 * Bring the rings of a table's memory to what the configuration in force says: rules, order, states; rings that it does not
 * have are dropped, those that the memory does not have are made. Says in the log what could not be done.
 */
void rings_apply(struct manager *m, size_t table);

/* Have the next sweep look at every session when it is to leave its ring: that goes by another rule than before. */
void rings_rearm(struct manager_table *mt);

/* May a table's memory become what a configuration says? 0, or an error with a sentence. For an opening and a reload. */
int rings_check(const struct gs_table *t, const struct gs_conf_table *c, char why[GS_CONF_WHY_BYTES]);

/*
 * Make a ring, off, with defaults; remove one that is off and empty. Returns 0 or an error with its sentence: GS_EINVAL,
 * GS_EEXIST, GS_ERANGE (as many as there can be), GS_EPERM (never), GS_EBUSY (not now), GS_ENOSPC.
 */
int rings_make(struct manager *m, size_t table, const char *name, char why[GS_CONF_WHY_BYTES]);
int rings_remove(struct manager *m, size_t table, size_t ring, char why[GS_CONF_WHY_BYTES]);

/* Set the state of a ring in a configuration that is to come into force. As above. */
int rings_switch(const struct manager *m, struct gs_conf *next, size_t table, size_t ring, uint64_t state, char why[GS_CONF_WHY_BYTES]);

/* Sessions in a ring. */
uint64_t rings_population(const struct manager *m, size_t table, const char *name);

/* Once a tick: a ring that has drained is off. */
void rings_tick(struct manager *m);

#endif
