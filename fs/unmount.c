/* SPDX-License-Identifier: BSD-2-Clause */
#include "unmount.h"

#include <sys/mount.h>
#include <sys/wait.h>
#include <errno.h>
#include <mntent.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "prog/log.h"

extern char **environ;

bool
unmount_is_ours(const char *directory)
{
	FILE *mounts = setmntent("/proc/self/mounts", "r");
	struct mntent *m;
	bool is_ours = false;

	if (mounts == NULL)
		return false;
	while ((m = getmntent(mounts)) != NULL)
		if (strcmp(m->mnt_dir, directory) == 0)
			is_ours = strcmp(m->mnt_type, "fuse.gsession") == 0;
	(void)endmntent(mounts);
	return is_ours;
}

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
	/* EINVAL: somebody else has. */
	if (umount2(directory, MNT_DETACH) == 0 || errno == EINVAL)
		return;
	if (errno == EPERM)
		ask_fusermount(directory);
	else
		log_warn("%s", directory);
}
