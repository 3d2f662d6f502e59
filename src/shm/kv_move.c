/* SPDX-License-Identifier: BSD-2-Clause */
/* What an operator does to a session: it is moved, or pardoned. */
#include "base/atomic.h"
#include "shm/evict.h"
#include "shm/kv.h"
#include "shm/kv_quota.h"

static enum gs_event_kind
move_kind(const struct gs_table *t, uint32_t from, uint32_t to)
{
	if (t->ctl->ring[to].kind == GS_RING_SUSPECT)
		return GS_EVENT_QUARANTINED;
	return t->ctl->ring[from].kind == GS_RING_SUSPECT ? GS_EVENT_PARDONED : GS_EVENT_MOVED;
}

static enum gs_counter
move_counter(const struct gs_table *t, uint32_t from, uint32_t to)
{
	if (t->ctl->ring[to].kind == GS_RING_SUSPECT)
		return GS_COUNT_QUARANTINED;
	if (t->ctl->ring[from].kind == GS_RING_SUSPECT)
		return GS_COUNT_PARDONED;
	return GS_COUNT_MOVED;
}

/* Is a move from here to there one inwards? Out of the suspects it is. */
static bool
is_inwards(const struct gs_table *t, uint32_t from, uint32_t to)
{
	const struct gs_ring_cfg *f = &t->ctl->ring[from], *g = &t->ctl->ring[to];

	if (f->kind == GS_RING_SUSPECT || g->kind == GS_RING_SUSPECT)
		return g->kind != GS_RING_SUSPECT;
	return atomic_load_explicit(&g->diameter, memory_order_relaxed) < atomic_load_explicit(&f->diameter, memory_order_relaxed);
}

static int
move_hit(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, uint64_t now_ms, uint32_t to)
{
	uint32_t from = gs_entry_ring(hit->entry);
	struct gs_turn turn = { .kind = move_kind(t, from, to), .reason = GS_REASON_OPERATOR, .from = from, .to = to, .now_ms = now_ms };
	enum gs_move_as as = is_inwards(t, from, to) ? GS_MOVE_AS_ACCESS : GS_MOVE_KEEP_TIMES;
	int rc;

	if (t->ctl->ring[to].kind == GS_RING_SUSPECT)
		as = GS_MOVE_SUSPECT;
	else if (gs_kv_is_suspect(t, hit->entry))
		as = GS_MOVE_PARDON;
	if (!gs_evict_reserve(t, c, to, gs_entry_addr(hit->entry), now_ms)) {
		gs_ctx_count(c, GS_COUNT_ENOSPC);
		return GS_ENOSPC;
	}
	rc = gs_kv_relocate(t, c, hit, to, now_ms, as);
	gs_kv_unreserve(t, rc == 0 ? from : to);
	if (rc == 0) {
		gs_ctx_count(c, move_counter(t, from, to));
		gs_kv_tell(t, c, c->scratch, &turn);
	}
	return rc;
}

int
gs_kv_move(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, uint32_t ring)
{
	struct gs_slot head;
	struct gs_hit hit;
	int rc = KV_AGAIN;

	if (ring >= t->n_rings)
		return GS_EINVAL;
	for (int tries = 0; tries < KV_TRIES && rc == KV_AGAIN; tries++) {
		rc = gs_kv_look_up(t, c, k, now_ms, &hit, &head);
		if (rc == 1 || rc == KV_ROTATED)
			rc = gs_entry_ring(hit.entry) == ring ? 0 : move_hit(t, c, &hit, now_ms, ring);
	}
	return gs_kv_result(t, c, k, rc);
}

static void
tell_pardoned(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, const struct gs_hit *hit, const struct gs_slot *head, uint64_t now_ms)
{
	const struct gs_turn turn = {
		.kind = GS_EVENT_PARDONED, .reason = GS_REASON_OPERATOR, .from = gs_entry_ring(hit->entry), .to = gs_entry_ring(hit->entry),
		.now_ms = now_ms, .hash = head->hash, .ns = k->ns, .version = head->version, .key = k->bytes, .key_len = k->len,
	};

	gs_ctx_count(c, GS_COUNT_PARDONED);
	gs_event_tell(t, c, &turn);
}

int
gs_kv_pardon(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, uint32_t birth)
{
	struct gs_slot head;
	struct gs_hit hit;
	int rc = KV_AGAIN;

	for (int tries = 0; tries < KV_TRIES && rc == KV_AGAIN; tries++) {
		rc = gs_kv_look_up(t, c, k, now_ms, &hit, &head);
		if ((rc == 1 || rc == KV_ROTATED) && birth != 0 && head.birth != birth)
			rc = GS_ENOENT;
		/* A key that was given up can be a suspect too: kv_rotate.c. */
		if (rc == KV_ROTATED)
			rc = gs_kv_is_suspect(t, hit.entry) ? 1 : GS_ESTALE;
		if (rc != 1)
			continue;
		if (gs_kv_is_suspect(t, hit.entry)) {
			rc = move_hit(t, c, &hit, now_ms, gs_table_innermost(t));
		} else if (gs_offence_since_ms(gs_timed_value(gs_kv_word(&head.O))) == 0) {
			rc = GS_ENOENT;
		} else {
			rc = gs_kv_pardon_here(&hit, &head) ? 0 : KV_AGAIN;
			if (rc == 0)
				tell_pardoned(t, c, k, &hit, &head, now_ms);
		}
	}
	return gs_kv_result(t, c, k, rc);
}
