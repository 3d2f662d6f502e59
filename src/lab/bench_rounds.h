/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_rounds.h - times batches of an operation beside batches of copies, in turn.
 *
 * The ratio is the median over the pairs of batches, so that what else the
 * machine does hits both.  A long batch loses the processor to others more
 * often than a short one: rounds in which that happened do not count, where
 * enough are left.  Copies are of as many bytes as a value, from known
 * places of records drawn as the keys are.  The place of the next copy depends
 * on the bytes just read, and so does the key of the next get: neither can be
 * begun before the one before it ends.  With `free` copies it does not, and
 * they overlap.  gsession's store and, in t/bench, other programs' are measured
 * by this alone.
 */
#ifndef LAB_BENCH_ROUNDS_H
#define LAB_BENCH_ROUNDS_H

#include <stddef.h>

#include "lab/bench.h"
#include "lab/bench_keys.h"

struct bench_work;

/* Do an operation with every key of w->keys.key, and count in w->failed those that answer otherwise than they should. */
typedef void (*bench_run_fn)(struct bench_work *w);

struct bench_work {
	void *subject;			/* of the run functions */
	bench_run_fn run[BENCH_OPS];	/* NULL: it has no such operation */
	struct bench_keys keys;
	uint32_t size;			/* bytes of a value */
	unsigned char *buf, *bufs;	/* room for one value; for BENCH_MULTI, all zeros to be written */
	const unsigned char *places;	/* where the value of record 0 is, the others `stride` apart */
	uint64_t stride;
	uint64_t failed;		/* operations that did not answer as they should */
	const unsigned char *place[BENCH_BATCH];
};

enum { BENCH_ROUNDS_MAX = 4096, BENCH_ROUNDS_MIN = 8 };

/* What rounds measured: times and, against the copies of the same round, ratios. */
struct bench_rounds {
	size_t n;
	double ns[BENCH_ROUNDS_MAX], copy_ns[BENCH_ROUNDS_MAX], free_ns[BENCH_ROUNDS_MAX];
	double ratio[BENCH_ROUNDS_MAX], free_ratio[BENCH_ROUNDS_MAX];
	bool is_calm[BENCH_ROUNDS_MAX];	/* nobody took the processor away */
};

/* 0, or GS_ENOMEM; to be ended in either case. The caller sets subject, run and places. */
int bench_work_init(struct bench_work *w, uint64_t records, uint32_t size);
void bench_work_fini(struct bench_work *w);

/* 0, which the compiler does not know: values are all zeros. For making the next operation wait for this value. */
static inline size_t
bench_nothing_of(const unsigned char *value, uint32_t size)
{
	return (size_t)(value[0] | value[size - 1]);
}

/* Draw the keys of a batch as the operation wants them. */
void bench_prepare(struct bench_work *w, enum bench_op op);
/* Nanoseconds an operation of one batch takes, its keys drawn before. */
double bench_batch_ns(struct bench_work *w, enum bench_op op);
/* Measure an operation for this long, and at least BENCH_ROUNDS_MIN rounds. */
void bench_measure(struct bench_work *w, enum bench_op op, uint64_t ms, struct bench_rounds *r);
/* Measure every operation there is; the others' figures stay 0. copy_ns and free_copy_ns are set when not NULL. */
void bench_measure_all(struct bench_work *w, uint64_t ms, struct bench_figures *out, double *copy_ns, double *free_copy_ns);
/* Leave only the calm rounds, when there are at least BENCH_ROUNDS_MIN of them. */
void bench_keep_calm(struct bench_rounds *r);
/* Sorts them. */
double bench_median(double *values, size_t n);

#endif
