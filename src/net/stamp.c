/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/stamp.h"

static int
compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int
compare_leases(const struct stamp *a, const struct stamp *b)
{
	int by_term = compare(a->term, b->term);

	return by_term != 0 ? by_term : compare(a->version, b->version);
}

static int
compare_times(const struct stamp *a, const struct stamp *b)
{
	int by_time = compare(a->hlc, b->hlc);

	return by_time != 0 ? by_time : compare(a->writer, b->writer);
}

int
stamp_compare(const struct stamp *a, const struct stamp *b)
{
	int by_end = (a->flags & STAMP_IS_TOMB) - (b->flags & STAMP_IS_TOMB);

	if (by_end != 0)
		return by_end;
	return ((a->flags | b->flags) & STAMP_IS_SPLIT) != 0 ? compare_times(a, b) : compare_leases(a, b);
}
