/* SPDX-License-Identifier: BSD-2-Clause */
#include "later.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "control.h"
#include "transport.h"

enum kind { REQUEST, WORD };

/* What was put aside. */
struct aside {
	struct aside *next;
	uint64_t came_ms;
	enum kind kind;
	uint64_t unique;		/* of a request, as the kernel has it now */
	size_t len;			/* of its bytes */
	struct control_word word;	/* for the daemon */
	char table[GS_NAME_BYTES], what[LATER_WHAT_BYTES];
	_Alignas(8) unsigned char bytes[];
};

struct later {
	struct fuse_session *se;
	struct mount *m;
	pthread_t thread;
	bool has_thread;		/* touched only by who holds the lock, and by who joins it */
	pthread_mutex_t lock;		/* guards: all below; none is taken under it */
	pthread_cond_t change;
	struct aside *first, **last;	/* as they came */
	uint32_t n[2];			/* by kind */
	bool is_stopping;
};

/* Of this module's thread: when what it does came. 0: of any other. */
static _Thread_local uint64_t here_ms;

static uint64_t
mono_ms(void)
{
	return gs_clock_mono_ns() / 1000000;
}

struct later *
later_new(struct mount *m)
{
	struct later *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->m = m;
	l->last = &l->first;
	(void)pthread_mutex_init(&l->lock, NULL);
	(void)pthread_cond_init(&l->change, NULL);
	return l;
}

void
later_begin(struct later *l, struct fuse_session *se)
{
	l->se = se;
}

bool
later_is_here(uint64_t *came_ms)
{
	*came_ms = here_ms;
	return here_ms != 0;
}

/* ---- the thread ---- */

static void
do_one(struct later *l, struct aside *a, bool is_over)
{
	if (a->kind == WORD)
		control_say(l->m->control, &a->word);
	else if (is_over)
		transport_refuse(l->se, a->unique, ENODEV);
	else
		transport_repeat(l->se, a->bytes, a->len);
	free(a);
}

/* The next; NULL: it is over, and there is none. */
static struct aside *
take(struct later *l, bool *is_over)
{
	struct aside *a;

	pthread_mutex_lock(&l->lock);
	while (l->first == NULL && !l->is_stopping)
		(void)pthread_cond_wait(&l->change, &l->lock);
	*is_over = l->is_stopping;
	a = l->first;
	if (a != NULL) {
		l->first = a->next;
		l->n[a->kind]--;
	}
	if (l->first == NULL)
		l->last = &l->first;
	pthread_mutex_unlock(&l->lock);
	return a;
}

static void *
run(void *arg)
{
	struct later *l = arg;
	struct aside *a;
	bool is_over;

	while ((a = take(l, &is_over)) != NULL) {
		here_ms = a->came_ms;
		do_one(l, a, is_over);
	}
	return NULL;
}

/* ---- putting aside ---- */

/* 0, or what it is to be answered; req: NULL, or the request. */
static int
add(struct later *l, struct aside *a, fuse_req_t req)
{
	uint32_t most = a->kind == REQUEST ? LATER_REQUESTS : LATER_TOLD;
	int rc = 0;

	a->came_ms = a->word.came_ms = mono_ms();
	pthread_mutex_lock(&l->lock);
	if (!l->has_thread && !l->is_stopping)
		l->has_thread = pthread_create(&l->thread, NULL, run, l) == 0;
	if (req != NULL && fuse_req_interrupted(req))
		rc = EINTR;
	else if (l->is_stopping)
		rc = ENODEV;
	else if (!l->has_thread || l->n[a->kind] >= most)
		rc = EAGAIN;
	if (rc == 0) {
		*l->last = a;
		l->last = &a->next;
		l->n[a->kind]++;
		(void)pthread_cond_signal(&l->change);
	}
	pthread_mutex_unlock(&l->lock);
	if (rc != 0)
		free(a);
	return rc;
}

void
later_put(struct call *c)
{
	uint64_t unique;
	size_t len;
	const void *bytes = transport_request(&len, &unique);
	struct aside *a = bytes == NULL ? NULL : calloc(1, sizeof(*a) + len);
	int rc = bytes == NULL ? EAGAIN : ENOMEM;

	if (a != NULL) {
		a->kind = REQUEST;
		a->unique = unique;
		a->len = len;
		memcpy(a->bytes, bytes, len);
		rc = add(c->m->later, a, c->req);
	}
	if (rc != 0)
		(void)fuse_reply_err(c->req, rc);
	else
		/* Not answered: libfuse is to forget it. */
		fuse_reply_none(c->req);
}

bool
later_interrupt(struct later *l, uint64_t unique)
{
	struct aside **link, *a;

	pthread_mutex_lock(&l->lock);
	for (link = &l->first; *link != NULL && ((*link)->kind != REQUEST || (*link)->unique != unique);)
		link = &(*link)->next;
	a = *link;
	if (a != NULL) {
		*link = a->next;
		if (l->last == &a->next)
			l->last = link;
		l->n[REQUEST]--;
	}
	pthread_mutex_unlock(&l->lock);
	if (a == NULL)
		return false;
	transport_refuse(l->se, unique, EINTR);
	free(a);
	return true;
}

void
later_tell(struct call *c, enum gs_wire_verb verb, const char *table, const char *what)
{
	struct aside *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return;
	a->kind = WORD;
	(void)snprintf(a->table, sizeof(a->table), "%s", table);
	(void)snprintf(a->what, sizeof(a->what), "%s", what);
	a->word = (struct control_word){ .verb = verb, .table = a->table, .what = a->what, .uid = c->uid, .gid = c->gid, .pid = c->pid };
	(void)add(c->m->later, a, NULL);
}

/* ---- the end ---- */

void
later_stop(struct later *l)
{
	bool has_thread;

	pthread_mutex_lock(&l->lock);
	l->is_stopping = true;
	has_thread = l->has_thread;
	l->has_thread = false;
	(void)pthread_cond_signal(&l->change);
	pthread_mutex_unlock(&l->lock);
	if (has_thread)
		(void)pthread_join(l->thread, NULL);
}

void
later_free(struct later **l)
{
	if (*l == NULL)
		return;
	later_stop(*l);
	(void)pthread_cond_destroy(&(*l)->change);
	(void)pthread_mutex_destroy(&(*l)->lock);
	free(*l);
	*l = NULL;
}
