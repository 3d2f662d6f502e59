/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * litmus.h - a small program of atomic accesses, its executions, and three models that say which of them may happen.
 */
#ifndef T_LITMUS_LITMUS_H
#define T_LITMUS_LITMUS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
	MAX_THREADS = 4, MAX_OPS = 16, MAX_PLACES = 6, MAX_EVENTS = 32, MAX_CONDS = 6,
	NAME_BYTES = 32, LINE_BYTES = 256,
};

enum op_kind { OP_LOAD, OP_STORE, OP_CAS, OP_SWAP, OP_FENCE };

/* As bits: seq_cst is more than both. */
enum order { RELAXED = 0, ACQUIRE = 1, RELEASE = 2, ACQ_REL = 3, SEQ_CST = 7 };

struct op {
	enum op_kind kind;
	enum order order;
	int thread, place, want, value;	/* cas: from want to value */
	char reg[NAME_BYTES];
	char what[NAME_BYTES];		/* as written */
};

/* Who forbids the outcome. */
enum by { BY_C = 1, BY_ARM = 2, BY_X86 = 4 };

struct shape {
	char name[NAME_BYTES];
	int by;
	int n_ops, n_threads, n_places, n_conds;
	struct op op[MAX_OPS];
	char place[MAX_PLACES][NAME_BYTES];
	int init[MAX_PLACES];
	struct { int op, value; } never[MAX_CONDS];	/* what the op reads */
};

/*
 * One execution: what happened, who read from whom, and in which order each place was written.  A cas or swap is one
 * event here; a model that has it as two makes them.
 */
struct execution {
	const struct shape *s;
	int n;				/* the first n_places write what is there at first */
	int op[MAX_EVENTS];		/* -1 for those */
	int thread[MAX_EVENTS], place[MAX_EVENTS], value[MAX_EVENTS];	/* value: written */
	bool reads[MAX_EVENTS], writes[MAX_EVENTS];
	int from[MAX_EVENTS];		/* of a read: the write */
	int rank[MAX_EVENTS];		/* of a write: its place in the order of its place's writes */
};

typedef bool (*litmus_model)(const struct execution *x);

/* Read the next shape of a file. 1, 0 at its end; what cannot be read ends the program. */
int litmus_read(FILE *f, struct shape *out);
/* Parse one of a string. */
void litmus_parse(const char *text, struct shape *out);
const char *litmus_order_name(enum order o);

/* May the outcome happen under the model? Counts the executions looked at. */
bool litmus_allows(const struct shape *s, litmus_model model, unsigned long *n_executions);

bool litmus_is_c(const struct execution *x);		/* RC11 */
bool litmus_is_arm(const struct execution *x);		/* ARMv8 */
bool litmus_is_x86(const struct execution *x);		/* TSO */

#endif
