/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/random.h"
#include "policy/decay.h"
#include "shm/region.h"
#include "shm/table_impl.h"

#define SEGMENT_BYTES (UINT32_C(1) << 20)	/* about what is committed at once */
#define SPARE_SLOTS 256				/* beyond a ring's sessions: slots that clients hold */

/* Slots committed at once: about SEGMENT_BYTES, but never more than an eighth of a small ring. */
static uint32_t
segment_slots(uint32_t slot_size, uint64_t sessions)
{
	uint64_t n = gs_min_u64(SEGMENT_BYTES / slot_size, sessions / 8) / 64 * 64;

	return (uint32_t)gs_max_u64(n, 64);
}

static uint32_t
arena_slots(uint64_t sessions, uint32_t seg_slots)
{
	uint64_t n = sessions + gs_max_u64(SPARE_SLOTS, sessions / 8);

	return (uint32_t)(gs_div_up(n, seg_slots) * seg_slots);
}

static void
fill_ring(struct gs_ring_cfg *r, const struct gs_ring_spec *spec, uint32_t diameter, const struct gs_ctl_hdr *ctl)
{
	memcpy(r->name, spec->name, sizeof(r->name));
	r->diameter = diameter;
	r->kind = spec->kind;
	for (uint32_t i = 0; i < ctl->n_classes; i++) {
		r->seg_slots[i] = segment_slots(ctl->slot_size[i], spec->capacity + spec->reserve);
		r->n_slots[i] = arena_slots(spec->capacity + spec->reserve, r->seg_slots[i]);
	}
	atomic_init(&r->ttl_ms, spec->ttl_ms);
	atomic_init(&r->half_life_ms, spec->half_life_ms);
	atomic_init(&r->capacity, spec->capacity);
	atomic_init(&r->reserve, spec->reserve);
	atomic_init(&r->decay_to, spec->decay_to);
	atomic_init(&r->promote, spec->promote);
}

static int
fill_ctl(struct gs_ctl_hdr *h, const struct gs_table_spec *spec)
{
	uint64_t secrets[4];
	int rc = gs_random_bytes(secrets, sizeof(secrets));

	if (rc < 0)
		return rc;
	h->magic = GS_CTL_MAGIC;
	h->abi_major = GS_ABI_MAJOR;
	h->abi_minor = GS_ABI_MINOR;
	h->endian = GS_ENDIAN_MARK;
	memcpy(h->uuid, secrets, sizeof(h->uuid));
	h->sip_k0 = secrets[2];
	h->sip_k1 = secrets[3];
	h->n_groups = gs_max_u64(2, gs_div_up(spec->max_sessions, (uint64_t)GS_MEAN_FILL * GS_GROUP_HOMES));
	h->n_buckets = h->n_groups * GS_GROUP_BUCKETS + GS_LAST_RESORTS;
	h->max_sessions = spec->max_sessions;
	h->record_size = spec->record_size;
	h->key_max = spec->key_max;
	h->n_classes = spec->n_classes;
	h->n_rings = spec->n_rings;
	memcpy(h->slot_size, spec->slot_size, sizeof(h->slot_size));
	h->slot_header_bytes = GS_SLOT_HEADER_BYTES;
	h->bucket_bytes = sizeof(struct gs_bucket);
	h->ctx_bytes = GS_CTX_BYTES;
	h->n_ctx = GS_MAX_CTX;
	h->max_lifetime_ms = spec->max_lifetime_ms;
	memcpy(h->table, spec->name, sizeof(h->table));
	h->clock_base_ms = GS_TIME_ORIGIN_MS - gs_clock_mono_ms() - gs_clock_suspended_ms();
	h->crc = gs_crc32c(0, h, offsetof(struct gs_ctl_hdr, crc));
	atomic_init(&h->clock_add_ms, h->clock_base_ms + gs_clock_suspended_ms());
	atomic_init(&h->wall_add_ms, (uint64_t)(gs_clock_wall_ns() / 1000000) - GS_TIME_ORIGIN_MS);
	for (uint32_t i = 0; i < spec->n_rings; i++)
		fill_ring(&h->ring[i], &spec->rings[i], i, h);
	return 0;
}

static int
write_all(int fd, const void *bytes, size_t n)
{
	return pwrite(fd, bytes, n, 0) == (ssize_t)n ? 0 : GS_ENOSPC;
}

/* A file that was made is handed on, unless filling it failed: then it is none. */
static int
finish_file(int dir_fd, const char *name, int fd, int rc)
{
	if (rc == 0)
		return fd;
	(void)close(fd);
	if (dir_fd >= 0)
		(void)unlinkat(dir_fd, name, 0);
	return rc;
}

static int
create_ctl(int dir_fd, const struct gs_ctl_hdr *h)
{
	char name[GS_TABLE_FILE_BYTES];
	int fd, rc;

	gs_table_file_name(name, h->table, 0);
	fd = gs_region_create(dir_fd, name, sizeof(*h));
	if (fd < 0)
		return fd;
	rc = gs_region_commit(fd, 0, sizeof(*h));
	if (rc == 0)
		rc = write_all(fd, h, sizeof(*h));
	return finish_file(dir_fd, name, fd, rc);
}

static int
create_idx(int dir_fd, const struct gs_ctl_hdr *h)
{
	struct gs_idx_hdr head = { .magic = GS_IDX_MAGIC, .n_buckets = h->n_buckets };
	char name[GS_TABLE_FILE_BYTES];
	int fd, rc;

	memcpy(head.uuid, h->uuid, sizeof(head.uuid));
	gs_table_file_name(name, h->table, 1);
	fd = gs_region_create(dir_fd, name, gs_table_idx_bytes(h->n_buckets));
	if (fd < 0)
		return fd;
	rc = gs_region_commit(fd, 0, gs_table_idx_bytes(h->n_buckets));
	if (rc == 0)
		rc = write_all(fd, &head, sizeof(head));
	return finish_file(dir_fd, name, fd, rc);
}

static int
create_ctx(int dir_fd, const struct gs_ctl_hdr *h)
{
	char name[GS_TABLE_FILE_BYTES];

	gs_table_file_name(name, h->table, 2);
	return gs_region_create(dir_fd, name, (uint64_t)GS_MAX_CTX * GS_CTX_BYTES);
}

static int
create_arena(int dir_fd, const struct gs_ctl_hdr *h, uint32_t ring, uint32_t class_id)
{
	struct gs_arena_hdr head = {
		.magic = GS_ARENA_MAGIC, .ring = ring, .class_id = class_id, .slot_size = h->slot_size[class_id],
		.n_slots = h->ring[ring].n_slots[class_id], .seg_slots = h->ring[ring].seg_slots[class_id],
	};
	struct gs_arena_shape shape;
	char name[GS_TABLE_FILE_BYTES];
	int fd, rc;

	gs_table_arena_shape(&shape, head.n_slots, head.seg_slots, head.slot_size);
	memcpy(head.uuid, h->uuid, sizeof(head.uuid));
	head.n_segments = head.n_slots / head.seg_slots;
	head.segments_off = shape.segments_off;
	head.bitmap_off = shape.bitmap_off;
	head.due_off = shape.due_off;
	head.slots_off = shape.slots_off;
	head.file_bytes = shape.bytes;
	gs_table_arena_name(name, h->table, ring, class_id);
	fd = gs_region_create(dir_fd, name, shape.bytes);
	if (fd < 0)
		return fd;
	/* The due hints are committed with their segments. */
	rc = gs_region_commit(fd, 0, shape.due_off);
	if (rc == 0)
		rc = write_all(fd, &head, sizeof(head));
	return finish_file(dir_fd, name, fd, rc);
}

static int
create_files(int fds[GS_TABLE_FDS], int dir_fd, const struct gs_ctl_hdr *h)
{
	int rc;

	for (uint32_t ring = 0; ring < h->n_rings; ring++)
		for (uint32_t class_id = 0; class_id < h->n_classes; class_id++) {
			rc = create_arena(dir_fd, h, ring, class_id);
			if (rc < 0)
				return rc;
			fds[3 + ring * GS_MAX_CLASSES + class_id] = rc;
		}
	rc = create_idx(dir_fd, h);
	if (rc < 0)
		return rc;
	fds[1] = rc;
	rc = create_ctx(dir_fd, h);
	if (rc < 0)
		return rc;
	fds[2] = rc;
	/* Last: a table without T.ctl is none, so a daemon killed here begins again. */
	rc = create_ctl(dir_fd, h);
	if (rc < 0)
		return rc;
	fds[0] = rc;
	return 0;
}

/* Take back the files that we made, and no other. */
static void
unmake_files(int fds[GS_TABLE_FDS], int dir_fd, const struct gs_ctl_hdr *h)
{
	char name[GS_TABLE_FILE_BYTES];

	for (uint32_t i = 0; i < GS_TABLE_FDS; i++) {
		gs_table_file_name(name, h->table, i);
		if (fds[i] >= 0 && dir_fd >= 0)
			(void)unlinkat(dir_fd, name, 0);
	}
	gs_table_close_fds(fds);
}

int
gs_table_create(struct gs_table **out, int dir_fd, const struct gs_table_spec *spec)
{
	struct gs_ctl_hdr *h = calloc(1, sizeof(*h));
	int fds[GS_TABLE_FDS];
	int rc;

	if (h == NULL)
		return GS_ENOMEM;
	for (int i = 0; i < GS_TABLE_FDS; i++)
		fds[i] = -1;
	rc = fill_ctl(h, spec);
	if (rc == 0)
		rc = create_files(fds, dir_fd, h);
	if (rc < 0) {
		unmake_files(fds, dir_fd, h);
	} else {
		rc = gs_table_adopt(out, fds, true, NULL);
		if (rc < 0 && dir_fd >= 0)
			gs_table_unlink(dir_fd, spec->name);
	}
	free(h);
	return rc;
}

int
gs_table_create_private(struct gs_table **out, const struct gs_table_spec *spec)
{
	int rc = gs_table_create(out, -1, spec);

	if (rc < 0)
		return rc;
	rc = gs_region_commit((*out)->ctx_fd, 0, (uint64_t)GS_PRIVATE_CTX * GS_CTX_BYTES);
	if (rc < 0) {
		gs_table_free(out);
		return rc;
	}
	for (uint32_t i = 0; i < GS_PRIVATE_CTX; i++)
		atomic_store_explicit(&(*out)->ctl->reg[i].state, GS_CTX_LIVE, memory_order_relaxed);
	atomic_store_explicit(&(*out)->ctl->n_ctx_used, GS_PRIVATE_CTX, memory_order_relaxed);
	return 0;
}
