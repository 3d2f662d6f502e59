/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/latency.h"

#include "base/bits.h"

/* Below 32 each value is a bucket; from there each power of two has 32 of them. */
static unsigned
bucket_of(uint64_t ns)
{
	unsigned power;

	if (ns < LATENCY_FINE)
		return (unsigned)ns;
	power = 63 - (unsigned)__builtin_clzll(ns);
	return (power - 4) * LATENCY_FINE + (unsigned)(ns >> (power - 5)) % LATENCY_FINE;
}

/* The greatest value of a bucket. */
static uint64_t
bucket_end(unsigned bucket)
{
	unsigned power = bucket / LATENCY_FINE + 4;

	if (bucket < LATENCY_FINE)
		return bucket;
	return (((uint64_t)LATENCY_FINE + bucket % LATENCY_FINE + 1) << (power - 5)) - 1;
}

void
latency_add(struct latency *l, uint64_t ns)
{
	l->n++;
	l->max_ns = gs_max_u64(l->max_ns, ns);
	l->bucket[bucket_of(ns)]++;
}

uint64_t
latency_at(const struct latency *l, double share)
{
	uint64_t rank = (uint64_t)(share * (double)l->n + 0.999999), seen = 0;
	unsigned i;

	if (l->n == 0)
		return 0;
	for (i = 0; i < LATENCY_BUCKETS; i++) {
		seen += l->bucket[i];
		if (seen >= rank && seen > 0)
			return gs_min_u64(bucket_end(i), l->max_ns);
	}
	return l->max_ns;
}
