/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd.h - the verbs of gsession(1): what each is called with, and what they share.
 *
 * A verb is a row of the table in gsession.c and a function
 * `int cmd_VERB(int argc, char **argv, const struct cmd_env *env)`: argv[0] is
 * the verb's name, the result an exit status of prog/args.h.  Results go to
 * stdout, sentences about failure to stderr.
 */
#ifndef TOOLS_CMD_H
#define TOOLS_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "gsession.h"
#include "ctl/client.h"
#include "prog/args.h"

enum { CMD_MAX_OPTIONS = 16, CMD_MAX_OPERANDS = 16, CMD_TIMEOUT_MS = 2000, CMD_AUDIT_TIMEOUT_MS = 600000 };

struct cmd_verb;

/* What was said before the verb. */
struct cmd_env {
	const char *instance;		/* NULL: "default" */
	const char *table;		/* never NULL */
	const char *ns;			/* the namespace; NULL: the default one */
	const char *run_dir;		/* NULL: the place of base/paths.h */
	bool json;
	const struct cmd_verb *verb;	/* the row that is being run */
};

struct cmd_verb {
	const char *name;
	const char *args;		/* what follows it, for the usage line */
	const struct args_option *options;	/* its own; ended by a NULL name */
	size_t min_operands, max_operands;
	int (*run)(int argc, char **argv, const struct cmd_env *env);
	const char *help;		/* one line */
};

/* The row of every options table whose verb can print JSON. */
#define CMD_OPTION_JSON { 'j', "json", NULL, "print JSON" }
#define CMD_OPTIONS_END { 0, NULL, NULL, NULL }

/* A verb's command line, taken apart. */
struct cmd_line {
	const char *value[CMD_MAX_OPTIONS];	/* by row of the options table: NULL not given, "" a flag */
	const char *operand[CMD_MAX_OPERANDS];
	size_t n_operands;
	bool json;			/* asked for here or before the verb */
};

/*
 * Take argv apart by env->verb's options and number of operands; both may be mixed, all after `--` is an operand.
 * False when it was wrong (said on stderr, with the usage line): return EXIT_USAGE.
 */
bool cmd_parse(struct cmd_line *out, int argc, char **argv, const struct cmd_env *env);

/* Say `gsession: WHAT: sentence of rc` and return the exit status of rc. With GS_EDOWN it also says how to start the daemon. */
int cmd_fail(int rc, const char *what, ...) __attribute__((format(printf, 2, 3)));
/* Say why a control request about `path` failed: the daemon's sentence, or that of rc when it sent none. Returns the exit status of rc. */
int cmd_refused(int rc, const char *path, const char *sentence);
/* Say `gsession: WHAT` and return EXIT_USAGE. */
int cmd_misuse(const char *what, ...) __attribute__((format(printf, 1, 2)));
/* Flush stdout: EXIT_YES, or EXIT_SYSTEM with a sentence when it could not be written. */
int cmd_done(void);

/* Attach to env's table. Returns EXIT_YES and *out is the caller's, or the exit status, the sentence said. */
int cmd_attach(struct gs **out, const struct cmd_env *env);
/* Say why env's table cannot be attached to, or its daemon not be reached, by the code of that, and what to do. The exit status. */
int cmd_unreached(int rc, const struct cmd_env *env);
/* As cmd_attach(), for a connection to the daemon. */
int cmd_open(struct gs_ctl **out, const struct cmd_env *env, uint32_t timeout_ms);
/*
 * The text of a control file, malloc'ed; NULL when there is none or it cannot be read, *rc is the code then and the
 * sentence has been said unless it was GS_ENOENT.
 */
char *cmd_read(struct gs_ctl *c, const char *path, int *rc);

/* One entry of a control directory. */
struct cmd_entry {
	bool is_dir, is_writable;
	char name[64];
};

/* The listing of a control directory, malloc'ed, for cmd_next_entry(); otherwise as cmd_read(). */
char *cmd_list(struct gs_ctl *c, const char *path, int *rc);
/* Take the next entry off a listing; false at its end. *at begins as the listing. */
bool cmd_next_entry(const char **at, struct cmd_entry *out);

/* A key as a user gives it: the operand itself, or for "-" the first line of stdin. */
struct cmd_key {
	const char *bytes;		/* len bytes */
	size_t len;
	char *line;			/* what to free, or NULL */
	char shown[4 * GS_KEY_BYTES + 8];	/* escaped, for messages */
};

/* 0, or EXIT_USAGE with the sentence said: empty, over 255 bytes, nothing on stdin. */
int cmd_key_init(struct cmd_key *out, const char *operand);
void cmd_key_fini(struct cmd_key *k);
/* cmd_fail about a session; of one that asks too fast also when it is served again. */
int cmd_fail_session(int rc, struct gs *gs, const struct cmd_key *k);

/* The verbs. */
int cmd_events(int argc, char **argv, const struct cmd_env *env);
int cmd_show(int argc, char **argv, const struct cmd_env *env);
int cmd_set(int argc, char **argv, const struct cmd_env *env);
int cmd_get(int argc, char **argv, const struct cmd_env *env);
int cmd_put(int argc, char **argv, const struct cmd_env *env);
int cmd_add(int argc, char **argv, const struct cmd_env *env);
int cmd_touch(int argc, char **argv, const struct cmd_env *env);
int cmd_park(int argc, char **argv, const struct cmd_env *env);
int cmd_resume(int argc, char **argv, const struct cmd_env *env);
int cmd_del(int argc, char **argv, const struct cmd_env *env);
int cmd_stat(int argc, char **argv, const struct cmd_env *env);
int cmd_new(int argc, char **argv, const struct cmd_env *env);
int cmd_ls(int argc, char **argv, const struct cmd_env *env);
int cmd_logout(int argc, char **argv, const struct cmd_env *env);
int cmd_mv(int argc, char **argv, const struct cmd_env *env);
int cmd_snapshot(int argc, char **argv, const struct cmd_env *env);
int cmd_restore(int argc, char **argv, const struct cmd_env *env);
int cmd_suspects(int argc, char **argv, const struct cmd_env *env);
int cmd_pardon(int argc, char **argv, const struct cmd_env *env);
int cmd_expel(int argc, char **argv, const struct cmd_env *env);
int cmd_reaper(int argc, char **argv, const struct cmd_env *env);
int cmd_give(int argc, char **argv, const struct cmd_env *env);
int cmd_rotate(int argc, char **argv, const struct cmd_env *env);
int cmd_audit(int argc, char **argv, const struct cmd_env *env);
int cmd_conf(int argc, char **argv, const struct cmd_env *env);
int cmd_doctor(int argc, char **argv, const struct cmd_env *env);
int cmd_ring(int argc, char **argv, const struct cmd_env *env);
int cmd_namespace(int argc, char **argv, const struct cmd_env *env);
int cmd_class(int argc, char **argv, const struct cmd_env *env);
int cmd_replay(int argc, char **argv, const struct cmd_env *env);
int cmd_bench(int argc, char **argv, const struct cmd_env *env);
int cmd_top(int argc, char **argv, const struct cmd_env *env);
int cmd_torture(int argc, char **argv, const struct cmd_env *env);

/* Options of verbs that have any, each beside its function. */
extern const struct args_option cmd_json_options[];	/* only --json */
extern const struct args_option cmd_no_options[];
extern const struct args_option cmd_put_options[];	/* also of add */
extern const struct args_option cmd_touch_options[];
extern const struct args_option cmd_park_options[];
extern const struct args_option cmd_del_options[];
extern const struct args_option cmd_events_options[];
extern const struct args_option cmd_ls_options[];
extern const struct args_option cmd_suspects_options[];
extern const struct args_option cmd_reaper_options[];
extern const struct args_option cmd_logout_options[];
extern const struct args_option cmd_give_options[];
extern const struct args_option cmd_rotate_options[];
extern const struct args_option cmd_replay_options[];
extern const struct args_option cmd_bench_options[];
extern const struct args_option cmd_top_options[];
extern const struct args_option cmd_torture_options[];

#endif
