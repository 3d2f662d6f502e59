/* SPDX-License-Identifier: BSD-2-Clause */
#include "slots_model.h"

#include <string.h>

static void
next_op(struct proc *p)
{
	p->op++;
	p->pc = FIND;
	p->e = (struct entry){ 0, 0 };
	p->w = (struct word){ 0, 0 };
	p->cell = p->old = p->slot = p->has_bit = 0;
}

static int
cell_in(const struct proc *p, int state)
{
	for (int i = 0; i < CELLS; i++)
		if (p->state[i] == state)
			return i;
	return -1;
}

static int
count(const struct proc *p, int state)
{
	int n = 0;

	for (int i = 0; i < CELLS; i++)
		n += p->state[i] == state;
	return n;
}

/* claim_cell: which slot is written next, or look at the bitmap. */
static void
claim(struct proc *p, const struct scenario *sc, bool is_empty)
{
	int cell = cell_in(p, OWNED);

	if (cell < 0 && (is_empty || (sc->depth > 0 && count(p, LIMBO) >= sc->depth)))
		cell = cell_in(p, LIMBO);
	if (cell < 0 && is_empty) {
		next_op(p);		/* GS_ENOSPC */
		return;
	}
	p->pc = REFILL_BITS;
	if (cell < 0)
		return;
	p->cell = (uint8_t)cell;
	p->state[cell] = OWNED;
	p->pc = p->e.slot != 0 ? LIST_OLD : WRITE_WRITING;
}

static void
list(struct state *x, int who, int cell, int slot)
{
	x->held[who][cell] = (uint8_t)(slot + 1);
	x->p[who].state[cell] = LISTED;
}

static void
unlist(struct state *x, int who, int cell)
{
	x->held[who][cell] = 0;
	x->p[who].state[cell] = EMPTY;
}

static void
step_find(struct state *x, int who, const struct scenario *sc, char op, struct check_note *n)
{
	struct proc *p = &x->p[who];
	int key = op < 'a';

	if (p->pc == KILL) {
		n->what = "kill_tentative: compare-and-swap of the entry";
		if (slots_is_same(x->e[key], p->e))
			x->e[key] = (struct entry){ 0, 0 };
		p->pc = FIND;
		return;
	}
	n->what = "find_once, scan_entry: load of the entry";
	p->e = x->e[key];
	if (op == 'f')
		p->pc = RETIRE;
	else if (op == 'p' || op == 'P')
		p->e.slot == 0 || slots_is_final(p->e) ? claim(p, sc, false) : (void)(p->pc = KILL);
	else if (slots_is_final(p->e))
		p->pc = LIST_OLD;
	else
		next_op(p);
}

static void
step_refill(struct state *x, int who, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[who];

	switch (p->pc) {
	case REFILL_BITS:
		n->what = "refill_from: load of the bitmap";
		if (x->bits == 0) {
			claim(p, sc, true);
			return;
		}
		/* they begin to look at different places */
		for (p->slot = who == 1 ? SLOTS - 1 : 0; (x->bits >> p->slot & 1) == 0; p->slot += who == 1 ? -1 : 1)
			;
		p->cell = (uint8_t)cell_in(p, EMPTY);
		p->pc = sc->late_list ? REFILL_AND : REFILL_LIST;
		return;
	case REFILL_LIST:
	case REFILL_LATE:
		n->what = "list_cell: store of the cell";
		list(x, who, p->cell, p->slot);
		p->pc = p->pc == REFILL_LIST ? REFILL_AND : FIND;
		if (p->pc == FIND)
			p->state[p->cell] = OWNED;
		return;
	case REFILL_AND:
		n->what = "refill_from: fetch_and of the bitmap";
		p->pc = (x->bits >> p->slot & 1) != 0 ? REFILL_W : REFILL_UNLIST;
		x->bits &= (uint8_t)~(1 << p->slot);
		return;
	case REFILL_W:
		n->what = "take: load of W";
		p->w = x->w[p->slot];
		p->pc = p->w.state == FREE ? REFILL_TAKE : REFILL_UNLIST;
		return;
	case REFILL_TAKE:
		n->what = "take: compare-and-swap of W";
		p->pc = REFILL_UNLIST;
		if (memcmp(&x->w[p->slot], &p->w, sizeof(p->w)) != 0)
			return;
		x->w[p->slot] = (struct word){ (uint8_t)(p->w.gen + 1), WRITING };
		x->writer[p->slot] = (uint8_t)who;
		p->pc = REFILL_LATE;
		if (sc->late_list)
			return;
		p->state[p->cell] = OWNED;
		claim(p, sc, false);
		return;
	default:
		n->what = "unlist_cell: store of the cell";
		unlist(x, who, p->cell);
		p->pc = REFILL_BITS;
		return;
	}
}

/* gs_slots_retire: one that is too many goes back, and when everything is given back, all. */
static void
retire(struct proc *p, const struct scenario *sc, char op)
{
	int cell = cell_in(p, LIMBO);

	if (op == 'f' && cell < 0)
		cell = cell_in(p, OWNED);
	if (cell < 0 || (op != 'f' && count(p, LIMBO) <= sc->depth)) {
		next_op(p);
		return;
	}
	p->cell = (uint8_t)cell;
	p->pc = RELEASE_W;
}

static void
step_publish(struct state *x, int who, char op, struct check_note *n)
{
	struct proc *p = &x->p[who];
	int key = op < 'a', slot = x->held[who][p->cell] - 1;
	struct entry mine = { (uint8_t)(slot + 1), slot < 0 ? 0 : x->w[slot].gen }, tent = { mine.slot | TENT, mine.gen };

	switch (p->pc) {
	case LIST_OLD:
		n->what = "gs_slots_list: store of the cell";
		p->old = (uint8_t)cell_in(p, EMPTY);
		list(x, who, p->old, p->e.slot - 1);
		p->pc = op == 'd' || op == 'D' ? REMOVE : WRITE_WRITING;
		return;
	case WRITE_WRITING:
		n->what = "gs_record_write: W = WRITING, one generation more";
		x->w[slot] = (struct word){ (uint8_t)(x->w[slot].gen + 1), WRITING };
		x->key[slot] = (uint8_t)key;
		x->writer[slot] = (uint8_t)who;
		n->is_beyond = x->w[slot].gen > GENS;
		p->pc = WRITE_READY;
		return;
	case WRITE_READY:
		n->what = "gs_record_write: W = READY";
		x->w[slot].state = READY;
		p->pc = p->e.slot != 0 ? REPLACE : PLACE_OP;
		return;
	case PLACE_OP:
		n->what = "place_tentative: store of op_entry";
		x->op_entry[who] = (uint8_t)(key + 1);
		p->pc = PLACE;
		return;
	case PLACE:
		n->what = "place_tentative: compare-and-swap of the empty entry";
		p->pc = FIND;
		if (x->e[key].slot != 0)
			return;
		x->e[key] = tent;
		p->pc = FINAL;
		return;
	case FINAL:
		n->what = "commit_insert: compare-and-swap that makes the entry final";
		p->pc = FIND;
		if (!slots_is_same(x->e[key], tent))
			return;
		x->e[key] = mine;
		p->state[p->cell] = LISTED;
		p->pc = UNLIST_NEW;
		return;
	case REPLACE:
		n->what = "gs_index_replace: compare-and-swap of the entry";
		p->pc = UNLIST_OLD;
		if (!slots_is_same(x->e[key], p->e))
			return;
		x->e[key] = mine;
		p->state[p->cell] = LISTED;
		p->state[p->old] = LIMBO;
		p->pc = UNLIST_NEW;
		return;
	case UNLIST_NEW:
		n->what = "gs_slots_unlist: store of the cell, published";
		unlist(x, who, p->cell);
		x->op_entry[who] = 0;
		p->pc = RETIRE;
		return;
	case UNLIST_OLD:
		n->what = "gs_slots_unlist: store of the cell, never got";
		unlist(x, who, p->old);
		p->pc = FIND;
		return;
	default:
		n->what = "gs_index_remove: compare-and-swap of the entry";
		p->pc = UNLIST_OLD;
		if (!slots_is_same(x->e[key], p->e))
			return;
		x->e[key] = (struct entry){ 0, 0 };
		p->state[p->old] = LIMBO;
		p->pc = RETIRE;
		return;
	}
}

static void
step_release(struct state *x, int who, const struct scenario *sc, char op, struct check_note *n)
{
	struct proc *p = &x->p[who];
	int slot = x->held[who][p->cell] - 1;

	switch (p->pc) {
	case RELEASE_W:
		n->what = "gs_slots_free: compare-and-swap of W to FREE";
		x->w[slot].state = FREE;
		p->state[p->cell] = LISTED;
		p->pc = RELEASE_BIT;
		return;
	case RELEASE_BIT:
		n->what = "gs_slots_set_bit: fetch_or of the bitmap";
		x->bits |= (uint8_t)(1 << slot);
		p->pc = RELEASE_UNLIST;
		return;
	default:
		n->what = "unlist_cell: store of the cell";
		unlist(x, who, p->cell);
		retire(p, sc, op);
		return;
	}
}

static bool
has_ended(const struct state *x, const struct scenario *sc, int who)
{
	return (x->dead >> who & 1) != 0 || sc->ops[who] == NULL || sc->ops[who][x->p[who].op] == '\0';
}

bool
slots_client_step(struct state *x, int who, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[who];
	char op;

	if (has_ended(x, sc, who))
		return false;
	op = sc->ops[who][p->op];
	if (p->pc <= KILL)
		step_find(x, who, sc, op, n);
	else if (p->pc <= REFILL_UNLIST)
		step_refill(x, who, sc, n);
	else if (p->pc <= REMOVE)
		step_publish(x, who, op, n);
	else
		step_release(x, who, sc, op, n);
	if (p->pc == RETIRE)		/* private */
		retire(p, sc, op);
	return true;
}
