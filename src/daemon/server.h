/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server.h - the daemon's Unix socket: who comes, what they may have, and the loop that waits.
 *
 * Peers are untrusted: a packet that is not of wire.h drops its sender and is
 * counted.  No peer can block the loop: sockets do not block, one answer at a
 * time is kept per peer, and a peer that does not read is not read from.
 */
#ifndef GS_DAEMON_SERVER_H
#define GS_DAEMON_SERVER_H

#include "daemon/manager.h"

/* Listen on the socket's path, owned by root and the configured group. Returns 0, GS_EBUSY, GS_ESYSTEM; why says what to do. */
int server_open(struct server **out, struct manager *m, const char *path, char why[GS_CONF_WHY_BYTES]);

/* Serve until SIGTERM or SIGINT; SIGHUP reloads. Calls the sweep's tick. Returns 0 or GS_ESYSTEM. */
int server_run(struct server *s);

/* Close, remove the socket. */
void server_close(struct server **s);

#endif
