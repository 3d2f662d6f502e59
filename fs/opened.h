/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * opened.h - FUSE's callbacks about files that are opened, read, written and closed, handed to the part of the tree they are of.
 */
#ifndef OPENED_H
#define OPENED_H

#include "call.h"

void opened_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
void opened_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi);
void opened_read(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi);
void opened_write(fuse_req_t req, fuse_ino_t node, const char *buf, size_t size, off_t off, struct fuse_file_info *fi);
void opened_release(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
void opened_poll(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi, struct fuse_pollhandle *handle);

/* Another try of an OPEN that was held back: answers it, or has it held back again, not beyond until_ms (CLOCK_MONOTONIC). */
void opened_again(fuse_req_t req, uint64_t node, struct fuse_file_info *fi, uint64_t until_ms);

#endif
