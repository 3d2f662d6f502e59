/* SPDX-License-Identifier: BSD-2-Clause */
#include "top_source.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "print.h"

enum { PATH_BYTES = 128, BATCH = 256, WHY_BYTES = 4096 };

struct top_source {
	const struct cmd_env *env;
	struct gs_ctl *ctl;		/* NULL: not connected */
	struct gs *gs;			/* NULL: not attached */
	struct gs_watch *watch;		/* of gs */
	uint64_t cursor;		/* where the scan goes on */
	struct gs_item *items;		/* BATCH of them */
};

int
top_source_open(struct top_source **out, const struct cmd_env *env)
{
	struct top_source *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (s == NULL)
		return GS_ENOMEM;
	s->env = env;
	s->items = calloc(BATCH, sizeof(*s->items));
	if (s->items == NULL) {
		free(s);
		return GS_ENOMEM;
	}
	*out = s;
	return 0;
}

static void
detach(struct top_source *s)
{
	gs_watch_close(&s->watch);
	gs_detach(&s->gs);
	s->cursor = 0;
}

void
top_source_close(struct top_source **at)
{
	struct top_source *s = *at;

	if (s == NULL)
		return;
	detach(s);
	gs_ctl_close(&s->ctl);
	free(s->items);
	free(s);
	*at = NULL;
}

/* ---- the daemon ---- */

static char *ask(struct top_source *s, struct top_sample *to, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The text of a control file, malloc'ed, or NULL; a daemon that fails is not asked again for this sample. */
static char *
ask(struct top_source *s, struct top_sample *to, const char *fmt, ...)
{
	char path[PATH_BYTES], *text;
	va_list ap;
	size_t len;
	int rc;

	if (s->ctl == NULL)
		return NULL;
	va_start(ap, fmt);
	(void)vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	rc = gs_ctl_request(s->ctl, GS_VERB_GET, path, "", 0, 0, NULL, &text, &len);
	if (rc == 0)
		return text;
	free(text);
	if (rc == GS_ETIMEDOUT || rc == GS_EDOWN || rc == GS_EPROTO) {
		to->daemon = rc == GS_ETIMEDOUT ? TOP_SILENT : TOP_DOWN;
		gs_ctl_close(&s->ctl);
	}
	return NULL;
}

static void
read_word(struct top_source *s, struct top_sample *to, const char *path, char out[TOP_WORD_BYTES])
{
	GS_CLEANUP_FREE char *text = ask(s, to, "%s", path);

	(void)snprintf(out, TOP_WORD_BYTES, "%.*s", text == NULL ? 1 : (int)strcspn(text, "\n"), text == NULL ? "-" : text);
}

/* The number behind a name in a flat keyed text. */
static uint64_t
counter(const char *stats, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = stats; at != NULL && *at != '\0'; at = strchr(at, '\n'), at += at != NULL)
		if (strncmp(at, name, len) == 0 && at[len] == ' ')
			return strtoull(at + len + 1, NULL, 10);
	return 0;
}

static void
read_counts(struct top_source *s, struct top_sample *to)
{
	static const char *const names[TOP_COUNTS] = {
		[TOP_GETS] = "gets", [TOP_MISSES] = "misses", [TOP_STARTED] = "started", [TOP_UPDATED] = "updated",
		[TOP_ENDED] = "ended", [TOP_EXPIRED] = "expired", [TOP_REFUSED] = "refused",
	};
	GS_CLEANUP_FREE char *all = ask(s, to, "stats"), *stats = ask(s, to, "%s/stats", s->env->table);

	to->n_clients = counter(all, "clients") + counter(all, "readers");
	to->has_counts = stats != NULL;
	for (int i = 0; i < TOP_COUNTS; i++)
		to->counts[i] = counter(stats, names[i]);
}

/* Of many only the last, who came last, are kept. */
static void
read_suspects(struct top_source *s, struct top_sample *to)
{
	GS_CLEANUP_FREE char *text = ask(s, to, "%s/suspects", s->env->table);
	struct suspect one;

	for (const char *at = text; at != NULL && suspect_next(&at, &one); to->n_suspects++) {
		if (to->n_suspects >= TOP_SUSPECTS)
			memmove(&to->suspects[0], &to->suspects[1], (TOP_SUSPECTS - 1) * sizeof(to->suspects[0]));
		to->suspects[to->n_suspects < TOP_SUSPECTS ? to->n_suspects : TOP_SUSPECTS - 1] = one;
	}
}

static void
ask_daemon(struct top_source *s, struct top_sample *to)
{
	char pid[TOP_WORD_BYTES];

	to->daemon = TOP_UP;
	/* One that was killed has left a socket that nobody closed on its side; the next sample opens another. */
	if (s->ctl == NULL && gs_ctl_open(&s->ctl, s->env->instance, s->env->run_dir, TOP_ANSWER_MS) < 0)
		to->daemon = TOP_DOWN;
	read_word(s, to, "node/pid", pid);
	to->pid = atoi(pid);
	read_word(s, to, "uptime", to->uptime);
	read_word(s, to, "version", to->version);
	read_counts(s, to);
	read_suspects(s, to);
}

/* ---- the memory ---- */

/* As a reader: whoever looks should be able to harm nobody. 0 or an enum gs_err. */
static int
attach(struct top_source *s)
{
	struct gs_options opt = {
		.size = sizeof(opt),
		.instance = s->env->instance,
		.table = s->env->table,
		.run_dir = s->env->run_dir,
		.ns = s->env->ns,
		.timeout_ms = TOP_ANSWER_MS,
		.n_threads = 1,
		.role = GS_ROLE_READER,
	};

	int rc = gs_attach(&s->gs, &opt);

	if (rc < 0) {
		s->gs = NULL;
		return rc;
	}
	rc = gs_watch_open(&s->watch, s->gs, GS_WATCH_NOW);
	if (rc < 0)
		detach(s);
	return rc;
}

static void
read_rings(struct top_source *s, struct top_sample *to)
{
	struct gs_ring_info rings[TOP_RINGS];
	int n = gs_rings(s->gs, rings, TOP_RINGS);

	for (int i = 0; i < n && i < TOP_RINGS; i++) {
		struct top_ring *r = &to->rings[to->n_rings++];

		*r = (struct top_ring){ .is_on = rings[i].is_on != 0, .is_suspect = rings[i].is_suspect != 0, .count = rings[i].count,
			.capacity = rings[i].capacity };
		memcpy(r->name, rings[i].name, sizeof(r->name));
	}
}

static void
look_at(struct top_source *s, struct top *t, const void *key, size_t key_len, uint64_t now_ms)
{
	struct gs_info info;

	if (gs_stat(s->gs, key, key_len, &info) == 0) {
		top_offer(t, key, key_len, &info, now_ms);
		t->n_looked_at++;
	} else {
		top_forget(t, key, key_len);
	}
}

/* Whoever came to the innermost ring may be hot. */
static bool
may_be_hot(const struct top_source *s, const struct top_sample *to, const struct gs_event *e)
{
	return e->key_len > 0 && to->n_rings > 0 && strcmp(e->to, to->rings[0].name) == 0 && strcmp(e->ns, s->env->ns == NULL ? "" : s->env->ns) == 0;
}

/* Returns false when the memory is not that of the store any more. */
static bool
read_events(struct top_source *s, struct top *t, struct top_sample *to)
{
	struct gs_event e;
	unsigned asked = 0;
	int rc = 0;

	for (unsigned i = 0; i < TOP_TOLD && (rc = gs_watch_next(s->watch, &e, 0)) == 1; i++) {
		top_tell(t, to, &e);
		if (may_be_hot(s, to, &e) && asked++ < TOP_ASKED)
			look_at(s, t, e.key, e.key_len, to->at_ms);
	}
	return rc != GS_EGONE;
}

static void
look_at_watched(struct top_source *s, struct top *t, uint64_t now_ms)
{
	struct {
		uint8_t key[GS_KEY_BYTES];
		size_t len;
	} keys[TOP_HOT];
	size_t n = t->n_hot;

	/* What is gone is taken off the list meanwhile. */
	for (size_t i = 0; i < n; i++) {
		memcpy(keys[i].key, t->hot[i].key, sizeof(keys[i].key));
		keys[i].len = t->hot[i].key_len;
	}
	for (size_t i = 0; i < n; i++)
		look_at(s, t, keys[i].key, keys[i].len, now_ms);
}

/* The next TOP_SCANNED sessions of the innermost ring, from the start again after the last. */
static void
scan(struct top_source *s, struct top *t, const struct top_sample *to)
{
	ssize_t n;

	for (unsigned seen = 0; to->n_rings > 0 && seen < TOP_SCANNED; seen += (unsigned)n) {
		n = gs_scan(s->gs, to->rings[0].name, &s->cursor, s->items, BATCH);
		if (n <= 0) {
			s->cursor = 0;
			return;
		}
		for (ssize_t i = 0; i < n; i++)
			top_offer(t, s->items[i].key, s->items[i].key_len, &s->items[i].info, to->at_ms);
		t->n_looked_at += (uint64_t)n;
	}
}

static void
look_at_memory(struct top_source *s, struct top *t, struct top_sample *to)
{
	if (s->gs == NULL && to->daemon == TOP_UP)
		to->is_missing = attach(s) == GS_ENOENT;
	if (s->gs == NULL)
		return;
	to->is_attached = true;
	read_rings(s, to);
	if (!read_events(s, t, to)) {
		detach(s);
		return;
	}
	look_at_watched(s, t, to->at_ms);
	scan(s, t, to);
}

void
top_source_sample(struct top_source *s, struct top *t)
{
	struct top_sample *to = calloc(1, sizeof(*to));

	if (to == NULL)
		return;
	ask_daemon(s, to);
	to->at_ms = gs_clock_mono_ns() / 1000000;
	to->wall_s = (uint64_t)(gs_clock_wall_ns() / INT64_C(1000000000));
	t->n_looked_at = 0;
	look_at_memory(s, t, to);
	top_rank(t);
	top_take(t, to);
	free(to);
}

char *
top_source_details(struct top_source *s, const void *key, size_t key_len)
{
	struct gs_info info;
	char why[WHY_BYTES] = "", *text = NULL;
	size_t len;
	FILE *to;

	if (s->gs == NULL || gs_stat(s->gs, key, key_len, &info) < 0 || (to = open_memstream(&text, &len)) == NULL)
		return NULL;
	(void)gs_why(s->gs, key, key_len, why, sizeof(why));
	print_session(to, key, key_len, &info);
	print_why(to, why);
	if (fclose(to) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
