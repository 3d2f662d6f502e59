/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * place.h - how far an open file of control/events_pipe has been read: behind which event, and what of an answer is left.
 *
 * What the daemon answers to "behind this event" misses nothing without
 * saying so.  It is more than one read takes: the rest is kept here.
 */
#ifndef PLACE_H
#define PLACE_H

#include "call.h"

struct place {
	pthread_mutex_t lock;		/* guards: all below */
	uint64_t revision;		/* of the last event that it has been given */
	char *text;			/* lines given, of which the bytes from `at` on have not been read */
	size_t len, at;
};

void place_init(struct place *p);
/* Waits for whoever is just answering a read with it. */
void place_done(struct place *p);

/* Go on behind an event; what is left is forgotten. */
void place_begin(struct place *p, uint64_t revision);
/* Go on with all there is, unless it is not behind `revision` any more: another read was faster. */
void place_restart(struct place *p, uint64_t revision);
/* The event behind which to ask. */
uint64_t place_revision(struct place *p);
bool place_has_left(struct place *p);

/*
 * Give it lines that came behind `revision`, copied. False: it is not there any more, another read was faster. 0, ENOMEM in
 * *error.
 */
bool place_give(struct place *p, uint64_t revision, const char *text, size_t len, int *error);

/* Answer a read with what is left, and move on. False: nothing is. The file may be closed when it returns. */
bool place_answer(struct place *p, fuse_req_t req, size_t size);

/* The number of the last of some lines; 0: there is none. */
uint64_t place_last_revision(const char *text, size_t len);

#endif
