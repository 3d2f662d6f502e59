/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot.h - the sessions of tables as a file: a walk that writes it, a reader that believes nothing of it.
 *
 * A file is a row of blocks.  Each has a head with its kind, its number in the
 * row, the file's id, its length, and two checksums (crc32c), of its bytes and
 * of the head.  Integers are little-endian.
 *
 *	FILE	struct gs_snapshot_file
 *	TABLE	struct gs_snapshot_table	then, of this table:
 *	NAMESPACES	struct gs_snapshot_namespace, again and again; without quota in a file of version 4, none in one of 3
 *	RECORDS	struct gs_snapshot_record and key, owner, link, value, padded to 8, again and again
 *	TOMBS	struct gs_snapshot_tomb, again and again
 *	END	struct gs_snapshot_end
 *
 * Whatever is cut off, changed, left out, put twice or taken from another
 * snapshot is found.  A snapshot is as secret as the sessions in it.
 *
 * The walk goes by index entries, which stay where they are as long as their
 * key is present: who was there all the while is in it once, as it was at one
 * instant.  It writes nothing into the table, and waits for nobody.
 */
#ifndef GS_SHM_SNAPSHOT_H
#define GS_SHM_SNAPSHOT_H

#include <stdatomic.h>

#include "base/format.h"
#include "shm/table.h"

#define GS_SNAPSHOT_MAGIC UINT32_C(0x70616e73)	/* "snap" */

enum {
	GS_SNAPSHOT_VERSION = GS_FORMAT_SNAPSHOT,
	GS_SNAPSHOT_OLDEST = GS_FORMAT_SNAPSHOT_OLDEST,	/* that is read */
	GS_SNAPSHOT_BLOCK_BYTES = 1 << 18,	/* of a block behind its head, at most */
	GS_SNAPSHOT_WHY_BYTES = 256,
	GS_SNAPSHOT_QUOTA_BYTES = 48,
};

enum gs_snapshot_kind { GS_SNAPSHOT_FILE = 1, GS_SNAPSHOT_TABLE, GS_SNAPSHOT_RECORDS, GS_SNAPSHOT_TOMBS, GS_SNAPSHOT_END,
    GS_SNAPSHOT_NAMESPACES };

struct gs_snapshot_head {
	uint32_t magic, kind;
	uint32_t seq;			/* 0, 1, 2 ... */
	uint32_t id;			/* the same in all blocks of a file */
	uint32_t n_items;
	uint32_t bytes;			/* that follow */
	uint32_t crc;			/* crc32c of those */
	uint32_t head_crc;		/* crc32c of all the above */
};
_Static_assert(sizeof(struct gs_snapshot_head) == 32, "block head");

struct gs_snapshot_file {
	uint32_t version;		/* GS_SNAPSHOT_VERSION */
	uint32_t n_tables;
	int64_t wall_ms;		/* when it was begun, ms since 1970 */
};

struct gs_snapshot_table {
	char name[GS_RING_NAME_BYTES];
	uint8_t uuid[16];		/* of the memory: is it the one that it is restored to? */
	uint64_t sip_k0, sip_k1;	/* of the hashes in its tombs */
	uint64_t now_ms;		/* store time, and at the same instant ... */
	int64_t wall_ms;		/* ... ms since 1970 */
	uint32_t record_size, key_max;
	uint32_t n_rings, pad;
	char ring[GS_MAX_RINGS][GS_RING_NAME_BYTES];
	char class_name[GS_CLASSES][GS_RING_NAME_BYTES];	/* "": an id that none had */
	char ns_name[GS_NAMESPACES][GS_RING_NAME_BYTES];	/* of namespaces: "": one that is not there */
};

/* What a namespace is like; its name is in the table's block. */
struct gs_snapshot_namespace {
	uint32_t id, uid, gid, mode;
	uint64_t idle_ms, max_sessions;		/* GS_DURATION_MAX, GS_NAMESPACE_UNLIMITED: none */
	char quota[GS_SNAPSHOT_QUOTA_BYTES];	/* as its control file has it; "": nothing is said of it */
};
_Static_assert(sizeof(struct gs_snapshot_namespace) == 80, "namespace of a snapshot");

/* A session, times in store ms of its table. */
struct gs_snapshot_record {
	uint32_t bytes;			/* from here to the next one */
	uint16_t val_len;
	uint8_t key_len, owner_len, link_len;
	uint8_t class_id, flags, ring;	/* ring: index into those of the table's block */
	uint16_t ns, mode;
	uint32_t uid, gid, resume_ttl_s;
	uint32_t birth, lterm;
	uint16_t writer, pad;
	uint64_t version, created, deadline, ttl_ms, mtime_ms, hlc;
	int64_t mtime_ns, ctime_ns;
	uint64_t accessed_ms, interest, touched_ms, hits;	/* A, I, T, H */
	uint64_t arrival, offence, attempt_ms, soon_ms;		/* Q, O, L, S */
};
_Static_assert(sizeof(struct gs_snapshot_record) == 168, "record of a snapshot");

/* A session that has ended and must not come back. */
struct gs_snapshot_tomb {
	uint64_t hash;			/* of its key, with the table's secret: the lower 56 bits */
	uint64_t until_ms;		/* store time up to which it is remembered */
	uint64_t kind;			/* enum gs_tomb_kind */
};

struct gs_snapshot_end {
	uint64_t n_records, n_tombs;
};

/* ---- writing ---- */

struct gs_snapshot_out {
	int fd;
	uint32_t id, seq, kind, n_items;	/* kind: of the block being filled; 0 none */
	size_t len;			/* bytes in it */
	unsigned char *block;		/* head and bytes */
	uint64_t n_records, n_tombs, n_damaged, bytes;	/* so far */
};

/* Begin a file at the descriptor's offset. Returns 0, GS_ENOMEM, GS_ENOSPC, GS_ESYSTEM. */
int gs_snapshot_begin(struct gs_snapshot_out *o, int fd, uint32_t n_tables);
/*
 * Add a table; quota: those of its namespaces by their ids, or NULL. *done grows by one with every entry of its index that was
 * looked at. Damaged records are left out and counted. As above.
 */
int gs_snapshot_add_table(struct gs_snapshot_out *o, struct gs_table *t, char quota[][GS_SNAPSHOT_QUOTA_BYTES], _Atomic uint64_t *done);
/* The last block; then wait until the disk has all of it. As above. */
int gs_snapshot_finish(struct gs_snapshot_out *o);
/* Give memory back, however far it came. */
void gs_snapshot_free(struct gs_snapshot_out *o);

/* ---- reading ---- */

struct gs_snapshot_item {
	enum gs_snapshot_kind kind;	/* TABLE, NAMESPACES: one of them, RECORDS: one record, TOMBS: one tomb */
	struct gs_snapshot_table table;	/* the current one */
	struct gs_snapshot_record record;
	const unsigned char *key, *owner, *link, *value;	/* of the record, until the next call */
	struct gs_snapshot_tomb tomb;
	struct gs_snapshot_namespace space;
};

struct gs_snapshot_in {
	int fd;
	uint64_t at;			/* offset of the next block */
	uint32_t version, id, seq, n_tables, tables_left;
	struct gs_snapshot_head head;	/* of the block in hand */
	uint32_t items_left;
	size_t next;			/* where in it the next item begins */
	unsigned char *block;
	bool has_table, has_ended;
	int64_t wall_ms;
	uint64_t n_records, n_tombs;	/* so far */
	char why[GS_SNAPSHOT_WHY_BYTES];	/* after an error: the sentence */
};

/* Begin to read a file from its first byte; fd must be able to pread. Returns 0, GS_ENOMEM, GS_ECORRUPT, GS_EVERSION, GS_ESYSTEM. */
int gs_snapshot_open(struct gs_snapshot_in *in, int fd);
/*
 * The next table, namespace, record or tomb. Returns 1, 0 at the end of a file that is whole to its last byte, or as above. What it
 * gives has lengths, ring and a namespace's id within bounds, and texts that end; every other number is as the file has it.
 */
int gs_snapshot_next(struct gs_snapshot_in *in, struct gs_snapshot_item *out);
void gs_snapshot_close(struct gs_snapshot_in *in);

#endif
