/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/append.h"

#include <string.h>

enum { U64_DIGITS = 20 };

void
gs_append_bytes(struct gs_append *a, const char *bytes, size_t len)
{
	size_t room = a->len < a->cap ? a->cap - a->len : 0;

	if (room > 0 && len > 0)
		memcpy(a->out + a->len, bytes, len < room ? len : room);
	a->len += len;
}

void
gs_append_text(struct gs_append *a, const char *text)
{
	gs_append_bytes(a, text, strlen(text));
}

void
gs_append_u64(struct gs_append *a, uint64_t n)
{
	char digits[U64_DIGITS];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	gs_append_bytes(a, digits + at, sizeof(digits) - at);
}

void
gs_append_end(struct gs_append *a)
{
	if (a->cap > 0)
		a->out[a->len < a->cap ? a->len : a->cap - 1] = '\0';
}
