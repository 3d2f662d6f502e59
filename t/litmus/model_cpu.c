/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model_cpu.c - ARMv8 and x86-TSO: what the processors allow of the instructions that compilers make.
 *
 * A cas or swap is a load and a store here.  On ARM a load is ldr, ldapr
 * (acquire) or ldar (seq_cst), a store str or stlr, a read-modify-write has
 * the acquire and the release of its order and is no barrier beyond that, as
 * where it is a loop of ldaxr and stlxr.  Dependencies, which would order
 * more, are left out.
 *
 * Source: Pulte et al., "Simplifying ARM concurrency", POPL 2018; Owens,
 * Sarkar, Sewell, "A better x86 memory model: x86-TSO", TPHOLs 2009.
 */
#include "relation.h"

struct event {
	enum { WRITE, READ, FENCE } kind;
	int thread, place, rank, from;	/* from: the event that wrote what is read */
	enum order order;
	bool is_locked;			/* of a cas or swap */
};

struct graph {
	int n;
	struct event e[MAX_EVENTS];
	struct relation po, rf, co, fr, same_place, is_external;
};

static void
add(struct graph *g, struct event e)
{
	if (g->n < MAX_EVENTS)
		g->e[g->n++] = e;
}

/* The events of an execution, a cas or swap as two. */
static void
split(const struct execution *x, struct graph *g)
{
	int write_of[MAX_EVENTS] = { 0 };

	for (int i = 0; i < x->n; i++) {
		const struct op *op = x->op[i] >= 0 ? &x->s->op[x->op[i]] : NULL;
		enum order order = op != NULL ? op->order : RELAXED;
		bool is_both = x->reads[i] && x->writes[i];

		if (op != NULL && op->kind == OP_FENCE)
			add(g, (struct event){ FENCE, x->thread[i], -1, 0, 0, order, false });
		if (x->reads[i])
			add(g, (struct event){ READ, x->thread[i], x->place[i], 0, x->from[i],
			    op->kind == OP_CAS && !is_both ? RELAXED : order, is_both });
		write_of[i] = g->n;
		if (x->writes[i])
			add(g, (struct event){ WRITE, x->thread[i], x->place[i], x->rank[i], 0, order, is_both });
	}
	for (int i = 0; i < g->n; i++)
		if (g->e[i].kind == READ)
			g->e[i].from = write_of[g->e[i].from];
}

static void
relate(struct graph *g)
{
	for (int a = 0; a < g->n; a++)
		for (int b = 0; b < g->n; b++) {
			const struct event *p = &g->e[a], *q = &g->e[b];

			if (q->thread >= 0 && p->thread == q->thread && a < b)
				relation_add(&g->po, a, b);
			if (p->thread != q->thread)
				relation_add(&g->is_external, a, b);
			if (p->place < 0 || p->place != q->place)
				continue;
			relation_add(&g->same_place, a, b);
			if (p->kind == WRITE && q->kind == WRITE && p->rank < q->rank)
				relation_add(&g->co, a, b);
			if (p->kind == WRITE && q->kind == READ && q->from == a)
				relation_add(&g->rf, a, b);
			if (p->kind == READ && q->kind == WRITE && g->e[p->from].rank < q->rank)
				relation_add(&g->fr, a, b);
		}
}

static struct relation
both(const struct relation *r, const struct relation *s)
{
	struct relation out;

	for (int a = 0; a < MAX_EVENTS; a++)
		out.row[a] = r->row[a] & s->row[a];
	return out;
}

/* Each place alone is as if there were one memory. */
static bool
is_coherent(const struct graph *g)
{
	struct relation r = both(&g->po, &g->same_place);

	relation_join(&r, &g->rf);
	relation_join(&r, &g->co);
	relation_join(&r, &g->fr);
	return relation_is_acyclic(&r);
}

/* What other processors see of the order of two accesses of one. */
static bool
is_kept_by_arm(const struct graph *g, int a, int b)
{
	const struct event *p = &g->e[a], *q = &g->e[b];
	bool is_ldar = q->kind == READ && q->order == SEQ_CST && !q->is_locked;
	bool is_ldaxr = q->kind == READ && (q->order & ACQUIRE) != 0 && q->is_locked;

	if (p->kind == READ && (p->order & ACQUIRE) != 0)
		return true;
	if (q->kind == WRITE && (q->order & RELEASE) != 0)
		return true;
	/* stlr and ldar are not turned round, stlr and ldapr are */
	if (p->kind == WRITE && (p->order & RELEASE) != 0 && (is_ldar || is_ldaxr))
		return true;
	/* a store of a read-modify-write is not before its load */
	if (p->kind == READ && q->kind == WRITE && p->is_locked && b == a + 1)
		return true;
	for (int f = a + 1; f < b; f++)
		if (g->e[f].kind == FENCE && g->e[f].thread == p->thread && g->e[f].order != RELAXED &&
		    (g->e[f].order != ACQUIRE || p->kind == READ))	/* dmb ish, dmb ishld */
			return true;
	return false;
}

static bool
is_kept_by_x86(const struct graph *g, int a, int b)
{
	const struct event *p = &g->e[a], *q = &g->e[b];

	if (p->kind != WRITE || q->kind != READ)
		return true;
	/* mfence; and xchg, which a seq_cst store is */
	for (int f = a + 1; f < b; f++)
		if (g->e[f].kind == FENCE && g->e[f].thread == p->thread && g->e[f].order == SEQ_CST)
			return true;
	return p->is_locked || q->is_locked || p->order == SEQ_CST;
}

static bool
is_allowed(const struct execution *x, bool (*is_kept)(const struct graph *, int, int), bool from_own)
{
	struct graph g = { .n = 0 };
	struct relation ob = { { 0 } }, seen;

	split(x, &g);
	relate(&g);
	if (!is_coherent(&g))
		return false;
	seen = g.rf;
	relation_join(&seen, &g.co);
	relation_join(&seen, &g.fr);
	ob = both(&seen, &g.is_external);
	for (int a = 0; a < g.n; a++)
		for (int b = a + 1; b < g.n; b++)
			if (relation_has(&g.po, a, b) && g.e[a].kind != FENCE && g.e[b].kind != FENCE && is_kept(&g, a, b))
				relation_add(&ob, a, b);
	/* What a read-modify-write stored and its own thread then acquires. */
	for (int a = 0; from_own && a < g.n; a++)
		for (int b = 0; b < g.n; b++)
			if (relation_has(&g.rf, a, b) && g.e[a].is_locked && (g.e[b].order & ACQUIRE) != 0)
				relation_add(&ob, a, b);
	return relation_is_acyclic(&ob);
}

bool
litmus_is_arm(const struct execution *x)
{
	return is_allowed(x, is_kept_by_arm, true);
}

bool
litmus_is_x86(const struct execution *x)
{
	return is_allowed(x, is_kept_by_x86, false);
}
