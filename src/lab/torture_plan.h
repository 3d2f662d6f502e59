/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * torture_plan.h - when which worker is killed, stopped or continued, and when the daemon: a function of the seed alone.
 *
 * What a worker is doing at that moment is the machine's affair, so the same
 * seed gives the same plan and not the same run.
 */
#ifndef LAB_TORTURE_PLAN_H
#define LAB_TORTURE_PLAN_H

#include <stdint.h>

enum torture_deed { TORTURE_DO_KILL, TORTURE_DO_STOP, TORTURE_DO_CONT, TORTURE_DO_KILL_DAEMON, TORTURE_DEEDS };

enum {
	TORTURE_STEP_MIN_US = 1000, TORTURE_STEP_MAX_US = 50000,	/* between two deeds to workers */
	TORTURE_DAEMON_US = 1000000,		/* between two kills of the daemon */
	TORTURE_DAEMON_AGAIN_US = 30000,	/* one in four is killed again this soon: while it starts */
};

struct torture_step {
	uint64_t at_us;			/* since the beginning */
	enum torture_deed deed;
	uint32_t who;			/* worker */
};

struct torture_plan {
	uint64_t random;
	uint32_t n_workers;
	uint64_t worker_us, daemon_us;	/* when the next of each is due */
	uint64_t second_us;		/* the second in which the daemon was last killed for the first time */
};

void torture_plan_init(struct torture_plan *p, uint64_t seed, uint32_t n_workers);
void torture_plan_next(struct torture_plan *p, struct torture_step *out);

/* The next of a sequence of numbers that a seed begins; also for workers. */
uint64_t torture_random(uint64_t *state);
/* The seed of one of many sequences. */
uint64_t torture_seed(uint64_t seed, uint64_t a, uint64_t b);

#endif
