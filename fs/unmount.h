/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unmount.h - taking a mount of ours away.
 */
#ifndef UNMOUNT_H
#define UNMOUNT_H

#include <stdbool.h>

/* Is what is mounted there, on top of all, a mount of ours? Asks nothing of the mount itself, which may have lost its server. */
bool unmount_is_ours(const char *directory);
/* From where everybody sees it, be it in use: who has files open keeps them as long as it is served. By fusermount3 for who is not root. */
void unmount_place(const char *directory);

#endif
