/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/shown.h"

#include <stdio.h>

#include "base/text.h"

enum { KEY_BYTES = 8 };			/* of a key that is not shown whole */

char *
shown_key(char out[SHOWN_KEY_BYTES], const void *key, size_t len, uint64_t hash, bool is_whole)
{
	size_t n = gs_text_escape(out, SHOWN_KEY_BYTES, key, is_whole || len < KEY_BYTES ? len : KEY_BYTES);

	if (!is_whole)
		(void)snprintf(out + n, SHOWN_KEY_BYTES - n, "~%08x", (unsigned)(hash >> 32));
	return out;
}
