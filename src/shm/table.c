/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/table.h"

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "base/atomic.h"
#include "base/clock.h"
#include "shm/disk.h"
#include "shm/region.h"
#include "shm/table_impl.h"

#define TABLE_MAGIC UINT64_C(0x7461626c65313167)

enum { NAME_TRIES = 64 };	/* a name may be another each time it is read */

uint32_t
gs_table_slot_bytes(uint32_t key_len, uint32_t owner_len, uint32_t val_len)
{
	uint64_t n = GS_SLOT_HEADER_BYTES + gs_align_up(key_len, 8) + gs_align_up(owner_len, 8) + gs_align_up(val_len, 8);

	return (uint32_t)gs_align_up(n, 64);
}

void
gs_table_arena_shape(struct gs_arena_shape *out, uint32_t n_slots, uint32_t seg_slots, uint32_t slot_size)
{
	out->segments_off = GS_PAGE_BYTES;
	out->bitmap_off = gs_align_up(out->segments_off + 8ull * (n_slots / seg_slots), 64);
	out->retired_off = gs_align_up(out->bitmap_off + n_slots / 8, 64);
	out->due_off = gs_align_up(out->retired_off + n_slots / 8, GS_PAGE_BYTES);
	out->kin_off = gs_align_up(out->due_off + 4ull * n_slots, GS_PAGE_BYTES);
	out->slots_off = gs_align_up(out->kin_off + 4ull * n_slots, GS_PAGE_BYTES);
	out->names_off = gs_align_up(out->slots_off + (uint64_t)n_slots * slot_size, GS_PAGE_BYTES);
	out->bytes = out->names_off + GS_NAMESPACES * GS_RING_NAME_BYTES;
}

uint64_t
gs_table_idx_bytes(uint64_t n_buckets, uint64_t n_tombs)
{
	return GS_PAGE_BYTES + n_buckets * sizeof(struct gs_bucket) + n_tombs * sizeof(struct gs_tomb) + GS_KIN_MARKS * sizeof(uint64_t) +
	    GS_NAMESPACES * sizeof(struct gs_ns_line);
}

uint64_t
gs_table_evt_bytes(void)
{
	return GS_PAGE_BYTES + (uint64_t)GS_EVENT_CELLS * sizeof(struct gs_event_cell);
}

void
gs_table_arena_name(char out[GS_TABLE_FILE_BYTES], const char *table, uint32_t ring, uint32_t class_id)
{
	(void)snprintf(out, GS_TABLE_FILE_BYTES, "%s.%u.%u", table, ring, class_id);
}

void
gs_table_file_name(char out[GS_TABLE_FILE_BYTES], const char *table, uint32_t i)
{
	static const char *const suffixes[] = { "ctl", "idx", "ctx", "evt" };

	if (i < GS_TABLE_ARENA_FD)
		(void)snprintf(out, GS_TABLE_FILE_BYTES, "%s.%s", table, suffixes[i]);
	else
		gs_table_arena_name(out, table, (i - GS_TABLE_ARENA_FD) / GS_MAX_CLASSES, (i - GS_TABLE_ARENA_FD) % GS_MAX_CLASSES);
}

void
gs_table_close_fds(int fds[GS_TABLE_FDS])
{
	for (int i = 0; i < GS_TABLE_FDS; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
}

/* ---- mapping ---- */

static int
map_arena(struct gs_arena *a, const struct gs_ctl_hdr *h, uint32_t ring, uint32_t class_id, bool writable)
{
	struct gs_arena_shape shape;
	unsigned char *base;

	a->ring = ring;
	a->class_id = class_id;
	a->n_slots = h->ring[ring].n_slots[class_id];
	a->seg_slots = h->ring[ring].seg_slots[class_id];
	a->n_segments = a->n_slots / a->seg_slots;
	a->slot_size = h->slot_size[class_id];
	a->is_file = h->store[ring][0] != '\0';
	gs_table_arena_shape(&shape, a->n_slots, a->seg_slots, a->slot_size);
	base = gs_region_map(a->fd, shape.bytes, writable);
	if (base == NULL)
		return GS_ENOMEM;
	a->map = (struct gs_arena_hdr *)(void *)base;
	a->bytes = shape.bytes;
	a->segments = (_Atomic uint64_t *)(void *)(base + shape.segments_off);
	a->bitmap = (_Atomic uint64_t *)(void *)(base + shape.bitmap_off);
	a->retired = (_Atomic uint64_t *)(void *)(base + shape.retired_off);
	a->due = (_Atomic uint32_t *)(void *)(base + shape.due_off);
	a->kin = (_Atomic uint32_t *)(void *)(base + shape.kin_off);
	a->slots = base + shape.slots_off;
	a->names = (char (*)[GS_RING_NAME_BYTES])(void *)(base + shape.names_off);
	return 0;
}

static void
copy_geometry(struct gs_table *t, const struct gs_ctl_hdr *h)
{
	t->n_groups = h->n_groups;
	t->n_homes = h->n_groups * GS_GROUP_HOMES;
	t->n_buckets = h->n_buckets;
	t->n_tombs = h->n_tombs;
	t->sip_k0 = h->sip_k0;
	t->sip_k1 = h->sip_k1;
	t->record_size = h->record_size;
	t->key_max = h->key_max;
	t->n_classes = h->n_classes;
	t->n_rings = h->n_rings;
	t->max_lifetime_ms = h->max_lifetime_ms;
	memcpy(t->uuid, h->uuid, sizeof(t->uuid));
	memcpy(t->name, h->table, sizeof(t->name));
	t->retired = atomic_load_explicit(&h->retired, memory_order_relaxed);
	for (uint32_t i = 0; i < h->n_rings; i++)
		t->has_files = t->has_files || h->store[i][0] != '\0';
}

static int
map_all(struct gs_table *t, const struct gs_ctl_hdr *h, enum gs_table_access access)
{
	bool writable = access != GS_TABLE_READ;

	t->ctl_bytes = sizeof(*h);
	t->idx_bytes = gs_table_idx_bytes(h->n_buckets, h->n_tombs);
	t->ctx_bytes = (uint64_t)GS_MAX_CTX * GS_CTX_BYTES;
	t->evt_bytes = gs_table_evt_bytes();
	t->ctl = gs_region_map(t->ctl_fd, t->ctl_bytes, access == GS_TABLE_OWN);
	t->idx = gs_region_map(t->idx_fd, t->idx_bytes, writable);
	t->evt = gs_region_map(t->evt_fd, t->evt_bytes, writable);
	if (writable)
		t->ctx = gs_region_map(t->ctx_fd, t->ctx_bytes, true);
	if (t->ctl == NULL || t->idx == NULL || t->evt == NULL || (writable && t->ctx == NULL))
		return GS_ENOMEM;
	t->buckets = (struct gs_bucket *)(void *)((unsigned char *)t->idx + GS_PAGE_BYTES);
	t->tombs = (struct gs_tomb *)(void *)(t->buckets + h->n_buckets);
	t->events = (struct gs_event_cell *)(void *)((unsigned char *)t->evt + GS_PAGE_BYTES);
	t->kin_marks = (_Atomic uint64_t *)(void *)(t->tombs + h->n_tombs);
	t->ns_lines = (struct gs_ns_line *)(void *)(t->kin_marks + GS_KIN_MARKS);
	for (uint32_t ring = 0; ring < h->n_rings; ring++)
		for (uint32_t class_id = 0; class_id < h->n_classes; class_id++) {
			struct gs_arena *a = gs_table_arena(t, ring, class_id);
			int rc = map_arena(a, h, ring, class_id, writable);

			if (rc < 0)
				return rc;
		}
	return 0;
}

int
gs_table_adopt(struct gs_table **out, int fds[GS_TABLE_FDS], enum gs_table_access access, char *why)
{
	struct gs_ctl_hdr *h = calloc(1, sizeof(*h));
	struct gs_table *t = calloc(1, sizeof(*t));
	int rc = 0;

	if (h == NULL || t == NULL)
		rc = gs_table_refuse(why, GS_ENOMEM, "ctl", "no memory to check it in");
	if (rc < 0)
		goto out_close;
	rc = gs_table_check_files(fds, h, why);
	if (rc < 0)
		goto out_close;
	t->magic = TABLE_MAGIC;
	t->ctl_fd = fds[GS_TABLE_CTL_FD];
	t->idx_fd = fds[GS_TABLE_IDX_FD];
	t->ctx_fd = fds[GS_TABLE_CTX_FD];
	t->evt_fd = fds[GS_TABLE_EVT_FD];
	for (int i = 0; i < GS_MAX_ARENAS; i++)
		t->arena[i].fd = fds[GS_TABLE_ARENA_FD + i];
	copy_geometry(t, h);
	rc = map_all(t, h, access);
	free(h);
	if (rc < 0) {
		(void)gs_table_refuse(why, rc, "ctl", "cannot be mapped");
		gs_table_free(&t);
		return rc;
	}
	*out = t;
	return 0;
out_close:
	free(h);
	free(t);
	gs_table_close_fds(fds);
	return rc;
}

int
gs_table_open_ctl(int dir_fd, const char *table)
{
	char file[GS_TABLE_FILE_BYTES];
	int fd;

	gs_table_file_name(file, table, 0);
	fd = openat(dir_fd, file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 ? fd : errno == ENOENT ? GS_ENOENT : GS_ESYSTEM;
}

int
gs_table_load_ctl(struct gs_ctl_hdr *h, int dir_fd, const char *table)
{
	int fd = gs_table_open_ctl(dir_fd, table), rc;

	if (fd < 0)
		return fd;
	rc = gs_table_check_ctl(fd, h, NULL);
	(void)close(fd);
	return rc < 0 ? rc : h->is_unfinished != 0 ? GS_ENOENT : 0;
}

/* Open file i of a table. A descriptor, -1 for an arena that is not there - it may be none of ours, the check knows -, or an error. */
static int
open_file(int dir_fd, const struct gs_ctl_hdr *h, const char *name, uint32_t i, char *why)
{
	bool is_arena = i >= GS_TABLE_ARENA_FD;
	uint32_t ring = is_arena ? (i - GS_TABLE_ARENA_FD) / GS_MAX_CLASSES : 0, class_id = (i - GS_TABLE_ARENA_FD) % GS_MAX_CLASSES;
	char file[GS_TABLE_FILE_BYTES];
	int fd;

	gs_table_file_name(file, name, i);
	if (is_arena && h->store[ring][0] != '\0') {
		fd = gs_disk_open(h->store[ring], h->table, h->ring[ring].name, class_id);
		if (fd == GS_ESYSTEM)
			return gs_table_refuse(why, fd, h->store[ring], "cannot be opened");
		return fd < 0 ? -1 : fd;
	}
	fd = openat(dir_fd, file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 || (is_arena && errno == ENOENT))
		return fd;
	return gs_table_refuse(why, errno == ENOENT && i == 0 ? GS_ENOENT : errno == ENOENT ? GS_ECORRUPT : GS_ESYSTEM, file, strerror(errno));
}

/* Where a table's rings lie, as far as T.ctl is one; what is wrong with it is said later. GS_ENOENT: it was never finished. */
static int
load_places(int ctl_fd, struct gs_ctl_hdr *h)
{
	if (gs_table_check_ctl(ctl_fd, h, NULL) < 0)
		memset(h->store, 0, sizeof(h->store));
	return h->magic == GS_CTL_MAGIC && h->is_unfinished != 0 ? GS_ENOENT : 0;
}

static int
open_files(int fds[GS_TABLE_FDS], int dir_fd, const char *name, char *why)
{
	struct gs_ctl_hdr *h = calloc(1, sizeof(*h));
	int rc = h == NULL ? GS_ENOMEM : 0;

	for (int i = 0; i < GS_TABLE_FDS; i++)
		fds[i] = -1;
	for (uint32_t i = 0; i < GS_TABLE_FDS && rc == 0; i++) {
		int fd = open_file(dir_fd, h, name, i, why);

		if (fd < -1)
			rc = fd;
		else
			fds[i] = fd;
		if (i == 0 && rc == 0 && load_places(fd, h) < 0)
			rc = gs_table_refuse(why, GS_ENOENT, name, "was never finished");
	}
	if (rc < 0)
		gs_table_close_fds(fds);
	free(h);
	return rc;
}

int
gs_table_open(struct gs_table **out, int dir_fd, const char *name, char *why)
{
	char what[GS_TABLE_WHY_BYTES] = "";
	int fds[GS_TABLE_FDS], rc = open_files(fds, dir_fd, name, why);

	if (rc < 0)
		return rc;
	rc = gs_table_adopt(out, fds, GS_TABLE_OWN, what);
	if (rc < 0 && why != NULL)
		(void)snprintf(why, GS_TABLE_WHY_BYTES, "%.31s.%.200s", name, what);
	return rc;
}

int
gs_table_map(struct gs_table **out, const int fds[GS_TABLE_FDS], enum gs_table_access access, char *why)
{
	int own[GS_TABLE_FDS];

	memcpy(own, fds, sizeof(own));
	return gs_table_adopt(out, own, access, why);
}

int
gs_table_fds(const struct gs_table *t, int fds[GS_TABLE_FDS])
{
	int n = GS_TABLE_ARENA_FD;

	fds[GS_TABLE_CTL_FD] = t->ctl_fd;
	fds[GS_TABLE_IDX_FD] = t->idx_fd;
	fds[GS_TABLE_CTX_FD] = t->ctx_fd;
	fds[GS_TABLE_EVT_FD] = t->evt_fd;
	for (int i = 0; i < GS_MAX_ARENAS; i++)
		if (t->arena[i].map != NULL)
			fds[n++] = t->arena[i].fd;
	return n;
}

static void
unmap(void *map, uint64_t bytes, int fd)
{
	if (map != NULL)
		(void)munmap(map, bytes);
	if (fd >= 0)
		(void)close(fd);
}

void
gs_table_free(struct gs_table **tp)
{
	struct gs_table *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	unmap(t->ctl, t->ctl_bytes, t->ctl_fd);
	unmap(t->idx, t->idx_bytes, t->idx_fd);
	unmap(t->ctx, t->ctx_bytes, t->ctx_fd);
	unmap(t->evt, t->evt_bytes, t->evt_fd);
	for (int i = 0; i < GS_MAX_ARENAS; i++)
		unmap(t->arena[i].map, t->arena[i].bytes, t->arena[i].fd);
	free(t);
}

void
gs_table_unlink(int dir_fd, const char *name)
{
	char file[GS_TABLE_FILE_BYTES];

	/* T.ctl first: what is left without it is no table. What lies on disks stays. */
	for (uint32_t i = 0; i < GS_TABLE_FDS; i++) {
		gs_table_file_name(file, name, i);
		(void)unlinkat(dir_fd, file, 0);
	}
}

/* ---- time and rings ---- */

uint64_t
gs_table_now_ms(const struct gs_table *t)
{
	return gs_clock_mono_ms() + atomic_load_explicit(&t->ctl->clock_add_ms, memory_order_relaxed);
}

int64_t
gs_table_wall_ms(uint64_t store_ms, uint64_t now_ms, int64_t wall_now_ns)
{
	/* Modulo 2^64: the store time may be a damaged one. */
	return (int64_t)((uint64_t)(wall_now_ns / 1000000) + store_ms - now_ms);
}

uint64_t
gs_table_store_ms(int64_t wall_ms, uint64_t now_ms, int64_t wall_now_ns)
{
	int64_t ms = (int64_t)(now_ms + (uint64_t)wall_ms - (uint64_t)(wall_now_ns / 1000000));

	return ms < 1 ? 1 : (uint64_t)ms;
}

uint32_t
gs_table_ring_state(const struct gs_table *t, uint32_t ring)
{
	uint32_t state = gs_ring_word_state(atomic_load_explicit(&t->ctl->ring[ring].state, memory_order_relaxed));

	/* It was sound when we attached; a writer gone wild may have changed it since. */
	return state <= GS_RING_DRAINING ? state : (uint32_t)GS_RING_ABSENT;
}

bool
gs_table_ring_name(const struct gs_table *t, uint32_t ring, char out[GS_RING_NAME_BYTES])
{
	const struct gs_ring_cfg *r = &t->ctl->ring[ring];
	uint32_t word, again;

	memset(out, 0, GS_RING_NAME_BYTES);
	if (ring >= t->n_rings)
		return false;
	/* Never again and again: somebody who may write here may be no daemon. */
	for (int tries = 0; tries < NAME_TRIES; tries++) {
		/* acquire, and the fence; pair with the releases in rings.c: a name is of one ring */
		word = atomic_load_explicit(&r->state, memory_order_acquire);
		if (gs_ring_word_state(word) == GS_RING_ABSENT)
			return false;
		gs_racy_load(out, r->name, GS_RING_NAME_BYTES);
		gs_fence_acquire();
		again = atomic_load_explicit(&r->state, memory_order_relaxed);
		if (gs_ring_word_names(again) == gs_ring_word_names(word) && out[GS_RING_NAME_BYTES - 1] == '\0')
			return true;
	}
	out[0] = '\0';
	return false;
}

uint32_t
gs_table_ring(const struct gs_table *t, const char *name)
{
	char has[GS_RING_NAME_BYTES];

	for (uint32_t i = 0; i < t->n_rings; i++)
		if (gs_table_ring_name(t, i, has) && strncmp(has, name, GS_RING_NAME_BYTES) == 0)
			return i;
	return GS_RING_NONE;
}

/* Does ring a stand before b in a list? */
static bool
is_before(const struct gs_table *t, uint32_t a, uint32_t b)
{
	const struct gs_ring_cfg *ra = &t->ctl->ring[a], *rb = &t->ctl->ring[b];

	if ((ra->kind == GS_RING_SUSPECT) != (rb->kind == GS_RING_SUSPECT))
		return rb->kind == GS_RING_SUSPECT;
	return atomic_load_explicit(&ra->diameter, memory_order_relaxed) < atomic_load_explicit(&rb->diameter, memory_order_relaxed);
}

uint32_t
gs_table_rings(const struct gs_table *t, uint32_t out[GS_MAX_RINGS])
{
	uint32_t n = 0, at;

	for (uint32_t i = 0; i < t->n_rings; i++) {
		if (gs_table_ring_state(t, i) == GS_RING_ABSENT)
			continue;
		for (at = n++; at > 0 && is_before(t, i, out[at - 1]); at--)
			out[at] = out[at - 1];
		out[at] = i;
	}
	return n;
}

uint32_t
gs_table_innermost(const struct gs_table *t)
{
	(void)t;
	return 0;
}

uint32_t
gs_table_outermost(const struct gs_table *t)
{
	uint32_t id = gs_table_innermost(t);

	for (uint32_t i = 0; i < t->n_rings; i++)
		if (t->ctl->ring[i].kind == GS_RING_NORMAL && gs_table_ring_state(t, i) == GS_RING_ON &&
		    t->ctl->ring[i].diameter > t->ctl->ring[id].diameter)
			id = i;
	return id;
}

uint32_t
gs_table_suspect(const struct gs_table *t)
{
	for (uint32_t i = 0; i < t->n_rings; i++)
		if (t->ctl->ring[i].kind == GS_RING_SUSPECT && gs_table_ring_state(t, i) != GS_RING_ABSENT)
			return i;
	return GS_RING_NONE;
}
