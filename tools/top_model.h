/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * top_model.h - what gsession top knows: two samples of numbers and the rates between them, the hottest sessions seen, the last events.
 *
 * Pure: whoever samples says what and when.  Nothing here waits, asks a clock or draws.
 */
#ifndef TOOLS_TOP_MODEL_H
#define TOOLS_TOP_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gsession.h"
#include "suspect.h"

enum {
	TOP_RINGS = 8,
	TOP_HOT = 64,			/* sessions that are watched, each looked at in every sample */
	TOP_SUSPECTS = 32,		/* of whom there are more only their number is known */
	TOP_EVENTS = 32,
	TOP_WORD_BYTES = 32,
	TOP_LINE_BYTES = 256,
	TOP_KEY_SHOWN_BYTES = 4 * GS_KEY_BYTES + 1,
};

enum top_daemon { TOP_UP, TOP_DOWN, TOP_SILENT };

enum top_count { TOP_GETS, TOP_MISSES, TOP_STARTED, TOP_UPDATED, TOP_ENDED, TOP_EXPIRED, TOP_REFUSED, TOP_COUNTS };

struct top_ring {
	char name[GS_NAME_BYTES];
	bool is_on, is_suspect;
	uint64_t count, capacity;
	uint64_t in, out;		/* sessions that came and went since the sample before, as far as events told */
};

/* What was seen at one moment. */
struct top_sample {
	uint64_t at_ms;			/* CLOCK_MONOTONIC */
	uint64_t wall_s;
	enum top_daemon daemon;
	int pid;
	char uptime[TOP_WORD_BYTES], version[TOP_WORD_BYTES];
	bool has_counts;
	uint64_t counts[TOP_COUNTS];
	uint64_t n_clients;
	bool is_attached;		/* the memory is seen, with or without a daemon */
	bool is_missing;		/* else: there is no such table, or namespace in it */
	size_t n_rings;
	struct top_ring rings[TOP_RINGS];
	uint64_t n_lost;		/* events that were told faster than they were read */
	size_t n_suspects;		/* all of them */
	struct suspect suspects[TOP_SUSPECTS];
};

/* A session that asks much, or did. */
struct top_hot {
	uint8_t key[GS_KEY_BYTES];
	size_t key_len;
	char shown[TOP_KEY_SHOWN_BYTES];
	char owner[GS_OWNER_BYTES + 1];	/* bytes, with a NUL behind them */
	char ring[GS_NAME_BYTES];
	uint64_t hits, size;
	double rate_per_s;		/* counted between two looks; before the second, what its interest means */
	uint64_t seen_ms;		/* the last look */
	bool is_counted;		/* there were two */
};

struct top {
	struct top_sample was, now;
	size_t n_samples;		/* 0, 1, 2: as far as there are */
	size_t n_hot;
	struct top_hot hot[TOP_HOT];	/* hottest first */
	uint64_t n_looked_at;		/* sessions, for the last sample */
	size_t n_events;		/* kept */
	char events[TOP_EVENTS][TOP_LINE_BYTES];	/* the oldest first */
};

/* A sample becomes `now`. */
void top_take(struct top *t, const struct top_sample *s);

/* A count's or a ring's rate between the two samples, per second; negative where it is not known. */
double top_rate(const struct top *t, enum top_count which);
double top_ring_in(const struct top *t, size_t ring);
double top_ring_out(const struct top *t, size_t ring);

/*
 * A session was looked at: it is watched from now on when it is hotter than one that is, or its numbers are newer.
 * Every session that is looked at may be offered.
 */
void top_offer(struct top *t, const void *key, size_t key_len, const struct gs_info *info, uint64_t now_ms);
/* A session that was watched is not there any more. */
void top_forget(struct top *t, const void *key, size_t key_len);
/* Put the hottest first; after all looks of a sample. */
void top_rank(struct top *t);

/* An event, as a line; and for the sample that is being made, whom it moved. */
void top_tell(struct top *t, struct top_sample *s, const struct gs_event *e);

#endif
