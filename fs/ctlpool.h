/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctlpool.h - connections to the daemon, kept open between requests.
 *
 * A request takes one, or opens one when all are in use, and gives it back;
 * one that failed, or that the daemon has hung up, is closed, so that the
 * first request after a restart of the daemon finds it.  When a frozen daemon
 * has not answered one within CTLPOOL_TIMEOUT_MS, whatever came before that
 * was over is told GS_ETIMEDOUT without being tried: it has waited as well.
 */
#ifndef CTLPOOL_H
#define CTLPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/client.h"

enum { CTLPOOL_TIMEOUT_MS = 2000 };

struct ctlpool;

struct ctlpool *ctlpool_new(const char *instance);
void ctlpool_free(struct ctlpool **p);

struct ctlpool_question {		/* the arguments of gs_ctl_request(), and: */
	enum gs_wire_verb verb;
	const char *path;
	const void *value;
	size_t value_len;
	uint64_t offset;
	const struct gs_ctl_caller *as;
	uint64_t came_ms;		/* when it was asked for, CLOCK_MONOTONIC; 0: now */
};

/* As gs_ctl_request(): *text is the caller's to free, NULL when there is no connection to be had. */
int ctlpool_request(struct ctlpool *p, const struct ctlpool_question *q, char **text, size_t *text_len);

/*
 * Is a daemon there, by an open connection that it has not hung up; without one nobody knows, and it is not. Asks the kernel,
 * waits for nobody: a daemon that is stopped is there. *turn is another number when it may be another daemon than before.
 */
bool ctlpool_is_there(struct ctlpool *p, uint64_t *turn);

/* For who asks the daemon over another connection: has what came then waited as long as it may; and how an answer came. */
bool ctlpool_is_over(const struct ctlpool *p, uint64_t came_ms);
void ctlpool_note(struct ctlpool *p, int rc);

#endif
