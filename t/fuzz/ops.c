/* SPDX-License-Identifier: BSD-2-Clause */
#include "ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/audit.h"
#include "shm/index.h"
#include "shm/recover.h"
#include "shm/segments.h"
#include "shm/slots.h"

enum { VALUE_BYTES = 400, ITEMS = 20 };

/* ---- what must hold ---- */

static void
check_meta(const struct place *p, const char *call, const struct gs_meta *m)
{
	FUZZ_CHECK(m->ring < p->t->n_rings && m->key_len <= GS_KEY_BYTES && m->owner_len <= GS_OWNER_BYTES && m->key[m->key_len] == 0 &&
	    m->owner[m->owner_len] == 0, "%s: ring %u, key %u, owner %u", call, m->ring, m->key_len, m->owner_len);
}

static void
check_value(const char *call, ssize_t rc, size_t cap)
{
	fuzz_answer(call, rc);
	FUZZ_CHECK(rc <= (ssize_t)cap, "%s: %zd bytes into %zu", call, rc, cap);
}

static void
check_info(const char *call, const struct gs_info *info)
{
	FUZZ_CHECK(info->owner_len <= GS_OWNER_BYTES && memchr(info->ring, 0, sizeof(info->ring)) != NULL &&
	    memchr(info->class_name, 0, sizeof(info->class_name)) != NULL, "%s: texts do not end", call);
}

/* A context never lists what is no slot: what it lists it will write to. */
static void
check_cells(struct place *p, const struct gs_ctx *c)
{
	for (int i = 0; i < GS_HELD_CELLS; i++)
		FUZZ_CHECK(c->cell[i].state == GS_CELL_EMPTY || gs_table_slot(p->t, c->cell[i].addr) != NULL, "context %u lists address %08x",
		    c->id, c->cell[i].addr);
}

/* ---- one call each ---- */

static struct gs_ctx *
some_ctx(struct place *p, struct tape *in)
{
	return &p->ctx[tape_below(in, PLACE_CTXS)];
}

static void
do_get(struct place *p, struct gs_ctx *c, struct tape *in, uint64_t now_ms)
{
	size_t cap = tape_take(in, 2) % (VALUE_BYTES + 1);
	unsigned char *buf = tape_below(in, 8) == 0 ? NULL : fuzz_buffer(1, cap);
	struct gs_key k = place_key(p, in);
	struct gs_meta meta;
	bool wants_meta = tape_below(in, 2) == 0;
	ssize_t rc = gs_kv_get(p->t, c, &k, now_ms, buf, cap, tape_below(in, 2) == 0 ? GS_KV_INSPECT : 0, wants_meta ? &meta : NULL);

	if (buf == NULL)
		fuzz_answer("get", rc);
	else
		check_value("get", rc, cap);
	if (wants_meta && rc >= 0)
		check_meta(p, "get", &meta);
}

static void
do_get_many(struct place *p, struct gs_ctx *c, struct tape *in, uint64_t now_ms)
{
	size_t n = tape_below(in, ITEMS + 1), cap = tape_take(in, 2) % (VALUE_BYTES + 1);
	unsigned char *buf = fuzz_buffer(1, cap);
	struct gs_kv_item items[ITEMS];
	struct gs_meta meta[ITEMS];

	/* All into one buffer: what is wrong in one item does not need the others. */
	for (size_t i = 0; i < n; i++)
		items[i] = (struct gs_kv_item){ .key = place_key(p, in), .buf = tape_below(in, 8) == 0 ? NULL : buf, .cap = cap,
			.meta = tape_below(in, 2) == 0 ? &meta[i] : NULL };
	gs_kv_get_many(p->t, c, now_ms, items, n);
	for (size_t i = 0; i < n; i++) {
		if (items[i].buf == NULL)
			fuzz_answer("get_many", items[i].rc);
		else
			check_value("get_many", items[i].rc, cap);
		if (items[i].meta != NULL && items[i].rc >= 0)
			check_meta(p, "get_many", &meta[i]);
	}
}

static void
fill_args(struct tape *in, struct gs_put_args *args, unsigned char *owner)
{
	*args = (struct gs_put_args){ .ring = GS_RING_NONE, .wall_ns = 1 };
	args->flags = tape_below(in, 8);
	args->set = (uint32_t)tape_take(in, 2) & ~(uint32_t)GS_SET_LIFE_BIT;
	args->class_id = tape_below(in, GS_CLASSES);
	args->ttl_ms = tape_number(in);
	args->if_version = tape_below(in, 4) == 0 ? tape_number(in) : 0;
	args->owner_len = tape_below(in, GS_OWNER_BYTES + 1);
	memset(owner, 'o', GS_OWNER_BYTES);
	args->owner = owner;
	args->accessed_ms = PLACE_NOW - tape_take(in, 3);
	args->mtime_ns = (int64_t)tape_take(in, 8);
}

static void
do_put(struct place *p, struct gs_ctx *c, struct tape *in, uint64_t now_ms)
{
	size_t len = tape_take(in, 1) % (p->t->record_size + 10);
	unsigned char *value = fuzz_buffer(1, len), owner[GS_OWNER_BYTES];
	struct gs_key k = place_key(p, in);
	struct gs_put_args args;
	struct gs_meta meta;
	int rc;

	memset(value, 'v', len);
	fill_args(in, &args, owner);
	if (tape_below(in, 4) == 0)
		args.ring = tape_below(in, p->t->n_rings);
	rc = gs_kv_put(p->t, c, &k, now_ms, value, len, &args, &meta);
	fuzz_answer("put", rc);
	if (rc >= 0)
		check_meta(p, "put", &meta);
}

static void
do_setattr(struct place *p, struct gs_ctx *c, struct tape *in, uint64_t now_ms)
{
	unsigned char owner[GS_OWNER_BYTES];
	struct gs_key k = place_key(p, in);
	struct gs_put_args args;

	fill_args(in, &args, owner);
	fuzz_answer("setattr", gs_kv_setattr(p->t, c, &k, now_ms, &args));
}

static uint64_t
some_ordinal(struct place *p, struct tape *in)
{
	return tape_below(in, 4) == 0 ? tape_number(in) : p->ordinal[tape_below(in, PLACE_KEYS)];
}

static void
do_at(struct place *p, struct gs_ctx *c, struct tape *in, uint64_t now_ms)
{
	struct gs_meta meta;
	int rc = gs_kv_at(p->t, c, some_ordinal(p, in), now_ms, &meta);

	fuzz_answer("at", rc);
	if (rc == 0)
		check_meta(p, "at", &meta);
}

static void
do_settle(struct place *p, struct gs_ctx *c, struct tape *in, uint64_t now_ms)
{
	struct gs_settled done;

	gs_kv_settle(p->t, c, some_ordinal(p, in), now_ms, &done);
	FUZZ_CHECK(done.what <= GS_SETTLE_DAMAGED, "settle: %d", (int)done.what);
	if (done.what != GS_SETTLE_GONE && done.what != GS_SETTLE_DAMAGED)
		check_meta(p, "settle", &done.meta);
	if (done.what == GS_SETTLE_DECAYED || done.what == GS_SETTLE_STUCK)
		FUZZ_CHECK(done.from < p->t->n_rings && done.to < p->t->n_rings, "settle: from ring %u to %u", done.from, done.to);
}

/* ---- the library's calls, on a handle ---- */

static void
do_multi_get(struct place *p, struct tape *in)
{
	struct gs_item items[ITEMS];
	size_t n = tape_below(in, ITEMS + 1), cap = tape_take(in, 1);
	unsigned char *bufs = fuzz_buffer(1, n * cap);

	for (size_t i = 0; i < n; i++) {
		struct gs_key k = place_key(p, in);

		items[i] = (struct gs_item){ .key = k.bytes, .key_len = k.len, .buf = bufs + i * cap, .cap = cap };
	}
	fuzz_answer("multi_get", gs_multi_get(&p->gs, items, n));
	for (size_t i = 0; i < n; i++) {
		check_value("multi_get", items[i].rc, cap);
		if (items[i].rc >= 0)
			check_info("multi_get", &items[i].info);
	}
}

static int
one_of_each(void *arg, const struct gs_item *item)
{
	size_t *n = arg;

	FUZZ_CHECK(item->key_len <= GS_KEY_BYTES, "each: a key of %zu bytes", item->key_len);
	check_info("each", &item->info);
	(*n)++;
	return 0;
}

static void
do_list(struct place *p, struct tape *in)
{
	static const char *const rings[] = { NULL, "active", "cold", "suspect", "no such ring" };
	const char *ring = rings[tape_below(in, 5)];
	struct gs_item items[ITEMS];
	size_t n = 0, cap = tape_below(in, ITEMS + 1);
	uint64_t cursor = tape_number(in);
	ssize_t rc;

	if (tape_below(in, 2) == 0) {
		fuzz_answer("each", gs_each(&p->gs, ring, one_of_each, &n));
		FUZZ_CHECK(n <= gs_table_entries(p->t), "each: %zu sessions", n);
		return;
	}
	rc = gs_scan(&p->gs, ring, &cursor, items, cap);
	check_value("scan", rc, cap);
	for (ssize_t i = 0; i < rc; i++)
		(void)one_of_each(&n, &items[i]);
}

static void
do_find(struct place *p, struct tape *in)
{
	struct gs_ring_info rings[GS_MAX_RINGS];
	struct gs_key k = place_key(p, in);
	struct gs_item item;
	struct gs_info info;
	int rc = gs_stat(&p->gs, k.bytes, k.len, &info);

	fuzz_answer("stat", rc);
	if (rc == 0) {
		check_info("stat", &info);
		fuzz_answer("find", gs_find(&p->gs, info.id, &item));
	}
	rc = gs_find(&p->gs, tape_number(in), &item);
	fuzz_answer("find", rc);
	if (rc == 0)
		check_info("find", &item.info);
	(void)gs_ctx_total(p->t, tape_below(in, GS_COUNTERS));
	rc = gs_rings(&p->gs, rings, GS_MAX_RINGS);
	FUZZ_CHECK(rc >= 0 && rc <= GS_MAX_RINGS, "rings: %d", rc);
	for (int i = 0; i < rc; i++)
		FUZZ_CHECK(memchr(rings[i].name, 0, sizeof(rings[i].name)) != NULL, "rings: a name does not end");
}

static ssize_t
change_value(void *arg, const void *old, size_t old_len, void *new_buf, size_t cap)
{
	struct tape *in = arg;
	size_t n = tape_take(in, 1) % (cap + 1);

	(void)old;
	FUZZ_CHECK(old_len <= cap, "update: an old value of %zu bytes in %zu", old_len, cap);
	memset(new_buf, 'u', n);
	return (ssize_t)n;
}

static void
do_api_write(struct place *p, struct tape *in)
{
	struct gs_key k = place_key(p, in), to = place_key(p, in);
	uint32_t what = tape_below(in, 7);

	switch (what) {
	case 0:
		fuzz_answer("update", gs_update(&p->gs, k.bytes, k.len, change_value, in));
		return;
	case 1:
		fuzz_answer("rename", gs_rename(&p->gs, k.bytes, k.len, to.bytes, to.len, tape_below(in, 2) == 0 ? NULL : "cold", 0));
		return;
	case 2:
		fuzz_answer("touch", gs_touch(&p->gs, k.bytes, k.len, tape_number(in)));
		return;
	case 3:
		fuzz_answer("move", gs_move(&p->gs, k.bytes, k.len, tape_below(in, 2) == 0 ? "suspect" : "active"));
		return;
	case 4:
		fuzz_answer("del", gs_del(&p->gs, k.bytes, k.len, 0));
		return;
	case 5:
		fuzz_answer("add", gs_add(&p->gs, k.bytes, k.len, "v", 1, NULL));
		return;
	default:
		check_value("peek", gs_peek(&p->gs, k.bytes, k.len, fuzz_buffer(1, 50), 50, NULL), 50);
		return;
	}
}

/* ---- the daemon's ---- */

static void
do_audit(struct place *p, struct tape *in, uint64_t now_ms)
{
	struct gs_audit a;
	char *text = NULL;
	size_t len;
	FILE *to = tape_below(in, 2) == 0 ? NULL : open_memstream(&text, &len);

	gs_audit_run(p->t, now_ms, &a, to);
	if (to == NULL)
		return;
	gs_audit_print(&a, p->t, to);
	(void)fclose(to);
	free(text);
}

static void
do_recover(struct place *p, struct tape *in)
{
	struct gs_recover_cursor at = { 0 };
	struct gs_recount r = { 0 };
	uint32_t id = tape_below(in, 6);

	switch (tape_below(in, 4)) {
	case 0:
		atomic_store(&p->t->ctl->reg[id].state, GS_CTX_DEAD);
		(void)gs_recover_ctx(p->t, id);
		if (!gs_recover_is_done(p->t, id))
			gs_recover_forget(p->t, id);
		return;
	case 1:
		while (!at.done)
			(void)gs_recover_step(p->t, &at, 1 + (uint32_t)tape_take(in, 2));
		return;
	case 2:
		while (!gs_recover_recount(p->t, &r, UINT64_MAX))
			;
		return;
	default:
		(void)gs_recover_entries(p->t, tape_number(in), tape_take(in, 2));
		return;
	}
}

static void
do_segments(struct place *p, struct tape *in, uint64_t now_ms)
{
	struct gs_arena *a = gs_table_arena(p->t, tape_below(in, p->t->n_rings), tape_below(in, p->t->n_classes));
	uint32_t seg = tape_below(in, a->n_segments), budget = tape_below(in, 100);
	struct gs_segments_use use;

	switch (tape_below(in, 5)) {
	case 0:
		(void)gs_segments_drain(p->t, a, seg);
		return;
	case 1:
		(void)gs_segments_undrain(a, seg);
		return;
	case 2:
		FUZZ_CHECK(gs_segments_evacuate(p->t, &p->ctx[GS_DAEMON_CTX], a, seg, now_ms, &budget) <= a->seg_slots, "evacuate: more than all");
		return;
	case 3:
		fuzz_answer("release", gs_segments_release(p->t, a, seg));
		return;
	default:
		gs_segments_count(a, &use);
		FUZZ_CHECK(gs_segments_emptiest(a) <= a->n_segments, "emptiest: none of ours");
		(void)gs_segments_has_stray(a);
		fuzz_answer("reclaim", gs_segments_reclaim(a, seg));
		fuzz_answer("commit", gs_slots_commit(a));
		return;
	}
}

/* A context ended, and taken up again by somebody else. */
static void
do_renew_ctx(struct place *p, struct gs_ctx *c)
{
	unsigned char *scratch = c->scratch;
	uint32_t id = c->id;

	gs_slots_flush(p->t, c);
	if (gs_ctx_init(c, p->t, id) < 0)
		fuzz_fail("no memory for a context");
	free(c->scratch);
	c->scratch = scratch;
}

void
ops_read(struct place *p, struct tape *in, uint64_t now_ms)
{
	switch (tape_below(in, 8)) {
	case 0:
		do_multi_get(p, in);
		break;
	case 1:
		do_list(p, in);
		break;
	case 2:
		do_find(p, in);
		break;
	case 3:
		do_at(p, &p->ctx[1], in, now_ms);
		break;
	case 4:
		do_get_many(p, &p->ctx[1], in, now_ms);
		break;
	default:
		do_get(p, &p->ctx[1], in, now_ms);
		break;
	}
}

void
ops_one(struct place *p, struct tape *in, uint64_t now_ms)
{
	struct gs_ctx *c = some_ctx(p, in);
	struct gs_key k;

	switch (tape_below(in, 32)) {
	case 0:
	case 1:
	case 2:
	case 3:
		do_put(p, c, in, now_ms);
		break;
	case 4:
	case 5:
		do_setattr(p, c, in, now_ms);
		break;
	case 6:
	case 7:
		k = place_key(p, in);
		fuzz_answer("touch", gs_kv_touch(p->t, c, &k, now_ms));
		break;
	case 8:
	case 9:
		k = place_key(p, in);
		fuzz_answer("del", gs_kv_del(p->t, c, &k, now_ms, tape_below(in, 8) == 0 ? tape_number(in) : 0));
		break;
	case 10:
	case 11:
		k = place_key(p, in);
		fuzz_answer("move", gs_kv_move(p->t, c, &k, now_ms, tape_below(in, p->t->n_rings + 1)));
		break;
	case 12:
	case 13:
	case 14:
		do_settle(p, c, in, now_ms);
		break;
	case 15:
	case 16:
		if (!p->is_client)
			do_recover(p, in);
		break;
	case 17:
		if (!p->is_client)
			do_segments(p, in, now_ms);
		break;
	case 18:
		/* as dear as a thousand gets */
		if (tape_below(in, 4) == 0)
			do_audit(p, in, now_ms);
		break;
	case 19:
		do_renew_ctx(p, c);
		break;
	case 20:
	case 21:
	case 22:
	case 23:
		do_api_write(p, in);
		break;
	default:
		ops_read(p, in, now_ms);
		break;
	}
	for (int i = 0; i < PLACE_CTXS; i++)
		check_cells(p, &p->ctx[i]);
	check_cells(p, &p->lease.ctx);
}
