/* SPDX-License-Identifier: BSD-2-Clause */
#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/client.h"

#define PATH "events_pipe"

enum { TIMEOUT_MS = 2000 };

/* One who waits: a read, or a poll. */
struct waiting {
	struct waiting *next;
	fuse_req_t req;			/* of a read, or NULL */
	uint64_t unique;		/* of a read, its number */
	struct place *at;		/* of a read */
	size_t size;			/* of a read, bytes */
	struct fuse_pollhandle *handle;	/* of a poll */
	uint64_t seen;			/* of a poll */
};

struct stream {
	const char *instance;
	pthread_t thread;
	bool has_thread;		/* touched only by who holds the lock, and by who joins it */
	pthread_mutex_t lock;		/* guards: all below */
	pthread_cond_t turn;
	struct waiting *first;
	bool is_stopping;
};

struct stream *
stream_new(const char *instance)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->instance = instance;
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_cond_init(&s->turn, NULL);
	return s;
}

/* ---- answers ---- */

/* Whoever took it off the list answers it, and nobody else. */
static void
answer(struct waiting *w, int error)
{
	if (w->handle != NULL) {
		(void)fuse_lowlevel_notify_poll(w->handle);
		fuse_pollhandle_destroy(w->handle);
	} else {
		(void)fuse_reply_err(w->req, error);
	}
	free(w);
}

static void
answer_all(struct stream *s, int error)
{
	struct waiting *w, *next;

	pthread_mutex_lock(&s->lock);
	w = s->first;
	s->first = NULL;
	pthread_mutex_unlock(&s->lock);
	for (; w != NULL; w = next) {
		next = w->next;
		answer(w, error);
	}
}

/* Behind which event it waits. */
static uint64_t
revision_of(const struct waiting *w)
{
	return w->handle != NULL ? w->seen : place_revision(w->at);
}

/* The list of those that wait behind an event, and of polls that wait behind one up to `last`. */
static struct waiting *
take_answered(struct stream *s, uint64_t revision, uint64_t last)
{
	struct waiting *taken = NULL, **link;

	pthread_mutex_lock(&s->lock);
	for (link = &s->first; *link != NULL;) {
		struct waiting *w = *link;

		if (revision_of(w) != revision && (w->handle == NULL || w->seen >= last)) {
			link = &w->next;
			continue;
		}
		*link = w->next;
		w->next = taken;
		taken = w;
	}
	pthread_mutex_unlock(&s->lock);
	return taken;
}

static void *run(void *arg);

/* Put one on the list. 0; EINTR when it was interrupted by now; ENODEV when nobody is left to serve it, EAGAIN when there is no thread for it. */
static int
add(struct stream *s, struct waiting *w)
{
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	if (!s->has_thread && !s->is_stopping)
		s->has_thread = pthread_create(&s->thread, NULL, run, s) == 0;
	/* An interrupt from here on waits for the lock, and finds it on the list. */
	if (w->req != NULL && fuse_req_interrupted(w->req))
		rc = EINTR;
	else if (!s->has_thread)
		rc = s->is_stopping ? ENODEV : EAGAIN;
	if (rc == 0) {
		w->next = s->first;
		s->first = w;
		pthread_cond_signal(&s->turn);
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

/* These are the lines behind a revision. Of two reads of one open file the second may be left without. */
static void
serve(struct stream *s, uint64_t revision, const char *text, size_t len)
{
	struct waiting *w = take_answered(s, revision, place_last_revision(text, len)), *next;
	int error;

	for (; w != NULL; w = next) {
		next = w->next;
		error = 0;
		if (w->handle == NULL) {
			(void)place_give(w->at, revision, text, len, &error);
			if (error == 0 && place_answer(w->at, w->req, w->unique, w->size)) {
				free(w);
				continue;
			}
			if (error == 0 && (error = add(s, w)) == 0)
				continue;
		}
		answer(w, error);
	}
}

/* ---- asking ---- */

/* Until somebody waits; the least revision of all who do. False: it is over. */
static bool
wait_for_work(struct stream *s, uint64_t *revision)
{
	bool goes_on;

	pthread_mutex_lock(&s->lock);
	while (s->first == NULL && !s->is_stopping)
		pthread_cond_wait(&s->turn, &s->lock);
	goes_on = !s->is_stopping;
	*revision = UINT64_MAX;
	for (struct waiting *w = s->first; w != NULL; w = w->next)
		*revision = revision_of(w) < *revision ? revision_of(w) : *revision;
	pthread_mutex_unlock(&s->lock);
	return goes_on;
}

static int
ask(struct stream *s, struct gs_ctl **ctl, uint64_t revision)
{
	char *text = NULL;
	size_t len = 0;
	int rc = 0;

	if (*ctl == NULL)
		rc = gs_ctl_open(ctl, s->instance, NULL, TIMEOUT_MS);
	if (rc < 0)
		return rc;
	rc = gs_ctl_request(*ctl, GS_VERB_WAIT, PATH, NULL, 0, revision, NULL, &text, &len);
	if (rc == 0 && len > 0)
		serve(s, revision, text, len);
	free(text);
	return rc;
}

static void *
run(void *arg)
{
	struct stream *s = arg;
	struct gs_ctl *ctl = NULL;
	uint64_t revision;

	while (wait_for_work(s, &revision))
		if (ask(s, &ctl, revision) < 0) {
			gs_ctl_close(&ctl);
			answer_all(s, EHOSTDOWN);
		}
	gs_ctl_close(&ctl);
	return NULL;
}

/* ---- waiting ---- */

/* Take the read of a request off the list. */
static struct waiting *
take_locked(struct stream *s, fuse_req_t req)
{
	struct waiting **link = &s->first, *w;

	while (*link != NULL && (*link)->req != req)
		link = &(*link)->next;
	w = *link;
	if (w != NULL)
		*link = w->next;
	return w;
}

/* The kernel wants it no more: within the handling of the request's interrupt, which keeps the request. */
static void
interrupt(fuse_req_t req, void *arg)
{
	struct stream *s = arg;
	struct waiting *w;

	pthread_mutex_lock(&s->lock);
	w = take_locked(s, req);
	pthread_mutex_unlock(&s->lock);
	if (w != NULL)
		answer(w, EINTR);
}

void
stream_read(struct stream *s, fuse_req_t req, uint64_t unique, struct place *at, size_t size)
{
	struct waiting *w = calloc(1, sizeof(*w));
	int rc = ENOMEM;

	if (w != NULL) {
		*w = (struct waiting){ .req = req, .unique = unique, .at = at, .size = size };
		fuse_req_interrupt_func(req, interrupt, s);
		rc = add(s, w);
	}
	if (rc == 0)
		return;
	free(w);
	(void)fuse_reply_err(req, rc);
}

/* A newer poll of the same open file takes the place of an older one in the kernel, and both are told: that costs a wake-up. */
void
stream_poll(struct stream *s, struct fuse_pollhandle *handle, uint64_t seen)
{
	struct waiting *w = calloc(1, sizeof(*w));

	if (w != NULL) {
		*w = (struct waiting){ .handle = handle, .seen = seen };
		if (add(s, w) == 0)
			return;
	}
	free(w);
	fuse_pollhandle_destroy(handle);
}

/* ---- the end ---- */

void
stream_stop(struct stream *s)
{
	bool has_thread;

	pthread_mutex_lock(&s->lock);
	s->is_stopping = true;
	has_thread = s->has_thread;
	s->has_thread = false;
	pthread_cond_signal(&s->turn);
	pthread_mutex_unlock(&s->lock);
	if (has_thread)
		(void)pthread_join(s->thread, NULL);
	answer_all(s, ENODEV);
}

void
stream_free(struct stream **s)
{
	if (*s == NULL)
		return;
	stream_stop(*s);
	(void)pthread_cond_destroy(&(*s)->turn);
	(void)pthread_mutex_destroy(&(*s)->lock);
	free(*s);
	*s = NULL;
}
