/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/match.h"
#include "lib/handle.h"
#include "lib/info.h"
#include "policy/decay.h"
#include "shm/index.h"
#include "shm/namespaces.h"

enum { EACH_BATCH = 16, SCAN_AHEAD = 16, BUCKETS_AHEAD = 8 };

/* What is filled of an item: all of it, or as gs_scan_keys() says. */
enum depth { WHOLE, KEY_ONLY };

/* Fill an item with the session at an ordinal. 0, or GS_ENOENT. */
static int
item_at(struct gs *gs, struct gs_ctx *c, uint64_t ordinal, const struct gs_now *now, struct gs_item *item, struct gs_meta *meta)
{
	int rc = gs_kv_at(gs->t, c, ordinal, now->store_ms, meta);

	if (rc < 0)
		return rc;
	memcpy(item->key_buf, meta->key, meta->key_len + 1);
	item->key = item->key_buf;
	item->key_len = meta->key_len;
	item->rc = (ssize_t)meta->val_len;
	gs_info_fill(gs, meta, now, &item->info);
	return 0;
}

/* The same as gs_scan_keys() says; the item's namespace, too. */
static int
key_at(struct gs *gs, struct gs_ctx *c, uint64_t ordinal, const struct gs_now *now, struct gs_item *item)
{
	struct gs_listed l = { .key = item->key_buf };
	int rc = gs_kv_key_at(gs->t, c, ordinal, now->store_ms, &l);

	if (rc < 0)
		return rc;
	item->key = item->key_buf;
	item->key_len = l.key_len;
	item->rc = (ssize_t)l.val_len;
	item->info.id = gs_info_id(ordinal, l.birth);
	item->info.ring_id = l.ring;
	item->info.ns_id = l.ns;
	item->info.len = l.val_len;
	return 0;
}

/*
 * Entries that are worth looking at, a few at a time, so that what they name is on its way into the cache when they are
 * looked at: slots lie in another order than entries, and each would be waited for.  They are fetched in one go and not one
 * as another is taken, as the processor then looks their pages up at once.
 */
struct ahead {
	uint32_t ring;			/* whose entries; GS_RING_NONE: all */
	enum depth depth;
	uint64_t bucket;		/* of the next entry that is not in the queue */
	uint32_t left;			/* bit per word of it: entries that are not yet in the queue */
	uint32_t first, n;		/* of the queue: the next, and the end */
	uint64_t ordinals[SCAN_AHEAD];
};

/* Go to a bucket, of whose entries those from place on are looked at; buckets behind it are on their way then. */
static void
enter_bucket(struct ahead *a, const struct gs_table *t, uint64_t bucket, uint32_t place)
{
	a->bucket = bucket;
	a->left = 0;
	if (bucket >= t->n_buckets)
		return;
	gs_prefetch(&t->buckets[gs_min_u64(bucket + BUCKETS_AHEAD, t->n_buckets - 1)]);
	gs_prefetch(&t->buckets[gs_min_u64(bucket + BUCKETS_AHEAD, t->n_buckets - 1)].e[GS_LINE_BYTES / 8 - 1]);
	/* What is not empty; word 0 is the header. */
	a->left = ~gs_match_words(&t->buckets[bucket].H, 0, GS_ENTRY_TAG_SHIFT + 1) & ((UINT32_C(2) << GS_BUCKET_ENTRIES) - (UINT32_C(2) << place));
}

/* The next entry's place in its bucket; GS_BUCKET_ENTRIES when there is none. */
static uint64_t
next_place(const struct ahead *a)
{
	return a->left == 0 ? GS_BUCKET_ENTRIES : (uint64_t)__builtin_ctz(a->left) - 1;
}

static void
look_ahead(struct ahead *a, struct gs_table *t)
{
	uint64_t place, entry;

	a->first = a->n = 0;
	while (a->n < SCAN_AHEAD && a->bucket < t->n_buckets) {
		if (a->left == 0) {
			enter_bucket(a, t, a->bucket + 1, 0);
			continue;
		}
		place = next_place(a);
		a->left &= a->left - 1;
		entry = atomic_load_explicit(&t->buckets[a->bucket].e[place], memory_order_relaxed);
		if (a->ring != GS_RING_NONE && gs_entry_ring(entry) != a->ring)
			continue;
		if (a->depth == KEY_ONLY)
			gs_index_prefetch_key(t, entry);
		else
			gs_index_prefetch_slot(t, entry, GS_FETCH_HEAD);
		a->ordinals[a->n++] = a->bucket * GS_BUCKET_ENTRIES + place;
	}
}

/* The next one; false at the end. */
static bool
next_ordinal(struct ahead *a, struct gs_table *t, uint64_t *ordinal)
{
	if (a->first == a->n)
		look_ahead(a, t);
	if (a->n == 0)
		return false;
	*ordinal = a->ordinals[a->first++];
	return true;
}

/* Where a scan goes on that has taken all but the queue. */
static uint64_t
left_at(const struct ahead *a, const struct gs_table *t)
{
	uint64_t next = a->first < a->n ? a->ordinals[a->first] : a->bucket * GS_BUCKET_ENTRIES + next_place(a);

	return gs_min_u64(next, gs_table_entries(t));
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
	struct ahead ahead = { .depth = depth };
	struct gs_lease *l;
	struct gs_meta meta;
	struct gs_now now;
	uint64_t ordinal;
	size_t filled = 0;
	int rc = ring_of(gs, ring, &ahead.ring);

	if (rc == 0)
		rc = gs_handle_enter(gs, &l);
	if (rc < 0)
		return rc;
	gs_info_now(gs, &now);
	enter_bucket(&ahead, gs->t, *cursor / GS_BUCKET_ENTRIES, (uint32_t)(*cursor % GS_BUCKET_ENTRIES));
	while (filled < n && next_ordinal(&ahead, gs->t, &ordinal)) {
		struct gs_item *item = &items[filled];

		rc = depth == WHOLE ? item_at(gs, &l->ctx, ordinal, &now, item, &meta) : key_at(gs, &l->ctx, ordinal, &now, item);
		/* the session may have moved on since the entry was looked at */
		if (rc == 0 && (ahead.ring == GS_RING_NONE || item->info.ring_id == ahead.ring) && item->info.ns_id == gs->ns)
			filled++;
	}
	*cursor = left_at(&ahead, gs->t);
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
	rc = item_at(gs, &l->ctx, gs_info_ordinal(id), &now, item, &meta);
	gs_handle_leave(l);
	return rc == GS_ENOENT || (rc == 0 && gs_info_id(meta.ordinal, meta.birth) != id) ? GS_ESTALE : rc;
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
