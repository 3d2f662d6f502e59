/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/seal.h"

#include <sodium.h>

#include "gsession.h"

enum { NONCE_BYTES = 24, TAG_BYTES = 16 };

_Static_assert(NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES && TAG_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES &&
    SEAL_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES && SEAL_EXTRA_BYTES == NONCE_BYTES + TAG_BYTES, "as the library has it");

void
seal_close(const struct seal *s, const struct seal_text *payload, unsigned char *out)
{
	randombytes_buf(out, NONCE_BYTES);
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE_BYTES, NULL, payload->bytes, payload->len, payload->head,
	    payload->head_len, NULL, out, s->out);
}

int
seal_open(const struct seal *s, const struct seal_text *sealed, unsigned char *out)
{
	const unsigned char *bytes = sealed->bytes;
	unsigned long long n;

	if (sealed->len < SEAL_EXTRA_BYTES)
		return GS_EACCES;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, &n, NULL, bytes + NONCE_BYTES, sealed->len - NONCE_BYTES, sealed->head,
	    sealed->head_len, bytes, s->in) != 0)
		return GS_EACCES;
	return (int)n;
}

void
seal_forget(struct seal *s)
{
	sodium_memzero(s, sizeof(*s));
}
