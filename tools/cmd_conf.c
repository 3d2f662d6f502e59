/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/errors.h"
#include "conf/conf.h"

enum { PATH_BYTES = 192 };

static int
refuse(const char *why)
{
	(void)cmd_misuse("%s", why);
	return EXIT_NO;
}

static int
check_file(const char *path)
{
	char why[GS_CONF_WHY_BYTES] = "";
	struct gs_conf conf;
	int rc = gs_conf_load(&conf, path, why);

	if (rc < 0)
		return rc == GS_ESYSTEM ? cmd_fail(rc, "%s", why) : refuse(why);
	(void)printf("%s: configuration ok\n", path);
	return cmd_done();
}

static int
print_defaults(void)
{
	struct gs_conf conf;

	gs_conf_defaults(&conf);
	gs_conf_print(stdout, &conf);
	return cmd_done();
}

static int
print_template(void)
{
	gs_conf_print_template(stdout);
	return cmd_done();
}

/* Read the settings of one section from the control directory `dir` into the struct `at`. 0 or the exit status. */
static int
read_section(struct gs_ctl *ctl, enum gs_conf_section section, const char *dir, void *at)
{
	char path[PATH_BYTES], why[GS_CONF_WHY_BYTES];
	const struct gs_conf_option *o;
	char *text;
	int rc = 0;

	for (o = gs_conf_options; o->key != NULL && rc == 0; o++) {
		if (o->section != section)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir, o->key);
		text = cmd_read(ctl, path, &rc);
		if (text == NULL)
			return cmd_fail(rc, "%s", path);
		/* Behind a word there may be more to read: `draining 12`. */
		if (o->type != GS_CONF_OVERRIDES_LIST)
			text[strcspn(text, o->type == GS_CONF_WORD ? " \n" : "\n")] = '\0';
		rc = gs_conf_set(o, at, text, why);
		free(text);
	}
	return rc < 0 ? cmd_fail(rc, "%s/%s", dir, why) : 0;
}

static int
read_quota(struct gs_ctl *ctl, struct gs_conf_table *t)
{
	char path[PATH_BYTES];

	(void)snprintf(path, sizeof(path), "%s/quota", t->name);
	return read_section(ctl, GS_CONF_IN_QUOTA, path, &t->quota);
}

static int
read_roles(struct gs_ctl *ctl, struct gs_conf_table *t)
{
	char path[PATH_BYTES];

	(void)snprintf(path, sizeof(path), "%s/roles", t->name);
	return read_section(ctl, GS_CONF_IN_ROLES, path, &t->roles);
}

static int
read_classes(struct gs_ctl *ctl, struct gs_conf_table *t)
{
	char path[PATH_BYTES];
	struct cmd_entry entry;
	const char *at;
	int rc, status = 0;

	(void)snprintf(path, sizeof(path), "%s/classes", t->name);
	GS_CLEANUP_FREE char *list = cmd_list(ctl, path, &rc);
	if (list == NULL)
		return cmd_fail(rc, "%s", path);
	for (at = list; status == 0 && t->n_classes < GS_CONF_SESSION_CLASSES && cmd_next_entry(&at, &entry);) {
		struct gs_conf_class *c = &t->classes[t->n_classes++];

		(void)snprintf(c->name, sizeof(c->name), "%.31s", entry.name);
		(void)snprintf(path, sizeof(path), "%s/classes/%s", t->name, c->name);
		status = read_section(ctl, GS_CONF_IN_CLASS, path, c);
	}
	return status;
}

static int
read_rings(struct gs_ctl *ctl, struct gs_conf_table *t)
{
	char path[PATH_BYTES];
	struct cmd_entry entry;
	struct gs_conf_ring *r;
	const char *at;
	int rc, status = 0;

	(void)snprintf(path, sizeof(path), "%s/rings", t->name);
	GS_CLEANUP_FREE char *list = cmd_list(ctl, path, &rc);
	if (list == NULL)
		return cmd_fail(rc, "%s", path);
	for (at = list; status == 0 && t->n_rings < GS_CONF_RINGS && cmd_next_entry(&at, &entry);) {
		r = &t->rings[t->n_rings++];
		(void)snprintf(r->name, sizeof(r->name), "%.31s", entry.name);
		(void)snprintf(path, sizeof(path), "%s/rings/%s", t->name, r->name);
		status = read_section(ctl, GS_CONF_IN_RING, path, r);
	}
	/* The suspect ring stands last. */
	if (t->n_rings > 0)
		t->rings[t->n_rings - 1].is_suspect = true;
	return status;
}

static int
read_live(struct gs_ctl *ctl, struct gs_conf *conf)
{
	struct cmd_entry entry;
	struct gs_conf_table *t;
	const char *at;
	int rc, status;

	GS_CLEANUP_FREE char *list = cmd_list(ctl, "", &rc);
	if (list == NULL)
		return cmd_fail(rc, "control tree");
	status = read_section(ctl, GS_CONF_IN_DAEMON, "node", conf);
	for (at = list; status == 0 && conf->n_tables < GS_CONF_TABLES && cmd_next_entry(&at, &entry);) {
		if (!entry.is_dir || strcmp(entry.name, "node") == 0)
			continue;
		t = &conf->tables[conf->n_tables++];
		(void)snprintf(t->name, sizeof(t->name), "%.31s", entry.name);
		status = read_section(ctl, GS_CONF_IN_TABLE, t->name, t);
		if (status == 0)
			status = read_quota(ctl, t);
		if (status == 0)
			status = read_roles(ctl, t);
		if (status == 0)
			status = read_classes(ctl, t);
		if (status == 0)
			status = read_rings(ctl, t);
	}
	return status;
}

static int
print_live(const struct cmd_env *env)
{
	struct gs_conf conf = { 0 };
	struct gs_ctl *ctl;
	int status = cmd_open(&ctl, env, CMD_TIMEOUT_MS);

	if (status != EXIT_YES)
		return status;
	status = read_live(ctl, &conf);
	gs_ctl_close(&ctl);
	if (status != EXIT_YES)
		return status;
	gs_conf_print(stdout, &conf);
	return cmd_done();
}

int
cmd_conf(int argc, char **argv, const struct cmd_env *env)
{
	struct cmd_line line;
	const char *what;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	what = line.operand[0];
	if (strcmp(what, "check") == 0)
		return line.n_operands == 2 ? check_file(line.operand[1]) : cmd_misuse("conf check: the name of a file is missing");
	if (line.n_operands == 2)
		return cmd_misuse("conf %s: \"%s\" is one argument too many", what, line.operand[1]);
	if (strcmp(what, "show") == 0)
		return print_live(env);
	if (strcmp(what, "template") == 0)
		return print_template();
	if (strcmp(what, "defaults") == 0)
		return print_defaults();
	return cmd_misuse("conf \"%s\": one of check, show, template, defaults is expected", what);
}
