/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/index.h"

#include "base/atomic.h"
#include "base/clock.h"
#include "base/match.h"
#include "shm/record.h"

enum {
	TRIES = 10000,
	KILL_AFTER_NS = 2000,		/* a tentative entry of the same key gets this long to become final */
	COUNT_STICKS = 255,
};

void
gs_index_probe(const struct gs_table *t, uint64_t hash, struct gs_probe *out)
{
	uint64_t x = gs_mulhi64(hash, t->n_homes), group = x / GS_GROUP_HOMES;
	uint64_t next = group + 1 == t->n_groups ? 0 : group + 1;

	out->bucket[0] = group * GS_GROUP_BUCKETS + x % GS_GROUP_HOMES;
	out->bucket[1] = group * GS_GROUP_BUCKETS + GS_GROUP_HOMES;
	out->bucket[2] = next * GS_GROUP_BUCKETS + GS_GROUP_HOMES;
	out->bucket[3] = t->n_groups * GS_GROUP_BUCKETS + (hash >> 19) % GS_LAST_RESORTS;
	out->tag = gs_index_tag(hash) >> 1;
	out->filter_bit = UINT32_C(1) << (hash >> 14 & 15);
	out->second_line = (uint32_t)(hash >> 18 & 1);
}

/* May something of this home and filter bit lie at place k? */
static bool
is_place_used(uint64_t header, const struct gs_probe *p, int k)
{
	return k == 0 || (gs_header_count(header) > 0 && (gs_header_filter(header) & p->filter_bit) != 0 &&
	    (uint32_t)k <= gs_header_kmax(header));
}

enum match { MATCH_NO, MATCH_YES, MATCH_AGAIN };

static uint32_t
slot_size_of(const struct gs_table *t, uint64_t e)
{
	return t->arena[gs_entry_ring(e) * GS_MAX_CLASSES + gs_entry_class(e)].slot_size;
}

/* The smallest slots are shorter than the longest key: a damaged length must not lead out of the arena. */
static bool
is_key_of(const struct gs_slot *s, const struct gs_key *k, uint32_t slot_size)
{
	return GS_SLOT_HEADER_BYTES + k->len <= slot_size && __atomic_load_n(&s->key_len, __ATOMIC_RELAXED) == k->len &&
	    __atomic_load_n(&s->ns, __ATOMIC_RELAXED) == k->ns && gs_racy_equal(s->data, k->bytes, k->len);
}

/* Does the entry name a record of this key? AGAIN when the slot is not as the entry says: it was replaced. */
static enum match
match_entry(struct gs_table *t, const struct gs_key *k, uint64_t e, struct gs_slot **slot, uint64_t *word)
{
	struct gs_slot *s = gs_table_slot(t, e);
	uint64_t w;
	bool same;

	if (s == NULL)
		return MATCH_AGAIN;
	/* acquire; pairs with the release of READY in gs_record_write */
	w = atomic_load_explicit(&s->W, memory_order_acquire);
	if (gs_word_state(w) != GS_SLOT_READY || (gs_word_gen(w) & GS_GEN_MASK) != gs_entry_gen(e))
		return MATCH_AGAIN;
	/* By its hash it is the key's: where the lengths cannot be, the caller, who looks at them, is to say so. */
	same = __atomic_load_n(&s->hash, __ATOMIC_RELAXED) == k->hash &&
	    (is_key_of(s, k, slot_size_of(t, e)) || !gs_record_fits(s, slot_size_of(t, e)));
	gs_fence_acquire();
	if (atomic_load_explicit(&s->W, memory_order_relaxed) != w)
		return MATCH_AGAIN;
	*slot = s;
	*word = w;
	return same ? MATCH_YES : MATCH_NO;
}

static void
fill_hit(struct gs_hit *out, struct gs_table *t, uint64_t bucket, int i, int place, uint64_t e)
{
	out->at = &t->buckets[bucket].e[i];
	out->ordinal = bucket * GS_BUCKET_ENTRIES + (uint64_t)i;
	out->entry = e;
	out->place = place;
}

/* The entry at a place of the bucket, whose tag a look at all of them matched: 1 it is the key's, 0 another's, -1 look again. */
static int
try_entry(struct gs_table *t, const struct gs_key *k, uint64_t tag, uint32_t fetch, struct gs_hit *out)
{
	/* acquire; pairs with the compare-and-swaps that publish */
	uint64_t e = atomic_load_explicit(out->at, memory_order_acquire);

	out->entry = e;
	if (e >> GS_ENTRY_TAG_SHIFT != tag)
		return -1;
	gs_index_prefetch_slot(t, e, fetch);
	switch (match_entry(t, k, e, &out->slot, &out->w)) {
	case MATCH_YES:
		return 1;
	case MATCH_NO:
		return 0;
	case MATCH_AGAIN:
		break;
	}
	return -1;
}

/* One pass over the places: 1 found, 0 not there, -1 look again; then only damage leaves out->entry as it is for ever. */
static int
find_once(struct gs_table *t, const struct gs_key *k, const struct gs_probe *p, uint32_t fetch, struct gs_hit *out)
{
	/*
	 * seq_cst: a get after a put of another key by the same thread must not
	 * be ordered before it (store buffering); pairs with the
	 * compare-and-swaps of entries. Free on x86.
	 */
	uint64_t header = atomic_load_explicit(&t->buckets[p->bucket[0]].H, memory_order_seq_cst), tag = (uint64_t)p->tag << 1;
	int rc;

	for (int place = 0; place < GS_PLACES && is_place_used(header, p, place); place++) {
		struct gs_bucket *b = &t->buckets[p->bucket[place]];
		/* Bit 0 is the header's. */
		uint32_t like = gs_match_words(&b->H, (uint32_t)tag, GS_ENTRY_TAG_SHIFT) & ~UINT32_C(1);

		for (; like != 0; like &= like - 1) {
			int i = __builtin_ctz(like) - 1;

			fill_hit(out, t, p->bucket[place], i, place, 0);
			rc = try_entry(t, k, tag, fetch, out);
			if (rc != 0)
				return rc;
		}
	}
	return 0;
}

/* What to say after TRIES failures: damage when the entry that stopped us has not changed. */
static int
give_up(const struct gs_hit *last)
{
	/* acquire; pairs with the compare-and-swaps that publish */
	return last->at != NULL && atomic_load_explicit(last->at, memory_order_acquire) == last->entry ? GS_ECORRUPT : GS_EAGAIN;
}

int
gs_index_find(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint32_t fetch, struct gs_hit *out)
{
	struct gs_probe p;
	int rc;

	gs_index_probe(t, k->hash, &p);
	__builtin_prefetch(&t->buckets[p.bucket[0]].e[7]);
	out->at = NULL;
	for (int tries = 0; tries < TRIES; tries++) {
		rc = find_once(t, k, &p, fetch, out);
		if (rc >= 0)
			return rc;
		gs_ctx_count(c, GS_COUNT_RETRIES);
		gs_pause();
	}
	return give_up(out);
}

/* ---- insert ---- */

struct insert {
	struct gs_probe p;
	uint64_t header;			/* of the home, before the scan */
	_Atomic uint64_t *empty;		/* the first empty entry met */
	uint64_t empty_ordinal;
	int empty_place;
	_Atomic uint64_t *placed;		/* our tentative entry, or NULL */
	int placed_place;
	uint64_t mine;				/* our entry, final form */
};

/* Wait a little for a tentative entry of our key to change, then kill it. */
static void
kill_tentative(_Atomic uint64_t *at, uint64_t e)
{
	uint64_t until = gs_clock_mono_ns() + KILL_AFTER_NS;

	/* acquire, then acq_rel; pair with the compare-and-swap in commit_insert that makes it final: one of the two fails */
	while (atomic_load_explicit(at, memory_order_acquire) == e && gs_clock_mono_ns() < until)
		gs_pause();
	(void)atomic_compare_exchange_strong_explicit(at, &e, 0, memory_order_acq_rel, memory_order_acquire);
}

enum scan { SCAN_CLEAR, SCAN_EXISTS, SCAN_AGAIN };

/* One entry of the scan: whose is it? */
static enum scan
scan_entry(struct gs_table *t, const struct gs_key *k, struct insert *in, _Atomic uint64_t *at, struct gs_hit *hit)
{
	/* acquire; pairs with place_tentative, commit_insert and gs_index_replace: its slot is READY */
	uint64_t e = atomic_load_explicit(at, memory_order_acquire);

	if (gs_entry_tag(e) != in->p.tag || (e & ~GS_ENTRY_TENT) == in->mine)
		return SCAN_CLEAR;
	switch (match_entry(t, k, e, &hit->slot, &hit->w)) {
	case MATCH_NO:
		return SCAN_CLEAR;
	case MATCH_AGAIN:
		hit->at = at;
		hit->entry = e;
		return SCAN_AGAIN;
	case MATCH_YES:
		break;
	}
	if ((e & GS_ENTRY_TENT) != 0) {
		kill_tentative(at, e);
		hit->at = NULL;
		return SCAN_AGAIN;
	}
	hit->entry = e;
	return SCAN_EXISTS;
}

static void
note_empty(struct gs_table *t, struct insert *in, uint64_t bucket, int i, int place)
{
	in->empty = &t->buckets[bucket].e[i];
	in->empty_ordinal = bucket * GS_BUCKET_ENTRIES + (uint64_t)i;
	in->empty_place = place;
}

/* The first of the entries in a mask (bit 0 is the header's), from the preferred line, so that most look-ups touch one line. */
static int
first_of(uint32_t mask, uint32_t second_line)
{
	const uint32_t second = 0xff00;

	return __builtin_ctz(second_line && (mask & second) != 0 ? mask & second : mask) - 1;
}

/* Scan one place: does the key exist there? */
static enum scan
scan_place(struct gs_table *t, const struct gs_key *k, struct insert *in, int place, struct gs_hit *hit)
{
	struct gs_bucket *b = &t->buckets[in->p.bucket[place]];
	uint32_t like = gs_match_words(&b->H, in->p.tag, GS_ENTRY_TAG_SHIFT + 1) & ~UINT32_C(1);
	enum scan found;

	for (; like != 0; like &= like - 1) {
		int i = __builtin_ctz(like) - 1;

		found = scan_entry(t, k, in, &b->e[i], hit);
		if (found == SCAN_EXISTS)
			fill_hit(hit, t, in->p.bucket[place], i, place, hit->entry);
		if (found != SCAN_CLEAR)
			return found;
	}
	return SCAN_CLEAR;
}

/* What has no tag is empty, unless it is damaged. */
static void
find_empty(struct gs_table *t, struct insert *in, int place)
{
	struct gs_bucket *b = &t->buckets[in->p.bucket[place]];
	uint32_t empty = gs_match_words(&b->H, 0, GS_ENTRY_TAG_SHIFT + 1) & ~UINT32_C(1);

	while (empty != 0 && in->empty == NULL) {
		int i = first_of(empty, in->p.second_line);

		if (atomic_load_explicit(&b->e[i], memory_order_relaxed) == 0)
			note_empty(t, in, in->p.bucket[place], i, place);
		empty &= ~(UINT32_C(2) << i);
	}
}

/* Scan all places of the key: does it exist, where is room? */
static enum scan
scan_places(struct gs_table *t, const struct gs_key *k, struct insert *in, struct gs_hit *hit)
{
	in->empty = NULL;
	hit->at = NULL;
	/* acquire; pairs with the commits of other inserts: their entries are seen with the header that counts them */
	in->header = atomic_load_explicit(&t->buckets[in->p.bucket[0]].H, memory_order_acquire);
	for (int place = 0; place < GS_PLACES; place++) {
		enum scan found = is_place_used(in->header, &in->p, place) ? scan_place(t, k, in, place, hit) : SCAN_CLEAR;

		if (found != SCAN_CLEAR)
			return found;
		if (in->empty == NULL)
			find_empty(t, in, place);
	}
	return SCAN_CLEAR;
}

/* The home's header after our commit: one version more, and our place counted if it is not home. */
static uint64_t
header_with(uint64_t h, const struct gs_probe *p, int place)
{
	uint32_t count = gs_header_count(h);

	if (place == 0)
		return gs_bucket_header(gs_header_version(h) + 1, gs_header_filter(h), count, gs_header_kmax(h));
	return gs_bucket_header(gs_header_version(h) + 1, gs_header_filter(h) | p->filter_bit, count < COUNT_STICKS ? count + 1 : count,
	    gs_header_kmax(h) > (uint32_t)place ? gs_header_kmax(h) : (uint32_t)place);
}

/* Withdraw our tentative entry, if it is still there. */
static void
withdraw(struct gs_ctx *c, struct insert *in)
{
	uint64_t e = in->mine | GS_ENTRY_TENT;

	/* acq_rel; pairs with the acquire in scan_entry */
	if (in->placed != NULL)
		(void)atomic_compare_exchange_strong_explicit(in->placed, &e, 0, memory_order_acq_rel, memory_order_acquire);
	in->placed = NULL;
	/* release; pairs with the acquire in gs_recover_ctx: the entry is out of the index first */
	atomic_store_explicit(&c->page->op_entry, 0, memory_order_release);
}

/* Put the tentative entry into the empty place found; false when somebody took it. */
static bool
place_tentative(struct gs_ctx *c, struct insert *in)
{
	uint64_t none = 0;

	/* release; pairs with the acquire in gs_recover_ctx, which finds by it what is placed by the acq_rel below (seen in scan_entry) */
	atomic_store_explicit(&c->page->op_entry, in->empty_ordinal + 1, memory_order_release);
	if (!atomic_compare_exchange_strong_explicit(in->empty, &none, in->mine | GS_ENTRY_TENT, memory_order_acq_rel,
	    memory_order_acquire))
		return false;
	in->placed = in->empty;
	in->placed_place = in->empty_place;
	return true;
}

/* After a scan that found nothing: place, commit, finalize. True when the record is in. */
static bool
commit_insert(struct gs_table *t, struct gs_ctx *c, struct insert *in)
{
	uint64_t e = in->mine | GS_ENTRY_TENT, h = in->header;

	/* acquire; pairs with kill_tentative */
	if (in->placed != NULL && atomic_load_explicit(in->placed, memory_order_acquire) != e)
		in->placed = NULL;	/* killed */
	/* When ours was in the last place that was free, the scan found no other. */
	if (in->placed == NULL && (in->empty == NULL || !place_tentative(c, in)))
		return false;
	/* acq_rel; pairs with the acquire in scan_places: nobody committed an insert in this home since our scan */
	if (!atomic_compare_exchange_strong_explicit(&t->buckets[in->p.bucket[0]].H, &h, header_with(h, &in->p, in->placed_place),
	    memory_order_acq_rel, memory_order_acquire))
		return false;
	/* seq_cst; the linearization point of a new session; pairs with the acquire loads of entries */
	if (atomic_compare_exchange_strong_explicit(in->placed, &e, in->mine, memory_order_seq_cst, memory_order_acquire))
		return true;
	in->placed = NULL;
	return false;
}

int
gs_index_insert(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint32_t addr, uint32_t gen, struct gs_hit *hit)
{
	struct insert in = { .placed = NULL };

	gs_index_probe(t, k->hash, &in.p);
	in.mine = gs_entry(in.p.tag, gen, gs_entry_ring(addr), gs_entry_class(addr), gs_entry_slot(addr));
	hit->at = NULL;
	for (int tries = 0; tries < TRIES; tries++) {
		switch (scan_places(t, k, &in, hit)) {
		case SCAN_EXISTS:
			withdraw(c, &in);
			return 0;
		case SCAN_AGAIN:
			gs_pause();
			continue;
		case SCAN_CLEAR:
			break;
		}
		if (in.placed == NULL && in.empty == NULL) {
			withdraw(c, &in);
			return GS_ENOSPC;
		}
		if (commit_insert(t, c, &in)) {
			/* release; pairs with the acquire in gs_recover_ctx: the entry is final first */
			atomic_store_explicit(&c->page->op_entry, 0, memory_order_release);
			return 1;
		}
	}
	withdraw(c, &in);
	return give_up(hit);
}

/* ---- replace and remove ---- */

bool
gs_index_replace(const struct gs_hit *hit, uint32_t addr, uint32_t gen)
{
	uint64_t e = hit->entry;
	uint64_t now = gs_entry(gs_entry_tag(e), gen, gs_entry_ring(addr), gs_entry_class(addr), gs_entry_slot(addr));

	/* seq_cst; the linearization point of an update or a move; pairs with the acquire loads of entries */
	return atomic_compare_exchange_strong_explicit(hit->at, &e, now, memory_order_seq_cst, memory_order_acquire);
}

/* One entry fewer outside a home; skipped when an insert or a trim came between, which leaves the count too high and no worse. */
static void
count_down(struct gs_bucket *home, uint64_t before)
{
	/* acquire, then acq_rel; pair with the commits of inserts and of trims, whose versions it compares */
	uint64_t h = atomic_load_explicit(&home->H, memory_order_acquire), with;
	uint32_t count;

	do {
		count = gs_header_count(h);
		if (gs_header_version(h) != gs_header_version(before) || count == COUNT_STICKS || count == 0)
			return;
		with = count == 1 ? gs_bucket_header(gs_header_version(h), 0, 0, 0) :
		    gs_bucket_header(gs_header_version(h), gs_header_filter(h), count - 1, gs_header_kmax(h));
	} while (!atomic_compare_exchange_strong_explicit(&home->H, &h, with, memory_order_acq_rel, memory_order_acquire));
}

bool
gs_index_remove(struct gs_table *t, const struct gs_hit *hit, uint64_t hash)
{
	struct gs_probe p;
	struct gs_bucket *home;
	uint64_t e = hit->entry, before;

	gs_index_probe(t, hash, &p);
	home = &t->buckets[p.bucket[0]];
	/* acquire; pairs with the commits of inserts and of trims */
	before = atomic_load_explicit(&home->H, memory_order_acquire);
	/* seq_cst; the linearization point of an end; pairs with the acquire loads of entries */
	if (!atomic_compare_exchange_strong_explicit(hit->at, &e, 0, memory_order_seq_cst, memory_order_acquire))
		return false;
	if (hit->place > 0)
		count_down(home, before);
	return true;
}

uint64_t
gs_index_ordinal_of(struct gs_table *t, uint64_t hash, uint32_t addr, uint32_t gen)
{
	struct gs_probe p;

	gs_index_probe(t, hash, &p);
	for (int place = 0; place < GS_PLACES; place++)
		for (int i = 0; i < GS_BUCKET_ENTRIES; i++) {
			/* acquire; pairs with the compare-and-swap that took it out: the taker's cell is seen by a look after this one */
			uint64_t e = atomic_load_explicit(&t->buckets[p.bucket[place]].e[i], memory_order_acquire);

			if (e != 0 && gs_entry_addr(e) == addr && gs_entry_gen(e) == (gen & GS_GEN_MASK))
				return p.bucket[place] * GS_BUCKET_ENTRIES + (uint64_t)i;
		}
	return UINT64_MAX;
}

int
gs_index_place_of(const struct gs_table *t, uint64_t hash, uint64_t ordinal)
{
	struct gs_probe p;

	gs_index_probe(t, hash, &p);
	for (int place = 0; place < GS_PLACES; place++)
		if (p.bucket[place] == ordinal / GS_BUCKET_ENTRIES)
			return place;
	return -1;
}

/* ---- trim ---- */

/* Count the entries of `home` in one bucket outside it; tentative ones too, or their commit would be forgotten. False: look again. */
static bool
tally(struct gs_table *t, uint64_t home, uint64_t bucket, int place, uint64_t *header)
{
	for (int i = 0; i < GS_BUCKET_ENTRIES; i++) {
		/* acquire; pairs with the compare-and-swaps that place and publish */
		uint64_t e = atomic_load_explicit(&t->buckets[bucket].e[i], memory_order_acquire), hash, w;
		struct gs_slot *s = gs_table_slot(t, e);
		struct gs_probe p;

		if (e == 0)
			continue;
		if (s == NULL)
			return false;
		/* acquire; pairs with the release of READY in gs_record_write */
		w = atomic_load_explicit(&s->W, memory_order_acquire);
		hash = __atomic_load_n(&s->hash, __ATOMIC_RELAXED);
		gs_fence_acquire();
		if (gs_word_state(w) != GS_SLOT_READY || (gs_word_gen(w) & GS_GEN_MASK) != gs_entry_gen(e) ||
		    atomic_load_explicit(&s->W, memory_order_relaxed) != w)
			return false;
		gs_index_probe(t, hash, &p);
		if (p.bucket[0] == home)
			*header = header_with(*header, &p, place);
	}
	return true;
}

void
gs_index_trim(struct gs_table *t, uint64_t home)
{
	uint64_t group = home / GS_GROUP_BUCKETS, next = group + 1 == t->n_groups ? 0 : group + 1, want;
	/* acquire; pairs with the commits of inserts: what they counted is in our tally */
	uint64_t h = atomic_load_explicit(&t->buckets[home].H, memory_order_acquire);

	if (gs_header_count(h) == 0)
		return;
	want = gs_bucket_header(gs_header_version(h), 0, 0, 0);
	if (!tally(t, home, group * GS_GROUP_BUCKETS + GS_GROUP_HOMES, 1, &want) ||
	    !tally(t, home, next * GS_GROUP_BUCKETS + GS_GROUP_HOMES, 2, &want))
		return;
	for (uint64_t i = 0; i < GS_LAST_RESORTS; i++)
		if (!tally(t, home, t->n_groups * GS_GROUP_BUCKETS + i, 3, &want))
			return;
	want = gs_bucket_header(gs_header_version(h) + 1, gs_header_filter(want), gs_header_count(want), gs_header_kmax(want));
	if ((want & UINT32_MAX) == (h & UINT32_MAX))
		return;
	/* acq_rel; the version moves, so an insert that scanned before, and a delete that would count down, begin anew */
	(void)atomic_compare_exchange_strong_explicit(&t->buckets[home].H, &h, want, memory_order_acq_rel, memory_order_acquire);
}
