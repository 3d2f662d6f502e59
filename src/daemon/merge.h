/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * merge.h - what a re-read file changes, and what was changed by hand since and stays.
 */
#ifndef GS_DAEMON_MERGE_H
#define GS_DAEMON_MERGE_H

#include "conf/conf.h"

/*
 * merge_conf - into *fresh, the file as it is now, carry what `live` has for every setting that the file says no
 * differently than it did (`before`), and rings that were added or removed since. Tables and rings are matched by name.
 */
void merge_conf(struct gs_conf *fresh, const struct gs_conf *before, const struct gs_conf *live);

/*
 * Does any setting that cannot change while running differ between two configurations? why names the first. Rings that were
 * added or removed while running (`live` has what is) may be so in b.
 */
bool merge_needs_restart(const struct gs_conf *a, const struct gs_conf *b, const struct gs_conf *live, char why[GS_CONF_WHY_BYTES]);

#endif
