/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame.h - the head of every message between hosts.
 *
 * Little endian, 64 bytes, then the payload.  A host of a later version may
 * send a longer head, whose end is skipped, and kinds that are not known,
 * which are answered so and do no harm; a head of another major version is
 * refused.
 *
 *	 0 magic	 4 major	 5 bytes of the head	 6 kind
 *	 8 flags	10 count	12 bytes of the payload	16 from		18 to
 *	20 incarnation	24 cluster	28 crc32c		32 epoch
 *	40 seq		48 ack		56 hlc
 *
 * A frame that is sealed (see seal.h) has no checksum: it has something better.
 */
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAGIC UINT32_C(0x3152534d)	/* MSR1 */

enum {
	FRAME_MAJOR = 1,
	FRAME_HEAD_BYTES = 64,
	FRAME_PAYLOAD_BYTES = 1 << 20,		/* at most */
	FRAME_TO_ALL = UINT16_MAX,
};

enum frame_kind {
#define FRAME(symbol, number, name, sentence) FRAME_##symbol = (number),
#include "net/frame.def"
#undef FRAME
};

enum frame_flag {
	FRAME_IS_ANSWER = 1,
	FRAME_IS_SEALED = 2,
	FRAME_IS_SPLIT = 4,		/* of a host that does not know whether the others are there */
	FRAME_HAS_MORE = 8,		/* another one belongs to it */
	FRAME_MAY_BE_STALE = 16,	/* the asker takes an old answer */
};

struct frame {
	uint16_t kind;			/* enum frame_kind, or one of a later version */
	uint16_t flags;			/* enum frame_flag */
	uint16_t count;			/* of what is in the payload */
	uint16_t from, to;		/* ids of hosts */
	uint32_t incarnation;		/* of the sender */
	uint32_t cluster_id;
	uint64_t epoch;			/* of the sender's map */
	uint64_t seq;			/* rises by one from frame to frame of a sender to a receiver; with him, names what was asked */
	uint64_t ack;			/* all up to it have come the other way */
	uint64_t hlc;			/* the sender's clock */
	uint32_t len;			/* of the payload, sealed if it is */
	const unsigned char *payload;
	uint32_t head_bytes;		/* when read: what stands before the payload */
};

/* The name of a kind, or NULL. */
const char *frame_name(uint16_t kind);

/* Write the head of a frame, with the checksum of its payload unless it is sealed. len is at most FRAME_PAYLOAD_BYTES. */
void frame_write(const struct frame *f, unsigned char head[FRAME_HEAD_BYTES]);

/*
 * frame_read - a frame of len bytes, from anybody; the payload then points into them.
 *
 *	must_be_sealed	keys have been agreed on: what is not sealed is from somebody else
 *
 * Returns 0; GS_EPROTO: no frame, cut or too long; GS_EVERSION: of another major version; GS_ECORRUPT: its checksum is not that
 * of its bytes; GS_EACCES: it is not sealed. Of a sealed one nothing is known to be true yet; what its seal is bound to are its
 * first head_bytes.
 */
int frame_read(struct frame *out, const void *bytes, size_t len, bool must_be_sealed);

#endif
