/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/admission.h"

#include <string.h>

#include "gsession.h"
#include "daemon/roles.h"

static int
check_hello(const struct manager *m, const struct gs_wire_hello *h)
{
	if (h->abi_major != GS_API_MAJOR)
		return GS_EVERSION;
	if (memchr(h->table, 0, sizeof(h->table)) == NULL || h->n_ctx == 0 || h->n_ctx > GS_WIRE_MAX_GRANT || h->role > GS_WIRE_READER)
		return GS_EINVAL;
	return manager_table(m, h->table);
}

/* What a role of an attach takes: any of these rights. */
static uint32_t
rights_for(uint32_t role)
{
	return role == GS_WIRE_READER ? GS_RIGHT_READ : GS_RIGHT_WORK | GS_RIGHT_START | GS_RIGHT_REAP;
}

int
admission_grant(struct manager *m, struct clients *clients, const struct manager_caller *who, const struct gs_wire_hello *h,
    struct gs_wire_welcome *w, int *pages_fd)
{
	int table = check_hello(m, h), rc;

	*pages_fd = -1;
	if (table < 0)
		return table;
	w->rights = roles_rights(m, (size_t)table, who);
	if ((w->rights & rights_for(h->role)) == 0) {
		roles_refused(m, (size_t)table, who, "attach");
		return GS_EPERM;
	}
	if (h->role == GS_WIRE_READER) {
		*pages_fd = clients_grant_reader(clients, (size_t)table, who, h->n_ctx, w);
		return *pages_fd < 0 ? *pages_fd : table;
	}
	rc = clients_grant(clients, (size_t)table, who, h->n_ctx, w);
	if (rc == 0)
		rc = GS_EBUSY;
	return rc < 0 ? rc : table;
}
