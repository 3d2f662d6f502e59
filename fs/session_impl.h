/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session_impl.h - names of sessions in a directory, as session.c and the temporary files that become sessions need them.
 */
#ifndef SESSION_IMPL_H
#define SESSION_IMPL_H

#include <stdio.h>

#include "session.h"

/* A ring's directory. */
struct session_place {
	struct mount_table *t;
	uint64_t dir;			/* its number */
	uint32_t table, ring;
	struct gs_ring_info info;	/* of the ring */
};

/* 0 or ENOENT: there is no such ring any more. */
int session_place_of(struct call *c, uint64_t parent, struct session_place *p);

/* The session of that name, whatever ring it lives in. */
int session_stat(struct call *c, const struct session_place *p, const char *name, struct gs_info *info);

/* May the session under the new name be replaced by a rename. 0 also when there is none; then info->id is UINT64_MAX. */
int session_check_target(struct call *c, const struct session_place *to, const char *name, unsigned flags, struct gs_info *info);

/* What open(2) flags ask of the permission bits. */
int session_open_mask(int flags);

void session_item(struct gs_item *item, const char *name, const struct gs_info *info);

#endif
