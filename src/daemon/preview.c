/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/preview.h"

void
preview_begin(struct preview *p, struct gs_table *t, const struct gs_survey *law)
{
	*p = (struct preview){ .survey = *law, .is_asked = true };
	p->survey.next = p->survey.sessions = p->survey.leaving = 0;
	p->is_done = gs_survey_step(t, &p->survey, PREVIEW_ENTRIES);
}

void
preview_tick(struct preview p[GS_MAX_RINGS], struct gs_table *t)
{
	for (uint32_t i = 0; i < GS_MAX_RINGS; i++) {
		if (!p[i].is_asked || p[i].is_done)
			continue;
		p[i].is_done = gs_survey_step(t, &p[i].survey, PREVIEW_ENTRIES);
		return;
	}
}

uint32_t
preview_percent(const struct preview *p, const struct gs_table *t)
{
	return p->is_done ? 100 : (uint32_t)(p->survey.next * 100 / gs_table_entries(t));
}
