/* SPDX-License-Identifier: BSD-2-Clause */
#include "control_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "node.h"
#include "place.h"

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

/* What comes from now on. */
static int
begin_following(struct call *c, struct control_file *f)
{
	struct control_line log;
	int rc = 0;

	if (!f->is_pipe && !f->is_counts && !f->is_growing)
		return 0;
	rc = control_ask_line(c, CONTROL_LOG, &log);
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
	struct control_line log;
	char *text;
	size_t len;
	int rc = control_ask_line(c, CONTROL_LOG, &log), error = 0;

	/* The memory was made anew, and its events are. */
	if (rc == 0 && revision > log.revision) {
		place_restart(p, revision);
		revision = 0;
	}
	if (rc != 0 || revision == log.revision)
		return rc;
	rc = control_request(c, GS_VERB_GET, CONTROL_PIPE, revision, &text, &len);
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
	struct control_line log = { .size = 0 };
	int rc = control_ask_line(c, CONTROL_LOG, &log);

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

/* ---- open files ---- */

int
control_open(struct call *c, uint64_t node, int flags, struct control_file **out)
{
	int mask = (flags & O_ACCMODE) == O_RDONLY ? R_OK : (flags & O_ACCMODE) == O_WRONLY ? W_OK : R_OK | W_OK;
	struct control_file *f;
	struct control_path p;
	int rc;

	if (!control_path_of(c->m->control, node_control_path(node), &p))
		return ESTALE;
	rc = control_may_use(c, p.mode, mask);
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
	f->is_counts = control_is_watched(c, p.text);
	f->is_pipe = strcmp(p.text, CONTROL_PIPE) == 0;
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
has_whole_line(const struct control_file *f, uint64_t offset, const struct control_line *log)
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
	struct control_line log;
	int rc = control_ask_line(c, CONTROL_LOG, &log);

	f->start = offset;
	f->len = 0;
	if (rc != 0)
		return rc;
	/* The memory was made anew, and its events are. */
	if (goes_on && f->revision > log.revision)
		f->revision = 0;
	rc = control_request(c, GS_VERB_GET, goes_on ? CONTROL_PIPE : CONTROL_LOG, goes_on ? f->revision : offset, &f->text, &f->len);
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
	struct control_line log;
	struct control_path p;
	int rc;

	free(f->text);
	f->text = NULL;
	if (f->is_growing)
		return render_log_locked(c, f, offset);
	if (!control_path_of(c->m->control, f->path, &p))
		return ESTALE;
	if (f->is_counts && control_ask_line(c, CONTROL_LOG, &log) == 0)
		atomic_store(&f->seen, log.revision);
	f->start = 0;
	rc = control_request(c, GS_VERB_GET, p.text, 0, &f->text, &f->len);
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
	struct control_path p;
	char *text;
	size_t text_len;
	int rc;

	if (len > GS_WIRE_VALUE_BYTES)
		return E2BIG;
	if (f->is_counts && poke_is(c->m->poke, c->pid))
		return 0;
	if (!control_path_of(c->m->control, f->path, &p))
		return ESTALE;
	q.path = p.text;
	rc = ctlpool_request(c->m->control->pool, &q, &text, &text_len);
	free(text);
	return rc < 0 ? mount_errno(c->m, rc) : 0;
}
