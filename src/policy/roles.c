/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/roles.h"

#include "gsession.h"

static const uint32_t rights_of[GS_ROLES_KINDS] = {
	[GS_ROLES_STARTER] = GS_RIGHT_START | GS_RIGHT_WORK | GS_RIGHT_READ,
	[GS_ROLES_WORKER] = GS_RIGHT_WORK | GS_RIGHT_READ,
	[GS_ROLES_READER] = GS_RIGHT_READ,
	[GS_ROLES_REAPER] = GS_RIGHT_REAP | GS_RIGHT_READ,
	[GS_ROLES_OPERATOR] = GS_RIGHT_OPERATE,
};

static bool
is_in_group(const struct gs_roles_who *who, uint32_t gid)
{
	if (who->gid == gid)
		return true;
	for (uint32_t i = 0; i < who->n_groups; i++)
		if (who->groups[i] == gid)
			return true;
	return false;
}

static bool
is_in(const struct gs_roles_list *list, const struct gs_roles_who *who)
{
	for (uint32_t i = 0; i < list->n; i++)
		if ((list->groups >> i & 1) != 0 ? is_in_group(who, list->id[i]) : list->id[i] == who->uid)
			return true;
	return list->is_any;
}

uint32_t
gs_roles_rights(const struct gs_roles *r, const struct gs_roles_who *who)
{
	uint32_t rights = 0;

	if (who->uid == 0 || who->uid == r->owner)
		return GS_RIGHTS_ALL;
	for (int i = 0; i < GS_ROLES_KINDS; i++)
		if (is_in(&r->of[i], who))
			rights |= rights_of[i];
	return rights;
}
