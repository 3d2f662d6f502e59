/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * index.h - from a key to its slot: buckets of 15 entries, a stash per group, and a last resort.
 *
 * A key has four places, tried in order: k = 0 its home bucket, 1 the stash
 * of its group, 2 the stash of the next group, 3 a bucket of last resort.
 * Beyond 0 is looked only when the home's header says that something of this
 * home lies there.  An entry never moves while its key is present.
 *
 *	insert	a tentative entry, then the version in the home's header by
 *		compare-and-swap (nobody else committed an insert here since we
 *		scanned), then the entry made final: the instant it exists
 *	update	the entry by compare-and-swap
 *	remove	the entry to 0 by compare-and-swap
 *
 * Two inserts of one key: both commit on the same header, so the later scans
 * again and finds the other's entry; a tentative one it kills.  A process
 * that died in the middle is killed likewise and waited for by nobody.
 *
 * Source: FASTER (Chandramouli et al., SIGMOD 2018) for tentative entries,
 * with the kill instead of its wait.
 */
#ifndef GS_SHM_INDEX_H
#define GS_SHM_INDEX_H

#include "base/atomic.h"
#include "shm/kv.h"

enum { GS_PLACES = 4 };

struct gs_probe {
	uint64_t bucket[GS_PLACES];	/* numbers of the buckets, [0] is home */
	uint32_t tag, filter_bit, second_line;
};

void gs_index_probe(const struct gs_table *t, uint64_t hash, struct gs_probe *out);

/* A final entry and the slot it named when it was seen, with the slot's word. */
struct gs_hit {
	_Atomic uint64_t *at;
	uint64_t ordinal, entry, w;
	struct gs_slot *slot;
	int place;
};

/* How much of a slot to fetch ahead, bytes; lines that nobody reads cost the others time. */
enum {
	GS_FETCH_HEAD = 256,		/* header, and key and owner of the usual size */
	GS_FETCH_WHOLE = 704,		/* and a value of the usual size */
};

/* Begin to fetch the first bytes of the slot that an entry names. */
static inline void
gs_index_prefetch_slot(const struct gs_table *t, uint64_t e, uint32_t fetch)
{
	const struct gs_arena *a = &t->arena[gs_entry_ring(e) * GS_MAX_CLASSES + gs_entry_class(e)];
	uint32_t slot = gs_entry_slot(e), bytes = a->slot_size < fetch ? a->slot_size : fetch;

	if (a->map == NULL || slot >= a->n_slots)
		return;
	for (uint32_t off = 0; off < bytes; off += GS_LINE_BYTES)
		gs_prefetch(a->slots + (uint64_t)slot * a->slot_size + off);
}

/* The same of the lines that have a key of the usual size, its namespace, and whether the session is over. */
static inline void
gs_index_prefetch_key(struct gs_table *t, uint64_t e)
{
	const struct gs_slot *s = gs_table_slot(t, e);

	if (s == NULL)
		return;
	gs_prefetch(s);
	gs_prefetch(&s->ns);
	gs_prefetch(s->data);
}

enum { GS_ENTRY_TAG_SHIFT = 49 };	/* of an entry's tag and the bit that says tentative */

/* What the entry of a hash has in its upper bits when it is final. */
static inline uint32_t
gs_index_tag(uint64_t hash)
{
	uint32_t tag = (uint32_t)(hash & 0x3fff);

	return (tag == 0 ? 1 : tag) << 1;
}

static inline struct gs_bucket *
gs_index_home(const struct gs_table *t, uint64_t hash)
{
	uint64_t x = gs_mulhi64(hash, t->n_homes);

	return &t->buckets[x / GS_GROUP_HOMES * GS_GROUP_BUCKETS + x % GS_GROUP_HOMES];
}

/* Begin to fetch the home bucket of a hash. */
static inline void
gs_index_prefetch_home(const struct gs_table *t, uint64_t hash)
{
	const struct gs_bucket *home = gs_index_home(t, hash);

	gs_prefetch(home);
	gs_prefetch(&home->e[GS_LINE_BYTES / 8 - 1]);
}

/*
 * Find a key's final entry; fetch: how much of its slot the caller is going to read. Returns 1, 0, GS_EAGAIN (writers
 * were faster every time), GS_ECORRUPT.
 */
int gs_index_find(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint32_t fetch, struct gs_hit *out);

/*
 * Insert the record written in slot `addr`, generation gen. Returns 1, or 0 when the key is there (*hit), GS_ENOSPC when
 * all places of its home are full, GS_EAGAIN, GS_ECORRUPT.
 */
int gs_index_insert(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint32_t addr, uint32_t gen, struct gs_hit *hit);

/* Swing an entry to another slot; false when it changed meanwhile. */
bool gs_index_replace(const struct gs_hit *hit, uint32_t addr, uint32_t gen);

/* Take an entry out; false when it changed meanwhile. */
bool gs_index_remove(struct gs_table *t, const struct gs_hit *hit, uint64_t hash);

/* The ordinal of the entry (tentative ones too) that names this slot and generation, or UINT64_MAX. */
uint64_t gs_index_ordinal_of(struct gs_table *t, uint64_t hash, uint32_t addr, uint32_t gen);

/* Which place of the hash an entry's ordinal is in, or -1. */
int gs_index_place_of(const struct gs_table *t, uint64_t hash, uint64_t ordinal);

/* Make a home's header exact about what lies outside it; group is the home's. For the daemon. */
void gs_index_trim(struct gs_table *t, uint64_t home_bucket);

#endif
