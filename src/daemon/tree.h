/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tree.h - the control files: which there are, what they say, what may be written to them.
 *
 * The mount's control/ and `gsession show` and `set` are windows on this tree.
 */
#ifndef GS_DAEMON_TREE_H
#define GS_DAEMON_TREE_H

#include <stdint.h>
#include <stdio.h>

#include "ctl/wire.h"
#include "daemon/manager.h"

/* A control request, decoded and bounds-checked; strings end with NUL. */
struct tree_request {
	enum gs_wire_verb verb;		/* all but AUDIT; a WAIT is answered as a GET */
	const char *path;		/* "" is the root; no leading or trailing '/' */
	const char *value;
	size_t value_len;
	uint64_t offset;		/* of a GET: of the log's file a byte, of its stream a revision */
	int fd;				/* that came with it, or -1; not ours to close */
	struct manager_caller caller;
};

/*
 * tree_answer - do one request; the text goes to `to`.
 *
 * Returns 0 or an enum gs_err, then `to` has the sentence, which a refused SET
 * also leaves in m->last_error: GS_ENOENT no such path, GS_EPERM not writable or not
 * allowed to this caller, GS_EINVAL malformed, GS_ERANGE out of bounds,
 * GS_EBUSY not now, GS_EROFS.  A SET of several lines is all or nothing.
 */
int tree_answer(struct manager *m, const struct tree_request *r, FILE *to);

#define TREE_EVENTS "events"			/* the log of events, a growing file */
#define TREE_STREAM "events_pipe"		/* its lines by their revisions, for which it makes sense to wait */

bool tree_is_stream(const char *path);

#endif
