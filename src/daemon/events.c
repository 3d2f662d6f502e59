/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/events.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bits.h"
#include "base/clock.h"

enum { NAME_BYTES = 32, NAMES = 64, LINE_BYTES = 8192 };

struct count {
	char name[NAME_BYTES];
	uint64_t n;
};

struct events {
	uint64_t first;			/* offset of the oldest line kept */
	uint64_t size;			/* bytes ever written */
	uint64_t revision;		/* of the last event */
	size_t n_counts;
	struct count counts[NAMES];	/* in order of first appearance */
	char bytes[GS_EVENTS_BYTES];	/* the byte of offset o is at o modulo its size */
};

struct events *
events_new(void)
{
	return calloc(1, sizeof(struct events));
}

void
events_free(struct events **e)
{
	free(*e);
	*e = NULL;
}

/* Let whole lines go until n more bytes have room. */
static void
drop_oldest(struct events *e, size_t n)
{
	while (e->size + n - e->first > GS_EVENTS_BYTES) {
		while (e->bytes[e->first++ % GS_EVENTS_BYTES] != '\n')
			continue;
	}
}

static void
append(struct events *e, const char *line, size_t n)
{
	size_t at = (size_t)(e->size % GS_EVENTS_BYTES);
	size_t head = (size_t)gs_min_u64(n, GS_EVENTS_BYTES - at);

	drop_oldest(e, n);
	memcpy(e->bytes + at, line, head);
	memcpy(e->bytes, line + head, n - head);
	e->size += n;
}

/* A name beyond the table's end is still an event, it only has no count. */
static void
count_name(struct events *e, const char *name, uint64_t n)
{
	size_t i;

	for (i = 0; i < e->n_counts; i++) {
		if (strcmp(e->counts[i].name, name) == 0)
			break;
	}
	if (i == NAMES)
		return;
	if (i == e->n_counts) {
		(void)snprintf(e->counts[i].name, NAME_BYTES, "%s", name);
		e->n_counts++;
	}
	e->counts[i].n += n;
}

static size_t
print_head(char *out, size_t cap, uint64_t revision, const struct events_what *what)
{
	time_t now_s = (time_t)(what->wall_ms / 1000);
	char when[32];
	struct tm tm;

	(void)gmtime_r(&now_s, &tm);
	(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	return (size_t)snprintf(out, cap, "%llu %s.%03dZ %.31s", (unsigned long long)revision, when, (int)(what->wall_ms % 1000), what->name);
}

static void __attribute__((format(printf, 3, 0)))
add(struct events *e, const struct events_what *what, const char *fmt, va_list ap)
{
	char line[LINE_BYTES];
	size_t len;
	int n;

	assert(what->name[0] != '\0' && strpbrk(what->name, " \n") == NULL);
	len = print_head(line, sizeof(line) - 1, ++e->revision, what);
	n = vsnprintf(line + len + 1, sizeof(line) - 2 - len, fmt, ap);
	if (n > 0) {
		line[len] = ' ';
		len += 1 + (size_t)n;
	}
	/* What is too long is cut, the line still ends. */
	len = (size_t)gs_min_u64(len, sizeof(line) - 2);
	line[len++] = '\n';
	append(e, line, len);
	count_name(e, what->name, what->count);
}

void
events_add(struct events *e, const char *name, const char *fmt, ...)
{
	const struct events_what what = { .name = name, .wall_ms = gs_clock_wall_ns() / 1000000, .count = 1 };
	va_list ap;

	va_start(ap, fmt);
	add(e, &what, fmt, ap);
	va_end(ap);
}

void
events_add_as(struct events *e, const struct events_what *what, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(e, what, fmt, ap);
	va_end(ap);
}

uint64_t
events_revision(const struct events *e)
{
	return e->revision;
}

void
events_continue(struct events *e, uint64_t revision)
{
	e->revision = gs_max_u64(e->revision, revision);
}

uint64_t
events_size(const struct events *e)
{
	return e->size;
}

void
events_print(const struct events *e, uint64_t offset, FILE *to)
{
	uint64_t from = gs_max_u64(offset, e->first);
	size_t at, n, head;

	if (from >= e->size)
		return;
	at = (size_t)(from % GS_EVENTS_BYTES);
	n = (size_t)(e->size - from);
	head = (size_t)gs_min_u64(n, GS_EVENTS_BYTES - at);
	(void)fwrite(e->bytes + at, 1, head, to);
	(void)fwrite(e->bytes, 1, n - head, to);
}

void
events_counts(const struct events *e, FILE *to)
{
	size_t i;

	for (i = 0; i < e->n_counts; i++)
		(void)fprintf(to, "%s %llu\n", e->counts[i].name, (unsigned long long)e->counts[i].n);
}
