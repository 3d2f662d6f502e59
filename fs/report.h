/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.h - control/node/mount: what gsession-fs tells of itself, in a directory that is the daemon's otherwise.
 */
#ifndef REPORT_H
#define REPORT_H

#include "call.h"
#include "ctl/wire.h"

/*
 * Answer a request for a path of the control tree, where it is ours: *text, the caller's to free, and *rc, 0 or an errno.
 * False: the daemon is to be asked.
 */
bool report_answers(struct call *c, enum gs_wire_verb verb, const char *path, char **text, size_t *len, int *rc);
/* Add our file to the daemon's list of a directory, *text of malloc() that may be moved. 0 or ENOMEM. */
int report_list(const char *path, char **text, size_t *len);

#endif
