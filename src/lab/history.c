/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/history.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gsession.h"

/* Beginnings and ends of calls in the order of time, as a list from which those that have their place are taken. */
struct event {
	uint64_t at_ns;
	uint32_t op;
	uint32_t is_end;
};

/* One step of the search: a call was given its place, or was found never to have happened. */
struct step {
	uint32_t op;
	uint64_t state_before;
};

/* What has been tried: which calls had their place, and the state after them. */
struct tried {
	uint64_t hash, state;
	uint32_t first, n_words;	/* words [first, first + n_words) of the set; those before it are all ones, after it zeros */
	uint64_t words[];
};

struct search {
	const struct history_op *ops;
	size_t n;
	struct event *events;		/* [1, 2n]; 0 is the head of the list, 2n + 1 its end */
	uint32_t *next, *prev;
	uint32_t *begin_of, *end_of;	/* where in events a call begins and ends */
	struct step *steps;
	size_t n_steps;
	uint64_t *set;			/* calls that have their place; numbered by their beginnings */
	uint32_t *number;		/* of a call */
	size_t n_words;
	uint64_t set_hash;
	uint64_t state;
	struct tried **table;		/* by hash, open */
	size_t n_table, n_tried;
	size_t bytes, max_bytes;
	size_t deepest, stuck;
};

/* ---- the register ---- */

/* May the call take effect in this state, given what it answered? *state is then what it leaves. */
static bool
apply_change(const struct history_op *o, uint64_t *state)
{
	bool is_there = *state != 0;

	switch (o->kind) {
	case HISTORY_PUT:
		if (o->answer != HISTORY_PENDING && is_there != (o->answer == HISTORY_DONE))
			return false;
		break;
	case HISTORY_ADD:
		if (is_there)
			return o->answer == HISTORY_EXISTS;
		if (o->answer == HISTORY_EXISTS)
			return false;
		break;
	default:			/* a swap */
		if (o->answer == HISTORY_CONFLICT)
			return is_there && *state != o->expected;
		if (o->answer == HISTORY_ABSENT)
			return !is_there;
		if (!is_there || *state != o->expected)
			return false;
		break;
	}
	*state = o->value;
	return true;
}

static bool
apply_end(const struct history_op *o, uint64_t *state)
{
	bool is_there = *state != 0, is_expected = o->kind == HISTORY_DEL || *state == o->expected;

	switch (o->answer) {
	case HISTORY_ABSENT:
		return !is_there;
	case HISTORY_CONFLICT:
		return is_there && !is_expected;
	default:
		if (!is_there || !is_expected)
			return false;
		*state = 0;
		return true;
	}
}

static bool
apply(const struct history_op *o, uint64_t *state)
{
	switch (o->kind) {
	case HISTORY_READ:
		return *state == (o->answer == HISTORY_ABSENT ? 0 : o->value);
	case HISTORY_LOOK:
		return (*state == 0) == (o->answer == HISTORY_ABSENT);
	case HISTORY_DEL:
	case HISTORY_DEL_IF:
		return apply_end(o, state);
	default:
		return apply_change(o, state);
	}
}

/* Calls that say nothing and change nothing have no place in the search. */
static bool
is_idle(const struct history_op *o)
{
	return o->answer == HISTORY_NOTHING ||
	    (o->answer == HISTORY_PENDING && (o->kind == HISTORY_READ || o->kind == HISTORY_LOOK));
}

/* ---- what has been tried ---- */

static uint64_t
mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static void
flip(struct search *s, uint32_t op)
{
	uint32_t number = s->number[op];

	s->set[number / 64] ^= UINT64_C(1) << number % 64;
	s->set_hash ^= mix(number);
}

static bool
is_same(const struct tried *a, const struct tried *b)
{
	return a->hash == b->hash && a->state == b->state && a->first == b->first && a->n_words == b->n_words &&
	    memcmp(a->words, b->words, a->n_words * sizeof(a->words[0])) == 0;
}

/* The place of t in the table: that of its equal, or a free one. */
static struct tried **
place_of(struct search *s, const struct tried *t)
{
	size_t i = t->hash & (s->n_table - 1);

	while (s->table[i] != NULL && !is_same(s->table[i], t))
		i = (i + 1) & (s->n_table - 1);
	return &s->table[i];
}

/* Twice as large; 0, GS_ENOMEM. */
static int
grow_table(struct search *s)
{
	struct tried **old = s->table;
	size_t n_old = s->n_table;

	s->table = calloc(2 * n_old, sizeof(struct tried *));
	if (s->table == NULL) {
		s->table = old;
		return GS_ENOMEM;
	}
	s->n_table = 2 * n_old;
	s->bytes += n_old * sizeof(struct tried *);
	for (size_t i = 0; i < n_old; i++)
		if (old[i] != NULL)
			*place_of(s, old[i]) = old[i];
	free(old);
	return 0;
}

/* Remember the set as it is, with a state. 1 when it is new, 0 when it was tried, GS_ENOMEM. */
static int
remember(struct search *s, uint64_t state)
{
	size_t first = 0, end = s->n_words, bytes;
	struct tried *t, **at;

	while (first < end && s->set[first] == UINT64_MAX)
		first++;
	while (end > first && s->set[end - 1] == 0)
		end--;
	bytes = sizeof(*t) + (end - first) * sizeof(t->words[0]);
	t = malloc(bytes);
	if (t == NULL)
		return GS_ENOMEM;
	t->hash = s->set_hash ^ mix(state ^ UINT64_C(0x6a09e667f3bcc908));
	t->state = state;
	t->first = (uint32_t)first;
	t->n_words = (uint32_t)(end - first);
	memcpy(t->words, s->set + first, (end - first) * sizeof(t->words[0]));
	at = place_of(s, t);
	if (*at != NULL) {
		free(t);
		return 0;
	}
	*at = t;
	s->bytes += bytes;
	return ++s->n_tried > s->n_table / 2 && grow_table(s) < 0 ? GS_ENOMEM : 1;
}

/* ---- the list ---- */

static void
take_event(struct search *s, uint32_t at)
{
	s->next[s->prev[at]] = s->next[at];
	s->prev[s->next[at]] = s->prev[at];
}

static void
give_event(struct search *s, uint32_t at)
{
	s->next[s->prev[at]] = at;
	s->prev[s->next[at]] = at;
}

static void
take_call(struct search *s, uint32_t op)
{
	take_event(s, s->begin_of[op]);
	take_event(s, s->end_of[op]);
}

static void
give_call(struct search *s, uint32_t op)
{
	give_event(s, s->end_of[op]);
	give_event(s, s->begin_of[op]);
}

/* ---- the search ---- */

/* Give a call its place, unless that was tried with the same others before. 1 done, 0 tried, GS_ENOMEM. */
static int
advance(struct search *s, uint32_t op, uint64_t state)
{
	int rc;

	flip(s, op);
	rc = remember(s, state);
	if (rc != 1) {
		flip(s, op);
		return rc;
	}
	s->steps[s->n_steps++] = (struct step){ op, s->state };
	s->state = state;
	take_call(s, op);
	return 1;
}

/* Undo the last step; the event at which to look on. */
static uint32_t
retreat(struct search *s)
{
	const struct step *last = &s->steps[--s->n_steps];

	s->state = last->state_before;
	give_call(s, last->op);
	flip(s, last->op);
	/* Had it been found never to have happened, its end comes again, is known to be tried, and the search goes on back. */
	return s->next[s->begin_of[last->op]];
}

/* The end of a call that has no place yet: one that was killed may never have happened. */
static int
pass_end(struct search *s, uint32_t at)
{
	uint32_t op = s->events[at].op;

	if (s->n_steps >= s->deepest) {
		s->deepest = s->n_steps;
		s->stuck = op;
	}
	return s->ops[op].answer == HISTORY_PENDING ? advance(s, op, s->state) : 0;
}

static int
run(struct search *s)
{
	uint32_t end = (uint32_t)(2 * s->n + 1), at = s->next[0];

	while (s->next[0] != end) {
		const struct event *e = &s->events[at];
		uint64_t state = s->state;
		int rc = 0;

		if (e->is_end)
			rc = pass_end(s, at);
		else if (apply(&s->ops[e->op], &state))
			rc = advance(s, e->op, state);
		if (rc < 0)
			return rc;
		if (s->bytes > s->max_bytes)
			return HISTORY_UNDECIDED;
		if (rc == 1)
			at = s->next[0];
		else if (!e->is_end)
			at = s->next[at];
		else if (s->n_steps > 0)
			at = retreat(s);
		else
			return HISTORY_UNEXPLAINED;
	}
	return HISTORY_EXPLAINED;
}

static int
compare_events(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->at_ns != y->at_ns)
		return x->at_ns < y->at_ns ? -1 : 1;
	/* At one instant: as if they overlapped. */
	if (x->is_end != y->is_end)
		return x->is_end < y->is_end ? -1 : 1;
	return x->op < y->op ? -1 : x->op > y->op;
}

static void
make_events(struct search *s, size_t n_ops)
{
	uint32_t number = 0;
	size_t n = 0;

	for (uint32_t i = 0; i < n_ops; i++) {
		if (is_idle(&s->ops[i]))
			continue;
		s->events[1 + n++] = (struct event){ s->ops[i].began_ns, i, 0 };
		s->events[1 + n++] = (struct event){ s->ops[i].ended_ns, i, 1 };
	}
	s->n = n / 2;
	qsort(s->events + 1, n, sizeof(s->events[0]), compare_events);
	for (uint32_t at = 0; at <= n + 1; at++) {
		s->next[at] = at + 1;
		s->prev[at] = at - 1;
		if (at == 0 || at > n)
			continue;
		if (s->events[at].is_end) {
			s->end_of[s->events[at].op] = at;
		} else {
			s->begin_of[s->events[at].op] = at;
			s->number[s->events[at].op] = number++;
		}
	}
}

static void
free_search(struct search *s)
{
	for (size_t i = 0; s->table != NULL && i < s->n_table; i++)
		free(s->table[i]);
	free(s->table);
	free(s->set);
	free(s->steps);
	free(s->next);
	free(s->prev);
	free(s->begin_of);
	free(s->end_of);
	free(s->number);
	free(s->events);
}

enum { TABLE_AT_FIRST = 1024 };

static bool
make_search(struct search *s, size_t n)
{
	s->n_words = n / 64 + 1;
	s->n_table = TABLE_AT_FIRST;
	s->events = calloc(2 * n + 2, sizeof(s->events[0]));
	s->next = calloc(2 * n + 2, sizeof(s->next[0]));
	s->prev = calloc(2 * n + 2, sizeof(s->prev[0]));
	s->begin_of = calloc(n + 1, sizeof(s->begin_of[0]));
	s->end_of = calloc(n + 1, sizeof(s->end_of[0]));
	s->number = calloc(n + 1, sizeof(s->number[0]));
	s->steps = calloc(n + 1, sizeof(s->steps[0]));
	s->set = calloc(s->n_words, sizeof(s->set[0]));
	s->table = calloc(s->n_table, sizeof(struct tried *));
	return s->events != NULL && s->next != NULL && s->prev != NULL && s->begin_of != NULL && s->end_of != NULL && s->number != NULL &&
	    s->steps != NULL && s->set != NULL && s->table != NULL;
}

int
history_check(const struct history_op *ops, size_t n, size_t max_bytes, size_t *stuck)
{
	struct search s = { .ops = ops, .max_bytes = max_bytes };
	int rc = GS_ENOMEM;

	if (make_search(&s, n)) {
		make_events(&s, n);
		rc = run(&s);
		*stuck = s.stuck;
	}
	free_search(&s);
	return rc;
}
