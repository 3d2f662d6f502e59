/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/tree_impl.h"

#include "daemon/events.h"
#include "daemon/roles.h"
#include "shm/classes.h"

int
tree_class_make(const struct tree_place *p, const char *name, const struct tree_request *r, FILE *to)
{
	static struct gs_conf next;		/* large; one thread */
	char why[GS_CONF_WHY_BYTES] = "";
	struct manager *m = p->m;
	int rc;

	if (!roles_may_operate(m, &p->table, &r->caller)) {
		roles_refused(m, p->table, &r->caller, "class");
		(void)fprintf(to, "uid %u may not make a class", r->caller.uid);
		return GS_EPERM;
	}
	next = m->conf;
	rc = gs_conf_add_class(&next.tables[p->table], name, why);
	if (rc == 0 && !gs_classes_has_room(m->tables[p->table].shm, name))
		rc = gs_conf_refuse(GS_EBUSY, why, "this memory has had %d classes, whose names stay, and has no room for another name", GS_CLASSES - 1);
	(void)fputs(why, to);
	if (rc < 0)
		return rc;
	m->conf = next;
	manager_apply(m, p->table, -1);
	events_add(m->events, "class_added", "table=%s class=%s uid=%u pid=%d", m->conf.tables[p->table].name, name, r->caller.uid,
	    (int)r->caller.pid);
	return 0;
}
