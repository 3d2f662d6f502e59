/* SPDX-License-Identifier: BSD-2-Clause */
#include "suspect.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

bool
suspect_next(const char **at, struct suspect *out)
{
	size_t shown_len = strcspn(*at, " \n");
	int key_len;

	if (shown_len == 0 || shown_len >= sizeof(out->shown))
		return false;
	memcpy(out->shown, *at, shown_len);
	out->shown[shown_len] = '\0';
	if (sscanf(*at + shown_len, " %lf/s %" SCNu32 " %" SCNu64 " %15s", &out->rate_per_s, &out->offences, &out->held_ms, out->state) != 4)
		return false;
	key_len = gs_text_unescape(out->key, sizeof(out->key), out->shown);
	if (key_len < 0)
		return false;
	out->key_len = (size_t)key_len;
	*at += strcspn(*at, "\n");
	*at += **at == '\n';
	return true;
}

void
suspect_print_json(struct gs_json *j, const struct suspect *s)
{
	gs_json_object(j, NULL);
	gs_json_string(j, "key", s->key, s->key_len);
	gs_json_double(j, "rate", s->rate_per_s);
	gs_json_u64(j, "offences", s->offences);
	gs_json_u64(j, "held_ms", s->held_ms);
	gs_json_text(j, "state", s->state);
	gs_json_end(j, false);
}
