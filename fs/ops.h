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

/* Another try of an OPEN that was held back: answers it, or has it held back again, not beyond until_ms (CLOCK_MONOTONIC). */
void ops_again(fuse_req_t req, uint64_t node, struct fuse_file_info *fi, uint64_t until_ms);

#endif
