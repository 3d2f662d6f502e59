/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cursor.h - numbers and bytes in the order of the wire, little endian, into or out of a buffer of which nothing behind the end is touched.
 *
 * What does not fit is left out, or read as 0, and is_over is set for good: it is looked at once, at the end.
 */
#ifndef NET_CURSOR_H
#define NET_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	unsigned char *at;	/* when read from, nothing is written */
	size_t left;
	bool is_over;
};

static inline struct cursor
cursor_of(const void *bytes, size_t len)
{
	return (struct cursor){ .at = (unsigned char *)(uintptr_t)bytes, .left = len };
}

/* The next n bytes, or NULL. */
static inline unsigned char *
cursor_take(struct cursor *c, size_t n)
{
	unsigned char *at = c->at;

	if (c->is_over || n > c->left) {
		c->is_over = true;
		return NULL;
	}
	c->at += n;
	c->left -= n;
	return at;
}

/* A number of n <= 8 bytes. */
static inline void
cursor_put(struct cursor *c, uint64_t number, size_t n)
{
	unsigned char *at = cursor_take(c, n);

	for (size_t i = 0; at != NULL && i < n; i++)
		at[i] = (unsigned char)(number >> (8 * i));
}

static inline uint64_t
cursor_get(struct cursor *c, size_t n)
{
	const unsigned char *at = cursor_take(c, n);
	uint64_t number = 0;

	for (size_t i = 0; at != NULL && i < n; i++)
		number |= (uint64_t)at[i] << (8 * i);
	return number;
}

static inline void
cursor_put_bytes(struct cursor *c, const void *bytes, size_t n)
{
	unsigned char *at = cursor_take(c, n);

	if (at != NULL && n > 0)
		memcpy(at, bytes, n);
}

static inline void
cursor_get_bytes(struct cursor *c, void *bytes, size_t n)
{
	const unsigned char *at = cursor_take(c, n);

	if (at != NULL && n > 0)
		memcpy(bytes, at, n);
	else
		memset(bytes, 0, n);
}

/* A text of fewer than cap <= 256 bytes, behind its length. */
static inline void
cursor_put_text(struct cursor *c, const char *text)
{
	cursor_put(c, strlen(text), 1);
	cursor_put_bytes(c, text, strlen(text));
}

static inline void
cursor_get_text(struct cursor *c, char *text, size_t cap)
{
	size_t n = (size_t)cursor_get(c, 1);

	c->is_over = c->is_over || n >= cap || n > c->left || memchr(c->at, '\0', n) != NULL;
	if (c->is_over)
		n = 0;
	cursor_get_bytes(c, text, n);
	text[n] = '\0';
}

#endif
