/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_redis.c - Redis on a Unix socket, by hiredis: nothing is saved, nothing expires.
 *
 * One command at a time waits for its answer; multi_get are 16 GETs in one
 * write.  A touch is EXPIRE, as that renews a session.  The value is left in
 * hiredis' own reply.
 */
#include "peer.h"

#include <hiredis.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"

enum { FILL_DEPTH = 64, PATH_BYTES = 108 };

static struct {
	redisContext *c;
	char socket[PATH_BYTES];
} redis;

const bool peer_is_shared = true;

static int
connect_to_it(void)
{
	redis.c = redisConnectUnix(redis.socket);
	if (redis.c != NULL && redis.c->err == 0)
		return 0;
	(void)fprintf(stderr, "redis: %s\n", redis.c == NULL ? "no memory" : redis.c->errstr);
	return -1;
}

int
peer_open(const struct peer_plan *plan)
{
	char server[] = "redis-server", port[] = "--port", none[] = "0", save[] = "--save", empty[] = "", aof[] = "--appendonly",
	    no[] = "no", at[] = "--unixsocket", perm[] = "--unixsocketperm", mode[] = "700";
	char *const argv[] = { server, port, none, save, empty, aof, no, at, redis.socket, perm, mode, NULL };

	(void)snprintf(redis.socket, sizeof(redis.socket), "%s/redis.sock", plan->dir);
	if (peer_server_start(plan->dir, argv) < 0 || peer_server_wait(redis.socket) < 0)
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
	if (redis.c != NULL)
		redisFree(redis.c);
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
	redisFree(redis.c);
}

/* ---- commands ---- */

struct command {
	const char *argv[3];
	size_t len[3];
	int argc;
};

static struct command
command_of(const char *verb, const void *key, const void *more, size_t more_len)
{
	return (struct command){ { verb, key, more }, { strlen(verb), BENCH_KEY_BYTES, more_len }, more == NULL ? 2 : 3 };
}

static redisReply *
ask(const struct command *c)
{
	const char *argv[3];

	memcpy(argv, c->argv, sizeof(argv));
	return redisCommandArgv(redis.c, c->argc, argv, c->len);
}

static void
append(const struct command *c, struct bench_work *w)
{
	const char *argv[3];

	memcpy(argv, c->argv, sizeof(argv));
	w->failed += redisAppendCommandArgv(redis.c, c->argc, argv, c->len) != REDIS_OK;
}

/* Of a GET that hits: a 0 that depends on the value. */
static size_t
take_value(redisReply *r, struct bench_work *w)
{
	size_t nothing = 0;

	if (r == NULL || r->type != REDIS_REPLY_STRING || (size_t)r->len != w->size)
		w->failed++;
	else
		nothing = bench_nothing_of((const unsigned char *)r->str, w->size);
	freeReplyObject(r);
	return nothing;
}

static void
take_type(redisReply *r, struct bench_work *w, int type)
{
	w->failed += r == NULL || r->type != type;
	freeReplyObject(r);
}

static void
take_one(redisReply *r, struct bench_work *w)
{
	w->failed += r == NULL || r->type != REDIS_REPLY_INTEGER || r->integer != 1;
	freeReplyObject(r);
}

int
peer_fill(struct bench_work *w)
{
	static uint64_t key[FILL_DEPTH][BENCH_KEY_BYTES / 8];
	uint64_t i, k, n;
	void *r;

	for (i = 0; i < w->keys.records; i += n) {
		n = gs_min_u64(FILL_DEPTH, w->keys.records - i);
		for (k = 0; k < n; k++) {
			struct command c;

			bench_keys_start(&w->keys, i + k, key[k]);
			c = command_of("SET", key[k], w->bufs, w->size);
			append(&c, w);
		}
		for (k = 0; k < n; k++) {
			if (redisGetReply(redis.c, &r) != REDIS_OK) {
				(void)fprintf(stderr, "redis: %s\n", redis.c->errstr);
				return -1;
			}
			take_type(r, w, REDIS_REPLY_STATUS);
		}
	}
	return 0;
}

/* ---- operations ---- */

static void
run_get(struct bench_work *w)
{
	size_t i, nothing = 0;

	for (i = 0; i < BENCH_BATCH; i++) {
		struct command c = command_of("GET", w->keys.key[i + nothing], NULL, 0);

		nothing = take_value(ask(&c), w);
	}
}

static void
run_miss(struct bench_work *w)
{
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++) {
		struct command c = command_of("GET", w->keys.key[i], NULL, 0);

		take_type(ask(&c), w, REDIS_REPLY_NIL);
	}
}

static void
run_multi_get(struct bench_work *w)
{
	size_t from, i;
	void *r;

	for (from = 0; from < BENCH_BATCH; from += BENCH_MULTI) {
		for (i = 0; i < BENCH_MULTI; i++) {
			struct command c = command_of("GET", w->keys.key[from + i], NULL, 0);

			append(&c, w);
		}
		for (i = 0; i < BENCH_MULTI; i++)
			(void)take_value(redisGetReply(redis.c, &r) == REDIS_OK ? r : NULL, w);
	}
}

static void
run_put(struct bench_work *w)
{
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++) {
		struct command c = command_of("SET", w->keys.key[i], w->bufs, w->size);

		take_type(ask(&c), w, REDIS_REPLY_STATUS);
	}
}

static void
run_delete(struct bench_work *w)
{
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++) {
		struct command c = command_of("DEL", w->keys.key[i], NULL, 0);

		take_one(ask(&c), w);
	}
}

static void
run_touch(struct bench_work *w)
{
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++) {
		struct command c = command_of("EXPIRE", w->keys.key[i], "86400", 5);

		take_one(ask(&c), w);
	}
}

const struct peer_mode peer_modes[] = {
	{ "redis", { [BENCH_GET_HIT] = run_get, [BENCH_GET_MISS] = run_miss, [BENCH_MULTI_GET] = run_multi_get, [BENCH_PUT] = run_put,
	    [BENCH_UPDATE] = run_put, [BENCH_DELETE] = run_delete, [BENCH_TOUCH] = run_touch } },
	{ NULL, { NULL } },
};
