/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_frame - a frame says what was written, whatever was done to it on the way is seen, and later versions are borne.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gsession.h"
#include "net/frame.h"

enum { PAYLOAD = 37 };

static unsigned char bytes[FRAME_HEAD_BYTES + 16 + PAYLOAD];
static struct frame frame, got;

static int
setup(void **state)
{
	unsigned char *payload = bytes + FRAME_HEAD_BYTES;

	(void)state;
	for (unsigned char i = 0; i < PAYLOAD; i++)
		payload[i] = (unsigned char)(i * 7);
	frame = (struct frame){
		.kind = FRAME_REPL_BATCH, .flags = FRAME_HAS_MORE, .count = 3, .from = 1, .to = 2, .incarnation = 0x01020304, .cluster_id = 0xdeadbeef,
		.epoch = UINT64_C(0x1122334455667788), .seq = 99, .ack = 98, .hlc = UINT64_MAX, .len = PAYLOAD, .payload = payload,
	};
	frame_write(&frame, bytes);
	return 0;
}

static void
what_is_read_is_what_was_written(void **state)
{
	(void)state;
	assert_int_equal(frame_read(&got, bytes, FRAME_HEAD_BYTES + PAYLOAD, false), 0);
	assert_int_equal(got.kind, frame.kind);
	assert_int_equal(got.flags, frame.flags);
	assert_int_equal(got.count, 3);
	assert_int_equal(got.from, 1);
	assert_int_equal(got.to, 2);
	assert_int_equal(got.incarnation, frame.incarnation);
	assert_int_equal(got.cluster_id, frame.cluster_id);
	assert_int_equal(got.epoch, frame.epoch);
	assert_int_equal(got.seq, 99);
	assert_int_equal(got.ack, 98);
	assert_true(got.hlc == UINT64_MAX);
	assert_int_equal(got.len, PAYLOAD);
	assert_ptr_equal(got.payload, bytes + FRAME_HEAD_BYTES);
}

static void
head_is_as_its_table_says(void **state)
{
	static const unsigned char want[28] = {
		'M', 'S', 'R', '1', 1, 64, 40, 0, 8, 0, 3, 0, PAYLOAD, 0, 0, 0, 1, 0, 2, 0, 4, 3, 2, 1, 0xef, 0xbe, 0xad, 0xde,
	};

	(void)state;
	assert_memory_equal(bytes, want, sizeof(want));
	assert_memory_equal(bytes + 32, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
	assert_int_equal(bytes[40], 99);
	assert_int_equal(bytes[48], 98);
	assert_int_equal(bytes[56], 0xff);
}

static void
every_changed_bit_is_seen(void **state)
{
	int rc;

	(void)state;
	for (size_t i = 0; i < 8 * (FRAME_HEAD_BYTES + PAYLOAD); i++) {
		/* That it is sealed is seen when it is opened. */
		if (i == 8 * 8 + 1)
			continue;
		bytes[i / 8] ^= (unsigned char)(1 << i % 8);
		rc = frame_read(&got, bytes, FRAME_HEAD_BYTES + PAYLOAD, false);
		if (rc != GS_EPROTO && rc != GS_EVERSION && rc != GS_ECORRUPT)
			fail_msg("bit %zu: %d", i, rc);
		bytes[i / 8] ^= (unsigned char)(1 << i % 8);
	}
}

static void
every_length_but_its_own_is_refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(bytes); len++)
		assert_int_equal(frame_read(&got, bytes, len, false), len == FRAME_HEAD_BYTES + PAYLOAD ? 0 : GS_EPROTO);
	frame.len = FRAME_PAYLOAD_BYTES + 1;
	frame.flags = FRAME_IS_SEALED;
	frame_write(&frame, bytes);
	assert_int_equal(frame_read(&got, bytes, (size_t)FRAME_HEAD_BYTES + frame.len, false), GS_EPROTO);
}

static void
later_versions_are_told(void **state)
{
	(void)state;
	bytes[4] = 2;
	assert_int_equal(frame_read(&got, bytes, FRAME_HEAD_BYTES + PAYLOAD, false), GS_EVERSION);
	bytes[4] = 1;
	bytes[5] = 63;
	assert_int_equal(frame_read(&got, bytes, FRAME_HEAD_BYTES + PAYLOAD, false), GS_EVERSION);
}

/* Of a later minor version: a sealed one, as no checksum is here that could be made of it. */
static void
longer_head_is_skipped(void **state)
{
	(void)state;
	frame.flags = FRAME_IS_SEALED;
	frame_write(&frame, bytes);
	bytes[5] = FRAME_HEAD_BYTES + 16;
	assert_int_equal(frame_read(&got, bytes, FRAME_HEAD_BYTES + 16 + PAYLOAD, false), 0);
	assert_int_equal(got.head_bytes, FRAME_HEAD_BYTES + 16);
	assert_ptr_equal(got.payload, bytes + FRAME_HEAD_BYTES + 16);
}

static void
what_is_not_sealed_is_refused_where_it_must_be(void **state)
{
	(void)state;
	assert_int_equal(frame_read(&got, bytes, FRAME_HEAD_BYTES + PAYLOAD, true), GS_EACCES);
	frame.flags = FRAME_IS_SEALED;
	frame_write(&frame, bytes);
	assert_int_equal(frame_read(&got, bytes, FRAME_HEAD_BYTES + PAYLOAD, true), 0);
}

static void
empty_payload_is_one(void **state)
{
	(void)state;
	frame.len = 0;
	frame.payload = NULL;
	frame_write(&frame, bytes);
	assert_int_equal(frame_read(&got, bytes, FRAME_HEAD_BYTES, false), 0);
	assert_int_equal(got.len, 0);
}

static void
kinds_have_numbers_and_names_of_their_own(void **state)
{
	static const struct {
		uint16_t number;
		const char *name;
	} rows[] = {
#define FRAME(symbol, number, name, sentence) { number, #name },
#include "net/frame.def"
#undef FRAME
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_string_equal(frame_name(rows[i].number), rows[i].name);
		for (size_t j = 0; j < i; j++) {
			assert_int_not_equal(rows[i].number, rows[j].number);
			assert_string_not_equal(rows[i].name, rows[j].name);
		}
	}
	assert_null(frame_name(0));
	assert_null(frame_name(UINT16_MAX));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_read_is_what_was_written, setup),
		cmocka_unit_test_setup(head_is_as_its_table_says, setup),
		cmocka_unit_test_setup(every_changed_bit_is_seen, setup),
		cmocka_unit_test_setup(every_length_but_its_own_is_refused, setup),
		cmocka_unit_test_setup(later_versions_are_told, setup),
		cmocka_unit_test_setup(longer_head_is_skipped, setup),
		cmocka_unit_test_setup(what_is_not_sealed_is_refused_where_it_must_be, setup),
		cmocka_unit_test_setup(empty_payload_is_one, setup),
		cmocka_unit_test_setup(kinds_have_numbers_and_names_of_their_own, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
