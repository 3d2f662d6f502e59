/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "print.h"

enum { PUT_TTL, PUT_OWNER, PUT_CLASS, PUT_IF_VERSION, PUT_PARENT, PUT_CARRIED };
enum { READ_BYTES = 65536, READ_MAX_BYTES = 1 << 26 };

const struct args_option cmd_put_options[] = {
	[PUT_TTL] = { 0, "ttl", "T", "end the session this long after its last put or touch" },
	[PUT_OWNER] = { 0, "owner", "O", "whose session it is" },
	[PUT_CLASS] = { 0, "class", "C", "anonymous, authenticated, or a class of the configuration" },
	[PUT_IF_VERSION] = { 0, "if-version", "N", "only if the session has this version" },
	[PUT_PARENT] = { 0, "parent", "KEY", "the session that a new token hangs on" },
	[PUT_CARRIED] = { 0, "carried", NULL, "and that the token outlives" },
	CMD_OPTION_JSON,
	CMD_OPTIONS_END,
};

/* All of stdin, or the first READ_MAX_BYTES of it, which no table takes. */
static char *
read_value(size_t *len)
{
	size_t cap = READ_BYTES, n = 0, got;
	char *value = malloc(cap), *larger;

	while (value != NULL) {
		got = fread(value + n, 1, cap - n, stdin);
		n += got;
		if (got == 0 || n == READ_MAX_BYTES)
			break;
		if (n < cap)
			continue;
		larger = realloc(value, cap *= 2);
		if (larger == NULL)
			free(value);
		value = larger;
	}
	*len = n;
	return value;
}

/* False when an option is malformed (said). */
static bool
take_options(struct gs_put_options *opt, const struct cmd_line *line)
{
	const char *const *value = line->value;

	if (value[PUT_TTL] != NULL && (gs_text_parse_duration(value[PUT_TTL], &opt->ttl_ms) < 0 ||
	    opt->ttl_ms == 0 || opt->ttl_ms == UINT64_MAX)) {
		(void)cmd_misuse("--ttl \"%s\": a duration like 30s, 5m or 2h is expected", value[PUT_TTL]);
		return false;
	}
	if (value[PUT_IF_VERSION] != NULL && (gs_text_parse_count(value[PUT_IF_VERSION], &opt->if_version) < 0 ||
	    opt->if_version == 0)) {
		(void)cmd_misuse("--if-version \"%s\": a version as `gsession stat` shows it is expected", value[PUT_IF_VERSION]);
		return false;
	}
	opt->parent = value[PUT_PARENT];
	opt->parent_len = value[PUT_PARENT] == NULL ? 0 : strlen(value[PUT_PARENT]);
	opt->flags |= value[PUT_CARRIED] != NULL ? GS_CARRIED : 0;
	opt->class_name = value[PUT_CLASS];
	opt->owner = value[PUT_OWNER];
	opt->owner_len = value[PUT_OWNER] == NULL ? 0 : strlen(value[PUT_OWNER]);
	if (opt->owner_len > GS_OWNER_BYTES) {
		(void)cmd_misuse("--owner: %zu bytes, at most %d", opt->owner_len, GS_OWNER_BYTES);
		return false;
	}
	return true;
}

static int
print_put(const struct cmd_key *k, bool is_started, const struct gs_info *info)
{
	struct gs_json j;

	gs_json_init(&j, stdout);
	gs_json_object(&j, NULL);
	gs_json_bool(&j, "started", is_started);
	print_session_json(&j, k->bytes, k->len, info);
	gs_json_end(&j, false);
	gs_json_done(&j);
	return cmd_done();
}

static int
put(const struct cmd_env *env, const struct cmd_key *k, const struct gs_put_options *opt, bool json)
{
	size_t len;
	GS_CLEANUP_FREE char *value = read_value(&len);
	struct gs *gs;
	int rc, status;

	if (value == NULL || ferror(stdin))
		return cmd_fail(value == NULL ? GS_ENOMEM : GS_ESYSTEM, "cannot read the value from standard input");
	status = cmd_attach(&gs, env);
	if (status != EXIT_YES)
		return status;
	rc = gs_put(gs, k->bytes, k->len, value, len, opt);
	if (rc == GS_EFBIG)
		status = cmd_fail(rc, "%s: %zu bytes, at most %zu", k->shown, len, gs_record_size(gs));
	else if (rc == GS_EINVAL && opt->class_name != NULL && opt->parent == NULL)
		status = cmd_misuse("--class \"%s\": the table has no class of this name", opt->class_name);
	else if (rc < 0)
		status = cmd_fail_session(rc, gs, k);
	else if (json)
		status = print_put(k, rc == 1, opt->info);
	gs_detach(&gs);
	return status;
}

static int
run(int argc, char **argv, const struct cmd_env *env, uint32_t flags)
{
	struct gs_info info;
	struct gs_put_options opt = { .size = sizeof(opt), .flags = flags, .info = &info };
	struct cmd_line line;
	struct cmd_key k;
	int status;

	if (!cmd_parse(&line, argc, argv, env) || !take_options(&opt, &line) || cmd_key_init(&k, line.operand[0]) != EXIT_YES)
		return EXIT_USAGE;
	status = put(env, &k, &opt, line.json);
	cmd_key_fini(&k);
	return status;
}

int
cmd_put(int argc, char **argv, const struct cmd_env *env)
{
	return run(argc, argv, env, 0);
}

int
cmd_add(int argc, char **argv, const struct cmd_env *env)
{
	return run(argc, argv, env, GS_ONLY_NEW);
}
