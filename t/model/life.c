/* SPDX-License-Identifier: BSD-2-Clause */
#include "life_model.h"

#include <string.h>

bool
life_has_ended(const struct state *x, const struct scenario *sc, int who)
{
	return life_is_gone(x, who) || sc->ops[who] == NULL || sc->ops[who][x->p[who].op] == '\0';
}

static bool
kill_client(struct state *x, int who, const struct scenario *sc, struct check_note *n)
{
	if ((sc->mortal >> who & 1) == 0 || life_is_gone(x, who) || x->is_over)
		return false;
	n->what = who == 0 ? "kill of client 0" : "kill of client 1";
	x->dead |= (uint8_t)(1 << who);
	memset(&x->p[who], 0, sizeof(x->p[who]));
	return true;
}

/* Another daemon begins in its place, and knows nothing. */
static bool
kill_daemon(struct state *x, const struct scenario *sc, struct check_note *n)
{
	if (x->deaths >= sc->deaths || x->p[DAEMON].pc == D_WAIT)
		return false;
	n->what = "kill of the daemon";
	x->deaths++;
	memset(&x->p[DAEMON], 0, sizeof(x->p[DAEMON]));
	x->p[DAEMON].pc = D_WAIT;
	return true;
}

bool
life_step(struct state *x, int who, const struct scenario *sc, struct check_note *n)
{
	if (who < CLIENTS)
		return life_client_step(x, who, sc, n);
	if (who == DAEMON)
		return life_daemon_step(x, sc, n);
	return who == KILL_DAEMON ? kill_daemon(x, sc, n) : kill_client(x, who - KILL_CLIENT, sc, n);
}

/* ---- the law ---- */

static int
n_cells(const struct state *x, int slot, bool is_owned)
{
	int n = 0;

	for (int c = 0; c < CLIENTS; c++)
		for (int i = 0; i < CELLS && x->reg[c] != UNUSED; i++)
			n += x->held[c][i] == slot + 1 && (!is_owned || x->p[c].state[i] >= OWNED);
	return n;
}

static bool
is_named(const struct state *x, int slot, bool also_tentative)
{
	for (int i = 0; i < ENTRIES; i++)
		if (x->e[i].slot != 0 && life_slot(x->e[i]) == slot && (also_tentative || life_is_final(x->e[i])))
			return true;
	return false;
}

static const char *
judge_slot(const struct state *x, const struct scenario *sc, int slot)
{
	bool is_free = x->w[slot].state == FREE;
	int n_owned = n_cells(x, slot, true), n_listed = n_cells(x, slot, false);

	if (n_owned > 1 || (n_owned == 1 && (is_named(x, slot, false) || is_free)))
		return "a slot is owned by one who does not have it alone";
	if (n_listed > 0 || (sc->forgets && !sc->no_walk && !x->is_over))
		return NULL;
	if (!is_free && !is_named(x, slot, true))
		return "a slot is nobody's";
	if (is_free && (x->bits >> slot & 1) == 0)
		return "a free slot has no bit, and nobody lists it";
	return NULL;
}

static const char *
judge_entries(const struct state *x)
{
	int outside = 0, n[KEYS] = { 0 };

	for (int i = 0; i < ENTRIES; i++) {
		if (x->e[i].slot == 0)
			continue;
		if (!life_fits(x->w[life_slot(x->e[i])], x->e[i]))
			return "an entry names a slot that is not as it says";
		if (!life_is_final(x->e[i]))
			continue;
		outside += i > 0;
		n[x->key[life_slot(x->e[i])]]++;
	}
	for (int key = 0; key < KEYS; key++) {
		if (n[key] > 1)
			return "a key is there twice";
		if (n[key] != (x->present >> key & 1))
			return n[key] == 0 ? "a session was lost" : "a session is there that was ended";
	}
	return outside > x->h.count ? "the header counts too few" : NULL;
}

/* All have ended, all the dead are recovered, and a walk over everything was made since. */
static const char *
judge_end(const struct state *x)
{
	for (int i = 0; i < ENTRIES; i++)
		if ((x->e[i].slot & TENT) != 0)
			return "a tentative entry of the dead is left";
	for (int c = 0; c < CLIENTS; c++)
		for (int i = 0; i < CELLS && life_is_gone(x, c); i++)
			if (x->held[c][i] != 0)
				return "a dead client lists something";
	return NULL;
}

const char *
life_judge(const struct state *x, const struct scenario *sc)
{
	const char *why = judge_entries(x);

	for (int slot = 0; slot < SLOTS && why == NULL; slot++)
		why = judge_slot(x, sc, slot);
	return why == NULL && x->is_over ? judge_end(x) : why;
}

void
life_begin(struct state *x, const struct scenario *sc)
{
	memset(x, 0, sizeof(*x));
	x->p[DAEMON].pc = D_WAIT;
	x->p[AUDIT].pc = A_ENTRY;
	x->bits = (1 << SLOTS) - 1;
	for (int i = 0; sc->at != NULL && sc->at[i] != '\0'; i++) {
		int slot = i < 2 ? 1 - i : 2;

		if (sc->at[i] == '-')
			continue;
		x->key[slot] = (uint8_t)(sc->at[i] - '0');
		x->w[slot] = (struct word){ 1, READY, 1 };
		x->e[i] = (struct entry){ (uint8_t)(slot + 1), 1 };
		x->bits &= (uint8_t)~(1 << slot);
		x->present |= (uint8_t)(1 << x->key[slot]);
		x->h.count += i > 0;
	}
}
