/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/audit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/atomic.h"
#include "shm/record.h"
#include "shm/store.h"
#include "shm/tomb.h"

/* Every load of an entry, a header, W or the registry is an acquire, and pairs as under ORDERS in layout.h. */

enum {
	TRIES = 200,
	SENTENCES = 20,			/* of each kind */
	CLOCK_SLACK_MS = 10000,		/* an audit takes a while, and `now` is its beginning */
	COUNT_STICKS = 255,
};

struct auditing {
	struct gs_table *t;
	struct gs_audit *out;
	FILE *to;
	uint64_t now_ms;
	uint32_t live_ctx;
	unsigned char copy[GS_SLOT_BYTES_MAX];
};

/* What each Ii says, for people. */
static const char *const laws[] = {
	NULL,
	"I1 an entry refers to a ready slot of its generation",
	"I2 tag and place of an entry follow from its key",
	"I3 no key is there twice",
	"I4 headers count what lies outside the home",
	"I5 each slot is free, live or listed",
	"I6 a free slot has its bit",
	"I7 a live slot is armed",
	"I8 lengths and times are in bounds",
	"I9 population counters agree with the entries",
	"I10 tentative entries belong to clients that live or are yet to be recovered",
	"I11 records in files are published and whole",
	"I12 what was ended for good is not there",
};

static void __attribute__((format(printf, 3, 4)))
broken(struct auditing *a, int law, const char *fmt, ...)
{
	va_list ap;

	a->out->n_broken++;
	if (++a->out->broken[law] > SENTENCES || a->to == NULL)
		return;
	(void)fprintf(a->to, "I%d: ", law);
	va_start(ap, fmt);
	(void)vfprintf(a->to, fmt, ap);
	va_end(ap);
	(void)fputc('\n', a->to);
}

static bool
is_ctx_live(const struct gs_table *t, uint32_t id)
{
	return id < GS_MAX_CTX && atomic_load_explicit(&t->ctl->reg[id].state, memory_order_acquire) == GS_CTX_LIVE;
}

/* By one who lives, or is dead and not yet recovered. */
static bool
is_ctx_in_use(const struct gs_table *t, uint32_t id)
{
	uint32_t state = id < GS_MAX_CTX ? atomic_load_explicit(&t->ctl->reg[id].state, memory_order_acquire) : GS_CTX_UNUSED;

	return state == GS_CTX_LIVE || state == GS_CTX_DEAD;
}

/* ---- entries ---- */

struct record {
	struct gs_hit hit;
	unsigned char key[GS_KEY_BYTES + 1];
	bool is_sane;			/* lengths fit */
	struct gs_slot head;
};

enum load { LOAD_NONE, LOAD_TENTATIVE, LOAD_RECORD, LOAD_BAD_SLOT, LOAD_BAD_STATE };

/* Load what an entry names, again and again while somebody changes it. */
static enum load
load_record(struct gs_table *t, uint64_t ordinal, struct record *r)
{
	struct gs_hit *h = &r->hit;
	int rc;

	h->at = gs_table_entry(t, ordinal);
	h->ordinal = ordinal;
	for (int tries = 0; tries < TRIES; tries++) {
		h->entry = atomic_load_explicit(h->at, memory_order_acquire);
		if (h->entry == 0)
			return LOAD_NONE;
		if ((h->entry & GS_ENTRY_TENT) != 0)
			return LOAD_TENTATIVE;
		h->slot = gs_table_slot(t, h->entry);
		if (h->slot == NULL || !gs_slots_is_committed(gs_table_arena(t, gs_entry_ring(h->entry), gs_entry_class(h->entry)),
		    gs_entry_slot(h->entry)))
			return LOAD_BAD_SLOT;
		h->w = atomic_load_explicit(&h->slot->W, memory_order_acquire);
		if (gs_word_state(h->w) != GS_SLOT_READY || (gs_word_gen(h->w) & GS_GEN_MASK) != gs_entry_gen(h->entry)) {
			gs_pause();
			continue;
		}
		rc = gs_record_header(t, h, &r->head);
		if (rc == 0)
			continue;
		r->is_sane = rc > 0;
		if (r->is_sane)
			gs_racy_load(r->key, h->slot->data, r->head.key_len);
		if (!gs_record_is_same(h->slot, h->w))
			continue;
		return LOAD_RECORD;
	}
	return LOAD_BAD_STATE;
}

static void
check_place(struct auditing *a, const struct record *r)
{
	struct gs_table *t = a->t;
	int place = gs_index_place_of(t, r->head.hash, r->hit.ordinal);
	struct gs_probe p;

	gs_index_probe(t, r->head.hash, &p);
	if (place < 0 || p.tag != gs_entry_tag(r->hit.entry))
		broken(a, 2, "entry %" PRIu64 " is not where its hash puts it", r->hit.ordinal);
	else if (r->is_sane && gs_key_hash(t, r->head.ns, r->key, r->head.key_len) != r->head.hash)
		broken(a, 2, "entry %" PRIu64 ": the hash is not the key's", r->hit.ordinal);
	for (int tries = 0; place > 0 && tries < TRIES; tries++) {
		uint64_t h = atomic_load_explicit(&t->buckets[p.bucket[0]].H, memory_order_acquire);

		if (gs_header_count(h) > 0 && (gs_header_filter(h) & p.filter_bit) != 0 && gs_header_kmax(h) >= (uint32_t)place)
			return;
		if (atomic_load_explicit(r->hit.at, memory_order_acquire) != r->hit.entry)
			return;
		if (tries == TRIES - 1)
			broken(a, 4, "entry %" PRIu64 " lies outside its home %" PRIu64 ", whose header does not say so",
			    r->hit.ordinal, p.bucket[0]);
	}
}

/* Is another final entry of the same key in its places? Both are looked at again before that is believed. */
static bool
has_twin(struct gs_table *t, const struct record *r)
{
	struct gs_probe p;
	struct record other;

	gs_index_probe(t, r->head.hash, &p);
	for (int place = 0; place < GS_PLACES; place++)
		for (uint64_t i = 0; i < GS_BUCKET_ENTRIES; i++) {
			uint64_t ordinal = p.bucket[place] * GS_BUCKET_ENTRIES + i;
			uint64_t e = atomic_load_explicit(gs_table_entry(t, ordinal), memory_order_relaxed);

			if (ordinal == r->hit.ordinal || e >> 49 != (uint64_t)p.tag << 1)
				continue;
			if (load_record(t, ordinal, &other) == LOAD_RECORD && other.is_sane && other.head.hash == r->head.hash &&
			    other.head.ns == r->head.ns && other.head.key_len == r->head.key_len && memcmp(other.key, r->key, r->head.key_len) == 0 &&
			    atomic_load_explicit(r->hit.at, memory_order_acquire) == r->hit.entry)
				return true;
		}
	return false;
}

static void
check_bounds(struct auditing *a, const struct record *r)
{
	uint64_t x = gs_timed_value(atomic_load_explicit(&r->head.X, memory_order_relaxed));
	uint64_t last = gs_timed_value(atomic_load_explicit(&r->head.A, memory_order_relaxed));
	uint64_t touched = gs_timed_value(atomic_load_explicit(&r->head.T, memory_order_relaxed));

	if (!r->is_sane || r->head.val_len > a->t->record_size)
		broken(a, 8, "entry %" PRIu64 ": lengths %u+%u+%u+%u do not fit its class", r->hit.ordinal, r->head.key_len,
		    r->head.owner_len, r->head.link_len, r->head.val_len);
	if (x > r->head.deadline)
		broken(a, 8, "entry %" PRIu64 " expires after its deadline", r->hit.ordinal);
	if (last > a->now_ms + CLOCK_SLACK_MS || touched > a->now_ms + CLOCK_SLACK_MS)
		broken(a, 8, "entry %" PRIu64 " was used in the future", r->hit.ordinal);
}

/* Who looks for the sessions of an owner must find this one. */
static void
check_kin(struct auditing *a, const struct record *r)
{
	const struct gs_arena *arena = gs_table_arena(a->t, gs_entry_ring(r->hit.entry), gs_entry_class(r->hit.entry));
	uint32_t owner_off = gs_record_owner_off(r->head.key_len), link_off = gs_record_link_off(r->head.key_len, r->head.owner_len), kin;

	if (!r->is_sane)
		return;
	gs_racy_load(a->copy, r->hit.slot, gs_record_value_off(r->head.key_len, r->head.owner_len, r->head.link_len));
	kin = atomic_load_explicit(&arena->kin[gs_entry_slot(r->hit.entry)], memory_order_relaxed);
	if (gs_record_is_same(r->hit.slot, r->hit.w) &&
	    kin != gs_record_kin(a->t, &r->head, a->copy + owner_off, a->copy + link_off))
		broken(a, 8, "entry %" PRIu64 " has the kin of another owner or link", r->hit.ordinal);
}

/* A record in a file must be fit to be found again, unless its writer is not through with it. */
static void
check_stored(struct auditing *a, const struct record *r)
{
	struct gs_table *t = a->t;
	uint32_t addr = gs_entry_addr(r->hit.entry);
	uint64_t w = r->hit.w;
	struct gs_draft d;

	if (!r->is_sane || !gs_store_has(t, addr))
		return;
	for (int tries = 0; tries < TRIES && (w & GS_WORD_PUBLISHED) == 0; tries++) {
		if (gs_slots_is_listed(t, addr) || gs_slots_is_left(t, addr))
			return;
		w = atomic_load_explicit(&r->hit.slot->W, memory_order_acquire);
	}
	gs_racy_load(a->copy, r->hit.slot, gs_record_value_off(r->head.key_len, r->head.owner_len, r->head.link_len) + r->head.val_len);
	if (gs_word_gen(atomic_load_explicit(&r->hit.slot->W, memory_order_relaxed)) != gs_word_gen(r->hit.w))
		return;
	memcpy(&d.head, &r->head, sizeof(d.head));
	d.key = a->copy + GS_SLOT_HEADER_BYTES;
	d.owner = a->copy + gs_record_owner_off(r->head.key_len);
	d.link = a->copy + gs_record_link_off(r->head.key_len, r->head.owner_len);
	d.value = a->copy + gs_record_value_off(r->head.key_len, r->head.owner_len, r->head.link_len);
	if ((w & GS_WORD_PUBLISHED) == 0)
		broken(a, 11, "entry %" PRIu64 " names a record of a file that is not published", r->hit.ordinal);
	else if (r->head.crc != gs_store_crc(gs_word_gen(r->hit.w), &d))
		broken(a, 11, "entry %" PRIu64 ": the record in the file is damaged", r->hit.ordinal);
}

/* Is a client in the middle of ending or starting a session of this hash? */
static bool
is_under_way(const struct gs_table *t, uint64_t hash)
{
	uint32_t used = atomic_load_explicit(&t->ctl->n_ctx_used, memory_order_acquire);

	for (uint32_t i = 0; i < used && i < GS_MAX_CTX; i++)
		if (is_ctx_in_use(t, i) && atomic_load_explicit(&t->ctx[i].op_end, memory_order_acquire) == hash)
			return true;
	return false;
}

static void
check_ended(struct auditing *a, const struct record *r)
{
	for (int tries = 0; tries < TRIES; tries++) {
		if (gs_tomb_find(a->t, r->head.hash, a->now_ms) != GS_TOMB_FINAL || is_under_way(a->t, r->head.hash) ||
		    atomic_load_explicit(r->hit.at, memory_order_acquire) != r->hit.entry)
			return;
		gs_pause();
	}
	broken(a, 12, "entry %" PRIu64 ": the session was ended for good", r->hit.ordinal);
}

static void
check_tentative(struct auditing *a, const struct record *r)
{
	struct gs_slot *s = gs_table_slot(a->t, r->hit.entry);

	if (s == NULL)
		broken(a, 10, "tentative entry %" PRIu64 " names no slot", r->hit.ordinal);
	else if (!is_ctx_in_use(a->t, gs_word_ctx(atomic_load_explicit(&s->W, memory_order_acquire))) &&
	    atomic_load_explicit(r->hit.at, memory_order_acquire) == r->hit.entry)
		broken(a, 10, "tentative entry %" PRIu64 " belongs to nobody", r->hit.ordinal);
}

static void
check_entry(struct auditing *a, uint64_t ordinal)
{
	struct record r;

	switch (load_record(a->t, ordinal, &r)) {
	case LOAD_NONE:
		return;
	case LOAD_TENTATIVE:
		check_tentative(a, &r);
		return;
	case LOAD_BAD_SLOT:
		broken(a, 1, "entry %" PRIu64 " (%016" PRIx64 ") names no slot of ours", ordinal, r.hit.entry);
		return;
	case LOAD_BAD_STATE:
		broken(a, 1, "entry %" PRIu64 " (%016" PRIx64 ") names a slot that is not ready", ordinal, r.hit.entry);
		return;
	case LOAD_RECORD:
		break;
	}
	check_place(a, &r);
	if (r.is_sane && has_twin(a->t, &r))
		broken(a, 3, "the key of entry %" PRIu64 " is there twice", ordinal);
	check_bounds(a, &r);
	check_kin(a, &r);
	check_stored(a, &r);
	check_ended(a, &r);
}

/* ---- headers ---- */

/* Final entries outside home that belong to it. */
static uint32_t
count_outside(struct gs_table *t, uint64_t home)
{
	uint64_t group = home / GS_GROUP_BUCKETS, next = group + 1 == t->n_groups ? 0 : group + 1;
	uint64_t first = t->n_groups * GS_GROUP_BUCKETS;
	uint32_t n = 0;

	for (uint64_t k = 0; k < GS_LAST_RESORTS + 2; k++) {
		uint64_t b = k == 0 ? group * GS_GROUP_BUCKETS + GS_GROUP_HOMES :
		    k == 1 ? next * GS_GROUP_BUCKETS + GS_GROUP_HOMES : first + k - 2;

		for (uint64_t i = 0; i < GS_BUCKET_ENTRIES; i++) {
			struct record r;
			struct gs_probe p;

			if (load_record(t, b * GS_BUCKET_ENTRIES + i, &r) != LOAD_RECORD)
				continue;
			gs_index_probe(t, r.head.hash, &p);
			n += p.bucket[0] == home;
		}
	}
	return n;
}

static void
check_header(struct auditing *a, uint64_t home)
{
	for (int tries = 0; tries < TRIES; tries++) {
		uint64_t h = atomic_load_explicit(&a->t->buckets[home].H, memory_order_acquire);
		uint32_t n = count_outside(a->t, home), count = gs_header_count(h);

		if (count == COUNT_STICKS || count >= n)
			return;
		/* One that changes all the time says nothing. */
		if (h == atomic_load_explicit(&a->t->buckets[home].H, memory_order_acquire)) {
			broken(a, 4, "home %" PRIu64 " counts %u outside, there are %u", home, count, n);
			return;
		}
	}
}

/* Only a home whose stash or last resort holds something can have entries outside: walk those buckets, not the homes. */
static void
check_headers(struct auditing *a)
{
	struct gs_table *t = a->t;
	uint64_t homes_of_stash = t->n_groups * GS_GROUP_BUCKETS;

	for (uint64_t b = 0; b < t->n_buckets; b++) {
		if (b < homes_of_stash && b % GS_GROUP_BUCKETS != GS_GROUP_HOMES)
			continue;
		for (uint64_t i = 0; i < GS_BUCKET_ENTRIES; i++) {
			struct record r;
			struct gs_probe p;

			if (load_record(t, b * GS_BUCKET_ENTRIES + i, &r) != LOAD_RECORD)
				continue;
			gs_index_probe(t, r.head.hash, &p);
			check_header(a, p.bucket[0]);
		}
	}
}

/* ---- slots ---- */

enum life { LIFE_FREE, LIFE_LIVE, LIFE_LISTED, LIFE_RETIRED, LIFE_LOST };

/* Which of these is a slot? Lost only when it stays the same and is none of them. */
static enum life
life_of(struct gs_table *t, uint32_t addr)
{
	struct gs_slot *s = gs_table_slot(t, addr);

	for (int tries = 0; tries < TRIES; tries++) {
		uint64_t w = atomic_load_explicit(&s->W, memory_order_acquire), hash, ordinal;

		if (gs_word_state(w) == GS_SLOT_FREE)
			return LIFE_FREE;
		if (gs_store_is_retired(t, addr, w))
			return LIFE_RETIRED;
		hash = __atomic_load_n(&s->hash, __ATOMIC_RELAXED);
		ordinal = gs_word_state(w) == GS_SLOT_READY && gs_record_is_same(s, w) ?
		    gs_index_ordinal_of(t, hash, addr, gs_word_gen(w)) : UINT64_MAX;
		if (ordinal != UINT64_MAX && (atomic_load_explicit(gs_table_entry(t, ordinal), memory_order_acquire) & GS_ENTRY_TENT) == 0)
			return LIFE_LIVE;
		if (gs_slots_is_listed(t, addr) || gs_slots_is_left(t, addr))
			return LIFE_LISTED;
		gs_pause();
	}
	return LIFE_LOST;
}

static void
check_free(struct auditing *a, uint32_t addr)
{
	struct gs_slot *s = gs_table_slot(a->t, addr);

	for (int tries = 0; tries < TRIES; tries++) {
		if (gs_slots_has_bit(a->t, addr) || gs_slots_is_listed(a->t, addr) || gs_slots_is_left(a->t, addr) ||
		    gs_word_state(atomic_load_explicit(&s->W, memory_order_acquire)) != GS_SLOT_FREE)
			return;
		gs_pause();
	}
	broken(a, 6, "free slot %u of ring %u class %u has no bit", gs_entry_slot(addr), gs_entry_ring(addr), gs_entry_class(addr));
}

/* It waits for the disk, and the daemon finds it by its bit. */
static void
check_retired(struct auditing *a, uint32_t addr)
{
	for (int tries = 0; tries < TRIES; tries++) {
		if (gs_store_has_bit(a->t, addr) || gs_slots_is_listed(a->t, addr) || gs_slots_is_left(a->t, addr) ||
		    !gs_store_is_retired(a->t, addr, atomic_load_explicit(&gs_table_slot(a->t, addr)->W, memory_order_acquire)))
			return;
		gs_pause();
	}
	broken(a, 6, "slot %u of ring %u class %u waits for the disk and has no bit", gs_entry_slot(addr), gs_entry_ring(addr),
	    gs_entry_class(addr));
}

static void
check_armed(struct auditing *a, struct gs_arena *arena, uint32_t slot)
{
	uint32_t addr = gs_entry_addr(gs_entry(0, 0, arena->ring, arena->class_id, slot));
	struct gs_slot *s = gs_table_slot(a->t, addr), head;
	uint64_t w = atomic_load_explicit(&s->W, memory_order_acquire), next;

	/* The sweep gives those of a ring whose rules changed their hints anew. */
	if (atomic_load_explicit(&a->t->ctl->ring[arena->ring].rearm, memory_order_relaxed) != 0)
		return;
	gs_racy_load(&head, s, sizeof(head));
	next = gs_record_next_ms(a->t, arena->ring, &head);
	for (int tries = 0; tries < TRIES; tries++) {
		if (gs_record_due(next) == GS_DUE_NEVER || atomic_load_explicit(&arena->due[slot], memory_order_relaxed) != GS_DUE_NEVER)
			return;
		if (!gs_record_is_same(s, w) || life_of(a->t, addr) != LIFE_LIVE)
			return;
		gs_pause();
	}
	broken(a, 7, "live slot %u of ring %u class %u is never looked at", slot, arena->ring, arena->class_id);
}

static void
check_slot(struct auditing *a, struct gs_arena *arena, uint32_t slot)
{
	uint32_t addr = gs_entry_addr(gs_entry(0, 0, arena->ring, arena->class_id, slot));

	a->out->capacity++;
	switch (life_of(a->t, addr)) {
	case LIFE_FREE:
		a->out->free++;
		check_free(a, addr);
		return;
	case LIFE_LIVE:
		a->out->live++;
		check_armed(a, arena, slot);
		return;
	case LIFE_LISTED:
		a->out->listed++;
		return;
	case LIFE_RETIRED:
		a->out->listed++;
		check_retired(a, addr);
		return;
	case LIFE_LOST:
		broken(a, 5, "slot %u of ring %u class %u is nobody's", slot, arena->ring, arena->class_id);
		return;
	}
}

static void
check_arena(struct auditing *a, struct gs_arena *arena)
{
	for (uint32_t seg = 0; seg < arena->n_segments; seg++) {
		if (!gs_slots_is_committed(arena, seg * arena->seg_slots))
			continue;
		a->out->committed_bytes += (uint64_t)arena->seg_slots * arena->slot_size;
		for (uint32_t i = 0; i < arena->seg_slots; i++)
			check_slot(a, arena, seg * arena->seg_slots + i);
	}
}

/* ---- population ---- */

/* How many operations that start, end or move sessions have ended so far. */
static uint64_t
count_changes(const struct gs_table *t)
{
	static const enum gs_counter those[] = { GS_COUNT_STARTED, GS_COUNT_ENDED, GS_COUNT_EXPIRED, GS_COUNT_MOVED, GS_COUNT_PROMOTED,
		GS_COUNT_DECAYED, GS_COUNT_QUARANTINED, GS_COUNT_PARDONED };
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(those) / sizeof(those[0]); i++)
		sum += gs_ctx_total(t, those[i]);
	/* They are loaded relaxed, and by the first look before what follows. */
	gs_fence_acquire();
	return sum;
}

/* Each client may have one place reserved, and one given back late. */
static bool
is_near(const struct auditing *a, int64_t counter, uint64_t n)
{
	int64_t off = (int64_t)((uint64_t)counter - n);

	return off <= (int64_t)a->live_ctx && off >= -(int64_t)a->live_ctx;
}

/* The namespace of what an entry names; what cannot be is the default one's. */
static uint32_t
namespace_of(struct gs_table *t, uint64_t e)
{
	const struct gs_slot *s = gs_table_slot(t, e);
	uint32_t ns = s == NULL ? 0 : __atomic_load_n(&s->ns, __ATOMIC_RELAXED);

	return ns < GS_NAMESPACES ? ns : 0;
}

/*
 * Count the final entries by ring and by namespace while nobody changes their number; sessions[] gets the last count. Equal counters before
 * and after would not do: one session ended behind the scan, and one started before it.
 */
static void
check_population(struct auditing *a)
{
	struct gs_table *t = a->t;

	for (int tries = 0; tries < 5; tries++) {
		uint64_t changes = count_changes(t);
		int64_t before[GS_MAX_RINGS], ns_before[GS_NAMESPACES];
		uint64_t ns_sessions[GS_NAMESPACES] = { 0 };
		bool right = true;

		memset(a->out->sessions, 0, sizeof(a->out->sessions));
		for (uint32_t i = 0; i < GS_NAMESPACES; i++)
			ns_before[i] = atomic_load_explicit(&t->ns_lines[i].n, memory_order_acquire);
		for (uint32_t i = 0; i < t->n_rings; i++)
			before[i] = atomic_load_explicit(&t->idx->population[i].n, memory_order_acquire);
		for (uint64_t o = 0; o < gs_table_entries(t); o++) {
			uint64_t e = atomic_load_explicit(gs_table_entry(t, o), memory_order_acquire);

			if (e == 0 || (e & GS_ENTRY_TENT) != 0)
				continue;
			a->out->sessions[gs_entry_ring(e)]++;
			ns_sessions[namespace_of(t, e)]++;
		}
		/* The default one is not counted. */
		for (uint32_t i = 1; i < GS_NAMESPACES; i++)
			right = right && is_near(a, ns_before[i], ns_sessions[i]);
		for (uint32_t i = 0; i < t->n_rings; i++)
			right = right && is_near(a, before[i], a->out->sessions[i]);
		if (right)
			return;
		if (count_changes(t) != changes)
			continue;
		for (uint32_t i = 0; i < t->n_rings; i++)
			if (before[i] != (int64_t)a->out->sessions[i])
				broken(a, 9, "ring %s counts %" PRId64 " sessions, there are %" PRIu64, t->ctl->ring[i].name, before[i],
				    a->out->sessions[i]);
		for (uint32_t i = 1; i < GS_NAMESPACES; i++)
			if (ns_before[i] != (int64_t)ns_sessions[i])
				broken(a, 9, "namespace %u counts %" PRId64 " sessions, there are %" PRIu64, i, ns_before[i], ns_sessions[i]);
		return;
	}
}

void
gs_audit_run(struct gs_table *t, uint64_t now_ms, struct gs_audit *out, FILE *to)
{
	struct auditing a = { .t = t, .out = out, .to = to, .now_ms = now_ms };
	uint32_t used = atomic_load_explicit(&t->ctl->n_ctx_used, memory_order_acquire);

	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < used && i < GS_MAX_CTX; i++)
		a.live_ctx += is_ctx_live(t, i);
	for (uint64_t o = 0; o < gs_table_entries(t); o++)
		check_entry(&a, o);
	check_headers(&a);
	for (int i = 0; i < GS_MAX_ARENAS; i++)
		if (gs_table_has(t, &t->arena[i]))
			check_arena(&a, &t->arena[i]);
	check_population(&a);
}

void
gs_audit_print(const struct gs_audit *a, const struct gs_table *t, FILE *to)
{
	static const char *const states[] = { [GS_RING_ABSENT] = "", [GS_RING_ON] = "", [GS_RING_OFF] = ", off", [GS_RING_DRAINING] = ", draining" };
	uint32_t ring[GS_MAX_RINGS], n;

	(void)fprintf(to, "table %s: free %" PRIu64 " + live %" PRIu64 " + listed %" PRIu64 " = capacity %" PRIu64 "%s\n", t->name,
	    a->free, a->live, a->listed, a->capacity, a->free + a->live + a->listed == a->capacity ? "" : " (WRONG)");
	n = gs_table_rings(t, ring);
	for (uint32_t i = 0; i < n; i++)
		(void)fprintf(to, "  ring %.*s: %" PRIu64 " sessions%s\n", GS_RING_NAME_BYTES, t->ctl->ring[ring[i]].name,
		    a->sessions[ring[i]], states[gs_table_ring_state(t, ring[i])]);
	for (int i = 1; i <= GS_AUDIT_LAWS; i++)
		if (a->broken[i] > 0)
			(void)fprintf(to, "  broken: %s: %" PRIu64 " times\n", laws[i], a->broken[i]);
	if (a->n_broken == 0)
		(void)fprintf(to, "  clean: every invariant holds\n");
}
