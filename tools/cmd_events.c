/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"

#define PATH "events_pipe"		/* the lines by their numbers */

enum { OPT_FOLLOW, OPT_SINCE, OPT_JSON, WORD_BYTES = 64, TOO_LATE = -1 };

const struct args_option cmd_events_options[] = {
	[OPT_FOLLOW] = { 'f', "follow", NULL, "go on with those that come, until interrupted or the daemon ends" },
	[OPT_SINCE] = { 's', "since", "REV", "only those with a greater number" },
	[OPT_JSON] = CMD_OPTION_JSON,
	CMD_OPTIONS_END,
};

/* What is printed so far. */
struct log {
	uint64_t revision;		/* of the last line */
	bool json;
};

/* `key=value ...` as members; values stay escaped as they are. */
static void
print_members(struct gs_json *j, const char *at, size_t len)
{
	const char *end = at + len;

	while (at < end) {
		const char *space = memchr(at, ' ', (size_t)(end - at)), *stop = space == NULL ? end : space;
		const char *equals = memchr(at, '=', (size_t)(stop - at));
		char name[WORD_BYTES];

		if (equals != NULL && equals - at < WORD_BYTES) {
			memcpy(name, at, (size_t)(equals - at));
			name[equals - at] = '\0';
			gs_json_string(j, name, equals + 1, (size_t)(stop - equals - 1));
		}
		at = stop == end ? end : stop + 1;
	}
}

/* `REVISION TIME EVENT key=value ...` as an object on a line. */
static void
print_json(const char *line, size_t len, uint64_t revision)
{
	const char *end = line + len, *word[3] = { line, line, line };
	struct gs_json j;

	for (int i = 1; i < 3; i++) {
		const char *space = memchr(word[i - 1], ' ', (size_t)(end - word[i - 1]));

		if (space == NULL)
			return;
		word[i] = space + 1;
	}
	gs_json_init(&j, stdout);
	gs_json_object(&j, NULL);
	gs_json_u64(&j, "revision", revision);
	gs_json_string(&j, "time", word[1], (size_t)(word[2] - word[1] - 1));
	len = strcspn(word[2], " \n");
	gs_json_string(&j, "event", word[2], len);
	if (word[2] + len < end)
		print_members(&j, word[2] + len + 1, (size_t)(end - word[2] - len - 1));
	gs_json_end(&j, false);
	gs_json_done(&j);
}

static void
print_lines(struct log *log, const char *text)
{
	for (const char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		log->revision = strtoull(line, NULL, 10);
		if (log->json)
			print_json(line, (size_t)(end - line), log->revision);
		else
			(void)fwrite(line, 1, (size_t)(end - line) + 1, stdout);
	}
}

/*
 * Print what there is behind log->revision, or wait for it; an answer without text says that nothing came. TOO_LATE: we have
 * waited longer than the daemon makes anybody wait.
 */
static int
print_more(struct gs_ctl *ctl, enum gs_wire_verb verb, struct log *log)
{
	GS_CLEANUP_FREE char *text = NULL;
	size_t len;
	int rc = gs_ctl_request(ctl, verb, PATH, NULL, 0, log->revision, NULL, &text, &len);

	if (rc == GS_ETIMEDOUT && verb == GS_VERB_WAIT)
		return TOO_LATE;
	if (rc < 0)
		return cmd_refused(rc, "events", text);
	print_lines(log, text);
	return cmd_done();
}

/* It is we who were stopped, or the daemon that is: in time it answers at once. */
static int
ask_anew(struct gs_ctl **ctl, const struct cmd_env *env, struct log *log)
{
	int status;

	gs_ctl_close(ctl);
	status = cmd_open(ctl, env, CMD_TIMEOUT_MS);
	return status == EXIT_YES ? print_more(*ctl, GS_VERB_GET, log) : status;
}

static int
print_events(struct gs_ctl **ctl, const struct cmd_env *env, struct log *log, bool follows)
{
	int status = print_more(*ctl, GS_VERB_GET, log);

	while (status == EXIT_YES && follows) {
		status = print_more(*ctl, GS_VERB_WAIT, log);
		if (status == TOO_LATE)
			status = ask_anew(ctl, env, log);
	}
	return status;
}

int
cmd_events(int argc, char **argv, const struct cmd_env *env)
{
	struct log log = { .revision = 0 };
	struct cmd_line line;
	struct gs_ctl *ctl;
	int status;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	if (line.value[OPT_SINCE] != NULL && gs_text_parse_count(line.value[OPT_SINCE], &log.revision) < 0)
		return cmd_misuse("events: --since takes the number of an event, not \"%s\"", line.value[OPT_SINCE]);
	log.json = line.json;
	status = cmd_open(&ctl, env, CMD_TIMEOUT_MS);
	if (status != EXIT_YES)
		return status;
	status = print_events(&ctl, env, &log, line.value[OPT_FOLLOW] != NULL);
	gs_ctl_close(&ctl);
	return status;
}
