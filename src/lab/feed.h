/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * feed.h - an access log as a stream of accesses to sessions: who, when, and whether for the first time.
 *
 * Time starts at the first readable line and never goes back: a line older
 * than the one before it counts as of that one's time.
 */
#ifndef LAB_FEED_H
#define LAB_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lab/accesslog.h"
#include "lab/keys.h"

/* What makes two requests belong to one session. */
enum feed_key { FEED_KEY_IP, FEED_KEY_IP_AGENT };

enum { FEED_SHOWN = 5 };		/* unreadable lines that are shown */
/* Logs are let run on for 4000 years, what store time can hold; a line of later than that counts as of then. */
#define FEED_SPAN_MS (UINT64_C(4000) * 366 * 86400 * 1000)

struct feed_access {
	uint32_t id;			/* keys are numbered as they appear */
	bool is_first;			/* of this key */
	const char *key;		/* valid until the next one */
	size_t key_len;
	uint64_t at_ms;			/* since the first line */
};

struct feed {
	struct accesslog log;
	struct keys keys;
	const char *path;
	enum feed_key key;
	size_t key_max;			/* bytes; a longer key is replaced by its 128-bit hash in hex */
	FILE *complain;			/* where unreadable lines are shown */
	uint64_t requests, unreadable;
	int64_t first_ms;		/* since 1970, of the first line */
	uint64_t at_ms;
	char key_bytes[2 * ACCESSLOG_LINE_BYTES];
};

/* Open a log; path and complain are kept. Returns 0 with *out to be freed by feed_close(), GS_ENOMEM, or GS_ESYSTEM with errno. */
int feed_open(struct feed **out, const char *path, enum feed_key key, size_t key_max, FILE *complain);
/* The next access. Returns 1, 0 at the end, GS_ENOMEM, or GS_ESYSTEM with errno. */
int feed_next(struct feed *f, struct feed_access *out);
void feed_close(struct feed **f);

#endif
