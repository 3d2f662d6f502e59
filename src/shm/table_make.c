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
#include "shm/classes.h"
#include "shm/disk.h"
#include "shm/namespaces.h"
#include "shm/region.h"
#include "shm/table_impl.h"
#include "shm/tomb.h"

#define SEGMENT_BYTES (UINT32_C(1) << 20)	/* about what is committed at once */
#define SPARE_SLOTS 256				/* beyond a ring's sessions: slots that clients hold */
#define FILE_SPARE_SLOTS 1024
#define SEGMENTS_MOST 16384			/* of an arena: all their words are looked at again and again */
#define USUAL_SESSIONS 8192			/* of a ring that is made later */
#define SLOTS_MOST (GS_SLOT_NUMBERS - 64)

/* Slots committed at once: about SEGMENT_BYTES, but never more than an eighth of a small ring, and not one of too many. */
static uint32_t
segment_slots(uint32_t slot_size, uint64_t sessions, uint64_t most)
{
	uint64_t n = gs_min_u64(SEGMENT_BYTES / slot_size, sessions / 8) / 64 * 64;

	return (uint32_t)gs_max_u64(gs_max_u64(n, 64), gs_align_up(gs_div_up(most, SEGMENTS_MOST), 64));
}

/* On a disk, slots whose successors it does not have yet are of no use: more of them. They take no room before they are used. */
static uint32_t
arena_slots(uint64_t sessions, uint32_t seg_slots, bool is_file)
{
	uint64_t n = sessions + gs_max_u64(is_file ? FILE_SPARE_SLOTS : SPARE_SLOTS, is_file ? sessions / 2 : sessions / 8);

	return (uint32_t)(gs_min_u64(gs_div_up(n, seg_slots), SLOTS_MOST / seg_slots) * seg_slots);
}

/* Room for a ring of so many sessions, which may become `most`. */
static void
fill_shape(struct gs_ring_cfg *r, const struct gs_ctl_hdr *ctl, uint64_t sessions, uint64_t most, bool is_file)
{
	for (uint32_t i = 0; i < ctl->n_classes; i++) {
		r->seg_slots[i] = segment_slots(ctl->slot_size[i], sessions, most);
		r->n_slots[i] = arena_slots(most, r->seg_slots[i], is_file);
	}
}

static void
fill_ring(struct gs_ring_cfg *r, const struct gs_ring_spec *spec, uint32_t diameter, struct gs_ctl_hdr *ctl, bool can_grow)
{
	uint64_t sessions = spec->capacity + spec->reserve;
	bool is_file = spec->store[0] != '\0';

	memcpy(r->name, spec->name, sizeof(r->name));
	atomic_init(&r->diameter, diameter);
	r->kind = (uint16_t)spec->kind;
	/* Files on disks keep their own shape: they outlive this table. */
	fill_shape(r, ctl, sessions, can_grow && !is_file ? gs_max_u64(ctl->max_sessions, sessions) : sessions, is_file);
	memcpy(ctl->store[diameter], spec->store, sizeof(spec->store));
	atomic_init(&r->state, gs_ring_word(1, GS_RING_ON));
	atomic_init(&r->ttl_ms, spec->ttl_ms);
	atomic_init(&r->half_life_ms, spec->half_life_ms);
	atomic_init(&r->capacity, spec->capacity);
	atomic_init(&r->reserve, spec->reserve);
	atomic_init(&ctl->given[diameter].capacity, spec->capacity);
	atomic_init(&ctl->given[diameter].reserve, spec->reserve);
	atomic_init(&r->decay_to, spec->decay_to);
	atomic_init(&r->promote, spec->promote);
	atomic_init(&r->promote_to, (uint16_t)spec->promote_to);
	atomic_init(&r->on_full, spec->on_full);
}

/* What a table before has left decides. */
static void
fill_past(struct gs_ctl_hdr *h, const struct gs_past *past)
{
	for (uint32_t i = 0; i < GS_MAX_ARENAS; i++)
		if ((past->arenas >> i & 1) != 0) {
			h->ring[i / GS_MAX_CLASSES].n_slots[i % GS_MAX_CLASSES] = past->n_slots[i];
			h->ring[i / GS_MAX_CLASSES].seg_slots[i % GS_MAX_CLASSES] = past->seg_slots[i];
		}
	memcpy(h->uuid, past->uuid, sizeof(h->uuid));
	h->sip_k0 = past->sip_k0;
	h->sip_k1 = past->sip_k1;
	h->is_unfinished = 1;
}

/* Store time; crc is of all that is written once. */
static void
set_now(struct gs_ctl_hdr *h, uint64_t now_ms)
{
	uint64_t add_ms = now_ms - gs_clock_mono_ms();

	h->clock_base_ms = add_ms - gs_clock_suspended_ms();
	h->crc = gs_crc32c(0, h, offsetof(struct gs_ctl_hdr, crc));
	atomic_store_explicit(&h->clock_add_ms, add_ms, memory_order_relaxed);
	atomic_store_explicit(&h->wall_add_ms, gs_clock_wall_less_mono_ms() - add_ms, memory_order_relaxed);
}

void
gs_table_set_now(struct gs_table *t, uint64_t now_ms)
{
	set_now(t->ctl, now_ms);
}

void
gs_table_finish(struct gs_table *t)
{
	t->ctl->is_unfinished = 0;
}

static int
fill_ctl(struct gs_ctl_hdr *h, const struct gs_table_spec *spec, const struct gs_past *past)
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
	h->sip_k0 = spec->has_secret ? spec->sip_k0 : secrets[2];
	h->sip_k1 = spec->has_secret ? spec->sip_k1 : secrets[3];
	h->n_groups = gs_max_u64(2, gs_div_up(spec->max_sessions, (uint64_t)GS_MEAN_FILL * GS_GROUP_HOMES));
	h->n_buckets = h->n_groups * GS_GROUP_BUCKETS + GS_LAST_RESORTS;
	h->max_sessions = spec->max_sessions;
	h->n_tombs = gs_tomb_places(spec->max_sessions);
	h->record_size = spec->record_size;
	h->key_max = spec->key_max;
	h->n_classes = spec->n_classes;
	h->n_rings = spec->can_grow ? GS_MAX_RINGS : spec->n_rings;
	memcpy(h->slot_size, spec->slot_size, sizeof(h->slot_size));
	h->slot_header_bytes = GS_SLOT_HEADER_BYTES;
	h->bucket_bytes = sizeof(struct gs_bucket);
	h->ctx_bytes = GS_CTX_BYTES;
	h->n_ctx = GS_MAX_CTX;
	h->max_lifetime_ms = spec->max_lifetime_ms;
	atomic_init(&h->ended, spec->ended);
	atomic_init(&h->max_per_owner, spec->max_per_owner);
	memcpy(h->table, spec->name, sizeof(h->table));
	for (uint32_t i = 0; i < spec->n_rings; i++)
		fill_ring(&h->ring[i], &spec->rings[i], i, h, spec->can_grow);
	for (uint32_t i = spec->n_rings; i < h->n_rings; i++)
		fill_shape(&h->ring[i], h, gs_min_u64(USUAL_SESSIONS, h->max_sessions), h->max_sessions, false);
	gs_classes_init(h, past);
	if (past != NULL && past->arenas != 0)
		fill_past(h, past);
	gs_namespaces_init(h, past);
	set_now(h, past != NULL && past->has_clock ? gs_clock_mono_ms() + gs_clock_wall_less_mono_ms() - past->wall_add_ms : GS_TIME_ORIGIN_MS);
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

	gs_table_file_name(name, h->table, GS_TABLE_CTL_FD);
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
	gs_table_file_name(name, h->table, GS_TABLE_IDX_FD);
	fd = gs_region_create(dir_fd, name, gs_table_idx_bytes(h->n_buckets, h->n_tombs));
	if (fd < 0)
		return fd;
	rc = gs_region_commit(fd, 0, gs_table_idx_bytes(h->n_buckets, h->n_tombs));
	if (rc == 0)
		rc = write_all(fd, &head, sizeof(head));
	return finish_file(dir_fd, name, fd, rc);
}

static int
create_ctx(int dir_fd, const struct gs_ctl_hdr *h)
{
	char name[GS_TABLE_FILE_BYTES];

	gs_table_file_name(name, h->table, GS_TABLE_CTX_FD);
	return gs_region_create(dir_fd, name, (uint64_t)GS_MAX_CTX * GS_CTX_BYTES);
}

static int
create_evt(int dir_fd, const struct gs_ctl_hdr *h)
{
	struct gs_evt_hdr head = { .magic = GS_EVT_MAGIC, .n_cells = GS_EVENT_CELLS, .cell_bytes = GS_EVENT_BYTES };
	char name[GS_TABLE_FILE_BYTES];
	int fd, rc;

	memcpy(head.uuid, h->uuid, sizeof(head.uuid));
	gs_table_file_name(name, h->table, GS_TABLE_EVT_FD);
	fd = gs_region_create(dir_fd, name, gs_table_evt_bytes());
	if (fd < 0)
		return fd;
	/* All of it: who tells of an event has no way to fail. */
	rc = gs_region_commit(fd, 0, gs_table_evt_bytes());
	if (rc == 0)
		rc = write_all(fd, &head, sizeof(head));
	return finish_file(dir_fd, name, fd, rc);
}

void
gs_table_arena_head(struct gs_arena_hdr *out, const struct gs_ctl_hdr *h, uint32_t ring, uint32_t class_id)
{
	struct gs_arena_shape shape;

	memset(out, 0, sizeof(*out));
	out->magic = GS_ARENA_MAGIC;
	memcpy(out->uuid, h->uuid, sizeof(out->uuid));
	out->ring = ring;
	out->class_id = class_id;
	out->slot_size = h->slot_size[class_id];
	out->n_slots = h->ring[ring].n_slots[class_id];
	out->seg_slots = h->ring[ring].seg_slots[class_id];
	out->n_segments = out->n_slots / out->seg_slots;
	gs_table_arena_shape(&shape, out->n_slots, out->seg_slots, out->slot_size);
	out->segments_off = shape.segments_off;
	out->bitmap_off = shape.bitmap_off;
	out->retired_off = shape.retired_off;
	out->due_off = shape.due_off;
	out->kin_off = shape.kin_off;
	out->slots_off = shape.slots_off;
	out->names_off = shape.names_off;
	out->file_bytes = shape.bytes;
	if (h->store[ring][0] == '\0')
		return;
	out->sip_k0 = h->sip_k0;
	out->sip_k1 = h->sip_k1;
	memcpy(out->table, h->table, sizeof(out->table));
	memcpy(out->ring_name, h->ring[ring].name, sizeof(out->ring_name));
}

static bool
is_used(const struct gs_ctl_hdr *h, uint32_t ring)
{
	return atomic_load_explicit(&h->ring[ring].state, memory_order_relaxed) != 0;
}

int
gs_table_create_arena(int dir_fd, const struct gs_ctl_hdr *h, uint32_t ring, uint32_t class_id, const struct gs_past *past)
{
	char name[GS_TABLE_FILE_BYTES];
	struct gs_arena_hdr head;
	int fd, rc;

	gs_table_arena_head(&head, h, ring, class_id);
	if (h->store[ring][0] != '\0' && past != NULL && (past->arenas >> (ring * GS_MAX_CLASSES + class_id) & 1) != 0)
		return gs_disk_take_over(h->store[ring], &head);
	if (h->store[ring][0] != '\0')
		return gs_disk_create(h->store[ring], &head);
	gs_table_arena_name(name, h->table, ring, class_id);
	fd = gs_region_create(dir_fd, name, head.file_bytes);
	if (fd < 0)
		return fd;
	/* Bitmaps, due hints and kin are committed with their segments, the words of those when the ring is made. */
	rc = gs_region_commit(fd, 0, is_used(h, ring) ? head.bitmap_off : GS_PAGE_BYTES);
	if (rc == 0)
		rc = write_all(fd, &head, sizeof(head));
	return finish_file(dir_fd, name, fd, rc);
}

static int
create_files(int fds[GS_TABLE_FDS], int dir_fd, const struct gs_ctl_hdr *h, const struct gs_past *past)
{
	int rc;

	for (uint32_t ring = 0; ring < h->n_rings; ring++)
		for (uint32_t class_id = 0; class_id < h->n_classes; class_id++) {
			rc = gs_table_create_arena(dir_fd, h, ring, class_id, past);
			if (rc < 0)
				return rc;
			fds[GS_TABLE_ARENA_FD + ring * GS_MAX_CLASSES + class_id] = rc;
		}
	rc = create_idx(dir_fd, h);
	if (rc < 0)
		return rc;
	fds[GS_TABLE_IDX_FD] = rc;
	rc = create_ctx(dir_fd, h);
	if (rc < 0)
		return rc;
	fds[GS_TABLE_CTX_FD] = rc;
	rc = create_evt(dir_fd, h);
	if (rc < 0)
		return rc;
	fds[GS_TABLE_EVT_FD] = rc;
	/* Last: a table without T.ctl is none, so a daemon killed here begins again. */
	rc = create_ctl(dir_fd, h);
	if (rc < 0)
		return rc;
	fds[GS_TABLE_CTL_FD] = rc;
	return 0;
}

/* Remove file i of a table, unless it is one of a table before. */
static void
unmake_file(int dir_fd, const struct gs_ctl_hdr *h, uint32_t i, const struct gs_past *past)
{
	uint32_t arena = i - GS_TABLE_ARENA_FD, ring = arena / GS_MAX_CLASSES;
	char name[GS_TABLE_FILE_BYTES];

	if (i >= GS_TABLE_ARENA_FD && h->store[ring][0] != '\0') {
		if (past == NULL || (past->arenas >> arena & 1) == 0)
			gs_disk_unlink(h->store[ring], h->table, h->ring[ring].name, arena % GS_MAX_CLASSES);
		return;
	}
	gs_table_file_name(name, h->table, i);
	if (dir_fd >= 0)
		(void)unlinkat(dir_fd, name, 0);
}

/* Take back the files that we made, and no other. */
static void
unmake_files(int fds[GS_TABLE_FDS], int dir_fd, const struct gs_ctl_hdr *h, const struct gs_past *past)
{
	for (uint32_t i = 0; i < GS_TABLE_FDS; i++)
		if (fds[i] >= 0)
			unmake_file(dir_fd, h, i, past);
	gs_table_close_fds(fds);
}

int
gs_table_create_from(struct gs_table **out, int dir_fd, const struct gs_table_spec *spec, const struct gs_past *past)
{
	struct gs_ctl_hdr *h = calloc(1, sizeof(*h));
	int fds[GS_TABLE_FDS];
	int rc;

	if (h == NULL)
		return GS_ENOMEM;
	for (int i = 0; i < GS_TABLE_FDS; i++)
		fds[i] = -1;
	rc = fill_ctl(h, spec, past);
	if (rc == 0)
		rc = create_files(fds, dir_fd, h, past);
	if (rc < 0) {
		unmake_files(fds, dir_fd, h, past);
	} else {
		rc = gs_table_adopt(out, fds, GS_TABLE_OWN, NULL);
		if (rc < 0 && dir_fd >= 0)
			gs_table_unlink(dir_fd, spec->name);
	}
	free(h);
	return rc;
}

int
gs_table_create(struct gs_table **out, int dir_fd, const struct gs_table_spec *spec)
{
	return gs_table_create_from(out, dir_fd, spec, NULL);
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
