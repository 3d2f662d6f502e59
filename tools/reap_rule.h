/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reap_rule.h - which suspects a reaper judges: `listed`, `all`, `offences=N`, `rate=N/s`, and several of them with commas between.
 */
#ifndef TOOLS_REAP_RULE_H
#define TOOLS_REAP_RULE_H

#include <stdbool.h>
#include <stdint.h>

/* As in a gs_wire_lease: the daemon lends no others. */
struct reap_rule {
	uint32_t min_offences;
	uint64_t min_rate_per_h;
};

/* False when it is no rule. */
bool reap_rule_parse(struct reap_rule *out, const char *text);

#endif
