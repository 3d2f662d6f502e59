/* SPDX-License-Identifier: BSD-2-Clause */
#include "control_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

#include "attr.h"
#include "counts.h"
#include "intent.h"
#include "later.h"
#include "node.h"
#include "report.h"
#include "rights.h"

enum { DIRECTORY_MODE = 0750, LAYOUT = 2 };

#define TIMEOUT_S 1.0		/* the tree changes when the daemon's configuration does */

static bool
is_sound(const struct control_paths *paths)
{
	uint32_t n = atomic_load(&paths->n);

	for (uint32_t i = 0; i < n && n <= CONTROL_PATHS; i++)
		if (memchr(paths->of[i].text, '\0', sizeof(paths->of[i].text)) == NULL)
			return false;
	return n <= CONTROL_PATHS;
}

struct control *
control_new(const char *instance)
{
	struct control *ctl = calloc(1, sizeof(*ctl));

	if (ctl == NULL)
		return NULL;
	(void)pthread_mutex_init(&ctl->lock, NULL);
	ctl->pool = ctlpool_new(instance);
	ctl->stream = stream_new(instance);
	ctl->settled = settled_new(CONTROL_PATHS);
	if (kept_open(&ctl->kept, "control", LAYOUT, sizeof(*ctl->paths)) == 0 &&
	    (!ctl->kept.is_found || is_sound(ctl->kept.base) || kept_refuse(&ctl->kept) == 0))
		ctl->paths = ctl->kept.base;
	if (ctl->pool == NULL || ctl->stream == NULL || ctl->settled == NULL || ctl->paths == NULL) {
		control_free(&ctl);
		return NULL;
	}
	if (atomic_load(&ctl->paths->n) == 0) {
		(void)gs_random_bytes(&ctl->paths->tag, sizeof(ctl->paths->tag));
		ctl->paths->tag &= NODE_TAG_MASK;
		ctl->paths->of[0] = (struct control_path){ .mode = DIRECTORY_MODE, .is_dir = true };
		atomic_store(&ctl->paths->n, 1);
	}
	return ctl;
}

void
control_free(struct control **ctl)
{
	if (*ctl == NULL)
		return;
	stream_free(&(*ctl)->stream);
	ctlpool_free(&(*ctl)->pool);
	settled_free(&(*ctl)->settled);
	kept_close(&(*ctl)->kept);
	(void)pthread_mutex_destroy(&(*ctl)->lock);
	free(*ctl);
	*ctl = NULL;
}

bool
control_is_watched(struct call *c, const char *path)
{
	bool is_counts = strcmp(path, CONTROL_COUNTS) == 0;

	if (is_counts)
		poke_want(c->m->poke);
	return is_counts;
}

/* The number of a path; 0, which is the root's, when it has none. */
static uint32_t
find_locked(const struct control *ctl, const char *text)
{
	uint32_t n = atomic_load(&ctl->paths->n);

	for (uint32_t i = 1; i < n; i++)
		if (strcmp(ctl->paths->of[i].text, text) == 0)
			return i;
	return 0;
}

/* The same, a new one if need be; 0 when there are too many. */
static uint32_t
intern(struct call *c, const char *text, const struct control_line *line)
{
	struct control *ctl = c->m->control;
	struct control_path *of = ctl->paths->of;
	uint32_t n, found;

	(void)control_is_watched(c, text);
	pthread_mutex_lock(&ctl->lock);
	n = atomic_load(&ctl->paths->n);
	found = find_locked(ctl, text);
	if (found == 0 && n < CONTROL_PATHS && strlen(text) < sizeof(of[n].text)) {
		found = n;
		(void)strcpy(of[n].text, text);
	}
	if (found != 0) {
		of[found].mode = line->mode;
		of[found].is_dir = line->is_dir;
		of[found].is_growing = line->is_growing;
		of[found].is_setting = line->is_setting;
	}
	/* Release: who follows us finds all of it. */
	if (found == n)
		atomic_store_explicit(&ctl->paths->n, n + 1, memory_order_release);
	pthread_mutex_unlock(&ctl->lock);
	return found;
}

bool
control_path_of(struct control *ctl, uint32_t i, struct control_path *out)
{
	bool is_there;

	pthread_mutex_lock(&ctl->lock);
	is_there = i < atomic_load(&ctl->paths->n);
	if (is_there)
		*out = ctl->paths->of[i];
	pthread_mutex_unlock(&ctl->lock);
	return is_there;
}

uint64_t
control_node(const struct control *ctl, uint32_t i)
{
	return node_of_control(i, i == 0 ? 0 : ctl->paths->tag);
}

bool
control_path_of_node(struct control *ctl, uint64_t node, uint32_t *i, struct control_path *out)
{
	*i = node_control_path(node);
	return node == control_node(ctl, *i) && control_path_of(ctl, *i, out);
}

static bool
parse_line(const char *text, struct control_line *out)
{
	memset(out, 0, sizeof(*out));
	if (sscanf(text, "d %63s", out->name) == 1) {
		out->is_dir = true;
		out->mode = DIRECTORY_MODE;
		return true;
	}
	switch (sscanf(text, "f %o %63s %" SCNu64 " %" SCNu64, &out->mode, out->name, &out->size, &out->revision)) {
	case 4:
		out->is_growing = true;
		break;
	case 2:
		out->is_setting = sscanf(text, "f %*o %*s =%" SCNu64, &out->epoch) == 1;
		break;
	default:
		return false;
	}
	out->mode &= 0777;
	return true;
}

int
control_request(struct call *c, enum gs_wire_verb verb, const char *path, uint64_t offset, char **text, size_t *len)
{
	const struct gs_ctl_caller as = { .uid = c->uid, .gid = c->gid, .pid = c->pid };
	const struct ctlpool_question q = { .verb = verb, .path = path, .offset = offset, .as = &as, .came_ms = c->came_ms };
	int rc;

	*text = NULL;
	*len = 0;
	if (report_answers(c, verb, path, text, len, &rc))
		return rc;
	if (counts_answers(c, c->m->control->pool, verb, path, text, len))
		return 0;
	rc = call_wait(c);
	if (rc != 0)
		return rc;
	rc = ctlpool_request(c->m->control->pool, &q, text, len);
	if (rc < 0) {
		free(*text);
		*text = NULL;
		return mount_errno(c->m, rc);
	}
	return verb == GS_VERB_LIST ? report_list(path, text, len) : 0;
}

int
control_ask(struct call *c, const char *path, char **text)
{
	size_t len;
	int rc = control_request(c, GS_VERB_GET, path, 0, text, &len);

	return rc == 0 && *text == NULL ? EPROTO : rc;
}

void
control_say(struct control *ctl, const struct control_word *w)
{
	const struct gs_ctl_caller as = { .uid = w->uid, .gid = w->gid, .pid = w->pid };
	const struct ctlpool_question q = {
		.verb = w->verb, .path = w->table, .value = w->what, .value_len = strlen(w->what), .as = &as, .came_ms = w->came_ms,
	};
	char *text;
	size_t len;

	(void)ctlpool_request(ctl->pool, &q, &text, &len);
	free(text);
}

void
control_tell_refusal(struct call *c, const char *table, const char *what)
{
	later_tell(c, GS_VERB_REFUSED, table, what);
}

/* sentence: len bytes, begins with the path. */
static void
keep_error(struct call *c, const char *sentence, size_t len)
{
	struct control *ctl = c->m->control;

	pthread_mutex_lock(&ctl->lock);
	(void)snprintf(ctl->error, sizeof(ctl->error), "pid %d: %.*s\n", (int)c->pid,
	    (int)(len < CONTROL_SENTENCE_BYTES ? len : CONTROL_SENTENCE_BYTES), sentence);
	pthread_mutex_unlock(&ctl->lock);
}

void
control_blame(struct call *c, const char *path, const char *sentence)
{
	char text[GS_WIRE_PATH_BYTES + 256];
	int n = snprintf(text, sizeof(text), "%s: %s", path, sentence);

	keep_error(c, text, n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

int
control_error(struct control *ctl, char **text, size_t *len)
{
	pthread_mutex_lock(&ctl->lock);
	*text = strdup(ctl->error);
	pthread_mutex_unlock(&ctl->lock);
	*len = *text != NULL ? strlen(*text) : 0;
	return *text != NULL ? 0 : ENOMEM;
}

void
control_tell(struct call *c, const char *table, const char *sentence)
{
	control_blame(c, table, sentence);
	later_tell(c, GS_VERB_SAID, table, sentence);
}

int
control_order(struct call *c, enum gs_wire_verb verb, const char *path, const void *value, size_t len)
{
	const struct gs_ctl_caller as = { .uid = c->uid, .gid = c->gid, .pid = c->pid };
	const struct ctlpool_question q = { .verb = verb, .path = path, .value = value, .value_len = len, .as = &as, .came_ms = c->came_ms };
	size_t text_len;
	char *text;
	int rc = call_wait(c);

	if (rc != 0)
		return rc;
	rc = ctlpool_request(c->m->control->pool, &q, &text, &text_len);
	if (rc < 0 && text != NULL && text_len > 0)
		keep_error(c, text, text_len);
	else if (rc < 0)
		control_blame(c, path, gs_strerror(rc));
	free(text);
	return rc < 0 ? mount_errno(c->m, rc) : 0;
}

int
control_become_starter(struct call *c, struct gs *gs)
{
	struct ctlpool *pool = c->m->control->pool;
	int rc = gs_become_starter(gs, 0);

	if (rc == GS_EBUSY) {
		if (call_wait(c) != 0)
			return CALL_LATER;
		if (ctlpool_is_over(pool, c->came_ms))
			return mount_errno(c->m, GS_ETIMEDOUT);
		rc = gs_become_starter(gs, 1);
		ctlpool_note(pool, rc);
	}
	return rc < 0 ? mount_errno(c->m, rc) : 0;
}

int
control_ask_line(struct call *c, const char *path, struct control_line *out)
{
	char *text;
	size_t len;
	int rc = control_request(c, GS_VERB_STAT, path, 0, &text, &len);

	if (rc != 0)
		return rc;
	rc = text != NULL && parse_line(text, out) ? 0 : EPROTO;
	free(text);
	return rc;
}

bool
control_stamp(struct call *c, struct settled_stamp *now)
{
	const struct gs *gs = mount_any_table(c->m)->gs;

	*now = (struct settled_stamp){ .epoch = gs == NULL ? 0 : gs_control_epoch(gs) };
	/* In this order: what the daemon has told until here is as of this number or an earlier one. */
	return now->epoch != 0 && ctlpool_is_there(c->m->control->pool, &now->turn);
}

int
control_hear(struct call *c, const char *path, const struct settled_stamp *now, uint32_t *i, struct control_line *out)
{
	struct control *ctl = c->m->control;
	int rc;

	memset(out, 0, sizeof(*out));
	pthread_mutex_lock(&ctl->lock);
	*i = find_locked(ctl, path);
	pthread_mutex_unlock(&ctl->lock);
	if (*i != 0 && now != NULL && settled_mode(ctl->settled, *i, now, &out->mode))
		return 0;
	rc = control_ask_line(c, path, out);
	if (rc != 0)
		return rc;
	*i = intern(c, path, out);
	if (*i != 0 && now != NULL && out->is_setting)
		settled_put_mode(ctl->settled, *i, now, out->epoch, out->mode);
	return *i != 0 ? 0 : ENOMEM;
}

static double
timeout_of(const struct control_line *line)
{
	return line->is_growing ? 0 : TIMEOUT_S;
}

static void
stat_of(const struct mount *m, uint32_t path, const struct control_line *line, struct stat *st)
{
	attr_of_directory(m, control_node(m->control, path), line->mode, st);
	st->st_gid = m->ctl_gid;
	if (line->is_dir)
		return;
	st->st_mode = S_IFREG | line->mode;
	st->st_nlink = 1;
	st->st_size = (off_t)line->size;
	st->st_blocks = (blkcnt_t)((line->size + 511) / 512);
	(void)clock_gettime(CLOCK_REALTIME, &st->st_mtim);
	st->st_atim = st->st_ctim = st->st_mtim;
}

void
control_root(const struct mount *m, struct stat *st)
{
	const struct control_line root = { .is_dir = true, .mode = DIRECTORY_MODE };

	stat_of(m, 0, &root, st);
}

static int
is_table(struct control *ctl, const char *name)
{
	char path[GS_WIRE_PATH_BYTES], *text;
	const struct ctlpool_question q = { .verb = GS_VERB_STAT, .path = path };
	size_t len;
	int rc;

	(void)snprintf(path, sizeof(path), "%s/record_size", name);
	rc = ctlpool_request(ctl->pool, &q, &text, &len);
	free(text);
	return rc == 0;
}

int
control_tables(struct control *ctl, char names[MOUNT_TABLES][GS_NAME_BYTES], uint32_t *n)
{
	const struct ctlpool_question q = { .verb = GS_VERB_LIST, .path = "" };
	char *text, *save = NULL, *at;
	struct control_line line;
	size_t len;
	int rc;

	*n = 0;
	rc = ctlpool_request(ctl->pool, &q, &text, &len);
	if (rc == 0)
		for (at = strtok_r(text, "\n", &save); at != NULL && *n < MOUNT_TABLES; at = strtok_r(NULL, "\n", &save))
			if (parse_line(at, &line) && line.is_dir && strlen(line.name) < GS_NAME_BYTES && is_table(ctl, line.name))
				memcpy(names[(*n)++], line.name, strlen(line.name) + 1);
	free(text);
	return rc;
}

/* An operator of the configuration's [roles] may be anybody; which files he may write is for the daemon to say. */
static bool
may_operate(struct call *c)
{
	for (uint32_t i = 0; i < c->m->n_tables; i++)
		if (mount_has_table(c->m, i) && rights_have(c, i, GS_RIGHT_OPERATE) == 0)
			return true;
	return false;
}

int
control_may_use(struct call *c, uint32_t mode, int mask)
{
	int rc = call_may(c, c->m->uid, c->m->ctl_gid, mode, mask);

	if (rc == 0 || may_operate(c))
		return 0;
	if (c->m->n_tables > 0)
		control_tell_refusal(c, mount_any_table(c->m)->name, "control");
	return rc;
}

/* The path of a name in a directory; 0 or errno. */
static int
join(struct call *c, uint64_t parent, const char *name, char out[GS_WIRE_PATH_BYTES])
{
	struct control_path dir;
	uint32_t i;
	int n;

	if (!control_path_of_node(c->m->control, parent, &i, &dir))
		return ESTALE;
	n = snprintf(out, GS_WIRE_PATH_BYTES, "%s%s%s", dir.text, dir.text[0] != '\0' ? "/" : "", name);
	if (n < 0 || n >= GS_WIRE_PATH_BYTES)
		return ENAMETOOLONG;
	return control_may_use(c, dir.mode, X_OK);
}

int
control_lookup(struct call *c, uint64_t parent, const char *name, struct fuse_entry_param *out)
{
	char path[GS_WIRE_PATH_BYTES];
	struct control_line line;
	struct settled_stamp now;
	struct stat st;
	uint32_t i;
	int rc;

	rc = join(c, parent, name, path);
	if (rc == 0)
		rc = control_hear(c, path, control_stamp(c, &now) ? &now : NULL, &i, &line);
	if (rc != 0)
		return rc;
	stat_of(c->m, i, &line, &st);
	attr_entry(st.st_ino, &st, timeout_of(&line), out);
	return 0;
}

int
control_change(struct call *c, enum gs_wire_verb verb, const char *path, const char *value)
{
	return control_order(c, verb, path, value, strlen(value));
}

int
control_mkdir(struct call *c, uint64_t parent, const char *name, struct fuse_entry_param *out)
{
	char path[GS_WIRE_PATH_BYTES];
	int rc = join(c, parent, name, path);

	if (rc == 0)
		rc = control_order(c, GS_VERB_MAKE, path, NULL, 0);
	/* The process before may have had it made for the same request. */
	if (rc == EEXIST && intent_was_begun(c))
		rc = 0;
	return rc == 0 ? control_lookup(c, parent, name, out) : rc;
}

int
control_rmdir(struct call *c, uint64_t parent, const char *name)
{
	char path[GS_WIRE_PATH_BYTES];
	int rc = join(c, parent, name, path);

	if (rc == 0)
		rc = control_order(c, GS_VERB_REMOVE, path, NULL, 0);
	return rc == ENOENT && intent_was_begun(c) ? 0 : rc;
}

int
control_getattr(struct call *c, uint64_t node, struct stat *st, double *timeout_s)
{
	struct control_line line;
	struct settled_stamp now;
	struct control_path p;
	uint32_t i;
	int rc;

	*timeout_s = ATTR_FIXED_S;
	if (!control_path_of_node(c->m->control, node, &i, &p))
		return ESTALE;
	if (i == 0) {
		control_root(c->m, st);
		return 0;
	}
	rc = control_hear(c, p.text, control_stamp(c, &now) ? &now : NULL, &i, &line);
	if (rc != 0)
		return rc;
	*timeout_s = timeout_of(&line);
	stat_of(c->m, i, &line, st);
	return 0;
}

static int
list_line(struct call *c, uint64_t node, const struct control_line *line, struct dir *d)
{
	char path[GS_WIRE_PATH_BYTES];
	struct stat st;
	uint32_t i;

	if (join(c, node, line->name, path) != 0)
		return 0;
	i = intern(c, path, line);
	if (i == 0)
		return ENOMEM;
	stat_of(c->m, i, line, &st);
	return dir_add(d, line->name, &st, timeout_of(line));
}

int
control_list(struct call *c, uint64_t node, struct dir *d)
{
	char *text, *save = NULL, *at;
	struct control_line line;
	struct control_path p;
	uint32_t i;
	size_t len;
	int rc;

	if (!control_path_of_node(c->m->control, node, &i, &p))
		return ESTALE;
	rc = control_may_use(c, p.mode, R_OK);
	if (rc == 0)
		rc = control_request(c, GS_VERB_LIST, p.text, 0, &text, &len);
	if (rc != 0)
		return rc;
	for (at = strtok_r(text, "\n", &save); rc == 0 && at != NULL; at = strtok_r(NULL, "\n", &save))
		if (parse_line(at, &line))
			rc = list_line(c, node, &line, d);
	free(text);
	return rc;
}

void
control_stop(struct control *ctl)
{
	stream_stop(ctl->stream);
}
