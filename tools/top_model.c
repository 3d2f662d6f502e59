/* SPDX-License-Identifier: BSD-2-Clause */
#include "top_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

enum { MS_PER_S = 1000, KEY_IN_EVENT = 24 };

void
top_take(struct top *t, const struct top_sample *s)
{
	t->was = t->now;
	t->now = *s;
	t->n_samples += t->n_samples < 2;
}

static double
seconds_between(const struct top *t)
{
	return t->n_samples < 2 || t->now.at_ms <= t->was.at_ms ? 0 : (double)(t->now.at_ms - t->was.at_ms) / MS_PER_S;
}

double
top_rate(const struct top *t, enum top_count which)
{
	double s = seconds_between(t);

	/* Counters that went back are those of another memory. */
	if (s <= 0 || !t->now.has_counts || !t->was.has_counts || t->now.counts[which] < t->was.counts[which])
		return -1;
	return (double)(t->now.counts[which] - t->was.counts[which]) / s;
}

double
top_ring_in(const struct top *t, size_t ring)
{
	double s = seconds_between(t);

	return s <= 0 || ring >= t->now.n_rings ? -1 : (double)t->now.rings[ring].in / s;
}

double
top_ring_out(const struct top *t, size_t ring)
{
	double s = seconds_between(t);

	return s <= 0 || ring >= t->now.n_rings ? -1 : (double)t->now.rings[ring].out / s;
}

/* ---- the hottest ---- */

static struct top_hot *
find_hot(struct top *t, const void *key, size_t key_len)
{
	for (size_t i = 0; i < t->n_hot; i++)
		if (t->hot[i].key_len == key_len && memcmp(t->hot[i].key, key, key_len) == 0)
			return &t->hot[i];
	return NULL;
}

/* Those that nothing was counted of go before those that were counted idle: an interest is a guess that must be looked at. */
static struct top_hot *
coldest(struct top *t)
{
	struct top_hot *least = &t->hot[0];

	for (size_t i = 1; i < t->n_hot; i++)
		if (t->hot[i].rate_per_s < least->rate_per_s)
			least = &t->hot[i];
	return least;
}

static void
count(struct top_hot *h, const struct gs_info *info, uint64_t now_ms)
{
	/* A key that was ended and started again counts from 0. */
	if (info->hits < h->hits)
		h->is_counted = false;
	else if (now_ms > h->seen_ms) {
		h->rate_per_s = (double)(info->hits - h->hits) * MS_PER_S / (double)(now_ms - h->seen_ms);
		h->is_counted = true;
	}
}

static void
fill(struct top_hot *h, const struct gs_info *info, uint64_t now_ms)
{
	h->hits = info->hits;
	h->size = info->len;
	h->seen_ms = now_ms;
	(void)snprintf(h->ring, sizeof(h->ring), "%s", info->ring);
	memcpy(h->owner, info->owner, sizeof(h->owner));
	if (!h->is_counted)
		h->rate_per_s = info->rate_per_s;
}

void
top_offer(struct top *t, const void *key, size_t key_len, const struct gs_info *info, uint64_t now_ms)
{
	struct top_hot *h = find_hot(t, key, key_len);

	if (h != NULL) {
		count(h, info, now_ms);
		fill(h, info, now_ms);
		return;
	}
	if (key_len == 0 || key_len > sizeof(h->key))
		return;
	if (t->n_hot < TOP_HOT) {
		h = &t->hot[t->n_hot++];
	} else {
		h = coldest(t);
		if (info->rate_per_s <= h->rate_per_s)
			return;
	}
	*h = (struct top_hot){ .key_len = key_len };
	memcpy(h->key, key, key_len);
	(void)gs_text_escape(h->shown, sizeof(h->shown), key, key_len);
	fill(h, info, now_ms);
}

void
top_forget(struct top *t, const void *key, size_t key_len)
{
	struct top_hot *h = find_hot(t, key, key_len);

	if (h != NULL)
		*h = t->hot[--t->n_hot];
}

static int
by_rate(const void *a, const void *b)
{
	const struct top_hot *x = a, *y = b;

	if (x->rate_per_s != y->rate_per_s)
		return x->rate_per_s < y->rate_per_s ? 1 : -1;
	if (x->hits != y->hits)
		return x->hits < y->hits ? 1 : -1;
	return strcmp(x->shown, y->shown);
}

void
top_rank(struct top *t)
{
	if (t->n_hot > 0)
		qsort(t->hot, t->n_hot, sizeof(t->hot[0]), by_rate);
}

/* ---- events ---- */

static struct top_ring *
find_ring(struct top_sample *s, const char *name)
{
	for (size_t i = 0; i < s->n_rings; i++)
		if (strcmp(s->rings[i].name, name) == 0)
			return &s->rings[i];
	return NULL;
}

static void
count_move(struct top_sample *s, const struct gs_event *e)
{
	struct top_ring *from = find_ring(s, e->from), *to = find_ring(s, e->to);
	uint64_t n = e->count > 0 ? e->count : 1;

	/* Of one that stays where it is the two are the same, or only one is told. */
	if (from == to)
		return;
	if (from != NULL)
		from->out += n;
	if (to != NULL)
		to->in += n;
}

/* Which events move a session, or start or end one. */
static bool
is_move(uint32_t kind)
{
	switch (kind) {
	case GS_EVENT_LOST:
	case GS_EVENT_REFUSED:
	case GS_EVENT_REUSED:
	case GS_EVENT_ACCUSED:
	case GS_EVENT_STUCK:
		return false;
	default:
		return true;
	}
}

static void
print_event(char out[TOP_LINE_BYTES], const struct gs_event *e)
{
	char key[4 * KEY_IN_EVENT + 1], way[2 * GS_NAME_BYTES + 8] = "";
	time_t s = (time_t)(e->at_ms / MS_PER_S);
	struct tm tm;
	char at[16] = "-";

	if (localtime_r(&s, &tm) != NULL)
		(void)strftime(at, sizeof(at), "%H:%M:%S", &tm);
	if (e->kind == GS_EVENT_LOST) {
		(void)snprintf(out, TOP_LINE_BYTES, "%s %-12s %llu events", at, gs_event_name(e->kind), (unsigned long long)e->count);
		return;
	}
	(void)gs_text_escape(key, sizeof(key), e->key, e->key_len < KEY_IN_EVENT ? e->key_len : KEY_IN_EVENT);
	if (e->from[0] != '\0' || e->to[0] != '\0')
		(void)snprintf(way, sizeof(way), "%s > %s", e->from[0] == '\0' ? "-" : e->from, e->to[0] == '\0' ? "-" : e->to);
	(void)snprintf(out, TOP_LINE_BYTES, "%s %-12s %-*s %-20s %s", at, gs_event_name(e->kind), KEY_IN_EVENT, key, way, gs_reason_name(e->reason));
}

void
top_tell(struct top *t, struct top_sample *s, const struct gs_event *e)
{
	if (e->kind == GS_EVENT_LOST)
		s->n_lost += e->count;
	if (is_move(e->kind))
		count_move(s, e);
	if (t->n_events == TOP_EVENTS)
		memmove(t->events[0], t->events[1], (TOP_EVENTS - 1) * sizeof(t->events[0]));
	else
		t->n_events++;
	print_event(t->events[t->n_events - 1], e);
}
