/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * welcome.h - the answer to a HELLO: a table's descriptors, each open for what its receiver may do and no more.
 */
#ifndef GS_DAEMON_WELCOME_H
#define GS_DAEMON_WELCOME_H

#include "ctl/wire.h"
#include "shm/table.h"

/*
 * Send a table's descriptors with the contexts that w says were granted; uuid and arenas are filled here.
 *
 *   pages_fd	a reader's own pages, sent in the place of T.ctx, and then nothing else can be written through; -1: a writer
 *
 * Returns 0, GS_ESYSTEM (a descriptor could not be opened: the peer was told), GS_EDOWN (nothing can be sent to it).
 */
int welcome_send(int peer_fd, const struct gs_table *t, int pages_fd, struct gs_wire_welcome *w);

/* Say that it gets nothing, and why. Returns 0 or GS_EDOWN. */
int welcome_refuse(int peer_fd, int rc);

#endif
