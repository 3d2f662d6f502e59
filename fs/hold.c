/* SPDX-License-Identifier: BSD-2-Clause */
#include "hold.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "node.h"
#include "opened.h"

/* One who waits. */
struct held {
	struct held *next;
	fuse_req_t req;
	uint64_t node;			/* of the session */
	struct fuse_file_info fi;
	uint64_t due_ms, until_ms;	/* CLOCK_MONOTONIC: when it is tried again, and given up */
};

struct hold {
	pthread_t thread;
	bool has_thread;		/* touched only by who holds the lock, and by who joins it */
	pthread_mutex_t lock;		/* guards: all below; none is taken under it */
	pthread_cond_t change;
	struct held *first;		/* by due_ms, those of the same by until_ms, as they came */
	uint32_t n;
	bool is_stopping;
};

static uint64_t
mono_ms(void)
{
	return gs_clock_mono_ns() / 1000000;
}

struct hold *
hold_new(void)
{
	struct hold *h = calloc(1, sizeof(*h));
	pthread_condattr_t attr;

	if (h == NULL)
		return NULL;
	(void)pthread_mutex_init(&h->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&h->change, &attr);
	(void)pthread_condattr_destroy(&attr);
	return h;
}

/* ---- the list ---- */

static void
insert_locked(struct hold *h, struct held *w)
{
	struct held **link = &h->first;

	while (*link != NULL && ((*link)->due_ms < w->due_ms || ((*link)->due_ms == w->due_ms && (*link)->until_ms <= w->until_ms)))
		link = &(*link)->next;
	w->next = *link;
	*link = w;
	h->n++;
	if (h->first == w)
		(void)pthread_cond_signal(&h->change);
}

static uint32_t
count_locked(const struct hold *h, uint64_t node)
{
	uint32_t n = 0;

	for (const struct held *w = h->first; w != NULL; w = w->next)
		n += w->node == node ? 1 : 0;
	return n;
}

/* Take a request off the list; NULL when it is not there. */
static struct held *
take_locked(struct hold *h, fuse_req_t req)
{
	struct held **link = &h->first, *w;

	while (*link != NULL && (*link)->req != req)
		link = &(*link)->next;
	w = *link;
	if (w != NULL) {
		*link = w->next;
		h->n--;
	}
	return w;
}

/* Whoever took it off the list answers it, and nobody else. */
static void
answer(struct held *w, int error)
{
	(void)fuse_reply_err(w->req, error);
	free(w);
}

/* ---- the thread ---- */

/*
 * The first is due: take the one that waits longest for the same session. Their times differ by what the clock of the store is
 * behind.
 */
static struct held *
take_due_locked(struct hold *h)
{
	struct held *longest = h->first;

	for (struct held *w = longest->next; w != NULL; w = w->next)
		if (w->node == longest->node && w->until_ms < longest->until_ms)
			longest = w;
	return take_locked(h, longest->req);
}

/* The next whose time has come; NULL: it is over. */
static struct held *
wait_for_due(struct hold *h)
{
	struct held *w = NULL;

	pthread_mutex_lock(&h->lock);
	while (!h->is_stopping && w == NULL) {
		uint64_t due_ms = h->first == NULL ? 0 : h->first->due_ms;
		struct timespec until = { .tv_sec = (time_t)(due_ms / 1000), .tv_nsec = (long)(due_ms % 1000) * 1000000 };

		if (h->first == NULL)
			(void)pthread_cond_wait(&h->change, &h->lock);
		else if (mono_ms() < due_ms)
			(void)pthread_cond_timedwait(&h->change, &h->lock, &until);
		else
			w = take_due_locked(h);
	}
	pthread_mutex_unlock(&h->lock);
	return w;
}

static void *
run(void *arg)
{
	struct hold *h = arg;
	struct held *w;

	while ((w = wait_for_due(h)) != NULL) {
		opened_again(w->req, w->node, &w->fi, w->until_ms);
		free(w);
	}
	return NULL;
}

/* The kernel wants it no more: within the handling of the request's interrupt, which keeps the request. */
static void
interrupt(fuse_req_t req, void *arg)
{
	struct hold *h = arg;
	struct held *w;

	pthread_mutex_lock(&h->lock);
	w = take_locked(h, req);
	pthread_mutex_unlock(&h->lock);
	if (w != NULL)
		answer(w, EINTR);
}

/* ---- waiting ---- */

/* 0, or what it is to be answered. */
static int
add(struct hold *h, struct held *w, bool is_again)
{
	int rc = 0;

	pthread_mutex_lock(&h->lock);
	if (!h->has_thread && !h->is_stopping)
		h->has_thread = pthread_create(&h->thread, NULL, run, h) == 0;
	/* An interrupt from here on waits for the lock, and finds it on the list. */
	if (fuse_req_interrupted(w->req))
		rc = EINTR;
	/* Who had a place keeps it. */
	else if (!h->has_thread || (!is_again && (h->n >= HOLD_OPENS || count_locked(h, w->node) >= HOLD_OF_SESSION)))
		rc = EDQUOT;
	else
		insert_locked(h, w);
	pthread_mutex_unlock(&h->lock);
	return rc;
}

int
hold_back(struct call *c, uint64_t node, const struct fuse_file_info *fi)
{
	uint64_t now_ms = mono_ms(), until_ms = c->is_again ? c->until_ms : now_ms + HOLD_MS;
	struct held *w;
	int rc;

	if (c->turn_after_ms == 0 || now_ms + c->turn_after_ms > until_ms)
		return EDQUOT;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return EDQUOT;
	*w = (struct held){ .req = c->req, .node = node, .fi = *fi, .due_ms = now_ms + c->turn_after_ms, .until_ms = until_ms };
	if (!c->is_again)
		fuse_req_interrupt_func(c->req, interrupt, c->m->hold);
	rc = add(c->m->hold, w, c->is_again);
	if (rc != 0)
		free(w);
	return rc;
}

/* The access itself. How long the session is refused, in *info, when it is. */
static int
make_access(struct mount_table *t, const struct gs_item *item, enum hold_access what, struct gs_info *info)
{
	struct gs *gs = mount_gs(t, item->info.ns_id);
	ssize_t rc;

	if (what == HOLD_GET) {
		rc = gs_get(gs, item->key, item->key_len, NULL, 0, info);
		return rc < 0 ? (int)rc : 0;
	}
	rc = gs_touch(gs, item->key, item->key_len, 0);
	if (rc == GS_EQUARANTINE && gs_stat(gs, item->key, item->key_len, info) < 0)
		return GS_ENOENT;
	return (int)rc;
}

int
hold_turn(struct call *c, uint64_t node, const struct gs_item *item, enum hold_access what, bool *is_made)
{
	struct mount_table *t = &c->m->tables[node_table(node)];
	struct gs_info info = item->info;
	int rc = GS_EQUARANTINE;

	c->turn_after_ms = 0;
	if (info.pace == GS_PACE_FREE || node_ring(node) != t->innermost)
		return 0;
	/* It was counted as an attempt when it came; to look whether its turn has come is no other. */
	if (!c->is_again || info.retry_after_ms == 0)
		rc = make_access(t, item, what, &info);
	if (rc == GS_EQUARANTINE && info.pace == GS_PACE_TURNS)
		c->turn_after_ms = info.retry_after_ms > 0 ? info.retry_after_ms : 1;
	if (rc == 0)
		*is_made = true;
	return rc == GS_ENOENT ? ESTALE : rc < 0 ? mount_errno(c->m, rc) : 0;
}

/* ---- the end ---- */

void
hold_stop(struct hold *h)
{
	struct held *w, *next;
	bool has_thread;

	pthread_mutex_lock(&h->lock);
	h->is_stopping = true;
	has_thread = h->has_thread;
	h->has_thread = false;
	(void)pthread_cond_signal(&h->change);
	pthread_mutex_unlock(&h->lock);
	if (has_thread)
		(void)pthread_join(h->thread, NULL);
	pthread_mutex_lock(&h->lock);
	w = h->first;
	h->first = NULL;
	h->n = 0;
	pthread_mutex_unlock(&h->lock);
	for (; w != NULL; w = next) {
		next = w->next;
		answer(w, EDQUOT);
	}
}

void
hold_free(struct hold **h)
{
	if (*h == NULL)
		return;
	hold_stop(*h);
	(void)pthread_cond_destroy(&(*h)->change);
	(void)pthread_mutex_destroy(&(*h)->lock);
	free(*h);
	*h = NULL;
}
