/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/bench_store.h"

#include "gsession.h"
#include "base/clock.h"

enum { FIRST_WORKER_CTX = 1 };	/* bench_make.c has context 0 */

static void
use_key(struct bench_work *w, struct gs_key *k, size_t i)
{
	struct bench_store *s = w->subject;

	(void)gs_key_init(s->t, k, w->keys.key[i], BENCH_KEY_BYTES);
}

/* ---- operations on the memory ---- */

static void
run_get(struct bench_work *w)
{
	struct bench_store *s = w->subject;
	size_t i, nothing = 0;
	struct gs_key k;

	for (i = 0; i < BENCH_BATCH; i++) {
		use_key(w, &k, i + nothing);
		if (gs_kv_get(s->t, &s->ctx, &k, gs_table_now_ms(s->t), w->buf, w->size, 0, NULL) != (ssize_t)w->size)
			w->failed++;
		nothing = bench_nothing_of(w->buf, w->size);
	}
}

static void
run_miss(struct bench_work *w)
{
	struct bench_store *s = w->subject;
	struct gs_key k;
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++) {
		use_key(w, &k, i);
		if (gs_kv_get(s->t, &s->ctx, &k, gs_table_now_ms(s->t), w->buf, w->size, 0, NULL) != GS_ENOENT)
			w->failed++;
	}
}

static void
run_multi_get(struct bench_work *w)
{
	struct bench_store *s = w->subject;
	struct gs_kv_item one[BENCH_MULTI];
	size_t from, i;

	for (from = 0; from < BENCH_BATCH; from += BENCH_MULTI) {
		for (i = 0; i < BENCH_MULTI; i++) {
			one[i] = (struct gs_kv_item){ .buf = w->bufs + i * w->size, .cap = w->size };
			use_key(w, &one[i].key, from + i);
		}
		gs_kv_get_many(s->t, &s->ctx, gs_table_now_ms(s->t), one, BENCH_MULTI);
		for (i = 0; i < BENCH_MULTI; i++)
			if (one[i].rc != (ssize_t)w->size)
				w->failed++;
	}
}

static void
put_all(struct bench_work *w, int want)
{
	struct bench_store *s = w->subject;
	struct gs_key k;
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++) {
		struct gs_put_args args = { .ring = GS_RING_NONE, .mode = 0600, .wall_ns = gs_clock_wall_ns() };

		use_key(w, &k, i);
		if (gs_kv_put(s->t, &s->ctx, &k, gs_table_now_ms(s->t), w->bufs, w->size, &args, NULL) != want)
			w->failed++;
	}
}

static void
run_put(struct bench_work *w)
{
	put_all(w, 1);
}

static void
run_update(struct bench_work *w)
{
	put_all(w, 0);
}

static void
run_delete(struct bench_work *w)
{
	struct bench_store *s = w->subject;
	struct gs_key k;
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++) {
		use_key(w, &k, i);
		if (gs_kv_del(s->t, &s->ctx, &k, gs_table_now_ms(s->t), 0) != 0)
			w->failed++;
	}
}

static void
run_touch(struct bench_work *w)
{
	struct bench_store *s = w->subject;
	struct gs_key k;
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++) {
		use_key(w, &k, i);
		if (gs_kv_touch(s->t, &s->ctx, &k, gs_table_now_ms(s->t)) != 0)
			w->failed++;
	}
}

const bench_run_fn bench_store_ops[BENCH_OPS] = {
	[BENCH_GET_HIT] = run_get, [BENCH_GET_MISS] = run_miss, [BENCH_MULTI_GET] = run_multi_get, [BENCH_PUT] = run_put,
	[BENCH_UPDATE] = run_update, [BENCH_DELETE] = run_delete, [BENCH_TOUCH] = run_touch,
};

/* ---- the same by the calls of gsession.h ---- */

static void
call_get(struct bench_work *w)
{
	struct bench_store *s = w->subject;
	size_t i, nothing = 0;

	for (i = 0; i < BENCH_BATCH; i++) {
		if (gs_get(&s->handle, w->keys.key[i + nothing], BENCH_KEY_BYTES, w->buf, w->size, NULL) != (ssize_t)w->size)
			w->failed++;
		nothing = bench_nothing_of(w->buf, w->size);
	}
}

static void
call_miss(struct bench_work *w)
{
	struct bench_store *s = w->subject;
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++)
		if (gs_get(&s->handle, w->keys.key[i], BENCH_KEY_BYTES, w->buf, w->size, NULL) != GS_ENOENT)
			w->failed++;
}

static void
call_multi_get(struct bench_work *w)
{
	static struct gs_item items[BENCH_MULTI];
	struct bench_store *s = w->subject;
	size_t from, i;

	for (from = 0; from < BENCH_BATCH; from += BENCH_MULTI) {
		for (i = 0; i < BENCH_MULTI; i++) {
			items[i].key = w->keys.key[from + i];
			items[i].key_len = BENCH_KEY_BYTES;
			items[i].buf = w->bufs + i * w->size;
			items[i].cap = w->size;
		}
		if (gs_multi_get(&s->handle, items, BENCH_MULTI) != BENCH_MULTI)
			w->failed++;
	}
}

static void
call_put_all(struct bench_work *w, int want)
{
	struct bench_store *s = w->subject;
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++)
		if (gs_put(&s->handle, w->keys.key[i], BENCH_KEY_BYTES, w->bufs, w->size, NULL) != want)
			w->failed++;
}

static void
call_put(struct bench_work *w)
{
	call_put_all(w, 1);
}

static void
call_update(struct bench_work *w)
{
	call_put_all(w, 0);
}

static void
call_delete(struct bench_work *w)
{
	struct bench_store *s = w->subject;
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++)
		if (gs_del(&s->handle, w->keys.key[i], BENCH_KEY_BYTES, 0) != 0)
			w->failed++;
}

static void
call_touch(struct bench_work *w)
{
	struct bench_store *s = w->subject;
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++)
		if (gs_touch(&s->handle, w->keys.key[i], BENCH_KEY_BYTES, 0) != 0)
			w->failed++;
}

const bench_run_fn bench_store_calls[BENCH_OPS] = {
	[BENCH_GET_HIT] = call_get, [BENCH_GET_MISS] = call_miss, [BENCH_MULTI_GET] = call_multi_get, [BENCH_PUT] = call_put,
	[BENCH_UPDATE] = call_update, [BENCH_DELETE] = call_delete, [BENCH_TOUCH] = call_touch,
};

int
bench_store_enter(struct bench_store *s)
{
	int rc = gs_ctx_init(&s->lease.ctx, s->t, FIRST_WORKER_CTX);

	if (rc < 0)
		return rc;
	atomic_store(&s->state, GS_HANDLE_READY);
	s->own = (struct gs_own){ .rights = GS_RIGHTS_ALL };
	s->handle = (struct gs){ .state = &s->state, .t = s->t, .n_leases = 1, .leases = &s->lease, .own = &s->own };
	return GS_OK;
}

void
bench_store_leave(struct bench_store *s)
{
	gs_ctx_fini(&s->lease.ctx, s->t);
}

/* ---- many processes ---- */

int
bench_store_begin(struct bench_work *w, uint32_t i)
{
	struct bench_store *s = w->subject;
	int rc = gs_ctx_init(&s->ctx, s->t, FIRST_WORKER_CTX + i);

	if (rc == GS_OK)
		bench_store_warm(s);
	return rc;
}

void
bench_store_end(struct bench_work *w, uint32_t i)
{
	struct bench_store *s = w->subject;

	(void)i;
	gs_ctx_fini(&s->ctx, s->t);
}
