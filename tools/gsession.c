/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gsession - look at and change a store of sessions.
 */
#include <string.h>

#include "cmd.h"

enum { OPT_INSTANCE, OPT_TABLE, OPT_NAMESPACE, OPT_JSON, OPT_RUN_DIR, OPT_HELP, OPT_VERSION, OPT_LONG_OPTIONS };

static const struct args_option options[] = {
	[OPT_INSTANCE] = { 'i', "instance", "NAME", "which daemon (default)" },
	[OPT_TABLE] = { 't', "table", "NAME", "which table of sessions (sessions)" },
	[OPT_NAMESPACE] = { 'n', "namespace", "NAME", "its namespace (default: the one without a name)" },
	[OPT_JSON] = CMD_OPTION_JSON,
	[OPT_RUN_DIR] = { 0, "run-dir", "DIR", "where the daemon's socket is" },
	[OPT_HELP] = { 'h', "help", NULL, "print this; after a verb, what it takes" },
	[OPT_VERSION] = { 'V', "version", NULL, "print the version" },
	[OPT_LONG_OPTIONS] = { 0, "long-options", NULL, "print all options, one on a line" },
	CMD_OPTIONS_END,
};

static const struct cmd_verb verbs[] = {
	{ "show", "[PATH]", cmd_json_options, 0, 1, cmd_show, "the status, or what control files say" },
	{ "set", "PATH VALUE", cmd_no_options, 2, 2, cmd_set, "write to a control file" },
	{ "get", "KEY", cmd_json_options, 1, 1, cmd_get, "print a session's value" },
	{ "put", "KEY [--ttl T] [--owner O] [--class C] [--if-version N] [--parent KEY [--carried]]", cmd_put_options, 1, 1, cmd_put,
	    "store standard input as a session's value" },
	{ "add", "KEY [--ttl T] [--owner O] [--class C] [--parent KEY [--carried]]", cmd_put_options, 1, 1, cmd_add, "the same, only if there is no such session" },
	{ "touch", "KEY [--ttl T]", cmd_touch_options, 1, 1, cmd_touch, "renew a session's times" },
	{ "park", "KEY [--ttl T]", cmd_park_options, 1, 1, cmd_park, "let a session wait in the outermost ring" },
	{ "resume", "KEY", cmd_no_options, 1, 1, cmd_resume, "bring a parked session back, as any access does" },
	{ "del", "KEY [--if-version N]", cmd_del_options, 1, 1, cmd_del, "end a session" },
	{ "stat", "KEY", cmd_json_options, 1, 1, cmd_stat, "what is known of a session" },
	{ "new", "", cmd_json_options, 0, 0, cmd_new, "print a fresh random key" },
	{ "ls", "[RING] [--owner O] [--idle '>T'] [--limit N]", cmd_ls_options, 0, 1, cmd_ls, "list the keys of sessions" },
	{ "logout", "--owner O", cmd_logout_options, 0, 0, cmd_logout, "end all sessions of an owner" },
	{ "mv", "KEY RING", cmd_no_options, 2, 2, cmd_mv, "move a session to another ring" },
	{ "snapshot", "FILE", cmd_json_options, 1, 1, cmd_snapshot, "write all sessions to a file, whole or not at all" },
	{ "restore", "FILE", cmd_json_options, 1, 1, cmd_restore, "put the sessions of a snapshot back, aged" },
	{ "events", "[--follow] [--since REV]", cmd_events_options, 0, 0, cmd_events, "what happened" },
	{ "suspects", "[--follow]", cmd_suspects_options, 0, 0, cmd_suspects, "list the sessions that ask too fast" },
	{ "pardon", "KEY", cmd_no_options, 1, 1, cmd_pardon, "take the accusation of a session back" },
	{ "expel", "KEY", cmd_no_options, 1, 1, cmd_expel, "end a session as a reaper does" },
	{ "reaper", "[--policy RULE] [--command CMD] [--once]", cmd_reaper_options, 0, 0, cmd_reaper, "judge the suspects: end them, or leave them alone" },
	{ "give", "KEY [--owner O] [--parent KEY]", cmd_give_options, 1, 1, cmd_give, "hand a token to another owner or session" },
	{ "rotate", "OLD [NEW] [--grace T]", cmd_rotate_options, 1, 2, cmd_rotate, "let a session go on under another key, and print that" },
	{ "audit", "", cmd_json_options, 0, 0, cmd_audit, "check every invariant of the memory" },
	{ "conf", "check FILE | show | diff | template | defaults", cmd_json_options, 1, 2, cmd_conf, "check and print configurations" },
	{ "top", "[-d T] [-b] [-N N]", cmd_top_options, 0, 0, cmd_top, "a live screen: rings, rates, the hottest sessions, suspects, events" },
	{ "doctor", "", cmd_json_options, 0, 0, cmd_doctor, "what is wrong now, and the command that mends it" },
	{ "ring", "add NAME [KEY=VALUE ...] | drain NAME | remove NAME", cmd_no_options, 2, CMD_MAX_OPERANDS, cmd_ring,
	    "make, drain and remove a ring" },
	{ "class", "add NAME [KEY=VALUE ...]", cmd_no_options, 2, CMD_MAX_OPERANDS, cmd_class, "make a class of sessions" },
	{ "namespace", "add NAME [KEY=VALUE ...] | remove NAME | list", cmd_json_options, 1, CMD_MAX_OPERANDS, cmd_namespace,
	    "make, remove and list namespaces" },
	{ "replay", "[-c FILE] [--key ip|ip+agent] [--live [--speed N]] LOG", cmd_replay_options, 1, 1, cmd_replay,
	    "drive a store with a web access log" },
	{ "bench", "[--records N] [--size B] [--procs P] [--keys HOW]", cmd_bench_options, 0, 0, cmd_bench, "measure the memory on a private store" },
	{ "torture", "[--seconds N] [--seed S]", cmd_torture_options, 0, 0, cmd_torture, "kill, stop and check a private store" },
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void
print_usage(FILE *to)
{
	size_t i;

	args_usage(to, "gsession", "[-i INSTANCE] [-t TABLE] [-n NAMESPACE] [-j] [VERB ...]", options);
	(void)fputs("\nverbs:\n", to);
	for (i = 0; i < N_VERBS; i++)
		(void)fprintf(to, "  %-8s %s\n", verbs[i].name, verbs[i].help);
}

static void
print_long_options(void)
{
	size_t i;

	args_long_options(stdout, options);
	for (i = 0; i < N_VERBS; i++)
		args_long_options(stdout, verbs[i].options);
}

static const struct cmd_verb *
find_verb(const char *name)
{
	size_t i;

	for (i = 0; i < N_VERBS; i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

static int
run_verb(int argc, char **argv, struct cmd_env *env)
{
	char title[32];

	env->verb = find_verb(argv[0]);
	if (env->verb == NULL)
		return cmd_misuse("unknown verb \"%s\"; gsession --help lists them", argv[0]);
	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		(void)snprintf(title, sizeof(title), "gsession %s", env->verb->name);
		args_usage(stdout, title, env->verb->args, env->verb->options);
		return cmd_done();
	}
	if (argc > 1 && strcmp(argv[1], "--long-options") == 0) {
		args_long_options(stdout, env->verb->options);
		return cmd_done();
	}
	return env->verb->run(argc, argv, env);
}

/* Do what is said before the verb. Returns -1 to go on, or the exit status. */
static int
take_option(int i, const char *value, struct cmd_env *env)
{
	switch (i) {
	case OPT_INSTANCE:
		env->instance = value;
		return -1;
	case OPT_TABLE:
		env->table = value;
		return -1;
	case OPT_NAMESPACE:
		env->ns = value;
		return -1;
	case OPT_JSON:
		env->json = true;
		return -1;
	case OPT_RUN_DIR:
		env->run_dir = value;
		return -1;
	case OPT_HELP:
		print_usage(stdout);
		return cmd_done();
	case OPT_VERSION:
		(void)printf("gsession %s\n", PACKAGE_VERSION);
		return cmd_done();
	case OPT_LONG_OPTIONS:
		print_long_options();
		return cmd_done();
	default:
		print_usage(stderr);
		return EXIT_USAGE;
	}
}

int
main(int argc, char **argv)
{
	struct cmd_env env = { .table = "sessions" };
	char show[] = "show", *bare[] = { show, NULL };
	const char *value;
	int at = 1, i, status;

	while ((i = args_next(argc, argv, &at, options, &value)) != -1) {
		status = take_option(i, value, &env);
		if (status >= 0)
			return status;
	}
	if (at == argc)
		return run_verb(1, bare, &env);
	return run_verb(argc - at, argv + at, &env);
}
