/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * life_model.h - what the models of recovery and of the audit share: clients that may die, and the daemon that comes after them.
 */
#ifndef T_MODEL_LIFE_MODEL_H
#define T_MODEL_LIFE_MODEL_H

#include <stdint.h>

#include "check.h"

enum {
	SLOTS = 5,
	OUTER = 4,			/* slots from here on are of the outer ring */
	ENTRIES = 3,			/* one at home, the others in the stash; a scenario may use fewer */
	KEYS = 3, CLIENTS = 2, CELLS = 3,
	REFILL = 2,			/* slots taken from the bitmap at once */
	DAEMON = CLIENTS, AUDIT, KILL_CLIENT, KILL_DAEMON = KILL_CLIENT + CLIENTS, PROCS,
	TENT = 0x80,
	GENS = 9, VERSIONS = 5,		/* the model's bounds */
	FREE = 0, WRITING = 1, READY = 2,
	LIVE = 0, DEAD = 1, UNUSED = 2,
	EMPTY = 0, LISTED = 1, OWNED = 2, LIMBO = 3,	/* of a cell; listed: not ours, or no more */
};

enum pc {
	FIND_HEADER, FIND_ENTRY,
	REFILL_BITS, REFILL_LIST, REFILL_AND, REFILL_W, REFILL_TAKE, REFILL_LATE, REFILL_UNLIST,
	LIST_OLD, WRITE_WRITING, WRITE_READY, REPLACE, UNLIST_EARLY, UNLIST_NEW, UNLIST_OLD,
	SCAN_HEADER, SCAN_ENTRY, SCAN_EMPTY, SCAN_KILL,
	PLACED_LOOK, PLACE_OP, PLACE, COMMIT_HEADER, FINAL, CLEAR_OP, WITHDRAW, WITHDRAW_OP,
	REMOVE_HEADER, REMOVE, DOWN_HEADER, DOWN_CAS,
	RETIRE, RELEASE_W, RELEASE_BIT, RELEASE_UNLIST,
	/* the daemon's */
	D_WAIT, D_OP, D_ENTRY, D_ENTRY_W, D_KILL, D_OP_CLEAR, D_CELL,
	D_W, D_BIT, D_U, D_SAME, D_N, D_FREE, D_SET_BIT, D_CLEAR, D_FORGET, D_UNUSED,
	D_TRIM_H, D_TALLY, D_TALLY_W, D_TRIM_CAS,
	/* the audit's */
	A_ENTRY, A_ENTRY_W, A_ENTRY_SAME, A_TENT_W, A_TENT_ENTRY, A_PLACE_H, A_PLACE_ENTRY,
	A_TWIN, A_TWIN_W, A_TWIN_SAME, A_TWIN_ENTRY,
	A_HEAD, A_HEAD_H, A_HEAD_ENTRY, A_HEAD_W, A_HEAD_SAME,
	A_SLOT, A_SLOT_SAME, A_SLOT_N, A_SLOT_FINAL, A_SLOT_U, A_SLOT_LEFT,
	A_FREE_BIT, A_FREE_U, A_FREE_LEFT, A_FREE_W, A_END,
};

struct word { uint8_t gen, state, ctx; };
struct entry { uint8_t slot, gen; };	/* slot + 1, with TENT; 0 is empty */
struct header { uint8_t version, count; };

struct proc {
	struct entry e, mine;
	struct word w;
	struct header h, want;
	uint8_t pc, op, i, cell, old, slot, todo, had, empty, placed, is_full, state[CELLS];
	/* the daemon's and the audit's */
	uint8_t ctx, u_ctx, u_cell, second_u, was_held, bit_only, is_walk, is_last, tries, n, other;
};

struct state {
	_Alignas(8) struct proc p[AUDIT + 1];
	struct word w[SLOTS];
	struct entry e[ENTRIES];
	struct header h;
	uint8_t key[SLOTS], bits;
	uint8_t held[CLIENTS][CELLS], op_entry[CLIENTS], reg[CLIENTS];
	/* books: who is dead, daemons that died, walks begun, all walked after the end, keys present, laws reported broken */
	uint8_t dead, deaths, walks, is_over, present;
	uint16_t reported;
};

enum plant { NO_PLANT, LOST_SLOT, NO_BIT, TWIN, LOW_COUNT, DANGLING, TENTATIVE };

/* p put, d delete, m move to the other ring, of key 0; in capitals of key 1; f gives everything back. Key 2 stays. */
struct scenario {
	const char *ops[CLIENTS];
	const char *at;			/* which key is where at first, by place: "-0" key 0 in the stash */
	uint8_t entries;		/* places used, 2 or 3 */
	uint8_t mortal;			/* clients, as bits */
	uint8_t deaths;			/* of the daemon, at most */
	uint8_t walks;			/* over all slots and entries, while others work */
	uint8_t depth;			/* LIMBO_DEPTH of slots.c */
	bool forgets;			/* the daemon does not wait for a living client that lists what a dead one had */
	uint8_t looks;			/* TRIES of audit.c */
	enum plant plant;
	/* what is left out */
	bool late_list, early_unlist, one_u, no_n, final_n, blind_free, trust_bits, no_op, blind_kill, no_tent, clear_first, early_unused,
	    no_walk, no_twin_look, no_place_look, no_head_look, no_tent_look, dead_is_nobody, no_left, tent_is_live;
};

static inline bool life_is_same(struct entry a, struct entry b) { return a.slot == b.slot && a.gen == b.gen; }
static inline bool life_is_final(struct entry e) { return e.slot != 0 && (e.slot & TENT) == 0; }
static inline bool life_is_word(struct word a, struct word b) { return a.gen == b.gen && a.state == b.state && a.ctx == b.ctx; }
static inline bool life_fits(struct word w, struct entry e) { return w.state == READY && w.gen == e.gen; }
static inline int life_slot(struct entry e) { return (e.slot & ~TENT) - 1; }
static inline bool life_is_gone(const struct state *x, int who) { return (x->dead >> who & 1) != 0; }

void life_begin(struct state *x, const struct scenario *sc);

/* A step of any process but the audit. */
bool life_step(struct state *x, int who, const struct scenario *sc, struct check_note *n);
bool life_client_step(struct state *x, int who, const struct scenario *sc, struct check_note *n);
bool life_daemon_step(struct state *x, const struct scenario *sc, struct check_note *n);
bool life_has_ended(const struct state *x, const struct scenario *sc, int who);

/* The law of slots, entries and headers that holds in every state, and that of the end, or NULL. */
const char *life_judge(const struct state *x, const struct scenario *sc);

#endif
