/* SPDX-License-Identifier: BSD-2-Clause */
#include "move_model.h"

/* gs_record_is_over */
static bool
is_over(const struct proc *p, int ring, int now)
{
	return p->x.v < now || (ring == 1 && p->a.v + IDLE < now);
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
			move_look_again(p);
	} else if (kind == 's') {
		p->pc = p->x.v == 0 ? SWEEP_A : SWEEP_CLAIM;
		if (!is_over(p, s->ring, now))
			move_next_op(p, false);
	} else if (is_there || is_over(p, s->ring, now)) {
		move_next_op(p, is_there);
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
			move_next_op(p, false);
		return;
	case LOOK_WORD:
		n->what = "match_entry, hit_at: load of W";
		p->pc = HEAD_X;
		if (s->gen != p->gen)
			move_look_again(p);
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
			move_look_again(p);
			return;
		}
		break;
	default:
		n->what = "gs_record_header: second load of A";
		if (move_is_same(s->a, p->a))
			judge_header(p, s, kind, now, sc);
		else
			move_look_again(p);
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
		move_look_again(p);
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
		n->what = "gs_words_access: load of I";
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
		if (!move_is_same(s->a, p->other)) {
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
			move_look_again(p);
			return;
		}
		if (!move_is_same(s->i, p->word)) {
			p->word = s->i;
			p->idle = 0;
			return;
		}
		s->i.v = (uint16_t)(move_fade(s->i.v, p->idle) + ONE);
		s->i.number++;
		p->pc = ACCESS_X;
		return;
	default:
		n->what = "gs_words_access: load of X";
		if (s->x.v != 0)
			move_next_op(p, true);
		else
			move_look_again(p);
		return;
	}
}

/*
 * raise_word of T and A in gs_words_renew; its load is part of the exchange that fails. What is seen is the header's at
 * first, and one try more than the C code makes.
 */
static void
touch_word(struct word *word, struct word *seen, struct proc *p, int now, const struct scenario *sc, int raised, int is_later)
{
	bool was_same = move_is_same(*word, *seen);

	*seen = *word;
	if (word->gen != p->gen) {
		move_look_again(p);
	} else if (word->v >= now || (!was_same && sc->one_try)) {
		p->pc = (uint8_t)is_later;
	} else if (was_same) {
		word->v = (uint16_t)now;
		p->pc = (uint8_t)raised;
	}
}

static void
step_touch(struct state *x, struct proc *p, int now, const struct scenario *sc, struct check_note *n)
{
	struct slot *s = &x->s[p->e - 1];

	switch (p->pc) {
	case TOUCH_X:
		n->what = "gs_words_renew: compare-and-swap of X";
		if (!move_is_same(s->x, p->x)) {
			move_look_again(p);
			return;
		}
		s->x.v = (uint16_t)(now + TTL);
		p->pc = TOUCH_T;
		return;
	case TOUCH_T:
		n->what = "raise_word: compare-and-swap of T";
		touch_word(&s->t, &p->t, p, now, sc, TOUCH_A, TOUCH_A);
		return;
	case TOUCH_A:
		n->what = "raise_word: compare-and-swap of A";
		p->idle = (uint8_t)(now - p->a.v);
		touch_word(&s->a, &p->a, p, now, sc, TOUCH_I, TOUCH_X_LOAD);
		return;
	case TOUCH_I:
		n->what = "gs_words_renew: compare-and-swap of I";
		if (move_is_same(s->i, p->i)) {
			s->i.v = (uint16_t)move_fade(p->i.v, p->idle);
			s->i.number++;
		}
		p->pc = TOUCH_X_LOAD;
		return;
	case TOUCH_X_LOAD:
		n->what = "gs_words_renew: load of X";
		p->pc = TOUCH_ENTRY;
		if (s->x.v == 0 && !sc->no_second_x)
			move_look_again(p);
		return;
	default:
		n->what = "gs_words_renew: load of the entry";
		if ((x->e == p->e && x->gen == p->gen) || sc->no_look)
			move_next_op(p, true);
		else
			move_look_again(p);
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
		if (move_is_same(s->x, p->x))
			s->x.v = 0;
		else
			move_next_op(p, false);
		return;
	case SWEEP_A:
		n->what = "expire: second load of A";
		p->pc = move_is_same(s->a, p->a) ? REMOVE : SWEEP_UNDO;
		return;
	case SWEEP_UNDO:
		n->what = "expire: compare-and-swap of X back";
		if (s->x.v == 0 && s->x.gen == p->x.gen)
			s->x = p->x;
		move_next_op(p, false);
		return;
	default:
		n->what = "gs_index_remove: compare-and-swap of the entry";
		if (x->e == p->e && x->gen == p->gen) {
			x->e = x->gen = x->current = 0;
			move_next_op(p, true);
		} else if (kind == 's') {
			move_next_op(p, false);
		} else {
			move_look_again(p);
		}
		return;
	}
}

void
move_use_step(struct state *x, int who, const struct scenario *sc, struct check_note *n)
{
	struct proc *p = &x->p[who];
	int kind = move_kind_of(sc, who, p->op), now = move_now_of(sc, who, p->op);

	if (p->pc <= HEAD_A_SAME)
		step_look(x, p, kind, now, sc, n);
	else if (p->pc <= ACCESS_X)
		step_access(x, p, now, n);
	else if (p->pc <= TOUCH_ENTRY)
		step_touch(x, p, now, sc, n);
	else
		step_end(x, p, kind, sc, n);
}
