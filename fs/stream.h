/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.h - reads of control/events_pipe that wait for the next event, and polls that wait for a change.
 *
 * Who waits is put on a list, and the thread of the mount that had the
 * request goes on.  One thread of the stream asks the daemon, over a
 * connection of its own, for what comes next, and answers all who wait.  A
 * read that is interrupted is answered at once, whatever the daemon does;
 * when the daemon goes, all are answered with EHOSTDOWN.
 */
#ifndef STREAM_H
#define STREAM_H

#include "place.h"

struct stream;

struct stream *stream_new(const char *instance);
/* Answer all who wait with ENODEV and end: before the session of FUSE is. */
void stream_stop(struct stream *s);
void stream_free(struct stream **s);

/* Answer the request, which the kernel knows as `unique`, with what comes behind the place when there is something, size bytes at most. */
void stream_read(struct stream *s, fuse_req_t req, uint64_t unique, struct place *at, size_t size);

/* Notify when there is an event behind revision `seen`; takes the handle over. */
void stream_poll(struct stream *s, struct fuse_pollhandle *handle, uint64_t seen);

#endif
