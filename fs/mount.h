/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mount.h - what one mount stands on: the tables it is attached to, the control connections, the open files.
 *
 * Handlers answer with 0 or the positive errno that FUSE wants; mount_errno()
 * makes one of a library's result.
 */
#ifndef MOUNT_H
#define MOUNT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "gsession.h"
#include "poke.h"

enum {
	MOUNT_TABLES = 8,		/* 3 bits of a node's number */
	MOUNT_RINGS = 8,
	MOUNT_NAMESPACES = 256,		/* numbers of namespaces, 0 is the default one */
	MOUNT_THREADS = 8,		/* of which few handle requests at once, see transport.h */
	MOUNT_OWN_THREADS = 3,		/* of hold.h, later.h and staged.h, which use sessions too */
};

struct control;
struct files;
struct handles;
struct hold;
struct intents;
struct later;
struct numbers;
struct staged;
struct temps;
struct transport;

struct mount_table {
	char name[GS_NAME_BYTES];
	struct gs *gs;			/* for the default namespace, and what is about none; NULL: there is no such table now */
	struct gs *_Atomic of_ns[MOUNT_NAMESPACES];	/* for the others, as far as they were asked for; see mount_gs() */
	size_t record_size;		/* bytes */
	uint32_t blksize;		/* what a program should write at once: a whole record */
	uint32_t innermost;		/* number of its ring; rings are numbered as in gs_ring_info.id */
};

struct mount {
	const char *instance;
	double attr_s;			/* how long the kernel may believe names and attributes of sessions */
	uint32_t uid, gid;		/* who mounted: owner of the directories */
	uint32_t ctl_gid;		/* group of the control files: that of the daemon's socket */
	struct timespec started;
	char host[GS_OWNER_BYTES + 1];
	struct control *control;
	struct files *files;
	struct handles *handles;	/* numbers of open files */
	struct intents *intents;	/* what requests are about to change */
	struct later *later;		/* requests that wait for the daemon */
	struct numbers *numbers;	/* of tables */
	struct hold *hold;		/* opens whose answer is held back */
	struct temps *temps;		/* which names are temporary */
	struct staged *staged;		/* temporary files */
	struct poke *poke;		/* of inotify */
	struct transport *transport;
	uint32_t n_tables;		/* the number of the last is one less; see mount_has_table() */
	struct mount_table tables[MOUNT_TABLES];	/* by their numbers */
	pthread_rwlock_t gate;		/* guards: every gs; read by each request, written to attach anew */
	atomic_bool is_gone;		/* some table said GS_EGONE */
	pthread_mutex_t attaching;	/* guards: the below; held while the daemon is asked */
	uint64_t missed_ms;		/* when the last try to attach anew has failed, CLOCK_MONOTONIC */
};

/*
 * Attach to every table of an instance. Returns 0 or an enum gs_err with a sentence in why (256 bytes).
 * The tables are those that the daemon shows in its control tree; fd is the kernel's connection when it is taken over from
 * the process before, whose open files go on, or -1.
 */
int mount_open(struct mount *m, const char *instance, double attr_s, int fd, char why[256]);
void mount_close(struct mount *m);

/* Was the store made anew? Then what is attached is nobody's any more. */
bool mount_is_gone(const struct mount *m);
/*
 * Around each request: the tables stay attached meanwhile. Attaches anew when it was made anew, for who may wait for the daemon,
 * whose request came at came_ms, CLOCK_MONOTONIC, > 0; but not for who came before a try that has failed.
 */
void mount_enter(struct mount *m, uint64_t came_ms);
void mount_leave(struct mount *m);

/* The errno of a library's result < 0. */
int mount_errno(struct mount *m, int rc);

/* Is there a table of this number? One of before may have gone: whatever is of it is stale. */
static inline bool
mount_has_table(const struct mount *m, uint32_t table)
{
	return table < m->n_tables && m->tables[table].gs != NULL;
}

/* One of them; there is none when the instance has none. */
const struct mount_table *mount_any_table(const struct mount *m);
/* The number of a table or of a ring, or -1. */
int mount_find_table(const struct mount *m, const char *name);
int mount_find_ring(const struct mount_table *t, const char *name);

/*
 * The handle for a namespace by its id. ENOENT: there is none; ENOMEM. What knows its session by id takes mount_gs(), which
 * is the default namespace's where there is none: its session has ended then.
 */
int mount_gs_of(struct mount_table *t, uint64_t ns, struct gs **out);
struct gs *mount_gs(struct mount_table *t, uint64_t ns);

/* The rings as they are now: they come and go while we are mounted. Returns how many; a table that is not there has none. */
uint32_t mount_rings(const struct mount_table *t, struct gs_ring_info out[MOUNT_RINGS]);
/* The one of a number; false when there is none. */
bool mount_ring(const struct mount_table *t, uint32_t ring, struct gs_ring_info *out);

/* May a session that lives where info says be seen through this ring: there, farther out, or a suspect through the innermost. */
bool mount_shows(const struct mount_table *t, uint32_t ring, const struct gs_info *info);
/* Does it live among the suspects. */
bool mount_is_suspect(const struct mount_table *t, const struct gs_info *info);

#endif
