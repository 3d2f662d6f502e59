/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf/patterns.h"

#include <string.h>

#include "base/text.h"
#include "gsession.h"

enum { WORD_BYTES = GS_CONF_PATTERNS_BYTES };

#define NONE "none"

/* The next word of *at as it stands, which moves behind it. 1, 0 at the end, or GS_ERANGE. */
static int
next_word(const char **at, char out[WORD_BYTES])
{
	const char *from = *at + strspn(*at, " \t");
	size_t len = strcspn(from, " \t");

	*at = from + len;
	if (len >= WORD_BYTES)
		return GS_ERANGE;
	memcpy(out, from, len);
	out[len] = '\0';
	return len > 0 ? 1 : 0;
}

/* Where in a list a word stands, or NULL. */
static char *
find(char list[GS_CONF_PATTERNS_BYTES], const char *word)
{
	size_t len = strlen(word);
	char *at = list;

	while ((at = strstr(at, word)) != NULL) {
		if ((at == list || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return at;
		at += len;
	}
	return NULL;
}

static int
add(char list[GS_CONF_PATTERNS_BYTES], const char *word)
{
	size_t len = strlen(list), n = 1;

	if (find(list, word) != NULL)
		return GS_OK;
	for (const char *p = list; *p != '\0'; p++)
		n += *p == ' ' ? 1 : 0;
	if ((len > 0 && n >= GS_CONF_PATTERNS_MOST) || len + strlen(word) + 2 > GS_CONF_PATTERNS_BYTES)
		return GS_ERANGE;
	(void)snprintf(list + len, GS_CONF_PATTERNS_BYTES - len, "%s%s", len > 0 ? " " : "", word);
	return GS_OK;
}

static int
take_away(char list[GS_CONF_PATTERNS_BYTES], const char *word)
{
	char *at = find(list, word), *rest;

	if (at == NULL)
		return GS_EINVAL;
	rest = at + strlen(word);
	rest += *rest == ' ' ? 1 : 0;
	memmove(at, rest, strlen(rest) + 1);
	if (at[0] == '\0' && at > list)
		at[-1] = '\0';
	return GS_OK;
}

/* A pattern in the form in which it is kept: a sign in front would be taken for one of ours. */
static int
normalize(char out[WORD_BYTES], const char *text)
{
	char bytes[GS_CONF_PATTERN_BYTES - 1], kept[WORD_BYTES];
	int n = gs_text_unescape(bytes, sizeof(bytes), text), rc;

	if (n <= 0)
		return n < 0 ? n : GS_EINVAL;
	if (memchr(bytes, '\0', (size_t)n) != NULL)
		return GS_EINVAL;
	rc = gs_conf_normalize_name(kept, sizeof(kept), text);
	if (rc < 0)
		return rc;
	/* The list that says so is empty; a key of that name is [n]one. */
	if (strcmp(kept, NONE) == 0)
		return GS_EINVAL;
	if (kept[0] != '+' && kept[0] != '-')
		memcpy(out, kept, (size_t)rc + 1);
	else if (rc + 4 > WORD_BYTES)
		return GS_ERANGE;
	else
		(void)snprintf(out, WORD_BYTES, "\\%03o%.*s", kept[0], WORD_BYTES - 5, kept + 1);
	return GS_OK;
}

static bool
is_signed(const char *word)
{
	return word[0] == '+' || word[0] == '-';
}

int
gs_conf_patterns_set(char list[GS_CONF_PATTERNS_BYTES], const char *value)
{
	const char *first = value + strspn(value, " \t");
	bool is_change = is_signed(first);
	char now[GS_CONF_PATTERNS_BYTES] = "", word[WORD_BYTES], pattern[WORD_BYTES];
	int rc;

	if (first[0] == '\0')
		return GS_EINVAL;
	if (is_change && strcmp(list, NONE) != 0)
		memcpy(now, list, sizeof(now));
	if (strcmp(first, NONE) != 0) {
		while ((rc = next_word(&value, word)) == 1) {
			if (is_signed(word) != is_change)
				return GS_EINVAL;
			rc = normalize(pattern, word + (is_change ? 1 : 0));
			if (rc == GS_OK)
				rc = word[0] == '-' ? take_away(now, pattern) : add(now, pattern);
			if (rc < 0)
				return rc;
		}
		if (rc < 0)
			return rc;
	}
	(void)memset(list, 0, GS_CONF_PATTERNS_BYTES);
	(void)snprintf(list, GS_CONF_PATTERNS_BYTES, "%s", now[0] == '\0' ? NONE : now);
	return GS_OK;
}

bool
gs_conf_next_pattern(const char **at, char out[GS_CONF_PATTERN_BYTES])
{
	char word[WORD_BYTES];

	if (next_word(at, word) != 1 || strcmp(word, NONE) == 0)
		return false;
	memset(out, 0, GS_CONF_PATTERN_BYTES);
	return gs_text_unescape(out, GS_CONF_PATTERN_BYTES - 1, word) > 0;
}
