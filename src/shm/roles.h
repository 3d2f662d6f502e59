/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * roles.h - the roles of a table in its memory: put there by the daemon, read by whoever acts for others.
 *
 * There are two places.  The daemon fills the one that is not in force and
 * then lets it be: a daemon that is stopped in the middle of that hinders
 * nobody, who reads goes on by the roles that are in force.
 */
#ifndef GS_SHM_ROLES_H
#define GS_SHM_ROLES_H

#include "policy/roles.h"
#include "shm/table.h"

/* Put roles into force; of the daemon. */
void gs_roles_apply(struct gs_table *t, const struct gs_roles *roles);

/* Grows when others come into force. */
static inline uint32_t
gs_roles_epoch_of(const struct gs_table *t)
{
	/* acquire; pairs with the release in gs_roles_apply: what is read behind it is of this epoch, or of a later one */
	return atomic_load_explicit(&t->ctl->roles_epoch, memory_order_acquire);
}

/* Those in force; of a damaged memory that contradicts itself, none. Cost: at most 400 bytes of loads. */
void gs_roles_load(const struct gs_table *t, struct gs_roles *out);

#endif
