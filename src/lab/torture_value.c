/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/torture_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/crc32c.h"
#include "lab/torture_plan.h"

/* The last bytes of a value: all before them, once more as a checksum. */
enum { CRC_BYTES = 4, NUMBER_BYTES = 8 };

size_t
torture_key(char out[TORTURE_KEY_BYTES], char kind, uint64_t number)
{
	int len = snprintf(out, TORTURE_KEY_BYTES, "%c%" PRIu64 ".", kind, number);
	size_t end = number % 8 == 7 ? TORTURE_KEY_BYTES - 1 : number % 8 == 0 ? (size_t)len : 32;

	memset(out + len, 'x', end - (size_t)len);
	out[end] = '\0';
	return end;
}

int64_t
torture_key_number(const char *key, size_t len, char kind)
{
	char want[TORTURE_KEY_BYTES];
	uint64_t number = 0;
	size_t i;

	for (i = 1; i < len && i < 20 && key[i] >= '0' && key[i] <= '9'; i++)
		number = number * 10 + (uint64_t)(key[i] - '0');
	if (number > INT64_MAX || torture_key(want, kind, number) != len || memcmp(key, want, len) != 0)
		return -1;
	return (int64_t)number;
}

static size_t
length_of(uint64_t seed)
{
	static const uint32_t most[] = { 128, 128, 400, 400, 1600, 1600, 2000, TORTURE_VALUE_MAX };
	uint64_t span = most[seed % 8] - TORTURE_VALUE_MIN + 1;

	return TORTURE_VALUE_MIN + (size_t)(seed / 8 % span);
}

size_t
torture_value_make(unsigned char out[TORTURE_VALUE_MAX], char kind, uint64_t key_number, uint64_t number)
{
	uint64_t seed = torture_seed(number, (uint64_t)(unsigned char)kind, key_number), word;
	size_t len = length_of(seed), at;
	uint32_t crc;

	memcpy(out, &number, NUMBER_BYTES);
	for (at = NUMBER_BYTES; at < len - CRC_BYTES; at += sizeof(word)) {
		word = torture_random(&seed);
		memcpy(out + at, &word, gs_min_u64(sizeof(word), len - CRC_BYTES - at));
	}
	crc = gs_crc32c(0, out, len - CRC_BYTES);
	memcpy(out + len - CRC_BYTES, &crc, CRC_BYTES);
	return len;
}

uint64_t
torture_value_number(const unsigned char *value, size_t len, char kind, uint64_t key_number)
{
	unsigned char want[TORTURE_VALUE_MAX];
	uint64_t number;

	if (len < TORTURE_VALUE_MIN || len > TORTURE_VALUE_MAX)
		return 0;
	memcpy(&number, value, NUMBER_BYTES);
	return torture_value_make(want, kind, key_number, number) == len && memcmp(want, value, len) == 0 ? number : 0;
}
