/* SPDX-License-Identifier: BSD-2-Clause */
#include "show_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/text.h"
#include "cmd.h"
#include "conf/conf.h"
#include "suspect.h"

enum { PATH_BYTES = 256 };

/* What a control file's text is. */
enum kind { KIND_TEXT, KIND_PROSE, KIND_COUNT, KIND_DURATION, KIND_SIZE, KIND_SIZES, KIND_BOOL, KIND_COUNTERS, KIND_SUSPECTS };

static const struct {
	const char *name;
	enum kind kind;
} kinds[] = {
	{ "README", KIND_PROSE },
	{ "events", KIND_PROSE },
	{ "ctl", KIND_PROSE },
	{ "suspects", KIND_SUSPECTS },
	{ "stats", KIND_COUNTERS },
	{ "events.counts", KIND_COUNTERS },
	{ "uptime", KIND_DURATION },
	{ "count", KIND_COUNT },
	{ "pid", KIND_COUNT },
};

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* The row of a setting by its path: node/KEY, TABLE/KEY, TABLE/quota/KEY, TABLE/rings/RING/KEY ...; NULL for other files. */
static const struct gs_conf_option *
option_of(const char *path)
{
	const char *at;
	int depth = 0;

	for (at = path; *at != '\0'; at++)
		depth += *at == '/';
	if (depth == 1)
		return gs_conf_find(strncmp(path, "node/", 5) == 0 ? GS_CONF_IN_DAEMON : GS_CONF_IN_TABLE, base_name(path));
	if (depth == 2)
		return gs_conf_find(strstr(path, "/quota/") != NULL ? GS_CONF_IN_QUOTA : GS_CONF_IN_ROLES, base_name(path));
	if (depth != 3)
		return NULL;
	return gs_conf_find(strstr(path, "/classes/") != NULL ? GS_CONF_IN_CLASS :
	    strstr(path, "/namespaces/") != NULL ? GS_CONF_IN_NAMESPACE : GS_CONF_IN_RING, base_name(path));
}

static enum kind
kind_of_option(const struct gs_conf_option *o)
{
	switch (o->type) {
	case GS_CONF_DURATION:
		return KIND_DURATION;
	case GS_CONF_SIZE:
		return KIND_SIZE;
	case GS_CONF_COUNT:
		return KIND_COUNT;
	case GS_CONF_BOOL:
		return KIND_BOOL;
	case GS_CONF_SIZES:
		return KIND_SIZES;
	case GS_CONF_WORD:
	case GS_CONF_RING_NAME:
	case GS_CONF_STORE:
	case GS_CONF_TEXT:
	case GS_CONF_OWNER:
	case GS_CONF_MODE:
	case GS_CONF_RATE:
	case GS_CONF_OVERRIDES_LIST:
	case GS_CONF_WHO:
	case GS_CONF_PATTERNS:
		return KIND_TEXT;
	}
	return KIND_TEXT;
}

static enum kind
kind_of(const char *path)
{
	const struct gs_conf_option *o = option_of(path);
	size_t i;

	if (o != NULL)
		return kind_of_option(o);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, base_name(path)) == 0)
			return kinds[i].kind;
	}
	return KIND_TEXT;
}

/* A number, or the text where it is none, as `max`. */
static void
json_number(struct gs_json *j, const char *name, const char *text, int (*parse)(const char *, uint64_t *))
{
	uint64_t n;

	if (parse(text, &n) == 0 && n != UINT64_MAX)
		gs_json_u64(j, name, n);
	else
		gs_json_text(j, name, text);
}

static void
json_counters(struct gs_json *j, const char *name, char *text)
{
	char *line, *value;

	gs_json_object(j, name);
	while ((line = strsep(&text, "\n")) != NULL) {
		value = strchr(line, ' ');
		if (value == NULL)
			continue;
		*value++ = '\0';
		json_number(j, line, value, gs_text_parse_count);
	}
	gs_json_end(j, false);
}

static void
json_sizes(struct gs_json *j, const char *name, char *text)
{
	char *word;

	gs_json_array(j, name);
	while ((word = strsep(&text, " ")) != NULL) {
		if (word[0] != '\0')
			json_number(j, NULL, word, gs_text_parse_size);
	}
	gs_json_end(j, true);
}

static void
json_suspects(struct gs_json *j, const char *name, const char *text)
{
	struct suspect s;

	gs_json_array(j, name);
	while (suspect_next(&text, &s))
		suspect_print_json(j, &s);
	gs_json_end(j, true);
}

static void
json_value(struct gs_json *j, const char *path, char *text)
{
	const char *name = base_name(path);
	enum kind kind = kind_of(path);
	size_t len = strlen(text);

	if (len > 0 && text[len - 1] == '\n' && kind != KIND_PROSE)
		text[len - 1] = '\0';
	switch (kind) {
	case KIND_TEXT:
	case KIND_PROSE:
		gs_json_text(j, name, text);
		break;
	case KIND_COUNT:
		json_number(j, name, text, gs_text_parse_count);
		break;
	case KIND_DURATION:
		json_number(j, name, text, gs_text_parse_duration);
		break;
	case KIND_SIZE:
		json_number(j, name, text, gs_text_parse_size);
		break;
	case KIND_SIZES:
		json_sizes(j, name, text);
		break;
	case KIND_BOOL:
		gs_json_bool(j, name, strcmp(text, "yes") == 0);
		break;
	case KIND_COUNTERS:
		json_counters(j, name, text);
		break;
	case KIND_SUSPECTS:
		json_suspects(j, name, text);
		break;
	}
}

/* Where a walk prints to. */
struct walk {
	struct gs_ctl *ctl;
	struct gs_json *json;		/* NULL: lines */
};

/* Each line behind the file's path. */
static void
print_lines(const char *path, char *text)
{
	char *line;

	while ((line = strsep(&text, "\n")) != NULL) {
		if (line[0] != '\0')
			(void)printf("%s %s\n", path, line);
	}
}

static int
show_file(const struct walk *w, const char *path)
{
	int rc;
	char *text = cmd_read(w->ctl, path, &rc);

	if (text == NULL)
		return rc == GS_ENOENT ? 0 : rc;	/* a file may go while we look */
	if (w->json != NULL)
		json_value(w->json, path, text);
	else
		print_lines(path, text);
	free(text);
	return 0;
}

static int
show_dir(const struct walk *w, const char *path)
{
	struct cmd_entry entry;
	char below[PATH_BYTES];
	const char *at;
	int rc;

	GS_CLEANUP_FREE char *list = cmd_list(w->ctl, path, &rc);
	if (list == NULL)
		return rc;
	for (at = list; rc == 0 && cmd_next_entry(&at, &entry);) {
		if (snprintf(below, sizeof(below), "%s%s%s", path, path[0] == '\0' ? "" : "/", entry.name) >= (int)sizeof(below))
			return GS_EPROTO;
		if (!entry.is_dir) {
			if (kind_of(below) != KIND_PROSE)
				rc = show_file(w, below);
			continue;
		}
		if (w->json != NULL)
			gs_json_object(w->json, entry.name);
		rc = show_dir(w, below);
		if (w->json != NULL)
			gs_json_end(w->json, false);
	}
	return rc;
}

/* Is path a directory? An enum gs_err, the sentence said. */
static int
is_directory(struct gs_ctl *ctl, const char *path)
{
	char *text;
	size_t len;
	int rc = gs_ctl_request(ctl, GS_VERB_STAT, path, "", 0, 0, NULL, &text, &len);

	if (rc < 0)
		(void)cmd_refused(rc, path, text);
	else
		rc = text[0] == 'd';
	free(text);
	return rc;
}

int
show_tree_print(struct gs_ctl *ctl, const char *path)
{
	struct walk w = { .ctl = ctl };
	int rc = is_directory(ctl, path);
	char *text;

	if (rc > 0)
		rc = show_dir(&w, path);
	else if (rc == 0 && (text = cmd_read(ctl, path, &rc)) != NULL) {
		(void)fputs(text, stdout);
		free(text);
	}
	return rc < 0 ? gs_error_status(rc) : cmd_done();
}

int
show_tree_json(struct gs_ctl *ctl, const char *path)
{
	struct gs_json j;
	struct walk w = { .ctl = ctl, .json = &j };
	int rc = is_directory(ctl, path);

	if (rc < 0)
		return gs_error_status(rc);
	gs_json_init(&j, stdout);
	gs_json_object(&j, NULL);
	rc = rc > 0 ? show_dir(&w, path) : show_file(&w, path);
	gs_json_end(&j, false);
	gs_json_done(&j);
	return rc < 0 ? gs_error_status(rc) : cmd_done();
}
