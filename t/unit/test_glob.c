/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/glob.h"

static const struct row {
	const char *pattern, *name;
	bool matches;
} rows[] = {
	{ "", "", true },
	{ "", "a", false },
	{ "a", "a", true },
	{ "a", "", false },
	{ "a", "ab", false },
	{ "ab", "a", false },
	{ "*", "", true },
	{ "*", "anything", true },
	{ "**", "", true },
	{ "a*", "a", true },
	{ "*a", "bba", true },
	{ "*a", "bab", false },
	{ "a*b*c", "axxbyybzc", true },
	{ "a*b*c", "axxbyybz", false },
	{ "*ab*ab", "abab", true },
	{ "*ab*ab", "aab", false },
	{ "?", "x", true },
	{ "?", "", false },
	{ "sed??????", "sedAbCdEf", true },
	{ "sed??????", "sedAbCdE", false },
	{ "*_out_????????", "sessionid_out_12345678", true },
	{ ".*.??????", ".k.a1b2c3", true },
	{ "*.[0-9]*[0-9]", "k.12", true },
	{ "*.[0-9]*[0-9]", "k.1", false },
	{ "*.[0-9]*[0-9]", "k.1x", false },
	{ "[abc]", "b", true },
	{ "[abc]", "d", false },
	{ "[a-cx]", "x", true },
	{ "[!a-c]", "d", true },
	{ "[!a-c]", "b", false },
	{ "[^a-c]", "b", false },
	{ "[]]", "]", true },
	{ "[!]]", "]", false },
	{ "[!]]", "a", true },
	{ "[a-]", "-", true },
	{ "[-a]", "-", true },
	{ "[", "[", true },
	{ "[a", "[a", true },
	{ "[a", "a", false },
	{ "[!", "[!", true },
	{ "[]", "[]", true },
	{ "a.b", "axb", false },
	{ "\xff*", "\xff\x80", true },
	{ "[\x80-\xff]", "\xc3", true },
};

static void
names_match_as_in_a_shell(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (gs_glob_matches(rows[i].pattern, rows[i].name, strlen(rows[i].name)) != rows[i].matches)
			fail_msg("%s and %s", rows[i].pattern, rows[i].name);
}

static void
a_nul_in_a_name_is_a_byte(void **state)
{
	(void)state;
	assert_true(gs_glob_matches("a?b", "a\0b", 3));
	assert_true(gs_glob_matches("a*b", "a\0\0b", 4));
	assert_false(gs_glob_matches("a", "a\0", 2));
}

/* Many stars on a name that does not match: no steps beyond the product of the lengths, which is 255 times 160. */
static void
hostile_pattern_takes_no_time(void **state)
{
	char pattern[161], name[255];

	(void)state;
	for (size_t i = 0; i < 160; i += 2)
		memcpy(pattern + i, "a*", 2);
	memcpy(pattern + 158, "b", 2);
	memset(name, 'a', sizeof(name));
	for (int i = 0; i < 1000; i++)
		assert_false(gs_glob_matches(pattern, name, sizeof(name)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_match_as_in_a_shell),
		cmocka_unit_test(a_nul_in_a_name_is_a_byte),
		cmocka_unit_test(hostile_pattern_takes_no_time),
	};

	return cmocka_run_group_tests_name("glob", tests, NULL, NULL);
}
