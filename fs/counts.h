/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counts.h - control files that say how many: read from the memory of the tables, and the daemon is not asked.
 *
 * Monitoring reads them often, and all that is in them is in the memory.  The
 * library makes the daemon's own text; what it cannot answer is the daemon's
 * to say, as everything is while none is there.
 */
#ifndef COUNTS_H
#define COUNTS_H

#include "call.h"
#include "ctl/wire.h"
#include "ctlpool.h"

/* Answer a request for such a file: *text, the caller's to free, of *len bytes. False: the daemon is to be asked. */
bool counts_answers(const struct call *c, struct ctlpool *pool, enum gs_wire_verb verb, const char *path, char **text, size_t *len);

#endif
