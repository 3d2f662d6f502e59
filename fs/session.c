/* SPDX-License-Identifier: BSD-2-Clause */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attr.h"
#include "control.h"
#include "file.h"
#include "hold.h"
#include "intent.h"
#include "namespace.h"
#include "node.h"
#include "rights.h"
#include "session_impl.h"
#include "staged.h"
#include "temps.h"

static int
enter_namespace(const struct call *c, struct session_place *p, uint64_t id)
{
	if (gs_find_namespace(p->t->gs, NULL, id, &p->ns) < 0)
		return ENOENT;
	return call_may(c, p->ns.uid, p->ns.gid, p->ns.mode, X_OK) != 0 ? EACCES : mount_gs_of(p->t, id, &p->gs);
}

int
session_place_of(struct call *c, uint64_t parent, struct session_place *p)
{
	p->dir = parent;
	p->table = node_table(parent);
	p->ring = node_ring(parent);
	if (!mount_has_table(c->m, p->table))
		return ESTALE;
	p->t = &c->m->tables[p->table];
	p->ns.id = 0;
	p->gs = p->t->gs;
	if (!mount_ring(p->t, p->ring, &p->info))
		return ENOENT;
	return node_kind(parent) == NODE_IS_NAMESPACE ? enter_namespace(c, p, node_namespace(parent)) : 0;
}

int
session_may_change(const struct call *c, const struct session_place *p)
{
	return p->ns.id == 0 ? 0 : call_may(c, p->ns.uid, p->ns.gid, p->ns.mode, W_OK | X_OK);
}

bool
session_may_end(const struct call *c, const struct session_place *p, uint32_t uid)
{
	return p->ns.id != 0 || call_owns(c, uid);
}

/* The kernel lets longer names through. */
static int
check_name(const char *name)
{
	return strlen(name) > GS_KEY_BYTES ? ENAMETOOLONG : 0;
}

int
session_stat(struct call *c, const struct session_place *p, const char *name, struct gs_info *info)
{
	int rc = check_name(name);

	if (rc != 0)
		return rc;
	rc = gs_stat(p->gs, name, strlen(name), info);
	return rc < 0 ? mount_errno(c->m, rc) : 0;
}

/* ... as seen through the place's ring. */
static int
find_name(struct call *c, const struct session_place *p, const char *name, struct gs_info *info)
{
	int rc = session_stat(c, p, name, info);

	if (rc == 0 && !mount_shows(p->t, p->ring, info))
		rc = ENOENT;
	return rc;
}

static void
enter(struct call *c, const struct session_place *p, const struct gs_info *info, struct fuse_entry_param *out)
{
	uint64_t node = node_of_session(p->table, p->ring, info->id);
	struct stat st;

	attr_of_session(c->m, node, info, &st);
	attr_entry(node, &st, c->m->attr_s, out);
}

int
session_lookup(struct call *c, uint64_t parent, const char *name, struct fuse_entry_param *out)
{
	struct gs_info info;
	struct session_place p;
	int rc;

	rc = session_place_of(c, parent, &p);
	if (rc == 0 && staged_lookup(c, parent, name, out))
		return 0;
	if (rc == 0)
		rc = find_name(c, &p, name, &info);
	if (rc == ENOENT && node_kind(parent) == NODE_IS_RING)
		return namespace_lookup(c, parent, name, out);
	if (rc == 0)
		enter(c, &p, &info, out);
	return rc;
}

int
session_open_mask(int flags)
{
	int mask = (flags & O_TRUNC) != 0 ? W_OK : 0;

	if ((flags & O_ACCMODE) == O_RDONLY)
		return mask | R_OK;
	return (flags & O_ACCMODE) == O_WRONLY ? mask | W_OK : mask | R_OK | W_OK;
}

/* Of a session that asks too fast the open is the access. A peek is none, and is refused only what a suspect is. */
static int
take_turn(struct call *c, uint64_t node, const struct gs_item *item, int flags, enum file_birth *how)
{
	bool is_innermost = node_ring(node) == c->m->tables[node_table(node)].innermost, is_made = false;
	int rc;

	/* Never ENOENT, which makes applications begin a new session. */
	if ((flags & O_NOATIME) != 0)
		return is_innermost && item->info.pace == GS_PACE_HELD ? mount_errno(c->m, GS_EQUARANTINE) : 0;
	rc = hold_turn(c, node, item, HOLD_GET, &is_made);
	if (is_made)
		*how = FILE_TURN;
	return rc;
}

static int
open_item(struct call *c, uint64_t node, const struct gs_item *item, struct fuse_file_info *fi)
{
	enum file_birth how = FILE_FOUND;
	int rc;

	rc = namespace_may_search(c, node_table(node), item->info.ns_id);
	if (rc == 0)
		rc = call_may(c, item->info.uid, item->info.gid, item->info.mode, session_open_mask(fi->flags));
	if (rc == 0)
		rc = rights_check(c, node_table(node), (session_open_mask(fi->flags) & W_OK) != 0 ? GS_RIGHT_WORK : GS_RIGHT_READ, "open");
	if (rc == 0)
		rc = take_turn(c, node, item, fi->flags, &how);
	if (rc == 0)
		rc = file_open(c, &fi->fh, node, item, fi->flags, how);
	return rc;
}

int
session_open(struct call *c, uint64_t node, struct fuse_file_info *fi)
{
	struct gs_item item;
	int rc;

	rc = attr_find(c, node, &item);
	return rc != 0 ? rc : open_item(c, node, &item, fi);
}

void
session_item(struct gs_item *item, const char *name, const struct gs_info *info)
{
	memset(item, 0, sizeof(*item));
	item->key_len = strlen(name);
	memcpy(item->key_buf, name, item->key_len);
	item->key = item->key_buf;
	item->info = *info;
}

/* O_CREAT of a name that is there. ENOENT: it ended meanwhile. */
static int
open_existing(struct call *c, const struct session_place *p, const char *name, struct fuse_file_info *fi, struct fuse_entry_param *out)
{
	struct gs_info info;
	struct gs_item item;
	int rc;

	rc = session_stat(c, p, name, &info);
	if (rc != 0)
		return rc;
	if (!mount_shows(p->t, p->ring, &info))
		return mount_is_suspect(p->t, &info) ? mount_errno(c->m, GS_EQUARANTINE) : EEXIST;
	if ((fi->flags & O_EXCL) != 0)
		return EEXIST;
	session_item(&item, name, &info);
	rc = open_item(c, node_of_session(p->table, p->ring, info.id), &item, fi);
	if (rc == 0)
		enter(c, p, &info, out);
	return rc;
}

static int
start_session(struct call *c, const struct session_place *p, const char *name, uint32_t mode, struct gs_info *info)
{
	struct gs_put_options opt = {
		.size = sizeof(opt), .flags = GS_ONLY_NEW | GS_SET_PERM, .uid = c->uid, .gid = c->gid, .mode = mode & 07777,
		.ring = p->info.name, .info = info,
	};

	return gs_put(p->gs, name, strlen(name), "", 0, &opt);
}

int
session_begin_start(struct call *c, const struct session_place *p, const char *name)
{
	struct gs_info info;

	if (gs_become_starter(p->gs, 0) == 0 || session_stat(c, p, name, &info) != ENOENT)
		return 0;
	return control_become_starter(c, p->gs);
}

/* A file of that name is none of the store's: there is one, or no session has the name and it is a temporary one. */
static bool
is_temporary(struct call *c, const struct session_place *p, const char *name)
{
	struct gs_info info;

	if (staged_has(c, p->dir, name))
		return true;
	return p->info.is_suspect == 0 && temps_match(c, name) && session_stat(c, p, name, &info) == ENOENT && !namespace_has(p, name);
}

/* The process before may have started it for the same request. */
static int
begin_session(struct call *c, const struct session_place *p, const char *name, uint32_t mode, struct gs_info *info)
{
	if (intent_has_started(c) && gs_stat(p->gs, name, strlen(name), info) == 0)
		return 0;
	intent_start(c, p->table, p->ns.id, name, mode);
	return start_session(c, p, name, mode, info);
}

int
session_create(struct call *c, uint64_t parent, const char *name, uint32_t mode, struct fuse_file_info *fi, struct fuse_entry_param *out)
{
	struct gs_info info;
	struct gs_item item;
	struct session_place p;
	int rc, tries;

	rc = session_place_of(c, parent, &p);
	if (rc == 0)
		rc = check_name(name);
	if (rc == 0)
		rc = temps_learn(c);
	if (rc == 0 && is_temporary(c, &p, name))
		return staged_create(c, parent, name, mode, fi, out);
	if (rc == 0 && session_may_change(c, &p) != 0) {
		rc = open_existing(c, &p, name, fi, out);
		return rc == ENOENT ? EACCES : rc;
	}
	if (rc == 0 && rights_have(c, p.table, GS_RIGHT_START) != 0) {
		/* What is there he may open, if it is no more than that. */
		rc = open_existing(c, &p, name, fi, out);
		return rc == ENOENT ? rights_check(c, p.table, GS_RIGHT_START, "start") : rc;
	}
	if (rc == 0)
		rc = session_begin_start(c, &p, name);
	if (rc != 0)
		return rc;
	/* Between being there and being opened it may end: begin again. */
	for (tries = 0; tries < 100; tries++) {
		rc = begin_session(c, &p, name, mode, &info);
		if (rc != GS_EEXIST && rc != GS_EQUARANTINE)
			break;
		rc = open_existing(c, &p, name, fi, out);
		if (rc != ENOENT)
			return rc;
	}
	if (rc < 0)
		return mount_errno(c->m, rc);
	if (tries == 100)
		return rc;
	session_item(&item, name, &info);
	rc = file_open(c, &fi->fh, node_of_session(p.table, p.ring, info.id), &item, fi->flags, FILE_CREATED);
	if (rc != 0)
		return rc;
	enter(c, &p, &info, out);
	return 0;
}

int
session_unlink(struct call *c, uint64_t parent, const char *name)
{
	struct gs_info info;
	struct session_place p;
	int rc;

	rc = session_place_of(c, parent, &p);
	if (rc == 0)
		rc = session_may_change(c, &p);
	if (rc == 0 && staged_has(c, parent, name))
		return staged_unlink(c, parent, name);
	if (rc == 0)
		rc = find_name(c, &p, name, &info);
	if (rc != 0)
		return rc;
	if (!session_may_end(c, &p, info.uid))
		return EPERM;
	rc = rights_check(c, p.table, GS_RIGHT_START | GS_RIGHT_REAP, "end");
	if (rc != 0)
		return rc;
	files_keep(c->m, p.table, info.id);
	intent_removal(c, p.table, p.ns.id, name, info.id);
	rc = gs_del(p.gs, name, strlen(name), 0);
	return rc < 0 ? mount_errno(c->m, rc) : 0;
}

int
session_check_target(struct call *c, const struct session_place *to, const char *name, unsigned flags, struct gs_info *info)
{
	int rc = session_stat(c, to, name, info);

	if (rc == ENOENT) {
		info->id = UINT64_MAX;
		info->version = 0;
		return 0;
	}
	if (rc != 0)
		return rc;
	if (mount_is_suspect(to->t, info) && to->info.is_suspect == 0)
		return mount_errno(c->m, GS_EQUARANTINE);
	if (!mount_shows(to->t, to->ring, info) || (flags & RENAME_NOREPLACE) != 0)
		return EEXIST;
	return session_may_end(c, to, info->uid) ? 0 : EPERM;
}

static int
rename_key(struct call *c, const struct session_place *from, const char *name, const struct session_place *to, const char *new_name, unsigned flags)
{
	const char *ring = from->ring == to->ring ? NULL : to->info.name;
	struct gs_info was, replaced;
	int rc;

	rc = find_name(c, from, name, &was);
	if (rc == 0)
		rc = session_check_target(c, to, new_name, flags, &replaced);
	if (rc != 0)
		return rc;
	files_keep(c->m, to->table, replaced.id);
	intent_rename(c, &(struct intent_rename){ .table = from->table, .ring = to->ring, .ns = from->ns.id, .to_ns = to->ns.id,
	    .key = name, .to = new_name, .id = was.id,
	    .replaced = replaced.id, .replaced_version = replaced.version });
	rc = gs_rename_into(from->gs, name, strlen(name), to->gs, new_name, strlen(new_name), ring,
	    (flags & RENAME_NOREPLACE) != 0 ? GS_ONLY_NEW : 0);
	if (rc < 0)
		return mount_errno(c->m, rc);
	if (replaced.id != was.id)
		files_end(c->m, to->table, replaced.id, replaced.version);
	files_follow(c->m, from->table, was.id, to->ns.id, new_name);
	return 0;
}

int
session_rename(struct call *c, uint64_t parent, const char *name, uint64_t new_parent, const char *new_name, unsigned flags)
{
	/* Of the same key, to another ring. */
	bool is_move = strcmp(name, new_name) == 0 && node_namespace(parent) == node_namespace(new_parent);
	struct session_place from, to;
	struct gs_info info;
	int rc;

	if ((flags & ~(unsigned)RENAME_NOREPLACE) != 0)
		return EINVAL;
	rc = session_place_of(c, parent, &from);
	if (rc == 0)
		rc = session_place_of(c, new_parent, &to);
	if (rc == 0)
		rc = check_name(new_name);
	if (rc == 0)
		rc = session_may_change(c, &from);
	if (rc == 0)
		rc = session_may_change(c, &to);
	if (rc == 0 && staged_has(c, parent, name))
		return staged_rename(c, parent, name, new_parent, new_name, flags);
	/* A namespace is in every ring, and keeps its name. */
	if (rc == 0 && namespace_has(&from, name))
		return EPERM;
	if (rc == 0)
		rc = find_name(c, &from, name, &info);
	if (rc == ENOENT && staged_was_renamed(c, parent, name, new_parent, new_name))
		return 0;
	if (rc == 0 && !session_may_end(c, &from, info.uid))
		rc = EPERM;
	if (rc == 0)
		rc = rights_check(c, from.table, GS_RIGHT_START | (is_move ? GS_RIGHT_REAP : 0), "move");
	if (rc == 0 && from.table != to.table)
		rc = EXDEV;
	if (rc == 0 && !is_move)
		rc = control_become_starter(c, from.gs);
	if (rc != 0)
		return rc;
	/* What has been a session stays one, also under a temporary name. */
	if (staged_has(c, new_parent, new_name))
		rc = (flags & RENAME_NOREPLACE) != 0 ? EEXIST : staged_unlink(c, new_parent, new_name);
	if (rc != 0)
		return rc;
	if (!is_move)
		return rename_key(c, &from, name, &to, new_name, flags);
	intent_rename(c, &(struct intent_rename){ .table = from.table, .ring = to.ring, .ns = from.ns.id, .to_ns = to.ns.id, .key = name,
	    .to = name, .id = info.id });
	rc = gs_move(from.gs, name, strlen(name), to.info.name);
	return rc < 0 ? mount_errno(c->m, rc) : 0;
}
