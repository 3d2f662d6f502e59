/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * readers.h - the read-only clients: memory in which each tells of its accesses, emptied many times a second.
 *
 * A reader has pages of its own, one for each thread that calls at once,
 * which only it and the daemon map.  Their size is sealed, so it cannot take
 * them away; what stands in them is not believed (shm/feedback.h); and no
 * reader gets more of the daemon's time than its share of a round.  They go
 * with the daemon: a reader asks the next one for new ones.
 */
#ifndef GS_DAEMON_READERS_H
#define GS_DAEMON_READERS_H

#include "daemon/manager.h"

enum {
	READERS_PERIOD_MS = 20,		/* between two rounds */
};

struct readers;

/* epoll_fd is where the clock of the rounds is added, with `tag` as data: call readers_round() when it is readable. */
struct readers *readers_new(struct manager *m, int epoll_fd, uint64_t tag);
void readers_free(struct readers **r);

/* A process, as pidfd and /proc tell it from one that has its number later. */
struct readers_owner {
	uint32_t pid, uid;
	uint64_t starttime;
};

/*
 * Make n pages for a reader of a table, which it gives back with the cookie. Returns a descriptor to send and close,
 * GS_EBUSY (too many readers, or pages), GS_ENOMEM, GS_ESYSTEM.
 */
int readers_grant(struct readers *r, size_t table, const struct readers_owner *who, uint32_t n, uint64_t cookie);

/* It is done: what was told is taken, the pages are given up. Returns how many pages; *starttime is when the process began. */
uint32_t readers_release(struct readers *r, uint32_t pid, uint64_t cookie, uint64_t *starttime);
/* The same when it has died, with all that it had. */
uint32_t readers_died(struct readers *r, const struct readers_owner *who);
bool readers_has(const struct readers *r, const struct readers_owner *who);

/* When the clock says so: take what was told, of all tables, as much as a round allows. */
void readers_round(struct readers *r);
/* Before a sweep of a table judges by last accesses: take what was told, and add up counters. r may be NULL. */
void readers_before_sweep(struct readers *r, size_t table);

/* Readers that are attached; r may be NULL. */
uint32_t readers_count(const struct readers *r);

#endif
