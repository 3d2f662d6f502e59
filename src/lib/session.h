/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session.h - what the files that implement the calls on one session share.
 */
#ifndef GS_LIB_SESSION_H
#define GS_LIB_SESSION_H

#include "lib/handle.h"

/* Translate a caller's options (NULL: the defaults). 0 or GS_EINVAL. */
int gs_session_put_args(struct gs *gs, const struct gs_put_options *opt, struct gs_put_args *out);

/* Explicit times, wall clock: last access = the later of both, never in the future. */
void gs_session_set_times(struct gs *gs, struct gs_put_args *args, int64_t mtime_ns, int64_t atime_ns);

#endif
