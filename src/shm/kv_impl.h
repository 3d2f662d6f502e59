/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv_impl.h - what the files of kv share; nobody else includes it.
 */
#ifndef GS_SHM_KV_IMPL_H
#define GS_SHM_KV_IMPL_H

#include "shm/record.h"
#include "shm/slots.h"
#include "shm/store.h"

enum {
	KV_TRIES = 10000,	/* replaced that often by others during one call: GS_EAGAIN */
	KV_AGAIN = 2,		/* a step's answer: look the key up anew */
};

/* The in-place words of a draft or of a copied header: private memory, so relaxed is plain. */
static inline void
gs_kv_set(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

static inline uint64_t
gs_kv_word(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

/* Reserve a session's place in a ring; false when it is full. */
bool gs_kv_reserve(struct gs_table *t, uint32_t ring);
void gs_kv_unreserve(struct gs_table *t, uint32_t ring);

/* The innermost ring's half-life: interest is counted with it wherever the session is. */
uint64_t gs_kv_half_life_ms(const struct gs_table *t);

/* Does an access at now_ms bring a session of this ring in? head: as it was before, copied, its words with generations. */
bool gs_kv_is_promotable(const struct gs_table *t, uint32_t ring, const struct gs_slot *head, uint64_t now_ms);

/* Bring a session in because it was asked for. KV_AGAIN: it is in, or changed; 0: it stays where it is. */
int gs_kv_promote(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, uint64_t now_ms);

/* Fill meta (may be NULL) from a validated header, and key and owner from the slot. False: look again. */
bool gs_kv_fill_meta(const struct gs_hit *hit, const struct gs_slot *head, struct gs_meta *meta);

/* Every try failed: GS_EAGAIN, others were faster each time, or GS_ECORRUPT, what the key leads to is damaged. */
int gs_kv_gave_up(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k);

/* Version of a new incarnation: greater than `old`, different from every other that any context makes. */
uint64_t gs_kv_next_version(struct gs_ctx *c, uint64_t old, uint64_t now_ms);

/* What an operation answers when its last try said rc: what only seems to change is damage, and damage is counted. */
int gs_kv_result(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, int rc);

/* Publish a draft over the record that hit names: claims, writes, swings the entry, merges, retires. 0, KV_AGAIN, GS_ENOSPC. */
int gs_kv_publish(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, const struct gs_slot *seen, uint32_t ring,
    const struct gs_draft *d);

enum gs_move_as { GS_MOVE_KEEP_TIMES, GS_MOVE_AS_ACCESS };

/* Copy the record that hit names to another ring, where a place is reserved. 0, KV_AGAIN, GS_ENOSPC, GS_ECORRUPT. */
int gs_kv_relocate(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, uint32_t ring, uint64_t now_ms, enum gs_move_as as);

#endif
