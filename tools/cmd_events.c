/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"

#define PATH "events"

enum { OPT_FOLLOW, OPT_SINCE, OPT_JSON, WORD_BYTES = 64 };

const struct args_option cmd_events_options[] = {
	[OPT_FOLLOW] = { 'f', "follow", NULL, "go on with those that come, until interrupted or the daemon ends" },
	[OPT_SINCE] = { 's', "since", "REV", "only those with a greater number" },
	[OPT_JSON] = CMD_OPTION_JSON,
	CMD_OPTIONS_END,
};

/* What is printed so far. */
struct log {
	uint64_t revision;		/* of the last line */
	uint64_t offset;		/* in the file, of what to ask for next */
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
		uint64_t revision = strtoull(line, NULL, 10);

		if (revision <= log->revision)
			continue;
		log->revision = revision;
		if (log->json)
			print_json(line, (size_t)(end - line), revision);
		else
			(void)fwrite(line, 1, (size_t)(end - line) + 1, stdout);
	}
}

/* How long the file is, of which the oldest part may be gone. */
static int
ask_size(struct gs_ctl *ctl, uint64_t *size)
{
	GS_CLEANUP_FREE char *text = NULL;
	size_t len;
	int rc = gs_ctl_request(ctl, GS_VERB_STAT, PATH, NULL, 0, 0, NULL, &text, &len);

	if (rc < 0)
		return cmd_refused(rc, PATH, text);
	return sscanf(text, "f %*o %*s %lu", size) == 1 ? EXIT_YES : cmd_fail(GS_EPROTO, PATH);
}

/* Print what is there from log->offset on, or wait for it; an answer without text says that nothing came. */
static int
print_more(struct gs_ctl *ctl, enum gs_wire_verb verb, struct log *log)
{
	GS_CLEANUP_FREE char *text = NULL;
	size_t len;
	int rc = gs_ctl_request(ctl, verb, PATH, NULL, 0, log->offset, NULL, &text, &len);

	if (rc < 0)
		return cmd_refused(rc, PATH, text);
	print_lines(log, text);
	if (verb == GS_VERB_WAIT)
		log->offset += len;
	return cmd_done();
}

static int
print_events(struct gs_ctl *ctl, struct log *log, bool follows)
{
	uint64_t size;
	int status = ask_size(ctl, &size);

	/* What comes between the two is asked for twice and printed once. */
	if (status == EXIT_YES)
		status = print_more(ctl, GS_VERB_GET, log);
	log->offset = size;
	while (status == EXIT_YES && follows)
		status = print_more(ctl, GS_VERB_WAIT, log);
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
	status = print_events(ctl, &log, line.value[OPT_FOLLOW] != NULL);
	gs_ctl_close(&ctl);
	return status;
}
