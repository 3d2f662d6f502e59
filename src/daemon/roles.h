/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * roles.h - who may what in a table, by the configuration's [roles]; and the lease of the one starter.
 *
 * What the daemon can enforce it does: at the attach, where who is only a
 * reader gets no descriptor that can be written through, and for control
 * files.  Who has the memory of a table is trusted to keep to the rest: the
 * library does, by the rights that came with the memory, and so does the
 * mount, for each of its callers.
 */
#ifndef GS_DAEMON_ROLES_H
#define GS_DAEMON_ROLES_H

#include "daemon/manager.h"

/* Put a table's roles into force, where the configuration says other ones than before. Names that nobody has are warned of. */
void roles_apply(struct manager *m, size_t table);

/* What a caller may in a table: bits of enum gs_right. Root and our own user may everything. */
uint32_t roles_rights(const struct manager *m, size_t table, const struct manager_caller *who);

/* May he write the control files of a table; NULL: those of the instance, which takes the role in every table. */
bool roles_may_operate(const struct manager *m, const size_t *table, const struct manager_caller *who);

/* Count and tell a refusal; what: one word. More than a few a second are counted, and told in sum. */
void roles_refused(struct manager *m, size_t table, const struct manager_caller *who, const char *what);

/*
 * Give the lease of a table to the process, which is attached to it. 0, also when it has it or none is needed; GS_EPERM with
 * the sentence: he is no starter, or another process has it.
 */
int roles_take_lease(struct manager *m, size_t table, const struct manager_caller *who, char why[GS_CONF_WHY_BYTES]);
/* Free the leases of processes that have detached or ended. */
void roles_tick(struct manager *m);
/* The holder's pid, 0: none. */
uint32_t roles_lease_holder(const struct manager *m, size_t table);

#endif
