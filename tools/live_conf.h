/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * live_conf.h - the settings that are in force, read from the control tree, and what the daemon's files say beside them.
 */
#ifndef TOOLS_LIVE_CONF_H
#define TOOLS_LIVE_CONF_H

#include "conf/conf.h"
#include "ctl/client.h"

enum { LIVE_CONF_PATH_BYTES = 4096 };

/*
 * Fill *out from the control tree. 0, or an enum gs_err with the daemon's sentence or the path in why.
 * *n_requests, which may be NULL, grows by the requests made.
 */
int live_conf_read(struct gs_ctl *ctl, struct gs_conf *out, unsigned *n_requests, char why[GS_CONF_WHY_BYTES]);

/* The file that the daemon reads, "" when it serves the built-in defaults. As above. */
int live_conf_file(struct gs_ctl *ctl, char out[LIVE_CONF_PATH_BYTES], char why[GS_CONF_WHY_BYTES]);

/* What the file said when the daemon read it last, which lies beside the memory. False where that may not be read. */
bool live_conf_before(struct gs_conf *out, const char *instance);

#endif
