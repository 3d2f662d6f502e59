/* SPDX-License-Identifier: BSD-2-Clause */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "file_impl.h"
#include "node.h"

enum { CHAINS = 256 };

struct files {
	pthread_mutex_t lock;		/* guards: the chains; rank 1 */
	struct file *chain[CHAINS];
	uint64_t n;
};

struct files *
files_new(void)
{
	struct files *fs = calloc(1, sizeof(*fs));

	if (fs != NULL)
		(void)pthread_mutex_init(&fs->lock, NULL);
	return fs;
}

void
files_free(struct files **fs)
{
	if (*fs == NULL)
		return;
	(void)pthread_mutex_destroy(&(*fs)->lock);
	free(*fs);
	*fs = NULL;
}

uint64_t
files_count(struct files *fs)
{
	uint64_t n;

	pthread_mutex_lock(&fs->lock);
	n = fs->n;
	pthread_mutex_unlock(&fs->lock);
	return n;
}

static struct file **
chain_of(struct files *fs, uint64_t node)
{
	/* Without the ring: a session is one, whatever it was opened through. */
	uint64_t h = (node & ((UINT64_C(1) << 61) - 1)) * UINT64_C(0x9e3779b97f4a7c15);

	return &fs->chain[h >> 56];
}

static void
list_add(struct files *fs, struct file *f)
{
	struct file **head = chain_of(fs, f->node);

	pthread_mutex_lock(&fs->lock);
	f->next = *head;
	f->prev = head;
	if (f->next != NULL)
		f->next->prev = &f->next;
	*head = f;
	fs->n++;
	pthread_mutex_unlock(&fs->lock);
}

static void
list_remove(struct files *fs, struct file *f)
{
	pthread_mutex_lock(&fs->lock);
	*f->prev = f->next;
	if (f->next != NULL)
		f->next->prev = f->prev;
	fs->n--;
	pthread_mutex_unlock(&fs->lock);
}

/* Read the value into the handle; peeks unless counts. What was read before stays when the session has ended. */
static int
fetch_locked(struct call *c, struct file *f, bool counts)
{
	size_t room = f->table->record_size;
	struct gs_info info;
	unsigned char *buf;
	ssize_t n;

	if (f->has_ended)
		return f->snap != NULL ? 0 : ESTALE;
	buf = malloc(room);
	if (buf == NULL)
		return ENOMEM;
	n = counts ? gs_get(f->table->gs, f->key, f->key_len, buf, room, &info) : GS_EQUARANTINE;
	/* Whoever has a suspect open goes on. */
	if (n == GS_EQUARANTINE)
		n = gs_peek(f->table->gs, f->key, f->key_len, buf, room, &info);
	f->has_ended = n == GS_ENOENT || (n >= 0 && info.id != f->id);
	if (n < 0 || f->has_ended) {
		free(buf);
		if (f->has_ended)
			return f->snap != NULL ? 0 : ESTALE;
		return mount_errno(c->m, (int)n);
	}
	free(f->snap);
	f->snap = buf;
	f->snap_len = (size_t)n;
	f->info = info;
	f->is_counted |= counts;
	return 0;
}

/* fn for every handle that is open on a session, with its lock held. */
static void
each_of_session(struct mount *m, uint32_t table, uint64_t id, void (*fn)(struct mount *m, struct file *f, const void *arg),
    const void *arg)
{
	struct file *f;
	int i;

	pthread_mutex_lock(&m->files->lock);
	for (i = 0; i < CHAINS; i++)
		for (f = m->files->chain[i]; f != NULL; f = f->next) {
			pthread_mutex_lock(&f->lock);
			if (node_table(f->node) == table && f->id == id && !f->has_ended)
				fn(m, f, arg);
			pthread_mutex_unlock(&f->lock);
		}
	pthread_mutex_unlock(&m->files->lock);
}

static void
keep_value(struct mount *m, struct file *f, const void *arg)
{
	struct call c = { .m = m };

	(void)arg;
	if (f->snap == NULL)
		(void)fetch_locked(&c, f, false);
}

static void
mark_ended(struct mount *m, struct file *f, const void *arg)
{
	const uint64_t *version = arg;

	(void)m;
	/* Who has seen a later one opened it after it was replaced, and is at the new one; so is who came just before that, and for whom nothing was kept. */
	if (f->snap != NULL && f->info.version <= *version)
		f->has_ended = true;
}

static void
follow_key(struct mount *m, struct file *f, const void *arg)
{
	const char *to = arg;
	struct gs_info info;

	(void)m;
	f->key_len = strlen(to);
	memcpy(f->key, to, f->key_len + 1);
	if (gs_stat(f->table->gs, f->key, f->key_len, &info) < 0) {
		f->has_ended = true;
		return;
	}
	f->id = info.id;
	f->info = info;
	f->undo_version = f->undo_version == 0 ? 0 : info.version;
}

void
files_keep(struct mount *m, uint32_t table, uint64_t id)
{
	each_of_session(m, table, id, keep_value, NULL);
}

void
files_end(struct mount *m, uint32_t table, uint64_t id, uint64_t version)
{
	each_of_session(m, table, id, mark_ended, &version);
}

void
files_follow(struct mount *m, uint32_t table, uint64_t id, const char *to)
{
	each_of_session(m, table, id, follow_key, to);
}

bool
files_find(struct mount *m, uint64_t node, struct gs_item *item, bool *has_ended)
{
	struct file *f;
	bool is_open = false;

	pthread_mutex_lock(&m->files->lock);
	for (f = *chain_of(m->files, node); f != NULL && !is_open; f = f->next) {
		if (node_table(f->node) != node_table(node) || node_session_id(f->node) != node_session_id(node))
			continue;
		pthread_mutex_lock(&f->lock);
		*has_ended = gs_find(f->table->gs, f->id, item) < 0;
		if (*has_ended) {
			item->info = f->info;
			if (f->snap != NULL)
				item->info.len = f->snap_len;
		}
		is_open = true;
		pthread_mutex_unlock(&f->lock);
	}
	pthread_mutex_unlock(&m->files->lock);
	return is_open;
}

bool
files_pay_renewal(struct mount *m, uint64_t node)
{
	struct file *f;
	bool is_paid = false;

	pthread_mutex_lock(&m->files->lock);
	for (f = *chain_of(m->files, node); f != NULL && !is_paid; f = f->next) {
		if (f->node != node)
			continue;
		pthread_mutex_lock(&f->lock);
		is_paid = f->may_renew;
		f->may_renew = false;
		pthread_mutex_unlock(&f->lock);
	}
	pthread_mutex_unlock(&m->files->lock);
	return is_paid;
}

static void
file_init(struct call *c, struct file *f, uint64_t node, const struct gs_item *item)
{
	memset(f, 0, sizeof(*f));
	(void)pthread_mutex_init(&f->lock, NULL);
	f->node = node;
	f->table = &c->m->tables[node_table(node)];
	f->is_innermost = node_ring(node) == f->table->innermost;
	f->id = item->info.id;
	f->info = item->info;
	f->key_len = item->key_len;
	memcpy(f->key, item->key, item->key_len);
}

static void
file_fini(struct file *f)
{
	free(f->snap);
	free(f->undo);
	(void)pthread_mutex_destroy(&f->lock);
}

int
file_open(struct call *c, struct file **out, uint64_t node, const struct gs_item *item, int flags, enum file_birth how)
{
	struct file *f = malloc(sizeof(*f));

	if (f == NULL)
		return ENOMEM;
	file_init(c, f, node, item);
	f->is_quiet = (flags & O_NOATIME) != 0;
	f->is_staged = (flags & O_TRUNC) != 0 && how != FILE_CREATED;
	f->is_counted = f->may_renew = how != FILE_FOUND;
	if (how == FILE_CREATED && (flags & (O_TRUNC | O_EXCL)) != 0) {
		/* Whoever writes a file anew and is refused later goes back to the emptiness of the start. */
		f->undo = malloc(1);
		f->undo_version = item->info.version;
		if (f->undo == NULL) {
			file_fini(f);
			free(f);
			return ENOMEM;
		}
	}
	list_add(c->m->files, f);
	*out = f;
	return 0;
}

void
file_release(struct call *c, struct file *f)
{
	const struct file_edit empty = { .is_resize = true };

	list_remove(c->m->files, f);
	pthread_mutex_lock(&f->lock);
	if (f->is_staged)
		(void)file_publish_locked(c, f, &empty);
	pthread_mutex_unlock(&f->lock);
	file_fini(f);
	free(f);
}

void
file_read(struct call *c, struct file *f, uint64_t offset, size_t size)
{
	size_t n = 0;
	int rc = 0;

	pthread_mutex_lock(&f->lock);
	if (!f->is_staged) {
		if (f->snap == NULL || offset == 0)
			rc = fetch_locked(c, f, f->is_innermost && !f->is_quiet && !f->is_counted);
		if (rc == 0 && offset < f->snap_len)
			n = f->snap_len - (size_t)offset < size ? f->snap_len - (size_t)offset : size;
	}
	if (rc != 0)
		(void)fuse_reply_err(c->req, rc);
	else
		(void)fuse_reply_buf(c->req, n != 0 ? (const char *)f->snap + offset : NULL, n);
	pthread_mutex_unlock(&f->lock);
}

int
file_write(struct call *c, struct file *f, const void *data, size_t len, uint64_t offset, bool is_append)
{
	const struct file_edit e = { .data = data, .len = len, .offset = offset, .is_append = is_append };
	int rc;

	pthread_mutex_lock(&f->lock);
	rc = f->refused != 0 ? f->refused : file_publish_locked(c, f, &e);
	pthread_mutex_unlock(&f->lock);
	return rc;
}

int
file_resize(struct call *c, struct file *f, uint64_t size)
{
	const struct file_edit e = { .offset = size, .is_resize = true };
	int rc = 0;

	pthread_mutex_lock(&f->lock);
	if (size == 0) {
		f->is_staged = true;
		f->refused = 0;
	} else {
		rc = f->refused != 0 ? f->refused : file_publish_locked(c, f, &e);
	}
	pthread_mutex_unlock(&f->lock);
	return rc;
}

int
file_resize_closed(struct call *c, uint64_t node, const struct gs_item *item, uint64_t size, bool is_counted)
{
	const struct file_edit e = { .offset = size, .is_resize = true };
	struct file f;
	int rc;

	file_init(c, &f, node, item);
	f.is_counted = is_counted;
	pthread_mutex_lock(&f.lock);
	rc = file_publish_locked(c, &f, &e);
	pthread_mutex_unlock(&f.lock);
	file_fini(&f);
	return rc;
}
