/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jobs_impl.h - what jobs.c, the daemon's side of a job, and jobs_child.c, the process that does it, share; nobody else includes it.
 */
#ifndef GS_DAEMON_JOBS_IMPL_H
#define GS_DAEMON_JOBS_IMPL_H

#include "daemon/jobs.h"
#include "shm/restore.h"
#include "shm/snapshot.h"

/* What the child says; memory that both have. */
struct jobs_report {
	_Atomic uint64_t done, total;	/* entries or records looked at */
	/* before it ends, for who has waited for that: */
	int rc;
	uint64_t n_records, n_damaged, bytes;
	uint64_t became[GS_RESTORE_KINDS], n_homeless;
	char why[GS_SNAPSHOT_WHY_BYTES];
};

/* Quotas of namespaces as text, by table and id; memory that both have, "": none. A restore's child says those of whom it has made. */
struct jobs_quotas {
	char text[GS_CONF_TABLES][GS_NAMESPACES][GS_SNAPSHOT_QUOTA_BYTES];
};

struct jobs {
	struct manager *m;
	struct clients *clients;
	struct jobs_report *report;
	struct jobs_quotas *quotas;
	uint32_t number;		/* of the last job; 0: there was none */
	pid_t pid;			/* 0: none is under way */
	enum jobs_kind kind;
	char name[JOBS_NAME_BYTES];
	int dir_fd, file_fd;		/* while it is under way; dir_fd -1: the file is the caller's */
	uint64_t cookie[GS_CONF_TABLES];	/* of a restore's contexts */
	struct jobs_report last;	/* of the one that has ended */
	uint64_t began_ns, took_ms;
};

/*
 * Be the child of a job: never returns. go_fd gives the numbers of our contexts, one a table, and ends without them when we are
 * not to begin.
 */
void jobs_child_run(const struct jobs *j, pid_t daemon_pid, int go_fd) __attribute__((noreturn));

#endif
