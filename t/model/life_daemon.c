/* SPDX-License-Identifier: BSD-2-Clause */
#include "life_model.h"

/* Begin something else; what is kept says where the daemon is among contexts, cells, slots and entries. */
static void
go_to(struct proc *p, enum pc pc)
{
	struct proc fresh = { .pc = (uint8_t)pc, .ctx = p->ctx, .cell = p->cell, .slot = p->slot, .i = p->i,
		.was_held = p->was_held, .is_walk = p->is_walk, .is_last = p->is_last };

	*p = fresh;
}

/* ---- one slot: W, U, N, U, W ---- */

/* gs_slots_is_listed begins; false when nobody lives. */
static bool
look_in_cells(const struct state *x, struct proc *p)
{
	p->pc = D_U;
	p->u_cell = 0;
	for (p->u_ctx = 0; p->u_ctx < CLIENTS && x->reg[p->u_ctx] != LIVE; p->u_ctx++)
		;
	if (p->u_ctx < CLIENTS)
		return true;
	p->u_ctx = 0;
	return false;
}

/* The next cell of a living context; false when that was the last. */
static bool
next_cell(const struct state *x, struct proc *p)
{
	do
		if (++p->u_cell >= CELLS) {
			p->u_cell = 0;
			p->u_ctx++;
		}
	while (p->u_ctx < CLIENTS && x->reg[p->u_ctx] != LIVE);
	if (p->u_ctx < CLIENTS)
		return true;
	p->u_ctx = 0;
	return false;
}

/* The slot is done with: in a walk the next one, of the dead one's cell the clearing. */
static void
slot_done(const struct scenario *sc, struct proc *p, bool is_held)
{
	if (p->is_walk) {
		p->slot++;
		go_to(p, p->slot < SLOTS ? D_W : D_ENTRY);
		p->i = 0;
		if (p->slot == SLOTS)
			p->slot = 0;
		return;
	}
	if (is_held)
		p->was_held = 1;
	if (!is_held && !sc->clear_first) {
		go_to(p, D_CLEAR);
		return;
	}
	p->slot = 0;
	p->cell++;
	go_to(p, D_CELL);
}

static void
not_listed(const struct scenario *sc, struct proc *p)
{
	if (p->bit_only)
		p->pc = D_SET_BIT;
	else if (p->second_u || sc->no_n)
		p->pc = D_FREE;
	else
		p->pc = p->w.state == READY ? D_SAME : D_FREE;
}

static void
look_at_lists(const struct state *x, struct proc *p, const struct scenario *sc)
{
	if (look_in_cells(x, p))
		return;
	not_listed(sc, p);
}

/* What stands before the second look at the lists. */
static void
second_look(const struct state *x, struct proc *p, const struct scenario *sc)
{
	p->second_u = 1;
	p->n = 0;
	p->pc = D_FREE;
	if (!sc->one_u)
		look_at_lists(x, p, sc);
}

static void
step_look(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	struct entry e;

	switch (p->pc) {
	case D_W:
		n->what = "look: load of W";
		p->w = x->w[p->slot];
		p->second_u = p->bit_only = 0;
		p->pc = D_BIT;
		if (p->w.state != FREE)
			look_at_lists(x, p, sc);
		break;
	case D_BIT:
		n->what = "mend_free: load of the bitmap";
		if ((x->bits >> p->slot & 1) != 0) {
			slot_done(sc, p, false);
			break;
		}
		p->bit_only = 1;
		look_at_lists(x, p, sc);
		break;
	case D_U:
		n->what = "gs_slots_is_listed: load of a cell";
		if (x->held[p->u_ctx][p->u_cell] == p->slot + 1) {
			if (p->second_u)
				go_to(p, D_W);
			else
				slot_done(sc, p, true);
		} else if (!next_cell(x, p)) {
			not_listed(sc, p);
		}
		break;
	case D_SAME:
		n->what = "hash_of: second load of W";
		p->pc = life_is_word(x->w[p->slot], p->w) ? D_N : D_W;
		break;
	case D_N:
		n->what = "gs_index_ordinal_of: load of an entry";
		e = x->e[p->n];
		if (life_slot(e) == p->slot && e.gen == p->w.gen && (!sc->final_n || life_is_final(e)))
			slot_done(sc, p, false);
		else if (++p->n == sc->entries)
			second_look(x, p, sc);
		return;
	case D_FREE:
		n->what = "gs_slots_free: compare-and-swap of W to FREE";
		if (!sc->blind_free && !life_is_word(x->w[p->slot], p->w)) {
			go_to(p, D_W);
			return;
		}
		x->w[p->slot].state = FREE;
		x->w[p->slot].ctx = 0;
		go_to(p, D_SET_BIT);
		return;
	default:
		n->what = "gs_slots_set_bit: fetch_or of the bitmap";
		x->bits |= (uint8_t)(1 << p->slot);
		slot_done(sc, p, false);
		return;
	}
	/* A slot that was never READY is in no entry: the second look at the lists follows the first. */
	if (p->pc == D_FREE && !p->second_u)
		second_look(x, p, sc);
}

/* ---- entries ---- */

static void
entry_done(struct proc *p, const struct scenario *sc)
{
	int i = p->i;

	go_to(p, D_OP_CLEAR);
	if (!p->is_walk)
		return;
	p->i = (uint8_t)(i + 1);
	if (i == 0)
		p->pc = D_TRIM_H;
	else
		p->pc = p->i < sc->entries ? D_ENTRY : D_UNUSED;
}

static void
step_entry(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	switch (p->pc) {
	case D_ENTRY:
		n->what = "kill_entry: load of the entry";
		p->e = x->e[p->i];
		if ((p->e.slot & TENT) != 0)
			p->pc = D_ENTRY_W;
		else
			entry_done(p, sc);
		return;
	case D_ENTRY_W:
		n->what = "kill_entry: whose it is, by W of its slot";
		if (x->reg[x->w[life_slot(p->e)].ctx] == LIVE)
			entry_done(p, sc);
		else
			p->pc = D_KILL;
		return;
	default:
		n->what = "kill_entry: compare-and-swap of the entry";
		if (life_is_same(x->e[p->i], p->e) || sc->blind_kill)
			x->e[p->i] = (struct entry){ 0, 0 };
		entry_done(p, sc);
		return;
	}
}

static void
trim_done(struct proc *p)
{
	go_to(p, D_ENTRY);
	p->i = 1;
}

static void
tally_next(struct proc *p, const struct scenario *sc)
{
	p->e = (struct entry){ 0, 0 };
	p->pc = D_TALLY;
	if (++p->n < sc->entries)
		return;
	p->want.version = (uint8_t)(p->h.version + 1);
	p->pc = D_TRIM_CAS;
	if (p->want.count == p->h.count)
		trim_done(p);
}

static void
step_trim(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	switch (p->pc) {
	case D_TRIM_H:
		n->what = "gs_index_trim: load of the home's header";
		p->h = x->h;
		p->n = 1;
		p->pc = D_TALLY;
		if (p->h.count == 0)
			trim_done(p);
		return;
	case D_TALLY:
		n->what = "tally: load of an entry";
		p->e = x->e[p->n];
		if (p->e.slot == 0 || (sc->no_tent && !life_is_final(p->e)))
			tally_next(p, sc);
		else
			p->pc = D_TALLY_W;
		return;
	case D_TALLY_W:
		n->what = "tally: look at its slot";
		if (!life_fits(x->w[life_slot(p->e)], p->e)) {
			trim_done(p);
			return;
		}
		p->want.count++;
		tally_next(p, sc);
		return;
	default:
		n->what = "gs_index_trim: compare-and-swap of the home's header";
		if (x->h.version == p->h.version && x->h.count == p->h.count)
			x->h = p->want;
		n->is_beyond = x->h.version > VERSIONS;
		trim_done(p);
		return;
	}
}

/* ---- a dead context ---- */

/* Have all ended, and are the dead recovered? */
static bool
is_quiet(const struct state *x, const struct scenario *sc)
{
	for (int c = 0; c < CLIENTS; c++)
		if (!life_has_ended(x, sc, c) || (life_is_gone(x, c) && x->reg[c] != UNUSED))
			return false;
	return true;
}

static void
step_recover(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	switch (p->pc) {
	case D_OP:
		n->what = "gs_recover_ctx: load of op_entry";
		if (sc->early_unused)
			x->reg[p->ctx] = UNUSED;
		p->i = (uint8_t)(x->op_entry[p->ctx] - 1);
		p->pc = x->op_entry[p->ctx] != 0 && !sc->no_op ? D_ENTRY : D_OP_CLEAR;
		return;
	case D_OP_CLEAR:
		n->what = "gs_recover_ctx: op_entry = 0";
		x->op_entry[p->ctx] = 0;
		p->i = p->cell = 0;
		p->pc = D_CELL;
		return;
	case D_CELL:
		n->what = "gs_recover_ctx: load of a cell";
		while (p->cell < CELLS && x->held[p->ctx][p->cell] == 0)	/* nobody writes it */
			p->cell++;
		if (p->cell == CELLS) {
			p->pc = !p->was_held ? D_UNUSED : sc->forgets ? D_FORGET : D_WAIT;
			p->cell = p->was_held = 0;
			return;
		}
		p->slot = (uint8_t)(x->held[p->ctx][p->cell] - 1);
		p->pc = sc->clear_first ? D_CLEAR : D_W;
		return;
	case D_CLEAR:
		n->what = "gs_recover_ctx: store of the cell";
		x->held[p->ctx][p->cell] = 0;
		p->pc = D_W;
		if (sc->clear_first)
			return;
		p->slot = 0;
		p->cell++;
		p->pc = D_CELL;
		return;
	case D_FORGET:
		n->what = "gs_recover_forget";
		for (int i = 0; i < CELLS; i++)
			x->held[p->ctx][i] = 0;
		p->pc = D_UNUSED;
		return;
	default:
		n->what = p->is_walk ? "the walk is over" : "recover: the context is unused";
		if (!p->is_walk)
			x->reg[p->ctx] = UNUSED;
		x->is_over |= p->is_last && is_quiet(x, sc);
		*p = (struct proc){ .pc = D_WAIT };
		return;
	}
}

/* What the daemon does next; false: nothing. */
static bool
choose(struct state *x, struct proc *p, const struct scenario *sc)
{
	bool is_quiet_now = is_quiet(x, sc) && !sc->no_walk;

	for (int c = 0; c < CLIENTS; c++)
		if (life_is_gone(x, c) && x->reg[c] != UNUSED) {
			*p = (struct proc){ .pc = D_OP, .ctx = (uint8_t)c };
			return true;
		}
	if (x->is_over || (!is_quiet_now && x->walks == sc->walks))
		return false;
	if (is_quiet_now)
		*p = (struct proc){ .pc = D_W, .is_walk = 1, .is_last = 1 };
	else
		*p = (struct proc){ .pc = D_W, .is_walk = 1 };
	x->walks += !is_quiet_now;
	return true;
}

bool
life_daemon_step(struct state *x, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[DAEMON];

	if (p->pc == D_WAIT) {
		if (!choose(x, p, sc))
			return false;
		n->what = p->is_walk ? "gs_recover_step begins" : "recover: the context is dead";
		if (!p->is_walk)
			x->reg[p->ctx] = DEAD;
	} else if (p->pc >= D_W && p->pc <= D_SET_BIT) {
		step_look(x, p, sc, n);
	} else if (p->pc >= D_ENTRY && p->pc <= D_KILL) {
		step_entry(x, p, sc, n);
	} else if (p->pc >= D_TRIM_H) {
		step_trim(x, p, sc, n);
	} else {
		step_recover(x, p, sc, n);
	}
	return true;
}
