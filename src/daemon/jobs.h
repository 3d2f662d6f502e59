/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jobs.h - what takes long and is done beside the daemon: a snapshot, a restore, one at a time.
 *
 * A job is a child process of the lowest priority over the same mappings, so
 * that the daemon goes on, and no client waits for it.  A snapshot only
 * reads; a restore has contexts as a client has, and is recovered as one when
 * it dies.  The child dies with the daemon.  What it makes under a name comes
 * to be by a rename of a whole file.
 */
#ifndef GS_DAEMON_JOBS_H
#define GS_DAEMON_JOBS_H

#include "daemon/clients.h"
#include "daemon/manager.h"

enum { JOBS_NAME_BYTES = 65 };

struct jobs;

enum jobs_kind { JOBS_SNAPSHOT, JOBS_RESTORE };

/* What is asked for, and by whom. */
struct jobs_order {
	enum jobs_kind kind;
	const char *name;		/* of the file in the instance's directory of snapshots; "": fd is the file */
	int fd;				/* -1, or a descriptor that stays the caller's: a snapshot is written to it, a restore read from it */
	const struct manager_caller *caller;
};

struct jobs *jobs_new(struct manager *m, struct clients *clients);
/* Ends a job under way: it leaves nothing half. */
void jobs_free(struct jobs **j);

/*
 * Begin. Returns its number, or GS_EBUSY (one is under way), GS_EINVAL (the name, or what the descriptor is of), GS_ENOENT
 * (nowhere to keep snapshots, no such snapshot), GS_ENOMEM, GS_ESYSTEM, with the sentence in why.
 */
int jobs_begin(struct jobs *j, const struct jobs_order *order, char why[GS_CONF_WHY_BYTES]);
/* Is one under way? */
bool jobs_is_busy(struct jobs *j);
/* Is it a restore? */
bool jobs_is_restoring(struct jobs *j);

/* See whether it has ended, and tell events and log how. Before clients_died() of its process. */
void jobs_poll(struct jobs *j);

/* The last job as one line, if there was one: `job NUMBER KIND NAME running PER-CENT%`, or `done` or `failed` and the particulars. */
void jobs_print(struct jobs *j, FILE *to);

#endif
