/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/sweep.h"

#include "base/atomic.h"
#include "base/clock.h"
#include "base/match.h"
#include "daemon/events.h"
#include "daemon/host.h"
#include "daemon/readers.h"
#include "daemon/rings.h"
#include "daemon/suspects.h"
#include "shm/logout.h"
#include "shm/record.h"
#include "shm/recover.h"
#include "shm/slots.h"

enum {
	STUCK_RETRY_MS = 1000,
	LARGE_ARENA = 1 << 20,		/* slots; beyond them its hints are looked at in halves, one at a tick: a decay is late by two at most */
	DRAIN_BUDGET = 1 << 13,		/* sessions moved in a tick out of rings that drain */
	DAMAGED_RETRY_MS = 60000,
	WALK_BUDGET = 2048,		/* slots and buckets that the slow walk looks at in a tick */
	RECOUNT_SLICE = 1 << 14,	/* entries of the index that a recount looks at between two requests: about a ms */
	RECOUNT_REST = 100,		/* one part in so many of the daemon's time goes into recounts */
	BATCH = 32,			/* slots that are fetched at once */
	AHEAD = 8,			/* slots that are fetched before they are looked at */
	HINTS_AHEAD = 512,		/* the same of hints; past the last it fetches nothing */
};

struct sweeping {
	struct manager *m;
	struct manager_table *mt;
	uint64_t now_ms;
	uint32_t due_before;			/* hints less than this have come */
	uint32_t drained;			/* sessions moved so far out of rings that drain */
	uint32_t n_due, due[BATCH];		/* slots of the arena under way whose hints have come */
};

/* Look at a slot again at an instant, unless somebody wrote its hint anew meanwhile. */
static void
set_due(struct gs_arena *a, uint32_t slot, uint32_t seen, uint32_t due)
{
	(void)atomic_compare_exchange_strong_explicit(&a->due[slot], &seen, due, memory_order_relaxed, memory_order_relaxed);
}

/* A hint has come: do what is due to whatever is in the slot. */
static void
settle_at(struct sweeping *sw, struct gs_arena *a, uint32_t slot)
{
	struct manager_table *mt = sw->mt;
	uint32_t addr = gs_entry_addr(gs_entry(0, 0, a->ring, a->class_id, slot));
	uint32_t seen = atomic_load_explicit(&a->due[slot], memory_order_relaxed);
	struct gs_slot *s = gs_table_slot(mt->shm, addr);
	uint64_t w = atomic_load_explicit(&s->W, memory_order_acquire), ordinal = UINT64_MAX;
	struct gs_settled done = { .what = GS_SETTLE_GONE };

	if (gs_word_state(w) == GS_SLOT_READY)
		ordinal = gs_index_ordinal_of(mt->shm, __atomic_load_n(&s->hash, __ATOMIC_RELAXED), addr, gs_word_gen(w));
	if (ordinal == UINT64_MAX) {
		/* Nobody's now; whoever publishes it looks whether the hint was taken. */
		set_due(a, slot, seen, GS_DUE_NEVER);
		return;
	}
	gs_kv_settle(mt->shm, &mt->ctx, ordinal, sw->now_ms, &done);
	if (done.what == GS_SETTLE_STAYS || done.what == GS_SETTLE_DECAYED)
		suspects_note(mt->suspects, &done.meta, sw->now_ms);
	switch (done.what) {
	case GS_SETTLE_STAYS:
		set_due(a, slot, seen, gs_record_due(done.next_ms));
		break;
	case GS_SETTLE_STUCK:
		set_due(a, slot, seen, gs_record_due(sw->now_ms + STUCK_RETRY_MS));
		break;
	case GS_SETTLE_DECAYED:
		set_due(a, slot, seen, GS_DUE_NEVER);
		break;
	case GS_SETTLE_PARDONED:
		/* Where it was moved, the hint of its new slot is set. */
		set_due(a, slot, seen, done.from == done.to ? gs_record_due(done.next_ms) : GS_DUE_NEVER);
		break;
	case GS_SETTLE_EXPIRED:
		set_due(a, slot, seen, GS_DUE_NEVER);
		break;
	case GS_SETTLE_DAMAGED:
		/* Nothing will come of it until it is ended; watch.c says so. */
		set_due(a, slot, seen, gs_record_due(sw->now_ms + DAMAGED_RETRY_MS));
		break;
	case GS_SETTLE_GONE:
		break;	/* looked at again in the next tick */
	}
}

static void
settle_slot(struct sweeping *sw, struct gs_arena *a, uint32_t slot)
{
	/* All of a ring that drains is due at once: the rest stays due until the next tick. */
	if (gs_table_ring_state(sw->mt->shm, a->ring) != GS_RING_ON && sw->drained++ >= DRAIN_BUDGET)
		return;
	settle_at(sw, a, slot);
}

/*
 * The hint of a slot by the rules as they are now. Whoever writes the slot meanwhile sets a hint himself: ours must not stay
 * in its place, and the next sweep looks for itself.
 */
static void
rearm_slot(const struct gs_table *t, struct gs_arena *a, uint32_t slot)
{
	struct gs_slot *s = (struct gs_slot *)(void *)(a->slots + (uint64_t)slot * a->slot_size);
	/* acquire; pairs with the release of READY in gs_record_write */
	uint64_t w = atomic_load_explicit(&s->W, memory_order_acquire);
	uint32_t seen = atomic_load_explicit(&a->due[slot], memory_order_relaxed);
	uint64_t next_ms;

	if (gs_word_state(w) != GS_SLOT_READY)
		return;
	next_ms = gs_record_next_ms(t, a->ring, s);
	set_due(a, slot, seen, gs_record_due(next_ms));
	if (!gs_record_is_same(s, w))
		atomic_store_explicit(&a->due[slot], 0, memory_order_relaxed);
}

/* After a rule changed: every live slot of the arena gets its hint anew. */
static void
rearm(const struct gs_table *t, struct gs_arena *a)
{
	for (uint32_t slot = 0; slot < a->n_slots; slot++) {
		if (slot % a->seg_slots == 0 && !gs_slots_is_committed(a, slot)) {
			slot += a->seg_slots - 1;
			continue;
		}
		gs_prefetch(a->slots + (uint64_t)gs_min_u64(slot + AHEAD, a->n_slots - 1) * a->slot_size);
		rearm_slot(t, a, slot);
	}
}

/* Settle what was found, with its memory under way before the first of it is needed: slots, then where the index has them. */
static void
settle_batch(struct sweeping *sw, struct gs_arena *a)
{
	for (uint32_t i = 0; i < sw->n_due; i++)
		gs_index_prefetch_slot(sw->mt->shm, gs_entry(0, 0, a->ring, a->class_id, sw->due[i]), GS_FETCH_HEAD);
	for (uint32_t i = 0; i < sw->n_due; i++) {
		const struct gs_slot *s = (const void *)(a->slots + (uint64_t)sw->due[i] * a->slot_size);

		gs_index_prefetch_home(sw->mt->shm, __atomic_load_n(&s->hash, __ATOMIC_RELAXED));
	}
	for (uint32_t i = 0; i < sw->n_due; i++)
		settle_slot(sw, a, sw->due[i]);
	sw->n_due = 0;
}

/* The next GS_MATCH_WORDS slots. Hints are rounded down, so one of this very unit may come too early. */
static inline void
sweep_slots(struct sweeping *sw, struct gs_arena *a, uint32_t first)
{
	uint32_t due = gs_match_below(&a->due[first], sw->due_before);

	/* By itself the processor fetches ahead within a page only. */
	gs_prefetch((const char *)a->due + (size_t)(first + HINTS_AHEAD) * sizeof(a->due[0]));
	for (; due != 0; due &= due - 1) {
		sw->due[sw->n_due++] = first + (uint32_t)__builtin_ctz(due);
		if (sw->n_due == BATCH)
			settle_batch(sw, a);
	}
}

static void
sweep_arena(struct sweeping *sw, struct gs_arena *a)
{
	uint32_t parts = a->n_slots > LARGE_ARENA ? 2 : 1, part = (uint32_t)(sw->m->sweeps % parts);

	for (uint32_t seg = a->n_segments / parts * part; seg < (part + 1 == parts ? a->n_segments : a->n_segments / parts); seg++) {
		uint32_t first = seg * a->seg_slots;

		if (!gs_slots_is_committed(a, first))
			continue;
		for (uint32_t slot = first; slot < first + a->seg_slots; slot += GS_MATCH_WORDS)
			sweep_slots(sw, a, slot);
	}
	settle_batch(sw, a);
}

/* The slow walk: every slot and every bucket is looked at from time to time, whatever was lost is found. */
static void
walk(struct manager *m, struct manager_table *mt)
{
	uint64_t mended = gs_recover_step(mt->shm, &mt->walk, WALK_BUDGET);

	if (mended > 0)
		events_add(m->events, "mended", "table=%s count=%llu", mt->shm->name, (unsigned long long)mended);
	if (mt->walk.done) {
		mt->walk = (struct gs_recover_cursor){ 0 };
		mt->wants_recount = true;
	}
}

static void
look_on(struct manager_table *mt)
{
	uint64_t began_ns = gs_clock_mono_ns(), ended_ns;
	bool is_done = gs_recover_recount(mt->shm, &mt->recount, RECOUNT_SLICE);

	ended_ns = gs_clock_mono_ns();
	mt->recount_took_ns += ended_ns - began_ns;
	if (is_done)
		mt->recount_not_before_ns = ended_ns + RECOUNT_REST * mt->recount_took_ns;
}

/* Is a look at the index under way? The next begins with a tick. */
static bool
is_looking(const struct manager_table *mt)
{
	return mt->shm != NULL && mt->recount.at > 0;
}

/*
 * A round that is under way goes on; who dies meanwhile is in the next one.  A look goes over the whole index: where that takes
 * its time, and processes come and go, rounds are RECOUNT_REST times as far apart as they are long.
 */
static void
recount(struct manager_table *mt)
{
	bool is_begun = gs_recover_is_recounting(&mt->recount);

	if (is_looking(mt) || (!is_begun && (!mt->wants_recount || gs_clock_mono_ns() < mt->recount_not_before_ns)))
		return;
	if (!is_begun) {
		mt->wants_recount = false;
		mt->recount_took_ns = 0;
	}
	look_on(mt);
}

static void
give_back(struct manager *m, struct manager_table *mt, uint64_t now_ms)
{
	struct shrink_done done;

	shrink_tick(&mt->shrink, mt->shm, &mt->ctx, now_ms, &done);
	for (uint32_t i = 0; i < mt->shm->n_rings; i++)
		if (done.n_segments[i] > 0)
			events_add(m->events, "shrunk", "table=%s ring=%s segments=%u bytes=%llu", mt->shm->name, mt->shm->ctl->ring[i].name,
			    done.n_segments[i], (unsigned long long)done.bytes[i]);
}

static void
sweep_table(struct manager *m, struct manager_table *mt)
{
	uint64_t now_ms = gs_table_now_ms(mt->shm);
	struct sweeping sw = { .m = m, .mt = mt, .now_ms = now_ms, .due_before = gs_record_due(now_ms) };
	struct gs_ring_cfg *ring = mt->shm->ctl->ring;

	/* Our clock was read first: what a reader asked for before then is told, and is not judged without it. */
	(void)gs_logout_finish(mt->shm, &mt->ctx);
	readers_before_sweep(m->readers, (size_t)(mt - m->tables));
	for (int i = 0; i < GS_MAX_ARENAS; i++) {
		struct gs_arena *a = &mt->shm->arena[i];

		if (!gs_table_has(mt->shm, a))
			continue;
		if (atomic_load_explicit(&ring[a->ring].rearm, memory_order_relaxed) != 0)
			rearm(mt->shm, a);
		sweep_arena(&sw, a);
	}
	/* Killed before this we do it again. */
	for (uint32_t i = 0; i < mt->shm->n_rings; i++)
		atomic_store_explicit(&ring[i].rearm, 0, memory_order_relaxed);
	pressure_tick(&mt->pressure, &(struct pressure_place){ mt->shm, &mt->ctx, &mt->shrink, m->events }, sw.now_ms);
	walk(m, mt);
	watch_tick(&mt->watch, mt->shm, &mt->ctx, m->events);
	recount(mt);
	suspects_tick(mt->suspects, sw.now_ms);
	give_back(m, mt, sw.now_ms);
	preview_tick(mt->preview, mt->shm);
}

void
sweep_tick(struct manager *m)
{
	for (size_t i = 0; i < m->conf.n_tables; i++)
		if (m->tables[i].shm != NULL)
			sweep_table(m, &m->tables[i]);
	rings_tick(m);
	m->sweeps++;
	host_tell(m);
}

bool
sweep_has_more(const struct manager *m)
{
	for (size_t i = 0; i < m->conf.n_tables; i++)
		if (is_looking(&m->tables[i]))
			return true;
	return false;
}

void
sweep_go_on(struct manager *m)
{
	for (size_t i = 0; i < m->conf.n_tables; i++)
		if (is_looking(&m->tables[i])) {
			look_on(&m->tables[i]);
			return;
		}
}
