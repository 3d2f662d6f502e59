/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * namespace.h - the directories of namespaces, which are seen in every ring's directory.
 *
 * mkdir in a ring's directory makes one, owned by the caller and of the mode
 * that he gives, by the daemon, which says who may: an operator, or a starter,
 * who may have a few.  rmdir is for its owner and operators, when no ring has
 * a session of it.  Its owner may chmod it, operators may chown it, too.
 */
#ifndef NAMESPACE_H
#define NAMESPACE_H

#include <sys/stat.h>

#include "session_impl.h"

/* Is this name, in a ring's directory, a namespace? In that of a namespace there is none. */
bool namespace_has(const struct session_place *p, const char *name);

/* 0, or EACCES: the caller may not search the directory of the namespace; 0 is the default one, which everybody may. */
int namespace_may_search(const struct call *c, uint32_t table, uint64_t ns);

/* What stat shows of a directory. 0, or ENOENT: it is not there any more. */
int namespace_stat(const struct mount *m, uint64_t node, struct stat *st);

/* parent is a ring's directory. */
int namespace_lookup(struct call *c, uint64_t parent, const char *name, struct fuse_entry_param *out);
int namespace_mkdir(struct call *c, uint64_t parent, const char *name, uint32_t mode, struct fuse_entry_param *out);
int namespace_rmdir(struct call *c, uint64_t parent, const char *name);

/* Its owner and mode, as far as want differs from st in what to_set (FUSE_SET_ATTR_*) names; st is as it is then. */
int namespace_setattr(struct call *c, uint64_t node, const struct stat *want, int to_set, struct stat *st);

#endif
