/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/errors.h"
#include "base/json.h"
#include "conf/conf.h"
#include "conf_diff.h"
#include "live_conf.h"

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

static int
print_live(const struct cmd_env *env)
{
	char why[GS_CONF_WHY_BYTES] = "";
	struct gs_conf conf;
	struct gs_ctl *ctl;
	int rc, status = cmd_open(&ctl, env, CMD_TIMEOUT_MS);

	if (status != EXIT_YES)
		return status;
	rc = live_conf_read(ctl, &conf, NULL, why);
	gs_ctl_close(&ctl);
	if (rc < 0)
		return cmd_refused(rc, "", why);
	gs_conf_print(stdout, &conf);
	return cmd_done();
}

/* ---- diff ---- */

/* What `conf diff` compares, and what it found. */
struct comparison {
	struct gs_conf file, before, live;
	bool has_before;
	char path[LIVE_CONF_PATH_BYTES];	/* "": the built-in defaults */
	char gsession[64];		/* how this store is spoken to, for the commands */
	struct gs_json *json;		/* NULL: lines */
	FILE *undo;			/* commands that take the file's values, collected meanwhile */
	size_t n, n_of_file, n_fixed;
};

static int
load_both(struct comparison *c, const struct cmd_env *env)
{
	char why[GS_CONF_WHY_BYTES] = "";
	struct gs_ctl *ctl;
	int rc, status = cmd_open(&ctl, env, CMD_TIMEOUT_MS);

	if (status != EXIT_YES)
		return status;
	rc = live_conf_file(ctl, c->path, why);
	if (rc == 0)
		rc = live_conf_read(ctl, &c->live, NULL, why);
	gs_ctl_close(&ctl);
	if (rc < 0)
		return cmd_refused(rc, "", why);
	/* Not EXIT_NO, which says that there are differences. */
	if (gs_conf_load(&c->file, c->path[0] == '\0' ? NULL : c->path, why) < 0) {
		(void)refuse(why);
		return EXIT_SYSTEM;
	}
	c->has_before = live_conf_before(&c->before, env->instance);
	(void)snprintf(c->gsession, sizeof(c->gsession), "gsession%s%s", env->instance == NULL ? "" : " -i ", env->instance == NULL ? "" : env->instance);
	return EXIT_YES;
}

/* A word of a line: what has blanks stands in quotes, what is empty too. */
static const char *
shown(char out[GS_CONF_VALUE_BYTES], const char *value)
{
	if (value == NULL)
		return "-";
	(void)snprintf(out, GS_CONF_VALUE_BYTES, value[0] == '\0' || strchr(value, ' ') != NULL ? "\"%s\"" : "%s", value);
	return out;
}

/* `gsession [-i I] [-t T] ring`, or class or namespace, for the table of a path. */
static void
print_verb(const struct comparison *c, const struct conf_difference *d)
{
	int len = (int)strcspn(d->path, "/");

	(void)fprintf(c->undo, "%s", c->gsession);
	if (strncmp(d->path, "sessions/", sizeof("sessions/") - 1) != 0)
		(void)fprintf(c->undo, " -t %.*s", len, d->path);
	(void)fprintf(c->undo, " %s", d->kind == GS_CONF_IN_RING ? "ring" : d->kind == GS_CONF_IN_CLASS ? "class" : "namespace");
}

/*
 * A ring, class or namespace that was removed is made again as the file has it; a ring that was made is drained, then removed,
 * a namespace removed.
 */
static void
add_undo_of_section(struct comparison *c, const struct conf_difference *d)
{
	const char *name = strrchr(d->path, '/') + 1;
	char value[GS_CONF_VALUE_BYTES];

	(void)fputc('\t', c->undo);
	print_verb(c, d);
	if (d->in_file == NULL && d->kind == GS_CONF_IN_NAMESPACE) {
		(void)fprintf(c->undo, " remove %s\n", name);
		return;
	}
	if (d->in_file == NULL) {
		(void)fprintf(c->undo, " drain %s\n\t", name);
		print_verb(c, d);
		(void)fprintf(c->undo, " remove %s\t# when `ring drain` has emptied it\n", name);
		return;
	}
	(void)fprintf(c->undo, " add %s", name);
	for (const struct gs_conf_option *o = gs_conf_options; o->key != NULL; o++) {
		if (o->section != d->kind || !o->can_change)
			continue;
		gs_conf_get(o, d->in_file, value, sizeof(value));
		(void)fprintf(c->undo, " %s=%s", o->key, value);
	}
	(void)fputc('\n', c->undo);
}

/* The first two words of a line of overrides: whom it is about. */
static size_t
name_len(const char *line)
{
	size_t len = strcspn(line, " ");

	return line[len] == '\0' ? len : len + 1 + strcspn(line + len + 1, " ");
}

/* How to put back what was changed at run time. A class stays, as sessions may be of it. */
static void
add_undo(struct comparison *c, const struct conf_difference *d)
{
	bool is_section = d->key[0] == '\0';

	c->n++;
	if (!d->can_change || (is_section && d->kind == GS_CONF_IN_CLASS && d->in_file == NULL))
		c->n_fixed++;
	else if (d->since == CONF_DIFF_FILE)
		c->n_of_file++;
	else if (is_section)
		add_undo_of_section(c, d);
	else if (d->file == NULL)
		(void)fprintf(c->undo, "\t%s set -- %s '-%.*s'\n", c->gsession, d->path, (int)name_len(d->live), d->live);
	else
		(void)fprintf(c->undo, "\t%s set %s '%s'\n", c->gsession, d->path, d->file);
}

static void
print_difference(void *arg, const struct conf_difference *d)
{
	char file[GS_CONF_VALUE_BYTES], live[GS_CONF_VALUE_BYTES];
	struct comparison *c = arg;
	struct gs_json *j = c->json;

	add_undo(c, d);
	if (j == NULL) {
		(void)printf("%-24s %-14s %-20s %s\n", d->section, d->key[0] == '\0' ? "-" : d->key, shown(file, d->file), shown(live, d->live));
		return;
	}
	gs_json_object(j, NULL);
	gs_json_text(j, "section", d->section);
	if (d->key[0] != '\0')
		gs_json_text(j, "key", d->key);
	if (d->file != NULL)
		gs_json_text(j, "file", d->file);
	if (d->live != NULL)
		gs_json_text(j, "live", d->live);
	gs_json_text(j, "path", d->path);
	gs_json_text(j, "changed", conf_diff_since_name(d->since));
	gs_json_end(j, false);
}

static void
print_advice(const struct comparison *c, const char *undo)
{
	const char *path = c->path[0] == '\0' ? GS_CONF_PATH : c->path;

	(void)printf("\nto keep what is live, for the next start too:\n\t%s conf show > %s\n", c->gsession, path);
	if (undo[0] != '\0')
		(void)printf("to take what the file says where it was changed at run time, which a reload does not touch:\n%s", undo);
	if (c->n_of_file > 0)
		(void)printf("to take what was changed in the file since it was read:\n\t%s set ctl reload\n", c->gsession);
	if (c->n_fixed > 0)
		(void)printf("%zu of them cannot change while the daemon runs: the file's are taken by its next start, where the memory allows it\n", c->n_fixed);
}

static int
print_diff(const struct cmd_env *env, bool is_json)
{
	struct comparison *c = calloc(1, sizeof(*c));
	GS_CLEANUP_FREE char *undo = NULL;
	struct gs_json j;
	size_t len, n;
	int status;

	if (c == NULL)
		return cmd_fail(GS_ENOMEM, "conf diff");
	c->undo = open_memstream(&undo, &len);
	status = c->undo == NULL ? cmd_fail(GS_ENOMEM, "conf diff") : load_both(c, env);
	if (status != EXIT_YES)
		goto out;
	if (is_json) {
		c->json = &j;
		gs_json_init(&j, stdout);
		gs_json_array(&j, NULL);
	}
	conf_diff(&c->file, c->has_before ? &c->before : NULL, &c->live, print_difference, c);
	if (is_json) {
		gs_json_end(&j, true);
		gs_json_done(&j);
	} else if (c->n > 0 && fflush(c->undo) == 0) {
		print_advice(c, undo);
	}
	n = c->n;
	status = cmd_done();
	if (status == EXIT_YES && n > 0)
		status = EXIT_NO;
out:
	if (c->undo != NULL)
		(void)fclose(c->undo);
	free(c);
	return status;
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
	if (strcmp(what, "diff") == 0)
		return print_diff(env, line.json);
	if (strcmp(what, "show") == 0)
		return print_live(env);
	if (strcmp(what, "template") == 0)
		return print_template();
	if (strcmp(what, "defaults") == 0)
		return print_defaults();
	return cmd_misuse("conf \"%s\": one of check, show, diff, template, defaults is expected", what);
}
