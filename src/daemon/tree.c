/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/tree.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "daemon/drain.h"
#include "daemon/events.h"
#include "daemon/reapers.h"
#include "daemon/suspects.h"
#include "daemon/roles.h"
#include "daemon/tree_impl.h"

enum { MODE_READ = 0440, MODE_WRITE = 0640, VALUE_BYTES = GS_CONF_VALUE_BYTES };

static const char *const dir_patterns[TREE_DIRS] = {
	[TREE_ROOT] = "",
	[TREE_NODE] = "node",
	[TREE_TABLE] = "<table>",
	[TREE_ROLES] = "<table>/roles",
	[TREE_RINGS] = "<table>/rings",
	[TREE_RING] = "<table>/rings/<ring>",
	[TREE_QUOTA] = "<table>/quota",
	[TREE_CLASSES] = "<table>/classes",
	[TREE_CLASS] = "<table>/classes/<class>",
	[TREE_NAMESPACES] = "<table>/namespaces",
	[TREE_NAMESPACE] = "<table>/namespaces/<namespace>",
};

const char *
tree_dir_pattern(enum tree_dir dir)
{
	return dir_patterns[dir];
}

enum tree_dir
tree_dir_of(enum gs_conf_section section)
{
	switch (section) {
	case GS_CONF_IN_DAEMON:
		return TREE_NODE;
	case GS_CONF_IN_TABLE:
		return TREE_TABLE;
	case GS_CONF_IN_RING:
		return TREE_RING;
	case GS_CONF_IN_QUOTA:
		return TREE_QUOTA;
	case GS_CONF_IN_ROLES:
		return TREE_ROLES;
	case GS_CONF_IN_CLASS:
		return TREE_CLASS;
	case GS_CONF_IN_NAMESPACE:
		return TREE_NAMESPACE;
	}
	abort();
}

/* Files. */

static void
render_version(const struct tree_place *p, uint64_t offset, FILE *to)
{
	(void)p;
	(void)offset;
	(void)fprintf(to, "%s\n", PACKAGE_VERSION);
}

static void
render_uptime(const struct tree_place *p, uint64_t offset, FILE *to)
{
	uint64_t up_s = (gs_clock_mono_ns() - p->m->started_ns) / UINT64_C(1000000000);
	char text[GS_TEXT_DURATION_BYTES];

	(void)offset;
	(void)fprintf(to, "%s\n", gs_text_print_duration(text, up_s * 1000));
}

static void
render_last_error(const struct tree_place *p, uint64_t offset, FILE *to)
{
	(void)offset;
	if (p->m->last_error[0] != '\0')
		(void)fprintf(to, "%s\n", p->m->last_error);
}

static void
render_events(const struct tree_place *p, uint64_t offset, FILE *to)
{
	events_print(p->m->events, offset, to);
}

static void
render_stream(const struct tree_place *p, uint64_t revision, FILE *to)
{
	events_print_since(p->m->events, revision, to);
}

static void
render_events_counts(const struct tree_place *p, uint64_t offset, FILE *to)
{
	(void)offset;
	events_counts(p->m->events, to);
}

static void
render_ctl(const struct tree_place *p, uint64_t offset, FILE *to)
{
	(void)offset;
	tree_set_verbs(p->m, to);
}

static void
render_id(const struct tree_place *p, uint64_t offset, FILE *to)
{
	char name[256] = "";

	(void)p;
	(void)offset;
	(void)gethostname(name, sizeof(name) - 1);
	(void)fprintf(to, "%s\n", name);
}

static void
render_pid(const struct tree_place *p, uint64_t offset, FILE *to)
{
	(void)p;
	(void)offset;
	(void)fprintf(to, "%d\n", (int)getpid());
}

static void
render_instance(const struct tree_place *p, uint64_t offset, FILE *to)
{
	(void)offset;
	(void)fprintf(to, "%s\n", p->m->instance);
}

/* As the daemon opens it: by the name it was given, wherever it was started. */
static void
render_conf(const struct tree_place *p, uint64_t offset, FILE *to)
{
	char path[PATH_MAX];

	(void)offset;
	if (p->m->conf_path != NULL)
		(void)fprintf(to, "%s\n", realpath(p->m->conf_path, path) == NULL ? p->m->conf_path : path);
}

static void
render_suspects(const struct tree_place *p, uint64_t offset, FILE *to)
{
	struct manager_table *mt = &p->m->tables[p->table];

	(void)offset;
	suspects_print(mt->suspects, gs_table_now_ms(mt->shm), reapers_may(p->m, p->caller, p->table), to);
}

const struct tree_file tree_files[] = {
	{ TREE_ROOT, "version", render_version, NULL, "of the daemon" },
	{ TREE_ROOT, "uptime", render_uptime, NULL, "how long the daemon has been running" },
	{ TREE_ROOT, "last_error", render_last_error, NULL, "pid and sentence of the last write that was refused" },
	{ TREE_ROOT, "README", tree_readme, NULL, "this text" },
	{ TREE_ROOT, "stats", tree_stats_total, NULL, "counters over all tables, one `name value` a line" },
	{ TREE_ROOT, "metrics", tree_stats_metrics, NULL, "the same by table and ring, and those of rings, as OpenMetrics text" },
	{ TREE_ROOT, TREE_EVENTS, render_events, NULL, "what happened, one line each; it only grows" },
	{ TREE_ROOT, TREE_STREAM, render_stream, NULL, "the same; at the mount a read waits for those that come after the open" },
	{ TREE_ROOT, "events.counts", render_events_counts, NULL, "how many events there were of each name" },
	{ TREE_ROOT, "ctl", render_ctl, tree_set_ctl, "write a verb; reading it lists them, and the job under way" },
	{ TREE_NODE, "id", render_id, NULL, "name of this host" },
	{ TREE_NODE, "pid", render_pid, NULL, "process id of the daemon" },
	{ TREE_NODE, "conf", render_conf, NULL, "the configuration file; empty: the built-in defaults" },
	{ TREE_NODE, "instance", render_instance, NULL, "name of this instance" },
	{ TREE_TABLE, "stats", tree_stats_table, NULL, "counters of the table" },
	{ TREE_TABLE, "suspects", render_suspects, NULL, "who asks too fast, a line each: key rate offences held_ms state" },
	{ TREE_ROLES, "mine", tree_roles_mine, NULL, "the roles of whoever reads it" },
	{ TREE_ROLES, "lease", tree_roles_lease, NULL, "pid of the one starter" },
	{ TREE_RING, "count", tree_stats_count, NULL, "sessions in the ring" },
	{ TREE_RING, "preview", tree_ring_preview, tree_ring_set_preview,
	    "write ttl 2m half_life 1m, read how many sessions that would move now" },
	{ TREE_RING, "stats", tree_stats_ring, NULL, "sessions and memory of the ring" },
	{ TREE_NAMESPACE, "count", tree_namespace_count, NULL, "sessions in the namespace" },
	{ TREE_NAMESPACE, "quota", tree_namespace_quota, tree_namespace_set_quota,
	    "its own quota: RATE BURST, none or default, as its line in overrides" },
	{ TREE_ROOT, NULL, NULL, NULL, NULL },
};

/* Paths. */

static bool
is_word(const char *word, size_t len, const char *name)
{
	return strlen(name) == len && memcmp(word, name, len) == 0;
}

static bool
match_table(struct tree_place *p, const char *word, size_t len)
{
	for (p->table = 0; p->table < p->m->conf.n_tables; p->table++) {
		if (is_word(word, len, p->m->conf.tables[p->table].name))
			return true;
	}
	return false;
}

static bool
match_ring(struct tree_place *p, const char *word, size_t len)
{
	const struct gs_conf_table *t = &p->m->conf.tables[p->table];

	for (p->ring = 0; p->ring < t->n_rings; p->ring++) {
		if (is_word(word, len, t->rings[p->ring].name))
			return true;
	}
	return false;
}

static bool
match_class(struct tree_place *p, const char *word, size_t len)
{
	const struct gs_conf_table *t = &p->m->conf.tables[p->table];

	for (p->of_class = 0; p->of_class < t->n_classes; p->of_class++) {
		if (is_word(word, len, t->classes[p->of_class].name))
			return true;
	}
	return false;
}

static bool
match_namespace(struct tree_place *p, const char *word, size_t len)
{
	const struct gs_conf_table *t = &p->m->conf.tables[p->table];

	for (p->of_namespace = 0; p->of_namespace < t->n_namespaces; p->of_namespace++) {
		if (is_word(word, len, t->namespaces[p->of_namespace].name))
			return true;
	}
	return false;
}

static bool
match_word(struct tree_place *p, const char *pattern, size_t pattern_len, const char *word, size_t len)
{
	if (is_word(pattern, pattern_len, "<table>"))
		return match_table(p, word, len);
	if (is_word(pattern, pattern_len, "<ring>"))
		return match_ring(p, word, len);
	if (is_word(pattern, pattern_len, "<class>"))
		return match_class(p, word, len);
	if (is_word(pattern, pattern_len, "<namespace>"))
		return match_namespace(p, word, len);
	return pattern_len == len && memcmp(pattern, word, len) == 0;
}

/* Does path (len bytes) name a directory of this shape? Fills table and ring. */
static bool
match_dir(struct tree_place *p, enum tree_dir dir, const char *path, size_t len)
{
	const char *pattern = dir_patterns[dir], *end = path + len, *slash;
	size_t pattern_len, word_len;

	for (;;) {
		pattern_len = strcspn(pattern, "/");
		slash = memchr(path, '/', (size_t)(end - path));
		word_len = (size_t)((slash == NULL ? end : slash) - path);
		if (!match_word(p, pattern, pattern_len, path, word_len))
			return false;
		pattern += pattern_len;
		if (*pattern == '\0' || slash == NULL)
			return *pattern == '\0' && slash == NULL;
		pattern++;
		path = slash + 1;
	}
}

static bool
resolve_dir(struct tree_place *p, const char *path, size_t len)
{
	int dir;

	for (dir = 0; dir < TREE_DIRS; dir++) {
		if (match_dir(p, (enum tree_dir)dir, path, len)) {
			p->dir = (enum tree_dir)dir;
			return true;
		}
	}
	return false;
}

/* The file `name` of the directory p. */
static bool
resolve_file(struct tree_place *p, const char *name)
{
	for (p->file = tree_files; p->file->name != NULL; p->file++) {
		if (p->file->dir == p->dir && strcmp(p->file->name, name) == 0)
			return true;
	}
	p->file = NULL;
	for (p->option = gs_conf_options; p->option->key != NULL; p->option++) {
		if (tree_dir_of(p->option->section) == p->dir && strcmp(p->option->key, name) == 0)
			return true;
	}
	p->option = NULL;
	return false;
}

/* A file goes before a directory of the same name. */
static int
resolve(struct tree_place *p, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	size_t parent_len = slash == NULL ? 0 : (size_t)(slash - path);

	if (name[0] != '\0' && resolve_dir(p, path, parent_len) && resolve_file(p, name))
		return 0;
	return resolve_dir(p, path, strlen(path)) ? 0 : GS_ENOENT;
}

static bool
is_file(const struct tree_place *p)
{
	return p->file != NULL || p->option != NULL;
}

static bool
is_writable(const struct tree_place *p)
{
	return p->option != NULL ? p->option->can_change : p->file->store != NULL;
}

/* Verbs. */

static void
print_file_line(const struct tree_place *p, FILE *to)
{
	const char *name = p->option != NULL ? p->option->key : p->file->name;

	/* What is written to the events is refused, but the mount itself tells of their changes by a write, see fs/poke.h. */
	(void)fprintf(to, "f %04o %s", is_writable(p) || strncmp(name, TREE_EVENTS, sizeof(TREE_EVENTS) - 1) == 0 ? MODE_WRITE : MODE_READ, name);
	if (p->file != NULL && strcmp(p->file->name, TREE_EVENTS) == 0)
		(void)fprintf(to, " %llu %llu", (unsigned long long)events_size(p->m->events), (unsigned long long)events_revision(p->m->events));
	if (p->option != NULL && !tree_ring_is_counting(p))
		(void)fprintf(to, " =%llu", (unsigned long long)p->m->control_epoch);
	(void)fputc('\n', to);
}

static void
list_files(struct tree_place p, FILE *to)
{
	for (p.file = tree_files; p.file->name != NULL; p.file++) {
		if (p.file->dir == p.dir)
			print_file_line(&p, to);
	}
	p.file = NULL;
	for (p.option = gs_conf_options; p.option->key != NULL; p.option++) {
		if (tree_dir_of(p.option->section) == p.dir)
			print_file_line(&p, to);
	}
}

static void
list_dirs(const struct tree_place *p, FILE *to)
{
	const struct gs_conf_table *t = &p->m->conf.tables[p->table];
	size_t i;

	switch (p->dir) {
	case TREE_ROOT:
		(void)fprintf(to, "d %s\n", dir_patterns[TREE_NODE]);
		for (i = 0; i < p->m->conf.n_tables; i++)
			(void)fprintf(to, "d %s\n", p->m->conf.tables[i].name);
		break;
	case TREE_TABLE:
		(void)fputs("d rings\nd classes\nd namespaces\nd quota\nd roles\n", to);
		break;
	case TREE_RINGS:
		for (i = 0; i < t->n_rings; i++)
			(void)fprintf(to, "d %s\n", t->rings[i].name);
		break;
	case TREE_CLASSES:
		for (i = 0; i < t->n_classes; i++)
			(void)fprintf(to, "d %s\n", t->classes[i].name);
		break;
	case TREE_NAMESPACES:
		for (i = 0; i < t->n_namespaces; i++)
			(void)fprintf(to, "d %s\n", t->namespaces[i].name);
		break;
	case TREE_NODE:
	case TREE_ROLES:
	case TREE_CLASS:
	case TREE_NAMESPACE:
	case TREE_RING:
	case TREE_QUOTA:
	case TREE_DIRS:
		break;
	}
}

static int
answer_list(const struct tree_place *p, FILE *to)
{
	if (is_file(p)) {
		(void)fputs("not a directory", to);
		return GS_EINVAL;
	}
	list_dirs(p, to);
	list_files(*p, to);
	return 0;
}

static int
answer_stat(const struct tree_place *p, const char *path, FILE *to)
{
	const char *slash = strrchr(path, '/');

	if (is_file(p))
		print_file_line(p, to);
	else
		(void)fprintf(to, "d %s\n", slash == NULL ? path : slash + 1);
	return 0;
}

static int
answer_get(const struct tree_place *p, uint64_t offset, FILE *to)
{
	char text[VALUE_BYTES];

	if (!is_file(p)) {
		(void)fputs("a directory", to);
		return GS_EINVAL;
	}
	if (p->file != NULL) {
		p->file->render(p, offset, to);
		return 0;
	}
	gs_conf_get(p->option, tree_set_member(&p->m->conf, p), text, sizeof(text));
	(void)fputs(text, to);
	tree_ring_state_left(p, to);
	(void)fputc('\n', to);
	return 0;
}

static bool
may_write(const struct tree_place *p, const struct tree_request *r)
{
	bool is_of_table = p->dir != TREE_ROOT && p->dir != TREE_NODE;

	/* As with any directory. */
	if (p->option != NULL && p->option->section == GS_CONF_IN_NAMESPACE && strcmp(p->option->key, "mode") == 0 &&
	    gs_conf_owner_uid(p->m->conf.tables[p->table].namespaces[p->of_namespace].owner) == r->caller.uid)
		return true;
	return roles_may_operate(p->m, is_of_table ? &p->table : NULL, &r->caller);
}

static int
answer_set(const struct tree_place *p, const struct tree_request *r, FILE *to)
{
	if (!is_file(p) || !is_writable(p)) {
		(void)fputs("cannot be written", to);
		if (p->option != NULL)
			(void)fputs(": it is fixed when the daemon starts", to);
		if (p->option != NULL && strcmp(p->option->key, "store") == 0)
			(void)fputs("; a ring in files is one of the configuration file, from when the memory is made", to);
		return GS_EPERM;
	}
	if (!may_write(p, r)) {
		(void)fprintf(to, "uid %u may read but not write it", r->caller.uid);
		roles_refused(p->m, p->dir == TREE_ROOT || p->dir == TREE_NODE ? 0 : p->table, &r->caller, "set");
		return GS_EPERM;
	}
	if (p->option != NULL)
		return tree_set_option(p, r, to);
	return p->file->store(p, r, to);
}

/* What is not there may be a ring, a class or a namespace to come. */
static int
answer_make(struct tree_place *p, const struct tree_request *r, FILE *to)
{
	const char *slash = strrchr(r->path, '/');

	if (slash != NULL && resolve_dir(p, r->path, (size_t)(slash - r->path)) && p->dir == TREE_RINGS)
		return tree_ring_make(p, slash + 1, r, to);
	if (slash != NULL && p->dir == TREE_CLASSES)
		return tree_class_make(p, slash + 1, r, to);
	if (slash != NULL && p->dir == TREE_NAMESPACES)
		return tree_namespace_make(p, slash + 1, r, to);
	(void)fputs("only a ring can be made, in <table>/rings, a class, in <table>/classes, and a namespace, in <table>/namespaces", to);
	return GS_EPERM;
}

static int
answer(struct tree_place *p, const struct tree_request *r, FILE *to)
{
	if (r->verb == GS_VERB_MAKE && resolve(p, r->path) < 0)
		return answer_make(p, r, to);
	if (resolve(p, r->path) < 0) {
		(void)fputs("no such control file", to);
		return GS_ENOENT;
	}
	switch (r->verb) {
	case GS_VERB_WAIT:
		if (!tree_is_stream(r->path)) {
			(void)fputs("is no stream: there is nothing to wait for", to);
			return GS_EINVAL;
		}
		return answer_get(p, r->offset, to);
	case GS_VERB_GET:
		return answer_get(p, r->offset, to);
	case GS_VERB_SET:
		return answer_set(p, r, to);
	case GS_VERB_LIST:
		return answer_list(p, to);
	case GS_VERB_STAT:
		return answer_stat(p, r->path, to);
	case GS_VERB_REMOVE:
		return p->dir == TREE_NAMESPACE && !is_file(p) ? tree_namespace_remove(p, r, to) : tree_ring_remove(p, r, to);
	case GS_VERB_MAKE:
		(void)fputs("is there", to);
		return GS_EEXIST;
	case GS_VERB_AUDIT:
	case GS_VERB_SUSPECTS:
	case GS_VERB_LEASE:
	case GS_VERB_JUDGE:
	case GS_VERB_REFUSED:
	case GS_VERB_BE_STARTER:
	case GS_VERB_SAID:
		break;
	}
	(void)fputs("not a verb of control files", to);
	return GS_EINVAL;
}

bool
tree_is_stream(const char *path)
{
	return strcmp(path, TREE_STREAM) == 0;
}

int
tree_answer(struct manager *m, const struct tree_request *r, FILE *to)
{
	struct tree_place p = { .m = m, .caller = &r->caller };
	char shown[4 * 64 + 1];
	char *text = NULL;
	size_t len = 0;
	FILE *sentence;
	int rc;

	/* An answer that fails may have begun to print: only its sentence goes out. */
	sentence = open_memstream(&text, &len);
	if (sentence == NULL)
		return GS_ENOMEM;
	/* Who looks at the log sees what he has just done. */
	if (strncmp(r->path, TREE_EVENTS, sizeof(TREE_EVENTS) - 1) == 0)
		drain_round(m);
	rc = answer(&p, r, sentence);
	if (fclose(sentence) != 0) {
		free(text);
		return GS_ENOMEM;
	}
	if (rc < 0) {
		(void)gs_text_escape(shown, sizeof(shown), r->path, strlen(r->path));
		(void)fprintf(to, "%s: %s", shown, text);
		if (r->verb == GS_VERB_SET || r->verb == GS_VERB_MAKE || r->verb == GS_VERB_REMOVE)
			(void)snprintf(m->last_error, sizeof(m->last_error), "pid %d: %s: %.300s", (int)r->caller.pid, shown, text);
	} else {
		(void)fwrite(text, 1, len, to);
	}
	free(text);
	return rc;
}
