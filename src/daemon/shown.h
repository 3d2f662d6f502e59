/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shown.h - a session's key as events, logs and those who may not list see it.
 */
#ifndef GS_DAEMON_SHOWN_H
#define GS_DAEMON_SHOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gsession.h"

enum { SHOWN_KEY_BYTES = 4 * GS_KEY_BYTES + 16 };

/*
 * A key is a visitor's credential: eight characters and a hash tell sessions apart and let nobody in. Escaped; hash: the key's;
 * is_whole: all of it, without a hash.
 * Returns out.
 */
char *shown_key(char out[SHOWN_KEY_BYTES], const void *key, size_t len, uint64_t hash, bool is_whole);

#endif
