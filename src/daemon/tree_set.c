/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/tree_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "daemon/events.h"
#include "daemon/jobs.h"
#include "daemon/rings.h"

enum {
	SHOWN_BYTES = 4 * 64 + 1,	/* of a refused line, escaped */
	VALUE_BYTES = GS_CONF_VALUE_BYTES,	/* a setting as text */
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
has_control(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return true;
	}
	return false;
}

static int
refuse_bytes(const char *s, size_t n, FILE *to)
{
	char shown[SHOWN_BYTES];

	(void)gs_text_escape(shown, sizeof(shown), s, n);
	(void)fprintf(to, "\"%s\": a value has no control bytes", shown);
	return GS_EINVAL;
}

int
tree_set_next_line(struct tree_lines *l, FILE *to)
{
	const char *from = l->at, *stop;

	if (from == l->end)
		return 0;
	stop = memchr(from, '\n', (size_t)(l->end - from));
	l->at = stop == NULL ? l->end : stop + 1;
	if (stop == NULL)
		stop = l->end;
	if (stop - from > TREE_LINE_BYTES) {
		(void)fprintf(to, "a line of %zu bytes: at most %d", (size_t)(stop - from), TREE_LINE_BYTES);
		return GS_E2BIG;
	}
	while (from < stop && is_blank(*from))
		from++;
	while (stop > from && is_blank(stop[-1]))
		stop--;
	if (has_control(from, (size_t)(stop - from)))
		return refuse_bytes(from, (size_t)(stop - from), to);
	memcpy(l->line, from, (size_t)(stop - from));
	l->line[stop - from] = '\0';
	return 1;
}

struct tree_lines
tree_set_lines(const struct tree_request *r)
{
	return (struct tree_lines){ .at = r->value, .end = r->value + r->value_len };
}

void *
tree_set_member(struct gs_conf *c, const struct tree_place *p)
{
	switch (p->option->section) {
	case GS_CONF_IN_DAEMON:
		return c;
	case GS_CONF_IN_TABLE:
		return &c->tables[p->table];
	case GS_CONF_IN_RING:
		return &c->tables[p->table].rings[p->ring];
	case GS_CONF_IN_QUOTA:
		return &c->tables[p->table].quota;
	case GS_CONF_IN_ROLES:
		return &c->tables[p->table].roles;
	case GS_CONF_IN_CLASS:
		return &c->tables[p->table].classes[p->of_class];
	case GS_CONF_IN_NAMESPACE:
		return &c->tables[p->table].namespaces[p->of_namespace];
	}
	abort();
}

/* gs_conf_check() holds the capacities against the index; here against the slots that were made, as at a restart. */
static int
check_slots(const struct tree_place *p, const struct gs_conf_ring *ring, char why[GS_CONF_WHY_BYTES])
{
	const struct gs_table *t = p->m->tables[p->table].shm;
	uint32_t id = gs_table_ring(t, ring->name);
	uint64_t slots = id == GS_RING_NONE ? 0 : t->arena[id * GS_MAX_CLASSES].n_slots;

	if (ring->capacity + ring->reserve <= slots)
		return 0;
	(void)snprintf(why, GS_CONF_WHY_BYTES, "capacity %llu and reserve %llu: the memory of ring %s was made for %llu sessions",
	    (unsigned long long)ring->capacity, (unsigned long long)ring->reserve, ring->name, (unsigned long long)slots);
	return GS_ERANGE;
}

static bool
is_state(const struct gs_conf_option *o)
{
	return o->section == GS_CONF_IN_RING && strcmp(o->key, "state") == 0;
}

/* The same ring in a configuration whose rings stand in another order. */
static struct tree_place
place_in(const struct tree_place *p, const struct gs_conf *c)
{
	struct tree_place at = *p;

	if (p->option->section == GS_CONF_IN_RING)
		at.ring = gs_conf_ring(&c->tables[p->table], p->m->conf.tables[p->table].rings[p->ring].name);
	return at;
}

/* What a ring that drains says can be written back, too: `draining` and how many are left. */
static bool
is_draining_line(const char *line)
{
	static const char word[] = "draining ";
	const char *left = line + sizeof(word) - 1;

	return strncmp(line, word, sizeof(word) - 1) == 0 && left[0] != '\0' && left[strspn(left, "0123456789")] == '\0';
}

/* A state changes the chain with it. */
static int
try_state(const struct tree_place *p, const char *line, struct gs_conf *next, char why[GS_CONF_WHY_BYTES])
{
	struct gs_conf_ring asked = { .state = GS_CONF_STATE_ON };
	int rc = gs_conf_set(p->option, &asked, is_draining_line(line) ? "draining" : line, why);

	return rc < 0 ? rc : rings_switch(p->m, next, p->table, p->ring, asked.state, why);
}

/* The configuration as it would be with one line more; *next is as good as unset when that is refused. */
static int
try_line(const struct tree_place *p, const char *line, struct gs_conf *next, char why[GS_CONF_WHY_BYTES])
{
	struct tree_place at = place_in(p, next);
	int rc = is_state(p->option) ? try_state(&at, line, next, why) : gs_conf_set(p->option, tree_set_member(next, &at), line, why);

	if (rc == 0)
		rc = gs_conf_check(next, why);
	at = place_in(p, next);
	if (rc == 0 && p->option->section == GS_CONF_IN_RING)
		rc = check_slots(&at, tree_set_member(next, &at), why);
	return rc;
}

static void
commit(const struct tree_place *p, const struct tree_request *r, const struct gs_conf *next)
{
	char old[VALUE_BYTES], new[VALUE_BYTES], old_shown[4 * VALUE_BYTES], new_shown[4 * VALUE_BYTES];
	const struct tree_place now = place_in(p, next);
	struct manager *m = p->m;

	gs_conf_get(p->option, tree_set_member(&m->conf, p), old, sizeof(old));
	m->conf = *next;
	gs_conf_get(p->option, tree_set_member(&m->conf, &now), new, sizeof(new));
	manager_apply(m, p->table, p->option->section == GS_CONF_IN_RING ? (int)p->ring : -1);
	(void)gs_text_escape(old_shown, sizeof(old_shown), old, strlen(old));
	(void)gs_text_escape(new_shown, sizeof(new_shown), new, strlen(new));
	events_add(m->events, "set", "path=%s old=%s new=%s uid=%u pid=%d", r->path, old_shown, new_shown,
	    r->caller.uid, (int)r->caller.pid);
}

int
tree_set_option(const struct tree_place *p, const struct tree_request *r, FILE *to)
{
	struct tree_lines l = tree_set_lines(r);
	char why[GS_CONF_WHY_BYTES];
	struct gs_conf next = p->m->conf;
	int rc, n_lines = 0;

	while ((rc = tree_set_next_line(&l, to)) > 0) {
		why[0] = '\0';
		rc = try_line(p, l.line, &next, why);
		if (rc < 0) {
			(void)fputs(why, to);
			return rc;
		}
		n_lines++;
	}
	if (rc < 0)
		return rc;
	/* A list is given line by line, and an empty one has none. */
	if (n_lines == 0 && p->option->type == GS_CONF_OVERRIDES_LIST)
		return 0;
	if (n_lines == 0) {
		(void)fputs("nothing was written: a line with the value is expected", to);
		return GS_EINVAL;
	}
	commit(p, r, &next);
	return 0;
}

static int
run_reload(struct manager *m, const char *arg, const struct tree_request *r, FILE *to)
{
	char why[GS_CONF_WHY_BYTES] = "";
	int rc = manager_reload(m, why);

	(void)arg;
	(void)r;
	(void)fputs(why, to);
	return rc;
}

/* The report belongs to who asks with `gsession audit`; the verdict and the sums, its last line, go to the events. */
static int
run_audit(struct manager *m, const char *arg, const struct tree_request *r, FILE *to)
{
	unsigned long long n_broken, free_slots = 0, live = 0, listed = 0, capacity = 0;
	char *text = NULL, *sums;
	size_t len = 0;
	FILE *report = open_memstream(&text, &len);

	(void)arg;
	(void)r;
	if (report == NULL) {
		(void)fputs("out of memory", to);
		return GS_ENOMEM;
	}
	n_broken = manager_audit(m, report);
	if (fclose(report) == 0 && (sums = strstr(text, "\nfree ")) != NULL)
		(void)sscanf(sums, " free %llu + live %llu + listed %llu = capacity %llu", &free_slots, &live, &listed, &capacity);
	free(text);
	events_add(m->events, "audit", "broken=%llu free=%llu live=%llu listed=%llu capacity=%llu", n_broken, free_slots, live,
	    listed, capacity);
	return 0;
}

/* Say which job it is; how it goes, reading this file says. */
static int
run_job(struct manager *m, enum jobs_kind kind, const char *name, const struct tree_request *r, FILE *to)
{
	const struct jobs_order order = { .kind = kind, .name = name, .fd = r->fd, .caller = &r->caller };
	char why[GS_CONF_WHY_BYTES] = "";
	int rc = m->jobs == NULL ? gs_conf_refuse(GS_EBUSY, why, "the daemon is not serving yet") : jobs_begin(m->jobs, &order, why);

	if (rc < 0)
		(void)fputs(why, to);
	else
		(void)fprintf(to, "job %d\n", rc);
	return rc < 0 ? rc : 0;
}

static int
run_snapshot(struct manager *m, const char *arg, const struct tree_request *r, FILE *to)
{
	return run_job(m, JOBS_SNAPSHOT, arg, r, to);
}

static int
run_restore(struct manager *m, const char *arg, const struct tree_request *r, FILE *to)
{
	return run_job(m, JOBS_RESTORE, arg, r, to);
}

static const struct verb {
	const char *name;
	const char *arg;		/* what follows it, NULL: nothing */
	bool may_fail;
	int (*run)(struct manager *m, const char *arg, const struct tree_request *r, FILE *to);
	const char *help;
} verbs[] = {
	{ "reload", NULL, true, run_reload, "read the configuration file again and apply what changed in it" },
	{ "audit", NULL, false, run_audit, "walk every invariant of the memory, the verdict goes to events" },
	{ "snapshot", "NAME", true, run_snapshot, "write all sessions to a file of this name, whole or not at all" },
	{ "restore", "NAME", true, run_restore, "put back what is in that file, aged, and ended by nobody meanwhile" },
	{ NULL, NULL, false, NULL, NULL },
};

/* The verb of a line; *arg is what follows it, "" where nothing does. */
static const struct verb *
find_verb(const char *line, const char **arg)
{
	size_t n = strcspn(line, " \t");
	const struct verb *v;

	*arg = line + n + strspn(line + n, " \t");
	for (v = verbs; v->name != NULL; v++)
		if (strlen(v->name) == n && memcmp(v->name, line, n) == 0)
			return v->arg == NULL && **arg != '\0' ? NULL : v;
	return NULL;
}

/* A verb as reading the file shows it, in a buffer that holds it. */
static const char *
show_verb(const struct verb *v, char out[SHOWN_BYTES])
{
	char call[32];

	(void)snprintf(call, sizeof(call), "%s%s%s", v->name, v->arg == NULL ? "" : " ", v->arg == NULL ? "" : v->arg);
	(void)snprintf(out, SHOWN_BYTES, "%-14s%s", call, v->help);
	return out;
}

void
tree_set_verbs(struct manager *m, FILE *to)
{
	char shown[SHOWN_BYTES];
	const struct verb *v;

	for (v = verbs; v->name != NULL; v++)
		(void)fprintf(to, "%s\n", show_verb(v, shown));
	if (m->jobs != NULL)
		jobs_print(m->jobs, to);
}

/* The line of the job under way or the last one, whichever: it moves on. */
static bool
is_job_line(const char *line)
{
	size_t digits;

	if (strncmp(line, "job ", 4) != 0)
		return false;
	digits = strspn(line + 4, "0123456789");
	return digits > 0 && (strncmp(line + 4 + digits, " snapshot ", 10) == 0 || strncmp(line + 4 + digits, " restore ", 9) == 0);
}

/* What reading the file says may be written back, and nothing is done. */
static bool
is_said(const char *line)
{
	char shown[SHOWN_BYTES];
	const struct verb *v;

	for (v = verbs; v->name != NULL; v++)
		if (strcmp(show_verb(v, shown), line) == 0)
			return true;
	return is_job_line(line);
}

/* All lines must be verbs before the first is done, and only one may be such that it can fail then: it is done first. */
static int
check_verbs(const struct manager *m, const struct tree_request *r, FILE *to)
{
	struct tree_lines l = tree_set_lines(r);
	int rc, n_lines = 0, n_jobs = 0, n_fallible = 0;
	char shown[SHOWN_BYTES];
	const struct verb *v;
	const char *arg;

	while ((rc = tree_set_next_line(&l, to)) > 0) {
		n_lines++;
		if (is_said(l.line))
			continue;
		v = find_verb(l.line, &arg);
		if (v == NULL) {
			(void)gs_text_escape(shown, sizeof(shown), l.line, strlen(l.line));
			(void)fprintf(to, "\"%s\": one of reload, audit, snapshot NAME, restore NAME", shown);
			return GS_EINVAL;
		}
		n_jobs += v->arg != NULL;
		n_fallible += v->may_fail;
	}
	if (rc == 0 && (n_fallible > 1 || (n_jobs > 0 && m->jobs != NULL && jobs_is_busy(m->jobs)))) {
		(void)fputs("one job at a time, and reload by itself: read ctl to see the one under way", to);
		return GS_EBUSY;
	}
	if (rc == 0 && n_lines == 0) {
		(void)fputs("nothing was written: a verb is expected", to);
		return GS_EINVAL;
	}
	return rc;
}

/* Do those verbs of a write that may fail, or the others. */
static int
run_verbs(const struct tree_place *p, const struct tree_request *r, bool those_that_may_fail, FILE *to)
{
	struct tree_lines l = tree_set_lines(r);
	char shown[4 * sizeof(l.line) + 1];
	const struct verb *v;
	const char *arg;
	int rc = 0;

	while (rc == 0 && tree_set_next_line(&l, to) > 0) {
		v = is_said(l.line) ? NULL : find_verb(l.line, &arg);
		if (v == NULL || v->may_fail != those_that_may_fail)
			continue;
		rc = v->run(p->m, arg, r, to);
		if (rc < 0)
			break;
		(void)gs_text_escape(shown, sizeof(shown), l.line, strlen(l.line));
		events_add(p->m->events, "set", "path=%s new=%s uid=%u pid=%d", r->path, shown, r->caller.uid, (int)r->caller.pid);
	}
	return rc;
}

int
tree_set_ctl(const struct tree_place *p, const struct tree_request *r, FILE *to)
{
	int rc = check_verbs(p->m, r, to);

	if (rc == 0)
		rc = run_verbs(p, r, true, to);
	return rc == 0 ? run_verbs(p, r, false, to) : rc;
}
