/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hello.h - how two hosts that meet make sure that they may work together, and agree on the keys of their connection.
 *
 *	who dials			who is dialled
 *	hello_begin			hello_begin
 *	hello_ask	 -- HELLO ->	hello_answer	the key is one of ours, and what he has fits to what we have
 *	hello_prove	 <- answer --			he has the key too, and it fits
 *			 -- PROOF ->	hello_accept	he has it
 *
 * Each end makes a key pair for this one connection: the secret of both goes
 * into the keys together with the cluster's, so that who learns that later
 * reads nothing of what was sent before.  The proof is made under a key that
 * comes of all that was said, so that nobody in between changes any of it.
 * What is proved is that the other end has the cluster's key: which of its
 * hosts it is it only says, and its address is to be looked at beside that.
 *
 * Source: the pattern NNpsk0 of T. Perrin, "The Noise Protocol Framework", revision 34, with an explicit proof of either end;
 * X25519 (RFC 7748), BLAKE2b (RFC 7693), by libsodium.
 */
#ifndef NET_HELLO_H
#define NET_HELLO_H

#include <stddef.h>
#include <stdint.h>

#include "net/keys.h"
#include "net/seal.h"

enum {
	HELLO_NONCE_BYTES = 32,
	HELLO_PUBLIC_BYTES = 32,
	HELLO_TAG_BYTES = 16,
	HELLO_PROOF_BYTES = 32,
	HELLO_BYTES = 160,		/* with room for what hosts may want to know of each other */
	HELLO_ANSWER_BYTES = HELLO_BYTES + HELLO_PROOF_BYTES,
};

/* What a host says of itself. */
struct hello_facts {
	uint8_t version_least, version_most;	/* of the protocol that it speaks */
	uint16_t host;			/* its id; MAP_NOBODY: it has none yet */
	uint32_t incarnation;
	uint32_t cluster_id;
	uint32_t record_size;
	uint16_t key_max;
	uint64_t seed;			/* by which keys fall into slots */
	uint64_t memory;		/* random, of its store: another one has none of what it was lent before */
};

/* One end, from hello_begin to hello_forget. */
struct hello {
	struct hello_facts mine, peer;	/* peer: once it has been heard */
	const struct keys *keys;
	unsigned char secret[HELLO_PUBLIC_BYTES];
	unsigned char said[HELLO_BYTES];	/* the first message, by who dials */
	unsigned char proof[HELLO_PROOF_BYTES];	/* that the other end must give */
	struct seal seal;
};

/*
 * hello_why_apart - may two hosts work together?
 *
 * Returns NULL, or what keeps them apart, as a sentence about the other one.
 */
const char *hello_why_apart(const struct hello_facts *mine, const struct hello_facts *peer);

/* keys stay the caller's until hello_forget. 0 or GS_ESYSTEM: there is no randomness. */
int hello_begin(struct hello *h, const struct hello_facts *mine, const struct keys *keys);

/* Write the payload of HELLO. */
void hello_ask(struct hello *h, unsigned char out[HELLO_BYTES]);

/*
 * hello_answer - look at HELLO, and write the payload of its answer.
 *
 * Returns 0; GS_EPROTO: it is none; GS_EACCES: its key is none of ours; GS_EVERSION: see hello_why_apart, *why is its sentence
 * (NULL else). From then on h->peer is what he says to be, which is not proved.
 */
int hello_answer(struct hello *h, const void *asked, size_t len, unsigned char out[HELLO_ANSWER_BYTES], const char **why);

/* The answer, at the end that dialled: write the payload of PROOF, and h->seal is its. Returns as hello_answer. */
int hello_prove(struct hello *h, const void *answer, size_t len, unsigned char out[HELLO_PROOF_BYTES], const char **why);

/* PROOF, at the other end, whose h->seal it is. 0, or GS_EACCES: he does not have the key. */
int hello_accept(struct hello *h, const void *proof, size_t len);

/* Forget all secrets. */
void hello_forget(struct hello *h);

#endif
