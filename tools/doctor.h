/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor.h - what a store and its host are like, as far as that says what is wrong, and how a finding is told.
 *
 * All facts are gathered first, by a bounded number of requests and reads, none
 * of which waits longer than DOCTOR_ANSWER_MS; what takes the whole longer than
 * DOCTOR_BUDGET_MS is left out, and that is a finding.  Each check is a row of
 * the table in doctor.c and a function that only looks at the facts.
 */
#ifndef TOOLS_DOCTOR_H
#define TOOLS_DOCTOR_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "conf/conf.h"
#include "cmd.h"
#include "live_conf.h"

enum {
	DOCTOR_ANSWER_MS = 250,		/* the daemon, or all mounts, have this long */
	DOCTOR_BUDGET_MS = 800,
	DOCTOR_MOUNTS = 16,
	DOCTOR_HOLDERS = 8,		/* processes told of by name */
	DOCTOR_ARGS = 6,
	DOCTOR_TEXT_BYTES = 1024,
	DOCTOR_WORD_BYTES = 32,
};

enum doctor_answer { DOCTOR_ANSWERS, DOCTOR_IS_DEAD, DOCTOR_IS_SILENT };

/* A mount of gsession-fs that is of our instance, or of nobody known. */
struct doctor_mount {
	char dir[PATH_MAX];
	int pid;			/* who serves it, 0: nobody */
	enum doctor_answer answer;
};

struct doctor_ring {
	const struct gs_conf_ring *conf;
	bool is_outermost;		/* of those that are on */
	uint64_t count, committed_bytes, slot_bytes;	/* slot_bytes: of the smallest */
};

struct doctor_table {
	const struct gs_conf_table *conf;
	char *stats, *suspects;		/* as the control tree has them; NULL: not known */
	struct doctor_ring rings[GS_CONF_RINGS];
};

/* Processes that hold memory of our instance that is no longer the instance's. */
struct doctor_holders {
	size_t n;
	int pid[DOCTOR_HOLDERS];
};

struct doctor {
	const char *instance, *run_dir;	/* run_dir: as given, or NULL */
	char socket[PATH_MAX], pid_file[PATH_MAX], shm[PATH_MAX];
	/* The daemon */
	struct gs_ctl *ctl;		/* NULL: not reached, or no more */
	int rc;				/* 0: it answers, else why it does not */
	int pid;			/* who listens on the socket, else who the pid file says it is, if that is one; 0: nobody */
	int pid_in_file;		/* 0: there is none */
	/* What it says */
	struct gs_conf live, file, before;
	bool has_live, has_file, has_before;
	char conf_path[LIVE_CONF_PATH_BYTES], conf_why[GS_CONF_WHY_BYTES];	/* the file, "": none; why it cannot be loaded */
	size_t n_changed, n_unread, n_fixed;	/* settings changed at run time; in the file, unread; for which new memory is needed */
	bool is_cut;			/* capacities were cut to what the tmpfs had */
	struct doctor_table tables[GS_CONF_TABLES];
	/* The host */
	size_t n_mounts;
	struct doctor_mount mounts[DOCTOR_MOUNTS];
	struct doctor_holders holders;
	bool has_reaper;
	bool is_memory_gone;		/* the daemon's files have no names any more */
	/* The work */
	uint64_t until_ns;		/* CLOCK_MONOTONIC */
	unsigned n_requests, n_waits;	/* asked; not answered in time */
	bool is_unfinished;
	const struct doctor_row *row;	/* the check under way */
	size_t n_findings;
	struct gs_json *json;		/* NULL: lines */
};

/* A check. In its texts $1 to $6 are what the check says of a finding, and */
struct doctor_row {
	const char *id;
	void (*check)(struct doctor *d);
	const char *sentence, *file;
	/*
	 * $G: `gsession`, as this store is asked; $S: start its daemon; $R: start it again; $P: give its memory up; $N: start it
	 * again with new memory, sessions kept.
	 */
	const char *mend;
};

extern const struct doctor_row doctor_rows[];	/* ended by one without an id */

/* Tell of a finding of the row under way: its $1, $2 ... up to a NULL. */
void doctor_find(struct doctor *d, ...) __attribute__((sentinel));
/* A number as a word for that, in a buffer of the caller's. */
char *doctor_number(char out[DOCTOR_WORD_BYTES], uint64_t n);

/* Gather the facts; false: an argument is wrong, and it was said. */
bool doctor_look(struct doctor *d, const struct cmd_env *env);
void doctor_done(struct doctor *d);
/* Is the time over? Then that is remembered. */
bool doctor_is_late(struct doctor *d);
/* Look at the processes and mounts of this host; part of doctor_look. */
void doctor_look_at_host(struct doctor *d);

/* The number behind a name in a flat keyed text; 0 when it is not there. */
uint64_t doctor_counter(const char *stats, const char *name);

/* The checks, by file. */
void doctor_daemon_dead(struct doctor *d);
void doctor_socket_gone(struct doctor *d);
void doctor_daemon_stopped(struct doctor *d);
void doctor_daemon_silent(struct doctor *d);
void doctor_no_access(struct doctor *d);
void doctor_pid_file(struct doctor *d);
void doctor_socket_rights(struct doctor *d);
void doctor_run_dir_closed(struct doctor *d);
void doctor_run_dir_foreign(struct doctor *d);
void doctor_clock_jumped(struct doctor *d);
void doctor_daemon_replaced(struct doctor *d);
void doctor_descriptors_low(struct doctor *d);

void doctor_mount_dead(struct doctor *d);
void doctor_mount_stopped(struct doctor *d);
void doctor_mount_silent(struct doctor *d);
void doctor_mount_missing(struct doctor *d);
void doctor_mount_replaced(struct doctor *d);
void doctor_mount_unkept(struct doctor *d);
void doctor_php_collects(struct doctor *d);
void doctor_updatedb_walks(struct doctor *d);

void doctor_memory_gone(struct doctor *d);
void doctor_tmpfs_full(struct doctor *d);
void doctor_tmpfs_small(struct doctor *d);
void doctor_capacity_cut(struct doctor *d);
void doctor_swapped(struct doctor *d);
void doctor_memory_left(struct doctor *d);
void doctor_memory_held(struct doctor *d);
void doctor_disk_full(struct doctor *d);
void doctor_disk_read_only(struct doctor *d);
void doctor_file_aside(struct doctor *d);

void doctor_memory_version(struct doctor *d);
void doctor_snapshot_version(struct doctor *d);

void doctor_ring_refuses(struct doctor *d);
void doctor_ring_filling(struct doctor *d);
void doctor_reserve_used(struct doctor *d);
void doctor_suspects_full(struct doctor *d);
void doctor_value_too_long(struct doctor *d);
void doctor_value_near_limit(struct doctor *d);
void doctor_damage(struct doctor *d);
void doctor_reaper_missing(struct doctor *d);
void doctor_quota_reports(struct doctor *d);

void doctor_conf_wrong(struct doctor *d);
void doctor_conf_changed(struct doctor *d);
void doctor_conf_unread(struct doctor *d);
void doctor_conf_fixed(struct doctor *d);
void doctor_unfinished(struct doctor *d);

#endif
