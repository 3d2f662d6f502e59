/* SPDX-License-Identifier: BSD-2-Clause */
#include "top_view.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

enum { NUMBER_BYTES = 16, SUSPECT_ROWS = 3, EVENT_ROWS = 3, ALARM_PERCENT = 90 };
/* Columns: those beside the bars and the keys, and the terminal from which on there is one for owners. */
enum { BAR_LEAST = 8, BAR_MOST = 60, RING_COLS = 53, HOT_COLS = 41, OWNER_COLS = 24, OWNER_FROM_COLS = 90 };

/* ---- keys ---- */

static void
filter_key(struct top_view *v, int key)
{
	size_t len = strlen(v->filter);

	if (key == TOP_KEY_ENTER) {
		v->is_filtering = false;
	} else if (key == TOP_KEY_ESCAPE) {
		v->is_filtering = false;
		v->filter[0] = '\0';
	} else if (key == TOP_KEY_ERASE) {
		v->filter[len > 0 ? len - 1 : 0] = '\0';
	} else if (key > ' ' && key < 0x7f && len + 1 < sizeof(v->filter)) {
		v->filter[len] = (char)key;
		v->filter[len + 1] = '\0';
	}
}

void
top_view_key(struct top_view *v, int key)
{
	if (v->is_filtering) {
		v->chosen = 0;
		filter_key(v, key);
		return;
	}
	/* Any key leads back from the details. */
	if (v->is_detailed) {
		v->is_detailed = false;
		v->wants_to_quit = key == 'q';
		return;
	}
	switch (key) {
	case 'q':
		v->wants_to_quit = true;
		break;
	case 'p':
	case ' ':
		v->is_paused = !v->is_paused;
		break;
	case 's':
		v->sort = (enum top_sort)((v->sort + 1) % TOP_SORTS);
		break;
	case '/':
		v->is_filtering = true;
		v->filter[0] = '\0';
		break;
	case TOP_KEY_ESCAPE:
		v->filter[0] = '\0';
		break;
	case TOP_KEY_UP:
		v->chosen -= v->chosen > 0;
		break;
	case TOP_KEY_DOWN:
		v->chosen++;
		break;
	case TOP_KEY_ENTER:
		v->is_detailed = true;
		break;
	}
}

/* ---- which sessions ---- */

static bool
is_shown(const struct top_view *v, const struct top_hot *h)
{
	return v->filter[0] == '\0' || strstr(h->shown, v->filter) != NULL || strstr(h->owner, v->filter) != NULL;
}

/* Is a to stand before b? The model has them by rate. */
static bool
is_before(const struct top_view *v, const struct top_hot *a, const struct top_hot *b)
{
	switch (v->sort) {
	case TOP_BY_HITS:
		return a->hits > b->hits;
	case TOP_BY_SIZE:
		return a->size > b->size;
	default:
		return false;
	}
}

/* The sessions to show, in their order. Returns how many. */
static size_t
choose(const struct top *t, const struct top_view *v, const struct top_hot *out[TOP_HOT])
{
	size_t n = 0, at;

	for (size_t i = 0; i < t->n_hot; i++) {
		if (!is_shown(v, &t->hot[i]))
			continue;
		for (at = n++; at > 0 && is_before(v, &t->hot[i], out[at - 1]); at--)
			out[at] = out[at - 1];
		out[at] = &t->hot[i];
	}
	return n;
}

bool
top_view_chosen(const struct top *t, struct top_view *v, const void **key, size_t *key_len)
{
	const struct top_hot *shown[TOP_HOT];
	size_t n = choose(t, v, shown);

	if (n == 0)
		return false;
	if (v->chosen >= n)
		v->chosen = n - 1;
	*key = shown[v->chosen]->key;
	*key_len = shown[v->chosen]->key_len;
	return true;
}

/* ---- drawing ---- */

/* Where the next line goes, and where the last may. */
struct pen {
	struct top_frame *f;
	size_t row, end;
};

static void draw(struct pen *p, enum top_look look, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void
draw(struct pen *p, enum top_look look, const char *fmt, ...)
{
	char *line;
	size_t len;
	va_list ap;

	if (p->row >= p->end)
		return;
	line = p->f->line[p->row];
	va_start(ap, fmt);
	(void)vsnprintf(line, p->f->n_cols + 1, fmt, ap);
	va_end(ap);
	for (len = strlen(line); len > 0 && line[len - 1] == ' '; len--)
		line[len - 1] = '\0';
	p->f->look[p->row++] = look;
}

/* 7.2, 1234, 12.3k, 4.5M in six columns; "-" of what is not known. */
static const char *
rate(char out[NUMBER_BYTES], double n)
{
	if (n < 0)
		(void)snprintf(out, NUMBER_BYTES, "-");
	else if (n < 100)
		(void)snprintf(out, NUMBER_BYTES, "%.1f", n);
	else if (n < 100e3)
		(void)snprintf(out, NUMBER_BYTES, "%.0f", n);
	else if (n < 100e6)
		(void)snprintf(out, NUMBER_BYTES, "%.0fk", n / 1e3);
	else
		(void)snprintf(out, NUMBER_BYTES, "%.0fM", n / 1e6);
	return out;
}

static const char *
add(char out[NUMBER_BYTES], double a, double b)
{
	return rate(out, a < 0 || b < 0 ? -1 : a + b);
}

static void
draw_head(struct pen *p, const struct top *t, const struct top_view *v)
{
	const struct top_sample *s = &t->now;
	time_t wall = (time_t)s->wall_s;
	char at[16] = "", r[5][NUMBER_BYTES];
	struct tm tm;

	if (localtime_r(&wall, &tm) != NULL)
		(void)strftime(at, sizeof(at), "%H:%M:%S", &tm);
	if (s->daemon == TOP_UP)
		draw(p, TOP_TITLE, "gsession top  %s/%s  %s  daemon pid %d up %s  %s%s", v->instance, v->table, at, s->pid, s->uptime, s->version,
		    v->is_paused ? "  PAUSED" : "");
	else
		draw(p, TOP_ALARM, "gsession top  %s/%s  %s  %s%s", v->instance, v->table, at,
		    s->daemon == TOP_DOWN ? "DAEMON NOT REACHABLE: gsession doctor" : "DAEMON DOES NOT ANSWER: gsession doctor",
		    v->is_paused ? "  PAUSED" : "");
	draw(p, TOP_PLAIN, "gets/s %s  misses/s %s  puts/s %s  new/s %s  over/s %s  clients %llu", rate(r[0], top_rate(t, TOP_GETS)),
	    rate(r[1], top_rate(t, TOP_MISSES)), add(r[2], top_rate(t, TOP_STARTED), top_rate(t, TOP_UPDATED)),
	    rate(r[3], top_rate(t, TOP_STARTED)), add(r[4], top_rate(t, TOP_ENDED), top_rate(t, TOP_EXPIRED)),
	    (unsigned long long)s->n_clients);
}

static void
fill_bar(char out[BAR_MOST + 1], const struct top_ring *r, size_t width)
{
	size_t full = r->capacity == 0 ? 0 : (size_t)((double)r->count * (double)width / (double)r->capacity + 0.5);

	/* One that is there is seen. */
	if (full == 0 && r->count > 0)
		full = 1;
	for (size_t i = 0; i < width; i++)
		out[i] = i < full ? '#' : '.';
	out[width] = '\0';
}

static void
draw_rings(struct pen *p, const struct top *t)
{
	size_t width = p->f->n_cols > RING_COLS + BAR_LEAST ? p->f->n_cols - RING_COLS : BAR_LEAST;
	char bar[BAR_MOST + 1], in[NUMBER_BYTES], out[NUMBER_BYTES], lost[32] = "";

	if (width > BAR_MOST)
		width = BAR_MOST;
	if (t->now.n_lost > 0)
		(void)snprintf(lost, sizeof(lost), " at least");
	draw(p, TOP_TITLE, "%-10s %9s %9s %-*s %4s %7s %7s%s", "RING", "COUNT", "CAPACITY", (int)width + 1, "", "%", "IN/s", "OUT/s", lost);
	if (t->now.is_missing)
		draw(p, TOP_ALARM, "there is no such table, or no such namespace in it");
	else if (!t->now.is_attached)
		draw(p, TOP_ALARM, "the memory cannot be seen: no daemon has let us attach yet");
	for (size_t i = 0; i < t->now.n_rings; i++) {
		const struct top_ring *r = &t->now.rings[i];
		double percent = r->capacity == 0 ? 0 : (double)r->count * 100 / (double)r->capacity;

		fill_bar(bar, r, width);
		draw(p, percent >= ALARM_PERCENT ? TOP_ALARM : TOP_PLAIN, "%-10.10s %9llu %9llu %s %5.0f %7s %7s%s", r->name, (unsigned long long)r->count,
		    (unsigned long long)r->capacity, bar, percent, rate(in, top_ring_in(t, i)), rate(out, top_ring_out(t, i)),
		    r->is_on || r->is_suspect ? "" : " off");
	}
}

/* What is left for keys. */
static size_t
key_width(const struct pen *p)
{
	return p->f->n_cols - HOT_COLS - (p->f->n_cols >= OWNER_FROM_COLS ? OWNER_COLS : 0);
}

static void
draw_hot(struct pen *p, const struct top *t, struct top_view *v)
{
	static const char *const names[] = { [TOP_BY_RATE] = "rate", [TOP_BY_HITS] = "hits", [TOP_BY_SIZE] = "size" };
	const struct top_hot *shown[TOP_HOT];
	size_t n = choose(t, v, shown), width = key_width(p), first;
	char r[NUMBER_BYTES], owner[4 * GS_OWNER_BYTES + 1], title[64];

	if (v->chosen >= n)
		v->chosen = n > 0 ? n - 1 : 0;
	(void)snprintf(title, sizeof(title), "HOTTEST by %s", names[v->sort]);
	draw(p, TOP_TITLE, "%-*.*s %8s %9s %7s %-9s%s", (int)width, (int)width, title, "GETS/s", "HITS", "SIZE", "RING",
	    p->f->n_cols >= OWNER_FROM_COLS ? "OWNER" : "");
	/* The chosen one is to be seen. */
	first = p->end > p->row && v->chosen >= p->end - p->row ? v->chosen - (p->end - p->row) + 1 : 0;
	if (n == 0)
		draw(p, TOP_PLAIN, "%s", v->filter[0] != '\0' ? "none that the filter lets through" : "none yet");
	for (size_t i = first; i < n; i++) {
		(void)gs_text_escape(owner, sizeof(owner), shown[i]->owner, strlen(shown[i]->owner));
		draw(p, i == v->chosen ? TOP_CHOSEN : TOP_PLAIN, "%-*.*s %8s %9llu %7llu %-9.9s%s", (int)width, (int)width, shown[i]->shown,
		    rate(r, shown[i]->rate_per_s), (unsigned long long)shown[i]->hits, (unsigned long long)shown[i]->size, shown[i]->ring,
		    p->f->n_cols >= OWNER_FROM_COLS ? owner : "");
	}
}

static void
draw_suspects(struct pen *p, const struct top *t)
{
	size_t width = key_width(p), n = t->now.n_suspects < TOP_SUSPECTS ? t->now.n_suspects : TOP_SUSPECTS;
	char r[NUMBER_BYTES], title[32];

	(void)snprintf(title, sizeof(title), "SUSPECTS %zu", t->now.n_suspects);
	draw(p, TOP_TITLE, "%-*s %8s %9s %7s", (int)width, title, "RATE/s", "OFFENCES", "STATE");
	/* The last ones came last. */
	for (size_t i = n; i-- > 0;) {
		const struct suspect *s = &t->now.suspects[i];

		draw(p, TOP_PLAIN, "%-*.*s %8s %9u %s", (int)width, (int)width, s->shown, rate(r, s->rate_per_s), s->offences, s->state);
	}
}

static void
draw_events(struct pen *p, const struct top *t)
{
	size_t rows, first;

	draw(p, TOP_TITLE, "EVENTS");
	rows = p->end > p->row ? p->end - p->row : 0;
	first = t->n_events > rows ? t->n_events - rows : 0;
	for (size_t i = first; i < t->n_events; i++)
		draw(p, TOP_PLAIN, "%s", t->events[i]);
}

static void
draw_foot(struct pen *p, const struct top *t, const struct top_view *v)
{
	if (v->is_filtering)
		draw(p, TOP_TITLE, "filter: %s_  (enter: keep, escape: none)", v->filter);
	else if (v->filter[0] != '\0')
		draw(p, TOP_TITLE, "filter %s  q quit  p pause  s sort  / filter  enter details", v->filter);
	else
		draw(p, TOP_TITLE, "q quit  p pause  s sort  / filter  arrows and enter: details  %llu looked at",
		    (unsigned long long)t->n_looked_at);
}

static void
draw_details(struct pen *p, const struct top_view *v)
{
	const char *at = v->details == NULL ? "no session is chosen\n" : v->details;

	while (*at != '\0') {
		size_t len = strcspn(at, "\n");

		draw(p, TOP_PLAIN, "%.*s", (int)len, at);
		at += len + (at[len] == '\n');
	}
}

/* The rows above and below have what they need; the hottest sessions have the rest. */
static void
draw_body(struct pen *p, const struct top *t, struct top_view *v)
{
	size_t end = p->end, n = t->now.n_suspects;
	size_t suspects = n == 0 ? 1 : 1 + (n < SUSPECT_ROWS ? n : SUSPECT_ROWS), events = 1 + EVENT_ROWS;
	size_t left = end > p->row ? end - p->row : 0;

	if (left < suspects + events + 2)
		events = 0;
	if (left < suspects + events + 2)
		suspects = 0;
	p->end = end - suspects - events;
	draw_hot(p, t, v);
	p->row = p->end;
	p->end = end - events;
	if (suspects > 0)
		draw_suspects(p, t);
	p->row = p->end;
	p->end = end;
	if (events > 0)
		draw_events(p, t);
}

static size_t
between(size_t n, size_t least, size_t most)
{
	return n < least ? least : n > most ? most : n;
}

void
top_draw(struct top_frame *f, const struct top *t, struct top_view *v, size_t n_rows, size_t n_cols)
{
	struct pen p = { f, 0, 0 };

	memset(f, 0, sizeof(*f));
	f->n_rows = between(n_rows, TOP_ROWS_LEAST, TOP_ROWS_MOST);
	f->n_cols = between(n_cols, TOP_COLS_LEAST, TOP_COLS_MOST);
	p.end = f->n_rows - 1;
	draw_head(&p, t, v);
	if (v->is_detailed) {
		p.row++;
		draw_details(&p, v);
	} else {
		draw_rings(&p, t);
		draw_body(&p, t, v);
	}
	p.row = f->n_rows - 1;
	p.end = f->n_rows;
	draw_foot(&p, t, v);
}
