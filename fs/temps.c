/* SPDX-License-Identifier: BSD-2-Clause */
#include "temps.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/glob.h"
#include "conf/conf.h"
#include "control.h"

#define PATH "node/temp_patterns"

struct temps {
	pthread_mutex_t lock;		/* guards: all below; not held while the daemon is asked */
	bool is_heard;
	uint32_t epoch;			/* of the settings when they were heard */
	uint32_t n;
	char patterns[GS_CONF_PATTERNS_MOST][GS_CONF_PATTERN_BYTES];
};

static void
set_locked(struct temps *t, const char *list)
{
	t->n = 0;
	while (t->n < GS_CONF_PATTERNS_MOST && gs_conf_next_pattern(&list, t->patterns[t->n]))
		t->n++;
}

struct temps *
temps_new(void)
{
	struct temps *t = calloc(1, sizeof(*t));
	struct gs_conf *conf = calloc(1, sizeof(*conf));

	if (t == NULL || conf == NULL) {
		free(t);
		free(conf);
		return NULL;
	}
	(void)pthread_mutex_init(&t->lock, NULL);
	gs_conf_defaults(conf);
	set_locked(t, conf->temp_patterns);
	free(conf);
	return t;
}

void
temps_free(struct temps **t)
{
	if (*t == NULL)
		return;
	(void)pthread_mutex_destroy(&(*t)->lock);
	free(*t);
	*t = NULL;
}

/* What a mount goes by is not the caller's business: it asks for itself. */
static void
hear(struct call *c, struct temps *t, uint32_t epoch)
{
	struct call own = *c;
	char *text;

	own.uid = c->m->uid;
	own.gid = c->m->gid;
	own.pid = (int32_t)getpid();
	if (control_ask(&own, PATH, &text) != 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	pthread_mutex_lock(&t->lock);
	set_locked(t, text);
	t->epoch = epoch;
	t->is_heard = true;
	pthread_mutex_unlock(&t->lock);
	free(text);
}

bool
temps_match(struct call *c, const char *name)
{
	struct temps *t = c->m->temps;
	uint32_t epoch = gs_settings_epoch(mount_any_table(c->m)->gs), i;
	size_t len = strlen(name);
	bool is_current, matches = false;

	pthread_mutex_lock(&t->lock);
	is_current = t->is_heard && t->epoch == epoch;
	pthread_mutex_unlock(&t->lock);
	if (!is_current)
		hear(c, t, epoch);
	pthread_mutex_lock(&t->lock);
	for (i = 0; i < t->n && !matches; i++)
		matches = gs_glob_matches(t->patterns[i], name, len);
	pthread_mutex_unlock(&t->lock);
	return matches;
}
