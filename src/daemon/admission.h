/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * admission.h - what is granted to a client that comes: contexts of the table it asks for, in a role that it may have.
 */
#ifndef GS_DAEMON_ADMISSION_H
#define GS_DAEMON_ADMISSION_H

#include "ctl/wire.h"
#include "daemon/clients.h"

/*
 * What a client may be is for [roles] to say, what of that it wants to be for it: who is only a reader gets nothing that
 * can be written through.  Fills *w; *pages_fd: those of a reader, or -1.
 *
 * Returns the table's number, GS_EPERM, GS_EVERSION, GS_EINVAL (malformed), GS_ENOENT (no such table), or as clients_grant.
 */
int admission_grant(struct manager *m, struct clients *clients, const struct manager_caller *who, const struct gs_wire_hello *h,
    struct gs_wire_welcome *w, int *pages_fd);

#endif
