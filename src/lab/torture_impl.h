/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * torture_impl.h - what the processes of a torture share, outside of the store they work on.
 */
#ifndef LAB_TORTURE_IMPL_H
#define LAB_TORTURE_IMPL_H

#include <limits.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "gsession.h"
#include "lab/history.h"
#include "lab/torture.h"
#include "lab/torture_journal.h"

enum {
	TORTURE_WRITERS = 6, TORTURE_READERS = 2,	/* readers come after the writers */
	TORTURE_WORKERS = TORTURE_WRITERS + TORTURE_READERS,
	TORTURE_OWN_KEYS = 128,		/* of each writer: it alone writes them */
	TORTURE_KEYS = TORTURE_WRITERS * TORTURE_OWN_KEYS,
	TORTURE_HOT_KEYS = 4,		/* that all write at once, new ones in each epoch */
	TORTURE_LOG_OPS = 512,		/* a worker's calls on them in one epoch */
	TORTURE_LOGS = 2,		/* of the epoch that goes on, and of the one that is checked */
	TORTURE_RINGS = 4,
	TORTURE_CAPACITY_MAX = 384,	/* of a ring; as much again is its reserve */
	TORTURE_FINDINGS = 64,
	TORTURE_FINDING_BYTES = 400,
	TORTURE_PATIENCE_MS = 30000,	/* for what must come */
	TORTURE_POLL_MS = 5,
};

#define TORTURE_INSTANCE "torture"

/* Calls of one worker slot on hot keys: it appends, the historian empties. */
struct torture_log {
	_Atomic uint32_t n;
	uint32_t pad;
	struct {
		struct history_op op;
		uint32_t key, who;
	} call[TORTURE_LOG_OPS];
};

/* One worker at a time has a slot; the next one goes on where it was killed. */
struct torture_slot {
	_Atomic uint64_t epoch;		/* it is in a call on a key of this epoch, or 0 */
	_Atomic pid_t bound;		/* the worker that will die with its parent: no other may be stopped */
	_Atomic uint64_t count[TORTURE_COUNTS];
	_Atomic uint64_t n_calls;
	struct torture_log log[TORTURE_LOGS];
};

struct torture_finding {
	_Atomic uint32_t is_whole;
	char text[TORTURE_FINDING_BYTES];
};

/* Mapped by all; nothing of the store lies in it, and no kill touches it. */
struct torture_shared {
	uint64_t seed;
	pid_t parent;
	char run_dir[PATH_MAX];
	_Atomic uint32_t must_stop;
	_Atomic uint64_t epoch;		/* of the hot keys; 0: none goes on */
	_Atomic uint32_t tide;		/* torture_tide() */
	_Atomic uint64_t found[TORTURE_VERDICTS];
	_Atomic uint32_t n_findings;
	struct torture_finding finding[TORTURE_FINDINGS];
	struct torture_key_journal key[TORTURE_KEYS];
	struct torture_slot worker[TORTURE_WORKERS];
	struct torture_slot historian, operator, conductor;	/* whose counts alone are used */
};

extern const char *const torture_rings[TORTURE_RINGS];	/* the suspects' last */

/* Where most moves go at present, and whether sessions become fewer: so rings fill and empty. */
static inline uint32_t torture_tide(uint32_t ring, bool is_low) { return ring << 1 | (is_low ? 1 : 0); }
static inline uint32_t torture_tide_ring(uint32_t tide) { return tide >> 1; }
static inline bool torture_tide_is_low(uint32_t tide) { return (tide & 1) != 0; }

/* ---- torture_shared.c ---- */

struct torture_shared *torture_shared_new(uint64_t seed, const char *run_dir);
void torture_shared_free(struct torture_shared *sh);
/* Count and describe a finding; TORTURE_FINE is none, TORTURE_VERDICTS is one more line about the last. */
void torture_found(struct torture_shared *sh, enum torture_verdict v, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static inline void
torture_count(struct torture_slot *s, enum torture_count n, uint64_t by)
{
	/* relaxed; one writer at a time, only a statistic */
	atomic_store_explicit(&s->count[n], atomic_load_explicit(&s->count[n], memory_order_relaxed) + by, memory_order_relaxed);
}

/* In a child: attach, waiting for the daemon as long as it may take. NULL: what was wrong is a finding. */
struct gs *torture_attach(struct torture_shared *sh, enum gs_role role);

/* ---- the processes; each is the whole of a child, and returns its exit status ---- */

int torture_worker(struct torture_shared *sh, uint32_t id, uint64_t seed);
int torture_historian(struct torture_shared *sh);
int torture_operator(struct torture_shared *sh, uint64_t seed);

/* ---- torture_hot.c: in a worker ---- */

struct torture_hot {
	struct torture_shared *sh;
	struct torture_slot *slot;
	uint32_t id;			/* of the slot */
	uint64_t *random;
	struct gs *gs;
	bool is_reader;
};

/* One call on a hot key, written down. */
void torture_hot_once(struct torture_hot *h);
/* The slot's worker was killed: calls that it was in ended now. */
void torture_hot_settle(struct torture_slot *slot, uint64_t now_ns);
/* The number by which a hot key's name is made. */
uint64_t torture_hot_number(uint64_t epoch, uint32_t key);

#endif
