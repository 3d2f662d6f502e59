/* SPDX-License-Identifier: BSD-2-Clause */
#include "call.h"

#include <errno.h>
#include <unistd.h>

void
call_begin(struct call *c, fuse_req_t req)
{
	const struct fuse_ctx *who = fuse_req_ctx(req);

	c->req = req;
	c->m = fuse_req_userdata(req);
	c->uid = (uint32_t)who->uid;
	c->gid = (uint32_t)who->gid;
	c->pid = (int32_t)who->pid;
	c->is_operator = c->uid == 0 || c->uid == c->m->uid;
	c->is_again = false;
	c->intent = NULL;
	c->was_begun = false;
	c->turn_after_ms = 0;
	mount_enter(c->m);
}

void
call_end(struct call *c)
{
	mount_leave(c->m);
}

uint32_t
call_groups(const struct call *c, uint32_t groups[CALL_GROUPS])
{
	/* Read from /proc: only when nothing cheaper has decided. */
	int n = fuse_req_getgroups(c->req, CALL_GROUPS, groups);

	return n < 0 ? 0 : n < CALL_GROUPS ? (uint32_t)n : CALL_GROUPS;
}

bool
call_is_in_group(const struct call *c, uint32_t gid)
{
	uint32_t groups[CALL_GROUPS], n, i;

	if (gid == c->gid)
		return true;
	n = call_groups(c, groups);
	for (i = 0; i < n; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

int
call_may(const struct call *c, uint32_t uid, uint32_t gid, uint32_t mode, int mask)
{
	uint32_t want = (uint32_t)(mask & (R_OK | W_OK | X_OK));

	if (c->is_operator)
		return (want & X_OK) == 0 || (mode & 0111) != 0 ? 0 : EACCES;
	if (c->uid == uid)
		return (mode >> 6 & want) == want ? 0 : EACCES;
	/* The group's bits count only where they differ from everybody's. */
	if ((mode >> 3 & want) != (mode & want) && call_is_in_group(c, gid))
		return (mode >> 3 & want) == want ? 0 : EACCES;
	return (mode & want) == want ? 0 : EACCES;
}

bool
call_owns(const struct call *c, uint32_t uid)
{
	return c->is_operator || c->uid == uid;
}
