/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy.c - how often a session is asked for where it is already in the innermost ring, beside a true LRU of as many sessions.
 *
 *	policy [-q] [-s SEED] [LOG...]
 *
 * A trace is a list of times and keys: an access log's, one key per address,
 * or drawn from a Zipf distribution, with and without scans: a crawler's
 * sessions that are asked for once, or old sessions in the outermost ring
 * that are each read once.  It is run through a private store in virtual
 * time: the first access to a key is a put, later ones are gets.  A hit is an
 * access whose session is in the innermost ring at that moment.  LRU is a
 * list, exact.  Rings further out have room for all.  Prints a table, and
 * behind it JSON; the last line of the table says whether every hit ratio is
 * at least LRU's.
 */
#include <err.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "base/bits.h"
#include "policy/decay.h"
#include "shm/kv.h"
#include "lab/feed.h"
#include "lab/zipf.h"

enum { ACTIVE, WARM, COLD, RINGS };
enum { SCAN_NONE, SCAN_CRAWLER, SCAN_BACKUP };
enum { RULE_ACCESS, RULE_SECOND, RULES };
enum { ZIPF_KEYS = 20000, SCAN_EVERY = 5000, SCAN_LENGTH = 2000, VALUE = 64, SIZES = 3, TRACES_MAX = 32 };

#define DAY UINT64_C(86400000)

static const uint32_t rules[RULES] = { GS_PROMOTE_ACCESS, GS_PROMOTE_SECOND };
static const char *const rule_names[RULES] = { "access", "second" };
/* Sessions of the innermost ring, as a part of the keys that there are. */
static const uint32_t parts[SIZES] = { 32, 16, 8 };

struct access {
	uint64_t at_ms;
	uint32_t key;
};

struct trace {
	char name[64];
	struct access *all;
	size_t n;
	uint32_t n_keys;		/* numbered from 0 */
	uint32_t n_old;			/* of them, the last so many are in the outermost ring when it begins */
};

struct result {
	uint32_t capacity;
	uint64_t lru, ours[RULES];	/* hits */
};

static void *
must_have(void *p)
{
	if (p == NULL)
		errx(1, "no memory");
	return p;
}

static void
add(struct trace *t, size_t *cap, uint64_t at_ms, uint32_t key)
{
	if (t->n == *cap) {
		*cap = *cap == 0 ? 4096 : *cap * 2;
		t->all = must_have(reallocarray(t->all, *cap, sizeof(t->all[0])));
	}
	t->all[t->n++] = (struct access){ at_ms, key };
}

/* ---- traces ---- */

static void
read_log(struct trace *t, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct feed_access a;
	struct feed *feed;
	size_t cap = 0;
	int rc = feed_open(&feed, path, FEED_KEY_IP, GS_KEY_BYTES, stderr);

	(void)snprintf(t->name, sizeof(t->name), "%.*s", (int)strcspn(slash == NULL ? path : slash + 1, "."), slash == NULL ? path : slash + 1);
	while (rc >= 0 && (rc = feed_next(feed, &a)) == 1) {
		add(t, &cap, a.at_ms, a.id);
		t->n_keys = a.id + 1 > t->n_keys ? a.id + 1 : t->n_keys;
	}
	if (rc < 0)
		err(1, "%s", path);
	feed_close(&feed);
}

struct drawn {
	const char *name;
	double s;
	uint64_t step_ms;		/* between two accesses */
	int scan;
};

static const struct drawn drawn[] = {
	{ "zipf 0.8", 0.8, 20, SCAN_NONE },
	{ "zipf 1.01", 1.01, 20, SCAN_NONE },
	{ "zipf 1.01, quiet", 1.01, 5000, SCAN_NONE },
	{ "zipf 0.8, crawler", 0.8, 20, SCAN_CRAWLER },
	{ "zipf 1.01, crawler", 1.01, 20, SCAN_CRAWLER },
	{ "zipf 1.01, quiet, crawler", 1.01, 5000, SCAN_CRAWLER },
	{ "zipf 0.8, backup", 0.8, 20, SCAN_BACKUP },
	{ "zipf 1.01, quiet, backup", 1.01, 5000, SCAN_BACKUP },
};

/* A scan goes faster than the visitors come: a fourth of their step. */
static uint64_t
scan(struct trace *t, size_t *cap, uint64_t at_ms, uint64_t step_ms, uint32_t *next)
{
	for (uint32_t i = 0; i < SCAN_LENGTH; i++) {
		at_ms += step_ms / 4;
		add(t, cap, at_ms, (*next)++);
	}
	return at_ms;
}

static void
draw(struct trace *t, const struct drawn *d, size_t n, uint64_t *random)
{
	uint32_t n_scans = d->scan == SCAN_NONE ? 0 : (uint32_t)(n / SCAN_EVERY), next = ZIPF_KEYS;
	uint64_t at_ms = 0;
	struct zipf z;
	size_t cap = 0;

	(void)snprintf(t->name, sizeof(t->name), "%s", d->name);
	zipf_init(&z, ZIPF_KEYS, d->s);
	for (size_t i = 0; i < n; i++) {
		at_ms += d->step_ms;
		add(t, &cap, at_ms, (uint32_t)zipf_next(&z, random));
		if (n_scans > 0 && (i + 1) % SCAN_EVERY == 0)
			at_ms = scan(t, &cap, at_ms, d->step_ms, &next);
	}
	t->n_keys = ZIPF_KEYS + n_scans * SCAN_LENGTH;
	t->n_old = d->scan == SCAN_BACKUP ? n_scans * SCAN_LENGTH : 0;
}

/* ---- LRU ---- */

struct lru {
	uint32_t *older, *newer;	/* by key; at n_keys both ends */
	bool *is_in;
};

static void
unlink_key(struct lru *l, uint32_t key)
{
	l->newer[l->older[key]] = l->newer[key];
	l->older[l->newer[key]] = l->older[key];
}

static void
link_newest(struct lru *l, uint32_t key, uint32_t end)
{
	l->older[key] = l->older[end];
	l->newer[key] = end;
	l->newer[l->older[end]] = key;
	l->older[end] = key;
}

static uint64_t
run_lru(const struct trace *t, uint32_t capacity)
{
	struct lru l = { must_have(calloc(t->n_keys + 1u, sizeof(uint32_t))), must_have(calloc(t->n_keys + 1u, sizeof(uint32_t))),
		must_have(calloc(t->n_keys, sizeof(bool))) };
	uint32_t end = t->n_keys, n = 0, key, oldest;
	uint64_t hits = 0;

	l.older[end] = l.newer[end] = end;
	for (size_t i = 0; i < t->n; i++) {
		key = t->all[i].key;
		if (l.is_in[key]) {
			hits++;
			unlink_key(&l, key);
		} else if (n == capacity) {
			oldest = l.newer[end];
			unlink_key(&l, oldest);
			l.is_in[oldest] = false;
		} else {
			n++;
		}
		l.is_in[key] = true;
		link_newest(&l, key, end);
	}
	free(l.older);
	free(l.newer);
	free(l.is_in);
	return hits;
}

/* ---- the store ---- */

struct run {
	struct gs_table *t;
	struct gs_ctx c;
	unsigned char value[VALUE];
};

static void
set_ring(struct gs_table_spec *spec, uint32_t ring, const char *name, uint64_t ttl_ms, uint64_t capacity)
{
	struct gs_ring_spec *r = &spec->rings[ring];

	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	r->ttl_ms = ttl_ms;
	r->half_life_ms = 5 * UINT64_C(60000);	/* the default */
	r->capacity = capacity;
	r->decay_to = ring + 1 < RINGS ? ring + 1 : GS_RING_NONE;
}

/* Sessions leave the innermost ring for want of room alone: its ttl is a week, and nobody sweeps. */
static void
open_run(struct run *r, const struct trace *t, uint32_t capacity, uint32_t promote)
{
	struct gs_table_spec spec = {
		.name = "policy", .record_size = VALUE, .key_max = 32, .n_classes = 1,
		.slot_size = { gs_table_slot_bytes(32, GS_OWNER_BYTES, VALUE) },
		.max_sessions = 2ull * t->n_keys + 1000, .max_lifetime_ms = GS_DURATION_MAX, .n_rings = RINGS,
	};

	set_ring(&spec, ACTIVE, "active", 7 * DAY, capacity);
	set_ring(&spec, WARM, "warm", GS_DURATION_MAX, t->n_keys);
	set_ring(&spec, COLD, "cold", GS_DURATION_MAX, t->n_keys);
	spec.rings[WARM].promote = spec.rings[COLD].promote = promote;
	if (gs_table_create_private(&r->t, &spec) < 0 || gs_ctx_init(&r->c, r->t, 1) < 0)
		errx(1, "no memory for %" PRIu32 " sessions", t->n_keys);
}

static struct gs_key
key_of(const struct run *r, char text[16], uint32_t n)
{
	struct gs_key k;

	(void)snprintf(text, 16, "k%" PRIu32, n);
	(void)gs_key_init(r->t, &k, text, strlen(text));
	return k;
}

static void
must_put(struct run *r, const struct gs_key *k, uint64_t now_ms, uint32_t ring)
{
	const struct gs_put_args args = { .ring = ring, .wall_ns = 1 };
	int rc = gs_kv_put(r->t, &r->c, k, now_ms, r->value, sizeof(r->value), &args, NULL);

	if (rc != 1)
		errx(1, "put: %s", gs_strerror(rc));
}

/* One access. Returns whether it found its session in the innermost ring. */
static bool
ask(struct run *r, uint32_t key, uint64_t now_ms)
{
	struct gs_meta meta;
	char text[16];
	struct gs_key k = key_of(r, text, key);
	ssize_t rc = gs_kv_get(r->t, &r->c, &k, now_ms, NULL, 0, GS_KV_INSPECT, &meta);

	if (rc == GS_ENOENT) {
		must_put(r, &k, now_ms, GS_RING_NONE);
		return false;
	}
	if (rc >= 0)
		rc = gs_kv_get(r->t, &r->c, &k, now_ms, r->value, sizeof(r->value), 0, NULL);
	if (rc < 0)
		errx(1, "get: %s", gs_strerror((int)rc));
	return meta.ring == ACTIVE;
}

static uint64_t
run_store(const struct trace *t, uint32_t capacity, uint32_t promote)
{
	/* What is old was last asked for a month before. */
	const uint64_t begin_ms = GS_TIME_ORIGIN_MS + 31 * DAY;
	struct run r = { .t = NULL };
	uint64_t hits = 0;
	char text[16];

	open_run(&r, t, capacity, promote);
	for (uint32_t i = t->n_keys - t->n_old; i < t->n_keys; i++) {
		struct gs_key k = key_of(&r, text, i);

		must_put(&r, &k, GS_TIME_ORIGIN_MS, COLD);
	}
	for (size_t i = 0; i < t->n; i++)
		hits += ask(&r, t->all[i].key, begin_ms + t->all[i].at_ms);
	gs_ctx_fini(&r.c, r.t);
	gs_table_free(&r.t);
	return hits;
}

/* ---- reports ---- */

static double
ratio(const struct trace *t, uint64_t hits)
{
	return t->n == 0 ? 0 : (double)hits / (double)t->n;
}

static void
print_row(const struct trace *t, const struct result *r)
{
	(void)printf("%-28s%9" PRIu32 "%9.4f%9.4f%9.4f", t->name, r->capacity, ratio(t, r->lru), ratio(t, r->ours[RULE_ACCESS]),
	    ratio(t, r->ours[RULE_SECOND]));
	for (int k = 0; k < RULES; k++)
		if (r->ours[k] < r->lru)
			(void)printf("  %s: %" PRIu64 " of %zu fewer", rule_names[k], r->lru - r->ours[k], t->n);
	(void)putchar('\n');
	(void)fflush(stdout);
}

static void
print_json(const struct trace *t, const struct result *r, bool is_first)
{
	(void)printf("%s\n\t{ \"trace\": \"%s\", \"accesses\": %zu, \"keys\": %" PRIu32 ", \"capacity\": %" PRIu32
	    ", \"lru\": %.6f, \"access\": %.6f, \"second\": %.6f }", is_first ? "" : ",", t->name, t->n, t->n_keys, r->capacity,
	    ratio(t, r->lru), ratio(t, r->ours[RULE_ACCESS]), ratio(t, r->ours[RULE_SECOND]));
}

static void
measure(const struct trace *t, struct result out[SIZES])
{
	for (int i = 0; i < SIZES; i++) {
		/* of the keys that come again */
		uint32_t keys = t->n_keys > ZIPF_KEYS ? ZIPF_KEYS : t->n_keys;

		out[i].capacity = keys / parts[i] > 4 ? keys / parts[i] : 4;
		out[i].lru = run_lru(t, out[i].capacity);
		for (int k = 0; k < RULES; k++)
			out[i].ours[k] = run_store(t, out[i].capacity, rules[k]);
		print_row(t, &out[i]);
	}
}

int
main(int argc, char **argv)
{
	static struct trace trace[TRACES_MAX];
	static struct result result[TRACES_MAX][SIZES];
	uint64_t seed = 20261124, random;
	size_t n = 0, n_drawn = 200000, worse[RULES] = { 0 };
	int c;

	while ((c = getopt(argc, argv, "qs:")) != -1) {
		if (c == 'q')
			n_drawn = 30000;
		else if (c == 's')
			seed = strtoull(optarg, NULL, 10);
		else
			errx(2, "usage: policy [-q] [-s SEED] [LOG...]");
	}
	random = seed | 1;
	for (; optind < argc && n < TRACES_MAX - sizeof(drawn) / sizeof(drawn[0]); optind++)
		read_log(&trace[n++], argv[optind]);
	for (size_t i = 0; i < sizeof(drawn) / sizeof(drawn[0]); i++)
		draw(&trace[n++], &drawn[i], n_drawn, &random);
	(void)printf("seed %" PRIu64 "\n%-28s%9s%9s%9s%9s\n", seed, "hit ratio", "sessions", "LRU", "access", "second");
	for (size_t i = 0; i < n; i++) {
		measure(&trace[i], result[i]);
		for (int k = 0; k < SIZES * RULES; k++)
			worse[k % RULES] += result[i][k / RULES].ours[k % RULES] < result[i][k / RULES].lru;
	}
	for (int k = 0; k < RULES; k++)
		(void)printf("promote = %s: at least LRU's in %zu of %zu\n", rule_names[k], n * SIZES - worse[k], n * SIZES);
	(void)printf("[");
	for (size_t i = 0; i < n * SIZES; i++)
		print_json(&trace[i / SIZES], &result[i / SIZES][i % SIZES], i == 0);
	(void)printf("\n]\n");
	return 0;
}
