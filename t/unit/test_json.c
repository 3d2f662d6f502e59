/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <math.h>

#include <cmocka.h>

#include "base/json.h"

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

struct page {
	struct gs_json j;
	FILE *to;
	char *text;
	size_t len;
};

static void
begin(struct page *p)
{
	p->to = open_memstream(&p->text, &p->len);
	assert_non_null(p->to);
	gs_json_init(&p->j, p->to);
}

/* End the document and compare it. */
static void
expect(struct page *p, const char *want)
{
	gs_json_done(&p->j);
	(void)fclose(p->to);
	assert_string_equal(p->text, want);
	free(p->text);
}

static void
commas_stand_between_members_and_only_there(void **state)
{
	struct page p;

	(void)state;
	begin(&p);
	gs_json_object(&p.j, NULL);
	gs_json_u64(&p.j, "a", 1);
	gs_json_array(&p.j, "b");
	gs_json_u64(&p.j, NULL, 2);
	gs_json_object(&p.j, NULL);
	gs_json_end(&p.j, false);
	gs_json_array(&p.j, NULL);
	gs_json_end(&p.j, true);
	gs_json_object(&p.j, NULL);
	gs_json_bool(&p.j, "c", true);
	gs_json_bool(&p.j, "d", false);
	gs_json_end(&p.j, false);
	gs_json_end(&p.j, true);
	gs_json_text(&p.j, "e", "x");
	gs_json_end(&p.j, false);
	expect(&p, "{\"a\": 1, \"b\": [2, {}, [], {\"c\": true, \"d\": false}], \"e\": \"x\"}\n");
}

static void
documents_follow_each_other_on_lines(void **state)
{
	struct page p;

	(void)state;
	begin(&p);
	gs_json_u64(&p.j, NULL, UINT64_MAX);
	gs_json_done(&p.j);
	gs_json_text(&p.j, NULL, "");
	expect(&p, "18446744073709551615\n\"\"\n");
}

static void
strings_are_escaped(void **state)
{
	static const struct { const char *bytes; size_t len; const char *want; } rows[] = {
		{ "\"\\/", 3, "\"\\\"\\\\/\"\n" },
		{ "\b\f\n\r\t", 5, "\"\\u0008\\u000c\\u000a\\u000d\\u0009\"\n" },
		{ "\0\x1f\x7f", 3, "\"\\u0000\\u001f\\u007f\"\n" },
		{ "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x92\xa9", 11, "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x92\xa9\"\n" },
		{ "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", 10, "\"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\"\n" },
		/* a continuation alone, cut off, cut off at the end, overlong, a surrogate, over U+10FFFF, never valid */
		{ "\x80", 1, "\"\\u0080\"\n" },
		{ "\xc3x", 2, "\"\\u00c3x\"\n" },
		{ "\xe2\x82", 2, "\"\\u00e2\\u0082\"\n" },
		{ "\xe2\x82\xac", 2, "\"\\u00e2\\u0082\"\n" },
		{ "\xc0\xaf", 2, "\"\\u00c0\\u00af\"\n" },
		{ "\xe0\x9f\xbf", 3, "\"\\u00e0\\u009f\\u00bf\"\n" },
		{ "\xf0\x8f\xbf\xbf", 4, "\"\\u00f0\\u008f\\u00bf\\u00bf\"\n" },
		{ "\xed\xa0\x80", 3, "\"\\u00ed\\u00a0\\u0080\"\n" },
		{ "\xf4\x90\x80\x80", 4, "\"\\u00f4\\u0090\\u0080\\u0080\"\n" },
		{ "\xff\xfe", 2, "\"\\u00ff\\u00fe\"\n" },
	};
	struct page p;
	size_t i;

	(void)state;
	for (i = 0; i < N(rows); i++) {
		begin(&p);
		gs_json_string(&p.j, NULL, rows[i].bytes, rows[i].len);
		expect(&p, rows[i].want);
	}
}

static void
names_are_escaped_too(void **state)
{
	struct page p;

	(void)state;
	begin(&p);
	gs_json_object(&p.j, NULL);
	gs_json_u64(&p.j, "active>\"warm\"", 0);
	gs_json_end(&p.j, false);
	expect(&p, "{\"active>\\\"warm\\\"\": 0}\n");
}

static void
numbers_are_short_and_exact(void **state)
{
	static const struct { double n; const char *want; } rows[] = {
		{ 0, "0\n" }, { 1, "1\n" }, { -2.5, "-2.5\n" }, { 0.1, "0.1\n" }, { 1.0 / 3, "0.3333333333333333\n" }, { 1e300, "1e+300\n" },
		{ 0.1 + 0.2, "0.30000000000000004\n" }, { 123456789.25, "123456789.25\n" },
		{ INFINITY, "null\n" }, { -INFINITY, "null\n" }, { NAN, "null\n" },
	};
	struct page p;
	size_t i;

	(void)state;
	for (i = 0; i < N(rows); i++) {
		begin(&p);
		gs_json_double(&p.j, NULL, rows[i].n);
		expect(&p, rows[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commas_stand_between_members_and_only_there),
		cmocka_unit_test(documents_follow_each_other_on_lines),
		cmocka_unit_test(strings_are_escaped),
		cmocka_unit_test(names_are_escaped_too),
		cmocka_unit_test(numbers_are_short_and_exact),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
