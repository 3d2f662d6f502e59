/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/errors.h"
#include "base/text.h"

const struct args_option cmd_json_options[] = {
	CMD_OPTION_JSON,
	CMD_OPTIONS_END,
};

const struct args_option cmd_no_options[] = {
	CMD_OPTIONS_END,
};

static void __attribute__((format(printf, 1, 0)))
say(const char *fmt, va_list ap)
{
	(void)fflush(stdout);
	(void)fputs("gsession: ", stderr);
	(void)vfprintf(stderr, fmt, ap);
}

int
cmd_fail(int rc, const char *what, ...)
{
	va_list ap;

	va_start(ap, what);
	say(what, ap);
	va_end(ap);
	(void)fprintf(stderr, ": %s\n", gs_strerror(rc));
	if (rc == GS_EPERM)
		(void)fputs("gsession: to start, end or move sessions takes the role starter, to change them worker; where a table has one starter,"
		    " its lease: see `gsession show TABLE/roles`\n", stderr);
	return gs_error_status(rc);
}

int
cmd_fail_session(int rc, struct gs *gs, const struct cmd_key *k)
{
	char after[GS_TEXT_DURATION_BYTES];
	int status = cmd_fail(rc, "%s", k->shown);
	struct gs_info info;

	if (rc == GS_EQUARANTINE && gs_stat(gs, k->bytes, k->len, &info) == 0 && info.retry_after_ms > 0)
		(void)fprintf(stderr, "gsession: it is served again in %s\n", gs_text_print_duration(after, info.retry_after_ms));
	return status;
}

int
cmd_refused(int rc, const char *path, const char *sentence)
{
	if (sentence[0] == '\0')
		return cmd_fail(rc, "%s", path);
	(void)cmd_misuse("%s", sentence);
	return gs_error_status(rc);
}

int
cmd_misuse(const char *what, ...)
{
	va_list ap;

	va_start(ap, what);
	say(what, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	return EXIT_USAGE;
}

int
cmd_done(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_YES;
	return cmd_fail(GS_ESYSTEM, "cannot write to standard output");
}

/* The value of an option, or one operand more; false when the line is wrong. */
static bool
take_word(struct cmd_line *out, const struct cmd_verb *v, int i_option, const char *word)
{
	if (i_option >= 0) {
		out->value[i_option] = word == NULL ? "" : word;
		return true;
	}
	if (out->n_operands == v->max_operands) {
		(void)cmd_misuse("%s: \"%s\" is one argument too many", v->name, word);
		return false;
	}
	out->operand[out->n_operands++] = word;
	return true;
}

static bool
parse_words(struct cmd_line *out, int argc, char **argv, const struct cmd_verb *v)
{
	bool only_operands = false;
	const char *value;
	int at = 1, before, i;

	for (;;) {
		before = at;
		i = only_operands ? -1 : args_next(argc, argv, &at, v->options, &value);
		if (i < -1)
			return false;
		if (i == -1) {
			only_operands = only_operands || at > before;	/* it was `--` */
			if (at == argc)
				return true;
			value = argv[at++];
		}
		if (!take_word(out, v, i, value))
			return false;
	}
}

bool
cmd_parse(struct cmd_line *out, int argc, char **argv, const struct cmd_env *env)
{
	const struct cmd_verb *v = env->verb;
	int i;

	assert(v->max_operands <= CMD_MAX_OPERANDS);
	*out = (struct cmd_line){ .json = env->json };
	if (parse_words(out, argc, argv, v)) {
		for (i = 0; v->options[i].name != NULL; i++) {
			assert(i < CMD_MAX_OPTIONS);
			if (strcmp(v->options[i].name, "json") == 0 && out->value[i] != NULL)
				out->json = true;
		}
		if (out->n_operands >= v->min_operands)
			return true;
		(void)cmd_misuse("%s: something is missing", v->name);
	}
	(void)fprintf(stderr, "usage: gsession %s%s%s\n", v->name, v->args[0] != '\0' ? " " : "", v->args);
	return false;
}

int
cmd_unreached(int rc, const struct cmd_env *env)
{
	const char *instance = env->instance == NULL ? "default" : env->instance;
	int status;

	if (rc == GS_ENOENT) {
		(void)cmd_misuse(env->ns == NULL ? "instance %s: there is no table %s" : "instance %s: there is no table %s, or no namespace %s in it",
		    instance, env->table, env->ns);
		return gs_error_status(rc);
	}
	status = cmd_fail(rc, "instance %s, table %s", instance, env->table);
	if (rc == GS_EDOWN)
		(void)fprintf(stderr, "gsession: start it with `systemctl start gsessiond` or `gsessiond -i %s --detach`\n", instance);
	else if (rc == GS_EACCES)
		(void)fputs("gsession: be root, the daemon's user, or of the group that its configuration names\n", stderr);
	return status;
}

int
cmd_attach(struct gs **out, const struct cmd_env *env)
{
	struct gs_options opt = {
		.size = sizeof(opt),
		.instance = env->instance,
		.table = env->table,
		.run_dir = env->run_dir,
		.timeout_ms = CMD_TIMEOUT_MS,
		.n_threads = 1,
		.ns = env->ns,
	};
	int rc = gs_attach(out, &opt);

	/* Who is only a reader is one here too. */
	if (rc == GS_EPERM) {
		opt.role = GS_ROLE_READER;
		rc = gs_attach(out, &opt);
	}

	return rc < 0 ? cmd_unreached(rc, env) : EXIT_YES;
}

int
cmd_open(struct gs_ctl **out, const struct cmd_env *env, uint32_t timeout_ms)
{
	int rc = gs_ctl_open(out, env->instance, env->run_dir, timeout_ms);

	return rc < 0 ? cmd_unreached(rc, env) : EXIT_YES;
}

static char *
ask(struct gs_ctl *c, enum gs_wire_verb verb, const char *path, int *rc)
{
	char *text;
	size_t len;

	*rc = gs_ctl_request(c, verb, path, "", 0, 0, NULL, &text, &len);
	if (*rc == 0)
		return text;
	if (*rc != GS_ENOENT)
		(void)cmd_refused(*rc, path, text);
	free(text);
	return NULL;
}

char *
cmd_read(struct gs_ctl *c, const char *path, int *rc)
{
	return ask(c, GS_VERB_GET, path, rc);
}

char *
cmd_list(struct gs_ctl *c, const char *path, int *rc)
{
	return ask(c, GS_VERB_LIST, path, rc);
}

/* Lines are `d NAME` and `f MODE NAME`; what a later daemon adds behind is left alone. */
bool
cmd_next_entry(const char **at, struct cmd_entry *out)
{
	unsigned mode = 0;

	*out = (struct cmd_entry){ .is_dir = **at == 'd' };
	if (sscanf(*at, "d %63[^ \n]", out->name) != 1 && sscanf(*at, "f %o %63[^ \n]", &mode, out->name) != 2)
		return false;
	out->is_writable = (mode & 0222) != 0;
	*at += strcspn(*at, "\n");
	*at += **at == '\n';
	return true;
}

/* The first line of stdin; the value may follow it. */
static int
read_key_line(struct cmd_key *out)
{
	size_t cap = 0;
	ssize_t n = getdelim(&out->line, &cap, '\n', stdin);

	if (n <= 0)
		return cmd_misuse("-: a line with the key is expected on standard input");
	if (out->line[n - 1] == '\n')
		n--;
	out->bytes = out->line;
	out->len = (size_t)n;
	return EXIT_YES;
}

int
cmd_key_init(struct cmd_key *out, const char *operand)
{
	*out = (struct cmd_key){ .bytes = operand, .len = strlen(operand) };
	if (strcmp(operand, "-") == 0 && read_key_line(out) != EXIT_YES) {
		cmd_key_fini(out);
		return EXIT_USAGE;
	}
	(void)gs_text_escape(out->shown, sizeof(out->shown), out->bytes, out->len < GS_KEY_BYTES ? out->len : GS_KEY_BYTES);
	if (out->len > 0 && out->len <= GS_KEY_BYTES)
		return EXIT_YES;
	(void)cmd_misuse(out->len == 0 ? "a key has at least one byte" : "%s: key longer than 255 bytes", out->shown);
	cmd_key_fini(out);
	return EXIT_USAGE;
}

void
cmd_key_fini(struct cmd_key *k)
{
	free(k->line);
	k->line = NULL;
}
