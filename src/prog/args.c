/* SPDX-License-Identifier: BSD-2-Clause */
#include "prog/args.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

enum { ARGS_END = -1, ARGS_BAD = -2, COLUMN = 26 };

static int __attribute__((format(printf, 1, 2)))
complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fprintf(stderr, "%s: ", program_invocation_short_name);
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
	return ARGS_BAD;
}

static int
find_long(const struct args_option *table, const char *name, size_t len)
{
	int i;

	for (i = 0; table[i].name != NULL; i++)
		if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
			return i;
	return ARGS_BAD;
}

static int
find_letter(const struct args_option *table, char letter)
{
	int i;

	for (i = 0; table[i].name != NULL; i++)
		if (letter != '\0' && table[i].letter == letter)
			return i;
	return ARGS_BAD;
}

/* Settle the value of an option found: *value is what was written with it; else the next argument is taken. */
static int
take_value(int argc, char **argv, int *at, const struct args_option *o, const char **value)
{
	if (o->value == NULL)
		return *value == NULL ? 0 : complain("option --%s takes no value", o->name);
	if (*value != NULL)
		return 0;
	if (*at == argc)
		return complain("option --%s needs %s", o->name, o->value);
	*value = argv[(*at)++];
	return 0;
}

/* `-x`, `--name` and their value on one line, for the usage. */
static int
print_option(FILE *to, const struct args_option *o)
{
	char letter[] = "    ";

	if (o->letter != 0)
		(void)memcpy(letter, (char[]){ '-', o->letter, ',', ' ' }, 4);
	if (o->value == NULL)
		return fprintf(to, "  %s--%s", letter, o->name);
	return fprintf(to, "  %s--%s %s", letter, o->name, o->value);
}

int
args_next(int argc, char **argv, int *at, const struct args_option *table, const char **value)
{
	const char *arg;
	int i;

	*value = NULL;
	if (*at >= argc)
		return ARGS_END;
	arg = argv[*at];
	if (arg[0] != '-' || arg[1] == '\0')
		return ARGS_END;
	(*at)++;
	if (strcmp(arg, "--") == 0)
		return ARGS_END;
	if (arg[1] == '-') {
		size_t len = strcspn(arg + 2, "=");

		i = find_long(table, arg + 2, len);
		if (arg[2 + len] == '=')
			*value = arg + 2 + len + 1;
	} else {
		i = find_letter(table, arg[1]);
		if (arg[2] != '\0')
			*value = arg + 2;
	}
	if (i < 0)
		return complain("unknown option %s", arg);
	if (take_value(argc, argv, at, &table[i], value) < 0)
		return ARGS_BAD;
	return i;
}

void
args_usage(FILE *to, const char *name, const char *synopsis, const struct args_option *table)
{
	const struct args_option *o;

	(void)fprintf(to, "usage: %s %s\n", name, synopsis);
	for (o = table; o->name != NULL; o++) {
		int n = print_option(to, o);

		(void)fprintf(to, "%*s%s\n", n < COLUMN ? COLUMN - n : 2, "", o->help);
	}
}

void
args_long_options(FILE *to, const struct args_option *table)
{
	const struct args_option *o;

	for (o = table; o->name != NULL; o++) {
		if (o->letter != 0)
			(void)fprintf(to, "-%c ", o->letter);
		(void)fprintf(to, "--%s\n", o->name);
	}
}
