/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/namespaces.h"

#include <string.h>

#include "base/clock.h"
#include "daemon/jobs.h"
#include "daemon/spec.h"
#include "prog/log.h"
#include "shm/namespaces.h"

enum { TICK_MS = 1000 };

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
		if (gs_namespaces_count(t, id) == 0 && gs_namespaces_remove(t, &m->tables[table].ctx, spec.name) == 0)
			continue;
		if (gs_conf_add_namespace(c, spec.name, why) == 0) {
			spec_namespace_back(&c->namespaces[c->n_namespaces - 1], &spec);
			log_notice("table %s: namespace %s has sessions and is there, with what the memory knows of it", c->name, spec.name);
		} else
			log_warnx("table %s: a namespace with sessions is not in the configuration: %s", c->name, why);
	}
}

/* Is it out of the memory? One that has sessions by its count is not looked through. */
static bool
is_gone(struct manager_table *mt, const char *name)
{
	int id = gs_namespaces_find(mt->shm, name);

	return id < 0 || (gs_namespaces_count(mt->shm, (uint32_t)id) == 0 && gs_namespaces_remove(mt->shm, &mt->ctx, name) == 0);
}

size_t
namespaces_remove_dropped(struct manager *m, size_t table, struct gs_conf_table *c)
{
	char name[GS_CONF_NAME_BYTES];
	size_t n = 0;

	for (size_t i = c->n_namespaces; i-- > 0;) {
		memcpy(name, c->namespaces[i].name, sizeof(name));
		if (!c->namespaces[i].is_dropped || !is_gone(&m->tables[table], name))
			continue;
		gs_conf_remove_namespace(c, i);
		log_notice("table %s: namespace %s, which the file has no more, is removed", c->name, name);
		n++;
	}
	return n;
}

void
namespaces_tell_dropped(const struct gs_conf_table *c)
{
	for (size_t i = 0; i < c->n_namespaces; i++)
		if (c->namespaces[i].is_dropped)
			log_warnx("table %s: namespace %s has sessions and stays until it has none", c->name, c->namespaces[i].name);
}

/* Make those that a session's key kept out of the memory. Returns how many are there now. */
static size_t
make_missing(struct manager_table *mt, const struct gs_conf_table *c)
{
	struct gs_namespace_spec spec;
	size_t n = 0;

	for (size_t i = 0; i < c->n_namespaces; i++) {
		if (gs_namespaces_find(mt->shm, c->namespaces[i].name) > 0)
			continue;
		spec_namespace(&spec, &c->namespaces[i]);
		if (gs_namespaces_make(mt->shm, &mt->ctx, &spec) < 0)
			continue;
		log_notice("table %s: namespace %s is there now", c->name, spec.name);
		n++;
	}
	return n;
}

void
namespaces_tick(struct manager *m)
{
	uint64_t now_ms = gs_clock_mono_ms();

	/* A restore makes some, and goes by those that there are. */
	if (now_ms < m->namespaces_ms || (m->jobs != NULL && jobs_is_restoring(m->jobs)))
		return;
	m->namespaces_ms = now_ms + TICK_MS;
	for (size_t i = 0; i < m->conf.n_tables; i++) {
		struct gs_conf_table *c = &m->conf.tables[i];

		if (m->tables[i].shm != NULL && namespaces_remove_dropped(m, i, c) + make_missing(&m->tables[i], c) > 0)
			manager_apply(m, i, -1);
	}
}
