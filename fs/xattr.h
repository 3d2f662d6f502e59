/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xattr.h - user.gsession.*: what a session has that a file has no place for.
 */
#ifndef XATTR_H
#define XATTR_H

#include "call.h"

/* All answer the request themselves. */
void xattr_get(struct call *c, uint64_t node, const char *name, size_t size);
void xattr_list(struct call *c, uint64_t node, size_t size);
void xattr_set(struct call *c, uint64_t node, const char *name, const char *value, size_t size, int flags);
void xattr_remove(struct call *c, uint64_t node, const char *name);

#endif
