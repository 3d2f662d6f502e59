/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connection.h - the kernel's connection: made by mounting, or taken over from a process that died, and served until it ends.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "mount.h"
#include "options.h"

/* The connection that was kept for us, if it can be served on; else -1, and whether that is because the mount was taken away. */
int connection_inherit(bool *is_unmounted);

/* Mount, or go on, and serve until somebody unmounts or a signal comes. The status to exit with. */
int connection_serve(struct mount *m, const struct options *o, const char *directory, bool is_inherited);

#endif
