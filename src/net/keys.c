/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/keys.h"

#include <sodium.h>
#include <string.h>

#include "gsession.h"

static const char *
why_wrong(const struct keys *k)
{
	if (k->n == 0)
		return "has no key";
	if (k->n == KEYS_MAX && sodium_memcmp(k->of[0], k->of[1], KEYS_BYTES) == 0)
		return "has one key twice";
	return NULL;
}

/* A line without its end. Returns what is wrong with it. */
static const char *
add_line(struct keys *k, const char *line, size_t len)
{
	size_t n;

	while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t' || line[len - 1] == '\r'))
		len--;
	if (len == 0 || line[0] == '#')
		return NULL;
	if (k->n == KEYS_MAX)
		return "has more than two keys";
	if (len != 2 * KEYS_BYTES || sodium_hex2bin(k->of[k->n], KEYS_BYTES, line, len, NULL, &n, NULL) != 0 || n != KEYS_BYTES)
		return "has a line that is not a key of 64 hexadecimal digits";
	k->n++;
	return NULL;
}

int
keys_parse(struct keys *out, const char *text, size_t len, const char **why)
{
	const char *stop;
	size_t n;

	memset(out, 0, sizeof(*out));
	for (*why = NULL; len > 0 && *why == NULL; text += n, len -= n) {
		stop = memchr(text, '\n', len);
		n = stop == NULL ? len : (size_t)(stop - text) + 1;
		*why = add_line(out, text, stop == NULL ? n : n - 1);
	}
	if (*why == NULL)
		*why = why_wrong(out);
	if (*why == NULL)
		return 0;
	keys_forget(out);
	return GS_EINVAL;
}

int
keys_make(char out[KEYS_TEXT_BYTES])
{
	unsigned char key[KEYS_BYTES];

	if (sodium_init() < 0)
		return GS_ESYSTEM;
	randombytes_buf(key, sizeof(key));
	(void)sodium_bin2hex(out, KEYS_TEXT_BYTES, key, sizeof(key));
	(void)strcat(out, "\n");
	sodium_memzero(key, sizeof(key));
	return 0;
}

void
keys_forget(struct keys *k)
{
	sodium_memzero(k, sizeof(*k));
}
