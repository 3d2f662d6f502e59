/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot.c - fuzz target: the file of a snapshot.
 *
 * It is refused with a sentence, or read to its end; whatever is put back of it, the table stays sound, and nothing that
 * came from it is from the future or without an end.  Checksums are made right again most of the time, so that what lies
 * behind them is reached.
 */
#include <sys/mman.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "base/crc32c.h"
#include "fuzz.h"
#include "shm/audit.h"
#include "shm/restore.h"
#include "shm/snapshot.h"

enum { FILE_BYTES = 1 << 16, CHANGES = 8, LIFETIME_MS = 3600000 };

static struct gs_table *table;
static struct gs_ctx ctx;
static unsigned char sane[FILE_BYTES], bytes[FILE_BYTES];
static size_t n_sane;
static int fd = -1;

static void
add_ring(struct gs_table_spec *spec, const char *name, uint32_t kind, uint32_t decay_to)
{
	struct gs_ring_spec *r = &spec->rings[spec->n_rings++];

	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	r->kind = kind;
	r->promote = GS_PROMOTE_ACCESS;
	r->ttl_ms = 600000;
	r->half_life_ms = 60000;
	r->capacity = 60;
	r->decay_to = decay_to;
}

static void
fill(void)
{
	char key[16], value[64] = "value";

	for (int i = 0; i < 40; i++) {
		struct gs_put_args args = { .ring = i % 8 == 0 ? 1 : GS_RING_NONE, .wall_ns = i, .set = GS_SET_OWNER_BIT, .owner = "owner", .owner_len = i % 6 };
		struct gs_key k;

		(void)snprintf(key, sizeof(key), "key %d", i);
		if (gs_key_init(table, &k, key, strlen(key)) < 0 ||
		    gs_kv_put(table, &ctx, &k, gs_table_now_ms(table), value, (size_t)i, &args, NULL) != 1)
			fuzz_fail("no session %d", i);
	}
}

static void
make_sane(void)
{
	struct gs_snapshot_out out;
	_Atomic uint64_t done = 0;

	if (gs_snapshot_begin(&out, fd, 1) < 0 || gs_snapshot_add_table(&out, table, NULL, &done) < 0 || gs_snapshot_finish(&out) < 0)
		fuzz_fail("no snapshot");
	gs_snapshot_free(&out);
	n_sane = (size_t)pread(fd, sane, sizeof(sane), 0);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct gs_namespace_spec space = { .name = "space", .idle_ms = 1000000, .max_sessions = 100, .mode = 0750 };
	struct gs_table_spec spec = { .name = "t", .record_size = 100, .key_max = 32, .n_classes = 1, .max_sessions = 200, .max_lifetime_ms = LIFETIME_MS };

	(void)argc;
	(void)argv;
	spec.slot_size[0] = gs_table_slot_bytes(32, GS_OWNER_BYTES, 100);
	add_ring(&spec, "active", GS_RING_NORMAL, 1);
	add_ring(&spec, "cold", GS_RING_NORMAL, GS_RING_NONE);
	add_ring(&spec, "suspect", GS_RING_SUSPECT, GS_RING_NONE);
	fd = memfd_create("snapshot", MFD_CLOEXEC);
	if (fd < 0 || gs_table_create_private(&table, &spec) < 0 || gs_ctx_init(&ctx, table, 1) < 0)
		fuzz_fail("no table");
	fill();
	if (gs_namespaces_make(table, &ctx, &space) < 0)
		fuzz_fail("no namespace");
	make_sane();
	return 0;
}

/* Checksums as whoever wants to be believed would make them. */
static void
mend(size_t n)
{
	for (size_t at = 0; at + sizeof(struct gs_snapshot_head) <= n;) {
		struct gs_snapshot_head head;

		memcpy(&head, bytes + at, sizeof(head));
		if (head.bytes > n - at - sizeof(head))
			return;
		head.crc = gs_crc32c(0, bytes + at + sizeof(head), head.bytes);
		head.head_crc = gs_crc32c(0, &head, offsetof(struct gs_snapshot_head, head_crc));
		memcpy(bytes + at, &head, sizeof(head));
		at += sizeof(head) + head.bytes;
	}
}

static size_t
make_file(struct tape *in)
{
	size_t n = n_sane;
	uint32_t n_changes = tape_below(in, CHANGES);

	memcpy(bytes, sane, n);
	for (uint32_t i = 0; i < n_changes; i++) {
		size_t width = (size_t)1 << tape_below(in, 4), at = tape_below(in, (uint32_t)(n - width)) & ~(width - 1);
		uint64_t value = 0;

		memcpy(&value, bytes + at, width);
		value = tape_change(in, value);
		memcpy(bytes + at, &value, width);
	}
	if (tape_below(in, 8) == 0)
		n = tape_below(in, (uint32_t)n);
	if (tape_below(in, 4) != 0)
		mend(n);
	return n;
}

/* What came back has bounds. */
static void
check_record(const struct gs_restore *to, const struct gs_snapshot_item *item, uint64_t now_ms)
{
	struct gs_meta meta;
	struct gs_key k;

	FUZZ_CHECK(gs_key_init_in(table, &k, to->ns[item->record.ns], item->key, item->record.key_len) == 0, "a key that cannot be was restored");
	FUZZ_CHECK(gs_kv_get(table, &ctx, &k, now_ms, NULL, 0, GS_KV_INSPECT, &meta) == item->record.val_len, "what was restored is not there");
	FUZZ_CHECK(meta.created_ms <= now_ms && meta.accessed_ms <= now_ms && meta.touched_ms <= now_ms, "restored into the future");
	FUZZ_CHECK(meta.deadline_ms <= now_ms + LIFETIME_MS, "restored for ever");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tape in = { data, size };
	struct gs_snapshot_item item;
	struct gs_snapshot_in file;
	struct gs_restore to;
	struct gs_audit audit;
	size_t n = make_file(&in);
	uint64_t now_ms;
	int rc;

	if (ftruncate(fd, 0) < 0 || pwrite(fd, bytes, n, 0) != (ssize_t)n)
		fuzz_fail("the file cannot be written");
	rc = gs_snapshot_open(&file, fd);
	while (rc >= 0 && (rc = gs_snapshot_next(&file, &item)) == 1) {
		now_ms = gs_table_now_ms(table);
		if (item.kind == GS_SNAPSHOT_TABLE)
			gs_restore_begin(&to, table, &ctx, &item.table, tape_number(&in));
		else if (item.kind == GS_SNAPSHOT_NAMESPACES)
			(void)gs_restore_namespace(&to, &item.space);
		else if (item.kind == GS_SNAPSHOT_RECORDS && gs_restore_record(&to, &item, now_ms) == GS_RESTORED)
			check_record(&to, &item, now_ms);
	}
	fuzz_answer("snapshot", rc);
	FUZZ_CHECK(rc == 0 || file.why[0] != '\0', "refused, without a sentence");
	gs_snapshot_close(&file);
	gs_audit_run(table, gs_table_now_ms(table), &audit, NULL);
	FUZZ_CHECK(audit.n_broken == 0, "%llu invariants are broken", (unsigned long long)audit.n_broken);
	return 0;
}
