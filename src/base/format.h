/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * format.h - of which version a file of ours says that it is.
 *
 * For who looks at a file and does not read it. The formats themselves are in
 * shm/layout.h and shm/snapshot.h, which hold to these numbers.
 */
#ifndef GS_BASE_FORMAT_H
#define GS_BASE_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

enum {
	GS_FORMAT_MEMORY = 4,			/* GS_ABI_MAJOR, of files T.ctl */
	GS_FORMAT_SNAPSHOT_OLDEST = 3,		/* that is read */
	GS_FORMAT_SNAPSHOT = 5,
};

/* The version of a file; fd must be able to pread. False: it is no such file, or cannot be read. */
bool gs_format_of_memory(int fd, uint32_t *version);
bool gs_format_of_snapshot(int fd, uint32_t *version);

#endif
