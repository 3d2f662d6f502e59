/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client.h - ask the daemon: a connection to its socket, control requests, and the handshake of an attach.
 *
 * One thread at a time per connection.  All calls block until the answer is
 * there or timeout_ms has passed; after GS_ETIMEDOUT, GS_EDOWN or GS_EPROTO the
 * connection is of no more use.
 */
#ifndef GS_CTL_CLIENT_H
#define GS_CTL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ctl/wire.h"

struct gs_ctl;				/* a connection */

#define GS_CTL_NO_WAIT UINT32_MAX	/* a timeout_ms: what cannot be done at once is GS_ETIMEDOUT */

struct gs_ctl_caller {			/* on whose behalf; NULL: oneself */
	uint32_t uid, gid;
	int32_t pid;
};

/*
 * Connect to an instance. run_dir NULL: the built-in place; instance NULL: "default".
 * Returns 0, GS_EDOWN (nobody listens), GS_EPERM (somebody whom we do not trust does), GS_EACCES, GS_EINVAL (bad name), GS_ENOMEM.
 */
int gs_ctl_open(struct gs_ctl **out, const char *instance, const char *run_dir, uint32_t timeout_ms);
void gs_ctl_close(struct gs_ctl **c);

/*
 * One control request.  *text becomes malloc'ed text with a NUL behind it (the caller frees it), never NULL on
 * return: the file's content, the listing, the report, or with a negative result the sentence that explains it.
 * Returns 0, or what the daemon answered (GS_ENOENT, GS_EINVAL, GS_ERANGE, GS_EBUSY, GS_EPERM, …), or
 * GS_EDOWN, GS_ETIMEDOUT, GS_EPROTO.
 */
int gs_ctl_request(struct gs_ctl *c, enum gs_wire_verb verb, const char *path, const void *value, size_t value_len,
    uint64_t offset, const struct gs_ctl_caller *as, char **text, size_t *text_len);

/* A descriptor that goes with the next request, and stays the caller's. */
void gs_ctl_give(struct gs_ctl *c, int fd);

/*
 * The same on one's own behalf in two halves, for an answer that the daemon may put off: meanwhile gs_ctl_fd() can be waited
 * for, and nothing else may be asked. Returns 0, GS_ERANGE, GS_EDOWN, GS_ETIMEDOUT; the second as gs_ctl_request.
 */
int gs_ctl_say_request(struct gs_ctl *c, enum gs_wire_verb verb, const char *path, const void *value, size_t value_len, uint64_t offset);
int gs_ctl_hear_reply(struct gs_ctl *c, char **text, size_t *text_len);

/*
 * The handshake of an attach. fds has room for n_fds; *n_got descriptors came and are the caller's.  In two halves: without an
 * answer yet the second is GS_ETIMEDOUT on a connection that does not wait, and may be asked again.
 */
int gs_ctl_say_hello(struct gs_ctl *c, const char *table, enum gs_wire_role role, uint32_t n_ctx);
int gs_ctl_hear_welcome(struct gs_ctl *c, struct gs_wire_welcome *out, int *fds, size_t n_fds, size_t *n_got);
int gs_ctl_hello(struct gs_ctl *c, const char *table, enum gs_wire_role role, uint32_t n_ctx,
    struct gs_wire_welcome *out, int *fds, size_t n_fds, size_t *n_got);
/* Say that the contexts granted with this cookie are given back in good order; no answer is awaited. 0 or GS_EDOWN. */
int gs_ctl_bye(struct gs_ctl *c, uint64_t cookie);
/* Is the other end there still? Asks the kernel, waits for nobody. */
bool gs_ctl_is_open(const struct gs_ctl *c);
/* The socket, for poll and for MADV-style bookkeeping; it stays the connection's. */
int gs_ctl_fd(const struct gs_ctl *c);

#endif
