/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum { PATH_BYTES = 128, KEY_MOST = 32, MOST = 255 };

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

/* Make it and set what was asked for; all of it, or there is no namespace. */
static int
add(struct gs_ctl *ctl, const char *dir, const struct cmd_line *line)
{
	char path[PATH_BYTES + KEY_MOST + 2];
	int status = ask(ctl, GS_VERB_MAKE, dir, "");

	if (status != EXIT_YES)
		return status;
	for (size_t i = 2; i < line->n_operands && status == EXIT_YES; i++) {
		size_t len = strcspn(line->operand[i], "=");

		(void)snprintf(path, sizeof(path), "%s/%.*s", dir, (int)(len < KEY_MOST ? len : KEY_MOST), line->operand[i]);
		status = ask(ctl, GS_VERB_SET, path, line->operand[i] + len + 1);
	}
	if (status != EXIT_YES)
		(void)ask(ctl, GS_VERB_REMOVE, dir, "");
	return status;
}

static void
print_one(const struct gs_namespace_info *n, struct gs_json *j)
{
	char idle[GS_TEXT_DURATION_BYTES], most[24] = "-";

	if (j != NULL) {
		gs_json_object(j, NULL);
		gs_json_text(j, "namespace", n->name);
		gs_json_u64(j, "count", n->count);
		gs_json_u64(j, "uid", n->uid);
		gs_json_u64(j, "gid", n->gid);
		gs_json_u64(j, "mode", n->mode);
		gs_json_u64(j, "idle", n->idle_ms);
		gs_json_u64(j, "max_sessions", n->max_sessions);
		gs_json_end(j, false);
		return;
	}
	if (n->max_sessions != 0)
		(void)snprintf(most, sizeof(most), "%llu", (unsigned long long)n->max_sessions);
	(void)printf("%-31s %8llu %8s %8s %04o %u:%u\n", n->name, (unsigned long long)n->count, most,
	    n->idle_ms == 0 ? "-" : gs_text_print_duration(idle, n->idle_ms), n->mode, n->uid, n->gid);
}

static int
list(const struct cmd_env *env, const struct cmd_line *line)
{
	static struct gs_namespace_info all[MOST];
	struct gs_json json;
	struct gs *gs;
	int n, status = cmd_attach(&gs, env);

	if (status != EXIT_YES)
		return status;
	n = gs_namespaces(gs, all, MOST);
	gs_detach(&gs);
	if (line->json) {
		gs_json_init(&json, stdout);
		gs_json_array(&json, NULL);
	}
	for (int i = 0; i < n && i < MOST; i++)
		print_one(&all[i], line->json ? &json : NULL);
	if (line->json) {
		gs_json_end(&json, true);
		gs_json_done(&json);
	}
	return cmd_done();
}

/* The directory of the namespace that the command line names. */
static int
find_dir(const struct cmd_env *env, const struct cmd_line *line, char dir[PATH_BYTES])
{
	const char *what = line->operand[0], *name = line->n_operands > 1 ? line->operand[1] : "";

	if (strcmp(what, "add") != 0 && strcmp(what, "remove") != 0)
		return cmd_misuse("namespace \"%s\": one of add, remove, list is expected", what);
	if (strcmp(what, "remove") == 0 && line->n_operands > 2)
		return cmd_misuse("namespace remove: \"%s\" is one argument too many", line->operand[2]);
	for (size_t i = 2; i < line->n_operands; i++)
		if (strchr(line->operand[i], '=') == NULL || line->operand[i][0] == '=')
			return cmd_misuse("namespace add: \"%s\": KEY=VALUE is expected, as idle=24m", line->operand[i]);
	if (name[0] == '\0' || strchr(name, '/') != NULL ||
	    snprintf(dir, PATH_BYTES, "%s/namespaces/%s", env->table, name) >= PATH_BYTES)
		return cmd_misuse("namespace %s: \"%s\" is no name of a namespace", what, name);
	return EXIT_YES;
}

int
cmd_namespace(int argc, char **argv, const struct cmd_env *env)
{
	struct cmd_line line;
	char dir[PATH_BYTES];
	struct gs_ctl *ctl;
	int status;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	if (strcmp(line.operand[0], "list") == 0 && line.n_operands == 1)
		return list(env, &line);
	status = find_dir(env, &line, dir);
	if (status == EXIT_YES)
		status = cmd_open(&ctl, env, CMD_TIMEOUT_MS);
	if (status != EXIT_YES)
		return status;
	status = strcmp(line.operand[0], "add") == 0 ? add(ctl, dir, &line) : ask(ctl, GS_VERB_REMOVE, dir, "");
	gs_ctl_close(&ctl);
	return status;
}
