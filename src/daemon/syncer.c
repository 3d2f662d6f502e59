/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/syncer.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "gsession.h"
#include "shm/disk.h"

enum state { IDLE, BEGUN, THROUGH, ENDING };

struct syncer {
	pthread_t thread;
	pthread_mutex_t lock;		/* guards: all below; the only one of the daemon; not held over a sync */
	pthread_cond_t changed;
	enum state state;
	size_t n;
	int fds[SYNCER_FDS];
	int rc;
};

static int
sync_all(const int *fds, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		if (gs_disk_sync(fds[i]) < 0)
			rc = GS_ESYSTEM;
	return rc;
}

static void *
work(void *arg)
{
	struct syncer *s = arg;
	int rc;

	(void)pthread_mutex_lock(&s->lock);
	while (s->state != ENDING) {
		if (s->state != BEGUN) {
			(void)pthread_cond_wait(&s->changed, &s->lock);
			continue;
		}
		(void)pthread_mutex_unlock(&s->lock);
		/* Nobody changes the list before we are through. */
		rc = sync_all(s->fds, s->n);
		(void)pthread_mutex_lock(&s->lock);
		s->rc = rc;
		if (s->state == BEGUN)
			s->state = THROUGH;
	}
	(void)pthread_mutex_unlock(&s->lock);
	return NULL;
}

struct syncer *
syncer_new(void)
{
	struct syncer *s = calloc(1, sizeof(*s));
	sigset_t all, before;
	int rc;

	if (s == NULL)
		return NULL;
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_cond_init(&s->changed, NULL);
	/* Signals are for the daemon's own thread. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&s->thread, NULL, work, s);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		return s;
	free(s);
	return NULL;
}

void
syncer_free(struct syncer **sp)
{
	struct syncer *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	(void)pthread_mutex_lock(&s->lock);
	s->state = ENDING;
	(void)pthread_cond_signal(&s->changed);
	(void)pthread_mutex_unlock(&s->lock);
	(void)pthread_join(s->thread, NULL);
	(void)pthread_cond_destroy(&s->changed);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

void
syncer_begin(struct syncer *s, const int *fds, size_t n)
{
	(void)pthread_mutex_lock(&s->lock);
	memcpy(s->fds, fds, n * sizeof(*fds));
	s->n = n;
	s->state = BEGUN;
	(void)pthread_cond_signal(&s->changed);
	(void)pthread_mutex_unlock(&s->lock);
}

bool
syncer_poll(struct syncer *s, int *rc)
{
	bool is_through;

	(void)pthread_mutex_lock(&s->lock);
	is_through = s->state == THROUGH;
	if (is_through) {
		*rc = s->rc;
		s->state = IDLE;
	}
	(void)pthread_mutex_unlock(&s->lock);
	return is_through;
}
