/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_procs.h - how many operations one process does, and how many do several at once.
 *
 * The processes are forked once and told when to work: one alone, then all,
 * and so on in turn, so that both meet what else the machine does.  Drawing
 * keys is not counted.  By the time that the processes were given, too: that
 * tells what they cost one another where others want the processors as well,
 * and nothing of those that wait for somebody.
 */
#ifndef LAB_BENCH_PROCS_H
#define LAB_BENCH_PROCS_H

#include "lab/bench_rounds.h"

struct bench_crew {
	uint32_t n;			/* processes, up to BENCH_PROCS_MAX */
	enum bench_op op;
	bool is_disjoint;		/* each its own keys */
	uint64_t window_ms;		/* how long they work at a time */
	int (*enter)(struct bench_work *w, uint32_t i);	/* in process i, first; below 0 ends it */
	void (*leave)(struct bench_work *w, uint32_t i);	/* at its end */
};

/* Returns 0, or GS_ESYSTEM when a process could not be made or died; w->failed counts theirs too. */
int bench_procs(struct bench_work *w, const struct bench_crew *crew, struct bench_speed *out);

#endif
