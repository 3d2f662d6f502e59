/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

const struct args_option cmd_rotate_options[] = {
	{ 0, "grace", "T", "the old key leads to the session for this long; 30s without it" },
	CMD_OPTION_JSON,
	CMD_OPTIONS_END,
};

enum { GRACE_MS = 30000 };

static int
print_new(const char *key, size_t len, bool json)
{
	char shown[4 * GS_KEY_BYTES + 1];
	struct gs_json j;

	if (!json) {
		(void)fwrite(key, 1, len, stdout);
		(void)putchar('\n');
		return cmd_done();
	}
	(void)gs_text_escape(shown, sizeof(shown), key, len);
	gs_json_init(&j, stdout);
	gs_json_object(&j, NULL);
	gs_json_text(&j, "key", shown);
	gs_json_end(&j, false);
	gs_json_done(&j);
	return cmd_done();
}

/* The session goes on under `to`, or under a fresh random key where that is NULL. */
static int
rotate(const struct cmd_env *env, const struct cmd_key *from, const char *to, uint64_t grace_ms, bool json)
{
	char fresh[GS_ID_CHARS];
	struct gs *gs;
	int rc = 0, status = cmd_attach(&gs, env);

	if (status != EXIT_YES)
		return status;
	if (to == NULL) {
		rc = gs_new_id(gs, fresh, sizeof(fresh));
		to = fresh;
	}
	if (rc >= 0)
		rc = gs_rotate(gs, from->bytes, from->len, to, strlen(to), grace_ms);
	gs_detach(&gs);
	return rc < 0 ? cmd_fail(rc, "%s", from->shown) : print_new(to, strlen(to), json);
}

int
cmd_rotate(int argc, char **argv, const struct cmd_env *env)
{
	uint64_t grace_ms = GRACE_MS;
	struct cmd_line line;
	struct cmd_key from;
	int status;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	if (line.value[0] != NULL && (gs_text_parse_duration(line.value[0], &grace_ms) < 0 || grace_ms > UINT32_MAX))
		return cmd_misuse("--grace \"%s\": a duration like 30s or 5m, or 0, up to 49d is expected", line.value[0]);
	if (cmd_key_init(&from, line.operand[0]) != EXIT_YES)
		return EXIT_USAGE;
	status = rotate(env, &from, line.n_operands > 1 ? line.operand[1] : NULL, grace_ms, line.json);
	cmd_key_fini(&from);
	return status;
}
