/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session.h - sessions by their names: looking up, creating, opening, ending, moving and renaming them.
 *
 * A ring's directory shows the sessions of that ring and, to who asks by name,
 * those of the rings outside it; so does the directory of a namespace in it,
 * of the namespace.  parent is such a directory throughout.
 */
#ifndef SESSION_H
#define SESSION_H

#include "call.h"

int session_lookup(struct call *c, uint64_t parent, const char *name, struct fuse_entry_param *out);

/* open(2) of what was looked up: fi->fh becomes the handle. EDQUOT for a suspect through the innermost ring. */
int session_open(struct call *c, uint64_t node, struct fuse_file_info *fi);
/* O_CREAT: EEXIST when it lives farther in, EDQUOT when it is a suspect. */
int session_create(struct call *c, uint64_t parent, const char *name, uint32_t mode, struct fuse_file_info *fi,
    struct fuse_entry_param *out);

int session_unlink(struct call *c, uint64_t parent, const char *name);

/* flags as renameat2(2). Under the same name it is a move from ring to ring; from table to table EXDEV. */
int session_rename(struct call *c, uint64_t parent, const char *name, uint64_t new_parent, const char *new_name, unsigned flags);

#endif
