/* SPDX-License-Identifier: BSD-2-Clause */
#include "call.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "intent.h"
#include "later.h"
#include "transport.h"

bool
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
	c->may_wait = later_is_here(&c->came_ms);
	/* The store was made anew: to attach anew is to wait. A request that was held back goes on with what there is. */
	if (mount_is_gone(c->m) && !c->may_wait && transport_has_request()) {
		later_put(c);
		return false;
	}
	mount_enter(c->m, c->came_ms);
	return true;
}

void
call_end(struct call *c)
{
	mount_leave(c->m);
}

int
call_wait(const struct call *c)
{
	return c->may_wait ? 0 : CALL_LATER;
}

void
call_refuse(struct call *c, int rc)
{
	if (rc != CALL_LATER) {
		(void)fuse_reply_err(c->req, rc);
		return;
	}
	intent_put_off(c);
	later_put(c);
}

void
call_reply_unlock(struct call *c, const void *bytes, size_t n, pthread_mutex_t *lock)
{
	char copy[CALL_COPY_BYTES];

	if (n > sizeof(copy)) {
		(void)fuse_reply_buf(c->req, bytes, n);
		pthread_mutex_unlock(lock);
		return;
	}
	if (n > 0)
		memcpy(copy, bytes, n);
	pthread_mutex_unlock(lock);
	(void)fuse_reply_buf(c->req, copy, n);
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
