/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/namespaces.h"

#include "daemon/spec.h"
#include "prog/log.h"
#include "shm/namespaces.h"

void
namespaces_apply(struct manager_table *mt, const struct gs_conf_table *c)
{
	struct gs_namespace_spec spec;

	for (size_t i = 0; i < c->n_namespaces; i++) {
		int rc;

		spec_namespace(&spec, &c->namespaces[i]);
		rc = gs_namespaces_make(mt->shm, &mt->ctx, &spec);
		if (rc == GS_EEXIST)
			log_warnx("table %s: namespace %s is not there: a session has this key", c->name, spec.name);
		else if (rc < 0)
			log_warnx("table %s: namespace %s is not there: the memory has had %d names and has no room for another", c->name, spec.name,
			    GS_NAMESPACES - 1);
	}
}

void
namespaces_meet(struct manager *m, size_t table)
{
	struct gs_conf_table *c = &m->conf.tables[table];
	struct gs_table *t = m->tables[table].shm;
	struct gs_namespace_spec spec;
	char why[GS_CONF_WHY_BYTES];

	for (uint32_t id = 1; id < GS_NAMESPACES; id++) {
		if (!gs_namespaces_load(t, id, &spec) || gs_conf_namespace(c, spec.name) < c->n_namespaces)
			continue;
		if (gs_namespaces_count(t, id) == 0)
			(void)gs_namespaces_remove(t, &m->tables[table].ctx, spec.name);
		else if (gs_conf_add_namespace(c, spec.name, why) == 0)
			log_notice("table %s: namespace %s has sessions and is there, of root and without limits", c->name, spec.name);
		else
			log_warnx("table %s: a namespace with sessions is not in the configuration: %s", c->name, why);
	}
}

void
namespaces_remove_old(struct manager *m, size_t table, struct gs_conf_table *next)
{
	const struct gs_conf_table *c = &m->conf.tables[table];
	char why[GS_CONF_WHY_BYTES];

	for (size_t i = 0; i < c->n_namespaces; i++) {
		const struct gs_conf_namespace *n = &c->namespaces[i];

		if (gs_conf_namespace(next, n->name) < next->n_namespaces ||
		    gs_namespaces_remove(m->tables[table].shm, &m->tables[table].ctx, n->name) != GS_EBUSY)
			continue;
		if (gs_conf_add_namespace(next, n->name, why) == 0)
			next->namespaces[next->n_namespaces - 1] = *n;
		log_warnx("table %s: namespace %s has sessions and stays", c->name, n->name);
	}
}
