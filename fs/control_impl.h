/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control_impl.h - the inside of control/, shared by control.c (names, attributes, lists) and control_file.c (open files).
 */
#ifndef CONTROL_IMPL_H
#define CONTROL_IMPL_H

#include <pthread.h>

#include "control.h"
#include "ctlpool.h"
#include "kept.h"
#include "settled.h"
#include "stream.h"

enum {
	CONTROL_PATHS = 4096,		/* different ones that a mount can have been asked for */
	CONTROL_ERROR_BYTES = 1024,
	CONTROL_SENTENCE_BYTES = 900,	/* of it: path and sentence, behind who it was */
};

#define CONTROL_LOG "events"
#define CONTROL_COUNTS "events.counts"
#define CONTROL_PIPE "events_pipe"
#define CONTROL_ERROR "last_error"

/* A file or directory, as the daemon describes it in a line. */
struct control_line {
	char name[DIR_NAME_BYTES];
	uint32_t mode;
	bool is_dir;
	bool is_growing;		/* has a size, and is read by offset */
	uint64_t size, revision;	/* of a growing one: of the last event */
	bool is_setting;		/* and is as it is as of gs_control_epoch() */
	uint64_t epoch;
};

struct control_path {
	uint32_t mode;			/* as last heard of */
	bool is_dir, is_growing;
	char text[GS_WIRE_PATH_BYTES];
	bool is_setting;		/* behind the text nothing lay when there was no such thing yet: false */
};
_Static_assert(sizeof(struct control_path) == GS_WIRE_PATH_BYTES + 8, "as kept by a process without settings");

/* Kept (kept.h): the kernel goes on asking for them by their numbers. */
struct control_paths {
	_Atomic uint32_t n;		/* the root's is 0, and there from the begin */
	uint32_t tag;			/* of the numbers of this memory; the root has none */
	struct control_path of[CONTROL_PATHS];
};

struct control {
	struct ctlpool *pool;
	struct stream *stream;
	struct kept kept;
	pthread_mutex_t lock;		/* guards: all below; paths are only ever added */
	struct control_paths *paths;
	struct settled *settled;	/* by their numbers */
	char error[CONTROL_ERROR_BYTES];	/* what last_error says: of what was asked for here, which the daemon's is not */
};

/* False when no such number was given. */
bool control_path_of(struct control *ctl, uint32_t i, struct control_path *out);
/* The same of a node, with its number; false also when it is of another memory. */
bool control_path_of_node(struct control *ctl, uint64_t node, uint32_t *i, struct control_path *out);
/* The node of a path. */
uint64_t control_node(const struct control *ctl, uint32_t i);
/* Is it the file that is watched? Whoever knows it may watch it, be it that its name came with a listing. */
bool control_is_watched(struct call *c, const char *path);
/* Ask the daemon on behalf of the caller; *text is his to free, NULL after an error. 0 or errno. */
int control_request(struct call *c, enum gs_wire_verb verb, const char *path, uint64_t offset, char **text, size_t *len);
/* Ask for a change on behalf of the caller; a refusal is kept for last_error. 0 or errno. */
int control_order(struct call *c, enum gs_wire_verb verb, const char *path, const void *value, size_t len);
/* Keep the sentence of a refusal that was not the daemon's. */
void control_blame(struct call *c, const char *path, const char *sentence);
/* What last_error says; the text is the caller's. 0 or errno. */
int control_error(struct control *ctl, char **text, size_t *len);
int control_ask_line(struct call *c, const char *path, struct control_line *out);

/* When it is, for settled.h: to be asked before the daemon is. False: without one that has answered before nothing is settled. */
bool control_stamp(struct call *c, struct settled_stamp *now);
/* The number and the line of a path, which is the daemon's unless it is settled as of now; NULL: it is asked. 0 or errno. */
int control_hear(struct call *c, const char *path, const struct settled_stamp *now, uint32_t *i, struct control_line *out);
/* May the caller do what the mask says, as the modes say or as an operator? 0 or EACCES, which is told. */
int control_may_use(struct call *c, uint32_t mode, int mask);

#endif
