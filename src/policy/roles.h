/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * roles.h - what a user may in a table, by the users and groups that have its roles.
 */
#ifndef GS_POLICY_ROLES_H
#define GS_POLICY_ROLES_H

#include <stdbool.h>
#include <stdint.h>

enum { GS_ROLES_WHO = 16 };		/* users and groups in one role, at most */

enum gs_roles_kind { GS_ROLES_STARTER, GS_ROLES_WORKER, GS_ROLES_READER, GS_ROLES_REAPER, GS_ROLES_OPERATOR, GS_ROLES_KINDS };

struct gs_roles_list {
	bool is_any;			/* everybody */
	uint32_t n;
	uint32_t groups;		/* bit i: id[i] is a group's */
	uint32_t id[GS_ROLES_WHO];
};

struct gs_roles {
	uint32_t owner;			/* user of the daemon, who may everything, as root may */
	struct gs_roles_list of[GS_ROLES_KINDS];
};

/* Who asks. */
struct gs_roles_who {
	uint32_t uid, gid;
	const uint32_t *groups;		/* beside gid */
	uint32_t n_groups;
};

/* Bits of enum gs_right. */
uint32_t gs_roles_rights(const struct gs_roles *r, const struct gs_roles_who *who);

#endif
