/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * accesslog.h - lines of a web server's access log, Common or Combined format, taken apart.
 *
 *	host x x [10/Oct/2000:13:55:36 -0700] "request" status bytes "referer" "agent"
 *
 * Fields stand apart by blanks; inside quotes a backslash escapes the next
 * byte.  Referer and agent may be missing.  Nothing is trusted: every line is
 * either readable or has a sentence that says why not.
 */
#ifndef LAB_ACCESSLOG_H
#define LAB_ACCESSLOG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { ACCESSLOG_LINE_BYTES = 65536 };	/* of a longer line only the beginning is read */

/* A readable line; host and agent point into it, escapes as written. */
struct accesslog_line {
	const char *host;
	size_t host_len;
	const char *agent;		/* NULL: the line has none, or it is cut off */
	size_t agent_len;
	int64_t time_ms;		/* since 1970, zone taken into account */
};

/* Take a line apart, given without its newline. Returns NULL, or why it is unreadable; static. */
const char *accesslog_parse(struct accesslog_line *out, const char *line, size_t len);

/* A log that is read line by line; memory does not grow with it. */
struct accesslog {
	FILE *from;
	uint64_t number;		/* of the line read last, from 1 */
	char line[ACCESSLOG_LINE_BYTES];
};

/* Returns 0 or GS_ESYSTEM, then errno says why. */
int accesslog_open(struct accesslog *a, const char *path);
/* The next line, without newline and without a carriage return before it. Returns 1, 0 at the end, GS_ESYSTEM with errno. */
int accesslog_next(struct accesslog *a, size_t *len);
void accesslog_close(struct accesslog *a);

#endif
