/* SPDX-License-Identifier: BSD-2-Clause */
#include "slots_model.h"

#include <string.h>

/* The next cell of a living context that is_in_cell_of looks at; false when that was the last. */
static bool
next_cell(const struct state *x, struct proc *p)
{
	do
		if (++p->u_cell >= CELLS) {
			p->u_cell = 0;
			p->u_ctx++;
		}
	while (p->u_ctx < CLIENTS && x->reg[p->u_ctx] != LIVE);
	return p->u_ctx < CLIENTS;
}

/* gs_slots_is_listed begins; false when nobody lives. */
static bool
look_in_cells(const struct state *x, struct proc *p)
{
	p->pc = R_U;
	p->u_ctx = 0;
	p->u_cell = 0;
	while (p->u_ctx < CLIENTS && x->reg[p->u_ctx] != LIVE)
		p->u_ctx++;
	return p->u_ctx < CLIENTS;
}

static void
cell_done(struct proc *p)
{
	p->w = (struct word){ 0, 0 };
	p->u_ctx = p->u_cell = p->second_u = p->bit_only = p->slot = 0;
	p->pc = ++p->cell < CELLS ? R_CELL : R_DONE;
}

/* Nobody alive lists it: what look does next. */
static void
not_listed(const struct scenario *sc, struct proc *p)
{
	if (p->bit_only)
		p->pc = R_SET_BIT;
	else if (p->second_u)
		p->pc = R_FREE;
	else
		p->pc = p->w.state == READY ? R_SAME : R_FREE;
	if (p->pc == R_FREE && !p->second_u && !sc->one_u) {
		p->second_u = 1;
		p->pc = R_U;
	}
}

static void
look(const struct state *x, struct proc *p, const struct scenario *sc)
{
	if (!look_in_cells(x, p))
		not_listed(sc, p);
	if (p->pc == R_U && !look_in_cells(x, p))
		not_listed(sc, p);
}

/* A living context lists it. */
static void
listed(struct proc *p, const struct scenario *sc)
{
	p->pc = p->second_u ? R_W : R_CLEAR;
	if (p->second_u)
		return;
	if (!sc->forget) {
		p->was_held = 1;
		cell_done(p);
	}
}

static void
step_look(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	struct entry e;

	switch (p->pc) {
	case R_W:
		n->what = "look: load of W";
		p->w = x->w[p->slot];
		p->second_u = 0;
		p->pc = R_BIT;
		if (p->w.state != FREE)
			look(x, p, sc);
		return;
	case R_BIT:
		n->what = "mend_free: load of the bitmap";
		p->pc = R_CLEAR;
		p->bit_only = 1;
		if ((x->bits >> p->slot & 1) == 0)
			look(x, p, sc);
		return;
	case R_U:
		n->what = "gs_slots_is_listed: load of a cell";
		if (x->held[p->u_ctx][p->u_cell] == p->slot + 1)
			listed(p, sc);
		else if (!next_cell(x, p)) {
			not_listed(sc, p);
			if (p->pc == R_U && !look_in_cells(x, p))
				not_listed(sc, p);
		}
		return;
	case R_SAME:
		n->what = "hash_of: second load of W";
		p->pc = memcmp(&x->w[p->slot], &p->w, sizeof(p->w)) == 0 ? R_N : R_W;
		return;
	case R_N:
		n->what = "gs_index_ordinal_of: load of the entry";
		e = x->e[x->key[p->slot]];
		if ((e.slot & ~TENT) == p->slot + 1 && e.gen == p->w.gen) {
			p->pc = R_CLEAR;
			return;
		}
		p->second_u = 1;
		p->pc = R_FREE;
		if (!sc->one_u)
			look(x, p, sc);
		return;
	case R_FREE:
		n->what = "gs_slots_free: compare-and-swap of W to FREE";
		p->pc = R_W;
		if (!sc->blind_free && memcmp(&x->w[p->slot], &p->w, sizeof(p->w)) != 0)
			return;
		x->w[p->slot].state = FREE;
		p->pc = R_SET_BIT;
		return;
	default:
		n->what = "gs_slots_set_bit: fetch_or of the bitmap";
		x->bits |= (uint8_t)(1 << p->slot);
		p->pc = R_CLEAR;
		return;
	}
}

static bool
step_recover(struct state *x, struct proc *p, struct check_note *n)
{
	uint8_t key = (uint8_t)(x->op_entry[p->ctx] - 1);

	switch (p->pc) {
	case R_OP:
		n->what = "gs_recover_ctx: load of op_entry";
		p->cell = p->was_held = 0;
		p->pc = x->op_entry[p->ctx] != 0 ? R_ENTRY : R_CELL;
		return true;
	case R_ENTRY:
		n->what = "kill_entry: load of the entry and of its writer";
		p->e = x->e[key];
		p->pc = R_KILL;
		if ((p->e.slot & TENT) == 0 || x->reg[x->writer[(p->e.slot & ~TENT) - 1]] == LIVE)
			p->pc = R_CELL;
		return true;
	case R_KILL:
		n->what = "kill_entry: compare-and-swap of the entry";
		if (slots_is_same(x->e[key], p->e))
			x->e[key] = (struct entry){ 0, 0 };
		p->pc = R_CELL;
		return true;
	case R_CELL:
		n->what = "gs_recover_ctx: load of a cell";
		x->op_entry[p->ctx] = 0;
		p->e = (struct entry){ 0, 0 };
		if (x->held[p->ctx][p->cell] == 0) {
			cell_done(p);
			return true;
		}
		p->slot = (uint8_t)(x->held[p->ctx][p->cell] - 1);
		p->pc = R_W;
		return true;
	case R_CLEAR:
		n->what = "gs_recover_ctx: store of the cell";
		x->held[p->ctx][p->cell] = 0;
		cell_done(p);
		return true;
	default:
		n->what = "recover: the context is unused, or is looked at again";
		p->pc = R_OP;
		if (p->was_held)
			return true;
		x->reg[p->ctx] = UNUSED;
		p->pc = R_WAIT;
		p->ctx = p->cell = 0;
		return true;
	}
}

bool
slots_daemon_step(struct state *x, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[DAEMON];

	if (p->pc >= R_W && p->pc <= R_SET_BIT) {
		step_look(x, p, sc, n);
		return true;
	}
	if (p->pc != R_WAIT)
		return step_recover(x, p, n);
	for (p->ctx = 0; p->ctx < CLIENTS; p->ctx++)
		if ((x->dead >> p->ctx & 1) != 0 && x->reg[p->ctx] == LIVE) {
			n->what = "recover: the context is dead";
			x->reg[p->ctx] = DEAD;
			p->pc = R_OP;
			return true;
		}
	return false;
}
