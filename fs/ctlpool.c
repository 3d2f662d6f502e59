/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctlpool.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "gsession.h"
#include "mount.h"

enum { TIMEOUT_MS = 2000 };

struct ctlpool {
	const char *instance;
	pthread_mutex_t lock;		/* guards: all below */
	size_t n;
	struct gs_ctl *idle[MOUNT_THREADS];
	atomic_bool is_frozen;		/* the last request was not answered in time */
	atomic_bool is_probing;		/* one request tries whether that has changed */
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
	return gs_ctl_open(out, p->instance, NULL, TIMEOUT_MS);
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

int
ctlpool_request(struct ctlpool *p, const struct ctlpool_question *q, char **text, size_t *text_len)
{
	bool is_probe = false;
	int rc;

	*text = NULL;
	*text_len = 0;
	if (atomic_load(&p->is_frozen)) {
		if (atomic_exchange(&p->is_probing, true))
			return GS_ETIMEDOUT;
		is_probe = true;
	}
	rc = request(p, q, text, text_len);
	atomic_store(&p->is_frozen, rc == GS_ETIMEDOUT);
	if (is_probe)
		atomic_store(&p->is_probing, false);
	return rc;
}
