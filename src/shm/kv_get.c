/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/atomic.h"
#include "base/match.h"
#include "policy/decay.h"
#include "shm/evict.h"
#include "shm/feedback.h"
#include "shm/kv.h"
#include "shm/kv_quota.h"
#include "shm/park.h"
#include "shm/words.h"

enum {
	NAMES_BYTES = 2 * 256 + GS_OWNER_BYTES,
	BATCH = 16,			/* gets under way at once */
};

/* Look the key up anew: a negative that no error has. */
#define READ_AGAIN ((ssize_t)-1000000)

/* Copy key, owner and link behind the header, for meta. False: look again. */
static bool
copy_names(const struct gs_hit *hit, const struct gs_slot *head, unsigned char *out)
{
	uint32_t end = gs_record_value_off(head->key_len, head->owner_len, head->link_len);

	gs_racy_load(out, hit->slot->data, end - GS_SLOT_HEADER_BYTES);
	return gs_record_is_same(hit->slot, hit->w);
}

bool
gs_kv_fill_meta(const struct gs_hit *hit, const struct gs_slot *head, struct gs_meta *meta)
{
	unsigned char names[NAMES_BYTES];

	if (meta == NULL)
		return true;
	if (!copy_names(hit, head, names))
		return false;
	gs_record_meta(hit, head, names, meta);
	return true;
}

/* What an access did to a copied header, so that the caller sees the session as it is after it. */
static void
account(const struct gs_table *t, struct gs_slot *head, uint64_t now_ms)
{
	uint32_t gen = gs_timed_gen(gs_kv_word(&head->A));
	uint64_t last = gs_timed_value(gs_kv_word(&head->A));

	gs_kv_set(&head->I, gs_timed(gs_decay_access(gs_timed_value(gs_kv_word(&head->I)), gs_sub_sat(now_ms, last), gs_kv_half_life_ms(t)), gen));
	gs_kv_set(&head->A, gs_timed(gs_max_u64(now_ms, last), gen));
	gs_kv_set(&head->H, gs_timed(gs_timed_value(gs_kv_word(&head->H)) + 1, gen));
}

int
gs_kv_promote(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, uint64_t now_ms)
{
	uint32_t from = gs_entry_ring(hit->entry), to = gs_kv_promote_to(t, from);
	struct gs_turn turn = { .kind = GS_EVENT_PROMOTED, .reason = GS_REASON_ACCESS, .from = from, .to = to, .now_ms = now_ms };
	int rc;

	/* Others who ask for it too may have brought it in: then nobody needs to make room. */
	if (atomic_load_explicit(hit->at, memory_order_relaxed) != hit->entry)
		return KV_AGAIN;
	if (!gs_evict_reserve(t, c, to, gs_entry_addr(hit->entry), now_ms))
		return 0;
	rc = gs_kv_relocate(t, c, hit, to, now_ms, GS_MOVE_KEEP_TIMES);
	if (rc != 0) {
		gs_kv_unreserve(t, to);
		return rc == KV_AGAIN ? KV_AGAIN : 0;
	}
	gs_kv_unreserve(t, from);
	gs_ctx_count(c, GS_COUNT_PROMOTED);
	gs_kv_tell(t, c, c->scratch, &turn);
	return 1;
}

/* By a reader nothing is written here: it tells the daemon. False as gs_words_access. */
static inline bool
count_access(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, uint64_t now_ms)
{
	if (__builtin_expect(!c->is_reader, 1)) {
		if (!gs_words_access(t, hit, now_ms))
			return false;
		if (!gs_kv_is_gated(t) && !gs_kv_is_suspect(t, hit->entry))
			gs_kv_charge(t, c, hit, now_ms);
		return true;
	}
	gs_feedback_tell(c, hit->entry, now_ms);
	return true;
}

struct reading {
	void *buf;
	size_t cap;
	uint32_t flags;
	struct gs_meta *meta;
	bool was_brought_in;		/* by this access, which is one, and brings it no further */
	struct gs_charge *charge;
};

/* A hit and the header as copied, with all of it or its first line, as meta asks. */
struct seen {
	struct gs_hit hit;
	struct gs_charge charge;	/* of one of many */
	bool was_brought_in;
	struct gs_slot head;
};

/* Bring a session in, or back from its parking, if this access does that, and has not yet. Whether it is another record by now. */
static bool
bring_in(struct gs_table *t, struct gs_ctx *c, const struct seen *s, uint64_t now_ms, struct reading *r)
{
	int rc;

	if (r->was_brought_in || (!gs_park_is_parked(&s->head) && !gs_kv_is_promotable(t, gs_entry_ring(s->hit.entry), &s->head, now_ms)))
		return false;
	rc = gs_park_is_parked(&s->head) ? gs_park_resume(t, c, &s->hit, now_ms) : gs_kv_promote(t, c, &s->hit, now_ms);
	r->was_brought_in = rc == 1;
	return rc != 0;
}

/* Judge the access to a hit. 0: do it; READ_AGAIN, GS_EQUARANTINE. */
static ssize_t
admit(struct gs_table *t, struct gs_ctx *c, struct seen *s, uint64_t now_ms, const struct reading *r)
{
	int rc = gs_kv_admit(t, c, &s->hit, now_ms, r->charge);

	if (rc == 0)
		return 0;
	if (rc == KV_AGAIN || !gs_kv_fill_meta(&s->hit, &s->head, r->meta))
		return READ_AGAIN;
	gs_kv_meta_quota(&s->hit, r->meta);
	return rc;
}

/* Copy the value that a hit names. Its length, when all that is left is count_hit; READ_AGAIN; or an error. */
static ssize_t
copy_hit(struct gs_table *t, struct gs_ctx *c, struct seen *s, uint64_t now_ms, struct reading *r)
{
	const struct gs_hit *hit = &s->hit;
	struct gs_slot *head = &s->head;
	uint32_t ring = gs_entry_ring(hit->entry);
	bool counts = (r->flags & GS_KV_INSPECT) == 0, is_suspect = gs_kv_is_suspect(t, hit->entry);
	ssize_t rc = r->meta == NULL ? gs_record_first_line(t, hit, head) : gs_record_header(t, hit, head);

	if (rc <= 0)
		return rc < 0 ? rc : READ_AGAIN;
	if (gs_record_is_over(t, ring, head, now_ms))
		return GS_ENOENT;
	if (gs_kv_is_rotated(head))
		return KV_ROTATED;
	if (counts && is_suspect && (rc = admit(t, c, s, now_ms, r)) != 0)
		return rc;
	if (head->val_len > r->cap && r->buf != NULL)
		return gs_kv_fill_meta(hit, head, r->meta) ? GS_ERANGE : READ_AGAIN;
	if (counts && !is_suspect && gs_kv_is_gated(t) && (rc = admit(t, c, s, now_ms, r)) != 0)
		return rc;
	if (counts && !c->is_reader && bring_in(t, c, s, now_ms, r))
		return READ_AGAIN;
	if (r->buf != NULL) {
		gs_racy_load(r->buf, (unsigned char *)hit->slot + gs_record_value_off(head->key_len, head->owner_len, head->link_len), head->val_len);
		if (!gs_record_is_same(hit->slot, hit->w))
			return READ_AGAIN;
	}
	return (ssize_t)head->val_len;
}

/* What is left of a get whose value was copied: meta, and the count of the access. False: look again. */
static bool
count_hit(struct gs_table *t, struct gs_ctx *c, struct seen *s, uint64_t now_ms, const struct reading *r)
{
	bool counts = (r->flags & GS_KV_INSPECT) == 0;

	if (counts && r->meta != NULL)
		account(t, &s->head, now_ms);
	/* Counting is the last thing that may fail: what is read again is counted again. */
	if (!gs_kv_fill_meta(&s->hit, &s->head, r->meta) || (counts && !count_access(t, c, &s->hit, now_ms)))
		return false;
	if (counts)
		gs_kv_meta_quota(&s->hit, r->meta);
	return true;
}

static ssize_t
get_here(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, struct reading *r)
{
	struct seen s;
	ssize_t rc;

	for (int tries = 0; tries < KV_TRIES; tries++) {
		rc = gs_index_find(t, c, k, r->buf != NULL ? GS_FETCH_WHOLE : GS_FETCH_HEAD, &s.hit);
		if (rc <= 0)
			return rc < 0 ? rc : GS_ENOENT;
		rc = copy_hit(t, c, &s, now_ms, r);
		if (rc != READ_AGAIN && (rc < 0 || count_hit(t, c, &s, now_ms, r)))
			return rc;
	}
	return gs_kv_gave_up(t, c, k);
}

static ssize_t
get_uncounted(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, struct reading *r)
{
	ssize_t rc = get_here(t, c, k, now_ms, r);
	struct gs_followed to;

	/* Where it leads to was given up too, meanwhile: once more from the beginning. */
	for (int tries = 0; tries < KV_TRIES && rc == KV_ROTATED; tries++) {
		rc = gs_kv_follow(t, c, k, now_ms, r->flags, &to);
		if (rc == 0)
			rc = get_here(t, c, &to.key, now_ms, r);
	}
	return rc == KV_ROTATED ? GS_EAGAIN : rc;
}

static void
count_answer(struct gs_ctx *c, uint32_t flags, ssize_t rc)
{
	if ((flags & GS_KV_INSPECT) != 0)
		gs_ctx_count(c, GS_COUNT_PEEKS);
	else if (rc >= 0)
		gs_ctx_count(c, GS_COUNT_GETS);
	else if (rc == GS_ENOENT)
		gs_ctx_count(c, GS_COUNT_MISSES);
	else if (rc == GS_EQUARANTINE)
		gs_ctx_count(c, GS_COUNT_REFUSED);
	if (rc == GS_ECORRUPT)
		gs_ctx_count(c, GS_COUNT_CORRUPT);
}

ssize_t
gs_kv_get(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, void *buf, size_t cap, uint32_t flags,
    struct gs_meta *meta)
{
	struct gs_charge charge = { .is_done = false };
	struct reading r = { buf, cap, flags, meta, false, &charge };
	ssize_t rc = get_uncounted(t, c, k, now_ms, &r);

	count_answer(c, flags, rc);
	if (rc == GS_EQUARANTINE)
		gs_kv_tell_refused(t, c, k, now_ms, GS_REASON_SUSPECT);
	return rc;
}

/* ---- many ---- */

/* Fetch the slots that entries in the home bucket with the key's tag name: seldom more than one. */
static void
prefetch_slots(const struct gs_table *t, const struct gs_kv_item *item)
{
	const struct gs_bucket *b = gs_index_home(t, item->key.hash);
	uint32_t like = gs_match_words(&b->H, gs_index_tag(item->key.hash), GS_ENTRY_TAG_SHIFT) & ~UINT32_C(1);

	for (; like != 0; like &= like - 1)
		gs_index_prefetch_slot(t, atomic_load_explicit(&b->e[__builtin_ctz(like) - 1], memory_order_relaxed),
		    item->buf != NULL ? GS_FETCH_WHOLE : GS_FETCH_HEAD);
}

static ssize_t
copy_item(struct gs_table *t, struct gs_ctx *c, struct gs_kv_item *item, struct seen *s, uint64_t now_ms)
{
	struct reading r = { item->buf, item->cap, 0, item->meta, false, &s->charge };
	int found = gs_index_find(t, c, &item->key, 0, &s->hit);
	ssize_t rc = found < 0 ? found : found == 0 ? GS_ENOENT : copy_hit(t, c, s, now_ms, &r);

	s->was_brought_in = r.was_brought_in;
	return rc;
}

/* Was the session got since it was copied for meta? A key that is asked for twice is copied twice before it is counted once. */
static bool
was_got_since(const struct gs_kv_item *item, const struct seen *s)
{
	return item->meta != NULL && gs_kv_word(&s->hit.slot->H) != gs_kv_word(&s->head.H);
}

/* Count the access to an item that was copied; what changed meanwhile is got again, alone. */
static ssize_t
finish_item(struct gs_table *t, struct gs_ctx *c, struct gs_kv_item *item, struct seen *s, uint64_t now_ms)
{
	struct reading r = { item->buf, item->cap, 0, item->meta, s->was_brought_in, &s->charge };
	bool is_seen = item->rc >= 0 || item->rc == GS_ERANGE;

	if (is_seen && !was_got_since(item, s) && (item->rc < 0 || count_hit(t, c, s, now_ms, &r)))
		return item->rc;
	if (!is_seen && item->rc != READ_AGAIN && item->rc != KV_ROTATED)
		return item->rc;
	return get_uncounted(t, c, &item->key, now_ms, &r);
}

static void
get_batch(struct gs_table *t, struct gs_ctx *c, uint64_t now_ms, struct gs_kv_item *items, size_t n)
{
	struct seen s[BATCH];
	bool is_asked[BATCH];

	for (size_t i = 0; i < n; i++) {
		is_asked[i] = items[i].rc == 0;
		s[i].charge = (struct gs_charge){ .is_done = false };
		if (is_asked[i])
			gs_index_prefetch_home(t, items[i].key.hash);
	}
	for (size_t i = 0; i < n; i++)
		if (is_asked[i])
			prefetch_slots(t, &items[i]);
	for (size_t i = 0; i < n; i++)
		if (is_asked[i])
			items[i].rc = copy_item(t, c, &items[i], &s[i], now_ms);
	for (size_t i = 0; i < n; i++) {
		if (!is_asked[i])
			continue;
		items[i].rc = finish_item(t, c, &items[i], &s[i], now_ms);
		count_answer(c, 0, items[i].rc);
		if (items[i].rc == GS_EQUARANTINE)
			gs_kv_tell_refused(t, c, &items[i].key, now_ms, GS_REASON_SUSPECT);
	}
}

void
gs_kv_get_many(struct gs_table *t, struct gs_ctx *c, uint64_t now_ms, struct gs_kv_item *items, size_t n)
{
	for (; n > BATCH; n -= BATCH, items += BATCH)
		get_batch(t, c, now_ms, items, BATCH);
	get_batch(t, c, now_ms, items, n);
}
