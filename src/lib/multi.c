/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdint.h>

#include "base/bits.h"
#include "lib/handle.h"
#include "lib/info.h"
#include "lib/session.h"

enum { MULTI_BATCH = 16 };		/* keys of which as much is held at once */

/* Up to MULTI_BATCH keys. How many were found. */
static int
get_batch(struct gs *gs, struct gs_ctx *c, struct gs_item *items, size_t n)
{
	struct gs_kv_item one[MULTI_BATCH];
	struct gs_meta meta[MULTI_BATCH];
	struct gs_now now;
	int found = 0;

	for (size_t i = 0; i < n; i++) {
		one[i].rc = gs_handle_key(gs, &one[i].key, items[i].key, items[i].key_len);
		one[i].buf = items[i].buf;
		one[i].cap = items[i].cap;
		one[i].meta = &meta[i];
	}
	now.store_ms = gs_table_now_ms(gs->t);
	gs_kv_get_many(gs->t, c, now.store_ms, one, n);
	now.wall_ns = gs_info_wall_ns(gs, now.store_ms);
	for (size_t i = 0; i < n; i++) {
		items[i].rc = one[i].rc;
		if (gs_session_has_info(one[i].rc))
			gs_info_fill(gs, &meta[i], &now, &items[i].info);
		found += one[i].rc >= 0;
	}
	return found;
}

/* How many were found of a run of items; or what a forked child's attach answers. */
static int
get_run(struct gs *gs, struct gs_item *items, size_t n)
{
	struct gs_lease *l;
	int found = 0, rc = gs_handle_enter(gs, &l);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n; i += MULTI_BATCH)
		found += get_batch(gs, &l->ctx, items + i, n - i < MULTI_BATCH ? n - i : MULTI_BATCH);
	gs_handle_leave(l);
	return found;
}

/* Get those whose turn has come. *next_ms: the wait for the first of those whose has not. How many were found. */
static int
get_due(struct gs *gs, struct gs_item *items, size_t n, uint64_t *next_ms)
{
	struct gs_key k;
	int found = 0;

	*next_ms = UINT64_MAX;
	for (size_t i = 0; i < n; i++) {
		if (items[i].rc != GS_EQUARANTINE || gs_handle_key(gs, &k, items[i].key, items[i].key_len) < 0)
			continue;
		/* To ask before is another attempt that comes too soon. */
		if (gs_session_turn_ms(gs, &k) == 0)
			found += get_run(gs, &items[i], 1) > 0 ? 1 : 0;
		if (items[i].rc == GS_EQUARANTINE)
			*next_ms = gs_min_u64(*next_ms, gs_max_u64(1, gs_session_turn_ms(gs, &k)));
	}
	return found;
}

/*
 * Wait for the turns of those that were refused, those that come first first, as long as the patience of the one call lasts. How
 * many were found.
 */
static int
wait_for_turns(struct gs *gs, struct gs_item *items, size_t n)
{
	uint64_t until_ms = gs_table_now_ms(gs->t) + gs->own->patience_ms, next_ms;
	int found = get_due(gs, items, n, &next_ms);

	while (next_ms != UINT64_MAX && gs_table_now_ms(gs->t) + next_ms <= until_ms) {
		gs_session_pause(next_ms);
		found += get_due(gs, items, n, &next_ms);
	}
	return found;
}

static bool
is_any_refused(const struct gs_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (items[i].rc == GS_EQUARANTINE)
			return true;
	return false;
}

int
gs_multi_get(struct gs *gs, struct gs_item *items, size_t n)
{
	int found;

	if (n > INT32_MAX)
		return GS_ERANGE;
	found = get_run(gs, items, n);
	if (found >= 0 && gs->own->patience_ms > 0 && is_any_refused(items, n))
		found += wait_for_turns(gs, items, n);
	return found;
}
