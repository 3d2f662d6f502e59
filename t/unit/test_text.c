/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "gsession.h"

#define DAY_MS (UINT64_C(24) * 60 * 60 * 1000)
#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

struct row {
	const char *text;
	int rc;
	uint64_t value;
};

static void
check_rows(const struct row *rows, size_t n, int (*parse)(const char *, uint64_t *))
{
	size_t i;

	for (i = 0; i < n; i++) {
		uint64_t value = 4711;
		int rc = parse(rows[i].text, &value);

		if (rc != rows[i].rc)
			fail_msg("\"%s\": %s, not %s", rows[i].text, gs_errname(rc), gs_errname(rows[i].rc));
		/* What is refused leaves the result alone. */
		if (value != (rc == GS_OK ? rows[i].value : 4711))
			fail_msg("\"%s\": %llu", rows[i].text, (unsigned long long)value);
	}
}

static void
duration_has_a_unit_or_is_zero(void **state)
{
	static const struct row rows[] = {
		{ "0", 0, 0 }, { "0ms", 0, 0 }, { "0d", 0, 0 }, { "1ms", 0, 1 }, { "500ms", 0, 500 }, { "30s", 0, 30000 },
		{ "5m", 0, 300000 }, { "2h", 0, 7200000 }, { "7d", 0, 7 * DAY_MS }, { "007d", 0, 7 * DAY_MS },
		{ "max", 0, UINT64_MAX }, { "100000d", 0, 100000 * DAY_MS }, { "8640000000000ms", 0, 100000 * DAY_MS },
		{ "8640000000001ms", GS_ERANGE, 0 }, { "100001d", GS_ERANGE, 0 }, { "18446744073709551616ms", GS_ERANGE, 0 },
		{ "18446744073709551615d", GS_ERANGE, 0 }, { "99999999999999999999999d", GS_ERANGE, 0 },
		{ "", GS_EINVAL, 0 }, { "5", GS_EINVAL, 0 }, { "00", GS_EINVAL, 0 }, { "m", GS_EINVAL, 0 }, { "5x", GS_EINVAL, 0 },
		{ "5 m", GS_EINVAL, 0 }, { " 5m", GS_EINVAL, 0 }, { "5m ", GS_EINVAL, 0 }, { "-5m", GS_EINVAL, 0 }, { "+5m", GS_EINVAL, 0 },
		{ "5M", GS_EINVAL, 0 }, { "1.5h", GS_EINVAL, 0 }, { "1h30m", GS_EINVAL, 0 }, { "MAX", GS_EINVAL, 0 }, { "maximum", GS_EINVAL, 0 },
		{ "0x10s", GS_EINVAL, 0 }, { "99999999999999999999999", GS_EINVAL, 0 }, { "5w", GS_EINVAL, 0 }, { "5m\n", GS_EINVAL, 0 },
	};

	(void)state;
	check_rows(rows, N(rows), gs_text_parse_duration);
}

static void
duration_prints_in_the_largest_exact_unit(void **state)
{
	static const struct { uint64_t ms; const char *text; } rows[] = {
		{ 0, "0" }, { 1, "1ms" }, { 999, "999ms" }, { 1000, "1s" }, { 1001, "1001ms" }, { 60000, "1m" }, { 90000, "90s" },
		{ 3600000, "1h" }, { 5400000, "90m" }, { DAY_MS, "1d" }, { 30 * 60 * 60 * 1000, "30h" }, { 14 * DAY_MS, "14d" },
		{ UINT64_MAX, "max" }, { UINT64_MAX - 1, "18446744073709551614ms" },
	};
	char out[GS_TEXT_DURATION_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < N(rows); i++)
		assert_string_equal(gs_text_print_duration(out, rows[i].ms), rows[i].text);
}

static void
size_counts_in_units_of_1024(void **state)
{
	static const struct row rows[] = {
		{ "0", 0, 0 }, { "512", 0, 512 }, { "4K", 0, 4096 }, { "64M", 0, 67108864 }, { "1G", 0, 1073741824 },
		{ "18446744073709551615", 0, UINT64_MAX }, { "17179869183G", 0, UINT64_C(17179869183) << 30 },
		{ "18446744073709551616", GS_ERANGE, 0 }, { "17179869184G", GS_ERANGE, 0 },
		{ "", GS_EINVAL, 0 }, { "K", GS_EINVAL, 0 }, { "4k", GS_EINVAL, 0 }, { "4KB", GS_EINVAL, 0 }, { "4 K", GS_EINVAL, 0 },
		{ "-1", GS_EINVAL, 0 }, { "1.5K", GS_EINVAL, 0 }, { "max", GS_EINVAL, 0 }, { "0x10", GS_EINVAL, 0 }, { "4T", GS_EINVAL, 0 },
	};

	(void)state;
	check_rows(rows, N(rows), gs_text_parse_size);
}

static void
size_prints_in_the_largest_exact_unit(void **state)
{
	static const struct { uint64_t bytes; const char *text; } rows[] = {
		{ 0, "0" }, { 1, "1" }, { 1023, "1023" }, { 1024, "1K" }, { 1025, "1025" }, { 2048, "2K" }, { 1 << 20, "1M" },
		{ 1 << 30, "1G" }, { UINT64_C(1) << 40, "1024G" }, { 65000, "65000" }, { UINT64_MAX, "18446744073709551615" },
	};
	char out[GS_TEXT_SIZE_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < N(rows); i++)
		assert_string_equal(gs_text_print_size(out, rows[i].bytes), rows[i].text);
}

static void
what_is_printed_reads_back_equal(void **state)
{
	char out[GS_TEXT_DURATION_BYTES];
	uint64_t seed = 1, n, back;
	int i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		n = (seed >> 11) >> (i % 53);
		assert_int_equal(gs_text_parse_size(gs_text_print_size(out, n), &back), GS_OK);
		assert_true(back == n);
		n %= 100000 * DAY_MS;
		assert_int_equal(gs_text_parse_duration(gs_text_print_duration(out, n), &back), GS_OK);
		assert_true(back == n);
	}
}

static void
count_is_digits_alone(void **state)
{
	static const struct row rows[] = {
		{ "0", 0, 0 }, { "8192", 0, 8192 }, { "18446744073709551615", 0, UINT64_MAX }, { "18446744073709551616", GS_ERANGE, 0 },
		{ "", GS_EINVAL, 0 }, { "-1", GS_EINVAL, 0 }, { "+1", GS_EINVAL, 0 }, { " 1", GS_EINVAL, 0 }, { "1 ", GS_EINVAL, 0 },
		{ "1K", GS_EINVAL, 0 }, { "1e3", GS_EINVAL, 0 }, { "99999999999999999999x", GS_EINVAL, 0 },
	};

	(void)state;
	check_rows(rows, N(rows), gs_text_parse_count);
}

static void
escape_leaves_only_printable_ascii(void **state)
{
	static const struct { const char *bytes; size_t len; const char *text; } rows[] = {
		{ "", 0, "" }, { "plain-key_1.2~", 14, "plain-key_1.2~" }, { "a b", 3, "a\\040b" }, { "\t\n\\", 3, "\\011\\012\\134" },
		{ "\0x", 2, "\\000x" }, { "\x7f\x80\xff", 3, "\\177\\200\\377" }, { "\xc3\xa9", 2, "\\303\\251" }, { "\"'#;", 4, "\"'#;" },
	};
	char out[64];
	size_t i;

	(void)state;
	for (i = 0; i < N(rows); i++) {
		assert_int_equal(gs_text_escape(out, sizeof(out), rows[i].bytes, rows[i].len), strlen(rows[i].text));
		assert_string_equal(out, rows[i].text);
	}
}

static void
escape_cuts_at_a_whole_escape(void **state)
{
	static const char *const by_cap[] = { "?", "", "a", "a", "a", "a", "a\\040", "a\\040b", "a\\040b" };
	char out[16];
	size_t cap;

	(void)state;
	for (cap = 0; cap < N(by_cap); cap++) {
		(void)strcpy(out, "?");
		assert_int_equal(gs_text_escape(out, cap, "a b", 3), cap == 0 ? 0 : strlen(by_cap[cap]));
		assert_string_equal(out, by_cap[cap]);
	}
}

static void
escape_fits_in_four_bytes_a_byte_and_a_nul(void **state)
{
	unsigned char all[256];
	char out[4 * 256 + 1];
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(all); i++)
		all[i] = (unsigned char)i;
	n = gs_text_escape(out, sizeof(out), all, sizeof(all));
	assert_int_equal(n, 93 + 4 * (256 - 93));	/* 94 printable ones, without the backslash */
	(void)memset(all, 0, sizeof(all));
	assert_int_equal(gs_text_escape(out, sizeof(out), all, sizeof(all)), 4 * 256);
}

static void
rate_is_a_number_in_a_unit_of_time(void **state)
{
	static const struct row rows[] = {
		{ "50/s", GS_OK, 180000 }, { "100/m", GS_OK, 6000 }, { "20/h", GS_OK, 20 }, { "none", GS_OK, 0 },
		{ "", GS_EINVAL, 0 }, { "5", GS_EINVAL, 0 }, { "0", GS_EINVAL, 0 }, { "5/d", GS_EINVAL, 0 }, { "5s", GS_EINVAL, 0 },
		{ "/s", GS_EINVAL, 0 }, { "5/s ", GS_EINVAL, 0 }, { " 5/s", GS_EINVAL, 0 }, { "-5/s", GS_EINVAL, 0 }, { "0/s", GS_ERANGE, 0 },
		{ "99999999999999999999/s", GS_ERANGE, 0 }, { "18446744073709551615/m", GS_ERANGE, 0 },
	};

	(void)state;
	check_rows(rows, N(rows), gs_text_parse_rate);
}

static void
rate_prints_in_the_shortest_exact_unit(void **state)
{
	static const struct {
		uint64_t per_h;
		const char *text;
	} rows[] = { { 0, "none" }, { 1, "1/h" }, { 60, "1/m" }, { 90, "90/h" }, { 3600, "1/s" }, { 6000, "100/m" }, { 180000, "50/s" } };
	char out[GS_TEXT_RATE_BYTES];

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		assert_string_equal(gs_text_print_rate(out, rows[i].per_h), rows[i].text);
}

static void
what_is_escaped_is_unescaped(void **state)
{
	static const char *const wrong[] = { "\\", "a\\12", "\\400", "\\08a", "\\x41" };
	unsigned char all[256], back[256];
	char text[4 * 256 + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (unsigned char)(255 - i);
	(void)gs_text_escape(text, sizeof(text), all, sizeof(all));
	assert_int_equal(gs_text_unescape(back, sizeof(back), text), sizeof(all));
	assert_memory_equal(back, all, sizeof(all));
	assert_int_equal(gs_text_unescape(back, sizeof(back) - 1, text), GS_ERANGE);
	assert_int_equal(gs_text_unescape(back, sizeof(back), ""), 0);
	for (size_t i = 0; i < N(wrong); i++)
		assert_int_equal(gs_text_unescape(back, sizeof(back), wrong[i]), GS_EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(duration_has_a_unit_or_is_zero),
		cmocka_unit_test(duration_prints_in_the_largest_exact_unit),
		cmocka_unit_test(rate_is_a_number_in_a_unit_of_time),
		cmocka_unit_test(rate_prints_in_the_shortest_exact_unit),
		cmocka_unit_test(what_is_escaped_is_unescaped),
		cmocka_unit_test(size_counts_in_units_of_1024),
		cmocka_unit_test(size_prints_in_the_largest_exact_unit),
		cmocka_unit_test(what_is_printed_reads_back_equal),
		cmocka_unit_test(count_is_digits_alone),
		cmocka_unit_test(escape_leaves_only_printable_ascii),
		cmocka_unit_test(escape_cuts_at_a_whole_escape),
		cmocka_unit_test(escape_fits_in_four_bytes_a_byte_and_a_nul),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
