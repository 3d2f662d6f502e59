/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rights.h - what the callers of a mount may do with sessions, by the daemon's [roles].
 *
 * The mount is attached with the rights of who mounted it, and keeps each
 * caller to his own.  The daemon is asked who may what: once for everybody
 * where everybody may everything, as by default, else for each process about
 * once a second, and anew when other roles come into force.  While the daemon
 * is away what was heard last holds; of whom nothing was heard is told
 * EHOSTDOWN.
 */
#ifndef RIGHTS_H
#define RIGHTS_H

#include "call.h"
#include "ctl/wire.h"

struct rights;

struct rights *rights_new(void);
void rights_free(struct rights **r);

/* Has the caller one of these rights (enum gs_wire_right) in a table? 0, or the errno to answer with. */
int rights_have(struct call *c, uint32_t table, uint32_t rights);
/* The same, where the answer is for him: a refusal is counted and told by the daemon. what: one word of a-z. */
int rights_check(struct call *c, uint32_t table, uint32_t rights, const char *what);

#endif
