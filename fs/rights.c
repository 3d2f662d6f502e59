/* SPDX-License-Identifier: BSD-2-Clause */
#include "rights.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "control.h"

enum { KNOWN = 16, FRESH_MS = 1000 };	/* callers that a thread remembers, and how long */

/* What the groups of a process let it do. */
struct known {
	uint32_t uid, gid, table, rights, epoch;
	int32_t pid;			/* 0: nobody */
	uint64_t read_ms;
};

static _Thread_local struct known known[KNOWN];

static uint64_t
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* By all groups of the caller, which are in /proc. */
static uint32_t
rights_of_groups(const struct call *c, uint32_t table)
{
	const struct gs *gs = c->m->tables[table].gs;
	struct known *k = &known[((uint32_t)c->pid + table) % KNOWN];
	uint32_t epoch = gs_roles_epoch(gs), groups[CALL_GROUPS], n;
	uint64_t now = now_ms();

	if (k->pid != 0 && k->pid == c->pid && k->uid == c->uid && k->gid == c->gid && k->table == table && k->epoch == epoch &&
	    now - k->read_ms < FRESH_MS)
		return k->rights;
	n = call_groups(c, groups);
	*k = (struct known){ .uid = c->uid, .gid = c->gid, .pid = c->pid, .table = table, .epoch = epoch, .read_ms = now };
	k->rights = gs_rights_of(gs, c->uid, c->gid, groups, n);
	return k->rights;
}

int
rights_have(const struct call *c, uint32_t table, uint32_t rights)
{
	if (c->is_operator || (gs_rights_of(c->m->tables[table].gs, c->uid, c->gid, NULL, 0) & rights) != 0)
		return 0;
	return (rights_of_groups(c, table) & rights) != 0 ? 0 : EPERM;
}

int
rights_check(struct call *c, uint32_t table, uint32_t rights, const char *what)
{
	int rc = rights_have(c, table, rights);

	if (rc == EPERM)
		control_tell_refusal(c, c->m->tables[table].name, what);
	return rc;
}
