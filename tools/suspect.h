/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suspect.h - a suspect as the daemon tells of it: a line `key rate offences held_ms state`.
 */
#ifndef TOOLS_SUSPECT_H
#define TOOLS_SUSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gsession.h"
#include "base/json.h"

enum { SUSPECT_STATE_BYTES = 16 };

struct suspect {
	uint8_t key[GS_KEY_BYTES];		/* key_len bytes */
	size_t key_len;
	char shown[4 * GS_KEY_BYTES + 16];	/* the key as it stood there */
	double rate_per_s;
	uint32_t offences;
	uint64_t held_ms;
	char state[SUSPECT_STATE_BYTES];
};

/* Take the next line off a text; false at its end, and at a line that is none. *at begins as the text. */
bool suspect_next(const char **at, struct suspect *out);

/* As an object in an array, or as a document. */
void suspect_print_json(struct gs_json *j, const struct suspect *s);

#endif
