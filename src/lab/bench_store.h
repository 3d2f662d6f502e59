/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_store.h - a private store full of records for bench_rounds.h, and the operations on it.
 */
#ifndef LAB_BENCH_STORE_H
#define LAB_BENCH_STORE_H

#include "lab/bench_rounds.h"
#include "lib/handle.h"

struct bench_store {
	struct gs_table *t;
	struct gs_ctx ctx;
	struct gs_lease lease;		/* the one context of a handle on the same table */
	_Atomic uint32_t state;
	struct gs handle;
	struct gs_own own;
};

/* Make a store, fill it with all of w's records and touch it once, so that no page fault is measured. An enum gs_err. */
int bench_store_make(struct bench_store *s, struct bench_work *w);
void bench_store_free(struct bench_store *s);

/* What w->run is to be: the operations on the memory; the calls of gsession.h, which need bench_store_enter(). */
extern const bench_run_fn bench_store_ops[BENCH_OPS];
extern const bench_run_fn bench_store_calls[BENCH_OPS];
/* A handle as gs_attach() makes one, but on this store. 0, or GS_ENOMEM. */
int bench_store_enter(struct bench_store *s);
void bench_store_leave(struct bench_store *s);

/* Of struct bench_crew: work in a forked process. */
int bench_store_begin(struct bench_work *w, uint32_t i);
void bench_store_end(struct bench_work *w, uint32_t i);

/* Touch all of the store, so that this process has it mapped. */
void bench_store_warm(struct bench_store *s);

/* What the kernel has given to the store. 0, or GS_ESYSTEM. */
int bench_store_memory(const struct bench_store *s, uint64_t records, struct bench_memory *out);
/* Does a store of so many records fit into the memory that is free now? All of it at once would push others out. */
bool bench_store_fits(uint64_t records, uint32_t size);
/* MemAvailable of proc_meminfo(5); 0 when it does not say. */
uint64_t bench_free_bytes(void);

#endif
