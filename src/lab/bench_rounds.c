/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/bench_rounds.h"

#include <sys/resource.h>

#include <stdlib.h>
#include <string.h>

#include "gsession.h"
#include "base/clock.h"

static const char *const names[BENCH_OPS] = {
	[BENCH_GET_HIT] = "get_hit", [BENCH_GET_MISS] = "get_miss", [BENCH_MULTI_GET] = "multi_get", [BENCH_PUT] = "put",
	[BENCH_UPDATE] = "update", [BENCH_DELETE] = "delete", [BENCH_TOUCH] = "touch",
};

const char *
bench_name(enum bench_op op)
{
	return names[op];
}

int
bench_work_init(struct bench_work *w, uint64_t records, uint32_t size)
{
	int rc;

	memset(w, 0, sizeof(*w));
	rc = bench_keys_init(&w->keys, records);
	w->size = size;
	w->buf = calloc(1, size);
	w->bufs = calloc(BENCH_MULTI, size);
	return rc < 0 || w->buf == NULL || w->bufs == NULL ? GS_ENOMEM : GS_OK;
}

void
bench_work_fini(struct bench_work *w)
{
	bench_keys_fini(&w->keys);
	free(w->buf);
	free(w->bufs);
}

/* ---- copies ---- */

static void
prepare_places(struct bench_work *w)
{
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++)
		w->place[i] = w->places + bench_keys_draw(&w->keys) * w->stride;
}

static void
run_copy(struct bench_work *w)
{
	size_t i, nothing = 0;

	for (i = 0; i < BENCH_BATCH; i++) {
		memcpy(w->buf, w->place[i] + nothing, w->size);
		nothing = bench_nothing_of(w->buf, w->size);
	}
	w->failed += nothing;
}

static void
run_free_copy(struct bench_work *w)
{
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++) {
		memcpy(w->buf, w->place[i], w->size);
		/* The copies are wanted, each of them. */
		__asm__ volatile("" : : "r"(w->buf) : "memory");
	}
}

/* ---- batches ---- */

static double
timed(struct bench_work *w, bench_run_fn run)
{
	uint64_t from = gs_clock_mono_ns();

	run(w);
	return (double)(gs_clock_mono_ns() - from) / BENCH_BATCH;
}

void
bench_prepare(struct bench_work *w, enum bench_op op)
{
	switch (op) {
	case BENCH_GET_MISS:
		bench_keys_absent(&w->keys);
		return;
	case BENCH_PUT:
		bench_keys_fresh(&w->keys);
		return;
	case BENCH_DELETE:
		bench_keys_leaving(&w->keys);
		return;
	default:
		bench_keys_present(&w->keys);
	}
}

double
bench_batch_ns(struct bench_work *w, enum bench_op op)
{
	bench_prepare(w, op);
	return timed(w, w->run[op]);
}

static double
copies_ns(struct bench_work *w, bench_run_fn run)
{
	prepare_places(w);
	return timed(w, run);
}

/* One that is not looked at. */
static void
do_batch(struct bench_work *w, enum bench_op op)
{
	(void)bench_batch_ns(w, op);
}

/* How often this thread lost the processor that it wanted. */
static long
lost_processor(void)
{
	struct rusage used;

	return getrusage(RUSAGE_THREAD, &used) == 0 ? used.ru_nivcsw : 0;
}

void
bench_keep_calm(struct bench_rounds *r)
{
	size_t i, n = 0;

	for (i = 0; i < r->n; i++)
		n += r->is_calm[i];
	if (n < BENCH_ROUNDS_MIN)
		return;
	for (i = 0, n = 0; i < r->n; i++) {
		if (!r->is_calm[i])
			continue;
		r->ns[n] = r->ns[i];
		r->copy_ns[n] = r->copy_ns[i];
		r->free_ns[n] = r->free_ns[i];
		r->ratio[n] = r->ratio[i];
		r->free_ratio[n] = r->free_ratio[i];
		r->is_calm[n++] = true;
	}
	r->n = n;
}

void
bench_measure(struct bench_work *w, enum bench_op op, uint64_t ms, struct bench_rounds *r)
{
	uint64_t until = gs_clock_mono_ms() + ms;
	long lost;
	size_t n;

	for (n = 0; n < BENCH_ROUNDS_MAX && (n < BENCH_ROUNDS_MIN || gs_clock_mono_ms() < until); n++) {
		/* There are as many records before a round as after it. */
		if (op == BENCH_DELETE)
			do_batch(w, BENCH_PUT);
		lost = lost_processor();
		r->copy_ns[n] = copies_ns(w, run_copy);
		r->ns[n] = bench_batch_ns(w, op);
		r->free_ns[n] = copies_ns(w, run_free_copy);
		r->is_calm[n] = lost_processor() == lost;
		if (op == BENCH_PUT)
			do_batch(w, BENCH_DELETE);
		r->ratio[n] = r->ns[n] / r->copy_ns[n];
		r->free_ratio[n] = r->ns[n] / r->free_ns[n];
	}
	r->n = n;
	bench_keep_calm(r);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double
bench_median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare);
	return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

void
bench_measure_all(struct bench_work *w, uint64_t ms, struct bench_figures *out, double *copy_ns, double *free_copy_ns)
{
	static struct bench_rounds r;
	enum bench_op op;

	*out = (struct bench_figures){ 0 };
	for (op = 0; op < BENCH_OPS; op++) {
		if (w->run[op] == NULL)
			continue;
		bench_measure(w, op, ms, &r);
		out->ratio[op] = bench_median(r.ratio, r.n);
		out->free_ratio[op] = bench_median(r.free_ratio, r.n);
		out->ns[op] = bench_median(r.ns, r.n);
		if (op == BENCH_GET_HIT && copy_ns != NULL)
			*copy_ns = bench_median(r.copy_ns, r.n);
		if (op == BENCH_GET_HIT && free_copy_ns != NULL)
			*free_copy_ns = bench_median(r.free_ns, r.n);
	}
}
