/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stage_impl.h - the inside of the stage, shared by stage.c (names) and stage_file.c (files by their numbers).
 */
#ifndef STAGE_IMPL_H
#define STAGE_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "stage.h"

enum { STAGE_PAGE = 4096, STAGE_CHAINS = 256 };

/* ---- the memory ---- */

struct stage_name {
	uint64_t dir;
	uint64_t order;			/* of two files that a dead process left under one name, the later counts */
	uint32_t len, pad;
	char bytes[STAGE_NAME_BYTES];
};

struct stage_slot {
	_Atomic uint64_t word;		/* tag << 8 | which of the names counts << 4 | enum stage_state */
	uint32_t uid, gid, mode, is_by_hand;
	uint64_t size;
	int64_t mtime_ns, atime_ns, ctime_ns;
	uint64_t due_ms;		/* CLOCK_MONOTONIC: when it is to become a session under the name that it has */
	uint64_t session, handle;
	struct stage_name names[2];
	_Atomic uint32_t is_tried;	/* stored after the three below */
	uint32_t pad;
	struct stage_name tried;	/* what it is to become, */
	uint64_t replaced, replaced_version;	/* and in whose place */
};

struct stage_head {
	uint32_t first_tag, pad;	/* by chance, so that a number of another memory is none of this */
	uint64_t order;			/* the last that a name was given */
	uint64_t published, refused, lost;
};

/* ---- what each process makes for itself ---- */

struct stage {
	struct stage_head *head;
	struct stage_slot *slots;
	unsigned char *values;
	atomic_uint n_named;		/* read without the lock: is there any to look for? */
	pthread_mutex_t lock;		/* guards: the memory, but for the value of who is busy; and all below */
	pthread_cond_t idle;		/* somebody is busy no more */
	uint32_t n_open[STAGE_FILES];
	bool is_busy[STAGE_FILES];	/* being published */
	uint64_t bytes;			/* in whole pages */
	uint16_t chain[STAGE_CHAINS], next[STAGE_FILES];	/* those with a name, by directory and name */
	uint16_t free[STAGE_FILES];	/* which may be taken anew, in the order in which they became so */
	uint32_t free_from, n_free;
};

static inline enum stage_state
stage_state_of(const struct stage_slot *f)
{
	return (enum stage_state)(atomic_load_explicit(&f->word, memory_order_relaxed) & 15);
}

static inline uint32_t
stage_tag_of(const struct stage_slot *f)
{
	return (uint32_t)(atomic_load_explicit(&f->word, memory_order_relaxed) >> 8);
}

static inline uint32_t
stage_which_of(const struct stage_slot *f)
{
	return (uint32_t)(atomic_load_explicit(&f->word, memory_order_relaxed) >> 4 & 1);
}

/* The step itself. Whoever takes the memory over sees all that was written before it, as the process has ended. */
static inline void
stage_set_word(struct stage_slot *f, uint32_t tag, uint32_t which, enum stage_state state)
{
	atomic_store_explicit(&f->word, (uint64_t)tag << 8 | which << 4 | (uint64_t)state, memory_order_seq_cst);
}

static inline const struct stage_name *
stage_name_of(const struct stage_slot *f)
{
	return &f->names[stage_which_of(f)];
}

static inline unsigned char *
stage_value_of(const struct stage *s, uint32_t i)
{
	return s->values + (size_t)i * STAGE_FILE_BYTES;
}

static inline uint64_t
stage_pages_of(uint64_t size)
{
	return (size + STAGE_PAGE - 1) / STAGE_PAGE * STAGE_PAGE;
}

void stage_unchain_locked(struct stage *s, uint32_t i);
/* It has no name any more. */
void stage_unname_locked(struct stage *s, uint32_t i);
/* It has no name and nobody has it open: its value is not needed, its number may be for a while. */
void stage_retire_locked(struct stage *s, uint32_t i);
void stage_see_locked(const struct stage *s, uint32_t i, struct stage_seen *out);
/* Write down a name where it does not count yet. */
void stage_give_name(struct stage *s, struct stage_name *n, uint64_t dir, const char *name);

#endif
