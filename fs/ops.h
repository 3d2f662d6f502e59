/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ops.h - FUSE's callbacks: what the kernel asks, handed to the part of the tree it is about.
 */
#ifndef OPS_H
#define OPS_H

#include "call.h"

/*
 * The user data of the session is a struct mount.
 *
 * flush and fsync are left out: the kernel then never asks again, and close(2)
 * of a duplicate, which every shell does, publishes nothing.
 */
extern const struct fuse_lowlevel_ops ops_table;

/* The same without extended attributes, for which the kernel then asks no more: it does so before each truncation. */
struct fuse_lowlevel_ops ops_without_xattrs(void);

#endif
