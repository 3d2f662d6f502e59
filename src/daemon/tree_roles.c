/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/tree_impl.h"

#include "ctl/wire.h"
#include "daemon/roles.h"

static const struct {
	uint32_t right;
	const char *role;
} roles[] = {
	{ GS_RIGHT_START, "starter" }, { GS_RIGHT_WORK, "worker" }, { GS_RIGHT_READ, "reader" }, { GS_RIGHT_REAP, "reaper" },
	{ GS_RIGHT_OPERATE, "operator" },
};

void
tree_roles_mine(const struct tree_place *p, uint64_t offset, FILE *to)
{
	uint32_t rights = roles_rights(p->m, p->table, p->caller);

	(void)offset;
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if ((rights & roles[i].right) != 0)
			(void)fprintf(to, "%s ", roles[i].role);
	(void)fputs("\n", to);
}

void
tree_roles_lease(const struct tree_place *p, uint64_t offset, FILE *to)
{
	uint32_t pid = roles_lease_holder(p->m, p->table);

	(void)offset;
	if (pid == 0)
		(void)fputs("none\n", to);
	else
		(void)fprintf(to, "%u\n", pid);
}
