/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * args.h - command lines from a table of options: parsing, usage, --help, --version, --long-options.
 *
 * `--long-options` prints every option on a line, for completion and for the
 * test that holds the manual against the program.
 */
#ifndef GS_PROG_ARGS_H
#define GS_PROG_ARGS_H

#include <stddef.h>
#include <stdio.h>

struct args_option {
	char letter;			/* 0: long only */
	const char *name;		/* without the dashes; the table ends with NULL here */
	const char *value;		/* what follows it ("FILE"), or NULL for a flag */
	const char *help;		/* one line */
};

/*
 * The next option of argv: *value its argument or NULL. Long options as --name=VALUE or --name VALUE, unambiguous only in full.
 * *at starts at 1 and is left at the first operand. Options end at the first operand and at `--`.
 * Returns the table's index, -1 at the end, -2 for an unknown option or a missing or unwanted value (said on stderr).
 */
int args_next(int argc, char **argv, int *at, const struct args_option *table, const char **value);

/* "usage: NAME SYNOPSIS", then a line per option. */
void args_usage(FILE *to, const char *name, const char *synopsis, const struct args_option *table);
/* One `--name` per line (with -x before it where there is a letter). */
void args_long_options(FILE *to, const struct args_option *table);

/* Exit statuses of all our programs. */
enum { EXIT_YES = 0, EXIT_NO = 1, EXIT_USAGE = 2, EXIT_DOWN = 3, EXIT_REFUSED = 4, EXIT_SYSTEM = 5 };

#endif
