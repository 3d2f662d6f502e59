/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * paths.h - where an instance's socket, memory and pid file are.
 *
 *	run_dir	GSESSION_RUN_DIR, else /run/gsession for root, else $XDG_RUNTIME_DIR/gsession, else /tmp/gsession-UID
 *	shm_dir	GSESSION_SHM_DIR, else /dev/shm/gsession for root, else /dev/shm/gsession-UID
 *
 * A client that is not root first looks for the socket in /run/gsession (the
 * system's store), then in its own run_dir.
 */
#ifndef GS_BASE_PATHS_H
#define GS_BASE_PATHS_H

#include <stdbool.h>
#include <stddef.h>

/* [a-z0-9_.-]{1,31}, not starting with '.' or '-': names of instances, tables, rings. */
bool gs_name_is_valid(const char *name);

/* Each writes a path of at most cap bytes; 0, GS_EINVAL (bad instance name) or GS_ERANGE (too long). run_dir NULL: as above. */
int gs_path_socket(char *out, size_t cap, const char *run_dir, const char *instance);	/* RUN/INSTANCE.sock */
int gs_path_pidfile(char *out, size_t cap, const char *run_dir, const char *instance);	/* RUN/INSTANCE.pid */
int gs_path_shm(char *out, size_t cap, const char *instance);				/* SHM/INSTANCE, a directory */
/*
 * STATE/INSTANCE, the directory of what outlives a reboot: below GSESSION_STATE_DIR, or /var/lib/gsession for root where
 * GSESSION_SHM_DIR is not set. GS_ENOENT: there is none.
 */
int gs_path_state(char *out, size_t cap, const char *instance);
/* The directory part of the socket's path: the same choice, for the daemon that makes it. */
/* Where a client looks first when neither run_dir nor GSESSION_RUN_DIR says where: the system's; NULL when one does, and for root. */
const char *gs_path_system_run_dir(const char *run_dir);
/* Is it that one, which stands where only root makes directories? */
bool gs_path_is_system_run_dir(const char *dir);
int gs_path_run_dir(char *out, size_t cap, const char *run_dir);

#endif
