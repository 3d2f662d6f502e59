/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * intent.h - what a request is about to change, so that one that is sent again is not done again.
 *
 * When this process is killed between a change and its answer, the kernel
 * sends the request to the next one.  So each request that would not do the
 * same a second time says in kept memory what it is about to do, and then how
 * it went:
 *
 *	intent_begin	another with this number was done: its result is the answer
 *	intent_value, intent_start, intent_removal, intent_rename	about to do it
 *	... the one step in the store ...
 *	intent_result	how it went; then the kernel is answered
 *	intent_end
 *
 * What was begun and has no result is looked up in the store at the takeover,
 * before anything else is served: a version, a hash and an id tell whether the
 * step was taken, and the handles of the request are brought to where they
 * would be.  Without a supervisor there is nobody to take over, and nothing is
 * written.
 */
#ifndef INTENT_H
#define INTENT_H

#include "call.h"

struct intents;
struct intent;
struct file;
struct file_kept;

/* NULL: out of memory. */
struct intents *intents_new(void);
void intents_free(struct intents **in);

/* At a takeover: give back what was being opened; before the open files are adopted. */
void intents_close(struct mount *m);
/* ... and find out what was done of all that was begun; after they were. */
void intents_settle(struct mount *m);

/* True: it has been done, *rc is the result. The calls below are for the same request. */
bool intent_begin(struct call *c, int *rc);
/* Was it begun by the process before? Then what it would make may be there. */
bool intent_was_begun(const struct call *c);
/* Has it made the session or temporary file that it is to create? */
bool intent_has_started(const struct call *c);
/* A result of CALL_LATER is none. */
void intent_result(struct call *c, int rc);
/* The request is put aside; when it is handled once more intent_begin() finds again what the process before had begun. */
void intent_put_off(struct call *c);
void intent_end(struct call *c);

/* It opens this handle, about to be committed; 0 when it has not come so far. */
void intent_opens(struct call *c, uint64_t fh);
uint64_t intent_opened(const struct call *c);

/* About to store len bytes by a handle, or by what would be one, over a version of its session; is_append: they go on from what was there. */
void intent_value(struct call *c, const struct file *f, const void *value, size_t len, uint64_t version, bool is_append);
/* It has been stored. */
void intent_stored(struct call *c, uint64_t version);
/* About to start a session, of the caller. ns: the id of its namespace. */
void intent_start(struct call *c, uint32_t table, uint64_t ns, const char *key, uint32_t mode);
/* About to make a temporary file, of the caller; or to append to one, so that it ends there. */
void intent_temporary(struct call *c, uint64_t dir, const char *name);
void intent_append(struct call *c, uint64_t node, uint64_t end);
/* About to end one. */
void intent_removal(struct call *c, uint32_t table, uint64_t ns, const char *key, uint64_t id);

struct intent_rename {
	uint32_t table, ring;		/* ring: where it goes */
	uint64_t ns, to_ns;		/* ids of their namespaces */
	const char *key, *to;		/* the same in the same: a move between rings */
	uint64_t id;
	uint64_t replaced, replaced_version;	/* of what ends under the new name */
};

void intent_rename(struct call *c, const struct intent_rename *r);

#endif
