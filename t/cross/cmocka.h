/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmocka.h - as much of cmocka as the unit tests of the library use, where there is none: for another machine's processor.
 *
 * No mocks and no fixtures of a group. What fails ends its test, and the
 * output is TAP, as with CMOCKA_MESSAGE_OUTPUT=TAP.
 */
#ifndef T_CROSS_CMOCKA_H
#define T_CROSS_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef int cross_fixture(void **state);

struct CMUnitTest {
	const char *name;
	void (*test)(void **state);
	cross_fixture *setup, *teardown;
};

#define cmocka_unit_test(f) { #f, f, NULL, NULL }
#define cmocka_unit_test_setup(f, s) { #f, f, s, NULL }
#define cmocka_unit_test_setup_teardown(f, s, t) { #f, f, s, t }

static jmp_buf cross_failed;

static inline void __attribute__((noreturn, format(printf, 3, 4)))
cross_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	(void)printf("# %s:%d: ", file, line);
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)printf("\n");
	longjmp(cross_failed, 1);
}

#define fail_msg(...) cross_fail(__FILE__, __LINE__, __VA_ARGS__)
#define fail() fail_msg("failed")
#define print_message(...) (void)printf(__VA_ARGS__)

static inline void
cross_assert(int is_right, const char *what, const char *file, int line)
{
	if (!is_right)
		cross_fail(file, line, "%s", what);
}

static inline void
cross_compare(uintmax_t a, uintmax_t b, int is_equal, const char *what, const char *file, int line)
{
	if ((a == b) != is_equal)
		cross_fail(file, line, "%s: %jd (%#jx) and %jd (%#jx)", what, (intmax_t)a, a, (intmax_t)b, b);
}

static inline void
cross_compare_text(const char *a, const char *b, int is_equal, const char *what, const char *file, int line)
{
	if ((strcmp(a, b) == 0) != is_equal)
		cross_fail(file, line, "%s: \"%s\" and \"%s\"", what, a, b);
}

#define assert_true(x) cross_assert((x) ? 1 : 0, #x, __FILE__, __LINE__)
#define assert_false(x) cross_assert((x) ? 0 : 1, "not: " #x, __FILE__, __LINE__)
#define assert_null(p) cross_assert((p) == NULL, "null: " #p, __FILE__, __LINE__)
#define assert_non_null(p) cross_assert((p) != NULL, "not null: " #p, __FILE__, __LINE__)
#define assert_ptr_equal(a, b) cross_assert((const void *)(a) == (const void *)(b), #a " == " #b, __FILE__, __LINE__)
#define assert_ptr_not_equal(a, b) cross_assert((const void *)(a) != (const void *)(b), #a " != " #b, __FILE__, __LINE__)
#define assert_int_equal(a, b) cross_compare((uintmax_t)(a), (uintmax_t)(b), 1, #a " == " #b, __FILE__, __LINE__)
#define assert_int_not_equal(a, b) cross_compare((uintmax_t)(a), (uintmax_t)(b), 0, #a " != " #b, __FILE__, __LINE__)
#define assert_string_equal(a, b) cross_compare_text((const char *)(a), (const char *)(b), 1, #a " == " #b, __FILE__, __LINE__)
#define assert_string_not_equal(a, b) cross_compare_text((const char *)(a), (const char *)(b), 0, #a " != " #b, __FILE__, __LINE__)
#define assert_memory_equal(a, b, n) cross_assert(memcmp(a, b, n) == 0, #a " as " #b, __FILE__, __LINE__)
#define assert_memory_not_equal(a, b, n) cross_assert(memcmp(a, b, n) != 0, #a " not as " #b, __FILE__, __LINE__)
#define assert_in_range(v, from, to) \
	cross_assert((uintmax_t)(v) >= (uintmax_t)(from) && (uintmax_t)(v) <= (uintmax_t)(to), #v " in range", __FILE__, __LINE__)
#define assert_float_equal(a, b, by) \
	cross_assert((a) - (b) <= (by) && (b) - (a) <= (by), #a " near " #b, __FILE__, __LINE__)

/* True when the test passed. */
static inline int
cross_run(const struct CMUnitTest *t)
{
	void *state = NULL;
	volatile int has_passed = 0;

	if (t->setup != NULL && t->setup(&state) != 0)
		return 0;
	if (setjmp(cross_failed) == 0) {
		t->test(&state);
		has_passed = 1;
	}
	return (t->teardown == NULL || t->teardown(&state) == 0) && has_passed;
}

static inline int
cross_run_all(const struct CMUnitTest *tests, size_t n)
{
	int n_failed = 0;

	(void)printf("1..%zu\n", n);
	for (size_t i = 0; i < n; i++) {
		int has_passed = cross_run(&tests[i]);

		n_failed += !has_passed;
		(void)printf("%s %zu - %s\n", has_passed ? "ok" : "not ok", i + 1, tests[i].name);
		(void)fflush(stdout);
	}
	return n_failed;
}

#define cmocka_run_group_tests(tests, setup, teardown) cross_run_all(tests, sizeof(tests) / sizeof((tests)[0]))
#define cmocka_run_group_tests_name(name, tests, setup, teardown) cross_run_all(tests, sizeof(tests) / sizeof((tests)[0]))

#endif
