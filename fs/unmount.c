/* SPDX-License-Identifier: BSD-2-Clause */
#include "unmount.h"

#include <sys/mount.h>
#include <sys/wait.h>
#include <errno.h>
#include <spawn.h>
#include <stdint.h>
#include <unistd.h>

#include "prog/log.h"

extern char **environ;

static void
ask_fusermount(const char *directory)
{
	char name[] = "fusermount3", what[] = "-uz", dashes[] = "--";
	char *argv[] = { name, what, dashes, (char *)(uintptr_t)directory, NULL };
	pid_t pid;
	int status;

	if (posix_spawnp(&pid, name, NULL, NULL, argv, environ) != 0) {
		log_warnx("%s: fusermount3 (package fuse3) is missing, and others than root cannot unmount without it", directory);
		return;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
}

void
unmount_place(const char *directory)
{
	if (umount2(directory, MNT_DETACH) == 0 || errno != EPERM)
		return;
	ask_fusermount(directory);
}
