/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/kin.h"

#include <string.h>

#include "base/match.h"
#include "shm/kv_impl.h"

enum {
	TRIES = 100,			/* to copy a header while others count accesses in it */
	AHEAD = 64,			/* kins that are fetched ahead of the look at them */
};

_Static_assert((int)GS_KIN_BATCH >= 2 * (int)GS_MATCH_WORDS, "a line that fits as a whole finds room while the batch is half empty");

uint64_t
gs_kin_hash(const struct gs_table *t, uint32_t ns, const void *bytes, uint32_t len)
{
	uint64_t h = len == 0 ? 0 : gs_key_hash(t, ns, bytes, len);

	return len > 0 && h == 0 ? 1 : h;
}

void
gs_kin_of_owner(struct gs_kin *k, uint64_t hash)
{
	memset(k, 0, sizeof(*k));
	k->hash = hash;
	k->mask = gs_kin(UINT32_MAX, 0);
	k->want = gs_kin(gs_record_kin_bits(hash), 0);
}

void
gs_kin_of_link(struct gs_kin *k, uint64_t hash)
{
	memset(k, 0, sizeof(*k));
	k->hash = hash;
	k->is_link = true;
	k->mask = gs_kin(0, UINT32_MAX);
	k->want = gs_kin(0, gs_record_kin_bits(hash));
}

/* Note the slots of a line of kins that fit, and begin to fetch them. */
static void
note(struct gs_table *t, struct gs_kin *k, const struct gs_arena *a, uint32_t fits)
{
	for (; fits != 0; fits &= fits - 1) {
		uint32_t addr = gs_entry_addr(gs_entry(0, 0, a->ring, a->class_id, k->slot + (uint32_t)__builtin_ctz(fits)));

		k->found[k->n++] = addr;
		gs_index_prefetch_slot(t, addr, GS_FETCH_HEAD);
	}
}

/* Look on in one arena until the batch is half full or the arena ends. */
static void
search_arena(struct gs_table *t, struct gs_kin *k, const struct gs_arena *a)
{
	for (; k->slot < a->n_slots && k->n <= GS_KIN_BATCH - GS_MATCH_WORDS; k->slot += GS_MATCH_WORDS) {
		/* Where there is no memory, a look would make some. */
		if (k->slot % a->seg_slots == 0 && !gs_slots_may_live(a, k->slot)) {
			k->slot += a->seg_slots - GS_MATCH_WORDS;
			continue;
		}
		if (k->slot + AHEAD < a->n_slots && (k->slot + AHEAD) % a->seg_slots >= AHEAD)
			gs_prefetch(&a->kin[k->slot + AHEAD]);
		note(t, k, a, gs_match_halves(&a->kin[k->slot], k->mask, k->want));
	}
}

static void
search(struct gs_table *t, struct gs_kin *k)
{
	k->n = k->at = 0;
	while (k->arena < GS_MAX_ARENAS && k->n <= GS_KIN_BATCH - GS_MATCH_WORDS) {
		const struct gs_arena *a = &t->arena[k->arena];

		if (gs_table_has(t, a))
			search_arena(t, k, a);
		if (gs_table_has(t, a) && k->slot < a->n_slots)
			return;
		k->arena++;
		k->slot = 0;
	}
}

bool
gs_kin_at(struct gs_table *t, uint32_t addr, struct gs_meta *meta)
{
	struct gs_hit hit = { .slot = gs_table_slot(t, addr), .ordinal = UINT64_MAX };
	struct gs_slot head;
	int rc;

	for (int tries = 0; hit.slot != NULL && tries < TRIES; tries++) {
		/* acquire; pairs with the release of READY in gs_record_write */
		hit.w = atomic_load_explicit(&hit.slot->W, memory_order_acquire);
		if (gs_word_state(hit.w) != GS_SLOT_READY)
			return false;
		hit.entry = gs_entry(0, gs_word_gen(hit.w), 0, 0, 0) | addr;
		rc = gs_record_header(t, &hit, &head);
		if (rc < 0)
			return false;
		if (rc > 0 && gs_kv_fill_meta(&hit, &head, meta))
			return true;
	}
	return false;
}

static bool
is_kin(const struct gs_table *t, const struct gs_kin *k, const struct gs_meta *meta)
{
	return k->hash == (k->is_link ? gs_kin_hash(t, 0, meta->link, meta->link_len) : gs_kin_hash(t, meta->ns, meta->owner, meta->owner_len));
}

int
gs_kin_next(struct gs_table *t, struct gs_kin *k, struct gs_meta *meta)
{
	/* Nobody and nothing have no kin. */
	if (k->hash == 0)
		return 0;
	for (;;) {
		while (k->at < k->n)
			if (gs_kin_at(t, k->found[k->at++], meta) && is_kin(t, k, meta))
				return 1;
		if (k->arena >= GS_MAX_ARENAS)
			return 0;
		search(t, k);
	}
}
