/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "prog/args.h"

enum { CONF, QUIET, SPEED };

static const struct args_option table[] = {
	[CONF] = { 'c', "conf", "FILE", "read this file" },
	[QUIET] = { 'q', "quiet", NULL, "say nothing" },
	[SPEED] = { 0, "speed", "N", "N times faster than the log" },
	{ 0, NULL, NULL, NULL },
};

/* What args_next() made of a command line: "INDEX=VALUE ..." and where it stopped. */
struct seen {
	char said[256], complaint[256];
	int at;
};

/* Parse with standard error going to a file. */
static void
parse(char **argv, struct seen *out)
{
	FILE *errors = tmpfile();
	int argc, index, was = dup(STDERR_FILENO);
	const char *value;
	size_t len = 0, n;

	assert_non_null(errors);
	for (argc = 0; argv[argc] != NULL; argc++)
		;
	*out = (struct seen){ .at = 1 };
	(void)dup2(fileno(errors), STDERR_FILENO);
	while ((index = args_next(argc, argv, &out->at, table, &value)) >= 0)
		len += (size_t)snprintf(out->said + len, sizeof(out->said) - len, "%d=%s ", index, value != NULL ? value : "-");
	(void)snprintf(out->said + len, sizeof(out->said) - len, "%d", index);
	(void)fflush(stderr);
	(void)dup2(was, STDERR_FILENO);
	(void)close(was);
	rewind(errors);
	n = fread(out->complaint, 1, sizeof(out->complaint) - 1, errors);
	out->complaint[n] = '\0';
	(void)fclose(errors);
}

struct row {
	const char *line;		/* arguments apart by blanks, "''" for an empty one */
	const char *said;
	int at;
	const char *complaint;		/* NULL: none */
};

static void
check(const struct row *row)
{
	char copy[256], *argv[16] = { (char *)"prog" }, *word, *rest = copy;
	struct seen seen;
	int n = 1;

	(void)snprintf(copy, sizeof(copy), "%s", row->line);
	while ((word = strsep(&rest, " ")) != NULL)
		if (*word != '\0')
			argv[n++] = strcmp(word, "''") == 0 ? (char *)"" : word;
	parse(argv, &seen);
	if (strcmp(seen.said, row->said) != 0 || (row->at != 0 && seen.at != row->at))
		fail_msg("\"%s\": %s at %d, not %s at %d", row->line, seen.said, seen.at, row->said, row->at);
	if (row->complaint == NULL)
		assert_string_equal(seen.complaint, "");
	else
		assert_non_null(strstr(seen.complaint, row->complaint));
}

static void
options_and_their_values_are_found(void **state)
{
	static const struct row rows[] = {
		{ "", "-1", 1, NULL },
		{ "-q", "1=- -1", 2, NULL },
		{ "--quiet -q", "1=- 1=- -1", 3, NULL },
		{ "-c f", "0=f -1", 3, NULL },
		{ "-cf", "0=f -1", 2, NULL },
		{ "--conf f", "0=f -1", 3, NULL },
		{ "--conf=f", "0=f -1", 2, NULL },
		{ "--conf=a=b", "0=a=b -1", 2, NULL },
		{ "--conf=", "0= -1", 2, NULL },
		{ "--conf ''", "0= -1", 3, NULL },
		{ "-c -q", "0=-q -1", 3, NULL },
		{ "--conf -- x", "0=-- -1", 3, NULL },
		{ "--speed 3600 -q", "2=3600 1=- -1", 4, NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i]);
}

static void
options_end_at_the_first_operand_and_behind_two_dashes(void **state)
{
	static const struct row rows[] = {
		{ "get -q", "-1", 1, NULL },
		{ "-q get -q", "1=- -1", 2, NULL },
		{ "-q -- -c", "1=- -1", 3, NULL },
		{ "-- get", "-1", 2, NULL },
		{ "-", "-1", 1, NULL },
		{ "'' -q", "-1", 1, NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i]);
}

static void
what_is_not_in_the_table_is_said_and_refused(void **state)
{
	static const struct row rows[] = {
		{ "-x", "-2", 0, "unknown option -x" },
		{ "--nothing", "-2", 0, "unknown option --nothing" },
		{ "--con f", "-2", 0, "unknown option --con" },
		{ "--confx f", "-2", 0, "unknown option --confx" },
		{ "--=f", "-2", 0, "unknown option --=f" },
		{ "-q --quiet=yes", "1=- -2", 0, "option --quiet takes no value" },
		{ "-qq", "-2", 0, "option --quiet takes no value" },
		{ "-c", "-2", 0, "option --conf needs FILE" },
		{ "--speed", "-2", 0, "option --speed needs N" },
		{ "-s 3", "-2", 0, "unknown option -s" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i]);
}

static void
usage_has_a_line_for_each_option(void **state)
{
	char *text;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	(void)state;
	args_usage(to, "prog", "[-q] [-c FILE] LOG", table);
	assert_int_equal(fclose(to), 0);
	assert_string_equal(text,
	    "usage: prog [-q] [-c FILE] LOG\n"
	    "  -c, --conf FILE         read this file\n"
	    "  -q, --quiet             say nothing\n"
	    "      --speed N           N times faster than the log\n");
	free(text);
}

static void
long_options_are_listed_for_tests_and_completion(void **state)
{
	char *text;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	(void)state;
	args_long_options(to, table);
	assert_int_equal(fclose(to), 0);
	assert_string_equal(text, "-c --conf\n-q --quiet\n--speed\n");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_their_values_are_found),
		cmocka_unit_test(options_end_at_the_first_operand_and_behind_two_dashes),
		cmocka_unit_test(what_is_not_in_the_table_is_said_and_refused),
		cmocka_unit_test(usage_has_a_line_for_each_option),
		cmocka_unit_test(long_options_are_listed_for_tests_and_completion),
	};

	return cmocka_run_group_tests_name("args", tests, NULL, NULL);
}
