/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stores.h - rings whose sessions lie on a disk: where, whether the place is of use, and when the disk is waited for.
 */
#ifndef GS_DAEMON_STORES_H
#define GS_DAEMON_STORES_H

#include "daemon/manager.h"

enum { STORES_SYNC_MS = 1000 };		/* between the beginnings of two syncs; sooner where slots get few */

/* Who hears what shm/disk.h has to say. */
struct stores_teller {
	struct manager *m;
	size_t table;
};
void stores_tell(void *arg, const char *ring, const char *sentence);

/* What `auto` means where memory is made: a directory below the state directory, or shm. */
void stores_resolve(const char *instance, struct gs_conf_ring *r);
/* Copy where rings of the same names lie; only_auto: those that leave it open. */
void stores_keep(struct gs_conf *to, const struct gs_conf *from, bool only_auto);

/*
 * Before a table's memory is made: make and lock the directories of its rings. A ring whose directory is of no use is told
 * of, and kept in memory.
 */
void stores_prepare(struct manager *m, size_t table);
/* Keep the rings of a mask in memory. Returns whether any of them was not. */
bool stores_give_up(struct manager *m, size_t table, uint32_t rings);

/*
 * After a table's memory was opened: lock the directories it uses, and take from it where the configuration leaves that open.
 * Returns 0, GS_EBUSY (another daemon uses one), GS_EINVAL (the configuration says something else), with a sentence.
 */
int stores_check(struct manager *m, size_t table, char why[GS_CONF_WHY_BYTES]);

/* Begin to sync, once all tables are open. 0, GS_ENOMEM, GS_ESYSTEM. */
int stores_open(struct manager *m);
/* Once a tick, and once more when the daemon stops. */
void stores_tick(struct manager *m);
void stores_close(struct manager *m);

/* Remove the files of a ring from its directory, and the directory if nothing else is in it. */
void stores_purge(const char *store, const char *table, const char *ring);
/* The same for all rings that a configuration has on disks. */
void stores_purge_conf(const char *instance, const struct gs_conf *conf);

#endif
