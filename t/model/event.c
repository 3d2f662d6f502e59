/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * event.c - model of the ring of events: tellers that take a number, a cell and write it, and a reader with a place of its own.
 *
 * Mirrors gs_event_tell and take_cell, gs_event_next and copy_cell of
 * src/shm/event.c, on a ring of two cells so that a lap is soon.  The bytes
 * of an event are two words and a sum; each word is the revision whose event
 * it belongs to, and the sum is right when all three are the one that was
 * asked for.  That time passes is a step of the reader; whoever tells may
 * stop anywhere, so what is given up may still come, late.
 */
#include "check.h"

#include <stdint.h>
#include <string.h>

enum { CELLS = 2, WORDS = 3, TELLERS = 3, READER = TELLERS, PROCS, MOST = 8 };

enum pc {
	T_NUMBER, T_LOOK, T_TAKE, T_WRITE, T_DONE = T_WRITE + WORDS,
	R_TOLD, R_STAMP, R_COPY, R_STAMP_AGAIN = R_COPY + WORDS, R_WAIT,
};

struct proc {
	uint8_t pc, op;
	uint8_t mine, seen;		/* revision and stamp of a teller; of the reader: told, and the stamp as first seen */
	uint8_t copy[WORDS];
};

struct state {
	_Alignas(8) uint8_t told;
	uint8_t stamp[CELLS], word[CELLS][WORDS];
	uint8_t highest[CELLS];		/* the greatest stamp that there was */
	uint8_t next, armed, has_passed;	/* the reader's place; up to what it has waited, and that it did */
	uint8_t shown, lost;
	struct proc p[PROCS];
};

struct scenario {
	uint8_t n[TELLERS];		/* events that each tells */
	uint8_t safe;			/* at most so many are told that none may be lost but by waiting */
	bool plain_take, plain_done, no_sum, half_sum, no_grace;
};

static uint8_t stamp_of(uint8_t revision, bool is_done) { return (uint8_t)(revision * 2 + is_done); }

/* ---- tellers ---- */

static void
end_op(struct proc *p)
{
	*p = (struct proc){ .op = (uint8_t)(p->op + 1) };
}

static bool
step_teller(struct state *x, int who, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[who];
	uint8_t *stamp = &x->stamp[p->mine % CELLS];

	if (p->op == sc->n[who])
		return false;
	switch (p->pc) {
	case T_NUMBER:
		n->what = "gs_event_tell: fetch_add of told";
		p->mine = ++x->told;
		p->pc = sc->plain_take ? T_TAKE : T_LOOK;
		return true;
	case T_LOOK:
		n->what = "take_cell: load of the stamp";
		p->seen = *stamp;
		p->pc = T_TAKE;
		if (p->seen >= stamp_of(p->mine, false))
			end_op(p);
		return true;
	case T_TAKE:
		n->what = "take_cell: compare-and-swap of the stamp";
		if (!sc->plain_take && *stamp != p->seen) {
			p->pc = T_LOOK;
			return true;
		}
		*stamp = stamp_of(p->mine, false);
		p->pc = T_WRITE;
		return true;
	case T_DONE:
		n->what = "gs_event_tell: compare-and-swap of the stamp, done";
		if (sc->plain_done || *stamp == stamp_of(p->mine, false))
			*stamp = stamp_of(p->mine, true);
		end_op(p);
		return true;
	default:
		n->what = "gs_event_tell: store of a word";
		x->word[p->mine % CELLS][p->pc - T_WRITE] = p->mine;
		p->pc++;
		return true;
	}
}

/* ---- the reader ---- */

static void
go_on(struct state *x, struct proc *p, bool is_shown)
{
	x->next++;
	x->shown = (uint8_t)(x->shown + is_shown);
	x->lost = (uint8_t)(x->lost + !is_shown);
	p->pc = R_TOLD;
}

static void
lose(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	if (x->told <= sc->safe && x->has_passed == 0)
		n->broken = "an event is lost that nobody had to lose";
	go_on(x, p, false);
}

/* What is not written: it is given up when so much time has passed since its number was seen to be taken. */
static void
meet_unfinished(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	if (x->next <= x->armed && x->has_passed != 0 && !sc->no_grace) {
		lose(x, p, sc, n);
		return;
	}
	if (x->next > x->armed) {
		x->armed = p->mine;
		x->has_passed = 0;
	}
	p->pc = R_WAIT;
}

static void
judge_copy(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	bool is_whole = p->copy[0] == p->copy[1] && p->copy[1] == p->copy[2] && (sc->half_sum || p->copy[0] == x->next);

	if (x->stamp[x->next % CELLS] != p->seen || (!is_whole && !sc->no_sum)) {
		lose(x, p, sc, n);
		return;
	}
	if (p->copy[0] != x->next || p->copy[1] != x->next)
		n->broken = "an event is shown that nobody told";
	go_on(x, p, true);
}

static bool
step_reader(struct state *x, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[READER];

	switch (p->pc) {
	case R_TOLD:
		if (x->next > x->told)
			return false;
		n->what = "gs_event_next: load of told";
		p->mine = x->told;
		p->pc = R_STAMP;
		if (p->mine - x->next >= CELLS)
			lose(x, p, sc, n);
		return true;
	case R_STAMP:
		n->what = "copy_cell: load of the stamp";
		p->seen = x->stamp[x->next % CELLS];
		p->pc = R_COPY;
		if (p->seen / 2 > x->next)
			lose(x, p, sc, n);
		else if (p->seen != stamp_of(x->next, true))
			meet_unfinished(x, p, sc, n);
		return true;
	case R_STAMP_AGAIN:
		n->what = "copy_cell: second load of the stamp";
		judge_copy(x, p, sc, n);
		return true;
	case R_WAIT:
		n->what = "GS_EVENT_GRACE_MS pass";
		x->has_passed = 1;
		p->pc = R_TOLD;
		return true;
	default:
		n->what = "copy_cell: load of a word";
		p->copy[p->pc - R_COPY] = x->word[x->next % CELLS][p->pc - R_COPY];
		p->pc++;
		return true;
	}
}

/* ---- the law ---- */

static bool
step(void *state, int who, const void *scenario, struct check_note *n)
{
	return who < TELLERS ? step_teller(state, who, scenario, n) : step_reader(state, scenario, n);
}

static const char *
judge(void *state, const void *scenario)
{
	struct state *x = state;

	(void)scenario;
	for (int i = 0; i < CELLS; i++) {
		if (x->stamp[i] < x->highest[i])
			return "a stamp went back";
		x->highest[i] = x->stamp[i];
	}
	if (x->shown + x->lost + 1 != x->next || x->next > x->told + 1)
		return "an event is neither shown nor lost, or both";
	return NULL;
}

/* The longest way of one alone: the reader's, who waits once and then meets each number that is left. */
static const struct check_model model = { (sizeof(struct state) + 7) / 8 * 8, PROCS, step, judge, 10 * MOST };

static void
start(struct state *x)
{
	memset(x, 0, sizeof(*x));
	x->next = 1;
	x->p[READER].pc = R_TOLD;
}

static void
holds(const char *name, const struct scenario *sc)
{
	struct state first;

	start(&first);
	check_holds(&model, &first, sc, name, 3000000);
}

static void
fails(const char *name, const char *broken, const struct scenario *sc)
{
	struct state first;

	start(&first);
	check_fails(&model, &first, sc, name, broken, 3000000);
}

int
main(void)
{
	holds("two tell one event each: none is lost but by waiting", &(struct scenario){ .n = { 1, 1 }, .safe = CELLS });
	holds("one tells three laps", &(struct scenario){ .n = { 6 } });
	holds("two tell a lap each", &(struct scenario){ .n = { 2, 2 } });
	holds("three, of whom the last is a lap behind the first", &(struct scenario){ .n = { 1, 1, 1 } });
	fails("a cell is taken by a plain store", "a stamp went back", &(struct scenario){ .n = { 1, 2 }, .plain_take = true });
	fails("a cell is finished by a plain store", "a stamp went back", &(struct scenario){ .n = { 1, 2 }, .plain_done = true });
	fails("no sum", "an event is shown that nobody told", &(struct scenario){ .n = { 1, 2 }, .no_sum = true });
	fails("a sum without the revision", "an event is shown that nobody told", &(struct scenario){ .n = { 1, 2 }, .half_sum = true });
	fails("what is not written is never given up", "a process that runs alone does not come to its end", &(struct scenario){ .n = { 1, 1 }, .no_grace = true });
	return check_end();
}
