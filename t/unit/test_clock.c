/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>

#include <cmocka.h>

#include "base/clock.h"

enum { STALLS = 60, STALL_MS = 20, OFF_MS = 2 };

static volatile sig_atomic_t n_stalls;

/* What a busy machine does to a process, at any instruction. */
static void
stall(int signo)
{
	uint64_t end_ns = gs_clock_mono_ns() + UINT64_C(1000000) * STALL_MS;

	(void)signo;
	while (gs_clock_mono_ns() < end_ns)
		;
	n_stalls++;
}

static int
stalls_begin(void **state)
{
	const struct itimerval often = { .it_interval.tv_usec = 1000 * (STALL_MS + 1), .it_value.tv_usec = 1000 };

	(void)state;
	n_stalls = 0;
	return signal(SIGALRM, stall) == SIG_ERR || setitimer(ITIMER_REAL, &often, NULL) != 0;
}

static int
stalls_end(void **state)
{
	const struct itimerval none = { 0 };

	(void)state;
	return setitimer(ITIMER_REAL, &none, NULL) != 0 || signal(SIGALRM, SIG_DFL) == SIG_ERR;
}

static void
assert_near(uint64_t a, uint64_t b)
{
	if (a - b + OFF_MS > 2 * OFF_MS)
		fail_msg("%lld ms off after %d stalls", (long long)(a - b), (int)n_stalls);
}

static void
wall_and_mono_are_of_one_instant(void **state)
{
	uint64_t first = gs_clock_wall_less_mono_ms();

	(void)state;
	while (n_stalls < STALLS)
		assert_near(gs_clock_wall_less_mono_ms(), first);
}

static void
a_stall_is_no_suspend(void **state)
{
	uint64_t first = gs_clock_suspended_ms();

	(void)state;
	while (n_stalls < STALLS)
		assert_near(gs_clock_suspended_ms(), first);
}

static void
the_difference_makes_wall_of_mono(void **state)
{
	uint64_t wall_ms = gs_clock_mono_ms() + gs_clock_wall_less_mono_ms();

	(void)state;
	/* Within a minute: this machine may be kept from running between the two, too. */
	assert_true((uint64_t)(gs_clock_wall_ns() / 1000000) - wall_ms + 1000 < 61000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(wall_and_mono_are_of_one_instant, stalls_begin, stalls_end),
		cmocka_unit_test_setup_teardown(a_stall_is_no_suspend, stalls_begin, stalls_end),
		cmocka_unit_test(the_difference_makes_wall_of_mono),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
