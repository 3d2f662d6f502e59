/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf/draft.h"

#include <string.h>

#include "base/paths.h"
#include "gsession.h"

#define SECTIONS "[daemon], [table NAME], [ring NAME], [ring TABLE/NAME], [class NAME], [class TABLE/NAME], [namespace NAME], " \
	"[namespace TABLE/NAME], [quota], [quota TABLE], [roles] or [roles TABLE]"
#define NAMES "a name is 1 to 31 of a-z 0-9 _ . - and begins with none of . -"

/* Names that mean something else beside a table's directory, now or in what is planned. */
/* What the control tree, and the mount, call something else. */
static const char *const reserved[] = {
	"control", "cluster", "node", "stats", "metrics", "ctl", "events", "find", "version", "uptime", "last_error", "events.counts",
	"events_pipe",
};

bool
gs_conf_is_reserved(const char *name)
{
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (strcmp(name, reserved[i]) == 0)
			return true;
	return false;
}

static size_t
row_of(const struct gs_conf_option *o)
{
	return (size_t)(o - gs_conf_options);
}

/* A table's index, or n_tables. */
static size_t
find_table(const struct gs_conf_draft *d, const char *name)
{
	size_t i;

	for (i = 0; i < d->n_tables; i++)
		if (strcmp(d->tables[i].table.name, name) == 0)
			break;
	return i;
}

/* A ring's index, or n_rings. */
static size_t
find_ring(const struct gs_conf_draft_table *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->n_rings; i++)
		if (strcmp(t->rings[i].name, name) == 0)
			break;
	return i;
}

static struct gs_conf_draft_table *
add_table(struct gs_conf_draft *d, const char *name)
{
	struct gs_conf_draft_table *t = &d->tables[d->n_tables++];

	gs_conf_init_table(&t->table, name);
	t->n_rings = t->n_built_in = t->table.n_rings;
	(void)memcpy(t->rings, t->table.rings, t->n_rings * sizeof(t->rings[0]));
	(void)memset(t->table.rings, 0, sizeof(t->table.rings));
	t->table.n_rings = 0;
	return t;
}

/* The table of a name, made if it is new. */
static int
take_table(struct gs_conf_draft *d, const char *section, const char *name, struct gs_conf_draft_table **out, char *why)
{
	size_t i;

	if (!gs_name_is_valid(name))
		return gs_conf_refuse(GS_EINVAL, why, "\"[%s]\": %s", section, NAMES);
	if (gs_conf_is_reserved(name))
		return gs_conf_refuse(GS_EINVAL, why, "\"[%s]\": any name but those of control files (control cluster node stats metrics ctl events find ...)", section);
	i = find_table(d, name);
	if (i == GS_CONF_TABLES)
		return gs_conf_refuse(GS_ERANGE, why, "\"[%s]\": at most %d tables", section, GS_CONF_TABLES);
	*out = i < d->n_tables ? &d->tables[i] : add_table(d, name);
	return GS_OK;
}

/* Continue in a section, unless this file had it already. */
static int
enter(struct gs_conf_draft *d, enum gs_conf_section kind, void *at, struct gs_conf_draft_section *into)
{
	if (into->opened.line != 0 && into->opened.file == d->file)
		return GS_EEXIST;
	d->kind = kind;
	d->at = at;
	d->into = into;
	return GS_OK;
}

static int
enter_table(struct gs_conf_draft *d, const char *section, const char *name, char *why)
{
	struct gs_conf_draft_table *t;
	int rc = take_table(d, section, name, &t, why);

	return rc < 0 ? rc : enter(d, GS_CONF_IN_TABLE, &t->table, &t->section);
}

static int
enter_roles(struct gs_conf_draft *d, const char *section, const char *name, char *why)
{
	struct gs_conf_draft_table *t;
	int rc = take_table(d, section, name, &t, why);

	return rc < 0 ? rc : enter(d, GS_CONF_IN_ROLES, &t->table.roles, &t->roles_section);
}

/* The table of `NAME` or `TABLE/NAME`; *name is what stands behind it. */
static int
take_table_of(struct gs_conf_draft *d, const char *section, const char **name, struct gs_conf_draft_table **out, char *why)
{
	char table_name[GS_CONF_WHY_BYTES] = "sessions";
	const char *slash = strchr(*name, '/');

	if (slash != NULL) {
		(void)snprintf(table_name, sizeof(table_name), "%.*s", (int)(slash - *name), *name);
		*name = slash + 1;
	}
	return take_table(d, section, table_name, out, why);
}

static int
enter_class(struct gs_conf_draft *d, const char *section, const char *name, char *why)
{
	char reason[GS_CONF_WHY_BYTES];
	struct gs_conf_draft_table *t;
	int rc = take_table_of(d, section, &name, &t, why);
	size_t i;

	if (rc < 0)
		return rc;
	i = gs_conf_class(&t->table, name);
	rc = i < t->table.n_classes ? GS_OK : gs_conf_add_class(&t->table, name, reason);
	if (rc < 0)
		return gs_conf_refuse(rc, why, "\"[%s]\": %s", section, reason);
	return enter(d, GS_CONF_IN_CLASS, &t->table.classes[i], &t->class_sections[i]);
}

static int
enter_namespace(struct gs_conf_draft *d, const char *section, const char *name, char *why)
{
	char reason[GS_CONF_WHY_BYTES];
	struct gs_conf_draft_table *t;
	int rc = take_table_of(d, section, &name, &t, why);
	size_t i;

	if (rc < 0)
		return rc;
	i = gs_conf_namespace(&t->table, name);
	rc = i < t->table.n_namespaces ? GS_OK : gs_conf_add_namespace(&t->table, name, reason);
	if (rc < 0)
		return gs_conf_refuse(rc, why, "\"[%s]\": %s", section, reason);
	return enter(d, GS_CONF_IN_NAMESPACE, &t->table.namespaces[i], &t->namespace_sections[i]);
}

static int
enter_ring(struct gs_conf_draft *d, const char *section, const char *name, char *why)
{
	struct gs_conf_draft_table *t;
	size_t i;
	int rc = take_table_of(d, section, &name, &t, why);

	if (rc < 0)
		return rc;
	if (!gs_name_is_valid(name) || strcmp(name, "none") == 0)
		return gs_conf_refuse(GS_EINVAL, why, "\"[%s]\": %s; none is not a ring", section, NAMES);
	i = find_ring(t, name);
	if (i == GS_DRAFT_RINGS)
		return gs_conf_refuse(GS_ERANGE, why, "\"[%s]\": at most %d rings in a table", section, GS_CONF_RINGS);
	if (i == t->n_rings)
		gs_conf_init_ring(&t->rings[t->n_rings++], name);
	return enter(d, GS_CONF_IN_RING, &t->rings[i], &t->ring_sections[i]);
}

/* Of a table that is there already, or has a section further down. */
static int
enter_quota(struct gs_conf_draft *d, const char *section, const char *name, char *why)
{
	struct gs_conf_draft_table *t;
	int rc = take_table(d, section, name, &t, why);

	return rc < 0 ? rc : enter(d, GS_CONF_IN_QUOTA, &t->table.quota, &t->quota_section);
}

/* What allows a key that is not one: the keys of the section. */
static void
list_keys(enum gs_conf_section kind, char *out, size_t cap)
{
	const struct gs_conf_option *o;
	size_t len = 0;

	out[0] = '\0';
	for (o = gs_conf_options; o->key != NULL; o++)
		if (o->section == kind && len < cap)
			len += (size_t)snprintf(out + len, cap - len, " %s", o->key);
}

void
gs_conf_draft_init(struct gs_conf_draft *d)
{
	(void)memset(d, 0, sizeof(*d));
	gs_conf_fall_back(GS_CONF_IN_DAEMON, &d->daemon);
	gs_conf_fall_back(GS_CONF_IN_ROLES, &d->roles);
	(void)add_table(d, "sessions");
}

int
gs_conf_draft_open_section(void *arg, unsigned line, const char *name, char why[GS_CONF_WHY_BYTES])
{
	struct gs_conf_draft *d = arg;
	char quoted[GS_CONF_TEXT_BYTES];
	int rc;

	(void)gs_conf_quote(quoted, sizeof(quoted), name);
	if (strcmp(name, "daemon") == 0)
		rc = enter(d, GS_CONF_IN_DAEMON, &d->daemon, &d->section);
	else if (strncmp(name, "table ", 6) == 0)
		rc = enter_table(d, quoted, name + 6, why);
	else if (strcmp(name, "roles") == 0)
		rc = enter(d, GS_CONF_IN_ROLES, &d->roles, &d->roles_section);
	else if (strncmp(name, "roles ", 6) == 0)
		rc = enter_roles(d, quoted, name + 6, why);
	else if (strncmp(name, "ring ", 5) == 0)
		rc = enter_ring(d, quoted, name + 5, why);
	else if (strncmp(name, "class ", 6) == 0)
		rc = enter_class(d, quoted, name + 6, why);
	else if (strncmp(name, "namespace ", 10) == 0)
		rc = enter_namespace(d, quoted, name + 10, why);
	else if (strcmp(name, "quota") == 0)
		rc = enter_quota(d, quoted, "sessions", why);
	else if (strncmp(name, "quota ", 6) == 0)
		rc = enter_quota(d, quoted, name + 6, why);
	else
		return gs_conf_refuse(GS_EINVAL, why, "\"[%s]\": %s", quoted, SECTIONS);
	if (rc == GS_EEXIST)
		return gs_conf_refuse(GS_EINVAL, why, "\"[%s]\": once in a file", quoted);
	if (rc == GS_OK)
		d->into->opened = (struct gs_place){ d->file, line };
	return rc;
}

int
gs_conf_draft_set(void *arg, unsigned line, const char *key, const char *value, char why[GS_CONF_WHY_BYTES])
{
	struct gs_conf_draft *d = arg;
	const struct gs_conf_option *o = gs_conf_find(d->kind, key);
	char keys[GS_CONF_WHY_BYTES / 2];
	struct gs_place *place;
	int rc;

	if (o == NULL) {
		list_keys(d->kind, keys, sizeof(keys));
		return gs_conf_refuse(GS_EINVAL, why, "\"%s\": the keys of this section are%s", key, keys);
	}
	place = &d->into->set[row_of(o)];
	if (place->line != 0 && place->file == d->file && o->type != GS_CONF_OVERRIDES_LIST)
		return gs_conf_refuse(GS_EINVAL, why, "\"%s\": once in a section, and line %u has it", key, place->line);
	rc = gs_conf_set(o, d->at, value, why);
	if (rc == GS_OK)
		*place = (struct gs_place){ d->file, line };
	return rc;
}

/* Which rings a chain of decay_to from active takes, in order; the number of them or an error. */
static int
follow_chain(const struct gs_conf_draft_table *t, size_t chain[GS_DRAFT_RINGS], struct gs_place *place, char *why)
{
	const size_t row = row_of(gs_conf_find(GS_CONF_IN_RING, "decay_to"));
	bool is_taken[GS_DRAFT_RINGS] = { false };
	size_t next = 0, n = 0;

	for (;;) {
		const struct gs_conf_ring *r = &t->rings[next];

		chain[n++] = next;
		is_taken[next] = true;
		if (strcmp(r->decay_to, "none") == 0)
			return (int)n;
		*place = t->ring_sections[next].set[row];
		next = find_ring(t, r->decay_to);
		if (next == t->n_rings)
			return gs_conf_refuse(GS_EINVAL, why, "\"decay_to = %s\": a ring of table %s, or none", r->decay_to, t->table.name);
		if (t->rings[next].is_suspect)
			return gs_conf_refuse(GS_EINVAL, why, "\"decay_to = %s\": a ring that is not suspect", r->decay_to);
		if (t->rings[next].state != GS_CONF_STATE_ON)
			return gs_conf_refuse(GS_EINVAL, why, "\"decay_to = %s\": a ring that is on", r->decay_to);
		if (is_taken[next])
			return gs_conf_refuse(GS_EINVAL, why, "\"decay_to = %s\": outwards, never back to a ring passed before", r->decay_to);
	}
}

/* Rings that somebody wrote about are reached. */
static int
check_reached(const struct gs_conf_draft_table *t, const size_t *chain, size_t n_chain, struct gs_place *place, char *why)
{
	size_t i, k;

	for (i = 0; i < t->n_rings; i++) {
		for (k = 0; k < n_chain && chain[k] != i; k++)
			;
		if (k < n_chain || t->rings[i].is_suspect || t->ring_sections[i].opened.line == 0 || t->rings[i].state != GS_CONF_STATE_ON)
			continue;
		*place = t->ring_sections[i].opened;
		return gs_conf_refuse(GS_EINVAL, why, "\"[ring %s/%s]\": a ring that decay_to leads to, beginning at active",
		    t->table.name, t->rings[i].name);
	}
	return GS_OK;
}

/* A ring that is not built in says how long and how many. */
static int
check_new_ring(const struct gs_conf_draft_table *t, size_t i, struct gs_place *place, char *why)
{
	static const char *const needed[] = { "ttl", "capacity" };
	const struct gs_conf_draft_section *s = &t->ring_sections[i];
	size_t k;

	for (k = 0; i >= t->n_built_in && k < sizeof(needed) / sizeof(needed[0]); k++)
		if (s->set[row_of(gs_conf_find(GS_CONF_IN_RING, needed[k]))].line == 0) {
			*place = s->opened;
			return gs_conf_refuse(GS_EINVAL, why, "\"[ring %s/%s]\": needs %s", t->table.name, t->rings[i].name, needed[k]);
		}
	return GS_OK;
}

/* Append ring i to out, its half-life from the ring before unless it has its own. */
static void
append_ring(const struct gs_conf_draft_table *t, size_t i, struct gs_conf_table *out, uint64_t half_life_ms)
{
	struct gs_conf_ring *r = &out->rings[out->n_rings++];

	*r = t->rings[i];
	if (t->ring_sections[i].set[row_of(gs_conf_find(GS_CONF_IN_RING, "half_life"))].line == 0)
		r->half_life_ms = half_life_ms;
}

/* A table that is only known from a ring, a class or a namespace of it, its quota or its roles: at the first such section. */
static int
refuse_orphan(const struct gs_conf_draft_table *t, struct gs_place *place, char *why)
{
	size_t i = 0;

	if (t->quota_section.opened.line != 0) {
		*place = t->quota_section.opened;
		return gs_conf_refuse(GS_EINVAL, why, "\"[quota %s]\": needs a [table %s]", t->table.name, t->table.name);
	}
	*place = t->roles_section.opened;
	if (place->line != 0)
		return gs_conf_refuse(GS_EINVAL, why, "\"[roles %s]\": needs a [table %s]", t->table.name, t->table.name);
	for (i = 0; i < t->table.n_classes; i++)
		if (t->class_sections[i].opened.line != 0) {
			*place = t->class_sections[i].opened;
			return gs_conf_refuse(GS_EINVAL, why, "\"[class %s/%s]\": needs a [table %s]", t->table.name, t->table.classes[i].name,
			    t->table.name);
		}
	if (t->table.n_namespaces > 0) {
		*place = t->namespace_sections[0].opened;
		return gs_conf_refuse(GS_EINVAL, why, "\"[namespace %s/%s]\": needs a [table %s]", t->table.name, t->table.namespaces[0].name,
		    t->table.name);
	}
	i = 0;
	while (t->ring_sections[i].opened.line == 0)
		i++;
	*place = t->ring_sections[i].opened;
	return gs_conf_refuse(GS_EINVAL, why, "\"[ring %s/%s]\": needs a [table %s]", t->table.name, t->rings[i].name, t->table.name);
}

/* Add the rings that are not on behind those of the chain. Returns how many. */
static int
add_off(const struct gs_conf_draft_table *t, size_t chain[GS_DRAFT_RINGS], int n)
{
	int n_off = 0;

	for (size_t i = 0; i < t->n_rings; i++)
		if (t->rings[i].state != GS_CONF_STATE_ON && !t->rings[i].is_suspect && i != chain[0])
			chain[n + n_off++] = i;
	return n_off;
}

static int
finish_table(const struct gs_conf_draft_table *t, struct gs_conf_table *out, struct gs_place *place, char *why)
{
	size_t chain[GS_DRAFT_RINGS], i;
	int n, n_off, rc;

	if (t->section.opened.line == 0 && strcmp(t->table.name, "sessions") != 0)
		return refuse_orphan(t, place, why);
	n = follow_chain(t, chain, place, why);
	if (n < 0)
		return n;
	rc = check_reached(t, chain, (size_t)n, place, why);
	if (rc < 0)
		return rc;
	*place = t->section.opened;
	n_off = add_off(t, chain, n);
	if (n + n_off + 1 > GS_CONF_RINGS)
		return gs_conf_refuse(GS_ERANGE, why, "\"[table %s]\": at most %d rings, suspect too", t->table.name, GS_CONF_RINGS);
	*out = t->table;
	for (i = 0; i < (size_t)(n + n_off); i++) {
		rc = check_new_ring(t, chain[i], place, why);
		if (rc < 0)
			return rc;
		append_ring(t, chain[i], out, i > 0 ? out->rings[i - 1].half_life_ms : t->rings[0].half_life_ms);
	}
	append_ring(t, find_ring(t, "suspect"), out, out->rings[0].half_life_ms);
	return GS_OK;
}

/* What a table does not say about its roles, [roles] does. */
static void
inherit_roles(const struct gs_conf_draft *d, const struct gs_conf_draft_table *t, struct gs_conf_roles *out)
{
	char value[GS_CONF_TEXT_BYTES], why[GS_CONF_WHY_BYTES];
	const struct gs_conf_option *o;

	for (o = gs_conf_options; o->key != NULL; o++) {
		if (o->section != GS_CONF_IN_ROLES || t->roles_section.set[row_of(o)].line != 0)
			continue;
		gs_conf_get(o, &d->roles, value, sizeof(value));
		(void)gs_conf_set(o, out, value, why);
	}
}

int
gs_conf_draft_finish(struct gs_conf_draft *d, struct gs_conf *out, struct gs_place *place, char why[GS_CONF_WHY_BYTES])
{
	size_t i;
	int rc;

	*out = d->daemon;
	for (i = 0; i < d->n_tables; i++) {
		rc = finish_table(&d->tables[i], &out->tables[i], place, why);
		if (rc < 0)
			return rc;
		inherit_roles(d, &d->tables[i], &out->tables[i].roles);
	}
	out->n_tables = d->n_tables;
	return GS_OK;
}

struct gs_place
gs_conf_draft_find_fault(const struct gs_conf_draft *d, const struct gs_conf_fault *fault)
{
	const struct gs_conf_draft_table *t = &d->tables[find_table(d, fault->table->name)];
	struct gs_place place = { 0, 0 };
	size_t i;

	for (i = 0; i < 2 && place.line == 0 && fault->at[i].key != NULL; i++) {
		const struct gs_conf_ring *r = fault->at[i].ring;
		const struct gs_conf_class *c = fault->at[i].of_class;
		const struct gs_conf_draft_section *s = r != NULL ? &t->ring_sections[find_ring(t, r->name)] :
		    c != NULL ? &t->class_sections[gs_conf_class(&t->table, c->name)] : &t->section;

		if (fault->at[i].is_of_quota) {
			place = t->quota_section.set[row_of(gs_conf_find(GS_CONF_IN_QUOTA, fault->at[i].key))];
			continue;
		}
		place = s->set[row_of(gs_conf_find(r != NULL ? GS_CONF_IN_RING : c != NULL ? GS_CONF_IN_CLASS : GS_CONF_IN_TABLE,
		    fault->at[i].key))];
	}
	return place;
}
