/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kill_place.h - the small table that kill_ops.h works on, and who works on it.
 */
#ifndef T_PROC_KILL_PLACE_H
#define T_PROC_KILL_PLACE_H

#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/decay.h"
#include "shm/index.h"
#include "shm/kv.h"
#include "shm/quota.h"
#include "shm/recover.h"
#include "shm/slots.h"
#include "shm/store.h"

#include "stepper.h"

enum {
	PLACE_VICTIM = 1,		/* contexts; the daemon's is 0 */
	PLACE_RESCUER = 2,
	PLACE_LATE = 3,			/* dead before the victim, not recovered */
	PLACE_CTX = 4,
	PLACE_RECORD = 3000,
	PLACE_OTHERS = 3,
	PLACE_OTHER_BYTES = 24,
	PLACE_SMALL = 50, PLACE_LARGE = 2000,	/* values: one of each class of slots */
};

enum { PLACE_ACTIVE, PLACE_WARM };

#define PLACE_NOW (GS_TIME_ORIGIN_MS + 1000000)
#define PLACE_MINUTE UINT64_C(60000)

struct place {
	struct gs_table *t;
	struct gs_ctx victim, rescuer, late, daemon;
	struct gs_key key, other[PLACE_OTHERS];
	char key_text[16], other_text[PLACE_OTHERS][16];
	uint64_t now_ms;
	uint64_t ordinal;		/* of the session's entry */
	struct gs_recount recount;
	unsigned char value[PLACE_RECORD];	/* what the victim puts */
	struct stepper *stepper;	/* to kill processes in a preparation */
	struct gs_store_sync sync;	/* the daemon's, of ring warm in a file */
};

static inline void
place_value(unsigned char *to, size_t len, char variant)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (unsigned char)(variant + 31 * (int)i);
}

static inline uint32_t
place_state(const struct gs_table *t, uint32_t id)
{
	return atomic_load(&t->ctl->reg[id].state);
}

static inline void
place_set_state(struct gs_table *t, uint32_t id, enum gs_ctx_state state)
{
	atomic_store(&t->ctl->reg[id].state, state);
}

static inline int
place_put_in(struct place *p, struct gs_ctx *c, const struct gs_key *k, size_t len, char variant, uint32_t ring)
{
	const struct gs_put_args args = { .ring = ring, .wall_ns = 1 };
	unsigned char value[PLACE_RECORD];

	place_value(value, len, variant);
	return gs_kv_put(p->t, c, k, p->now_ms, value, len, &args, NULL);
}

static inline int
place_put(struct place *p, struct gs_ctx *c, const struct gs_key *k, size_t len, char variant)
{
	return place_put_in(p, c, k, len, variant, GS_RING_NONE);
}

static inline void
place_must(const char *what, bool is_right)
{
	if (!is_right)
		errx(1, "the preparation fails: %s", what);
}

static inline struct gs_key
place_key(const struct place *p, char *text, size_t size, const char *name, int number)
{
	struct gs_key k;

	(void)snprintf(text, size, "%s%d", name, number);
	place_must("key", gs_key_init(p->t, &k, text, strlen(text)) == 0);
	return k;
}

static inline void
place_ring(struct gs_table_spec *spec, const char *name, uint64_t ttl_ms, uint32_t decay_to)
{
	struct gs_ring_spec *r = &spec->rings[spec->n_rings++];

	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	r->kind = GS_RING_NORMAL;
	r->promote = GS_PROMOTE_ACCESS;
	r->ttl_ms = ttl_ms;
	r->half_life_ms = 5 * PLACE_MINUTE;
	r->capacity = 32;
	r->decay_to = decay_to;
}

/* Ring warm lies in files whose names are gone when the table is made: nobody looks for them again. */
static inline void
place_make_stored(struct place *p, struct gs_table_spec *spec)
{
	char dir[] = "/dev/shm/gs-kill.XXXXXX", path[64];

	place_must("directory", mkdtemp(dir) != NULL);
	(void)snprintf(spec->rings[PLACE_WARM].store, sizeof(spec->rings[PLACE_WARM].store), "%s", dir);
	place_must("table", gs_table_create_private(&p->t, spec) == 0);
	for (uint32_t i = 0; i < spec->n_classes; i++) {
		(void)snprintf(path, sizeof(path), "%s/t@warm.%u", dir, i);
		place_must("file", unlink(path) == 0);
	}
	place_must("directory", rmdir(dir) == 0);
	place_must("sync", gs_store_sync_init(&p->sync, p->t) == 0);
}

/* Two rings, two sizes of slots, the same keys in the same buckets each time; three sessions that nobody works on. */
static inline void
place_open(struct place *p, struct stepper *stepper, bool is_stored)
{
	struct gs_table_spec spec = {
		.name = "t", .record_size = PLACE_RECORD, .key_max = 32, .n_classes = 2, .slot_size = { 2048, 4096 }, .max_sessions = 64,
		.max_lifetime_ms = GS_DURATION_MAX,
	};

	place_ring(&spec, "active", 10 * PLACE_MINUTE, PLACE_WARM);
	place_ring(&spec, "warm", 60 * PLACE_MINUTE, GS_RING_NONE);
	if (is_stored)
		place_make_stored(p, &spec);
	else
		place_must("table", gs_table_create_private(&p->t, &spec) == 0);
	p->t->sip_k0 = 1;
	p->t->sip_k1 = 2;
	atomic_store(&p->t->ctl->n_ctx_used, PLACE_CTX);
	place_must("contexts", gs_ctx_init(&p->daemon, p->t, GS_DAEMON_CTX) == 0 && gs_ctx_init(&p->victim, p->t, PLACE_VICTIM) == 0 &&
	    gs_ctx_init(&p->rescuer, p->t, PLACE_RESCUER) == 0 && gs_ctx_init(&p->late, p->t, PLACE_LATE) == 0);
	p->now_ms = PLACE_NOW;
	place_value(p->value, sizeof(p->value), 'b');
	p->stepper = stepper;
	p->key = place_key(p, p->key_text, sizeof(p->key_text), "key", 0);
	for (int i = 0; i < PLACE_OTHERS; i++) {
		p->other[i] = place_key(p, p->other_text[i], sizeof(p->other_text[i]), "other", i);
		place_must("another session", place_put(p, &p->rescuer, &p->other[i], PLACE_OTHER_BYTES, 'o') == 1);
	}
}

/* A session of the victim's own that it starts, so that it holds free slots of that size. */
static inline void
place_warm_up(struct place *p, uint32_t ring, size_t len)
{
	char text[16];
	struct gs_key k = place_key(p, text, sizeof(text), "own", (int)ring);

	place_must("the victim's own session", place_put_in(p, &p->victim, &k, len, 'w', ring) == 1 &&
	    gs_kv_del(p->t, &p->victim, &k, p->now_ms, 0) == 0);
}

static inline void
place_start(struct place *p, size_t len, uint32_t ring)
{
	struct gs_hit hit;

	place_must("the session", place_put_in(p, &p->rescuer, &p->key, len, 'a', ring) == 1 &&
	    gs_index_find(p->t, &p->rescuer, &p->key, GS_FETCH_HEAD, &hit) == 1);
	p->ordinal = hit.ordinal;
	p->now_ms += PLACE_MINUTE;
}

static inline void
with_nothing(struct place *p)
{
	place_warm_up(p, PLACE_ACTIVE, PLACE_SMALL);
}

static inline void
with_session(struct place *p)
{
	place_warm_up(p, PLACE_ACTIVE, PLACE_SMALL);
	place_start(p, PLACE_SMALL, PLACE_ACTIVE);
}

#endif
