/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include "base/json.h"

int
cmd_new(int argc, char **argv, const struct cmd_env *env)
{
	struct cmd_line line;
	char id[GS_ID_CHARS];
	struct gs_json j;
	struct gs *gs;
	int rc, status;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	status = cmd_attach(&gs, env);
	if (status != EXIT_YES)
		return status;
	rc = gs_new_id(gs, id, sizeof(id));
	gs_detach(&gs);
	if (rc < 0)
		return cmd_fail(rc, "no random bytes");
	if (line.json) {
		gs_json_init(&j, stdout);
		gs_json_object(&j, NULL);
		gs_json_text(&j, "key", id);
		gs_json_end(&j, false);
		gs_json_done(&j);
	} else {
		(void)puts(id);
	}
	return cmd_done();
}
