/* SPDX-License-Identifier: BSD-2-Clause */
#include "dir.h"

#include <linux/fuse.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attr.h"
#include "control.h"
#include "handles.h"
#include "intent.h"
#include "node.h"
#include "rights.h"
#include "staged.h"
#include "transport.h"

enum { SCAN_ITEMS = 64 };	/* few enough to stay in the processor's nearest cache until they are in the answer */

/* The answer while it is being made. */
struct page {
	struct call *c;
	char *buf;
	size_t used, cap;
	bool is_plus;
};

/* Add a name; its offset is where a later request goes on behind it. False when the page is full. */
static bool
page_add(struct page *p, const char *name, const struct stat *st, double timeout_s, uint64_t offset)
{
	struct fuse_entry_param e;
	size_t need, room = p->cap - p->used;

	if (p->is_plus) {
		attr_entry(st->st_ino, st, timeout_s, &e);
		need = fuse_add_direntry_plus(p->c->req, p->buf + p->used, room, name, &e, (off_t)offset);
	} else {
		need = fuse_add_direntry(p->c->req, p->buf + p->used, room, name, st, (off_t)offset);
	}
	if (need > room)
		return false;
	p->used += need;
	return true;
}

/* `.` and `..`, offsets 1 and 2. */
static bool
page_add_dots(struct page *p, uint64_t node, uint64_t offset)
{
	struct stat st;

	attr_of_directory(p->c->m, node, 0755, &st);
	if (offset < 1 && !page_add(p, ".", &st, 0, 1))
		return false;
	if (node_kind(node) == NODE_IS_NAMESPACE)
		st.st_ino = node_of_ring(node_table(node), node_ring(node));
	else if (node != NODE_ROOT)
		st.st_ino = node_kind(node) == NODE_IS_RING ? node_of_table(node_table(node)) : NODE_ROOT;
	return offset >= 2 || page_add(p, "..", &st, 0, 2);
}

/* A program may put what no file can be called. */
static bool
is_file_name(const struct gs_item *item)
{
	const char *key = item->key;

	if (memchr(key, '/', item->key_len) != NULL || memchr(key, '\0', item->key_len) != NULL)
		return false;
	return key[0] != '.' || (item->key_len != 1 && (item->key_len != 2 || key[1] != '.'));
}

static bool
page_add_session(struct page *p, const struct gs_item *item, uint64_t id)
{
	struct stat st;

	attr_of_session(p->c->m, id, &item->info, &st);
	return page_add(p, item->key_buf, &st, p->c->m->attr_s, node_cookie(id));
}

/* The same of its name only, as fuse_add_direntry() would, which counts its length again. Places in a page are 8-aligned. */
static bool
page_add_key(struct page *p, const struct gs_item *item, uint64_t id)
{
	size_t need = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + item->key_len);
	struct fuse_dirent *e = (void *)(p->buf + p->used);

	if (need > p->cap - p->used)
		return false;
	/* The last word first, which the name may not fill. */
	((uint64_t *)(void *)e)[need / sizeof(uint64_t) - 1] = 0;
	e->ino = id;
	e->off = node_cookie(id);
	e->namelen = (uint32_t)item->key_len;
	e->type = S_IFREG >> 12;
	memcpy(e->name, item->key_buf, item->key_len);
	p->used += need;
	return true;
}

static bool
page_add_sessions(struct page *p, uint64_t node, const struct gs_item *items, size_t n)
{
	uint64_t id;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!is_file_name(&items[i]))
			continue;
		id = node_of_session(node_table(node), node_ring(node), items[i].info.id);
		if (!(p->is_plus ? page_add_session(p, &items[i], id) : page_add_key(p, &items[i], id)))
			return false;
	}
	return true;
}

/* Namespaces come behind all sessions, by their numbers. */
static bool
page_add_namespaces(struct page *p, uint64_t node, uint64_t offset)
{
	struct mount_table *t = &p->c->m->tables[node_table(node)];
	struct gs_namespace_info all[MOUNT_NAMESPACES];
	int n = gs_namespaces(t->gs, all, MOUNT_NAMESPACES);
	struct stat st;

	for (int i = 0; i < n && i < MOUNT_NAMESPACES; i++) {
		uint64_t child = node_of_namespace(node_table(node), node_ring(node), all[i].id);

		/* It may have gone meanwhile. */
		if (node_cookie(child) <= offset || attr_of_fixed(p->c->m, child, &st) != 0)
			continue;
		if (!page_add(p, all[i].name, &st, attr_fixed_s(p->c->m, child), node_cookie(child)))
			return false;
	}
	return true;
}

/* Temporary files come behind these, by their places. */
static bool
page_add_staged(struct page *p, uint64_t node, uint64_t offset)
{
	uint32_t slot = offset > NODE_STAGED ? (uint32_t)(offset - NODE_STAGED) : 0;
	char name[STAGE_NAME_BYTES];
	struct stat st;

	while (staged_next(p->c, node, &slot, name, &st))
		if (!page_add(p, name, &st, p->c->m->attr_s, NODE_STAGED + slot))
			return false;
	return true;
}

/* How many sessions to look at next: no more than may find room, but one, so that a full page is seen to be full. */
static size_t
page_most(const struct page *p)
{
	size_t most = (p->cap - p->used) / (p->is_plus ? sizeof(struct fuse_direntplus) : sizeof(struct fuse_dirent)) + 1;

	return most < SCAN_ITEMS ? most : SCAN_ITEMS;
}

static int
read_ring(struct page *p, uint64_t node, uint64_t offset)
{
	struct mount_table *t = &p->c->m->tables[node_table(node)];
	struct gs_item items[SCAN_ITEMS];
	struct gs_ring_info ring;
	uint64_t cursor;
	struct gs *gs;
	size_t most;
	ssize_t n;
	int rc;

	/* Rings may be others since the directory was opened. */
	if (!mount_ring(t, node_ring(node), &ring))
		return ESTALE;
	rc = mount_gs_of(t, node_namespace(node), &gs);
	if (rc != 0)
		return rc == ENOENT ? ESTALE : rc;
	if (!page_add_dots(p, node, offset))
		return 0;
	/* offset is the last entry's ordinal + 3, or 2 before the first; the cursor is the next ordinal. */
	cursor = offset > 2 ? offset - 2 : 0;
	/* Of few sessions that lie far apart it is a look at all of the index. */
	transport_leave();
	while (offset < NODE_FIXED) {
		most = page_most(p);
		n = p->is_plus ? gs_scan(gs, ring.name, &cursor, items, most) : gs_scan_keys(gs, ring.name, &cursor, items, most);
		if (n < 0)
			return mount_errno(p->c->m, (int)n);
		if (n == 0)
			break;
		if (!page_add_sessions(p, node, items, (size_t)n))
			return 0;
	}
	if (node_kind(node) == NODE_IS_NAMESPACE || offset >= NODE_STAGED || page_add_namespaces(p, node, offset))
		(void)page_add_staged(p, node, offset);
	return 0;
}

static void
read_list(struct page *p, uint64_t node, const struct dir *d, uint64_t offset)
{
	const struct dir_entry *e;
	uint64_t i;

	if (!page_add_dots(p, node, offset))
		return;
	for (i = offset > 2 ? offset - 2 : 0; i < d->n; i++) {
		e = &d->entries[i];
		if (!page_add(p, e->name, &e->st, e->timeout_s, i + 3))
			return;
	}
}

int
dir_add(struct dir *d, const char *name, const struct stat *st, double timeout_s)
{
	size_t len = strlen(name), room = d->room == 0 ? 16 : 2 * d->room;
	struct dir_entry *e;

	if (len >= DIR_NAME_BYTES)
		return 0;
	if (d->n == d->room) {
		e = reallocarray(d->entries, room, sizeof(*e));
		if (e == NULL)
			return ENOMEM;
		d->entries = e;
		d->room = room;
	}
	e = &d->entries[d->n++];
	memcpy(e->name, name, len + 1);
	e->st = *st;
	e->timeout_s = timeout_s;
	return 0;
}

static int
add_fixed(const struct mount *m, struct dir *d, const char *name, uint64_t node)
{
	struct stat st;
	int rc = attr_of_fixed(m, node, &st);

	return rc != 0 ? rc : dir_add(d, name, &st, attr_fixed_s(m, node));
}

static int
list_fixed(const struct mount *m, uint64_t node, struct dir *d)
{
	struct gs_ring_info rings[MOUNT_RINGS];
	struct stat st;
	uint32_t i, n;
	int rc = 0;

	if (node == NODE_ROOT) {
		for (i = 0; rc == 0 && i < m->n_tables; i++)
			rc = !mount_has_table(m, i) ? 0 : add_fixed(m, d, m->tables[i].name, node_of_table(i));
		control_root(m, &st);
		return rc != 0 ? rc : dir_add(d, "control", &st, ATTR_FIXED_S);
	}
	if (!mount_has_table(m, node_table(node)))
		return ESTALE;
	n = mount_rings(&m->tables[node_table(node)], rings);
	for (i = 0; rc == 0 && i < n; i++) {
		rc = add_fixed(m, d, rings[i].name, node_of_ring(node_table(node), rings[i].id));
		if (rc == ENOENT)
			rc = 0;		/* has gone since */
	}
	return rc;
}

static void
list_free(struct dir *d)
{
	if (d == NULL)
		return;
	free(d->entries);
	free(d);
}

static int
list_new(struct call *c, uint64_t node, struct dir **out)
{
	struct dir *d = calloc(1, sizeof(*d));
	int rc;

	if (d == NULL)
		return ENOMEM;
	rc = node_kind(node) == NODE_IS_CONTROL ? control_list(c, node, d) : list_fixed(c->m, node, d);
	if (rc == 0)
		*out = d;
	else
		list_free(d);
	return rc;
}

int
dir_open(struct call *c, uint64_t node, uint64_t *fh)
{
	struct dir *d = NULL;
	struct stat st;
	int rc;

	*fh = 0;
	if (node_kind(node) != NODE_IS_CONTROL) {
		rc = attr_of_fixed(c->m, node, &st);
		if (rc == 0)
			rc = call_may(c, (uint32_t)st.st_uid, (uint32_t)st.st_gid, st.st_mode & 0777, R_OK);
		if (rc == 0 && node_kind(node) == NODE_IS_NAMESPACE)
			rc = rights_check(c, node_table(node), GS_RIGHT_READ, "list");
		if (rc != 0 || node_has_sessions(node))
			return rc;
	}
	rc = list_new(c, node, &d);
	if (rc != 0)
		return rc;
	rc = handles_reserve(c->m->handles, fh);
	if (rc != 0) {
		list_free(d);
		return rc;
	}
	memcpy(handles_kept(c->m->handles, *fh), &node, sizeof(node));
	handles_set_local(c->m->handles, *fh, d);
	intent_opens(c, *fh);
	handles_commit(c->m->handles, *fh, HANDLE_DIRECTORY);
	return 0;
}

static bool
is_open_as(const struct call *c, uint64_t node, uint64_t fh)
{
	return handles_kind(c->m->handles, fh) == HANDLE_DIRECTORY && memcmp(handles_kept(c->m->handles, fh), &node, sizeof(node)) == 0;
}

void
dir_release(struct call *c, uint64_t node, uint64_t fh)
{
	if (!is_open_as(c, node, fh))
		return;
	list_free(handles_local(c->m->handles, fh));
	handles_release(c->m->handles, fh);
}

static void
free_local(void *local)
{
	list_free(local);
}

void
dirs_let_go(struct mount *m)
{
	handles_let_go(m->handles, HANDLE_DIRECTORY, free_local);
}

/* The list that was made when it was opened, or, by another process, now. */
static int
list_of(struct call *c, uint64_t node, uint64_t fh, struct dir **out)
{
	int rc = 0;

	if (!is_open_as(c, node, fh))
		return ESTALE;
	*out = handles_local(c->m->handles, fh);
	if (*out == NULL)
		rc = list_new(c, node, out);
	if (rc == 0)
		handles_set_local(c->m->handles, fh, *out);
	return rc;
}

void
dir_read(struct call *c, uint64_t node, uint64_t fh, size_t size, uint64_t offset, bool is_plus)
{
	struct page p = { .c = c, .cap = size, .is_plus = is_plus };
	struct dir *d;
	int rc;

	p.buf = malloc(size);
	if (p.buf == NULL) {
		(void)fuse_reply_err(c->req, ENOMEM);
		return;
	}
	if (node_has_sessions(node)) {
		rc = read_ring(&p, node, offset);
	} else {
		rc = list_of(c, node, fh, &d);
		if (rc == 0)
			read_list(&p, node, d, offset);
	}
	if (rc != 0)
		call_refuse(c, rc);
	else
		(void)fuse_reply_buf(c->req, p.buf, p.used);
	free(p.buf);
}

int
dir_lookup(struct call *c, uint64_t parent, const char *name, struct fuse_entry_param *out)
{
	struct stat st;
	uint64_t node;
	int i, rc;

	if (parent == NODE_ROOT && strcmp(name, "control") == 0) {
		control_root(c->m, &st);
		attr_entry(st.st_ino, &st, ATTR_FIXED_S, out);
		return 0;
	}
	if (parent == NODE_ROOT) {
		i = mount_find_table(c->m, name);
		node = node_of_table((uint32_t)i);
	} else if (mount_has_table(c->m, node_table(parent))) {
		i = mount_find_ring(&c->m->tables[node_table(parent)], name);
		node = node_of_ring(node_table(parent), (uint32_t)i);
	} else {
		return ESTALE;
	}
	if (i < 0)
		return ENOENT;
	rc = attr_of_fixed(c->m, node, &st);
	if (rc == 0)
		attr_entry(node, &st, attr_fixed_s(c->m, node), out);
	return rc;
}

void
dir_statfs(struct call *c, uint64_t node, struct statvfs *out)
{
	struct gs_ring_info rings[MOUNT_RINGS];
	const struct mount_table *t;
	uint64_t blocks, free_sessions;
	uint32_t i, i_ring, n;

	memset(out, 0, sizeof(*out));
	out->f_bsize = out->f_frsize = 512;
	out->f_namemax = GS_KEY_BYTES;
	for (i = 0; i < c->m->n_tables; i++) {
		t = &c->m->tables[i];
		blocks = (t->record_size + 511) / 512;
		n = mount_rings(t, rings);
		for (i_ring = 0; i_ring < n; i_ring++) {
			if (node_has_sessions(node) && (node_table(node) != i || node_ring(node) != rings[i_ring].id))
				continue;
			free_sessions = rings[i_ring].capacity > rings[i_ring].count ? rings[i_ring].capacity - rings[i_ring].count : 0;
			out->f_files += rings[i_ring].capacity;
			out->f_ffree += free_sessions;
			out->f_blocks += rings[i_ring].capacity * blocks;
			out->f_bfree += free_sessions * blocks;
		}
	}
	out->f_favail = out->f_ffree;
	out->f_bavail = out->f_bfree;
}
