/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * torture_crew.h - the processes of a torture: started, killed, stopped, continued, and missed when they end by themselves.
 *
 * All are children of the one that conducts, and die with it.
 */
#ifndef LAB_TORTURE_CREW_H
#define LAB_TORTURE_CREW_H

#include "lab/torture_impl.h"
#include "lab/torture_place.h"
#include "lab/torture_plan.h"

struct torture_member {
	pid_t pid;			/* 0: none */
	uint64_t stopped_ns;		/* when it was stopped; 0: it runs */
	uint64_t n_started;
};

struct torture_crew {
	struct torture_shared *sh;
	const struct torture_place *place;
	struct torture_member worker[TORTURE_WORKERS];
	struct torture_member historian, operator, daemon;
};

/* Start all. 0 or GS_ESYSTEM. */
int torture_crew_start(struct torture_crew *c);
/* Do what the plan says, as far as it can be done. 0 or GS_ESYSTEM. */
int torture_crew_do(struct torture_crew *c, const struct torture_step *step);
/* Continue whoever was stopped too long; report who ended by himself. */
void torture_crew_look(struct torture_crew *c);
/* Continue all, have workers and the others end, and wait for them. */
void torture_crew_dismiss(struct torture_crew *c);
/* The daemon alone ends, in good order. */
void torture_crew_dismiss_daemon(struct torture_crew *c);
/* Kill whoever is left. */
void torture_crew_kill(struct torture_crew *c);

#endif
