/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unmount.h - taking a mount of ours away.
 */
#ifndef UNMOUNT_H
#define UNMOUNT_H

/* From where everybody sees it, be it in use: who has files open keeps them as long as it is served. By fusermount3 for who is not root. */
void unmount_place(const char *directory);

#endif
