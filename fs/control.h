/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control.h - control/: a window on the daemon's control tree.
 *
 * Nothing is remembered here but the numbers of paths, and what settings say
 * for as long as none changes (settled.h).  What a file says is found
 * once per open, at the first read (at offset 0 anew), so that nobody
 * reads half of the old and half of the new; each write(2) is one request
 * and answered at once; the daemon decides, on behalf of the caller.  Who asks
 * it waits, by later.h, and no thread that serves the mount with him; what
 * only counts is in the memory and asked of nobody, by counts.h.  While
 * the daemon is dead everything in here is EHOSTDOWN, and sessions go on.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <sys/stat.h>

#include "call.h"
#include "ctl/wire.h"
#include "dir.h"

struct control;
struct control_file;		/* an open control file */

struct control *control_new(const char *instance);
void control_free(struct control **ctl);

/* The tables of the instance: names and *n of them. 0 or an enum gs_err. */
int control_tables(struct control *ctl, char names[MOUNT_TABLES][GS_NAME_BYTES], uint32_t *n);

/* control/ itself, which is there without the daemon. */
void control_root(const struct mount *m, struct stat *st);
int control_lookup(struct call *c, uint64_t parent, const char *name, struct fuse_entry_param *out);
int control_getattr(struct call *c, uint64_t node, struct stat *st, double *timeout_s);
int control_list(struct call *c, uint64_t node, struct dir *d);

/* A directory that the daemon makes and removes: a ring. */
int control_mkdir(struct call *c, uint64_t parent, const char *name, struct fuse_entry_param *out);
int control_rmdir(struct call *c, uint64_t parent, const char *name);
/* A sentence or word for the daemon about a table. */
struct control_word {
	enum gs_wire_verb verb;
	uint32_t uid, gid;		/* on whose behalf */
	int32_t pid;
	uint64_t came_ms;		/* CLOCK_MONOTONIC */
	const char *table, *what;
};

/* Say it now, where waiting is allowed; what goes wrong then is passed over. */
void control_say(struct control *ctl, const struct control_word *w);

/* The text of a file, on behalf of the caller; *text is his to free. 0 or errno. */
int control_ask(struct call *c, const char *path, char **text);
/* Have the daemon make, remove or set something, on behalf of the caller. 0 or errno. */
int control_change(struct call *c, enum gs_wire_verb verb, const char *path, const char *value);
/* Have the mount be the one starter of a table, where it has one, by its handle for a namespace. 0, CALL_LATER or errno. */
int control_become_starter(struct call *c, struct gs *gs);
/* Tell the daemon, later, that the caller was refused something in a table; what: one word. */
void control_tell_refusal(struct call *c, const char *table, const char *what);

/* Have the daemon show in last_error why the caller was refused something that it does not know of, in a table. */
void control_tell(struct call *c, const char *table, const char *sentence);

int control_open(struct call *c, uint64_t node, int flags, uint64_t *fh);
/* The open file of a number, by the node that it was opened by; NULL: it is none, or of another, as after a change of versions. */
struct control_file *control_file_of(const struct mount *m, uint64_t node, uint64_t fh);
void control_release(struct call *c, struct control_file *f);
/* Go on with the files that were open when the process before ended. 0 or GS_ENOMEM. */
int control_adopt(struct mount *m);
/* handles_let_go() of control files. */
void control_let_go(struct mount *m);
/* Answers the request itself, that of events_pipe later when there is nothing yet. */
void control_read(struct call *c, struct control_file *f, uint64_t offset, size_t size);
/* Is it a file of which a poll may have to wait? The others are always ready. */
bool control_can_wait(const struct control_file *f);
/* Answers the request itself; takes the handle over, which may be NULL. */
void control_poll(struct call *c, struct control_file *f, struct fuse_pollhandle *handle);
/* Answer all who wait: the session of FUSE ends. */
void control_stop(struct control *ctl);
/* One write(2), wherever it says it goes. */
int control_write(struct call *c, struct control_file *f, const void *data, size_t len);

#endif
