/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clients.h - the processes attached: granted contexts, watched until they die, recovered then.
 *
 * A process is dead when its pidfd says so and not before: a closed socket
 * may be a daemon's restart, and a stopped process is alive.  What is granted
 * is in the registry of T.ctl before the client knows of it, so a daemon that
 * dies in between loses nothing.
 */
#ifndef GS_DAEMON_CLIENTS_H
#define GS_DAEMON_CLIENTS_H

#include "ctl/wire.h"
#include "daemon/manager.h"

struct clients;

/* What T.ctl and WELCOME call a process: not 0, not 1, and no other's as long as the machine is up. */
uint64_t clients_process(uint32_t pid, uint64_t starttime);

/* epoll_fd is where pidfds are added, with `tag | index` as data; index has 32 bits and is for clients_died(). */
struct clients *clients_new(struct manager *m, int epoll_fd, uint64_t tag);
void clients_free(struct clients **c);

/* After a restart: watch those that live, recover those that died. */
void clients_adopt(struct clients *c);

/*
 * Grant n contexts of a table to a process. Fills ctx and cookie; returns how many, 0 when the registry is full,
 * GS_EBUSY when the process cannot be watched (it is gone, or there are too many), GS_ENOSPC when there is no memory for its pages.
 */
int clients_grant(struct clients *c, size_t table, const struct manager_caller *who, uint32_t n, struct gs_wire_welcome *out);

/*
 * The same to a reader, who gets n pages of memory that is shared with us alone. Fills n_ctx and cookie; returns a descriptor to
 * send and close, or as readers_grant().
 */
int clients_grant_reader(struct clients *c, size_t table, const struct manager_caller *who, uint32_t n, struct gs_wire_welcome *out);

/* Once a tick: go on with what could not be taken back at once, because a living client has it in its list for a moment. */
void clients_tick(struct clients *c);

/* A client gives back what it was granted with this cookie. Returns how many contexts. */
uint32_t clients_release(struct clients *c, int32_t pid, uint64_t cookie);

/* The pidfd of this index became readable; an index of a process that is forgotten already does nothing. */
void clients_died(struct clients *c, uint32_t index);

#endif
