/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reader.h - what a handle of a reader has in the place of contexts: pages of its own, in which it tells of its accesses.
 */
#ifndef GS_LIB_READER_H
#define GS_LIB_READER_H

#include "lib/handle.h"

/*
 * Map the pages that came, in the place of those that gs has.  Takes over only their descriptor.  GS_EVERSION when a
 * descriptor can be written through that a reader must not have: the daemon knows no readers; GS_ECORRUPT, GS_ENOMEM.
 */
int gs_reader_take_pages(struct gs *gs, int fds[GS_TABLE_FDS]);
void gs_reader_drop_pages(struct gs *gs);

#endif
