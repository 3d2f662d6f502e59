/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.h - one record in its slot: read it whole or not at all, write it before it is published.
 *
 * Reading: load W, copy, fence, load W again; equal words mean an untorn copy.
 * Writing: W = WRITING with a new generation, fence, the bytes, W = READY.
 */
#ifndef GS_SHM_RECORD_H
#define GS_SHM_RECORD_H

#include "shm/index.h"

/* Where the parts of a record begin, bytes from the slot's start. */
static inline uint32_t
gs_record_owner_off(uint32_t key_len)
{
	return GS_SLOT_HEADER_BYTES + (uint32_t)gs_align_up(key_len, 8);
}

static inline uint32_t
gs_record_link_off(uint32_t key_len, uint32_t owner_len)
{
	return gs_record_owner_off(key_len) + (uint32_t)gs_align_up(owner_len, 8);
}

static inline uint32_t
gs_record_value_off(uint32_t key_len, uint32_t owner_len, uint32_t link_len)
{
	return gs_record_link_off(key_len, owner_len) + (uint32_t)gs_align_up(link_len, 8);
}

/* Can these be the lengths of a record in a slot of this size? head may be in shared memory. */
static inline bool
gs_record_fits(const struct gs_slot *head, uint32_t slot_size)
{
	uint32_t key_len = __atomic_load_n(&head->key_len, __ATOMIC_RELAXED), owner_len = __atomic_load_n(&head->owner_len, __ATOMIC_RELAXED);
	uint32_t link_len = __atomic_load_n(&head->link_len, __ATOMIC_RELAXED);

	return key_len > 0 && owner_len <= GS_OWNER_BYTES &&
	    gs_record_value_off(key_len, owner_len, link_len) + __atomic_load_n(&head->val_len, __ATOMIC_RELAXED) <= slot_size;
}

/* The smallest class that holds a record with the lengths of this header, or GS_MAX_CLASSES when none does. */
uint32_t gs_record_class(const struct gs_table *t, const struct gs_slot *head);

/* What a kin has of the hash of an owner or a link, never 0. */
static inline uint32_t
gs_record_kin_bits(uint64_t hash)
{
	return hash >> 48 == 0 ? 1 : (uint32_t)(hash >> 48);
}

/* The kin of a record of this header, owner and link: what its slot says in the array at kin_off. */
uint32_t gs_record_kin(const struct gs_table *t, const struct gs_slot *head, const void *owner, const void *link);

/* Is the slot still as it was when `w` was loaded? After a copy. */
bool gs_record_is_same(const struct gs_slot *s, uint64_t w);

/*
 * Copy the header that a hit names. Returns 1, 0 when the slot was reused meanwhile (look up again), GS_ECORRUPT when its
 * lengths are out of bounds.
 */
int gs_record_header(struct gs_table *t, const struct gs_hit *hit, struct gs_slot *out);

/* The same for the first line of the header only: words W to T and the lengths; and the namespace. The rest of *out is left as it is. */
int gs_record_first_line(struct gs_table *t, const struct gs_hit *hit, struct gs_slot *out);

/* Copy the whole slot, header and data, into c->scratch. As above. */
int gs_record_copy(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit);

/* A record to write: header fields but W, and the parts. */
struct gs_draft {
	const void *key, *owner, *link, *value;
	struct gs_slot head;		/* lengths set; the timed words hold plain values, without generation */
};

/* Write a claimed slot (cell of c): READY afterwards, its due hint and its kin set. Returns its generation. */
uint32_t gs_record_write(struct gs_table *t, struct gs_ctx *c, int cell, const struct gs_draft *d);

/* A draft with all of the record in c->scratch, times without generations: the next record of its version. */
void gs_record_draft_of(struct gs_draft *out, const unsigned char *scratch);

/* After publishing: the sweep may have taken the due hint of a slot that no entry named yet. */
void gs_record_rearm(struct gs_table *t, uint32_t addr, const struct gs_draft *d);

/*
 * When the sweep must look at a record with this header, which may be in shared memory: the earliest of its end, its leaving
 * of the ring and its pardon; UINT64_MAX never; 0 where the ring is not on.
 */
uint64_t gs_record_next_ms(const struct gs_table *t, uint32_t ring, const struct gs_slot *head);

/* When a session leaves its ring by the decay law; UINT64_MAX: never, as suspects and what is parked (flags: enum gs_slot_flag). */
uint64_t gs_record_leaves_ms(const struct gs_table *t, uint32_t ring, uint32_t flags, uint64_t accessed_ms, uint64_t interest);

/* When a session with these words is pardoned; UINT64_MAX: it is not accused. */
uint64_t gs_record_pardon_ms(const struct gs_table *t, uint64_t offence, uint64_t soon_ms);

/* The due hint of an instant. */
uint32_t gs_record_due(uint64_t at_ms);

/* X of a record: the earliest of touched + ttl and deadline. */
uint64_t gs_record_expiry(uint64_t touched_ms, uint64_t ttl_ms, uint64_t deadline_ms);

/*
 * The last instant at which a record with this header, which may be in shared memory, is there, in whatever ring: X, or
 * what its class and its namespace allow. The least of all; GS_TIME_NEVER at most.
 */
uint64_t gs_record_ends_ms(const struct gs_table *t, const struct gs_slot *head);
/* The same of one whose own end is own_ms. What is parked (flags: enum gs_slot_flag) is not held to the limits of class and namespace. */
struct gs_bounded {
	uint32_t class_id, ns, flags;
	uint64_t own_ms, touched_ms, accessed_ms;
};
uint64_t gs_record_bound_ms(const struct gs_table *t, const struct gs_bounded *b);

/* Where the hint of a slot is, when to look at it again. */
static inline _Atomic uint32_t *
gs_record_due_at(struct gs_table *t, uint32_t addr)
{
	return &gs_table_arena(t, gs_entry_ring(addr), gs_entry_class(addr))->due[gs_entry_slot(addr)];
}

/* Is it over at now_ms? ring: where it is. */
bool gs_record_is_over(const struct gs_table *t, uint32_t ring, const struct gs_slot *head, uint64_t now_ms);

/* Fill meta from a header copied out; data points to the bytes after the header, or NULL to leave key and owner empty. */
void gs_record_meta(const struct gs_hit *hit, const struct gs_slot *head, const unsigned char *data, struct gs_meta *out);

#endif
