/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stash.c - model of what a home's header says about entries that lie outside the home.
 *
 * Mirrors gs_index_insert, gs_index_remove with count_down, gs_index_trim
 * with tally, and the places that find_once looks at, for one home bucket of
 * one entry, a stash of two and the next group's stash of one.  What an entry
 * names is seen as the entry is; the looks at the slot are in publish.c.
 * Two keys of the home have different bits in the filter.
 */
#include "check.h"

#include <stdint.h>
#include <string.h>

enum {
	ENTRIES = 4, PROCS = 4, STICKS = 3,
	VERSIONS = 7,			/* killed inserters commit again and again */
	TENT = 0x80,
};

/* Entry i lies at this place of its home. */
static const uint8_t place_of[ENTRIES] = { 0, 1, 1, 2 };

enum pc {
	FIND_HEADER, FIND_ENTRY,
	SCAN_HEADER, SCAN_ENTRY, SCAN_EMPTY, SCAN_KILL,
	COMMIT_PLACED, COMMIT_PLACE, COMMIT_HEADER, COMMIT_FINAL, WITHDRAW,
	REMOVE_HEADER, REMOVE_ENTRY, DOWN_HEADER, DOWN_CAS,
	TRIM_HEADER, TRIM_ENTRY, TRIM_CAS,
};

struct header { uint8_t version, filter, count, kmax; };

struct proc {
	struct header h, want;		/* as loaded; the deleter's look before, or what a trim counted */
	uint8_t pc, op, i, e, mine, empty, placed, absent;
};

struct state {
	_Alignas(8) struct header h;
	uint8_t e[ENTRIES];		/* number of the record, in bit 0 its key; 0 is empty */
	struct proc p[PROCS];
};

/* p put (if it is not there), d delete, g get, t trim; P and D of the other key. */
struct scenario {
	const char *ops[PROCS];
	uint8_t e[ENTRIES];
	uint8_t count;			/* what the header says at first; what is missing was lost by the dead */
	bool blind_down, no_tent, no_bump;
};

static int key_of(char op) { return op < 'a'; }
static bool is_same(struct header a, struct header b) { return memcmp(&a, &b, sizeof(a)) == 0; }

/* is_place_used in index.c */
static bool
is_place_used(struct header h, int key, int i)
{
	return place_of[i] == 0 || (h.count > 0 && (h.filter >> key & 1) != 0 && place_of[i] <= h.kmax);
}

/* header_with in index.c */
static struct header
header_with(struct header h, int key, int i)
{
	h.version++;
	if (place_of[i] == 0)
		return h;
	h.filter |= (uint8_t)(1 << key);
	h.count = h.count < STICKS ? h.count + 1 : h.count;
	h.kmax = h.kmax > place_of[i] ? h.kmax : place_of[i];
	return h;
}

static void
next_op(struct proc *p)
{
	*p = (struct proc){ .op = (uint8_t)(p->op + 1) };
}

static void
retry(struct proc *p)
{
	*p = (struct proc){ .op = p->op, .absent = p->absent };
}

/* The book: was the key absent at some time since the operation began? */
static void
keep_book(struct state *x, struct proc *p, char op)
{
	for (int i = 0; i < ENTRIES; i++)
		if (x->e[i] != 0 && (x->e[i] & TENT) == 0 && (x->e[i] & 1) == key_of(op))
			return;
	p->absent = 1;
}

static void
step_find(struct state *x, struct proc *p, char op, struct check_note *n)
{
	bool is_put = op == 'p' || op == 'P';
	uint8_t e;

	if (p->pc == FIND_HEADER) {
		n->what = "find_once: load of the home's header";
		p->h = x->h;
		p->i = 0;
		p->pc = FIND_ENTRY;
		return;
	}
	n->what = "find_once: load of an entry";
	e = x->e[p->i];
	if (e != 0 && (e & TENT) == 0 && (e & 1) == key_of(op)) {
		p->e = e;
		p->pc = REMOVE_HEADER;
		if (op == 'g' || is_put)
			next_op(p);
		return;
	}
	p->i++;
	while (p->i < ENTRIES && !is_place_used(p->h, key_of(op), p->i))
		p->i++;
	if (p->i < ENTRIES)
		return;
	if (!is_put && !p->absent)
		n->broken = "a key that was present throughout was not found";
	if (is_put)
		p->pc = SCAN_HEADER;
	else
		next_op(p);
}

static void
scan_next(struct proc *p, int key)
{
	do
		p->i++;
	while (p->i < ENTRIES && !is_place_used(p->h, key, p->i) && p->empty != 0);
	if (p->i < ENTRIES)
		p->pc = is_place_used(p->h, key, p->i) ? SCAN_ENTRY : SCAN_EMPTY;
	else if (p->placed != 0)
		p->pc = COMMIT_PLACED;
	else if (p->empty != 0)
		p->pc = COMMIT_PLACE;
	else
		next_op(p);		/* GS_ENOSPC */
}

static void
step_scan(struct state *x, struct proc *p, int who, int key, struct check_note *n)
{
	switch (p->pc) {
	case SCAN_HEADER:
		n->what = "scan_places: load of the home's header";
		p->h = x->h;
		p->mine = (uint8_t)((8 + who * 4 + p->op) << 1 | key);
		p->i = p->empty = 0;
		p->pc = SCAN_ENTRY;
		return;
	case SCAN_ENTRY:
		n->what = "scan_entry: load of an entry";
		p->e = x->e[p->i];
		if (p->e != 0 && (p->e & 1) == key && (p->e & ~TENT) != p->mine)
			p->pc = (p->e & TENT) != 0 ? SCAN_KILL : WITHDRAW;
		else if (p->empty == 0)
			p->pc = SCAN_EMPTY;
		else
			scan_next(p, key);
		return;
	case SCAN_EMPTY:
		n->what = "scan_places: is it empty";
		if (x->e[p->i] == 0)
			p->empty = (uint8_t)(p->i + 1);
		scan_next(p, key);
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
step_commit(struct state *x, struct proc *p, int key, struct check_note *n)
{
	uint8_t tent = p->mine | TENT;

	switch (p->pc) {
	case COMMIT_PLACED:
		n->what = "commit_insert: is our tentative entry still there";
		p->pc = COMMIT_HEADER;
		if (x->e[p->placed - 1] != tent) {
			p->placed = 0;
			p->pc = p->empty != 0 ? COMMIT_PLACE : SCAN_HEADER;
		}
		return;
	case COMMIT_PLACE:
		n->what = "place_tentative: compare-and-swap of the empty entry";
		p->pc = SCAN_HEADER;
		if (x->e[p->empty - 1] != 0)
			return;
		x->e[p->empty - 1] = tent;
		p->placed = p->empty;
		p->pc = COMMIT_HEADER;
		return;
	case COMMIT_HEADER:
		n->what = "commit_insert: compare-and-swap of the home's header";
		p->pc = SCAN_HEADER;
		if (!is_same(x->h, p->h))
			return;
		x->h = header_with(x->h, key, p->placed - 1);
		n->is_beyond = x->h.version > VERSIONS;
		p->pc = COMMIT_FINAL;
		return;
	case COMMIT_FINAL:
		n->what = "commit_insert: compare-and-swap that makes the entry final";
		p->pc = SCAN_HEADER;
		if (x->e[p->placed - 1] == tent) {
			x->e[p->placed - 1] = p->mine;
			next_op(p);
		} else {
			p->placed = 0;
		}
		return;
	default:
		n->what = "withdraw: compare-and-swap of our tentative entry";
		if (p->placed != 0 && x->e[p->placed - 1] == tent)
			x->e[p->placed - 1] = 0;
		next_op(p);
		return;
	}
}

static void
step_remove(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	switch (p->pc) {
	case REMOVE_HEADER:
		n->what = "gs_index_remove: load of the home's header";
		p->want = x->h;
		p->pc = REMOVE_ENTRY;
		return;
	case REMOVE_ENTRY:
		n->what = "gs_index_remove: compare-and-swap of the entry";
		if (x->e[p->i] != p->e) {
			retry(p);
			return;
		}
		x->e[p->i] = 0;
		p->pc = DOWN_HEADER;
		if (place_of[p->i] == 0)
			next_op(p);
		return;
	case DOWN_HEADER:
		n->what = "count_down: load of the home's header";
		p->h = x->h;
		break;
	default:
		n->what = "count_down: compare-and-swap of the home's header";
		if (is_same(x->h, p->h)) {
			x->h.count--;
			if (x->h.count == 0)
				x->h.filter = x->h.kmax = 0;
			next_op(p);
			return;
		}
		p->h = x->h;		/* the failed exchange loads it */
		break;
	}
	p->pc = DOWN_CAS;
	if ((!sc->blind_down && p->h.version != p->want.version) || p->h.count == STICKS || p->h.count == 0)
		next_op(p);
}

static void
step_trim(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	switch (p->pc) {
	case TRIM_HEADER:
		n->what = "gs_index_trim: load of the home's header";
		p->h = x->h;
		p->want = (struct header){ .version = x->h.version };
		p->i = 1;
		p->pc = TRIM_ENTRY;
		if (p->h.count == 0)
			next_op(p);
		return;
	case TRIM_ENTRY:
		n->what = "tally: load of an entry";
		if (x->e[p->i] != 0 && !(sc->no_tent && (x->e[p->i] & TENT) != 0))
			p->want = header_with(p->want, x->e[p->i] & 1, p->i);
		if (++p->i < ENTRIES)
			return;
		p->want.version = (uint8_t)(p->h.version + !sc->no_bump);
		p->pc = TRIM_CAS;
		if (p->want.filter == p->h.filter && p->want.count == p->h.count && p->want.kmax == p->h.kmax)
			next_op(p);
		return;
	default:
		n->what = "gs_index_trim: compare-and-swap of the home's header";
		if (is_same(x->h, p->h))
			x->h = p->want;
		n->is_beyond = x->h.version > VERSIONS;
		next_op(p);
		return;
	}
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
	if (op == 't' && p->pc == FIND_HEADER)
		p->pc = TRIM_HEADER;
	else
		keep_book(x, p, op);
	if (p->pc <= FIND_ENTRY)
		step_find(x, p, op, n);
	else if (p->pc <= SCAN_KILL)
		step_scan(x, p, who, key_of(op), n);
	else if (p->pc <= WITHDRAW)
		step_commit(x, p, key_of(op), n);
	else if (p->pc <= DOWN_CAS)
		step_remove(x, p, sc, n);
	else
		step_trim(x, p, sc, n);
	return true;
}

static const char *
judge(void *state, const void *scenario)
{
	const struct scenario *sc = scenario;
	struct state *x = state;
	int n[2] = { 0, 0 }, outside = 0;

	for (int i = 0; i < ENTRIES; i++) {
		if (x->e[i] == 0 || (x->e[i] & TENT) != 0)
			continue;
		if (++n[x->e[i] & 1] > 1)
			return "a key is there twice";
		outside += place_of[i] > 0;
		if (!is_place_used(x->h, x->e[i] & 1, i))
			return "the header does not show an entry outside its home";
	}
	if (x->h.count < STICKS && x->h.count < outside)
		return "the header counts too few";
	for (int who = 0; who < PROCS; who++) {
		struct proc *p = &x->p[who];

		if (sc->ops[who] != NULL && sc->ops[who][p->op] != '\0' && sc->ops[who][p->op] != 't' && p->pc != FIND_HEADER)
			keep_book(x, p, sc->ops[who][p->op]);
	}
	return NULL;
}

static const struct check_model model = { sizeof(struct state), PROCS, step, judge, 100 };

static void
begin(struct state *x, const struct scenario *sc)
{
	memset(x, 0, sizeof(*x));
	memcpy(x->e, sc->e, sizeof(x->e));
	for (int i = 1; i < ENTRIES; i++)
		if (x->e[i] != 0)
			x->h = header_with(x->h, x->e[i] & 1, i);
	x->h.version = 0;
	x->h.count = sc->count;
	if (sc->count > 0 && x->h.kmax == 0)
		x->h = (struct header){ .filter = 3, .count = sc->count, .kmax = 2 };
}

static void
holds(const char *name, const struct scenario *sc)
{
	struct state first;

	begin(&first, sc);
	check_holds(&model, &first, sc, name, 4000000);
}

static void
fails(const char *name, const char *broken, const struct scenario *sc)
{
	struct state first;

	begin(&first, sc);
	check_fails(&model, &first, sc, name, broken, 4000000);
}

#define OPS(...) .ops = { __VA_ARGS__ }
#define AT(...) .e = { __VA_ARGS__ }

int
main(void)
{
	/* Records 2 and 4 are of the key, 3 and 5 of the other. */
	holds("put, put, other leaves home, reader", &(struct scenario){ OPS("p", "p", "D", "g"), AT(3) });
	holds("delete and put, trim, reader; in the stash", &(struct scenario){ OPS("dp", "t", NULL, "g"), AT(3, 2), .count = 1 });
	holds("delete and put, trim, reader; count too high", &(struct scenario){ OPS("dp", "t", NULL, "g"), AT(0, 2), .count = 2 });
	holds("delete and put, put, trim", &(struct scenario){ OPS("dp", "p", "t"), AT(3, 2), .count = 1 });
	holds("delete and put, put, trim, reader", &(struct scenario){ OPS("dp", "p", "t", "g"), AT(3, 2), .count = 1 });
	holds("delete and put, delete and put, trim", &(struct scenario){ OPS("dp", "dp", "t"), AT(3, 2), .count = 1 });
	holds("delete and put of both keys, trim, reader", &(struct scenario){ OPS("dp", "DP", "t", "g"), AT(0, 2, 3), .count = 2 });
	holds("delete and put, other put and deleted, reader; the count sticks",
	    &(struct scenario){ OPS("dp", "PD", "t", "g"), AT(0, 2), .count = 3 });
	holds("delete and put, trim, trim, other leaves home", &(struct scenario){ OPS("dp", "t", "t", "D"), AT(3, 2), .count = 1 });
	fails("count_down ignores the version", "the header does not show an entry outside its home",
	    &(struct scenario){ OPS("d", "t", NULL, "g"), AT(0, 2, 3), .count = 2, .blind_down = true });
	fails("a trim does not count tentative entries", "the header does not show an entry outside its home",
	    &(struct scenario){ OPS("p", "t", NULL, "g"), AT(3), .count = 1, .no_tent = true });
	fails("a trim keeps the version", "the header does not show an entry outside its home",
	    &(struct scenario){ OPS("d", NULL, "t"), AT(0, 2, 3), .count = 2, .no_bump = true });
	return check_end();
}
