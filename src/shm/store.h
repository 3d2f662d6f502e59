/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store.h - slots of arenas in files: nothing that the disk may still need is written over.
 *
 *	WRITING --> READY --> READY, PUBLISHED --> REPLACED or ENDED --> FREE
 *
 * A power cut leaves of each page of the file any state that it had since the
 * last sync.  So that every session which that sync covered is found, its
 * slot stays until a later sync has covered what came after it:
 *
 *   READY	written; whether an entry will name it is open, and should it
 *		not, nobody must find it
 *   PUBLISHED	an entry named it; the writer says so before it goes on
 *   REPLACED	a later record, in a file too, has its place.  Still good if that
 *		one did not reach the disk: the greatest (version, turn) is right
 *   ENDED	the session has ended, or has left for where no disk is: nothing
 *		of it that is older is right
 *
 * The daemon frees REPLACED slots when a sync that began after it saw them is
 * through, and ENDED ones a sync later: what they forbid is off the disk then.
 * A writer that stands still between its steps is helped along before each
 * sync: what it lists says how far it came.  Before a slot is retired what has
 * its place is PUBLISHED.
 */
#ifndef GS_SHM_STORE_H
#define GS_SHM_STORE_H

#include "shm/slots.h"

/* Is the slot of an address in an arena in a file? */
static inline bool
gs_store_has(struct gs_table *t, uint32_t addr)
{
	return gs_table_arena(t, gs_entry_ring(addr), gs_entry_class(addr))->is_file;
}

/* An entry names the record of this generation now; before the slot is unlisted. Nothing in tmpfs. */
void gs_store_publish(struct gs_table *t, uint32_t addr, uint32_t gen);
/* No entry names it any more. is_replaced: by a record of an arena in a file; else it has ended. Before the slot is unlisted. */
void gs_store_retire(struct gs_table *t, uint32_t addr, uint32_t gen, bool is_replaced);

/*
 * Do for a slot in a file what whoever lists it, or died, has still to do: mark it PUBLISHED if an entry names it, retire it
 * if one did. Returns true when something had to be done. A slot that no entry has named yet is left alone.
 */
bool gs_store_settle(struct gs_table *t, uint32_t addr);

/* Is W of a slot that waits for the disk, and has the slot its bit? */
bool gs_store_is_retired(struct gs_table *t, uint32_t addr, uint64_t w);
bool gs_store_has_bit(struct gs_table *t, uint32_t addr);
void gs_store_set_bit(struct gs_table *t, uint32_t addr);

/* The crc of a record as it lies in a slot, its header and parts given. Never 0. */
struct gs_draft;
uint32_t gs_store_crc(uint32_t gen, const struct gs_draft *d);

/* One sync after another of a table's files; private memory of the daemon. */
struct gs_store_sync {
	uint64_t *taken[GS_MAX_ARENAS];	/* bit per slot: retired when the sync under way began */
	uint64_t *ended[GS_MAX_ARENAS];	/* ENDED, and covered by one sync */
	uint64_t *busy[GS_MAX_ARENAS];	/* in some cell */
	bool is_under_way;
	uint64_t n_begun, n_done;
};

/* 0 or GS_ENOMEM. */
int gs_store_sync_init(struct gs_store_sync *s, const struct gs_table *t);
void gs_store_sync_fini(struct gs_store_sync *s);
/* Before the disk is waited for: see what is retired. Returns how many slots. Cost: a look at every 64 slots and every cell. */
uint64_t gs_store_sync_begin(struct gs_store_sync *s, struct gs_table *t);
/* The disk has it all, or (is_good false) may not: free what may be. Returns how many slots. */
uint64_t gs_store_sync_end(struct gs_store_sync *s, struct gs_table *t, bool is_good);
/* Slots of an arena that wait for the disk. */
uint64_t gs_store_waiting(const struct gs_arena *a);

/* After gs_disk_mend: the sessions of these arenas are gone, and whoever is attached must attach anew. Returns how many. */
uint64_t gs_store_forget(struct gs_table *t, uint32_t arenas);

#endif
