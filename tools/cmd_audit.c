/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <stdlib.h>
#include <string.h>

#include "base/errors.h"
#include "base/json.h"

/* The report's lines, as they are. */
static void
print_json(bool is_clean, char *text)
{
	char *at = text, *one;
	struct gs_json j;

	gs_json_init(&j, stdout);
	gs_json_object(&j, NULL);
	gs_json_bool(&j, "clean", is_clean);
	gs_json_array(&j, "report");
	while ((one = strsep(&at, "\n")) != NULL) {
		if (one[0] != '\0')
			gs_json_text(&j, NULL, one);
	}
	gs_json_end(&j, true);
	gs_json_end(&j, false);
	gs_json_done(&j);
}

int
cmd_audit(int argc, char **argv, const struct cmd_env *env)
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
	rc = gs_ctl_request(ctl, GS_VERB_AUDIT, "", "", 0, 0, NULL, &text, &len);
	gs_ctl_close(&ctl);
	if (rc != 0 && rc != GS_ECORRUPT) {
		status = cmd_refused(rc, "audit", text);
	} else {
		if (line.json)
			print_json(rc == 0, text);
		else
			(void)fwrite(text, 1, len, stdout);
		status = cmd_done();
		if (status == EXIT_YES)
			status = gs_error_status(rc);
	}
	free(text);
	return status;
}
