/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/hlc.h"

#include "base/bits.h"
#include "gsession.h"

uint64_t
hlc_next(struct hlc *h, uint64_t wall_ms)
{
	h->last = gs_max_u64(h->last + 1, wall_ms << HLC_COUNT_BITS);
	return h->last;
}

int
hlc_hear(struct hlc *h, uint64_t theirs, uint64_t wall_ms)
{
	if (hlc_ms(theirs) > gs_add_sat(wall_ms, HLC_DRIFT_MS))
		return GS_ERANGE;
	h->last = gs_max_u64(h->last, theirs);
	return 0;
}

uint64_t
hlc_ms(uint64_t time)
{
	return time >> HLC_COUNT_BITS;
}
