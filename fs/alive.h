/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * alive.h - systemd's watchdog is told that the mount answers.
 *
 * Asked is what applications ask, through the kernel: a thread that hangs, a
 * lock that is never let go of, or a stopped process is seen, whichever it is.
 * A process of its own does it: one that waits for an answer of itself could
 * not be killed.
 */
#ifndef ALIVE_H
#define ALIVE_H

#include <sys/types.h>

struct alive {
	pid_t pid;			/* 0: there is none */
	int fd;				/* its end is that of the process */
};

/*
 * Start the process, where systemd waits for signs of life; before there are threads, or descriptors that it must not keep. They come
 * once the mount is up. Logs when there can be none: systemd will end us then.
 */
void alive_start(struct alive *a, const char *directory);
/* Does not wait for it. */
void alive_stop(struct alive *a);

#endif
