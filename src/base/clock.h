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

/* Time spent in suspend since boot, ms: CLOCK_BOOTTIME - CLOCK_MONOTONIC. */
static inline uint64_t
gs_clock_suspended_ms(void)
{
	struct timespec boot, mono;
	int64_t diff_ms;

	(void)clock_gettime(CLOCK_MONOTONIC, &mono);
	(void)clock_gettime(CLOCK_BOOTTIME, &boot);
	diff_ms = (int64_t)(boot.tv_sec - mono.tv_sec) * 1000 + (boot.tv_nsec - mono.tv_nsec) / 1000000;
	return diff_ms > 0 ? (uint64_t)diff_ms : 0;
}

/* CLOCK_REALTIME in ns. */
static inline int64_t
gs_clock_wall_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

#endif
