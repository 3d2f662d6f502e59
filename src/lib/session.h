/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session.h - what the files that implement the calls on one session share.
 */
#ifndef GS_LIB_SESSION_H
#define GS_LIB_SESSION_H

#include "lib/handle.h"

/* Of what a look-up answered: is there a session to tell about? */
bool gs_session_has_info(ssize_t rc);

/* How long an access to it is refused, ms; 0: it is not, or there is none. Counts for nothing. */
uint64_t gs_session_turn_ms(struct gs *gs, const struct gs_key *k);
/* Sleep. */
void gs_session_pause(uint64_t ms);

/* Translate a caller's options (NULL: the defaults). 0 or GS_EINVAL. */
int gs_session_put_args(struct gs *gs, const struct gs_put_options *opt, struct gs_put_args *out);

/* Explicit times, wall clock: last access = the later of both, never in the future. */
void gs_session_set_times(struct gs *gs, struct gs_put_args *args, int64_t mtime_ns, int64_t atime_ns);

#endif
