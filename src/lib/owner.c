/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "lib/handle.h"
#include "lib/info.h"
#include "shm/kin.h"
#include "shm/logout.h"

enum {
	BATCH = 16,			/* sessions between two calls of fn */
	PASSES = 4,			/* for who moved behind the back of the one before */
	FIRST_PLACES = 64,
};

/* Ids that were told of: open addressing, 0 is an empty place. */
struct told {
	uint64_t *id;
	size_t n, n_places;		/* a power of two, or 0 */
};

/* The place of an id, or the empty one where it belongs. */
static uint64_t *
place_of(const struct told *s, uint64_t id)
{
	size_t i = (size_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (s->n_places - 1);

	while (s->id[i] != 0 && s->id[i] != id)
		i = (i + 1) & (s->n_places - 1);
	return &s->id[i];
}

static int
grow(struct told *s)
{
	struct told more = { .n = s->n, .n_places = s->n_places == 0 ? FIRST_PLACES : 2 * s->n_places };

	more.id = calloc(more.n_places, sizeof(more.id[0]));
	if (more.id == NULL)
		return GS_ENOMEM;
	for (size_t i = 0; i < s->n_places; i++)
		if (s->id[i] != 0)
			*place_of(&more, s->id[i]) = s->id[i];
	free(s->id);
	*s = more;
	return 0;
}

/* 1 when the id is new, 0 when it was told of before. */
static int
note(struct told *s, uint64_t id)
{
	uint64_t *at;

	if (2 * s->n >= s->n_places) {
		int rc = grow(s);

		if (rc < 0)
			return rc;
	}
	at = place_of(s, id);
	if (*at == id)
		return 0;
	*at = id;
	s->n++;
	return 1;
}

struct walk {
	struct gs_kin kin;
	struct told told;
	const void *owner;
	uint32_t owner_len;
	gs_each_fn fn;
	void *arg;
};

/* The session that a record of the owner leads to, if it is the owner's still and new to us. 1, 0, GS_ENOMEM. */
static int
load_session(struct gs *gs, struct gs_ctx *c, struct walk *w, const struct gs_meta *record, struct gs_item *item)
{
	const struct gs_key k = { .bytes = record->key, .len = record->key_len, .ns = record->ns, .hash = record->hash };
	struct gs_meta meta;
	struct gs_now now;
	int rc;

	gs_info_now(gs, &now);
	if (gs_kv_get(gs->t, c, &k, now.store_ms, NULL, 0, GS_KV_INSPECT, &meta) < 0 || meta.owner_len != w->owner_len ||
	    memcmp(meta.owner, w->owner, w->owner_len) != 0)
		return 0;
	rc = note(&w->told, gs_info_id(meta.ordinal, meta.birth));
	if (rc <= 0)
		return rc;
	memcpy(item->key_buf, meta.key, sizeof(meta.key));
	item->key = item->key_buf;
	item->key_len = meta.key_len;
	item->rc = (ssize_t)meta.val_len;
	gs_info_fill(gs, &meta, &now, &item->info);
	return 1;
}

/* The next sessions of the pass: how many, 0 at its end. */
static int
next_batch(struct gs *gs, struct walk *w, struct gs_item items[BATCH])
{
	struct gs_meta record;
	struct gs_lease *l;
	int n = 0, rc = gs_handle_enter(gs, &l);

	if (rc < 0)
		return rc;
	while (n < BATCH && rc >= 0 && gs_kin_next(gs->t, &w->kin, &record) > 0) {
		rc = load_session(gs, &l->ctx, w, &record, &items[n]);
		n += rc > 0;
	}
	gs_handle_leave(l);
	return rc < 0 ? rc : n;
}

/* One pass: how many sessions it told of, or what fn returned in *stop. */
static int
walk_once(struct gs *gs, struct walk *w, int *stop)
{
	struct gs_item items[BATCH];
	int n, n_told = 0;

	while ((n = next_batch(gs, w, items)) > 0)
		for (int i = 0; i < n; i++) {
			*stop = w->fn(w->arg, &items[i]);
			if (*stop != 0)
				return 0;
			n_told = 1;
		}
	return n < 0 ? n : n_told;
}

int
gs_each_owner(struct gs *gs, const void *owner, size_t owner_len, gs_each_fn fn, void *arg)
{
	struct walk w = { .owner = owner, .owner_len = (uint32_t)owner_len, .fn = fn, .arg = arg };
	int rc = 1, stop = 0;

	if (owner == NULL || owner_len == 0 || owner_len > GS_OWNER_BYTES)
		return GS_EINVAL;
	for (int pass = 0; pass < PASSES && rc > 0; pass++) {
		gs_kin_of_owner(&w.kin, gs_kin_hash(gs->t, gs->ns, owner, w.owner_len));
		rc = walk_once(gs, &w, &stop);
	}
	free(w.told.id);
	return rc < 0 ? rc : stop;
}

int
gs_logout(struct gs *gs, const void *owner, size_t owner_len, uint64_t *n)
{
	struct gs_lease *l;
	uint64_t ended;
	int rc = gs_handle_may(gs, GS_RIGHT_START, NULL, 0);

	if (rc == 0 && (owner == NULL || owner_len == 0 || owner_len > GS_OWNER_BYTES))
		rc = GS_EINVAL;
	if (rc == 0)
		rc = gs_handle_enter(gs, &l);
	if (rc < 0)
		return rc;
	rc = gs_logout_run(gs->t, &l->ctx, gs_kin_hash(gs->t, gs->ns, owner, (uint32_t)owner_len), gs_table_now_ms(gs->t), &ended);
	gs_handle_leave(l);
	if (n != NULL)
		*n = ended;
	return rc;
}
