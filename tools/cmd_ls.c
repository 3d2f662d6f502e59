/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "print.h"
#include "rings.h"

enum { LS_OWNER, LS_IDLE, LS_LIMIT, LS_LONG };
enum { BATCH = 64 };

const struct args_option cmd_ls_options[] = {
	[LS_OWNER] = { 0, "owner", "O", "only sessions of this owner" },
	[LS_IDLE] = { 0, "idle", "'>T'", "only sessions nobody asked for in longer than T, or '<T' in less" },
	[LS_LIMIT] = { 0, "limit", "N", "at most N sessions" },
	[LS_LONG] = { 'l', "long", NULL, "also ring, time since the last access, size and owner" },
	CMD_OPTION_JSON,
	CMD_OPTIONS_END,
};

/* Which sessions are wanted, and how they are shown. */
struct list {
	const char *ring, *owner;
	uint64_t idle_ms;
	bool is_idle_below;		/* less than idle_ms, else more */
	bool has_idle, is_long, is_json;
	uint64_t limit, n_shown;
	uint64_t now_ms;		/* wall clock */
	struct gs_json json;
};

/* False when an option is malformed (said). */
static bool
take_options(struct list *l, const struct cmd_line *line)
{
	const char *idle = line->value[LS_IDLE];

	l->owner = line->value[LS_OWNER];
	l->is_long = line->value[LS_LONG] != NULL;
	if (line->value[LS_LIMIT] != NULL && gs_text_parse_count(line->value[LS_LIMIT], &l->limit) < 0) {
		(void)cmd_misuse("--limit \"%s\": a count is expected", line->value[LS_LIMIT]);
		return false;
	}
	if (idle == NULL)
		return true;
	l->has_idle = true;
	l->is_idle_below = idle[0] == '<';
	if (gs_text_parse_duration(idle + (idle[0] == '<' || idle[0] == '>'), &l->idle_ms) == 0)
		return true;
	(void)cmd_misuse("--idle \"%s\": a duration after > or < is expected, like '>10m'", idle);
	return false;
}

static uint64_t
idle_ms(const struct list *l, const struct gs_info *info)
{
	return info->accessed_ms < l->now_ms ? l->now_ms - info->accessed_ms : 0;
}

static bool
is_wanted(const struct list *l, const struct gs_info *info)
{
	if (l->owner != NULL && (info->owner_len != strlen(l->owner) || memcmp(info->owner, l->owner, info->owner_len) != 0))
		return false;
	if (l->ring != NULL && strcmp(info->ring, l->ring) != 0)
		return false;
	if (!l->has_idle)
		return true;
	return l->is_idle_below ? idle_ms(l, info) < l->idle_ms : idle_ms(l, info) > l->idle_ms;
}

static void
print_item(struct list *l, const struct gs_item *item)
{
	char key[4 * GS_KEY_BYTES + 1], owner[4 * GS_OWNER_BYTES + 1], idle[GS_TEXT_DURATION_BYTES];
	const struct gs_info *info = &item->info;

	if (l->is_json) {
		gs_json_object(&l->json, NULL);
		print_session_json(&l->json, item->key, item->key_len, info);
		gs_json_end(&l->json, false);
		return;
	}
	(void)gs_text_escape(key, sizeof(key), item->key, item->key_len);
	if (!l->is_long) {
		(void)puts(key);
		return;
	}
	(void)gs_text_escape(owner, sizeof(owner), info->owner, info->owner_len);
	(void)printf("%-32s %-8s %8s %6zu %s\n", key, info->ring,
	    gs_text_print_duration(idle, idle_ms(l, info) / 1000 * 1000), info->len, info->owner_len == 0 ? "-" : owner);
}

static int
list_one(void *arg, const struct gs_item *item)
{
	struct list *l = arg;

	if (is_wanted(l, &item->info)) {
		print_item(l, item);
		l->n_shown++;
	}
	return l->n_shown >= l->limit;
}

static int
list_sessions_of_owner(struct gs *gs, struct list *l)
{
	int rc = l->limit == 0 ? 0 : gs_each_owner(gs, l->owner, strlen(l->owner), list_one, l);

	return rc < 0 ? cmd_fail(rc, "list") : EXIT_YES;
}

static int
list_sessions(struct gs *gs, struct list *l)
{
	static struct gs_item items[BATCH];
	uint64_t cursor = 0;
	ssize_t i, n = 0;

	/* Those of nobody are in no index. */
	if (l->owner != NULL && l->owner[0] != '\0')
		return list_sessions_of_owner(gs, l);
	while (l->n_shown < l->limit && (n = gs_scan(gs, l->ring, &cursor, items, BATCH)) > 0) {
		for (i = 0; i < n && l->n_shown < l->limit; i++)
			(void)list_one(l, &items[i]);
	}
	return n < 0 ? cmd_fail((int)n, "list") : EXIT_YES;
}

static int
list_as_asked(struct gs *gs, struct list *l)
{
	int status;

	if (l->ring != NULL && !rings_has(gs, l->ring))
		return EXIT_USAGE;
	if (!l->is_json) {
		status = list_sessions(gs, l);
		return status == EXIT_YES ? cmd_done() : status;
	}
	gs_json_init(&l->json, stdout);
	gs_json_array(&l->json, NULL);
	status = list_sessions(gs, l);
	gs_json_end(&l->json, true);
	gs_json_done(&l->json);
	return status == EXIT_YES ? cmd_done() : status;
}

int
cmd_ls(int argc, char **argv, const struct cmd_env *env)
{
	struct list l = { .limit = UINT64_MAX, .now_ms = (uint64_t)gs_clock_wall_ns() / 1000000 };
	struct cmd_line line;
	struct gs *gs;
	int status;

	if (!cmd_parse(&line, argc, argv, env) || !take_options(&l, &line))
		return EXIT_USAGE;
	l.ring = line.operand[0];
	l.is_json = line.json;
	status = cmd_attach(&gs, env);
	if (status != EXIT_YES)
		return status;
	status = list_as_asked(gs, &l);
	gs_detach(&gs);
	return status;
}
