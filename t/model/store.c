/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store.c - model of a ring in a file: writers, the daemon's sync, and a disk that may have any page as it was or is.
 *
 * Mirrors what gs_kv_publish and end_hit do to the slots of one key, with
 * gs_store_publish and gs_store_retire, gs_store_sync_begin with its help for
 * who stands still, and gs_store_sync_end; and of gs_adopt_run which slot is
 * right.  A page of the file is one slot: what is torn, a crc finds.  In each
 * state the power may be cut: what adoption makes of the disk must be the
 * session as the last sync saw it, or as it was at some time since then.
 */
#include "check.h"

#include <stdint.h>
#include <string.h>

enum {
	SLOTS = 4, WRITERS = 2,
	DAEMON = WRITERS, PAGE_0,
	PROCS = PAGE_0 + SLOTS,
	SYNCS = 4,			/* of the daemon */
	IN_MEMORY = SLOTS + 1,		/* an entry: the session lies in another ring */
	ORDERS = 24,			/* numbers of records, by (version, turn) and writer */
};

enum slot_state { FREE, WRITING, READY, REPLACED, ENDED };

enum pc { LOOK, CLAIM, WRITE, SWING, MARK, RETIRE, SET_BIT, LET_GO };
enum daemon_pc { BEGIN, TAKE, HELP, TAKE_MORE, WAIT, FINISH };

struct slot { uint8_t state, is_published, order; };

struct writer { uint8_t pc, op, entry, order, mine, old, will_end; };

struct daemon { uint8_t pc, i, n, written, taken, ended; };

struct state {
	_Alignas(8) struct slot mem[SLOTS];
	struct slot disk[SLOTS];
	uint8_t entry, order;		/* 0: no session; slot + 1; IN_MEMORY. The order of its record */
	uint8_t retired;		/* the bitmap */
	struct writer w[WRITERS];
	struct daemon d;
	/* The books: what the last sync covered, and what came since; the same for the sync under way. */
	uint8_t floor, may_be_absent, next_floor, next_may_be_absent;
	uint8_t acked, is_acked_absent;	/* what a writer that is through, or as good as, has made of it */
	uint8_t was_absent;		/* since then */
	uint32_t was;			/* records that an entry has named */
};

/* u put, d end, o move out, i move in, x a put that is refused after it was written. */
struct scenario {
	const char *ops[WRITERS];
	uint8_t n_slots, n_syncs;	/* 0: SYNCS of them */
	bool no_wait, no_second_sync, no_help, no_mark, no_publish;
};

static uint8_t bit(int i) { return (uint8_t)(1u << i); }

/* ---- writers ---- */

static void
next_op(struct writer *w)
{
	*w = (struct writer){ .op = (uint8_t)(w->op + 1) };
}

/* From here on a sync that begins must cover it. */
static void
acknowledge(struct state *x, uint8_t order, bool is_end)
{
	if (order < x->acked)
		return;
	x->acked = order;
	x->is_acked_absent = is_end;
	x->was_absent = 0;
}

static void
look_again(struct writer *w)
{
	w->pc = LOOK;
}

static void
step_look(struct state *x, struct writer *w, char op, struct check_note *n)
{
	n->what = "gs_index_find: load of the entry";
	w->entry = x->entry;
	w->order = x->order;
	/* Claimed before and not used: gs_slots_keep. */
	if (op == 'd' || op == 'o')
		w->pc = w->entry == 0 || (op == 'o' && w->entry == IN_MEMORY) ? LET_GO : SWING;
	else if (op == 'i')
		w->pc = w->entry == IN_MEMORY ? CLAIM : LET_GO;
	else
		w->pc = CLAIM;
	if (w->pc == CLAIM && w->mine != 0)
		w->pc = WRITE;
	if (w->pc == LET_GO && w->mine == 0)
		next_op(w);
}

static bool
step_claim(struct state *x, struct writer *w, const struct scenario *sc, struct check_note *n)
{
	n->what = "gs_slots_claim: FREE to WRITING";
	for (int i = 0; i < sc->n_slots; i++)
		if (x->mem[i].state == FREE) {
			x->mem[i].state = WRITING;
			x->mem[i].is_published = 0;
			w->mine = (uint8_t)(i + 1);
			w->pc = WRITE;
			return true;
		}
	return false;	/* full until the next sync */
}

static void
step_write(struct state *x, struct writer *w, int who, struct check_note *n)
{
	uint8_t order = (uint8_t)((w->order / 2 + 1) * 2 + who);

	n->what = "gs_record_write: READY";
	n->is_beyond = order >= ORDERS;
	x->mem[w->mine - 1] = (struct slot){ READY, 0, order };
	w->pc = SWING;
}

static void
step_swing(struct state *x, struct writer *w, char op, struct check_note *n)
{
	uint8_t now = op == 'd' ? 0 : op == 'o' ? IN_MEMORY : w->mine;

	n->what = "gs_index_replace or _remove: compare-and-swap of the entry";
	if (op == 'x' || x->entry != w->entry || x->order != w->order) {
		if (op == 'x')
			w->pc = LET_GO;
		else
			look_again(w);
		return;
	}
	w->old = w->entry == IN_MEMORY ? 0 : w->entry;
	w->will_end = op == 'd' || op == 'o';
	x->entry = now;
	x->order = now == w->mine && now != 0 ? x->mem[now - 1].order : x->order;
	if (op == 'o')
		x->order = (uint8_t)((x->order / 2 + 1) * 2);
	w->pc = w->will_end ? RETIRE : MARK;
}

static void
step_publish(struct state *x, struct writer *w, const struct scenario *sc, struct check_note *n)
{
	struct slot *s = w->mine == 0 ? NULL : &x->mem[w->mine - 1];

	n->what = "gs_store_publish: PUBLISHED";
	if (s != NULL && s->state == READY && !sc->no_mark)
		s->is_published = 1;
	if (s != NULL && s->state == READY && x->entry == w->mine)
		acknowledge(x, s->order, false);
	w->mine = 0;
	w->pc = w->old != 0 ? RETIRE : LET_GO;
}

static void
step_retire(struct state *x, struct writer *w, const struct scenario *sc, struct check_note *n)
{
	struct slot *s = w->old == 0 ? NULL : &x->mem[w->old - 1];

	n->what = "gs_store_retire: REPLACED or ENDED";
	w->pc = SET_BIT;
	if (w->will_end)
		acknowledge(x, w->order, true);
	if (s == NULL || s->state != READY)
		w->old = 0;	/* somebody helped */
	else if (sc->no_wait)
		*s = (struct slot){ FREE, 0, 0 };
	else
		*s = (struct slot){ w->will_end ? ENDED : REPLACED, 1, s->order };
}

static void
step_writer(struct state *x, struct writer *w, char op, struct check_note *n)
{
	if (w->pc == SET_BIT) {
		n->what = "gs_store_retire: its bit";
		if (w->old != 0)
			x->retired |= bit(w->old - 1);
		w->pc = LET_GO;
		return;
	}
	n->what = "unlist; a slot that was not used goes back";
	(void)op;
	if (w->mine != 0)
		x->mem[w->mine - 1] = (struct slot){ FREE, 0, 0 };
	next_op(w);
}

/* ---- the daemon ---- */

/* Does a writer list the slot? From before it is his until after it is not. */
static bool
is_listed(const struct state *x, int i)
{
	for (int who = 0; who < WRITERS; who++) {
		const struct writer *w = &x->w[who];

		if (w->mine == i + 1 || (w->pc >= SWING && (w->old == i + 1 || (w->entry == i + 1 && w->pc == SWING))))
			return true;
	}
	return false;
}

/* gs_store_settle */
static void
help(struct state *x, int i, const struct scenario *sc)
{
	struct slot *s = &x->mem[i];
	bool is_in_file = x->entry != 0 && x->entry != IN_MEMORY;

	if (!is_listed(x, i) || s->state == FREE || s->state == WRITING)
		return;
	if (x->entry == i + 1) {
		s->is_published = 1;
		return;
	}
	if (s->state == READY && !s->is_published)
		return;
	/* What has its place is published first: its writer may stand still too. */
	if (is_in_file && !sc->no_publish)
		x->mem[x->entry - 1].is_published = 1;
	if (s->state == READY || (s->state == REPLACED && !is_in_file)) {
		s->state = is_in_file ? REPLACED : ENDED;
		x->retired |= bit(i);
	}
}

static void
finish_slot(struct state *x, int i, const struct scenario *sc)
{
	struct slot *s = &x->mem[i];

	if ((x->d.taken & bit(i)) == 0 || is_listed(x, i))
		return;
	if (s->state == ENDED && (x->d.ended & bit(i)) == 0 && !sc->no_second_sync) {
		x->d.ended |= bit(i);
		return;
	}
	x->d.ended &= (uint8_t)~bit(i);
	x->retired &= (uint8_t)~bit(i);
	if (s->state == REPLACED || s->state == ENDED)
		*s = (struct slot){ FREE, 0, 0 };
}

static void
cover(struct state *x)
{
	x->floor = x->next_floor;
	x->may_be_absent = x->next_may_be_absent;
}

static bool
step_daemon(struct state *x, const struct scenario *sc, struct check_note *n)
{
	struct daemon *d = &x->d;

	switch (d->pc) {
	case BEGIN:
		if (d->n == (sc->n_syncs != 0 ? sc->n_syncs : SYNCS))
			return false;
		n->what = "gs_store_sync_begin";
		d->taken = d->i = 0;
		d->pc = TAKE;
		return true;
	case TAKE:
		n->what = "take: a bit of the retired";
		d->taken |= x->retired & bit(d->i);
		break;
	case HELP:
		n->what = "gs_store_settle of what is listed";
		if (!sc->no_help)
			help(x, d->i, sc);
		break;
	case TAKE_MORE:
		n->what = "take: REPLACED ones";
		if ((x->retired & bit(d->i)) != 0 && x->mem[d->i].state == REPLACED)
			d->taken |= bit(d->i);
		break;
	case WAIT:
		/* All pages are written after this, and before it is through; see step_page. */
		if (d->written != bit(SLOTS) - 1)
			return false;
		n->what = "fdatasync is through";
		cover(x);
		d->pc = FINISH;
		d->i = 0;
		return true;
	case FINISH:
		n->what = "gs_store_sync_end: a slot";
		finish_slot(x, d->i, sc);
		break;
	}
	if (++d->i < SLOTS)
		return true;
	d->i = 0;
	if (d->pc == FINISH) {
		d->n++;
		d->pc = BEGIN;
		return true;
	}
	d->pc++;
	if (d->pc == WAIT) {
		/* What it will cover is what is there now. */
		d->written = 0;
		x->next_may_be_absent = x->is_acked_absent || x->was_absent;
		x->next_floor = (uint8_t)(x->acked + x->is_acked_absent);
	}
	return true;
}

static bool
step_page(struct state *x, int i, struct check_note *n)
{
	bool is_needed = x->d.pc == WAIT && (x->d.written & bit(i)) == 0;

	if (memcmp(&x->disk[i], &x->mem[i], sizeof(x->mem[i])) == 0 && !is_needed)
		return false;
	n->what = "a page goes to the disk";
	x->disk[i] = x->mem[i];
	x->d.written |= bit(i);
	return true;
}

/* ---- a power cut ---- */

/* The order of the record that gs_adopt_run believes; 0: none. */
static uint8_t
adopt(const struct slot *disk, bool no_mark)
{
	const struct slot *best = NULL;

	for (int i = 0; i < SLOTS; i++)
		if (disk[i].state >= READY && (disk[i].is_published || no_mark) && (best == NULL || disk[i].order > best->order))
			best = &disk[i];
	return best == NULL || best->state == ENDED ? 0 : best->order;
}

static bool
step(void *state, int who, const void *scenario, struct check_note *n)
{
	const struct scenario *sc = scenario;
	struct state *x = state;
	struct writer *w;
	char op;

	if (who == DAEMON)
		return step_daemon(x, sc, n);
	if (who >= PAGE_0)
		return step_page(x, who - PAGE_0, n);
	w = &x->w[who];
	op = sc->ops[who] == NULL ? '\0' : sc->ops[who][w->op];
	if (op == '\0')
		return false;
	switch (w->pc) {
	case LOOK:
		step_look(x, w, op, n);
		return true;
	case CLAIM:
		return step_claim(x, w, sc, n);
	case WRITE:
		step_write(x, w, who, n);
		return true;
	case SWING:
		step_swing(x, w, op, n);
		return true;
	case MARK:
		step_publish(x, w, sc, n);
		return true;
	case RETIRE:
		step_retire(x, w, sc, n);
		return true;
	default:
		step_writer(x, w, op, n);
		return true;
	}
}

static const char *
judge(void *state, const void *scenario)
{
	const struct scenario *sc = scenario;
	struct state *x = state;
	uint8_t found = adopt(x->disk, sc->no_mark);

	if (x->entry != 0 && x->entry != IN_MEMORY) {
		x->was |= UINT32_C(1) << x->order;
	} else {
		x->may_be_absent = 1;
		x->next_may_be_absent = 1;
		x->was_absent = 1;
	}
	if (x->entry != 0 && x->entry != IN_MEMORY && x->mem[x->entry - 1].state != READY)
		return "the entry names a slot that is not ready";
	if (found == 0)
		return x->may_be_absent ? NULL : "a session that a sync had covered is lost";
	if ((x->was >> found & 1) == 0)
		return "what nobody was told of is found";
	return found >= x->floor ? NULL : "an older record than the last sync covered is found";
}

static const struct check_model model = { sizeof(struct state), PROCS, step, judge, 0 };

static struct state
first_state(void)
{
	struct state x = { .order = 2 };

	/* One session, which a sync has covered. */
	x.mem[0] = x.disk[0] = (struct slot){ READY, 1, 2 };
	x.entry = 1;
	x.floor = x.next_floor = x.acked = 2;
	return x;
}

static void
holds(const char *name, const struct scenario *sc)
{
	struct state first = first_state();

	check_holds(&model, &first, sc, name, 3000000);
}

static void
fails(const char *name, const char *broken, const struct scenario *sc)
{
	struct state first = first_state();

	check_fails(&model, &first, sc, name, broken, 3000000);
}

#define OPS(...) .ops = { __VA_ARGS__ }

int
main(void)
{
	holds("three puts, slots are few", &(struct scenario){ OPS("uuu"), .n_slots = 3 });
	holds("put beside put", &(struct scenario){ OPS("u", "u"), .n_slots = 3 });
	holds("put and end", &(struct scenario){ OPS("ud"), .n_slots = 3 });
	holds("put beside end", &(struct scenario){ OPS("u", "d"), .n_slots = 3 });
	holds("put, end, put", &(struct scenario){ OPS("udu"), .n_slots = 2 });
	holds("out and in, and out", &(struct scenario){ OPS("oio"), .n_slots = 2 });
	holds("out and in beside put", &(struct scenario){ OPS("oi", "u"), .n_slots = 3 });
	holds("put that is refused, beside put", &(struct scenario){ OPS("x", "u"), .n_slots = 3 });
	holds("put beside end and put", &(struct scenario){ OPS("u", "du"), .n_slots = 3 });
	fails("a slot is free when its record is replaced", "a session that a sync had covered is lost",
	    &(struct scenario){ OPS("uuu"), .n_slots = 2, .no_wait = true });
	fails("an ended slot is free after one sync", "an older record than the last sync covered is found",
	    &(struct scenario){ OPS("udu"), .n_slots = 2, .no_second_sync = true });
	fails("nobody helps who stands still", "an older record than the last sync covered is found",
	    &(struct scenario){ OPS("u", "du"), .n_slots = 3, .n_syncs = 2, .no_help = true });
	fails("who helps does not publish what has the place", "a session that a sync had covered is lost",
	    &(struct scenario){ OPS("u", "u"), .n_slots = 3, .n_syncs = 1, .no_publish = true });
	fails("a record is believed though no entry named it", "what nobody was told of is found",
	    &(struct scenario){ OPS("x", "u"), .n_slots = 3, .no_mark = true });
	return check_end();
}
