/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <stdlib.h>
#include <string.h>

int
cmd_set(int argc, char **argv, const struct cmd_env *env)
{
	struct cmd_line line;
	struct gs_ctl *ctl;
	char *text;
	size_t len;
	int rc, status;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	status = cmd_open(&ctl, env, CMD_AUDIT_TIMEOUT_MS);
	if (status != EXIT_YES)
		return status;
	rc = gs_ctl_request(ctl, GS_VERB_SET, line.operand[0], line.operand[1], strlen(line.operand[1]), 0, NULL, &text, &len);
	gs_ctl_close(&ctl);
	status = rc < 0 ? cmd_refused(rc, line.operand[0], text) : EXIT_YES;
	free(text);
	return status;
}
