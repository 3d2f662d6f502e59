/* SPDX-License-Identifier: BSD-2-Clause */
#include "staged.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#include "attr.h"
#include "control.h"
#include "handles.h"
#include "intent.h"
#include "namespace.h"
#include "node.h"
#include "rights.h"
#include "session_impl.h"
#include "staged_impl.h"
#include "temps.h"

static struct stage_id
id_of(uint64_t node)
{
	return (struct stage_id){ .slot = node_staged_slot(node), .tag = node_staged_tag(node) };
}

static uint64_t
node_of(const struct stage_seen *f)
{
	return node_of_staged(f->dir, f->id.slot, f->id.tag);
}

static void
show(const struct mount *m, const struct stage_seen *f, struct stat *st)
{
	const struct gs_info info = {
		.uid = f->uid, .gid = f->gid, .mode = f->mode, .len = f->size, .mtime_ns = f->mtime_ns, .ctime_ns = f->ctime_ns,
	};

	attr_of_session(m, node_of(f), &info, st);
	st->st_atim = attr_timespec(f->atime_ns);
	st->st_nlink = f->state == STAGE_UNNAMED ? 0 : 1;
}

static void
enter(struct call *c, const struct stage_seen *f, struct fuse_entry_param *out)
{
	struct stat st;

	show(c->m, f, &st);
	attr_entry(node_of(f), &st, c->m->attr_s, out);
}

/* ---- names ---- */

bool
staged_has(struct call *c, uint64_t dir, const char *name)
{
	return stage_find(c->m->staged->stage, dir, name, NULL);
}

bool
staged_lookup(struct call *c, uint64_t dir, const char *name, struct fuse_entry_param *out)
{
	struct stage_seen f;

	if (!stage_find(c->m->staged->stage, dir, name, &f))
		return false;
	enter(c, &f, out);
	return true;
}

/* It is open: all that counts of it, for us and for who follows. */
static void
commit(struct call *c, uint64_t fh, uint64_t node)
{
	struct staged_opening *o = handles_kept(c->m->handles, fh);

	o->node = node;
	intent_opens(c, fh);
	handles_commit(c->m->handles, fh, HANDLE_STAGED);
}

static int
open_file(struct call *c, const struct stage_seen *f, struct fuse_file_info *fi)
{
	int rc = handles_reserve(c->m->handles, &fi->fh);

	if (rc != 0)
		return rc;
	rc = stage_open(c->m->staged->stage, f->id, (fi->flags & O_TRUNC) != 0);
	if (rc == 0)
		commit(c, fi->fh, node_of(f));
	else
		handles_release(c->m->handles, fi->fh);
	return rc;
}

static int
open_seen(struct call *c, const struct stage_seen *f, struct fuse_file_info *fi)
{
	int mask = session_open_mask(fi->flags), rc;

	rc = namespace_may_search(c, node_table(f->dir), node_namespace(f->dir));
	if (rc == 0)
		rc = call_may(c, f->uid, f->gid, f->mode, mask);
	if (rc == 0)
		rc = rights_check(c, node_table(f->dir), (mask & W_OK) != 0 ? GS_RIGHT_WORK : GS_RIGHT_READ, "open");
	return rc != 0 ? rc : open_file(c, f, fi);
}

static int
create_file(struct call *c, uint64_t dir, const char *name, struct stage_seen *f, uint64_t *fh)
{
	int rc = handles_reserve(c->m->handles, fh);

	if (rc != 0)
		return rc;
	rc = stage_create(c->m->staged->stage, dir, name, f);
	if (rc == 0)
		commit(c, *fh, node_of(f));
	else
		handles_release(c->m->handles, *fh);
	return rc;
}

static int
create_new(struct call *c, uint64_t dir, const char *name, uint32_t mode, struct stage_seen *f, uint64_t *fh)
{
	struct session_place p;
	int rc = session_place_of(c, dir, &p);

	if (rc == 0)
		rc = session_may_change(c, &p);
	if (rc == 0)
		rc = rights_check(c, node_table(dir), GS_RIGHT_START, "start");
	if (rc != 0)
		return rc;
	*f = (struct stage_seen){ .uid = c->uid, .gid = c->gid, .mode = mode & 07777 };
	intent_temporary(c, dir, name);
	rc = create_file(c, dir, name, f, fh);
	if (rc == ENOSPC)
		control_tell(c, c->m->tables[node_table(dir)].name, "there are too many temporary files at the mount: they become sessions, or are removed");
	if (rc == 0)
		staged_watch(c->m);
	return rc;
}

int
staged_create(struct call *c, uint64_t dir, const char *name, uint32_t mode, struct fuse_file_info *fi, struct fuse_entry_param *out)
{
	struct stage_seen f;
	int rc;

	do {
		if (!stage_find(c->m->staged->stage, dir, name, &f))
			rc = create_new(c, dir, name, mode, &f, &fi->fh);
		else if (intent_has_started(c))
			/* The process before made it for the same request. */
			rc = open_file(c, &f, fi);
		else
			rc = (fi->flags & O_EXCL) != 0 ? EEXIST : open_seen(c, &f, fi);
		/* Another was faster: with its birth, or with its end. */
	} while ((rc == EEXIST && (fi->flags & O_EXCL) == 0) || rc == ESTALE);
	if (rc == 0)
		enter(c, &f, out);
	return rc;
}

/* As for a session; whether the caller may write in the directory is known. */
static int
check_end(struct call *c, const struct stage_seen *f, uint32_t rights, const char *what)
{
	bool may_end = node_kind(f->dir) == NODE_IS_NAMESPACE || call_owns(c, f->uid);

	return may_end ? rights_check(c, node_table(f->dir), rights, what) : EPERM;
}

int
staged_unlink(struct call *c, uint64_t dir, const char *name)
{
	struct stage_seen f;
	int rc;

	if (!stage_find(c->m->staged->stage, dir, name, &f))
		return ENOENT;
	rc = check_end(c, &f, GS_RIGHT_START | GS_RIGHT_REAP, "end");
	return rc != 0 ? rc : stage_unlink(c->m->staged->stage, dir, name);
}

/* Whether it only gets another temporary name. What is a session there is replaced by one. */
static bool
stays_temporary(struct call *c, const struct session_place *to, const char *new_name)
{
	struct gs_info info;

	return to->info.is_suspect == 0 && session_stat(c, to, new_name, &info) == ENOENT && temps_match(c, new_name) &&
	    !namespace_has(to, new_name);
}

static int
replace_staged(struct call *c, const struct stage_seen *f, uint64_t new_dir, const char *new_name, bool only_new)
{
	struct stage_seen old;

	if (!only_new && stage_find(c->m->staged->stage, new_dir, new_name, &old) && node_kind(new_dir) != NODE_IS_NAMESPACE &&
	    !call_owns(c, old.uid))
		return EPERM;
	return stage_rename(c->m->staged->stage, f->dir, f->name, new_dir, new_name, only_new);
}

int
staged_rename(struct call *c, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name, unsigned flags)
{
	bool only_new = (flags & RENAME_NOREPLACE) != 0;
	struct session_place to;
	struct stage_seen f;
	int rc;

	if (!stage_find(c->m->staged->stage, dir, name, &f))
		return ENOENT;
	rc = check_end(c, &f, GS_RIGHT_START, "move");
	if (rc == 0)
		rc = session_place_of(c, new_dir, &to);
	if (rc == 0 && node_table(dir) != node_table(new_dir))
		rc = EXDEV;
	if (rc == 0)
		rc = temps_learn(c);
	if (rc == 0 && stays_temporary(c, &to, new_name))
		return replace_staged(c, &f, new_dir, new_name, only_new);
	return rc != 0 ? rc : staged_publish(c, f.id, new_dir, new_name, flags);
}

bool
staged_was_renamed(struct call *c, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name)
{
	return stage_was_renamed(c->m->staged->stage, dir, name, new_dir, new_name);
}

bool
staged_next(struct call *c, uint64_t dir, uint32_t *slot, char *name, struct stat *st)
{
	struct stage_seen f;

	if (!stage_next(c->m->staged->stage, dir, slot, &f))
		return false;
	memcpy(name, f.name, sizeof(f.name));
	show(c->m, &f, st);
	return true;
}

/* ---- after a takeover ---- */

bool
staged_is_new(struct mount *m, uint64_t dir, const char *name, uint32_t uid, int64_t since_ns)
{
	struct stage_seen f;

	return stage_find(m->staged->stage, dir, name, &f) && f.uid == uid && f.size == 0 && f.n_open == 0 && f.ctime_ns >= since_ns;
}

bool
staged_reaches(struct mount *m, uint64_t node, uint64_t end)
{
	struct stage_seen f;

	return stage_see(m->staged->stage, id_of(node), &f) != 0 || f.size >= end;
}

/* ---- files ---- */

static int
see(struct call *c, uint64_t node, struct stage_seen *f)
{
	return mount_has_table(c->m, node_table(node)) ? stage_see(c->m->staged->stage, id_of(node), f) : ESTALE;
}

uint64_t
staged_opened(const struct mount *m, uint64_t fh)
{
	const struct staged_opening *o = handles_kept(m->handles, fh);

	return handles_kind(m->handles, fh) == HANDLE_STAGED ? o->node : 0;
}

/* Of an opening: the handle of the session, if it was one already; 0: it was not. */
static uint64_t
session_handle(const struct call *c, uint64_t fh)
{
	return handles_kind(c->m->handles, fh) == HANDLE_SESSION ? fh : 0;
}

static uint64_t
session_node(uint64_t node, const struct stage_seen *f)
{
	return f->state == STAGE_PUBLISHED ? node_of_session(node_table(f->dir), node_ring(f->dir), f->session) : node;
}

uint64_t
staged_leads_to(struct call *c, uint64_t node)
{
	struct stage_seen f;

	return see(c, node, &f) == 0 ? session_node(node, &f) : node;
}

int
staged_getattr(struct call *c, uint64_t node, struct stat *st)
{
	struct stage_seen f;
	int rc = see(c, node, &f);

	if (rc != 0 || (f.state == STAGE_UNNAMED && f.n_open == 0))
		return ESTALE;
	if (f.state == STAGE_PUBLISHED)
		return attr_get(c, session_node(node, &f), st);
	show(c->m, &f, st);
	return 0;
}

static int
may_set(struct call *c, const struct stage_seen *f, const struct stat *want, int to_set)
{
	int rc = rights_check(c, node_table(f->dir), GS_RIGHT_WORK, "change");

	if (rc == 0)
		rc = attr_may_permit(c, &(struct attr_owner){ f->uid, f->gid, f->mode }, want, to_set);
	if (rc == 0)
		rc = attr_may_time(c, &(struct attr_owner){ f->uid, f->gid, f->mode }, to_set);
	return rc;
}

static void
apply_set(struct stage_seen *f, const struct stat *want, int to_set)
{
	if ((to_set & FUSE_SET_ATTR_MODE) != 0)
		f->mode = want->st_mode & 07777;
	if ((to_set & FUSE_SET_ATTR_UID) != 0)
		f->uid = (uint32_t)want->st_uid;
	if ((to_set & FUSE_SET_ATTR_GID) != 0)
		f->gid = (uint32_t)want->st_gid;
	attr_times(want, to_set, &f->mtime_ns, &f->atime_ns);
	if ((to_set & ATTR_ANY_TIME) != 0)
		f->is_by_hand = attr_has_explicit(to_set);
}

/* The size of one that is no session yet. */
static int
resize(struct call *c, uint64_t node, const struct stage_seen *f, uint64_t size, bool is_open)
{
	int rc = is_open ? 0 : call_may(c, f->uid, f->gid, f->mode, W_OK);

	if (rc == 0)
		rc = stage_resize(c->m->staged->stage, f->id, size, c->m->tables[node_table(node)].record_size);
	return rc == 0 ? 0 : staged_refuse(c, node, rc, size);
}

int
staged_setattr(struct call *c, uint64_t node, const struct stat *want, int to_set, const struct fuse_file_info *fi, struct stat *st)
{
	struct fuse_file_info own = { .fh = fi == NULL ? 0 : session_handle(c, fi->fh) };
	bool is_open = fi != NULL;
	struct stage_seen f;
	int rc = see(c, node, &f);

	if (rc != 0)
		return rc;
	if (f.state == STAGE_PUBLISHED) {
		is_open = is_open && (own.fh != 0 || staged_handle(c, node, &own.fh) == 0);
		return attr_set(c, session_node(node, &f), want, to_set, is_open ? &own : NULL, st);
	}
	rc = may_set(c, &f, want, to_set);
	if (rc == 0 && (to_set & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID | ATTR_ANY_TIME)) != 0) {
		apply_set(&f, want, to_set);
		rc = stage_set(c->m->staged->stage, f.id, &f);
	}
	if (rc == 0 && (to_set & FUSE_SET_ATTR_SIZE) != 0)
		rc = resize(c, node, &f, (uint64_t)want->st_size, is_open);
	/* It has become a session meanwhile. */
	if (rc == ESTALE)
		return staged_setattr(c, node, want, to_set, fi, st);
	return rc != 0 ? rc : staged_getattr(c, node, st);
}

/* Was this thread told a moment ago to look the name up? If not, it is now. */
static bool
was_sent_back(struct staged *s, int32_t pid)
{
	enum { MOMENT_MS = 100 };
	uint64_t mine = (uint64_t)(uint32_t)pid << 32, now = (uint32_t)gs_clock_mono_ms(), was;

	/* relaxed; whoever shares the place is at worst sent back once more */
	was = atomic_exchange_explicit(&s->sent_back[(uint32_t)pid % STAGED_SENT_BACK], mine | now, memory_order_relaxed);
	return was >> 32 == mine >> 32 && (uint32_t)(now - was) < MOMENT_MS;
}

int
staged_open(struct call *c, uint64_t node, struct fuse_file_info *fi)
{
	struct stage_seen f;
	int rc = see(c, node, &f);

	if (rc == 0 && f.state == STAGE_UNNAMED)
		rc = ESTALE;
	if (rc != 0)
		return rc;
	if (f.state == STAGE_NAMED)
		return open_seen(c, &f, fi);
	/*
	 * The session is to be opened by its own number, so that all who lock it lock one file: the kernel looks the name up
	 * once more when it is sent back, but only once.  Who only reads gets a handle of the session here, and so does who
	 * comes again, as a name that is replaced all the time may have another number by then.
	 */
	if ((fi->flags & O_ACCMODE) != O_RDONLY && !was_sent_back(c->m->staged, c->pid))
		return ESTALE;
	return session_open(c, session_node(node, &f), fi);
}

void
staged_release(struct call *c, uint64_t node, uint64_t fh)
{
	uint64_t handle = fh;
	struct file *f;

	if (staged_opened(c->m, fh) != 0) {
		/* From here on it is closed, also for who follows us. */
		handles_release(c->m->handles, fh);
		stage_close(c->m->staged->stage, id_of(node), &handle);
	}
	f = file_of(c->m, handle);
	if (f != NULL)
		file_release(c, f);
}

void
staged_read(struct call *c, uint64_t node, uint64_t fh, uint64_t offset, size_t size)
{
	size_t room = size < STAGE_FILE_BYTES ? size : STAGE_FILE_BYTES, n;
	uint64_t handle = session_handle(c, fh);
	char *buf = handle != 0 ? NULL : malloc(room + 1);
	int rc = handle != 0 ? 0 : ENOMEM;
	struct file *f;

	if (buf != NULL) {
		rc = stage_read(c->m->staged->stage, id_of(node), offset, buf, room, &n);
		if (rc == 0)
			(void)fuse_reply_buf(c->req, buf, n);
		else if (rc == ESTALE)
			rc = staged_handle(c, node, &handle);
	}
	f = file_of(c->m, handle);
	if (rc == 0 && handle != 0 && f == NULL)
		rc = ESTALE;
	if (rc == 0 && f != NULL)
		file_read(c, f, offset, size);
	if (rc != 0)
		call_refuse(c, rc);
	free(buf);
}

int
staged_write(struct call *c, uint64_t node, const struct fuse_file_info *fi, const void *data, size_t len, uint64_t offset)
{
	uint64_t most = c->m->tables[node_table(node)].record_size, handle = session_handle(c, fi->fh);
	bool is_append = (fi->flags & O_APPEND) != 0;
	struct stage_seen seen;
	struct file *f;
	int rc = ESTALE;

	if (!mount_has_table(c->m, node_table(node)))
		return ESTALE;
	if (handle == 0 && is_append && stage_see(c->m->staged->stage, id_of(node), &seen) == 0)
		intent_append(c, node, seen.size + len);
	if (handle == 0)
		rc = stage_write(c->m->staged->stage, id_of(node), data, len, offset, is_append, most);
	/* Not of this memory. */
	if (rc == ESTALE && handle == 0 && stage_see(c->m->staged->stage, id_of(node), &seen) != 0)
		return ESTALE;
	if (rc == ESTALE && handle == 0 && staged_handle(c, node, &handle) == ESTALE)
		return 0;	/* its session has ended: what is written is lost with it */
	if (rc == ESTALE && handle == 0)
		return ENOMEM;
	f = file_of(c->m, handle);
	if (rc == ESTALE)
		return f == NULL ? ESTALE : file_write(c, f, data, len, offset, is_append);
	return rc == 0 ? 0 : staged_refuse(c, node, rc, offset + len);
}
