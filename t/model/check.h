/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check.h - walk every interleaving of a few small processes and hold a law in each state.
 *
 * A model is a state of fixed size and a function that makes the next step of
 * one process: one atomic access of the C code it mirrors, with the private
 * work around it.  The walk is breadth first, so a violation is shown by a
 * shortest trace.  A process that is never chosen again is one that died or
 * was stopped, so death at any step needs nothing of its own, except where
 * somebody reacts to it.  Memory is sequentially consistent here; what weaker
 * orders allow is the business of the orders named in src/shm.
 */
#ifndef T_MODEL_CHECK_H
#define T_MODEL_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* What a step has to say of itself. */
struct check_note {
	const char *what;		/* the C function and its access, for the trace */
	const char *broken;		/* a law that this step found broken */
	bool is_beyond;			/* the model's bound: do not walk on from here */
};

struct check_model {
	size_t bytes;			/* of a state, a multiple of 8 */
	int n_procs;
	/* Make one step of a process. False: it has none. */
	bool (*step)(void *state, int who, const void *scenario, struct check_note *note);
	/* After each step: keep the model's own books, and say which law does not hold, or NULL. */
	const char *(*judge)(void *state, const void *scenario);
	int solo_steps;			/* in how many steps a process must end that runs alone; 0: not asked */
};

/*
 * Print a TAP line: the scenario holds in all states, or in as many as the bound lets us see (it says so).
 * With GS_QUICK in the environment the bound is an eighth.
 */
void check_holds(const struct check_model *m, const void *first, const void *scenario, const char *name, size_t bound);

/* Print a TAP line: the law `broken` does not hold here, as it must not: something needed was left out. */
void check_fails(const struct check_model *m, const void *first, const void *scenario, const char *name, const char *broken,
    size_t bound);

/* Print the sums and the plan. Returns the exit status. */
int check_end(void);

#endif
