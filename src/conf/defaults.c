/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf/conf_impl.h"

#include <assert.h>
#include <string.h>

#include "gsession.h"

struct built_in {
	const char *name, *ttl, *half_life, *decay_to, *capacity, *reserve;
	bool is_suspect;
};

static const struct built_in built_in[] = {
	{ "active",	"5m",	"5m",	"warm",	"8192",		"2048",	false },
	{ "warm",	"30m",	"5m",	"cold",	"16384",	"0",	false },
	{ "cold",	"14d",	"5m",	"none",	"32768",	"0",	false },
	{ "suspect",	"max",	"5m",	"none",	"1024",		"0",	true },
};

#define N_BUILT_IN (sizeof(built_in) / sizeof(built_in[0]))

static const char *const built_in_classes[] = { "anonymous", "authenticated" };

#define N_BUILT_IN_CLASSES (sizeof(built_in_classes) / sizeof(built_in_classes[0]))

static void
set_own(enum gs_conf_section section, const char *key, void *at, const char *value)
{
	char why[GS_CONF_WHY_BYTES];
	int rc = gs_conf_set(gs_conf_find(section, key), at, value, why);

	assert(rc == GS_OK);	/* the values are ours */
	(void)rc;
}

void
gs_conf_fall_back(enum gs_conf_section section, void *at)
{
	const struct gs_conf_option *o;

	for (o = gs_conf_options; o->key != NULL; o++)
		if (o->section == section && (o->fallback[0] != '\0' || o->type == GS_CONF_TEXT))
			set_own(section, o->key, at, o->fallback);
}

void
gs_conf_init_ring(struct gs_conf_ring *r, const char *name)
{
	(void)memset(r, 0, sizeof(*r));
	gs_conf_copy_name(r->name, name);
	gs_conf_fall_back(GS_CONF_IN_RING, r);
	gs_conf_copy_name(r->decay_to, "none");
}

void
gs_conf_init_class(struct gs_conf_class *c, const char *name)
{
	(void)memset(c, 0, sizeof(*c));
	gs_conf_copy_name(c->name, name);
	gs_conf_fall_back(GS_CONF_IN_CLASS, c);
}

void
gs_conf_init_namespace(struct gs_conf_namespace *n, const char *name)
{
	(void)memset(n, 0, sizeof(*n));
	gs_conf_copy_name(n->name, name);
	gs_conf_fall_back(GS_CONF_IN_NAMESPACE, n);
}

void
gs_conf_init_table(struct gs_conf_table *t, const char *name)
{
	size_t i;

	(void)memset(t, 0, sizeof(*t));
	gs_conf_copy_name(t->name, name);
	gs_conf_fall_back(GS_CONF_IN_TABLE, t);
	gs_conf_fall_back(GS_CONF_IN_QUOTA, &t->quota);
	gs_conf_fall_back(GS_CONF_IN_ROLES, &t->roles);
	for (i = 0; i < N_BUILT_IN_CLASSES; i++)
		gs_conf_init_class(&t->classes[t->n_classes++], built_in_classes[i]);
	for (i = 0; i < N_BUILT_IN; i++) {
		struct gs_conf_ring *r = &t->rings[i];

		gs_conf_init_ring(r, built_in[i].name);
		set_own(GS_CONF_IN_RING, "ttl", r, built_in[i].ttl);
		set_own(GS_CONF_IN_RING, "half_life", r, built_in[i].half_life);
		set_own(GS_CONF_IN_RING, "decay_to", r, built_in[i].decay_to);
		set_own(GS_CONF_IN_RING, "capacity", r, built_in[i].capacity);
		set_own(GS_CONF_IN_RING, "reserve", r, built_in[i].reserve);
		r->is_suspect = built_in[i].is_suspect;
		if (strcmp(r->name, "cold") != 0)
			continue;
		set_own(GS_CONF_IN_RING, "store", r, "auto");
		set_own(GS_CONF_IN_RING, "on_full", r, "oneshot");
	}
	t->n_rings = N_BUILT_IN;
}

void
gs_conf_defaults(struct gs_conf *out)
{
	char why[GS_CONF_WHY_BYTES];
	int rc;

	(void)memset(out, 0, sizeof(*out));
	gs_conf_fall_back(GS_CONF_IN_DAEMON, out);
	gs_conf_init_table(&out->tables[0], "sessions");
	out->n_tables = 1;
	rc = gs_conf_check(out, why);
	assert(rc == GS_OK);
	(void)rc;
}
