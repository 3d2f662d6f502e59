/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * restore.h - put the sessions of a snapshot back into a table, as old as they have become meanwhile.
 *
 * A session comes back with everything that it had, its times moved by what
 * has passed since the snapshot: by store time where the memory is still the
 * one that it was taken of, else by the wall clock, and never by less than
 * nothing.  It goes to the ring that the decay law has for its age, and from
 * a full ring to the next one outwards.  Of two sessions of one key the later
 * write stays: in the same memory the greater version, else the later mtime;
 * at a tie, what is there.
 *
 * Works while clients do, as one of them.
 */
#ifndef GS_SHM_RESTORE_H
#define GS_SHM_RESTORE_H

#include "shm/kv.h"
#include "shm/namespaces.h"
#include "shm/snapshot.h"

/* What became of a record. */
enum gs_restored {
	GS_RESTORED,			/* it is in the table */
	GS_RESTORE_OLDER,		/* what is there was written later, or at the same time */
	GS_RESTORE_EXPIRED,		/* its time was over meanwhile */
	GS_RESTORE_ENDED,		/* it was ended, before the snapshot was through or since, or is, by a logout */
	GS_RESTORE_TOO_LONG,		/* key or value is longer than the table takes */
	GS_RESTORE_UNKNOWN,		/* its class, a flag of it or its namespace is none of ours */
	GS_RESTORE_NO_ROOM,		/* every ring outwards is full */
	GS_RESTORE_DAMAGED,		/* what its key leads to in the table is damaged */
	GS_RESTORE_KINDS
};

/* The sessions that a table's part of a snapshot says have ended; sorted by hash. */
struct gs_restore_tombs {
	struct gs_snapshot_tomb *tomb;
	size_t n, cap;
};

/* Remember one. 0 or GS_ENOMEM. */
int gs_restore_bury(struct gs_restore_tombs *tombs, const struct gs_snapshot_tomb *tomb);
/* After the last: make them ready to be asked. */
void gs_restore_sort(struct gs_restore_tombs *tombs);
void gs_restore_free(struct gs_restore_tombs *tombs);

/* A table's part of a snapshot, and where it goes. */
struct gs_restore {
	struct gs_table *t;
	struct gs_ctx *c;
	const struct gs_snapshot_table *from;
	const struct gs_restore_tombs *tombs;
	uint64_t shift_ms;		/* modulo 2^64: what a time of the snapshot is in this table, less it */
	bool is_same_memory;
	uint32_t ns[GS_NAMESPACES];	/* the ids here of its namespaces; 0: none */
	struct gs_namespace_spec made[GS_NAMESPACES];	/* by its id: those that were not here; name "": it was */
};

/*
 * wall_add_ms: the wall clock's ms since 1970 less store time, now, modulo 2^64. Keeps the pointers. Makes what is not there of
 * its namespaces, which nobody else makes or removes meanwhile.
 */
void gs_restore_begin(struct gs_restore *r, struct gs_table *t, struct gs_ctx *c, const struct gs_snapshot_table *from, uint64_t wall_add_ms);

/*
 * What a namespace of that table is like. One that was here stays as it is here. Returns the id that it was made with, for whom
 * its quota is a concern, or 0.
 */
uint32_t gs_restore_namespace(struct gs_restore *r, const struct gs_snapshot_namespace *space);
/* After the last record of the table: what came back with it may have been more than max_sessions by then. */
void gs_restore_end(struct gs_restore *r);

/* Put one record of that table back, as of now_ms; item is of gs_snapshot_next. */
enum gs_restored gs_restore_record(struct gs_restore *r, const struct gs_snapshot_item *item, uint64_t now_ms);

#endif
