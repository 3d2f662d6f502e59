/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * staged_impl.h - what staged.c (names and files) and staged_publish.c (becoming sessions) share.
 */
#ifndef STAGED_IMPL_H
#define STAGED_IMPL_H

#include "file.h"
#include "kept.h"
#include "staged.h"

enum { STAGED_SENT_BACK = 64 };

struct staged {
	struct stage *stage;
	struct kept kept;		/* where its files lie */
	_Atomic uint64_t sent_back[STAGED_SENT_BACK];	/* threads whose open was answered ESTALE: pid << 32 | ms */
	pthread_t thread;
	pthread_mutex_t lock;		/* guards: all below */
	pthread_cond_t change;
	bool has_thread, is_stopping;
	bool is_idle;			/* the thread waits for a first file, until there is news */
	bool has_news;
	bool is_stuck;			/* it has been said that some cannot become sessions */
};

/* Put a file as the session of that name, checked as a rename onto it; flags are those of renameat2(2). 0 or errno; then it stays. */
int staged_publish(struct call *c, struct stage_id id, uint64_t dir, const char *name, unsigned flags);

/* What is kept of an opening. */
struct staged_opening {
	uint64_t node;
};

/* The handle of the session that an open file has become. ESTALE: it has ended, or is none. */
int staged_handle(struct call *c, uint64_t node, uint64_t *handle);

/* A size was refused with rc: count it where it belongs, and say it. Returns rc. */
int staged_refuse(struct call *c, uint64_t node, int rc, uint64_t size);

#endif
