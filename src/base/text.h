/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.h - quantities and keys as people write them.
 */
#ifndef GS_BASE_TEXT_H
#define GS_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

enum { GS_TEXT_DURATION_BYTES = 32, GS_TEXT_SIZE_BYTES = 32, GS_TEXT_RATE_BYTES = 32 };

/*
 * Durations: `500ms 30s 5m 2h 7d max`; a bare number only 0. max is UINT64_MAX.
 * Returns 0, GS_EINVAL (malformed) or GS_ERANGE (over 100,000 days).
 */
int gs_text_parse_duration(const char *text, uint64_t *out_ms);
/* The largest exact unit: 90000 -> "90s", 0 -> "0", UINT64_MAX -> "max". Returns out. */
char *gs_text_print_duration(char out[GS_TEXT_DURATION_BYTES], uint64_t ms);

/* Sizes: `512 4K 64M 1G`, units of 1024. As above; no `max`. */
int gs_text_parse_size(const char *text, uint64_t *out_bytes);
char *gs_text_print_size(char out[GS_TEXT_SIZE_BYTES], uint64_t bytes);

/* Rates: `50/s 100/m 20/h`, a second, minute or hour; `none` is 0. As above, the largest exact one when printed. */
int gs_text_parse_rate(const char *text, uint64_t *out_per_h);
char *gs_text_print_rate(char out[GS_TEXT_RATE_BYTES], uint64_t per_h);

/* A decimal count without sign or blanks. */
int gs_text_parse_count(const char *text, uint64_t *out);

/*
 * Escape bytes as /proc/mounts does: blank, tab, newline, backslash and all not printable ASCII become \ooo.
 * out has room for cap bytes, 4 * len + 1 is always enough. Returns the length written, without the NUL; what does not fit is cut at a whole escape.
 */
size_t gs_text_escape(char *out, size_t cap, const void *bytes, size_t len);

/*
 * Undo that: text into bytes, at most cap. Returns their number, GS_EINVAL where a backslash is not followed by three octal
 * digits of a byte, GS_ERANGE when they are more.
 */
int gs_text_unescape(void *out, size_t cap, const char *text);

#endif
