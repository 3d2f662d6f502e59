/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reap_rule.h - which suspects a reaper judges: `listed`, `all`, `offences=N`, `rate=N/s`, and several of them with commas between.
 */
#ifndef TOOLS_REAP_RULE_H
#define TOOLS_REAP_RULE_H

#include "suspect.h"

struct reap_rule {
	uint32_t min_offences;		/* as in a gs_wire_lease: the daemon lends no others */
	double min_rate_per_s;
};

/* False when it is no rule. */
bool reap_rule_parse(struct reap_rule *out, const char *text);

/* Of one that the daemon lent by min_offences: does it meet the rest? */
bool reap_rule_meets(const struct reap_rule *r, const struct suspect *s);

#endif
