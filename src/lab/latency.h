/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * latency.h - durations counted in buckets that are at most 1/32 wide, for percentiles in constant memory.
 */
#ifndef LAB_LATENCY_H
#define LAB_LATENCY_H

#include <stdint.h>

enum { LATENCY_FINE = 32, LATENCY_BUCKETS = 60 * LATENCY_FINE };

struct latency {			/* all zero is empty */
	uint64_t n;
	uint64_t max_ns;
	uint64_t bucket[LATENCY_BUCKETS];
};

void latency_add(struct latency *l, uint64_t ns);
/* The duration that this share (0 to 1) of all did not exceed, ns, within 1/32; 0 when there is none. */
uint64_t latency_at(const struct latency *l, double share);

#endif
