/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/seal.h"

#include <sodium.h>
#include <string.h>

#include "gsession.h"

enum { NONCE_BYTES = 24, TAG_BYTES = 16 };

_Static_assert(NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES && TAG_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES &&
    SEAL_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES && SEAL_EXTRA_BYTES == NONCE_BYTES + TAG_BYTES, "as the library has it");

void
seal_close(const struct seal *s, const void *head, size_t head_len, const void *payload, size_t len, unsigned char *out)
{
	randombytes_buf(out, NONCE_BYTES);
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE_BYTES, NULL, payload, len, head, head_len, NULL, out, s->out);
}

int
seal_open(const struct seal *s, const void *head, size_t head_len, const void *sealed, size_t len, unsigned char *out)
{
	unsigned char nonce[NONCE_BYTES];
	unsigned long long n;

	if (len < SEAL_EXTRA_BYTES)
		return GS_EACCES;
	memcpy(nonce, sealed, sizeof(nonce));
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, &n, NULL, (const unsigned char *)sealed + NONCE_BYTES, len - NONCE_BYTES, head, head_len,
	    nonce, s->in) != 0)
		return GS_EACCES;
	return (int)n;
}

void
seal_forget(struct seal *s)
{
	sodium_memzero(s, sizeof(*s));
}
