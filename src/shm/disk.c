/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/disk.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/paths.h"
#include "shm/region.h"
#include "shm/table_impl.h"

#define CRC_BYTES offsetof(struct gs_arena_hdr, crc)
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

enum {
	COPY_BYTES = 1 << 20,
	MOST_ASIDE = 10000,		/* files of one name that are kept */
};

/* ---- the file ---- */

static void
file_name(char out[GS_TABLE_FILE_BYTES], const char *table, const char *ring, uint32_t class_id)
{
	/* no name has an @ */
	(void)snprintf(out, GS_TABLE_FILE_BYTES, "%.31s@%.31s.%u", table, ring, class_id);
}

int
gs_disk_open_dir(const char *store)
{
	int fd = open(store, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? GS_ESYSTEM : fd;
}

/* Changes whenever the host starts; zeros where nobody says. */
static void
load_boot_id(uint8_t out[16])
{
	char text[64] = "";
	int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC), n = 0;

	memset(out, 0, 16);
	if (fd < 0)
		return;
	if (read(fd, text, sizeof(text) - 1) > 0)
		for (const char *p = text; *p != '\0' && n < 32; p++) {
			const char *digits = "0123456789abcdef", *d = strchr(digits, *p);

			if (d == NULL)
				continue;
			out[n / 2] = (uint8_t)(out[n / 2] << 4 | (d - digits));
			n++;
		}
	(void)close(fd);
}

/* Only what the crc covers, so that the anchor stays. */
static int
write_head(int fd, struct gs_arena_hdr *head)
{
	size_t n = offsetof(struct gs_arena_hdr, wall_add_ms);

	head->abi_major = GS_ABI_MAJOR;
	head->slot_header_bytes = GS_SLOT_HEADER_BYTES;
	load_boot_id(head->boot);
	head->crc = gs_crc32c(0, head, CRC_BYTES);
	return pwrite(fd, head, n, 0) == (ssize_t)n ? 0 : GS_ENOSPC;
}

int
gs_disk_sync(int fd)
{
	int rc;

	do
		rc = fdatasync(fd);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? GS_ESYSTEM : 0;
}

int
gs_disk_create(const char *store, struct gs_arena_hdr *head)
{
	char name[GS_TABLE_FILE_BYTES];
	int dir_fd = gs_disk_open_dir(store), fd, rc;

	if (dir_fd < 0)
		return dir_fd;
	file_name(name, head->table, head->ring_name, head->class_id);
	fd = gs_region_create(dir_fd, name, head->file_bytes);
	rc = fd < 0 ? fd : gs_region_commit(fd, 0, head->due_off);
	if (rc == 0)
		rc = gs_region_commit(fd, head->names_off, GS_NAMESPACES * GS_RING_NAME_BYTES);
	if (rc == 0)
		rc = write_head(fd, head);
	/* What is synced later is of no use without its name. */
	if (rc == 0 && (fsync(fd) < 0 || fsync(dir_fd) < 0))
		rc = GS_ESYSTEM;
	if (rc < 0 && fd >= 0) {
		(void)close(fd);
		(void)unlinkat(dir_fd, name, 0);
	}
	(void)close(dir_fd);
	return rc < 0 ? rc : fd;
}

static int
open_in(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	return fd >= 0 ? fd : errno == ENOENT ? GS_ENOENT : GS_ESYSTEM;
}

int
gs_disk_open(const char *store, const char *table, const char *ring, uint32_t class_id)
{
	char name[GS_TABLE_FILE_BYTES];
	int dir_fd = gs_disk_open_dir(store), fd;

	if (dir_fd < 0)
		return dir_fd;
	file_name(name, table, ring, class_id);
	fd = open_in(dir_fd, name);
	(void)close(dir_fd);
	return fd;
}

int
gs_disk_take_over(const char *store, const struct gs_arena_hdr *head)
{
	struct gs_arena_hdr now;
	int fd = gs_disk_open(store, head->table, head->ring_name, head->class_id), rc;

	if (fd < 0)
		return fd;
	rc = pread(fd, &now, sizeof(now), 0) == (ssize_t)sizeof(now) ? 0 : GS_ESYSTEM;
	/* Rings may have been renumbered. */
	now.ring = head->ring;
	if (rc == 0)
		rc = write_head(fd, &now);
	if (rc == 0)
		return fd;
	(void)close(fd);
	return rc;
}

void
gs_disk_unlink(const char *store, const char *table, const char *ring, uint32_t class_id)
{
	char name[GS_TABLE_FILE_BYTES];
	int dir_fd = gs_disk_open_dir(store);

	if (dir_fd < 0)
		return;
	file_name(name, table, ring, class_id);
	(void)unlinkat(dir_fd, name, 0);
	(void)close(dir_fd);
}

void
gs_disk_anchor(struct gs_table *t)
{
	uint64_t add = atomic_load_explicit(&t->ctl->wall_add_ms, memory_order_relaxed);

	for (uint32_t i = 0; i < GS_MAX_ARENAS; i++) {
		struct gs_arena *a = &t->arena[i];

		if (a->map == NULL || !a->is_file || atomic_load_explicit(&a->map->wall_add_ms, memory_order_relaxed) == add)
			continue;
		/* relaxed, both; read when nobody writes any more */
		atomic_store_explicit(&a->map->wall_add_ms, add, memory_order_relaxed);
		atomic_store_explicit(&a->map->wall_check, ~add, memory_order_relaxed);
	}
}

/* ---- is it one of ours? ---- */

/* What is wrong with a file for an arena of this name; NULL: nothing, and *head is what it says. */
static const char *
find_fault(int fd, const char *table, const char *ring, uint32_t class_id, struct gs_arena_hdr *head)
{
	struct gs_arena_shape shape;
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return "no file";
	if (pread(fd, head, sizeof(*head), 0) != (ssize_t)sizeof(*head))
		return "cut short";
	if (head->magic != GS_ARENA_MAGIC)
		return "no file of gsession";
	if (head->abi_major != GS_ABI_MAJOR || head->slot_header_bytes != GS_SLOT_HEADER_BYTES)
		return "made by another version of gsession";
	if (head->crc != gs_crc32c(0, head, CRC_BYTES))
		return "header damaged";
	if (memcmp(head->table, table, strlen(table) + 1) != 0 || memcmp(head->ring_name, ring, strlen(ring) + 1) != 0 ||
	    head->class_id != class_id)
		return "belongs to another ring";
	if (head->seg_slots == 0 || head->seg_slots % 64 != 0 || head->n_slots == 0 || head->n_slots % head->seg_slots != 0 ||
	    head->n_slots >= GS_SLOT_NUMBERS || head->slot_size % 64 != 0 || head->slot_size < 256 || head->slot_size > GS_SLOT_BYTES_MAX)
		return "geometry out of bounds";
	gs_table_arena_shape(&shape, head->n_slots, head->seg_slots, head->slot_size);
	if (head->segments_off != shape.segments_off || head->bitmap_off != shape.bitmap_off || head->retired_off != shape.retired_off ||
	    head->due_off != shape.due_off || head->kin_off != shape.kin_off ||
	    head->slots_off != shape.slots_off || head->names_off != shape.names_off || head->file_bytes != shape.bytes)
		return "geometry out of bounds";
	return (uint64_t)st.st_size == shape.bytes ? NULL : "cut short";
}

/* NAME.bad, or where that is kept already NAME.bad.2, .3 ...: this one may have the sessions of another version. */
static void
find_aside(int dir_fd, const char *name, char *out, size_t cap)
{
	(void)snprintf(out, cap, "%s.bad", name);
	for (int i = 2; i <= MOST_ASIDE && faccessat(dir_fd, out, F_OK, AT_SYMLINK_NOFOLLOW) == 0; i++)
		(void)snprintf(out, cap, "%s.bad.%d", name, i);
}

/* Another file under the name of this one will be made: keep it for whoever wants to look. */
static void
set_aside(int dir_fd, const char *store, const char *name, const char *ring, const char *fault, gs_disk_tell *tell, void *arg)
{
	char aside[GS_TABLE_FILE_BYTES + 16], sentence[GS_DISK_WHY_BYTES];

	find_aside(dir_fd, name, aside, sizeof(aside));
	if (renameat(dir_fd, name, dir_fd, aside) < 0 && errno != ENOENT)
		(void)snprintf(sentence, sizeof(sentence), "%.250s/%s: %s, and cannot be renamed: %s", store, name, fault, strerror(errno));
	else
		(void)snprintf(sentence, sizeof(sentence), "%.250s/%s: %s: set aside as %s, the ring begins empty", store, name, fault, aside);
	if (tell != NULL)
		tell(arg, ring, sentence);
}

/* ---- copying ---- */

static int
copy_range(int from, int to, off_t off, off_t end, unsigned char *buf)
{
	while (off < end) {
		size_t n = end - off < COPY_BYTES ? (size_t)(end - off) : (size_t)COPY_BYTES;
		ssize_t got = pread(from, buf, n, off);

		if (got <= 0)
			return GS_ESYSTEM;
		if (pwrite(to, buf, (size_t)got, off) != got)
			return GS_ENOSPC;
		off += got;
	}
	return 0;
}

/* All that was ever written of a file. */
static int
copy_data(int from, int to)
{
	unsigned char *buf = malloc(COPY_BYTES);
	off_t off = 0, end;
	int rc = buf == NULL ? GS_ENOMEM : 0;

	while (rc == 0) {
		off = lseek(from, off, SEEK_DATA);
		if (off < 0) {
			rc = errno == ENXIO ? gs_disk_sync(to) : GS_ESYSTEM;
			break;
		}
		end = lseek(from, off, SEEK_HOLE);
		rc = end < 0 ? GS_ESYSTEM : copy_range(from, to, off, end, buf);
		off = end;
	}
	free(buf);
	return rc;
}

/*
 * Programs that are attached to a table whose tmpfs files were removed still
 * write into the arenas that they know.  The new table gets another file.
 */
static int
part_from(int dir_fd, const char *name, const struct gs_arena_hdr *head)
{
	char copy[GS_TABLE_FILE_BYTES + 8];
	uint8_t boot[16];
	int from, to, rc;

	load_boot_id(boot);
	if (memcmp(boot, head->boot, sizeof(boot)) != 0)
		return 0;	/* the host was started since: nobody knows it */
	(void)snprintf(copy, sizeof(copy), "%s.new", name);
	(void)unlinkat(dir_fd, copy, 0);
	from = open_in(dir_fd, name);
	if (from < 0)
		return from;
	to = gs_region_create(dir_fd, copy, head->file_bytes);
	rc = to < 0 ? to : copy_data(from, to);
	if (rc == 0 && (renameat(dir_fd, copy, dir_fd, name) < 0 || fsync(dir_fd) < 0))
		rc = GS_ESYSTEM;
	if (to >= 0)
		(void)close(to);
	(void)close(from);
	if (rc < 0 && to >= 0)
		(void)unlinkat(dir_fd, copy, 0);
	return rc;
}

/* ---- a table that is made ---- */

static int __attribute__((format(printf, 3, 4)))
refuse(char why[GS_DISK_WHY_BYTES], int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, GS_DISK_WHY_BYTES, fmt, ap);
	va_end(ap);
	return rc;
}

struct search {
	struct gs_past *past;
	const struct gs_table_spec *spec;
	gs_disk_tell *tell;
	void *arg;
	char *why;
};

static int
check_shape(const struct search *s, uint32_t ring, uint32_t class_id, const struct gs_arena_hdr *head)
{
	const struct gs_ring_spec *r = &s->spec->rings[ring];

	if (head->slot_size != s->spec->slot_size[class_id])
		return refuse(s->why, GS_EINVAL, "table %s: ring %s: the file has slot size %" PRIu32 ", the configuration %" PRIu32,
		    s->spec->name, r->name, head->slot_size, s->spec->slot_size[class_id]);
	if (head->n_slots < r->capacity + r->reserve)
		return refuse(s->why, GS_ERANGE, "table %s: ring %s: the file was made for %" PRIu32 " sessions, not %" PRIu64, s->spec->name,
		    r->name, head->n_slots, r->capacity + r->reserve);
	return 0;
}

static void
note_clock(struct gs_past *past, const struct gs_arena_hdr *head)
{
	past->wall_add_ms = atomic_load_explicit(&head->wall_add_ms, memory_order_relaxed);
	/* A clock that stands before the store's beginning is wrong. */
	past->has_clock = atomic_load_explicit(&head->wall_check, memory_order_relaxed) == ~past->wall_add_ms &&
	    (uint64_t)(gs_clock_wall_ns() / 1000000) >= past->wall_add_ms + GS_TIME_ORIGIN_MS;
}

/* Each file of a table has the names of all its classes, unless the power failed when one was new. */
static void
note_classes(struct gs_past *past, const struct gs_arena_hdr *head)
{
	for (uint32_t id = 0; id < GS_CLASSES; id++) {
		const char *name = head->class_name[id];

		if (memchr(name, 0, sizeof(head->class_name[id])) != NULL && gs_name_is_valid(name) && past->class_name[id][0] == '\0')
			memcpy(past->class_name[id], name, strlen(name));
	}
}

/* The same of namespaces. Of a file that cannot be read there none is known: its records then make names of their ids. */
static void
note_namespaces(struct gs_past *past, int fd, const struct gs_arena_hdr *head)
{
	char names[GS_NAMESPACES][GS_RING_NAME_BYTES];

	if (pread(fd, names, sizeof(names), (off_t)head->names_off) != (ssize_t)sizeof(names))
		return;
	for (uint32_t id = 1; id < GS_NAMESPACES; id++)
		if (memchr(names[id], 0, sizeof(names[id])) != NULL && gs_name_is_valid(names[id]) && past->ns_name[id][0] == '\0')
			memcpy(past->ns_name[id], names[id], strlen(names[id]));
}

/* Remember a good file; the first says which table it was. */
static bool
note_arena(struct gs_past *past, uint32_t i, int fd, const struct gs_arena_hdr *head)
{
	if (past->arenas == 0) {
		memcpy(past->uuid, head->uuid, sizeof(past->uuid));
		past->sip_k0 = head->sip_k0;
		past->sip_k1 = head->sip_k1;
		note_clock(past, head);
	} else if (memcmp(past->uuid, head->uuid, sizeof(past->uuid)) != 0) {
		return false;
	}
	past->arenas |= UINT32_C(1) << i;
	past->n_slots[i] = head->n_slots;
	past->seg_slots[i] = head->seg_slots;
	note_classes(past, head);
	note_namespaces(past, fd, head);
	return true;
}

static int
find_file(struct search *s, int dir_fd, uint32_t ring, uint32_t class_id)
{
	const struct gs_ring_spec *r = &s->spec->rings[ring];
	char name[GS_TABLE_FILE_BYTES];
	struct gs_arena_hdr head;
	const char *fault;
	int fd, rc = 0;

	file_name(name, s->spec->name, r->name, class_id);
	fd = open_in(dir_fd, name);
	if (fd == GS_ENOENT)
		return 0;
	fault = fd < 0 ? "cannot be opened" : find_fault(fd, s->spec->name, r->name, class_id, &head);
	if (fault == NULL)
		rc = check_shape(s, ring, class_id, &head);
	if (fault == NULL && rc == 0)
		rc = part_from(dir_fd, name, &head);
	if (fault == NULL && rc == 0 && !note_arena(s->past, ring * GS_MAX_CLASSES + class_id, fd, &head))
		fault = "belongs to another table";
	if (fd >= 0)
		(void)close(fd);
	if (fault != NULL)
		set_aside(dir_fd, r->store, name, r->name, fault, s->tell, s->arg);
	return rc;
}

/* The files of one ring. As gs_disk_find; other errors: its directory is of no use. */
static int
find_ring(struct search *s, uint32_t ring)
{
	int dir_fd = gs_disk_open_dir(s->spec->rings[ring].store), rc = 0;

	if (dir_fd < 0)
		return dir_fd;
	for (uint32_t class_id = 0; class_id < s->spec->n_classes && rc == 0; class_id++)
		rc = find_file(s, dir_fd, ring, class_id);
	(void)close(dir_fd);
	return rc;
}

static void
do_without(struct search *s, uint32_t ring, int rc)
{
	const struct gs_ring_spec *r = &s->spec->rings[ring];
	char sentence[GS_DISK_WHY_BYTES];

	s->past->arenas &= ~(((UINT32_C(1) << GS_MAX_CLASSES) - 1) << (ring * GS_MAX_CLASSES));
	s->past->unusable |= UINT32_C(1) << ring;
	(void)snprintf(sentence, sizeof(sentence), "%.250s: cannot be used: %s: the ring begins empty, in memory", r->store, gs_strerror(rc));
	if (s->tell != NULL)
		s->tell(s->arg, r->name, sentence);
}

int
gs_disk_find(struct gs_past *past, const struct gs_table_spec *spec, gs_disk_tell *tell, void *arg, char why[GS_DISK_WHY_BYTES])
{
	struct search s = { past, spec, tell, arg, why };

	memset(past, 0, sizeof(*past));
	for (uint32_t ring = 0; ring < spec->n_rings; ring++) {
		int rc = spec->rings[ring].store[0] == '\0' ? 0 : find_ring(&s, ring);

		if (rc == GS_EINVAL || rc == GS_ERANGE)
			return rc;
		if (rc < 0)
			do_without(&s, ring, rc);
	}
	return 0;
}

/* ---- a table that is there ---- */

/* Is the file behind fd the arena that the table had? */
static const char *
find_mismatch(int fd, const struct gs_ctl_hdr *h, uint32_t ring, uint32_t class_id)
{
	const struct gs_ring_cfg *r = &h->ring[ring];
	struct gs_arena_hdr head;
	const char *fault;

	if (fd < 0)
		return fd == GS_ENOENT ? "missing" : "cannot be opened";
	fault = find_fault(fd, h->table, r->name, class_id, &head);
	if (fault != NULL)
		return fault;
	if (memcmp(head.uuid, h->uuid, sizeof(head.uuid)) != 0 || head.ring != ring || head.n_slots != r->n_slots[class_id] ||
	    head.seg_slots != r->seg_slots[class_id] || head.slot_size != h->slot_size[class_id])
		return "belongs to another table";
	return NULL;
}

/* Set a file aside that is no good, and make an empty one. 1 it was done, 0 nothing had to be, or an error: the disk is of no use. */
static int
mend_arena(const struct gs_ctl_hdr *h, uint32_t ring, uint32_t class_id, gs_disk_tell *tell, void *arg)
{
	const char *store = h->store[ring], *fault;
	char name[GS_TABLE_FILE_BYTES];
	struct gs_arena_hdr head;
	int fd = gs_disk_open(store, h->table, h->ring[ring].name, class_id), dir_fd;

	fault = find_mismatch(fd, h, ring, class_id);
	if (fd >= 0)
		(void)close(fd);
	if (fault == NULL)
		return 0;
	dir_fd = gs_disk_open_dir(store);
	if (dir_fd < 0)
		return dir_fd;
	file_name(name, h->table, h->ring[ring].name, class_id);
	set_aside(dir_fd, store, name, h->ring[ring].name, fault, tell, arg);
	(void)close(dir_fd);
	gs_table_arena_head(&head, h, ring, class_id);
	fd = gs_disk_create(store, &head);
	if (fd < 0)
		return fd;
	(void)close(fd);
	return 1;
}

/* The arenas of a ring whose disk is of no use go where those of other rings are. */
static void
move_to_memory(struct gs_ctl_hdr *h, int dir_fd, uint32_t ring, int rc, gs_disk_tell *tell, void *arg)
{
	char sentence[GS_DISK_WHY_BYTES];
	int fd;

	(void)snprintf(sentence, sizeof(sentence), "%.250s: %s: the ring begins empty, in memory", h->store[ring], gs_strerror(rc));
	memset(h->store[ring], 0, sizeof(h->store[ring]));
	for (uint32_t class_id = 0; class_id < h->n_classes; class_id++) {
		fd = gs_table_create_arena(dir_fd, h, ring, class_id, NULL);
		if (fd >= 0)
			(void)close(fd);
	}
	fd = gs_table_open_ctl(dir_fd, h->table);
	if (fd < 0)
		return;
	(void)pwrite(fd, h->store[ring], sizeof(h->store[ring]), (off_t)(offsetof(struct gs_ctl_hdr, store) + ring * sizeof(h->store[ring])));
	(void)close(fd);
	tell(arg, h->ring[ring].name, sentence);
}

static uint32_t
mend_ring(struct gs_ctl_hdr *h, int dir_fd, uint32_t ring, gs_disk_tell *tell, void *arg)
{
	uint32_t mended = 0;

	for (uint32_t class_id = 0; class_id < h->n_classes; class_id++) {
		int rc = mend_arena(h, ring, class_id, tell, arg);

		if (rc > 0)
			mended |= UINT32_C(1) << (ring * GS_MAX_CLASSES + class_id);
		if (rc < 0) {
			move_to_memory(h, dir_fd, ring, rc, tell, arg);
			return ((UINT32_C(1) << h->n_classes) - 1) << (ring * GS_MAX_CLASSES);
		}
	}
	return mended;
}

uint32_t
gs_disk_mend(int dir_fd, const char *table, gs_disk_tell *tell, void *arg)
{
	struct gs_ctl_hdr *h = calloc(1, sizeof(*h));
	uint32_t mended = 0;

	if (h == NULL)
		return 0;
	if (gs_table_load_ctl(h, dir_fd, table) == 0)
		for (uint32_t ring = 0; ring < h->n_rings; ring++)
			if (h->store[ring][0] != '\0')
				mended |= mend_ring(h, dir_fd, ring, tell, arg);
	free(h);
	return mended;
}
