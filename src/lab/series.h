/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * series.h - how many sessions each ring had in the course of a log, at most 61 points and the end.
 *
 * The step is the smallest of 1s 5s 10s 30s 1m 5m 10m 30m 1h 3h 6h 12h 1d 10d
 * 100d ... of which the log has at most 60.  Each divides the next, so that the
 * length of the log need not be known before: when there are too many points,
 * those that are no multiple of the next step are dropped.
 */
#ifndef LAB_SERIES_H
#define LAB_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SERIES_STEPS = 60, SERIES_COUNTS = 8 };

struct series_point {
	uint64_t at_ms;			/* since the first line */
	uint64_t count[SERIES_COUNTS];	/* by ring */
};

struct series {				/* all zero is empty */
	size_t rung;			/* of the ladder of steps */
	uint64_t next_ms;
	size_t n;
	struct series_point points[SERIES_STEPS + 2];
};

/* Is there a point due before now_ms? Then *at_ms is its time, and series_add() must follow. */
bool series_is_due(struct series *s, uint64_t now_ms, uint64_t *at_ms);
/* The point for at_ms: what series_is_due() gave, or the end of the log. Returns it, its counts to be filled. */
struct series_point *series_add(struct series *s, uint64_t at_ms);
uint64_t series_step_ms(const struct series *s);

#endif
