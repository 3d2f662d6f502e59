/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * temps.h - which names are temporary: the patterns of the setting temp_patterns, as they are now.
 *
 * The daemon is asked for them once, and anew when the store says that
 * settings have changed; until it has answered, what was heard last holds,
 * and before that the built-in list.
 */
#ifndef TEMPS_H
#define TEMPS_H

#include "call.h"

struct temps;

struct temps *temps_new(void);
void temps_free(struct temps **t);

/* Is it the name of a temporary file? */
bool temps_match(struct call *c, const char *name);

#endif
