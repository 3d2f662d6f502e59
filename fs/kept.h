/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kept.h - memory and descriptors that outlive this process: by name, held by whoever supervises it.
 *
 * That is gsession-keep(8), or systemd with its file descriptor store (see
 * prog/notify.h).  A killed gsession-fs is followed by another, which takes
 * the descriptor of the kernel's connection and these memories over:
 *
 *	fuse		the connection; without it all the others are of a mount that is no more, and are forgotten
 *	mount		who serves it, and the answer to the kernel's first question		transport.c
 *	tables		their numbers							numbers.h
 *	control		the paths that numbers of control/ stand for				control.c
 *	handles		open files								handles.h
 *	intents		requests that are being done						intent.h
 *	stage		temporary files								stage.h
 *
 * What lies in such a memory is position independent: offsets and numbers,
 * no pointers and no locks; and it is whole before and after each single
 * store, as the process may end between any two.  Without a supervisor it
 * is memory as any other, and goes with the process.
 *
 * Whoever takes one over looks first whether it can be what it says: a
 * process that crashed may have written anywhere.  And where one begins anew
 * under a mount that goes on, as after a change of its layout, the numbers
 * that it gives out begin somewhere else, by chance: what the kernel knows of
 * before is stale, and not another's.
 */
#ifndef KEPT_H
#define KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kept {
	void *base;			/* at a page's begin; zeros when it is new */
	size_t bytes;
	bool is_found;			/* it is that of the process before, which may have damaged it */
	const char *name;
	uint32_t version;
};

/* Find what was handed over. Once, after any fork into the background, before a descriptor is opened. */
void kept_begin(void);
/* Is there somebody who keeps? */
bool kept_is_supervised(void);
/* ... and who ends with the mount, as gsession-keep does? systemd makes another. */
bool kept_ends_with_mount(void);
/* Was anything handed over? */
bool kept_has_any(void);

/* A descriptor that was handed over, to be closed by the caller; -1: there is none. */
int kept_take(const char *name);
/* Hand a descriptor over, in the place of any of that name. */
void kept_give(const char *name, int fd);
/* Let go of one, here and there. */
void kept_drop(const char *name);
/* Let go of all that was handed over: it belongs to a mount that is no more. */
void kept_drop_all(void);

/*
 * The memory of a name: `bytes` of it, untouched pages of which take no memory. That of the process before when it has this
 * layout `version` and size, as often as it is asked for, else a new one, which is handed over. 0 or GS_ESYSTEM with errno.
 */
int kept_open(struct kept *k, const char *name, uint32_t version, size_t bytes);
/* What was found in it cannot be: begin with a new one, and say so. 0 or GS_ESYSTEM with errno. */
int kept_refuse(struct kept *k);
/* Unmap it; it stays with who keeps it. */
void kept_close(struct kept *k);

#endif
