/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctlpool.h - connections to the daemon, kept open between requests.
 *
 * A request takes one, or opens one when all are in use, and gives it back;
 * one that failed, or that the daemon has hung up, is closed, so that the
 * first request after a restart of the daemon finds it.  While a daemon is
 * frozen only one request at a time waits for it, and the others are told
 * GS_ETIMEDOUT at once: the threads that wait would be missing for sessions.
 */
#ifndef CTLPOOL_H
#define CTLPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "ctl/client.h"

struct ctlpool;

struct ctlpool *ctlpool_new(const char *instance);
void ctlpool_free(struct ctlpool **p);

struct ctlpool_question {		/* the arguments of gs_ctl_request() */
	enum gs_wire_verb verb;
	const char *path;
	const void *value;
	size_t value_len;
	uint64_t offset;
	const struct gs_ctl_caller *as;
};

/* As gs_ctl_request(): *text is the caller's to free, NULL when there is no connection to be had. */
int ctlpool_request(struct ctlpool *p, const struct ctlpool_question *q, char **text, size_t *text_len);

#endif
