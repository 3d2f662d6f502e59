/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gsession.h"
#include "base/bits.h"
#include "shm/evict.h"
#include "shm/kv.h"
#include "daemon/spec.h"
#include "lab/deadlines.h"

_Static_assert((int)REPORT_RINGS == (int)GS_MAX_RINGS, "the report has room for every ring");
_Static_assert(GS_TIME_ORIGIN_MS + FEED_SPAN_MS < GS_TIME_NEVER, "the longest log fits store time");

/* The context of the private table that we use; the daemon's, which has none. */
enum { REPLAY_CTX = GS_DAEMON_CTX };

/* What we remember of a key's session. */
struct session {
	uint64_t ordinal;
	uint32_t ring;
	uint32_t waits_for;		/* the full ring it should decay to, or GS_RING_NONE */
	bool is_there;
	uint64_t accused_ms;		/* since when it was accused, the last time; 0: never */
	uint32_t offences, counted, rate_code;	/* counted: of them by its record, when it was last seen */
};

struct replay {
	struct gs_table *t;
	struct gs_ctx ctx;
	struct gs_evict_log gone;	/* who made room in the last operation */
	struct feed *feed;
	struct report *out;
	uint64_t now_ms;		/* store time */
	struct session *sessions;	/* by number of the key */
	size_t n_sessions;
	struct deadlines due;		/* first instant at which the session may leave its ring, or end */
	struct deadlines waiting[GS_MAX_RINGS];	/* for room in a ring, since when */
	unsigned char *value;
	size_t value_len;
	const char *failed;		/* what did not work */
};

static uint64_t
population(const struct replay *r, uint32_t ring)
{
	int64_t n = atomic_load_explicit(&r->t->idx->population[ring].n, memory_order_relaxed);

	return n > 0 ? (uint64_t)n : 0;
}

static bool
has_room(const struct replay *r, uint32_t ring)
{
	const struct gs_ring_cfg *cfg = &r->t->ctl->ring[ring];

	return population(r, ring) < gs_add_sat(atomic_load_explicit(&cfg->capacity, memory_order_relaxed),
	    atomic_load_explicit(&cfg->reserve, memory_order_relaxed));
}

static void
count_all(const struct replay *r, uint64_t *count)
{
	uint32_t i;

	for (i = 0; i < r->t->n_rings; i++)
		count[i] = population(r, i);
}

/* The session no longer waits for room. */
static int
stop_waiting(struct replay *r, uint32_t id)
{
	struct session *s = &r->sessions[id];
	uint32_t ring = s->waits_for;

	s->waits_for = GS_RING_NONE;
	return ring == GS_RING_NONE ? GS_OK : deadlines_set(&r->waiting[ring], id, DEADLINES_NONE);
}

static int
start_waiting(struct replay *r, uint32_t id, uint32_t ring)
{
	struct session *s = &r->sessions[id];

	r->out->stuck++;
	s->waits_for = ring;
	return deadlines_set(&r->waiting[ring], id, r->now_ms);
}

static uint64_t
first_after(uint64_t last_ms)
{
	return last_ms >= GS_TIME_NEVER ? DEADLINES_NONE : last_ms + 1;
}

/* One that made room for another: where is it now? */
static int
note_gone(struct replay *r, const struct gs_evicted *gone)
{
	struct gs_meta meta = gone->meta;
	struct session *s;
	uint32_t id;
	int rc = keys_number(&r->feed->keys, meta.key, meta.key_len, &id);

	if (rc == 0)
		rc = stop_waiting(r, id);
	if (rc < 0)
		return rc;
	s = &r->sessions[id];
	if (gone->as != GS_EVICTED_OUTWARDS) {
		*(gone->as == GS_EVICTED_OVER ? &r->out->expired : &r->out->dropped) += 1;
		s->is_there = false;
		return deadlines_set(&r->due, id, DEADLINES_NONE);
	}
	r->out->evicted++;
	r->out->moves[gone->from][gone->to]++;
	s->ring = meta.ring = gone->to;
	return deadlines_set(&r->due, id, first_after(gs_min_u64(gs_kv_leaves_ms(r->t, &meta), gs_kv_ends_ms(r->t, &meta))));
}

/* All who made room. Their places were taken at once, so that nobody is let in for it. */
static int
note_all_gone(struct replay *r)
{
	int rc = r->gone.n > GS_EVICT_LOG ? GS_ECORRUPT : GS_OK;

	for (uint32_t i = 0; i < r->gone.n && rc == GS_OK; i++)
		rc = note_gone(r, &r->gone.item[i]);
	r->gone.n = 0;
	return rc;
}

/* Do what is due to one session. *left is the ring in which there is room now, or GS_RING_NONE; stuck says that it must wait. */
static int
settle(struct replay *r, uint32_t id, uint32_t *left, bool *is_stuck)
{
	struct session *s = &r->sessions[id];
	struct gs_settled did;
	int rc = stop_waiting(r, id);

	*left = GS_RING_NONE;
	*is_stuck = false;
	if (rc < 0)
		return rc;
	gs_kv_settle(r->t, &r->ctx, s->ordinal, r->now_ms, &did);
	rc = note_all_gone(r);
	if (rc < 0)
		return rc;
	switch (did.what) {
	case GS_SETTLE_STAYS:
		/* Never at this instant again, or time would stand still. */
		return deadlines_set(&r->due, id, gs_max_u64(did.next_ms, r->now_ms + 1));
	case GS_SETTLE_DECAYED:
		r->out->moves[did.from][did.to]++;
		*left = s->ring;
		s->ring = did.to;
		return deadlines_set(&r->due, id, did.next_ms);
	case GS_SETTLE_PARDONED:
		if (did.from != did.to) {
			r->out->moves[did.from][did.to]++;
			*left = s->ring;
			s->ring = did.to;
		}
		return deadlines_set(&r->due, id, gs_max_u64(did.next_ms, r->now_ms + 1));
	case GS_SETTLE_EXPIRED:
		r->out->expired++;
		*left = s->ring;
		s->is_there = false;
		return deadlines_set(&r->due, id, DEADLINES_NONE);
	case GS_SETTLE_STUCK:
		*is_stuck = true;
		rc = start_waiting(r, id, did.to);
		return rc < 0 ? rc : deadlines_set(&r->due, id, first_after(gs_kv_ends_ms(r->t, &did.meta)));
	case GS_SETTLE_DAMAGED:
	case GS_SETTLE_GONE:
		break;
	}
	/* Nobody else is here who could have ended it. */
	return GS_ECORRUPT;
}

/* A session has left the ring: let in who waits for it, which makes room in turn. */
static int
let_in(struct replay *r, uint32_t ring)
{
	struct deadlines_item next;
	uint32_t left;
	bool is_stuck = false;
	int rc = GS_OK;

	while (ring != GS_RING_NONE && has_room(r, ring) && !is_stuck) {
		rc = deadlines_next(&r->waiting[ring], r->now_ms, &next);
		if (rc <= 0)
			return rc;
		r->sessions[next.id].waits_for = GS_RING_NONE;
		rc = settle(r, next.id, &left, &is_stuck);
		if (rc == GS_OK)
			rc = let_in(r, left);
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* Run every deadline up to an instant, each at its own time. */
static int
run_until(struct replay *r, uint64_t until_ms)
{
	struct deadlines_item next;
	uint32_t left;
	bool is_stuck;
	int rc;

	while ((rc = deadlines_next(&r->due, until_ms, &next)) == 1) {
		/* After a wait the next step may be due already. */
		r->now_ms = gs_max_u64(r->now_ms, next.when_ms);
		rc = settle(r, next.id, &left, &is_stuck);
		if (rc == GS_OK)
			rc = let_in(r, left);
		if (rc < 0)
			break;
	}
	if (rc == GS_OK)
		r->now_ms = until_ms;
	else
		r->failed = "a deadline";
	return rc;
}

/* Is it accused, as of another access than the last time, or did it offend again? Its record counts those of this life alone. */
static void
note_offence(struct session *s, const struct gs_meta *meta)
{
	uint64_t since_ms = gs_offence_since_ms(meta->offence);
	uint32_t counted = gs_offence_count(meta->offence);

	if (since_ms == 0)
		return;
	s->offences += since_ms != s->accused_ms ? 1 : counted - s->counted;
	s->counted = counted;
	s->accused_ms = since_ms;
	s->rate_code = meta->rate_code;
}

/* The session has been put or got, or that was refused: where is it now, and until when? */
static int
note(struct replay *r, uint32_t id, const struct gs_meta *meta)
{
	struct session *s = &r->sessions[id];
	uint32_t left = GS_RING_NONE;
	int rc = stop_waiting(r, id);

	if (s->is_there && s->ring != meta->ring) {
		r->out->moves[s->ring][meta->ring]++;
		left = s->ring;
	}
	s->is_there = true;
	s->ordinal = meta->ordinal;
	s->ring = meta->ring;
	note_offence(s, meta);
	if (rc == GS_OK)
		rc = deadlines_set(&r->due, id, gs_min_u64(first_after(gs_min_u64(gs_kv_leaves_ms(r->t, meta), gs_kv_ends_ms(r->t, meta))),
		    gs_kv_pardon_ms(r->t, meta)));
	return rc == GS_OK ? let_in(r, left) : rc;
}

static int
put(struct replay *r, const struct gs_key *k, struct gs_meta *meta)
{
	struct gs_put_args args = { .ring = GS_RING_NONE };
	int rc = gs_kv_put(r->t, &r->ctx, k, r->now_ms, r->value, r->value_len, &args, meta), gone = note_all_gone(r);

	if (gone < 0)
		return gone;
	if (rc == 1)
		r->out->started++;
	if (rc == GS_ENOSPC || rc == GS_ERANGE)
		r->out->refused++;
	return rc;
}

static int
access_session(struct replay *r, const struct feed_access *a)
{
	struct gs_meta meta;
	struct gs_key k;
	ssize_t rc = gs_key_init(r->t, &k, a->key, a->key_len);

	if (rc < 0)
		return (int)rc;
	if (!a->is_first)
		rc = gs_kv_get(r->t, &r->ctx, &k, r->now_ms, r->value, REPLAY_VALUE_BYTES, 0, &meta);
	if (note_all_gone(r) < 0)
		return GS_ECORRUPT;
	if (!a->is_first && rc >= 0)
		r->out->gets++;
	else if (a->is_first || rc == GS_ENOENT)
		rc = put(r, &k, &meta);
	if (rc == GS_ENOSPC || rc == GS_ERANGE)
		return GS_OK;
	if (rc == GS_EQUARANTINE) {
		r->out->refused++;
		rc = 0;
	}
	return rc < 0 ? (int)rc : note(r, a->id, &meta);
}

static int
make_session(struct replay *r, uint32_t id)
{
	size_t n = r->n_sessions == 0 ? 1024 : r->n_sessions;
	struct session *sessions;

	if (id < r->n_sessions)
		return GS_OK;
	while (n <= id)
		n *= 2;
	sessions = reallocarray(r->sessions, n, sizeof(*sessions));
	if (sessions == NULL)
		return GS_ENOMEM;
	r->sessions = sessions;
	for (; r->n_sessions < n; r->n_sessions++)
		sessions[r->n_sessions] = (struct session){ .waits_for = GS_RING_NONE };
	return GS_OK;
}

/* Let time pass up to the next line, with the points of the series on the way. */
static int
pass_time(struct replay *r, uint64_t at_ms)
{
	uint64_t point_ms;
	int rc;

	while (series_is_due(&r->out->series, at_ms, &point_ms)) {
		rc = run_until(r, GS_TIME_ORIGIN_MS + point_ms);
		if (rc < 0)
			return rc;
		count_all(r, series_add(&r->out->series, point_ms)->count);
	}
	return run_until(r, GS_TIME_ORIGIN_MS + at_ms);
}

static int
run_log(struct replay *r)
{
	struct feed_access a;
	int rc;

	while ((rc = feed_next(r->feed, &a)) == 1) {
		rc = make_session(r, a.id);
		if (rc == GS_OK)
			rc = pass_time(r, a.at_ms);
		if (rc < 0)
			return rc;
		r->failed = "an access";
		rc = access_session(r, &a);
		if (rc < 0)
			return rc;
	}
	r->failed = "the log";
	return rc;
}

static int
list_suspects(struct replay *r)
{
	struct report *out = r->out;
	struct report_suspect *all = calloc(r->feed->keys.n_items + 1, sizeof(*all));

	out->suspects = all;
	for (uint32_t id = 0; all != NULL && id < r->feed->keys.n_items; id++) {
		const struct keys_item *key = &r->feed->keys.items[id];
		const struct session *s = &r->sessions[id];
		struct report_suspect *one = &all[out->n_suspects];

		if (s->offences == 0)
			continue;
		one->key = malloc(key->len);
		if (one->key == NULL)
			return GS_ENOMEM;
		memcpy(one->key, key->bytes, key->len);
		one->key_len = key->len;
		one->rate_per_s = gs_quota_rate_per_s(s->rate_code);
		one->offences = s->offences;
		out->n_suspects++;
	}
	return all == NULL ? GS_ENOMEM : GS_OK;
}

static int
finish(struct replay *r)
{
	struct report *out = r->out;

	out->requests = r->feed->requests;
	out->unreadable = r->feed->unreadable;
	out->keys = r->feed->keys.n_items;
	out->first_ms = r->feed->first_ms;
	out->span_ms = r->feed->at_ms;
	count_all(r, out->population);
	if (out->requests > 0)
		count_all(r, series_add(&out->series, out->span_ms)->count);
	return list_suspects(r);
}

static int
make_table(struct replay *r, const struct replay_order *order)
{
	struct gs_quota_rules rules;
	struct gs_table_spec spec;
	uint32_t i;
	int rc;

	spec_quota(&rules, &order->table->quota, order->conf->exempt_patterns);
	spec_from_conf(&spec, order->table);
	/* In memory of its own, whatever `store` says, and nobody adds rings to it. */
	spec.can_grow = false;
	for (i = 0; i < spec.n_rings; i++)
		memset(spec.rings[i].store, 0, sizeof(spec.rings[i].store));
	rc = gs_table_create_private(&r->t, &spec);
	if (rc < 0)
		return rc;
	gs_quota_apply(r->t, &rules);
	rc = gs_ctx_init(&r->ctx, r->t, REPLAY_CTX);
	if (rc < 0)
		return rc;
	r->ctx.evict.log = &r->gone;
	r->out->n_rings = spec.n_rings;
	for (i = 0; i < spec.n_rings; i++)
		memcpy(r->out->ring[i], spec.rings[i].name, REPORT_NAME_BYTES);
	r->now_ms = GS_TIME_ORIGIN_MS;
	r->value_len = gs_min_u64(REPLAY_VALUE_BYTES, spec.record_size);
	r->value = calloc(1, REPLAY_VALUE_BYTES);
	return r->value == NULL ? GS_ENOMEM : GS_OK;
}

static void
free_all(struct replay *r)
{
	uint32_t i;

	feed_close(&r->feed);
	deadlines_fini(&r->due);
	for (i = 0; i < GS_MAX_RINGS; i++)
		deadlines_fini(&r->waiting[i]);
	if (r->ctx.page != NULL)
		gs_ctx_fini(&r->ctx, r->t);
	gs_table_free(&r->t);
	free(r->sessions);
	free(r->value);
}

int
replay_run(struct report *out, const struct replay_order *order, char why[REPLAY_WHY_BYTES])
{
	struct replay r = { .out = out, .failed = "the log" };
	int rc = feed_open(&r.feed, order->log, order->key, (size_t)order->table->key_max, order->complain);

	*out = (struct report){ 0 };
	if (rc == GS_OK) {
		r.failed = "a private store";
		rc = make_table(&r, order);
	}
	if (rc == GS_OK)
		rc = run_log(&r);
	if (rc == GS_OK)
		rc = finish(&r);
	if (rc < 0)
		(void)snprintf(why, REPLAY_WHY_BYTES, "%s: %s", r.failed, rc == GS_ESYSTEM ? strerror(errno) : gs_strerror(rc));
	free_all(&r);
	return rc;
}
