/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv_impl.h - what the files of kv share; nobody else includes it.
 */
#ifndef GS_SHM_KV_IMPL_H
#define GS_SHM_KV_IMPL_H

#include "shm/event.h"
#include "shm/record.h"
#include "shm/slots.h"
#include "shm/store.h"
#include "shm/tomb.h"

enum {
	KV_TRIES = 10000,	/* replaced that often by others during one call: GS_EAGAIN */
	KV_AGAIN = 2,		/* a step's answer: look the key up anew */
	KV_ROTATED = -1000002,	/* a step's answer, which no error has: the key was given up for another */
};

/*
 * Follow a key whose session was given up for another: 0, GS_ESTALE when its grace is over, GS_ENOENT when it is none of that
 * any more.  That is an alarm unless GS_KV_INSPECT is in flags; a reader tells the daemon, who raises it.
 */
int gs_kv_follow(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, uint32_t flags, struct gs_followed *out);
/* The alarm, for n uses by another, the last of them at at_ms. False: the key was none that leads nowhere any more. */
bool gs_kv_reused(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t at_ms, uint64_t now_ms, uint32_t n);

/* Is this the record of a key that was given up, and is the time over for which it still leads to the new one? */
static inline bool
gs_kv_is_rotated(const struct gs_slot *head)
{
	return __builtin_expect((head->flags & GS_FLAG_ROTATED) != 0, 0);
}

static inline bool
gs_kv_is_grace_over(const struct gs_slot *head, uint64_t now_ms)
{
	return now_ms > head->created + head->resume_ttl_s;
}

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

/* The ring to which an access brings a session of this one. */
uint32_t gs_kv_promote_to(const struct gs_table *t, uint32_t ring);

/* Bring a session in because it was asked for. 1: it is in; KV_AGAIN: it changed; 0: it stays where it is. */
int gs_kv_promote(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, uint64_t now_ms);

/* Fill meta (may be NULL) from a validated header, and key and owner from the slot. False: look again. */
bool gs_kv_fill_meta(const struct gs_hit *hit, const struct gs_slot *head, struct gs_meta *meta);

/* Every try failed: GS_EAGAIN, others were faster each time, or GS_ECORRUPT, what the key leads to is damaged. */
int gs_kv_gave_up(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k);

/* The final entry at an ordinal as a hit. 1, 0 none, KV_AGAIN, GS_ECORRUPT. */
int gs_kv_hit_at(struct gs_table *t, uint64_t ordinal, struct gs_hit *hit);

/* Version of a new incarnation: greater than `old`, different from every other that any context makes. */
uint64_t gs_kv_next_version(struct gs_ctx *c, uint64_t old, uint64_t now_ms);

/* What an operation answers when its last try said rc: what only seems to change is damage, and damage is counted. */
int gs_kv_result(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, int rc);

/* The record over which another is published, and when and in which ring that one is. */
struct gs_over {
	const struct gs_hit *hit;
	const struct gs_slot *seen;	/* its header, as it was judged */
	uint32_t ring;
	uint64_t now_ms;
};

/*
 * Publish a draft over a record: claims, writes, swings the entry, merges, retires. Returns 0, GS_ENOSPC, or KV_AGAIN: the
 * record changed, or another session had to go for a slot (evict.h), and c->scratch with what the draft has there is lost.
 */
int gs_kv_publish(struct gs_table *t, struct gs_ctx *c, const struct gs_over *over, const struct gs_draft *d);

/* Tell what happened to a record, of which record points to a private copy with its names; *turn says the rest. */
void gs_kv_tell(struct gs_table *t, const struct gs_ctx *c, const unsigned char *record, struct gs_turn *turn);
/* The same of a record that was made from this draft. */
void gs_kv_tell_draft(struct gs_table *t, const struct gs_ctx *c, const struct gs_draft *d, struct gs_turn *turn);
/* Tell that something was refused to a key; of what a stranger repeats, now and then. */
void gs_kv_tell_refused(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, enum gs_event_reason reason);

/* ---- ends, kv_end.c ---- */

/*
 * The session of a key, its header copied. 1, GS_ENOENT when there is none or it is over, KV_AGAIN, GS_ECORRUPT, GS_EAGAIN.
 * hit->at is NULL unless an entry of this very key was found, even if its record is damaged.
 */
int gs_kv_look_up(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, struct gs_hit *hit, struct gs_slot *head);

/* Header and meta (may be NULL) of the session at an ordinal. 1, 0 none, GS_ECORRUPT, GS_EAGAIN. */
int gs_kv_load_at(struct gs_table *t, uint64_t ordinal, struct gs_hit *hit, struct gs_slot *head, struct gs_meta *meta);

/* What a hit named has left the index: ours for a while, or the disk's. */
void gs_kv_let_go(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, int cell, bool is_replaced);

/*
 * The one way in which a session leaves the index: leaves a tombstone of this kind until the deadline of `head`, takes the
 * entry out, retires the slot. False when the session changed meanwhile; the tombstone stands all the same.
 */
bool gs_kv_end_hit(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, const struct gs_slot *head, enum gs_tomb_kind kind,
    uint64_t now_ms);

/* End the session of a key that was born so, because its owner has too many. True when it is gone. */
bool gs_kv_displace(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, uint32_t birth);
/* The same to a session that was judged by `head`: false when it was asked for since, or changed. */
bool gs_kv_end_judged(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, const struct gs_slot *head, enum gs_tomb_kind kind,
    uint64_t now_ms);

/* May no session of this key start? */
bool gs_kv_is_refused(const struct gs_table *t, uint64_t hash, enum gs_tomb_kind least, uint64_t now_ms);

/* A session that is to start. */
struct gs_starting {
	const struct gs_key *key;
	enum gs_tomb_kind least;	/* what refuses it: PLAIN, or only FINAL */
	uint32_t birth;
	uint32_t ring;			/* for gs_kv_start */
	bool takes_place;		/* the same: of a session of the namespace, which ends for it; max_sessions does not count both */
	uint64_t now_ms;
};

/*
 * Before a session is published, when it was not, and after: 0, or it is gone again: GS_ESTALE when it was ended meanwhile,
 * GS_EISDIR when a namespace took its name, GS_ENOENT when its own was removed, KV_AGAIN when that may be.
 */
void gs_kv_begin_start(struct gs_ctx *c, const struct gs_key *k);
void gs_kv_give_up_start(struct gs_ctx *c);
int gs_kv_end_start(struct gs_table *t, struct gs_ctx *c, const struct gs_starting *s);

/*
 * Start a session of which the index has no entry, in a ring where a place is reserved.  Returns 0 with hit->entry, but for
 * its tag, and the caller owes gs_logout_look() once he has told of it. Else the place is given back, and it is KV_AGAIN (as
 * gs_kv_publish, or somebody else started it), GS_ESTALE, GS_ENOSPC, GS_ERANGE, GS_ENOENT: the namespace is not there,
 * GS_EISDIR: it has the key for its name.
 */
int gs_kv_start(struct gs_table *t, struct gs_ctx *c, const struct gs_starting *s, const struct gs_draft *d, struct gs_hit *hit);

/* Sessions of an owner (gs_kin_hash), as far as they were started at or before an instant. */
struct gs_whose {
	uint64_t owner, at_ms;
};

/* End the session of a key for good if it is one of those, in whatever ring. Returns 1, 0 when it is not, or is not there, GS_EAGAIN. */
int gs_kv_end_of(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, const struct gs_whose *whose);

enum gs_move_as {
	GS_MOVE_KEEP_TIMES,
	GS_MOVE_AS_ACCESS,
	GS_MOVE_PARDON,			/* an access too, and accused no more */
	GS_MOVE_ACCUSE,			/* by an access over its quota */
	GS_MOVE_SUSPECT,		/* accused by an operator */
};

/* Copy the record that hit names to another ring, where a place is reserved. 0, KV_AGAIN as gs_kv_publish, GS_ENOSPC, GS_ECORRUPT. */
int gs_kv_relocate(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, uint32_t ring, uint64_t now_ms, enum gs_move_as as);

#endif
