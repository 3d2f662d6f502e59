/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * relation.h - relations over the events of an execution, as rows of bits.
 */
#ifndef T_LITMUS_RELATION_H
#define T_LITMUS_RELATION_H

#include "litmus.h"

struct relation { uint32_t row[MAX_EVENTS]; };

static inline void relation_add(struct relation *r, int a, int b) { r->row[a] |= UINT32_C(1) << b; }
static inline bool relation_has(const struct relation *r, int a, int b) { return (r->row[a] >> b & 1) != 0; }

static inline void
relation_join(struct relation *r, const struct relation *with)
{
	for (int a = 0; a < MAX_EVENTS; a++)
		r->row[a] |= with->row[a];
}

/* a r;s b: there is an x with a r x and x s b. */
static inline struct relation
relation_then(const struct relation *r, const struct relation *s)
{
	struct relation out = { { 0 } };

	for (int a = 0; a < MAX_EVENTS; a++)
		for (uint32_t via = r->row[a]; via != 0; via &= via - 1)
			out.row[a] |= s->row[__builtin_ctz(via)];
	return out;
}

/* With everything that more than one step leads to. */
static inline struct relation
relation_closure(const struct relation *r)
{
	struct relation out = *r;

	for (int via = 0; via < MAX_EVENTS; via++)
		for (int a = 0; a < MAX_EVENTS; a++)
			if (relation_has(&out, a, via))
				out.row[a] |= out.row[via];
	return out;
}

static inline bool
relation_is_irreflexive(const struct relation *r)
{
	for (int a = 0; a < MAX_EVENTS; a++)
		if (relation_has(r, a, a))
			return false;
	return true;
}

static inline bool
relation_is_acyclic(const struct relation *r)
{
	struct relation all = relation_closure(r);

	return relation_is_irreflexive(&all);
}

#endif
