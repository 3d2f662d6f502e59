/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.h - one table's memory: created or opened by the daemon, mapped by everybody.
 *
 *	gs_table_create/_open	the daemon, files in the instance's directory
 *	gs_table_map		a client, from the descriptors the daemon sent
 *	gs_table_create_private	tests and the laboratory, memory of this process
 *
 * Geometry is checked once and copied into struct gs_table, private memory;
 * every number read from shared memory later is held against that copy, so
 * that damage can never send a reader outside its maps.
 */
#ifndef GS_SHM_TABLE_H
#define GS_SHM_TABLE_H

#include <stdbool.h>

#include "base/bits.h"
#include "shm/layout.h"

/* What a table is to be made like; the daemon fills it from the configuration. */
struct gs_ring_spec {
	char name[GS_RING_NAME_BYTES];
	uint32_t kind;			/* enum gs_ring_kind */
	uint32_t promote;		/* enum gs_promote */
	uint32_t promote_to;		/* enum gs_promote_to */
	uint32_t on_full;		/* enum gs_on_full */
	uint64_t ttl_ms, half_life_ms;
	uint64_t capacity;		/* sessions */
	uint64_t reserve;		/* sessions beyond it, under pressure */
	uint32_t decay_to;		/* index into rings, or GS_RING_NONE */
	char store[GS_STORE_BYTES];	/* directory on a disk for its arenas, which exists; "": they lie beside the table */
};

struct gs_table_spec {
	char name[GS_RING_NAME_BYTES];
	uint32_t record_size;		/* bytes of value */
	uint32_t key_max;		/* bytes */
	uint32_t n_classes;
	uint32_t slot_size[GS_MAX_CLASSES];	/* bytes, ascending; the last holds key_max, an owner and record_size */
	uint64_t max_sessions;
	uint64_t max_lifetime_ms;	/* GS_DURATION_MAX: none */
	uint32_t ended;			/* enum gs_ended */
	uint32_t max_per_owner;		/* sessions; 0: any number */
	bool has_secret;		/* sip_k0 and sip_k1 are those of the table that its records hang on */
	uint64_t sip_k0, sip_k1;
	uint32_t n_rings;
	struct gs_ring_spec rings[GS_MAX_RINGS];	/* by diameter, the suspect ring last */
	bool can_grow;			/* rings may be added and resized while it runs: arenas for all ids, with slots for max_sessions */
};

/* What the files on a disk say of the table that made them; filled by gs_disk_find. */
struct gs_past {
	uint8_t uuid[16];
	uint64_t sip_k0, sip_k1;
	uint64_t wall_add_ms;		/* its wall-clock ms less store time, if has_clock */
	bool has_clock;
	uint32_t arenas;		/* bit per arena: its file is there */
	uint32_t unusable;		/* bit per ring: it has to do without its directory */
	uint32_t n_slots[GS_MAX_ARENAS], seg_slots[GS_MAX_ARENAS];
	char class_name[GS_CLASSES][GS_RING_NAME_BYTES];	/* of the ids of classes; "": it had none, or says none */
	char ns_name[GS_NAMESPACES][GS_RING_NAME_BYTES];	/* the same of namespaces */
};

struct gs_arena {			/* all from the checked header, private */
	struct gs_arena_hdr *map;
	_Atomic uint64_t *segments;
	_Atomic uint64_t *bitmap, *retired;
	_Atomic uint32_t *due, *kin;
	unsigned char *slots;
	char (*names)[GS_RING_NAME_BYTES];	/* of namespaces; only where is_file */
	uint64_t bytes;
	uint32_t n_slots, seg_slots, n_segments, slot_size;
	uint32_t ring, class_id;
	bool is_file;			/* on a disk: store.h has its rules */
	int fd;				/* kept: commits segments */
};

struct gs_table {
	uint64_t magic;
	struct gs_ctl_hdr *ctl;		/* read-only in clients; in readers all is, and ctx is NULL */
	struct gs_idx_hdr *idx;
	struct gs_bucket *buckets;
	struct gs_tomb *tombs;
	_Atomic uint64_t *kin_marks;
	struct gs_ns_line *ns_lines;
	struct gs_ctx_page *ctx;
	struct gs_evt_hdr *evt;
	struct gs_event_cell *events;
	uint64_t ctl_bytes, idx_bytes, ctx_bytes, evt_bytes;
	int ctl_fd, idx_fd, ctx_fd, evt_fd;
	uint64_t n_groups, n_homes, n_buckets, n_tombs;	/* private copies */
	uint64_t sip_k0, sip_k1;
	uint32_t record_size, key_max, n_classes, n_rings;
	uint64_t max_lifetime_ms;
	bool has_files;			/* arenas on a disk */
	uint32_t retired;		/* as it was when we mapped it */
	uint8_t uuid[16];
	char name[GS_RING_NAME_BYTES];
	struct gs_arena arena[GS_MAX_ARENAS];	/* [ring * GS_MAX_CLASSES + class]; map NULL where there is none */
};

/* Descriptors of a table in the order in which they are sent: ctl, idx, ctx, evt, arenas by ring and class. */
enum {
	GS_TABLE_CTL_FD, GS_TABLE_IDX_FD, GS_TABLE_CTX_FD, GS_TABLE_EVT_FD, GS_TABLE_ARENA_FD,
	GS_TABLE_FDS = GS_TABLE_ARENA_FD + GS_MAX_ARENAS
};

/* The smallest slot, multiple of 64, that holds a key, an owner and a value of these lengths. */
uint32_t gs_table_slot_bytes(uint32_t key_len, uint32_t owner_len, uint32_t val_len);

/*
 * gs_table_create - make a table's files anew in dir_fd and map them.
 * Returns 0, GS_ENOSPC when the file system cannot hold index and headers, GS_ESYSTEM, GS_EEXIST.
 * On failure no file is left behind.
 */
int gs_table_create(struct gs_table **out, int dir_fd, const struct gs_table_spec *spec);

/*
 * gs_table_create_from - the same, with the arenas on a disk of a table before, whose identity and clock it takes on.
 * The table is none for gs_table_open before gs_table_finish: its index has still to be filled from those arenas.
 */
int gs_table_create_from(struct gs_table **out, int dir_fd, const struct gs_table_spec *spec, const struct gs_past *past);
void gs_table_finish(struct gs_table *t);
/* Set the store time, when nobody has attached yet. */
void gs_table_set_now(struct gs_table *t, uint64_t now_ms);

/*
 * gs_table_open - map the files of a table made earlier.
 * why (256 bytes) gets a sentence when it fails: GS_ENOENT none there, GS_EVERSION another ABI,
 * GS_ECORRUPT foreign, cut short or damaged, GS_ESYSTEM.
 */
int gs_table_open(struct gs_table **out, int dir_fd, const char *name, char *why);

/* A table in anonymous memory, shared with children, whose contexts 0..GS_PRIVATE_CTX-1 may be used at once; for tests and the laboratory. */
enum { GS_PRIVATE_CTX = 16 };
int gs_table_create_private(struct gs_table **out, const struct gs_table_spec *spec);

/* What is mapped so that it can be written to: all of a table; all but T.ctl; nothing, and then T.ctx is not mapped and may be -1. */
enum gs_table_access { GS_TABLE_OWN, GS_TABLE_WRITE, GS_TABLE_READ };

/* gs_table_map - map from descriptors, which it takes over in any case. As gs_table_open. */
int gs_table_map(struct gs_table **out, const int fds[GS_TABLE_FDS], enum gs_table_access access, char *why);

/* Put the descriptors to send into fds and return how many; they stay the table's. */
int gs_table_fds(const struct gs_table *t, int fds[GS_TABLE_FDS]);

void gs_table_free(struct gs_table **t);

/* Remove a table's files from dir_fd; not those on disks. */
void gs_table_unlink(int dir_fd, const char *name);

/* Store time, ms. */
uint64_t gs_table_now_ms(const struct gs_table *t);
/* The wall-clock time (ms since 1970) of a store time, and back; wall_now_ns and now_ms are read together. */
int64_t gs_table_wall_ms(uint64_t store_ms, uint64_t now_ms, int64_t wall_now_ns);
uint64_t gs_table_store_ms(int64_t wall_ms, uint64_t now_ms, int64_t wall_now_ns);

/* Ring id by name, or GS_RING_NONE. */
uint32_t gs_table_ring(const struct gs_table *t, const char *name);
/* The name of a ring; false when there is none of this id, then it is empty. */
bool gs_table_ring_name(const struct gs_table *t, uint32_t ring, char out[GS_RING_NAME_BYTES]);
/* The ids of all rings, by diameter, the suspect ring last. Returns how many. */
uint32_t gs_table_rings(const struct gs_table *t, uint32_t out[GS_MAX_RINGS]);
/* enum gs_ring_state */
uint32_t gs_table_ring_state(const struct gs_table *t, uint32_t ring);
/* The innermost ring's id: it is made with the table and stays. */
uint32_t gs_table_innermost(const struct gs_table *t);
/* The outermost ring's id, that of the greatest diameter beside the suspects. */
uint32_t gs_table_outermost(const struct gs_table *t);
/* The suspect ring's id, or GS_RING_NONE. */
uint32_t gs_table_suspect(const struct gs_table *t);

static inline struct gs_arena *
gs_table_arena(struct gs_table *t, uint32_t ring, uint32_t class_id)
{
	return &t->arena[ring * GS_MAX_CLASSES + class_id];
}

/*
 * Is there an arena of which more than the header may be touched? One of a ring id that was never used takes no memory, and
 * a look at it would take some.
 */
static inline bool
gs_table_has(const struct gs_table *t, const struct gs_arena *a)
{
	/* acquire; pairs with the release in gs_rings_make: its segment words are there */
	return a->map != NULL && atomic_load_explicit(&t->ctl->ring[a->ring].state, memory_order_acquire) != 0;
}

/* The slot that an entry names, or NULL when it names none of ours. */
static inline struct gs_slot *
gs_table_slot(struct gs_table *t, uint64_t e)
{
	struct gs_arena *a = &t->arena[gs_entry_ring(e) * GS_MAX_CLASSES + gs_entry_class(e)];
	uint32_t slot = gs_entry_slot(e);

	if (a->map == NULL || slot >= a->n_slots)
		return NULL;
	return (struct gs_slot *)(void *)(a->slots + (uint64_t)slot * a->slot_size);
}

/* Entries are numbered through all buckets. */
static inline uint64_t
gs_table_entries(const struct gs_table *t)
{
	return t->n_buckets * GS_BUCKET_ENTRIES;
}

static inline _Atomic uint64_t *
gs_table_entry(struct gs_table *t, uint64_t ordinal)
{
	return &t->buckets[ordinal / GS_BUCKET_ENTRIES].e[ordinal % GS_BUCKET_ENTRIES];
}

#endif
