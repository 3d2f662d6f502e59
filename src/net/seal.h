/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seal.h - payloads that only the two ends of a connection can read or make, with the head of their frame bound to them.
 *
 * Each is sealed under the key of its direction with a nonce drawn at random,
 * which 24 bytes are long enough for: answers may be sent again and frames
 * overtake each other, so that there is no counter both ends could agree on.
 * That a frame comes twice is seen by its seq, which is in the head.
 *
 * Source: XChaCha20-Poly1305, draft-irtf-cfrg-xchacha-03, by libsodium.
 */
#ifndef NET_SEAL_H
#define NET_SEAL_H

#include <stddef.h>
#include <stdint.h>

enum { SEAL_KEY_BYTES = 32, SEAL_EXTRA_BYTES = 24 + 16 };

struct seal {
	unsigned char out[SEAL_KEY_BYTES], in[SEAL_KEY_BYTES];
};

/* What is sealed, or is to be, and the head of its frame as it is sent. */
struct seal_text {
	const void *head;
	size_t head_len;
	const void *bytes;
	size_t len;
};

/* Write len + SEAL_EXTRA_BYTES bytes. */
void seal_close(const struct seal *s, const struct seal_text *payload, unsigned char *out);
/*
 * Write len - SEAL_EXTRA_BYTES bytes to out, which is elsewhere. Returns their number, or GS_EACCES: nobody who has the
 * key made it, for this direction and this head.
 */
int seal_open(const struct seal *s, const struct seal_text *sealed, unsigned char *out);

/* Forget the keys. */
void seal_forget(struct seal *s);

#endif
