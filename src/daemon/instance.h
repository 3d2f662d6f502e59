/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * instance.h - the directory in which an instance's memory lies: ours, on tmpfs, one daemon at a time.
 */
#ifndef GS_DAEMON_INSTANCE_H
#define GS_DAEMON_INSTANCE_H

#include <stdint.h>

#include "conf/conf.h"

/*
 * instance_open - make or open the instance's directory and lock it.
 * Returns a descriptor of the directory, GS_EBUSY (another daemon serves it), GS_EPERM (not ours, or not a tmpfs),
 * GS_ESYSTEM; why gets a sentence that says what to do.
 */
int instance_open(const char *instance, char why[GS_CONF_WHY_BYTES]);

/* Make the directories above a path, as far as they are not there; they hold no secrets, only names. */
void instance_make_parents(const char *path);

/* Call fn with the name of each table that has memory in the directory. */
void instance_each_table(int dir_fd, void (*fn)(int dir_fd, const char *table));
/* Remove what is left in the directory, and the directory. */
void instance_remove(int dir_fd, const char *instance);

/* Bytes that the directory's file system still has. */
uint64_t instance_free_bytes(int dir_fd);

/* Keep a configuration in the directory under a name, whole or not at all. Returns 0, GS_ENOSPC, GS_ESYSTEM. */
int instance_save(int dir_fd, const char *name, const struct gs_conf *c);
/* Load one kept. As gs_conf_load; GS_ENOENT when there is none. */
int instance_load(int dir_fd, const char *name, struct gs_conf *out, char why[GS_CONF_WHY_BYTES]);

#endif
