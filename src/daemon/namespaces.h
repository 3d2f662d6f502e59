/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * namespaces.h - the namespaces of the configuration against those of the memory.
 */
#ifndef GS_DAEMON_NAMESPACES_H
#define GS_DAEMON_NAMESPACES_H

#include "daemon/manager.h"

/* Have the namespaces that the configuration has; who has a key of such a name keeps it. */
void namespaces_apply(struct manager_table *mt, const struct gs_conf_table *c);

/*
 * Take those into the configuration in force that the memory has and it does not: found on disks, restored, or made by a
 * daemon that was killed; without sessions they are removed. manager_apply is to follow.
 */
void namespaces_meet(struct manager *m, size_t table);

/* What the configuration to come has no more is removed, unless it has sessions: then it gets it as it is. */
void namespaces_remove_old(struct manager *m, size_t table, struct gs_conf_table *next);

#endif
