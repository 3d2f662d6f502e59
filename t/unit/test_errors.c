/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/errors.h"
#include "gsession.h"
#include "prog/args.h"

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

#define CODE(name, number, errno_, status, retry, text) name,
static const int codes[] = { GS_ERROR_TABLE(CODE) };

static void
codes_are_distinct_and_negative(void **state)
{
	size_t i, k;

	(void)state;
	for (i = 0; i < N(codes); i++) {
		assert_true(codes[i] < 0);
		for (k = 0; k < i; k++) {
			assert_int_not_equal(codes[i], codes[k]);
			assert_string_not_equal(gs_errname(codes[i]), gs_errname(codes[k]));
			assert_string_not_equal(gs_strerror(codes[i]), gs_strerror(codes[k]));
		}
	}
}

static void
common_codes_are_the_errno_and_own_ones_begin_at_2000(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N(codes); i++) {
		if (codes[i] <= -2000)
			continue;
		assert_int_equal(gs_errno(codes[i]), -codes[i]);
		assert_int_equal(gs_error_from_errno(-codes[i]), codes[i]);
	}
}

static void
every_code_has_an_errno_that_the_kernel_takes(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N(codes); i++) {
		assert_true(gs_errno(codes[i]) > 0);
		assert_true(gs_errno(codes[i]) < 1000);
	}
}

static void
rows_say_what_the_header_says(void **state)
{
	static const struct { int code; const char *name; int err, status; bool may_retry; } rows[] = {
		{ GS_ENOENT, "GS_ENOENT", ENOENT, EXIT_NO, false },
		{ GS_EINVAL, "GS_EINVAL", EINVAL, EXIT_USAGE, false },
		{ GS_EDOWN, "GS_EDOWN", EHOSTDOWN, EXIT_DOWN, true },
		{ GS_EQUARANTINE, "GS_EQUARANTINE", EDQUOT, EXIT_REFUSED, true },
		{ GS_EFBIG, "GS_EFBIG", EFBIG, EXIT_REFUSED, false },
		{ GS_ECORRUPT, "GS_ECORRUPT", EIO, EXIT_SYSTEM, false },
		{ GS_ESTALE, "GS_ESTALE", ESTALE, EXIT_NO, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < N(rows); i++) {
		assert_string_equal(gs_errname(rows[i].code), rows[i].name);
		assert_int_equal(gs_errno(rows[i].code), rows[i].err);
		assert_int_equal(gs_error_status(rows[i].code), rows[i].status);
		assert_int_equal(gs_error_may_retry(rows[i].code), rows[i].may_retry);
	}
	assert_string_equal(gs_strerror(GS_ENOENT), "no such session");
}

static void
success_is_no_error(void **state)
{
	(void)state;
	assert_string_equal(gs_errname(GS_OK), "GS_OK");
	assert_int_equal(gs_errno(17), 0);
	assert_int_equal(gs_error_status(17), EXIT_YES);
	assert_false(gs_error_may_retry(0));
}

static void
unknown_codes_are_answered_too(void **state)
{
	static const int rows[] = { -3, -1999, -2999, INT32_MIN };
	size_t i;

	(void)state;
	for (i = 0; i < N(rows); i++) {
		assert_string_equal(gs_strerror(rows[i]), "unknown error");
		assert_int_equal(gs_errno(rows[i]), EIO);
		assert_int_equal(gs_error_status(rows[i]), EXIT_SYSTEM);
		assert_false(gs_error_is_known(rows[i]));
	}
	assert_true(gs_error_is_known(0));
	assert_true(gs_error_is_known(GS_ECORRUPT));
	assert_false(gs_error_is_known(1));
}

static void
an_errno_without_a_code_of_its_own_is_a_system_error(void **state)
{
	static const int rows[] = { EIO, EDQUOT, EHOSTDOWN, EMFILE, 0, -1, 2000, 2006, INT32_MAX };
	size_t i;

	(void)state;
	for (i = 0; i < N(rows); i++)
		assert_int_equal(gs_error_from_errno(rows[i]), GS_ESYSTEM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_are_distinct_and_negative),
		cmocka_unit_test(common_codes_are_the_errno_and_own_ones_begin_at_2000),
		cmocka_unit_test(every_code_has_an_errno_that_the_kernel_takes),
		cmocka_unit_test(rows_say_what_the_header_says),
		cmocka_unit_test(success_is_no_error),
		cmocka_unit_test(unknown_codes_are_answered_too),
		cmocka_unit_test(an_errno_without_a_code_of_its_own_is_a_system_error),
	};

	return cmocka_run_group_tests_name("errors", tests, NULL, NULL);
}
