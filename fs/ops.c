/* SPDX-License-Identifier: BSD-2-Clause */
#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "attr.h"
#include "call.h"
#include "control.h"
#include "dir.h"
#include "hold.h"
#include "intent.h"
#include "namespace.h"
#include "node.h"
#include "opened.h"
#include "session.h"
#include "staged.h"
#include "xattr.h"

static void
op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	/* Payloads are small, and what was written must be in the store when write(2) returns. */
	conn->want &= ~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE | FUSE_CAP_WRITEBACK_CACHE);
	/* O_TRUNC comes with OPEN, to be staged there. */
	conn->want |= conn->capable & FUSE_CAP_ATOMIC_O_TRUNC;
}

static void
op_destroy(void *userdata)
{
	struct mount *m = userdata;

	control_stop(m->control);
	hold_stop(m->hold);
}

static void
op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e;
	struct call c;
	int rc = ENOTDIR;

	if (!call_begin(&c, req))
		return;
	switch (node_kind(parent)) {
	case NODE_IS_ROOT:
	case NODE_IS_TABLE:
		rc = dir_lookup(&c, parent, name, &e);
		break;
	case NODE_IS_RING:
	case NODE_IS_NAMESPACE:
		rc = session_lookup(&c, parent, name, &e);
		break;
	case NODE_IS_CONTROL:
		rc = control_lookup(&c, parent, name, &e);
		break;
	case NODE_IS_SESSION:
	case NODE_IS_STAGED:
		break;
	}
	if (rc != 0)
		call_refuse(&c, rc);
	else
		(void)fuse_reply_entry(req, &e);
	call_end(&c);
}

static int
stat_node(struct call *c, uint64_t node, struct stat *st, double *timeout_s)
{
	if (node_kind(node) == NODE_IS_CONTROL)
		return control_getattr(c, node, st, timeout_s);
	if (node_kind(node) == NODE_IS_SESSION || node_kind(node) == NODE_IS_STAGED) {
		*timeout_s = c->m->attr_s;
		return node_kind(node) == NODE_IS_SESSION ? attr_get(c, node, st) : staged_getattr(c, node, st);
	}
	*timeout_s = attr_fixed_s(c->m, node);
	return attr_of_fixed(c->m, node, st);
}

static void
op_getattr(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct call c;
	struct stat st;
	double timeout_s;
	int rc;

	(void)fi;
	if (!call_begin(&c, req))
		return;
	rc = stat_node(&c, node, &st, &timeout_s);
	if (rc != 0)
		call_refuse(&c, rc);
	else
		(void)fuse_reply_attr(req, &st, timeout_s);
	call_end(&c);
}

/*
 * Of what is neither session nor namespace nothing can be set.  What would change nothing, the
 * truncation of a control file and the times of a directory, which tar and
 * rsync set at the end of a restore, are taken as if they were done.
 */
static bool
changes_permissions(const struct stat *st, const struct stat *want, int to_set)
{
	return ((to_set & FUSE_SET_ATTR_MODE) != 0 && (want->st_mode & 07777) != (st->st_mode & 07777)) ||
	    ((to_set & FUSE_SET_ATTR_UID) != 0 && want->st_uid != st->st_uid) ||
	    ((to_set & FUSE_SET_ATTR_GID) != 0 && want->st_gid != st->st_gid);
}

static void
op_setattr(fuse_req_t req, fuse_ino_t node, struct stat *want, int to_set, struct fuse_file_info *fi)
{
	double timeout_s;
	struct call c;
	struct stat st;
	int rc;

	if (!call_begin(&c, req))
		return;
	if (node_kind(node) == NODE_IS_SESSION) {
		timeout_s = c.m->attr_s;
		rc = attr_set(&c, node, want, to_set, fi, &st);
	} else if (node_kind(node) == NODE_IS_STAGED) {
		timeout_s = c.m->attr_s;
		rc = staged_setattr(&c, node, want, to_set, fi, &st);
	} else {
		rc = stat_node(&c, node, &st, &timeout_s);
		if (rc == 0 && node_kind(node) == NODE_IS_NAMESPACE)
			rc = namespace_setattr(&c, node, want, to_set, &st);
		else if (rc == 0 && changes_permissions(&st, want, to_set))
			rc = EPERM;
	}
	if (rc != 0)
		call_refuse(&c, rc);
	else
		(void)fuse_reply_attr(req, &st, timeout_s);
	call_end(&c);
}

static void
op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct call c;
	int rc;

	if (!call_begin(&c, req))
		return;
	if (!intent_begin(&c, &rc)) {
		rc = node_has_sessions(parent) ? session_unlink(&c, parent, name) : EPERM;
		/* The process before has done it. */
		if (rc == ENOENT && intent_was_begun(&c))
			rc = 0;
		intent_result(&c, rc);
	}
	call_refuse(&c, rc);
	intent_end(&c);
	call_end(&c);
}

static void
op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent, const char *new_name, unsigned int flags)
{
	bool is_ours = node_has_sessions(parent) && node_has_sessions(new_parent);
	struct call c;
	int rc;

	if (!call_begin(&c, req))
		return;
	if (!intent_begin(&c, &rc)) {
		rc = is_ours ? session_rename(&c, parent, name, new_parent, new_name, flags) : EPERM;
		intent_result(&c, rc);
	}
	call_refuse(&c, rc);
	intent_end(&c);
	call_end(&c);
}

/* mknod, symlink, link: there are sessions, and directories. */
static void
op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	(void)parent, (void)name, (void)mode, (void)rdev;
	(void)fuse_reply_err(req, EPERM);
}

/* mkdir and rmdir in the control tree, and of namespaces, in a ring; no other directory is made by hand. */
static void
op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct fuse_entry_param e;
	struct call c;
	int rc;

	if (node_kind(parent) != NODE_IS_CONTROL && node_kind(parent) != NODE_IS_RING) {
		(void)fuse_reply_err(req, EPERM);
		return;
	}
	if (!call_begin(&c, req))
		return;
	if (!intent_begin(&c, &rc))
		rc = node_kind(parent) == NODE_IS_RING ? namespace_mkdir(&c, parent, name, mode, &e) : control_mkdir(&c, parent, name, &e);
	if (rc != 0)
		call_refuse(&c, rc);
	else
		(void)fuse_reply_entry(req, &e);
	intent_end(&c);
	call_end(&c);
}

static void
op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct call c;
	int rc;

	if (node_kind(parent) != NODE_IS_CONTROL && node_kind(parent) != NODE_IS_RING) {
		(void)fuse_reply_err(req, EPERM);
		return;
	}
	if (!call_begin(&c, req))
		return;
	if (!intent_begin(&c, &rc)) {
		rc = node_kind(parent) == NODE_IS_RING ? namespace_rmdir(&c, parent, name) : control_rmdir(&c, parent, name);
		intent_result(&c, rc);
	}
	call_refuse(&c, rc);
	intent_end(&c);
	call_end(&c);
}

static void
op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	(void)target, (void)parent, (void)name;
	(void)fuse_reply_err(req, EPERM);
}

static void
op_link(fuse_req_t req, fuse_ino_t node, fuse_ino_t parent, const char *name)
{
	(void)node, (void)parent, (void)name;
	(void)fuse_reply_err(req, EPERM);
}

static void
op_opendir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct call c;
	int rc;

	if (!call_begin(&c, req))
		return;
	if (intent_begin(&c, &rc)) {
		fi->fh = intent_opened(&c);
	} else {
		rc = dir_open(&c, node, &fi->fh);
		intent_result(&c, rc);
	}
	if (rc != 0)
		call_refuse(&c, rc);
	else if (fuse_reply_open(req, fi) != 0)
		dir_release(&c, node, fi->fh);
	intent_end(&c);
	call_end(&c);
}

static void
op_readdir(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct call c;

	if (!call_begin(&c, req))
		return;
	dir_read(&c, node, fi->fh, size, (uint64_t)off, false);
	call_end(&c);
}

static void
op_readdirplus(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct call c;

	if (!call_begin(&c, req))
		return;
	dir_read(&c, node, fi->fh, size, (uint64_t)off, true);
	call_end(&c);
}

static void
op_releasedir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct call c;

	if (!call_begin(&c, req))
		return;
	dir_release(&c, node, fi->fh);
	(void)fuse_reply_err(req, 0);
	call_end(&c);
}

static void
op_statfs(fuse_req_t req, fuse_ino_t node)
{
	struct statvfs st;
	struct call c;

	if (!call_begin(&c, req))
		return;
	dir_statfs(&c, node, &st);
	(void)fuse_reply_statfs(req, &st);
	call_end(&c);
}

static void
op_access(fuse_req_t req, fuse_ino_t node, int mask)
{
	struct call c;
	struct stat st;
	double timeout_s;
	int rc;

	if (!call_begin(&c, req))
		return;
	rc = stat_node(&c, node, &st, &timeout_s);
	if (rc == 0)
		rc = call_may(&c, (uint32_t)st.st_uid, (uint32_t)st.st_gid, st.st_mode & 0777, mask);
	call_refuse(&c, rc);
	call_end(&c);
}

/* Of a temporary file that has become a session the attributes are the session's. */
static uint64_t
session_of(struct call *c, uint64_t node)
{
	return node_kind(node) == NODE_IS_STAGED ? staged_leads_to(c, node) : node;
}

static void
op_getxattr(fuse_req_t req, fuse_ino_t node, const char *name, size_t size)
{
	struct call c;

	if (!call_begin(&c, req))
		return;
	xattr_get(&c, session_of(&c, node), name, size);
	call_end(&c);
}

static void
op_listxattr(fuse_req_t req, fuse_ino_t node, size_t size)
{
	struct call c;

	if (!call_begin(&c, req))
		return;
	xattr_list(&c, session_of(&c, node), size);
	call_end(&c);
}

static void
op_setxattr(fuse_req_t req, fuse_ino_t node, const char *name, const char *value, size_t size, int flags)
{
	struct call c;

	if (!call_begin(&c, req))
		return;
	xattr_set(&c, session_of(&c, node), name, value, size, flags);
	call_end(&c);
}

static void
op_removexattr(fuse_req_t req, fuse_ino_t node, const char *name)
{
	struct call c;

	if (!call_begin(&c, req))
		return;
	xattr_remove(&c, session_of(&c, node), name);
	call_end(&c);
}

const struct fuse_lowlevel_ops ops_table = {
	.init = op_init,
	.destroy = op_destroy,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.unlink = op_unlink,
	.rename = op_rename,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.rmdir = op_rmdir,
	.symlink = op_symlink,
	.link = op_link,
	.open = opened_open,
	.create = opened_create,
	.read = opened_read,
	.write = opened_write,
	.release = opened_release,
	.poll = opened_poll,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.releasedir = op_releasedir,
	.statfs = op_statfs,
	.access = op_access,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.setxattr = op_setxattr,
	.removexattr = op_removexattr,
};

struct fuse_lowlevel_ops
ops_without_xattrs(void)
{
	struct fuse_lowlevel_ops ops = ops_table;

	ops.getxattr = NULL;
	ops.setxattr = NULL;
	ops.listxattr = NULL;
	ops.removexattr = NULL;
	return ops;
}
