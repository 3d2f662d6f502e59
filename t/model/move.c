/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * move.c - model of a session that moves, is used and ends: what is written in place is neither lost nor counted twice.
 *
 * Mirrors gs_kv_relocate and gs_kv_publish with gs_record_merge, gs_record_access,
 * renew of gs_kv_touch, gs_kv_del, and expire of gs_kv_settle, on one entry.
 * Interest halves with each unit of time, so it is whole here.  The looks at
 * the key and the bytes of a record are in publish.c, and the writing of a
 * slot that no entry names is one step; take_over, which repeats until it
 * has exchanged the word, is one too.
 */
#include "check.h"

#include <stdint.h>
#include <string.h>

enum {
	SLOTS = 5, PROCS = 4, CELLS = 2,
	ONE = 64,			/* the interest of one access */
	TTL = 3,			/* from the last touch */
	IDLE = 3,			/* from the last access, in the last ring */
};

enum pc {
	LOOK_ENTRY, LOOK_WORD, HEAD_X, HEAD_A, HEAD_I, HEAD_T, HEAD_SAME, HEAD_A_SAME,
	ACCESS_I, ACCESS_A, ACCESS_A_CAS, ACCESS_I_CAS, ACCESS_X,
	WRITE, REPLACE, MERGE_MINE, MERGE_I, MERGE_A, MERGE_RAISE, MERGE_RAISE_CAS, MERGE_NOW, MERGE_I_CAS,
	MERGE_T, MERGE_T_LOAD, MERGE_T_CAS, MERGE_X, MERGE_X_CAS, MERGE_LOOK,
	TOUCH_X, TOUCH_T, TOUCH_A, TOUCH_I, TOUCH_X_LOAD, TOUCH_ENTRY,
	SWEEP_CLAIM, SWEEP_A, SWEEP_UNDO,
	REMOVE,
};

struct word { uint16_t v, gen; };	/* gs_timed */
struct slot { struct word x, a, i, t; uint8_t gen, value, ring, pad; };

struct proc {
	struct word x, a, i, t;		/* the header as copied: `seen` */
	struct word word, other, more;	/* loaded, most before an exchange */
	struct word touched;		/* T of the old slot */
	uint8_t pc, op, e, gen, cell[CELLS], idle, mine_ms, now_ms, old, relocates, acked, value;
	uint8_t is_carried, is_taken, has_touch;
};

struct state {
	struct slot s[SLOTS];
	uint8_t e, gen;			/* the entry: slot + 1, generation */
	uint8_t current, pad;		/* book: the value that was published last, 0 is none */
	struct proc p[PROCS];
};
_Static_assert(sizeof(struct state) % 8 == 0, "whole words");

/*
 * Each operation is a letter and the time at which it looked at its clock:
 * a access, p access that brings in, m move, u update, t touch, d delete, s sweep.
 */
struct scenario {
	const char *ops[PROCS];
	uint8_t ring;			/* where it is at first: 0, or 1, the last one */
	uint8_t touched;		/* and when it was touched */
	bool is_exact;			/* all at one time: interest must be exact at the end */
	bool may_end;			/* by a delete */
	bool no_close, no_merge, no_look, no_second_a, torn_touch, copied_claim, no_follow, no_second_x, one_try;
};

static int kind_of(const struct scenario *sc, int who, int op) { return sc->ops[who][2 * op]; }
static int now_of(const struct scenario *sc, int who, int op) { return sc->ops[who][2 * op + 1] - '0'; }
static bool is_same(struct word a, struct word b) { return a.v == b.v && a.gen == b.gen; }
static int fade(int interest, int idle) { return idle > 0 ? interest >> idle : interest; }

/* gs_record_is_over */
static bool
is_over(const struct proc *p, int ring, int now)
{
	return p->x.v < now || (ring == 1 && p->a.v + IDLE < now);
}

static void
next_op(struct proc *p, bool is_acked)
{
	struct proc fresh = { .op = (uint8_t)(p->op + 1), .cell = { p->cell[0], p->cell[1] },
		.acked = (uint8_t)(p->acked | is_acked << p->op) };

	*p = fresh;
}

static void
look_again(struct proc *p)
{
	struct proc fresh = { .op = p->op, .cell = { p->cell[0], p->cell[1] }, .acked = p->acked };

	*p = fresh;
}

/* The header is copied and whole: what the operation does with it. */
static void
judge_header(struct proc *p, const struct slot *s, int kind, int now, const struct scenario *sc)
{
	bool is_there = kind == 'm' && s->ring != sc->ring;

	if (p->relocates) {
		/* gs_kv_relocate: a claim of the sweep is not carried to where it cannot be taken back */
		p->pc = WRITE;
		if (p->x.v == 0 && !sc->copied_claim)
			look_again(p);
	} else if (kind == 's') {
		p->pc = p->x.v == 0 ? SWEEP_A : SWEEP_CLAIM;
		if (!is_over(p, s->ring, now))
			next_op(p, false);
	} else if (is_there || is_over(p, s->ring, now)) {
		next_op(p, is_there);
	} else if (kind == 'm' || (kind == 'p' && s->ring == 1)) {
		p->relocates = 1;
		p->pc = HEAD_X;		/* it copies anew */
	} else {
		p->pc = kind == 'u' ? WRITE : kind == 't' ? TOUCH_X : kind == 'd' ? REMOVE : ACCESS_I;
	}
}

static void
step_look(struct state *x, struct proc *p, int kind, int now, const struct scenario *sc, struct check_note *n)
{
	struct slot *s = p->e > 0 ? &x->s[p->e - 1] : NULL;

	switch (p->pc) {
	case LOOK_ENTRY:
		n->what = "find_once, hit_at: load of the entry";
		p->e = x->e;
		p->gen = x->gen;
		p->pc = LOOK_WORD;
		if (p->e == 0)
			next_op(p, false);
		return;
	case LOOK_WORD:
		n->what = "match_entry, hit_at: load of W";
		p->pc = HEAD_X;
		if (s->gen != p->gen)
			look_again(p);
		return;
	case HEAD_X:
		n->what = "gs_record_header: copy of X";
		p->x = s->x;
		break;
	case HEAD_A:
		n->what = "gs_record_header: copy of A";
		p->a = s->a;
		break;
	case HEAD_I:
		n->what = "gs_record_header: copy of I";
		p->i = s->i;
		break;
	case HEAD_T:
		n->what = "gs_record_header: copy of T";
		p->t = s->t;
		p->value = s->value;
		break;
	case HEAD_SAME:
		n->what = "gs_record_is_same: load of W";
		if (s->gen != p->gen) {
			look_again(p);
			return;
		}
		break;
	default:
		n->what = "gs_record_header: second load of A";
		if (is_same(s->a, p->a))
			judge_header(p, s, kind, now, sc);
		else
			look_again(p);
		return;
	}
	p->pc++;
}

/* After a load of A, or an exchange of it that failed: raise it, or is that done? */
static void
raise_access(struct proc *p, int now)
{
	p->pc = ACCESS_A_CAS;
	if (p->other.gen != p->gen) {
		look_again(p);
	} else if (p->other.v >= now) {
		p->idle = 0;
		p->pc = ACCESS_I_CAS;
	}
}

static void
step_access(struct state *x, struct proc *p, int now, struct check_note *n)
{
	struct slot *s = &x->s[p->e - 1];

	switch (p->pc) {
	case ACCESS_I:
		n->what = "gs_record_access: load of I";
		p->word = s->i;
		p->pc = ACCESS_A;
		return;
	case ACCESS_A:
		n->what = "raise_word: load of A";
		p->other = s->a;
		raise_access(p, now);
		return;
	case ACCESS_A_CAS:
		n->what = "raise_word: compare-and-swap of A";
		if (!is_same(s->a, p->other)) {
			p->other = s->a;
			raise_access(p, now);
			return;
		}
		p->idle = (uint8_t)(now - s->a.v);
		s->a.v = (uint8_t)now;
		p->pc = ACCESS_I_CAS;
		return;
	case ACCESS_I_CAS:
		n->what = "add_interest: compare-and-swap of I";
		if (p->word.gen != p->gen) {
			look_again(p);
			return;
		}
		if (!is_same(s->i, p->word)) {
			p->word = s->i;
			p->idle = 0;
			return;
		}
		s->i.v = (uint16_t)(fade(s->i.v, p->idle) + ONE);
		p->pc = ACCESS_X;
		return;
	default:
		n->what = "gs_record_access: load of X";
		if (s->x.v != 0)
			next_op(p, true);
		else
			look_again(p);
		return;
	}
}

/* The slot that a relocation or an update publishes. */
static void
write_slot(struct slot *s, const struct proc *p, const struct scenario *sc, int kind, int who, int now)
{
	uint16_t gen = ++s->gen;

	s->x = (struct word){ sc->torn_touch || sc->copied_claim ? p->x.v : (uint16_t)(p->t.v + TTL), gen };
	s->a = (struct word){ p->a.v, gen };
	s->i = (struct word){ p->i.v, gen };
	s->t = (struct word){ p->t.v, gen };
	s->value = p->value;
	s->ring = kind == 'm' ? !sc->ring : kind == 'p' ? 0 : sc->ring;
	if (kind != 'u')
		return;
	s->i.v = (uint16_t)(fade(p->i.v, now - p->a.v) + ONE);
	s->a.v = (uint16_t)(now > p->a.v ? now : p->a.v);
	s->t.v = (uint16_t)now;
	s->x.v = (uint16_t)(now + TTL);
	s->value = (uint8_t)(2 + who * 4 + p->op);
}

static void
step_publish(struct state *x, struct proc *p, int who, const struct scenario *sc, struct check_note *n)
{
	struct slot *s = &x->s[p->cell[0] - 1];

	if (p->pc == WRITE) {
		n->what = "gs_record_write: a slot that no entry names";
		write_slot(s, p, sc, kind_of(sc, who, p->op), who, now_of(sc, who, p->op));
		p->pc = REPLACE;
		return;
	}
	n->what = "gs_index_replace: compare-and-swap of the entry";
	if (x->e != p->e || x->gen != p->gen) {
		look_again(p);
		return;
	}
	x->e = p->cell[0];
	x->gen = s->gen;
	if (kind_of(sc, who, p->op) == 'u')
		x->current = s->value;
	p->old = p->e;
	p->e = x->e;
	p->gen = x->gen;
	p->cell[0] = p->cell[1] != 0 ? p->cell[1] : p->old;
	p->cell[1] = p->cell[1] != 0 ? p->old : 0;
	p->pc = MERGE_MINE;
}

/* Published, and what changed meanwhile carried over. */
static void
merged(struct proc *p, int kind)
{
	if (kind == 'p')
		look_again(p);
	else
		next_op(p, true);
}

/* take_over in record.c */
static struct word
take_over(struct word *word, const struct scenario *sc)
{
	struct word seen = *word;

	if (!sc->no_close)
		word->gen--;
	return seen;
}

/* Through with the accesses for this slot: the touch is next. */
static void
accesses_done(struct proc *p, bool is_carried)
{
	p->is_carried = is_carried;
	p->pc = p->is_taken == 1 ? MERGE_T : p->has_touch ? MERGE_T_LOAD : MERGE_LOOK;
	p->is_taken = 2;
}

static void
raise_merged(struct proc *p)
{
	p->mine_ms = (uint8_t)p->other.v;
	p->pc = p->more.v >= p->other.v ? MERGE_NOW : MERGE_RAISE_CAS;
	if (p->more.gen != p->gen)
		accesses_done(p, false);
}

static void
carry_interest(struct slot *s, struct proc *p, struct check_note *n)
{
	int with = fade(p->word.v, p->other.v - p->mine_ms);
	int now = fade(p->x.v, p->now_ms - p->other.v), seen = fade(p->i.v, p->now_ms - p->a.v);

	n->what = "carry_accesses: compare-and-swap of I of the new slot";
	p->mine_ms = (uint8_t)p->other.v;
	if (p->word.gen != p->gen) {
		accesses_done(p, false);
	} else if (is_same(s->i, p->word)) {
		s->i.v = (uint16_t)(with + (now > seen ? now - seen : 0));
		accesses_done(p, true);
	} else {
		p->word = s->i;
	}
}

static void
step_carry_accesses(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	struct slot *old = &x->s[p->old - 1], *s = &x->s[p->e - 1];

	switch (p->pc) {
	case MERGE_MINE:
		n->what = "carry_accesses: load of I of the new slot";
		p->word = s->i;
		p->pc = p->is_taken ? MERGE_RAISE : MERGE_I;
		return;
	case MERGE_I:
		n->what = "take_over: exchange of I of the old slot";
		p->x = take_over(&old->i, sc);
		p->pc = MERGE_A;
		return;
	case MERGE_A:
		n->what = "take_over: exchange of A of the old slot";
		p->other = take_over(&old->a, sc);
		p->is_taken = 1;
		p->pc = MERGE_RAISE;
		if ((is_same(p->other, p->a) && is_same(p->x, p->i)) || p->other.gen != p->a.gen)
			accesses_done(p, true);
		return;
	case MERGE_RAISE:
		n->what = "raise_word: load of A of the new slot";
		p->more = s->a;
		raise_merged(p);
		return;
	case MERGE_RAISE_CAS:
		n->what = "raise_word: compare-and-swap of A of the new slot";
		if (!is_same(s->a, p->more)) {
			p->more = s->a;
			raise_merged(p);
			return;
		}
		p->mine_ms = (uint8_t)p->more.v;
		s->a.v = p->other.v;
		p->pc = MERGE_NOW;
		return;
	case MERGE_NOW:
		n->what = "carry_accesses: load of A of the new slot";
		p->now_ms = (uint8_t)s->a.v;
		p->pc = MERGE_I_CAS;
		return;
	default:
		carry_interest(s, p, n);
		return;
	}
}

/* After a load of X of the new slot: is there anything to raise? */
static void
raise_expiry(struct proc *p)
{
	p->pc = MERGE_X_CAS;
	if (p->more.gen != p->gen || p->more.v == 0 || p->more.v >= p->touched.v + TTL)
		p->pc = MERGE_LOOK;
}

/* After a load of T of the new slot. */
static void
raise_touched(struct proc *p)
{
	p->pc = p->more.gen != p->gen ? MERGE_LOOK : p->more.v >= p->touched.v ? MERGE_X : MERGE_T_CAS;
}

static void
step_carry_touch(struct state *x, struct proc *p, struct check_note *n)
{
	struct slot *old = &x->s[p->old - 1], *s = &x->s[p->e - 1];

	switch (p->pc) {
	case MERGE_T:
		n->what = "carry_touch: load of T of the old slot";
		p->touched = old->t;
		p->has_touch = !is_same(p->touched, p->t) && p->touched.gen == p->t.gen;
		p->pc = p->has_touch ? MERGE_T_LOAD : MERGE_LOOK;
		return;
	case MERGE_T_LOAD:
		n->what = "raise_word: load of T of the new slot";
		p->more = s->t;
		raise_touched(p);
		return;
	case MERGE_T_CAS:
		n->what = "raise_word: compare-and-swap of T of the new slot";
		p->pc = MERGE_X;
		if (is_same(s->t, p->more)) {
			s->t.v = p->touched.v;
			return;
		}
		p->more = s->t;
		raise_touched(p);
		return;
	case MERGE_X:
		n->what = "carry_touch: load of X of the new slot";
		p->more = s->x;
		raise_expiry(p);
		return;
	default:
		n->what = "carry_touch: compare-and-swap of X of the new slot";
		p->pc = MERGE_LOOK;
		if (is_same(s->x, p->more)) {
			s->x.v = (uint16_t)(p->touched.v + TTL);
			return;
		}
		p->more = s->x;
		raise_expiry(p);
		return;
	}
}

/* Was the slot that we carried to replaced meanwhile? Then on to the one that is there now. */
static void
step_follow(struct state *x, struct proc *p, int kind, struct check_note *n)
{
	n->what = "gs_record_merge: load of the entry";
	if (x->e == 0 || (x->e == p->e && x->gen == p->gen)) {
		merged(p, kind);
		return;
	}
	p->e = x->e;
	p->gen = x->gen;
	p->pc = p->is_carried ? MERGE_T_LOAD : MERGE_MINE;
}

static void
step_touch(struct state *x, struct proc *p, int now, const struct scenario *sc, struct check_note *n)
{
	struct slot *s = &x->s[p->e - 1];

	switch (p->pc) {
	case TOUCH_X:
		n->what = "gs_record_touch: compare-and-swap of X";
		if (!is_same(s->x, p->x)) {
			look_again(p);
			return;
		}
		s->x.v = (uint16_t)(now + TTL);
		p->pc = TOUCH_T;
		return;
	case TOUCH_T:
		n->what = "raise_word: compare-and-swap of T";
		p->pc = TOUCH_A;
		if (is_same(s->t, p->t) && s->t.v < now)
			s->t.v = (uint16_t)now;
		else if (!is_same(s->t, p->t) && s->t.gen == p->gen && s->t.v < now && !sc->one_try)
			p->pc = TOUCH_T;
		p->t = s->t;
		return;
	case TOUCH_A:
		n->what = "raise_word: compare-and-swap of A";
		p->pc = TOUCH_X_LOAD;
		p->idle = (uint8_t)(now - p->a.v);
		if (is_same(s->a, p->a) && s->a.v < now) {
			s->a.v = (uint16_t)now;
			p->pc = TOUCH_I;
		} else if (!is_same(s->a, p->a) && s->a.gen == p->gen && s->a.v < now && !sc->one_try) {
			p->pc = TOUCH_A;
		}
		p->a = s->a;
		return;
	case TOUCH_I:
		n->what = "gs_record_touch: compare-and-swap of I";
		if (is_same(s->i, p->i))
			s->i.v = (uint16_t)fade(p->i.v, p->idle);
		p->pc = TOUCH_X_LOAD;
		return;
	case TOUCH_X_LOAD:
		n->what = "gs_record_touch: load of X";
		p->pc = TOUCH_ENTRY;
		if (s->x.v == 0 && !sc->no_second_x)
			look_again(p);
		return;
	default:
		n->what = "gs_record_touch: load of the entry";
		if ((x->e == p->e && x->gen == p->gen) || sc->no_look)
			next_op(p, true);
		else
			look_again(p);
		return;
	}
}

static void
step_end(struct state *x, struct proc *p, int kind, const struct scenario *sc, struct check_note *n)
{
	struct slot *s = &x->s[p->e - 1];

	switch (p->pc) {
	case SWEEP_CLAIM:
		n->what = "expire: compare-and-swap of X to 0";
		p->pc = sc->no_second_a ? REMOVE : SWEEP_A;
		if (is_same(s->x, p->x))
			s->x.v = 0;
		else
			next_op(p, false);
		return;
	case SWEEP_A:
		n->what = "expire: second load of A";
		p->pc = is_same(s->a, p->a) ? REMOVE : SWEEP_UNDO;
		return;
	case SWEEP_UNDO:
		n->what = "expire: compare-and-swap of X back";
		if (s->x.v == 0 && s->x.gen == p->x.gen)
			s->x = p->x;
		next_op(p, false);
		return;
	default:
		n->what = "gs_index_remove: compare-and-swap of the entry";
		if (x->e == p->e && x->gen == p->gen) {
			x->e = x->gen = x->current = 0;
			next_op(p, true);
		} else if (kind == 's') {
			next_op(p, false);
		} else {
			look_again(p);
		}
		return;
	}
}

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
	struct proc *p = &x->p[who];
	int kind, now;

	if (has_ended(sc, who, p))
		return false;
	kind = kind_of(sc, who, p->op);
	now = now_of(sc, who, p->op);
	if (p->pc <= HEAD_A_SAME)
		step_look(x, p, kind, now, sc, n);
	else if (p->pc <= ACCESS_X)
		step_access(x, p, now, n);
	else if (p->pc <= REPLACE)
		step_publish(x, p, who, sc, n);
	else if (p->pc < MERGE_T)
		step_carry_accesses(x, p, sc, n);
	else if (p->pc < MERGE_LOOK)
		step_carry_touch(x, p, n);
	else if (p->pc == MERGE_LOOK)
		step_follow(x, p, kind, n);
	else if (p->pc <= TOUCH_ENTRY)
		step_touch(x, p, now, sc, n);
	else
		step_end(x, p, kind, sc, n);
	if ((sc->no_merge && p->pc == MERGE_MINE) || (p->pc == MERGE_LOOK && (sc->no_follow || (p->is_carried && !p->has_touch))))
		merged(p, kind);
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
	const struct slot *s = &x->s[x->e - 1];
	const char *why = NULL;
	int want, n_used = 0;

	if (x->e != 0 && (s->gen != x->gen || s->value != x->current))
		return "an entry names another value than was put last";
	for (int who = 0; who < PROCS; who++)
		if (!has_ended(sc, who, &x->p[who]))
			return NULL;
	want = x->e != 0 ? fade(ONE, s->a.v) : 0;
	for (int who = 0; who < PROCS; who++)
		for (int op = 0; sc->ops[who] != NULL && sc->ops[who][2 * op] != '\0'; op++) {
			int kind = kind_of(sc, who, op), now = now_of(sc, who, op);

			if ((x->p[who].acked >> op & 1) == 0 || kind == 'm' || kind == 's' || kind == 'd')
				continue;
			n_used += kind == 't' || sc->ring == 1;
			if (x->e == 0)
				continue;
			want += kind == 't' ? 0 : fade(ONE, s->a.v - now);
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
	x->s[4] = (struct slot){ .x = { (uint16_t)(sc->touched + TTL), 1 }, .a = { 0, 1 }, .i = { ONE, 1 }, .t = { sc->touched, 1 },
		.gen = 1, .value = 1, .ring = sc->ring };
	x->e = 5;
	x->gen = x->current = 1;
}

static void
holds(const char *name, const struct scenario *sc)
{
	struct state first;

	begin(&first, sc);
	check_holds(&model, &first, sc, name, 400000);
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
	holds("move, update, touch", &(struct scenario){ OPS("m2", "u1", "t2") });
	holds("move, update, update, access; at one time", &(struct scenario){ OPS("m0", "u0", "u0", "a0"), .is_exact = true });
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
	holds("sweep, touch, move", &(struct scenario){ OPS("s4", "t3", "m3") });
	fails("the old slot is left open to accesses", "an access was lost", &(struct scenario){ OPS("m0", "a0"), .no_close = true });
	fails("nothing is carried over", "an access was lost", &(struct scenario){ OPS("m0", "a0"), .no_merge = true });
	fails("a touch does not look at the entry again", "a touch was lost", &(struct scenario){ OPS("m2", "t2"), .no_look = true });
	fails("the sweep does not look at A after its claim", "a session has ended that was used at its last instant",
	    &(struct scenario){ OPS("s4", "a3"), .ring = 1, .touched = 3, .no_second_a = true });
	fails("a move takes X and T from both sides of a touch", "a touch was lost",
	    &(struct scenario){ OPS("m2", "a2t2"), .torn_touch = true });
	fails("a move carries the claim of the sweep", "a session has ended that was used at its last instant",
	    &(struct scenario){ OPS("s4", "a3", "p3"), .ring = 1, .touched = 3, .copied_claim = true });
	fails("the slot that a move carries to is replaced: an access", "an access was lost",
	    &(struct scenario){ OPS("m1", "u1", "a1"), .no_follow = true });
	fails("the slot that a move carries to is replaced: a touch", "a touch was lost",
	    &(struct scenario){ OPS("m2", "u1", "t2"), .no_follow = true });
	fails("a touch does not look whether the sweep was faster", "a session has ended that was used at its last instant",
	    &(struct scenario){ OPS("s4", "t3"), .ring = 1, .touched = 3, .no_second_x = true });
	fails("a touch tries only once to raise A", "the last access is earlier than one that was answered",
	    &(struct scenario){ OPS("a1", "t2"), .one_try = true });
	return check_end();
}
