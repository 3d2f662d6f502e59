/* SPDX-License-Identifier: BSD-2-Clause */
#include "doctor_mounts.h"

#include <mntent.h>
#include <stdio.h>
#include <string.h>

static void
each_line(const char *file, void (*fn)(void *arg, const struct doctor_mounted *m), void *arg)
{
	FILE *f = setmntent(file, "re");
	struct doctor_mounted m;
	struct mntent entry;
	char line[2 * PATH_MAX + 512];

	if (f == NULL)
		return;
	while (getmntent_r(f, &entry, line, sizeof(line)) != NULL) {
		(void)snprintf(m.source, sizeof(m.source), "%s", entry.mnt_fsname);
		(void)snprintf(m.dir, sizeof(m.dir), "%s", entry.mnt_dir);
		(void)snprintf(m.type, sizeof(m.type), "%s", entry.mnt_type);
		fn(arg, &m);
	}
	(void)endmntent(f);
}

void
doctor_each_mount(void (*fn)(void *arg, const struct doctor_mounted *m), void *arg)
{
	each_line("/proc/self/mounts", fn, arg);
}

void
doctor_each_fstab(void (*fn)(void *arg, const struct doctor_mounted *m), void *arg)
{
	each_line("/etc/fstab", fn, arg);
}

bool
doctor_is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	while (len > 0 && dir[len - 1] == '/')
		len--;
	return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

bool
doctor_is_path(const char *given, const char *dir)
{
	size_t len = strlen(given), all = strlen(dir);

	while (len > 1 && given[len - 1] == '/')
		len--;
	if (given[0] == '/')
		return len == all && memcmp(given, dir, len) == 0;
	return len < all && dir[all - len - 1] == '/' && memcmp(given, dir + all - len, len) == 0;
}

struct search {
	const char *path;
	char *best;
};

static void
take_longer(void *arg, const struct doctor_mounted *m)
{
	struct search *s = arg;

	if (doctor_is_below(s->path, m->dir) && strlen(m->dir) >= strlen(s->best))
		(void)snprintf(s->best, PATH_MAX, "%s", m->dir);
}

void
doctor_mount_of(const char *path, char out[PATH_MAX])
{
	struct search s = { path, out };

	(void)snprintf(out, PATH_MAX, "/");
	doctor_each_mount(take_longer, &s);
}
