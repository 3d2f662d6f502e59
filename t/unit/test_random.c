/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "gsession.h"

static void
draws_differ(void **state)
{
	unsigned char a[24], b[24];

	(void)state;
	assert_int_equal(gs_random_bytes(a, sizeof(a)), GS_OK);
	assert_int_equal(gs_random_bytes(b, sizeof(b)), GS_OK);
	assert_memory_not_equal(a, b, sizeof(a));
}

static void
every_byte_is_filled_and_none_beyond(void **state)
{
	static unsigned char bytes[1 << 20];
	bool was_seen[256] = { false };
	size_t i;

	(void)state;
	/* More than one getrandom() may give at once when a signal comes. */
	assert_int_equal(gs_random_bytes(bytes, sizeof(bytes) - 4096), GS_OK);
	for (i = sizeof(bytes) - 2 * 4096; i < sizeof(bytes) - 4096; i++)
		was_seen[bytes[i]] = true;
	for (i = 0; i < 256; i++)
		assert_true(was_seen[i]);
	for (i = sizeof(bytes) - 4096; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 0);
	assert_int_equal(gs_random_bytes(NULL, 0), GS_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(draws_differ),
		cmocka_unit_test(every_byte_is_filled_and_none_beyond),
	};

	return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
