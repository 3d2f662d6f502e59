/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "lib/handle.h"
#include "lib/info.h"
#include "policy/decay.h"
#include "shm/index.h"
#include "shm/namespaces.h"

enum { EACH_BATCH = 16, SCAN_AHEAD = 8 };

/* What is filled of an item: all of it, or as gs_scan_keys() says. */
enum depth { WHOLE, KEY_ONLY };

/* Fill an item with the session at an ordinal. 0, or GS_ENOENT. */
static int
item_at(struct gs *gs, struct gs_ctx *c, uint64_t ordinal, const struct gs_now *now, enum depth depth, struct gs_item *item, struct gs_meta *meta)
{
	int rc = depth == WHOLE ? gs_kv_at(gs->t, c, ordinal, now->store_ms, meta) : gs_kv_key_at(gs->t, c, ordinal, now->store_ms, meta);

	if (rc < 0)
		return rc;
	memcpy(item->key_buf, meta->key, meta->key_len + 1);
	item->key = item->key_buf;
	item->key_len = meta->key_len;
	item->rc = (ssize_t)meta->val_len;
	if (depth == WHOLE) {
		gs_info_fill(gs, meta, now, &item->info);
	} else {
		item->info.id = gs_info_id(meta);
		item->info.ring_id = meta->ring;
		item->info.len = meta->val_len;
	}
	return 0;
}

/*
 * Entries that are worth looking at, a few ahead of the one that is looked at, so that what they name is on its way into
 * the cache by then: slots lie in another order than entries, and each would be waited for.
 */
struct ahead {
	uint64_t bucket, place;		/* of the next entry that is not in the queue */
	uint64_t ordinals[SCAN_AHEAD];	/* a ring: those from first, of which there are n */
	unsigned first, n;
};

/* The place of the first entry of a bucket, from place on, that is in the ring; GS_BUCKET_ENTRIES when there is none. */
static uint64_t
next_place(const struct gs_bucket *b, uint64_t place, uint32_t ring, uint64_t *entry)
{
	for (; place < GS_BUCKET_ENTRIES; place++) {
		*entry = atomic_load_explicit(&b->e[place], memory_order_relaxed);
		if (*entry != 0 && (ring == GS_RING_NONE || gs_entry_ring(*entry) == ring))
			break;
	}
	return place;
}

static void
look_ahead(struct gs_table *t, uint32_t ring, struct ahead *a)
{
	uint64_t n_buckets = gs_table_entries(t) / GS_BUCKET_ENTRIES, entry = 0;

	while (a->n < SCAN_AHEAD && a->bucket < n_buckets) {
		a->place = next_place(&t->buckets[a->bucket], a->place, ring, &entry);
		if (a->place == GS_BUCKET_ENTRIES) {
			a->bucket++;
			a->place = 0;
			continue;
		}
		gs_index_prefetch_slot(t, entry, GS_FETCH_HEAD);
		a->ordinals[(a->first + a->n++) % SCAN_AHEAD] = a->bucket * GS_BUCKET_ENTRIES + a->place++;
	}
}

/* The next one; false at the end. */
static bool
next_ordinal(struct gs_table *t, uint32_t ring, struct ahead *a, uint64_t *ordinal)
{
	look_ahead(t, ring, a);
	if (a->n == 0)
		return false;
	*ordinal = a->ordinals[a->first];
	a->first = (a->first + 1) % SCAN_AHEAD;
	a->n--;
	return true;
}

/* Where a scan goes on that has taken all but the queue. */
static uint64_t
left_at(const struct ahead *a)
{
	return a->n > 0 ? a->ordinals[a->first] : a->bucket * GS_BUCKET_ENTRIES + a->place;
}

static int
ring_of(struct gs *gs, const char *ring, uint32_t *out)
{
	*out = ring == NULL ? GS_RING_NONE : gs_table_ring(gs->t, ring);
	return ring != NULL && *out == GS_RING_NONE ? GS_EINVAL : 0;
}

static ssize_t
scan(struct gs *gs, const char *ring, enum depth depth, uint64_t *cursor, struct gs_item *items, size_t n)
{
	struct ahead ahead = { .bucket = *cursor / GS_BUCKET_ENTRIES, .place = *cursor % GS_BUCKET_ENTRIES };
	struct gs_lease *l;
	struct gs_meta meta;
	struct gs_now now;
	uint64_t ordinal;
	size_t filled = 0;
	uint32_t id;
	int rc = ring_of(gs, ring, &id);

	if (rc == 0)
		rc = gs_handle_enter(gs, &l);
	if (rc < 0)
		return rc;
	gs_info_now(gs, &now);
	while (filled < n && next_ordinal(gs->t, id, &ahead, &ordinal))
		/* the session may have moved on since the entry was looked at */
		if (item_at(gs, &l->ctx, ordinal, &now, depth, &items[filled], &meta) == 0 && (id == GS_RING_NONE || meta.ring == id) &&
		    meta.ns == gs->ns)
			filled++;
	*cursor = left_at(&ahead);
	gs_handle_leave(l);
	return (ssize_t)filled;
}

ssize_t
gs_scan(struct gs *gs, const char *ring, uint64_t *cursor, struct gs_item *items, size_t n)
{
	return scan(gs, ring, WHOLE, cursor, items, n);
}

ssize_t
gs_scan_keys(struct gs *gs, const char *ring, uint64_t *cursor, struct gs_item *items, size_t n)
{
	return scan(gs, ring, KEY_ONLY, cursor, items, n);
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
	rc = item_at(gs, &l->ctx, gs_info_ordinal(id), &now, WHOLE, item, &meta);
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

/* False: there is none of this id. */
static bool
load_namespace(const struct gs *gs, uint32_t id, struct gs_namespace_info *out)
{
	struct gs_namespace_spec spec;

	if (!gs_namespaces_load(gs->t, id, &spec))
		return false;
	memset(out, 0, sizeof(*out));
	memcpy(out->name, spec.name, sizeof(spec.name) - 1);
	out->id = id;
	out->uid = spec.uid;
	out->gid = spec.gid;
	out->mode = spec.mode;
	out->idle_ms = spec.idle_ms == GS_DURATION_MAX ? 0 : spec.idle_ms;
	out->max_sessions = spec.max_sessions == GS_NAMESPACE_UNLIMITED ? 0 : spec.max_sessions;
	out->count = gs_namespaces_count(gs->t, id);
	return true;
}

int
gs_namespaces(struct gs *gs, struct gs_namespace_info *out, size_t n)
{
	struct gs_namespace_info info;
	int found = 0;

	for (uint32_t id = 1; id < GS_NAMESPACES; id++) {
		if (!load_namespace(gs, id, &info))
			continue;
		if ((size_t)found < n)
			out[found] = info;
		found++;
	}
	return found;
}

int
gs_find_namespace(struct gs *gs, const char *name, uint64_t id, struct gs_namespace_info *out)
{
	int found = name == NULL ? 0 : gs_namespaces_find(gs->t, name);

	if (found < 0)
		return found;
	if (name != NULL)
		id = (uint64_t)found;
	return id < GS_NAMESPACES && load_namespace(gs, (uint32_t)id, out) ? 0 : GS_ENOENT;
}

size_t
gs_record_size(struct gs *gs)
{
	return gs->t->record_size;
}
