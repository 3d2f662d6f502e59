/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transport.h - the seam between the kernel's connection and libfuse: requests as they come in, answers as they go out.
 *
 * libfuse reads and writes through here, so this is the place for what it
 * does not do itself: it counts requests, and lets look-ups in one directory
 * run in parallel (libfuse 3.14 asks for that, and does not pass it on).
 *
 * Another transport than /dev/fuse would have this interface.
 */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include "call.h"

enum { TRANSPORT_OPS = 64 };

struct transport;

/* With the memory of the one before, when there was one. NULL: out of memory. */
struct transport *transport_new(void);
void transport_free(struct transport **t);

/* Have a mounted session read and write through here; its user data is a struct mount with this transport. 0 or GS_ESYSTEM. */
int transport_begin(struct fuse_session *se);
/* Requests of kind i < TRANSPORT_OPS since it was mounted; *name is NULL where there is no such kind. */
uint64_t transport_count(const struct transport *t, uint32_t i, const char **name);

#endif
