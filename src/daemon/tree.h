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
#include "shm/namespaces.h"

/* A namespace that is being removed: how far its removal has come. All zero to begin. */
struct tree_removal {
	bool is_begun;
	size_t table;
	struct gs_namespace_removal walk;
};

/* A control request, decoded and bounds-checked; strings end with NUL. */
struct tree_request {
	enum gs_wire_verb verb;		/* all but AUDIT; a WAIT is answered as a GET */
	const char *path;		/* "" is the root; no leading or trailing '/' */
	const char *value;
	size_t value_len;
	uint64_t offset;		/* of a GET: of the log's file a byte, of its stream a revision */
	int fd;				/* that came with it, or -1; not ours to close */
	struct tree_removal *removal;	/* of a REMOVE that may wait, else NULL: it is done before it is answered */
	struct manager_caller caller;
};

enum { TREE_WAITS = 1 };

/*
 * tree_answer - do one request; the text goes to `to`.
 *
 * Returns 0 or an enum gs_err, then `to` has the sentence, which a refused SET
 * also leaves in m->last_error: GS_ENOENT no such path, GS_EPERM not writable or not
 * allowed to this caller, GS_EINVAL malformed, GS_ERANGE out of bounds,
 * GS_EBUSY not now, GS_EROFS.  A SET of several lines is all or nothing.
 * TREE_WAITS, only with r->removal: some ms of it are done, the same request is
 * to be asked again.
 */
int tree_answer(struct manager *m, const struct tree_request *r, FILE *to);
/* A removal is answered, or nobody asks again. */
void tree_let_go(struct manager *m, struct tree_removal *removal);

#define TREE_EVENTS "events"			/* the log of events, a growing file */
#define TREE_STREAM "events_pipe"		/* its lines by their revisions, for which it makes sense to wait */

bool tree_is_stream(const char *path);

#endif
