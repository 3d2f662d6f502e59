/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rings.h - ring names as users give them to gsession(1).
 */
#ifndef TOOLS_RINGS_H
#define TOOLS_RINGS_H

#include <stdbool.h>

#include "gsession.h"

/* Does the table have this ring? If not, says which it has. */
bool rings_has(struct gs *gs, const char *name);

#endif
