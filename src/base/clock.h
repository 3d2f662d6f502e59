/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.h - the two clocks of this host, in the units that we store.
 *
 * Everything that decides takes `now_ms` as an argument; only the outermost
 * layers ask these.
 */
#ifndef GS_BASE_CLOCK_H
#define GS_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC_COARSE in ms: stands still in suspend, no system call, as fine as the kernel's tick. */
static inline uint64_t
gs_clock_mono_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* CLOCK_MONOTONIC in ns, for measuring. */
static inline uint64_t
gs_clock_mono_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

/*
 * Time spent in suspend since boot, ms: CLOCK_BOOTTIME - CLOCK_MONOTONIC. A
 * process that is stopped between the two would take its stop for a suspend:
 * of some tries the shortest counts, and what is short enough ends them.
 */
static inline uint64_t
gs_clock_suspended_ms(void)
{
	const uint64_t short_ns = 100000;
	uint64_t took_ns = UINT64_MAX, suspended_ns = 0;

	for (int tries = 0; tries < 16 && took_ns > short_ns; tries++) {
		uint64_t before_ns = gs_clock_mono_ns(), boot_ns, after_ns;
		struct timespec boot;

		(void)clock_gettime(CLOCK_BOOTTIME, &boot);
		after_ns = gs_clock_mono_ns();
		boot_ns = (uint64_t)boot.tv_sec * UINT64_C(1000000000) + (uint64_t)boot.tv_nsec;
		if (after_ns - before_ns >= took_ns)
			continue;
		took_ns = after_ns - before_ns;
		suspended_ns = boot_ns > after_ns ? boot_ns - after_ns : 0;
	}
	return (suspended_ns + 500000) / 1000000;
}

/* CLOCK_REALTIME in ns. */
static inline int64_t
gs_clock_wall_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/*
 * Wall clock (ms since 1970) less gs_clock_mono_ms(), modulo 2^64: both of
 * the same tick of the kernel, however long the process is kept from running
 * between the two.
 */
static inline uint64_t
gs_clock_wall_less_mono_ms(void)
{
	struct timespec wall;
	uint64_t mono_ms;

	do {
		mono_ms = gs_clock_mono_ms();
		(void)clock_gettime(CLOCK_REALTIME_COARSE, &wall);
	} while (gs_clock_mono_ms() != mono_ms);
	return (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000 - mono_ms;
}

#endif
