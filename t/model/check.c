/* SPDX-License-Identifier: BSD-2-Clause */
#include "check.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	QUICK_PART = 8,
	SOLO_EVERY = 16,		/* states between two in which each process is run alone */
	STATE_MAX = 512,
};

struct walk {
	const struct check_model *m;
	const void *scenario;
	unsigned char *states;		/* n of them, in the order they were met */
	uint32_t *parent;		/* through which state each was met first */
	unsigned char *who;		/* and by whose step */
	uint32_t *table;		/* hash to state + 1 */
	size_t n, bound, mask, longest;
	bool is_cut, is_bounded;
	const char *broken;
	size_t broken_at;		/* the state before the step that broke it */
	int broken_by;
};

static int n_tests, n_failed, n_held, n_whole, n_found;
static size_t n_states;

static void *
state_at(const struct walk *w, size_t i)
{
	return w->states + i * w->m->bytes;
}

static uint64_t
hash(const unsigned char *p, size_t n)
{
	uint64_t h = UINT64_C(0x9e3779b97f4a7c15), word;

	for (; n >= sizeof(word); n -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
		h ^= h >> 32;
	}
	return h;
}

/* Remember a state. False when it was known, or there is no room. */
static bool
add(struct walk *w, const void *state, size_t parent, int who)
{
	size_t at = hash(state, w->m->bytes) & w->mask;

	for (; w->table[at] != 0; at = (at + 1) & w->mask)
		if (memcmp(state_at(w, w->table[at] - 1), state, w->m->bytes) == 0)
			return false;
	if (w->n == w->bound) {
		w->is_cut = true;
		return false;
	}
	memcpy(state_at(w, w->n), state, w->m->bytes);
	w->parent[w->n] = (uint32_t)parent;
	w->who[w->n] = (unsigned char)who;
	w->table[at] = (uint32_t)++w->n;
	return true;
}

static void
break_at(struct walk *w, const char *why, size_t at, int who)
{
	w->broken = why;
	w->broken_at = at;
	w->broken_by = who;
}

/* Does every process, run alone from here, come to its end? */
static void
run_alone(struct walk *w, size_t at)
{
	unsigned char state[STATE_MAX];

	for (int who = 0; who < w->m->n_procs; who++) {
		struct check_note note = { 0 };
		int steps = 0;

		memcpy(state, state_at(w, at), w->m->bytes);
		while (steps < w->m->solo_steps && !note.is_beyond && w->m->step(state, who, w->scenario, &note))
			steps++;
		if (steps == w->m->solo_steps)
			break_at(w, "a process that runs alone does not come to its end", at, who);
	}
}

/* All steps from one state. */
static void
expand(struct walk *w, size_t at)
{
	unsigned char state[STATE_MAX];

	for (int who = 0; who < w->m->n_procs && w->broken == NULL; who++) {
		struct check_note note = { 0 };

		memcpy(state, state_at(w, at), w->m->bytes);
		if (!w->m->step(state, who, w->scenario, &note))
			continue;
		if (note.broken == NULL)
			note.broken = w->m->judge(state, w->scenario);
		if (note.broken != NULL)
			break_at(w, note.broken, at, who);
		else if (note.is_beyond)
			w->is_bounded = true;
		else
			(void)add(w, state, at, who);
	}
	if (w->broken == NULL && w->m->solo_steps > 0 && at % SOLO_EVERY == 0)
		run_alone(w, at);
}

static void *
get_memory(size_t n, size_t bytes)
{
	void *p = calloc(n, bytes);

	if (p == NULL) {
		(void)printf("Bail out! no memory for %zu states\n", n);
		exit(1);
	}
	return p;
}

static void
begin(struct walk *w, const struct check_model *m, const void *scenario, size_t bound)
{
	size_t slots = 1024;

	if (m->bytes > STATE_MAX || m->bytes % 8 != 0) {
		(void)printf("Bail out! a state of %zu bytes\n", m->bytes);
		exit(1);
	}
	while (slots < 2 * bound)
		slots *= 2;
	memset(w, 0, sizeof(*w));
	w->m = m;
	w->scenario = scenario;
	w->bound = bound;
	w->mask = slots - 1;
	w->states = get_memory(bound, m->bytes);
	w->parent = get_memory(bound, sizeof(w->parent[0]));
	w->who = get_memory(bound, 1);
	w->table = get_memory(slots, sizeof(w->table[0]));
}

static void
end(struct walk *w)
{
	free(w->states);
	free(w->parent);
	free(w->who);
	free(w->table);
}

static void
walk_all(struct walk *w, const void *first)
{
	(void)add(w, first, 0, 0);
	for (size_t at = 0; at < w->n && w->broken == NULL; at++)
		expand(w, at);
}

static size_t
depth_of(const struct walk *w, size_t at)
{
	size_t depth = 0;

	for (; at != 0; at = w->parent[at])
		depth++;
	return depth;
}

static void
print_step(const struct walk *w, size_t from, int who, size_t number)
{
	unsigned char state[STATE_MAX];
	struct check_note note = { 0 };

	memcpy(state, state_at(w, from), w->m->bytes);
	(void)w->m->step(state, who, w->scenario, &note);
	(void)printf("#  %3zu  process %d  %s\n", number, who, note.what != NULL ? note.what : "");
}

static void
print_trace(const struct walk *w)
{
	size_t depth = depth_of(w, w->broken_at), *path = get_memory(depth + 1, sizeof(path[0])), at = w->broken_at;

	for (size_t i = depth; i > 0; at = w->parent[at])
		path[--i] = at;
	for (size_t i = 0; i < depth; i++)
		print_step(w, w->parent[path[i]], w->who[path[i]], i + 1);
	print_step(w, w->broken_at, w->broken_by, depth + 1);
	(void)printf("#  broken: %s\n", w->broken);
	free(path);
}

void
check_holds(const struct check_model *m, const void *first, const void *scenario, const char *name, size_t bound)
{
	struct walk w;

	begin(&w, m, scenario, getenv("GS_QUICK") != NULL ? bound / QUICK_PART + 1 : bound);
	walk_all(&w, first);
	n_tests++;
	n_states += w.n;
	n_held += w.broken == NULL;
	n_whole += w.broken == NULL && !w.is_cut && !w.is_bounded;
	if (w.broken != NULL) {
		n_failed++;
		(void)printf("not ok %d - %s: %zu states, %s\n", n_tests, name, w.n, w.broken);
		print_trace(&w);
	} else {
		(void)printf("ok %d - %s: %zu states, no violation%s%s\n", n_tests, name, w.n,
		    w.is_cut ? ", cut there by the bound on states" : "", w.is_bounded ? ", versions bounded" : "");
	}
	(void)fflush(stdout);
	end(&w);
}

void
check_fails(const struct check_model *m, const void *first, const void *scenario, const char *name, const char *broken, size_t bound)
{
	bool is_right;
	struct walk w;

	begin(&w, m, scenario, bound);
	walk_all(&w, first);
	n_tests++;
	is_right = w.broken != NULL && strcmp(w.broken, broken) == 0;
	n_failed += !is_right;
	n_found += is_right;
	(void)printf("%s %d - control, %s: %zu states, %s\n", is_right ? "ok" : "not ok", n_tests, name, w.n,
	    w.broken != NULL ? w.broken : "no violation");
	if (w.broken != NULL && (!is_right || getenv("GS_TRACE") != NULL))
		print_trace(&w);
	(void)fflush(stdout);
	end(&w);
}

int
check_end(void)
{
	(void)printf("# %d scenarios hold, %d of them in all their states, %zu states; %d controls fail as they must\n", n_held, n_whole,
	    n_states, n_found);
	(void)printf("1..%d\n", n_tests);
	return n_failed == 0 ? 0 : 1;
}
