/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * move.c - model of a session that moves, is used and ends: what is written in place is neither lost nor counted twice.
 *
 * Mirrors gs_kv_relocate and gs_kv_publish with gs_words_merge, gs_words_access,
 * gs_words_renew, gs_kv_del, and expire of gs_kv_settle, on one entry.
 * Interest halves with each unit of time, so it is whole here.  The looks at
 * the key and the bytes of a record are in publish.c, and the writing of a
 * slot that no entry names is one step; take_over, which repeats until it
 * has exchanged the word, is one too.
 *
 * Two things it does not hold, because they are not so.  A sweep that dies
 * between its claim and its taking it back leaves a session that is over,
 * though an access may have been answered.  And what came to the old slot
 * between copy and swing is in the new one only when the mover has carried
 * it: a sweep of the new slot before that judges without it, and if the
 * mover dies there it is lost.
 */
#include "move_model.h"

#include <string.h>

static bool
has_ended(const struct scenario *sc, int who, const struct proc *p)
{
	return sc->ops[who] == NULL || sc->ops[who][2 * p->op] == '\0';
}

static bool
step(void *state, int who, const void *scenario, struct check_note *n)
{
	const struct scenario *sc = scenario;
	struct state *x = state;
	const struct proc *p = &x->p[who];

	if (has_ended(sc, who, p))
		return false;
	if (p->pc >= WRITE && p->pc <= MERGE_LOOK)
		move_publish_step(x, who, sc, n);
	else
		move_use_step(x, who, sc, n);
	return true;
}

/* One use that was answered with success: is it in the record? */
static const char *
judge_use(const struct slot *s, int kind, int now)
{
	if ((kind == 'u' || kind == 't') && (s->t.v < now || s->x.v < now + TTL))
		return "a touch was lost";
	if (s->a.v < now)
		return "the last access is earlier than one that was answered";
	return NULL;
}

static const char *
judge(void *state, const void *scenario)
{
	const struct scenario *sc = scenario;
	const struct state *x = state;
	const struct slot *s = &x->s[x->e > 0 ? x->e - 1 : 0];	/* looked at only when there is one */
	const char *why = NULL;
	int want, n_used = 0;

	if (x->e != 0 && (s->gen != x->gen || s->value != x->current))
		return "an entry names another value than was put last";
	for (int who = 0; who < PROCS; who++)
		if (!has_ended(sc, who, &x->p[who]))
			return NULL;
	want = x->e != 0 ? move_fade(ONE, s->a.v) : 0;
	for (int who = 0; who < PROCS; who++)
		for (int op = 0; sc->ops[who] != NULL && sc->ops[who][2 * op] != '\0'; op++) {
			int kind = move_kind_of(sc, who, op), now = move_now_of(sc, who, op);

			if ((x->p[who].acked >> op & 1) == 0 || kind == 'm' || kind == 's' || kind == 'd')
				continue;
			n_used += kind == 't' || sc->ring == 1;
			if (x->e == 0)
				continue;
			want += kind == 't' ? 0 : move_fade(ONE, s->a.v - now);
			why = why != NULL ? why : judge_use(s, kind, now);
		}
	if (n_used > 0 && !sc->may_end && (x->e == 0 || s->x.v == 0))
		return "a session has ended that was used at its last instant";
	if (x->e == 0 || why != NULL)
		return why;
	if (s->i.v < want)
		return "an access was lost";
	return sc->is_exact && s->i.v > want ? "an access was counted twice" : NULL;
}

static const struct check_model model = { sizeof(struct state), PROCS, step, judge, 300 };

static void
begin(struct state *x, const struct scenario *sc)
{
	memset(x, 0, sizeof(*x));
	for (int who = 0; who < PROCS; who++)
		x->p[who].cell[0] = (uint8_t)(who + 1);
	x->s[3] = (struct slot){ .x = { (uint16_t)(sc->touched + TTL), 1, 0 }, .a = { 0, 1, 0 }, .i = { ONE, 1, 0 },
		.t = { sc->touched, 1, 0 },
		.gen = 1, .value = 1, .ring = sc->ring };
	x->e = 4;
	x->gen = x->current = 1;
}

static void
holds(const char *name, const struct scenario *sc)
{
	struct state first;

	begin(&first, sc);
	check_holds(&model, &first, sc, name, 1200000);
}

static void
fails(const char *name, const char *broken, const struct scenario *sc)
{
	struct state first;

	begin(&first, sc);
	check_fails(&model, &first, sc, name, broken, 1000000);
}

#define OPS(...) .ops = { __VA_ARGS__ }

int
main(void)
{
	holds("move, access, access; at one time", &(struct scenario){ OPS("m0", "a0", "a0"), .is_exact = true });
	holds("move out and in, access twice", &(struct scenario){ OPS("m1m1", "a1a1"), });
	holds("move, access, access; at different times", &(struct scenario){ OPS("m1", "a1", "a2") });
	holds("access, access, access; at different times", &(struct scenario){ OPS("a1", "a2", "a3") });
	holds("move, update, access", &(struct scenario){ OPS("m1", "u1", "a1") });
	holds("move, update, touch", &(struct scenario){ OPS("m2", "u2", "t2") });
	holds("move, update, update, access; at one time", &(struct scenario){ OPS("m0", "u0u0", "a0"), .is_exact = true });
	holds("update, update, access; at one time", &(struct scenario){ OPS("u0", "u0", "a0"), .is_exact = true });
	holds("move, delete, access", &(struct scenario){ OPS("m1", "d1", "a1"), .may_end = true });
	holds("move, delete, update", &(struct scenario){ OPS("m1", "d1", "u1"), .may_end = true });
	holds("move, touch, access", &(struct scenario){ OPS("m2", "t2", "a1") });
	holds("move, touch, touch", &(struct scenario){ OPS("m2", "t2", "t2") });
	holds("touch without idle time, move", &(struct scenario){ OPS("m0", "a2t2") });
	holds("update, touch, move", &(struct scenario){ OPS("u2", "t2", "m2") });
	holds("sweep, access at the last instant", &(struct scenario){ OPS("s4s4", "a3"), .ring = 1, .touched = 3 });
	holds("sweep, access, access", &(struct scenario){ OPS("s4s4", "a3", "a3"), .ring = 1, .touched = 3 });
	holds("sweep, access, access that brings in", &(struct scenario){ OPS("s4", "a3", "p3"), .ring = 1, .touched = 3 });
	holds("sweep, touch at the last instant", &(struct scenario){ OPS("s4s4", "t3", "a3") });
	fails("the old slot is left open to accesses", "an access was lost", &(struct scenario){ OPS("m0", "a0"), .no_close = true });
	fails("nothing is carried over", "an access was lost", &(struct scenario){ OPS("m0", "a0"), .no_merge = true });
	fails("a touch of a replaced slot is not told from one in time", "a touch was lost", &(struct scenario){ OPS("m2", "t2"), .no_close = true, .no_look = true });
	fails("the sweep does not look at A after its claim", "a session has ended that was used at its last instant",
	    &(struct scenario){ OPS("s4", "a3"), .ring = 1, .touched = 3, .no_second_a = true });
	fails("a move takes X and T from both sides of a touch", "a touch was lost",
	    &(struct scenario){ OPS("m2", "a2t2"), .torn_touch = true });
	fails("a move carries the claim of the sweep", "a session has ended that was used at its last instant",
	    &(struct scenario){ OPS("s4", "a3", "p3"), .ring = 1, .touched = 3, .copied_claim = true });
	fails("the slot that a move carries to is replaced: an access", "an access was lost",
	    &(struct scenario){ OPS("m1", "u1", "a1"), .no_follow = true });
	fails("the slot that a move carries to is replaced: a touch", "a touch was lost",
	    &(struct scenario){ OPS("m2", "p2", "t2"), .no_follow = true });
	fails("a touch does not look whether the sweep was faster", "a session has ended that was used at its last instant",
	    &(struct scenario){ OPS("s4", "t3"), .ring = 1, .touched = 3, .no_second_x = true });
	fails("a touch tries only once to raise A", "the last access is earlier than one that was answered",
	    &(struct scenario){ OPS("a1", "t2"), .one_try = true });
	return check_end();
}
