/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctlpool.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "gsession.h"
#include "mount.h"

enum { MOST = MOUNT_THREADS + MOUNT_OWN_THREADS };	/* threads that ask */

struct ctlpool {
	const char *instance;
	_Atomic uint64_t missed_ms;	/* when the last request was over that was not answered in time; 0: one has been since */
	pthread_mutex_t lock;		/* guards: all below */
	size_t n, n_idle;
	struct gs_ctl *open[MOST];	/* the idle ones first, then those that are in use */
	uint64_t turn;			/* how many were ever opened */
};

struct ctlpool *
ctlpool_new(const char *instance)
{
	struct ctlpool *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->instance = instance;
	(void)pthread_mutex_init(&p->lock, NULL);
	return p;
}

void
ctlpool_free(struct ctlpool **p)
{
	if (*p == NULL)
		return;
	while ((*p)->n_idle > 0)
		gs_ctl_close(&(*p)->open[--(*p)->n_idle]);
	(void)pthread_mutex_destroy(&(*p)->lock);
	free(*p);
	*p = NULL;
}

/* An idle one, which is in use from now on; NULL: there is none. */
static struct gs_ctl *
pop(struct ctlpool *p)
{
	struct gs_ctl *c = NULL;

	pthread_mutex_lock(&p->lock);
	if (p->n_idle > 0)
		c = p->open[--p->n_idle];
	pthread_mutex_unlock(&p->lock);
	return c;
}

/* One more that is in use. */
static void
add(struct ctlpool *p, struct gs_ctl *c)
{
	pthread_mutex_lock(&p->lock);
	p->turn++;
	if (p->n < MOST)
		p->open[p->n++] = c;
	pthread_mutex_unlock(&p->lock);
}

static void
swap(struct ctlpool *p, size_t i, size_t k)
{
	struct gs_ctl *c = p->open[i];

	p->open[i] = p->open[k];
	p->open[k] = c;
}

/* One that was in use: idle again, or closed when it is of no more use. */
static void
push(struct ctlpool *p, struct gs_ctl *c, bool is_good)
{
	size_t i;

	pthread_mutex_lock(&p->lock);
	for (i = p->n_idle; i < p->n && p->open[i] != c;)
		i++;
	if (i == p->n)
		is_good = false;
	else if (is_good)
		swap(p, i, p->n_idle++);
	else
		swap(p, i, --p->n);
	pthread_mutex_unlock(&p->lock);
	if (!is_good)
		gs_ctl_close(&c);
}

/* Between requests the daemon says nothing: whatever is to be read is its hanging up. */
static bool
is_hung_up(const struct gs_ctl *c)
{
	struct pollfd pfd = { .fd = gs_ctl_fd(c), .events = POLLIN };

	return poll(&pfd, 1, 0) != 0;
}

static int
take(struct ctlpool *p, struct gs_ctl **out)
{
	int rc;

	while ((*out = pop(p)) != NULL) {
		if (!is_hung_up(*out))
			return 0;
		push(p, *out, false);
	}
	rc = gs_ctl_open(out, p->instance, NULL, CTLPOOL_TIMEOUT_MS);
	if (rc == 0)
		add(p, *out);
	return rc;
}

bool
ctlpool_is_there(struct ctlpool *p, uint64_t *turn)
{
	struct pollfd pfd[MOST];
	bool is_there;
	int n_hung_up;

	/* The lock keeps those in use from being closed meanwhile; of them what is to be read is an answer. */
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->n; i++)
		pfd[i] = (struct pollfd){ .fd = gs_ctl_fd(p->open[i]) };
	n_hung_up = poll(pfd, p->n, 0);
	is_there = n_hung_up >= 0 && n_hung_up < (int)p->n;
	*turn = p->turn;
	pthread_mutex_unlock(&p->lock);
	return is_there;
}

/* One request over one connection. */
static int
request(struct ctlpool *p, const struct ctlpool_question *q, char **text, size_t *text_len)
{
	struct gs_ctl *c;
	int rc;

	rc = take(p, &c);
	if (rc < 0)
		return rc;
	rc = gs_ctl_request(c, q->verb, q->path, q->value, q->value_len, q->offset, q->as, text, text_len);
	push(p, c, rc != GS_ETIMEDOUT && rc != GS_EDOWN && rc != GS_EPROTO);
	return rc;
}

bool
ctlpool_is_over(const struct ctlpool *p, uint64_t came_ms)
{
	return came_ms != 0 && came_ms <= atomic_load(&p->missed_ms);
}

void
ctlpool_note(struct ctlpool *p, int rc)
{
	atomic_store(&p->missed_ms, rc == GS_ETIMEDOUT ? gs_clock_mono_ns() / 1000000 : 0);
}

int
ctlpool_request(struct ctlpool *p, const struct ctlpool_question *q, char **text, size_t *text_len)
{
	int rc;

	*text = NULL;
	*text_len = 0;
	if (ctlpool_is_over(p, q->came_ms))
		return GS_ETIMEDOUT;
	rc = request(p, q, text, text_len);
	ctlpool_note(p, rc);
	return rc;
}
