/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recovery.c - how long a dead client takes to recover, how long calls wait while the daemon is away, and requests for the daemon.
 *
 *	recovery dead SESSIONS			on a private store: a context that died with all its cells full, beside one scan of the index
 *	recovery calls INSTANCE SESSIONS FILE	get random sessions s0, s1, ... until FILE is gone; prints calls, failures, the longest
 *	recovery asks INSTANCE FILE		read a control file again and again until FILE is gone; prints requests, the longest
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "base/clock.h"
#include "ctl/client.h"
#include "policy/decay.h"
#include "shm/kv.h"
#include "shm/recover.h"
#include "shm/slots.h"

enum { ROUNDS = 25, VALUE = 512, DEAD_CTX = 2, LOOK_EVERY = 1024, TIMEOUT_MS = 60000 };

static uint64_t
next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *values, size_t n)
{
	qsort(values, n, sizeof(values[0]), compare);
	return values[n / 2];
}

static struct gs_table *
make_table(uint64_t sessions)
{
	struct gs_table_spec spec = {
		.name = "bench", .record_size = VALUE, .key_max = 32, .n_classes = 2,
		.slot_size = { gs_table_slot_bytes(32, 0, VALUE), gs_table_slot_bytes(32, GS_OWNER_BYTES, VALUE) },
		.max_sessions = sessions * 5 / 4, .max_lifetime_ms = GS_DURATION_MAX, .n_rings = 1,
		.rings = { {
			.name = "active", .kind = GS_RING_NORMAL, .promote = GS_PROMOTE_ACCESS, .ttl_ms = GS_DURATION_MAX,
			.half_life_ms = 300000, .capacity = sessions + 1000, .decay_to = GS_RING_NONE,
		} },
	};
	struct gs_table *t;

	if (gs_table_create_private(&t, &spec) < 0)
		errx(1, "no memory for %llu sessions", (unsigned long long)sessions);
	return t;
}

static void
fill(struct gs_table *t, struct gs_ctx *c, uint64_t sessions)
{
	const struct gs_put_args args = { .ring = GS_RING_NONE };
	static const char value[VALUE];
	char key[32];
	struct gs_key k;

	for (uint64_t i = 0; i < sessions; i++) {
		if (gs_key_init(t, &k, key, (size_t)snprintf(key, sizeof(key), "s%llu", (unsigned long long)i)) < 0 ||
		    gs_kv_put(t, c, &k, gs_table_now_ms(t), value, sizeof(value), &args, NULL) != 1)
			errx(1, "put %s", key);
	}
}

/* A context that holds as much as one can, and dies. */
static void
die_full(struct gs_table *t)
{
	struct gs_ctx c;

	if (gs_ctx_init(&c, t, DEAD_CTX) < 0)
		errx(1, "context");
	for (int i = 0; i < GS_HELD_CELLS; i++) {
		int cell = gs_slots_claim(t, &c, 0, 0);

		if (cell < 0)
			break;		/* more it cannot hold */
		if (i + 8 >= GS_HELD_CELLS)
			gs_slots_keep(&c, cell);
	}
	free(c.scratch);
	atomic_store(&t->ctl->reg[DEAD_CTX].state, GS_CTX_DEAD);
}

static int
bench_dead(uint64_t sessions)
{
	struct gs_table *t = make_table(sessions);
	double dead_us[ROUNDS], scan_us[ROUNDS];
	uint32_t slots = 0;
	struct gs_ctx c;

	if (gs_ctx_init(&c, t, 1) < 0)
		errx(1, "context");
	fill(t, &c, sessions);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t from;

		die_full(t);
		from = gs_clock_mono_ns();
		slots = gs_recover_ctx(t, DEAD_CTX);
		dead_us[i] = (double)(gs_clock_mono_ns() - from) / 1000;
		gs_recover_forget(t, DEAD_CTX);
		atomic_store(&t->ctl->reg[DEAD_CTX].state, GS_CTX_LIVE);
		from = gs_clock_mono_ns();
		(void)gs_recover_entries(t, 0, t->n_buckets);
		scan_us[i] = (double)(gs_clock_mono_ns() - from) / 1000;
	}
	printf("%llu sessions: a dead client with %u slots takes %.0f us (accept 1000), a scan of the index %.0f us\n",
	    (unsigned long long)sessions, slots, median(dead_us, ROUNDS), median(scan_us, ROUNDS));
	return 0;
}

static int
bench_calls(const char *instance, uint64_t sessions, const char *file)
{
	const struct gs_options opt = { .size = sizeof(opt), .instance = instance };
	uint64_t random = 1, n = 0, n_failed = 0, longest_ns = 0;
	char key[32], value[65536];
	struct gs *gs;

	if (gs_attach(&gs, &opt) < 0)
		errx(1, "attach");
	while (n % LOOK_EVERY != 0 || access(file, F_OK) == 0) {
		int len = snprintf(key, sizeof(key), "s%llu", (unsigned long long)(next_random(&random) % sessions));
		uint64_t from = gs_clock_mono_ns(), took;

		n_failed += gs_get(gs, key, (size_t)len, value, sizeof(value), NULL) < 0;
		took = gs_clock_mono_ns() - from;
		longest_ns = took > longest_ns ? took : longest_ns;
		n++;
	}
	printf("%llu gets, %llu failed, the longest took %.2f ms\n", (unsigned long long)n, (unsigned long long)n_failed,
	    (double)longest_ns / 1e6);
	gs_detach(&gs);
	return n_failed > 0;
}

static int
bench_asks(const char *instance, const char *file)
{
	uint64_t n = 0, longest_ns = 0;
	struct gs_ctl *c;

	if (gs_ctl_open(&c, instance, NULL, TIMEOUT_MS) < 0)
		errx(1, "connect");
	while (access(file, F_OK) == 0) {
		uint64_t from = gs_clock_mono_ns(), took;
		char *text;

		if (gs_ctl_request(c, GS_VERB_GET, "version", NULL, 0, 0, NULL, &text, NULL) < 0)
			errx(1, "%s", text);
		free(text);
		took = gs_clock_mono_ns() - from;
		longest_ns = took > longest_ns ? took : longest_ns;
		n++;
	}
	printf("%llu requests, the longest took %.2f ms\n", (unsigned long long)n, (double)longest_ns / 1e6);
	gs_ctl_close(&c);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "dead") == 0)
		return bench_dead(strtoull(argv[2], NULL, 10));
	if (argc == 5 && strcmp(argv[1], "calls") == 0)
		return bench_calls(argv[2], strtoull(argv[3], NULL, 10), argv[4]);
	if (argc == 4 && strcmp(argv[1], "asks") == 0)
		return bench_asks(argv[2], argv[3]);
	errx(2, "usage: recovery dead SESSIONS | calls INSTANCE SESSIONS FILE | asks INSTANCE FILE");
}
