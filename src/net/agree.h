/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agree.h - how hosts come from one map to the next, where operators decide and no majority is asked (authority = static).
 *
 *	who proposes		every other host that is to be there
 *	agree_propose
 *	 keep	-- PREPARE ->	 keep	it follows what is in force, and there is no other
 *		<- ACCEPTED --
 *	 keep	-- COMMIT ->	 keep	it is in force
 *
 * All must accept that the map in force knows, be they down by that, but for
 * those that the new map itself declares down or gone: by that an operator says that a host is dead, where nobody can know.
 * One refusal ends the proposal.  Whoever missed the end is told by the next
 * announcement, and asks for the map.
 *
 * What a host has accepted binds it until it knows the end: its proposer may
 * have put it in force.  Only a map that declares that proposer dead, and all
 * whom the first one did, goes before it; if that one is given up the first
 * one binds again.  And who has accepted that a host is dead takes no map from
 * it any more.
 *
 * Promises, in whatever way messages are lost, doubled, late and out of order and
 * hosts die and come back with what they had kept:
 *
 *	- the epoch in force at a host never goes back;
 *	- no two hosts have two maps of one epoch, but one that was declared dead and had
 *	  proposed one meanwhile: it is quarantined when it meets another, and stays so.
 *	  Operators who declare each other's hosts dead have two clusters, which only meet
 *	  with an alarm;
 *	- what was told to be in force is in force everywhere, once all can talk.
 *
 * No I/O, no clock: an event goes in, what is to be done comes out, in this
 * order.  What is kept must be on disk before the next thing is done.  Who
 * was away for more than MAP_PAST epochs cannot know whether it comes from
 * what the others have: it takes nothing, alarms, and is begun anew.
 */
#ifndef NET_AGREE_H
#define NET_AGREE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/map.h"

enum agree_state {
	AGREE_IDLE,			/* the map in force is all there is */
	AGREE_PREPARED,			/* another host's is kept */
	AGREE_PROPOSING,		/* our own is */
	AGREE_QUARANTINED,		/* has a map of an epoch of which others have another: an operator's business */
	AGREE_STATES,
};

enum agree_event {
	AGREE_ON_PROPOSE,
	AGREE_ON_TICK,			/* every announcement's time */
	AGREE_ON_WITHDRAW,		/* an operator gives his proposal up */
	AGREE_ON_PREPARE,
	AGREE_ON_ACCEPTED,
	AGREE_ON_REFUSED,
	AGREE_ON_COMMIT,
	AGREE_ON_ABORT,
	AGREE_ON_ANNOUNCE,
	AGREE_ON_GET,
	AGREE_ON_MAP,
	AGREE_EVENTS,
};

enum agree_why {
	AGREE_NO_REASON,
	AGREE_BEHIND,			/* it does not follow the map in force at the one who refuses */
	AGREE_OTHER,			/* another one is kept there */
	AGREE_OVERTAKEN,		/* a later map is in force */
	AGREE_GIVEN_UP,			/* by the operator */
	AGREE_IS_QUARANTINED,
	AGREE_WHYS,
};

/* A map's name. */
struct agree_name {
	uint64_t epoch;			/* 0: there is none */
	unsigned char hash[MAP_HASH_BYTES];
};

/* To or from another host; kinds are those events above that messages are. */
struct agree_message {
	uint8_t kind;			/* enum agree_event */
	uint8_t why;			/* REFUSED */
	uint16_t proposer;		/* ANNOUNCE: of what is prepared */
	struct agree_name name;		/* of the map that it is about; ANNOUNCE: the one in force */
	struct agree_name prepared;	/* ANNOUNCE: what is kept and not in force */
	const struct map *map;		/* PREPARE, MAP */
};

enum { AGREE_PREPARED_MOST = 3 };	/* a host that has as many accepts no more before it knows an end */

/* What outlives the process. Maps are the caller's, who keeps them as long as they stand here. */
struct agree_kept {
	const struct map *in_force;	/* NULL: a host that joins, and is given one by the others */
	struct {
		const struct map *map;
		uint16_t proposer;
	} prepared[AGREE_PREPARED_MOST];	/* the last one goes before the others */
	uint32_t n_prepared;
	bool is_quarantined;
};

enum agree_do {
	AGREE_KEEP,			/* agree->kept, for good */
	AGREE_SEND,			/* message, to `to` */
	AGREE_SEND_ALL,			/* to every host of the map in force, and of the prepared one */
	AGREE_USE,			/* there is a new map in force */
	AGREE_TELL,			/* the operator who proposed `name`: why it is not to be; AGREE_NO_REASON: that it is in force */
	AGREE_ALARM,			/* what `to` has and what we have cannot be: we are quarantined, unless it was declared dead */
};

struct agree_action {
	enum agree_do what;
	uint16_t to;
	enum agree_why why;
	struct agree_message message;	/* TELL: only its name */
};

enum { AGREE_ACTIONS = 8 };

struct agree_actions {
	uint32_t n;
	struct agree_action of[AGREE_ACTIONS];
};

struct agree {
	uint16_t self;
	struct agree_kept kept;
	bool is_proposing;		/* what is prepared is ours and may still come to be; not after a restart */
	bool has_accepted[MAP_HOSTS];	/* by place in the map in force */
};

/* Begin with what was kept; `self` is in the map in force, if there is one. 0, or GS_ECORRUPT: it cannot have been kept. */
int agree_begin(struct agree *a, uint16_t self, const struct agree_kept *kept);

enum agree_state agree_state(const struct agree *a);

/*
 * agree_propose - have a map come into force everywhere.
 *
 *	map	sealed, the next after the one in force, and never proposed before; the first of a cluster is given
 *		to each of its hosts as kept
 *
 * Returns 0, and AGREE_TELL follows some time, unless the process ends; GS_EINVAL: it does not follow, or there is none to
 * follow yet, or we are not in it; GS_EBUSY: another is on its way; GS_EROFS: quarantined, or declared dead by what is in force.
 */
int agree_propose(struct agree *a, const struct map *map, struct agree_actions *out);
/* Give it up. 0, or GS_ENOENT: there is none. */
int agree_withdraw(struct agree *a, struct agree_actions *out);

/* Time to announce what is in force, and to ask again who has not answered. */
void agree_tick(struct agree *a, struct agree_actions *out);

/* A message of another host, which is who it says to be; a map in it is as map_decode takes it. */
void agree_hear(struct agree *a, uint16_t from, const struct agree_message *m, struct agree_actions *out);

#endif
