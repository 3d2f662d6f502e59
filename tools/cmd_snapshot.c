/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_snapshot.c - gsession snapshot and restore: a file of the caller's, opened with his rights, that the daemon's job fills or reads.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/errors.h"
#include "base/json.h"
#include "cmd.h"

enum { LOOK_EVERY_MS = 50, LINE_BYTES = 1024 };

static volatile sig_atomic_t is_interrupted;

static void
note_signal(int number)
{
	(void)number;
	is_interrupted = 1;
}

static void
catch_signals(void)
{
	const struct sigaction note = { .sa_handler = note_signal };

	(void)sigaction(SIGINT, &note, NULL);
	(void)sigaction(SIGTERM, &note, NULL);
	(void)sigaction(SIGHUP, &note, NULL);
}

/* The code of a name as GS_ENOSPC. */
static int
code_of(const char *name, size_t len)
{
#define ROW(symbol, number, errno_, status, retry, text) { #symbol, symbol },
	static const struct {
		const char *name;
		int code;
	} rows[] = { GS_ERROR_TABLE(ROW) };
#undef ROW

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strlen(rows[i].name) == len && memcmp(rows[i].name, name, len) == 0)
			return rows[i].code;
	return GS_ESYSTEM;
}

/* What ctl says of a job, from behind its name: "running 4%", "done a=1 b=2", "failed CODE: sentence". NULL: nothing, said why. */
static char *
look(struct gs_ctl *ctl, const char *verb, unsigned number, char line[LINE_BYTES])
{
	char begin[64], *text, *at, *end = NULL;
	int rc;

	text = cmd_read(ctl, "ctl", &rc);
	if (text == NULL)
		return NULL;
	(void)snprintf(begin, sizeof(begin), "\njob %u %s - ", number, verb);
	at = strstr(text, begin);
	if (at != NULL) {
		at += strlen(begin);
		end = strchr(at, '\n');
		(void)snprintf(line, LINE_BYTES, "%.*s", (int)(end == NULL ? strlen(at) : (size_t)(end - at)), at);
	} else {
		(void)fprintf(stderr, "gsession: %s: the daemon knows nothing of job %u any more: it was restarted, or does another one\n", verb,
		    number);
	}
	free(text);
	return at == NULL ? NULL : line;
}

static void
print_done(const struct cmd_line *line, char *pairs)
{
	struct gs_json j;
	char *pair, *value;

	if (line->json) {
		gs_json_init(&j, stdout);
		gs_json_object(&j, NULL);
	}
	while ((pair = strsep(&pairs, " ")) != NULL) {
		value = strchr(pair, '=');
		if (value == NULL)
			continue;
		*value++ = '\0';
		if (line->json)
			gs_json_u64(&j, pair, strtoull(value, NULL, 10));
		else
			(void)printf("%-10s%s\n", pair, value);
	}
	if (line->json) {
		gs_json_end(&j, false);
		gs_json_done(&j);
	}
}

/* Wait for a job, showing how far it is where somebody looks. An exit status. */
static int
wait_for(struct gs_ctl *ctl, const struct cmd_line *line, const char *verb, unsigned number)
{
	const struct timespec pause = { .tv_nsec = LOOK_EVERY_MS * 1000000L };
	bool is_watched = isatty(STDERR_FILENO) == 1;
	char said[LINE_BYTES], *colon;

	for (;;) {
		if (is_interrupted) {
			(void)fprintf(stderr, "gsession: %s: interrupted\n", verb);
			return EXIT_SYSTEM;
		}
		if (look(ctl, verb, number, said) == NULL)
			return EXIT_SYSTEM;
		if (strncmp(said, "running ", 8) != 0)
			break;
		if (is_watched)
			(void)fprintf(stderr, "\r%s %s ", verb, said + 8);
		(void)nanosleep(&pause, NULL);
	}
	if (is_watched)
		(void)fputs("\r\033[K", stderr);
	if (strncmp(said, "done ", 5) == 0) {
		print_done(line, said + 5);
		return cmd_done();
	}
	colon = strchr(said, ':');
	(void)fprintf(stderr, "gsession: %s: %s\n", line->operand[0], colon == NULL ? said : colon + 2);
	return gs_error_status(colon == NULL ? GS_ESYSTEM : code_of(said + 7, (size_t)(colon - said - 7)));
}

/* Have a job done on the file. An exit status. */
static int
run_job(const struct cmd_env *env, const struct cmd_line *line, int fd)
{
	const char *verb = env->verb->name;
	unsigned number = 0;
	struct gs_ctl *ctl;
	char *text;
	int rc, status = cmd_open(&ctl, env, CMD_AUDIT_TIMEOUT_MS);

	if (status != EXIT_YES)
		return status;
	gs_ctl_give(ctl, fd);
	rc = gs_ctl_request(ctl, GS_VERB_SET, "ctl", verb, strlen(verb), 0, NULL, &text, NULL);
	if (rc < 0)
		status = cmd_refused(rc, "ctl", text);
	else if (sscanf(text, "job %u", &number) != 1)
		status = cmd_fail(GS_EPROTO, "%s", verb);
	else
		status = wait_for(ctl, line, verb, number);
	free(text);
	gs_ctl_close(&ctl);
	return status;
}

/* A file beside the one that is asked for, which takes its place when it is whole. */
static int
open_part(const char *path, char part[PATH_MAX])
{
	int n = snprintf(part, PATH_MAX, "%s.part-%d", path, (int)getpid());

	if (n < 0 || n >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* The name is on the disk when the directory is. */
static int
give_name(const char *part, const char *path)
{
	char copy[PATH_MAX];
	int fd, rc;

	if (rename(part, path) < 0)
		return -1;
	(void)snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = fd < 0 ? -1 : fsync(fd);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

int
cmd_snapshot(int argc, char **argv, const struct cmd_env *env)
{
	char part[PATH_MAX];
	struct cmd_line line;
	int fd, status;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	catch_signals();
	fd = open_part(line.operand[0], part);
	if (fd < 0)
		return cmd_fail(gs_error_from_errno(errno), "%s: %s", line.operand[0], strerror(errno));
	status = run_job(env, &line, fd);
	(void)close(fd);
	if (status == EXIT_YES && give_name(part, line.operand[0]) < 0)
		status = cmd_fail(gs_error_from_errno(errno), "%s: %s", line.operand[0], strerror(errno));
	if (status != EXIT_YES)
		(void)unlink(part);
	return status;
}

int
cmd_restore(int argc, char **argv, const struct cmd_env *env)
{
	struct cmd_line line;
	int fd, status;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	catch_signals();
	fd = open(line.operand[0], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cmd_fail(gs_error_from_errno(errno), "%s: %s", line.operand[0], strerror(errno));
	status = run_job(env, &line, fd);
	(void)close(fd);
	return status;
}
