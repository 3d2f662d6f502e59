/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * door.h - the socket at which clients come to the daemon.
 */
#ifndef GS_DAEMON_DOOR_H
#define GS_DAEMON_DOOR_H

#include "conf/conf.h"

/*
 * Listen at a path, for root, our own user and a group ("": none). A descriptor, or GS_ERANGE (the path is too long),
 * GS_ESYSTEM, with a sentence in why.
 */
int door_open(const char *path, const char *group, char why[GS_CONF_WHY_BYTES]);

#endif
