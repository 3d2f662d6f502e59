/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor_mounts.h - which file systems are mounted here, and which one a path is on.
 */
#ifndef TOOLS_DOCTOR_MOUNTS_H
#define TOOLS_DOCTOR_MOUNTS_H

#include <limits.h>
#include <stdbool.h>

struct doctor_mounted {
	char source[PATH_MAX], dir[PATH_MAX], type[64];
};

/* Call fn for each, in the order in which they were mounted. None of them is touched. */
void doctor_each_mount(void (*fn)(void *arg, const struct doctor_mounted *m), void *arg);
/* The same for the lines of /etc/fstab. */
void doctor_each_fstab(void (*fn)(void *arg, const struct doctor_mounted *m), void *arg);

/* Where the file system of a path is mounted; "/" when nothing else fits. */
void doctor_mount_of(const char *path, char out[PATH_MAX]);

/* Is this the name of the directory, as one may write it: relative names are compared by their end, slashes at the end do not count. */
bool doctor_is_path(const char *given, const char *dir);
/* Does a path lie in the directory? */
bool doctor_is_below(const char *path, const char *dir);

#endif
