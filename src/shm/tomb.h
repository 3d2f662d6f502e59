/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tomb.h - tombstones: which sessions ended before their deadline, so that no copy and no late writer brings one back.
 *
 * A fixed set behind the buckets of T.idx, looked up by the hash of a key in
 * two neighbouring lines of 8 places.  A place whose time is over is used
 * again; where none is free, the one that ends soonest goes, those that are
 * not final first, and so does the new one if it would.  That is counted and
 * never an error.  It is lock-free: a process that dies in the middle leaves
 * a place that means nothing until its time is over.
 *
 *	plain	the session ended; one of the same key may start (files are removed and made anew), and while
 *		one is there the tombstone means nothing.  A restore must not bring back what ended.
 *	final	nothing of this key starts before the deadline of what ended: GS_ESTALE.
 *
 * Who ends a session for good leaves the tombstone first, then takes the
 * session out, looking behind a full fence.  Who starts one looks for a
 * tombstone, publishes, and looks again: then one of the two sees the other,
 * and the session is gone whoever it is.
 *
 * It lies in the tmpfs: a restart of the daemon keeps it, a reboot does not.
 * A session of a ring on a disk that ended has ended there, too.
 */
#ifndef GS_SHM_TOMB_H
#define GS_SHM_TOMB_H

#include "shm/table.h"

enum gs_tomb_kind { GS_TOMB_NONE, GS_TOMB_PLAIN, GS_TOMB_FINAL };

/* Places for a table of so many sessions. */
uint64_t gs_tomb_places(uint64_t max_sessions);

/* Begin to fetch where the one of a hash would be. */
void gs_tomb_prefetch(const struct gs_table *t, uint64_t hash);

/* What stands at a hash at now_ms; two lines. */
enum gs_tomb_kind gs_tomb_find(const struct gs_table *t, uint64_t hash, uint64_t now_ms);

/*
 * Leave one at a hash until `until_ms`, or make the one that stands there last as long, and final if this one is.
 * False when one was lost for want of room, this one or another.  GS_TOMB_FINAL is seen by all who publish a session of
 * the key after the caller's next full fence.
 */
bool gs_tomb_leave(struct gs_table *t, uint64_t hash, enum gs_tomb_kind kind, uint64_t until_ms, uint64_t now_ms);

/* May a final one stand? One load of a line that hardly ever changes. */
static inline bool
gs_tomb_may_refuse(const struct gs_table *t, uint64_t now_ms)
{
	/* seq_cst; pairs with raise_final in tomb.c: a starter that published before this load is seen by who ends, or sees his */
	return __builtin_expect(atomic_load_explicit(&t->idx->tomb_final_ms, memory_order_seq_cst) >= now_ms, 0);
}

/*
 * What stands at place i of t->n_tombs at now_ms, with the lower GS_TOMB_HASH_BITS of the key's hash and the last ms for which
 * it stands. For who copies all of them.
 */
enum { GS_TOMB_HASH_BITS = 56 };
enum gs_tomb_kind gs_tomb_at(const struct gs_table *t, uint64_t i, uint64_t now_ms, uint64_t *hash, uint64_t *until_ms);

/* How many stand, of a kind; walks all of them. */
uint64_t gs_tomb_count(const struct gs_table *t, enum gs_tomb_kind kind, uint64_t now_ms);

#endif
