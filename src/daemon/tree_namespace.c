/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/tree_impl.h"

#include <string.h>

#include "base/text.h"
#include "ctl/wire.h"
#include "daemon/events.h"
#include "daemon/jobs.h"
#include "daemon/roles.h"
#include "daemon/spec.h"
#include "shm/namespaces.h"

/* Of users who are no operators: so many namespaces each, and ids that they leave to operators, since a name keeps its id. */
enum { OWN_MOST = 16, IDS_KEPT = 64 };

enum { SLICE = 1 << 16 };		/* entries of the index that a removal looks at between two requests: about a ms */

/* May he have one of his own? Whoever may start sessions may, as he may make files where they lie; of these only some. */
static int
check_maker(const struct tree_place *p, const char *name, const struct tree_request *r, FILE *to)
{
	const struct gs_conf_table *t = &p->m->conf.tables[p->table];
	size_t own = 0;

	if (roles_may_operate(p->m, &p->table, &r->caller))
		return 0;
	if ((roles_rights(p->m, p->table, &r->caller) & GS_RIGHT_START) == 0) {
		roles_refused(p->m, p->table, &r->caller, "namespace");
		(void)fprintf(to, "uid %u may not make a namespace: that takes the role of a starter", r->caller.uid);
		return GS_EPERM;
	}
	for (size_t i = 0; i < t->n_namespaces; i++)
		own += gs_conf_owner_uid(t->namespaces[i].owner) == r->caller.uid && strcmp(t->namespaces[i].name, name) != 0;
	if (own >= OWN_MOST) {
		(void)fprintf(to, "uid %u has %d namespaces, which are the most for who is no operator", r->caller.uid, OWN_MOST);
		return GS_ENOSPC;
	}
	if (!gs_namespaces_has_room(p->m->tables[p->table].shm, name, IDS_KEPT)) {
		(void)fprintf(to, "of the names that this memory can have, which stay, the last %d are for operators", IDS_KEPT);
		return GS_ENOSPC;
	}
	return 0;
}

/* What comes with the making: nothing, or the mode of the directory as `mode OCTAL`. */
static int
take_mode(const struct tree_request *r, struct gs_conf_namespace *n, char why[GS_CONF_WHY_BYTES], FILE *to)
{
	struct tree_lines l = tree_set_lines(r);
	int rc;

	while ((rc = tree_set_next_line(&l, to)) > 0) {
		if (strncmp(l.line, "mode ", 5) != 0)
			return gs_conf_refuse(GS_EINVAL, why, "\"%.64s\": mode OCTAL", l.line);
		rc = gs_conf_set(gs_conf_find(GS_CONF_IN_NAMESPACE, "mode"), n, l.line + 5, why);
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* The memory first: where a session has the key there is no namespace. */
static int
make_in_memory(struct manager_table *mt, const struct gs_conf_namespace *n, char why[GS_CONF_WHY_BYTES])
{
	struct gs_namespace_spec spec;
	int rc;

	spec_namespace(&spec, n);
	rc = gs_namespaces_make(mt->shm, &mt->ctx, &spec);
	if (rc == GS_EEXIST)
		return gs_conf_refuse(GS_EEXIST, why, "a session has this key");
	if (rc < 0)
		return gs_conf_refuse(GS_EBUSY, why, "this memory has had %d namespaces, whose names stay, and has no room for another name",
		    GS_NAMESPACES - 1);
	return 0;
}

int
tree_namespace_make(const struct tree_place *p, const char *name, const struct tree_request *r, FILE *to)
{
	static struct gs_conf next;		/* large; one thread */
	char why[GS_CONF_WHY_BYTES] = "";
	struct manager *m = p->m;
	struct gs_conf_namespace *made;
	int rc = check_maker(p, name, r, to);

	if (rc < 0)
		return rc;
	next = m->conf;
	rc = m->jobs != NULL && jobs_is_restoring(m->jobs) ? gs_conf_refuse(GS_EBUSY, why, "a restore is under way, which may make it") :
	    gs_conf_add_namespace(&next.tables[p->table], name, why);
	if (rc == 0) {
		made = &next.tables[p->table].namespaces[next.tables[p->table].n_namespaces - 1];
		made->owner = gs_conf_owner(r->caller.uid, r->caller.gid);
		rc = take_mode(r, made, why, to);
		if (rc == 0)
			rc = make_in_memory(&m->tables[p->table], made, why);
	}
	(void)fputs(why, to);
	if (rc < 0)
		return rc;
	m->conf = next;
	manager_apply(m, p->table, -1);
	events_add(m->events, "namespace_added", "table=%s namespace=%s uid=%u pid=%d", m->conf.tables[p->table].name, name, r->caller.uid,
	    (int)r->caller.pid);
	return 0;
}

/* Go on with a removal, or do all of it. 0, TREE_WAITS, GS_ENOENT, GS_EBUSY. */
static int
remove_from_memory(struct manager *m, size_t table, const char *name, struct tree_removal *removal)
{
	struct manager_table *mt = &m->tables[table];
	int rc = 0;

	if (removal == NULL)
		return gs_namespaces_remove(mt->shm, &mt->ctx, name);
	if (!removal->is_begun) {
		rc = gs_namespaces_remove_begin(mt->shm, &removal->walk, name);
		removal->is_begun = rc == 0;
		removal->table = table;
	}
	if (rc == 0)
		rc = gs_namespaces_remove_step(mt->shm, &mt->ctx, &removal->walk, SLICE);
	return rc == 1 ? TREE_WAITS : rc;
}

void
tree_let_go(struct manager *m, struct tree_removal *removal)
{
	if (removal->is_begun)
		(void)gs_namespaces_reopen(m->tables[removal->table].shm, removal->walk.id);
	removal->is_begun = false;
}

int
tree_namespace_remove(const struct tree_place *p, const struct tree_request *r, FILE *to)
{
	struct manager *m = p->m;
	struct gs_conf_table *t = &m->conf.tables[p->table];
	char name[GS_CONF_NAME_BYTES];
	int id, rc;

	memcpy(name, t->namespaces[p->of_namespace].name, sizeof(name));
	id = gs_namespaces_find(m->tables[p->table].shm, name);
	if (!roles_may_operate(m, &p->table, &r->caller) && gs_conf_owner_uid(t->namespaces[p->of_namespace].owner) != r->caller.uid) {
		roles_refused(m, p->table, &r->caller, "namespace");
		(void)fprintf(to, "uid %u may not remove it: it is another's", r->caller.uid);
		return GS_EPERM;
	}
	if (m->jobs != NULL && jobs_is_restoring(m->jobs)) {
		(void)fputs("a restore is under way, which may bring sessions of it", to);
		return GS_EBUSY;
	}
	rc = remove_from_memory(m, p->table, name, r->removal);
	if (rc == TREE_WAITS)
		return rc;
	if (rc == GS_EBUSY) {
		(void)fputs("a ring has sessions of it", to);
		return GS_ENOTEMPTY;
	}
	/* Who was counted and died before he had a session is counted still. */
	if (id > 0 && gs_namespaces_count(m->tables[p->table].shm, (uint32_t)id) > 0)
		m->tables[p->table].wants_recount = true;
	gs_conf_remove_namespace(t, p->of_namespace);
	manager_apply(m, p->table, -1);
	events_add(m->events, "namespace_removed", "table=%s namespace=%s uid=%u pid=%d", t->name, name, r->caller.uid, (int)r->caller.pid);
	return 0;
}

void
tree_namespace_count(const struct tree_place *p, uint64_t offset, FILE *to)
{
	const struct gs_table *t = p->m->tables[p->table].shm;
	int id = gs_namespaces_find(t, p->m->conf.tables[p->table].namespaces[p->of_namespace].name);

	(void)offset;
	(void)fprintf(to, "%llu\n", (unsigned long long)(id <= 0 ? 0 : gs_namespaces_count(t, (uint32_t)id)));
}

void
tree_namespace_quota(const struct tree_place *p, uint64_t offset, FILE *to)
{
	char text[GS_CONF_WHY_BYTES];

	(void)offset;
	gs_conf_get_namespace_quota(&p->m->conf.tables[p->table], p->of_namespace, text, sizeof(text));
	(void)fprintf(to, "%s\n", text);
}

int
tree_namespace_set_quota(const struct tree_place *p, const struct tree_request *r, FILE *to)
{
	static struct gs_conf_table next;	/* large; one thread */
	struct tree_lines l = tree_set_lines(r);
	char why[GS_CONF_WHY_BYTES] = "", old[GS_CONF_WHY_BYTES], new[GS_CONF_WHY_BYTES], old_shown[4 * sizeof(old)], new_shown[4 * sizeof(new)];
	int rc, n_lines = 0;

	next = p->m->conf.tables[p->table];
	gs_conf_get_namespace_quota(&next, p->of_namespace, old, sizeof(old));
	while ((rc = tree_set_next_line(&l, to)) > 0) {
		rc = gs_conf_set_namespace_quota(&next, p->of_namespace, l.line, why);
		if (rc < 0) {
			(void)fputs(why, to);
			return rc;
		}
		n_lines++;
	}
	if (rc == 0 && n_lines == 0) {
		(void)fputs("nothing was written: RATE BURST, none or default is expected", to);
		return GS_EINVAL;
	}
	if (rc < 0)
		return rc;
	p->m->conf.tables[p->table].quota = next.quota;
	manager_apply(p->m, p->table, -1);
	gs_conf_get_namespace_quota(&next, p->of_namespace, new, sizeof(new));
	(void)gs_text_escape(old_shown, sizeof(old_shown), old, strlen(old));
	(void)gs_text_escape(new_shown, sizeof(new_shown), new, strlen(new));
	events_add(p->m->events, "set", "path=%s old=%s new=%s uid=%u pid=%d", r->path, old_shown, new_shown, r->caller.uid, (int)r->caller.pid);
	return 0;
}
