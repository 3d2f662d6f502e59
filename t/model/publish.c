/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * publish.c - model of how sessions come, change and go in a home bucket, and of their readers.
 *
 * Mirrors gs_kv_put (put_new, put_replace), gs_kv_del and gs_kv_get down to
 * gs_index_find, gs_index_insert, gs_index_replace, gs_index_remove,
 * gs_record_write and gs_record_is_same.  Both keys have the same tag, so
 * every entry has to be looked at in its slot.  What leads out of the home
 * bucket is in stash.c, who may have a slot in slots.c.  A slot that was
 * retired is written anew at once: limbo only makes that rare.
 */
#include "check.h"

#include <stdint.h>
#include <string.h>

enum {
	ENTRIES = 2, SLOTS = 5, PROCS = 4, CELLS = 3,
	VERSIONS = 9,			/* two inserters can go on killing each other's entries for ever */
	TENT = 0x100,
	FREE = 0, WRITING = 1, READY = 2,
};

enum pc {
	FIND_ENTRY, MATCH_WORD, MATCH_KEY, MATCH_SAME,
	GET_HEADER, GET_HEADER_SAME, GET_VALUE, GET_VALUE_SAME,
	WRITE_WRITING, WRITE_KEY, WRITE_HEADER, WRITE_VALUE, WRITE_READY, REPLACE,
	SCAN_HEADER, SCAN_ENTRY, SCAN_EMPTY, SCAN_KILL,
	COMMIT_PLACED, COMMIT_PLACE, COMMIT_HEADER, COMMIT_FINAL, WITHDRAW,
	REMOVE,
};

struct slot { uint8_t w, key, d0, d1; };	/* two words of a record that must be of one incarnation */

struct proc {
	uint16_t e, mine, placed_e;	/* an entry as seen; ours, final form */
	uint16_t seen;			/* book: values that were current since the read began */
	uint8_t absent;			/* book: the key was absent at some time since */
	uint8_t pc, op, i, w, key, d0, d1, header, empty, placed, inserts, cell[CELLS];
};

struct state {
	_Alignas(8) uint16_t e[ENTRIES];
	struct slot s[SLOTS];
	uint8_t version, pad;
	struct proc p[PROCS];
};

/* p put, d delete, g get; in capitals: of the other key. */
struct scenario {
	const char *ops[PROCS];
	bool is_there, other_is_there;
	bool no_version, no_kill, no_recheck, no_gen, wild_place;
};

static int key_of(char op) { return op < 'a'; }
static bool is_current(const struct state *x, int i, int key) { return x->e[i] != 0 && (x->e[i] & TENT) == 0 && x->s[(x->e[i] & 15) - 1].key == key; }
static uint8_t word(int gen, int state) { return (uint8_t)(gen << 2 | state); }
static struct slot *slot_of(struct state *x, uint16_t e) { return &x->s[(e & 15) - 1]; }

static bool
word_fits(const struct scenario *sc, uint8_t w, uint16_t e)
{
	return (w & 3) == READY && (sc->no_gen || (w >> 2 & 15) == (e >> 4 & 15));
}

/* The book of reads: what is current in this state. */
static void
keep_book(struct state *x, const struct scenario *sc, int who)
{
	struct proc *p = &x->p[who];
	char op = sc->ops[who][p->op];
	int n = 0;

	for (int i = 0; i < ENTRIES; i++)
		if (is_current(x, i, key_of(op))) {
			p->seen |= (uint16_t)(1 << slot_of(x, x->e[i])->d0);
			n++;
		}
	p->absent |= n == 0;
}

static void
next_op(struct proc *p)
{
	struct proc fresh = { .op = (uint8_t)(p->op + 1) };

	memcpy(fresh.cell, p->cell, sizeof(fresh.cell));
	*p = fresh;
}

static void
find_again(struct proc *p)
{
	p->i = 0;
	p->e = 0;
	p->w = p->key = 0;
	p->pc = FIND_ENTRY;
}

static void
push_cell(struct proc *p, int slot)
{
	for (int i = 0; i < CELLS; i++)
		if (p->cell[i] == 0) {
			p->cell[i] = (uint8_t)(slot + 1);
			return;
		}
}

static void
pop_cell(struct proc *p)
{
	memmove(p->cell, p->cell + 1, CELLS - 1);
	p->cell[CELLS - 1] = 0;
}

/* gs_index_find found nothing. */
static void
missed(struct proc *p, char op, struct check_note *n)
{
	if (op == 'p' || op == 'P') {
		p->inserts = 1;
		p->pc = WRITE_WRITING;
		return;
	}
	if (!p->absent)
		n->broken = "a key that was present throughout was not found";
	next_op(p);
}

static void
next_entry(struct proc *p, char op, struct check_note *n)
{
	p->pc = FIND_ENTRY;
	if (++p->i == ENTRIES)
		missed(p, op, n);
}

static void
scan_next(struct proc *p)
{
	p->e = 0;
	p->w = p->key = 0;
	if (++p->i < ENTRIES)
		p->pc = SCAN_ENTRY;
	else if (p->placed != 0)
		p->pc = COMMIT_PLACED;
	else if (p->empty != 0)
		p->pc = COMMIT_PLACE;
	else
		next_op(p);		/* GS_ENOSPC */
}

/* scan_entry said that it is none of ours: is it empty? */
static void
scan_clear(struct proc *p)
{
	if (p->empty != 0)
		scan_next(p);
	else
		p->pc = SCAN_EMPTY;
}

/* What match_entry said of an entry: what a look-up or a scan does next. */
static void
matched(struct proc *p, char op, bool is_same, struct check_note *n)
{
	if (!is_same && p->inserts)
		p->pc = SCAN_HEADER;
	else if (!is_same)
		find_again(p);
	else if (p->inserts && p->key != key_of(op))
		scan_clear(p);
	else if (p->inserts)
		p->pc = (p->e & TENT) != 0 ? SCAN_KILL : WITHDRAW;
	else if (p->key == key_of(op))
		p->pc = op == 'd' || op == 'D' ? REMOVE : GET_HEADER;
	else
		next_entry(p, op, n);
}

static void
step_find(struct state *x, struct proc *p, const struct scenario *sc, char op, struct check_note *n)
{
	switch (p->pc) {
	case FIND_ENTRY:
		n->what = "find_once: load of an entry";
		p->e = x->e[p->i];
		if (p->e == 0 || (p->e & TENT) != 0)
			next_entry(p, op, n);
		else
			p->pc = MATCH_WORD;
		return;
	case MATCH_WORD:
		n->what = "match_entry: load of W";
		p->w = slot_of(x, p->e)->w;
		if (word_fits(sc, p->w, p->e))
			p->pc = MATCH_KEY;
		else
			matched(p, op, false, n);
		return;
	case MATCH_KEY:
		n->what = "match_entry: compare of the key";
		p->key = slot_of(x, p->e)->key;
		p->pc = MATCH_SAME;
		return;
	default:
		n->what = "match_entry: second load of W";
		matched(p, op, sc->no_recheck || slot_of(x, p->e)->w == p->w, n);
		return;
	}
}

static void
step_get(struct state *x, struct proc *p, const struct scenario *sc, char op, struct check_note *n)
{
	const struct slot *s = slot_of(x, p->e);

	switch (p->pc) {
	case GET_HEADER:
		n->what = "gs_record_header: copy";
		p->d0 = s->d0;
		p->pc = GET_HEADER_SAME;
		return;
	case GET_HEADER_SAME:
		n->what = "gs_record_is_same: load of W after the header";
		p->pc = op == 'p' || op == 'P' ? WRITE_WRITING : GET_VALUE;
		if (!sc->no_recheck && s->w != p->w)
			find_again(p);
		return;
	case GET_VALUE:
		n->what = "read_hit: copy of the value";
		p->d1 = s->d1;
		p->pc = GET_VALUE_SAME;
		return;
	default:
		n->what = "gs_record_is_same: load of W after the value";
		if (!sc->no_recheck && s->w != p->w) {
			find_again(p);
			return;
		}
		if (p->d0 != p->d1)
			n->broken = "torn read";
		else if ((p->seen >> p->d1 & 1) == 0)
			n->broken = "a value was read that was not current while it was read";
		next_op(p);
		return;
	}
}

static void
step_write(struct state *x, struct proc *p, int who, const struct scenario *sc, struct check_note *n)
{
	struct slot *s = &x->s[p->cell[0] - 1];
	uint8_t value = (uint8_t)(1 + who * 3 + p->op);

	switch (p->pc) {
	case WRITE_WRITING:
		n->what = "gs_record_write: W = WRITING, one generation more";
		s->w = word((s->w >> 2) + 1, WRITING);
		p->mine = (uint16_t)(p->cell[0] | (sc->no_gen ? 0 : (s->w >> 2 & 15) << 4));
		p->pc = WRITE_KEY;
		return;
	case WRITE_KEY:
		n->what = "gs_record_write: key";
		s->key = (uint8_t)key_of(sc->ops[who][p->op]);
		p->pc = WRITE_HEADER;
		return;
	case WRITE_HEADER:
		n->what = "gs_record_write: header";
		s->d0 = value;
		p->pc = WRITE_VALUE;
		return;
	case WRITE_VALUE:
		n->what = "gs_record_write: value";
		s->d1 = value;
		p->pc = WRITE_READY;
		return;
	case WRITE_READY:
		n->what = "gs_record_write: W = READY";
		s->w = word(s->w >> 2, READY);
		p->pc = p->inserts ? SCAN_HEADER : REPLACE;
		return;
	default:
		n->what = "gs_index_replace: compare-and-swap of the entry";
		if (x->e[p->i] != p->e) {
			find_again(p);
			return;
		}
		x->e[p->i] = p->mine;
		pop_cell(p);
		push_cell(p, (p->e & 15) - 1);
		next_op(p);
		return;
	}
}

static void
step_scan(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	switch (p->pc) {
	case SCAN_HEADER:
		n->what = "scan_places: load of the home's header";
		p->header = x->version;
		p->i = p->empty = 0;
		p->e = 0;
		p->w = p->key = 0;
		p->pc = SCAN_ENTRY;
		return;
	case SCAN_ENTRY:
		n->what = "scan_entry: load of an entry";
		p->e = x->e[p->i];
		if (p->e == 0 || (p->e & ~TENT) == p->mine || (sc->no_kill && (p->e & TENT) != 0))
			scan_clear(p);
		else
			p->pc = MATCH_WORD;
		return;
	case SCAN_EMPTY:
		n->what = "scan_places: is it empty";
		if (x->e[p->i] == 0)
			p->empty = (uint8_t)(p->i + 1);
		scan_next(p);
		return;
	default:
		n->what = "kill_tentative: compare-and-swap of the entry";
		if (x->e[p->i] == p->e)
			x->e[p->i] = 0;
		p->pc = SCAN_HEADER;
		return;
	}
}

static void
step_commit(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	uint16_t tent = p->mine | TENT;

	switch (p->pc) {
	case COMMIT_PLACED:
		n->what = "commit_insert: is our tentative entry still there";
		p->pc = COMMIT_HEADER;
		if (x->e[p->placed - 1] != tent) {
			p->placed = 0;
			p->pc = p->empty != 0 || sc->wild_place ? COMMIT_PLACE : SCAN_HEADER;
		}
		return;
	case COMMIT_PLACE:
		n->what = "place_tentative: compare-and-swap of the empty entry";
		p->pc = SCAN_HEADER;
		if (p->empty == 0) {
			n->broken = "a place is used that was not found";
		} else if (x->e[p->empty - 1] == 0) {
			x->e[p->empty - 1] = tent;
			p->placed = p->empty;
			p->pc = COMMIT_HEADER;
		}
		return;
	case COMMIT_HEADER:
		n->what = "commit_insert: compare-and-swap of the home's header";
		p->pc = SCAN_HEADER;
		if (sc->no_version || x->version == p->header) {
			x->version++;
			p->pc = COMMIT_FINAL;
			n->is_beyond = x->version > VERSIONS;
		}
		return;
	case COMMIT_FINAL:
		n->what = "commit_insert: compare-and-swap that makes the entry final";
		p->pc = SCAN_HEADER;
		if (x->e[p->placed - 1] == tent) {
			x->e[p->placed - 1] = p->mine;
			pop_cell(p);
			next_op(p);
		} else {
			p->placed = 0;
		}
		return;
	default:
		n->what = "withdraw: compare-and-swap of our tentative entry";
		if (p->placed != 0 && x->e[p->placed - 1] == tent)
			x->e[p->placed - 1] = 0;
		p->placed = p->inserts = 0;
		find_again(p);
		return;
	}
}

static void
step_remove(struct state *x, struct proc *p, struct check_note *n)
{
	n->what = "gs_index_remove: compare-and-swap of the entry";
	if (x->e[p->i] != p->e) {
		find_again(p);
		return;
	}
	x->e[p->i] = 0;
	push_cell(p, (p->e & 15) - 1);
	next_op(p);
}

static bool
step(void *state, int who, const void *scenario, struct check_note *n)
{
	const struct scenario *sc = scenario;
	struct state *x = state;
	struct proc *p = &x->p[who];
	char op;

	if (sc->ops[who] == NULL || sc->ops[who][p->op] == '\0')
		return false;
	op = sc->ops[who][p->op];
	keep_book(x, sc, who);
	if (p->pc <= MATCH_SAME)
		step_find(x, p, sc, op, n);
	else if (p->pc <= GET_VALUE_SAME)
		step_get(x, p, sc, op, n);
	else if (p->pc <= REPLACE)
		step_write(x, p, who, sc, n);
	else if (p->pc <= SCAN_KILL)
		step_scan(x, p, sc, n);
	else if (p->pc <= WITHDRAW)
		step_commit(x, p, sc, n);
	else
		step_remove(x, p, n);
	return true;
}

static const char *
judge(void *state, const void *scenario)
{
	const struct scenario *sc = scenario;
	struct state *x = state;
	int n[2] = { 0, 0 };

	for (int i = 0; i < ENTRIES; i++) {
		const struct slot *s;

		if (x->e[i] == 0 || (x->e[i] & TENT) != 0)
			continue;
		s = slot_of(x, x->e[i]);
		if (!word_fits(sc, s->w, x->e[i]) || s->d0 != s->d1)
			return "an entry names a slot that is not as it says";
		if (++n[s->key] > 1)
			return "a key is there twice";
	}
	for (int who = 0; who < PROCS; who++)
		if (sc->ops[who] != NULL && sc->ops[who][x->p[who].op] != '\0' && (x->p[who].pc > FIND_ENTRY || x->p[who].i > 0))
			keep_book(x, sc, who);
	return NULL;
}

static void
begin(struct state *x, const struct scenario *sc)
{
	memset(x, 0, sizeof(*x));
	for (int who = 0; who < PROCS - 1; who++)
		x->p[who].cell[0] = (uint8_t)(who + 1);
	if (sc->other_is_there) {
		x->s[3] = (struct slot){ word(1, READY), 1, 0, 0 };
		x->e[0] = 4 | (sc->no_gen ? 0 : 1 << 4);
	}
	if (sc->is_there) {
		x->s[4] = (struct slot){ word(1, READY), 0, 0, 0 };
		x->e[1] = 5 | (sc->no_gen ? 0 : 1 << 4);
	}
}

static const struct check_model model = { sizeof(struct state), PROCS, step, judge, 200 };

static void
holds(const char *name, const struct scenario *sc, size_t bound)
{
	struct state first;

	begin(&first, sc);
	check_holds(&model, &first, sc, name, bound);
}

static void
fails(const char *name, const char *broken, const struct scenario *sc)
{
	struct state first;

	begin(&first, sc);
	check_fails(&model, &first, sc, name, broken, 4000000);
}

#define OPS(...) .ops = { __VA_ARGS__ }

int
main(void)
{
	holds("put, put, reader", &(struct scenario){ OPS("p", "p", NULL, "g") }, 3000000);
	holds("put, put, other key deleted", &(struct scenario){ OPS("p", "p", "D"), .other_is_there = true }, 3000000);
	holds("put, put, other key deleted, reader", &(struct scenario){ OPS("p", "p", "D", "g"), .other_is_there = true }, 3000000);
	holds("put, put, put", &(struct scenario){ OPS("p", "p", "p") }, 3000000);
	holds("update twice, update, reader", &(struct scenario){ OPS("pp", "p", NULL, "g"), .is_there = true }, 3000000);
	holds("delete and put, put, reader", &(struct scenario){ OPS("dp", "p", NULL, "g"), .is_there = true }, 3000000);
	holds("delete and put, delete and put", &(struct scenario){ OPS("dp", "dp"), .is_there = true }, 3000000);
	holds("a slot goes from key to key under a reader", &(struct scenario){ OPS("dPp", "D", NULL, "g"), .is_there = true }, 3000000);
	fails("no version in the home's header", "a key is there twice",
	    &(struct scenario){ OPS("p", "p", "D"), .other_is_there = true, .no_version = true });
	fails("no kill of tentative entries", "a key is there twice",
	    &(struct scenario){ OPS("p", "p", "D"), .other_is_there = true, .no_kill = true });
	fails("no second look at W", "torn read", &(struct scenario){ OPS("pp", NULL, NULL, "g"), .is_there = true, .no_recheck = true });
	fails("no generation in the entry", "a value was read that was not current while it was read",
	    &(struct scenario){ OPS("ppp", NULL, NULL, "g"), .is_there = true, .no_gen = true });
	fails("a killed inserter of a full bucket places without looking", "a place is used that was not found",
	    &(struct scenario){ OPS("p", "p", "D"), .other_is_there = true, .wild_place = true });
	return check_end();
}
