/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/frame.h"

#include "base/crc32c.h"
#include "gsession.h"
#include "net/cursor.h"

enum { CRC_AT = 28, CRC_BYTES = 4 };

static const struct {
	uint16_t kind;
	const char *name;
} kinds[] = {
#define FRAME(symbol, number, name, sentence) { number, #name },
#include "net/frame.def"
#undef FRAME
};

const char *
frame_name(uint16_t kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (kinds[i].kind == kind)
			return kinds[i].name;
	return NULL;
}

/* Of the head with zeros in the checksum's place, and the payload. */
static uint32_t
checksum(const unsigned char *head, size_t head_bytes, const void *payload, size_t len)
{
	static const unsigned char none[CRC_BYTES];
	uint32_t crc = gs_crc32c(0, head, CRC_AT);

	crc = gs_crc32c(crc, none, sizeof(none));
	crc = gs_crc32c(crc, head + CRC_AT + CRC_BYTES, head_bytes - CRC_AT - CRC_BYTES);
	return gs_crc32c(crc, payload, len);
}

void
frame_write(const struct frame *f, unsigned char head[FRAME_HEAD_BYTES])
{
	struct cursor c = cursor_of(head, FRAME_HEAD_BYTES);

	cursor_put(&c, FRAME_MAGIC, 4);
	cursor_put(&c, FRAME_MAJOR, 1);
	cursor_put(&c, FRAME_HEAD_BYTES, 1);
	cursor_put(&c, f->kind, 2);
	cursor_put(&c, f->flags, 2);
	cursor_put(&c, f->count, 2);
	cursor_put(&c, f->len, 4);
	cursor_put(&c, f->from, 2);
	cursor_put(&c, f->to, 2);
	cursor_put(&c, f->incarnation, 4);
	cursor_put(&c, f->cluster_id, 4);
	cursor_put(&c, 0, CRC_BYTES);
	cursor_put(&c, f->epoch, 8);
	cursor_put(&c, f->seq, 8);
	cursor_put(&c, f->ack, 8);
	cursor_put(&c, f->hlc, 8);
	if ((f->flags & FRAME_IS_SEALED) != 0)
		return;
	c = cursor_of(head + CRC_AT, CRC_BYTES);
	cursor_put(&c, checksum(head, FRAME_HEAD_BYTES, f->payload, f->len), CRC_BYTES);
}

int
frame_read(struct frame *out, const void *bytes, size_t len, bool must_be_sealed)
{
	struct cursor c = cursor_of(bytes, len);
	uint32_t crc, major;

	if (cursor_get(&c, 4) != FRAME_MAGIC || len < FRAME_HEAD_BYTES)
		return GS_EPROTO;
	major = (uint32_t)cursor_get(&c, 1);
	out->head_bytes = (uint32_t)cursor_get(&c, 1);
	if (major != FRAME_MAJOR || out->head_bytes < FRAME_HEAD_BYTES)
		return GS_EVERSION;
	out->kind = (uint16_t)cursor_get(&c, 2);
	out->flags = (uint16_t)cursor_get(&c, 2);
	out->count = (uint16_t)cursor_get(&c, 2);
	out->len = (uint32_t)cursor_get(&c, 4);
	out->from = (uint16_t)cursor_get(&c, 2);
	out->to = (uint16_t)cursor_get(&c, 2);
	out->incarnation = (uint32_t)cursor_get(&c, 4);
	out->cluster_id = (uint32_t)cursor_get(&c, 4);
	crc = (uint32_t)cursor_get(&c, CRC_BYTES);
	out->epoch = cursor_get(&c, 8);
	out->seq = cursor_get(&c, 8);
	out->ack = cursor_get(&c, 8);
	out->hlc = cursor_get(&c, 8);
	if (out->head_bytes > len || out->len > FRAME_PAYLOAD_BYTES || out->len != len - out->head_bytes)
		return GS_EPROTO;
	out->payload = (const unsigned char *)bytes + out->head_bytes;
	if (must_be_sealed && (out->flags & FRAME_IS_SEALED) == 0)
		return GS_EACCES;
	if ((out->flags & FRAME_IS_SEALED) == 0 && crc != checksum(bytes, out->head_bytes, out->payload, out->len))
		return GS_ECORRUPT;
	return 0;
}
