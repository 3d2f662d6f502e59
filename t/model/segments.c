/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * segments.c - model of a segment that is committed, drained, emptied, given back and committed again.
 *
 * Mirrors refill_from, take, release_cell and gs_slots_commit of slots.c, and
 * gs_segments_drain, _evacuate and _release of segments.c.  One segment of two
 * slots; "elsewhere" is another one that is always there.  A key is a
 * client's own; the daemon alone moves it.  A client's listing of a slot goes
 * through a store buffer, which empties by itself at any time, and at the
 * latest with the client's next read-modify-write or full fence: that is the
 * one place where an order weaker than the steps' own matters.
 */
#include "check.h"

#include <stdint.h>
#include <string.h>

enum {
	SLOTS = 2, CLIENTS = 2,
	DAEMON = CLIENTS, BUFFERS, KILL = BUFFERS + CLIENTS, PROCS,
	FREE = 0, WRITING = 1, READY = 2,
	ABSENT = 0, ACTIVE = 1, DRAINING = 2, EMPTYING = 3, RELEASING = 4,
	ELSEWHERE = 0x80,
	ALL_BITS = (1 << SLOTS) - 1,
	GENS = 30,
	TRIES = 4,
};

enum pc {
	BEGIN, SEARCH, LIST, LOOK, AND, LOAD_W, TAKE, READ_Y, PUBLISH, UNLIST, LIST_OLD, REMOVE, FREE_W, SET_BIT,
	C_ALLOC, C_BITS, C_CAS,
	D_BEGIN, D_SLOT, D_LIST, D_MOVE, D_FREE_W, D_BIT, D_UNLIST, D_EMPTY, D_LISTS, D_WORDS, D_RELEASING, D_PUNCH, D_ABSENT, D_BACK, D_END,
};

struct word { uint8_t gen, state; };		/* of a slot, and of the segment */
struct entry { uint8_t slot, gen; };		/* slot + 1, or ELSEWHERE */

struct proc {
	struct word w, seg;
	uint8_t pc, op, slot, i, gen, tries, is_kept;
};

struct state {
	_Alignas(8) struct word w[SLOTS], seg;
	struct entry e[CLIENTS];
	uint8_t bits, has_memory;
	uint8_t held[CLIENTS + 1];		/* slot + 1, as others see it */
	uint8_t buffered[CLIENTS];		/* slot + 1: listed, and not seen yet */
	uint8_t deaths, rounds;
	uint8_t used[SLOTS][4];			/* generations that a slot has had, as bits */
	struct proc p[CLIENTS + 1];
};

struct scenario {
	const char *ops[CLIENTS];		/* p: take a slot and publish it, d: end it */
	uint8_t rounds;				/* of the daemon */
	bool is_mortal;				/* the daemon may die once */
	bool early_look, no_fence, words_first, no_gen, same_gen, no_releasing;
};

static bool
is_word(struct word a, struct word b)
{
	return a.gen == b.gen && a.state == b.state;
}

/* A read-modify-write or a full fence of the client. */
static void
flush(struct state *x, int who)
{
	if (x->buffered[who] != 0)
		x->held[who] = x->buffered[who];
	x->buffered[who] = 0;
}

/* ---- a client ---- */

static void
next_op(struct proc *p)
{
	p->op++;
	p->tries = 0;
	p->pc = BEGIN;
}

static void
use_gen(struct state *x, int slot, uint8_t gen, struct check_note *n)
{
	if (gen >= GENS) {
		n->is_beyond = true;
		return;
	}
	if ((x->used[slot][gen / 8] >> (gen % 8) & 1) != 0)
		n->broken = "a generation comes twice";
	x->used[slot][gen / 8] |= (uint8_t)(1 << (gen % 8));
}

static void
search(struct state *x, int who, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[who];

	n->what = "refill, claim_cell: a bit of an active segment, or commit";
	p->seg = x->seg;
	if (++p->tries > TRIES || x->seg.state >= EMPTYING || (x->seg.state == ACTIVE && x->bits == 0)) {
		next_op(p);			/* a slot of elsewhere */
		return;
	}
	if (x->seg.state != ACTIVE) {
		p->pc = x->seg.state == ABSENT ? C_ALLOC : C_BITS;
		return;
	}
	p->slot = (x->bits >> who & 1) != 0 ? (uint8_t)who : (uint8_t)!who;
	p->pc = LIST;
	(void)sc;
}

static void
take(struct state *x, int who, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[who];
	uint8_t base = sc->no_gen ? 0 : p->seg.gen;

	n->what = "take: FREE -> WRITING";
	flush(x, who);
	p->pc = UNLIST;
	if (!is_word(x->w[p->slot], p->w))
		return;
	if (!x->has_memory)
		n->broken = "a slot is taken where there is no memory";
	p->gen = (uint8_t)((p->w.gen == 0 ? base : p->w.gen) + 1);
	use_gen(x, p->slot, p->gen, n);
	x->w[p->slot] = (struct word){ p->gen, WRITING };
	p->pc = READ_Y;
}

static bool
client_step(struct state *x, int who, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[who];

	switch (p->pc) {
	case BEGIN:
		if (sc->ops[who] == NULL || sc->ops[who][p->op] == '\0')
			return false;
		n->what = "begin";
		if (sc->ops[who][p->op] == 'p') {
			p->pc = SEARCH;
		} else if (x->e[who].slot == 0 || x->e[who].slot == ELSEWHERE) {
			x->e[who] = (struct entry){ 0, 0 };
			next_op(p);
		} else {
			p->slot = (uint8_t)(x->e[who].slot - 1);
			p->gen = x->e[who].gen;
			p->pc = LIST_OLD;
		}
		return true;
	case SEARCH:
		search(x, who, sc, n);
		return true;
	case LIST:
		n->what = "list_cell";
		x->buffered[who] = (uint8_t)(p->slot + 1);
		p->pc = sc->early_look ? AND : LOOK;
		if (!sc->no_fence)
			flush(x, who);		/* the fence, with nothing in between that others could see */
		return true;
	case LOOK:
		n->what = "refill_from: look at the segment";
		p->seg = x->seg;
		p->pc = x->seg.state == ACTIVE ? AND : UNLIST;
		return true;
	case AND:
		n->what = "refill_from: fetch_and";
		flush(x, who);
		p->pc = (x->bits >> p->slot & 1) != 0 ? LOAD_W : UNLIST;
		x->bits &= (uint8_t)~(1 << p->slot);
		return true;
	case LOAD_W:
		n->what = "take: load W";
		p->w = x->w[p->slot];
		p->pc = p->w.state == FREE ? TAKE : UNLIST;
		return true;
	case TAKE:
		take(x, who, sc, n);
		return true;
	case READ_Y:
		n->what = "gs_record_write: READY";
		x->w[p->slot].state = READY;
		p->pc = PUBLISH;
		return true;
	case PUBLISH:
		n->what = "the entry is final";
		flush(x, who);
		x->e[who] = (struct entry){ (uint8_t)(p->slot + 1), p->gen };
		p->is_kept = 1;
		p->pc = UNLIST;
		return true;
	case UNLIST:
		n->what = "unlist_cell";
		flush(x, who);
		x->held[who] = 0;
		/* A put that got nothing looks again. */
		if (p->is_kept || sc->ops[who][p->op] == 'd')
			next_op(p);
		else
			p->pc = SEARCH;
		p->is_kept = 0;
		return true;
	case LIST_OLD:
		n->what = "gs_slots_list";
		x->buffered[who] = (uint8_t)(p->slot + 1);
		p->pc = REMOVE;
		return true;
	case REMOVE:
		n->what = "gs_index_remove";
		flush(x, who);
		p->pc = UNLIST;
		if (x->e[who].slot == p->slot + 1 && x->e[who].gen == p->gen)
			p->pc = FREE_W;
		x->e[who] = (struct entry){ 0, 0 };
		return true;
	case FREE_W:
		n->what = "gs_slots_free: W";
		x->w[p->slot].state = FREE;
		p->pc = SET_BIT;
		return true;
	case SET_BIT:
		n->what = "gs_slots_free: bit";
		x->bits |= (uint8_t)(1 << p->slot);
		p->pc = UNLIST;
		return true;
	case C_ALLOC:
		n->what = "activate: fallocate";
		x->has_memory = 1;
		p->pc = C_BITS;
		return true;
	case C_BITS:
		n->what = "activate: bits";
		x->bits = ALL_BITS;
		p->pc = C_CAS;
		return true;
	case C_CAS:
		n->what = "activate: the segment is in use";
		if (is_word(x->seg, p->seg))
			x->seg.state = ACTIVE;
		p->pc = SEARCH;
		return true;
	default:
		return false;
	}
}

/* ---- the daemon ---- */

static int
who_has(const struct state *x, int slot)
{
	for (int c = 0; c < CLIENTS; c++)
		if (x->e[c].slot == slot + 1 && x->w[slot].state == READY && x->e[c].gen == x->w[slot].gen)
			return c;
	return -1;
}

/* All lists, and all words, in the order of the scenario; then the memory is given back. */
static bool
release_step(struct state *x, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[DAEMON];

	switch (p->pc) {
	case D_EMPTY:
		n->what = "gs_segments_release: emptying";
		p->pc = D_END;
		p->gen = x->seg.gen;
		if (x->seg.state == RELEASING)
			p->pc = D_PUNCH;
		if (x->seg.state == DRAINING || x->seg.state == EMPTYING) {
			x->seg.state = EMPTYING;
			p->pc = sc->words_first ? D_WORDS : D_LISTS;
		}
		p->i = 0;
		return true;
	case D_LISTS:
		n->what = "gs_segments_release: look at a list";
		if (x->held[p->i] != 0) {
			p->pc = D_BACK;
		} else if (++p->i == CLIENTS + 1) {
			p->i = 0;
			p->pc = sc->words_first ? D_RELEASING : D_WORDS;
		}
		return true;
	case D_WORDS:
		n->what = "gs_segments_release: look at a word";
		if (x->w[p->i].gen > p->gen)
			p->gen = x->w[p->i].gen;
		if (x->w[p->i].state != FREE) {
			p->pc = D_BACK;
		} else if (++p->i == SLOTS) {
			p->i = 0;
			p->pc = sc->words_first ? D_LISTS : D_RELEASING;
		}
		return true;
	case D_RELEASING:
		n->what = "gs_segments_release: releasing";
		if (!sc->same_gen)
			p->gen++;
		if (!sc->no_releasing)
			x->seg = (struct word){ p->gen, RELEASING };
		p->pc = D_PUNCH;
		return true;
	case D_PUNCH:
		n->what = "gs_segments_release: punch";
		for (int i = 0; i < SLOTS; i++)
			if (x->w[i].state != FREE)
				n->broken = "the memory of a slot that is somebody's is given back";
		memset(x->w, 0, sizeof(x->w));
		x->has_memory = 0;
		p->pc = D_ABSENT;
		return true;
	case D_ABSENT:
		n->what = "gs_segments_release: absent";
		x->seg = (struct word){ p->gen, ABSENT };
		p->pc = D_END;
		return true;
	case D_BACK:
		n->what = "gs_segments_release: somebody is there";
		x->seg.state = DRAINING;
		p->pc = D_END;
		return true;
	default:
		return false;
	}
}

/* What the daemon before listed, as soon as no client lists it: slots.c has the steps of that. False: it waits. */
static bool
recover_step(struct state *x, struct check_note *n)
{
	int slot = x->held[DAEMON] - 1;

	for (int c = 0; c < CLIENTS; c++)
		if (x->held[c] == slot + 1 || x->buffered[c] == slot + 1)
			return false;
	n->what = "gs_recover_ctx";
	if (who_has(x, slot) < 0) {
		x->w[slot].state = FREE;
		x->bits |= (uint8_t)(1 << slot);
	}
	x->held[DAEMON] = 0;
	return true;
}

static bool
daemon_step(struct state *x, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[DAEMON];
	int of;

	switch (p->pc) {
	case D_BEGIN:
		if (x->held[DAEMON] != 0)
			return recover_step(x, n);
		if (x->rounds == sc->rounds)
			return false;
		n->what = "gs_segments_drain";
		x->rounds++;
		if (x->seg.state == ACTIVE)
			x->seg.state = DRAINING;
		p->i = 0;
		p->pc = x->seg.state >= EMPTYING ? D_EMPTY : D_SLOT;
		return true;
	case D_SLOT:
		n->what = "gs_segments_evacuate: a slot";
		if (p->i == SLOTS)
			p->pc = D_EMPTY;
		else if (who_has(x, p->i) >= 0)
			p->pc = D_LIST;
		else
			p->i++;
		return true;
	case D_LIST:
		n->what = "gs_slots_list by the daemon";
		x->held[DAEMON] = (uint8_t)(p->i + 1);
		p->pc = D_MOVE;
		return true;
	case D_MOVE:
		n->what = "gs_index_replace by the daemon";
		of = who_has(x, p->i);
		p->pc = D_UNLIST;
		if (of >= 0) {
			x->e[of] = (struct entry){ ELSEWHERE, 0 };
			p->pc = D_FREE_W;
		}
		return true;
	case D_FREE_W:
		n->what = "gs_slots_free by the daemon: W";
		x->w[p->i].state = FREE;
		p->pc = D_BIT;
		return true;
	case D_BIT:
		n->what = "gs_slots_free by the daemon: bit";
		x->bits |= (uint8_t)(1 << p->i);
		p->pc = D_UNLIST;
		return true;
	case D_UNLIST:
		n->what = "unlist_cell by the daemon";
		x->held[DAEMON] = 0;
		p->i++;
		p->pc = D_SLOT;
		return true;
	case D_END:
		n->what = "the daemon's next look";
		p->pc = D_BEGIN;
		return true;
	default:
		return release_step(x, sc, n);
	}
}

/* The daemon dies; what it listed the next one finds. */
static bool
kill_step(struct state *x, const struct scenario *sc, struct check_note *n)
{
	if (!sc->is_mortal || x->deaths > 0)
		return false;
	n->what = "kill of the daemon";
	x->deaths++;
	if (x->rounds == sc->rounds)
		x->rounds--;			/* it has another round */
	memset(&x->p[DAEMON], 0, sizeof(x->p[DAEMON]));
	x->p[DAEMON].pc = D_BEGIN;
	return true;
}

static bool
step(void *state, int who, const void *scenario, struct check_note *n)
{
	struct state *x = state;

	if (who < CLIENTS)
		return client_step(x, who, scenario, n);
	if (who == DAEMON)
		return daemon_step(x, scenario, n);
	if (who == KILL)
		return kill_step(x, scenario, n);
	if (x->buffered[who - BUFFERS] == 0)
		return false;
	n->what = "a store buffer empties";
	flush(x, who - BUFFERS);
	return true;
}

/* ---- the law ---- */

static bool
is_listed(const struct state *x, int slot)
{
	for (int c = 0; c <= CLIENTS; c++)
		if (x->held[c] == slot + 1 || (c < CLIENTS && x->buffered[c] == slot + 1))
			return true;
	return false;
}

static const char *
judge(void *state, const void *scenario)
{
	const struct state *x = state;
	bool is_committed = x->seg.state == ACTIVE || x->seg.state == DRAINING;

	(void)scenario;
	for (int c = 0; c < CLIENTS; c++)
		if (x->e[c].slot != 0 && x->e[c].slot != ELSEWHERE &&
		    (x->w[x->e[c].slot - 1].state != READY || x->w[x->e[c].slot - 1].gen != x->e[c].gen))
			return "an entry names a slot that is not as it says";
	for (int slot = 0; slot < SLOTS; slot++) {
		if (x->w[slot].state != FREE && who_has(x, slot) < 0 && !is_listed(x, slot))
			return "a slot is nobody's";
		if (is_committed && x->w[slot].state == FREE && (x->bits >> slot & 1) == 0 && !is_listed(x, slot))
			return "a free slot has no bit, and nobody lists it";
	}
	return NULL;
}

static const struct check_model model = { sizeof(struct state), PROCS, step, judge, 0 };

static void
begin(struct state *x)
{
	memset(x, 0, sizeof(*x));
	x->p[DAEMON].pc = D_BEGIN;
}

static void
holds(const char *name, const struct scenario *sc)
{
	struct state first;

	begin(&first);
	check_holds(&model, &first, sc, name, 2500000);
}

static void
fails(const char *name, const char *broken, const struct scenario *sc)
{
	struct state first;

	begin(&first);
	check_fails(&model, &first, sc, name, broken, 2500000);
}

int
main(void)
{
	holds("put and delete, the daemon shrinks once", &(struct scenario){ .ops = { "pd" }, .rounds = 1 });
	holds("put, delete, put, the daemon shrinks twice", &(struct scenario){ .ops = { "pdp" }, .rounds = 2 });
	holds("put and put, the daemon shrinks once", &(struct scenario){ .ops = { "p", "p" }, .rounds = 1 });
	holds("put and delete, put and delete, the daemon shrinks twice", &(struct scenario){ .ops = { "pd", "pd" }, .rounds = 2 });
	holds("put, delete and put, put, the daemon shrinks twice", &(struct scenario){ .ops = { "pdp", "p" }, .rounds = 2 });
	holds("put and delete twice, the daemon dies once", &(struct scenario){ .ops = { "pdpd" }, .rounds = 2, .is_mortal = true });
	holds("put and delete, put, the daemon dies once", &(struct scenario){ .ops = { "pd", "p" }, .rounds = 2, .is_mortal = true });
	fails("no look at the segment once the slot is listed", "the memory of a slot that is somebody's is given back",
	    &(struct scenario){ .ops = { "pd", "pd" }, .rounds = 2, .early_look = true });
	fails("no full fence between listing and look", "the memory of a slot that is somebody's is given back",
	    &(struct scenario){ .ops = { "pd", "pd" }, .rounds = 2, .no_fence = true });
	fails("words looked at before lists", "the memory of a slot that is somebody's is given back",
	    &(struct scenario){ .ops = { "pd", "pd" }, .rounds = 2, .words_first = true });
	fails("generations begin anew", "a generation comes twice", &(struct scenario){ .ops = { "pdp" }, .rounds = 1, .no_gen = true });
	fails("a segment that was given back looks as before", "a slot is taken where there is no memory",
	    &(struct scenario){ .ops = { "pd", "pd" }, .rounds = 2, .same_gen = true });
	fails("a daemon dies where it has given back, and the word says emptying", "a slot is taken where there is no memory",
	    &(struct scenario){ .ops = { "pdpd" }, .rounds = 2, .is_mortal = true, .no_releasing = true });
	return check_end();
}
