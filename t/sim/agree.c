/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agree.c - hosts come from map to map in a network that loses, doubles, delays and turns round, while they die and operators err.
 *
 *	agree [-n SEEDS] [-s FIRST] [-v]
 *
 * A run is decided by its seed alone.  It goes on for STEPS steps, each of
 * which is a message delivered, lost or doubled, a tick, a proposal, a host
 * that dies (also between two things that it had to do) or comes back; then all
 * that is not declared dead is healed and gets time.  Checked after every step:
 *
 *	A1	the epoch in force at a host never goes back, through death either
 *	A2	two maps of one epoch: all who ever had one of them are declared dead by the other
 *	A3	only who was declared dead is quarantined
 *	A4	who comes to a map had one that it comes from
 * and in the end:
 *	A5	all others have one map, and nothing is prepared
 *	A6	a map that an operator was told to be in force is that one, or before it; or he sat at a host that was declared dead
 *
 * With -v a run is told step by step.  Prints how often each state met each
 * event; that some never did is a failure when there were SEEDS_FOR_ALL.
 */
#include <err.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "net/agree.h"

enum { HOSTS_MOST = 5, STEPS = 400, MAPS = 512, IN_FLIGHT = 512, ROUNDS = 40, SEEDS_FOR_ALL = 1000 };

struct letter {
	uint16_t from, to;
	struct agree_message m;
};

struct host {
	struct agree a;
	struct agree_kept disk;
	bool is_up, was_declared_dead;
	const struct map *had;			/* in force, last */
};

struct world {
	uint64_t seed, random, step;
	uint16_t n;
	struct host hosts[HOSTS_MOST + 1];	/* by id */
	uint32_t n_letters, n_maps, n_told;
	struct letter letters[IN_FLIGHT];
	struct map *maps[MAPS];
	bool had[MAPS][HOSTS_MOST + 1];		/* in force, ever */
	struct {
		uint32_t map;
		uint16_t host;
	} told[MAPS];
};

static const char *const events[AGREE_EVENTS] = {
	"propose", "tick", "withdraw", "prepare", "accepted", "refused", "commit", "abort", "announce", "get", "map",
};
static const char *const states[AGREE_STATES] = { "idle", "prepared", "proposing", "quarantined" };
static uint64_t met[AGREE_STATES][AGREE_EVENTS];
static bool is_verbose;

/* Source: S. Vigna, splitmix64, public domain reference of 2015. */
static uint64_t
next_random(struct world *w)
{
	uint64_t z = w->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint32_t
below(struct world *w, uint32_t n)
{
	return (uint32_t)(next_random(w) % n);
}

static uint16_t
any_host(struct world *w)
{
	return (uint16_t)(1 + below(w, w->n));
}

__attribute__((format(printf, 1, 2))) static void
say(const char *fmt, ...)
{
	va_list args;

	if (!is_verbose)
		return;
	va_start(args, fmt);
	(void)vprintf(fmt, args);
	va_end(args);
	(void)putchar('\n');
}

__attribute__((format(printf, 2, 3), noreturn)) static void
violated(const struct world *w, const char *fmt, ...)
{
	va_list args;

	(void)printf("seed %" PRIu64 ", step %" PRIu64 ": ", w->seed, w->step);
	va_start(args, fmt);
	(void)vprintf(fmt, args);
	va_end(args);
	(void)putchar('\n');
	exit(1);
}

/* ---- maps ---- */

static uint32_t
number_of(const struct world *w, const struct map *m)
{
	uint32_t i = 0;

	while (i < w->n_maps && w->maps[i] != m)
		i++;
	return i;
}

static uint32_t
number_named(const struct world *w, const struct agree_name *name)
{
	uint32_t i = 0;

	while (i < w->n_maps && (w->maps[i]->epoch != name->epoch || memcmp(w->maps[i]->hash, name->hash, sizeof(name->hash)) != 0))
		i++;
	return i;
}

/* The next map, or the first; its hash is its number. */
static struct map *
make_map(struct world *w, const struct map *before)
{
	struct map *m = w->maps[w->n_maps];

	if (w->n_maps == MAPS - 1)
		return NULL;
	if (m == NULL)
		m = w->maps[w->n_maps] = malloc(sizeof(*m));
	if (m == NULL)
		errx(1, "out of memory");
	m->epoch = before == NULL ? 1 : before->epoch + 1;
	memset(m->hash, 0, sizeof(m->hash));
	memset(m->past, 0, sizeof(m->past));
	if (before != NULL) {
		memcpy(m->past[0], before->hash, sizeof(m->past[0]));
		memcpy(m->past[1], before->past[0], sizeof(m->past) - sizeof(m->past[0]));
	}
	w->n_maps++;
	memcpy(m->hash, &w->n_maps, sizeof(w->n_maps));
	m->cluster_id = 1;
	m->seed = m->record_size = m->key_max = 0;
	m->n_hosts = w->n;
	for (uint16_t id = 1; id <= w->n; id++)
		m->hosts[id - 1] = before != NULL ? before->hosts[id - 1] : (struct map_host){ .id = id, .state = MAP_ACTIVE };
	memset(w->had[w->n_maps - 1], 0, sizeof(w->had[0]));
	return m;
}

static bool
is_dead_in(const struct map *m, uint16_t host)
{
	return m->hosts[host - 1].state == MAP_DOWN;
}

/* ---- checks ---- */

/* Was everybody who ever had a declared dead by b? */
static bool
is_dead_to(const struct world *w, uint32_t a, uint32_t b)
{
	for (uint16_t id = 1; id <= w->n; id++)
		if (w->had[a][id] && !is_dead_in(w->maps[b], id))
			return false;
	return true;
}

static void
check_in_force(struct world *w, uint16_t id)
{
	struct host *h = &w->hosts[id];
	const struct map *m = h->disk.in_force;
	uint32_t own = number_of(w, m);

	if (h->disk.is_quarantined && !h->was_declared_dead)
		violated(w, "A3: host %u is quarantined and was never declared dead", id);
	if (m == NULL)
		return;
	if (h->had != NULL && m->epoch < h->had->epoch)
		violated(w, "A1: host %u went back from epoch %" PRIu64 " to %" PRIu64, id, h->had->epoch, m->epoch);
	if (h->had != NULL && map_is_fork(m, h->had))
		violated(w, "A4: host %u came from map %u to %u, which does not come from that", id, number_of(w, h->had) + 1, own + 1);
	h->had = m;
	if (w->had[own][id])
		return;
	w->had[own][id] = true;
	for (uint32_t i = 0; i < w->n_maps; i++)
		if (i != own && w->maps[i]->epoch == m->epoch && !is_dead_to(w, i, own) && !is_dead_to(w, own, i))
			violated(w, "A2: maps %u and %u are both of epoch %" PRIu64 ", the latter at host %u", i + 1, own + 1, m->epoch, id);
}

static void
check_end(struct world *w)
{
	const struct map *all = NULL;

	for (uint16_t id = 1; id <= w->n; id++) {
		const struct agree_kept *k = &w->hosts[id].a.kept;

		if (k->is_quarantined || (all != NULL && is_dead_in(all, id)))
			continue;
		if (k->n_prepared > 0)
			violated(w, "A5: host %u still has map %u prepared, of host %u", id, number_of(w, k->prepared[0].map) + 1, k->prepared[0].proposer);
		if (all == NULL && !is_dead_in(k->in_force, id))
			all = k->in_force;
		if (all != NULL && k->in_force != all)
			violated(w, "A5: host %u has map %u, others have %u", id, number_of(w, k->in_force) + 1, number_of(w, all) + 1);
	}
	for (uint16_t id = 1; all != NULL && id <= w->n; id++) {
		const struct agree_kept *k = &w->hosts[id].a.kept;

		if (is_dead_in(all, id) && !k->is_quarantined && k->in_force->epoch <= all->epoch && map_is_fork(all, k->in_force))
			violated(w, "A5: host %u has map %u, which others have not, and is not quarantined", id, number_of(w, k->in_force) + 1);
	}
	for (uint32_t i = 0; all != NULL && i < w->n_told; i++) {
		const struct map *m = w->maps[w->told[i].map];

		if (!w->hosts[w->told[i].host].was_declared_dead && (m->epoch > all->epoch || map_is_fork(all, m)))
			violated(w, "A6: map %u was told to be in force and is not", w->told[i].map + 1);
	}
}

/* ---- hosts and what is between them ---- */

static void
post(struct world *w, uint16_t from, uint16_t to, const struct agree_message *m)
{
	if (from != to && w->n_letters < IN_FLIGHT)
		w->letters[w->n_letters++] = (struct letter){ .from = from, .to = to, .m = *m };
}

static void
die(struct world *w, uint16_t id)
{
	w->hosts[id].is_up = false;
	say("%" PRIu64 " host %u dies", w->step, id);
}

static void
come_back(struct world *w, uint16_t id)
{
	struct host *h = &w->hosts[id];

	if (agree_begin(&h->a, id, &h->disk) < 0)
		violated(w, "host %u cannot begin with what it kept", id);
	h->is_up = true;
	say("%" PRIu64 " host %u is back with map %u", w->step, id, number_of(w, h->disk.in_force) + 1);
}

static void
do_one(struct world *w, uint16_t id, const struct agree_action *action)
{
	struct host *h = &w->hosts[id];

	switch (action->what) {
	case AGREE_KEEP:
		h->disk = h->a.kept;
		check_in_force(w, id);
		break;
	case AGREE_SEND:
		post(w, id, action->to, &action->message);
		break;
	case AGREE_SEND_ALL:
		for (uint16_t to = 1; to <= w->n; to++)
			post(w, id, to, &action->message);
		break;
	case AGREE_TELL:
		say("%" PRIu64 " host %u tells: map of epoch %" PRIu64 " %s", w->step, id, action->message.name.epoch,
		    action->why == AGREE_NO_REASON ? "is in force" : "is not to be");
		if (action->why == AGREE_NO_REASON) {
			w->told[w->n_told].host = id;
			w->told[w->n_told++].map = number_named(w, &action->message.name);
		}
		break;
	case AGREE_USE:
		say("%" PRIu64 " host %u uses map %u of epoch %" PRIu64, w->step, id, number_of(w, h->a.kept.in_force) + 1, h->a.kept.in_force->epoch);
		break;
	case AGREE_ALARM:
		say("%" PRIu64 " host %u is quarantined for what host %u has", w->step, id, action->to);
		break;
	}
}

/* In order; it may die before any of it. */
static void
act(struct world *w, uint16_t id, const struct agree_actions *out, bool may_die)
{
	for (uint32_t i = 0; i < out->n; i++) {
		if (may_die && below(w, 60) == 0) {
			die(w, id);
			return;
		}
		do_one(w, id, &out->of[i]);
	}
}

static void
count_met(const struct host *h, enum agree_event event)
{
	met[agree_state(&h->a)][event]++;
}

static void
deliver(struct world *w, const struct letter *l, bool may_die)
{
	struct host *h = &w->hosts[l->to];
	struct agree_actions out;

	if (!h->is_up)
		return;
	say("%" PRIu64 " host %u (%s) hears %s of %u from %u", w->step, l->to, states[agree_state(&h->a)], events[l->m.kind],
	    (unsigned)l->m.name.hash[0] | (unsigned)l->m.name.hash[1] << 8, l->from);
	count_met(h, (enum agree_event)l->m.kind);
	agree_hear(&h->a, l->from, &l->m, &out);
	act(w, l->to, &out, may_die);
}

static void
deliver_any(struct world *w, bool is_perfect)
{
	uint32_t i;
	struct letter l;

	if (w->n_letters == 0)
		return;
	i = below(w, w->n_letters);
	l = w->letters[i];
	if (is_perfect || below(w, 8) != 0)
		w->letters[i] = w->letters[--w->n_letters];
	if (is_perfect || below(w, 8) != 0)
		deliver(w, &l, !is_perfect);
}

static void
tick(struct world *w, uint16_t id, bool may_die)
{
	struct agree_actions out;

	if (!w->hosts[id].is_up)
		return;
	count_met(&w->hosts[id], AGREE_ON_TICK);
	agree_tick(&w->hosts[id].a, &out);
	act(w, id, &out, may_die);
}

/* ---- operators ---- */

/* Who is down is declared dead, and sometimes somebody who is not; who is declared dead is taken in again. */
static void
change_hosts(struct world *w, struct map *m, uint16_t at)
{
	uint16_t id = any_host(w);
	bool is_dead = is_dead_in(m, id);

	if (id == at || (!is_dead && w->hosts[id].is_up && below(w, 6) != 0))
		return;
	m->hosts[id - 1].state = is_dead ? MAP_ACTIVE : MAP_DOWN;
	say("%" PRIu64 " map %u has host %u as %s", w->step, w->n_maps, id, is_dead ? "active" : "dead");
}

/* Who sits at a host that was declared dead does not declare others dead: such operators have two clusters. */
static void
propose(struct world *w)
{
	uint16_t id = any_host(w);
	struct host *h = &w->hosts[id];
	struct agree_actions out;
	struct map *m;
	int rc;

	if (!h->is_up)
		return;
	m = make_map(w, h->a.kept.in_force);
	if (m == NULL)
		return;
	if (!h->was_declared_dead && below(w, 3) == 0)
		change_hosts(w, m, id);
	count_met(h, AGREE_ON_PROPOSE);
	rc = agree_propose(&h->a, m, &out);
	say("%" PRIu64 " host %u proposes map %u: %d", w->step, id, w->n_maps, rc);
	for (uint16_t dead = 1; rc == 0 && dead <= w->n; dead++)
		w->hosts[dead].was_declared_dead |= is_dead_in(m, dead);
	if (rc == 0 && h->disk.is_quarantined)
		violated(w, "host %u is quarantined and proposes", id);
	if (rc == 0)
		act(w, id, &out, true);
}

static void
withdraw(struct world *w)
{
	uint16_t id = any_host(w);
	struct agree_actions out;

	if (!w->hosts[id].is_up)
		return;
	count_met(&w->hosts[id], AGREE_ON_WITHDRAW);
	if (agree_withdraw(&w->hosts[id].a, &out) == 0)
		act(w, id, &out, true);
}

/* ---- runs ---- */

static void
step(struct world *w)
{
	uint16_t id = any_host(w);

	switch (below(w, 40)) {
	case 0:
	case 1:
		propose(w);
		break;
	case 2:
		if (w->hosts[id].is_up && below(w, 2) == 0)
			die(w, id);
		break;
	case 3:
	case 4:
		if (!w->hosts[id].is_up)
			come_back(w, id);
		break;
	case 5:
		if (below(w, 4) == 0)
			withdraw(w);
		break;
	case 6:
	case 7:
	case 8:
	case 9:
		tick(w, id, true);
		break;
	default:
		deliver_any(w, false);
		break;
	}
}

static void
begin(struct world *w, uint64_t seed)
{
	struct map *first;

	w->seed = w->random = seed;
	w->step = 0;
	w->n = (uint16_t)(2 + below(w, HOSTS_MOST - 1));
	w->n_letters = w->n_maps = w->n_told = 0;
	memset(w->hosts, 0, sizeof(w->hosts));
	first = make_map(w, NULL);
	for (uint16_t id = 1; id <= w->n; id++) {
		/* One may be new, and is in the map already. */
		w->hosts[id].disk.in_force = id == w->n && w->n > 2 && below(w, 4) == 0 ? NULL : first;
		come_back(w, id);
		check_in_force(w, id);
	}
}

/* All come back, nothing is lost any more; proposals that cannot come to an end are given up by whoever made them. */
static void
heal(struct world *w)
{
	struct agree_actions out;

	for (uint16_t id = 1; id <= w->n; id++)
		if (!w->hosts[id].is_up)
			come_back(w, id);
	for (int round = 0; round < ROUNDS; round++) {
		for (uint16_t id = 1; id <= w->n; id++) {
			if (round == ROUNDS / 2 && agree_withdraw(&w->hosts[id].a, &out) == 0)
				act(w, id, &out, false);
			tick(w, id, false);
		}
		while (w->n_letters > 0) {
			w->step++;
			deliver_any(w, true);
		}
	}
}

static void
run(struct world *w, uint64_t seed)
{
	begin(w, seed);
	while (w->step < STEPS) {
		w->step++;
		step(w);
	}
	heal(w);
	check_end(w);
}

static uint32_t
print_met(void)
{
	uint32_t never = 0;

	for (int state = 0; state < AGREE_STATES; state++)
		for (int event = 0; event < AGREE_EVENTS; event++) {
			(void)printf("%-11s %-9s %" PRIu64 "\n", states[state], events[event], met[state][event]);
			never += met[state][event] == 0;
		}
	return never;
}

int
main(int argc, char **argv)
{
	static struct world w;
	uint64_t n = 1000, first = 1;
	uint32_t never;
	int c;

	while ((c = getopt(argc, argv, "n:s:v")) != -1) {
		if (c == 'n')
			n = strtoull(optarg, NULL, 10);
		else if (c == 's')
			first = strtoull(optarg, NULL, 10);
		else if (c == 'v')
			is_verbose = true;
		else
			errx(2, "usage: agree [-n SEEDS] [-s FIRST] [-v]");
	}
	for (uint64_t i = 0; i < n; i++)
		run(&w, first + i);
	never = print_met();
	(void)printf("%" PRIu64 " seeds from %" PRIu64 ", 0 violations, %u cells never met\n", n, first, never);
	for (uint32_t i = 0; i < MAPS; i++)
		free(w.maps[i]);
	return n >= SEEDS_FOR_ALL && never > 0 ? 1 : 0;
}
