/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/crowd.h"

#include <string.h>

#include "shm/kin.h"

enum { PASSES = 8 };			/* who was asked for, or replaced, while he was to be ended, is judged again */

/* One of those that were asked for longest ago. */
struct idle {
	uint64_t accessed_ms, hash;
	uint32_t birth, key_len, ns;
	uint8_t key[GS_KEY_BYTES];
};

struct crowd {
	uint64_t n;			/* sessions of the owner */
	uint32_t n_idle;
	struct idle idle[GS_CROWD_ENDS];	/* ascending by last access, the newest of them last */
};

/* Put a session among the idlest, where the last one goes if it is one too many. */
static void
note(struct crowd *w, const struct gs_meta *meta)
{
	uint32_t at = w->n_idle;

	while (at > 0 && w->idle[at - 1].accessed_ms > meta->accessed_ms)
		at--;
	if (at == GS_CROWD_ENDS)
		return;
	w->n_idle += w->n_idle < GS_CROWD_ENDS;
	memmove(&w->idle[at + 1], &w->idle[at], (w->n_idle - 1 - at) * sizeof(w->idle[0]));
	w->idle[at] = (struct idle){ .accessed_ms = meta->accessed_ms, .hash = meta->hash, .birth = meta->birth, .key_len = meta->key_len,
	    .ns = meta->ns };
	memcpy(w->idle[at].key, meta->key, meta->key_len);
}

/* Is it the record of a session, and not one that was replaced and rests, is not started yet, or of a key that was given up? */
static bool
is_current(struct gs_table *t, const struct gs_meta *meta, uint64_t now_ms)
{
	uint64_t ordinal;

	if (gs_kv_ends_ms(t, meta) < now_ms || (meta->flags & GS_FLAG_ROTATED) != 0)
		return false;
	ordinal = gs_index_ordinal_of(t, meta->hash, gs_entry_addr(meta->entry), gs_entry_gen(meta->entry));
	/* relaxed; an entry that was tentative when it was found is that of a start that is under way, and comes to its own pass */
	return ordinal != UINT64_MAX && (atomic_load_explicit(gs_table_entry(t, ordinal), memory_order_relaxed) & GS_ENTRY_TENT) == 0;
}

static void
count_crowd(struct gs_table *t, uint64_t owner, uint32_t birth, uint64_t now_ms, struct crowd *out)
{
	struct gs_meta meta;
	struct gs_kin kin;

	out->n = out->n_idle = 0;
	gs_kin_of_owner(&kin, owner);
	while (gs_kin_next(t, &kin, &meta) > 0) {
		if (!is_current(t, &meta, now_ms))
			continue;
		out->n++;
		/* The one that was just started stays. */
		if (meta.birth != birth)
			note(out, &meta);
	}
}

/* End what an owner has too much, but not the session of this birth. */
static void
thin(struct gs_table *t, struct gs_ctx *c, uint64_t owner, uint32_t birth, uint64_t now_ms)
{
	uint64_t most = atomic_load_explicit(&t->ctl->max_per_owner, memory_order_relaxed);
	struct crowd w;

	for (int pass = 0; pass < PASSES && most != 0; pass++) {
		count_crowd(t, owner, birth, now_ms, &w);
		/* One that moved on ahead of the pass was met twice: nobody ends for that. */
		if (w.n > most)
			count_crowd(t, owner, birth, now_ms, &w);
		for (uint32_t i = 0; i < w.n_idle && w.n > most; i++) {
			const struct gs_key k = { .bytes = w.idle[i].key, .len = w.idle[i].key_len, .ns = w.idle[i].ns, .hash = w.idle[i].hash };

			w.n -= gs_kv_displace(t, c, &k, now_ms, w.idle[i].birth);
		}
		if (w.n <= most || w.n_idle == GS_CROWD_ENDS)
			return;
	}
}

static void
set_owner(struct gs_ctx_page *page, uint64_t owner)
{
	/* release; pairs with the acquire in gs_crowd_recover: at last after what had to end is out of the index */
	atomic_store_explicit(&page->crowding, owner, memory_order_release);
}

void
gs_crowd_begin(const struct gs_table *t, struct gs_ctx *c, const struct gs_draft *d)
{
	/* relaxed; a rule on its own, whoever starts reads it then */
	if (atomic_load_explicit(&t->ctl->max_per_owner, memory_order_relaxed) != 0 && d->head.owner_len > 0)
		set_owner(c->page, gs_kin_hash(t, d->head.ns, d->owner, d->head.owner_len));
}

void
gs_crowd_end(struct gs_table *t, struct gs_ctx *c, uint32_t birth, uint64_t now_ms)
{
	/* relaxed; our own word */
	uint64_t owner = atomic_load_explicit(&c->page->crowding, memory_order_relaxed);

	if (owner == 0)
		return;
	thin(t, c, owner, birth, now_ms);
	set_owner(c->page, 0);
}

void
gs_crowd_give_up(struct gs_ctx *c)
{
	if (atomic_load_explicit(&c->page->crowding, memory_order_relaxed) != 0)
		set_owner(c->page, 0);
}

void
gs_crowd_recover(struct gs_table *t, struct gs_ctx *c, uint32_t id, uint64_t now_ms)
{
	struct gs_ctx_page *page = &t->ctx[id];
	/* acquire; pairs with the release in set_owner, of a process that is no more */
	uint64_t owner = atomic_load_explicit(&page->crowding, memory_order_acquire);

	if (owner == 0)
		return;
	/* No record has the birth 0 but by chance: who was given the session last is not the first to go. */
	thin(t, c, owner, 0, now_ms);
	set_owner(page, 0);
}
