/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model_c.c - RC11: what the language allows.
 *
 * Source: Lahav, Vafeiadis, Kang, Hur, Dreyer, "Repairing sequential
 * consistency in C/C++11", PLDI 2017, with the release sequences of C17 and
 * later: a store continues none, a read-modify-write does.
 */
#include "relation.h"

struct rc11 {
	const struct execution *x;
	struct relation sb, rf, mo, rb, hb, eco;
};

static enum order
order_of(const struct execution *x, int e)
{
	const struct op *op;

	if (x->op[e] < 0)
		return RELAXED;
	op = &x->s->op[x->op[e]];
	/* A cas that failed is a load, with the least order that it may be given. */
	return op->kind == OP_CAS && !x->writes[e] ? RELAXED : op->order;
}

static bool
is_fence(const struct execution *x, int e)
{
	return x->op[e] >= 0 && x->s->op[x->op[e]].kind == OP_FENCE;
}

static bool is_sc(const struct execution *x, int e) { return order_of(x, e) == SEQ_CST; }
static bool is_acquire(const struct execution *x, int e) { return (order_of(x, e) & ACQUIRE) != 0; }
static bool is_release(const struct execution *x, int e) { return (order_of(x, e) & RELEASE) != 0; }
static bool is_same_place(const struct execution *x, int a, int b) { return x->place[a] >= 0 && x->place[a] == x->place[b]; }

static void
base_relations(struct rc11 *g)
{
	const struct execution *x = g->x;

	for (int a = 0; a < x->n; a++) {
		for (int b = 0; b < x->n; b++) {
			if (x->op[b] >= 0 && (x->op[a] < 0 || (x->thread[a] == x->thread[b] && a < b)))
				relation_add(&g->sb, a, b);
			if (x->writes[a] && x->writes[b] && is_same_place(x, a, b) && x->rank[a] < x->rank[b])
				relation_add(&g->mo, a, b);
			if (x->reads[a] && x->writes[b] && a != b && is_same_place(x, a, b) && x->rank[x->from[a]] < x->rank[b])
				relation_add(&g->rb, a, b);
		}
		if (x->reads[a])
			relation_add(&g->rf, x->from[a], a);
	}
}

/* Who synchronizes with whom: release, and acquire of that write or of one that a read-modify-write made of it. */
static struct relation
synchronizes(const struct rc11 *g)
{
	const struct execution *x = g->x;
	struct relation chain = { { 0 } }, reaches, sw = { { 0 } };

	for (int e = 0; e < x->n; e++)
		if (x->reads[e] && x->writes[e])
			relation_add(&chain, x->from[e], e);
	chain = relation_closure(&chain);
	for (int e = 0; e < x->n; e++)
		relation_add(&chain, e, e);
	reaches = relation_then(&chain, &g->rf);
	for (int w = 0; w < x->n; w++)
		for (int r = 0; r < x->n; r++) {
			if (!x->writes[w] || !relation_has(&reaches, w, r))
				continue;
			for (int a = 0; a < x->n; a++)
				for (int b = 0; b < x->n; b++)
					if (is_release(x, a) && is_acquire(x, b) &&
					    (a == w || (is_fence(x, a) && relation_has(&g->sb, a, w))) &&
					    (b == r || (is_fence(x, b) && relation_has(&g->sb, r, b))))
						relation_add(&sw, a, b);
		}
	return sw;
}

/* What seq_cst events are ordered by, from event to event. */
static struct relation
sc_before(const struct rc11 *g)
{
	const struct execution *x = g->x;
	struct relation far = { { 0 } }, out = g->sb, around;

	for (int a = 0; a < x->n; a++)
		for (int b = 0; b < x->n; b++) {
			if (relation_has(&g->sb, a, b) && !is_same_place(x, a, b))
				relation_add(&far, a, b);
			if (relation_has(&g->hb, a, b) && is_same_place(x, a, b))
				relation_add(&out, a, b);
		}
	around = relation_then(&far, &g->hb);
	around = relation_then(&around, &far);
	relation_join(&out, &around);
	relation_join(&out, &g->mo);
	relation_join(&out, &g->rb);
	return out;
}

/* psc of the paper, over seq_cst accesses and fences. */
static bool
is_sc_acyclic(const struct rc11 *g)
{
	const struct execution *x = g->x;
	struct relation enter = { { 0 } }, leave = { { 0 } }, scb = sc_before(g), psc, between;

	for (int e = 0; e < x->n; e++) {
		if (!is_sc(x, e))
			continue;
		relation_add(&enter, e, e);
		relation_add(&leave, e, e);
		for (int o = 0; is_fence(x, e) && o < x->n; o++) {
			if (relation_has(&g->hb, e, o))
				relation_add(&enter, e, o);
			if (relation_has(&g->hb, o, e))
				relation_add(&leave, o, e);
		}
	}
	psc = relation_then(&enter, &scb);
	psc = relation_then(&psc, &leave);
	between = relation_then(&g->hb, &g->eco);
	between = relation_then(&between, &g->hb);
	relation_join(&between, &g->hb);
	for (int a = 0; a < x->n; a++)
		for (int b = 0; b < x->n; b++)
			if (is_fence(x, a) && is_fence(x, b) && is_sc(x, a) && is_sc(x, b) && relation_has(&between, a, b))
				relation_add(&psc, a, b);
	return relation_is_acyclic(&psc);
}

bool
litmus_is_c(const struct execution *x)
{
	struct rc11 g = { .x = x };
	struct relation sw, thin_air, back;

	base_relations(&g);
	sw = synchronizes(&g);
	relation_join(&sw, &g.sb);
	g.hb = relation_closure(&sw);
	g.eco = g.rf;
	relation_join(&g.eco, &g.mo);
	relation_join(&g.eco, &g.rb);
	g.eco = relation_closure(&g.eco);
	back = relation_then(&g.hb, &g.eco);
	thin_air = g.sb;
	relation_join(&thin_air, &g.rf);
	return relation_is_irreflexive(&g.hb) && relation_is_irreflexive(&back) && relation_is_acyclic(&thin_air) && is_sc_acyclic(&g);
}
