/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handle.h - what a struct gs is, and how a call borrows a context from it.
 *
 * A handle has a few contexts; a call takes a free one for as long as it
 * lasts, so any thread may call and no thread-local destructor is needed.  A
 * page that fork wipes tells a child that the contexts are its parent's.
 */
#ifndef GS_LIB_HANDLE_H
#define GS_LIB_HANDLE_H

#include <stdatomic.h>

#include "gsession.h"
#include "ctl/client.h"
#include "shm/kv.h"

struct gs_lease {
	_Alignas(64) _Atomic uint32_t is_taken;
	struct gs_ctx ctx;
};

enum { GS_HANDLE_FRESH = 0, GS_HANDLE_READY = 1, GS_HANDLE_ATTACHING = 2 };

struct gs {
	uint64_t magic;
	_Atomic uint32_t *state;	/* in a page that fork wipes: FRESH in a new child */
	struct gs_table *t;
	struct gs_ctl *ctl;
	uint32_t n_leases;
	struct gs_lease *leases;
	uint64_t cookie;
	uint32_t role;			/* enum gs_role */
	struct gs_ctx_page *pages;	/* of a reader: n_leases of them, shared with the daemon alone; else NULL */
	uint64_t pages_bytes;
	uint32_t uid, gid;		/* at the attach: whose sessions it starts */
	uint32_t timeout_ms;
	char instance[GS_NAME_BYTES];
	char *run_dir;			/* or NULL */
};

/* Borrow a context; 0, or what a forked child's attach answers. Spins while all are taken by other threads of this process. */
int gs_handle_enter(struct gs *gs, struct gs_lease **out);
void gs_handle_leave(struct gs_lease *lease);

/* May this handle write to its table? 0 or GS_EPERM. */
static inline int
gs_handle_may_write(const struct gs *gs)
{
	return gs->role == GS_ROLE_READER ? GS_EPERM : 0;
}

#endif
