/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value.h - values that show by themselves whether they are whole: each is a function of its key and a counter inside.
 */
#ifndef T_PROC_VALUE_H
#define T_PROC_VALUE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { VALUE_MIN = 16, VALUE_MAX = 4096 };

static inline uint64_t
value_mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static inline uint64_t
value_seed(const char *key, uint64_t counter)
{
	uint64_t h = counter;

	for (; *key != '\0'; key++)
		h = value_mix(h ^ (unsigned char)*key);
	return h;
}

/* Make the value of a key for a counter; most are short, some need the largest slots. Returns its length. */
static inline size_t
value_make(unsigned char out[VALUE_MAX], const char *key, uint64_t counter)
{
	uint64_t seed = value_seed(key, counter);
	size_t len = VALUE_MIN + (seed % 8 == 0 ? seed / 8 % (VALUE_MAX - VALUE_MIN) : seed / 8 % 500);

	memcpy(out, &counter, sizeof(counter));
	for (size_t i = sizeof(counter); i < len; i++)
		out[i] = (unsigned char)(value_mix(seed + i / 8) >> i % 8 * 8);
	return len;
}

static inline uint64_t
value_counter(const unsigned char *value)
{
	uint64_t counter;

	memcpy(&counter, value, sizeof(counter));
	return counter;
}

static inline bool
value_is_whole(const char *key, const unsigned char *value, size_t len)
{
	unsigned char want[VALUE_MAX];

	return len >= VALUE_MIN && len <= VALUE_MAX && value_make(want, key, value_counter(value)) == len && memcmp(value, want, len) == 0;
}

#endif
