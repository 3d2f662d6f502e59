/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 256 };

/* One request about a path; what is refused is said. Returns an exit status. */
static int
ask(struct gs_ctl *ctl, enum gs_wire_verb verb, const char *path, const char *value)
{
	char *text;
	size_t len;
	int rc = gs_ctl_request(ctl, verb, path, value, strlen(value), 0, NULL, &text, &len);
	int status = rc < 0 ? cmd_refused(rc, path, text) : EXIT_YES;

	free(text);
	return status;
}

/* KEY=VALUE to a file of the ring, or class. */
static int
set_one(struct gs_ctl *ctl, const char *dir, const char *setting)
{
	char path[PATH_BYTES + 64];
	size_t len = strcspn(setting, "=");

	(void)snprintf(path, sizeof(path), "%s/%.*s", dir, (int)(len < 32 ? len : 32), setting);
	return ask(ctl, GS_VERB_SET, path, setting + len + 1);
}

static bool
is_state(const char *setting)
{
	return strncmp(setting, "state=", 6) == 0;
}

/* Make it and set what was asked for, its state last; all of it, or there is no ring. */
static int
add(struct gs_ctl *ctl, const char *dir, const struct cmd_line *line)
{
	int status = ask(ctl, GS_VERB_MAKE, dir, "");

	if (status != EXIT_YES)
		return status;
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 2; i < line->n_operands && status == EXIT_YES; i++)
			if (is_state(line->operand[i]) == (pass == 1))
				status = set_one(ctl, dir, line->operand[i]);
	if (status != EXIT_YES)
		(void)ask(ctl, GS_VERB_REMOVE, dir, "");
	return status;
}

static int
check_settings(const struct cmd_line *line, const char *verb)
{
	for (size_t i = 2; i < line->n_operands; i++)
		if (strchr(line->operand[i], '=') == NULL || line->operand[i][0] == '=')
			return cmd_misuse("%s add: \"%s\": KEY=VALUE is expected, as ttl=7d", verb, line->operand[i]);
	return EXIT_YES;
}

static int
run(struct gs_ctl *ctl, const char *dir, const struct cmd_line *line)
{
	char path[PATH_BYTES + 8];

	if (strcmp(line->operand[0], "add") == 0)
		return add(ctl, dir, line);
	if (strcmp(line->operand[0], "remove") == 0)
		return ask(ctl, GS_VERB_REMOVE, dir, "");
	(void)snprintf(path, sizeof(path), "%s/state", dir);
	return ask(ctl, GS_VERB_SET, path, "draining");
}

int
cmd_ring(int argc, char **argv, const struct cmd_env *env)
{
	struct cmd_line line;
	char dir[PATH_BYTES];
	struct gs_ctl *ctl;
	const char *what;
	int status;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	what = line.operand[0];
	if (strcmp(what, "add") != 0 && strcmp(what, "drain") != 0 && strcmp(what, "remove") != 0)
		return cmd_misuse("ring \"%s\": one of add, drain, remove is expected", what);
	if (strcmp(what, "add") != 0 && line.n_operands > 2)
		return cmd_misuse("ring %s: \"%s\" is one argument too many", what, line.operand[2]);
	status = check_settings(&line, "ring");
	if (status != EXIT_YES)
		return status;
	if (line.operand[1][0] == '\0' || strchr(line.operand[1], '/') != NULL ||
	    snprintf(dir, sizeof(dir), "%s/rings/%s", env->table, line.operand[1]) >= (int)sizeof(dir))
		return cmd_misuse("ring %s: \"%s\" is no name of a ring", what, line.operand[1]);
	status = cmd_open(&ctl, env, CMD_TIMEOUT_MS);
	if (status != EXIT_YES)
		return status;
	status = run(ctl, dir, &line);
	gs_ctl_close(&ctl);
	return status;
}

/* Make a class and set what was asked for; where that is refused the class is there all the same. */
static int
add_class(struct gs_ctl *ctl, const char *dir, const struct cmd_line *line)
{
	int status = ask(ctl, GS_VERB_MAKE, dir, "");

	for (size_t i = 2; i < line->n_operands && status == EXIT_YES; i++)
		status = set_one(ctl, dir, line->operand[i]);
	return status;
}

int
cmd_class(int argc, char **argv, const struct cmd_env *env)
{
	struct cmd_line line;
	char dir[PATH_BYTES];
	struct gs_ctl *ctl;
	int status;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	if (strcmp(line.operand[0], "add") != 0)
		return cmd_misuse("class \"%s\": add is expected", line.operand[0]);
	status = check_settings(&line, "class");
	if (status != EXIT_YES)
		return status;
	if (line.operand[1][0] == '\0' || strchr(line.operand[1], '/') != NULL ||
	    snprintf(dir, sizeof(dir), "%s/classes/%s", env->table, line.operand[1]) >= (int)sizeof(dir))
		return cmd_misuse("class add: \"%s\" is no name of a class", line.operand[1]);
	status = cmd_open(&ctl, env, CMD_TIMEOUT_MS);
	if (status != EXIT_YES)
		return status;
	status = add_class(ctl, dir, &line);
	gs_ctl_close(&ctl);
	return status;
}
