/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * placement.c - what clusters of many sizes are like: how even, what a host more or less moves, how large the map is.
 *
 *	placement
 *
 * Each line is of a cluster of hosts of one weight, or of weights 1 to 4, with
 * two copies of each home.  Nothing is drawn at random: it prints the same each
 * time, but for the milliseconds.
 *
 *	most		slots of the host with most copies, over the mean of its weight
 *	least		of the host with fewest
 *	add		copies that a plan moves when a host comes, over its share
 *	drain		when a host is drained, over what it has
 *	map		bytes of the encoded map
 *	propose		time to place all slots, by processor time
 *	commit		time to seal, encode, decode and check the map
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gsession.h"
#include "net/plan.h"

enum { COPIES = 2 };

static struct map now, next;
static struct plan plan;
static unsigned char bytes[MAP_BYTES];

static double
clock_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void
add_host(struct map *m, uint16_t id, uint16_t weight)
{
	struct map_host *h = &m->hosts[m->n_hosts++];

	*h = (struct map_host){ .id = id, .state = MAP_ACTIVE, .zone = id % 3, .port = 7400, .weight = { weight, weight } };
	(void)snprintf(h->name, sizeof(h->name), "host%u", id);
	(void)snprintf(h->address, sizeof(h->address), "10.0.%u.%u", id / 256, id % 256);
}

static void
must(int rc)
{
	if (rc < 0)
		errx(1, "%s", gs_strerror(rc));
}

/* Copies of homes and outers that a host holds. */
static uint32_t
held(const struct map *m, uint16_t id)
{
	uint32_t n = 0;

	for (uint32_t slot = 0; slot < MAP_SLOTS; slot++) {
		for (uint32_t copy = 0; copy < MAP_COPIES; copy++)
			n += m->home[slot][copy] == id;
		for (uint32_t copy = 0; copy < MAP_OUTER_COPIES; copy++)
			n += m->outer[slot][copy] == id;
	}
	return n;
}

/* The greatest and the least of all hosts' parts, over what their weights ask for. */
static void
measure_balance(double *most, double *least)
{
	double all = 0;

	for (uint32_t i = 0; i < now.n_hosts; i++)
		all += now.hosts[i].weight[MAP_HOME];
	*most = 0;
	*least = 1e9;
	for (uint32_t i = 0; i < now.n_hosts; i++) {
		double share = 2.0 * COPIES * MAP_SLOTS * now.hosts[i].weight[MAP_HOME] / all, part = held(&now, now.hosts[i].id) / share;

		*most = part > *most ? part : *most;
		*least = part < *least ? part : *least;
	}
}

/* Copies moved, over those that must. */
static double
moved(uint32_t must_move)
{
	must(plan_propose(&next, COPIES));
	must(map_seal(&next));
	plan_make(&plan, &now, &next, NULL);
	return (double)plan.n_steps / must_move;
}

static double
commit_ms(size_t *len)
{
	double start = clock_ms();
	int n;

	must(map_seal(&now));
	n = map_encode(&now, bytes, sizeof(bytes));
	must(n);
	must(map_decode(&next, bytes, (size_t)n));
	*len = (size_t)n;
	return clock_ms() - start;
}

static void
measure(uint16_t hosts, bool is_mixed)
{
	double most, least, add, drain, propose, commit;
	size_t len;

	memset(&now, 0, sizeof(now));
	now.epoch = 1;
	now.seed = 0x67735f6d6170;
	for (uint16_t id = 1; id <= hosts; id++)
		add_host(&now, id, is_mixed ? (uint16_t)(1 + id % 4) : 2);
	propose = clock_ms();
	must(plan_propose(&now, COPIES));
	propose = clock_ms() - propose;
	commit = commit_ms(&len);
	measure_balance(&most, &least);

	map_succeed(&next, &now, 7);
	add_host(&next, (uint16_t)(hosts + 1), 2);
	must(plan_propose(&next, COPIES));
	add = moved(held(&next, (uint16_t)(hosts + 1)));

	map_succeed(&next, &now, 7);
	next.hosts[hosts / 2].state = MAP_DRAINING;
	drain = moved(held(&now, next.hosts[hosts / 2].id));
	(void)printf("%5u  %-7s %6.2f %6.2f %6.2f %6.2f %8zu %9.1f ms %7.2f ms\n", hosts, is_mixed ? "1 to 4" : "one", most, least, add, drain, len,
	    propose, commit);
	(void)fflush(stdout);
}

int
main(void)
{
	static const uint16_t sizes[] = { 3, 10, 30, 100, 300, 1000 };

	(void)printf("hosts  weights   most  least    add  drain      map      propose      commit\n");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		measure(sizes[i], false);
		measure(sizes[i], true);
	}
	return 0;
}
