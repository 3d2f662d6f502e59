/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctlpool.h - connections to the daemon, kept open between requests.
 *
 * A request takes one, or opens one when all are in use, and gives it back;
 * one that failed, or that the daemon has hung up, is closed, so that the
 * first request after a restart of the daemon finds it.
 */
#ifndef CTLPOOL_H
#define CTLPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "ctl/client.h"

struct ctlpool;

struct ctlpool *ctlpool_new(const char *instance);
void ctlpool_free(struct ctlpool **p);

/* As gs_ctl_request(): *text is the caller's to free, NULL when there is no connection to be had. */
int ctlpool_request(struct ctlpool *p, enum gs_wire_verb verb, const char *path, const void *value, size_t value_len,
    uint64_t offset, const struct gs_ctl_caller *as, char **text, size_t *text_len);

#endif
