/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * audit.c - model of the audit beside clients that work and die: it reports what is broken and stays so, and nothing else.
 *
 * Mirrors check_entry, check_place, has_twin, check_tentative, check_header
 * with count_outside, life_of and check_free of audit.c, with the clients and
 * the daemon of the model in recover.c.  The audit looks at most TRIES times;
 * a look goes wrong only when a slot comes and goes while it is under way, so
 * where fewer slots do than there are looks it must not report anything.
 * Bounds, due hints and tags (I2, I7, I8) are one thread's business, counts
 * of sessions (I9) are in population.c.
 */
#include "life_model.h"

#include <string.h>

/* The laws of layout.h by their numbers, as bits. */
enum { I1 = 1 << 1, I3 = 1 << 3, I4 = 1 << 4, I5 = 1 << 5, I6 = 1 << 6, I10 = 1 << 10 };

static const uint16_t planted[] = { [NO_PLANT] = 0, [LOST_SLOT] = I5, [NO_BIT] = I6, [TWIN] = I3, [LOW_COUNT] = I4, [DANGLING] = I1,
	[TENTATIVE] = I5 | I10 };

static void
report(struct state *x, const struct scenario *sc, uint16_t law, struct check_note *n)
{
	x->reported |= law;
	if ((planted[sc->plant] & law) == 0)
		n->broken = "the audit reports what is not there";
}

/* Go on with the i-th entry or slot. */
static void
go_to(struct proc *p, enum pc pc, int i)
{
	*p = (struct proc){ .pc = (uint8_t)pc, .i = (uint8_t)i };
}

static void
entry_done(struct proc *p, const struct scenario *sc)
{
	if (p->i + 1 < sc->entries)
		go_to(p, A_ENTRY, p->i + 1);
	else
		go_to(p, A_HEAD, 1);
}

static void
entry_again(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	int tries = p->tries + 1;

	if (tries == sc->looks) {
		report(x, sc, I1, n);
		entry_done(p, sc);
		return;
	}
	go_to(p, A_ENTRY, p->i);
	p->tries = (uint8_t)tries;
}

static void
begin_twin(struct proc *p)
{
	p->pc = A_TWIN;
	p->tries = p->n = 0;
	p->h = (struct header){ 0, 0 };
}

static void
step_entry(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	uint8_t owner;

	switch (p->pc) {
	case A_ENTRY:
		n->what = "load_record: load of the entry";
		p->e = x->e[p->i];
		if (p->e.slot == 0)
			entry_done(p, sc);
		else
			p->pc = life_is_final(p->e) ? A_ENTRY_W : A_TENT_W;
		return;
	case A_ENTRY_W:
		n->what = "load_record: load of W";
		p->w = x->w[life_slot(p->e)];
		p->pc = A_ENTRY_SAME;
		if (!life_fits(p->w, p->e))
			entry_again(x, p, sc, n);
		return;
	case A_ENTRY_SAME:
		n->what = "load_record: copy, and second load of W";
		if (!life_is_word(x->w[life_slot(p->e)], p->w)) {
			entry_again(x, p, sc, n);
			return;
		}
		p->slot = x->key[life_slot(p->e)];	/* of the record */
		p->tries = 0;
		p->w = (struct word){ 0, 0, 0 };
		p->pc = A_PLACE_H;
		if (p->i == 0)
			begin_twin(p);
		return;
	case A_PLACE_H:
		n->what = "check_place: load of the home's header";
		p->pc = A_PLACE_ENTRY;
		if (x->h.count > 0)
			begin_twin(p);
		return;
	case A_PLACE_ENTRY:
		n->what = "check_place: second load of the entry";
		if (!sc->no_place_look && !life_is_same(x->e[p->i], p->e)) {
			begin_twin(p);
			return;
		}
		p->pc = A_PLACE_H;
		if (++p->tries < sc->looks && !sc->no_place_look)
			return;
		report(x, sc, I4, n);
		begin_twin(p);
		return;
	case A_TENT_W:
		n->what = "check_tentative: whose it is, by W of its slot";
		owner = x->reg[x->w[life_slot(p->e)].ctx];
		p->pc = A_TENT_ENTRY;
		if (owner == LIVE || (owner == DEAD && !sc->dead_is_nobody))
			entry_done(p, sc);
		return;
	default:
		n->what = "check_tentative: second load of the entry";
		if (sc->no_tent_look || life_is_same(x->e[p->i], p->e))
			report(x, sc, I10, n);
		entry_done(p, sc);
		return;
	}
}

static void
twin_next(struct proc *p, const struct scenario *sc)
{
	p->mine = (struct entry){ 0, 0 };
	p->w = (struct word){ 0, 0, 0 };
	p->pc = A_TWIN;
	if (++p->n == sc->entries)
		entry_done(p, sc);
}

static void
step_twin(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	switch (p->pc) {
	case A_TWIN:
		n->what = "has_twin: load of another entry";
		p->mine = x->e[p->n];
		p->pc = A_TWIN_W;
		if (p->n == p->i || !life_is_final(p->mine))
			twin_next(p, sc);
		return;
	case A_TWIN_W:
		n->what = "load_record: load of W of the other";
		p->w = x->w[life_slot(p->mine)];
		p->pc = life_fits(p->w, p->mine) ? A_TWIN_SAME : A_TWIN;
		return;
	case A_TWIN_SAME:
		n->what = "load_record: copy of the other, and second load of its W";
		if (!life_is_word(x->w[life_slot(p->mine)], p->w))
			p->pc = A_TWIN;
		else if (x->key[life_slot(p->mine)] != p->slot)
			twin_next(p, sc);
		else
			p->pc = A_TWIN_ENTRY;
		return;
	default:
		n->what = "has_twin: second load of the entry";
		if (!sc->no_twin_look && !life_is_same(x->e[p->i], p->e)) {
			twin_next(p, sc);
			return;
		}
		report(x, sc, I3, n);
		entry_done(p, sc);
		return;
	}
}

static void
head_done(struct proc *p, const struct scenario *sc)
{
	if (p->i + 1 < sc->entries)
		go_to(p, A_HEAD, p->i + 1);
	else
		go_to(p, A_SLOT, 0);
}

static void
step_head(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	switch (p->pc) {
	case A_HEAD:
		n->what = "check_headers: load of an entry outside home";
		p->pc = A_HEAD_H;
		if (!life_is_final(x->e[p->i]))
			head_done(p, sc);
		return;
	case A_HEAD_H:
		n->what = "check_header: load of the home's header";
		p->h = x->h;
		p->n = 1;
		p->want.count = 0;
		p->pc = A_HEAD_ENTRY;
		return;
	case A_HEAD_ENTRY:
		n->what = "count_outside: load of an entry";
		p->e = x->e[p->n];
		p->pc = A_HEAD_W;
		if (life_is_final(p->e))
			return;
		break;
	case A_HEAD_W:
		n->what = "count_outside: look at its slot";
		p->pc = A_HEAD_ENTRY;
		if (!life_fits(x->w[life_slot(p->e)], p->e))
			return;
		p->want.count++;
		break;
	default:
		n->what = "check_header: second load of the home's header";
		if (sc->no_head_look || (x->h.version == p->h.version && x->h.count == p->h.count))
			report(x, sc, I4, n);
		else if (++p->tries < sc->looks) {
			p->h = (struct header){ 0, 0 };
			p->pc = A_HEAD_H;
			return;
		}
		head_done(p, sc);
		return;
	}
	p->e = (struct entry){ 0, 0 };
	p->pc = A_HEAD_ENTRY;
	if (++p->n < sc->entries)
		return;
	p->pc = A_HEAD_SAME;
	if (p->want.count <= p->h.count)
		head_done(p, sc);
}

static void
slot_done(struct proc *p)
{
	if (p->i + 1 < SLOTS)
		go_to(p, A_SLOT, p->i + 1);
	else
		go_to(p, A_END, 0);
}

static void
slot_again(struct state *x, struct proc *p, const struct scenario *sc, uint16_t law, struct check_note *n)
{
	int tries = p->tries + 1;

	if (tries == sc->looks) {
		report(x, sc, law, n);
		slot_done(p);
		return;
	}
	go_to(p, law == I6 ? A_FREE_BIT : A_SLOT, p->i);
	p->tries = (uint8_t)tries;
}

enum look { LOOK_ON, LOOK_FOUND, LOOK_NONE };

/* One cell of is_in_cell_of, over the contexts in a state. */
static enum look
look_in_cell(const struct state *x, struct proc *p, uint8_t state)
{
	while (p->u_ctx < CLIENTS && x->reg[p->u_ctx] != state) {
		p->u_ctx++;
		p->u_cell = 0;
	}
	if (p->u_ctx < CLIENTS && x->held[p->u_ctx][p->u_cell] == p->i + 1)
		return LOOK_FOUND;
	if (p->u_ctx < CLIENTS && ++p->u_cell == CELLS) {
		p->u_ctx++;
		p->u_cell = 0;
	}
	if (p->u_ctx < CLIENTS)
		return LOOK_ON;
	p->u_ctx = p->u_cell = 0;
	return LOOK_NONE;
}

static void
step_slot(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	enum look found;

	switch (p->pc) {
	case A_SLOT:
		n->what = "life_of: load of W";
		p->w = x->w[p->i];
		p->pc = p->w.state == READY ? A_SLOT_SAME : A_SLOT_U;
		if (p->w.state == FREE)
			go_to(p, A_FREE_BIT, p->i);
		return;
	case A_SLOT_SAME:
		n->what = "life_of: second load of W, behind the hash";
		p->pc = life_is_word(x->w[p->i], p->w) ? A_SLOT_N : A_SLOT_U;
		return;
	case A_SLOT_N:
		n->what = "gs_index_ordinal_of: load of an entry";
		if (life_slot(x->e[p->n]) == p->i && x->e[p->n].gen == p->w.gen)
			p->pc = A_SLOT_FINAL;
		else if (++p->n == sc->entries)
			p->pc = A_SLOT_U;
		return;
	case A_SLOT_FINAL:
		n->what = "life_of: is the entry tentative";
		if ((x->e[p->n].slot & TENT) == 0 || sc->tent_is_live)
			slot_done(p);
		else
			p->pc = A_SLOT_U;
		return;
	case A_SLOT_U:
	case A_SLOT_LEFT:
		n->what = p->pc == A_SLOT_U ? "gs_slots_is_listed: load of a cell" : "gs_slots_is_left: load of a cell";
		found = look_in_cell(x, p, p->pc == A_SLOT_U ? LIVE : DEAD);
		if (found == LOOK_FOUND)
			slot_done(p);
		else if (found == LOOK_NONE && p->pc == A_SLOT_U && !sc->no_left)
			p->pc = A_SLOT_LEFT;
		else if (found == LOOK_NONE)
			slot_again(x, p, sc, I5, n);
		return;
	default:
		break;
	}
}

static void
step_free(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	enum look found;

	switch (p->pc) {
	case A_FREE_BIT:
		n->what = "check_free: load of the bitmap";
		p->pc = A_FREE_U;
		if ((x->bits >> p->i & 1) != 0)
			slot_done(p);
		return;
	case A_FREE_U:
	case A_FREE_LEFT:
		n->what = p->pc == A_FREE_U ? "gs_slots_is_listed: load of a cell" : "gs_slots_is_left: load of a cell";
		found = look_in_cell(x, p, p->pc == A_FREE_U ? LIVE : DEAD);
		if (found == LOOK_FOUND)
			slot_done(p);
		else if (found == LOOK_NONE)
			p->pc = p->pc == A_FREE_U && !sc->no_left ? A_FREE_LEFT : A_FREE_W;
		return;
	default:
		n->what = "check_free: load of W";
		if (x->w[p->i].state != FREE)
			slot_done(p);
		else
			slot_again(x, p, sc, I6, n);
		return;
	}
}

static bool
step_audit(struct state *x, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[AUDIT];

	if (p->pc == A_END)
		return false;
	if (p->pc <= A_PLACE_ENTRY)
		step_entry(x, p, sc, n);
	else if (p->pc <= A_TWIN_ENTRY)
		step_twin(x, p, sc, n);
	else if (p->pc <= A_HEAD_SAME)
		step_head(x, p, sc, n);
	else if (p->pc <= A_SLOT_LEFT)
		step_slot(x, p, sc, n);
	else
		step_free(x, p, sc, n);
	if (p->pc == A_END && (x->reported & planted[sc->plant]) != planted[sc->plant])
		n->broken = "what is broken was not reported";
	return true;
}

static bool
step(void *state, int who, const void *scenario, struct check_note *n)
{
	return who == AUDIT ? step_audit(state, scenario, n) : life_step(state, who, scenario, n);
}

static const char *
judge(void *state, const void *scenario)
{
	const struct scenario *sc = scenario;

	return sc->plant == NO_PLANT ? life_judge(state, sc) : NULL;
}

static const struct check_model model = { sizeof(struct state), PROCS, step, judge, 0 };

/* What nobody will mend: no client comes near, and the daemon does not walk. */
static void
plant(struct state *x, const struct scenario *sc)
{
	const int slot = SLOTS - 1;

	if (sc->plant == NO_PLANT)
		return;
	x->bits &= (uint8_t)~(1 << slot);
	x->key[slot] = 1;
	switch (sc->plant) {
	case LOST_SLOT:
		x->w[slot] = (struct word){ 1, READY, 0 };
		return;
	case TWIN:
		x->w[slot] = (struct word){ 1, READY, 0 };
		x->e[2] = (struct entry){ (uint8_t)(slot + 1), 1 };
		x->h.count++;
		return;
	case LOW_COUNT:
		x->bits |= (uint8_t)(1 << slot);
		x->h.count = 0;
		return;
	case DANGLING:
		x->bits |= (uint8_t)(1 << slot);
		x->e[1] = (struct entry){ (uint8_t)(slot + 1), 1 };
		x->h.count++;
		return;
	case TENTATIVE:
		x->w[slot] = (struct word){ 1, READY, 1 };
		x->e[1] = (struct entry){ (uint8_t)(slot + 1) | TENT, 1 };
		x->h.count++;
		x->reg[1] = UNUSED;
		return;
	default:
		return;
	}
}

static void
holds(const char *name, const struct scenario *sc)
{
	struct state first;

	life_begin(&first, sc);
	plant(&first, sc);
	check_holds(&model, &first, sc, name, 3000000);
}

static void
fails(const char *name, const char *broken, const struct scenario *sc)
{
	struct state first;

	life_begin(&first, sc);
	plant(&first, sc);
	check_fails(&model, &first, sc, name, broken, 3000000);
}

#define OPS(...) .ops = { __VA_ARGS__ }
#define PLANT(what) .looks = 3, .no_walk = true, .plant = what

int
main(void)
{
	static const char false_alarm[] = "the audit reports what is not there", missed[] = "what is broken was not reported";

	holds("put", &(struct scenario){ OPS("p"), .entries = 2, .looks = 2 });
	holds("put, delete and flush", &(struct scenario){ OPS("pdf"), .entries = 2, .looks = 3 });
	holds("put outside home, delete and flush", &(struct scenario){ OPS("pdf"), .at = "2", .entries = 2, .looks = 3 });
	holds("update twice and flush", &(struct scenario){ OPS("ppf"), .at = "0", .entries = 2, .looks = 3 });
	holds("update; update", &(struct scenario){ OPS("p", "p"), .at = "0", .entries = 2, .looks = 3 });
	holds("move out and in", &(struct scenario){ OPS("mm"), .at = "0", .entries = 2, .looks = 3 });
	holds("delete; put of another; outside home", &(struct scenario){ OPS("D", "p"), .at = "21", .entries = 3, .looks = 2 });
	holds("put, who may die", &(struct scenario){ OPS("p"), .entries = 2, .looks = 2, .mortal = 1 });
	holds("put outside home, who may die", &(struct scenario){ OPS("p"), .at = "2", .entries = 2, .looks = 2, .mortal = 1 });
	holds("update, who may die; update", &(struct scenario){ OPS("p", "p"), .at = "0", .entries = 2, .looks = 3, .mortal = 1 });
	holds("delete, who may die, and the daemon", &(struct scenario){ OPS("d"), .at = "20", .entries = 2, .looks = 2, .mortal = 1, .deaths = 1 });
	holds("a slot is lost; update", &(struct scenario){ OPS("p", "p"), .at = "0", .entries = 2, PLANT(LOST_SLOT) });
	holds("a free slot has no bit; update", &(struct scenario){ OPS("p", "p"), .at = "0", .entries = 2, PLANT(NO_BIT) });
	holds("a key is there twice; update of another", &(struct scenario){ OPS("p"), .at = "01", .entries = 3, PLANT(TWIN) });
	holds("a count is too low; update of another", &(struct scenario){ OPS("p"), .at = "01", .entries = 2, PLANT(LOW_COUNT) });
	holds("an entry names a free slot; update", &(struct scenario){ OPS("p"), .at = "0", .entries = 2, PLANT(DANGLING) });
	holds("a tentative entry of nobody; update", &(struct scenario){ OPS("p"), .at = "0", .entries = 2, PLANT(TENTATIVE) });
	fails("no second look", false_alarm, &(struct scenario){ OPS("p"), .entries = 2, .looks = 1 });
	fails("an entry is not looked at again for its header", false_alarm,
	    &(struct scenario){ OPS("d"), .at = "20", .entries = 2, .looks = 2, .no_place_look = true });
	fails("an entry is not looked at again for its twin", false_alarm,
	    &(struct scenario){ OPS("Dd", "p"), .at = "10", .entries = 2, .looks = 3, .no_twin_look = true });
	fails("a header is not looked at again", false_alarm,
	    &(struct scenario){ OPS("D", "p"), .at = "21", .entries = 3, .looks = 2, .no_head_look = true });
	fails("a tentative entry is not looked at again", false_alarm,
	    &(struct scenario){ OPS("p"), .entries = 2, .looks = 2, .mortal = 1, .no_tent_look = true });
	fails("who is dead and not yet recovered is nobody", false_alarm,
	    &(struct scenario){ OPS("p"), .entries = 2, .looks = 2, .mortal = 1, .dead_is_nobody = true });
	fails("what the dead list is nobody's", false_alarm,
	    &(struct scenario){ OPS("p"), .entries = 2, .looks = 2, .mortal = 1, .no_left = true });
	fails("a slot that a tentative entry names is live", missed,
	    &(struct scenario){ OPS("p"), .at = "0", .entries = 2, PLANT(TENTATIVE), .tent_is_live = true });
	return check_end();
}
