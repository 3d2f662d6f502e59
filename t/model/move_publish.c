/* SPDX-License-Identifier: BSD-2-Clause */
#include "move_model.h"

/* The slot that a relocation or an update publishes. */
static void
write_slot(struct slot *s, const struct proc *p, const struct scenario *sc, int kind, int who, int now)
{
	uint8_t gen = ++s->gen;

	s->x = (struct word){ sc->torn_touch || sc->copied_claim ? p->x.v : (uint16_t)(p->t.v + TTL), gen, 0 };
	s->a = (struct word){ p->a.v, gen, 0 };
	s->i = (struct word){ p->i.v, gen, 0 };
	s->t = (struct word){ p->t.v, gen, 0 };
	s->value = p->value;
	s->ring = kind == 'm' ? !sc->ring : kind == 'p' ? 0 : sc->ring;
	if (kind != 'u')
		return;
	s->i.v = (uint16_t)(move_fade(p->i.v, now - p->a.v) + ONE);
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
		write_slot(s, p, sc, move_kind_of(sc, who, p->op), who, move_now_of(sc, who, p->op));
		p->pc = REPLACE;
		return;
	}
	n->what = "gs_index_replace: compare-and-swap of the entry";
	if (x->e != p->e || x->gen != p->gen) {
		move_look_again(p);
		return;
	}
	x->e = p->cell[0];
	x->gen = s->gen;
	if (move_kind_of(sc, who, p->op) == 'u')
		x->current = s->value;
	p->old = p->e;
	p->e = x->e;
	p->gen = x->gen;
	p->cell[0] = p->cell[1] != 0 ? p->cell[1] : p->old;
	p->cell[1] = p->cell[1] != 0 ? p->old : 0;
	p->pc = CLOSE_I;
}

/* Published, and what changed meanwhile carried over. */
static void
merged(struct proc *p, int kind)
{
	if (kind == 'p')
		move_look_again(p);
	else
		move_next_op(p, true);
}

/* take_over in words.c */
static struct word
take_over(struct word *word, const struct scenario *sc)
{
	struct word seen = *word;

	if (!sc->no_close)
		word->gen ^= CLOSED;
	return seen;
}

/* What is still to be carried to the slot that is there now? */
static void
carry_next(struct proc *p, bool is_through)
{
	p->pc = p->has_accesses && !is_through ? MERGE_MINE : p->has_touch ? MERGE_T_LOAD : MERGE_LOOK;
}

static void
step_close(struct state *x, struct proc *p, const struct scenario *sc, struct check_note *n)
{
	struct slot *old = &x->s[p->old - 1];

	switch (p->pc) {
	case CLOSE_I:
		n->what = "take_over: exchange of I of the old slot";
		p->x = take_over(&old->i, sc);
		break;
	case CLOSE_A:
		n->what = "take_over: exchange of A of the old slot";
		p->other = take_over(&old->a, sc);
		break;
	default:
		n->what = "take_over: exchange of T of the old slot";
		p->touched = take_over(&old->t, sc);
		p->has_accesses = !move_is_same(p->other, p->a) || !move_is_same(p->x, p->i);
		p->has_touch = !move_is_same(p->touched, p->t);
		carry_next(p, false);
		return;
	}
	p->pc++;
}

static void
raise_merged(struct proc *p)
{
	p->mine_ms = (uint8_t)p->other.v;
	p->pc = p->more.v >= p->other.v ? MERGE_NOW : MERGE_RAISE_CAS;
	if (p->more.gen != p->gen)
		carry_next(p, true);
}

static void
carry_interest(struct slot *s, struct proc *p, struct check_note *n)
{
	int with = move_fade(p->word.v, p->other.v - p->mine_ms);
	int now = move_fade(p->x.v, p->now_ms - p->other.v), seen = move_fade(p->i.v, p->now_ms - p->a.v);

	n->what = "carry_accesses: compare-and-swap of I of the new slot";
	p->mine_ms = (uint8_t)p->other.v;
	if (p->word.gen != p->gen) {
		carry_next(p, true);
	} else if (move_is_same(s->i, p->word)) {
		s->i.v = (uint16_t)(with + (now > seen ? now - seen : 0));
		s->i.number++;
		p->has_accesses = 0;
		carry_next(p, true);
	} else {
		p->word = s->i;
	}
}

static void
step_carry_accesses(struct state *x, struct proc *p, struct check_note *n)
{
	struct slot *s = &x->s[p->e - 1];

	switch (p->pc) {
	case MERGE_MINE:
		n->what = "carry_accesses: load of I of the new slot";
		p->word = s->i;
		p->pc = MERGE_RAISE;
		return;
	case MERGE_RAISE:
		n->what = "raise_word: load of A of the new slot";
		p->more = s->a;
		raise_merged(p);
		return;
	case MERGE_RAISE_CAS:
		n->what = "raise_word: compare-and-swap of A of the new slot";
		if (!move_is_same(s->a, p->more)) {
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
	if (p->pc == MERGE_X)
		p->has_touch = 0;
}

static void
step_carry_touch(struct state *x, struct proc *p, struct check_note *n)
{
	struct slot *s = &x->s[p->e - 1];

	switch (p->pc) {
	case MERGE_T_LOAD:
		n->what = "raise_word: load of T of the new slot";
		p->more = s->t;
		raise_touched(p);
		return;
	case MERGE_T_CAS:
		n->what = "raise_word: compare-and-swap of T of the new slot";
		p->pc = MERGE_X;
		if (move_is_same(s->t, p->more)) {
			s->t.v = p->touched.v;
			p->has_touch = 0;
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
		if (move_is_same(s->x, p->more)) {
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
	n->what = "current_record: load of the entry";
	if (x->e == 0) {
		merged(p, kind);
		return;
	}
	p->e = x->e;
	p->gen = x->gen;
	carry_next(p, false);
}

void
move_publish_step(struct state *x, int who, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[who];
	int kind = move_kind_of(sc, who, p->op);

	if (p->pc <= REPLACE)
		step_publish(x, p, who, sc, n);
	else if (p->pc <= CLOSE_T)
		step_close(x, p, sc, n);
	else if (p->pc <= MERGE_I_CAS)
		step_carry_accesses(x, p, n);
	else if (p->pc < MERGE_LOOK)
		step_carry_touch(x, p, n);
	else
		step_follow(x, p, kind, n);
	if ((sc->no_merge && p->pc == CLOSE_I) || (p->pc == MERGE_LOOK && (sc->no_follow || (!p->has_accesses && !p->has_touch))))
		merged(p, kind);
}
