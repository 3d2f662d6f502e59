/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keys.h - the secrets that the hosts of a cluster share.
 *
 * A file has one key, or two while one is being replaced: the first is used by
 * who dials, both are taken by who is dialled.  So a new key is written
 * behind the old one on every host, then before it, then alone.
 */
#ifndef NET_KEYS_H
#define NET_KEYS_H

#include <stddef.h>
#include <stdint.h>

enum { KEYS_MAX = 2, KEYS_BYTES = 32, KEYS_TEXT_BYTES = 2 * KEYS_BYTES + 2 };

struct keys {
	uint32_t n;
	unsigned char of[KEYS_MAX][KEYS_BYTES];
};

/*
 * keys_parse - the text of a key file: a key in hexadecimal on a line of its own, `#` and empty lines aside.
 *
 * Returns 0, or GS_EINVAL with a sentence that tells nothing of a key; out then has none.
 */
int keys_parse(struct keys *out, const char *text, size_t len, const char **why);

/* A new key as such a line. 0 or GS_ESYSTEM: there is no randomness. */
int keys_make(char out[KEYS_TEXT_BYTES]);

/* Forget them. */
void keys_forget(struct keys *k);

#endif
