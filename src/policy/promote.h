/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * promote.h - whether an access is the second of two, where one alone brings no session in.
 */
#ifndef GS_POLICY_PROMOTE_H
#define GS_POLICY_PROMOTE_H

#include <stdbool.h>
#include <stdint.h>

/* What is known of the session and of the ring that it would be brought to. */
struct gs_promote_case {
	uint64_t last_ms;		/* last access before this one */
	uint64_t interest;		/* at that access, as stored */
	uint64_t now_ms;		/* of this access */
	uint64_t ttl_ms, half_life_ms;	/* of the ring that it would come to */
};

/*
 * gs_promote_is_second - does this access bring the session in, as one more after another?
 *
 * Nothing is kept for it: the access before was the first of two if by the
 * decay law of the inner ring the session would still be in that ring now.
 * Whoever asks once for each of many, a backup or a crawler, brings nothing in.
 */
bool gs_promote_is_second(const struct gs_promote_case *c);

#endif
