/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "lib/handle.h"
#include "lib/info.h"

enum { EACH_BATCH = 16 };

/* Fill an item with the session at an ordinal. 0, or GS_ENOENT. */
static int
item_at(struct gs *gs, struct gs_ctx *c, uint64_t ordinal, const struct gs_now *now, struct gs_item *item, struct gs_meta *meta)
{
	int rc = gs_kv_at(gs->t, c, ordinal, now->store_ms, meta);

	if (rc < 0)
		return rc;
	memcpy(item->key_buf, meta->key, sizeof(meta->key));
	item->key = item->key_buf;
	item->key_len = meta->key_len;
	item->rc = (ssize_t)meta->val_len;
	gs_info_fill(gs, meta, now, &item->info);
	return 0;
}

/* Is it worth looking at this entry? */
static bool
is_in_ring(struct gs_table *t, uint64_t ordinal, uint32_t ring)
{
	uint64_t e = atomic_load_explicit(gs_table_entry(t, ordinal), memory_order_relaxed);

	return e != 0 && (ring == GS_RING_NONE || gs_entry_ring(e) == ring);
}

static int
ring_of(struct gs *gs, const char *ring, uint32_t *out)
{
	*out = ring == NULL ? GS_RING_NONE : gs_table_ring(gs->t, ring);
	return ring != NULL && *out == GS_RING_NONE ? GS_EINVAL : 0;
}

ssize_t
gs_scan(struct gs *gs, const char *ring, uint64_t *cursor, struct gs_item *items, size_t n)
{
	uint64_t end = gs_table_entries(gs->t);
	struct gs_lease *l;
	struct gs_meta meta;
	struct gs_now now;
	size_t filled = 0;
	uint32_t id;
	int rc = ring_of(gs, ring, &id);

	if (rc == 0)
		rc = gs_handle_enter(gs, &l);
	if (rc < 0)
		return rc;
	gs_info_now(gs, &now);
	for (; *cursor < end && filled < n; (*cursor)++)
		/* the session may have moved on since the entry was looked at */
		if (is_in_ring(gs->t, *cursor, id) && item_at(gs, &l->ctx, *cursor, &now, &items[filled], &meta) == 0 &&
		    (id == GS_RING_NONE || meta.ring == id))
			filled++;
	gs_handle_leave(l);
	return (ssize_t)filled;
}

int
gs_each(struct gs *gs, const char *ring, gs_each_fn fn, void *arg)
{
	struct gs_item items[EACH_BATCH];
	uint64_t cursor = 0;
	ssize_t n;
	int rc;

	while ((n = gs_scan(gs, ring, &cursor, items, EACH_BATCH)) > 0)
		for (ssize_t i = 0; i < n; i++) {
			rc = fn(arg, &items[i]);
			if (rc != 0)
				return rc;
		}
	return (int)n;
}

int
gs_find(struct gs *gs, uint64_t id, struct gs_item *item)
{
	struct gs_lease *l;
	struct gs_meta meta;
	struct gs_now now;
	int rc = gs_handle_enter(gs, &l);

	if (rc < 0)
		return rc;
	gs_info_now(gs, &now);
	rc = item_at(gs, &l->ctx, gs_info_ordinal(id), &now, item, &meta);
	gs_handle_leave(l);
	return rc == GS_ENOENT || (rc == 0 && gs_info_id(&meta) != id) ? GS_ESTALE : rc;
}

int
gs_rings(struct gs *gs, struct gs_ring_info *out, size_t n)
{
	const struct gs_table *t = gs->t;
	uint32_t ids[GS_MAX_RINGS], n_rings = gs_table_rings(t, ids);
	int found = 0;

	for (uint32_t i = 0; i < n_rings; i++) {
		const struct gs_ring_cfg *r = &t->ctl->ring[ids[i]];
		int64_t count = atomic_load_explicit(&t->idx->population[ids[i]].n, memory_order_relaxed);
		struct gs_ring_info info = { .id = ids[i] };

		/* It may have gone meanwhile. */
		if (!gs_table_ring_name(t, ids[i], info.name))
			continue;
		info.diameter = atomic_load_explicit(&r->diameter, memory_order_relaxed);
		info.is_suspect = r->kind == GS_RING_SUSPECT;
		info.is_on = gs_table_ring_state(t, ids[i]) == GS_RING_ON;
		info.count = count < 0 ? 0 : (uint64_t)count;
		info.capacity = atomic_load_explicit(&r->capacity, memory_order_relaxed);
		if ((size_t)found < n)
			out[found] = info;
		found++;
	}
	return found;
}

size_t
gs_record_size(struct gs *gs)
{
	return gs->t->record_size;
}
