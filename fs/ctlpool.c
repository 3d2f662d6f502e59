/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctlpool.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "gsession.h"
#include "mount.h"

struct ctlpool {
	const char *instance;
	pthread_mutex_t lock;		/* guards: all below */
	size_t n;
	struct gs_ctl *idle[MOUNT_THREADS];
	_Atomic uint64_t missed_ms;	/* when the last request was over that was not answered in time; 0: one has been since */
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
	while ((*p)->n > 0)
		gs_ctl_close(&(*p)->idle[--(*p)->n]);
	(void)pthread_mutex_destroy(&(*p)->lock);
	free(*p);
	*p = NULL;
}

static struct gs_ctl *
pop(struct ctlpool *p)
{
	struct gs_ctl *c = NULL;

	pthread_mutex_lock(&p->lock);
	if (p->n > 0)
		c = p->idle[--p->n];
	pthread_mutex_unlock(&p->lock);
	return c;
}

static void
push(struct ctlpool *p, struct gs_ctl *c)
{
	pthread_mutex_lock(&p->lock);
	if (p->n < MOUNT_THREADS) {
		p->idle[p->n++] = c;
		c = NULL;
	}
	pthread_mutex_unlock(&p->lock);
	gs_ctl_close(&c);
}

/* Between requests the daemon says nothing: whatever is to be read is its hanging up. */
static int
is_hung_up(const struct gs_ctl *c)
{
	struct pollfd pfd = { .fd = gs_ctl_fd(c), .events = POLLIN };

	return poll(&pfd, 1, 0) != 0;
}

static int
take(struct ctlpool *p, struct gs_ctl **out)
{
	while ((*out = pop(p)) != NULL) {
		if (!is_hung_up(*out))
			return 0;
		gs_ctl_close(out);
	}
	return gs_ctl_open(out, p->instance, NULL, CTLPOOL_TIMEOUT_MS);
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
	if (rc == GS_ETIMEDOUT || rc == GS_EDOWN || rc == GS_EPROTO)
		gs_ctl_close(&c);
	else
		push(p, c);
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
