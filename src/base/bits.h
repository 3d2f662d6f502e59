/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bits.h - arithmetic on unsigned integers that the C operators lack.
 */
#ifndef GS_BASE_BITS_H
#define GS_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* High 64 bits of a*b: maps a 64-bit hash onto [0, b) without a division. */
static inline uint64_t
gs_mulhi64(uint64_t a, uint64_t b)
{
	return (uint64_t)(((unsigned __int128)a * b) >> 64);
}

/* x rounded up to a multiple of `to`, a power of two; x must be far from the top. */
static inline uint64_t
gs_align_up(uint64_t x, uint64_t to)
{
	return (x + to - 1) & ~(to - 1);
}

static inline uint64_t
gs_div_up(uint64_t x, uint64_t by)
{
	return (x + by - 1) / by;
}

static inline uint64_t
gs_min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t
gs_max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline int64_t
gs_min_i64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static inline int64_t
gs_max_i64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* a + b, or UINT64_MAX where that overflows. */
static inline uint64_t
gs_add_sat(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* a - b, or 0 where that would be negative. */
static inline uint64_t
gs_sub_sat(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

#endif
