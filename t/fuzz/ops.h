/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ops.h - any one call on a table, with arguments from the tape, and what must hold of its answer whatever the memory says.
 */
#ifndef T_FUZZ_OPS_H
#define T_FUZZ_OPS_H

#include "place.h"

/* What readers, writers and the daemon do, at the instant now_ms. */
void ops_one(struct place *p, struct tape *in, uint64_t now_ms);
/* Of these only what reads, by a client. */
void ops_read(struct place *p, struct tape *in, uint64_t now_ms);

#endif
