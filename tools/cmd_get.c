/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "print.h"

static int
print_value(const struct cmd_key *k, const void *value, size_t len, const struct gs_info *info, bool json)
{
	struct gs_json j;

	if (!json) {
		(void)fwrite(value, 1, len, stdout);
		return cmd_done();
	}
	gs_json_init(&j, stdout);
	gs_json_object(&j, NULL);
	print_session_json(&j, k->bytes, k->len, info);
	gs_json_string(&j, "value", value, len);
	gs_json_end(&j, false);
	gs_json_done(&j);
	return cmd_done();
}

static int
get(struct gs *gs, const struct cmd_key *k, bool json)
{
	size_t cap = gs_record_size(gs);
	GS_CLEANUP_FREE void *value = malloc(cap);
	struct gs_info info;
	ssize_t n;

	if (value == NULL)
		return cmd_fail(GS_ENOMEM, "%s", k->shown);
	n = gs_get(gs, k->bytes, k->len, value, cap, &info);
	if (n < 0)
		return cmd_fail_session((int)n, gs, k);
	return print_value(k, value, (size_t)n, &info, json);
}

int
cmd_get(int argc, char **argv, const struct cmd_env *env)
{
	struct cmd_line line;
	struct cmd_key k;
	struct gs *gs;
	int status;

	if (!cmd_parse(&line, argc, argv, env) || cmd_key_init(&k, line.operand[0]) != EXIT_YES)
		return EXIT_USAGE;
	status = cmd_attach(&gs, env);
	if (status == EXIT_YES) {
		status = get(gs, &k, line.json);
		gs_detach(&gs);
	}
	cmd_key_fini(&k);
	return status;
}
