/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slots_model.h - what the parts of the model in slots.c share.
 */
#ifndef T_MODEL_SLOTS_MODEL_H
#define T_MODEL_SLOTS_MODEL_H

#include <stdint.h>

#include "check.h"

enum {
	SLOTS = 3, KEYS = 2, CLIENTS = 3, CELLS = 3,
	DAEMON = CLIENTS,		/* then those who kill clients 0 and 1 */
	PROCS = CLIENTS + 3,
	TENT = 0x80,
	GENS = 12,
	FREE = 0, WRITING = 1, READY = 2,
	LIVE = 0, DEAD = 1, UNUSED = 2,
	EMPTY = 0, LISTED = 1, OWNED = 2, LIMBO = 3, /* of a cell; listed: not ours, or no more */
};

enum pc {
	FIND, KILL, REFILL_BITS, REFILL_LIST, REFILL_AND, REFILL_W, REFILL_TAKE, REFILL_LATE, REFILL_UNLIST,
	LIST_OLD, WRITE_WRITING, WRITE_READY, PLACE_OP, PLACE, FINAL, REPLACE, UNLIST_NEW, UNLIST_OLD,
	REMOVE, RETIRE, RELEASE_W, RELEASE_BIT, RELEASE_UNLIST,
	R_WAIT, R_OP, R_ENTRY, R_KILL, R_CELL, R_W, R_BIT, R_U, R_SAME, R_N, R_FREE, R_SET_BIT, R_CLEAR, R_DONE,
};

struct word { uint8_t gen, state; };
struct entry { uint8_t slot, gen; };	/* slot + 1, with TENT */

struct proc {
	struct entry e;
	struct word w;
	uint8_t pc, op, cell, old, slot, has_bit, state[CELLS];
	uint8_t ctx, u_ctx, u_cell, second_u, was_held, bit_only; /* the daemon's */
};

struct state {
	_Alignas(8) struct word w[SLOTS];
	uint8_t key[SLOTS], writer[SLOTS], bits;
	struct entry e[KEYS];
	uint8_t held[CLIENTS][CELLS], op_entry[CLIENTS], reg[CLIENTS], dead;
	struct proc p[CLIENTS + 1];
};

/* p put, d delete, of key 0; in capitals of key 1; f gives everything back. */
struct scenario {
	const char *ops[CLIENTS];
	uint8_t mortal;			/* clients 0 and 1, as bits */
	uint8_t depth;			/* LIMBO_DEPTH of slots.c */
	bool is_there[KEYS];
	bool late_list, one_u, forget, blind_free;
};

static inline bool slots_is_same(struct entry a, struct entry b) { return a.slot == b.slot && a.gen == b.gen; }
static inline bool slots_is_final(struct entry e) { return e.slot != 0 && (e.slot & TENT) == 0; }

/* A step of a client, and of the daemon that recovers the dead. */
bool slots_client_step(struct state *x, int who, const struct scenario *sc, struct check_note *n);
bool slots_daemon_step(struct state *x, const struct scenario *sc, struct check_note *n);

#endif
