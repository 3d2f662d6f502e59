/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/bench.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "base/clock.h"
#include "policy/decay.h"
#include "shm/kv.h"

enum {
	BATCH = 1024,			/* operations between two looks at the clock; a multiple of BENCH_MULTI */
	KEY_BYTES = 32,
	ROUNDS_MAX = 4096,
	ROUNDS_MIN = 8,			/* however long they take */
	READ_MS = 1500,			/* how long the processes read */
	READY_MS = 10000,		/* and how long they may take to begin */
	MAIN_CTX = 0, FIRST_READER_CTX = 1,
};

struct bench {
	struct gs_table *t;
	struct gs_ctx ctx;
	uint64_t records;
	uint32_t size;
	uint64_t *ids;			/* of the keys that are there */
	uint64_t next_id;
	uint64_t random;
	uint64_t n_slots;		/* of the one arena, in committed segments */
	uint64_t failed;		/* operations that did not answer as they should */
	unsigned char *buf, *bufs;	/* room for one value; for BENCH_MULTI */
	uint64_t fresh[BATCH];		/* ids put by the last batch of new ones */
	uint64_t key[BATCH][KEY_BYTES / 8];
	const unsigned char *place[BATCH];
};

/* What a batch does: get ready, which is not measured, then run. */
struct step {
	const char *name;
	void (*before)(struct bench *);	/* may be NULL */
	void (*prepare)(struct bench *);
	void (*run)(struct bench *);
	void (*after)(struct bench *);	/* may be NULL */
};

static uint64_t
next_random(struct bench *b)
{
	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return b->random;
}

/* The key of an id: as random as a session id, and not looked up in memory that would take room in the cache. */
static void
make_key(uint64_t key[KEY_BYTES / 8], uint64_t id)
{
	size_t i;

	for (i = 0; i < KEY_BYTES / 8; i++) {
		uint64_t x = id * 4 + i + UINT64_C(0x9e3779b97f4a7c15);

		x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
		key[i] = x ^ x >> 31;
	}
}

/* 0, which the compiler does not know: values are all zeros. */
static size_t
nothing_of(const unsigned char *value, uint32_t size)
{
	return (size_t)(value[0] | value[size - 1]);
}

static void
use_key(const struct bench *b, struct gs_key *k, size_t i)
{
	(void)gs_key_init(b->t, k, b->key[i], KEY_BYTES);
}

/* ---- keys and places of a batch ---- */

static void
prepare_present(struct bench *b)
{
	size_t i;

	for (i = 0; i < BATCH; i++)
		make_key(b->key[i], b->ids[next_random(b) % b->records]);
}

static void
prepare_absent(struct bench *b)
{
	size_t i;

	for (i = 0; i < BATCH; i++)
		make_key(b->key[i], next_random(b) | UINT64_C(1) << 61);
}

static void
prepare_fresh(struct bench *b)
{
	size_t i;

	for (i = 0; i < BATCH; i++) {
		b->fresh[i] = b->next_id++;
		make_key(b->key[i], b->fresh[i]);
	}
}

/* Random ones go, those of the last batch take their place. */
static void
prepare_leaving(struct bench *b)
{
	size_t i;

	for (i = 0; i < BATCH; i++) {
		uint64_t *id = &b->ids[next_random(b) % b->records];

		make_key(b->key[i], *id);
		*id = b->fresh[i];
	}
}

static void
prepare_places(struct bench *b)
{
	const struct gs_arena *a = gs_table_arena(b->t, 0, 0);
	size_t i;

	for (i = 0; i < BATCH; i++)
		b->place[i] = a->slots + next_random(b) % b->n_slots * a->slot_size + GS_SLOT_HEADER_BYTES + KEY_BYTES;
}

/* ---- what is measured ---- */

static void
run_copy(struct bench *b)
{
	size_t i, nothing = 0;

	for (i = 0; i < BATCH; i++) {
		memcpy(b->buf, b->place[i] + nothing, b->size);
		nothing = nothing_of(b->buf, b->size);
	}
	b->failed += nothing;
}

static void
run_free_copy(struct bench *b)
{
	size_t i;

	for (i = 0; i < BATCH; i++) {
		memcpy(b->buf, b->place[i], b->size);
		/* The copies are wanted, each of them. */
		__asm__ volatile("" : : "r"(b->buf) : "memory");
	}
}

static void
run_get(struct bench *b)
{
	size_t i, nothing = 0;
	struct gs_key k;

	for (i = 0; i < BATCH; i++) {
		use_key(b, &k, i + nothing);
		if (gs_kv_get(b->t, &b->ctx, &k, gs_table_now_ms(b->t), b->buf, b->size, 0, NULL) != (ssize_t)b->size)
			b->failed++;
		nothing = nothing_of(b->buf, b->size);
	}
}

static void
run_miss(struct bench *b)
{
	struct gs_key k;
	size_t i;

	for (i = 0; i < BATCH; i++) {
		use_key(b, &k, i);
		if (gs_kv_get(b->t, &b->ctx, &k, gs_table_now_ms(b->t), b->buf, b->size, 0, NULL) != GS_ENOENT)
			b->failed++;
	}
}

/* As gs_multi_get() does it: fetch the buckets of all, then the slots of all, then read. */
static void
run_multi_get(struct bench *b)
{
	struct gs_key k[BENCH_MULTI];
	size_t from, i;

	for (from = 0; from < BATCH; from += BENCH_MULTI) {
		for (i = 0; i < BENCH_MULTI; i++) {
			use_key(b, &k[i], from + i);
			gs_kv_prefetch(b->t, &k[i], 0);
		}
		for (i = 0; i < BENCH_MULTI; i++)
			gs_kv_prefetch(b->t, &k[i], 1);
		for (i = 0; i < BENCH_MULTI; i++)
			if (gs_kv_get(b->t, &b->ctx, &k[i], gs_table_now_ms(b->t), b->bufs + i * b->size, b->size, 0, NULL) !=
			    (ssize_t)b->size)
				b->failed++;
	}
}

static void
put_all(struct bench *b, int want)
{
	struct gs_key k;
	size_t i;

	for (i = 0; i < BATCH; i++) {
		struct gs_put_args args = { .ring = GS_RING_NONE, .mode = 0600, .wall_ns = gs_clock_wall_ns() };

		use_key(b, &k, i);
		if (gs_kv_put(b->t, &b->ctx, &k, gs_table_now_ms(b->t), b->bufs, b->size, &args, NULL) != want)
			b->failed++;
	}
}

static void
run_put(struct bench *b)
{
	put_all(b, 1);
}

static void
run_update(struct bench *b)
{
	put_all(b, 0);
}

static void
run_delete(struct bench *b)
{
	struct gs_key k;
	size_t i;

	for (i = 0; i < BATCH; i++) {
		use_key(b, &k, i);
		if (gs_kv_del(b->t, &b->ctx, &k, gs_table_now_ms(b->t), 0) != 0)
			b->failed++;
	}
}

static void
run_touch(struct bench *b)
{
	struct gs_key k;
	size_t i;

	for (i = 0; i < BATCH; i++) {
		use_key(b, &k, i);
		if (gs_kv_touch(b->t, &b->ctx, &k, gs_table_now_ms(b->t)) != 0)
			b->failed++;
	}
}

static void
put_fresh(struct bench *b)
{
	prepare_fresh(b);
	run_put(b);
}

static void
delete_leaving(struct bench *b)
{
	prepare_leaving(b);
	run_delete(b);
}

static const struct step steps[BENCH_OPS] = {
	[BENCH_GET_HIT] = { "get_hit", NULL, prepare_present, run_get, NULL },
	[BENCH_GET_MISS] = { "get_miss", NULL, prepare_absent, run_miss, NULL },
	[BENCH_MULTI_GET] = { "multi_get", NULL, prepare_present, run_multi_get, NULL },
	[BENCH_PUT] = { "put", NULL, prepare_fresh, run_put, delete_leaving },
	[BENCH_UPDATE] = { "update", NULL, prepare_present, run_update, NULL },
	[BENCH_DELETE] = { "delete", put_fresh, prepare_leaving, run_delete, NULL },
	[BENCH_TOUCH] = { "touch", NULL, prepare_present, run_touch, NULL },
};

const char *
bench_name(enum bench_op op)
{
	return steps[op].name;
}

/* ---- measuring ---- */

static double
timed(struct bench *b, void (*prepare)(struct bench *), void (*run)(struct bench *))
{
	uint64_t from;

	prepare(b);
	from = gs_clock_mono_ns();
	run(b);
	return (double)(gs_clock_mono_ns() - from) / BATCH;
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
	qsort(values, n, sizeof(*values), compare);
	return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* What rounds measured: times and, against the copies of the same round, ratios. */
struct rounds {
	size_t n;
	double ns[ROUNDS_MAX], copy_ns[ROUNDS_MAX], free_ns[ROUNDS_MAX];
	double ratio[ROUNDS_MAX], free_ratio[ROUNDS_MAX];
};

static void
measure(struct bench *b, const struct step *s, uint64_t ms, struct rounds *r)
{
	uint64_t until = gs_clock_mono_ms() + ms;
	size_t n;

	for (n = 0; n < ROUNDS_MAX && (n < ROUNDS_MIN || gs_clock_mono_ms() < until); n++) {
		if (s->before != NULL)
			s->before(b);
		r->copy_ns[n] = timed(b, prepare_places, run_copy);
		r->ns[n] = timed(b, s->prepare, s->run);
		r->free_ns[n] = timed(b, prepare_places, run_free_copy);
		if (s->after != NULL)
			s->after(b);
		r->ratio[n] = r->ns[n] / r->copy_ns[n];
		r->free_ratio[n] = r->ns[n] / r->free_ns[n];
	}
	r->n = n;
}

static void
measure_all(struct bench *b, struct bench_result *out, struct rounds *r)
{
	enum bench_op op;

	for (op = 0; op < BENCH_OPS; op++) {
		measure(b, &steps[op], out->options.op_ms, r);
		out->ratio[op] = median(r->ratio, r->n);
		out->free_ratio[op] = median(r->free_ratio, r->n);
		out->ns[op] = median(r->ns, r->n);
		if (op == BENCH_GET_HIT) {
			out->copy_ns = median(r->copy_ns, r->n);
			out->free_copy_ns = median(r->free_ns, r->n);
		}
	}
}

/* ---- many processes ---- */

struct reading {			/* shared with the readers */
	_Atomic uint32_t n_ready;
	_Atomic uint32_t go;
	struct {
		uint64_t n, ns, failed;
		uint8_t pad[104];
	} by[BENCH_PROCS_MAX];
};

static void
read_for_a_while(struct bench *b, struct reading *all, uint32_t i)
{
	uint64_t until, n = 0;
	double ns = 0;

	if (gs_ctx_init(&b->ctx, b->t, FIRST_READER_CTX + i) < 0)
		_exit(1);
	b->random += UINT64_C(0x9e3779b97f4a7c15) * (i + 1);
	b->failed = 0;
	(void)timed(b, prepare_present, run_get);
	atomic_fetch_add(&all->n_ready, 1);
	while (atomic_load(&all->go) == 0)
		(void)usleep(100);
	until = gs_clock_mono_ms() + READ_MS;
	for (; gs_clock_mono_ms() < until; n += BATCH)
		ns += timed(b, prepare_present, run_get) * BATCH;
	all->by[i].n = n;
	all->by[i].ns = (uint64_t)ns;
	all->by[i].failed = b->failed;
	gs_ctx_fini(&b->ctx, b->t);
	_exit(0);
}

/* Gets per second of n processes together; negative: an enum gs_err. */
static double
read_together(struct bench *b, struct reading *all, uint32_t n)
{
	uint64_t until = gs_clock_mono_ms() + READY_MS;
	double per_s = 0;
	uint32_t i, n_started = 0;
	int status, rc = GS_OK;

	memset(all, 0, sizeof(*all));
	for (i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid == 0)
			read_for_a_while(b, all, i);
		n_started += pid > 0;
	}
	/* Who is not ready by then has died, which its status says. */
	while (n_started == n && atomic_load(&all->n_ready) < n && gs_clock_mono_ms() < until)
		(void)usleep(100);
	atomic_store(&all->go, 1);
	for (i = 0; i < n_started; i++)
		if (wait(&status) < 0 || status != 0)
			rc = GS_ESYSTEM;
	for (i = 0; i < n; i++) {
		per_s += all->by[i].ns == 0 ? 0 : (double)all->by[i].n * 1e9 / (double)all->by[i].ns;
		b->failed += all->by[i].failed;
	}
	return n_started < n || rc < 0 ? GS_ESYSTEM : per_s;
}

static int
measure_readers(struct bench *b, struct bench_result *out)
{
	struct reading *all = mmap(NULL, sizeof(*all), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int rc = GS_OK;

	if (all == MAP_FAILED)
		return GS_ENOMEM;
	out->one_per_s = read_together(b, all, 1);
	out->all_per_s = out->options.procs == 1 ? out->one_per_s : read_together(b, all, (uint32_t)out->options.procs);
	if (out->one_per_s < 0 || out->all_per_s < 0)
		rc = GS_ESYSTEM;
	(void)munmap(all, sizeof(*all));
	return rc;
}

/* ---- the store ---- */

static int
make_table(struct bench *b)
{
	struct gs_table_spec spec = {
		.name = "bench", .record_size = b->size, .key_max = KEY_BYTES, .n_classes = 1,
		.slot_size = { gs_table_slot_bytes(KEY_BYTES, 0, b->size) },
		.max_sessions = b->records + BATCH, .max_lifetime_ms = GS_DURATION_MAX, .n_rings = 1,
		.rings = { {
			.name = "active", .kind = GS_RING_NORMAL, .promote = GS_PROMOTE_ACCESS, .ttl_ms = GS_DURATION_MAX,
			.half_life_ms = 300000, .capacity = b->records + BATCH, .decay_to = GS_RING_NONE,
		} },
	};
	int rc;

	/* gs_table_open() wants no smaller slots. */
	spec.slot_size[0] = (uint32_t)gs_max_u64(spec.slot_size[0], 256);
	rc = gs_table_create_private(&b->t, &spec);
	if (rc < 0)
		return rc;
	return gs_ctx_init(&b->ctx, b->t, MAIN_CTX);
}

static int
fill(struct bench *b)
{
	struct gs_put_args args = { .ring = GS_RING_NONE, .mode = 0600 };
	uint64_t i, key[KEY_BYTES / 8];
	struct gs_key k;
	int rc;

	for (i = 0; i < b->records; i++) {
		b->ids[i] = b->next_id++;
		make_key(key, b->ids[i]);
		rc = gs_key_init(b->t, &k, key, KEY_BYTES);
		if (rc == 0)
			rc = gs_kv_put(b->t, &b->ctx, &k, gs_table_now_ms(b->t), b->bufs, b->size, &args, NULL);
		if (rc < 0)
			return rc;
	}
	return GS_OK;
}

/* Count the slots that can be read, and touch them once, so that no page fault is measured. */
static void
warm(struct bench *b)
{
	const struct gs_arena *a = gs_table_arena(b->t, 0, 0);
	volatile unsigned char sink;
	uint64_t at;
	uint32_t i;

	for (i = 0; i < a->n_segments; i++)
		if (atomic_load_explicit(&a->segments[i], memory_order_relaxed) == GS_SEGMENT_ACTIVE)
			b->n_slots = ((uint64_t)i + 1) * a->seg_slots;
	for (at = 0; at < b->n_slots * a->slot_size; at += GS_PAGE_BYTES / 2)
		sink = a->slots[at];
	(void)sink;
}

/* All of it at once would push other programs out of memory, or be killed. */
static bool
fits_memory(const struct bench_options *o)
{
	uint64_t need = o->records * (gs_table_slot_bytes(KEY_BYTES, 0, (uint32_t)o->size) + 32);
	uint64_t have = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	return need < have / 4 * 3;
}

static int
prepare_store(struct bench *b, const struct bench_options *o)
{
	int rc;

	b->records = o->records;
	b->size = (uint32_t)o->size;
	b->random = UINT64_C(88172645463325252);
	b->ids = calloc(o->records, sizeof(*b->ids));
	b->buf = calloc(1, o->size);
	b->bufs = calloc(BENCH_MULTI, o->size);
	if (b->ids == NULL || b->buf == NULL || b->bufs == NULL)
		return GS_ENOMEM;
	rc = make_table(b);
	if (rc == 0)
		rc = fill(b);
	if (rc == 0)
		warm(b);
	return rc;
}

static void
free_store(struct bench *b)
{
	if (b->ctx.page != NULL)
		gs_ctx_fini(&b->ctx, b->t);
	gs_table_free(&b->t);
	free(b->ids);
	free(b->buf);
	free(b->bufs);
	free(b);
}

int
bench_run(struct bench_result *out, const struct bench_options *o, char why[BENCH_WHY_BYTES])
{
	struct bench *b = calloc(1, sizeof(*b));
	struct rounds *r = calloc(1, sizeof(*r));
	int rc = GS_ENOMEM;

	*out = (struct bench_result){ .options = *o };
	if (b != NULL && r != NULL && fits_memory(o))
		rc = prepare_store(b, o);
	if (rc == GS_OK) {
		measure_all(b, out, r);
		rc = measure_readers(b, out);
	}
	if (rc == GS_OK && b->failed > 0)
		rc = GS_ECORRUPT;
	if (rc < 0)
		(void)snprintf(why, BENCH_WHY_BYTES, "%" PRIu64 " records of %" PRIu64 " bytes: %s", o->records, o->size, gs_strerror(rc));
	if (b != NULL)
		free_store(b);
	free(r);
	return rc;
}
