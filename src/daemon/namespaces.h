/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * namespaces.h - the namespaces of the configuration against those of the memory.
 */
#ifndef GS_DAEMON_NAMESPACES_H
#define GS_DAEMON_NAMESPACES_H

#include "daemon/manager.h"

/* Have the namespaces that the configuration has; who has a key of such a name keeps it, and namespaces_tick tries again. */
void namespaces_apply(struct manager_table *mt, const struct gs_conf_table *c);

/*
 * Take those into the configuration in force that the memory has and it does not: found on disks, restored, or made by a
 * daemon that was killed; without sessions they are removed. manager_apply is to follow.
 */
void namespaces_meet(struct manager *m, size_t table);

/*
 * What the file has dropped and has no sessions is removed, from the memory and from c, a configuration to come or in force.
 * Returns how many.
 */
size_t namespaces_remove_dropped(struct manager *m, size_t table, struct gs_conf_table *c);
/* Of those that are left: say that they stay. */
void namespaces_tell_dropped(const struct gs_conf_table *c);

/* Once a tick, which it does something in once a second: remove those, and make what could not be made. */
void namespaces_tick(struct manager *m);

#endif
