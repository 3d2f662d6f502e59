/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tokens.h - ends what hangs on sessions that have ended, within two rounds of 20 ms of the end.
 *
 * Who ends a session sets a bit in its table (shm/bond.h); a round takes the
 * bits of each table that tokens hang on, and passes over the tokens when
 * there were any.  A daemon that starts looks at all tokens once: what the one
 * before had taken and not done is done then.
 */
#ifndef GS_DAEMON_TOKENS_H
#define GS_DAEMON_TOKENS_H

#include <stdint.h>

struct manager;
struct tokens;

/* *out is NULL when no table has a parent. epoll_fd is where the clock of the rounds is added, with `tag` as data. 0 or GS_ESYSTEM, GS_ENOMEM. */
int tokens_open(struct tokens **out, struct manager *m, int epoll_fd, uint64_t tag);
void tokens_free(struct tokens **k);
void tokens_round(struct tokens *k);

#endif
