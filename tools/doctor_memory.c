/* SPDX-License-Identifier: BSD-2-Clause */
/* Is there room for the sessions, and is the memory where it should be. */
#include "doctor.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/paths.h"
#include "base/text.h"
#include "doctor_mounts.h"
#include "proc.h"

enum { LITTLE_PERCENT = 5, MANY_SESSIONS = 64, DISK_PERCENT = 5 };

#define MIB UINT64_C(1048576)
#define FILE_WORD "file:"

struct room {
	uint64_t size, left;		/* bytes */
	bool is_read_only;
	char mount[PATH_MAX];
};

static bool
look_at_room(const char *path, struct room *out)
{
	struct statvfs st;

	if (statvfs(path, &st) < 0 || st.f_blocks == 0)
		return false;
	*out = (struct room){
		.size = (uint64_t)st.f_blocks * st.f_frsize,
		.left = (uint64_t)st.f_bavail * st.f_frsize,
		.is_read_only = (st.f_flag & ST_RDONLY) != 0,
	};
	doctor_mount_of(path, out->mount);
	return true;
}

/* In MiB, rounded up for what is to be had and down for what there is. */
static char *
mib(char out[GS_TEXT_SIZE_BYTES], uint64_t bytes, bool is_up)
{
	return gs_text_print_size(out, (bytes + (is_up ? MIB - 1 : 0)) / MIB * MIB);
}

static bool
is_on_disk(const struct doctor_ring *r)
{
	return strncmp(r->conf->store, FILE_WORD, sizeof(FILE_WORD) - 1) == 0;
}

/* What the ring takes when it is full, at what its sessions take now. */
static uint64_t
still_needed(const struct doctor_ring *r)
{
	uint64_t most = r->conf->capacity + r->conf->reserve;
	uint64_t each = r->count >= MANY_SESSIONS ? r->committed_bytes / r->count : r->slot_bytes;
	uint64_t full = most * (each > r->slot_bytes ? each : r->slot_bytes);

	return r->conf->state == GS_CONF_STATE_ON && !is_on_disk(r) && full > r->committed_bytes ? full - r->committed_bytes : 0;
}

static uint64_t
needed(const struct doctor *d)
{
	uint64_t bytes = 0;

	for (size_t i = 0; d->has_live && i < d->live.n_tables; i++)
		for (size_t r = 0; r < d->live.tables[i].n_rings; r++)
			bytes += still_needed(&d->tables[i].rings[r]);
	return bytes;
}

static bool
is_nearly_full(const struct room *room)
{
	return room->left < room->size / 100 * LITTLE_PERCENT;
}

void
doctor_memory_gone(struct doctor *d)
{
	if (d->is_memory_gone)
		doctor_find(d, d->shm, NULL);
}

void
doctor_tmpfs_full(struct doctor *d)
{
	char left[GS_TEXT_SIZE_BYTES], size[GS_TEXT_SIZE_BYTES], want[GS_TEXT_SIZE_BYTES];
	struct room room;

	if (look_at_room(d->shm, &room) && is_nearly_full(&room))
		doctor_find(d, d->shm, mib(left, room.left, false), mib(size, room.size, true),
		    mib(want, room.size + room.size / 4 + needed(d) * 5 / 4, true), room.mount, NULL);
}

void
doctor_tmpfs_small(struct doctor *d)
{
	char left[GS_TEXT_SIZE_BYTES], more[GS_TEXT_SIZE_BYTES], want[GS_TEXT_SIZE_BYTES];
	uint64_t need = needed(d);
	struct room room;

	if (look_at_room(d->shm, &room) && !is_nearly_full(&room) && room.left < need)
		doctor_find(d, d->shm, mib(left, room.left, false), mib(more, need, true),
		    mib(want, room.size + (need - room.left) * 5 / 4, true), room.mount, NULL);
}

/* All capacities of the file, at the smallest slot: the least for which nothing is cut. */
void
doctor_capacity_cut(struct doctor *d)
{
	char want[GS_TEXT_SIZE_BYTES];
	struct room room;
	uint64_t sum = 0;

	if (!d->is_cut || !look_at_room(d->shm, &room))
		return;
	for (size_t i = 0; i < d->file.n_tables; i++) {
		const struct gs_conf_table *t = &d->file.tables[i];

		for (size_t r = 0; r < t->n_rings; r++)
			sum += (t->rings[r].capacity + t->rings[r].reserve) * (t->slot_sizes[0] == 0 ? t->record_size : t->slot_sizes[0]);
	}
	doctor_find(d, d->shm, mib(want, room.size + 2 * sum, true), room.mount, NULL);
}

void
doctor_swapped(struct doctor *d)
{
	char out[GS_TEXT_SIZE_BYTES];
	struct proc_mapped mapped;

	if (d->pid != 0 && !doctor_is_late(d) && proc_mapped(d->pid, d->shm, true, &mapped) && mapped.swapped_bytes > 0)
		doctor_find(d, d->shm, gs_text_print_size(out, mapped.swapped_bytes), NULL);
}

void
doctor_memory_held(struct doctor *d)
{
	char pid[DOCTOR_WORD_BYTES];

	/* Of what has lost its names while it is served nobody holds an older one. */
	for (size_t i = 0; !d->is_memory_gone && i < d->holders.n; i++)
		doctor_find(d, doctor_number(pid, (uint64_t)d->holders.pid[i]), NULL);
}

/* ---- other instances ---- */

/* Does a daemon serve the directory? Asked of its lock, which is not taken. */
static bool
is_served(int dir_fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	GS_CLEANUP_CLOSE int fd = openat(dir_fd, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	return fd < 0 || fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}

static uint64_t
bytes_in(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	uint64_t bytes = 0;
	struct dirent *e;
	struct stat st;

	while (dir != NULL && (e = readdir(dir)) != NULL)
		if (fstatat(dir_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
			bytes += (uint64_t)st.st_blocks * 512;
	if (dir != NULL)
		(void)closedir(dir);
	return bytes;
}

static void
look_at_other(struct doctor *d, int above, const char *name, const char *path)
{
	GS_CLEANUP_CLOSE int fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	char size[GS_TEXT_SIZE_BYTES], full[2 * PATH_MAX];
	uint64_t bytes;

	if (fd < 0 || is_served(fd) || (bytes = bytes_in(fd)) == 0)
		return;
	(void)snprintf(full, sizeof(full), "%s/%s", path, name);
	doctor_find(d, full, name, mib(size, bytes, true), NULL);
}

void
doctor_memory_left(struct doctor *d)
{
	char above[PATH_MAX];
	struct dirent *e;
	DIR *dir;

	(void)snprintf(above, sizeof(above), "%.*s", (int)(strrchr(d->shm, '/') - d->shm), d->shm);
	dir = opendir(above);
	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL && !doctor_is_late(d))
		if (gs_name_is_valid(e->d_name) && strcmp(e->d_name, d->instance) != 0)
			look_at_other(d, dirfd(dir), e->d_name, above);
	(void)closedir(dir);
}

/* ---- rings on disks ---- */

/* The next ring that lies on a disk; *table and *ring are where to go on. */
static const struct doctor_ring *
next_on_disk(const struct doctor *d, size_t *table, size_t *ring)
{
	for (; d->has_live && *table < d->live.n_tables; ++*table, *ring = 0) {
		while (*ring < d->live.tables[*table].n_rings) {
			const struct doctor_ring *r = &d->tables[*table].rings[(*ring)++];

			if (is_on_disk(r))
				return r;
		}
	}
	return NULL;
}

void
doctor_disk_full(struct doctor *d)
{
	char left[GS_TEXT_SIZE_BYTES], size[GS_TEXT_SIZE_BYTES];
	const struct doctor_ring *r;
	struct room room;
	size_t table = 0, ring = 0;

	while ((r = next_on_disk(d, &table, &ring)) != NULL) {
		const char *path = r->conf->store + sizeof(FILE_WORD) - 1;

		if (look_at_room(path, &room) && room.left < room.size / 100 * DISK_PERCENT)
			doctor_find(d, path, r->conf->name, mib(left, room.left, false), mib(size, room.size, true), room.mount, NULL);
	}
}

void
doctor_disk_read_only(struct doctor *d)
{
	const struct doctor_ring *r;
	struct room room;
	size_t table = 0, ring = 0;

	while ((r = next_on_disk(d, &table, &ring)) != NULL) {
		const char *path = r->conf->store + sizeof(FILE_WORD) - 1;

		if (look_at_room(path, &room) && room.is_read_only)
			doctor_find(d, path, r->conf->name, room.mount, NULL);
	}
}

/* Is it a file of this ring, TABLE@RING.C, with .bad and more behind it? */
static bool
is_aside(const char *file, const char *table, const char *ring)
{
	size_t n = strlen(table), m = strlen(ring);

	return strncmp(file, table, n) == 0 && file[n] == '@' && strncmp(file + n + 1, ring, m) == 0 && file[n + 1 + m] == '.' &&
	    strstr(file + n + 1 + m, ".bad") != NULL;
}

void
doctor_file_aside(struct doctor *d)
{
	const struct doctor_ring *r;
	size_t table = 0, ring = 0;

	while ((r = next_on_disk(d, &table, &ring)) != NULL) {
		const char *path = r->conf->store + sizeof(FILE_WORD) - 1;
		char file[PATH_MAX];
		struct dirent *e;
		DIR *dir = opendir(path);

		while (dir != NULL && (e = readdir(dir)) != NULL) {
			if (!is_aside(e->d_name, d->live.tables[table].name, r->conf->name))
				continue;
			(void)snprintf(file, sizeof(file), "%s/%.255s", path, e->d_name);
			doctor_find(d, file, r->conf->name, NULL);
		}
		if (dir != NULL)
			(void)closedir(dir);
	}
}
