/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * open.c - fuzz target: the files of a table as they must not be, for whoever opens or maps them.
 *
 * Headers are changed, with or without a crc that fits, also so that all files agree on an odd shape; files are cut, grown,
 * swapped, missing or of another kind.  Either the table is refused, with an error, a sentence and no descriptor kept, or
 * every call on it stays within its maps.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "ops.h"
#include "shm/table_impl.h"

enum { MUTATIONS = 4, STEPS = 12, HEAD_BYTES = GS_PAGE_BYTES, MOST_BYTES = 1 << 26 };

static struct {
	char dir[64];
	int dir_fd;
	int fd[GS_TABLE_FDS];			/* -1: there is none */
	struct stat st[GS_TABLE_FDS];
	unsigned char head[GS_TABLE_FDS][HEAD_BYTES];
	struct gs_ctl_hdr ctl;			/* as it is to be now */
} files;

static void
remove_files(void)
{
	gs_table_unlink(files.dir_fd, "t");
	(void)rmdir(files.dir);
}

static void
put_head(int i, const void *head)
{
	if (pwrite(files.fd[i], head, HEAD_BYTES, 0) != HEAD_BYTES)
		fuzz_fail("a file of the table cannot be written");
}

/* As they were made; what was cut off is holes. */
static void
restore(void)
{
	for (int i = 0; i < GS_TABLE_FDS; i++) {
		if (files.fd[i] < 0)
			continue;
		if (ftruncate(files.fd[i], files.st[i].st_size) < 0)
			fuzz_fail("a file of the table cannot be restored");
		if (i != GS_TABLE_CTX_FD)
			put_head(i, files.head[i]);
	}
	memcpy(&files.ctl, files.head[0], HEAD_BYTES);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct gs_table_spec spec = place_spec();
	struct gs_table *t;
	char name[GS_TABLE_FILE_BYTES];
	int rc;

	(void)argc;
	(void)argv;
	(void)snprintf(files.dir, sizeof(files.dir), "/dev/shm/gs-fuzz.%s", "XXXXXX");
	if (mkdtemp(files.dir) == NULL || (files.dir_fd = open(files.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		fuzz_fail("%s cannot be made", files.dir);
	(void)atexit(remove_files);
	rc = gs_table_create(&t, files.dir_fd, &spec);
	FUZZ_CHECK(rc == 0, "the table cannot be made: %s", gs_errname(rc));
	gs_table_free(&t);
	for (uint32_t i = 0; i < GS_TABLE_FDS; i++) {
		gs_table_file_name(name, "t", i);
		files.fd[i] = openat(files.dir_fd, name, O_RDWR | O_CLOEXEC);
		if (files.fd[i] >= 0 && (fstat(files.fd[i], &files.st[i]) < 0 || pread(files.fd[i], files.head[i], HEAD_BYTES, 0) < 0))
			fuzz_fail("%s cannot be read", name);
	}
	return 0;
}

/* ---- mutations ---- */

static void
seal_ctl(void)
{
	files.ctl.crc = gs_crc32c(0, &files.ctl, offsetof(struct gs_ctl_hdr, crc));
}

static void
change_word(struct tape *in, void *at, size_t width)
{
	uint64_t word = 0;

	memcpy(&word, at, width);
	word = tape_change(in, word);
	memcpy(at, &word, width);
}

static void
change_ctl(struct tape *in)
{
	unsigned char *at = (unsigned char *)&files.ctl;

	switch (tape_below(in, 4)) {
	case 0:
		change_word(in, at + 4 * tape_below(in, HEAD_BYTES / 4), 4);
		break;
	case 1:
		change_word(in, at + offsetof(struct gs_ctl_hdr, n_groups) + 4 * tape_below(in, 18), 4);
		break;
	case 2:
		change_word(in, at + 8 * tape_below(in, 32), 8);
		break;
	default:
		change_word(in, at + offsetof(struct gs_ctl_hdr, ring) + 4 * tape_below(in, 128), 4);
		break;
	}
	if (tape_below(in, 4) != 0)
		seal_ctl();
	put_head(0, &files.ctl);
}

/* A number of the shape that may be, at least by itself. */
static void
change_shape(struct tape *in)
{
	struct gs_ctl_hdr *h = &files.ctl;
	struct gs_ring_cfg *r = &h->ring[tape_below(in, 3)];
	uint32_t k = tape_below(in, GS_MAX_CLASSES);

	switch (tape_below(in, 6)) {
	case 0:
		h->slot_size[k] = 64 * tape_below(in, 40);
		break;
	case 1:
		h->record_size = (uint32_t)tape_take(in, 2);
		break;
	case 2:
		h->key_max = tape_below(in, 256);
		break;
	case 3:
		h->n_groups = tape_below(in, 40);
		h->n_buckets = h->n_groups * GS_GROUP_BUCKETS + GS_LAST_RESORTS;
		h->n_tombs = GS_TOMBS_MIN + 4ull * tape_below(in, 40);
		break;
	case 4:
		r->seg_slots[k] = 64 * tape_below(in, 8);
		r->n_slots[k] = r->seg_slots[k] * tape_below(in, 8);
		break;
	default:
		h->n_classes = 1 + tape_below(in, 2);
		h->n_rings = 1 + tape_below(in, 3);
		break;
	}
	seal_ctl();
	put_head(0, h);
}

/* Make the other files agree with T.ctl, as far as that can be. */
static void
follow_ctl(void)
{
	const struct gs_ctl_hdr *h = &files.ctl;
	struct gs_idx_hdr idx;

	if (h->n_buckets < (MOST_BYTES >> 8) && h->n_tombs < (MOST_BYTES >> 5) &&
	    ftruncate(files.fd[1], (off_t)gs_table_idx_bytes(h->n_buckets, h->n_tombs)) == 0) {
		memcpy(&idx, files.head[1], sizeof(idx));
		idx.n_buckets = h->n_buckets;
		put_head(1, &idx);
	}
	for (int i = 3; i < GS_TABLE_FDS; i++) {
		uint32_t ring = (uint32_t)(i - 3) / GS_MAX_CLASSES, k = (uint32_t)(i - 3) % GS_MAX_CLASSES;
		struct gs_arena_shape shape;
		struct gs_arena_hdr head;

		if (files.fd[i] < 0 || h->ring[ring].seg_slots[k] == 0)
			continue;
		gs_table_arena_shape(&shape, h->ring[ring].n_slots[k], h->ring[ring].seg_slots[k], h->slot_size[k]);
		if (shape.bytes > MOST_BYTES || ftruncate(files.fd[i], (off_t)shape.bytes) < 0)
			continue;
		memcpy(&head, files.head[i], sizeof(head));
		head.n_slots = h->ring[ring].n_slots[k];
		head.seg_slots = h->ring[ring].seg_slots[k];
		head.slot_size = h->slot_size[k];
		head.slots_off = shape.slots_off;
		head.file_bytes = shape.bytes;
		put_head(i, &head);
	}
}

static int
some_file(struct tape *in)
{
	int i = (int)tape_below(in, GS_TABLE_FDS);

	while (files.fd[i] < 0)
		i = (i + 1) % GS_TABLE_FDS;
	return i;
}

static void
mutate(struct tape *in)
{
	unsigned char head[HEAD_BYTES];
	int i = some_file(in);

	switch (tape_below(in, 8)) {
	case 0:
	case 1:
		change_ctl(in);
		return;
	case 2:
	case 3:
		change_shape(in);
		return;
	case 4:
	case 5:
		follow_ctl();
		return;
	case 6:
		if (ftruncate(files.fd[i], (off_t)(tape_change(in, (uint64_t)files.st[i].st_size) % MOST_BYTES)) < 0)
			fuzz_fail("a file cannot be cut");
		return;
	default:
		if (i == 0 || pread(files.fd[i], head, sizeof(head), 0) != (ssize_t)sizeof(head))
			return;
		change_word(in, head + 8 * tape_below(in, 16), 8);
		put_head(i, head);
		return;
	}
}

/* ---- opening ---- */

static int
other_file(struct tape *in, int i)
{
	switch (tape_below(in, 8)) {
	case 0:
		return -1;
	case 1:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case 2:
		return dup(files.dir_fd);
	case 3:
		return dup(files.fd[some_file(in)]);
	default:
		return files.fd[i] < 0 ? -1 : dup(files.fd[i]);
	}
}

static int
open_or_map(struct tape *in, struct gs_table **t, enum gs_table_access *access, char *why)
{
	int fds[GS_TABLE_FDS];

	*access = (enum gs_table_access)tape_below(in, 3);
	if (tape_below(in, 2) == 0) {
		*access = GS_TABLE_OWN;
		return gs_table_open(t, files.dir_fd, "t", why);
	}
	for (int i = 0; i < GS_TABLE_FDS; i++)
		fds[i] = files.fd[i] < 0 ? -1 : dup(files.fd[i]);
	if (tape_below(in, 2) == 0) {
		int i = (int)tape_below(in, GS_TABLE_FDS);

		if (fds[i] >= 0)
			(void)close(fds[i]);
		fds[i] = other_file(in, i);
	}
	/* As the library does: what a client that writes needs must be there. */
	if (*access != GS_TABLE_READ && fds[GS_TABLE_CTX_FD] < 0)
		fds[GS_TABLE_CTX_FD] = dup(files.fd[GS_TABLE_CTX_FD]);
	return gs_table_map(t, fds, *access, why);
}

/* Calls on a table that was not refused. */
static void
use(struct tape *in, struct gs_table *t, bool is_client)
{
	static struct place p;

	memset(&p, 0, sizeof(p));
	p.t = t;
	p.is_client = is_client;
	for (uint32_t ring = 0; ring < t->n_rings; ring++)
		for (uint32_t k = 0; k < t->n_classes; k++)
			FUZZ_CHECK(gs_table_arena(t, ring, k)->map != NULL, "an arena is missing");
	place_around(&p);
	for (int i = 0; i < STEPS; i++)
		ops_one(&p, in, PLACE_NOW);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tape in = { data, size };
	uint32_t n = 1 + tape_below(&in, MUTATIONS);
	int had = fuzz_count_fds(), rc;
	char why[GS_TABLE_WHY_BYTES];
	enum gs_table_access access;
	struct gs_table *t = NULL;

	restore();
	for (uint32_t i = 0; i < n; i++)
		mutate(&in);
	memset(why, 'x', sizeof(why));
	rc = open_or_map(&in, &t, &access, why);
	fuzz_answer("open", rc);
	if (rc == 0 && access != GS_TABLE_READ)
		use(&in, t, access == GS_TABLE_WRITE);
	if (rc == 0)
		gs_table_free(&t);
	else
		FUZZ_CHECK(t == NULL && memchr(why, 0, sizeof(why)) != NULL, "open: refused, without a sentence");
	FUZZ_CHECK(fuzz_count_fds() == had, "open: %d descriptors were open, now %d", had, fuzz_count_fds());
	return 0;
}
