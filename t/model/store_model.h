/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_model.h - a store that is too simple to be wrong, for test_store.
 *
 * It keeps sessions in a plain array, interest as a sum and not as a
 * logarithm, and does what the manual promises.
 */
#ifndef T_MODEL_STORE_MODEL_H
#define T_MODEL_STORE_MODEL_H

#include "../unit/shm_place.h"
#include "shm/classes.h"
#include "shm/evict.h"

#include <inttypes.h>

#include <math.h>

enum { KEYS = 300, CONTEXTS = 3 };

struct shape {
	const char *name;
	uint32_t n_classes, n_rings;		/* the suspects among them, if any */
	bool has_suspect;
	uint32_t capacity[5];
	uint32_t promote_never;			/* ring whose sessions stay, 0: none */
	uint64_t half_life_ms, max_lifetime_ms;
	uint32_t n_keys;
};

struct session {			/* the model's */
	bool is_there;
	uint32_t ring;
	uint32_t class_id;
	uint64_t accessed_ms, touched_ms, ttl_ms, deadline_ms, created_ms, version, hits;
	uint64_t given_ms;		/* when an mtime was given that no write has replaced since, 0: none was */
	long double interest;		/* at the last access */
	uint32_t value;			/* seed of the bytes */
	uint32_t val_len;
};

enum { MODEL_CLASSES = 4 };		/* none and two built-in ones among them */

struct world {
	const struct shape *shape;
	struct gs_class_spec of_class[MODEL_CLASSES];	/* by id; [0] has no limits */
	struct store by[CONTEXTS];
	struct gs_table *t;
	struct session m[KEYS];
	uint32_t population[5];
	uint64_t now_ms, rng, step;
	struct gs_evict_log gone;		/* who made room in the call under way */
};

static inline uint64_t
below(struct world *w, uint64_t n)
{
	return next_random(&w->rng) % n;
}

static inline bool
is_suspect(const struct world *w, uint32_t ring)
{
	return w->shape->has_suspect && ring == w->shape->n_rings - 1;
}

static inline uint32_t
decay_to(const struct world *w, uint32_t ring)
{
	uint32_t n = w->shape->n_rings - w->shape->has_suspect;

	return ring + 1 < n ? ring + 1 : GS_RING_NONE;
}

static inline uint64_t
ring_ttl_ms(uint32_t ring)
{
	static const uint64_t ttl_ms[] = { 10 * MIN, HOUR, 5 * HOUR, DAY, DAY };

	return ttl_ms[ring];
}

/* Last instant in its ring. */
static inline uint64_t
leaves_ms(const struct world *w, const struct session *m)
{
	long double bonus = m->interest > 1 ? (long double)w->shape->half_life_ms * log2l(m->interest) : 0;

	if (is_suspect(w, m->ring))
		return UINT64_MAX / 2;
	return m->accessed_ms + ring_ttl_ms(m->ring) + (uint64_t)floorl(bonus + 1e-6L);
}

static inline uint64_t
expires_ms(const struct session *m)
{
	uint64_t at_ms = m->ttl_ms == 0 ? UINT64_MAX : m->touched_ms + m->ttl_ms;

	return at_ms < m->deadline_ms ? at_ms : m->deadline_ms;
}

/* The same with what its class says. */
static inline uint64_t
ends_ms(const struct world *w, const struct session *m)
{
	const struct gs_lifetime_rule *rule = &w->of_class[m->class_id].rule;
	uint64_t at_ms = expires_ms(m);

	if (rule->ttl_ms != GS_DURATION_MAX && m->touched_ms + rule->ttl_ms < at_ms)
		at_ms = m->touched_ms + rule->ttl_ms;
	if (rule->idle_ms != GS_DURATION_MAX && m->accessed_ms + rule->idle_ms < at_ms)
		at_ms = m->accessed_ms + rule->idle_ms;
	return at_ms;
}

static inline bool
is_over(const struct world *w, const struct session *m)
{
	return w->now_ms > ends_ms(w, m) || (decay_to(w, m->ring) == GS_RING_NONE && w->now_ms > leaves_ms(w, m));
}

/* A logarithm may be off by a rounding: at its very millisecond either is right. */
static inline bool
is_doubtful(const struct world *w, const struct session *m)
{
	uint64_t at_ms = leaves_ms(w, m);

	return m->is_there && w->shape->half_life_ms != 0 && w->now_ms + 1 >= at_ms && w->now_ms <= at_ms + 1;
}

static inline void
fade_to(const struct world *w, struct session *m, uint64_t at_ms)
{
	if (w->shape->half_life_ms == 0 || at_ms < m->accessed_ms)
		m->interest = 1;
	else
		m->interest *= exp2l(-(long double)(at_ms - m->accessed_ms) / (long double)w->shape->half_life_ms);
	/* as good as never asked for */
	if (m->interest < 0x1p-32L)
		m->interest = 0x1p-32L;
	m->accessed_ms = at_ms;
}

static inline void
fade(const struct world *w, struct session *m)
{
	fade_to(w, m, w->now_ms);
}

static inline void
count_access(const struct world *w, struct session *m)
{
	fade(w, m);
	m->interest = w->shape->half_life_ms == 0 ? 1 : m->interest + 1;
	m->hits++;
}

/* Where there is none it could not have been made either: then the call before had made it. */
static inline bool
has_room(const struct world *w, uint32_t ring)
{
	bool is_full = w->population[ring] >= w->shape->capacity[ring];

	for (uint32_t r = ring; is_full && !is_suspect(w, ring) && r != GS_RING_NONE; r = decay_to(w, r))
		if (w->population[r] < w->shape->capacity[r])
			fail_msg("step %" PRIu64 ": no room in ring %u, and there is in ring %u", w->step, ring, r);
	return !is_full;
}

static inline void
move_to(struct world *w, struct session *m, uint32_t ring)
{
	w->population[m->ring]--;
	w->population[ring]++;
	m->ring = ring;
}

static inline void
promote(struct world *w, struct session *m)
{
	if (m->ring != 0 && !is_suspect(w, m->ring) && m->ring != w->shape->promote_never && has_room(w, 0))
		move_to(w, m, 0);
}

static inline void
start(struct world *w, struct session *m, uint32_t ring, const struct gs_put_args *args)
{
	uint64_t life_ms = w->shape->max_lifetime_ms;

	if (m->is_there)
		w->population[m->ring]--;
	*m = (struct session){
		.is_there = true, .ring = ring, .accessed_ms = w->now_ms, .touched_ms = w->now_ms, .created_ms = w->now_ms,
		.deadline_ms = life_ms == GS_DURATION_MAX ? GS_TIME_NEVER : w->now_ms + life_ms, .version = m->version,
		.hits = (args->flags & GS_KV_INSPECT) == 0, .interest = 1,
	};
	if ((args->set & GS_SET_TTL_BIT) != 0)
		m->ttl_ms = args->ttl_ms;
	if ((args->set & GS_SET_CLASS_BIT) != 0)
		m->class_id = args->class_id;
	w->population[ring]++;
}

static inline int
model_put(struct world *w, struct session *m, const struct gs_put_args *args)
{
	bool counts = (args->flags & GS_KV_INSPECT) == 0;
	uint32_t ring = args->ring == GS_RING_NONE ? 0 : args->ring;

	if (!m->is_there || is_over(w, m)) {
		if ((args->flags & GS_KV_ONLY_OLD) != 0 || args->if_version != 0)
			return GS_ENOENT;
		if (!(m->is_there && m->ring == ring) && !has_room(w, ring))
			return GS_ENOSPC;
		start(w, m, ring, args);
		return 1;
	}
	if (counts && is_suspect(w, m->ring))
		return GS_EQUARANTINE;
	if ((args->flags & GS_KV_ONLY_NEW) != 0)
		return GS_EEXIST;
	if (args->if_version != 0 && args->if_version != m->version)
		return GS_ECONFLICT;
	if (counts) {
		count_access(w, m);
		promote(w, m);
	} else {
		fade(w, m);
	}
	m->touched_ms = w->now_ms;
	m->given_ms = 0;
	if ((args->set & GS_SET_TTL_BIT) != 0)
		m->ttl_ms = args->ttl_ms;
	if ((args->set & GS_SET_CLASS_BIT) != 0)
		m->class_id = args->class_id;
	return 0;
}

static inline int
model_move(struct world *w, struct session *m, uint32_t ring)
{
	if (!m->is_there || is_over(w, m))
		return GS_ENOENT;
	if (m->ring == ring)
		return 0;
	if (!has_room(w, ring))
		return GS_ENOSPC;
	if (ring < m->ring && !is_suspect(w, ring))
		count_access(w, m);
	move_to(w, m, ring);
	return 0;
}

static inline enum gs_settle
model_settle(struct world *w, struct session *m)
{
	uint32_t to = decay_to(w, m->ring);

	if (is_over(w, m)) {
		w->population[m->ring]--;
		m->is_there = false;
		return GS_SETTLE_EXPIRED;
	}
	if (to == GS_RING_NONE || w->now_ms <= leaves_ms(w, m))
		return GS_SETTLE_STAYS;
	if (!has_room(w, to))
		return GS_SETTLE_STUCK;
	move_to(w, m, to);
	return GS_SETTLE_DECAYED;
}

#endif
