/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_memcached.c - memcached on a Unix socket, by libmemcached: nothing expires, nothing is evicted.
 *
 * One command at a time waits for its answer; multi_get is one get of 16 keys.
 */
#include "peer.h"

#include <libmemcached/memcached.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH_BYTES = 108 };

static struct {
	memcached_st *c;
	char socket[PATH_BYTES];
} cached;

const bool peer_is_shared = true;

static int
connect_to_it(void)
{
	cached.c = memcached_create(NULL);
	if (cached.c != NULL && memcached_server_add_unix_socket(cached.c, cached.socket) == MEMCACHED_SUCCESS)
		return 0;
	(void)fprintf(stderr, "memcached: no connection\n");
	return -1;
}

int
peer_open(const struct peer_plan *plan)
{
	char server[] = "memcached", at[] = "-s", perm[] = "-a", mode[] = "700", memory[] = "-m", megabytes[32], strict[] = "-M",
	    threads[] = "-t", two[] = "2", user[] = "-u", root[] = "root";
	char *const argv[] = { server, at, cached.socket, perm, mode, memory, megabytes, strict, threads, two,
		geteuid() == 0 ? user : NULL, root, NULL };

	(void)snprintf(cached.socket, sizeof(cached.socket), "%s/memcached.sock", plan->dir);
	(void)snprintf(megabytes, sizeof(megabytes), "%ju", (uintmax_t)(plan->records * (plan->size + 256) / 2 * 3 >> 20) + 256);
	if (peer_server_start(plan->dir, argv) < 0 || peer_server_wait(cached.socket) < 0)
		return -1;
	return connect_to_it();
}

uint64_t
peer_bytes(void)
{
	return peer_server_bytes();
}

void
peer_close(void)
{
	if (cached.c != NULL)
		memcached_free(cached.c);
	peer_server_stop();
}

int
peer_enter(struct bench_work *w, uint32_t i)
{
	(void)w;
	(void)i;
	return connect_to_it();
}

void
peer_leave(struct bench_work *w, uint32_t i)
{
	(void)w;
	(void)i;
	memcached_free(cached.c);
}

static const char *
key_of(const struct bench_work *w, size_t i)
{
	return (const char *)w->keys.key[i];
}

/* Without answers, and many in one write. */
static void
hurry(uint64_t on)
{
	(void)memcached_behavior_set(cached.c, MEMCACHED_BEHAVIOR_NOREPLY, on);
	(void)memcached_behavior_set(cached.c, MEMCACHED_BEHAVIOR_BUFFER_REQUESTS, on);
}

int
peer_fill(struct bench_work *w)
{
	uint64_t i, key[BENCH_KEY_BYTES / 8];
	memcached_return_t rc = MEMCACHED_SUCCESS;

	hurry(1);
	for (i = 0; i < w->keys.records && (rc == MEMCACHED_SUCCESS || rc == MEMCACHED_BUFFERED); i++) {
		bench_keys_start(&w->keys, i, key);
		rc = memcached_set(cached.c, (const char *)key, BENCH_KEY_BYTES, (const char *)w->bufs, w->size, 0, 0);
	}
	if (rc == MEMCACHED_SUCCESS || rc == MEMCACHED_BUFFERED)
		rc = memcached_flush_buffers(cached.c);
	/* An answer to one shows that all before it were done. */
	memcached_quit(cached.c);
	hurry(0);
	if (rc == MEMCACHED_SUCCESS)
		rc = memcached_set(cached.c, (const char *)key, BENCH_KEY_BYTES, (const char *)w->bufs, w->size, 0, 0);
	if (rc == MEMCACHED_SUCCESS)
		return 0;
	(void)fprintf(stderr, "memcached: %s\n", memcached_strerror(cached.c, rc));
	return -1;
}

/* ---- operations ---- */

static void
run_get(struct bench_work *w)
{
	size_t i, nothing = 0;

	for (i = 0; i < BENCH_BATCH; i++) {
		memcached_return_t rc;
		uint32_t flags;
		size_t len;
		char *value = memcached_get(cached.c, key_of(w, i + nothing), BENCH_KEY_BYTES, &len, &flags, &rc);

		if (value == NULL || len != w->size)
			w->failed++;
		else
			nothing = bench_nothing_of((const unsigned char *)value, w->size);
		free(value);
	}
}

static void
run_miss(struct bench_work *w)
{
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++) {
		memcached_return_t rc;
		uint32_t flags;
		size_t len;
		char *value = memcached_get(cached.c, key_of(w, i), BENCH_KEY_BYTES, &len, &flags, &rc);

		w->failed += value != NULL || rc != MEMCACHED_NOTFOUND;
		free(value);
	}
}

static void
run_multi_get(struct bench_work *w)
{
	memcached_result_st result;
	memcached_return_t rc;
	size_t from, i, found;

	for (from = 0; from < BENCH_BATCH; from += BENCH_MULTI) {
		const char *keys[BENCH_MULTI];
		size_t lens[BENCH_MULTI];

		for (i = 0; i < BENCH_MULTI; i++) {
			keys[i] = key_of(w, from + i);
			lens[i] = BENCH_KEY_BYTES;
		}
		w->failed += memcached_mget(cached.c, keys, lens, BENCH_MULTI) != MEMCACHED_SUCCESS;
		/* The last fetch frees what a result has, and one of the heap itself. */
		(void)memcached_result_create(cached.c, &result);
		for (found = 0; memcached_fetch_result(cached.c, &result, &rc) != NULL; found++)
			w->failed += memcached_result_length(&result) != w->size;
		memcached_result_free(&result);
		w->failed += found != BENCH_MULTI;
	}
}

static void
run_put(struct bench_work *w)
{
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++)
		w->failed += memcached_set(cached.c, key_of(w, i), BENCH_KEY_BYTES, (const char *)w->bufs, w->size, 0, 0) != MEMCACHED_SUCCESS;
}

static void
run_delete(struct bench_work *w)
{
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++)
		w->failed += memcached_delete(cached.c, key_of(w, i), BENCH_KEY_BYTES, 0) != MEMCACHED_SUCCESS;
}

static void
run_touch(struct bench_work *w)
{
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++)
		w->failed += memcached_touch(cached.c, key_of(w, i), BENCH_KEY_BYTES, 86400) != MEMCACHED_SUCCESS;
}

const struct peer_mode peer_modes[] = {
	{ "memcached", { [BENCH_GET_HIT] = run_get, [BENCH_GET_MISS] = run_miss, [BENCH_MULTI_GET] = run_multi_get, [BENCH_PUT] = run_put,
	    [BENCH_UPDATE] = run_put, [BENCH_DELETE] = run_delete, [BENCH_TOUCH] = run_touch } },
	{ NULL, { NULL } },
};
