/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table_impl.h - what table.c, table_check.c and table_make.c share; nobody else includes it.
 */
#ifndef GS_SHM_TABLE_IMPL_H
#define GS_SHM_TABLE_IMPL_H

#include "shm/table.h"

enum { GS_TABLE_FILE_BYTES = 80, GS_TABLE_WHY_BYTES = 256 };

/* Where the parts of an arena's file begin. */
struct gs_arena_shape {
	uint64_t segments_off, bitmap_off, retired_off, due_off, kin_off, slots_off, names_off, bytes;
};

void gs_table_arena_shape(struct gs_arena_shape *out, uint32_t n_slots, uint32_t seg_slots, uint32_t slot_size);
uint64_t gs_table_idx_bytes(uint64_t n_buckets, uint64_t n_tombs);
uint64_t gs_table_evt_bytes(void);
/* The file behind descriptor i of GS_TABLE_FDS. */
void gs_table_file_name(char out[GS_TABLE_FILE_BYTES], const char *table, uint32_t i);
void gs_table_arena_name(char out[GS_TABLE_FILE_BYTES], const char *table, uint32_t ring, uint32_t class_id);
void gs_table_close_fds(int fds[GS_TABLE_FDS]);

/* Write why a file is refused, by what follows the table's name, where `why` is not NULL. Returns rc. */
int gs_table_refuse(char *why, int rc, const char *file, const char *what);
/* Load the header of T.ctl and check it. 0, GS_ECORRUPT, GS_EVERSION or GS_ESYSTEM. */
int gs_table_check_ctl(int fd, struct gs_ctl_hdr *h, char *why);
/* The same of all files of a table, in the order of GS_TABLE_FDS. */
int gs_table_check_files(const int fds[GS_TABLE_FDS], struct gs_ctl_hdr *h, char *why);

/* T.ctl's descriptor, or as gs_table_open. */
int gs_table_open_ctl(int dir_fd, const char *table);
/* Load the header of T.ctl and check it. As gs_table_open; GS_ENOENT also for one that was never finished. */
int gs_table_load_ctl(struct gs_ctl_hdr *h, int dir_fd, const char *table);

/* The header of an arena's file. */
void gs_table_arena_head(struct gs_arena_hdr *out, const struct gs_ctl_hdr *h, uint32_t ring, uint32_t class_id);
/* Make an arena's file, or take it over from a table before. A descriptor, or an error. */
int gs_table_create_arena(int dir_fd, const struct gs_ctl_hdr *h, uint32_t ring, uint32_t class_id, const struct gs_past *past);

/* Check the files behind the descriptors and map them; takes the descriptors over in any case. */
int gs_table_adopt(struct gs_table **out, int fds[GS_TABLE_FDS], enum gs_table_access access, char *why);

#endif
