/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * power.c - model of a ring in a file: after a power cut at any step, what is found of a session is what it was since the last sync.
 *
 * Mirrors gs_kv_put, gs_kv_del and moves between a ring in memory and one in
 * a file down to gs_store_publish and gs_store_retire, gs_store_settle,
 * gs_store_sync_begin and _end, and the rule of adopt.c.  One key.  The disk
 * may have each slot as it was at any time since the last sync began that is
 * through; a slot that is being written anew may be torn, and is nothing
 * then, as its crc says.  In each state every such disk is adopted.  Where an
 * operation is under way when the sync begins, it has happened or not.
 */
#include "check.h"

#include <stdint.h>
#include <string.h>

enum {
	SLOTS = 4, CLIENTS = 2, CELLS = 2, PAST = 6, SYNC = CLIENTS, PROCS,
	MEMORY = 0x40,			/* in an entry: not in the file */
	VERSIONS = 16,
};

/* Of a slot. */
enum { FREE, WRITING, READY, PUBLISHED, REPLACED, ENDED };

enum pc {
	FIND, CLAIM, LIST_OLD, WRITE, WRITE_READY, SWING, PUBLISH, UNLIST_NEW, RETIRE, SET_BIT, UNLIST_OLD, DROP,
	S_WAIT, S_TAKE, S_CELL, S_W, S_ENTRY, S_PUBLISH, S_HASH, S_HELP, S_RETIRE, S_SET_BIT, S_TAKE_MORE, S_DISK, S_DONE, S_BUSY,
	S_FINISH, S_CLEAR, S_FREE,
};

struct record { uint8_t version, turn, birth; };
struct slot { uint8_t state, gen; struct record r; };
struct entry { uint8_t slot, gen; struct record r; };	/* slot + 1, or MEMORY; 0 is none */
struct page { uint8_t kind; struct record r; };

struct proc {
	struct entry e;
	uint8_t pc, op, slot, old, last, is_new;
	/* the sync's */
	uint8_t ctx, cell, taken, busy, ended, w, gen, is_replaced, is_held;
};

struct state {
	_Alignas(8) struct slot s[SLOTS];
	struct entry e;
	struct page past[SLOTS][PAST];	/* what the disk may have, the last is what is there now */
	uint8_t n_past[SLOTS], begun[SLOTS];
	uint16_t since, since_begun;	/* book: versions that were right since then; bit 0: none */
	/* book: what the session was, one after another, from what the last operation that ended has made of it */
	struct { uint8_t version, by; } was[PAST];
	uint8_t n_was;
	uint8_t bits, held[CLIENTS][CELLS], births, syncs, pad;
	struct proc p[PROCS];
};

/* p put, d delete, o move out of the file, i move into it. */
struct scenario {
	const char *ops[CLIENTS];
	bool is_there;
	uint8_t syncs;
	bool by_version, no_help, ended_at_once, no_busy, early_free, no_ended, by_hash, no_help_new, no_help_bit, no_wait;
};

/* ---- the disk ---- */

/* What is written into a slot's page, from now on. */
static void
touch(struct state *x, int slot, struct check_note *n)
{
	const struct slot *s = &x->s[slot];
	struct page now = { 0 };
	struct page *past = x->past[slot];

	if (s->state >= PUBLISHED)
		now = (struct page){ s->state, s->r };
	if (x->n_past[slot] > 0 && memcmp(&past[x->n_past[slot] - 1], &now, sizeof(now)) == 0)
		return;
	if (x->n_past[slot] == PAST) {
		n->is_beyond = true;
		return;
	}
	past[x->n_past[slot]++] = now;
}

static bool
is_later(struct record a, struct record b)
{
	return a.version > b.version || (a.version == b.version && a.turn > b.turn);
}

/* The rule of adopt.c: a record that nothing later of its session forbids. */
static int
adopt(const struct page disk[SLOTS], const struct scenario *sc)
{
	int found = -1;

	for (int i = 0; i < SLOTS; i++) {
		bool is_right = disk[i].kind == PUBLISHED || disk[i].kind == REPLACED;

		for (int k = 0; k < SLOTS && is_right; k++)
			if (disk[k].kind != 0 && is_later(disk[k].r, disk[i].r) &&
			    (sc->by_version || disk[k].r.birth == disk[i].r.birth))
				is_right = false;
		if (is_right && (found < 0 || is_later(disk[i].r, disk[found].r)))
			found = i;
	}
	return found < 0 ? 0 : disk[found].r.version;
}

/* Adopt every disk that a power cut may leave now. */
static const char *
judge(void *state, const void *scenario)
{
	const struct state *x = state;
	struct page disk[SLOTS];
	uint8_t at[SLOTS] = { 0 };

	for (;;) {
		int version, i = 0;

		for (int k = 0; k < SLOTS; k++)
			disk[k] = x->past[k][at[k]];
		version = adopt(disk, scenario);
		if ((x->since >> version & 1) == 0)
			return version == 0 ? "a session that a sync covered is lost" : "a session is found as it was before";
		while (i < SLOTS && ++at[i] == x->n_past[i])
			at[i++] = 0;
		if (i == SLOTS)
			return NULL;
	}
}

/* ---- a client ---- */

static bool
is_same(struct entry a, struct entry b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

static bool
is_in_file(struct entry e)
{
	return e.slot != 0 && e.slot != MEMORY;
}

static void
swing(struct state *x, int who, struct entry to, struct check_note *n)
{
	uint8_t version = is_in_file(to) ? to.r.version : 0;

	x->e = to;
	x->since |= (uint16_t)(1 << version);
	x->since_begun |= (uint16_t)(1 << version);
	if (x->n_was == PAST) {
		n->is_beyond = true;
		return;
	}
	x->was[x->n_was].version = version;
	x->was[x->n_was++].by = (uint8_t)(who + 1);
}

/* The operation is over; what was before it is not right any more for a sync that begins. */
static void
next_op(struct state *x, int who)
{
	struct proc *p = &x->p[who];
	int i = 0;

	while (i < x->n_was && x->was[i].by != who + 1)
		i++;
	if (i < x->n_was) {
		x->was[i].by = 0;
		x->n_was = (uint8_t)(x->n_was - i);
		memmove(x->was, x->was + i, x->n_was * sizeof(x->was[0]));
		memset(x->was + x->n_was, 0, (size_t)(PAST - x->n_was) * sizeof(x->was[0]));
	}
	*p = (struct proc){ .op = (uint8_t)(p->op + 1), .last = p->last };
}

/* What is written: the same version moves, a put makes one, greater than its own last and than what it replaces. */
static struct record
make(struct state *x, struct proc *p, int who, char op)
{
	struct record r = p->e.r;
	int base = 1;

	if (op == 'i') {
		r.turn++;
		return r;
	}
	if (p->e.slot == 0)
		r.birth = ++x->births;
	base = p->last >> 1 >= base ? (p->last >> 1) + 1 : base;
	base = p->e.slot != 0 && r.version >> 1 >= base ? (r.version >> 1) + 1 : base;
	r.version = (uint8_t)(base << 1 | who);
	r.turn = 0;
	p->last = r.version;
	return r;
}

static void
find(struct state *x, int who, char op, struct check_note *n)
{
	struct proc *p = &x->p[who];
	bool is_there = x->e.slot != 0, is_file = is_in_file(x->e);

	n->what = "gs_index_find";
	p->e = x->e;
	if (op == 'p' && !(is_there && !is_file))
		p->pc = CLAIM;
	else if (op == 'i' && is_there && !is_file)
		p->pc = CLAIM;
	else if ((op == 'd' && is_there) || (op == 'o' && is_file))
		p->pc = is_file ? LIST_OLD : SWING;
	else
		next_op(x, who);
}

static bool
step_client(struct state *x, int who, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[who];
	struct slot *s = &x->s[p->slot], *old = &x->s[p->old];
	struct entry mine = { 0 };
	char op;

	if (sc->ops[who] == NULL || sc->ops[who][p->op] == '\0')
		return false;
	op = sc->ops[who][p->op];
	switch (p->pc) {
	case FIND:
		find(x, who, op, n);
		return true;
	case CLAIM:
		n->what = "gs_slots_claim: listed, FREE -> WRITING";
		for (p->slot = 0; p->slot < SLOTS && x->s[p->slot].state != FREE; p->slot++)
			;
		if (p->slot == SLOTS) {
			next_op(x, who);	/* GS_ENOSPC */
			return true;
		}
		x->held[who][0] = (uint8_t)(p->slot + 1);
		x->s[p->slot].state = WRITING;
		x->s[p->slot].gen++;
		touch(x, p->slot, n);
		p->pc = is_in_file(p->e) ? LIST_OLD : WRITE;
		return true;
	case LIST_OLD:
		n->what = "gs_slots_list: store of a cell";
		p->old = (uint8_t)(p->e.slot - 1);
		x->held[who][1] = p->e.slot;
		p->pc = op == 'p' ? WRITE : SWING;
		return true;
	case WRITE:
		n->what = "gs_record_write: bytes";
		s->r = make(x, p, who, op);
		n->is_beyond = s->r.version >= VERSIONS;
		p->is_new = 1;
		p->pc = WRITE_READY;
		return true;
	case WRITE_READY:
		n->what = "gs_record_write: W = READY";
		s->state = READY;
		touch(x, p->slot, n);
		p->pc = SWING;
		return true;
	case SWING:
		n->what = "the entry is swung";
		if (p->is_new)
			mine = (struct entry){ (uint8_t)(p->slot + 1), s->gen, s->r };
		else if (op == 'o')
			mine = (struct entry){ MEMORY, 0, p->e.r };
		p->pc = p->is_new ? DROP : UNLIST_OLD;
		if (!is_same(x->e, p->e))
			return true;
		swing(x, who, mine, n);
		if (!p->is_new && !is_in_file(p->e))
			next_op(x, who);
		else
			p->pc = p->is_new ? PUBLISH : RETIRE;
		return true;
	case PUBLISH:
		n->what = "gs_store_publish: compare-and-swap of W";
		if (s->state == READY && s->gen == x->s[p->slot].gen)
			s->state = PUBLISHED;
		touch(x, p->slot, n);
		p->pc = UNLIST_NEW;
		return true;
	case UNLIST_NEW:
		n->what = "gs_slots_unlist: store of the cell, published";
		x->held[who][0] = 0;
		p->pc = is_in_file(p->e) ? RETIRE : DROP + 1;
		if (!is_in_file(p->e))
			next_op(x, who);
		return true;
	case RETIRE:
		n->what = "gs_store_retire: compare-and-swap of W";
		p->pc = UNLIST_OLD;
		if (old->gen != p->e.gen || (old->state != READY && old->state != PUBLISHED))
			return true;
		old->state = op == 'p' || sc->no_ended ? REPLACED : ENDED;
		touch(x, p->old, n);
		p->pc = SET_BIT;
		return true;
	case SET_BIT:
		n->what = "gs_store_set_bit: fetch_or";
		x->bits |= (uint8_t)(1 << p->old);
		p->pc = UNLIST_OLD;
		return true;
	case UNLIST_OLD:
		n->what = "gs_slots_unlist: store of the cell, the old slot";
		x->held[who][1] = 0;
		next_op(x, who);
		return true;
	default:
		n->what = "what was written is of no use: the slot is free";
		s->state = FREE;
		touch(x, p->slot, n);
		x->held[who][0] = 0;
		if (x->held[who][1] != 0)
			p->pc = UNLIST_OLD;
		else
			next_op(x, who);
		return true;
	}
}

/* ---- the sync ---- */

/* The next cell of anybody; false when all were looked at. */
static bool
next_cell(struct proc *p)
{
	if (++p->cell < CELLS)
		return true;
	p->cell = 0;
	if (++p->ctx < CLIENTS)
		return true;
	p->ctx = 0;
	return false;
}

static void
cell_done(struct proc *p)
{
	p->w = p->gen = p->is_replaced = p->slot = 0;
	p->e = (struct entry){ 0 };
	p->pc = next_cell(p) ? S_CELL : S_TAKE_MORE;
}

/* gs_store_settle of what is listed. */
static void
step_settle(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	struct slot *s = &x->s[p->slot];

	switch (p->pc) {
	case S_CELL:
		n->what = "each_listed: load of a cell";
		if (x->held[p->ctx][p->cell] == 0) {
			cell_done(p);
			return;
		}
		p->slot = (uint8_t)(x->held[p->ctx][p->cell] - 1);
		p->pc = S_W;
		return;
	case S_W:
		n->what = "gs_store_settle: load of W";
		p->w = s->state;
		p->gen = s->gen;
		p->pc = S_ENTRY;
		if (p->w < READY)
			cell_done(p);
		return;
	case S_ENTRY:
		n->what = "gs_index_ordinal_of: load of the entry";
		if (x->e.slot == p->slot + 1 && x->e.gen == p->gen) {
			p->pc = S_PUBLISH;
			if (p->w >= PUBLISHED)
				cell_done(p);
			return;
		}
		p->pc = S_HASH;
		if (p->w == READY)
			cell_done(p);
		return;
	case S_PUBLISH:
		n->what = "gs_store_publish: compare-and-swap of W";
		if (s->gen == p->gen && s->state == READY)
			s->state = PUBLISHED;
		touch(x, p->slot, n);
		cell_done(p);
		return;
	case S_HASH:
		n->what = "find_successor: load of the entry";
		p->is_replaced = is_in_file(x->e) && (x->e.r.birth == s->r.birth || sc->by_hash);
		p->e = x->e;
		p->pc = p->is_replaced && !sc->no_help_new ? S_HELP : S_RETIRE;
		if (p->w == ENDED || (p->w == REPLACED && p->is_replaced)) {
			p->pc = S_SET_BIT;
			if (sc->no_help_bit)
				cell_done(p);
		}
		return;
	case S_HELP:
		n->what = "gs_store_publish of what replaced it: compare-and-swap of W";
		if (x->s[p->e.slot - 1].gen == p->e.gen && x->s[p->e.slot - 1].state == READY)
			x->s[p->e.slot - 1].state = PUBLISHED;
		touch(x, p->e.slot - 1, n);
		p->pc = S_RETIRE;
		return;
	case S_RETIRE:
		n->what = "settle_unnamed: compare-and-swap of W";
		if (s->gen != p->gen || s->state != p->w) {
			p->pc = S_W;
			if (sc->no_help_bit)
				cell_done(p);
			return;
		}
		s->state = p->is_replaced ? REPLACED : ENDED;
		touch(x, p->slot, n);
		p->pc = S_SET_BIT;
		return;
	default:
		n->what = "gs_store_set_bit: fetch_or";
		x->bits |= (uint8_t)(1 << p->slot);
		cell_done(p);
		return;
	}
}

static void
finish_next(struct proc *p)
{
	p->w = p->gen = 0;
	p->pc = S_FINISH;
	if (++p->slot == SLOTS)
		*p = (struct proc){ .pc = S_WAIT, .ended = p->ended };
}

/* finish_slot of what the sync has covered. */
static void
step_finish(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	struct slot *s = &x->s[p->slot];
	uint8_t bit = (uint8_t)(1 << p->slot);

	switch (p->pc) {
	case S_BUSY:
		n->what = "each_listed: load of a cell";
		if (x->held[p->ctx][p->cell] != 0 && !sc->no_busy)
			p->busy |= (uint8_t)(1 << (x->held[p->ctx][p->cell] - 1));
		if (next_cell(p))
			return;
		for (int i = 0; i < SLOTS; i++)
			p->is_held = p->is_held || ((p->taken & p->busy) >> i & 1 && x->s[i].state == REPLACED);
		p->pc = S_FINISH;
		return;
	case S_FINISH:
		n->what = "finish_slot: load of W";
		p->w = s->state;
		p->gen = s->gen;
		if ((p->taken & bit) == 0 || (p->busy & bit) != 0) {
			finish_next(p);
		} else if (p->w == ENDED && (p->ended & bit) == 0 && !sc->ended_at_once) {
			if (!p->is_held || sc->no_wait)
				p->ended |= bit;
			finish_next(p);
		} else {
			p->ended &= (uint8_t)~bit;
			p->pc = S_CLEAR;
		}
		return;
	case S_CLEAR:
		n->what = "clear_bit: fetch_and";
		x->bits &= (uint8_t)~bit;
		p->pc = S_FREE;
		if (p->w < REPLACED)
			finish_next(p);
		return;
	default:
		n->what = "gs_slots_free: compare-and-swap of W to FREE";
		if (s->state == p->w && s->gen == p->gen)
			s->state = FREE;
		touch(x, p->slot, n);
		finish_next(p);
		return;
	}
}

static bool
step_sync(struct state *x, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[SYNC];

	switch (p->pc) {
	case S_WAIT:
		if (x->syncs == sc->syncs)
			return false;
		n->what = "gs_store_sync_begin";
		x->syncs++;
		x->since_begun = 0;
		for (int i = 0; i < x->n_was; i++)
			x->since_begun |= (uint16_t)(1 << x->was[i].version);
		p->pc = S_TAKE;
		return true;
	case S_TAKE:
		n->what = "take: load of the retired bits";
		p->taken = x->bits;
		p->pc = sc->no_help ? S_TAKE_MORE : S_CELL;
		return true;
	case S_TAKE_MORE:
		n->what = "take, of REPLACED ones: load of the retired bits and of W";
		for (int i = 0; i < SLOTS; i++)
			if ((x->bits >> i & 1) != 0 && x->s[i].state == REPLACED)
				p->taken |= (uint8_t)(1 << i);
		p->pc = S_DISK;
		return true;
	case S_DISK:
		n->what = "the disk begins";
		for (int i = 0; i < SLOTS; i++)
			x->begun[i] = (uint8_t)(x->n_past[i] - 1);
		p->pc = sc->early_free ? S_BUSY : S_DONE;
		return true;
	case S_DONE:
		n->what = "the disk has it all";
		for (int i = 0; i < SLOTS; i++) {
			x->n_past[i] = (uint8_t)(x->n_past[i] - x->begun[i]);
			memmove(x->past[i], x->past[i] + x->begun[i], x->n_past[i] * sizeof(x->past[i][0]));
			memset(x->past[i] + x->n_past[i], 0, (size_t)(PAST - x->n_past[i]) * sizeof(x->past[i][0]));
			x->begun[i] = 0;
		}
		x->since = x->since_begun;
		p->pc = S_BUSY;
		return true;
	default:
		if (p->pc < S_TAKE_MORE)
			step_settle(x, p, sc, n);
		else
			step_finish(x, p, sc, n);
		return true;
	}
}

static bool
step(void *state, int who, const void *scenario, struct check_note *n)
{
	return who == SYNC ? step_sync(state, scenario, n) : step_client(state, who, scenario, n);
}

static const struct check_model model = { sizeof(struct state), PROCS, step, judge, 0 };

static void
begin(struct state *x, const struct scenario *sc)
{
	struct check_note n = { 0 };

	memset(x, 0, sizeof(*x));
	x->p[SYNC].pc = S_WAIT;
	if (sc->is_there) {
		x->births = 1;
		x->s[0] = (struct slot){ PUBLISHED, 1, { 2, 0, 1 } };
		x->e = (struct entry){ 1, 1, { 2, 0, 1 } };
		x->p[0].last = 2;
	}
	x->since = x->since_begun = (uint16_t)(1 << x->e.r.version);
	x->was[0].version = x->e.r.version;
	x->n_was = 1;
	for (int i = 0; i < SLOTS; i++)
		touch(x, i, &n);
}

static void
holds(const char *name, const struct scenario *sc)
{
	struct state first;

	begin(&first, sc);
	check_holds(&model, &first, sc, name, 2500000);
}

static void
fails(const char *name, const char *broken, const struct scenario *sc)
{
	struct state first;

	begin(&first, sc);
	check_fails(&model, &first, sc, name, broken, 1500000);
}

#define OPS(...) .ops = { __VA_ARGS__ }

int
main(void)
{
	holds("put, update", &(struct scenario){ OPS("pp"), .syncs = 2 });
	holds("update, update", &(struct scenario){ OPS("p", "p"), .is_there = true, .syncs = 2 });
	holds("delete, update", &(struct scenario){ OPS("d", "p"), .is_there = true, .syncs = 2 });
	holds("update and delete, put", &(struct scenario){ OPS("pd", "p"), .is_there = true, .syncs = 3 });
	holds("delete and put, update", &(struct scenario){ OPS("dp", "p"), .is_there = true, .syncs = 3 });
	holds("move out and in, update", &(struct scenario){ OPS("oi", "p"), .is_there = true, .syncs = 3 });
	holds("move out and in, delete", &(struct scenario){ OPS("oi", "d"), .is_there = true, .syncs = 3 });
	fails("who stands still is not helped", "a session is found as it was before",
	    &(struct scenario){ OPS("p", "d"), .is_there = true, .syncs = 2, .no_help = true });
	fails("what was replaced is marked before what replaced it", "a session that a sync covered is lost",
	    &(struct scenario){ OPS("p"), .is_there = true, .syncs = 2, .no_help_new = true });
	fails("a slot is freed before the disk has what replaced it", "a session that a sync covered is lost",
	    &(struct scenario){ OPS("ppp"), .is_there = true, .syncs = 2, .early_free = true });
	fails("an ended slot is freed by the sync that covers it", "a session is found as it was before",
	    &(struct scenario){ OPS("pd", "p"), .is_there = true, .syncs = 3, .ended_at_once = true });
	fails("an end is marked as a replacement", "a session is found as it was before",
	    &(struct scenario){ OPS("d"), .is_there = true, .syncs = 2, .no_ended = true });
	fails("an ended slot does not wait for an older one that somebody holds", "a session is found as it was before",
	    &(struct scenario){ OPS("pd", "p"), .is_there = true, .syncs = 3, .no_wait = true });
	fails("who retired a slot himself is not helped with its bit", "a session is found as it was before",
	    &(struct scenario){ OPS("d", "p"), .is_there = true, .syncs = 2, .no_help_bit = true });
	fails("an end forbids another session that has a lesser version", "a session that a sync covered is lost",
	    &(struct scenario){ OPS("pd", "p"), .is_there = true, .syncs = 2, .by_version = true });
	fails("another session of the key counts as what replaced one", "a session is found as it was before",
	    &(struct scenario){ OPS("pd", "p"), .is_there = true, .syncs = 2, .by_hash = true });
	return check_end();
}
