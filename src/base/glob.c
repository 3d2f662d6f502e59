/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/glob.h"

#include <string.h>

/* The byte behind a set that begins at a `[`, or NULL: it is not closed. */
static const char *
end_of_set(const char *set)
{
	const char *p = set + 1;

	p += *p == '!' || *p == '^' ? 1 : 0;
	/* In front it is one of the set. */
	p += *p == ']' ? 1 : 0;
	p = strchr(p, ']');
	return p == NULL ? NULL : p + 1;
}

static bool
is_in_set(const char *set, const char *end, unsigned char c)
{
	const char *p = set + 1, *last = end - 1;
	bool is_others = *p == '!' || *p == '^', found = false;

	for (p += is_others ? 1 : 0; p < last; p++) {
		unsigned char low = (unsigned char)*p, high = low;

		if (p + 2 < last && p[1] == '-') {
			high = (unsigned char)p[2];
			p += 2;
		}
		found = found || (c >= low && c <= high);
	}
	return found != is_others;
}

/* One byte against the first thing of a pattern, no `*`. What is behind that, or NULL. */
static const char *
step(const char *pattern, unsigned char c)
{
	const char *end = *pattern == '[' ? end_of_set(pattern) : NULL;

	if (end != NULL)
		return is_in_set(pattern, end, c) ? end : NULL;
	return *pattern != '\0' && (*pattern == '?' || (unsigned char)*pattern == c) ? pattern + 1 : NULL;
}

bool
gs_glob_matches(const char *pattern, const void *name, size_t len)
{
	const unsigned char *at = name, *stop = at + len, *retry_at = NULL;
	const char *after_star = NULL, *next;

	/* Only the last star ever has to take one byte more: what was matched before it stays matched. */
	while (at < stop) {
		if (*pattern == '*') {
			after_star = ++pattern;
			retry_at = at;
			continue;
		}
		next = step(pattern, *at);
		if (next != NULL) {
			pattern = next;
			at++;
			continue;
		}
		if (after_star == NULL)
			return false;
		pattern = after_star;
		at = ++retry_at;
	}
	return pattern[strspn(pattern, "*")] == '\0';
}
