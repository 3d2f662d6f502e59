/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map.h - which hosts the cluster has and which of them hold each slot, as all of them agreed on.
 *
 * A map has an epoch, and the hashes of the maps of the epochs before: of two
 * hosts' maps it is known whether one comes from the other, and two maps of
 * one epoch are one map or an alarm.  It is changed by making its successor,
 * never in place.
 *
 *	keys		fall into MAP_SLOTS slots
 *	home		of a slot: the host that has the directory of its keys and their first
 *			copy, and the replicas, in the order in which they take over
 *	outer		of a slot: the host to which its sessions decay, and its replica
 *	moves		slots on their way from one host to another
 *
 * Encoded it is little endian: a head, then hosts, homes, outers and moves, see
 * map_encode in map.c for the order.
 */
#ifndef NET_MAP_H
#define NET_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/place.h"

enum {
	MAP_SLOTS = PLACE_SLOTS,
	MAP_COPIES = PLACE_COPIES,
	MAP_OUTER_COPIES = 2,
	MAP_HOSTS = PLACE_HOSTS,
	MAP_MOVES = 2 * MAP_SLOTS,	/* one of a slot's home and one of its outer */
	MAP_NAME_BYTES = 32,
	MAP_ADDRESS_BYTES = 46,		/* of IPv6, as text */
	MAP_HASH_BYTES = 16,
	MAP_PAST = 32,			/* epochs that a map knows the hashes of */
	MAP_BYTES = 1 << 18,		/* an encoded one has fewer */
};

#define MAP_NOBODY 0			/* where an id of a host stands and there is none */

enum map_state {
	MAP_JOINING,			/* has no slot yet */
	MAP_ACTIVE,
	MAP_DRAINING,			/* is to have none in the end */
	MAP_DOWN,			/* declared dead: is no primary */
	MAP_LEFT,			/* its id is not given again; holds nothing */
	MAP_STATES,
};

enum map_ring { MAP_HOME, MAP_OUTER, MAP_RINGS };

enum map_phase { MAP_COPYING, MAP_SWITCHED, MAP_PHASES };

struct map_host {
	uint16_t id;			/* from 1 */
	uint8_t state;			/* enum map_state */
	bool is_voter;
	uint16_t zone;
	uint16_t port;
	uint16_t weight[MAP_RINGS];	/* its share of homes and of outers; 0: none */
	uint32_t incarnation;		/* one more at each start */
	char name[MAP_NAME_BYTES], address[MAP_ADDRESS_BYTES];
};

struct map_move {
	uint16_t slot, from, to;
	uint8_t ring, phase;
};

struct map {
	uint64_t epoch;			/* from 1 */
	unsigned char hash[MAP_HASH_BYTES], past[MAP_PAST][MAP_HASH_BYTES];	/* of it, and of those before, the last first; nothing counts before the first */
	uint64_t created_hlc;
	uint64_t draw;			/* random, by who makes it: no two maps are one, though they say the same */
	uint64_t seed;			/* the cluster's, of keys and of hosts */
	uint32_t cluster_id;
	uint32_t record_size;		/* as all hosts must have it */
	uint16_t key_max;
	uint16_t n_hosts;
	uint32_t n_moves;
	struct map_host hosts[MAP_HOSTS];	/* by id */
	uint16_t home[MAP_SLOTS][MAP_COPIES], outer[MAP_SLOTS][MAP_OUTER_COPIES];	/* ids of hosts; nobody stands behind all others */
	struct map_move moves[MAP_MOVES];	/* by slot, and of one by ring */
};

/*
 * map_why_wrong - is it one that a cluster can have? Every rule of a map is here.
 *
 * Returns NULL, or a sentence about the first rule that it breaks. Costs about as much as encoding it.
 */
const char *map_why_wrong(const struct map *m);

/* The host of an id, or NULL. */
const struct map_host *map_host(const struct map *m, uint16_t id);
/* The same by its name. */
const struct map_host *map_host_named(const struct map *m, const char *name);

/* The slot of a key: len bytes, in its namespace. */
uint16_t map_slot(const struct map *m, uint16_t ns, const void *key, size_t len);

/*
 * map_succeed - begin the map that follows one: the next epoch, and the hashes of those before; else the same.
 * It is changed by its maker and then sealed. draw is random.
 */
void map_succeed(struct map *next, const struct map *m, uint64_t draw);
/* Compute its hash, after which it is not changed any more. GS_EINVAL: it is wrong, see above. GS_ENOMEM. */
int map_seal(struct map *m);

/* Are they of one cluster: do keys fall into the same slots, and fit everywhere? */
bool map_is_kin(const struct map *b, const struct map *a);
/*
 * Is b the next after a? Of the same cluster then, with all hosts that a has: a host that leaves stays in all maps, as one that
 * has left, and for good.
 */
bool map_follows(const struct map *b, const struct map *a);
/* Can it be known whether b, of the same epoch or a later one, comes from a? Not when they are more than MAP_PAST apart. */
bool map_knows(const struct map *b, const struct map *a);
/* Is it known that b does not come from a, which is of an earlier epoch, or of the same? */
bool map_is_fork(const struct map *b, const struct map *a);

/*
 * map_encode - the bytes of a sealed map.
 *
 * At most cap are written; MAP_BYTES is always enough. Returns their number or GS_ERANGE.
 */
int map_encode(const struct map *m, void *bytes, size_t cap);
/*
 * map_decode - of bytes that anybody may have sent.
 *
 * Returns 0; GS_EVERSION: a format that is not known; GS_EPROTO: cut, too long, or of nonsense; GS_ECORRUPT: its hash is not that
 * of its bytes; GS_EINVAL: it breaks a rule, see map_why_wrong. out then is undefined.
 */
int map_decode(struct map *out, const void *bytes, size_t len);

#endif
