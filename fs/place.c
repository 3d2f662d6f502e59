/* SPDX-License-Identifier: BSD-2-Clause */
#include "place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
place_init(struct place *p)
{
	memset(p, 0, sizeof(*p));
	(void)pthread_mutex_init(&p->lock, NULL);
}

void
place_done(struct place *p)
{
	pthread_mutex_lock(&p->lock);
	pthread_mutex_unlock(&p->lock);
	(void)pthread_mutex_destroy(&p->lock);
	free(p->text);
}

static void
forget_locked(struct place *p)
{
	free(p->text);
	p->text = NULL;
	p->len = p->at = 0;
}

void
place_begin(struct place *p, uint64_t revision)
{
	pthread_mutex_lock(&p->lock);
	forget_locked(p);
	p->revision = revision;
	pthread_mutex_unlock(&p->lock);
}

void
place_restart(struct place *p, uint64_t revision)
{
	pthread_mutex_lock(&p->lock);
	if (p->revision == revision) {
		forget_locked(p);
		p->revision = 0;
	}
	pthread_mutex_unlock(&p->lock);
}

uint64_t
place_revision(struct place *p)
{
	uint64_t revision;

	pthread_mutex_lock(&p->lock);
	revision = p->revision;
	pthread_mutex_unlock(&p->lock);
	return revision;
}

bool
place_has_left(struct place *p)
{
	bool has;

	pthread_mutex_lock(&p->lock);
	has = p->at < p->len;
	pthread_mutex_unlock(&p->lock);
	return has;
}

uint64_t
place_last_revision(const char *text, size_t len)
{
	const char *before = len < 2 ? NULL : memrchr(text, '\n', len - 1);

	return len == 0 ? 0 : strtoull(before == NULL ? text : before + 1, NULL, 10);
}

/* What is left goes before what is new. */
static int
add_locked(struct place *p, const char *text, size_t len)
{
	size_t left = p->len - p->at;
	char *both = malloc(left + len);

	if (both == NULL)
		return ENOMEM;
	if (left > 0)
		memcpy(both, p->text + p->at, left);
	memcpy(both + left, text, len);
	forget_locked(p);
	p->text = both;
	p->len = left + len;
	p->revision = place_last_revision(text, len);
	return 0;
}

bool
place_give(struct place *p, uint64_t revision, const char *text, size_t len, int *error)
{
	bool is_there;

	*error = 0;
	pthread_mutex_lock(&p->lock);
	is_there = p->revision == revision;
	if (is_there && len > 0)
		*error = add_locked(p, text, len);
	pthread_mutex_unlock(&p->lock);
	return is_there;
}

bool
place_answer(struct place *p, fuse_req_t req, size_t size)
{
	size_t n;

	pthread_mutex_lock(&p->lock);
	n = p->len - p->at < size ? p->len - p->at : size;
	if (n > 0) {
		p->at += n;
		/* From here on the file may be closed: place_done waits for the lock. */
		(void)fuse_reply_buf(req, p->text + p->at - n, n);
	}
	pthread_mutex_unlock(&p->lock);
	return n > 0;
}
