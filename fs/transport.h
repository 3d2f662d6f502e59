/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transport.h - the seam between the kernel's connection and libfuse: requests as they come in, answers as they go out.
 *
 * libfuse reads and writes through here, so this is the place for what it
 * does not do itself: it counts requests, tells who handles one by what
 * number the kernel knows it, lets look-ups in one directory run in parallel
 * (libfuse 3.14 asks for that, and does not pass it on), and has a connection
 * taken over from a process that has died:
 *
 *	the first	INIT is answered, and remembered with its answer
 *	another		transport_take_over(): libfuse is given the remembered INIT, its answer is
 *			swallowed, and the kernel sends again what the dead one had read and not answered
 *
 * Two threads read and handle requests, or one for every two processors, and
 * the others stand aside: of those who wait in the kernel another is woken for
 * each request, while an active one finds the next when it comes back, so that
 * under load nobody is woken at all.  Whoever is going to wait for somebody else
 * leaves first, and one of the others takes its place; no handler waits for
 * another process, see later.h, but while the mount is attached anew.  A page of
 * a ring on a disk that has to be read is waited for by an active one: not told
 * from others before it happens.
 *
 * A read sleeps in the kernel at once.  To spin for 30 microseconds first, one
 * thread at a time and only while that had been of use, made requests 1.03 to
 * 1.1 times as long on two processors, so it does not.
 *
 * Another transport than /dev/fuse would have this interface.
 */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include "call.h"

enum { TRANSPORT_OPS = 64 };

#define TRANSPORT_CONNECTION "fuse"	/* its name where it is kept */

struct transport;

/*
 * May the requests of a kept connection be served on? They are sent again then. False: the mount is no more, or its memory is
 * not to be used, or the kernel cannot send again (before Linux 6.9), so that who waits would wait for ever.
 */
bool transport_can_go_on(int fd);

/* With the memory of the one before; fd is the connection to be taken over, or -1. NULL: out of memory. */
struct transport *transport_new(int fd);
void transport_free(struct transport **t);

/* Have a session, whose user data is a struct mount with this transport, read and write through here. 0 or GS_ESYSTEM. */
int transport_begin(struct transport *t, struct fuse_session *se);
/* The same over the connection that was taken over, which goes to the session. */
int transport_take_over(struct transport *t, struct fuse_session *se);

/* The kernel's number of the request that this thread has read last; the same one when it is sent again. */
uint64_t transport_unique(void);
/* Has it been sent again? Then it may have been done already. */
bool transport_is_again(void);

/* What the kernel calls who waits in the poll that this thread has read last; 0: nobody does. */
uint64_t transport_poll(void);
/* Wake such a one, of the process before, that he asks again. */
void transport_wake(const struct transport *t, uint64_t poll);

/* The request that this thread handles, as the kernel sent it, and the number in it; NULL: it handles none, as when it answers for another. */
const void *transport_request(size_t *len, uint64_t *unique);
bool transport_has_request(void);
/* Have such a request, put aside, handled once more by this thread. */
void transport_repeat(struct fuse_session *se, const void *bytes, size_t len);
/* The thread is going to wait for another one: until its next request somebody else reads in its place. */
void transport_leave(void);

/* Answer one that libfuse does not know any more with an errno. */
void transport_refuse(struct fuse_session *se, uint64_t unique, int error);

/* How often a connection was taken over since it was mounted. */
uint32_t transport_restarts(const struct transport *t);
/* Requests of kind i < TRANSPORT_OPS since it was mounted; *name is NULL where there is no such kind. */
uint64_t transport_count(const struct transport *t, uint32_t i, const char **name);

#endif
