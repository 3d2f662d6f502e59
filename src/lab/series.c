/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/series.h"

#include "base/bits.h"

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* 60 of the last are more than FEED_SPAN_MS. */
static const uint64_t ladder[] = {
	SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE,
	HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 10 * DAY, 100 * DAY, 1000 * DAY, 10000 * DAY, 100000 * DAY,
};

#define LADDER_TOP (sizeof(ladder) / sizeof(ladder[0]) - 1)

uint64_t
series_step_ms(const struct series *s)
{
	return ladder[s->rung];
}

/* Keep the points of the next step. */
static void
coarsen(struct series *s)
{
	uint64_t step = ladder[++s->rung];
	size_t i, kept = 0;

	for (i = 0; i < s->n; i++)
		if (s->points[i].at_ms % step == 0)
			s->points[kept++] = s->points[i];
	s->n = kept;
	s->next_ms = gs_div_up(s->next_ms, step) * step;
}

bool
series_is_due(struct series *s, uint64_t now_ms, uint64_t *at_ms)
{
	while (s->rung < LADDER_TOP && now_ms / ladder[s->rung] > SERIES_STEPS)
		coarsen(s);
	*at_ms = s->next_ms;
	return s->next_ms < now_ms;
}

struct series_point *
series_add(struct series *s, uint64_t at_ms)
{
	s->points[s->n] = (struct series_point){ .at_ms = at_ms };
	s->next_ms = at_ms + ladder[s->rung];
	return &s->points[s->n++];
}
