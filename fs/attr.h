/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attr.h - what stat(2) shows of sessions and directories, and what of it can be set.
 */
#ifndef ATTR_H
#define ATTR_H

#include <sys/stat.h>

#include "call.h"

#define ATTR_FIXED_S 3600.0	/* directories that neither come nor go */
#define ATTR_RING_S 1.0		/* those of rings; not believed at all where sessions are not */

enum { ATTR_ANY_TIME = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW };

/* Whose a file is, and what its permission bits are. */
struct attr_owner {
	uint32_t uid, gid, mode;
};

struct timespec attr_timespec(int64_t ns);
/* May the caller chmod and chown like this? 0 or EPERM; one that changes nothing is for everybody. */
int attr_may_permit(struct call *c, const struct attr_owner *o, const struct stat *want, int to_set);
/* And set times? As utimensat(2): whoever may write may set both to now, only the owner others. 0, EPERM, EACCES. */
int attr_may_time(struct call *c, const struct attr_owner *o, int to_set);
/* Is a time given, rather than now? */
bool attr_has_explicit(int to_set);
/* The times as they are then; what is not given stays. */
void attr_times(const struct stat *want, int to_set, int64_t *mtime_ns, int64_t *atime_ns);

/* A session seen through a ring. */
void attr_of_session(const struct mount *m, uint64_t node, const struct gs_info *info, struct stat *st);
/* A directory of the mount's own; mode has the permission bits. */
void attr_of_directory(const struct mount *m, uint64_t node, uint32_t mode, struct stat *st);
/* One of the root, the table, the ring and the namespace directories. 0, or ENOENT when there is no such. */
int attr_of_fixed(const struct mount *m, uint64_t node, struct stat *st);

/* How long the kernel may believe in a directory that attr_of_fixed() describes; rings come and go, but for the innermost, and so do namespaces. */
double attr_fixed_s(const struct mount *m, uint64_t node);

/* The answer to a look-up. */
void attr_entry(uint64_t node, const struct stat *st, double timeout_s, struct fuse_entry_param *out);

/*
 * The session of a node, as it is now. 0, ESTALE when it has ended, when its entry has another by now, or when it
 * is not to be seen through that ring any more; then the kernel looks its name up anew.
 */
int attr_find(struct call *c, uint64_t node, struct gs_item *item);

/* getattr of a session, one that ended included as long as somebody has it open. */
int attr_get(struct call *c, uint64_t node, struct stat *st);
/* setattr of a session: want's fields that to_set (FUSE_SET_ATTR_*) names; fi NULL when not by a handle. */
int attr_set(struct call *c, uint64_t node, const struct stat *want, int to_set, struct fuse_file_info *fi, struct stat *st);

#endif
