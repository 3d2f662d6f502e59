/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * overrides.h - quotas of single keys and owners, as lines of text.
 */
#ifndef GS_CONF_OVERRIDES_H
#define GS_CONF_OVERRIDES_H

#include "conf/conf_impl.h"

/*
 * Apply lines, all or none of them: `key NAME RATE BURST`, and so for owner and namespace, adds an override or replaces it,
 * with the rate none it has no quota and the line no burst; `-key NAME` takes it away, `-` all that there are. In a name \ooo is
 * a byte. Returns 0, or GS_EINVAL, GS_ERANGE, GS_ENOENT (to take away one that is not there) with its sentence.
 */
int gs_conf_overrides_set(struct gs_conf_overrides *out, const char *text, char why[GS_CONF_WHY_BYTES]);

/* Print them, a line each, without the last newline. */
void gs_conf_overrides_get(const struct gs_conf_overrides *all, char *out, size_t cap);

/* The override of a namespace, or NULL; and take it away if there is one. */
const struct gs_conf_override *gs_conf_overrides_of_namespace(const struct gs_conf_overrides *all, const char *name);
void gs_conf_overrides_forget(struct gs_conf_overrides *all, const char *name);

#endif
