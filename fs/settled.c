/* SPDX-License-Identifier: BSD-2-Clause */
#include "settled.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct one {
	struct settled_stamp as_of;
	uint32_t mode;
	bool is_there;
	size_t len;
	char *text;			/* NULL: only the mode is known */
};

struct settled {
	pthread_mutex_t lock;		/* guards: all below */
	uint32_t n;
	struct one of[];
};

struct settled *
settled_new(uint32_t n)
{
	struct settled *s = calloc(1, sizeof(*s) + n * sizeof(s->of[0]));

	if (s == NULL)
		return NULL;
	s->n = n;
	(void)pthread_mutex_init(&s->lock, NULL);
	return s;
}

void
settled_free(struct settled **s)
{
	if (*s == NULL)
		return;
	for (uint32_t i = 0; i < (*s)->n; i++)
		free((*s)->of[i].text);
	(void)pthread_mutex_destroy(&(*s)->lock);
	free(*s);
	*s = NULL;
}

/* The one of a path, if it is of this stamp, else NULL. */
static struct one *
find_locked(struct settled *s, uint32_t path, const struct settled_stamp *stamp)
{
	struct one *o = path < s->n ? &s->of[path] : NULL;

	return o != NULL && o->is_there && o->as_of.epoch == stamp->epoch && o->as_of.turn == stamp->turn ? o : NULL;
}

void
settled_put_mode(struct settled *s, uint32_t path, const struct settled_stamp *asked, uint64_t told, uint32_t mode)
{
	if (path >= s->n || asked->epoch == 0 || told != asked->epoch)
		return;
	pthread_mutex_lock(&s->lock);
	/* What it says is the same still, where the stamp is. */
	if (find_locked(s, path, asked) == NULL) {
		free(s->of[path].text);
		s->of[path] = (struct one){ .as_of = *asked, .mode = mode, .is_there = true };
	}
	pthread_mutex_unlock(&s->lock);
}

static char *
copy_of(const char *text, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy == NULL)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

void
settled_put_text(struct settled *s, uint32_t path, const struct settled_stamp *asked, const char *text, size_t len)
{
	struct one *o;

	if (len > SETTLED_TEXT_BYTES)
		return;
	pthread_mutex_lock(&s->lock);
	o = find_locked(s, path, asked);
	if (o != NULL && o->text == NULL) {
		o->text = copy_of(text, len);
		o->len = len;
	}
	pthread_mutex_unlock(&s->lock);
}

bool
settled_mode(struct settled *s, uint32_t path, const struct settled_stamp *now, uint32_t *mode)
{
	const struct one *o;

	pthread_mutex_lock(&s->lock);
	o = find_locked(s, path, now);
	if (o != NULL)
		*mode = o->mode;
	pthread_mutex_unlock(&s->lock);
	return o != NULL;
}

bool
settled_text(struct settled *s, uint32_t path, const struct settled_stamp *now, char **text, size_t *len)
{
	const struct one *o;

	*text = NULL;
	pthread_mutex_lock(&s->lock);
	o = find_locked(s, path, now);
	if (o != NULL && o->text != NULL) {
		*text = copy_of(o->text, o->len);
		*len = o->len;
	}
	pthread_mutex_unlock(&s->lock);
	return *text != NULL;
}
