/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf/conf.h"

#include <string.h>

#include "conf/conf_impl.h"

static void
print_settings(FILE *to, enum gs_conf_section section, const void *at)
{
	const struct gs_conf_option *o;
	char value[GS_CONF_VALUE_BYTES], *rest, *line;

	for (o = gs_conf_options; o->key != NULL; o++) {
		if (o->section != section)
			continue;
		gs_conf_get(o, at, value, sizeof(value));
		/* Each line of a list is said on its own. */
		for (rest = value; (line = strsep(&rest, "\n")) != NULL;)
			(void)fprintf(to, "%s =%s%s\n", o->key, line[0] != '\0' ? " " : "", line);
	}
}

static void
print_table(FILE *to, const struct gs_conf_table *t)
{
	size_t i;

	(void)fprintf(to, "\n[table %s]\n", t->name);
	print_settings(to, GS_CONF_IN_TABLE, t);
	(void)fprintf(to, "\n[quota %s]\n", t->name);
	print_settings(to, GS_CONF_IN_QUOTA, &t->quota);
	(void)fprintf(to, "\n[roles %s]\n", t->name);
	print_settings(to, GS_CONF_IN_ROLES, &t->roles);
	for (i = 0; i < t->n_classes; i++) {
		(void)fprintf(to, "\n[class %s/%s]\n", t->name, t->classes[i].name);
		print_settings(to, GS_CONF_IN_CLASS, &t->classes[i]);
	}
	for (i = 0; i < t->n_namespaces; i++) {
		(void)fprintf(to, "\n[namespace %s/%s]\n", t->name, t->namespaces[i].name);
		print_settings(to, GS_CONF_IN_NAMESPACE, &t->namespaces[i]);
	}
	for (i = 0; i < t->n_rings; i++) {
		(void)fprintf(to, "\n[ring %s/%s]\n", t->name, t->rings[i].name);
		print_settings(to, GS_CONF_IN_RING, &t->rings[i]);
	}
}

void
gs_conf_print(FILE *to, const struct gs_conf *c)
{
	size_t i;

	(void)fprintf(to, "[daemon]\n");
	print_settings(to, GS_CONF_IN_DAEMON, c);
	for (i = 0; i < c->n_tables; i++)
		print_table(to, &c->tables[i]);
}

/* The keys of a section, each a comment; explained when it is the first section of its kind. */
static void
print_commented(FILE *to, enum gs_conf_section section, const void *at, bool is_explained)
{
	const struct gs_conf_option *o;
	char value[GS_CONF_TEXT_BYTES], allowed[GS_CONF_TEXT_BYTES];

	for (o = gs_conf_options; o->key != NULL; o++) {
		if (o->section != section)
			continue;
		gs_conf_get(o, at, value, sizeof(value));
		if (is_explained)
			(void)fprintf(to, "#\n# %s\n# Allowed: %s%s.\n", o->help, gs_conf_describe(o, allowed, sizeof(allowed)),
			    o->can_change ? "; can change at run time" : "");
		(void)fprintf(to, "#%s =%s%s\n", o->key, value[0] != '\0' ? " " : "", value);
	}
}

void
gs_conf_print_template(FILE *to)
{
	struct gs_conf_namespace like;
	const struct gs_conf_table *t;
	struct gs_conf c;
	size_t i;

	gs_conf_defaults(&c);
	t = &c.tables[0];
	(void)fprintf(to,
	    "# gsession.conf - what gsessiond serves; gsession.conf(5) says more.\n"
	    "#\n"
	    "# Every line here is a comment and shows a default. To change a setting,\n"
	    "# take the # from its line and from the [section] above it.\n"
	    "\n"
	    "#[daemon]\n");
	print_commented(to, GS_CONF_IN_DAEMON, &c, true);
	(void)fprintf(to,
	    "\n"
	    "# Another [table NAME] is another kind of session, with memory, rings and a\n"
	    "# directory of its own.\n"
	    "#[table %s]\n", t->name);
	print_commented(to, GS_CONF_IN_TABLE, t, true);
	(void)fprintf(to,
	    "\n"
	    "# Who may what; [roles TABLE] says it for one table.\n"
	    "#[roles]\n");
	print_commented(to, GS_CONF_IN_ROLES, &t->roles, true);
	(void)fprintf(to,
	    "\n"
	    "# [ring NAME] is a ring of table sessions, [ring TABLE/NAME] one of another.\n"
	    "# A ring of your own needs ttl and capacity, and a decay_to that leads to it.\n");
	for (i = 0; i < t->n_rings; i++) {
		(void)fprintf(to, "%s#[ring %s]\n", i > 0 ? "\n" : "", t->rings[i].name);
		print_commented(to, GS_CONF_IN_RING, &t->rings[i], i == 0);
	}
	(void)fprintf(to,
	    "\n"
	    "# [quota] is how often a session of table sessions may be asked for, [quota TABLE]\n"
	    "# of another. Each line overrides = ... adds one.\n"
	    "#[quota]\n");
	print_commented(to, GS_CONF_IN_QUOTA, &t->quota, true);
	(void)fprintf(to,
	    "\n"
	    "# [class NAME] is what sessions of a class of table sessions are held to, [class TABLE/NAME]\n"
	    "# of another. A name of your own makes a class.\n");
	for (i = 0; i < t->n_classes; i++) {
		(void)fprintf(to, "%s#[class %s]\n", i > 0 ? "\n" : "", t->classes[i].name);
		print_commented(to, GS_CONF_IN_CLASS, &t->classes[i], i == 0);
	}
	gs_conf_init_namespace(&like, "app");
	(void)fprintf(to,
	    "\n"
	    "# [namespace NAME] makes a namespace of table sessions, whose keys are its own, [namespace TABLE/NAME]\n"
	    "# of another.\n"
	    "#[namespace app]\n");
	print_commented(to, GS_CONF_IN_NAMESPACE, &like, true);
}
