/* SPDX-License-Identifier: BSD-2-Clause */
#include "reap_rule.h"

#include <string.h>

#include "base/text.h"
#include "ctl/wire.h"

enum { WORD_BYTES = 32 };

static bool
take_word(struct reap_rule *out, const char *word)
{
	uint64_t n;

	if (strcmp(word, "all") == 0)
		return true;
	if (strcmp(word, "listed") == 0) {
		out->min_offences = GS_WIRE_LISTED;
		return true;
	}
	if (strncmp(word, "rate=", 5) == 0)
		return gs_text_parse_rate(word + 5, &out->min_rate_per_h) == 0 && out->min_rate_per_h > 0;
	if (strncmp(word, "offences=", 9) != 0 || gs_text_parse_count(word + 9, &n) < 0 || n == 0 || n >= GS_WIRE_LISTED)
		return false;
	out->min_offences = (uint32_t)n;
	return true;
}

bool
reap_rule_parse(struct reap_rule *out, const char *text)
{
	char word[WORD_BYTES];
	size_t len;

	*out = (struct reap_rule){ 0, 0 };
	for (;; text += len + 1) {
		len = strcspn(text, ",");
		if (len == 0 || len >= sizeof(word))
			return false;
		memcpy(word, text, len);
		word[len] = '\0';
		if (!take_word(out, word))
			return false;
		if (text[len] == '\0')
			return true;
	}
}
