/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer.h - another store, measured as gsession's is by lab/bench_rounds.h.
 *
 * Each program t/bench/peer_X is peer.c, which measures and prints, and one
 * peer_X.c, which has the functions below for the store X.
 */
#ifndef T_BENCH_PEER_H
#define T_BENCH_PEER_H

#include <sys/types.h>

#include "lab/bench_procs.h"

struct peer_mode {
	const char *name;		/* in the report */
	bench_run_fn run[BENCH_OPS];	/* NULL: it has no such operation */
};

struct peer_plan {
	uint64_t records;
	uint32_t size;
	const char *dir;		/* for its files and its socket, empty at first */
};

/* Modes of the same store, the first with everything that it can do; ended by one without a name. */
extern const struct peer_mode peer_modes[];
/* Do its processes share one store, so that they may write at once? */
extern const bool peer_is_shared;

/* Make the empty store, start its server, connect. 0, or -1 with the reason on stderr. */
int peer_open(const struct peer_plan *plan);
/* Put every record. 0, or -1. */
int peer_fill(struct bench_work *w);
/* Bytes of memory that the store has now. */
uint64_t peer_bytes(void);
void peer_close(void);

/* In a forked process that works on the same store, at its begin and end; of struct bench_crew. */
int peer_enter(struct bench_work *w, uint32_t i);
void peer_leave(struct bench_work *w, uint32_t i);

/* ---- of peer_server.c, for those that are a server ---- */

/* Run a program, which ends with this one, its output in dir/server.log. 0, or -1 with the reason on stderr. */
int peer_server_start(const char *dir, char *const argv[]);
/* Poll until it listens. 0, or -1 when it did not within ten seconds. */
int peer_server_wait(const char *socket_path);
/* Of its resident memory. */
uint64_t peer_server_bytes(void);
void peer_server_stop(void);
/* Resident bytes of a process; 0 is this one. */
uint64_t peer_resident_bytes(pid_t pid);

#endif
