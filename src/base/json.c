/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH (sizeof(((struct gs_json *)0)->need_comma) / sizeof(bool))

/* Bytes of the well-formed UTF-8 sequence at p (Unicode table 3-7), 0 when there is none. */
static size_t
utf8_length(const unsigned char *p, size_t left)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t i, n;

	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (n > left)
		return 0;
	/* Overlong forms, surrogates and what lies beyond U+10FFFF show in the second byte. */
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (i = 2; i < n; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return n;
}

/* One character or one stray byte at p; returns how many bytes it took. */
static size_t
put_char(FILE *to, const unsigned char *p, size_t left)
{
	size_t n;

	if (*p == '"' || *p == '\\') {
		(void)fprintf(to, "\\%c", *p);
		return 1;
	}
	if (*p >= ' ' && *p < 0x7f) {
		(void)fputc(*p, to);
		return 1;
	}
	n = utf8_length(p, left);
	if (n == 0) {
		(void)fprintf(to, "\\u%04x", *p);
		return 1;
	}
	(void)fwrite(p, 1, n, to);
	return n;
}

static void
put_string(FILE *to, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	size_t at = 0;

	(void)fputc('"', to);
	while (at < len)
		at += put_char(to, p + at, len - at);
	(void)fputc('"', to);
}

/* What stands before any value: the comma after the one before, and its name. */
static void
begin_value(struct gs_json *j, const char *name)
{
	if (j->need_comma[j->depth])
		(void)fputs(", ", j->to);
	j->need_comma[j->depth] = true;
	if (name == NULL)
		return;
	put_string(j->to, name, strlen(name));
	(void)fputs(": ", j->to);
}

static void
begin_nest(struct gs_json *j, const char *name, char bracket)
{
	begin_value(j, name);
	(void)fputc(bracket, j->to);
	j->depth++;
	assert(j->depth < MAX_DEPTH);
	j->need_comma[j->depth] = false;
}

void
gs_json_init(struct gs_json *j, FILE *to)
{
	*j = (struct gs_json){ .to = to };
}

void
gs_json_object(struct gs_json *j, const char *name)
{
	begin_nest(j, name, '{');
}

void
gs_json_array(struct gs_json *j, const char *name)
{
	begin_nest(j, name, '[');
}

void
gs_json_end(struct gs_json *j, bool is_array)
{
	assert(j->depth > 0);
	j->depth--;
	(void)fputc(is_array ? ']' : '}', j->to);
}

void
gs_json_string(struct gs_json *j, const char *name, const void *bytes, size_t len)
{
	begin_value(j, name);
	put_string(j->to, bytes, len);
}

void
gs_json_text(struct gs_json *j, const char *name, const char *text)
{
	gs_json_string(j, name, text, strlen(text));
}

void
gs_json_u64(struct gs_json *j, const char *name, uint64_t n)
{
	begin_value(j, name);
	(void)fprintf(j->to, "%" PRIu64, n);
}

void
gs_json_double(struct gs_json *j, const char *name, double n)
{
	char text[32];
	int digits = 15;

	begin_value(j, name);
	if (!isfinite(n)) {
		(void)fputs("null", j->to);
		return;
	}
	/* The shortest form that reads back equal; 17 digits always do. */
	do
		(void)snprintf(text, sizeof(text), "%.*g", digits, n);
	while (strtod(text, NULL) != n && ++digits <= 17);
	(void)fputs(text, j->to);
}

void
gs_json_bool(struct gs_json *j, const char *name, bool b)
{
	begin_value(j, name);
	(void)fputs(b ? "true" : "false", j->to);
}

void
gs_json_done(struct gs_json *j)
{
	assert(j->depth == 0);
	(void)fputc('\n', j->to);
	j->need_comma[0] = false;
}
