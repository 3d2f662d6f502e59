/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tables.h - the memory of the tables: found as it was left, or made as the configuration asks.
 */
#ifndef GS_DAEMON_TABLES_H
#define GS_DAEMON_TABLES_H

#include "daemon/manager.h"

/*
 * Open the memory of m->conf.tables[i], with the sessions that it or its rings on disks have, or make it. Returns 0, or an error
 * with its sentence: the memory has another shape than the configuration asks for, which is no reason to drop it, or it cannot be made.
 */
int tables_open(struct manager *m, size_t i, bool *is_new, char why[GS_CONF_WHY_BYTES]);

/* Does the memory in use have room for what a configuration asks? It also says how many sessions its index holds. As above. */
int tables_check(const struct manager *m, struct gs_conf *c, char why[GS_CONF_WHY_BYTES]);

/* Tell those who are attached, then remove the files: their mappings stay until they detach. */
void tables_purge(int dir_fd, const char *name);

#endif
