/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shm_place.h - a private table for a test: its shape, its sessions by short names, and the audit as an assertion.
 */
#ifndef T_UNIT_SHM_PLACE_H
#define T_UNIT_SHM_PLACE_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gsession.h"
#include "policy/decay.h"
#include "shm/audit.h"
#include "shm/index.h"
#include "shm/kv.h"
#include "shm/quota.h"
#include "shm/record.h"
#include "shm/recover.h"
#include "shm/slots.h"

#define T(name) cmocka_unit_test(name)
#define N_ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

#define S UINT64_C(1000)
#define MIN (60 * S)
#define HOUR (60 * MIN)
#define DAY (24 * HOUR)
/* When every test begins, store time. */
#define NOW (GS_TIME_ORIGIN_MS + 1000 * S)

enum { ACTIVE, WARM, COLD, SUSPECT };

struct store {
	struct gs_table *t;
	struct gs_ctx c;		/* context 1 */
};

static inline void
add_ring(struct gs_table_spec *spec, const char *name, uint64_t ttl_ms, uint64_t capacity, uint32_t decay_to)
{
	struct gs_ring_spec *r = &spec->rings[spec->n_rings++];

	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	r->kind = strcmp(name, "suspect") == 0 ? GS_RING_SUSPECT : GS_RING_NORMAL;
	r->promote = GS_PROMOTE_ACCESS;
	r->ttl_ms = ttl_ms;
	r->half_life_ms = 5 * MIN;
	r->capacity = capacity;
	r->decay_to = decay_to;
}

/* active 10 min, warm 1 h, cold 7 d, suspect; one size of slots; the smallest index there is. */
static inline struct gs_table_spec
usual_spec(void)
{
	struct gs_table_spec spec = {
		.name = "t", .record_size = 1000, .key_max = GS_KEY_BYTES, .n_classes = 1, .max_sessions = 100,
		.max_lifetime_ms = GS_DURATION_MAX,
	};

	spec.slot_size[0] = gs_table_slot_bytes(GS_KEY_BYTES, GS_OWNER_BYTES, 1000);
	add_ring(&spec, "active", 10 * MIN, 100, WARM);
	add_ring(&spec, "warm", HOUR, 200, COLD);
	add_ring(&spec, "cold", 7 * DAY, 400, GS_RING_NONE);
	add_ring(&spec, "suspect", GS_DURATION_MAX, 50, GS_RING_NONE);
	return spec;
}

/* Few and large slots, 64 to a segment: an arena that can be used up. */
static inline struct gs_table_spec
small_arena_spec(uint64_t capacity)
{
	struct gs_table_spec spec = {
		.name = "t", .record_size = 12000, .key_max = 32, .n_classes = 1, .max_sessions = 100, .max_lifetime_ms = GS_DURATION_MAX,
	};

	spec.slot_size[0] = 16384;
	add_ring(&spec, "active", 10 * MIN, capacity, WARM);
	add_ring(&spec, "warm", HOUR, capacity, GS_RING_NONE);
	return spec;
}

/* Nothing goes outwards from a ring, as if all rings further out were full. */
static inline void
shut(struct gs_table *t, uint32_t ring)
{
	atomic_store(&t->ctl->ring[ring].decay_to, GS_RING_NONE);
}

/* Nobody has a quota, and suspects stay refused; for tests of other things. */
static inline void
open_store(struct store *s, const struct gs_table_spec *spec)
{
	const struct gs_quota_rules rules = { .limit = GS_QUOTA_FREE, .hold_ms = 1000 * DAY };

	assert_int_equal(gs_table_create_private(&s->t, spec), 0);
	gs_quota_apply(s->t, &rules);
	assert_int_equal(gs_ctx_init(&s->c, s->t, 1), 0);
}

static inline void
close_store(struct store *s)
{
	gs_ctx_fini(&s->c, s->t);
	gs_table_free(&s->t);
}

/* Set up: a store of a test's own, as *state. */
static inline int
begin_store(void **state, const struct gs_table_spec *spec)
{
	struct store *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	open_store(s, spec);
	*state = s;
	return 0;
}

static inline int
begin_usual(void **state)
{
	const struct gs_table_spec spec = usual_spec();

	return begin_store(state, &spec);
}

/* Tear down. */
static inline int
end_store(void **state)
{
	struct store *s = *state;

	close_store(s);
	free(s);
	return 0;
}

static inline struct gs_key
key_of(const struct gs_table *t, const char *text)
{
	struct gs_key k;

	assert_int_equal(gs_key_init(t, &k, text, strlen(text)), 0);
	return k;
}

static inline struct gs_put_args
plain_args(void)
{
	return (struct gs_put_args){ .ring = GS_RING_NONE, .wall_ns = 1 };
}

static inline int
put_at(struct store *s, const char *key, const char *value, uint64_t now_ms)
{
	const struct gs_put_args args = plain_args();
	struct gs_key k = key_of(s->t, key);

	return gs_kv_put(s->t, &s->c, &k, now_ms, value, strlen(value), &args, NULL);
}

/* Start a session in a ring. */
static inline void
start_in(struct store *s, const char *key, uint32_t ring, uint64_t now_ms)
{
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(s->t, key);

	args.ring = ring;
	assert_int_equal(gs_kv_put(s->t, &s->c, &k, now_ms, "v", 1, &args, NULL), 1);
}

static inline ssize_t
get_at(struct store *s, const char *key, uint64_t now_ms)
{
	struct gs_key k = key_of(s->t, key);
	char buf[1000];

	return gs_kv_get(s->t, &s->c, &k, now_ms, buf, sizeof(buf), 0, NULL);
}

/* What is known of a session without disturbing it. */
static inline ssize_t
peek_at(struct store *s, const char *key, uint64_t now_ms, struct gs_meta *meta)
{
	struct gs_key k = key_of(s->t, key);

	return gs_kv_get(s->t, &s->c, &k, now_ms, NULL, 0, GS_KV_INSPECT, meta);
}

static inline int
del_at(struct store *s, const char *key, uint64_t now_ms)
{
	struct gs_key k = key_of(s->t, key);

	return gs_kv_del(s->t, &s->c, &k, now_ms, 0);
}

static inline int
touch_at(struct store *s, const char *key, uint64_t now_ms)
{
	struct gs_key k = key_of(s->t, key);

	return gs_kv_touch(s->t, &s->c, &k, now_ms);
}

static inline int
move_at(struct store *s, const char *key, uint64_t now_ms, uint32_t ring)
{
	struct gs_key k = key_of(s->t, key);

	return gs_kv_move(s->t, &s->c, &k, now_ms, ring);
}

static inline struct gs_hit
hit_of(struct store *s, const char *key)
{
	struct gs_key k = key_of(s->t, key);
	struct gs_hit hit;

	assert_int_equal(gs_index_find(s->t, &s->c, &k, GS_FETCH_HEAD, &hit), 1);
	return hit;
}

/* The ring of a session, whatever its time. */
static inline uint32_t
ring_of(struct store *s, const char *key)
{
	return gs_entry_ring(hit_of(s, key).entry);
}

/* What the sweep does to a session at that time. */
static inline struct gs_settled
settle_at(struct store *s, const char *key, uint64_t now_ms)
{
	struct gs_settled done;

	gs_kv_settle(s->t, &s->c, hit_of(s, key).ordinal, now_ms, &done);
	return done;
}

static inline uint64_t
counted(const struct store *s, enum gs_counter n)
{
	return gs_ctx_total(s->t, n);
}

static inline int64_t
population(const struct gs_table *t, uint32_t ring)
{
	return atomic_load_explicit(&t->idx->population[ring].n, memory_order_relaxed);
}

/* Every invariant holds, each slot is accounted for, and populations are exact: nobody works on the table now. */
static inline void
assert_clean(struct gs_table *t, uint64_t now_ms)
{
	struct gs_audit a;
	char *text;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	gs_audit_run(t, now_ms, &a, to);
	gs_audit_print(&a, t, to);
	assert_int_equal(fclose(to), 0);
	if (a.n_broken > 0 || a.free + a.live + a.listed != a.capacity)
		fail_msg("%s", text);
	free(text);
	for (uint32_t i = 0; i < t->n_rings; i++)
		assert_int_equal(population(t, i), a.sessions[i]);
}

/* end_store, and the table is clean, as seen from an instant when whatever a test does is over. */
static inline int
end_clean(void **state)
{
	const struct store *s = *state;

	assert_clean(s->t, NOW + 20 * 365 * DAY);
	return end_store(state);
}

/* A small generator of our own: the same numbers everywhere. */
static inline uint64_t
next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

#endif
