/* SPDX-License-Identifier: BSD-2-Clause */
#include <sys/stat.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "base/crc32c.h"
#include "base/format.h"
#include "shm/table_impl.h"

int
gs_table_refuse(char *why, int rc, const char *file, const char *what)
{
	if (why != NULL)
		(void)snprintf(why, GS_TABLE_WHY_BYTES, "%s: %s", file, what);
	return rc;
}

static bool
is_file_of(int fd, uint64_t bytes)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == bytes;
}

static bool
has_sane_ring(const struct gs_ctl_hdr *h, uint32_t i)
{
	const struct gs_ring_cfg *r = &h->ring[i];
	uint32_t word = atomic_load_explicit(&r->state, memory_order_relaxed);

	if (memchr(r->name, 0, sizeof(r->name)) == NULL || (r->name[0] == '\0' && word != 0))
		return false;
	if (gs_ring_word_state(word) > GS_RING_DRAINING || (i == 0 && gs_ring_word_state(word) != GS_RING_ON))
		return false;
	for (uint32_t k = 0; k < h->n_classes; k++)
		if (r->seg_slots[k] == 0 || r->seg_slots[k] % 64 != 0 || r->n_slots[k] == 0 ||
		    r->n_slots[k] % r->seg_slots[k] != 0 || r->n_slots[k] >= GS_SLOT_NUMBERS)
			return false;
	return true;
}

static bool
has_sane_geometry(const struct gs_ctl_hdr *h)
{
	if (h->n_classes == 0 || h->n_classes > GS_MAX_CLASSES || h->n_rings == 0 || h->n_rings > GS_MAX_RINGS)
		return false;
	if (h->n_groups < 2 || h->n_groups > (UINT64_C(1) << 32) || h->n_buckets != h->n_groups * GS_GROUP_BUCKETS + GS_LAST_RESORTS)
		return false;
	if (h->n_tombs < GS_TOMBS_MIN || h->n_tombs % GS_TOMB_WAYS != 0 || h->n_tombs > (UINT64_C(1) << 32))
		return false;
	if (h->record_size > 65535 || h->key_max == 0 || h->key_max > GS_KEY_BYTES)
		return false;
	for (uint32_t k = 0; k < h->n_classes; k++)
		if (h->slot_size[k] % 64 != 0 || h->slot_size[k] < 256 || h->slot_size[k] > GS_SLOT_BYTES_MAX ||
		    (k > 0 && h->slot_size[k] < h->slot_size[k - 1]))
			return false;
	/* Whatever may be put has a class, and a copy of any slot has room where one of the last class has. */
	if (gs_table_slot_bytes(h->key_max, GS_OWNER_BYTES, h->record_size) > h->slot_size[h->n_classes - 1])
		return false;
	if (memchr(h->table, 0, sizeof(h->table)) == NULL)
		return false;
	for (uint32_t i = 0; i < h->n_rings; i++)
		if (!has_sane_ring(h, i))
			return false;
	return true;
}

_Static_assert(GS_FORMAT_MEMORY == GS_ABI_MAJOR && offsetof(struct gs_ctl_hdr, abi_major) == 8, "as base/format.h looks at it");

int
gs_table_check_ctl(int fd, struct gs_ctl_hdr *h, char *why)
{
	if (!is_file_of(fd, sizeof(*h)))
		return gs_table_refuse(why, GS_ECORRUPT, "ctl", "cut short, or no table of ours");
	if (pread(fd, h, GS_PAGE_BYTES, 0) != GS_PAGE_BYTES)
		return gs_table_refuse(why, GS_ESYSTEM, "ctl", "cannot be read");
	if (h->magic != GS_CTL_MAGIC)
		return gs_table_refuse(why, GS_ECORRUPT, "ctl", "no table of ours");
	if (h->endian != GS_ENDIAN_MARK || h->abi_major != GS_ABI_MAJOR || h->abi_minor > GS_ABI_MINOR ||
	    h->slot_header_bytes != GS_SLOT_HEADER_BYTES || h->bucket_bytes != sizeof(struct gs_bucket) ||
	    h->ctx_bytes != GS_CTX_BYTES || h->n_ctx != GS_MAX_CTX)
		return gs_table_refuse(why, GS_EVERSION, "ctl", "made by another version of gsession");
	if (h->crc != gs_crc32c(0, h, offsetof(struct gs_ctl_hdr, crc)))
		return gs_table_refuse(why, GS_ECORRUPT, "ctl", "header damaged");
	for (uint32_t i = 0; i < GS_MAX_RINGS; i++)
		if (memchr(h->store[i], 0, sizeof(h->store[i])) == NULL)
			return gs_table_refuse(why, GS_ECORRUPT, "ctl", "a path has no end");
	if (!has_sane_geometry(h))
		return gs_table_refuse(why, GS_ECORRUPT, "ctl", "geometry out of bounds");
	return 0;
}

static int
check_idx(int fd, const struct gs_ctl_hdr *h, char *why)
{
	struct gs_idx_hdr head;

	if (!is_file_of(fd, gs_table_idx_bytes(h->n_buckets, h->n_tombs)) || pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return gs_table_refuse(why, GS_ECORRUPT, "idx", "cut short");
	if (head.magic != GS_IDX_MAGIC || head.n_buckets != h->n_buckets || memcmp(head.uuid, h->uuid, sizeof(head.uuid)) != 0)
		return gs_table_refuse(why, GS_ECORRUPT, "idx", "belongs to another table");
	return 0;
}

static int
check_evt(int fd, const struct gs_ctl_hdr *h, char *why)
{
	struct gs_evt_hdr head;

	if (!is_file_of(fd, gs_table_evt_bytes()) || pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return gs_table_refuse(why, GS_ECORRUPT, "evt", "cut short");
	if (head.magic != GS_EVT_MAGIC || head.n_cells != GS_EVENT_CELLS || head.cell_bytes != GS_EVENT_BYTES ||
	    memcmp(head.uuid, h->uuid, sizeof(head.uuid)) != 0)
		return gs_table_refuse(why, GS_ECORRUPT, "evt", "belongs to another table");
	return 0;
}

static int
check_arena(int fd, const struct gs_ctl_hdr *h, uint32_t ring, uint32_t class_id, char *why)
{
	const struct gs_ring_cfg *r = &h->ring[ring];
	struct gs_arena_hdr head;
	struct gs_arena_shape shape;
	char name[16];

	(void)snprintf(name, sizeof(name), "%u.%u", ring, class_id);
	if (fd < 0)
		return gs_table_refuse(why, GS_ECORRUPT, name, "missing");
	gs_table_arena_shape(&shape, r->n_slots[class_id], r->seg_slots[class_id], h->slot_size[class_id]);
	if (!is_file_of(fd, shape.bytes) || pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return gs_table_refuse(why, GS_ECORRUPT, name, "cut short");
	if (head.magic != GS_ARENA_MAGIC || memcmp(head.uuid, h->uuid, sizeof(head.uuid)) != 0 || head.ring != ring ||
	    head.class_id != class_id)
		return gs_table_refuse(why, GS_ECORRUPT, name, "belongs to another table");
	if (head.n_slots != r->n_slots[class_id] || head.seg_slots != r->seg_slots[class_id] ||
	    head.slot_size != h->slot_size[class_id] || head.slots_off != shape.slots_off || head.file_bytes != shape.bytes)
		return gs_table_refuse(why, GS_ECORRUPT, name, "header damaged");
	return 0;
}

int
gs_table_check_files(const int fds[GS_TABLE_FDS], struct gs_ctl_hdr *h, char *why)
{
	int rc = gs_table_check_ctl(fds[0], h, why);

	if (rc < 0)
		return rc;
	rc = check_idx(fds[1], h, why);
	if (rc < 0)
		return rc;
	if (fds[2] >= 0 && !is_file_of(fds[2], (uint64_t)GS_MAX_CTX * GS_CTX_BYTES))
		return gs_table_refuse(why, GS_ECORRUPT, "ctx", "cut short");
	rc = check_evt(fds[GS_TABLE_EVT_FD], h, why);
	if (rc < 0)
		return rc;
	for (uint32_t ring = 0; ring < h->n_rings; ring++)
		for (uint32_t class_id = 0; class_id < h->n_classes; class_id++) {
			int fd = fds[GS_TABLE_ARENA_FD + ring * GS_MAX_CLASSES + class_id];

			rc = check_arena(fd, h, ring, class_id, why);
			if (rc < 0)
				return rc;
		}
	return 0;
}
