/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.h - how long the store's operations take, as multiples of what the memory itself takes.
 *
 * On a private store in shared anonymous memory, as bench_rounds.h says: once
 * the operations on the memory alone, once the calls of gsession.h, which also
 * borrow a context of the handle and hand out what they found.
 */
#ifndef LAB_BENCH_H
#define LAB_BENCH_H

#include <stdbool.h>
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
	uint64_t procs;			/* at once, at the end */
	bool is_zipf;			/* how often each key is asked for: Zipf with 0.99, or all equally */
	uint64_t op_ms;			/* how long each operation is measured */
};

struct bench_figures {			/* of each operation; of multi_get, per key */
	double ratio[BENCH_OPS];	/* to a dependent copy */
	double free_ratio[BENCH_OPS];	/* to a copy that may overlap others */
	double ns[BENCH_OPS];
};

struct bench_speed {			/* of many processes */
	double one_per_s;		/* operations by one of them */
	double all_per_s;		/* by all together */
	double scale;			/* median of how many times as many, over windows beside one another */
	double cpu_scale;		/* the same by processor time */
};

struct bench_memory {			/* bytes that the kernel has given to the store */
	uint64_t index;			/* T.idx */
	uint64_t slots;			/* T.R.C: headers, bitmaps and due hints of the slots too */
	uint64_t rest;			/* T.ctl and T.ctx */
	uint64_t huge;			/* of all these, mapped by huge pages */
	double per_session;
};

struct bench_result {
	struct bench_options options;
	struct bench_figures memory_ops;	/* gs_kv_get and so on */
	struct bench_figures calls;	/* gs_get and so on */
	double copy_ns, free_copy_ns;
	struct bench_speed reads;
	struct bench_speed writes;	/* updates, no two processes of the same keys */
	struct bench_memory memory;
};

/* The name of an operation in the report. */
const char *bench_name(enum bench_op op);
/* Returns 0, or an enum gs_err with a sentence in why. */
int bench_run(struct bench_result *out, const struct bench_options *o, char why[BENCH_WHY_BYTES]);

#endif
