/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * staged.h - temporary files as FUSE asks for them, and how they become sessions.
 *
 * A name that matches temp_patterns, made in a directory of sessions where no
 * session has it, is a file of the stage (stage.h): seen, listed, written and
 * renamed like any other, unknown to the store.  Renamed onto a name that is
 * no temporary one it is put: with its value, owner, mode and modification
 * time, and that is one put, whatever was written before.  One that has lain
 * unchanged for STAGE_MS is put under the name that it has, as all are when
 * the mount ends.
 *
 * Who has the file open then goes on with the session; and its number leads
 * to the session as long as the kernel may use it.
 */
#ifndef STAGED_H
#define STAGED_H

#include "call.h"
#include "stage.h"

struct staged;

/* NULL: out of memory. */
struct staged *staged_new(void);
/*
 * Go on with the files of the process before, and find out which it has made sessions of; after the open files were adopted,
 * and what it was opening was given back. 0 or GS_ENOMEM.
 */
int staged_adopt(struct mount *m);
/* Make a session of each that is left, and end the thread that does so in time. Before the FUSE session ends. */
void staged_stop(struct mount *m);
void staged_free(struct staged **s);
/* Is there any that the process before has left? */
bool staged_has_left(void);
/* There is one that will be due: of a new file, and after a takeover. */
void staged_watch(struct mount *m);

void staged_counts(struct mount *m, struct stage_counts *out);

/* ---- names, in a directory of sessions ---- */

bool staged_has(struct call *c, uint64_t dir, const char *name);
/* False: there is no such file. */
bool staged_lookup(struct call *c, uint64_t dir, const char *name, struct fuse_entry_param *out);
/* Opens the file that is there, or makes one. EEXIST with O_EXCL; ENOSPC: there are too many. */
int staged_create(struct call *c, uint64_t dir, const char *name, uint32_t mode, struct fuse_file_info *fi, struct fuse_entry_param *out);
/* ENOENT: there is no such file. */
int staged_unlink(struct call *c, uint64_t dir, const char *name);
/* Of one that is there, flags are those of renameat2(2) that the caller has checked. */
int staged_rename(struct call *c, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name, unsigned flags);
/* Was a file that is not there just that renamed? Then a process that was killed before it could answer has done it. */
bool staged_was_renamed(struct call *c, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name);
/* The next of a directory, from *slot on, which moves behind it: its name (STAGE_NAME_BYTES) and what stat shows. */
bool staged_next(struct call *c, uint64_t dir, uint32_t *slot, char *name, struct stat *st);

/* ---- after a takeover: what a process that died had done ---- */

/* Is there such a file, nobody's but its maker's, empty and made since then, wall clock? */
bool staged_is_new(struct mount *m, uint64_t dir, const char *name, uint32_t uid, int64_t since_ns);
/* Is a file so long, if it is one still? */
bool staged_reaches(struct mount *m, uint64_t node, uint64_t end);

/* ---- files; fh is that of their opening: its own, or the handle of the session that it was already ---- */

/* The file of an opening; 0: it is none. */
uint64_t staged_opened(const struct mount *m, uint64_t fh);

/* The session that a file has become, else the same number. */
uint64_t staged_leads_to(struct call *c, uint64_t node);

int staged_getattr(struct call *c, uint64_t node, struct stat *st);
/* As attr_set(). */
int staged_setattr(struct call *c, uint64_t node, const struct stat *want, int to_set, const struct fuse_file_info *fi, struct stat *st);
int staged_open(struct call *c, uint64_t node, struct fuse_file_info *fi);
void staged_release(struct call *c, uint64_t node, uint64_t fh);
/* Answers the request itself. */
void staged_read(struct call *c, uint64_t node, uint64_t fh, uint64_t offset, size_t size);
int staged_write(struct call *c, uint64_t node, const struct fuse_file_info *fi, const void *data, size_t len, uint64_t offset);

#endif
