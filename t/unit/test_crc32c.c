/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32c.h"

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

/* The definition: one bit at a time. */
static uint32_t
crc_by_definition(const unsigned char *p, size_t len)
{
	uint32_t crc = UINT32_MAX;
	int bit;

	while (len-- > 0)
		for (crc ^= *p++, bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
	return ~crc;
}

static void
known_vectors_come_out(void **state)
{
	unsigned char zeros[32] = { 0 }, ones[32], up[32], down[32];
	const struct { const void *data; size_t len; uint32_t crc; } rows[] = {
		{ "", 0, 0 }, { "123456789", 9, 0xe3069283 }, { "a", 1, 0xc1d04330 },
		/* RFC 3720, appendix B.4, in the byte order of a number */
		{ zeros, 32, 0x8a9136aa }, { ones, 32, 0x62a8ab43 }, { up, 32, 0x46dd794e }, { down, 32, 0x113fdb5c },
	};
	size_t i;

	(void)state;
	(void)memset(ones, 0xff, sizeof(ones));
	for (i = 0; i < 32; i++) {
		up[i] = (unsigned char)i;
		down[i] = (unsigned char)(31 - i);
	}
	for (i = 0; i < N(rows); i++)
		assert_int_equal(gs_crc32c(0, rows[i].data, rows[i].len), rows[i].crc);
}

static void
every_length_and_alignment_agrees_with_the_definition(void **state)
{
	unsigned char data[96];
	size_t i, at, len;

	(void)state;
	for (i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 167 + 13);
	for (at = 0; at < 8; at++)
		for (len = 0; at + len <= sizeof(data); len++)
			assert_int_equal(gs_crc32c(0, data + at, len), crc_by_definition(data + at, len));
}

static void
parts_add_up_to_the_whole(void **state)
{
	const char *text = "the quick brown fox jumps over the lazy dog";
	size_t len = strlen(text), cut;

	(void)state;
	for (cut = 0; cut <= len; cut++)
		assert_int_equal(gs_crc32c(gs_crc32c(0, text, cut), text + cut, len - cut), gs_crc32c(0, text, len));
}

static void
a_flipped_bit_shows(void **state)
{
	unsigned char data[64] = "some record";
	uint32_t crc = gs_crc32c(0, data, sizeof(data));
	size_t bit;

	(void)state;
	for (bit = 0; bit < 8 * sizeof(data); bit++) {
		data[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_int_not_equal(gs_crc32c(0, data, sizeof(data)), crc);
		data[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_vectors_come_out),
		cmocka_unit_test(every_length_and_alignment_agrees_with_the_definition),
		cmocka_unit_test(parts_add_up_to_the_whole),
		cmocka_unit_test(a_flipped_bit_shows),
	};

	return cmocka_run_group_tests_name("crc32c", tests, NULL, NULL);
}
