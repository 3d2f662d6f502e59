/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session_impl.h - names of sessions in a directory, as session.c and the temporary files that become sessions need them.
 */
#ifndef SESSION_IMPL_H
#define SESSION_IMPL_H

#include <stdio.h>

#include "session.h"

/* A directory of sessions: a ring's, or that of a namespace in it. */
struct session_place {
	struct mount_table *t;
	struct gs *gs;			/* for its namespace */
	uint64_t dir;			/* its number */
	uint32_t table, ring;
	struct gs_ring_info info;	/* of the ring */
	struct gs_namespace_info ns;	/* of the namespace; of the default one the id is 0 */
};

/* 0; ENOENT: there is no such ring or namespace any more; EACCES: the caller may not search it. */
int session_place_of(struct call *c, uint64_t parent, struct session_place *p);

/*
 * May the caller start, end and rename sessions here: 0, EACCES. Everybody may in a ring's directory, where it takes the session's
 * owner to end it; in that of a namespace its mode says so, and that is enough, as in any directory without the sticky bit.
 */
int session_may_change(const struct call *c, const struct session_place *p);
/* May he end and replace what a user made here. */
bool session_may_end(const struct call *c, const struct session_place *p, uint32_t uid);

/* The session of that name, whatever ring it lives in. */
int session_stat(struct call *c, const struct session_place *p, const char *name, struct gs_info *info);

/* May the session under the new name be replaced by a rename. 0 also when there is none; then info->id is UINT64_MAX. */
int session_check_target(struct call *c, const struct session_place *to, const char *name, unsigned flags, struct gs_info *info);

/*
 * Before a session of that name is started, what may wait for the daemon is waited for: the lease of a table that has one
 * starter. 0, also when there is one of that name, which is replaced without it; CALL_LATER, or an errno.
 */
int session_begin_start(struct call *c, const struct session_place *p, const char *name);

/* What open(2) flags ask of the permission bits. */
int session_open_mask(int flags);

void session_item(struct gs_item *item, const char *name, const struct gs_info *info);

#endif
