/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * place.h - how far an open file of control/events_pipe has been read: behind which event, and what of an answer is left.
 *
 * What the daemon answers to "behind this event" misses nothing without
 * saying so.  It is more than one read takes: the rest is kept here.
 *
 * How far it has been read outlives the process, as an event and the bytes
 * that have been read of the lines behind it; so does how far it had been
 * before the last read, which is made again when its answer did not get out.
 */
#ifndef PLACE_H
#define PLACE_H

#include "call.h"

struct place_state {
	uint64_t revision, skip;	/* all lines up to this event have been read, and bytes behind it */
	uint64_t before_revision, before_skip;	/* ... before the read */
	uint64_t unique;		/* that the kernel knows by this number */
};

struct place_kept {			/* in kept memory, of zeros at first */
	_Atomic uint32_t which;		/* of the two is valid */
	struct place_state state[2];
};

struct place {
	pthread_mutex_t lock;		/* guards: all below */
	struct place_kept *kept;
	uint64_t revision;		/* of the last event that it has been given */
	char *text;			/* lines given, from a line's begin on, of which the bytes from `at` on have not been read */
	uint64_t base;			/* the event before text */
	size_t len, at;			/* at > len: so much of what comes has been read already */
};

/* Go on where kept says. */
void place_init(struct place *p, struct place_kept *kept);
/* Waits for whoever is just answering a read with it. */
void place_done(struct place *p);

/* Go on behind an event; what is left is forgotten. */
void place_begin(struct place *p, uint64_t revision);
/* Go on with all there is, unless it is not behind `revision` any more: another read was faster. */
void place_restart(struct place *p, uint64_t revision);
/* A read is sent again: go back before it, if it had been answered into the void. */
void place_rewind(struct place *p, uint64_t unique);
/* The event behind which to ask. */
uint64_t place_revision(struct place *p);
bool place_has_left(struct place *p);

/*
 * Give it lines that came behind `revision`, copied. False: it is not there any more, another read was faster. 0, ENOMEM in
 * *error.
 */
bool place_give(struct place *p, uint64_t revision, const char *text, size_t len, int *error);

/*
 * Answer a read, which the kernel knows as `unique`, with what is left, and move on. False: nothing is. The file may be closed
 * when it returns.
 */
bool place_answer(struct place *p, fuse_req_t req, uint64_t unique, size_t size);

/* The number of the last of some lines; 0: there is none. */
uint64_t place_last_revision(const char *text, size_t len);

#endif
