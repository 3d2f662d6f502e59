/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/merge.h"

#include <stdio.h>
#include <string.h>

#include "conf/overrides.h"
#include "prog/log.h"

enum { VALUE_BYTES = GS_CONF_VALUE_BYTES };

/* Two structs of one section and a third: where fresh equals before, take live's. */
static void
merge_section(enum gs_conf_section section, void *fresh, const void *before, const void *live)
{
	char was[VALUE_BYTES], is[VALUE_BYTES], want[VALUE_BYTES], why[GS_CONF_WHY_BYTES];

	for (const struct gs_conf_option *o = gs_conf_options; o->key != NULL; o++) {
		if (o->section != section || !o->can_change)
			continue;
		gs_conf_get(o, before, was, sizeof(was));
		gs_conf_get(o, fresh, is, sizeof(is));
		gs_conf_get(o, live, want, sizeof(want));
		if (strcmp(was, is) != 0)
			continue;
		/* Of a list what is not in it goes first. */
		if (o->type == GS_CONF_OVERRIDES_LIST)
			(void)gs_conf_set(o, fresh, "-", why);
		(void)gs_conf_set(o, fresh, want, why);
	}
}

static const struct gs_conf_table *
table_of(const struct gs_conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_tables; i++)
		if (strcmp(c->tables[i].name, name) == 0)
			return &c->tables[i];
	return NULL;
}

static const struct gs_conf_ring *
ring_of(const struct gs_conf_table *t, const char *name)
{
	for (size_t i = 0; i < t->n_rings; i++)
		if (strcmp(t->rings[i].name, name) == 0)
			return &t->rings[i];
	return NULL;
}

/* Rings that were added by hand since the file was read are there, those that were removed are not, unless the file says anything new. */
static void
merge_ring_set(struct gs_conf_table *fresh, const struct gs_conf_table *before, const struct gs_conf_table *live)
{
	for (size_t i = fresh->n_rings; i-- > 0;) {
		if (ring_of(before, fresh->rings[i].name) == NULL || ring_of(live, fresh->rings[i].name) != NULL)
			continue;
		memmove(&fresh->rings[i], &fresh->rings[i + 1], (fresh->n_rings - i - 1) * sizeof(fresh->rings[0]));
		memset(&fresh->rings[--fresh->n_rings], 0, sizeof(fresh->rings[0]));
	}
	for (size_t i = 0; i < live->n_rings && fresh->n_rings < GS_CONF_RINGS; i++)
		if (ring_of(before, live->rings[i].name) == NULL && ring_of(fresh, live->rings[i].name) == NULL)
			fresh->rings[fresh->n_rings++] = live->rings[i];
}

/* The same of classes; which of them there are is all that they have in common. */
static void
merge_classes(struct gs_conf_table *fresh, const struct gs_conf_table *before, const struct gs_conf_table *live)
{
	char why[GS_CONF_WHY_BYTES];

	for (size_t i = 0; i < live->n_classes; i++) {
		const char *name = live->classes[i].name;
		size_t was = gs_conf_class(before, name), is = gs_conf_class(fresh, name);

		if (was == before->n_classes && is == fresh->n_classes) {
			if (gs_conf_add_class(fresh, name, why) == 0)
				fresh->classes[is] = live->classes[i];
			else
				log_warnx("table %s: a class that was made by hand has no limits any more: %s", fresh->name, why);
		} else if (was < before->n_classes && is < fresh->n_classes) {
			merge_section(GS_CONF_IN_CLASS, &fresh->classes[is], &before->classes[was], &live->classes[i]);
		}
	}
}

/* What was set by hand about a namespace that is gone from the file goes with it. */
static void
forget_strays(struct gs_conf_table *fresh)
{
	struct gs_conf_overrides *all = &fresh->quota.overrides;
	char name[GS_CONF_NAME_BYTES];

	for (size_t i = all->n; i-- > 0;)
		if (all->at[i].kind == GS_CONF_OVERRIDE_NAMESPACE && gs_conf_namespace(fresh, all->at[i].name) == fresh->n_namespaces) {
			(void)snprintf(name, sizeof(name), "%s", all->at[i].name);
			gs_conf_overrides_forget(all, name);
		}
}

/* As it was, and with the quota that it had: it is still in force where it has sessions, which the memory knows. */
static void
keep_dropped(struct gs_conf_table *fresh, const struct gs_conf_table *live, size_t i)
{
	size_t at = fresh->n_namespaces;
	char quota[GS_CONF_WHY_BYTES], why[GS_CONF_WHY_BYTES];

	if (gs_conf_add_namespace(fresh, live->namespaces[i].name, why) < 0)
		return;
	fresh->namespaces[at] = live->namespaces[i];
	fresh->namespaces[at].is_dropped = true;
	gs_conf_get_namespace_quota(live, i, quota, sizeof(quota));
	if (gs_conf_set_namespace_quota(fresh, at, quota, why) < 0)
		log_warnx("table %s: namespace %s, which the file has no more, loses its quota: %s", fresh->name, live->namespaces[i].name, why);
}

/* The same of namespaces, of which some are removed by hand, too. Those that the file has dropped are there, and say so. */
static void
merge_namespaces(struct gs_conf_table *fresh, const struct gs_conf_table *before, const struct gs_conf_table *live)
{
	char why[GS_CONF_WHY_BYTES];

	for (size_t i = fresh->n_namespaces; i-- > 0;) {
		const char *name = fresh->namespaces[i].name;

		if (gs_conf_namespace(before, name) < before->n_namespaces && gs_conf_namespace(live, name) == live->n_namespaces)
			gs_conf_remove_namespace(fresh, i);
	}
	for (size_t i = 0; i < live->n_namespaces; i++) {
		const char *name = live->namespaces[i].name;
		size_t was = gs_conf_namespace(before, name), is = gs_conf_namespace(fresh, name);

		if (was < before->n_namespaces && is < fresh->n_namespaces)
			merge_section(GS_CONF_IN_NAMESPACE, &fresh->namespaces[is], &before->namespaces[was], &live->namespaces[i]);
		else if (was == before->n_namespaces && is == fresh->n_namespaces && gs_conf_add_namespace(fresh, name, why) == 0)
			fresh->namespaces[is] = live->namespaces[i];
		else if (was < before->n_namespaces && is == fresh->n_namespaces)
			keep_dropped(fresh, live, i);
	}
	forget_strays(fresh);
}

static void
merge_table(struct gs_conf_table *fresh, const struct gs_conf_table *before, const struct gs_conf_table *live)
{
	merge_section(GS_CONF_IN_TABLE, fresh, before, live);
	merge_section(GS_CONF_IN_QUOTA, &fresh->quota, &before->quota, &live->quota);
	merge_section(GS_CONF_IN_ROLES, &fresh->roles, &before->roles, &live->roles);
	merge_classes(fresh, before, live);
	merge_namespaces(fresh, before, live);
	/*
	 * It may have been cut to what the tmpfs could hold when the memory was made; and where the file leaves it to the
	 * capacities, what the memory was made for stays there.
	 */
	if (fresh->max_sessions == before->max_sessions || fresh->max_sessions < live->max_sessions)
		fresh->max_sessions = live->max_sessions;
	merge_ring_set(fresh, before, live);
	for (size_t i = 0; i < fresh->n_rings; i++) {
		const struct gs_conf_ring *was = ring_of(before, fresh->rings[i].name), *is = ring_of(live, fresh->rings[i].name);

		if (was != NULL && is != NULL)
			merge_section(GS_CONF_IN_RING, &fresh->rings[i], was, is);
	}
	gs_conf_order_rings(fresh);
}

void
merge_conf(struct gs_conf *fresh, const struct gs_conf *before, const struct gs_conf *live)
{
	merge_section(GS_CONF_IN_DAEMON, fresh, before, live);
	for (size_t i = 0; i < fresh->n_tables; i++) {
		const struct gs_conf_table *was = table_of(before, fresh->tables[i].name), *is = table_of(live, fresh->tables[i].name);

		if (was != NULL && is != NULL)
			merge_table(&fresh->tables[i], was, is);
	}
}

/* The first setting of a section that differs and cannot change, or NULL. */
static const struct gs_conf_option *
fixed_difference(enum gs_conf_section section, const void *a, const void *b)
{
	char left[VALUE_BYTES], right[VALUE_BYTES];

	for (const struct gs_conf_option *o = gs_conf_options; o->key != NULL; o++) {
		/* max_sessions follows the capacities where the file does not say it; the memory decides whether it fits */
		if (o->section != section || o->can_change || strcmp(o->key, "max_sessions") == 0)
			continue;
		gs_conf_get(o, a, left, sizeof(left));
		gs_conf_get(o, b, right, sizeof(right));
		if (strcmp(left, right) != 0)
			return o;
	}
	return NULL;
}

/* Does a table have exactly these rings? */
static bool
has_same_rings(const struct gs_conf_table *a, const struct gs_conf_table *b)
{
	for (size_t i = 0; i < a->n_rings; i++)
		if (ring_of(b, a->rings[i].name) == NULL)
			return false;
	return a->n_rings == b->n_rings;
}

/* What differs of two tables' rings and cannot change, or NULL; rings that were added or removed by hand may be so in the file, too. */
static const char *
ring_difference(const struct gs_conf_table *a, const struct gs_conf_table *b, const struct gs_conf_table *live)
{
	const struct gs_conf_option *o;

	if (!has_same_rings(a, b) && (live == NULL || !has_same_rings(b, live)))
		return "its rings";
	for (size_t i = 0; i < a->n_rings; i++) {
		const struct gs_conf_ring *r = ring_of(b, a->rings[i].name);

		o = r == NULL ? NULL : fixed_difference(GS_CONF_IN_RING, &a->rings[i], r);
		if (o != NULL)
			return o->key;
	}
	return NULL;
}

bool
merge_needs_restart(const struct gs_conf *a, const struct gs_conf *b, const struct gs_conf *live, char why[GS_CONF_WHY_BYTES])
{
	const struct gs_conf_option *o = fixed_difference(GS_CONF_IN_DAEMON, a, b);

	if (o != NULL) {
		(void)snprintf(why, GS_CONF_WHY_BYTES, "[daemon] %s cannot change while running", o->key);
		return true;
	}
	if (a->n_tables != b->n_tables) {
		(void)snprintf(why, GS_CONF_WHY_BYTES, "tables cannot be added or removed while running");
		return true;
	}
	for (size_t i = 0; i < a->n_tables; i++) {
		const struct gs_conf_table *t = &a->tables[i], *u = table_of(b, t->name);
		const char *what;

		o = u == NULL ? NULL : fixed_difference(GS_CONF_IN_TABLE, t, u);
		what = o != NULL ? o->key : u == NULL ? "its rings" : ring_difference(t, u, table_of(live, t->name));
		if (what == NULL)
			continue;
		(void)snprintf(why, GS_CONF_WHY_BYTES, "[table %s] %s cannot change while the memory is in use", t->name, what);
		return true;
	}
	return false;
}
