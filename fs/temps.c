/* SPDX-License-Identifier: BSD-2-Clause */
#include "temps.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/glob.h"
#include "conf/conf.h"
#include "control.h"

#define PATH "node/temp_patterns"

enum { AGAIN_MS = 1000 };

struct temps {
	pthread_mutex_t lock;		/* guards: all below; not held while the daemon is asked */
	bool is_heard;
	uint32_t epoch;			/* of the settings when they were heard */
	uint64_t missed_ms;		/* when the daemon was last asked in vain, CLOCK_MONOTONIC; 0: it has answered since */
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
	char *text = NULL;
	int rc;

	own.uid = c->m->uid;
	own.gid = c->m->gid;
	own.pid = (int32_t)getpid();
	rc = control_ask(&own, PATH, &text);
	pthread_mutex_lock(&t->lock);
	t->missed_ms = rc == 0 ? 0 : gs_clock_mono_ns() / 1000000;
	if (rc == 0) {
		text[strcspn(text, "\n")] = '\0';
		set_locked(t, text);
		t->epoch = epoch;
		t->is_heard = true;
	}
	pthread_mutex_unlock(&t->lock);
	free(text);
}

int
temps_learn(struct call *c)
{
	struct temps *t = c->m->temps;
	uint32_t epoch = gs_settings_epoch(mount_any_table(c->m)->gs);
	uint64_t now_ms = gs_clock_mono_ns() / 1000000;
	bool is_current;

	pthread_mutex_lock(&t->lock);
	is_current = (t->is_heard && t->epoch == epoch) || (t->missed_ms != 0 && now_ms - t->missed_ms < AGAIN_MS);
	pthread_mutex_unlock(&t->lock);
	if (is_current)
		return 0;
	if (call_wait(c) != 0)
		return CALL_LATER;
	hear(c, t, epoch);
	return 0;
}

bool
temps_match(const struct call *c, const char *name)
{
	struct temps *t = c->m->temps;
	size_t len = strlen(name);
	bool matches = false;

	pthread_mutex_lock(&t->lock);
	for (uint32_t i = 0; i < t->n && !matches; i++)
		matches = gs_glob_matches(t->patterns[i], name, len);
	pthread_mutex_unlock(&t->lock);
	return matches;
}
