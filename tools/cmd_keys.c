/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs that do one thing to one key and print nothing: touch, park, resume, del, mv. */
#include "cmd.h"

#include <string.h>

#include "base/text.h"
#include "rings.h"

const struct args_option cmd_touch_options[] = {
	{ 0, "ttl", "T", "and end it this long after its last put or touch" },
	CMD_OPTIONS_END,
};

const struct args_option cmd_park_options[] = {
	{ 0, "ttl", "T", "and end it this long after, unless it is asked for" },
	CMD_OPTIONS_END,
};

const struct args_option cmd_del_options[] = {
	{ 0, "if-version", "N", "only if the session has this version" },
	CMD_OPTIONS_END,
};

/* What is to be done to the key: a number that touch and del take, or a ring's name. */
struct deed {
	int (*run)(struct gs *gs, const struct cmd_key *k, const struct deed *d);
	uint64_t n;
	const char *ring;
};

static int
run_touch(struct gs *gs, const struct cmd_key *k, const struct deed *d)
{
	return gs_touch(gs, k->bytes, k->len, d->n);
}

static int
run_park(struct gs *gs, const struct cmd_key *k, const struct deed *d)
{
	return gs_park(gs, k->bytes, k->len, d->n);
}

static int
run_resume(struct gs *gs, const struct cmd_key *k, const struct deed *d)
{
	(void)d;
	return gs_resume(gs, k->bytes, k->len);
}

static int
run_del(struct gs *gs, const struct cmd_key *k, const struct deed *d)
{
	return gs_del(gs, k->bytes, k->len, d->n);
}

static int
run_move(struct gs *gs, const struct cmd_key *k, const struct deed *d)
{
	return gs_move(gs, k->bytes, k->len, d->ring);
}

static int
run(const struct cmd_env *env, const char *operand, const struct deed *d)
{
	struct cmd_key k;
	struct gs *gs;
	int rc, status = cmd_key_init(&k, operand);

	if (status != EXIT_YES)
		return status;
	status = cmd_attach(&gs, env);
	if (status == EXIT_YES) {
		if (d->ring != NULL && !rings_has(gs, d->ring)) {
			status = EXIT_USAGE;
		} else {
			rc = d->run(gs, &k, d);
			status = rc < 0 ? cmd_fail_session(rc, gs, &k) : EXIT_YES;
		}
		gs_detach(&gs);
	}
	cmd_key_fini(&k);
	return status;
}

/* A verb with a key and --ttl. */
static int
run_with_ttl(int argc, char **argv, const struct cmd_env *env, struct deed *d)
{
	struct cmd_line line;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	if (line.value[0] != NULL && (gs_text_parse_duration(line.value[0], &d->n) < 0 || d->n == 0 || d->n == UINT64_MAX))
		return cmd_misuse("--ttl \"%s\": a duration like 30s, 5m or 2h is expected", line.value[0]);
	return run(env, line.operand[0], d);
}

int
cmd_touch(int argc, char **argv, const struct cmd_env *env)
{
	return run_with_ttl(argc, argv, env, &(struct deed){ .run = run_touch });
}

int
cmd_park(int argc, char **argv, const struct cmd_env *env)
{
	return run_with_ttl(argc, argv, env, &(struct deed){ .run = run_park });
}

int
cmd_resume(int argc, char **argv, const struct cmd_env *env)
{
	struct cmd_line line;

	return cmd_parse(&line, argc, argv, env) ? run(env, line.operand[0], &(struct deed){ .run = run_resume }) : EXIT_USAGE;
}

int
cmd_del(int argc, char **argv, const struct cmd_env *env)
{
	struct deed d = { .run = run_del };
	struct cmd_line line;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	if (line.value[0] != NULL && (gs_text_parse_count(line.value[0], &d.n) < 0 || d.n == 0))
		return cmd_misuse("--if-version \"%s\": a version as `gsession stat` shows it is expected", line.value[0]);
	return run(env, line.operand[0], &d);
}

int
cmd_mv(int argc, char **argv, const struct cmd_env *env)
{
	struct deed d = { .run = run_move };
	struct cmd_line line;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	d.ring = line.operand[1];
	return run(env, line.operand[0], &d);
}
