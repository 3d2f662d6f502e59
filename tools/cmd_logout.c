/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"

const struct args_option cmd_logout_options[] = {
	{ 0, "owner", "O", "whose sessions" },
	CMD_OPTION_JSON,
	CMD_OPTIONS_END,
};

static void
print_ended(uint64_t n, bool is_json)
{
	struct gs_json json;

	if (!is_json) {
		(void)printf("%" PRIu64 "\n", n);
		return;
	}
	gs_json_init(&json, stdout);
	gs_json_object(&json, NULL);
	gs_json_u64(&json, "ended", n);
	gs_json_end(&json, false);
	gs_json_done(&json);
}

int
cmd_logout(int argc, char **argv, const struct cmd_env *env)
{
	const char *owner;
	struct cmd_line line;
	struct gs *gs;
	uint64_t n = 0;
	int rc, status;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	owner = line.value[0];
	if (owner == NULL)
		return cmd_misuse("logout: --owner is needed");
	if (owner[0] == '\0' || strlen(owner) > GS_OWNER_BYTES)
		return cmd_misuse("--owner \"%.80s\": 1 to %d bytes are expected", owner, (int)GS_OWNER_BYTES);
	status = cmd_attach(&gs, env);
	if (status != EXIT_YES)
		return status;
	rc = gs_logout(gs, owner, strlen(owner), &n);
	gs_detach(&gs);
	if (rc < 0)
		return cmd_fail(rc, "logout");
	print_ended(n, line.json);
	return cmd_done();
}
