/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * append.h - text that is put together of names and numbers, in memory of the caller.
 *
 * For what is made too often for printf.  What has no room is counted and not
 * written, so that the caller knows how much he needs.
 */
#ifndef GS_BASE_APPEND_H
#define GS_BASE_APPEND_H

#include <stddef.h>
#include <stdint.h>

struct gs_append {
	char *out;			/* cap bytes; NULL when that is 0 */
	size_t cap, len;		/* len: of all of the text, which may be more than cap */
};

void gs_append_bytes(struct gs_append *a, const char *bytes, size_t len);
void gs_append_text(struct gs_append *a, const char *text);
/* In decimal. */
void gs_append_u64(struct gs_append *a, uint64_t n);
/* A NUL behind the text, or behind as much of it as there is room for. */
void gs_append_end(struct gs_append *a);

#endif
