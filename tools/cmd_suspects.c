/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs about suspects: who they are, and what an operator decides about one. */
#include "cmd.h"

#include <stdlib.h>
#include <string.h>

#include "suspect.h"

enum { SUSPECTS_FOLLOW };
enum { WAIT_MS = 60000, ANSWER_MS = 5000 };

const struct args_option cmd_suspects_options[] = {
	[SUSPECTS_FOLLOW] = { 'f', "follow", NULL, "and print each suspect again when its state changes, until interrupted" },
	CMD_OPTION_JSON,
	CMD_OPTIONS_END,
};

/* ---- the list ---- */

/* The list as it was printed last, sorted by key. */
struct seen {
	struct suspect *list;
	size_t n;
};

static int
by_key(const void *a, const void *b)
{
	return strcmp(((const struct suspect *)a)->shown, ((const struct suspect *)b)->shown);
}

/* All lines of a text. False when there is no memory. */
static bool
take_lines(struct seen *out, const char *text)
{
	size_t cap = 0;

	*out = (struct seen){ NULL, 0 };
	for (const char *at = text;; out->n++) {
		if (out->n == cap) {
			struct suspect *more = realloc(out->list, (cap = cap * 2 + 16) * sizeof(*more));

			if (more == NULL) {
				free(out->list);
				return false;
			}
			out->list = more;
		}
		if (!suspect_next(&at, &out->list[out->n]))
			return true;
	}
}

static void
print_one(const struct suspect *s, bool is_json)
{
	struct gs_json j;

	if (!is_json) {
		(void)printf("%-32s %10.2f/s %8u %10llu %s\n", s->shown, s->rate_per_s, s->offences, (unsigned long long)s->held_ms, s->state);
		return;
	}
	gs_json_init(&j, stdout);
	suspect_print_json(&j, s);
	gs_json_done(&j);
}

static void
print_title(void)
{
	(void)printf("%-32s %12s %8s %10s %s\n", "key", "rate", "offences", "held_ms", "state");
}

static void
print_all(const struct seen *now, bool is_json)
{
	struct gs_json j;

	if (!is_json) {
		print_title();
		for (size_t i = 0; i < now->n; i++)
			print_one(&now->list[i], false);
		return;
	}
	gs_json_init(&j, stdout);
	gs_json_array(&j, NULL);
	for (size_t i = 0; i < now->n; i++)
		suspect_print_json(&j, &now->list[i]);
	gs_json_end(&j, true);
	gs_json_done(&j);
}

/* Who is new, is in another state, has offended again or is gone since the last look; both lists are sorted. */
static void
print_changes(const struct seen *was, const struct seen *now, bool is_json)
{
	size_t i = 0, k = 0;

	while (i < was->n || k < now->n) {
		int order = i == was->n ? 1 : k == now->n ? -1 : by_key(&was->list[i], &now->list[k]);

		if (order < 0) {
			(void)strcpy(was->list[i].state, "gone");
			print_one(&was->list[i++], is_json);
			continue;
		}
		if (order > 0 || strcmp(was->list[i].state, now->list[k].state) != 0 || was->list[i].offences != now->list[k].offences)
			print_one(&now->list[k], is_json);
		i += order == 0;
		k++;
	}
}

/* The list when it is another than *revision, which it then becomes. Returns an exit status, the sentence said. */
static int
ask(struct gs_ctl *ctl, const struct cmd_env *env, uint32_t wait_ms, uint64_t *revision, struct seen *out)
{
	const struct gs_wire_wait wait = { .wait_ms = wait_ms };
	unsigned long long n;
	bool is_taken;
	char *text;
	int rc = gs_ctl_request(ctl, GS_VERB_SUSPECTS, env->table, &wait, sizeof(wait), *revision, NULL, &text, NULL);

	if (rc == 0 && sscanf(text, "revision %llu", &n) != 1)
		rc = GS_EPROTO;
	if (rc < 0) {
		rc = cmd_refused(rc, env->table, rc == GS_EPROTO ? "" : text);
		free(text);
		return rc;
	}
	*revision = n;
	is_taken = take_lines(out, text + strcspn(text, "\n") + 1);
	free(text);
	return is_taken ? EXIT_YES : cmd_fail(GS_ENOMEM, "suspects");
}

static int
follow(struct gs_ctl *ctl, const struct cmd_env *env, bool is_json)
{
	struct seen was = { NULL, 0 }, now;
	uint64_t revision = 0;
	int status;

	if (!is_json)
		print_title();
	for (;;) {
		status = ask(ctl, env, WAIT_MS, &revision, &now);
		if (status != EXIT_YES)
			break;
		if (now.n > 0)
			qsort(now.list, now.n, sizeof(now.list[0]), by_key);
		print_changes(&was, &now, is_json);
		free(was.list);
		was = now;
		status = cmd_done();
		if (status != EXIT_YES)
			break;
	}
	free(was.list);
	return status;
}

int
cmd_suspects(int argc, char **argv, const struct cmd_env *env)
{
	struct cmd_line line;
	struct gs_ctl *ctl;
	struct seen now;
	uint64_t revision = 0;
	int status;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	status = cmd_open(&ctl, env, WAIT_MS + ANSWER_MS);
	if (status != EXIT_YES)
		return status;
	if (line.value[SUSPECTS_FOLLOW] != NULL) {
		status = follow(ctl, env, line.json);
	} else {
		status = ask(ctl, env, 0, &revision, &now);
		if (status == EXIT_YES) {
			print_all(&now, line.json);
			free(now.list);
			status = cmd_done();
		}
	}
	gs_ctl_close(&ctl);
	return status;
}

/* ---- verdicts ---- */

static int
judge(int argc, char **argv, const struct cmd_env *env, enum gs_wire_judgement what)
{
	struct {
		struct gs_wire_verdict v;
		char key[GS_KEY_BYTES];
	} value = { .v = { .what = what } };
	struct cmd_line line;
	struct cmd_key k;
	struct gs_ctl *ctl;
	char *text;
	int rc, status;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	status = cmd_key_init(&k, line.operand[0]);
	if (status != EXIT_YES)
		return status;
	status = cmd_open(&ctl, env, ANSWER_MS);
	if (status == EXIT_YES) {
		memcpy(value.key, k.bytes, k.len);
		rc = gs_ctl_request(ctl, GS_VERB_JUDGE, env->table, &value, sizeof(value.v) + k.len, 0, NULL, &text, NULL);
		if (rc < 0)
			status = cmd_refused(rc, k.shown, text);
		free(text);
		gs_ctl_close(&ctl);
	}
	cmd_key_fini(&k);
	return status;
}

int
cmd_pardon(int argc, char **argv, const struct cmd_env *env)
{
	return judge(argc, argv, env, GS_JUDGE_PARDON);
}

int
cmd_expel(int argc, char **argv, const struct cmd_env *env)
{
	return judge(argc, argv, env, GS_JUDGE_EXPEL);
}
