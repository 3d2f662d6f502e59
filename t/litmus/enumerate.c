/* SPDX-License-Identifier: BSD-2-Clause */
#include "litmus.h"

struct search {
	struct execution x;
	litmus_model model;
	unsigned long *n;
};

static bool
is_reader(const struct op *op)
{
	return op->kind == OP_LOAD || op->kind == OP_CAS || op->kind == OP_SWAP;
}

/* The value that a read sees. */
static int
value_read(const struct execution *x, int e)
{
	return x->value[x->from[e]];
}

/* Nobody writes between what a cas or swap reads and what it writes; no model allows it. */
static bool
is_atomic(const struct execution *x)
{
	for (int e = 0; e < x->n; e++)
		if (x->reads[e] && x->writes[e] && x->rank[e] != x->rank[x->from[e]] + 1)
			return false;
	return true;
}

/* Order the writes of each place from `e` on in every way; a rank is given to one of the writes that have none. */
static bool
order_writes(struct search *q, int place, int rank)
{
	struct execution *x = &q->x;
	bool is_done = true;

	if (place == x->s->n_places) {
		++*q->n;
		return is_atomic(x) && q->model(x);
	}
	for (int e = x->s->n_places; e < x->n; e++) {
		if (!x->writes[e] || x->place[e] != place || x->rank[e] != 0)
			continue;
		is_done = false;
		x->rank[e] = rank;
		if (order_writes(q, place, rank + 1))
			return true;
		x->rank[e] = 0;
	}
	return is_done && order_writes(q, place + 1, 1);
}

static bool
is_outcome(const struct execution *x)
{
	for (int i = 0; i < x->s->n_conds; i++)
		if (value_read(x, x->s->n_places + x->s->never[i].op) != x->s->never[i].value)
			return false;
	return true;
}

/* Let each read from `e` on read from each write of its place. */
static bool
choose_sources(struct search *q, int e)
{
	struct execution *x = &q->x;

	while (e < x->n && !x->reads[e])
		e++;
	if (e == x->n)
		return is_outcome(x) && order_writes(q, 0, 1);
	for (int w = 0; w < x->n; w++) {
		const struct op *op = &x->s->op[x->op[e]];

		if (w == e || !x->writes[w] || x->place[w] != x->place[e])
			continue;
		/* it succeeds just when it reads what it wants */
		if (op->kind == OP_CAS && (x->value[w] == op->want) != x->writes[e])
			continue;
		x->from[e] = w;
		if (choose_sources(q, e + 1))
			return true;
	}
	return false;
}

/* Let each cas from the i-th op on succeed, and fail. */
static bool
choose_success(struct search *q, int i)
{
	const struct shape *s = q->x.s;
	int e = s->n_places + i;

	while (i < s->n_ops && s->op[i].kind != OP_CAS) {
		i++;
		e++;
	}
	if (i == s->n_ops)
		return choose_sources(q, 0);
	for (int success = 0; success < 2; success++) {
		q->x.writes[e] = success;
		if (choose_success(q, i + 1))
			return true;
	}
	return false;
}

bool
litmus_allows(const struct shape *s, litmus_model model, unsigned long *n_executions)
{
	struct search q = { .x = { .s = s }, .model = model, .n = n_executions };
	struct execution *x = &q.x;

	for (int i = 0; i < s->n_places; i++, x->n++) {
		x->op[x->n] = x->thread[x->n] = -1;
		x->place[x->n] = i;
		x->value[x->n] = s->init[i];
		x->writes[x->n] = true;
	}
	for (int i = 0; i < s->n_ops; i++, x->n++) {
		const struct op *op = &s->op[i];

		x->op[x->n] = i;
		x->thread[x->n] = op->thread;
		x->place[x->n] = op->kind == OP_FENCE ? -1 : op->place;
		x->value[x->n] = op->value;
		x->reads[x->n] = is_reader(op);
		x->writes[x->n] = op->kind == OP_STORE || op->kind == OP_SWAP;
	}
	return choose_success(&q, 0);
}
