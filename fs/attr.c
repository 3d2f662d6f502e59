/* SPDX-License-Identifier: BSD-2-Clause */
#include "attr.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "file.h"
#include "hold.h"
#include "namespace.h"
#include "node.h"
#include "rights.h"

#define NS_PER_S INT64_C(1000000000)

struct timespec
attr_timespec(int64_t ns)
{
	struct timespec ts;

	ts.tv_sec = (time_t)(ns / NS_PER_S);
	ts.tv_nsec = (long)(ns % NS_PER_S);
	if (ts.tv_nsec < 0) {
		ts.tv_sec--;
		ts.tv_nsec += NS_PER_S;
	}
	return ts;
}

static int64_t
ns_of_timespec(const struct timespec *ts)
{
	int64_t ns;

	if (__builtin_mul_overflow((int64_t)ts->tv_sec, NS_PER_S, &ns) || __builtin_add_overflow(ns, (int64_t)ts->tv_nsec, &ns))
		return ts->tv_sec < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

void
attr_of_session(const struct mount *m, uint64_t node, const struct gs_info *info, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = node;
	st->st_mode = S_IFREG | (info->mode & 07777);
	st->st_nlink = 1;
	st->st_uid = info->uid;
	st->st_gid = info->gid;
	st->st_size = (off_t)info->len;
	st->st_blocks = (blkcnt_t)((info->len + 511) / 512);
	st->st_blksize = (blksize_t)m->tables[node_table(node)].blksize;
	st->st_mtim = attr_timespec(info->mtime_ns);
	/* Accesses are known to the millisecond: a write must not look later than the access that it is. */
	if (info->mtime_ns / 1000000 == (int64_t)info->accessed_ms)
		st->st_atim = st->st_mtim;
	else
		st->st_atim = attr_timespec((int64_t)info->accessed_ms * 1000000);
	st->st_ctim = attr_timespec(info->ctime_ns);
}

void
attr_of_directory(const struct mount *m, uint64_t node, uint32_t mode, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = node;
	st->st_mode = S_IFDIR | mode;
	st->st_nlink = 2;
	st->st_uid = m->uid;
	st->st_gid = m->gid;
	st->st_blksize = 4096;
	st->st_atim = st->st_mtim = st->st_ctim = m->started;
}

int
attr_of_fixed(const struct mount *m, uint64_t node, struct stat *st)
{
	enum node_kind kind = node_kind(node);
	struct gs_ring_info ring;

	if (kind != NODE_IS_ROOT && !mount_has_table(m, node_table(node)))
		return ESTALE;
	if (node_has_sessions(node) && !mount_ring(&m->tables[node_table(node)], node_ring(node), &ring))
		return ENOENT;
	if (kind == NODE_IS_NAMESPACE)
		return namespace_stat(m, node, st);
	/* Names of sessions are credentials: everybody may use one, only operators may list them. */
	attr_of_directory(m, node, kind == NODE_IS_RING ? 0733 : 0755, st);
	return 0;
}

double
attr_fixed_s(const struct mount *m, uint64_t node)
{
	bool stays = node_kind(node) != NODE_IS_NAMESPACE &&
	    (node_kind(node) != NODE_IS_RING || node_ring(node) == m->tables[node_table(node)].innermost);

	if (stays)
		return ATTR_FIXED_S;
	return m->attr_s > 0 ? ATTR_RING_S : 0;
}

void
attr_entry(uint64_t node, const struct stat *st, double timeout_s, struct fuse_entry_param *out)
{
	memset(out, 0, sizeof(*out));
	out->ino = node;
	out->generation = 1;
	out->attr = *st;
	out->attr_timeout = timeout_s;
	out->entry_timeout = timeout_s;
}

int
attr_find(struct call *c, uint64_t node, struct gs_item *item)
{
	struct mount_table *t;
	int rc;

	if (!mount_has_table(c->m, node_table(node)))
		return ESTALE;
	t = &c->m->tables[node_table(node)];
	rc = gs_find(t->gs, node_session_id(node), item);
	if (rc < 0)
		return rc == GS_ENOENT ? ESTALE : mount_errno(c->m, rc);
	return mount_shows(t, node_ring(node), &item->info) ? 0 : ESTALE;
}

/* As attr_find(), or by the handles that are open: has_ended when only they know the session any more. */
static int
find_or_open(struct call *c, uint64_t node, struct gs_item *item, bool *has_ended)
{
	int rc = attr_find(c, node, item);

	*has_ended = false;
	if (rc == ESTALE && files_find(c->m, node, item, has_ended))
		rc = 0;
	return rc;
}

int
attr_get(struct call *c, uint64_t node, struct stat *st)
{
	struct gs_item item;
	bool has_ended;
	int rc;

	rc = find_or_open(c, node, &item, &has_ended);
	if (rc != 0)
		return rc;
	attr_of_session(c->m, node, &item.info, st);
	if (has_ended)
		st->st_nlink = 0;
	return 0;
}

int
attr_may_permit(struct call *c, const struct attr_owner *o, const struct stat *want, int to_set)
{
	if ((to_set & FUSE_SET_ATTR_MODE) != 0 && (want->st_mode & 07777) != o->mode && !call_owns(c, o->uid))
		return EPERM;
	if ((to_set & FUSE_SET_ATTR_UID) != 0 && want->st_uid != o->uid && !c->is_operator)
		return EPERM;
	if ((to_set & FUSE_SET_ATTR_GID) != 0 && want->st_gid != o->gid && !c->is_operator &&
	    (c->uid != o->uid || !call_is_in_group(c, (uint32_t)want->st_gid)))
		return EPERM;
	return 0;
}

/* chmod and chown. */
static int
set_permissions(struct call *c, struct mount_table *t, const struct gs_item *item, const struct stat *want, int to_set)
{
	const struct gs_info *info = &item->info;
	struct gs_attr attr = { .size = sizeof(attr), .uid = info->uid, .gid = info->gid, .mode = info->mode };
	struct gs *gs;
	int rc = attr_may_permit(c, &(struct attr_owner){ info->uid, info->gid, info->mode }, want, to_set);

	if (rc != 0)
		return rc;
	if ((to_set & FUSE_SET_ATTR_MODE) != 0 && (want->st_mode & 07777) != info->mode) {
		attr.mask |= GS_ATTR_MODE;
		attr.mode = want->st_mode & 07777;
	}
	if ((to_set & FUSE_SET_ATTR_UID) != 0 && want->st_uid != info->uid) {
		attr.mask |= GS_ATTR_UID;
		attr.uid = (uint32_t)want->st_uid;
	}
	if ((to_set & FUSE_SET_ATTR_GID) != 0 && want->st_gid != info->gid) {
		attr.mask |= GS_ATTR_GID;
		attr.gid = (uint32_t)want->st_gid;
	}
	if (attr.mask == 0)
		return 0;
	rc = mount_gs_of(t, item->info.ns_id, &gs);
	if (rc != 0)
		return rc;
	rc = gs_setattr(gs, item->key, item->key_len, &attr);
	return rc < 0 ? mount_errno(c->m, rc) : 0;
}

bool
attr_has_explicit(int to_set)
{
	/* With now the kernel sets both bits. */
	return (to_set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW)) == FUSE_SET_ATTR_ATIME ||
	    (to_set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW)) == FUSE_SET_ATTR_MTIME;
}

void
attr_times(const struct stat *want, int to_set, int64_t *mtime_ns, int64_t *atime_ns)
{
	if ((to_set & FUSE_SET_ATTR_MTIME_NOW) != 0)
		*mtime_ns = gs_clock_wall_ns();
	else if ((to_set & FUSE_SET_ATTR_MTIME) != 0)
		*mtime_ns = ns_of_timespec(&want->st_mtim);
	if ((to_set & FUSE_SET_ATTR_ATIME_NOW) != 0)
		*atime_ns = gs_clock_wall_ns();
	else if ((to_set & FUSE_SET_ATTR_ATIME) != 0)
		*atime_ns = ns_of_timespec(&want->st_atim);
}

int
attr_may_time(struct call *c, const struct attr_owner *o, int to_set)
{
	if ((to_set & ATTR_ANY_TIME) == 0 || call_owns(c, o->uid))
		return 0;
	return attr_has_explicit(to_set) ? EPERM : call_may(c, o->uid, o->gid, o->mode, W_OK);
}

/* Explicit times make the session as old as they say. */
static int
set_times(struct call *c, struct mount_table *t, const struct gs_item *item, const struct stat *want, int to_set)
{
	struct gs_attr attr = { .size = sizeof(attr), .mask = GS_ATTR_TIMES };
	struct gs *gs;
	int rc = mount_gs_of(t, item->info.ns_id, &gs);

	if (rc != 0)
		return rc;
	attr.mtime_ns = item->info.mtime_ns;
	attr.atime_ns = (int64_t)item->info.accessed_ms * 1000000;
	attr_times(want, to_set, &attr.mtime_ns, &attr.atime_ns);
	rc = gs_setattr(gs, item->key, item->key_len, &attr);
	return rc < 0 ? mount_errno(c->m, rc) : 0;
}

static int
renew_or_age(struct call *c, uint64_t node, const struct gs_item *item, const struct stat *want, int to_set)
{
	struct mount_table *t = &c->m->tables[node_table(node)];
	bool is_suspect = mount_is_suspect(t, &item->info), is_renewed = false, is_paid = false;
	bool is_now = !attr_has_explicit(to_set) && (to_set & FUSE_SET_ATTR_MTIME_NOW) != 0;
	struct gs *gs;
	int rc = attr_may_time(c, &(struct attr_owner){ item->info.uid, item->info.gid, item->info.mode }, to_set);

	if (rc != 0)
		return rc;
	if (is_suspect || is_now) {
		is_paid = item->info.pace == GS_PACE_TURNS && files_pay_renewal(c->m, node);
		if (!is_paid)
			rc = hold_turn(c, node, item, HOLD_TOUCH, &is_renewed);
	}
	if (rc != 0 || (is_renewed && is_now))
		return rc;
	if (!is_now || is_suspect || is_paid)
		return set_times(c, t, item, want, to_set);
	rc = mount_gs_of(t, item->info.ns_id, &gs);
	if (rc != 0)
		return rc;
	rc = gs_touch(gs, item->key, item->key_len, 0);
	return rc < 0 ? mount_errno(c->m, rc) : 0;
}

static int
resize(struct call *c, uint64_t node, const struct gs_item *item, const struct stat *want, struct fuse_file_info *fi)
{
	struct file *f = fi != NULL ? file_of(c->m, fi->fh) : NULL;
	bool is_counted = false;
	int rc;

	if (fi != NULL)
		return f != NULL && file_node(f) == node ? file_resize(c, f, (uint64_t)want->st_size) : ESTALE;
	rc = call_may(c, item->info.uid, item->info.gid, item->info.mode, W_OK);
	if (rc == 0)
		rc = hold_turn(c, node, item, HOLD_GET, &is_counted);
	return rc != 0 ? rc : file_resize_closed(c, node, item, (uint64_t)want->st_size, is_counted);
}

int
attr_set(struct call *c, uint64_t node, const struct stat *want, int to_set, struct fuse_file_info *fi, struct stat *st)
{
	struct mount_table *t;
	struct gs_item item;
	bool has_ended;
	int rc;

	rc = find_or_open(c, node, &item, &has_ended);
	if (rc != 0)
		return rc;
	/* What is done to a session that has ended while it was open is lost with it. */
	if (has_ended)
		return attr_get(c, node, st);
	t = &c->m->tables[node_table(node)];
	rc = rights_check(c, node_table(node), GS_RIGHT_WORK, "change");
	if (rc == 0 && (to_set & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) != 0)
		rc = set_permissions(c, t, &item, want, to_set);
	if (rc == 0 && (to_set & FUSE_SET_ATTR_SIZE) != 0)
		rc = resize(c, node, &item, want, fi);
	else if (rc == 0 && (to_set & ATTR_ANY_TIME) != 0)
		rc = renew_or_age(c, node, &item, want, to_set);
	if (rc != 0)
		return rc;
	rc = attr_get(c, node, st);
	/* A truncation that waits in the handle for its first write: whoever truncated expects to see it. */
	if (rc == 0 && (to_set & FUSE_SET_ATTR_SIZE) != 0) {
		st->st_size = want->st_size;
		st->st_blocks = (blkcnt_t)((st->st_size + 511) / 512);
	}
	return rc;
}
