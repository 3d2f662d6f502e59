/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.h - how long the store's operations take, as multiples of what the memory itself takes.
 *
 * On a private store in shared anonymous memory, all keys equally likely.  A
 * batch of an operation, then a batch of copies of as many bytes from random
 * known places of the same mapping, and so on in turn; the ratio is the median
 * over the pairs of batches, so that what else the machine does hits both.
 * The place of the next copy depends on the bytes just read, and so does the
 * key of the next get: neither can be begun before the one before it ends.
 * With `free` copies it does not, and they overlap.
 */
#ifndef LAB_BENCH_H
#define LAB_BENCH_H

#include <stdint.h>

enum bench_op {
	BENCH_GET_HIT, BENCH_GET_MISS, BENCH_MULTI_GET, BENCH_PUT, BENCH_UPDATE, BENCH_DELETE, BENCH_TOUCH, BENCH_OPS
};

enum {
	BENCH_MULTI = 16,		/* keys of one multi_get */
	BENCH_RECORDS_MIN = 1024, BENCH_RECORDS_MAX = 100000000,
	BENCH_SIZE_MIN = 8, BENCH_SIZE_MAX = 65000,
	BENCH_PROCS_MAX = 64,
	BENCH_WHY_BYTES = 256,
};

struct bench_options {
	uint64_t records;
	uint64_t size;			/* bytes of a value */
	uint64_t procs;			/* readers at once, at the end */
	uint64_t op_ms;			/* how long each operation is measured */
};

struct bench_result {
	struct bench_options options;
	double ratio[BENCH_OPS];	/* to a dependent copy */
	double free_ratio[BENCH_OPS];	/* to a copy that may overlap others */
	double ns[BENCH_OPS];		/* per operation; of multi_get, per key */
	double copy_ns, free_copy_ns;
	double one_per_s;		/* gets by one process */
	double all_per_s;		/* gets by `procs` processes together */
};

/* The name of an operation in the report. */
const char *bench_name(enum bench_op op);
/* Returns 0, or an enum gs_err with a sentence in why. */
int bench_run(struct bench_result *out, const struct bench_options *o, char why[BENCH_WHY_BYTES]);

#endif
