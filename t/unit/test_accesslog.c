/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_accesslog - which lines of an access log are readable, and what they say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "lab/accesslog.h"

#define T(name) cmocka_unit_test(name)
#define N_ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

#define TAIL " \"GET / HTTP/1.1\" 200 12"
#define COMMON "10.0.0.1 - - [10/Oct/2000:13:55:36 -0700]" TAIL

static void
readable_lines_say_who_and_when(void **state)
{
	static const struct {
		const char *line, *host;
		int64_t time_s;
		const char *agent;	/* NULL: none */
	} rows[] = {
		{ COMMON, "10.0.0.1", 971211336, NULL },
		{ COMMON " \"-\" \"Mozilla/5.0 (X11)\"", "10.0.0.1", 971211336, "Mozilla/5.0 (X11)" },
		{ COMMON " \"http://x/\" \"a \\\"quoted\\\" agent\"", "10.0.0.1", 971211336, "a \\\"quoted\\\" agent" },
		{ COMMON " \"-\" \"\"", "10.0.0.1", 971211336, "" },
		{ COMMON " \"-\" \"agent\" \"and more\" 17", "10.0.0.1", 971211336, "agent" },
		{ COMMON " \"-\" \"cut off here", "10.0.0.1", 971211336, NULL },
		{ COMMON " \"-\" \"cut off in an escape\\", "10.0.0.1", 971211336, NULL },
		{ COMMON " \"only a referer\"", "10.0.0.1", 971211336, NULL },
		{ COMMON " ", "10.0.0.1", 971211336, NULL },
		{ COMMON " what is this", "10.0.0.1", 971211336, NULL },
		{ "::1 ident frank [10/Oct/2000:13:55:36 -0700] \"a \\\"b\\\" \\\\\" 304 -", "::1", 971211336, NULL },
		{ "h x x [10/Oct/2000:13:55:36 -0700] \"\" - -", "h", 971211336, NULL },
		{ "h  x  x  [10/Oct/2000:13:55:36 -0700]  \"\"  200  0", "h", 971211336, NULL },
		{ "h x x [01/Jan/1970:00:00:00 +0000]" TAIL, "h", 0, NULL },
		{ "h x x [01/Jan/1970:05:30:00 +0530]" TAIL, "h", 0, NULL },
		{ "h x x [31/Dec/1969:16:00:00 -0800]" TAIL, "h", 0, NULL },
		{ "h x x [29/Feb/2000:00:00:00 +0000]" TAIL, "h", 951782400, NULL },
		{ "h x x [29/Feb/2024:23:59:59 +0000]" TAIL, "h", 1709251199, NULL },
		{ "h x x [31/Dec/2016:23:59:60 +0000]" TAIL, "h", 1483228800, NULL },
		{ "h x x [01/Jan/0001:00:00:00 +0000]" TAIL, "h", INT64_C(-62135596800), NULL },
		{ "h x x [31/Dec/9999:23:59:59 +0000]" TAIL, "h", INT64_C(253402300799), NULL },
	};
	struct accesslog_line out;
	size_t i;

	(void)state;
	for (i = 0; i < N_ROWS(rows); i++) {
		assert_null(accesslog_parse(&out, rows[i].line, strlen(rows[i].line)));
		assert_int_equal(out.host_len, strlen(rows[i].host));
		assert_memory_equal(out.host, rows[i].host, out.host_len);
		assert_true(out.time_ms == rows[i].time_s * 1000);
		assert_int_equal(out.agent != NULL, rows[i].agent != NULL);
		if (rows[i].agent != NULL) {
			assert_int_equal(out.agent_len, strlen(rows[i].agent));
			assert_memory_equal(out.agent, rows[i].agent, out.agent_len);
		}
	}
}

static void
an_unreadable_line_has_a_reason(void **state)
{
	static const char *const rows[] = {
		"",
		" ",
		"host",
		" - - [10/Oct/2000:13:55:36 -0700]" TAIL,
		"h - [10/Oct/2000:13:55:36 -0700]" TAIL,
		"h - a name [10/Oct/2000:13:55:36 -0700]" TAIL,
		"h - - 10/Oct/2000:13:55:36 -0700" TAIL,
		"h - - [10/Okt/2000:13:55:36 -0700]" TAIL,
		"h - - [10/10/2000:13:55:36 -0700]" TAIL,
		"h - - [0/Oct/2000:13:55:36 -0700]" TAIL,
		"h - - [00/Oct/2000:13:55:36 -0700]" TAIL,
		"h - - [32/Oct/2000:13:55:36 -0700]" TAIL,
		"h - - [31/Sep/2000:13:55:36 -0700]" TAIL,
		"h - - [29/Feb/1900:13:55:36 -0700]" TAIL,
		"h - - [10/Oct/0000:13:55:36 -0700]" TAIL,
		"h - - [10/Oct/100:13:55:36 -0700]" TAIL,
		"h - - [10/Oct/20000:13:55:36 -0700]" TAIL,
		"h - - [10/Oct/-200:13:55:36 -0700]" TAIL,
		"h - - [10/Oct/2000:24:00:00 -0700]" TAIL,
		"h - - [10/Oct/2000:13:60:00 -0700]" TAIL,
		"h - - [10/Oct/2000:13:00:61 -0700]" TAIL,
		"h - - [10/Oct/2000:13:55:36]" TAIL,
		"h - - [10/Oct/2000:13:55:36 0700]" TAIL,
		"h - - [10/Oct/2000:13:55:36 -07]" TAIL,
		"h - - [10/Oct/2000:13:55:36 -0760]" TAIL,
		"h - - [10/Oct/2000:13:55:36 -2400]" TAIL,
		"h - - [10/Oct/2000:13:55:36 -0700" TAIL,
		"h - - [10/Oct/2000:13:55:36 -0700] GET 200 12",
		"h - - [10/Oct/2000:13:55:36 -0700] \"GET / 200 12",
		"h - - [10/Oct/2000:13:55:36 -0700] \"GET /\\\" 200 12",
		"h - - [10/Oct/2000:13:55:36 -0700] \"GET /\"",
		"h - - [10/Oct/2000:13:55:36 -0700] \"GET /\" 20 12",
		"h - - [10/Oct/2000:13:55:36 -0700] \"GET /\" 2000 12",
		"h - - [10/Oct/2000:13:55:36 -0700] \"GET /\" 2x0 12",
		"h - - [10/Oct/2000:13:55:36 -0700] \"GET /\" 200",
		"h - - [10/Oct/2000:13:55:36 -0700] \"GET /\" 200 ",
		"h - - [10/Oct/2000:13:55:36 -0700] \"GET /\" 200 12k",
		"h - - [10/Oct/2000:13:55:36 -0700] \"GET /\" 200 --",
	};
	struct accesslog_line out;
	size_t i;

	(void)state;
	for (i = 0; i < N_ROWS(rows); i++)
		assert_non_null(accesslog_parse(&out, rows[i], strlen(rows[i])));
}

/* From a copy of exactly its size, so that a sanitizer sees a byte too many. */
static void
parse_exactly(const char *bytes, size_t len)
{
	struct accesslog_line out;
	char *copy = malloc(len == 0 ? 1 : len);

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	if (accesslog_parse(&out, copy, len) == NULL) {
		assert_true(out.host == copy && out.host_len > 0 && out.host_len < len);
		assert_true(out.agent == NULL || (out.agent > copy && out.agent + out.agent_len < copy + len));
	}
	free(copy);
}

static void
any_bytes_are_either_readable_or_not(void **state)
{
	static const char line[] = COMMON " \"-\" \"a \\\" b\"";
	char bytes[sizeof(line)];
	uint64_t random = 1;
	size_t len, i, k;

	(void)state;
	for (len = 0; len < sizeof(line); len++)
		parse_exactly(line, len);
	for (i = 0; i < 20000; i++) {
		memcpy(bytes, line, sizeof(line));
		for (k = 0; k < 1 + i % 4; k++) {
			random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			bytes[(random >> 40) % (sizeof(line) - 1)] = (char)(random >> 33);
		}
		parse_exactly(bytes, sizeof(line) - 1);
	}
}

static void
a_log_of(struct accesslog *a, const void *bytes, size_t len)
{
	char path[] = "/tmp/test_accesslog.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(close(fd), 0);
	assert_int_equal(accesslog_open(a, path), 0);
	assert_int_equal(unlink(path), 0);
}

static struct accesslog log_read;

static void
lines_end_with_newline_or_carriage_return_and_newline_or_the_file(void **state)
{
	static const char bytes[] = "one\ntwo\r\n\nfour \r\r\nlast";
	static const char *const want[] = { "one", "two", "", "four \r", "last" };
	size_t i, len;

	(void)state;
	a_log_of(&log_read, bytes, sizeof(bytes) - 1);
	for (i = 0; i < N_ROWS(want); i++) {
		assert_int_equal(accesslog_next(&log_read, &len), 1);
		assert_int_equal(log_read.number, i + 1);
		assert_int_equal(len, strlen(want[i]));
		assert_memory_equal(log_read.line, want[i], len);
	}
	assert_int_equal(accesslog_next(&log_read, &len), 0);
	assert_int_equal(accesslog_next(&log_read, &len), 0);
	accesslog_close(&log_read);
}

static void
an_empty_file_has_no_lines(void **state)
{
	size_t len;

	(void)state;
	a_log_of(&log_read, "", 0);
	assert_int_equal(accesslog_next(&log_read, &len), 0);
	accesslog_close(&log_read);
}

static void
of_a_longer_line_only_the_beginning_is_read(void **state)
{
	size_t long_len = 3 * ACCESSLOG_LINE_BYTES + 7, len;
	char *bytes = malloc(long_len + 5);

	(void)state;
	assert_non_null(bytes);
	memset(bytes, 'a', long_len);
	memcpy(bytes + long_len, "\nend\n", 5);
	a_log_of(&log_read, bytes, long_len + 5);
	assert_int_equal(accesslog_next(&log_read, &len), 1);
	assert_int_equal(len, ACCESSLOG_LINE_BYTES);
	assert_int_equal(accesslog_next(&log_read, &len), 1);
	assert_int_equal(log_read.number, 2);
	assert_int_equal(len, 3);
	accesslog_close(&log_read);
	free(bytes);
}

static void
what_is_no_file_is_refused_with_errno(void **state)
{
	(void)state;
	assert_int_equal(accesslog_open(&log_read, "/nonexistent/log"), GS_ESYSTEM);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(accesslog_open(&log_read, "/"), GS_ESYSTEM);
	assert_int_equal(errno, EISDIR);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(readable_lines_say_who_and_when),
		T(an_unreadable_line_has_a_reason),
		T(any_bytes_are_either_readable_or_not),
		T(lines_end_with_newline_or_carriage_return_and_newline_or_the_file),
		T(an_empty_file_has_no_lines),
		T(of_a_longer_line_only_the_beginning_is_read),
		T(what_is_no_file_is_refused_with_errno),
	};

	return cmocka_run_group_tests_name("accesslog", tests, NULL, NULL);
}
