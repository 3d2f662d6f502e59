/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * temps.h - which names are temporary: the patterns of the setting temp_patterns, as they are now.
 *
 * The daemon is asked for them once, and anew when the store says that
 * settings have changed; when it does not answer, what was heard last holds,
 * and before that the built-in list, and it is asked again a second later.
 */
#ifndef TEMPS_H
#define TEMPS_H

#include "call.h"

struct temps;

struct temps *temps_new(void);
void temps_free(struct temps **t);

/* Hear what is new of the patterns: CALL_LATER where the daemon is to be asked and the call may not wait, else 0. */
int temps_learn(struct call *c);
/* Is it the name of a temporary file, as far as was heard? */
bool temps_match(const struct call *c, const char *name);

#endif
