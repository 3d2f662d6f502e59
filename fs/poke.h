/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poke.h - who watches control/events.counts by inotify is told of its changes.
 *
 * The kernel tells watchers of what goes through it, and the counts change
 * behind its back.  So a process writes a byte to the file, through the mount,
 * which takes it and does nothing.  It is a process of its own: one that
 * waits for an answer of itself could not be killed.  It sleeps until somebody
 * has looked the file up or listed it, and ends with the mount, or when
 * another file system stands in its place.
 */
#ifndef POKE_H
#define POKE_H

#include <sys/types.h>

#include <stdatomic.h>
#include <stdbool.h>

struct poke {
	pid_t pid;			/* 0: there is none */
	int fd;				/* its end is that of the process */
	atomic_bool is_wanted;
	atomic_bool is_gone;		/* which has been logged */
};

/* Start the process; before there are threads, or descriptors that it must not keep. Without it nothing else is missing. */
void poke_start(struct poke *p, const char *instance, const char *directory);
/* When the mount is no more: it waits for what it has asked of it. Blocks for two seconds at most. */
void poke_stop(struct poke *p);

/* Somebody knows the file, and may watch it. Logs, once, when the process is gone. From any thread; a system call. */
void poke_want(struct poke *p);
/* Is it this process that writes? */
bool poke_is(const struct poke *p, pid_t pid);

#endif
