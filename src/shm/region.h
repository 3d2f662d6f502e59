/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * region.h - one file of shared memory: make, commit, map.
 */
#ifndef GS_SHM_REGION_H
#define GS_SHM_REGION_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Make a file of `bytes`, all of it a hole, mode 0600. dir_fd < 0: anonymous memory.
 * Returns a descriptor, GS_EEXIST, GS_ENOSPC or GS_ESYSTEM.
 */
int gs_region_create(int dir_fd, const char *name, uint64_t bytes);

/*
 * Make anonymous memory of `bytes` to share with somebody who is not trusted: all of it is there, and its size is sealed, so
 * that he cannot take it away from under a mapping, nor make it grow.  A descriptor, or as above.
 */
int gs_region_create_sealed(const char *name, uint64_t bytes);

/*
 * Make sure that [off, off + bytes) has memory behind it, so that touching it cannot fail.
 * Returns 0, GS_ENOSPC (the file system is full) or GS_ESYSTEM. What is there stays.
 */
int gs_region_commit(int fd, uint64_t off, uint64_t bytes);

/*
 * Give the memory behind [off, off + bytes) back: it reads as zeros from now on. Both are multiples of a page.
 * Returns 0 or GS_ESYSTEM.
 */
int gs_region_release(int fd, uint64_t off, uint64_t bytes);

/* How much memory is behind the file altogether, and in pieces of what size it comes: a page, or a huge page. Bytes. */
struct gs_region_memory {
	uint64_t bytes, piece_bytes;
};
void gs_region_memory(int fd, struct gs_region_memory *out);

/* Map a file shared, kept out of core dumps, in huge pages where the host offers them. NULL when that fails. */
void *gs_region_map(int fd, uint64_t bytes, bool writable);

#endif
