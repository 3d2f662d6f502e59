/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify.h - what we tell whoever supervises us, and the descriptors that it keeps for us.
 *
 * The protocol is that of sd_notify(3) and of systemd's file descriptor
 * store: datagrams of NAME=VALUE lines to the socket in NOTIFY_SOCKET, with
 * descriptors beside them, which the next of us finds from number 3 on.
 * gsession-keep(8) speaks it as systemd does.  Without a supervisor nothing
 * is said to nobody, and nothing is found.
 */
#ifndef GS_PROG_NOTIFY_H
#define GS_PROG_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>

enum { NOTIFY_FIRST_FD = 3, NOTIFY_NAMES_BYTES = 1024 };

/* Is there somebody who listens? */
bool notify_is_heard(void);

/* How often it wants to hear WATCHDOG=1 at least, 0: it does not wait for that. */
int notify_watchdog_ms(void);

/* Send lines, with a descriptor beside them unless fd is -1. 0, or GS_ESYSTEM with errno. */
int notify_send(const char *lines, int fd);

/* Wait until all that was sent has been understood, which a descriptor in it must be before we die; 5 seconds at most. */
void notify_settle(void);

/*
 * The descriptors that were kept: how many, from NOTIFY_FIRST_FD on, and their names with colons between them. They are
 * closed when another program is executed; once only, as what it is told by is taken out of the environment.
 */
int notify_kept(char names[NOTIFY_NAMES_BYTES]);

#endif
