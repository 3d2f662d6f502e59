/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slots.c - model of who has a slot: claimed, published, replaced, retired, given back, and recovered from the dead.
 *
 * Mirrors refill_from and release_cell of slots.c, the order of listing in
 * put_new, gs_kv_publish and end_hit, gs_recover_ctx with look of recover.c,
 * and the daemon's states of a context.  The law in every state is what
 * life_of and check_free of audit.c classify.  One entry is one key; what
 * else happens in the index is in publish.c.
 */
#include "slots_model.h"

#include <string.h>

static bool
step(void *state, int who, const void *scenario, struct check_note *n)
{
	const struct scenario *sc = scenario;
	struct state *x = state;
	int victim = who - DAEMON - 1;

	if (who < CLIENTS)
		return slots_client_step(x, who, sc, n);
	if (who == DAEMON)
		return slots_daemon_step(x, sc, n);
	if ((sc->mortal >> victim & 1) == 0 || (x->dead >> victim & 1) != 0)
		return false;
	n->what = victim == 0 ? "kill of client 0" : "kill of client 1";
	x->dead |= (uint8_t)(1 << victim);
	memset(x->p[victim].state, 0, CELLS);
	return true;
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

static const char *
judge_slot(const struct state *x, int slot)
{
	struct entry e = x->e[x->key[slot]];
	bool is_live = e.slot == slot + 1, is_free = x->w[slot].state == FREE;
	int n_owned = n_cells(x, slot, true), n_listed = n_cells(x, slot, false);

	if (is_live && (x->w[slot].state != READY || x->w[slot].gen != e.gen))
		return "an entry names a slot that is not as it says";
	if (n_owned > 1 || (n_owned == 1 && (is_live || is_free)))
		return "a slot is owned by one who does not have it alone";
	if (!is_free && !is_live && n_listed == 0)
		return "a slot is nobody's";
	if (is_free && (x->bits >> slot & 1) == 0 && n_listed == 0)
		return "a free slot has no bit, and nobody lists it";
	return NULL;
}

static const char *
judge(void *state, const void *scenario)
{
	const struct state *x = state;
	const char *why = NULL;

	(void)scenario;
	for (int slot = 0; slot < SLOTS && why == NULL; slot++)
		why = judge_slot(x, slot);
	return why;
}

/* Not run alone: the daemon waits for a living client that lists what a dead one had; in ticks, and then it forgets. */
static const struct check_model model = { sizeof(struct state), PROCS, step, judge, 0 };

static void
begin(struct state *x, const struct scenario *sc)
{
	memset(x, 0, sizeof(*x));
	x->p[DAEMON].pc = R_WAIT;
	x->bits = (1 << SLOTS) - 1;
	for (int key = 0; key < KEYS; key++)
		if (sc->is_there[key]) {
			int slot = SLOTS - 1 - key;

			x->w[slot] = (struct word){ 1, READY };
			x->key[slot] = (uint8_t)key;
			x->writer[slot] = CLIENTS - 1;
			x->e[key] = (struct entry){ (uint8_t)(slot + 1), 1 };
			x->bits &= (uint8_t)~(1 << slot);
		}
}

static void
holds(const char *name, const struct scenario *sc)
{
	struct state first;

	begin(&first, sc);
	check_holds(&model, &first, sc, name, 3000000);
}

static void
fails(const char *name, const char *broken, const struct scenario *sc)
{
	struct state first;

	begin(&first, sc);
	check_fails(&model, &first, sc, name, broken, 2000000);
}

#define OPS(...) .ops = { __VA_ARGS__ }
#define IS_THERE .is_there = { true }

int
main(void)
{
	holds("put, put, nobody dies", &(struct scenario){ OPS("pf", "pf") });
	holds("put and delete, put and delete, nobody dies", &(struct scenario){ OPS("pdf", "pdf") });
	holds("put, who may die; put", &(struct scenario){ OPS("p", "pf"), .mortal = 1 });
	holds("update, who may die; update", &(struct scenario){ OPS("p", "pf"), .mortal = 1, IS_THERE });
	holds("update, who may die; delete and put", &(struct scenario){ OPS("p", "dpf"), .mortal = 1, IS_THERE });
	holds("delete, who may die; update of both keys", &(struct scenario){ OPS("d", "pPf"), .mortal = 1, IS_THERE });
	holds("update twice, who may die; put of the other", &(struct scenario){ OPS("pp", "Pf"), .mortal = 1, .depth = 1, IS_THERE });
	holds("update and update, both may die; delete", &(struct scenario){ OPS("p", "p", "df"), .mortal = 3, IS_THERE });
	holds("delete, who may die; update; put of the other", &(struct scenario){ OPS("d", "pf", "Pf"), .mortal = 1, IS_THERE });
	fails("listed only when it is owned", "a free slot has no bit, and nobody lists it",
	    &(struct scenario){ OPS("p", "pf"), .mortal = 1, .late_list = true });
	fails("no second look at the lists of the living", "a slot is owned by one who does not have it alone",
	    &(struct scenario){ OPS("d", "df"), .mortal = 1, .depth = 1, .one_u = true, IS_THERE });
	fails("what a living client lists is forgotten", "a slot is nobody's",
	    &(struct scenario){ OPS("df", "df"), .mortal = 1, .depth = 1, .forget = true, IS_THERE });
	fails("a slot is freed whatever its W is", "a slot is owned by one who does not have it alone",
	    &(struct scenario){ OPS("d", "dpf"), .mortal = 1, .blind_free = true, IS_THERE });
	return check_end();
}
