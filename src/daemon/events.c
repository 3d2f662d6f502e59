/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/events.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bits.h"
#include "base/clock.h"

enum { NAME_BYTES = 32, NAMES = 64, LINE_BYTES = 8192, LOST_BYTES = 128 };

#define LOST "LOST"

struct count {
	char name[NAME_BYTES];
	uint64_t n;
};

/* Lines, of which the oldest go when there is no room. */
struct part {
	uint64_t first;			/* offset of the oldest line kept */
	uint64_t size;			/* bytes ever written */
	uint32_t cap;
	char *bytes;			/* the byte of offset o is at o modulo cap */
};

struct events {
	struct part all;		/* the end of the file */
	struct part own;		/* events_add's, be they in `all` too or not any more */
	uint64_t began;			/* revision before the first line */
	uint64_t dropped;		/* revision of the last line that `all` has dropped */
	uint64_t revision;		/* of the last event */
	size_t n_counts;
	struct count counts[NAMES];	/* in order of first appearance */
	char all_bytes[GS_EVENTS_BYTES], own_bytes[GS_EVENTS_OWN_BYTES];
};

struct events *
events_new(void)
{
	struct events *e = calloc(1, sizeof(struct events));

	if (e == NULL)
		return NULL;
	e->all = (struct part){ .cap = GS_EVENTS_BYTES, .bytes = e->all_bytes };
	e->own = (struct part){ .cap = GS_EVENTS_OWN_BYTES, .bytes = e->own_bytes };
	return e;
}

void
events_free(struct events **e)
{
	free(*e);
	*e = NULL;
}

/* ---- parts ---- */

/* The number that a line begins with. */
static uint64_t
revision_at(const struct part *p, uint64_t at)
{
	uint64_t n = 0;

	for (char c; (c = p->bytes[at % p->cap]) >= '0' && c <= '9'; at++)
		n = n * 10 + (uint64_t)(c - '0');
	return n;
}

static uint64_t
line_after(const struct part *p, uint64_t at)
{
	while (p->bytes[at++ % p->cap] != '\n')
		continue;
	return at;
}

/* Where the line begins that ends before `end`. */
static uint64_t
line_before(const struct part *p, uint64_t end)
{
	uint64_t at = end - 1;

	while (at > p->first && p->bytes[(at - 1) % p->cap] != '\n')
		at--;
	return at;
}

/* Let whole lines go until n more bytes have room. Returns the revision of the last of them, or `last` when there was room. */
static uint64_t
drop_oldest(struct part *p, size_t n, uint64_t last)
{
	while (p->size + n - p->first > p->cap) {
		last = revision_at(p, p->first);
		p->first = line_after(p, p->first);
	}
	return last;
}

/* There is room for it. */
static void
append(struct part *p, const char *line, size_t n)
{
	size_t at = (size_t)(p->size % p->cap);
	size_t head = (size_t)gs_min_u64(n, p->cap - at);

	memcpy(p->bytes + at, line, head);
	memcpy(p->bytes, line + head, n - head);
	p->size += n;
}

static void
print_part(const struct part *p, uint64_t from, uint64_t end, FILE *to)
{
	size_t at = (size_t)(from % p->cap), n = (size_t)(end - from);
	size_t head = (size_t)gs_min_u64(n, p->cap - at);

	(void)fwrite(p->bytes + at, 1, head, to);
	(void)fwrite(p->bytes, 1, n - head, to);
}

/* ---- writing ---- */

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

static void
add_line(struct events *e, const char *line, size_t len, bool is_own)
{
	e->dropped = drop_oldest(&e->all, len, e->dropped);
	append(&e->all, line, len);
	if (!is_own)
		return;
	(void)drop_oldest(&e->own, len, 0);
	append(&e->own, line, len);
}

static void __attribute__((format(printf, 4, 0)))
add(struct events *e, const struct events_what *what, bool is_own, const char *fmt, va_list ap)
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
	add_line(e, line, len, is_own);
	count_name(e, what->name, what->count);
}

static struct events_what
once_now(const char *name)
{
	return (struct events_what){ .name = name, .wall_ms = gs_clock_wall_ns() / 1000000, .count = 1 };
}

void
events_add(struct events *e, const char *name, const char *fmt, ...)
{
	const struct events_what what = once_now(name);
	va_list ap;

	va_start(ap, fmt);
	add(e, &what, true, fmt, ap);
	va_end(ap);
}

void
events_add_often(struct events *e, const char *name, const char *fmt, ...)
{
	const struct events_what what = once_now(name);
	va_list ap;

	va_start(ap, fmt);
	add(e, &what, false, fmt, ap);
	va_end(ap);
}

void
events_add_as(struct events *e, const struct events_what *what, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(e, what, false, fmt, ap);
	va_end(ap);
}

void
events_add_lost(struct events *e, int64_t wall_ms, uint64_t n, const char *table)
{
	const struct events_what what = { .name = LOST, .wall_ms = wall_ms, .count = n };

	assert(n > 0);
	e->revision += n - 1;
	events_add_as(e, &what, "n=%llu table=%s", (unsigned long long)n, table);
}

uint64_t
events_revision(const struct events *e)
{
	return e->revision;
}

/* At a start: there are a few lines, the daemon's own, and nobody has read them. */
void
events_continue(struct events *e, uint64_t revision)
{
	char *text = NULL, line[LINE_BYTES + 32];
	size_t len = 0;
	FILE *to;

	if (revision <= e->began || (to = open_memstream(&text, &len)) == NULL)
		return;
	print_part(&e->all, e->all.first, e->all.size, to);
	if (fclose(to) != 0)
		len = 0;
	e->all.first = e->all.size = e->own.first = e->own.size = 0;
	e->began = e->dropped = e->revision = revision;
	for (const char *at = text, *end; len > 0 && (end = strchr(at, '\n')) != NULL; at = end + 1) {
		int n = snprintf(line, sizeof(line), "%llu%.*s", (unsigned long long)++e->revision, (int)(end + 1 - strchr(at, ' ')), strchr(at, ' '));

		add_line(e, line, (size_t)n, true);
	}
	free(text);
}

/* ---- reading ---- */

uint64_t
events_size(const struct events *e)
{
	return e->all.size;
}

/* Where in a line the space before its nth word is, the first being 1; or where the line ends. */
static uint64_t
word_at(const struct part *p, uint64_t at, int n)
{
	for (char c; (c = p->bytes[at % p->cap]) != '\n'; at++)
		if (c == ' ' && --n == 0)
			break;
	return at;
}

/* A line that says that so many events are gone, whose last had this revision; it has the time of the line at `at`. */
static void
print_lost(const struct part *p, uint64_t at, uint64_t revision, uint64_t n, FILE *to)
{
	if (n == 0)
		return;
	(void)fprintf(to, "%llu", (unsigned long long)revision);
	print_part(p, word_at(p, at, 1), word_at(p, at, 2), to);
	(void)fprintf(to, " " LOST " n=%llu", (unsigned long long)n);
}

/* What `all` has dropped, as far as it came behind `since`: lines that are kept apart, and how many there are not. */
static void
print_dropped(const struct events *e, uint64_t since, FILE *to)
{
	uint64_t last = since == 0 ? e->began : since, revision, end;

	for (uint64_t at = e->own.first; at < e->own.size && (revision = revision_at(&e->own, at)) <= e->dropped; at = end) {
		end = line_after(&e->own, at);
		if (revision <= since)
			continue;
		if (revision > last + 1) {
			print_lost(&e->own, at, revision - 1, revision - 1 - last, to);
			(void)fputc('\n', to);
		}
		print_part(&e->own, at, end, to);
		last = revision;
	}
	if (e->dropped > last) {
		print_lost(&e->all, e->all.first, e->dropped, e->dropped - last, to);
		(void)fputc('\n', to);
	}
}

/* How many revisions the line has: as many as it says of those that were lost. */
static uint64_t
n_of(const struct part *p, uint64_t at)
{
	static const char lost[] = " " LOST " n=";
	uint64_t word = word_at(p, at, 2);

	for (size_t i = 0; i < sizeof(lost) - 1; i++)
		if (p->bytes[(word + i) % p->cap] != lost[i])
			return 1;
	return revision_at(p, word + sizeof(lost) - 1);
}

void
events_print_since(const struct events *e, uint64_t since, FILE *to)
{
	const struct part *p = &e->all;
	uint64_t at = p->size, line, revision;

	if (since >= e->revision || p->size == p->first)
		return;
	if (since < e->dropped || since < e->began)
		print_dropped(e, since, to);
	while (at > p->first && revision_at(p, line = line_before(p, at)) > since)
		at = line;
	/* Of those that one line has, some came before. */
	revision = revision_at(p, at);
	if (revision - since < n_of(p, at)) {
		print_lost(p, at, revision, revision - since, to);
		at = word_at(p, at, 4);
	}
	print_part(p, at, p->size, to);
}

void
events_print(const struct events *e, uint64_t offset, FILE *to)
{
	if (offset < e->all.first)
		events_print_since(e, 0, to);
	else if (offset < e->all.size)
		print_part(&e->all, offset, e->all.size, to);
}

void
events_counts(const struct events *e, FILE *to)
{
	size_t i;

	for (i = 0; i < e->n_counts; i++)
		(void)fprintf(to, "%s %llu\n", e->counts[i].name, (unsigned long long)e->counts[i].n);
}
