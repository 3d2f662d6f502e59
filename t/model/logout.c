/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * logout.c - model of a logout against those who change, move, touch, start and end sessions of its owner, and are killed.
 *
 * Mirrors logout.c (work_off, gs_logout_look, gs_logout_heed, gs_logout_recover,
 * gs_logout_finish), gs_kv_publish and gs_kv_start as far as an entry and a slot
 * go, gs_kv_end_of and gs_words_renew.  One session of the owner is there at
 * first; a login may start another one, or a restore bring one back.  A slot
 * that was replaced is written again at once, by a record of somebody else too,
 * so that the pass does not find the old one by luck.  A move is an update: the
 * ring is part of the slot.  A restore that has still to look at the marks when
 * the logout drops its own is one that comes after it.
 */
#include "check.h"

#include <stdint.h>
#include <string.h>

enum { SLOTS = 4, CLIENTS = 2, LOGOUT = CLIENTS, DAEMON, KILL, PROCS = KILL + 1, ENTRIES = 2 };

enum pc {
	IDLE,
	LOOK, WRITE, ANNOUNCE, SWING, HEED, END_LOOK, END_SWING, DONE, TOUCH_T, TOUCH_LOOK,	/* of clients */
	PASS, PASS_LOOK, PASS_END, PAGES, PAGES_LOOK, PAGES_END, DROP, OVER,			/* of who logs out */
	REC_PAGE, REC_LOOK, REC_END, REC_CLEAR, REC_MARK,					/* of the daemon */
};

/* What is in a slot: 0 a record of another owner; else its session + 1, and the writing that made it. */
struct slot { uint8_t session, turn; };

struct proc {
	uint8_t pc, op, e, slot, spare, at, target, found, published, saw;
};

struct state {
	_Alignas(8) struct slot s[SLOTS];
	uint8_t e[ENTRIES];		/* slot + 1, 0 is none; entry 0 is of the session that was there, 1 of the login's */
	uint8_t turn[ENTRIES];
	uint8_t is_marked;		/* the mark of the owner is set */
	uint8_t publishing[CLIENTS];	/* slot + 1 */
	uint8_t is_new_late;		/* book: the login saw the mark before it started */
	uint8_t was_live;		/* book: the login's session was there */
	uint8_t acked;			/* book: the logout was answered, or ended by the daemon */
	uint8_t came_back;		/* book: a restore published before that, and is not the later of the two */
	uint8_t late;			/* book: a call that began after that found the session */
	uint8_t dead;			/* bit per client, LOGOUT too */
	uint8_t recovered;
	uint8_t kills, n_turns;
	struct proc p[DAEMON + 1];
};

/* u update or move, t touch, d delete, o write something else, n login of the owner, r restore of a session of his. */
struct scenario {
	const char *ops[CLIENTS];
	uint8_t kills;
	bool no_look, no_pages, look_first, late_announce, no_recovery, no_start, late_mark, no_finish;
	bool is_file;			/* a slot that was replaced is the disk's, and does not show its record any more */
};

static bool is_dead(const struct state *x, int who) { return (x->dead >> who & 1) != 0; }

static void
next_op(struct proc *p)
{
	struct proc fresh = { .op = (uint8_t)(p->op + 1), .spare = p->spare };

	*p = fresh;
}

/* ---- ending by key: one look and one exchange, repeated until the session is not there ---- */

/* Is what the entry names to be ended? A login that was dated behind the logout is not. */
static bool
is_to_end(const struct state *x, int entry)
{
	return x->e[entry] != 0 && (entry == 0 || !x->is_new_late);
}

static bool
end_entry(struct state *x, struct proc *p)
{
	if (x->e[p->target] != p->found || x->turn[p->target] != p->saw)
		return false;
	x->e[p->target] = 0;
	return true;
}

/* A step of an end: look, then exchange. True when it is through. */
static bool
end_step(struct state *x, struct proc *p, uint8_t look, uint8_t swing, struct check_note *n)
{
	if (p->pc == look) {
		n->what = "gs_kv_end_of: load of the entry";
		p->found = is_to_end(x, p->target) ? x->e[p->target] : 0;
		p->saw = x->turn[p->target];
		p->pc = swing;
		return p->found == 0;
	}
	n->what = "gs_kv_end_of: compare-and-swap of the entry";
	p->pc = look;
	return end_entry(x, p);
}

/* ---- clients ---- */

static void
begin_op(struct state *x, struct proc *p, const struct scenario *sc, char op, struct check_note *n)
{
	p->target = op == 'n' || op == 'r';
	if (op == 'o') {
		n->what = "gs_record_write: of another owner";
		x->s[p->spare] = (struct slot){ 0, ++x->n_turns };
		next_op(p);
		return;
	}
	if (op == 'r') {
		n->what = "put_once of restore.c: load of the entry";
		p->pc = WRITE;
		return;
	}
	if (op == 'n') {
		n->what = "gs_logout_start_ms: load of the mark";
		p->saw = x->is_marked && !sc->no_start;
		/* That it began behind the logout is for the book, what it saw decides. */
		x->is_new_late = p->saw;
		x->was_live = (uint8_t)(x->is_marked != 0) << 1;
		p->pc = WRITE;
		return;
	}
	n->what = "gs_index_find: load of the entry";
	x->late |= x->acked && x->e[0] != 0;
	p->e = x->e[0];
	p->at = x->turn[0];
	p->pc = op == 't' ? TOUCH_T : op == 'd' ? SWING : sc->look_first ? HEED : WRITE;
	if (p->e == 0)
		next_op(p);
}

static void
swing(struct state *x, int who, struct proc *p, const struct scenario *sc, char op, struct check_note *n)
{
	n->what = "gs_index_replace, gs_index_remove or commit_insert: compare-and-swap of the entry";
	if (p->target == 0 && (x->e[0] != p->e || x->turn[0] != p->at)) {
		x->publishing[who] = 0;
		*p = (struct proc){ .op = p->op, .spare = p->spare };
		return;
	}
	if (op == 'd') {
		x->e[0] = 0;
		next_op(p);
		return;
	}
	x->e[p->target] = (uint8_t)(p->spare + 1);
	x->turn[p->target] = x->s[p->spare].turn;
	x->was_live |= op == 'n';
	x->came_back |= op == 'r' && !x->acked;
	p->slot = p->spare;
	if (op == 'u')
		p->spare = (uint8_t)(p->e - 1);
	if (op == 'u' && sc->is_file)
		x->s[p->spare].session = 0;
	p->pc = sc->late_announce ? ANNOUNCE : sc->no_look || sc->look_first ? DONE : HEED;
}

/* One access of an operation that publishes. */
static void
step_publish(struct state *x, int who, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	char op = sc->ops[who][p->op];

	switch (p->pc) {
	case WRITE:
		n->what = "gs_record_write: slot and kin";
		x->s[p->spare] = (struct slot){ (uint8_t)(p->target + 1), ++x->n_turns };
		p->pc = sc->late_announce ? SWING : ANNOUNCE;
		return;
	case ANNOUNCE:
		n->what = "gs_logout_announce: store of the address";
		x->publishing[who] = (uint8_t)((sc->late_announce ? p->slot : p->spare) + 1);
		p->pc = sc->late_announce ? HEED : SWING;
		return;
	case SWING:
		swing(x, who, p, sc, op, n);
		return;
	case HEED:
		n->what = "gs_logout_look: load of the marks";
		p->pc = x->is_marked ? END_LOOK : sc->look_first ? WRITE : DONE;
		return;
	case END_LOOK:
	case END_SWING:
		if (end_step(x, p, END_LOOK, END_SWING, n))
			p->pc = sc->look_first ? WRITE : DONE;
		return;
	default:
		n->what = "gs_logout_look: the address is taken away";
		x->publishing[who] = 0;
		next_op(p);
		return;
	}
}

static bool
step_client(struct state *x, int who, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[who];

	if (is_dead(x, who) || sc->ops[who] == NULL || sc->ops[who][p->op] == '\0')
		return false;
	switch (p->pc) {
	case IDLE:
		begin_op(x, p, sc, sc->ops[who][p->op], n);
		return true;
	case TOUCH_T:
		n->what = "gs_words_renew: X, T and A of the slot";
		p->pc = TOUCH_LOOK;
		return true;
	case TOUCH_LOOK:
		n->what = "gs_words_renew: load of the entry";
		if (x->e[0] == p->e && x->turn[0] == p->at)
			next_op(p);
		else
			*p = (struct proc){ .op = p->op, .spare = p->spare };
		return true;
	default:
		step_publish(x, who, p, sc, n);
		return true;
	}
}

/* ---- the logout: by its process, or by the daemon ---- */

/* What the record in a slot leads to, if it is the owner's. */
static bool
aim(const struct state *x, struct proc *p, int slot)
{
	p->target = x->s[slot].session == 2;
	return x->s[slot].session != 0;
}

static void
step_pages(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	switch (p->pc) {
	case PAGES:
		n->what = "look_at_page: load of the address that a context publishes";
		p->pc = sc->no_pages || x->publishing[p->at] == 0 || !aim(x, p, x->publishing[p->at] - 1) ? PAGES : PAGES_LOOK;
		if (p->pc == PAGES && ++p->at == CLIENTS)
			p->pc = DROP;
		return;
	case DROP:
		n->what = "drop_mark";
		x->is_marked = 0;
		for (int who = 0; who < CLIENTS; who++)
			x->came_back &= x->p[who].target != 1 || x->p[who].pc != HEED;
		x->acked = 1;
		p->pc = OVER;
		return;
	default:
		if (!end_step(x, p, PAGES_LOOK, PAGES_END, n))
			return;
		p->pc = ++p->at == CLIENTS ? DROP : PAGES;
		return;
	}
}

static void
step_work_off(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	switch (p->pc) {
	case IDLE:
		n->what = "work_off: the mark";
		x->is_marked = !sc->late_mark;
		p->pc = PASS;
		return;
	case PASS:
		n->what = "gs_kin_next: load of a kin, and the record in its slot";
		p->pc = aim(x, p, p->at) ? PASS_LOOK : PASS;
		break;
	case PASS_LOOK:
	case PASS_END:
		if (!end_step(x, p, PASS_LOOK, PASS_END, n))
			return;
		p->pc = PASS;
		break;
	default:
		step_pages(x, p, sc, n);
		return;
	}
	if (p->pc == PASS && ++p->at == SLOTS) {
		p->at = 0;
		p->pc = PAGES;
		x->is_marked = 1;
	}
}

/* ---- the daemon ---- */

static void
recovered(struct state *x, struct proc *p)
{
	x->recovered |= (uint8_t)(1 << p->slot);
	*p = (struct proc){ .pc = IDLE };
}

static bool
step_daemon(struct state *x, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[DAEMON];

	if (p->pc == IDLE) {
		while (p->slot <= LOGOUT && (!is_dead(x, p->slot) || (x->recovered >> p->slot & 1) != 0))
			p->slot++;
		if (p->slot > LOGOUT) {
			p->slot = 0;
			return false;
		}
		if (p->slot == LOGOUT) {
			n->what = "gs_logout_finish: load of the mark";
			p->pc = REC_MARK;
			if (x->p[LOGOUT].pc == IDLE || x->p[LOGOUT].pc == OVER || sc->no_finish)
				recovered(x, p);
			return true;
		}
		p->pc = sc->no_recovery ? REC_CLEAR : REC_PAGE;
	}
	switch (p->pc) {
	case REC_PAGE:
		n->what = "gs_logout_recover: load of the address, and of the marks";
		p->pc = x->publishing[p->slot] != 0 && x->is_marked && aim(x, p, x->publishing[p->slot] - 1) ? REC_LOOK : REC_CLEAR;
		return true;
	case REC_LOOK:
	case REC_END:
		if (end_step(x, p, REC_LOOK, REC_END, n))
			p->pc = REC_CLEAR;
		return true;
	case REC_CLEAR:
		n->what = "gs_logout_recover: the address is taken away";
		x->publishing[p->slot] = 0;
		recovered(x, p);
		return true;
	case REC_MARK:
		/* From the beginning, whatever its process had done. */
		n->what = "gs_logout_finish: the mark again";
		x->is_marked = 1;
		*p = (struct proc){ .pc = PASS, .slot = LOGOUT };
		return true;
	case OVER:
		n->what = "gs_logout_finish: it is over";
		p->slot = LOGOUT;
		recovered(x, p);
		return true;
	default:
		step_work_off(x, p, sc, n);
		return true;
	}
}

/* One of those who are in the middle of something dies. */
static bool
step_kill(struct state *x, const struct scenario *sc, struct check_note *n)
{
	struct proc *victim;

	if (x->kills >= sc->kills)
		return false;
	n->what = "one is killed";
	for (int who = 0; who <= LOGOUT; who++) {
		victim = &x->p[who];
		if (is_dead(x, who) || victim->pc == IDLE || victim->pc == OVER)
			continue;
		x->dead |= (uint8_t)(1 << who);
		x->kills++;
		return true;
	}
	return false;
}

static bool
step(void *state, int who, const void *scenario, struct check_note *n)
{
	const struct scenario *sc = scenario;
	struct state *x = state;

	if (who < CLIENTS)
		return step_client(x, who, sc, n);
	if (who == DAEMON)
		return step_daemon(x, sc, n);
	if (who == KILL)
		return step_kill(x, sc, n);
	if (is_dead(x, LOGOUT) || x->p[LOGOUT].pc == OVER)
		return false;
	step_work_off(x, &x->p[LOGOUT], sc, n);
	return true;
}

static bool
is_busy(const struct state *x, const struct scenario *sc, int who)
{
	if (is_dead(x, who))
		return (x->recovered >> who & 1) == 0;
	return who == LOGOUT ? x->p[LOGOUT].pc != OVER : sc->ops[who] != NULL && sc->ops[who][x->p[who].op] != '\0';
}

static const char *
judge(void *state, const void *scenario)
{
	const struct scenario *sc = scenario;
	const struct state *x = state;

	/* Also while somebody is stopped in the middle of his step. */
	if (x->acked && x->e[0] != 0)
		return "a session has outlived the logout";
	if (x->late)
		return "a call that began after the logout was answered found the session";
	if (x->e[1] == 0 && (x->was_live & 3) == 3)
		return "a session has ended that was started after the logout began";
	for (int who = 0; who <= LOGOUT; who++)
		if (is_busy(x, sc, who))
			return NULL;
	if (x->acked && x->came_back && x->e[1] != 0)
		return "a session came back, and nobody ended it";
	return x->e[0] != 0 && is_dead(x, LOGOUT) ? "a logout was begun and nobody ends it" : NULL;
}

static const struct check_model model = { sizeof(struct state), PROCS, step, judge, 0 };

static void
begin(struct state *x)
{
	memset(x, 0, sizeof(*x));
	for (int who = 0; who < CLIENTS; who++)
		x->p[who].spare = (uint8_t)(2 * who + 1);
	x->s[2] = (struct slot){ 1, 1 };
	x->e[0] = 3;
	x->turn[0] = x->n_turns = 1;
}

static void
holds(const char *name, const struct scenario *sc)
{
	struct state first;

	begin(&first);
	check_holds(&model, &first, sc, name, 3000000);
}

static void
fails(const char *name, const char *broken, const struct scenario *sc)
{
	struct state first;

	begin(&first);
	check_fails(&model, &first, sc, name, broken, 3000000);
}

#define OPS(...) .ops = { __VA_ARGS__ }
#define OUTLIVED "a session has outlived the logout"

int
main(void)
{
	holds("update and reuse, update and reuse", &(struct scenario){ OPS("uo", "uo") });
	holds("three updates, touch", &(struct scenario){ OPS("uuu", "t") });
	holds("update and reuse, touch and delete", &(struct scenario){ OPS("uo", "td") });
	holds("update, login", &(struct scenario){ OPS("uo", "n") });
	holds("update, update; on a disk", &(struct scenario){ OPS("uo", "uo"), .is_file = true });
	holds("update, update; one dies", &(struct scenario){ OPS("uo", "uo"), .kills = 1 });
	holds("update, update; one dies; on a disk", &(struct scenario){ OPS("uo", "u"), .kills = 1, .is_file = true });
	holds("update, update; two die", &(struct scenario){ OPS("uo", "u"), .kills = 2 });
	holds("update, update; two die; on a disk", &(struct scenario){ OPS("u", "uo"), .kills = 2, .is_file = true });
	holds("update, login; all may die", &(struct scenario){ OPS("u", "n"), .kills = 3 });
	holds("update, restore", &(struct scenario){ OPS("uo", "r") });
	holds("restore, touch and delete; on a disk", &(struct scenario){ OPS("r", "td"), .is_file = true });
	fails("a restore does not look at the marks", "a session came back, and nobody ended it",
	    &(struct scenario){ OPS("r", "t"), .no_look = true });
	fails("a writer does not look at the marks", OUTLIVED, &(struct scenario){ OPS("uo", "t"), .no_look = true });
	fails("a writer looks before it writes", OUTLIVED, &(struct scenario){ OPS("uo", "t"), .look_first = true });
	fails("the mark comes after the pass", OUTLIVED, &(struct scenario){ OPS("uo", "t"), .late_mark = true });
	fails("nobody looks at what is being published", OUTLIVED, &(struct scenario){ OPS("u", "t"), .no_pages = true, .is_file = true });
	fails("it is announced after it was published", OUTLIVED, &(struct scenario){ OPS("u", "t"), .late_announce = true, .is_file = true });
	fails("recovery does not make up for the look", OUTLIVED,
	    &(struct scenario){ OPS("u", "t"), .no_recovery = true, .kills = 1, .is_file = true });
	fails("a login is not dated behind the logout", "a session has ended that was started after the logout began",
	    &(struct scenario){ OPS("n", "t"), .no_start = true });
	fails("nobody ends the logout of the dead", "a logout was begun and nobody ends it",
	    &(struct scenario){ OPS("t", "t"), .no_finish = true, .kills = 1 });
	return check_end();
}
