/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/feed.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gsession.h"
#include "base/bits.h"
#include "base/siphash.h"

enum { SHOWN_BYTES = 160 };

int
feed_open(struct feed **out, const char *path, enum feed_key key, size_t key_max, FILE *complain)
{
	struct feed *f = calloc(1, sizeof(*f));
	int rc;

	if (f == NULL)
		return GS_ENOMEM;
	f->path = path;
	f->key = key;
	f->key_max = key_max;
	f->complain = complain;
	rc = keys_init(&f->keys);
	if (rc == GS_OK)
		rc = accesslog_open(&f->log, path);
	if (rc < 0)
		feed_close(&f);
	*out = f;
	return rc;
}

/* Show the first few, whatever bytes they are of, and count them all. */
static void
refuse(struct feed *f, const char *why, size_t len)
{
	const unsigned char *line = (const unsigned char *)f->log.line;
	size_t i;

	if (f->unreadable++ >= FEED_SHOWN)
		return;
	(void)fprintf(f->complain, "%s:%" PRIu64 ": %s: ", f->path, f->log.number, why);
	for (i = 0; i < len && i < SHOWN_BYTES; i++) {
		if (line[i] >= ' ' && line[i] < 0x7f)
			(void)fputc(line[i], f->complain);
		else
			(void)fprintf(f->complain, "\\%03o", line[i]);
	}
	(void)fputs(i < len ? "...\n" : "\n", f->complain);
}

/* NULL, or why the line lacks what the key needs. */
static const char *
make_key(struct feed *f, const struct accesslog_line *line, struct feed_access *out)
{
	char *key = f->key_bytes;
	size_t len = line->host_len;

	if (f->key == FEED_KEY_IP_AGENT && line->agent == NULL)
		return "no user agent";
	memcpy(key, line->host, len);
	if (f->key == FEED_KEY_IP_AGENT) {
		key[len++] = ' ';
		memcpy(key + len, line->agent, line->agent_len);
		len += line->agent_len;
	}
	if (len > f->key_max) {
		uint64_t high = gs_siphash(2, 4, 0, 0, key, len), low = gs_siphash(2, 4, 0, 1, key, len);

		(void)snprintf(key, sizeof(f->key_bytes), "%016" PRIx64 "%016" PRIx64, high, low);
		len = (size_t)gs_min_u64(32, f->key_max);
	}
	out->key = key;
	out->key_len = len;
	return NULL;
}

static void
advance(struct feed *f, int64_t time_ms)
{
	if (f->requests == 0)
		f->first_ms = time_ms;
	if (time_ms > f->first_ms)
		f->at_ms = gs_max_u64(f->at_ms, gs_min_u64((uint64_t)(time_ms - f->first_ms), FEED_SPAN_MS));
}

int
feed_next(struct feed *f, struct feed_access *out)
{
	struct accesslog_line line;
	const char *why;
	size_t len;
	int rc;

	for (;;) {
		rc = accesslog_next(&f->log, &len);
		if (rc <= 0)
			return rc;
		why = accesslog_parse(&line, f->log.line, len);
		if (why == NULL)
			why = make_key(f, &line, out);
		if (why == NULL)
			break;
		refuse(f, why, len);
	}
	advance(f, line.time_ms);
	f->requests++;
	out->at_ms = f->at_ms;
	rc = keys_number(&f->keys, out->key, out->key_len, &out->id);
	if (rc < 0)
		return rc;
	out->is_first = rc == 1;
	return 1;
}

void
feed_close(struct feed **f)
{
	if (*f == NULL)
		return;
	accesslog_close(&(*f)->log);
	keys_fini(&(*f)->keys);
	free(*f);
	*f = NULL;
}
