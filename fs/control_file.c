/* SPDX-License-Identifier: BSD-2-Clause */
#include "control_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handles.h"
#include "intent.h"
#include "node.h"
#include "place.h"
#include "transport.h"

/* Where the text of the log begins that was read last, how long it was, and what was the last event in or before it. */
struct followed {
	uint64_t start, len, revision;
};

/* What outlives the process. */
struct control_kept {
	uint32_t path;
	bool is_growing, is_counts, is_pipe, is_error;
	struct place_kept place;	/* of the pipe */
	_Atomic uint64_t seen;		/* of the counts: the last event when they were read last */
	_Atomic uint64_t poll;		/* what the kernel calls who waits in a poll; 0: nobody does */
	_Atomic uint32_t which;		/* of the two is valid */
	struct followed log[2];
};

_Static_assert(sizeof(struct control_kept) <= HANDLE_BYTES - 8, "it lies in a handle's slot");

struct control_file {
	uint64_t fh;
	struct control_kept *k;
	struct place place;		/* of the pipe */
	pthread_mutex_t lock;		/* guards: all below */
	char *text;			/* what was read last, or NULL */
	uint64_t start;			/* its offset in the file */
	size_t len;
	uint64_t revision;		/* of the log: of the last event that is in the text, or was before it */
};

/* Who follows us goes on reading the log from here. */
static void
save_locked(struct control_file *f)
{
	uint32_t other = (atomic_load(&f->k->which) & 1) ^ 1;

	f->k->log[other] = (struct followed){ .start = f->start, .len = f->len, .revision = f->revision };
	/* Release: he finds all of it. */
	atomic_store_explicit(&f->k->which, other, memory_order_release);
}

/* What comes from now on. */
static int
begin_following(struct call *c, struct control_file *f)
{
	struct control_line log;
	int rc = 0;

	if (!f->k->is_pipe && !f->k->is_counts && !f->k->is_growing)
		return 0;
	rc = control_ask_line(c, CONTROL_LOG, &log);
	if (rc != 0)
		return rc;
	place_begin(&f->place, log.revision);
	atomic_store(&f->k->seen, log.revision);
	f->start = log.size;
	f->revision = log.revision;
	save_locked(f);
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
	uint64_t unique = transport_unique();
	int rc;

	if (transport_is_again())
		place_rewind(&f->place, unique);
	if (place_answer(&f->place, c->req, unique, size))
		return;
	rc = fill_place(c, &f->place);
	if (rc != 0)
		call_refuse(c, rc);
	else if (!place_answer(&f->place, c->req, unique, size))
		stream_read(c->m->control->stream, c->req, unique, &f->place, size);
}

void
control_poll(struct call *c, struct control_file *f, struct fuse_pollhandle *handle)
{
	uint64_t seen = f->k->is_pipe ? place_revision(&f->place) : atomic_load(&f->k->seen);
	unsigned revents = f->k->is_pipe ? 0 : POLLIN | POLLRDNORM;
	struct control_line log = { .size = 0 };
	int rc = control_ask_line(c, CONTROL_LOG, &log);

	if (rc == CALL_LATER) {
		/* It comes again with a handle. */
		if (handle != NULL)
			fuse_pollhandle_destroy(handle);
		call_refuse(c, rc);
		return;
	}
	if (log.revision != seen || place_has_left(&f->place))
		revents |= f->k->is_pipe ? POLLIN | POLLRDNORM : POLLPRI | POLLERR;
	else if (rc == 0 && handle != NULL) {
		/* The stream is another thread's, the process may end: before who waits is on its list. */
		atomic_store(&f->k->poll, transport_poll());
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
	return f->k->is_pipe || f->k->is_counts;
}

/* ---- open files ---- */

/* Of a number whose kept part is written. NULL: out of memory. */
static struct control_file *
file_new(struct mount *m, uint64_t fh)
{
	struct control_file *f = calloc(1, sizeof(*f));
	const struct followed *log;

	if (f == NULL)
		return NULL;
	(void)pthread_mutex_init(&f->lock, NULL);
	f->fh = fh;
	f->k = handles_kept(m->handles, fh);
	place_init(&f->place, &f->k->place);
	log = &f->k->log[atomic_load(&f->k->which) & 1];
	f->start = log->start;
	f->len = log->len;
	f->revision = log->revision;
	handles_set_local(m->handles, fh, f);
	return f;
}

static int
new_kept(struct call *c, uint32_t path, const struct control_path *p, struct control_file **out)
{
	struct control_kept *k;
	uint64_t fh;
	int rc = handles_reserve(c->m->handles, &fh);

	*out = NULL;
	if (rc != 0)
		return rc;
	k = handles_kept(c->m->handles, fh);
	memset(k, 0, sizeof(*k));
	k->path = path;
	k->is_growing = p->is_growing;
	k->is_counts = control_is_watched(c, p->text);
	k->is_pipe = strcmp(p->text, CONTROL_PIPE) == 0;
	k->is_error = strcmp(p->text, CONTROL_ERROR) == 0;
	*out = file_new(c->m, fh);
	if (*out == NULL)
		handles_release(c->m->handles, fh);
	return *out == NULL ? ENOMEM : 0;
}

int
control_open(struct call *c, uint64_t node, int flags, uint64_t *fh)
{
	int mask = (flags & O_ACCMODE) == O_RDONLY ? R_OK : (flags & O_ACCMODE) == O_WRONLY ? W_OK : R_OK | W_OK;
	struct control_file *f;
	struct control_path p;
	uint32_t i;
	int rc;

	if (!control_path_of_node(c->m->control, node, &i, &p))
		return ESTALE;
	rc = control_may_use(c, p.mode, mask);
	if (rc != 0)
		return rc;
	/* Modes bind operators too: what nobody may do is refused, not tried. */
	if ((mask & W_OK) != 0 && (p.mode & 0222) == 0) {
		control_blame(c, p.text, "cannot be written");
		return EPERM;
	}
	rc = new_kept(c, i, &p, &f);
	if (rc != 0)
		return rc;
	rc = begin_following(c, f);
	if (rc == 0) {
		*fh = f->fh;
		intent_opens(c, f->fh);
		handles_commit(c->m->handles, f->fh, HANDLE_CONTROL);
	} else {
		control_release(c, f);
	}
	return rc;
}

struct control_file *
control_file_of(const struct mount *m, uint64_t node, uint64_t fh)
{
	struct control_file *f = handles_kind(m->handles, fh) == HANDLE_CONTROL ? handles_local(m->handles, fh) : NULL;

	return f != NULL && control_node(m->control, f->k->path) == node ? f : NULL;
}

static void
free_local(void *local)
{
	struct control_file *f = local;

	(void)pthread_mutex_destroy(&f->lock);
	place_done(&f->place);
	free(f->text);
	free(f);
}

void
control_let_go(struct mount *m)
{
	handles_let_go(m->handles, HANDLE_CONTROL, free_local);
}

void
control_release(struct call *c, struct control_file *f)
{
	/* A read that was interrupted may still be waiting for the daemon. */
	if (pthread_mutex_trylock(&f->lock) != 0) {
		transport_leave();
		pthread_mutex_lock(&f->lock);
	}
	pthread_mutex_unlock(&f->lock);
	handles_release(c->m->handles, f->fh);
	free_local(f);
}

int
control_adopt(struct mount *m)
{
	struct control_path p;
	struct control_file *f;
	uint32_t i = 0;
	uint64_t fh;

	while ((fh = handles_next(m->handles, &i)) != 0) {
		if (handles_kind(m->handles, fh) != HANDLE_CONTROL)
			continue;
		/* Its paths may have begun anew. */
		if (!control_path_of(m->control, ((struct control_kept *)handles_kept(m->handles, fh))->path, &p)) {
			handles_release(m->handles, fh);
			continue;
		}
		f = file_new(m, fh);
		if (f == NULL)
			return GS_ENOMEM;
		/* The list of who waits is gone: who polls is to ask again. */
		if (atomic_load(&f->k->poll) != 0)
			transport_wake(m->transport, atomic_exchange(&f->k->poll, 0));
	}
	return 0;
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
	int rc = call_wait(c);

	/* Before where it is is forgotten. */
	if (rc != 0)
		return rc;
	rc = control_ask_line(c, CONTROL_LOG, &log);
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
	save_locked(f);
	return rc;
}

/* What the daemon says; kept where it is settled as of now. */
static int
ask_setting(struct call *c, const struct control_path *p, const struct settled_stamp *now, struct control_file *f)
{
	struct control_line line;
	uint32_t i;
	int rc = control_hear(c, p->text, now, &i, &line);

	if (rc == 0)
		rc = control_request(c, GS_VERB_GET, p->text, 0, &f->text, &f->len);
	if (rc == 0)
		settled_put_text(c->m->control->settled, i, now, f->text, f->len);
	return rc;
}

/* The text of a setting, without asking the daemon for it when it is there and nothing has changed. */
static int
render_setting_locked(struct call *c, struct control_file *f, const struct control_path *p)
{
	struct settled_stamp now;

	if (!control_stamp(c, &now))
		return control_request(c, GS_VERB_GET, p->text, 0, &f->text, &f->len);
	if (settled_text(c->m->control->settled, f->k->path, &now, &f->text, &f->len))
		return 0;
	return ask_setting(c, p, &now, f);
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
	if (f->k->is_growing)
		return render_log_locked(c, f, offset);
	if (!control_path_of(c->m->control, f->k->path, &p))
		return ESTALE;
	if (f->k->is_counts && control_ask_line(c, CONTROL_LOG, &log) == 0)
		atomic_store(&f->k->seen, log.revision);
	f->start = 0;
	if (f->k->is_error)
		rc = control_error(c->m->control, &f->text, &f->len);
	else if (p.is_setting)
		rc = render_setting_locked(c, f, &p);
	else
		rc = control_request(c, GS_VERB_GET, p.text, 0, &f->text, &f->len);
	if (rc != 0)
		f->len = 0;
	return rc;
}

static bool
is_outside(const struct control_file *f, uint64_t offset)
{
	return f->k->is_growing && (offset < f->start || offset >= f->start + f->len);
}

void
control_read(struct call *c, struct control_file *f, uint64_t offset, size_t size)
{
	size_t n = 0;
	int rc = 0;

	if (f->k->is_pipe) {
		read_pipe(c, f, size);
		return;
	}
	/* Another read of the file may be waiting for the daemon. */
	if (c->may_wait)
		pthread_mutex_lock(&f->lock);
	else if (pthread_mutex_trylock(&f->lock) != 0) {
		call_refuse(c, CALL_LATER);
		return;
	}
	if (f->text == NULL || offset == 0 || is_outside(f, offset))
		rc = render_locked(c, f, offset);
	if (rc == 0 && offset >= f->start && offset - f->start < f->len)
		n = f->len - (size_t)(offset - f->start) < size ? f->len - (size_t)(offset - f->start) : size;
	if (rc == 0) {
		call_reply_unlock(c, n != 0 ? f->text + (offset - f->start) : NULL, n, &f->lock);
		return;
	}
	call_refuse(c, rc);
	pthread_mutex_unlock(&f->lock);
}

int
control_write(struct call *c, struct control_file *f, const void *data, size_t len)
{
	char sentence[64];
	struct control_path p;

	if (f->k->is_counts && poke_is(c->m->poke, c->pid))
		return 0;
	if (!control_path_of(c->m->control, f->k->path, &p))
		return ESTALE;
	if (len > GS_WIRE_VALUE_BYTES) {
		(void)snprintf(sentence, sizeof(sentence), "a write of %zu bytes: at most %d", len, GS_WIRE_VALUE_BYTES);
		control_blame(c, p.text, sentence);
		return E2BIG;
	}
	return control_order(c, GS_VERB_SET, p.text, data, len);
}
