/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/pressure.h"

#include "base/bits.h"

static uint64_t
high_mark(uint64_t places)
{
	return places - places / GS_PRESSURE_HIGH_PART;
}

void
gs_pressure_judge(const struct gs_pressure *p, struct gs_pressure_verdict *out)
{
	uint64_t places = gs_add_sat(p->capacity, p->reserve), room = places / GS_PRESSURE_HIGH_PART;

	*out = (struct gs_pressure_verdict){ .is_open = p->is_open && p->reserve > 0 };
	if (p->reserve > 0 && p->population > high_mark(p->capacity))
		out->is_open = true;
	else if (p->population < p->capacity - p->capacity / GS_PRESSURE_LOW_PART)
		out->is_open = false;
	if (p->population > high_mark(places))
		out->n_evict = p->population - (high_mark(places) - room);
}
