/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * torture_place.h - the private directory of a torture: socket, memory, configuration and log of its daemon.
 *
 * On tmpfs.  A lock on a file in it lasts as long as the torture; one whose
 * lock is free was left by a torture that was killed, and the next one
 * removes it.
 */
#ifndef LAB_TORTURE_PLACE_H
#define LAB_TORTURE_PLACE_H

#include <limits.h>
#include <stdio.h>
#include <sys/types.h>

struct torture_place {
	char dir[PATH_MAX - 64];
	char run_dir[PATH_MAX], shm_dir[PATH_MAX], state_dir[PATH_MAX], conf[PATH_MAX], log[PATH_MAX];
	char daemon[PATH_MAX];		/* the program */
	int lock_fd;
};

/* Make it, and find gsessiond beside the running program. Returns 0, or an enum gs_err with a sentence in why. */
int torture_place_init(struct torture_place *p, char *why, size_t why_bytes);
void torture_place_fini(struct torture_place *p);
/* The last lines of the daemon's log. */
void torture_place_print_log(const struct torture_place *p, FILE *to);
/* In a child: become the daemon. Does not return. */
void torture_place_serve(const struct torture_place *p) __attribute__((noreturn));

#endif
