/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * move_model.h - what the parts of the model in move.c share.
 */
#ifndef T_MODEL_MOVE_MODEL_H
#define T_MODEL_MOVE_MODEL_H

#include <stdint.h>

#include "check.h"

enum {
	SLOTS = 4, PROCS = 3, CELLS = 2,
	CLOSED = 0x80,
	ONE = 64,			/* the interest of one access */
	TTL = 3,			/* from the last touch */
	IDLE = 3,			/* from the last access, in the last ring */
};

enum pc {
	LOOK_ENTRY, LOOK_WORD, HEAD_X, HEAD_A, HEAD_I, HEAD_T, HEAD_SAME, HEAD_A_SAME,
	ACCESS_I, ACCESS_A, ACCESS_A_CAS, ACCESS_I_CAS, ACCESS_X,
	WRITE, REPLACE, CLOSE_I, CLOSE_A, CLOSE_T, MERGE_MINE, MERGE_RAISE, MERGE_RAISE_CAS, MERGE_NOW, MERGE_I_CAS,
	MERGE_T_LOAD, MERGE_T_CAS, MERGE_X, MERGE_X_CAS, MERGE_LOOK,
	TOUCH_X, TOUCH_T, TOUCH_A, TOUCH_I, TOUCH_X_LOAD, TOUCH_ENTRY,
	SWEEP_CLAIM, SWEEP_A, SWEEP_UNDO,
	REMOVE,
};

/*
 * gs_timed; gen ^ CLOSED is a closed one. Interest has 40 bits behind the point and does not come back to what it was
 * while somebody looks away; here it would, so exchanges of it are numbered.
 */
struct word { uint16_t v; uint8_t gen, number; };
struct slot { struct word x, a, i, t; uint8_t gen, value, ring, pad; };

struct proc {
	struct word x, a, i, t;		/* the header as copied: `seen` */
	struct word word, other, more;	/* loaded, most before an exchange */
	struct word touched;		/* T of the old slot */
	uint8_t pc, op, e, gen, cell[CELLS], idle, mine_ms, now_ms, old, relocates, acked, value;
	uint8_t has_accesses, has_touch, pad;
};

struct state {
	_Alignas(8) struct slot s[SLOTS];
	uint8_t e, gen;			/* the entry: slot + 1, generation */
	uint8_t current, pad;		/* book: the value that was published last, 0 is none */
	struct proc p[PROCS];
};

/*
 * Each operation is a letter and the time at which it looked at its clock:
 * a access, p access that brings in, m move, u update, t touch, d delete, s sweep.
 */
struct scenario {
	const char *ops[PROCS];
	uint8_t ring;			/* where it is at first: 0, or 1, the last one */
	uint8_t touched;		/* and when it was touched */
	bool is_exact;			/* all at one time: interest must be exact at the end */
	bool may_end;			/* by a delete */
	bool no_close, no_merge, no_look, no_second_a, torn_touch, copied_claim, no_follow, no_second_x, one_try;
};

static inline int move_kind_of(const struct scenario *sc, int who, int op) { return sc->ops[who][2 * op]; }
static inline int move_now_of(const struct scenario *sc, int who, int op) { return sc->ops[who][2 * op + 1] - '0'; }
static inline bool move_is_same(struct word a, struct word b) { return a.v == b.v && a.gen == b.gen && a.number == b.number; }
static inline int move_fade(int interest, int idle) { return idle > 0 ? interest >> idle : interest; }

/* The operation is over, with success or not; what is kept is what the context has. */
static inline void
move_next_op(struct proc *p, bool is_acked)
{
	struct proc fresh = { .op = (uint8_t)(p->op + 1), .cell = { p->cell[0], p->cell[1] },
		.acked = (uint8_t)(p->acked | is_acked << p->op) };

	*p = fresh;
}

/* It begins again. */
static inline void
move_look_again(struct proc *p)
{
	struct proc fresh = { .op = p->op, .cell = { p->cell[0], p->cell[1] }, .acked = p->acked };

	*p = fresh;
}

/* A step of an operation up to where it changes something, in place or by the end of the session. */
void move_use_step(struct state *x, int who, const struct scenario *sc, struct check_note *n);
/* A step of what publishes another slot and carries over what came to the old one. */
void move_publish_step(struct state *x, int who, const struct scenario *sc, struct check_note *n);

#endif
