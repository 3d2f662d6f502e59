/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rights.h - what the callers of a mount may do with sessions, by the daemon's [roles].
 *
 * The mount is attached with the rights of who mounted it, and keeps each
 * caller to his own.  Who has which role is in the memory, so that nobody is
 * asked and the daemon may be away: what it lets somebody do, or no more, is
 * in force with the first request behind the change.  The groups of a process
 * beside its own are read when nothing else decides, and believed for a
 * second: when it leaves one, what that let it do ends by then.
 */
#ifndef RIGHTS_H
#define RIGHTS_H

#include "call.h"

/* Has the caller one of these rights (enum gs_right) in a table? 0 or EPERM. */
int rights_have(const struct call *c, uint32_t table, uint32_t rights);
/* The same, where the answer is for him: a refusal is counted and told by the daemon. what: one word of a-z. */
int rights_check(struct call *c, uint32_t table, uint32_t rights, const char *what);

#endif
