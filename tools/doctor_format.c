/* SPDX-License-Identifier: BSD-2-Clause */
/* Is there anything that another version of gsession made, and this one does not read? */
#include "doctor.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/format.h"
#include "base/paths.h"

#define CTL ".ctl"

/* Open the next file of a directory, one whose name ends so; *e is its entry. -1: there are no more. */
static int
open_next(DIR *dir, const char *end, struct dirent **e)
{
	size_t n = strlen(end), len;
	int fd;

	while ((*e = readdir(dir)) != NULL) {
		len = strlen((*e)->d_name);
		if ((*e)->d_name[0] == '.' || len < n || strcmp((*e)->d_name + len - n, end) != 0)
			continue;
		fd = openat(dirfd(dir), (*e)->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

/* The daemon that serves it, if one does, can still say which sessions there are. */
void
doctor_memory_version(struct doctor *d)
{
	char path[PATH_MAX], have[DOCTOR_WORD_BYTES], want[DOCTOR_WORD_BYTES];
	DIR *dir = opendir(d->shm);
	struct dirent *e;
	uint32_t version;
	int fd;

	while (dir != NULL && (fd = open_next(dir, CTL, &e)) >= 0) {
		bool is_other = gs_format_of_memory(fd, &version) && version != GS_FORMAT_MEMORY;

		(void)close(fd);
		if (!is_other)
			continue;
		(void)snprintf(path, sizeof(path), "%.*s/%.255s", PATH_MAX - 300, d->shm, e->d_name);
		e->d_name[strlen(e->d_name) - (sizeof(CTL) - 1)] = '\0';
		doctor_find(d, path, e->d_name, doctor_number(have, version), doctor_number(want, GS_FORMAT_MEMORY),
		    d->ctl != NULL ? "$N" : "$P; $S", NULL);
	}
	if (dir != NULL)
		(void)closedir(dir);
}

void
doctor_snapshot_version(struct doctor *d)
{
	char path[PATH_MAX], file[2 * PATH_MAX], have[DOCTOR_WORD_BYTES], from[DOCTOR_WORD_BYTES], to[DOCTOR_WORD_BYTES];
	struct dirent *e;
	uint32_t version;
	DIR *dir;
	int fd;

	if (gs_path_state(path, sizeof(path) - sizeof("/snapshots"), d->instance) < 0)
		return;
	(void)strcat(path, "/snapshots");
	dir = opendir(path);
	while (dir != NULL && !doctor_is_late(d) && (fd = open_next(dir, "", &e)) >= 0) {
		bool is_other = gs_format_of_snapshot(fd, &version) && (version < GS_FORMAT_SNAPSHOT_OLDEST || version > GS_FORMAT_SNAPSHOT);

		(void)close(fd);
		if (!is_other)
			continue;
		(void)snprintf(file, sizeof(file), "%s/%.255s", path, e->d_name);
		doctor_find(d, file, doctor_number(have, version), doctor_number(from, GS_FORMAT_SNAPSHOT_OLDEST), doctor_number(to, GS_FORMAT_SNAPSHOT), NULL);
	}
	if (dir != NULL)
		(void)closedir(dir);
}
