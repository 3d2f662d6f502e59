/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * population.c - model of the counters of sessions in each ring: reserved before, given back after, recounted for the dead.
 *
 * Mirrors gs_kv_reserve and gs_kv_unreserve around put, delete and move, the
 * looks of gs_recover_recount, and check_population of audit.c; the entries
 * are places that are scanned one by one.  The looks of a recount are apart,
 * so that an operation of somebody alive reaches over two of them at most,
 * and there are more than those that happen meanwhile reach over: where each
 * look meets somebody in the middle, the recount takes him for dead, and the
 * next one must put it right.
 */
#include "check.h"

#include <stdint.h>
#include <string.h>

enum { RINGS = 2, PLACES = 4, CLIENTS = 2, DAEMON = CLIENTS, AUDIT, KILL, PROCS = KILL + CLIENTS };

enum pc {
	IDLE, UNDO, PUT, SWING, UNRESERVE, COUNT,
	R_WAIT, R_BEFORE, R_SCAN, R_AFTER, R_FIX,
	A_DONE, A_BEFORE, A_SCAN, A_AFTER, A_DONE_AGAIN, A_END,
};

struct proc {
	uint8_t pc, op, at, ring, to;
	/* the daemon's and the audit's */
	uint8_t looks, is_last, begun[CLIENTS], done;
	int8_t before[RINGS], n[RINGS], after[RINGS], least[RINGS], most[RINGS];
};

struct state {
	_Alignas(8) uint8_t e[PLACES];	/* ring + 1; 0 is empty */
	int8_t population[RINGS];
	uint8_t done[CLIENTS];		/* the statistics: operations that ended */
	uint8_t dead, recounts, is_over;
	struct proc p[AUDIT + 1];
};

/* p put, d delete, m move to the other ring; of the last session that there is. */
struct scenario {
	const char *ops[CLIENTS];
	const char *at;			/* the ring of the session at each place, - for none */
	int8_t capacity, planted;
	uint8_t mortal, recounts, looks, audits;
	bool late_only, by_values, is_hasty;
};

static bool is_gone(const struct state *x, int who) { return (x->dead >> who & 1) != 0; }

static bool
has_ended(const struct state *x, const struct scenario *sc, int who)
{
	return is_gone(x, who) || sc->ops[who] == NULL || sc->ops[who][x->p[who].op] == '\0';
}

static void
next_op(struct proc *p)
{
	*p = (struct proc){ .op = (uint8_t)(p->op + 1) };
}

/* The last place that is used, or (is_empty) the first that is not; PLACES when there is none. */
static uint8_t
find(const struct state *x, bool is_empty)
{
	for (int i = 0; i < PLACES; i++) {
		int at = is_empty ? i : PLACES - 1 - i;

		if ((x->e[at] == 0) == is_empty)
			return (uint8_t)at;
	}
	return PLACES;
}

/* ---- clients ---- */

/* The first access of an operation. */
static void
begin(struct state *x, struct proc *p, const struct scenario *sc, char op, struct check_note *n)
{
	p->at = find(x, false);
	if (op != 'p' && p->at == PLACES) {
		n->what = "there is none";
		next_op(p);
		return;
	}
	p->ring = op != 'p' ? (uint8_t)(x->e[p->at] - 1) : 0;
	if (op == 'd') {
		n->what = "gs_index_remove: compare-and-swap of the entry";
		x->e[p->at] = 0;
		p->pc = UNRESERVE;
		return;
	}
	n->what = "gs_kv_reserve: fetch_add";
	p->to = op == 'm' ? !p->ring : 0;
	p->pc = x->population[p->to]++ >= sc->capacity ? UNDO : op == 'm' ? SWING : PUT;
}

static bool
step_client(struct state *x, int who, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[who];
	uint8_t at;

	if (has_ended(x, sc, who))
		return false;
	switch (p->pc) {
	case IDLE:
		begin(x, p, sc, sc->ops[who][p->op], n);
		return true;
	case UNDO:
		n->what = "gs_kv_reserve, or who could not use it: fetch_sub";
		x->population[p->to]--;
		next_op(p);
		return true;
	case PUT:
		n->what = "commit_insert: the entry is final";
		at = find(x, true);
		p->pc = at < PLACES ? COUNT : UNDO;
		if (at < PLACES)
			x->e[at] = 1;
		return true;
	case SWING:
		n->what = "gs_index_replace: compare-and-swap of the entry";
		p->pc = UNDO;
		if (x->e[p->at] != p->ring + 1)
			return true;
		x->e[p->at] = (uint8_t)(p->to + 1);
		p->pc = UNRESERVE;
		return true;
	case UNRESERVE:
		n->what = "gs_kv_unreserve: fetch_sub";
		x->population[p->ring]--;
		p->pc = COUNT;
		return true;
	default:
		n->what = "gs_ctx_count";
		x->done[who]++;
		next_op(p);
		return true;
	}
}

/* ---- the recount ---- */

static bool
is_quiet(const struct state *x, const struct scenario *sc)
{
	return has_ended(x, sc, 0) && has_ended(x, sc, 1);
}

/* Has everybody who lives ended what he did at the last look? */
static bool
is_apart(const struct state *x, const struct proc *p, const struct scenario *sc)
{
	for (int c = 0; c < CLIENTS; c++)
		if (!sc->is_hasty && !is_gone(x, c) && p->begun[c] != 0 && p->begun[c] == x->p[c].op + 1)
			return false;
	return true;
}

static void
begin_look(const struct state *x, struct proc *p, enum pc pc)
{
	p->pc = (uint8_t)pc;
	p->at = 0;
	memset(p->n, 0, sizeof(p->n));
	for (int c = 0; c < CLIENTS; c++)
		p->begun[c] = x->p[c].pc != IDLE ? (uint8_t)(x->p[c].op + 1) : 0;
}

static int8_t less(int8_t a, int8_t b) { return a < b ? a : b; }
static int8_t more(int8_t a, int8_t b) { return a > b ? a : b; }

static void
end_look(struct proc *p, const struct scenario *sc)
{
	for (int r = 0; r < RINGS; r++) {
		int8_t from = sc->late_only ? p->after[r] : p->before[r];
		int8_t least = (int8_t)(less(from, p->after[r]) - p->n[r]), most = (int8_t)(more(from, p->after[r]) - p->n[r]);

		p->least[r] = p->looks == 0 ? least : less(p->least[r], least);
		p->most[r] = p->looks == 0 ? most : more(p->most[r], most);
		p->before[r] = p->after[r] = p->n[r] = 0;
	}
	p->at = 0;
	p->pc = ++p->looks < sc->looks ? R_WAIT : R_FIX;
}

static bool
step_daemon(struct state *x, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[DAEMON];

	switch (p->pc) {
	case R_WAIT:
		if (p->looks == 0) {
			if (x->is_over || (!is_quiet(x, sc) && x->recounts == sc->recounts))
				return false;
			p->is_last = is_quiet(x, sc);
			x->recounts += !p->is_last;
		} else if (!is_apart(x, p, sc)) {
			return false;
		}
		n->what = "gs_recover_recount begins a look";
		begin_look(x, p, R_BEFORE);
		return true;
	case R_BEFORE:
		n->what = "load_population: load of a counter, before";
		p->before[p->at] = x->population[p->at];
		break;
	case R_SCAN:
		n->what = "count_entries: load of an entry";
		if (x->e[p->at] != 0)
			p->n[x->e[p->at] - 1]++;
		if (++p->at == PLACES) {
			p->at = 0;
			p->pc = R_AFTER;
		}
		return true;
	case R_AFTER:
		n->what = "load_population: load of a counter, after";
		p->after[p->at] = x->population[p->at];
		break;
	default:
		n->what = "gs_recover_recount: fetch_sub";
		x->population[p->at] = (int8_t)(x->population[p->at] - (p->least[p->at] > 0 ? p->least[p->at] :
		    p->most[p->at] < 0 ? p->most[p->at] : 0));
		break;
	}
	if (++p->at < RINGS)
		return true;
	p->at = 0;
	if (p->pc == R_BEFORE) {
		p->pc = R_SCAN;
	} else if (p->pc == R_AFTER) {
		end_look(p, sc);
	} else {
		x->is_over |= p->is_last;
		*p = (struct proc){ .pc = R_WAIT };
	}
	return true;
}

/* ---- the audit ---- */

static int
n_alive(const struct scenario *sc)
{
	return (sc->ops[0] != NULL) + (sc->ops[1] != NULL);
}

/* One look of check_population is over. */
static void
judge_look(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	bool is_right = true, is_quiet_look = sc->by_values ? memcmp(p->before, p->after, RINGS) == 0 : p->done == p->to;
	uint8_t looks = p->looks;

	for (int r = 0; r < RINGS; r++) {
		int off = p->before[r] - p->n[r];

		is_right = is_right && off <= n_alive(sc) && -off <= n_alive(sc);
	}
	*p = (struct proc){ .pc = A_END };
	if (!is_right && is_quiet_look) {
		if (sc->planted == 0)
			n->broken = "the audit reports what is not there";
		return;
	}
	if (!is_right && looks + 1 < sc->audits)
		*p = (struct proc){ .pc = A_DONE, .looks = (uint8_t)(looks + 1) };
	else if (sc->planted != 0 && is_quiet(x, sc))
		n->broken = "what is broken was not reported";
}

static bool
step_audit(struct state *x, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[AUDIT];
	int to = RINGS;

	if (sc->audits == 0 || p->pc == A_END)
		return false;
	switch (p->pc) {
	case A_DONE:
		n->what = "check_population: load of the statistics";
		p->done = (uint8_t)(p->done + x->done[p->at]);
		to = CLIENTS;
		break;
	case A_BEFORE:
		n->what = "check_population: load of a counter";
		p->before[p->at] = x->population[p->at];
		break;
	case A_SCAN:
		n->what = "check_population: load of an entry";
		if (x->e[p->at] != 0)
			p->n[x->e[p->at] - 1]++;
		to = PLACES;
		break;
	case A_AFTER:
		n->what = "check_population: second load of a counter";
		p->after[p->at] = x->population[p->at];
		break;
	default:
		n->what = "check_population: second load of the statistics";
		p->to = (uint8_t)(p->to + x->done[p->at]);
		to = CLIENTS;
		break;
	}
	if (++p->at < to)
		return true;
	p->at = 0;
	if (p->pc == A_DONE_AGAIN)
		judge_look(x, p, sc, n);
	else
		p->pc++;
	return true;
}

/* ---- the law ---- */

static bool
step(void *state, int who, const void *scenario, struct check_note *n)
{
	const struct scenario *sc = scenario;
	struct state *x = state;

	if (who < CLIENTS)
		return step_client(x, who, sc, n);
	if (who == DAEMON)
		return step_daemon(x, sc, n);
	if (who == AUDIT)
		return step_audit(x, sc, n);
	if ((sc->mortal >> (who - KILL) & 1) == 0 || is_gone(x, who - KILL) || x->p[DAEMON].is_last || x->is_over)
		return false;
	n->what = "kill of a client";
	x->dead |= (uint8_t)(1 << (who - KILL));
	memset(&x->p[who - KILL], 0, sizeof(x->p[0]));
	return true;
}

static const char *
judge(void *state, const void *scenario)
{
	const struct scenario *sc = scenario;
	const struct state *x = state;
	int8_t n[RINGS] = { 0 };

	for (int i = 0; i < PLACES; i++)
		if (x->e[i] != 0)
			n[x->e[i] - 1]++;
	for (int r = 0; r < RINGS && sc->planted == 0; r++) {
		if (n[r] > sc->capacity)
			return "a ring holds more than its capacity";
		if (x->population[r] < n[r])
			return "a counter is too low";
		if (x->is_over && x->population[r] != n[r])
			return "a counter is wrong when all is over";
	}
	return NULL;
}

static const struct check_model model = { (sizeof(struct state) + 7) / 8 * 8, PROCS, step, judge, 0 };

static void
start(struct state *x, const struct scenario *sc)
{
	memset(x, 0, sizeof(*x));
	x->p[DAEMON].pc = R_WAIT;
	x->p[AUDIT].pc = A_DONE;
	for (int i = 0; sc->at != NULL && sc->at[i] != '\0'; i++)
		if (sc->at[i] != '-') {
			x->e[i] = (uint8_t)(sc->at[i] - '0' + 1);
			x->population[sc->at[i] - '0']++;
		}
	x->population[0] = (int8_t)(x->population[0] + sc->planted);
	x->is_over = sc->planted != 0;	/* nobody mends it */
}

static void
holds(const char *name, const struct scenario *sc)
{
	struct state first;

	start(&first, sc);
	check_holds(&model, &first, sc, name, 2000000);
}

static void
fails(const char *name, const char *broken, const struct scenario *sc)
{
	struct state first;

	start(&first, sc);
	check_fails(&model, &first, sc, name, broken, 2000000);
}

#define OPS(...) .ops = { __VA_ARGS__ }

int
main(void)
{
	holds("put, put; one place is left", &(struct scenario){ OPS("p", "p"), .at = "0", .capacity = 2, .looks = 2 });
	holds("put and delete, put; who may die", &(struct scenario){ OPS("pd", "p"), .capacity = 2, .looks = 2, .mortal = 3 });
	holds("move, move and delete; who may die", &(struct scenario){ OPS("m", "md"), .at = "00", .capacity = 2, .looks = 2, .mortal = 3 });
	holds("put, put, recount", &(struct scenario){ OPS("p", "p"), .capacity = 2, .looks = 5, .recounts = 1 });
	holds("delete and put, put, recount; who may die",
	    &(struct scenario){ OPS("dp", "p"), .at = "-0", .capacity = 2, .looks = 7, .recounts = 1, .mortal = 1 });
	holds("move, move, recount; who may die",
	    &(struct scenario){ OPS("m", "m"), .at = "00", .capacity = 2, .looks = 5, .recounts = 1, .mortal = 2 });
	holds("delete and put twice, audit", &(struct scenario){ OPS("dpdp"), .at = "--00", .capacity = 4, .looks = 1, .audits = 3 });
	holds("delete and put, move twice, audit", &(struct scenario){ OPS("dp", "mm"), .at = "--00", .capacity = 4, .looks = 1, .audits = 2 });
	holds("a counter is too high; put and delete, audit",
	    &(struct scenario){ OPS("pd"), .at = "0", .planted = 3, .capacity = 9, .audits = 3 });
	fails("one look", "a counter is too low", &(struct scenario){ OPS("p", "p"), .capacity = 2, .looks = 1, .recounts = 1 });
	fails("fewer looks than operations reach over", "a counter is too low",
	    &(struct scenario){ OPS("m", "m"), .at = "00", .capacity = 2, .looks = 3, .recounts = 1 });
	fails("looks that are not apart", "a counter is too low",
	    &(struct scenario){ OPS("p", "p"), .capacity = 2, .looks = 3, .recounts = 1, .is_hasty = true });
	fails("the counters are looked at after the entries only", "a counter is too low",
	    &(struct scenario){ OPS("pp", "p"), .capacity = 4, .looks = 2, .recounts = 1, .late_only = true });
	fails("an audit takes equal counters for quiet", "the audit reports what is not there",
	    &(struct scenario){ OPS("dpdp"), .at = "--00", .capacity = 4, .looks = 1, .audits = 3, .by_values = true });
	return check_end();
}
