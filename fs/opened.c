/* SPDX-License-Identifier: BSD-2-Clause */
#include "opened.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "attr.h"
#include "control.h"
#include "file.h"
#include "hold.h"
#include "intent.h"
#include "node.h"
#include "session.h"
#include "staged.h"

static int
open_node(struct call *c, uint64_t node, struct fuse_file_info *fi)
{
	if (node_kind(node) == NODE_IS_SESSION)
		return session_open(c, node, fi);
	if (node_kind(node) == NODE_IS_STAGED)
		return staged_open(c, node, fi);
	return node_kind(node) == NODE_IS_CONTROL ? control_open(c, node, fi->flags, &fi->fh) : EISDIR;
}

/* A temporary file that is led to a session has its handle. */
static struct file *
file_at(const struct call *c, uint64_t node, uint64_t fh)
{
	struct file *f = file_of(c->m, fh);

	return f != NULL && (file_node(f) == node || node_kind(node) == NODE_IS_STAGED) ? f : NULL;
}

static void
forget_open(struct call *c, uint64_t node, uint64_t fh)
{
	struct control_file *control = control_file_of(c->m, node, fh);
	struct file *session = file_at(c, node, fh);

	if (node_kind(node) == NODE_IS_STAGED) {
		staged_release(c, node, fh);
		return;
	}
	/* Neither: it has been closed, and the answer to that did not get out. */
	if (session != NULL)
		file_release(c, session);
	else if (control != NULL)
		control_release(c, control);
}

/* One that asks too fast is answered when its turn has come. */
static void
try_open(struct call *c, uint64_t node, struct fuse_file_info *fi)
{
	bool is_done;
	int rc = 0;

	/* When it is tried again the number is not that of what this thread has read. */
	is_done = !c->is_again && intent_begin(c, &rc);
	if (is_done)
		fi->fh = intent_opened(c);
	else
		rc = open_node(c, node, fi);
	if (rc == EDQUOT && !is_done) {
		rc = hold_back(c, node, fi);
		if (rc == 0) {
			intent_end(c);
			return;
		}
	}
	intent_result(c, rc);
	if (rc != 0)
		call_refuse(c, rc);
	else if (fuse_reply_open(c->req, fi) != 0)
		/* Whoever opened it was interrupted: no release follows. */
		forget_open(c, node, fi->fh);
	intent_end(c);
}

void
opened_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct call c;

	fi->direct_io = 1;
	if (!call_begin(&c, req))
		return;
	try_open(&c, node, fi);
	call_end(&c);
}

void
opened_again(fuse_req_t req, uint64_t node, struct fuse_file_info *fi, uint64_t until_ms)
{
	struct call c;

	if (!call_begin(&c, req))
		return;
	c.is_again = true;
	c.until_ms = until_ms;
	try_open(&c, node, fi);
	call_end(&c);
}

/* The file that the process before created for the same request. */
static int
find_created(struct call *c, struct fuse_file_info *fi, struct fuse_entry_param *e)
{
	const struct file *f = file_of(c->m, intent_opened(c));
	uint64_t node = f != NULL ? file_node(f) : staged_opened(c->m, intent_opened(c));
	struct stat st;
	int rc;

	fi->fh = intent_opened(c);
	if (node == 0)
		return ESTALE;
	rc = node_kind(node) == NODE_IS_STAGED ? staged_getattr(c, node, &st) : attr_get(c, node, &st);
	if (rc == 0)
		attr_entry(node, &st, c->m->attr_s, e);
	return rc;
}

void
opened_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	struct fuse_entry_param e;
	struct call c;
	int rc;

	fi->direct_io = 1;
	if (!call_begin(&c, req))
		return;
	if (!intent_begin(&c, &rc)) {
		rc = node_has_sessions(parent) ? session_create(&c, parent, name, mode, fi, &e) : EPERM;
		intent_result(&c, rc);
	} else if (rc == 0) {
		rc = find_created(&c, fi, &e);
	}
	if (rc != 0)
		call_refuse(&c, rc);
	else if (fuse_reply_create(req, &e, fi) != 0)
		forget_open(&c, e.ino, fi->fh);
	intent_end(&c);
	call_end(&c);
}

void
opened_read(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct control_file *control;
	struct file *session;
	struct call c;

	if (!call_begin(&c, req))
		return;
	session = file_at(&c, node, fi->fh);
	control = control_file_of(c.m, node, fi->fh);
	if (node_kind(node) == NODE_IS_STAGED)
		staged_read(&c, node, fi->fh, (uint64_t)off, size);
	else if (session != NULL)
		file_read(&c, session, (uint64_t)off, size);
	else if (control != NULL)
		control_read(&c, control, (uint64_t)off, size);
	else
		(void)fuse_reply_err(req, ESTALE);
	call_end(&c);
}

struct written {
	const char *buf;
	size_t size;
	uint64_t off;
};

static int
write_open(struct call *c, uint64_t node, const struct fuse_file_info *fi, const struct written *data)
{
	struct control_file *control = control_file_of(c->m, node, fi->fh);
	struct file *session = file_at(c, node, fi->fh);
	bool is_append = (fi->flags & O_APPEND) != 0;

	if (node_kind(node) == NODE_IS_STAGED)
		return staged_write(c, node, fi, data->buf, data->size, data->off);
	if (session != NULL)
		return file_write(c, session, data->buf, data->size, data->off, is_append);
	return control != NULL ? control_write(c, control, data->buf, data->size) : ESTALE;
}

void
opened_write(fuse_req_t req, fuse_ino_t node, const char *buf, size_t size, off_t off, struct fuse_file_info *fi)
{
	const struct written data = { .buf = buf, .size = size, .off = (uint64_t)off };
	struct call c;
	int rc;

	if (!call_begin(&c, req))
		return;
	if (!intent_begin(&c, &rc)) {
		rc = write_open(&c, node, fi, &data);
		intent_result(&c, rc);
	}
	if (rc != 0)
		call_refuse(&c, rc);
	else
		(void)fuse_reply_write(req, size);
	intent_end(&c);
	call_end(&c);
}

void
opened_release(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct call c;
	int rc;

	if (!call_begin(&c, req))
		return;
	/* What has been done is what it publishes; the file may still be to be closed. */
	(void)intent_begin(&c, &rc);
	forget_open(&c, node, fi->fh);
	intent_result(&c, 0);
	(void)fuse_reply_err(req, 0);
	intent_end(&c);
	call_end(&c);
}

void
opened_poll(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi, struct fuse_pollhandle *handle)
{
	struct control_file *control;
	struct call c;

	if (!call_begin(&c, req)) {
		if (handle != NULL)
			fuse_pollhandle_destroy(handle);
		return;
	}
	control = control_file_of(c.m, node, fi->fh);
	if (control != NULL && control_can_wait(control)) {
		control_poll(&c, control, handle);
	} else {
		if (handle != NULL)
			fuse_pollhandle_destroy(handle);
		(void)fuse_reply_poll(req, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
	}
	call_end(&c);
}
