/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/record.h"

#include <string.h>

#include "base/atomic.h"
#include "policy/decay.h"
#include "policy/lifetime.h"
#include "policy/quota.h"
#include "shm/classes.h"
#include "shm/namespaces.h"
#include "shm/store.h"

/* Words of the header behind W, which is written on its own. */
#define BODY_OFF offsetof(struct gs_slot, hash)

uint32_t
gs_record_class(const struct gs_table *t, const struct gs_slot *head)
{
	uint32_t bytes = gs_record_value_off(head->key_len, head->owner_len, head->link_len) + head->val_len, i;

	for (i = 0; i < t->n_classes; i++)
		if (t->arena[i].slot_size >= bytes)
			return i;
	return GS_MAX_CLASSES;
}

static uint32_t
hash16(const struct gs_table *t, uint32_t ns, const void *bytes, uint32_t len)
{
	return len == 0 ? 0 : gs_record_kin_bits(gs_key_hash(t, ns, bytes, len));
}

uint32_t
gs_record_kin(const struct gs_table *t, const struct gs_slot *head, const void *owner, const void *link)
{
	/* What links lead to is in the default namespace of the other table. */
	return gs_kin(hash16(t, head->ns, owner, head->owner_len), hash16(t, 0, link, head->link_len));
}

bool
gs_record_is_same(const struct gs_slot *s, uint64_t w)
{
	gs_fence_acquire();
	/* relaxed; the fence orders it after the copy, and pairs with the writer's release fence behind WRITING */
	return atomic_load_explicit(&s->W, memory_order_relaxed) == w;
}

static uint32_t
slot_size_of(const struct gs_table *t, uint64_t entry)
{
	return t->arena[gs_entry_ring(entry) * GS_MAX_CLASSES + gs_entry_class(entry)].slot_size;
}

static int
load_header(struct gs_table *t, const struct gs_hit *hit, struct gs_slot *out, size_t bytes)
{
	gs_racy_load(out, hit->slot, bytes);
	/* Last access and interest must be of one access, or the interest would fade for longer than it is old. */
	if (!gs_record_is_same(hit->slot, hit->w) ||
	    atomic_load_explicit(&hit->slot->A, memory_order_relaxed) != atomic_load_explicit(&out->A, memory_order_relaxed))
		return 0;
	return gs_record_fits(out, slot_size_of(t, hit->entry)) ? 1 : GS_ECORRUPT;
}

int
gs_record_header(struct gs_table *t, const struct gs_hit *hit, struct gs_slot *out)
{
	return load_header(t, hit, out, sizeof(*out));
}

int
gs_record_first_line(struct gs_table *t, const struct gs_hit *hit, struct gs_slot *out)
{
	out->ns = __atomic_load_n(&hit->slot->ns, __ATOMIC_RELAXED);
	return load_header(t, hit, out, GS_LINE_BYTES);
}

int
gs_record_copy(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit)
{
	uint32_t slot_size = slot_size_of(t, hit->entry), end;
	struct gs_slot *head = (struct gs_slot *)(void *)c->scratch;
	int rc = gs_record_header(t, hit, head);

	if (rc <= 0)
		return rc;
	end = gs_record_value_off(head->key_len, head->owner_len, head->link_len) + head->val_len;
	if (end > slot_size)
		return GS_ECORRUPT;
	gs_racy_load(c->scratch + GS_SLOT_HEADER_BYTES, hit->slot->data, end - GS_SLOT_HEADER_BYTES);
	return gs_record_is_same(hit->slot, hit->w) ? 1 : 0;
}

/* ---- times ---- */

uint64_t
gs_record_expiry(uint64_t touched_ms, uint64_t ttl_ms, uint64_t deadline_ms)
{
	uint64_t at = ttl_ms == 0 ? GS_TIME_NEVER : gs_add_sat(touched_ms, ttl_ms);

	return gs_min_u64(gs_min_u64(at, deadline_ms), GS_TIME_NEVER);
}

/* The value of a word of a header, which may be in shared memory. */
static uint64_t
value_of(const _Atomic uint64_t *word)
{
	return gs_timed_value(atomic_load_explicit(word, memory_order_relaxed));
}

uint64_t
gs_record_leaves_ms(const struct gs_table *t, uint32_t ring, uint32_t flags, uint64_t accessed_ms, uint64_t interest)
{
	const struct gs_ring_cfg *r = &t->ctl->ring[ring];

	if (r->kind == GS_RING_SUSPECT || (flags & GS_FLAG_PARKED) != 0)
		return UINT64_MAX;
	return gs_decay_leaves_ms(accessed_ms, interest, atomic_load_explicit(&r->ttl_ms, memory_order_relaxed),
	    atomic_load_explicit(&r->half_life_ms, memory_order_relaxed));
}

static uint64_t
leaves_ms(const struct gs_table *t, uint32_t ring, const struct gs_slot *head)
{
	return gs_record_leaves_ms(t, ring, __atomic_load_n(&head->flags, __ATOMIC_RELAXED), value_of(&head->A), value_of(&head->I));
}

uint64_t
gs_record_pardon_ms(const struct gs_table *t, uint64_t offence, uint64_t soon_ms)
{
	const struct gs_quota_cfg *q = &t->ctl->quota;
	uint64_t since_ms = gs_offence_since_ms(offence);

	return since_ms == 0 ? UINT64_MAX : gs_quota_pardon_ms(since_ms, soon_ms, atomic_load_explicit(&q->hold_ms, memory_order_relaxed),
	    atomic_load_explicit(&q->release_ms, memory_order_relaxed));
}

/* In every read: a session of no class and the default namespace costs a look at its header, and no call. */
static inline uint64_t
ends_ms(const struct gs_table *t, const struct gs_slot *head)
{
	uint32_t class_id = __atomic_load_n(&head->class_id, __ATOMIC_RELAXED), ns = __atomic_load_n(&head->ns, __ATOMIC_RELAXED);

	if ((class_id | ns) == 0)
		return value_of(&head->X);
	return gs_record_bound_ms(t, &(struct gs_bounded){ .class_id = class_id, .ns = ns,
	    .flags = __atomic_load_n(&head->flags, __ATOMIC_RELAXED), .own_ms = value_of(&head->X), .touched_ms = value_of(&head->T),
	    .accessed_ms = value_of(&head->A) });
}

uint64_t
gs_record_ends_ms(const struct gs_table *t, const struct gs_slot *head)
{
	return ends_ms(t, head);
}

uint64_t
gs_record_bound_ms(const struct gs_table *t, const struct gs_bounded *b)
{
	struct gs_lifetime_rule rule = gs_classes_rule(t, b->class_id);

	rule.idle_ms = gs_min_u64(rule.idle_ms, gs_namespaces_idle_ms(t, b->ns));
	/* What is parked waits as long as it was parked for. */
	return (b->flags & GS_FLAG_PARKED) != 0 ? b->own_ms : gs_lifetime_ends_ms(b->own_ms, b->touched_ms, b->accessed_ms, &rule);
}

uint64_t
gs_record_next_ms(const struct gs_table *t, uint32_t ring, const struct gs_slot *head)
{
	uint64_t at = ends_ms(t, head);

	/* Where a ring drains, or came late, nobody waits for the law. */
	if (gs_table_ring_state(t, ring) != GS_RING_ON)
		return 0;
	at = gs_min_u64(at >= GS_TIME_NEVER ? UINT64_MAX : at, leaves_ms(t, ring, head));
	/* S has the rate of the attempts in its upper bits, as O the offences. */
	return gs_min_u64(at, gs_record_pardon_ms(t, value_of(&head->O), gs_offence_since_ms(value_of(&head->S))));
}

uint32_t
gs_record_due(uint64_t at_ms)
{
	uint64_t due = at_ms >> GS_DUE_SHIFT;

	return due >= GS_DUE_NEVER ? GS_DUE_NEVER : (uint32_t)due;
}

bool
gs_record_is_over(const struct gs_table *t, uint32_t ring, const struct gs_slot *head, uint64_t now_ms)
{
	if (ends_ms(t, head) < now_ms)
		return true;
	/* From the last ring a session expires by the decay law, and readers honour that before the sweep comes. */
	if (atomic_load_explicit(&t->ctl->ring[ring].decay_to, memory_order_relaxed) != GS_RING_NONE)
		return false;
	return leaves_ms(t, ring, head) < now_ms;
}

/* ---- writing ---- */

/* Give the plain values of a draft their generation, in a private copy. */
static void
stamp_words(struct gs_slot *head, uint32_t gen)
{
	_Atomic uint64_t *words[GS_TIMED_WORDS];

	gs_timed_words(head, words);
	for (size_t i = 0; i < GS_TIMED_WORDS; i++) {
		uint64_t plain = atomic_load_explicit(words[i], memory_order_relaxed);

		atomic_store_explicit(words[i], gs_timed(plain, gen), memory_order_relaxed);
	}
}

/* The due hint of a record with this header. */
static uint32_t
due_of(const struct gs_table *t, uint32_t addr, const struct gs_slot *head)
{
	return gs_record_due(gs_record_next_ms(t, gs_entry_ring(addr), head));
}

static _Atomic uint32_t *
kin_at(struct gs_table *t, uint32_t addr)
{
	return &gs_table_arena(t, gs_entry_ring(addr), gs_entry_class(addr))->kin[gs_entry_slot(addr)];
}

uint32_t
gs_record_write(struct gs_table *t, struct gs_ctx *c, int cell, const struct gs_draft *d)
{
	uint32_t addr = c->cell[cell].addr, gen;
	struct gs_slot *s = gs_table_slot(t, addr), head;
	unsigned char *base = (unsigned char *)s;

	/* relaxed; the slot is ours alone since it was claimed or retired */
	gen = gs_word_gen(atomic_load_explicit(&s->W, memory_order_relaxed)) + 1;
	atomic_store_explicit(&s->W, gs_word(gen, c->id, GS_SLOT_WRITING), memory_order_relaxed);
	gs_fence_release();	/* pairs with the acquire fence in gs_record_is_same: a reader that sees our bytes sees WRITING */
	memcpy(&head, &d->head, sizeof(head));
	stamp_words(&head, gen);
	head.crc = gs_store_has(t, addr) ? gs_store_crc(gen, d) : 0;
	gs_racy_store(base + BODY_OFF, (unsigned char *)&head + BODY_OFF, sizeof(head) - BODY_OFF);
	gs_racy_store(s->data, d->key, head.key_len);
	gs_racy_store(base + gs_record_owner_off(head.key_len), d->owner, head.owner_len);
	gs_racy_store(base + gs_record_link_off(head.key_len, head.owner_len), d->link, head.link_len);
	gs_racy_store(base + gs_record_value_off(head.key_len, head.owner_len, head.link_len), d->value, head.val_len);
	atomic_store_explicit(gs_record_due_at(t, addr), due_of(t, addr, &head), memory_order_relaxed);
	atomic_store_explicit(kin_at(t, addr), gs_record_kin(t, &head, d->owner, d->link), memory_order_relaxed);
	/* release; pairs with the acquire of W in match_entry */
	atomic_store_explicit(&s->W, gs_word(gen, c->id, GS_SLOT_READY), memory_order_release);
	return gen;
}

void
gs_record_draft_of(struct gs_draft *out, const unsigned char *scratch)
{
	struct gs_slot *head = &out->head;
	_Atomic uint64_t *words[GS_TIMED_WORDS];

	memcpy(head, scratch, sizeof(*head));
	head->turn++;
	gs_timed_words(head, words);
	for (size_t i = 0; i < GS_TIMED_WORDS; i++) {
		uint64_t timed = atomic_load_explicit(words[i], memory_order_relaxed);

		atomic_store_explicit(words[i], gs_timed_value(timed), memory_order_relaxed);
	}
	out->key = scratch + GS_SLOT_HEADER_BYTES;
	out->owner = scratch + gs_record_owner_off(head->key_len);
	out->link = scratch + gs_record_link_off(head->key_len, head->owner_len);
	out->value = scratch + gs_record_value_off(head->key_len, head->owner_len, head->link_len);
}

void
gs_record_rearm(struct gs_table *t, uint32_t addr, const struct gs_draft *d)
{
	uint32_t never = GS_DUE_NEVER, due;
	struct gs_slot head;

	memcpy(&head, &d->head, sizeof(head));
	stamp_words(&head, 0);
	due = due_of(t, addr, &head);
	if (due != GS_DUE_NEVER)
		(void)atomic_compare_exchange_strong_explicit(gs_record_due_at(t, addr), &never, due, memory_order_relaxed, memory_order_relaxed);
}

void
gs_record_meta(const struct gs_hit *hit, const struct gs_slot *head, const unsigned char *data, struct gs_meta *out)
{
	out->ordinal = hit->ordinal;
	out->entry = hit->entry;
	out->ring = gs_entry_ring(hit->entry);
	out->birth = head->birth;
	out->version = head->version;
	out->hash = head->hash;
	out->expires_ms = gs_timed_value(atomic_load_explicit(&head->X, memory_order_relaxed));
	out->accessed_ms = gs_timed_value(atomic_load_explicit(&head->A, memory_order_relaxed));
	out->interest = gs_timed_value(atomic_load_explicit(&head->I, memory_order_relaxed));
	out->touched_ms = gs_timed_value(atomic_load_explicit(&head->T, memory_order_relaxed));
	out->hits = gs_timed_value(atomic_load_explicit(&head->H, memory_order_relaxed));
	out->deadline_ms = head->deadline;
	out->ttl_ms = head->ttl_ms;
	out->created_ms = head->created;
	out->mtime_ns = head->mtime_ns;
	out->mtime_ms = head->mtime_ms;
	out->ctime_ns = head->ctime_ns;
	out->uid = head->uid;
	out->gid = head->gid;
	out->mode = head->mode;
	out->class_id = head->class_id;
	out->ns = head->ns;
	out->key_len = head->key_len;
	out->owner_len = head->owner_len;
	out->link_len = head->link_len;
	out->flags = head->flags;
	out->resume_ttl_s = head->resume_ttl_s;
	out->arrival = gs_timed_value(atomic_load_explicit(&head->Q, memory_order_relaxed));
	out->offence = gs_timed_value(atomic_load_explicit(&head->O, memory_order_relaxed));
	out->attempts = gs_offence_count(gs_timed_value(atomic_load_explicit(&head->L, memory_order_relaxed)));
	out->attempt_ms = gs_offence_since_ms(gs_timed_value(atomic_load_explicit(&head->L, memory_order_relaxed)));
	out->rate_code = gs_offence_count(gs_timed_value(atomic_load_explicit(&head->S, memory_order_relaxed)));
	out->soon_ms = gs_offence_since_ms(gs_timed_value(atomic_load_explicit(&head->S, memory_order_relaxed)));
	out->val_len = head->val_len;
	out->key[0] = 0;
	out->owner[0] = 0;
	out->link[0] = 0;
	if (data == NULL)
		return;
	memcpy(out->key, data, head->key_len);
	out->key[head->key_len] = 0;
	memcpy(out->owner, data + gs_align_up(head->key_len, 8), head->owner_len);
	out->owner[head->owner_len] = 0;
	memcpy(out->link, data + gs_record_link_off(head->key_len, head->owner_len) - GS_SLOT_HEADER_BYTES, head->link_len);
	out->link[head->link_len] = 0;
}
