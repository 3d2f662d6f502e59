/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cores.c - shapes of the file shapes, as src makes them, on two cores of this machine, many times; what came out is counted.
 *
 * It shows that compiler and processor do what axioms.c says of them, and
 * nothing more: what was never seen may still be allowed.  Only the control
 * tells that the race is close enough to show something: the same store
 * buffering with release and acquire, which x86 and ARM both allow.  Message
 * passing cannot go wrong on x86, whatever the orders; it can on ARM.
 */
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/match.h"
#include "shm/layout.h"

enum {
	CELLS = 4096,
	BYTES = 192,			/* of a copy: three lines */
	TAG_SHIFT = 49,
	TAG = 77,
	RUN_MS = 400, QUICK_MS = 100, CONTROL_MS = 30000,
};

/* Fresh in each round; what the two race for is on lines of their own. */
struct cell {
	_Alignas(128) struct gs_bucket bucket[2];
	_Alignas(64) _Atomic uint64_t word[2][8];
	_Alignas(64) unsigned char bytes[BYTES];
};

/* What a thread saw; 0, 1, and 2 for "refused, look again". */
typedef unsigned side(struct cell *c);

struct race {
	const char *name;
	side *side[2];
	int never[2];			/* the outcome, -1: any */
	bool is_control;		/* it must be seen */
};

/* ---- the shapes ---- */

static bool
swing(_Atomic uint64_t *at, uint64_t from, uint64_t to)
{
	return atomic_compare_exchange_strong_explicit(at, &from, to, memory_order_seq_cst, memory_order_acquire);
}

/* gs_index_replace of one key, then find_once of the other. */
static unsigned
put_and_get(struct cell *c, int mine)
{
	struct gs_bucket *b = &c->bucket[!mine];

	(void)swing(&c->bucket[mine].e[3], 0, (uint64_t)TAG << (TAG_SHIFT + 1));
	if (atomic_load_explicit(&b->H, memory_order_seq_cst) != 0)
		return 2;
	return (gs_match_words(&b->H, TAG << 1, TAG_SHIFT) & ~UINT32_C(1)) != 0;
}

static unsigned put_and_get_0(struct cell *c) { return put_and_get(c, 0); }
static unsigned put_and_get_1(struct cell *c) { return put_and_get(c, 1); }

/* raise_word of A, then X. */
static unsigned
access_side(struct cell *c)
{
	uint64_t seen = atomic_load_explicit(&c->word[0][0], memory_order_relaxed);

	while (seen < 1 && !atomic_compare_exchange_weak_explicit(&c->word[0][0], &seen, 1, memory_order_seq_cst, memory_order_relaxed))
		;
	return atomic_load_explicit(&c->word[1][0], memory_order_seq_cst) != 0;
}

/* expire: the claim of X, then A. */
static unsigned
sweep_side(struct cell *c)
{
	uint64_t x = 0;

	(void)atomic_compare_exchange_strong_explicit(&c->word[1][0], &x, 1, memory_order_seq_cst, memory_order_relaxed);
	return atomic_load_explicit(&c->word[0][0], memory_order_seq_cst) != 0;
}

static bool
is_all(const unsigned char *p, unsigned char value)
{
	for (int i = 0; i < BYTES; i++)
		if (p[i] != value)
			return false;
	return true;
}

/* gs_record_write over a record that may be being read, then gs_index_replace. */
static unsigned
write_side(struct cell *c)
{
	unsigned char with[BYTES];
	_Atomic uint64_t *w = &c->word[0][0];

	memset(with, 1, sizeof(with));
	atomic_store_explicit(w, gs_word(1, 1, GS_SLOT_WRITING), memory_order_relaxed);
	gs_fence_release();
	gs_racy_store(c->bytes, with, sizeof(with));
	atomic_store_explicit(w, gs_word(1, 1, GS_SLOT_READY), memory_order_release);
	(void)swing(&c->bucket[0].e[3], 0, 1);
	return 0;
}

/* A read of what is there: 1 a torn copy passed. */
static unsigned
copy_side(struct cell *c)
{
	unsigned char copy[BYTES];
	_Atomic uint64_t *at = &c->word[0][0];
	uint64_t w = atomic_load_explicit(at, memory_order_acquire);

	if (w != 0 && gs_word_state(w) != GS_SLOT_READY)
		return 2;
	gs_racy_load(copy, c->bytes, sizeof(copy));
	gs_fence_acquire();
	if (atomic_load_explicit(at, memory_order_relaxed) != w)
		return 2;
	return !is_all(copy, w != 0);
}

/* A read by way of the entry: 1 it does not name a whole record. */
static unsigned
entry_side(struct cell *c)
{
	unsigned char copy[BYTES];
	uint64_t w;

	if (atomic_load_explicit(&c->bucket[0].e[3], memory_order_acquire) == 0)
		return 2;
	w = atomic_load_explicit(&c->word[0][0], memory_order_acquire);
	gs_racy_load(copy, c->bytes, sizeof(copy));
	return gs_word_state(w) != GS_SLOT_READY || !is_all(copy, 1);
}

/* commit_insert and unlist_cell: the entry, then the cell. The bit in word[1] says that it is listed no more. */
static unsigned
unlist_side(struct cell *c)
{
	(void)swing(&c->bucket[0].e[3], 0, 1);
	atomic_store_explicit(&c->word[1][0], 1, memory_order_release);
	return 0;
}

/* The look of recovery: lists, then the index: 1 it is nobody's. */
static unsigned
lists_then_index(struct cell *c)
{
	if (atomic_load_explicit(&c->word[1][0], memory_order_acquire) == 0)
		return 2;
	return atomic_load_explicit(&c->bucket[0].e[3], memory_order_acquire) == 0;
}

/* end_hit: the cell, then the entry, whose absence is 1 here. */
static unsigned
list_side(struct cell *c)
{
	atomic_store_explicit(&c->word[1][0], 1, memory_order_release);
	(void)swing(&c->bucket[0].e[3], 0, 1);
	return 0;
}

/* The index, then the lists once more. */
static unsigned
index_then_lists(struct cell *c)
{
	if (atomic_load_explicit(&c->bucket[0].e[3], memory_order_acquire) == 0)
		return 2;
	return atomic_load_explicit(&c->word[1][0], memory_order_acquire) == 0;
}

/* refill_from: the cell, a full fence, the segment. */
static unsigned
take_side(struct cell *c)
{
	atomic_store_explicit(&c->word[0][0], 1, memory_order_release);
	gs_fence_full();
	return atomic_load_explicit(&c->word[1][0], memory_order_acquire) != 0;
}

/* gs_segments_release: the segment, a full fence, the lists. */
static unsigned
empty_side(struct cell *c)
{
	uint64_t from = 0;

	(void)atomic_compare_exchange_strong_explicit(&c->word[1][0], &from, 1, memory_order_acq_rel, memory_order_relaxed);
	gs_fence_full();
	return atomic_load_explicit(&c->word[0][0], memory_order_acquire) != 0;
}

/* Store buffering that nobody forbids. */
static unsigned
weak_side(struct cell *c, int mine)
{
	atomic_store_explicit(&c->word[mine][0], 1, memory_order_release);
	return atomic_load_explicit(&c->word[!mine][0], memory_order_acquire) != 0;
}

static unsigned weak_side_0(struct cell *c) { return weak_side(c, 0); }
static unsigned weak_side_1(struct cell *c) { return weak_side(c, 1); }

static const struct race races[] = {
	{ "get-after-put", { put_and_get_0, put_and_get_1 }, { 0, 0 }, false },
	{ "access-sweep", { access_side, sweep_side }, { 0, 0 }, false },
	{ "take-release", { take_side, empty_side }, { 0, 0 }, false },
	{ "entry-slot", { write_side, entry_side }, { -1, 1 }, false },
	{ "torn-copy", { write_side, copy_side }, { -1, 1 }, false },
	{ "unlisted-entry", { unlist_side, lists_then_index }, { -1, 1 }, false },
	{ "gone-cell", { list_side, index_then_lists }, { -1, 1 }, false },
	{ "control, get-after-put with release and acquire", { weak_side_0, weak_side_1 }, { 0, 0 }, true },
};

/* ---- two threads ---- */

static struct {
	struct cell *cells;
	const struct race *race;
	int cpu[2];
	_Alignas(64) _Atomic uint64_t arrived[2][8];
	_Alignas(64) unsigned char saw[2][CELLS];
} run;

static void
pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static void
run_side(int mine)
{
	for (int i = 0; i < CELLS; i++) {
		atomic_store_explicit(&run.arrived[mine][0], (uint64_t)i + 1, memory_order_release);
		while (atomic_load_explicit(&run.arrived[!mine][0], memory_order_acquire) < (uint64_t)i + 1)
			;
		/* Now the one is a little late, now the other. */
		for (int late = mine == (i & 1) ? i >> 1 & 15 : 0; late > 0; late--)
			atomic_signal_fence(memory_order_seq_cst);
		run.saw[mine][i] = (unsigned char)run.race->side[mine](&run.cells[i]);
	}
}

static void *
other_side(void *arg)
{
	(void)arg;
	pin(run.cpu[1]);
	run_side(1);
	return NULL;
}

/* All cells once; adds to seen[][]. */
static bool
round_of(unsigned long seen[3][3])
{
	pthread_t other;

	memset(run.cells, 0, CELLS * sizeof(run.cells[0]));
	atomic_store(&run.arrived[0][0], 0);
	atomic_store(&run.arrived[1][0], 0);
	if (pthread_create(&other, NULL, other_side, NULL) != 0)
		return false;
	run_side(0);
	(void)pthread_join(other, NULL);
	for (int i = 0; i < CELLS; i++)
		seen[run.saw[0][i]][run.saw[1][i]]++;
	return true;
}

static unsigned long
count(const struct race *r, unsigned long seen[3][3])
{
	unsigned long n = 0;

	for (int a = 0; a < 3; a++)
		for (int b = 0; b < 3; b++)
			if ((r->never[0] < 0 || r->never[0] == a) && (r->never[1] < 0 || r->never[1] == b))
				n += seen[a][b];
	return n;
}

static bool
race(const struct race *r, int number)
{
	unsigned long seen[3][3] = { { 0 } }, n = 0, n_never;
	uint64_t end = gs_clock_mono_ns() + UINT64_C(1000000) * (r->is_control ? CONTROL_MS : getenv("GS_QUICK") != NULL ? QUICK_MS : RUN_MS);
	bool is_right;

	run.race = r;
	do {
		if (!round_of(seen))
			return false;
		n += CELLS;
	} while (gs_clock_mono_ns() < end && !(r->is_control && count(r, seen) > 0));
	n_never = count(r, seen);
	is_right = r->is_control ? n_never > 0 : n_never == 0;
	(void)printf("%s %d - %s: %lu times; what %s be seen %lu, else", is_right ? "ok" : "not ok", number, r->name, n,
	    r->is_control ? "must" : "must not", n_never);
	for (int a = 0; a < 3; a++)
		for (int b = 0; b < 3; b++)
			if (seen[a][b] > 0 && !((r->never[0] < 0 || r->never[0] == a) && r->never[1] == b))
				(void)printf(" %d,%d: %lu", a, b, seen[a][b]);
	(void)printf("\n");
	(void)fflush(stdout);
	return is_right;
}

/* Two processors that we may run on. */
static bool
choose_cpus(void)
{
	cpu_set_t set;
	int n = 0;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return false;
	for (int cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++)
		if (CPU_ISSET((size_t)cpu, &set))
			run.cpu[n++] = cpu;
	return n == 2;
}

int
main(void)
{
	const int n_races = (int)(sizeof(races) / sizeof(races[0]));
	int n_failed = 0;

	if (!choose_cpus()) {
		(void)printf("1..0 # SKIP two cores are needed\n");
		return 0;
	}
	run.cells = aligned_alloc(128, CELLS * sizeof(run.cells[0]));
	if (run.cells == NULL)
		return 1;
	pin(run.cpu[0]);
	for (int i = 0; i < n_races; i++)
		n_failed += !race(&races[i], i + 1);
	free(run.cells);
	(void)printf("1..%d\n", n_races);
	return n_failed == 0 ? 0 : 1;
}
