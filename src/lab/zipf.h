/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zipf.h - draws numbers of which the k-th is k^-s as likely as the first, without a table.
 *
 * Source: W. Hoermann, G. Derflinger, "Rejection-inversion to generate
 * variates from monotone discrete distributions", ACM TOMACS 6(3), 1996: the
 * integral of x^-s is inverted, and what lies over the steps of the sum is
 * rejected; exact, and fewer than 1.1 tries a draw for any n.
 */
#ifndef LAB_ZIPF_H
#define LAB_ZIPF_H

#include <stdint.h>

struct zipf {
	uint64_t n;
	double s;
	double from, to;		/* the integral at 1.5, less the first step, and at n + 0.5 */
	double surely;			/* so near above x a k is taken unseen */
};

/* Marsaglia's xorshift64; the state is never 0. */
static inline uint64_t
zipf_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* n of at least 1, s over 0 and not 1. */
void zipf_init(struct zipf *z, uint64_t n, double s);
/* A rank, 0 (the likeliest) to n-1. */
uint64_t zipf_next(const struct zipf *z, uint64_t *random);

#endif
