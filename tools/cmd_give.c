/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <string.h>

enum { GIVE_OWNER, GIVE_PARENT };

const struct args_option cmd_give_options[] = {
	[GIVE_OWNER] = { 0, "owner", "O", "whose token it is from now on" },
	[GIVE_PARENT] = { 0, "parent", "KEY", "the session that it hangs on from now on; none without it" },
	CMD_OPTIONS_END,
};

int
cmd_give(int argc, char **argv, const struct cmd_env *env)
{
	struct gs_attr attr = { .size = sizeof(attr), .mask = GS_ATTR_PARENT };
	struct cmd_line line;
	struct cmd_key k;
	struct gs *gs;
	int rc, status;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	attr.parent = line.value[GIVE_PARENT];
	attr.parent_len = line.value[GIVE_PARENT] == NULL ? 0 : strlen(line.value[GIVE_PARENT]);
	if (line.value[GIVE_OWNER] != NULL) {
		attr.mask |= GS_ATTR_OWNER;
		attr.owner = line.value[GIVE_OWNER];
		attr.owner_len = strlen(line.value[GIVE_OWNER]);
	}
	if (attr.owner_len > GS_OWNER_BYTES || attr.parent_len > GS_KEY_BYTES)
		return cmd_misuse("an owner has at most %d bytes, a key %d", GS_OWNER_BYTES, GS_KEY_BYTES);
	if (cmd_key_init(&k, line.operand[0]) != EXIT_YES)
		return EXIT_USAGE;
	status = cmd_attach(&gs, env);
	if (status == EXIT_YES) {
		rc = gs_setattr(gs, k.bytes, k.len, &attr);
		status = rc < 0 ? cmd_fail(rc, "%s", k.shown) : EXIT_YES;
		gs_detach(&gs);
	}
	cmd_key_fini(&k);
	return status;
}
