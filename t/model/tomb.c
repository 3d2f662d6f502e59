/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tomb.c - model of tombstones: what was ended for good is not there, and a place never tells of a key what was left for another.
 *
 * The first model mirrors gs_kv_end_hit, put_new with gs_kv_end_start, and
 * finish_end of recovery, on one key; a tombstone is one word there.  The
 * second mirrors gs_tomb_leave and gs_tomb_find on one place, whose two words
 * they are: everybody's key is his own, and whoever comes takes the place.
 */
#include "check.h"

#include <stdint.h>
#include <string.h>

enum { CLIENTS = 3, DAEMON = CLIENTS, KILL, PROCS = KILL + CLIENTS };

/* ---- ends and starts of one key ---- */

enum pc {
	IDLE, PUBLISH, LOOK, FIND, REMOVE, CLEAR,	/* a start; FIND and REMOVE are those of an end, too */
	LEAVE,
	D_TOMB, D_FIND, D_REMOVE, D_CLEAR,
};

struct race_proc {
	uint8_t pc, op, seen, who;
};

struct race {
	_Alignas(8) uint8_t e;			/* the session: 0, or a number of its own */
	uint8_t next, tomb, dead, recovered;
	uint8_t op_end[CLIENTS];
	struct race_proc p[DAEMON + 1];
};

/* s start, f end for good, d end plainly */
struct race_scenario {
	const char *ops[CLIENTS];
	uint8_t mortal;
	bool is_there, no_look, no_note, tomb_last, clears_early;
};

static bool is_gone(const struct race *x, int who) { return (x->dead >> who & 1) != 0; }

static bool
has_ended(const struct race *x, const struct race_scenario *sc, int who)
{
	return sc->ops[who] == NULL || sc->ops[who][x->p[who].op] == '\0' || (is_gone(x, who) && (x->recovered >> who & 1) != 0);
}

static void
next_op(struct race *x, int who)
{
	x->p[who] = (struct race_proc){ .op = (uint8_t)(x->p[who].op + 1) };
	x->op_end[who] = 0;
}

static void
begin(struct race *x, int who, const struct race_scenario *sc, char op, struct check_note *n)
{
	struct race_proc *p = &x->p[who];

	if (op != 's') {
		n->what = "gs_kv_look_up: load of the entry";
		p->seen = x->e;
		if (p->seen == 0) {
			next_op(x, who);
			return;
		}
		/* The note is private until the next access. */
		x->op_end[who] = !sc->no_note;
		p->pc = op == 'f' && !sc->tomb_last ? LEAVE : REMOVE;
		return;
	}
	n->what = "put_new: gs_kv_is_refused";
	if (x->tomb != 0) {
		next_op(x, who);
		return;
	}
	x->op_end[who] = !sc->no_note;
	p->pc = PUBLISH;
}

static bool
step_client(struct race *x, int who, const struct race_scenario *sc, struct check_note *n)
{
	struct race_proc *p = &x->p[who];
	char op;

	if (has_ended(x, sc, who) || is_gone(x, who))
		return false;
	op = sc->ops[who][p->op];
	switch (p->pc) {
	case IDLE:
		begin(x, who, sc, op, n);
		return true;
	case LEAVE:
		n->what = "gs_tomb_leave";
		x->tomb = 1;
		p->pc = sc->tomb_last ? CLEAR : REMOVE;
		return true;
	case PUBLISH:
		n->what = "commit_insert: the entry is final";
		p->pc = x->e != 0 || sc->no_look ? CLEAR : LOOK;
		if (x->e == 0)
			x->e = x->next++;
		if (sc->clears_early)
			x->op_end[who] = 0;
		return true;
	case LOOK:
		n->what = "gs_kv_end_start: gs_kv_is_refused";
		p->pc = x->tomb != 0 ? FIND : CLEAR;
		return true;
	case FIND:
		n->what = "gs_kv_look_up: load of the entry, again";
		p->seen = x->e;
		p->pc = p->seen != 0 ? REMOVE : CLEAR;
		return true;
	case REMOVE:
		n->what = "gs_index_remove: compare-and-swap of the entry";
		if (x->e != p->seen) {
			p->pc = op == 'd' ? CLEAR : FIND;
			return true;
		}
		x->e = 0;
		p->pc = op == 'f' && sc->tomb_last ? LEAVE : CLEAR;
		return true;
	default:
		n->what = "op_end = 0";
		next_op(x, who);
		return true;
	}
}

/* Recovery of the first dead client that was not recovered. */
static bool
step_daemon(struct race *x, const struct race_scenario *sc, struct check_note *n)
{
	struct race_proc *p = &x->p[DAEMON];

	(void)sc;
	switch (p->pc) {
	case IDLE:
		if ((x->dead & ~x->recovered) == 0)
			return false;
		n->what = "gs_recover_ctx: load of op_end";
		p->who = (uint8_t)__builtin_ctz((unsigned)(x->dead & ~x->recovered));
		p->pc = x->op_end[p->who] != 0 ? D_TOMB : D_CLEAR;
		return true;
	case D_TOMB:
		n->what = "finish_end: gs_tomb_find";
		p->pc = x->tomb != 0 ? D_FIND : D_CLEAR;
		return true;
	case D_FIND:
		n->what = "end_entry: load of the entry";
		p->seen = x->e;
		p->pc = p->seen != 0 ? D_REMOVE : D_CLEAR;
		return true;
	case D_REMOVE:
		n->what = "end_entry: compare-and-swap of the entry";
		p->pc = x->e == p->seen ? D_CLEAR : D_FIND;
		if (x->e == p->seen)
			x->e = 0;
		return true;
	default:
		n->what = "gs_recover_ctx: op_end = 0";
		x->recovered |= (uint8_t)(1 << p->who);
		x->op_end[p->who] = 0;
		*p = (struct race_proc){ .pc = IDLE };
		return true;
	}
}

static bool
race_step(void *state, int who, const void *scenario, struct check_note *n)
{
	const struct race_scenario *sc = scenario;
	struct race *x = state;

	if (who < CLIENTS)
		return step_client(x, who, sc, n);
	if (who == DAEMON)
		return step_daemon(x, sc, n);
	if ((sc->mortal >> (who - KILL) & 1) == 0 || is_gone(x, who - KILL) || has_ended(x, sc, who - KILL))
		return false;
	n->what = "kill of a client";
	x->dead |= (uint8_t)(1 << (who - KILL));
	return true;
}

static const char *
race_judge(void *state, const void *scenario)
{
	const struct race_scenario *sc = scenario;
	const struct race *x = state;
	bool is_under_way = false, is_over = true;

	for (int c = 0; c < CLIENTS; c++) {
		is_under_way = is_under_way || x->op_end[c] != 0;
		is_over = is_over && has_ended(x, sc, c);
	}
	if (x->tomb != 0 && x->e != 0 && is_over)
		return "what was ended for good is there when all is over";
	if (x->tomb != 0 && x->e != 0 && !is_under_way && !sc->no_note)
		return "nobody is at work on what was ended for good and is there";
	return NULL;
}

static const struct check_model race_model = { (sizeof(struct race) + 7) / 8 * 8, PROCS, race_step, race_judge, 60 };

static void
race(const char *name, const char *broken, const struct race_scenario *sc)
{
	struct race first;

	memset(&first, 0, sizeof(first));
	first.next = 1;
	if (sc->is_there)
		first.e = first.next++;
	if (broken == NULL)
		check_holds(&race_model, &first, sc, name, 4000000);
	else
		check_fails(&race_model, &first, sc, name, broken, 4000000);
}

/* ---- two words of a place ---- */

enum { USERS = 3 };

enum place_pc { P_CHOOSE, P_CLAIM, P_HASH, P_CHECK, P_FILL, P_VERIFY, P_DONE, P_FIND_UNTIL };

struct place_proc {
	uint8_t pc, turn, until, hash, hash_turn, is_well, pad[2];
};

struct place {
	_Alignas(8) uint8_t hash, hash_turn;	/* whose key; 0 nobody's */
	uint8_t until, until_turn;		/* whose time */
	uint8_t last;				/* who took the place last */
	struct place_proc p[USERS + 1];
};

struct place_scenario {
	int n_users;
	bool no_turns, no_check;
};

/* leave_once, of a key and a time that are both told by the number of the user. */
static bool
step_user(struct place *x, int who, const struct place_scenario *sc, struct check_note *n)
{
	struct place_proc *p = &x->p[who];
	uint8_t me = (uint8_t)(who + 1);

	switch (p->pc) {
	case P_CHOOSE:
		n->what = "choose: load of until";
		p->until = x->until;
		p->turn = x->until_turn;
		p->pc = P_CLAIM;
		return true;
	case P_CLAIM:
		n->what = "leave_once: compare-and-swap of until";
		p->pc = P_CHOOSE;
		if (x->until != p->until || x->until_turn != p->turn)
			return true;
		x->until = me;
		x->until_turn = ++p->turn;
		x->last = me;
		p->pc = P_HASH;
		return true;
	case P_HASH:
		n->what = "fill: load of the hash";
		p->hash = x->hash;
		p->hash_turn = x->hash_turn;
		p->pc = P_CHECK;
		return true;
	case P_CHECK:
		n->what = "fill: is until ours?";
		p->pc = sc->no_check || (x->until == me && x->until_turn == p->turn) ? P_FILL : P_DONE;
		return true;
	case P_FILL:
		n->what = "fill: compare-and-swap of the hash";
		p->pc = P_HASH;
		if (x->hash != p->hash || x->hash_turn != p->hash_turn)
			return true;
		x->hash = me;
		x->hash_turn = p->turn;
		p->pc = P_VERIFY;
		return true;
	case P_VERIFY:
		n->what = "fill: is until still ours?";
		p->is_well = x->until == me && x->until_turn == p->turn;
		p->pc = P_DONE;
		return true;
	default:
		return false;
	}
}

static bool
step_finder(struct place *x, const struct place_scenario *sc, struct check_note *n)
{
	struct place_proc *p = &x->p[USERS];

	if (p->pc == P_DONE)
		return false;
	if (p->pc != P_FIND_UNTIL) {
		n->what = "kind_of: load of the hash";
		p->hash = x->hash;
		p->hash_turn = x->hash_turn;
		p->pc = P_FIND_UNTIL;
		return true;
	}
	n->what = "kind_of: load of until";
	if (p->hash != 0 && (sc->no_turns || p->hash_turn == x->until_turn) && p->hash != x->until)
		n->broken = "a key is told the time of another";
	p->pc = P_DONE;
	return true;
}

static bool
place_step(void *state, int who, const void *scenario, struct check_note *n)
{
	const struct place_scenario *sc = scenario;

	if (who < USERS)
		return who < sc->n_users && step_user(state, who, sc, n);
	return step_finder(state, sc, n);
}

static const char *
place_judge(void *state, const void *scenario)
{
	const struct place_scenario *sc = scenario;
	const struct place *x = state;
	const struct place_proc *last = x->last > 0 ? &x->p[x->last - 1] : NULL;

	(void)sc;
	if (last != NULL && last->pc == P_DONE && !last->is_well)
		return "who took the place last did not get it";
	if (last != NULL && last->pc == P_DONE && (x->hash != x->last || x->hash_turn != x->until_turn || x->until != x->last))
		return "who took the place last was told that his tombstone stands, and it does not";
	return NULL;
}

static const struct check_model place_model = { (sizeof(struct place) + 7) / 8 * 8, USERS + 1, place_step, place_judge, 40 };

static void
place(const char *name, const char *broken, const struct place_scenario *sc)
{
	struct place first;

	memset(&first, 0, sizeof(first));
	if (broken == NULL)
		check_holds(&place_model, &first, sc, name, 4000000);
	else
		check_fails(&place_model, &first, sc, name, broken, 4000000);
}

#define OPS(...) .ops = { __VA_ARGS__ }

int
main(void)
{
	race("an end for good and a start; who may die", NULL, &(struct race_scenario){ OPS("f", "s"), .is_there = true, .mortal = 3 });
	race("an end for good, an end that frees the key, a start twice; who may die", NULL,
	    &(struct race_scenario){ OPS("f", "ds", "s"), .is_there = true, .mortal = 7 });
	race("two ends for good, a start twice; who may die", NULL,
	    &(struct race_scenario){ OPS("f", "f", "ss"), .is_there = true, .mortal = 7 });
	race("start and end for good, end and start", NULL, &(struct race_scenario){ OPS("sf", "ds", "sd"), .mortal = 1 });
	race("who starts does not look again", "what was ended for good is there when all is over",
	    &(struct race_scenario){ OPS("f", "ds"), .is_there = true, .no_look = true, .no_note = true });
	race("the tombstone comes after the end", "what was ended for good is there when all is over",
	    &(struct race_scenario){ OPS("f", "s"), .is_there = true, .tomb_last = true, .no_note = true });
	race("who dies has noted nothing", "what was ended for good is there when all is over",
	    &(struct race_scenario){ OPS("f", "s"), .is_there = true, .mortal = 1, .no_note = true });
	race("the note is gone before the second look", "nobody is at work on what was ended for good and is there",
	    &(struct race_scenario){ OPS("f", "ds"), .is_there = true, .clears_early = true });
	place("one leaves, one looks", NULL, &(struct place_scenario){ .n_users = 1 });
	place("two leave, one looks", NULL, &(struct place_scenario){ .n_users = 2 });
	place("three leave, one looks", NULL, &(struct place_scenario){ .n_users = 3 });
	place("no turns", "a key is told the time of another", &(struct place_scenario){ .n_users = 2, .no_turns = true });
	place("who fills the place does not look whether it is his", "who took the place last was told that his tombstone stands, and it does not",
	    &(struct place_scenario){ .n_users = 2, .no_check = true });
	return check_end();
}
