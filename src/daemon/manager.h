/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * manager.h - everything that gsessiond holds: configuration, tables, clients, events.
 *
 * One thread.  main.c makes it, server.c feeds it requests, sweep.c ticks it,
 * tree.c shows and changes it.
 */
#ifndef GS_DAEMON_MANAGER_H
#define GS_DAEMON_MANAGER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "conf/conf.h"
#include "daemon/pressure.h"
#include "daemon/preview.h"
#include "daemon/shrink.h"
#include "daemon/watch.h"
#include "policy/roles.h"
#include "shm/audit.h"
#include "shm/event.h"
#include "shm/kv.h"
#include "shm/recover.h"
#include "shm/store.h"

struct events;
struct jobs;
struct readers;
struct server;
struct suspects;
struct syncer;

/* Who may what in a table; roles.h. */
struct roles {
	bool is_resolved;
	struct gs_conf_roles conf;		/* what the lists were made of */
	struct gs_roles lists;
};

/* Refusals told in the second under way, and how many were not. */
struct roles_told {
	uint64_t at_s, untold;
	uint32_t n;
};

/* One table: what the memory is, what rules are in force. */
struct manager_table {
	struct gs_table *shm;
	struct gs_ctx ctx;			/* the daemon's own context */
	struct gs_recover_cursor walk;		/* where the slow repairing walk is */
	struct gs_recount recount;		/* of the population, a look per tick while there is reason; sweep_go_on */
	bool wants_recount;			/* somebody died, or the walk has ended */
	uint64_t recount_took_ns;		/* the round under way, or the last */
	uint64_t recount_not_before_ns;		/* the next, by the monotonic clock */
	struct gs_store_sync sync;		/* of its rings on disks */
	int lock_fd[GS_MAX_RINGS];		/* of their directories */
	int n_locks;
	struct shrink shrink;			/* memory on its way back */
	struct pressure pressure;		/* full rings */
	struct watch watch;			/* the search for damage */
	struct gs_event_cursor drain;		/* how far its events are in the log */
	uint64_t belled;			/* the last event of which the bell was rung */
	struct preview preview[GS_MAX_RINGS];	/* by ring id */
	struct suspects *suspects;		/* who is accused; NULL: nobody is listed */
	struct roles roles;
	char told_temp_patterns[GS_CONF_PATTERNS_BYTES];	/* those of settings_epoch; "": nobody was told any */
};

enum { MANAGER_CALLER_GROUPS = 64 };

/* On whose behalf a request is made. */
struct manager_caller {
	uint32_t uid, gid;
	int32_t pid;
	bool is_operator;			/* root or the daemon's own user: may everything */
	uint32_t n_groups;			/* beside gid */
	uint32_t groups[MANAGER_CALLER_GROUPS];
};

struct manager {
	const char *instance;
	const char *conf_path;			/* NULL: built-in defaults */
	struct gs_conf conf;			/* in force: the file, and what was changed since */
	struct gs_conf file;			/* as the file said when it was last read */
	struct manager_table tables[GS_CONF_TABLES];	/* beside conf.tables */
	struct events *events;
	struct server *server;
	struct tokens *tokens;			/* as long as there is a server and a table of them, else NULL */
	struct readers *readers;		/* as long as there is a server */
	struct jobs *jobs;			/* the same */
	int shm_dir_fd;
	struct syncer *syncer;			/* NULL: no ring lies on a disk */
	uint64_t sync_ms;			/* when the last sync began */
	bool is_syncing, is_sync_failing;
	uint64_t started_ns;			/* CLOCK_MONOTONIC */
	uint64_t sweeps;
	uint64_t clients_recovered, clients_dropped;
	uint32_t n_clients;			/* attached processes */
	uint64_t namespaces_ms;			/* when namespaces_tick does something, by the monotonic clock */
	uint32_t n_removing;			/* requests under way that remove something */
	uint64_t control_epoch;			/* as in every table: of what settings say now */
	struct roles_told roles_told;
	char last_error[GS_CONF_WHY_BYTES + 64];	/* the last refused control request: pid, sentence */
};

/*
 * Open the instance's memory, or make it: fills m->conf, m->file and m->tables. conf is what the file says.
 * A memory of another shape than the configuration asks for is refused, never dropped.
 */
int manager_open(struct manager *m, const struct gs_conf *conf, char why[GS_CONF_WHY_BYTES]);
/*
 * Give an instance's memory up, and its files on disks: every session of it ends, attached processes get GS_EGONE. For when
 * no daemon runs. conf says where rings lie whose memory is lost.
 * Returns 0, GS_EBUSY when one does, or as manager_open.
 */
int manager_purge(const char *instance, const struct gs_conf *conf, char why[GS_CONF_WHY_BYTES]);

/* Unmap; the memory stays for the next daemon. */
void manager_close(struct manager *m);
/* The place of a table in m->conf.tables and m->tables, by its name, or GS_ENOENT. */
int manager_table(const struct manager *m, const char *name);
/* Once a tick: the clock that clients read. */
void manager_tick(struct manager *m);

/*
 * Put a changed setting of conf.tables[table] into force: table-wide when ring is negative. Its quota in any case.
 * For a ring: what the table's rings are goes to shared memory, see rings.h; where that changes when sessions leave, the ring
 * is re-armed by the next sweep, should this daemon not live to see it by another one's.
 */
void manager_apply(struct manager *m, size_t table, int ring);

/* Read the configuration file again and apply only what changed in it. 0, or an error with its sentence in why. */
int manager_reload(struct manager *m, char why[GS_CONF_WHY_BYTES]);

/* Walk every invariant of every table; the report goes to `to`. Returns how many are broken. */
uint64_t manager_audit(struct manager *m, FILE *to);

#endif
