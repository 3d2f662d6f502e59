/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include "print.h"

enum { WHY_BYTES = 4096 };
/* What the session hangs on. */
struct bond {
	char parent[GS_KEY_BYTES];
	ssize_t len;
	uint32_t flags;
};

int
cmd_stat(int argc, char **argv, const struct cmd_env *env)
{
	struct cmd_line line;
	struct cmd_key k;
	struct bond bond;
	struct gs_info info;
	struct gs_json j;
	char why[WHY_BYTES] = "";
	struct gs *gs;
	int rc, status;

	if (!cmd_parse(&line, argc, argv, env) || cmd_key_init(&k, line.operand[0]) != EXIT_YES)
		return EXIT_USAGE;
	status = cmd_attach(&gs, env);
	if (status != EXIT_YES)
		goto out;
	rc = gs_stat(gs, k.bytes, k.len, &info);
	if (rc == 0)
		(void)gs_why(gs, k.bytes, k.len, why, sizeof(why));
	bond.len = gs_parent(gs, k.bytes, k.len, bond.parent, sizeof(bond.parent), &bond.flags);
	gs_detach(&gs);
	if (rc < 0) {
		status = cmd_fail(rc, "%s", k.shown);
	} else if (line.json) {
		gs_json_init(&j, stdout);
		gs_json_object(&j, NULL);
		print_session_json(&j, k.bytes, k.len, &info);
		print_why_json(&j, why);
		gs_json_string(&j, "parent", bond.parent, bond.len > 0 ? (size_t)bond.len : 0);
		gs_json_bool(&j, "carried", bond.len >= 0 && bond.flags != 0);
		gs_json_end(&j, false);
		gs_json_done(&j);
		status = cmd_done();
	} else {
		print_session(stdout, k.bytes, k.len, &info);
		print_why(stdout, why);
		print_bond(stdout, bond.parent, bond.len > 0 ? (size_t)bond.len : 0, bond.len >= 0 && bond.flags != 0);
		status = cmd_done();
	}
out:
	cmd_key_fini(&k);
	return status;
}
