/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/hello.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "gsession.h"
#include "net/cursor.h"
#include "net/map.h"

#define HELLO_MAGIC UINT32_C(0x4f4c4847)	/* GHLO */

enum { HEAD_BYTES = 4 };

/* What the keys of a connection are for; the numbers go into them. */
enum { KEY_TO_DIALLED = 1, KEY_TO_DIALS, KEY_PROOF_OF_DIALS, KEY_PROOF_OF_DIALLED };

static const char context[crypto_kdf_CONTEXTBYTES] = "gslink-1";

_Static_assert(HELLO_PUBLIC_BYTES == crypto_scalarmult_BYTES && HELLO_PUBLIC_BYTES == crypto_scalarmult_SCALARBYTES &&
    KEYS_BYTES == crypto_generichash_KEYBYTES && HELLO_PROOF_BYTES >= crypto_kdf_BYTES_MIN, "as the library has it");

/* ---- facts ---- */

const char *
hello_why_apart(const struct hello_facts *mine, const struct hello_facts *peer)
{
	if (peer->version_least > mine->version_most || peer->version_most < mine->version_least)
		return "it speaks no version of the protocol that we do";
	if (peer->cluster_id != mine->cluster_id)
		return "it is of another cluster";
	if (peer->host != MAP_NOBODY && peer->host == mine->host)
		return "it has our own id";
	if (peer->memory == mine->memory)
		return "it is ourselves";
	if (peer->record_size != mine->record_size)
		return "it has another record_size";
	if (peer->key_max != mine->key_max)
		return "it has another key_max";
	if (peer->seed != mine->seed)
		return "it has another seed";
	return NULL;
}

static void
put_facts(struct cursor *c, const struct hello_facts *f)
{
	cursor_put(c, f->version_least, 1);
	cursor_put(c, f->version_most, 1);
	cursor_put(c, f->host, 2);
	cursor_put(c, f->incarnation, 4);
	cursor_put(c, f->cluster_id, 4);
	cursor_put(c, f->record_size, 4);
	cursor_put(c, f->key_max, 2);
	cursor_put(c, f->seed, 8);
	cursor_put(c, f->memory, 8);
}

static void
get_facts(struct cursor *c, struct hello_facts *f)
{
	f->version_least = (uint8_t)cursor_get(c, 1);
	f->version_most = (uint8_t)cursor_get(c, 1);
	f->host = (uint16_t)cursor_get(c, 2);
	f->incarnation = (uint32_t)cursor_get(c, 4);
	f->cluster_id = (uint32_t)cursor_get(c, 4);
	f->record_size = (uint32_t)cursor_get(c, 4);
	f->key_max = (uint16_t)cursor_get(c, 2);
	f->seed = cursor_get(c, 8);
	f->memory = cursor_get(c, 8);
}

/* ---- messages ---- */

/* What a message says: facts, a public key, a nonce, and which of the cluster's keys was used for it. */
struct message {
	struct hello_facts facts;
	unsigned char public[HELLO_PUBLIC_BYTES], nonce[HELLO_NONCE_BYTES], tag[HELLO_TAG_BYTES];
};

/* Tells who has the key which one it is, and nobody else whether it is the same as at another time. */
static void
make_tag(const unsigned char key[KEYS_BYTES], const unsigned char nonce[HELLO_NONCE_BYTES], unsigned char tag[HELLO_TAG_BYTES])
{
	(void)crypto_generichash(tag, HELLO_TAG_BYTES, nonce, HELLO_NONCE_BYTES, key, KEYS_BYTES);
}

static void
write_message(const struct hello *h, const unsigned char key[KEYS_BYTES], unsigned char out[HELLO_BYTES])
{
	struct cursor c = cursor_of(out, HELLO_BYTES);
	struct message m;

	(void)crypto_scalarmult_base(m.public, h->secret);
	randombytes_buf(m.nonce, sizeof(m.nonce));
	make_tag(key, m.nonce, m.tag);
	memset(out, 0, HELLO_BYTES);
	cursor_put(&c, HELLO_MAGIC, HEAD_BYTES);
	cursor_put_bytes(&c, m.tag, sizeof(m.tag));
	cursor_put_bytes(&c, m.nonce, sizeof(m.nonce));
	cursor_put_bytes(&c, m.public, sizeof(m.public));
	put_facts(&c, &h->mine);
}

static int
read_message(const void *bytes, struct message *m)
{
	struct cursor c = cursor_of(bytes, HELLO_BYTES);

	if (cursor_get(&c, HEAD_BYTES) != HELLO_MAGIC)
		return GS_EPROTO;
	cursor_get_bytes(&c, m->tag, sizeof(m->tag));
	cursor_get_bytes(&c, m->nonce, sizeof(m->nonce));
	cursor_get_bytes(&c, m->public, sizeof(m->public));
	get_facts(&c, &m->facts);
	return 0;
}

/* The key that a message was made with, or NULL. */
static const unsigned char *
find_key(const struct keys *keys, const struct message *m)
{
	unsigned char tag[HELLO_TAG_BYTES];

	for (uint32_t i = 0; i < keys->n; i++) {
		make_tag(keys->of[i], m->nonce, tag);
		if (sodium_memcmp(tag, m->tag, sizeof(tag)) == 0)
			return keys->of[i];
	}
	return NULL;
}

/* ---- keys ---- */

/* What was said, HELLO_BYTES each, and under which of the cluster's keys. */
struct talk {
	const unsigned char *key, *asked, *answer;
	const struct message *peer;
	bool dials;
};

/* Of the secret of both ends, of the cluster's, and of all that was said. */
static int
derive(struct hello *h, const struct talk *t, unsigned char own_proof[HELLO_PROOF_BYTES])
{
	unsigned char shared[crypto_scalarmult_BYTES], all[crypto_kdf_KEYBYTES];
	crypto_generichash_state state;
	bool dials = t->dials;

	/* For one connection, and then not there any more: what was sent cannot be read by who finds it. */
	if (sodium_is_zero(h->secret, sizeof(h->secret)) || crypto_scalarmult(shared, h->secret, t->peer->public) != 0)
		return GS_EACCES;
	sodium_memzero(h->secret, sizeof(h->secret));
	(void)crypto_generichash_init(&state, t->key, KEYS_BYTES, sizeof(all));
	(void)crypto_generichash_update(&state, shared, sizeof(shared));
	(void)crypto_generichash_update(&state, t->asked, HELLO_BYTES);
	(void)crypto_generichash_update(&state, t->answer, HELLO_BYTES);
	(void)crypto_generichash_final(&state, all, sizeof(all));
	(void)crypto_kdf_derive_from_key(h->seal.out, SEAL_KEY_BYTES, dials ? KEY_TO_DIALLED : KEY_TO_DIALS, context, all);
	(void)crypto_kdf_derive_from_key(h->seal.in, SEAL_KEY_BYTES, dials ? KEY_TO_DIALS : KEY_TO_DIALLED, context, all);
	(void)crypto_kdf_derive_from_key(own_proof, HELLO_PROOF_BYTES, dials ? KEY_PROOF_OF_DIALS : KEY_PROOF_OF_DIALLED, context, all);
	(void)crypto_kdf_derive_from_key(h->proof, HELLO_PROOF_BYTES, dials ? KEY_PROOF_OF_DIALLED : KEY_PROOF_OF_DIALS, context, all);
	sodium_memzero(shared, sizeof(shared));
	sodium_memzero(all, sizeof(all));
	sodium_memzero(&state, sizeof(state));
	return 0;
}

int
hello_begin(struct hello *h, const struct hello_facts *mine, const struct keys *keys)
{
	if (sodium_init() < 0)
		return GS_ESYSTEM;
	memset(h, 0, sizeof(*h));
	h->mine = *mine;
	h->keys = keys;
	randombytes_buf(h->secret, sizeof(h->secret));
	return 0;
}

void
hello_ask(struct hello *h, unsigned char out[HELLO_BYTES])
{
	write_message(h, h->keys->of[0], out);
	memcpy(h->said, out, HELLO_BYTES);
}

/* Is a message of a key of ours, and of a host that fits? */
static int
look_at(struct hello *h, const void *bytes, struct message *m, const unsigned char **key, const char **why)
{
	if (read_message(bytes, m) < 0)
		return GS_EPROTO;
	*key = find_key(h->keys, m);
	if (*key == NULL)
		return GS_EACCES;
	h->peer = m->facts;
	*why = hello_why_apart(&h->mine, &h->peer);
	return *why != NULL ? GS_EVERSION : 0;
}

int
hello_answer(struct hello *h, const void *asked, size_t len, unsigned char out[HELLO_ANSWER_BYTES], const char **why)
{
	const unsigned char *key;
	struct message m;
	int rc;

	*why = NULL;
	rc = len == HELLO_BYTES ? look_at(h, asked, &m, &key, why) : GS_EPROTO;
	if (rc < 0)
		return rc;
	write_message(h, key, out);
	return derive(h, &(struct talk){ .key = key, .asked = asked, .answer = out, .peer = &m }, out + HELLO_BYTES);
}

int
hello_prove(struct hello *h, const void *answer, size_t len, unsigned char out[HELLO_PROOF_BYTES], const char **why)
{
	const unsigned char *key;
	struct message m;
	int rc;

	*why = NULL;
	rc = len == HELLO_ANSWER_BYTES ? look_at(h, answer, &m, &key, why) : GS_EPROTO;
	/* Of the key that we asked with, no other. */
	if (rc == 0 && key != h->keys->of[0])
		rc = GS_EACCES;
	if (rc == 0)
		rc = derive(h, &(struct talk){ .key = key, .asked = h->said, .answer = answer, .peer = &m, .dials = true }, out);
	if (rc == 0 && sodium_memcmp((const unsigned char *)answer + HELLO_BYTES, h->proof, HELLO_PROOF_BYTES) != 0)
		rc = GS_EACCES;
	/* Who has not proved himself gets no proof. */
	if (rc < 0) {
		sodium_memzero(out, HELLO_PROOF_BYTES);
		seal_forget(&h->seal);
	}
	return rc;
}

int
hello_accept(struct hello *h, const void *proof, size_t len)
{
	if (len != HELLO_PROOF_BYTES || sodium_is_zero(h->proof, sizeof(h->proof)))
		return GS_EACCES;
	return sodium_memcmp(proof, h->proof, HELLO_PROOF_BYTES) == 0 ? 0 : GS_EACCES;
}

void
hello_forget(struct hello *h)
{
	sodium_memzero(h, sizeof(*h));
}
