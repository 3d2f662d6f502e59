/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bits.h"
#include "base/clock.h"

struct live {
	struct gs *gs;
	struct feed *feed;
	struct report *out;
	uint64_t speed;
	uint64_t start_ns;		/* when the first line was played */
	unsigned char *value;		/* room for any value of the table */
	size_t value_cap, value_len;
};

/* Until it is time for the line: absolute, so that what the lines cost does not add up. */
static void
wait_for(const struct live *l, uint64_t at_ms)
{
	uint64_t ns = (uint64_t)((unsigned __int128)at_ms * 1000000 / l->speed) + l->start_ns;
	struct timespec until = { .tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		continue;
}

static ssize_t
timed_get(struct live *l, const struct feed_access *a)
{
	uint64_t from = gs_clock_mono_ns();
	ssize_t rc = gs_get(l->gs, a->key, a->key_len, l->value, l->value_cap, NULL);

	latency_add(&l->out->get, gs_clock_mono_ns() - from);
	return rc;
}

static int
timed_put(struct live *l, const struct feed_access *a)
{
	uint64_t from;
	int rc;

	memset(l->value, 0, l->value_len);
	from = gs_clock_mono_ns();
	rc = gs_put(l->gs, a->key, a->key_len, l->value, l->value_len, NULL);
	latency_add(&l->out->put, gs_clock_mono_ns() - from);
	return rc;
}

static int
access_session(struct live *l, const struct feed_access *a)
{
	ssize_t rc = GS_ENOENT;

	if (!a->is_first)
		rc = timed_get(l, a);
	if (rc >= 0) {
		l->out->gets++;
		return GS_OK;
	}
	if (rc == GS_ENOENT) {
		rc = timed_put(l, a);
		if (rc >= 0) {
			l->out->started += rc == 1;
			l->out->replaced += rc == 0;
			return GS_OK;
		}
	}
	if (rc != GS_ENOSPC && rc != GS_ERANGE && rc != GS_EQUARANTINE)
		return (int)rc;
	l->out->refused++;
	return GS_OK;
}

static void
count_all(struct live *l, uint64_t *count)
{
	struct gs_ring_info rings[REPORT_RINGS];
	int n = gs_rings(l->gs, rings, REPORT_RINGS), i;

	l->out->n_rings = (uint32_t)gs_min_u64((uint64_t)(n > 0 ? n : 0), REPORT_RINGS);
	for (i = 0; i < (int)l->out->n_rings; i++) {
		memcpy(l->out->ring[i], rings[i].name, REPORT_NAME_BYTES);
		count[i] = rings[i].count;
	}
}

static int
run_log(struct live *l)
{
	struct feed_access a;
	uint64_t point_ms;
	int rc;

	while ((rc = feed_next(l->feed, &a)) == 1) {
		while (series_is_due(&l->out->series, a.at_ms, &point_ms)) {
			wait_for(l, point_ms);
			count_all(l, series_add(&l->out->series, point_ms)->count);
		}
		wait_for(l, a.at_ms);
		rc = access_session(l, &a);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static void
finish(struct live *l)
{
	struct report *out = l->out;

	out->requests = l->feed->requests;
	out->unreadable = l->feed->unreadable;
	out->keys = l->feed->keys.n_items;
	out->first_ms = l->feed->first_ms;
	out->span_ms = l->feed->at_ms;
	count_all(l, out->population);
	if (out->requests > 0)
		count_all(l, series_add(&out->series, out->span_ms)->count);
}

int
live_run(struct report *out, struct gs *gs, const struct live_options *o, char why[LIVE_WHY_BYTES])
{
	struct live l = { .gs = gs, .out = out, .speed = o->speed };
	int rc = feed_open(&l.feed, o->log, o->key, o->key_max, o->complain);

	*out = (struct report){ .is_live = true };
	l.value_cap = gs_record_size(gs);
	l.value_len = gs_min_u64(l.value_cap, LIVE_VALUE_BYTES);
	l.value = malloc(gs_max_u64(l.value_cap, 1));
	l.start_ns = gs_clock_mono_ns();
	if (rc == GS_OK)
		rc = l.value == NULL ? GS_ENOMEM : run_log(&l);
	if (rc == GS_OK)
		finish(&l);
	else
		(void)snprintf(why, LIVE_WHY_BYTES, "%s", rc == GS_ESYSTEM ? strerror(errno) : gs_strerror(rc));
	feed_close(&l.feed);
	free(l.value);
	return rc;
}
