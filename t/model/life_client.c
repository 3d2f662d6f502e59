/* SPDX-License-Identifier: BSD-2-Clause */
#include "life_model.h"

#include <string.h>

static int
ring_of(int slot)
{
	return slot >= OUTER;
}

static char
op_of(const struct scenario *sc, int who, const struct proc *p)
{
	return sc->ops[who][p->op];
}

static bool
is_op(char op, char small)
{
	return op == small || op == small - 'a' + 'A';
}

/* What is left of a process between two operations, and between two tries of one. */
static void
begin(struct proc *p, int op)
{
	struct proc fresh = { .op = (uint8_t)op };

	memcpy(fresh.state, p->state, sizeof(fresh.state));
	*p = fresh;
}

static void
next_op(struct proc *p)
{
	begin(p, p->op + 1);
}

/* A cell in a state, of a ring or (-1) of any. */
static int
cell_in(const struct state *x, int who, int state, int ring)
{
	for (int i = 0; i < CELLS; i++)
		if (x->p[who].state[i] == state && (ring < 0 || ring_of(x->held[who][i] - 1) == ring))
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

static int
cell_of(const struct state *x, int who, int slot)
{
	for (int i = 0; i < CELLS; i++)
		if (x->held[who][i] == slot + 1)
			return i;
	return -1;
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

/* The ring of the slot to be written. */
static int
ring_wanted(const struct proc *p, char op)
{
	if (p->e.slot == 0)
		return 0;
	return is_op(op, 'm') ? !ring_of(life_slot(p->e)) : ring_of(life_slot(p->e));
}

/* claim_cell: which slot is written next, or look at the bitmap. */
static void
claim(struct state *x, int who, const struct scenario *sc, bool is_empty)
{
	struct proc *p = &x->p[who];
	int ring = ring_wanted(p, op_of(sc, who, p)), cell = cell_in(x, who, OWNED, ring);

	if (cell < 0 && (is_empty || (sc->depth > 0 && count(p, LIMBO) >= sc->depth)))
		cell = cell_in(x, who, LIMBO, ring);
	if (cell < 0 && is_empty) {
		next_op(p);		/* GS_ENOSPC */
		return;
	}
	p->pc = REFILL_BITS;
	if (cell < 0)
		return;
	p->cell = (uint8_t)cell;
	p->slot = (uint8_t)(x->held[who][cell] - 1);
	p->state[cell] = OWNED;
	p->pc = p->e.slot != 0 ? LIST_OLD : WRITE_WRITING;
}

static void
step_find(struct state *x, int who, const struct scenario *sc, char op, struct check_note *n)
{
	struct proc *p = &x->p[who];
	int key = op < 'a';
	struct entry e;

	if (op == 'f') {
		n->what = "gs_slots_flush begins";
		p->pc = RETIRE;
		return;
	}
	if (p->pc == FIND_HEADER) {
		n->what = "find_once: load of the home's header";
		p->h = x->h;
		p->pc = FIND_ENTRY;
		return;
	}
	n->what = "find_once: load of an entry";
	e = x->e[p->i];
	if (life_is_final(e) && x->key[life_slot(e)] == key) {
		p->e = e;
		p->h = (struct header){ 0, 0 };
		if (is_op(op, 'd'))
			p->pc = LIST_OLD;
		else
			claim(x, who, sc, false);
		return;
	}
	if (++p->i < sc->entries && p->h.count > 0)
		return;
	p->i = 0;
	p->h = (struct header){ 0, 0 };
	if (is_op(op, 'p'))
		claim(x, who, sc, false);
	else
		next_op(p);
}

/* After one slot of a refill was taken or not. */
static void
refilled(struct state *x, int who, const struct scenario *sc)
{
	struct proc *p = &x->p[who];

	p->todo &= (uint8_t)(p->todo - 1);
	p->w = (struct word){ 0, 0, 0 };
	if (p->todo != 0)
		p->pc = (p->had & p->todo & -p->todo) != 0 ? REFILL_W : REFILL_UNLIST;
	else if (cell_in(x, who, OWNED, ring_wanted(p, op_of(sc, who, p))) >= 0)
		claim(x, who, sc, false);
	else
		p->pc = REFILL_BITS;
	if (p->todo == 0)
		p->had = 0;
}

/* Which bits are taken: at most REFILL, and one cell is kept for what is replaced. */
static uint8_t
pick(const struct state *x, int who, int ring)
{
	const struct proc *p = &x->p[who];
	uint8_t bits = x->bits & (ring == 0 ? (1 << OUTER) - 1 : 0xff << OUTER), mask = 0;
	int room = count(p, EMPTY) - (p->e.slot != 0);

	room = room < REFILL ? room : REFILL;
	/* they begin to look at different places */
	for (int i = 0; i < SLOTS && room > 0; i++) {
		int slot = who == 0 ? i : SLOTS - 1 - i;

		if ((bits >> slot & 1) == 0)
			continue;
		mask |= (uint8_t)(1 << slot);
		room--;
	}
	return mask;
}

static void
step_refill(struct state *x, int who, const struct scenario *sc, char op, struct check_note *n)
{
	struct proc *p = &x->p[who];
	int slot = p->todo != 0 ? __builtin_ctz(p->todo) : 0;

	switch (p->pc) {
	case REFILL_BITS:
		n->what = "refill_from: load of the bitmap";
		p->todo = p->had = pick(x, who, ring_wanted(p, op));
		if (p->todo == 0)
			claim(x, who, sc, true);
		else
			p->pc = sc->late_list ? REFILL_AND : REFILL_LIST;
		return;
	case REFILL_LIST:
		n->what = "list_cell: store of a cell";
		list(x, who, cell_in(x, who, EMPTY, -1), slot);
		p->todo &= (uint8_t)(p->todo - 1);
		p->pc = p->todo != 0 ? REFILL_LIST : REFILL_AND;
		return;
	case REFILL_AND:
		n->what = "refill_from: fetch_and of the bitmap";
		p->todo = p->had;
		p->had &= x->bits;
		x->bits &= (uint8_t)~p->todo;
		p->pc = (p->had & p->todo & -p->todo) != 0 ? REFILL_W : REFILL_UNLIST;
		return;
	case REFILL_W:
		n->what = "take: load of W";
		p->w = x->w[slot];
		p->pc = p->w.state == FREE || sc->trust_bits ? REFILL_TAKE : REFILL_UNLIST;
		return;
	case REFILL_TAKE:
		n->what = "take: compare-and-swap of W";
		p->pc = REFILL_UNLIST;
		if (!sc->trust_bits && !life_is_word(x->w[slot], p->w))
			return;
		x->w[slot] = (struct word){ (uint8_t)(p->w.gen + 1), WRITING, (uint8_t)who };
		p->pc = REFILL_LATE;
		if (sc->late_list)
			return;
		p->state[cell_of(x, who, slot)] = OWNED;
		refilled(x, who, sc);
		return;
	case REFILL_LATE:
		n->what = "list_cell: store of a cell, late";
		list(x, who, cell_in(x, who, EMPTY, -1), slot);
		p->state[cell_of(x, who, slot)] = OWNED;
		refilled(x, who, sc);
		return;
	default:
		n->what = "unlist_cell: store of a cell";
		if (!sc->late_list)
			unlist(x, who, cell_of(x, who, slot));
		refilled(x, who, sc);
		return;
	}
}

static void
step_publish(struct state *x, int who, const struct scenario *sc, char op, struct check_note *n)
{
	struct proc *p = &x->p[who];

	switch (p->pc) {
	case LIST_OLD:
		n->what = "gs_slots_list: store of a cell";
		p->old = (uint8_t)cell_in(x, who, EMPTY, -1);
		list(x, who, p->old, life_slot(p->e));
		p->pc = is_op(op, 'd') ? REMOVE_HEADER : WRITE_WRITING;
		return;
	case WRITE_WRITING:
		n->what = "gs_record_write: W = WRITING, one generation more";
		x->w[p->slot] = (struct word){ (uint8_t)(x->w[p->slot].gen + 1), WRITING, (uint8_t)who };
		x->key[p->slot] = op < 'a';
		n->is_beyond = x->w[p->slot].gen > GENS;
		p->mine = (struct entry){ (uint8_t)(p->slot + 1), x->w[p->slot].gen };
		p->pc = WRITE_READY;
		return;
	case WRITE_READY:
		n->what = "gs_record_write: W = READY";
		x->w[p->slot].state = READY;
		p->pc = p->e.slot != 0 ? REPLACE : SCAN_HEADER;
		if (p->e.slot == 0 && sc->early_unlist)
			p->pc = UNLIST_EARLY;
		return;
	case REPLACE:
		n->what = "gs_index_replace: compare-and-swap of the entry";
		p->pc = UNLIST_OLD;
		if (!life_is_same(x->e[p->i], p->e))
			return;
		x->e[p->i] = p->mine;
		p->state[p->cell] = LISTED;
		p->state[p->old] = LIMBO;
		p->pc = UNLIST_NEW;
		return;
	case UNLIST_EARLY:
		n->what = "gs_slots_unlist: store of the cell, before the entry is there";
		unlist(x, who, p->cell);
		p->pc = SCAN_HEADER;
		return;
	case UNLIST_NEW:
		n->what = "gs_slots_unlist: store of the cell, published";
		unlist(x, who, p->cell);
		p->pc = RETIRE;
		return;
	default:
		n->what = "gs_slots_unlist: store of the cell, never got";
		unlist(x, who, p->old);
		begin(p, p->op);
		return;
	}
}

static void
scan_next(struct proc *p, const struct scenario *sc)
{
	p->e = (struct entry){ 0, 0 };
	p->i++;
	if (p->i < sc->entries && p->h.count > 0)
		p->pc = SCAN_ENTRY;
	else if (p->i < sc->entries && p->empty == 0)
		p->pc = SCAN_EMPTY;
	else if (p->placed != 0)
		p->pc = PLACED_LOOK;
	else
		p->pc = p->empty != 0 ? PLACE_OP : WITHDRAW_OP;
	p->is_full = p->pc == WITHDRAW_OP;
}

static void
step_scan(struct state *x, struct proc *p, const struct scenario *sc, int key, struct check_note *n)
{
	switch (p->pc) {
	case SCAN_HEADER:
		n->what = "scan_places: load of the home's header";
		p->h = x->h;
		p->i = p->empty = 0;
		p->e = (struct entry){ 0, 0 };
		p->pc = SCAN_ENTRY;
		return;
	case SCAN_ENTRY:
		n->what = "scan_entry: load of an entry";
		p->e = x->e[p->i];
		if (p->e.slot != 0 && x->key[life_slot(p->e)] == key && life_slot(p->e) != p->slot)
			p->pc = (p->e.slot & TENT) != 0 ? SCAN_KILL : WITHDRAW;
		else if (p->empty == 0)
			p->pc = SCAN_EMPTY;
		else
			scan_next(p, sc);
		return;
	case SCAN_EMPTY:
		n->what = "scan_places: is it empty";
		if (x->e[p->i].slot == 0)
			p->empty = (uint8_t)(p->i + 1);
		scan_next(p, sc);
		return;
	default:
		n->what = "kill_tentative: compare-and-swap of the entry";
		if (life_is_same(x->e[p->i], p->e))
			x->e[p->i] = (struct entry){ 0, 0 };
		p->pc = SCAN_HEADER;
		return;
	}
}

static void
step_commit(struct state *x, int who, int key, struct check_note *n)
{
	struct proc *p = &x->p[who];
	struct entry tent = { p->mine.slot | TENT, p->mine.gen }, none = { 0, 0 };

	switch (p->pc) {
	case PLACED_LOOK:
		n->what = "commit_insert: is our tentative entry still there";
		p->pc = COMMIT_HEADER;
		if (!life_is_same(x->e[p->placed - 1], tent)) {
			p->placed = 0;
			p->pc = p->empty != 0 ? PLACE_OP : SCAN_HEADER;
		}
		return;
	case PLACE_OP:
		n->what = "place_tentative: store of op_entry";
		x->op_entry[who] = p->empty;
		p->pc = PLACE;
		return;
	case PLACE:
		n->what = "place_tentative: compare-and-swap of the empty entry";
		p->pc = SCAN_HEADER;
		if (x->e[p->empty - 1].slot != 0)
			return;
		x->e[p->empty - 1] = tent;
		p->placed = p->empty;
		p->pc = COMMIT_HEADER;
		return;
	case COMMIT_HEADER:
		n->what = "commit_insert: compare-and-swap of the home's header";
		p->pc = SCAN_HEADER;
		if (x->h.version != p->h.version || x->h.count != p->h.count)
			return;
		x->h.version++;
		x->h.count += p->placed > 1;
		n->is_beyond = x->h.version > VERSIONS;
		p->pc = FINAL;
		return;
	case FINAL:
		n->what = "commit_insert: compare-and-swap that makes the entry final";
		p->pc = SCAN_HEADER;
		if (!life_is_same(x->e[p->placed - 1], tent)) {
			p->placed = 0;
			return;
		}
		x->e[p->placed - 1] = p->mine;
		x->present |= (uint8_t)(1 << key);
		if (p->state[p->cell] == OWNED)
			p->state[p->cell] = LISTED;
		p->pc = CLEAR_OP;
		return;
	case CLEAR_OP:
		n->what = "gs_index_insert: op_entry = 0";
		x->op_entry[who] = 0;
		p->pc = UNLIST_NEW;
		return;
	case WITHDRAW:
		n->what = "withdraw: compare-and-swap of our tentative entry";
		if (p->placed != 0 && life_is_same(x->e[p->placed - 1], tent))
			x->e[p->placed - 1] = none;
		p->pc = WITHDRAW_OP;
		return;
	default:
		n->what = "withdraw: op_entry = 0";
		x->op_entry[who] = 0;
		begin(p, p->op + p->is_full);
		return;
	}
}

static void
step_remove(struct state *x, struct proc *p, int key, struct check_note *n)
{
	switch (p->pc) {
	case REMOVE_HEADER:
		n->what = "gs_index_remove: load of the home's header";
		p->want = x->h;
		p->pc = REMOVE;
		return;
	case REMOVE:
		n->what = "gs_index_remove: compare-and-swap of the entry";
		p->pc = UNLIST_OLD;
		if (!life_is_same(x->e[p->i], p->e))
			return;
		x->e[p->i] = (struct entry){ 0, 0 };
		x->present &= (uint8_t)~(1 << key);
		p->state[p->old] = LIMBO;
		p->pc = p->i > 0 ? DOWN_HEADER : RETIRE;
		return;
	case DOWN_HEADER:
		n->what = "count_down: load of the home's header";
		p->h = x->h;
		break;
	default:
		n->what = "count_down: compare-and-swap of the home's header";
		p->pc = RETIRE;
		if (x->h.version == p->h.version && x->h.count == p->h.count) {
			x->h.count--;
			return;
		}
		p->h = x->h;		/* the failed exchange loads it */
		break;
	}
	p->pc = p->h.version != p->want.version || p->h.count == 0 ? RETIRE : DOWN_CAS;
}

/* gs_slots_retire: one that is too many goes back, and when everything is given back, all. */
static void
retire(struct state *x, int who, const struct scenario *sc, char op)
{
	struct proc *p = &x->p[who];
	int cell = cell_in(x, who, LIMBO, -1);

	if (op == 'f' && cell < 0)
		cell = cell_in(x, who, OWNED, -1);
	if (cell < 0 || (op != 'f' && count(p, LIMBO) <= sc->depth)) {
		next_op(p);
		return;
	}
	begin(p, p->op);
	p->cell = (uint8_t)cell;
	p->pc = RELEASE_W;
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
		x->w[slot].ctx = 0;
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
		retire(x, who, sc, op);
		return;
	}
}

bool
life_client_step(struct state *x, int who, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[who];
	char op;
	int key;

	if (life_has_ended(x, sc, who))
		return false;
	op = op_of(sc, who, p);
	key = op < 'a';
	if (p->pc <= FIND_ENTRY)
		step_find(x, who, sc, op, n);
	else if (p->pc <= REFILL_UNLIST)
		step_refill(x, who, sc, op, n);
	else if (p->pc <= UNLIST_OLD)
		step_publish(x, who, sc, op, n);
	else if (p->pc <= SCAN_KILL)
		step_scan(x, p, sc, key, n);
	else if (p->pc <= WITHDRAW_OP)
		step_commit(x, who, key, n);
	else if (p->pc <= DOWN_CAS)
		step_remove(x, p, key, n);
	else
		step_release(x, who, sc, op, n);
	if (p->pc == RETIRE)		/* private */
		retire(x, who, sc, op);
	return true;
}
