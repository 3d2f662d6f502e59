/* SPDX-License-Identifier: BSD-2-Clause */
#include "intent.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/siphash.h"
#include "file_impl.h"
#include "handles.h"
#include "kept.h"
#include "staged.h"
#include "transport.h"

enum {
	LAYOUT = 2,
	INTENTS = 256,
	OLD = 8,			/* takeovers after which one that nobody asked for is forgotten, when many are left */
	SLACK_NS = 20000000,		/* what the store's clock is behind */
};

enum what { NOTHING, VALUE, START, TEMPORARY, APPEND, REMOVAL, RENAME };

/* BEGUN, then STORED where a value is, then DONE; or STARTED, a session by a process that has died. */
enum state { BEGUN, STORED, STARTED, DONE };

/* Kept. */
struct intent {
	_Atomic uint64_t unique;	/* of the request; 0: free */
	_Atomic uint32_t what;		/* enum what; stored after what belongs to it */
	_Atomic uint32_t state;
	int32_t result;			/* of DONE: 0 or an errno */
	uint32_t era;			/* after so many takeovers it was begun */
	_Atomic uint64_t fh;		/* what it opens */
	uint64_t handle;		/* of a value: whose; 0: none */
	uint64_t dir;			/* of a temporary file: that of its directory; of an append to one: its own number */
	uint64_t id, version, len, hash, replaced, replaced_version;
	uint64_t stored;		/* of STORED: the version that it made */
	int64_t begun_ns;		/* wall clock */
	uint64_t ns, to_ns;		/* namespaces of key and to */
	uint32_t table, ring, uid, gid, mode;
	bool is_append, is_move, counts;
	char key[GS_KEY_BYTES + 1], to[GS_KEY_BYTES + 1];
};

struct memory {
	uint32_t era;
	struct intent of[INTENTS];
};

struct intents {
	struct kept kept;
	struct memory *mem;
	_Atomic uint32_t n_threads;
};

/* Where the thread looks first for a free one; 0: it has not looked yet. */
static _Thread_local uint32_t hint;

static bool
is_sound(const struct memory *mem)
{
	for (const struct intent *it = mem->of; it < mem->of + INTENTS; it++)
		if (it->what > RENAME || it->state > DONE || memchr(it->key, '\0', sizeof(it->key)) == NULL ||
		    memchr(it->to, '\0', sizeof(it->to)) == NULL)
			return false;
	return true;
}

struct intents *
intents_new(void)
{
	struct intents *in = calloc(1, sizeof(*in));

	if (in == NULL)
		return NULL;
	if (kept_open(&in->kept, "intents", LAYOUT, sizeof(*in->mem)) < 0 || (!is_sound(in->kept.base) && kept_refuse(&in->kept) < 0)) {
		free(in);
		return NULL;
	}
	in->mem = in->kept.base;
	return in;
}

void
intents_free(struct intents **in)
{
	if (*in == NULL)
		return;
	kept_close(&(*in)->kept);
	free(*in);
	*in = NULL;
}

/* ---- a request ---- */

static struct intent *
find(struct memory *mem, uint64_t unique)
{
	for (uint32_t i = 0; i < INTENTS; i++)
		if (mem->of[i].unique == unique)
			return &mem->of[i];
	return NULL;
}

/* A free one for a request. NULL: none is left. */
static struct intent *
take(struct intents *in, uint64_t unique)
{
	struct intent *it;
	uint64_t nobody;

	if (hint == 0)
		hint = 1 + atomic_fetch_add(&in->n_threads, 1);
	for (uint32_t i = 0; i < INTENTS; i++) {
		it = &in->mem->of[(hint + i) % INTENTS];
		nobody = 0;
		if (it->unique != 0)
			continue;
		it->era = in->mem->era;
		if (atomic_compare_exchange_strong(&it->unique, &nobody, unique)) {
			hint += i;
			return it;
		}
	}
	return NULL;
}

bool
intent_begin(struct call *c, int *rc)
{
	struct intents *in = c->m->intents;
	uint64_t unique = transport_unique();

	if (!kept_is_supervised())
		return false;
	if (transport_is_again())
		c->intent = find(in->mem, unique);
	if (c->intent != NULL && c->intent->state == DONE) {
		*rc = c->intent->result;
		return true;
	}
	if (c->intent != NULL) {
		c->was_begun = true;
		return false;
	}
	c->intent = take(in, unique);
	return false;
}

bool
intent_was_begun(const struct call *c)
{
	return c->was_begun;
}

bool
intent_has_started(const struct call *c)
{
	return c->was_begun && c->intent->state == STARTED;
}

void
intent_result(struct call *c, int rc)
{
	if (c->intent == NULL || rc == CALL_LATER)
		return;
	c->intent->result = rc;
	/* Release: who finds it done finds the result. */
	atomic_store_explicit(&c->intent->state, DONE, memory_order_release);
}

/* Free ones have no what, no state and no handle. */
static void
release(struct intent *it)
{
	it->what = NOTHING;
	it->state = BEGUN;
	it->fh = 0;
	atomic_store_explicit(&it->unique, 0, memory_order_release);
}

void
intent_end(struct call *c)
{
	struct intent *it = c->intent;

	c->intent = NULL;
	if (it != NULL)
		release(it);
}

void
intent_put_off(struct call *c)
{
	if (c->was_begun)
		c->intent = NULL;
	else
		intent_end(c);
}

void
intent_opens(struct call *c, uint64_t fh)
{
	if (c->intent != NULL)
		c->intent->fh = fh;
}

uint64_t
intent_opened(const struct call *c)
{
	return c->intent != NULL ? c->intent->fh : 0;
}

/* ---- what it is about to do ---- */

static void
set(struct intent *it, enum what what)
{
	atomic_store_explicit(&it->what, (uint32_t)what, memory_order_release);
}

/* Whoever goes on from what was begun says anew what it is. */
static struct intent *
unset(struct call *c)
{
	if (c->intent != NULL && c->intent->what != NOTHING) {
		set(c->intent, NOTHING);
		c->intent->state = BEGUN;
	}
	return c->intent;
}

static void
copy_key(char to[GS_KEY_BYTES + 1], const char *key)
{
	size_t len = strnlen(key, GS_KEY_BYTES);

	memcpy(to, key, len);
	to[len] = '\0';
}

static uint64_t
hash_of(const void *value, size_t len)
{
	return gs_siphash13(0, 0, value, len);
}

void
intent_value(struct call *c, const struct file *f, const void *value, size_t len, uint64_t version, bool is_append)
{
	struct intent *it = unset(c);

	if (it == NULL)
		return;
	it->handle = f->fh;
	it->table = (uint32_t)(f->table - c->m->tables);
	it->id = f->k->id;
	it->ns = f->k->info.ns_id;
	copy_key(it->key, f->k->key);
	it->version = version;
	it->len = len;
	it->hash = hash_of(value, len);
	it->is_append = is_append;
	it->counts = f->k->is_innermost;
	set(it, VALUE);
}

void
intent_stored(struct call *c, uint64_t version)
{
	if (c->intent == NULL)
		return;
	c->intent->stored = version;
	atomic_store_explicit(&c->intent->state, STORED, memory_order_release);
}

static int64_t
now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void
intent_start(struct call *c, uint32_t table, uint64_t ns, const char *key, uint32_t mode)
{
	struct intent *it = unset(c);

	if (it == NULL)
		return;
	it->table = table;
	it->ns = ns;
	copy_key(it->key, key);
	it->uid = c->uid;
	it->gid = c->gid;
	it->mode = mode & 07777;
	it->begun_ns = now_ns();
	set(it, START);
}

void
intent_temporary(struct call *c, uint64_t dir, const char *name)
{
	struct intent *it = unset(c);

	if (it == NULL)
		return;
	it->dir = dir;
	copy_key(it->key, name);
	it->uid = c->uid;
	it->begun_ns = now_ns();
	set(it, TEMPORARY);
}

void
intent_append(struct call *c, uint64_t node, uint64_t end)
{
	struct intent *it = unset(c);

	if (it == NULL)
		return;
	it->dir = node;
	it->len = end;
	set(it, APPEND);
}

void
intent_removal(struct call *c, uint32_t table, uint64_t ns, const char *key, uint64_t id)
{
	struct intent *it = unset(c);

	if (it == NULL)
		return;
	it->table = table;
	it->ns = ns;
	copy_key(it->key, key);
	it->id = id;
	set(it, REMOVAL);
}

void
intent_rename(struct call *c, const struct intent_rename *r)
{
	struct intent *it = unset(c);

	if (it == NULL)
		return;
	it->table = r->table;
	it->ring = r->ring;
	it->ns = r->ns;
	it->to_ns = r->to_ns;
	copy_key(it->key, r->key);
	copy_key(it->to, r->to);
	it->is_move = r->ns == r->to_ns && strcmp(r->key, r->to) == 0;
	it->id = r->id;
	it->replaced = r->replaced;
	it->replaced_version = r->replaced_version;
	set(it, RENAME);
}

/* ---- what was done of it ---- */

/* The handle as it would be after the store. */
static void
advance(struct mount *m, const struct intent *it, const struct gs_info *now, bool is_last)
{
	struct file_kept *k;

	if (handles_kind(m->handles, it->handle) != HANDLE_SESSION)
		return;
	k = handles_kept(m->handles, it->handle);
	k->is_staged = false;
	k->is_counted |= it->counts;
	k->snap = 0;
	/* Somebody else's is not ours to take back. */
	k->undo_version = is_last ? now->version : 0;
	k->info = *now;
}

/* Of the version that it was to replace, or not. */
static bool
is_stored(struct mount *m, struct intent *it)
{
	struct gs *gs = mount_gs(&m->tables[it->table], it->ns);
	size_t room = gs_record_size(gs);
	unsigned char *value = malloc(room + 1);
	struct gs_info now;
	bool is_ours, is_done;
	ssize_t n;

	if (value == NULL)
		return false;
	n = gs_peek(gs, it->key, strlen(it->key), value, room, &now);
	if (n < 0 || now.id != it->id) {
		/* It has ended: what is written goes nowhere. */
		free(value);
		return true;
	}
	is_ours = (size_t)n >= it->len && hash_of(value, it->len) == it->hash;
	/* Somebody may have written since; what he appended to is ours, if it is. */
	is_done = it->state == STORED || (now.version != it->version && (is_ours || !it->is_append));
	if (is_done)
		advance(m, it, &now, it->state == STORED ? now.version == it->stored : is_ours && (size_t)n == it->len);
	free(value);
	return is_done;
}

static bool
is_started(struct mount *m, const struct intent *it)
{
	struct gs_info now;

	return gs_stat(mount_gs(&m->tables[it->table], it->ns), it->key, strlen(it->key), &now) >= 0 && now.len == 0 && now.uid == it->uid &&
	    now.gid == it->gid && now.mode == it->mode && now.mtime_ns >= it->begun_ns - SLACK_NS;
}

static bool
is_removed(struct mount *m, const struct intent *it)
{
	struct gs_info now;
	int rc = gs_stat(mount_gs(&m->tables[it->table], it->ns), it->key, strlen(it->key), &now);

	return rc == GS_ENOENT || (rc >= 0 && now.id != it->id);
}

static bool
is_renamed(struct mount *m, const struct intent *it)
{
	struct gs *gs = mount_gs(&m->tables[it->table], it->to_ns);
	struct gs_info now;

	if (gs_stat(gs, it->to, strlen(it->to), &now) < 0)
		return false;
	if (it->is_move)
		return now.id == it->id && now.ring_id == it->ring;
	/* What is there as it was before is not what was renamed: that has ended some other way. */
	if (!is_removed(m, it) || (now.id == it->replaced && now.version == it->replaced_version))
		return false;
	if (it->replaced != it->id)
		files_end(m, it->table, it->replaced, it->replaced_version);
	files_follow(m, it->table, it->id, it->to_ns, it->to);
	return true;
}

static void
settle(struct mount *m, struct intent *it)
{
	bool is_done = false;

	/* A temporary file's is that of its directory. */
	if (it->what != TEMPORARY && it->what != APPEND && !mount_has_table(m, it->table))
		return;
	switch ((enum what)it->what) {
	case NOTHING:
		break;
	case VALUE:
		is_done = is_stored(m, it);
		break;
	case START:
		/* The file is still to be opened. */
		if (is_started(m, it))
			it->state = STARTED;
		break;
	case TEMPORARY:
		if (staged_is_new(m, it->dir, it->key, it->uid, it->begun_ns - SLACK_NS))
			it->state = STARTED;
		break;
	case APPEND:
		is_done = staged_reaches(m, it->dir, it->len);
		break;
	case REMOVAL:
		is_done = is_removed(m, it);
		break;
	case RENAME:
		is_done = is_renamed(m, it);
		break;
	}
	if (is_done) {
		it->result = 0;
		it->state = DONE;
	}
}

void
intents_close(struct mount *m)
{
	struct memory *mem = m->intents->mem;
	struct intent *it;
	uint32_t i, n = 0;

	mem->era++;
	for (i = 0; i < INTENTS; i++) {
		it = &mem->of[i];
		n += it->unique != 0;
		if (it->unique != 0 && it->state != DONE && handles_kind(m->handles, it->fh) != HANDLE_FREE)
			handles_release(m->handles, it->fh);
	}
	/* The answer got out, and the process died before it could be told here. */
	for (i = 0; i < INTENTS && n > INTENTS / 2; i++)
		if (mem->of[i].unique != 0 && mem->of[i].era + OLD < mem->era)
			release(&mem->of[i]);
}

void
intents_settle(struct mount *m)
{
	struct memory *mem = m->intents->mem;
	uint32_t i;

	for (i = 0; i < INTENTS; i++)
		if (mem->of[i].unique != 0 && mem->of[i].state != DONE && mem->of[i].state != STARTED)
			settle(m, &mem->of[i]);
}
