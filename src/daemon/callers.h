/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * callers.h - who asks: what the kernel says of a peer, and of a caller that a trusted peer speaks for.
 */
#ifndef GS_DAEMON_CALLERS_H
#define GS_DAEMON_CALLERS_H

#include "ctl/wire.h"
#include "daemon/manager.h"

/* The process at the other end of a socket, as it was when it connected. 0 or GS_ESYSTEM. */
int callers_of_peer(int fd, struct manager_caller *out);

/*
 * The caller of a request: root and our own user may speak for others, everybody else for himself. Of another's groups
 * those count that the process has, if it is still of that user.
 */
void callers_believed(const struct manager_caller *peer, const struct gs_wire_request *r, struct manager_caller *out);

#endif
