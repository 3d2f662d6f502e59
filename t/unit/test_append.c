/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/append.h"

static void
numbers_are_printed_in_decimal(void **state)
{
	static const struct row {
		uint64_t n;
		const char *text;
	} rows[] = {
		{ 0, "0" }, { 7, "7" }, { 10, "10" }, { 4096, "4096" }, { 9999999999, "9999999999" },
		{ UINT64_MAX, "18446744073709551615" },
	};
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gs_append a = { .out = out, .cap = sizeof(out) };

		gs_append_u64(&a, rows[i].n);
		gs_append_end(&a);
		assert_string_equal(out, rows[i].text);
		assert_int_equal(a.len, strlen(rows[i].text));
	}
}

static void
put_together(struct gs_append *a)
{
	gs_append_text(a, "count ");
	gs_append_u64(a, 12);
	gs_append_bytes(a, "\n", 1);
	gs_append_end(a);
}

/* At each length: as much as there is room for, a NUL, and nothing behind. */
static void
what_has_no_room_is_counted_and_not_written(void **state)
{
	static const char whole[] = "count 12\n";
	char out[16];

	(void)state;
	for (size_t cap = 0; cap < sizeof(out); cap++) {
		struct gs_append a = { .out = cap > 0 ? out : NULL, .cap = cap };
		size_t n = cap < sizeof(whole) ? cap : sizeof(whole);

		memset(out, '#', sizeof(out));
		put_together(&a);
		assert_int_equal(a.len, sizeof(whole) - 1);
		if (n > 0) {
			assert_memory_equal(out, whole, n - 1);
			assert_int_equal(out[n - 1], '\0');
		}
		assert_int_equal(out[n], '#');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_printed_in_decimal),
		cmocka_unit_test(what_has_no_room_is_counted_and_not_written),
	};

	return cmocka_run_group_tests_name("append", tests, NULL, NULL);
}
