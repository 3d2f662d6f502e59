/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_lmdb.c - LMDB, its file on a tmpfs: never synced, written through the map.
 *
 * Values are copied out, as they are not the caller's after the transaction.
 * A batch of gets is one read transaction, or each get renews one, or 16 do;
 * each write is a transaction of its own, as other processes see a session then.
 */
#include "peer.h"

#include <sys/stat.h>

#include <lmdb.h>
#include <stdio.h>
#include <string.h>

enum { FILL_TXN = 4096, MODE = 0600 };

static struct {
	MDB_env *env;
	MDB_dbi dbi;
	MDB_txn *reading;		/* reset while nobody reads */
	const struct peer_plan *plan;
} lmdb;

const bool peer_is_shared = true;

static int
complain(int rc)
{
	if (rc == MDB_SUCCESS)
		return 0;
	(void)fprintf(stderr, "lmdb: %s\n", mdb_strerror(rc));
	return -1;
}

static int
open_env(void)
{
	const struct peer_plan *plan = lmdb.plan;
	MDB_txn *txn;
	int rc = mdb_env_create(&lmdb.env);

	if (rc == 0)
		rc = mdb_env_set_mapsize(lmdb.env, plan->records * (plan->size + 1024) * 4 + (UINT64_C(1) << 30));
	if (rc == 0)
		rc = mdb_env_open(lmdb.env, plan->dir, MDB_NOSYNC | MDB_WRITEMAP | MDB_NOMEMINIT | MDB_NORDAHEAD | MDB_NOTLS, MODE);
	if (rc == 0)
		rc = mdb_txn_begin(lmdb.env, NULL, 0, &txn);
	if (rc == 0)
		rc = mdb_dbi_open(txn, NULL, MDB_CREATE, &lmdb.dbi);
	if (rc == 0)
		rc = mdb_txn_commit(txn);
	if (rc == 0)
		rc = mdb_txn_begin(lmdb.env, NULL, MDB_RDONLY, &lmdb.reading);
	if (rc == 0)
		mdb_txn_reset(lmdb.reading);
	return complain(rc);
}

int
peer_open(const struct peer_plan *plan)
{
	lmdb.plan = plan;
	return open_env();
}

int
peer_fill(struct bench_work *w)
{
	uint64_t i, key[BENCH_KEY_BYTES / 8];
	MDB_val k = { BENCH_KEY_BYTES, key }, v = { w->size, w->bufs };
	MDB_txn *txn = NULL;
	int rc = 0;

	for (i = 0; i < w->keys.records && rc == 0; i++) {
		bench_keys_start(&w->keys, i, key);
		if (i % FILL_TXN == 0)
			rc = mdb_txn_begin(lmdb.env, NULL, 0, &txn);
		if (rc == 0)
			rc = mdb_put(txn, lmdb.dbi, &k, &v, MDB_NOOVERWRITE);
		if (rc == 0 && (i % FILL_TXN == FILL_TXN - 1 || i == w->keys.records - 1))
			rc = mdb_txn_commit(txn);
	}
	return complain(rc);
}

uint64_t
peer_bytes(void)
{
	char path[256];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/data.mdb", lmdb.plan->dir);
	return stat(path, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

void
peer_close(void)
{
	if (lmdb.reading != NULL)
		mdb_txn_abort(lmdb.reading);
	if (lmdb.env != NULL)
		mdb_env_close(lmdb.env);
	lmdb.env = NULL;
	lmdb.reading = NULL;
}

/* The parent's environment is not ours: lmdb.h forbids to use it, or to close it. */
int
peer_enter(struct bench_work *w, uint32_t i)
{
	(void)w;
	(void)i;
	return open_env();
}

void
peer_leave(struct bench_work *w, uint32_t i)
{
	(void)w;
	(void)i;
	peer_close();
}

/* ---- operations ---- */

static size_t
get_one(struct bench_work *w, size_t i)
{
	MDB_val k = { BENCH_KEY_BYTES, w->keys.key[i] }, v;

	if (mdb_get(lmdb.reading, lmdb.dbi, &k, &v) != 0 || v.mv_size != w->size) {
		w->failed++;
		return 0;
	}
	memcpy(w->buf, v.mv_data, w->size);
	return bench_nothing_of(w->buf, w->size);
}

static void
miss_one(struct bench_work *w, size_t i)
{
	MDB_val k = { BENCH_KEY_BYTES, w->keys.key[i] }, v;

	if (mdb_get(lmdb.reading, lmdb.dbi, &k, &v) != MDB_NOTFOUND)
		w->failed++;
}

static void
run_get(struct bench_work *w)
{
	size_t i, nothing = 0;

	w->failed += mdb_txn_renew(lmdb.reading) != 0;
	for (i = 0; i < BENCH_BATCH; i++)
		nothing = get_one(w, i + nothing);
	mdb_txn_reset(lmdb.reading);
}

/* Gets that do not wait for one another: how far they overlap is up to the processor. */
static void
run_multi_get(struct bench_work *w)
{
	size_t from, i;

	for (from = 0; from < BENCH_BATCH; from += BENCH_MULTI) {
		w->failed += mdb_txn_renew(lmdb.reading) != 0;
		for (i = 0; i < BENCH_MULTI; i++)
			(void)get_one(w, from + i);
		mdb_txn_reset(lmdb.reading);
	}
}

static void
run_miss(struct bench_work *w)
{
	size_t i;

	w->failed += mdb_txn_renew(lmdb.reading) != 0;
	for (i = 0; i < BENCH_BATCH; i++)
		miss_one(w, i);
	mdb_txn_reset(lmdb.reading);
}

static void
run_txn_get(struct bench_work *w)
{
	size_t i, nothing = 0;

	for (i = 0; i < BENCH_BATCH; i++) {
		w->failed += mdb_txn_renew(lmdb.reading) != 0;
		nothing = get_one(w, i + nothing);
		mdb_txn_reset(lmdb.reading);
	}
}

static void
run_txn_miss(struct bench_work *w)
{
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++) {
		w->failed += mdb_txn_renew(lmdb.reading) != 0;
		miss_one(w, i);
		mdb_txn_reset(lmdb.reading);
	}
}

static void
put_all(struct bench_work *w, unsigned flags)
{
	MDB_val k = { BENCH_KEY_BYTES, NULL }, v = { w->size, w->bufs };
	MDB_txn *txn;
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++) {
		k.mv_data = w->keys.key[i];
		if (mdb_txn_begin(lmdb.env, NULL, 0, &txn) != 0) {
			w->failed++;
			continue;
		}
		w->failed += mdb_put(txn, lmdb.dbi, &k, &v, flags) != 0;
		w->failed += mdb_txn_commit(txn) != 0;
	}
}

static void
run_put(struct bench_work *w)
{
	put_all(w, MDB_NOOVERWRITE);
}

static void
run_update(struct bench_work *w)
{
	put_all(w, 0);
}

static void
run_delete(struct bench_work *w)
{
	MDB_val k = { BENCH_KEY_BYTES, NULL };
	MDB_txn *txn;
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++) {
		k.mv_data = w->keys.key[i];
		if (mdb_txn_begin(lmdb.env, NULL, 0, &txn) != 0) {
			w->failed++;
			continue;
		}
		w->failed += mdb_del(txn, lmdb.dbi, &k, NULL) != 0;
		w->failed += mdb_txn_commit(txn) != 0;
	}
}

const struct peer_mode peer_modes[] = {
	{ "lmdb", { [BENCH_GET_HIT] = run_get, [BENCH_GET_MISS] = run_miss, [BENCH_MULTI_GET] = run_multi_get, [BENCH_PUT] = run_put,
	    [BENCH_UPDATE] = run_update, [BENCH_DELETE] = run_delete } },
	{ "lmdb_txn", { [BENCH_GET_HIT] = run_txn_get, [BENCH_GET_MISS] = run_txn_miss } },
	{ NULL, { NULL } },
};
