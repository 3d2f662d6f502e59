/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handle.h - what a struct gs is, and how a call borrows a context from it.
 *
 * Handles of several namespaces may share one attachment, which goes with the
 * last of them.
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

/* What a reader has of the daemon: pages in which it tells of its accesses, and the search for the next daemon. */
struct gs_reader {
	struct gs_ctx_page *pages;	/* n_leases of them, shared with the daemon alone */
	uint64_t bytes;
	_Atomic uint64_t epoch;		/* of the daemon that has them */
	_Atomic uint32_t is_searching;	/* a thread is at what follows */
	uint64_t next_ms;		/* not before, CLOCK_MONOTONIC_COARSE */
	struct gs_ctl *ctl;		/* HELLO was said to the next daemon; or NULL */
};

/* What the handles of one attachment have in common. */
struct gs_own {
	_Atomic uint32_t n_handles;
	struct gs_ctl *ctl;
	uint64_t cookie;
	uint32_t role;			/* enum gs_role */
	uint32_t rights;		/* enum gs_right, by the daemon's [roles] */
	uint64_t process;		/* what T.ctl calls ours */
	struct gs_reader reader;	/* of a reader, else all zero */
	uint32_t uid, gid;		/* at the attach: whose sessions it starts */
	uint32_t timeout_ms;
	uint32_t patience_ms;
	char instance[GS_NAME_BYTES];
	char *run_dir;			/* or NULL */
};

struct gs {
	uint64_t magic;
	/* The same in all handles of an attachment, here because each call needs them. */
	_Atomic uint32_t *state;	/* in a page that fork wipes: FRESH in a new child */
	struct gs_table *t;
	struct gs_lease *leases;
	uint32_t n_leases;
	uint32_t ns;			/* id of the handle's namespace */
	struct gs_own *own;
};

/* A key of the handle's namespace: as gs_key_init. */
static inline int
gs_handle_key(const struct gs *gs, struct gs_key *out, const void *key, size_t key_len)
{
	return gs_key_init_in(gs->t, out, gs->ns, key, key_len);
}

/* Borrow a context; 0, or what a forked child's attach answers. Spins while all are taken by other threads of this process. */
int gs_handle_enter(struct gs *gs, struct gs_lease **out);
void gs_handle_leave(struct gs_lease *lease);

/*
 * Put the descriptors that came, in the order of the bits of `arenas`, at their places. Closed when there are not as many:
 * GS_EPROTO, or GS_EVERSION from a daemon that knows no events.
 */
int gs_handle_place_fds(const int *came, size_t n_came, uint32_t arenas, int fds[GS_TABLE_FDS]);
/* Close those that are not -1. */
void gs_handle_close_fds(const int *fds, size_t n);

/*
 * Has this handle one of these rights (enum gs_right)? 0 or GS_EPERM, which is counted and told of the key that it would
 * be done to, NULL: of none. A reader has none but to read.
 */
int gs_handle_may(struct gs *gs, uint32_t rights, const void *key, size_t key_len);

/* Count and tell that something was refused to a key for want of a role; of a reader the daemon sees that he counted it, and tells. */
void gs_handle_tell_forbidden(struct gs *gs, struct gs_lease *lease, const struct gs_key *k);

#endif
