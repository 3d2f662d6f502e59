/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_lfht.c - the lock-free hash table of liburcu, in the memory of one process.
 *
 * Quiescent-state RCU, whose readers cost least, and a table of its final size
 * from the start.  Keys are hashed as ours are.  What a write replaced is
 * freed by liburcu's own thread, outside of what is measured.
 */
#define _LGPL_SOURCE
#include <urcu/urcu-qsbr.h>
#include <urcu/rculfhash.h>

#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/siphash.h"

#define SECRET_0 UINT64_C(0x0706050403020100)
#define SECRET_1 UINT64_C(0x0f0e0d0c0b0a0908)

struct node {
	struct cds_lfht_node in;
	struct rcu_head head;
	unsigned char key[BENCH_KEY_BYTES];
	unsigned char value[];
};

static struct cds_lfht *table;
static bool is_registered;

/* A forked process reads what it inherited; what it wrote nobody else would see. */
const bool peer_is_shared = false;

static struct node *
node_of(struct cds_lfht_node *in)
{
	return (struct node *)(void *)((char *)in - offsetof(struct node, in));
}

static void
free_node(struct rcu_head *head)
{
	free((char *)head - offsetof(struct node, head));
}

static int
has_key(struct cds_lfht_node *in, const void *key)
{
	return memcmp(node_of(in)->key, key, BENCH_KEY_BYTES) == 0;
}

static unsigned long
hash(const void *key)
{
	return gs_siphash13(SECRET_0, SECRET_1, key, BENCH_KEY_BYTES);
}

static struct node *
make_node(const void *key, const struct bench_work *w)
{
	struct node *n = malloc(sizeof(*n) + w->size);

	if (n == NULL) {
		perror("lfht");
		exit(1);
	}
	cds_lfht_node_init(&n->in);
	memcpy(n->key, key, BENCH_KEY_BYTES);
	memcpy(n->value, w->bufs, w->size);
	return n;
}

static struct node *
find(const void *key)
{
	struct cds_lfht_iter at;
	struct cds_lfht_node *in;

	cds_lfht_lookup(table, hash(key), has_key, key, &at);
	in = cds_lfht_iter_get_node(&at);
	return in == NULL ? NULL : node_of(in);
}

int
peer_open(const struct peer_plan *plan)
{
	unsigned long n = 1;

	while (n < plan->records)
		n *= 2;
	urcu_qsbr_register_thread();
	is_registered = true;
	table = cds_lfht_new_flavor(n, n, n, 0, &urcu_qsbr_flavor, NULL);
	return table == NULL ? -1 : 0;
}

int
peer_fill(struct bench_work *w)
{
	uint64_t i, key[BENCH_KEY_BYTES / 8];
	struct node *n;

	for (i = 0; i < w->keys.records; i++) {
		bench_keys_start(&w->keys, i, key);
		n = make_node(key, w);
		if (cds_lfht_add_unique(table, hash(key), has_key, key, &n->in) != &n->in)
			return -1;
	}
	return 0;
}

uint64_t
peer_bytes(void)
{
	return peer_resident_bytes(0);
}

void
peer_close(void)
{
	if (is_registered)
		urcu_qsbr_unregister_thread();
}

int
peer_enter(struct bench_work *w, uint32_t i)
{
	(void)w;
	(void)i;
	return 0;
}

void
peer_leave(struct bench_work *w, uint32_t i)
{
	(void)w;
	(void)i;
}

/* ---- operations ---- */

static void
run_get(struct bench_work *w)
{
	size_t i, nothing = 0;
	struct node *n;

	for (i = 0; i < BENCH_BATCH; i++) {
		urcu_qsbr_read_lock();
		n = find(w->keys.key[i + nothing]);
		if (n == NULL)
			w->failed++;
		else
			memcpy(w->buf, n->value, w->size);
		urcu_qsbr_read_unlock();
		nothing = bench_nothing_of(w->buf, w->size);
	}
	urcu_qsbr_quiescent_state();
}

/* Gets that do not wait for one another: how far they overlap is up to the processor. */
static void
run_multi_get(struct bench_work *w)
{
	struct node *n;
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++) {
		urcu_qsbr_read_lock();
		n = find(w->keys.key[i]);
		if (n == NULL)
			w->failed++;
		else
			memcpy(w->bufs + i % BENCH_MULTI * w->size, n->value, w->size);
		urcu_qsbr_read_unlock();
	}
	urcu_qsbr_quiescent_state();
}

static void
run_miss(struct bench_work *w)
{
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++) {
		urcu_qsbr_read_lock();
		w->failed += find(w->keys.key[i]) != NULL;
		urcu_qsbr_read_unlock();
	}
	urcu_qsbr_quiescent_state();
}

static void
run_put(struct bench_work *w)
{
	struct node *n;
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++) {
		n = make_node(w->keys.key[i], w);
		urcu_qsbr_read_lock();
		w->failed += cds_lfht_add_unique(table, hash(n->key), has_key, n->key, &n->in) != &n->in;
		urcu_qsbr_read_unlock();
	}
	urcu_qsbr_quiescent_state();
}

static void
run_update(struct bench_work *w)
{
	struct cds_lfht_node *old;
	struct node *n;
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++) {
		n = make_node(w->keys.key[i], w);
		urcu_qsbr_read_lock();
		old = cds_lfht_add_replace(table, hash(n->key), has_key, n->key, &n->in);
		urcu_qsbr_read_unlock();
		if (old == NULL)
			w->failed++;
		else
			urcu_qsbr_call_rcu(&node_of(old)->head, free_node);
	}
	urcu_qsbr_quiescent_state();
}

static void
run_delete(struct bench_work *w)
{
	struct node *n;
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++) {
		urcu_qsbr_read_lock();
		n = find(w->keys.key[i]);
		if (n == NULL || cds_lfht_del(table, &n->in) != 0)
			w->failed++;
		else
			urcu_qsbr_call_rcu(&n->head, free_node);
		urcu_qsbr_read_unlock();
	}
	urcu_qsbr_quiescent_state();
}

const struct peer_mode peer_modes[] = {
	{ "lfht", { [BENCH_GET_HIT] = run_get, [BENCH_GET_MISS] = run_miss, [BENCH_MULTI_GET] = run_multi_get, [BENCH_PUT] = run_put,
	    [BENCH_UPDATE] = run_update, [BENCH_DELETE] = run_delete } },
	{ NULL, { NULL } },
};
