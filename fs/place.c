/* SPDX-License-Identifier: BSD-2-Clause */
#include "place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct place_state *
state_locked(const struct place *p)
{
	return &p->kept->state[atomic_load(&p->kept->which) & 1];
}

static void
save_locked(struct place *p, const struct place_state *s)
{
	uint32_t other = (atomic_load(&p->kept->which) & 1) ^ 1;

	p->kept->state[other] = *s;
	/* Release: who follows us finds all of it. */
	atomic_store_explicit(&p->kept->which, other, memory_order_release);
}

/* To where an event, and bytes behind it, have been read. */
static void
go_locked(struct place *p, uint64_t revision, uint64_t skip)
{
	free(p->text);
	p->text = NULL;
	p->len = 0;
	p->at = (size_t)skip;
	p->base = p->revision = revision;
}

void
place_init(struct place *p, struct place_kept *kept)
{
	memset(p, 0, sizeof(*p));
	(void)pthread_mutex_init(&p->lock, NULL);
	p->kept = kept;
	go_locked(p, state_locked(p)->revision, state_locked(p)->skip);
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
begin_locked(struct place *p, uint64_t revision, uint64_t skip)
{
	const struct place_state s = { .revision = revision, .skip = skip };

	go_locked(p, revision, skip);
	save_locked(p, &s);
}

void
place_begin(struct place *p, uint64_t revision)
{
	pthread_mutex_lock(&p->lock);
	begin_locked(p, revision, 0);
	pthread_mutex_unlock(&p->lock);
}

void
place_restart(struct place *p, uint64_t revision)
{
	pthread_mutex_lock(&p->lock);
	if (p->revision == revision)
		begin_locked(p, 0, 0);
	pthread_mutex_unlock(&p->lock);
}

void
place_rewind(struct place *p, uint64_t unique)
{
	const struct place_state *s;

	pthread_mutex_lock(&p->lock);
	s = state_locked(p);
	if (s->unique == unique)
		begin_locked(p, s->before_revision, s->before_skip);
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

/* Where the line begins of which the next byte is to be read. */
static size_t
line_start_locked(const struct place *p)
{
	const char *end = p->text == NULL || p->at == 0 || p->at > p->len ? NULL : memrchr(p->text, '\n', p->at);

	return end == NULL ? 0 : (size_t)(end - p->text) + 1;
}

/* What is left, from the begin of its line on, goes before what is new. */
static int
add_locked(struct place *p, const char *text, size_t len)
{
	size_t start = line_start_locked(p), left = p->len - start;
	char *both = malloc(left + len);

	if (both == NULL)
		return ENOMEM;
	if (left > 0)
		memcpy(both, p->text + start, left);
	memcpy(both + left, text, len);
	if (start > 0)
		p->base = place_last_revision(p->text, start);
	free(p->text);
	p->text = both;
	p->len = left + len;
	p->at -= start;
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

/* Having read n bytes more. */
static void
move_locked(struct place *p, uint64_t unique, size_t n)
{
	const struct place_state *was = state_locked(p);
	struct place_state s = { .before_revision = was->revision, .before_skip = was->skip, .unique = unique };
	size_t start;

	p->at += n;
	start = line_start_locked(p);
	s.revision = start == 0 ? p->base : place_last_revision(p->text, start);
	s.skip = p->at - start;
	save_locked(p, &s);
}

bool
place_answer(struct place *p, fuse_req_t req, uint64_t unique, size_t size)
{
	size_t n = 0;

	pthread_mutex_lock(&p->lock);
	if (p->at < p->len)
		n = p->len - p->at < size ? p->len - p->at : size;
	if (n > 0) {
		move_locked(p, unique, n);
		/* From here on the file may be closed: place_done waits for the lock. */
		(void)fuse_reply_buf(req, p->text + p->at - n, n);
	}
	pthread_mutex_unlock(&p->lock);
	return n > 0;
}
