/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/evict.h"

#include <string.h>

#include "base/atomic.h"
#include "shm/event.h"
#include "shm/kv_impl.h"

enum {
	LOOKED_AT = 12,			/* sessions seen anew each time */
	ROUNDS = 5,			/* before we give up */
	SPREAD_LOOKS = 256,		/* after so many it is looked up anew how far the arenas reach */
	DRAWS = 8 * LOOKED_AT,		/* at random places, until enough sessions were met */
	EXACT_WORDS = 1024,		/* of bitmaps, that are walked to see all of a small ring */
	SAMPLE = 1024,			/* sessions that a threshold is taken from */
	BATCH_SLOTS = 65536,		/* that a batch looks at */
	AHEAD = 8,			/* of them, fetched */
	ANY_CLASS = GS_MAX_CLASSES,
	LOADS = 3,			/* of one that is to go, and seems to change */
};

_Static_assert((int)GS_ON_FULL_EXPIRED == (int)GS_EVICT_OVER && (int)GS_ON_FULL_ONESHOT == (int)GS_EVICT_ONESHOT &&
    (int)GS_ON_FULL_ANONYMOUS == (int)GS_EVICT_ANONYMOUS, "on_full names the last kind that may be dropped");

/* On whose behalf room is made, and where. */
struct making {
	struct gs_table *t;
	struct gs_ctx *c;
	uint64_t now_ms;
	uint32_t ring;
	uint32_t class_id;		/* of slots, where one is wanted; or ANY_CLASS: a place is */
	uint32_t to;			/* where there is a place for who goes, or GS_RING_NONE: what goes is dropped */
	enum gs_evict_kind allowed;	/* then no more than this */
	bool is_ahead;			/* of need */
};

/* Marsaglia's xorshift64. */
static uint64_t
draw(struct gs_ctx *c)
{
	uint64_t *r = &c->evict.random;

	if (*r == 0)
		*r = UINT64_C(0x9e3779b97f4a7c15) * (c->id + 1u);
	*r ^= *r << 13;
	*r ^= *r >> 7;
	*r ^= *r << 17;
	return *r;
}

/* ---- seeing ---- */

/* How many slots of a class there are to look at, as far as looked up; none where others are wanted. */
static uint64_t
reach_of(const struct making *m, uint32_t class_id)
{
	if (m->class_id != ANY_CLASS && m->class_id != class_id)
		return 0;
	return (uint64_t)m->c->evict.spread[m->ring * GS_MAX_CLASSES + class_id] * gs_table_arena(m->t, m->ring, class_id)->seg_slots;
}

/* How far each arena of the ring reaches: segments are taken from the front. Returns the slots up to there, of all. */
static uint64_t
look_up_spread(const struct making *m)
{
	struct gs_evict_memory *e = &m->c->evict;
	bool is_due = e->looks[m->ring]++ % SPREAD_LOOKS == 0;
	uint64_t slots = 0;

	for (uint32_t k = 0; k < m->t->n_classes; k++) {
		const struct gs_arena *a = gs_table_arena(m->t, m->ring, k);
		uint32_t *spread = &e->spread[m->ring * GS_MAX_CLASSES + k];

		for (uint32_t seg = 0; is_due && gs_table_has(m->t, a) && seg < a->n_segments; seg++) {
			if (seg == 0)
				*spread = 0;
			if (gs_slots_is_committed(a, seg * a->seg_slots))
				*spread = seg + 1;
		}
		slots += reach_of(m, k);
	}
	return slots;
}

/* The address of the slot of this number, counted through what the arenas of the ring reach to. */
static uint32_t
nth_slot(const struct making *m, uint64_t n)
{
	uint32_t k = 0;
	uint64_t reach;

	for (;; k++, n -= reach) {
		reach = reach_of(m, k);
		if (n < reach)
			return gs_entry_addr(gs_entry(0, 0, m->ring, k, (uint32_t)n));
	}
}

/* The slots of a bitmap word that are not free; 0 where there is no memory. */
static uint64_t
taken_in_word(const struct gs_arena *a, uint32_t word)
{
	if (!gs_slots_is_committed(a, word * 64))
		return 0;
	return ~atomic_load_explicit(&a->bitmap[word], memory_order_relaxed);
}

/* A slot near this one, or just this one, that is not free; or UINT32_MAX. */
static uint32_t
taken_near(const struct making *m, uint32_t addr, bool is_exact)
{
	const struct gs_arena *a = gs_table_arena(m->t, m->ring, gs_entry_class(addr));
	uint32_t slot = gs_entry_slot(addr), bit = slot % 64;
	uint64_t taken = taken_in_word(a, slot / 64);

	/* Who lies behind a gap would be met too often: only where sessions are few. */
	if (taken == 0 || (is_exact && (taken >> bit & 1) == 0))
		return UINT32_MAX;
	/* the first from here on, and round the word's end */
	taken = taken >> bit | (bit == 0 ? 0 : taken << (64 - bit));
	return addr - bit + (bit + (uint32_t)__builtin_ctzll(taken)) % 64;
}

/* A session in a slot as a candidate. False when there is none, or it changes at this moment. */
static bool
see(const struct making *m, uint32_t addr, struct gs_candidate *out)
{
	struct gs_hit hit = { .slot = gs_table_slot(m->t, addr) };
	struct gs_slot head;

	/* acquire; pairs with the release of READY in gs_record_write */
	hit.w = atomic_load_explicit(&hit.slot->W, memory_order_acquire);
	if (gs_word_state(hit.w) != GS_SLOT_READY || addr + 1 == m->c->evict.spared)
		return false;
	hit.entry = gs_entry(0, gs_word_gen(hit.w), 0, 0, 0) | addr;
	if (gs_record_first_line(m->t, &hit, &head) != 1)
		return false;
	*out = (struct gs_candidate){
		.hash = head.hash, .version = head.version, .addr = addr, .gen = gs_word_gen(hit.w), .class_id = head.class_id,
		.accessed_ms = gs_timed_value(gs_kv_word(&head.A)), .interest = gs_timed_value(gs_kv_word(&head.I)),
		.expires_ms = gs_record_ends_ms(m->t, &head), .is_special = head.flags != 0 || head.link_len != 0,
		.hits = gs_timed_value(atomic_load_explicit(&hit.slot->H, memory_order_relaxed)),
	};
	return true;
}

/* ---- judging ---- */

static struct gs_evictee
evictee_of(const struct making *m, const struct gs_candidate *s)
{
	return (struct gs_evictee){ .accessed_ms = s->accessed_ms, .interest = s->interest, .hits = s->hits, .is_over = s->expires_ms < m->now_ms };
}

static uint64_t
score_of(const struct making *m, const struct gs_candidate *s)
{
	const struct gs_evictee e = evictee_of(m, s);

	return gs_evict_score(&e, m->now_ms, gs_kv_half_life_ms(m->t));
}

static enum gs_evict_kind
kind_of(const struct making *m, const struct gs_candidate *s)
{
	const struct gs_evictee e = evictee_of(m, s);
	const struct gs_evict_nature n = {
		.has_class = s->class_id != GS_CLASS_NONE, .is_anonymous = s->class_id == GS_CLASS_ANONYMOUS, .is_special = s->is_special,
	};

	return gs_evict_kind_of(&e, &n);
}

static bool
may_go(const struct making *m, const struct gs_candidate *s)
{
	if (m->class_id != ANY_CLASS && gs_entry_class(s->addr) != m->class_id)
		return false;
	return m->to != GS_RING_NONE || kind_of(m, s) <= m->allowed;
}

/* ---- candidates ---- */

/*
 * Keep it, in the place of one that would go later; false where all would go sooner.  Slots that rest in somebody's list look
 * like sessions that nobody asks for, and would keep those out that there are: only what the index has is kept.
 */
static bool
keep(const struct making *m, const struct gs_candidate *s)
{
	struct gs_evict_memory *e = &m->c->evict;
	struct gs_candidate *all = e->candidate[m->ring], *last = NULL;
	uint64_t least = UINT64_MAX, score;

	for (uint32_t i = 0; i < e->n[m->ring]; i++) {
		if (all[i].addr == s->addr) {
			all[i] = *s;
			return true;
		}
		score = score_of(m, &all[i]);
		if (score <= least) {
			least = score;
			last = &all[i];
		}
	}
	if (e->n[m->ring] == GS_CANDIDATES && score_of(m, s) <= least)
		return false;
	if (gs_index_ordinal_of(m->t, s->hash, s->addr, s->gen) == UINT64_MAX)
		return false;
	if (e->n[m->ring] < GS_CANDIDATES)
		last = &all[e->n[m->ring]++];
	*last = *s;
	return true;
}

static void
forget(struct gs_ctx *c, uint32_t ring, uint32_t i)
{
	struct gs_candidate *all = c->evict.candidate[ring];

	all[i] = all[--c->evict.n[ring]];
}

/* All sessions of a ring that has few. False when it has not, or they lie too far apart. */
static bool
see_all(const struct making *m, uint64_t reach)
{
	struct gs_candidate s;

	if (atomic_load_explicit(&m->t->idx->population[m->ring].n, memory_order_relaxed) > GS_CANDIDATES || reach > EXACT_WORDS * 64)
		return false;
	m->c->evict.n[m->ring] = 0;
	for (uint64_t n = 0; n < reach; n += 64) {
		uint32_t addr = nth_slot(m, n);
		uint64_t taken = taken_in_word(gs_table_arena(m->t, m->ring, gs_entry_class(addr)), gs_entry_slot(addr) / 64);

		for (; taken != 0; taken &= taken - 1)
			if (see(m, addr + (uint32_t)__builtin_ctzll(taken), &s) && may_go(m, &s))
				(void)keep(m, &s);
	}
	return true;
}

/* Look at some sessions of the ring, at random, and keep the best. */
static void
see_some(const struct making *m)
{
	uint64_t reach = look_up_spread(m);
	uint32_t addr[LOOKED_AT], n = 0;
	struct gs_candidate s;

	if (reach == 0 || see_all(m, reach))
		return;
	for (int i = 0; i < DRAWS && n < LOOKED_AT; i++) {
		addr[n] = taken_near(m, nth_slot(m, gs_mulhi64(draw(m->c), reach)), i < DRAWS / 2);
		if (addr[n] == UINT32_MAX)
			continue;
		gs_prefetch(gs_table_slot(m->t, addr[n]));
		gs_prefetch(&gs_table_slot(m->t, addr[n])->H);
		n++;
	}
	for (uint32_t i = 0; i < n; i++)
		if (see(m, addr[i], &s) && may_go(m, &s))
			(void)keep(m, &s);
}

/* The same, wherever sessions may be by now: what was to be seen is not there any more. */
static void
see_anew(const struct making *m)
{
	m->c->evict.looks[m->ring] = 0;
	see_some(m);
}

/* The one that should go first, of equals the one that was written first; -1 when there is none. */
static int
first_to_go(const struct making *m)
{
	const struct gs_candidate *all = m->c->evict.candidate[m->ring];
	uint64_t most = 0, score;
	int found = -1;

	for (uint32_t i = 0; i < m->c->evict.n[m->ring]; i++) {
		if (!may_go(m, &all[i]) || all[i].addr + 1 == m->c->evict.spared)
			continue;
		score = score_of(m, &all[i]);
		if (found >= 0 && (score < most || (score == most && all[i].version > all[found].version)))
			continue;
		most = score;
		found = (int)i;
	}
	return found;
}

/* ---- going ---- */

static void
tell_gone(const struct making *m, const struct gs_evicted *gone)
{
	const struct gs_meta *meta = &gone->meta;
	struct gs_turn turn = {
		.kind = GS_EVENT_EVICTED, .reason = m->is_ahead ? GS_REASON_PRESSURE : GS_REASON_FULL, .from = gone->from, .to = gone->to,
		.now_ms = m->now_ms, .hash = meta->hash, .ns = meta->ns, .version = meta->version, .key = meta->key, .key_len = meta->key_len,
		.owner = meta->owner, .owner_len = meta->owner_len,
	};

	if (gone->as == GS_EVICTED_OVER) {
		turn.kind = GS_EVENT_EXPIRED;
		turn.reason = GS_REASON_LIFETIME;
		turn.to = GS_RING_NONE;
	}
	gs_event_tell(m->t, m->c, &turn);
}

/* Count one that went, tell of it, and note it where somebody wants to know. */
static void
count_gone(const struct making *m, const struct gs_evicted *gone)
{
	struct gs_counter_line *line = &m->t->idx->population[m->ring];
	struct gs_evict_log *log = m->c->evict.log;

	switch (gone->as) {
	case GS_EVICTED_OUTWARDS:
		gs_ctx_count(m->c, GS_COUNT_EVICTED);
		(void)atomic_fetch_add_explicit(&line->evicted, 1, memory_order_relaxed);
		break;
	case GS_EVICTED_OVER:
		gs_ctx_count(m->c, GS_COUNT_EXPIRED);
		break;
	case GS_EVICTED_DROPPED:
		gs_ctx_count(m->c, gone->kind == GS_EVICT_ONESHOT ? GS_COUNT_DROPPED_ONESHOT : GS_COUNT_DROPPED_ANONYMOUS);
		(void)atomic_fetch_add_explicit(&line->dropped, 1, memory_order_relaxed);
		break;
	}
	tell_gone(m, gone);
	if (log == NULL)
		return;
	if (log->n < GS_EVICT_LOG)
		log->item[log->n] = *gone;
	log->n++;
}

/* The header as it is now, where the judgement was by another one. */
static bool
has_changed(const struct making *m, const struct gs_candidate *s, const struct gs_hit *hit, const struct gs_slot *head)
{
	uint64_t ends_ms = gs_record_ends_ms(m->t, head), hits = gs_timed_value(gs_kv_word(&head->H));

	return gs_entry_addr(hit->entry) != s->addr || gs_timed_value(gs_kv_word(&head->A)) != s->accessed_ms || hits > s->hits ||
	    (ends_ms < m->now_ms) != (s->expires_ms < m->now_ms);
}

/* End it, and keep its place: there is one too many for a moment, which nobody can take. 0, or KV_AGAIN. */
static int
end(const struct making *m, const struct gs_hit *hit, const struct gs_slot *head, enum gs_tomb_kind kind)
{
	(void)atomic_fetch_add_explicit(&m->t->idx->population[m->ring].n, 1, memory_order_relaxed);
	if (gs_kv_end_judged(m->t, m->c, hit, head, kind, m->now_ms))
		return 0;
	gs_kv_unreserve(m->t, m->ring);
	return KV_AGAIN;
}

/* Let a candidate go: 1 and its place is ours, 0 it is not what it was, KV_AGAIN, or GS_ENOSPC: there is no slot for it further out. */
static int
let_go_once(const struct making *m, const struct gs_candidate *s)
{
	struct gs_evicted gone = { .as = GS_EVICTED_OUTWARDS, .kind = kind_of(m, s), .from = m->ring, .to = m->to };
	uint64_t ordinal = gs_index_ordinal_of(m->t, s->hash, s->addr, s->gen);
	struct gs_slot head;
	struct gs_hit hit;
	int rc;

	if (ordinal == UINT64_MAX || gs_kv_load_at(m->t, ordinal, &hit, &head, &gone.meta) != 1 || has_changed(m, s, &hit, &head))
		return 0;
	hit.place = gs_index_place_of(m->t, head.hash, ordinal);
	if (hit.place < 0)
		return 0;
	if (gone.kind == GS_EVICT_OVER || m->to == GS_RING_NONE) {
		gone.as = gone.kind == GS_EVICT_OVER ? GS_EVICTED_OVER : GS_EVICTED_DROPPED;
		rc = end(m, &hit, &head, gone.as == GS_EVICTED_OVER ? GS_TOMB_PLAIN : GS_TOMB_NONE);
	} else {
		rc = gs_kv_relocate(m->t, m->c, &hit, m->to, m->now_ms, GS_MOVE_KEEP_TIMES);
	}
	if (rc != 0)
		return rc == GS_ENOSPC || rc == KV_AGAIN ? rc : 0;
	/* The place further out is used; or who it was kept for has ended. */
	if (gone.as == GS_EVICTED_OVER && m->to != GS_RING_NONE)
		gs_kv_unreserve(m->t, m->to);
	count_gone(m, &gone);
	return 1;
}

/* The same, until it went, or is not what it was: for its slot further out another may have had to go. 1, 0, GS_ENOSPC. */
static int
let_go(const struct making *m, const struct gs_candidate *s)
{
	int rc = KV_AGAIN;

	for (int i = 0; i < LOADS && rc == KV_AGAIN; i++)
		rc = let_go_once(m, s);
	return rc == KV_AGAIN ? 0 : rc;
}

/* See sessions until there is one that may go. */
static bool
find_candidates(const struct making *m)
{
	/* Who may not go any more would keep out those who may. */
	for (uint32_t i = m->c->evict.n[m->ring]; i-- > 0;)
		if (!may_go(m, &m->c->evict.candidate[m->ring][i]))
			forget(m->c, m->ring, i);
	see_some(m);
	for (int round = 1; round < ROUNDS && first_to_go(m) < 0; round++)
		see_anew(m);
	return first_to_go(m) >= 0;
}

/* Let the first of the candidates go that can. As let_go. */
static int
let_one_go(const struct making *m)
{
	struct gs_candidate s;
	int i, rc = 0;

	for (int round = 0; round < ROUNDS && rc == 0; round++) {
		while (rc == 0 && (i = first_to_go(m)) >= 0) {
			s = m->c->evict.candidate[m->ring][i];
			forget(m->c, m->ring, (uint32_t)i);
			rc = let_go(m, &s);
		}
		if (rc == 0 && round + 1 < ROUNDS)
			see_anew(m);
	}
	return rc;
}

/* Where a ring's sessions go, or GS_RING_NONE. */
static uint32_t
outlet_of(const struct gs_table *t, uint32_t ring)
{
	uint32_t to = atomic_load_explicit(&t->ctl->ring[ring].decay_to, memory_order_relaxed);

	return to < t->n_rings && to != ring && t->ctl->ring[to].kind == GS_RING_NORMAL ? to : GS_RING_NONE;
}

/* What of a ring's sessions may end for others, or GS_ON_FULL_REFUSE. */
static enum gs_evict_kind
allowed_in(const struct gs_table *t, const struct gs_ctx *c, uint32_t ring)
{
	uint32_t on_full = atomic_load_explicit(&t->ctl->ring[ring].on_full, memory_order_relaxed);

	if (c->evict.cost == GS_EVICT_BY_MOVES && on_full > GS_ON_FULL_EXPIRED)
		on_full = GS_ON_FULL_EXPIRED;
	return (enum gs_evict_kind)on_full;
}

static bool reserve(struct gs_table *t, struct gs_ctx *c, uint32_t ring, uint64_t now_ms);

/* Let a session of a ring go, by the first way there is. True: its place is ours. */
static bool
make_one_go(struct making *m)
{
	struct gs_evict_memory *e = &m->c->evict;
	bool is_ours = false;

	if (m->t->ctl->ring[m->ring].kind != GS_RING_NORMAL || e->cost == GS_EVICT_AT_NO_COST || e->depth >= m->t->n_rings)
		return false;
	e->depth++;
	m->to = outlet_of(m->t, m->ring);
	m->allowed = allowed_in(m->t, m->c, m->ring);
	/* Somebody to go first: room further out may cost a session there. */
	if (m->to != GS_RING_NONE && find_candidates(m) && reserve(m->t, m->c, m->to, m->now_ms)) {
		is_ours = let_one_go(m) == 1;
		if (!is_ours)
			gs_kv_unreserve(m->t, m->to);
	}
	m->to = GS_RING_NONE;
	if (!is_ours && (int)m->allowed != GS_ON_FULL_REFUSE)
		is_ours = find_candidates(m) && let_one_go(m) == 1;
	e->depth--;
	return is_ours;
}

/* A place in a ring, or one made there. */
static bool
reserve(struct gs_table *t, struct gs_ctx *c, uint32_t ring, uint64_t now_ms)
{
	struct making m = { .t = t, .c = c, .now_ms = now_ms, .ring = ring, .class_id = ANY_CLASS };

	/* Into a ring that drains nobody comes, so nobody goes for him. */
	return gs_kv_reserve(t, ring) || (gs_table_ring_state(t, ring) == GS_RING_ON && make_one_go(&m));
}

bool
gs_evict_reserve(struct gs_table *t, struct gs_ctx *c, uint32_t ring, uint32_t spared, uint64_t now_ms)
{
	bool is_ours;

	c->evict.spared = spared + 1;
	is_ours = reserve(t, c, ring, now_ms);
	c->evict.spared = 0;
	return is_ours;
}

int
gs_evict_slot(struct gs_table *t, struct gs_ctx *c, const struct gs_arena *a, uint32_t spared, uint64_t now_ms)
{
	struct making m = { .t = t, .c = c, .now_ms = now_ms, .ring = a->ring, .class_id = a->class_id };
	uint32_t was = c->evict.spared;
	bool is_ours;

	if (a->is_file)
		return GS_ENOSPC;
	/* For the slot of one who goes to make room: it is who needs the room that is to stay. */
	if (was == 0)
		c->evict.spared = spared + 1;
	is_ours = make_one_go(&m);
	c->evict.spared = was;
	if (!is_ours)
		return GS_ENOSPC;
	gs_kv_unreserve(t, a->ring);
	return KV_AGAIN;
}

/* ---- batches ---- */

static uint64_t
sampled_threshold(const struct making *m, uint64_t n)
{
	uint64_t reach = look_up_spread(m), score[SAMPLE], population;
	struct gs_candidate s;
	uint32_t k = 0, addr;

	for (uint32_t i = 0; reach > 0 && i < 8 * SAMPLE && k < SAMPLE; i++) {
		addr = taken_near(m, nth_slot(m, gs_mulhi64(draw(m->c), reach)), i < 7 * SAMPLE || k > 0);
		if (addr != UINT32_MAX && see(m, addr, &s))
			score[k++] = score_of(m, &s);
	}
	if (k == 0)
		return UINT64_MAX;
	population = (uint64_t)gs_max_u64(1, (uint64_t)atomic_load_explicit(&m->t->idx->population[m->ring].n, memory_order_relaxed));
	return gs_evict_threshold(score, k, (uint32_t)gs_min_u64(k, gs_min_u64(n, population) * k / population + 1));
}

/* Let one go that the hand has come to. False when there is no room further out. */
static bool
batch_one(struct making *m, const struct gs_candidate *s, struct gs_evict_done *done)
{
	bool is_over = s->expires_ms < m->now_ms;
	int rc;

	if (!reserve(m->t, m->c, m->to, m->now_ms)) {
		done->is_blocked = true;
		return false;
	}
	rc = let_go(m, s);
	if (rc != 1)
		gs_kv_unreserve(m->t, m->to);
	if (rc == 1) {
		gs_kv_unreserve(m->t, m->ring);
		done->n_over += is_over;
		done->n_outwards += !is_over;
	}
	done->is_blocked = rc == GS_ENOSPC;
	return !done->is_blocked;
}

/* On to the next slot that there is memory for; false at the end of the last arena. */
static bool
advance(const struct making *m, struct gs_evict_hand *hand)
{
	const struct gs_arena *a = gs_table_arena(m->t, m->ring, hand->class_id);

	if (gs_table_has(m->t, a) && hand->slot < a->n_slots && !gs_slots_is_committed(a, hand->slot))
		hand->slot += a->seg_slots - hand->slot % a->seg_slots;
	if (gs_table_has(m->t, a) && hand->slot < a->n_slots)
		return true;
	hand->slot = 0;
	hand->class_id = hand->class_id + 1 < m->t->n_classes ? hand->class_id + 1 : 0;
	return false;
}

void
gs_evict_batch(struct gs_table *t, struct gs_ctx *c, uint32_t ring, uint64_t n, uint64_t now_ms, struct gs_evict_hand *hand,
    struct gs_evict_done *done)
{
	struct making m = { .t = t, .c = c, .now_ms = now_ms, .ring = ring, .class_id = ANY_CLASS, .to = outlet_of(t, ring), .is_ahead = true };
	uint32_t turns = 2 * GS_MAX_CLASSES;
	struct gs_candidate s;
	uint64_t threshold;

	*done = (struct gs_evict_done){ .is_blocked = m.to == GS_RING_NONE };
	if (done->is_blocked || n == 0)
		return;
	c->evict.cost = GS_EVICT_BY_MOVES;
	threshold = sampled_threshold(&m, n);
	for (uint32_t looked = 0; looked < BATCH_SLOTS && done->n_outwards + done->n_over < n && turns > 0;) {
		const struct gs_arena *a = gs_table_arena(t, ring, hand->class_id);
		uint32_t addr;

		if (!advance(&m, hand)) {
			turns--;
			continue;
		}
		looked++;
		if (hand->slot + AHEAD < a->n_slots && gs_slots_is_committed(a, hand->slot + AHEAD))
			gs_prefetch(a->slots + (uint64_t)(hand->slot + AHEAD) * a->slot_size);
		addr = gs_entry_addr(gs_entry(0, 0, ring, hand->class_id, hand->slot++));
		if (see(&m, addr, &s) && score_of(&m, &s) >= threshold && !batch_one(&m, &s, done))
			break;
	}
	c->evict.cost = GS_EVICT_AS_ALLOWED;
}
