/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv.h - the operations on sessions: get, put, touch, end, move, and what a sweep does to one.
 *
 * Every operation takes the time, and a context (ctx.h) that no other thread
 * uses meanwhile.  Times are store time, ms.  All are lock-free: a process
 * that dies or stops inside one delays nobody.  Results are enum gs_err.
 */
#ifndef GS_SHM_KV_H
#define GS_SHM_KV_H

#include <sys/types.h>

#include "gsession.h"
#include "shm/ctx.h"
#include "shm/table.h"
#include "shm/tomb.h"

struct gs_key {
	const void *bytes;
	uint32_t len;			/* 1..255 */
	uint32_t ns;			/* namespace, 0 is the default one */
	uint64_t hash;
};

/* Check and hash a key of the default namespace. Returns 0, GS_EINVAL (empty), GS_ENAMETOOLONG (over key_max). */
int gs_key_init(const struct gs_table *t, struct gs_key *out, const void *bytes, size_t len);
/* The same of one in this namespace. */
int gs_key_init_in(const struct gs_table *t, struct gs_key *out, uint32_t ns, const void *bytes, size_t len);
/* The hash of a key in a namespace; of what is none, as an owner, too. */
uint64_t gs_key_hash(const struct gs_table *t, uint32_t ns, const void *bytes, size_t len);

/* A record's header as copied out, times in store ms. */
struct gs_meta {
	uint64_t ordinal;		/* of its index entry */
	uint64_t entry;			/* the index entry as seen */
	uint32_t ring, birth;
	uint64_t version, hash;
	uint64_t expires_ms;		/* X: GS_TIME_NEVER, or the last instant it lives */
	uint64_t accessed_ms, interest, touched_ms, hits;
	uint64_t deadline_ms, ttl_ms, created_ms;
	int64_t mtime_ns, ctime_ns;
	uint64_t mtime_ms;
	uint32_t uid, gid, mode, class_id;
	uint32_t ns;
	uint32_t flags;			/* enum gs_slot_flag */
	uint32_t resume_ttl_s;
	uint64_t arrival, offence;	/* Q, O */
	uint64_t attempt_ms, soon_ms;	/* of L and S */
	uint32_t attempts, rate_code;	/* ... and what else they hold: policy/quota.h */
	uint32_t key_len, owner_len, link_len, val_len;
	uint8_t key[GS_KEY_BYTES + 1];
	uint8_t owner[GS_OWNER_BYTES + 1];
	uint8_t link[GS_KEY_BYTES + 1];
};

enum gs_kv_flags {
	GS_KV_INSPECT = 1,		/* counts for nothing, moves nothing, works on suspects */
	GS_KV_ONLY_NEW = 2,
	GS_KV_ONLY_OLD = 4,
	GS_KV_NOT_ENDED = 8,		/* what would start is refused by any tombstone: it may be a copy of what ended */
};

enum gs_kv_set {			/* which fields of struct gs_put_args are given */
	GS_SET_OWNER_BIT = 1, GS_SET_CLASS_BIT = 2, GS_SET_TTL_BIT = 4, GS_SET_PERM_BIT = 8,
	GS_SET_UID_BIT = 16, GS_SET_GID_BIT = 32, GS_SET_MODE_BIT = 64, GS_SET_TIMES_BIT = 128,
	GS_SET_RENEW_BIT = 512,		/* setattr: renew the times too, as gs_kv_touch does; refused to suspects */
	GS_SET_LINK_BIT = 2048,		/* the key of the session that the record hangs on; of 0 bytes: on none */
	GS_SET_CARRIED_BIT = 4096,	/* whether it outlives what it hangs on */
	GS_SET_IF_LINK_BIT = 8192,	/* setattr: only if the link is this one, else GS_ECONFLICT */
	GS_SET_DEADLINE_BIT = 16384,	/* setattr: it ends then at the latest */
	GS_SET_GIVE_BIT = 32768,	/* setattr: hand a token over: it lives as one that was just started; GS_EPERM unless it is carried or hangs on none */
	GS_SET_LIFE_BIT = 256,		/* a session that starts takes the life of another, as after a rename */
};

struct gs_put_args {
	uint32_t flags;			/* enum gs_kv_flags */
	uint32_t set;			/* enum gs_kv_set; what is not set is kept, or the default */
	uint32_t uid, gid, mode;
	uint32_t class_id;		/* enum gs_session_class */
	uint64_t ttl_ms;		/* 0: none */
	uint64_t if_version;		/* 0: any */
	const void *owner;
	uint32_t owner_len;
	uint32_t link_len;
	const void *link;
	bool is_carried;
	uint32_t if_link_len;
	const void *if_link;
	uint64_t deadline_ms;
	uint32_t ring;			/* where a new session starts; GS_RING_NONE: innermost */
	int64_t wall_ns;		/* mtime and ctime of the new incarnation */
	int64_t mtime_ns;		/* with GS_SET_TIMES_BIT */
	uint64_t accessed_ms;		/* with GS_SET_TIMES_BIT */
	const struct gs_meta *life;	/* with GS_SET_LIFE_BIT: created, deadline, times, interest and hits of this one */
};

/*
 * Copy a value. Returns its length, GS_ENOENT, GS_ERANGE (meta->val_len), GS_EQUARANTINE, GS_ECORRUPT, GS_EAGAIN.
 * Without GS_KV_INSPECT it is an access: interest, last access, promotion.  meta may be NULL.
 */
ssize_t gs_kv_get(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms,
    void *buf, size_t cap, uint32_t flags, struct gs_meta *meta);

/* One of many to get: what gs_kv_get takes for it, and what it answers. */
struct gs_kv_item {
	struct gs_key key;
	void *buf;
	size_t cap;
	struct gs_meta *meta;		/* may be NULL */
	ssize_t rc;
};

/*
 * gs_kv_get of each item whose rc is 0, with their memory accesses overlapped: first all buckets are under way, then all
 * slots, then the copies, and the accesses are counted when no copy waits for it. Items with another rc are left alone.
 */
void gs_kv_get_many(struct gs_table *t, struct gs_ctx *c, uint64_t now_ms, struct gs_kv_item *items, size_t n);

/* Store a value. Returns 1 started, 0 replaced, or as gs_put(3). An access unless GS_KV_INSPECT. */
int gs_kv_put(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms,
    const void *val, size_t val_len, const struct gs_put_args *args, struct gs_meta *meta);

/* Change attributes named in args->set, keep value and times (but GS_SET_TIMES_BIT). */
int gs_kv_setattr(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, const struct gs_put_args *args);

/* What a session goes on under another key with. */
struct gs_rotation {
	const struct gs_key *from, *to;
	uint64_t grace_ms;		/* for so long the old key leads to the new one; below 2^32 */
	int64_t wall_ns;
	void *buf;			/* record_size bytes, to copy the value through */
};

/*
 * Let a session go on under another key, with its life, its owner and all that it is. The old key keeps a record of its own
 * until the deadline, which is not the session: GS_FLAG_ROTATED, linked to the new key.  Every operation on the old key goes
 * to where it leads, until the grace is over; then it is GS_ESTALE, counted, and an access of a writer makes both suspects.
 * Ending that record is final.
 *
 * Returns 0, GS_ENOENT, GS_EEXIST (there is one of the new key), GS_ESTALE (the old key was given up before, or the new one
 * was ended for good), GS_EQUARANTINE (a suspect), GS_ENOSPC, GS_EFBIG (both keys and the owner do not fit a slot), or as
 * gs_kv_put.  First the new session appears, then the old key leads to it, in one step: who dies between leaves both.
 */
int gs_kv_rotate(struct gs_table *t, struct gs_ctx *c, uint64_t now_ms, const struct gs_rotation *r);

/* Where a key leads that was given up. */
struct gs_followed {
	struct gs_key key;
	unsigned char bytes[GS_KEY_BYTES];
};

/*
 * Where a key leads however old it is: itself, or the key that its session goes on under; and what is there. Not counted.
 * Returns 0, GS_ENOENT, GS_EAGAIN, GS_ECORRUPT.
 */
int gs_kv_lead(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, struct gs_followed *out, struct gs_meta *meta);

/* Renew. Returns 0, GS_ENOENT, GS_EQUARANTINE. */
int gs_kv_touch(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms);

/* How a session ends. */
struct gs_ending {
	enum gs_tomb_kind kind;		/* what it leaves, until its absolute deadline: see tomb.h */
	uint64_t if_version;		/* 0: any */
	uint32_t birth;			/* of no other session than this; 0: any */
	uint32_t event, reason;		/* what is told: enum gs_event_kind, gs_event_reason; 0: ended, by its owner */
};

/*
 * End the session of a key. Returns 0, GS_ENOENT, GS_ECONFLICT.
 * GS_TOMB_FINAL: no session of the key is there when it returns, and a put of it answers GS_ESTALE until the deadline of what
 * ended. Who puts one at that moment may be answered GS_ESTALE for a session that was there for an instant.
 */
int gs_kv_end(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, const struct gs_ending *how);

/*
 * The same of the session at an entry, if it is still the one of this birth: as all of an owner are. It is not counted.
 * 0, GS_ENOENT, GS_EAGAIN, GS_ECORRUPT.
 */
int gs_kv_end_at(struct gs_table *t, struct gs_ctx *c, uint64_t ordinal, uint32_t birth, enum gs_tomb_kind kind, uint64_t now_ms);

/* End, as its owner: for good if the table says `ended = final`. As gs_kv_end. */
int gs_kv_del(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, uint64_t if_version);

/*
 * Take back an accusation, with what is left of it: a suspect comes to the innermost ring, which is an access; one that is
 * accused where it is stays there. Its offences are kept. birth: as in struct gs_ending. Returns 0, GS_ENOENT (none, or not accused),
 * GS_ESTALE: a key that was given up and is no suspect, GS_ENOSPC.
 */
int gs_kv_pardon(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, uint32_t birth);

/* Move to ring, by an operator: inwards it is an access, into suspect an accusation, out of it a pardon. Returns 0, GS_ENOENT, GS_ENOSPC. */
int gs_kv_move(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, uint32_t ring);

/* The session at an entry, whole header; 0, or GS_ENOENT when the entry is empty, tentative or over. */
int gs_kv_at(struct gs_table *t, struct gs_ctx *c, uint64_t ordinal, uint64_t now_ms, struct gs_meta *meta);
/* The same, for who lists: what is shown of it. */
struct gs_listed {
	char *key;			/* in: where to write it, with a NUL behind it; room for GS_KEY_BYTES + 1 */
	uint32_t key_len, val_len, ring, ns, birth;
};
int gs_kv_key_at(struct gs_table *t, struct gs_ctx *c, uint64_t ordinal, uint64_t now_ms, struct gs_listed *out);

/* How long an access to the accused is refused at now_ms; 0: it is not. As gs_kv_get would, the session's header being meta. */
uint64_t gs_kv_retry_after_ms(const struct gs_table *t, const struct gs_meta *meta, uint64_t now_ms);

/* What an access to it meets at now_ms. */
enum gs_pace gs_kv_pace(const struct gs_table *t, const struct gs_meta *meta, uint64_t now_ms);
/* When it is pardoned, if it does not come too soon again; UINT64_MAX: it is not accused. */
uint64_t gs_kv_pardon_ms(const struct gs_table *t, const struct gs_meta *meta);

/* The last instant at which a session is there, in whatever ring: X, or what the limits of its class allow as of now. */
uint64_t gs_kv_ends_ms(const struct gs_table *t, const struct gs_meta *meta);

/* When a session leaves its ring by the decay law as of now; UINT64_MAX: never. */
uint64_t gs_kv_leaves_ms(const struct gs_table *t, const struct gs_meta *meta);

/*
 * Move the session at an entry from this slot to another of its ring; nothing else of it changes. For who empties a segment.
 * Returns 1, 0 when it is not there any more or is being changed at this moment, GS_ENOSPC, GS_ECORRUPT.
 */
int gs_kv_shift(struct gs_table *t, struct gs_ctx *c, uint64_t ordinal, uint32_t addr, uint64_t now_ms);

/* What the sweep did to one session. */
enum gs_settle {
	GS_SETTLE_STAYS,		/* next_ms says when to look again */
	GS_SETTLE_DECAYED,		/* moved to meta.ring's decay_to; look again at next_ms */
	GS_SETTLE_EXPIRED,		/* gone */
	GS_SETTLE_STUCK,		/* should move, the ring `to` is full */
	GS_SETTLE_PARDONED,		/* accused no more; where it was a suspect, moved to the ring `to`; look again at next_ms */
	GS_SETTLE_GONE,			/* there was none, or somebody changed it meanwhile: look again */
	GS_SETTLE_DAMAGED,		/* no law can be applied to it */
};

struct gs_settled {
	enum gs_settle what;
	uint32_t from, to;		/* ring ids, of a decay or pardon; from = to: it was no suspect */
	uint64_t next_ms;		/* first instant at which it may be due again; UINT64_MAX never */
	struct gs_meta meta;		/* the session as it was */
};

/*
 * gs_kv_settle - do to the session at an entry what its lifetime, the quota law and the decay law ask at now_ms: at most one step.
 * The sweep and `gsession replay` both call this and nothing else.
 */
void gs_kv_settle(struct gs_table *t, struct gs_ctx *c, uint64_t ordinal, uint64_t now_ms, struct gs_settled *out);

#endif
