/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.h - what a replay found out, printed for people and for scripts.
 */
#ifndef LAB_REPORT_H
#define LAB_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lab/latency.h"
#include "lab/series.h"

enum { REPORT_RINGS = SERIES_COUNTS, REPORT_NAME_BYTES = 32 };

/* A key whose session was found over its quota. */
struct report_suspect {
	char *key;
	size_t key_len;
	double rate_per_s;		/* of its attempts, as of the last one while it was accused */
	uint64_t offences;		/* in the whole log */
};

struct report {				/* all zero is empty */
	uint64_t requests;		/* readable lines: started + replaced + gets + refused */
	uint64_t keys;			/* distinct */
	uint64_t unreadable;
	uint64_t started;		/* puts that began a session */
	uint64_t replaced;		/* puts that found one: only on a running store */
	uint64_t gets;			/* that found their session */
	uint64_t refused;		/* no room in the ring, or asked for too often */
	uint64_t expired;
	uint64_t stuck;			/* decays that had to wait for room */
	uint64_t evicted;		/* of the moves outwards, those for want of room */
	uint64_t dropped;		/* ended for want of room */
	uint64_t moves[REPORT_RINGS][REPORT_RINGS];	/* from, to */
	uint32_t n_rings;
	char ring[REPORT_RINGS][REPORT_NAME_BYTES];
	uint64_t population[REPORT_RINGS];	/* at the end */
	int64_t first_ms;		/* of the log, since 1970 */
	uint64_t span_ms;
	struct report_suspect *suspects;	/* in the order in which their keys appear */
	size_t n_suspects;
	struct series series;
	bool is_live;			/* of a running store: no moves and expiries, but latencies */
	struct latency get, put;
};

/* One object, with a newline behind it. */
void report_print_json(const struct report *r, FILE *to);
void report_print(const struct report *r, FILE *to);

#endif
