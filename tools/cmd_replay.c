/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "conf/conf.h"
#include "lab/live.h"
#include "lab/replay.h"

enum { OPT_CONF, OPT_KEY, OPT_LIVE, OPT_SPEED, OPT_JSON };

const struct args_option cmd_replay_options[] = {
	[OPT_CONF] = { 'c', "config", "FILE", "the settings of the private store; without it the built-in defaults" },
	[OPT_KEY] = { 'k', "key", "ip|ip+agent", "what makes two requests one session's (default ip)" },
	[OPT_LIVE] = { 'l', "live", NULL, "drive the running store, in real time" },
	[OPT_SPEED] = { 's', "speed", "N", "with --live: N times faster than the log" },
	[OPT_JSON] = CMD_OPTION_JSON,
	CMD_OPTIONS_END,
};

static bool
parse_key(const char *text, enum feed_key *out)
{
	*out = FEED_KEY_IP;
	if (text == NULL || strcmp(text, "ip") == 0)
		return true;
	*out = FEED_KEY_IP_AGENT;
	return strcmp(text, "ip+agent") == 0;
}

static int
print_report(const struct report *r, bool json)
{
	if (json)
		report_print_json(r, stdout);
	else
		report_print(r, stdout);
	/* A file of which not one line was readable is no log. */
	if (r->requests == 0 && r->unreadable > 0) {
		int rc = cmd_done();

		return rc == EXIT_YES ? EXIT_NO : rc;
	}
	return cmd_done();
}

/* The configuration of the table named before the verb. */
static const struct gs_conf_table *
find_table(const struct gs_conf *conf, const char *name)
{
	size_t i;

	for (i = 0; i < conf->n_tables; i++)
		if (strcmp(conf->tables[i].name, name) == 0)
			return &conf->tables[i];
	return NULL;
}

static int
replay_private(const struct cmd_line *line, enum feed_key key, const struct cmd_env *env)
{
	static struct gs_conf conf;
	static struct report report;
	const char *path = line->value[OPT_CONF], *log = line->operand[0];
	const struct gs_conf_table *table;
	char why[GS_CONF_WHY_BYTES], what[REPLAY_WHY_BYTES];
	int rc = gs_conf_load_file(&conf, path, why);

	if (rc < 0) {
		(void)fprintf(stderr, "gsession: %s\n", why);
		return EXIT_USAGE;
	}
	table = find_table(&conf, env->table);
	if (table == NULL)
		return cmd_misuse("the configuration has no table %s", env->table);
	rc = replay_run(&report, &(struct replay_order){ &conf, table, log, key, stderr }, what);
	if (rc < 0) {
		(void)fprintf(stderr, "gsession: %s: %s\n", log, what);
		return EXIT_SYSTEM;
	}
	return print_report(&report, line->json);
}

/* The longest key of the running table. */
static int
read_key_max(size_t *out, const struct cmd_env *env)
{
	char path[GS_NAME_BYTES + 16], *text;
	struct gs_ctl *ctl;
	uint64_t n;
	int rc = cmd_open(&ctl, env, CMD_TIMEOUT_MS);

	if (rc != EXIT_YES)
		return rc;
	(void)snprintf(path, sizeof(path), "%s/key_max", env->table);
	text = cmd_read(ctl, path, &rc);
	gs_ctl_close(&ctl);
	*out = GS_KEY_BYTES;
	if (text != NULL) {
		text[strcspn(text, "\n")] = '\0';
		if (gs_text_parse_count(text, &n) == 0 && n > 0 && n <= GS_KEY_BYTES)
			*out = (size_t)n;
	}
	free(text);
	return EXIT_YES;
}

static int
replay_live(const struct cmd_line *line, enum feed_key key, const struct cmd_env *env)
{
	static struct report report;
	struct live_options o = { .log = line->operand[0], .key = key, .speed = 1, .complain = stderr };
	char why[LIVE_WHY_BYTES];
	struct gs *gs;
	int rc;

	if (line->value[OPT_SPEED] != NULL && (gs_text_parse_count(line->value[OPT_SPEED], &o.speed) < 0 || o.speed == 0))
		return cmd_misuse("--speed %s: a count from 1 is allowed", line->value[OPT_SPEED]);
	rc = read_key_max(&o.key_max, env);
	if (rc != EXIT_YES)
		return rc;
	rc = cmd_attach(&gs, env);
	if (rc != EXIT_YES)
		return rc;
	rc = live_run(&report, gs, &o, why);
	gs_detach(&gs);
	if (rc < 0) {
		(void)fprintf(stderr, "gsession: %s: %s\n", o.log, why);
		return EXIT_SYSTEM;
	}
	return print_report(&report, line->json);
}

int
cmd_replay(int argc, char **argv, const struct cmd_env *env)
{
	struct cmd_line line;
	enum feed_key key;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	if (!parse_key(line.value[OPT_KEY], &key))
		return cmd_misuse("--key %s: ip and ip+agent are allowed", line.value[OPT_KEY]);
	if (line.value[OPT_LIVE] != NULL && line.value[OPT_CONF] != NULL)
		return cmd_misuse("--live and -c: the running store has its own configuration");
	if (line.value[OPT_LIVE] == NULL && line.value[OPT_SPEED] != NULL)
		return cmd_misuse("--speed goes with --live");
	return line.value[OPT_LIVE] != NULL ? replay_live(&line, key, env) : replay_private(&line, key, env);
}
