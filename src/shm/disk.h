/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * disk.h - the file of an arena on a disk: its name, what it must say by itself, and what is done with one that is no good.
 *
 * Such a file outlives the rest of its table.  A table that is made anew takes
 * over those that it finds (struct gs_past), and adopt.h their sessions.
 */
#ifndef GS_SHM_DISK_H
#define GS_SHM_DISK_H

#include "shm/table.h"

enum { GS_DISK_WHY_BYTES = 512 };

/* Hears a sentence about a file that was set aside, or a ring that is kept in memory. */
typedef void gs_disk_tell(void *arg, const char *ring, const char *sentence);

/* Open a ring's directory: a directory and no symbolic link. A descriptor, or GS_ESYSTEM. */
int gs_disk_open_dir(const char *store);

/* Make a file for an arena with this header, filled in but for its crc. A descriptor, or an error with no file left. */
int gs_disk_create(const char *store, struct gs_arena_hdr *head);
/* Open the file of an arena that a new table takes over, and write what changed into its header. A descriptor, or an error. */
int gs_disk_take_over(const char *store, const struct gs_arena_hdr *head);
/* Open the file of an arena. A descriptor, GS_ENOENT, GS_ESYSTEM. */
int gs_disk_open(const char *store, const char *table, const char *ring, uint32_t class_id);
void gs_disk_unlink(const char *store, const char *table, const char *ring, uint32_t class_id);

/*
 * Look for the files of a table that is to be made, and fill *past. One that is no good - cut short, damaged, of another
 * version or table - is renamed to NAME.bad, or NAME.bad.2 and so on where one is kept, told of, and not in *past. Where
 * another program may still use a file, it is copied first. A ring for which that has no room, or whose directory cannot
 * be read, is told of and in past->unusable.
 * Returns 0, or GS_EINVAL, GS_ERANGE with the sentence in why: a good file has another shape than the spec.
 */
int gs_disk_find(struct gs_past *past, const struct gs_table_spec *spec, gs_disk_tell *tell, void *arg, char why[GS_DISK_WHY_BYTES]);

/*
 * Before a table is opened: put an empty file in the place of each that is no good, with its name and tale as above.
 * Returns a bit per arena that is empty now: see gs_store_forget. 0 when there is no table.
 */
uint32_t gs_disk_mend(int dir_fd, const char *table, gs_disk_tell *tell, void *arg);

/* Write the difference between wall clock and store time into the files of a table, if it is another. */
void gs_disk_anchor(struct gs_table *t);

/* Wait until the disk has all of an arena's file. 0, or GS_ESYSTEM: what was written may be lost. */
int gs_disk_sync(int fd);

#endif
