/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * place.h - which hosts should hold which slot.
 *
 * Keys fall into a fixed number of slots; a slot is on one host, its primary,
 * and on replicas.  This is what would be best, computed anew from the hosts
 * and their weights alone: what is in force is the map, see map.h.
 *
 * A host's score for a slot is random with a distribution by its weight, and
 * independent of every other's, so the greatest score is each host's as often
 * as its weight says, and a host that comes or goes changes nothing between
 * others.  As 4,096 draws are not even, no host gets more than a twentieth
 * above its share: slots and hosts are matched so that no slot and host would
 * both rather have each other, which is one matching only.  A host that comes
 * then takes from all, and others exchange next to nothing.
 *
 * Source: C. Schindelhauer and G. Schomaker, "Weighted Distributed Hash Tables", SPAA 2005 (the logarithmic method);
 * D. Gale and L. S. Shapley, "College Admissions and the Stability of Marriage", 1962.
 */
#ifndef NET_PLACE_H
#define NET_PLACE_H

#include <stddef.h>
#include <stdint.h>

enum {
	PLACE_SLOTS = 4096,
	PLACE_COPIES = 3,		/* of a slot at most: the primary is the first */
	PLACE_HOSTS = 1024,		/* at most */
};

#define PLACE_NONE UINT16_MAX		/* there are fewer hosts than copies */

struct place_host {
	uint64_t seed;			/* its own, for ever */
	uint32_t weight;		/* its share, by those of all; 0: no slot */
	uint16_t zone;			/* copies go to different ones where there are */
};

/* Of each slot the indexes of its hosts. */
struct places {
	uint16_t of[PLACE_SLOTS][PLACE_COPIES];
};

/*
 * place_seed - the seed of a host, from what the cluster was founded with.
 *
 *	cluster_seed	random, the same on all hosts
 *	id		of the host, from 1
 */
uint64_t place_seed(uint64_t cluster_seed, uint16_t id);

/*
 * place_slots - the best places.
 *
 *	hosts, n	n <= PLACE_HOSTS, seeds all different
 *	copies		from 1 to PLACE_COPIES, of each slot; more than there are hosts of weight: PLACE_NONE for the rest
 *	out		whole
 *
 * The copies of a slot are on different hosts; in different zones, as long as there are zones that have none yet.  A zone or
 * a lack of hosts goes before the limit of a twentieth.  Costs n * 4096 * copies logarithms and little more: about a second
 * with 1,000 hosts.  Returns 0, GS_EINVAL or GS_ENOMEM.
 */
int place_slots(const struct place_host *hosts, size_t n, uint32_t copies, struct places *out);

#endif
