/* SPDX-License-Identifier: BSD-2-Clause */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "file_impl.h"
#include "intent.h"
#include "node.h"

enum { CHAINS = 256, STRIPES = 64 };

struct files {
	pthread_mutex_t lock;		/* guards: the chains; rank 1 */
	struct file *chain[CHAINS];	/* by the node that each was opened as, which stays */
	struct file *of_id[CHAINS];	/* by the session's id, which a rename changes */
	uint64_t n;
	pthread_mutex_t stripes[STRIPES];	/* of sessions by their ids, see files_lock_session() */
};

struct files *
files_new(void)
{
	struct files *fs = calloc(1, sizeof(*fs));

	if (fs == NULL)
		return NULL;
	(void)pthread_mutex_init(&fs->lock, NULL);
	for (int i = 0; i < STRIPES; i++)
		(void)pthread_mutex_init(&fs->stripes[i], NULL);
	return fs;
}

void
files_free(struct files **fs)
{
	if (*fs == NULL)
		return;
	for (int i = 0; i < STRIPES; i++)
		(void)pthread_mutex_destroy(&(*fs)->stripes[i]);
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

void
files_lock_session(struct files *fs, uint64_t id)
{
	pthread_mutex_lock(&fs->stripes[id % STRIPES]);
}

void
files_unlock_session(struct files *fs, uint64_t id)
{
	pthread_mutex_unlock(&fs->stripes[id % STRIPES]);
}

static struct file **
chain_of(struct files *fs, uint64_t node)
{
	/* Without the ring: a session is one, whatever it was opened through. */
	uint64_t h = (node & ((UINT64_C(1) << 61) - 1)) * UINT64_C(0x9e3779b97f4a7c15);

	return &fs->chain[h >> 56];
}

static struct file **
chain_of_id(struct files *fs, uint64_t id)
{
	return &fs->of_id[id * UINT64_C(0x9e3779b97f4a7c15) >> 56];
}

static void
add_to_id_locked(struct files *fs, struct file *f)
{
	struct file **head = chain_of_id(fs, f->k->id);

	f->next_of_id = *head;
	f->prev_of_id = head;
	if (f->next_of_id != NULL)
		f->next_of_id->prev_of_id = &f->next_of_id;
	*head = f;
}

static void
remove_from_id_locked(struct file *f)
{
	*f->prev_of_id = f->next_of_id;
	if (f->next_of_id != NULL)
		f->next_of_id->prev_of_id = f->prev_of_id;
}

static void
list_add(struct files *fs, struct file *f)
{
	struct file **head = chain_of(fs, f->k->node);

	pthread_mutex_lock(&fs->lock);
	f->next = *head;
	f->prev = head;
	if (f->next != NULL)
		f->next->prev = &f->next;
	*head = f;
	add_to_id_locked(fs, f);
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
	remove_from_id_locked(f);
	fs->n--;
	pthread_mutex_unlock(&fs->lock);
}

/* Read the value into the handle; peeks unless counts. What was read before stays when the session has ended. */
static int
fetch_locked(struct call *c, struct file *f, bool counts)
{
	uint64_t snap = f->k->snap;
	uint32_t place = file_has(snap) && file_place(snap) == FILE_SNAP ? FILE_SNAP_TOO : FILE_SNAP;
	size_t room = f->table->record_size < HANDLE_VALUE_BYTES ? f->table->record_size : HANDLE_VALUE_BYTES;
	struct gs_info info;
	ssize_t n;

	if (f->k->has_ended)
		return file_has(snap) ? 0 : ESTALE;
	n = counts ? gs_get(mount_gs(f->table, f->k->info.ns_id), f->k->key, f->k->key_len, f->values[place], room, &info) : GS_EQUARANTINE;
	/* Whoever has a suspect open goes on. */
	if (n == GS_EQUARANTINE)
		n = gs_peek(mount_gs(f->table, f->k->info.ns_id), f->k->key, f->k->key_len, f->values[place], room, &info);
	f->k->has_ended = n == GS_ENOENT || (n >= 0 && info.id != f->k->id);
	if (f->k->has_ended)
		return file_has(snap) ? 0 : ESTALE;
	if (n < 0)
		return mount_errno(c->m, (int)n);
	/* Release: who follows us finds the bytes. */
	atomic_store_explicit(&f->k->snap, file_value(place, (size_t)n), memory_order_release);
	f->k->info = info;
	f->k->is_counted |= counts;
	return 0;
}

/* fn for every handle that is open on a session, with its lock held. */
static void
each_of_session(struct mount *m, uint32_t table, uint64_t id, void (*fn)(struct mount *m, struct file *f, const void *arg),
    const void *arg)
{
	struct file *f, *next;

	pthread_mutex_lock(&m->files->lock);
	for (f = *chain_of_id(m->files, id); f != NULL; f = next) {
		next = f->next_of_id;
		pthread_mutex_lock(&f->lock);
		if (node_table(f->k->node) == table && f->k->id == id && !f->k->has_ended) {
			fn(m, f, arg);
			if (f->k->id != id) {
				remove_from_id_locked(f);
				add_to_id_locked(m->files, f);
			}
		}
		pthread_mutex_unlock(&f->lock);
	}
	pthread_mutex_unlock(&m->files->lock);
}

static void
keep_value(struct mount *m, struct file *f, const void *arg)
{
	struct call c = { .m = m };

	(void)arg;
	if (!file_has(f->k->snap))
		(void)fetch_locked(&c, f, false);
}

static void
mark_ended(struct mount *m, struct file *f, const void *arg)
{
	const uint64_t *version = arg;

	(void)m;
	/* Who has seen a later one opened it after it was replaced, and is at the new one; so is who came just before that, and for whom nothing was kept. */
	if (file_has(f->k->snap) && f->k->info.version <= *version)
		f->k->has_ended = true;
}

struct new_name {
	const char *key;
	uint64_t ns;
};

static void
follow_key(struct mount *m, struct file *f, const void *arg)
{
	const struct new_name *to = arg;
	struct gs_info info;

	(void)m;
	f->k->key_len = strlen(to->key);
	memcpy(f->k->key, to->key, f->k->key_len + 1);
	f->k->info.ns_id = to->ns;
	if (gs_stat(mount_gs(f->table, f->k->info.ns_id), f->k->key, f->k->key_len, &info) < 0) {
		f->k->has_ended = true;
		return;
	}
	f->k->id = info.id;
	f->k->info = info;
	f->k->undo_version = f->k->undo_version == 0 ? 0 : info.version;
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
files_follow(struct mount *m, uint32_t table, uint64_t id, uint64_t ns, const char *to)
{
	each_of_session(m, table, id, follow_key, &(struct new_name){ to, ns });
}

bool
files_find(struct mount *m, uint64_t node, struct gs_item *item, bool *has_ended)
{
	struct file *f;
	bool is_open = false;

	pthread_mutex_lock(&m->files->lock);
	for (f = *chain_of(m->files, node); f != NULL && !is_open; f = f->next) {
		if (node_table(f->k->node) != node_table(node) || node_session_id(f->k->node) != node_session_id(node))
			continue;
		pthread_mutex_lock(&f->lock);
		*has_ended = gs_find(f->table->gs, f->k->id, item) < 0;
		if (*has_ended) {
			item->info = f->k->info;
			if (file_has(f->k->snap))
				item->info.len = file_len(f->k->snap);
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
		if (f->k->node != node)
			continue;
		pthread_mutex_lock(&f->lock);
		is_paid = f->k->may_renew;
		f->k->may_renew = false;
		pthread_mutex_unlock(&f->lock);
	}
	pthread_mutex_unlock(&m->files->lock);
	return is_paid;
}

/* A file of what is kept of it. */
static void
file_init(struct call *c, struct file *f, struct file_kept *k, uint64_t fh)
{
	memset(f, 0, sizeof(*f));
	(void)pthread_mutex_init(&f->lock, NULL);
	f->k = k;
	f->fh = fh;
	f->table = &c->m->tables[node_table(k->node)];
	for (uint32_t i = 0; i < HANDLE_VALUES && fh != 0; i++)
		f->values[i] = handles_value(c->m->handles, fh, i);
}

static void
kept_init(struct call *c, struct file_kept *k, uint64_t node, const struct gs_item *item)
{
	memset(k, 0, sizeof(*k));
	k->node = node;
	k->is_innermost = node_ring(node) == c->m->tables[node_table(node)].innermost;
	k->id = item->info.id;
	k->info = item->info;
	k->key_len = item->key_len;
	memcpy(k->key, item->key, item->key_len);
}

/* Of a number whose kept part is written. NULL: out of memory. */
static struct file *
file_new(struct call *c, uint64_t fh)
{
	struct file *f = malloc(sizeof(*f));

	if (f == NULL)
		return NULL;
	file_init(c, f, handles_kept(c->m->handles, fh), fh);
	handles_set_local(c->m->handles, fh, f);
	list_add(c->m->files, f);
	return f;
}

int
file_open(struct call *c, uint64_t *fh, uint64_t node, const struct gs_item *item, int flags, enum file_birth how)
{
	struct file_kept *k;
	int rc = handles_reserve(c->m->handles, fh);

	if (rc != 0)
		return rc;
	k = handles_kept(c->m->handles, *fh);
	kept_init(c, k, node, item);
	k->is_quiet = (flags & O_NOATIME) != 0;
	k->is_staged = (flags & O_TRUNC) != 0 && how != FILE_CREATED;
	k->is_counted = k->may_renew = how != FILE_FOUND;
	if (how == FILE_CREATED && (flags & (O_TRUNC | O_EXCL)) != 0) {
		/* Whoever writes a file anew and is refused later goes back to the emptiness of the start. */
		k->undo = file_value(FILE_UNDO, 0);
		k->undo_version = item->info.version;
	}
	if (file_new(c, *fh) == NULL) {
		handles_release(c->m->handles, *fh);
		return ENOMEM;
	}
	intent_opens(c, *fh);
	handles_commit(c->m->handles, *fh, HANDLE_SESSION);
	return 0;
}

uint64_t
file_node(const struct file *f)
{
	return f->k->node;
}

struct file *
file_of(const struct mount *m, uint64_t fh)
{
	return handles_kind(m->handles, fh) == HANDLE_SESSION ? handles_local(m->handles, fh) : NULL;
}

static bool
is_value(uint64_t value)
{
	return !file_has(value) || (file_place(value) < HANDLE_VALUES && file_len(value) <= HANDLE_VALUE_BYTES);
}

/* Can it be what a file keeps? Whoever kept it may have crashed. */
static bool
is_sound(const struct file_kept *k)
{
	return node_kind(k->node) == NODE_IS_SESSION && k->key_len <= GS_KEY_BYTES && memchr(k->key, '\0', sizeof(k->key)) != NULL &&
	    is_value(k->snap) && is_value(k->undo) && k->info.ns_id < MOUNT_NAMESPACES;
}

int
files_adopt(struct mount *m)
{
	struct call c = { .m = m };
	struct file_kept *k;
	struct file *f;
	uint32_t i = 0;
	uint64_t fh;

	while ((fh = handles_next(m->handles, &i)) != 0) {
		if (handles_kind(m->handles, fh) != HANDLE_SESSION)
			continue;
		k = handles_kept(m->handles, fh);
		if (!is_sound(k) || !mount_has_table(m, node_table(k->node))) {
			handles_release(m->handles, fh);
			continue;
		}
		f = file_new(&c, fh);
		if (f == NULL)
			return GS_ENOMEM;
		/* Taking back was begun. */
		if (k->refused != 0 && file_has(k->undo))
			file_take_back_locked(f, k->refused);
	}
	return 0;
}

static void
free_local(void *local)
{
	struct file *f = local;

	(void)pthread_mutex_destroy(&f->lock);
	free(f);
}

void
files_let_go(struct mount *m)
{
	handles_let_go(m->handles, HANDLE_SESSION, free_local);
}

void
file_release(struct call *c, struct file *f)
{
	const struct file_edit empty = { .is_resize = true };

	list_remove(c->m->files, f);
	pthread_mutex_lock(&f->lock);
	if (f->k->is_staged)
		(void)file_publish_locked(c, f, &empty);
	pthread_mutex_unlock(&f->lock);
	handles_release(c->m->handles, f->fh);
	free_local(f);
}

void
file_read(struct call *c, struct file *f, uint64_t offset, size_t size)
{
	size_t len = 0, n = 0;
	int rc = 0;

	pthread_mutex_lock(&f->lock);
	if (!f->k->is_staged) {
		if (!file_has(f->k->snap) || offset == 0)
			rc = fetch_locked(c, f, f->k->is_innermost && !f->k->is_quiet && !f->k->is_counted);
		if (rc == 0)
			len = file_len(f->k->snap);
		if (offset < len)
			n = len - (size_t)offset < size ? len - (size_t)offset : size;
	}
	if (rc == 0) {
		call_reply_unlock(c, n != 0 ? (const char *)f->values[file_place(f->k->snap)] + offset : NULL, n, &f->lock);
		return;
	}
	call_refuse(c, rc);
	pthread_mutex_unlock(&f->lock);
}

int
file_write(struct call *c, struct file *f, const void *data, size_t len, uint64_t offset, bool is_append)
{
	const struct file_edit e = { .data = data, .len = len, .offset = offset, .is_append = is_append };
	int rc;

	pthread_mutex_lock(&f->lock);
	rc = f->k->refused != 0 ? f->k->refused : file_publish_locked(c, f, &e);
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
		f->k->is_staged = true;
		f->k->refused = 0;
	} else {
		rc = f->k->refused != 0 ? f->k->refused : file_publish_locked(c, f, &e);
	}
	pthread_mutex_unlock(&f->lock);
	return rc;
}

int
file_resize_closed(struct call *c, uint64_t node, const struct gs_item *item, uint64_t size, bool is_counted)
{
	const struct file_edit e = { .offset = size, .is_resize = true };
	struct file_kept k;
	struct file f;
	int rc;

	kept_init(c, &k, node, item);
	k.is_counted = is_counted;
	file_init(c, &f, &k, 0);
	pthread_mutex_lock(&f.lock);
	rc = file_publish_locked(c, &f, &e);
	pthread_mutex_unlock(&f.lock);
	(void)pthread_mutex_destroy(&f.lock);
	return rc;
}
