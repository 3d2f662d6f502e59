/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file.h - open session files: what a handle has read, what it has staged, and whom it belongs to.
 *
 * From open to close is one access.  The first READ through the innermost
 * ring is a get, later ones are served from what it brought; one at offset 0
 * brings anew.  A truncation waits in the handle and is published together
 * with the first WRITE, else when the file is closed, so that nobody ever
 * reads the emptiness between the two; and a WRITE that is refused leaves,
 * or brings back, what was there before the truncation.
 *
 * A handle knows its session by id.  When that has ended, writes go nowhere:
 * an old handle never brings a key back.
 *
 * What makes up a handle lies in kept memory (handles.h): it goes on in the
 * process that follows this one.
 */
#ifndef FILE_H
#define FILE_H

#include "call.h"

struct file;
struct files;			/* all open files of a mount */

struct files *files_new(void);
void files_free(struct files **fs);
/* Go on with the files that were open when the process before ended. 0 or GS_ENOMEM. */
int files_adopt(struct mount *m);
/* How many are open. */
uint64_t files_count(struct files *fs);

/* Before a session ends or is replaced: handles that are open on it keep its value for their readers. */
void files_keep(struct mount *m, uint32_t table, uint64_t id);
/* After it was replaced under its key: they are the old one's, of which this version was the last. */
void files_end(struct mount *m, uint32_t table, uint64_t id, uint64_t version);
/* After a rename made `to`, in the namespace ns: handles follow. */
void files_follow(struct mount *m, uint32_t table, uint64_t id, uint64_t ns, const char *to);
/*
 * The session that handles of this node belong to by now: another key's after a rename. When it has ended, only
 * item->info is filled, as it was last seen. False when nobody has the node open.
 */
bool files_find(struct mount *m, uint64_t node, struct gs_item *item, bool *has_ended);

/*
 * touch(1) opens, and then sets the times without saying by which handle: a handle of the node whose opening was a turn of
 * the session, or its start, pays for one renewal. True: this is it, and no other turn is needed.
 */
bool files_pay_renewal(struct mount *m, uint64_t node);

/* What the opening of a file did to the session. */
enum file_birth {
	FILE_FOUND,			/* nothing: the first read or write is its access */
	FILE_TURN,			/* made its access: it asks too fast, and this was its turn */
	FILE_CREATED,			/* started it, empty, which counted as its access */
};

/*
 * Open the session of a node; *fh is the number for the kernel. flags are those of open(2): O_TRUNC begins a truncation;
 * O_NOATIME makes reads peek. 0, ENFILE, ENOMEM.  release closes it.
 */
int file_open(struct call *c, uint64_t *fh, uint64_t node, const struct gs_item *item, int flags, enum file_birth how);
/* The open file of a number; NULL: it is none, as after a change of versions. */
struct file *file_of(const struct mount *m, uint64_t fh);
/* The node that it was opened by. */
uint64_t file_node(const struct file *f);
void file_release(struct call *c, struct file *f);
/* handles_let_go() of session files. */
void files_let_go(struct mount *m);

/* Answers the request itself. */
void file_read(struct call *c, struct file *f, uint64_t offset, size_t size);
/* One WRITE, whole or not at all; with is_append at the end, wherever that is by now. */
int file_write(struct call *c, struct file *f, const void *data, size_t len, uint64_t offset, bool is_append);
/* ftruncate(2). To 0: staged; else at once. */
int file_resize(struct call *c, struct file *f, uint64_t size);
/* truncate(2), without a handle; is_counted: its access has been made. */
int file_resize_closed(struct call *c, uint64_t node, const struct gs_item *item, uint64_t size, bool is_counted);

#endif
