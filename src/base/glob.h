/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * glob.h - does a name match a pattern, as file names do in a shell.
 *
 * Of its own, beside fnmatch(3): names are bytes, in no locale, and whoever
 * asks may be in somebody else's process in the middle of a look-up.
 */
#ifndef GS_BASE_GLOB_H
#define GS_BASE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/*
 * gs_glob_matches - the whole name against the whole pattern.
 *
 *   pattern	`*` any bytes, also none; `?` one; `[a-z_]` one of these, `[!...]` or `[^...]` one of all others, where a `]`
 *		in front stands for itself; a `[` that is not closed, and all other bytes, themselves
 *
 * A leading dot is a byte as any other.  Takes at most as many steps as the two lengths multiplied; allocates nothing.
 */
bool gs_glob_matches(const char *pattern, const void *name, size_t len);

#endif
