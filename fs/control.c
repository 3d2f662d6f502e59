/* SPDX-License-Identifier: BSD-2-Clause */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attr.h"
#include "ctlpool.h"
#include "node.h"
#include "place.h"
#include "rights.h"
#include "stream.h"

enum { MOST_PATHS = 4096, DIRECTORY_MODE = 0750 };

#define LOG "events"
#define COUNTS "events.counts"
#define PIPE "events_pipe"

#define TIMEOUT_S 1.0		/* the tree changes when the daemon's configuration does */

/* A file or directory, as the daemon describes it in a line. */
struct line {
	char name[DIR_NAME_BYTES];
	uint32_t mode;
	bool is_dir;
	bool is_growing;		/* has a size, and is read by offset */
	uint64_t size, revision;	/* of a growing one: of the last event */
};

struct path {
	char *text;
	uint32_t mode;			/* as last heard of */
	bool is_dir, is_growing;
};

struct control {
	struct ctlpool *pool;
	struct stream *stream;
	pthread_mutex_t lock;		/* guards: all below; paths are only ever added */
	uint32_t n;
	struct path paths[MOST_PATHS];
};

struct control_file {
	uint32_t path;
	bool is_growing, is_counts, is_pipe;
	struct place place;		/* of the pipe */
	_Atomic uint64_t seen;		/* of the counts: the last event when they were read last */
	pthread_mutex_t lock;		/* guards: all below */
	char *text;			/* what was read last, or NULL */
	uint64_t start;			/* its offset in the file */
	size_t len;
	uint64_t revision;		/* of the log: of the last event that is in the text, or was before it */
};

struct control *
control_new(const char *instance)
{
	struct control *ctl = calloc(1, sizeof(*ctl));

	if (ctl == NULL)
		return NULL;
	(void)pthread_mutex_init(&ctl->lock, NULL);
	ctl->pool = ctlpool_new(instance);
	ctl->stream = stream_new(instance);
	ctl->paths[0] = (struct path){ .text = strdup(""), .mode = DIRECTORY_MODE, .is_dir = true };
	ctl->n = 1;
	if (ctl->pool == NULL || ctl->stream == NULL || ctl->paths[0].text == NULL)
		control_free(&ctl);
	return ctl;
}

void
control_free(struct control **ctl)
{
	uint32_t i;

	if (*ctl == NULL)
		return;
	stream_free(&(*ctl)->stream);
	ctlpool_free(&(*ctl)->pool);
	for (i = 0; i < (*ctl)->n; i++)
		free((*ctl)->paths[i].text);
	(void)pthread_mutex_destroy(&(*ctl)->lock);
	free(*ctl);
	*ctl = NULL;
}

/* Whoever knows a file may watch it, be it that its name came with a listing. */
static bool
is_watched(struct call *c, const char *path)
{
	bool is_counts = strcmp(path, COUNTS) == 0;

	if (is_counts)
		poke_want(c->m->poke);
	return is_counts;
}

/* The number of a path, a new one if need be; 0, which is the root's, when there are too many. */
static uint32_t
intern(struct call *c, const char *text, const struct line *line)
{
	struct control *ctl = c->m->control;
	uint32_t i, found = 0;

	(void)is_watched(c, text);
	pthread_mutex_lock(&ctl->lock);
	for (i = 1; i < ctl->n && found == 0; i++)
		if (strcmp(ctl->paths[i].text, text) == 0)
			found = i;
	if (found == 0 && ctl->n < MOST_PATHS && (ctl->paths[ctl->n].text = strdup(text)) != NULL)
		found = ctl->n++;
	if (found != 0) {
		ctl->paths[found].mode = line->mode;
		ctl->paths[found].is_dir = line->is_dir;
		ctl->paths[found].is_growing = line->is_growing;
	}
	pthread_mutex_unlock(&ctl->lock);
	return found;
}

/* False when no such number was given. The text stays as long as the mount. */
static bool
path_of(struct control *ctl, uint32_t i, struct path *out)
{
	bool is_there;

	pthread_mutex_lock(&ctl->lock);
	is_there = i < ctl->n;
	if (is_there)
		*out = ctl->paths[i];
	pthread_mutex_unlock(&ctl->lock);
	return is_there;
}

static bool
parse_line(const char *text, struct line *out)
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
		break;
	default:
		return false;
	}
	out->mode &= 0777;
	return true;
}

static int
ask(struct call *c, enum gs_wire_verb verb, const char *path, uint64_t offset, char **text, size_t *len)
{
	const struct gs_ctl_caller as = { .uid = c->uid, .gid = c->gid, .pid = c->pid };
	const struct ctlpool_question q = { .verb = verb, .path = path, .offset = offset, .as = &as };
	int rc = ctlpool_request(c->m->control->pool, &q, text, len);

	if (rc < 0) {
		free(*text);
		*text = NULL;
		return mount_errno(c->m, rc);
	}
	return 0;
}

int
control_ask(struct call *c, const char *path, char **text)
{
	size_t len;
	int rc = ask(c, GS_VERB_GET, path, 0, text, &len);

	return rc == 0 && *text == NULL ? EPROTO : rc;
}

void
control_tell_refusal(struct call *c, const char *table, const char *what)
{
	const struct gs_ctl_caller as = { .uid = c->uid, .gid = c->gid, .pid = c->pid };
	const struct ctlpool_question q = { .verb = GS_VERB_REFUSED, .path = table, .value = what, .value_len = strlen(what), .as = &as };
	char *text;
	size_t len;

	(void)ctlpool_request(c->m->control->pool, &q, &text, &len);
	free(text);
}

static int
ask_line(struct call *c, const char *path, struct line *out)
{
	char *text;
	size_t len;
	int rc = ask(c, GS_VERB_STAT, path, 0, &text, &len);

	if (rc != 0)
		return rc;
	rc = text != NULL && parse_line(text, out) ? 0 : EPROTO;
	free(text);
	return rc;
}

static double
timeout_of(const struct line *line)
{
	return line->is_growing ? 0 : TIMEOUT_S;
}

static void
stat_of(const struct mount *m, uint32_t path, const struct line *line, struct stat *st)
{
	attr_of_directory(m, node_of_control(path), line->mode, st);
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
	const struct line root = { .is_dir = true, .mode = DIRECTORY_MODE };

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
	struct line line;
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
		if (rights_have(c, i, GS_RIGHT_OPERATE) == 0)
			return true;
	return false;
}

/* As the modes say, or as an operator. 0 or EACCES, which is told. */
static int
may_use(struct call *c, uint32_t mode, int mask)
{
	int rc = call_may(c, c->m->uid, c->m->ctl_gid, mode, mask);

	if (rc == 0 || may_operate(c))
		return 0;
	if (c->m->n_tables > 0)
		control_tell_refusal(c, c->m->tables[0].name, "control");
	return rc;
}

/* The path of a name in a directory; 0 or errno. */
static int
join(struct call *c, uint64_t parent, const char *name, char out[GS_WIRE_PATH_BYTES])
{
	struct path dir;
	int n;

	if (!path_of(c->m->control, node_control_path(parent), &dir))
		return ESTALE;
	n = snprintf(out, GS_WIRE_PATH_BYTES, "%s%s%s", dir.text, dir.text[0] != '\0' ? "/" : "", name);
	if (n < 0 || n >= GS_WIRE_PATH_BYTES)
		return ENAMETOOLONG;
	return may_use(c, dir.mode, X_OK);
}

int
control_lookup(struct call *c, uint64_t parent, const char *name, struct fuse_entry_param *out)
{
	char path[GS_WIRE_PATH_BYTES];
	struct line line;
	struct stat st;
	uint32_t i;
	int rc;

	rc = join(c, parent, name, path);
	if (rc == 0)
		rc = ask_line(c, path, &line);
	if (rc != 0)
		return rc;
	i = intern(c, path, &line);
	if (i == 0)
		return ENOMEM;
	stat_of(c->m, i, &line, &st);
	attr_entry(st.st_ino, &st, timeout_of(&line), out);
	return 0;
}

/* Ask for a directory of a name to be made, or removed. */
static int
ask_directory(struct call *c, enum gs_wire_verb verb, const char *path)
{
	char *text = NULL;
	size_t len;
	int rc = ask(c, verb, path, 0, &text, &len);

	free(text);
	return rc;
}

int
control_mkdir(struct call *c, uint64_t parent, const char *name, struct fuse_entry_param *out)
{
	char path[GS_WIRE_PATH_BYTES];
	int rc = join(c, parent, name, path);

	if (rc == 0)
		rc = ask_directory(c, GS_VERB_MAKE, path);
	return rc == 0 ? control_lookup(c, parent, name, out) : rc;
}

int
control_rmdir(struct call *c, uint64_t parent, const char *name)
{
	char path[GS_WIRE_PATH_BYTES];
	int rc = join(c, parent, name, path);

	return rc == 0 ? ask_directory(c, GS_VERB_REMOVE, path) : rc;
}

int
control_getattr(struct call *c, uint64_t node, struct stat *st, double *timeout_s)
{
	uint32_t i = node_control_path(node);
	struct line line;
	struct path p;
	int rc;

	*timeout_s = ATTR_FIXED_S;
	if (i == 0) {
		control_root(c->m, st);
		return 0;
	}
	if (!path_of(c->m->control, i, &p))
		return ESTALE;
	rc = ask_line(c, p.text, &line);
	if (rc != 0)
		return rc;
	(void)intern(c, p.text, &line);
	*timeout_s = timeout_of(&line);
	stat_of(c->m, i, &line, st);
	return 0;
}

static int
list_line(struct call *c, uint64_t node, const struct line *line, struct dir *d)
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
	struct line line;
	struct path p;
	size_t len;
	int rc;

	if (!path_of(c->m->control, node_control_path(node), &p))
		return ESTALE;
	rc = may_use(c, p.mode, R_OK);
	if (rc == 0)
		rc = ask(c, GS_VERB_LIST, p.text, 0, &text, &len);
	if (rc != 0)
		return rc;
	for (at = strtok_r(text, "\n", &save); rc == 0 && at != NULL; at = strtok_r(NULL, "\n", &save))
		if (parse_line(at, &line))
			rc = list_line(c, node, &line, d);
	free(text);
	return rc;
}

/* ---- the log of events ---- */

/* What comes from now on. */
static int
begin_following(struct call *c, struct control_file *f)
{
	struct line log;
	int rc = 0;

	if (!f->is_pipe && !f->is_counts && !f->is_growing)
		return 0;
	rc = ask_line(c, LOG, &log);
	if (rc != 0)
		return rc;
	place_begin(&f->place, log.revision);
	atomic_store(&f->seen, log.revision);
	f->start = log.size;
	f->revision = log.revision;
	return 0;
}

/* Ask for what is new to it. 0 or errno. */
static int
fill_place(struct call *c, struct place *p)
{
	/* Before the log's: another read may move on meanwhile, but then not this one. */
	uint64_t revision = place_revision(p);
	struct line log;
	char *text;
	size_t len;
	int rc = ask_line(c, LOG, &log), error = 0;

	/* The memory was made anew, and its events are. */
	if (rc == 0 && revision > log.revision) {
		place_restart(p, revision);
		revision = 0;
	}
	if (rc != 0 || revision == log.revision)
		return rc;
	rc = ask(c, GS_VERB_GET, PIPE, revision, &text, &len);
	if (rc == 0)
		(void)place_give(p, revision, text, len, &error);
	free(text);
	return rc != 0 ? rc : error;
}

static void
read_pipe(struct call *c, struct control_file *f, size_t size)
{
	int rc;

	if (place_answer(&f->place, c->req, size))
		return;
	rc = fill_place(c, &f->place);
	if (rc != 0)
		(void)fuse_reply_err(c->req, rc);
	else if (!place_answer(&f->place, c->req, size))
		stream_read(c->m->control->stream, c->req, &f->place, size);
}

void
control_poll(struct call *c, struct control_file *f, struct fuse_pollhandle *handle)
{
	uint64_t seen = f->is_pipe ? place_revision(&f->place) : atomic_load(&f->seen);
	unsigned revents = f->is_pipe ? 0 : POLLIN | POLLRDNORM;
	struct line log = { .size = 0 };
	int rc = ask_line(c, LOG, &log);

	if (log.revision != seen || place_has_left(&f->place))
		revents |= f->is_pipe ? POLLIN | POLLRDNORM : POLLPRI | POLLERR;
	else if (rc == 0 && handle != NULL) {
		stream_poll(c->m->control->stream, handle, seen);
		handle = NULL;
	}
	if (handle != NULL)
		fuse_pollhandle_destroy(handle);
	(void)fuse_reply_poll(c->req, rc != 0 ? POLLERR : revents);
}

bool
control_can_wait(const struct control_file *f)
{
	return f->is_pipe || f->is_counts;
}

void
control_stop(struct control *ctl)
{
	stream_stop(ctl->stream);
}

/* ---- open files ---- */

int
control_open(struct call *c, uint64_t node, int flags, struct control_file **out)
{
	int mask = (flags & O_ACCMODE) == O_RDONLY ? R_OK : (flags & O_ACCMODE) == O_WRONLY ? W_OK : R_OK | W_OK;
	struct control_file *f;
	struct path p;
	int rc;

	if (!path_of(c->m->control, node_control_path(node), &p))
		return ESTALE;
	rc = may_use(c, p.mode, mask);
	if (rc != 0)
		return rc;
	/* Modes bind operators too: what nobody may do is refused, not tried. */
	if (((mask & W_OK) != 0 && (p.mode & 0222) == 0) || ((mask & R_OK) != 0 && (p.mode & 0444) == 0))
		return EPERM;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return ENOMEM;
	(void)pthread_mutex_init(&f->lock, NULL);
	place_init(&f->place);
	f->path = node_control_path(node);
	f->is_growing = p.is_growing;
	f->is_counts = is_watched(c, p.text);
	f->is_pipe = strcmp(p.text, PIPE) == 0;
	rc = begin_following(c, f);
	if (rc == 0)
		*out = f;
	else
		control_release(f);
	return rc;
}

void
control_release(struct control_file *f)
{
	/* The thread that answered the last read may not have left it yet. */
	pthread_mutex_lock(&f->lock);
	pthread_mutex_unlock(&f->lock);
	(void)pthread_mutex_destroy(&f->lock);
	place_done(&f->place);
	free(f->text);
	free(f);
}

/* Is the last line of what was read of the log from offset on a whole one, when it ended as `log` says just before? */
static bool
has_whole_line(const struct control_file *f, uint64_t offset, const struct line *log)
{
	if (f->len == 0)
		return false;
	return offset == 0 || offset == log->size || memchr(f->text, '\n', f->len - 1) != NULL;
}

/*
 * Of the log from offset on. Who reads on where the last answer ended is given what came behind its last event, be it that
 * the log has dropped bytes meanwhile: then that is what he reads.
 */
static int
render_log_locked(struct call *c, struct control_file *f, uint64_t offset)
{
	bool goes_on = offset != 0 && offset == f->start + f->len;
	struct line log;
	int rc = ask_line(c, LOG, &log);

	f->start = offset;
	f->len = 0;
	if (rc != 0)
		return rc;
	/* The memory was made anew, and its events are. */
	if (goes_on && f->revision > log.revision)
		f->revision = 0;
	rc = goes_on ? ask(c, GS_VERB_GET, PIPE, f->revision, &f->text, &f->len) : ask(c, GS_VERB_GET, LOG, offset, &f->text, &f->len);
	if (rc != 0)
		f->len = 0;
	else if ((goes_on && f->len > 0) || has_whole_line(f, offset, &log))
		f->revision = place_last_revision(f->text, f->len);
	else if (!goes_on)
		f->revision = log.revision;
	return rc;
}

/* Ask for the text again: all of it, or of the log from offset on. */
static int
render_locked(struct call *c, struct control_file *f, uint64_t offset)
{
	struct line log;
	struct path p;
	int rc;

	free(f->text);
	f->text = NULL;
	if (f->is_growing)
		return render_log_locked(c, f, offset);
	if (!path_of(c->m->control, f->path, &p))
		return ESTALE;
	if (f->is_counts && ask_line(c, LOG, &log) == 0)
		atomic_store(&f->seen, log.revision);
	f->start = 0;
	rc = ask(c, GS_VERB_GET, p.text, 0, &f->text, &f->len);
	if (rc != 0)
		f->len = 0;
	return rc;
}

static bool
is_outside(const struct control_file *f, uint64_t offset)
{
	return f->is_growing && (offset < f->start || offset >= f->start + f->len);
}

void
control_read(struct call *c, struct control_file *f, uint64_t offset, size_t size)
{
	size_t n = 0;
	int rc = 0;

	if (f->is_pipe) {
		read_pipe(c, f, size);
		return;
	}
	pthread_mutex_lock(&f->lock);
	if (f->text == NULL || offset == 0 || is_outside(f, offset))
		rc = render_locked(c, f, offset);
	if (rc == 0 && offset >= f->start && offset - f->start < f->len)
		n = f->len - (size_t)(offset - f->start) < size ? f->len - (size_t)(offset - f->start) : size;
	if (rc != 0)
		(void)fuse_reply_err(c->req, rc);
	else
		(void)fuse_reply_buf(c->req, n != 0 ? f->text + (offset - f->start) : NULL, n);
	pthread_mutex_unlock(&f->lock);
}

int
control_write(struct call *c, struct control_file *f, const void *data, size_t len)
{
	const struct gs_ctl_caller as = { .uid = c->uid, .gid = c->gid, .pid = c->pid };
	struct ctlpool_question q = { .verb = GS_VERB_SET, .value = data, .value_len = len, .as = &as };
	struct path p;
	char *text;
	size_t text_len;
	int rc;

	if (len > GS_WIRE_VALUE_BYTES)
		return E2BIG;
	if (f->is_counts && poke_is(c->m->poke, c->pid))
		return 0;
	if (!path_of(c->m->control, f->path, &p))
		return ESTALE;
	q.path = p.text;
	rc = ctlpool_request(c->m->control->pool, &q, &text, &text_len);
	free(text);
	return rc < 0 ? mount_errno(c->m, rc) : 0;
}
