/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/watch.h"

#include <stdio.h>
#include <string.h>

#include "daemon/events.h"
#include "shm/index.h"

enum { AHEAD = 16 };			/* entries whose slots are fetched before they are looked at */

static void
note(struct watch *w, const struct gs_table *t, uint64_t ordinal, enum gs_damage what)
{
	uint64_t e = atomic_load_explicit(&t->buckets[ordinal / GS_BUCKET_ENTRIES].e[ordinal % GS_BUCKET_ENTRIES], memory_order_relaxed);

	if (w->now.n++ > 0)
		return;
	w->now.first = ordinal;
	w->now.ring = gs_entry_ring(e);
	w->now.what = what;
}

static bool
is_same(const struct watch_found *a, const struct watch_found *b)
{
	return a->n == b->n && a->first == b->first && a->what == b->what;
}

static void
end_round(struct watch *w, const struct gs_table *t, struct events *events)
{
	const char *ring = w->now.ring < t->n_rings ? t->ctl->ring[w->now.ring].name : "none";

	if (w->now.n > 0 && !is_same(&w->now, &w->told))
		events_add(events, "damaged", "table=%s what=%s entry=%llu ring=%s count=%llu", t->name, gs_damage_name(w->now.what),
		    (unsigned long long)w->now.first, ring, (unsigned long long)w->now.n);
	*w = (struct watch){ .told = w->now };
}

void
watch_tick(struct watch *w, struct gs_table *t, struct gs_ctx *c, struct events *events)
{
	uint64_t end = gs_min_u64(w->bucket + WATCH_BUCKETS, t->n_buckets);

	for (uint64_t o = w->bucket * GS_BUCKET_ENTRIES; o < end * GS_BUCKET_ENTRIES; o++) {
		enum gs_damage what;

		if (o + AHEAD < gs_table_entries(t))
			gs_index_prefetch_slot(t, atomic_load_explicit(gs_table_entry(t, o + AHEAD), memory_order_relaxed), GS_FETCH_HEAD);
		what = gs_damage_of_entry(t, o);
		if (what == GS_DAMAGE_NONE)
			continue;
		gs_ctx_count(c, GS_COUNT_CORRUPT);
		note(w, t, o, what);
	}
	w->bucket = end;
	if (w->bucket == t->n_buckets)
		end_round(w, t, events);
}

void
watch_page(struct gs_table *t, struct gs_ctx *c, uint32_t id, struct events *events)
{
	uint32_t n = gs_damage_of_page(t, id);

	if (n == 0)
		return;
	gs_ctx_count(c, GS_COUNT_CORRUPT);
	events_add(events, "damaged", "table=%s what=context context=%u count=%u", t->name, id, n);
}
