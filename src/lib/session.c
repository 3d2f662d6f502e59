/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/random.h"
#include "lib/handle.h"
#include "lib/info.h"
#include "lib/session.h"
#include "lib/starter.h"
#include "shm/classes.h"
#include "shm/park.h"

enum { UPDATE_TRIES = 10000 };

/* ---- reading ---- */

bool
gs_session_has_info(ssize_t rc)
{
	return rc >= 0 || rc == GS_ERANGE || rc == GS_EQUARANTINE;
}

static ssize_t
read_one(struct gs *gs, struct gs_ctx *c, const struct gs_key *k, uint32_t flags, struct gs_item *item, struct gs_info *info)
{
	struct gs_meta meta;
	struct gs_now now;
	ssize_t rc;

	now.store_ms = gs_table_now_ms(gs->t);
	rc = gs_kv_get(gs->t, c, k, now.store_ms, item->buf, item->cap, flags, info == NULL ? NULL : &meta);
	if (info != NULL && gs_session_has_info(rc)) {
		now.wall_ns = gs_info_wall_ns(gs, now.store_ms);
		gs_info_fill(gs, &meta, &now, info);
	}
	return rc;
}

uint64_t
gs_session_turn_ms(struct gs *gs, const struct gs_key *k)
{
	struct gs_lease *l;
	struct gs_meta meta;
	uint64_t now_ms;
	ssize_t rc;

	if (gs_handle_enter(gs, &l) < 0)
		return 0;
	now_ms = gs_table_now_ms(gs->t);
	rc = gs_kv_get(gs->t, &l->ctx, k, now_ms, NULL, 0, GS_KV_INSPECT, &meta);
	gs_handle_leave(l);
	return rc < 0 ? 0 : gs_kv_retry_after_ms(gs->t, &meta, now_ms);
}

void
gs_session_pause(uint64_t ms)
{
	const struct timespec pause = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&pause, NULL);
}

/*
 * The call was refused because the session asks too fast: wait for its turn, as far as the patience that is left goes. False
 * when it does not; then the refusal is the answer.
 */
static bool
wait_turn(struct gs *gs, const struct gs_key *k, ssize_t rc, uint64_t *left_ms)
{
	uint64_t wait_ms;

	if (__builtin_expect(rc != GS_EQUARANTINE, 1) || *left_ms == 0)
		return false;
	/* Somebody else's turn may have come meanwhile, or a pardon. */
	wait_ms = gs_max_u64(1, gs_session_turn_ms(gs, k));
	if (wait_ms > *left_ms)
		return false;
	*left_ms -= wait_ms;
	gs_session_pause(wait_ms);
	return true;
}

static ssize_t
read_key(struct gs *gs, uint32_t flags, struct gs_item *item, struct gs_info *info)
{
	uint64_t left_ms = gs->own->patience_ms;
	struct gs_lease *l;
	struct gs_key k;
	ssize_t rc;

	if (item->buf == NULL && item->cap > 0)
		return GS_EINVAL;
	rc = gs_handle_key(gs, &k, item->key, item->key_len);
	if (rc < 0)
		return rc;
	do {
		rc = gs_handle_enter(gs, &l);
		if (rc < 0)
			return rc;
		rc = read_one(gs, &l->ctx, &k, flags, item, info);
		gs_handle_leave(l);
	} while (wait_turn(gs, &k, rc, &left_ms));
	return rc;
}

ssize_t
gs_get(struct gs *gs, const void *key, size_t key_len, void *buf, size_t cap, struct gs_info *info)
{
	struct gs_item item;

	item.key = key;
	item.key_len = key_len;
	item.buf = buf;
	item.cap = cap;
	return read_key(gs, 0, &item, info);
}

ssize_t
gs_peek(struct gs *gs, const void *key, size_t key_len, void *buf, size_t cap, struct gs_info *info)
{
	struct gs_item item;

	item.key = key;
	item.key_len = key_len;
	item.buf = buf;
	item.cap = cap;
	return read_key(gs, GS_KV_INSPECT, &item, info);
}

int
gs_stat(struct gs *gs, const void *key, size_t key_len, struct gs_info *info)
{
	struct gs_item item = { .key = key, .key_len = key_len };
	ssize_t rc = read_key(gs, GS_KV_INSPECT, &item, info);

	return rc < 0 ? (int)rc : 0;
}

ssize_t
gs_parent(struct gs *gs, const void *key, size_t key_len, void *out, size_t cap, uint32_t *flags)
{
	struct gs_followed to;
	struct gs_meta meta;
	struct gs_lease *l;
	struct gs_key k;
	ssize_t rc = gs_handle_key(gs, &k, key, key_len);

	if (rc == 0)
		rc = gs_handle_enter(gs, &l);
	if (rc < 0)
		return rc;
	rc = gs_kv_lead(gs->t, &l->ctx, &k, gs_table_now_ms(gs->t), &to, &meta);
	gs_handle_leave(l);
	if (rc < 0)
		return rc;
	if (flags != NULL)
		*flags = (meta.flags & GS_FLAG_CARRIED) != 0 ? GS_CARRIED : 0;
	if (meta.link_len > cap)
		return GS_ERANGE;
	if (meta.link_len > 0)
		memcpy(out, meta.link, meta.link_len);
	return (ssize_t)meta.link_len;
}

/* ---- writing ---- */

/* Programs that were made before the last members give a smaller size. */
static bool
has_put_size(const struct gs_put_options *opt)
{
	return opt->size == sizeof(*opt) || opt->size == offsetof(struct gs_put_options, mtime_ns) ||
	    opt->size == offsetof(struct gs_put_options, parent);
}

/* May a record of this table hang on such a key? */
static bool
may_hang(const struct gs *gs, const void *parent, size_t len)
{
	return atomic_load_explicit(&gs->t->ctl->is_tokens, memory_order_relaxed) != 0 && len <= GS_KEY_BYTES && (parent != NULL || len == 0);
}

int
gs_session_put_args(struct gs *gs, const struct gs_put_options *opt, struct gs_put_args *out)
{
	int class_id;

	*out = (struct gs_put_args){
		.ring = GS_RING_NONE, .uid = gs->own->uid, .gid = gs->own->gid, .mode = 0600, .wall_ns = gs_clock_wall_ns(),
	};
	if (opt == NULL)
		return 0;
	if (!has_put_size(opt) || opt->owner_len > GS_OWNER_BYTES || (opt->owner == NULL && opt->owner_len > 0))
		return GS_EINVAL;
	class_id = gs_classes_find(gs->t, opt->class_name);
	if (class_id < 0)
		return class_id;
	out->flags = ((opt->flags & GS_INSPECT) != 0 ? GS_KV_INSPECT : 0) | ((opt->flags & GS_ONLY_NEW) != 0 ? GS_KV_ONLY_NEW : 0) |
	    ((opt->flags & GS_ONLY_OLD) != 0 ? GS_KV_ONLY_OLD : 0);
	if ((opt->flags & GS_SET_PERM) != 0) {
		out->set |= GS_SET_PERM_BIT;
		out->uid = opt->uid;
		out->gid = opt->gid;
		out->mode = opt->mode;
	}
	if (opt->owner_len > 0) {
		out->set |= GS_SET_OWNER_BIT;
		out->owner = opt->owner;
		out->owner_len = (uint32_t)opt->owner_len;
	}
	if (opt->class_name != NULL) {
		out->set |= GS_SET_CLASS_BIT;
		out->class_id = (uint32_t)class_id;
	}
	if (opt->ttl_ms != 0) {
		out->set |= GS_SET_TTL_BIT;
		out->ttl_ms = opt->ttl_ms;
	}
	if ((opt->flags & GS_SET_TIMES) != 0) {
		if (opt->size != sizeof(*opt))
			return GS_EINVAL;
		gs_session_set_times(gs, out, opt->mtime_ns, opt->atime_ns);
	}
	if (opt->size > offsetof(struct gs_put_options, parent) && (opt->parent_len > 0 || (opt->flags & GS_CARRIED) != 0)) {
		if (!may_hang(gs, opt->parent, opt->parent_len))
			return GS_EINVAL;
		out->set |= GS_SET_LINK_BIT | GS_SET_CARRIED_BIT;
		out->link = opt->parent;
		out->link_len = (uint32_t)opt->parent_len;
		out->is_carried = (opt->flags & GS_CARRIED) != 0;
	}
	out->if_version = opt->if_version;
	if (opt->ring != NULL) {
		out->ring = gs_table_ring(gs->t, opt->ring);
		if (out->ring == GS_RING_NONE)
			return GS_EINVAL;
	}
	return 0;
}

/*
 * A put by who may not start sessions, or not yet: it replaces what is there. GS_ENOENT becomes GS_EPERM, unless the caller
 * himself wanted nothing started.
 */
static int
put_as_worker(struct gs *gs, struct gs_ctx *c, const struct gs_kv_item *item, const struct gs_put_args *args, uint64_t now_ms)
{
	struct gs_put_args own = *args;
	bool would_start = (args->flags & GS_KV_ONLY_OLD) == 0 && args->if_version == 0;
	int rc;

	own.flags |= GS_KV_ONLY_OLD;
	rc = gs_kv_put(gs->t, c, &item->key, now_ms, item->buf, item->cap, &own, item->meta);
	return rc == GS_ENOENT && would_start ? GS_EPERM : rc;
}

/* gs_kv_put, by the rights of the handle. The first session that is started where there is one starter asks for the lease. */
static int
put_with_rights(struct gs *gs, struct gs_lease *l, const struct gs_kv_item *item, const struct gs_put_args *args, uint64_t now_ms)
{
	int rc;

	if (__builtin_expect(!gs_starter_is(gs), 0)) {
		rc = put_as_worker(gs, &l->ctx, item, args, now_ms);
		if (rc != GS_EPERM)
			return rc;
		/* The refusal of a lease is the daemon's, who counts and tells it. */
		if ((gs->own->rights & GS_RIGHT_START) == 0)
			gs_handle_tell_forbidden(gs, l, &item->key);
		rc = gs_starter_become(gs);
		if (rc < 0)
			return rc;
	}
	return gs_kv_put(gs->t, &l->ctx, &item->key, now_ms, item->buf, item->cap, args, item->meta);
}

/* gs_put with everything translated. */
static int
put_key(struct gs *gs, const struct gs_item *item, const struct gs_put_args *args, struct gs_info *info)
{
	uint64_t left_ms = gs->own->patience_ms;
	struct gs_kv_item one;
	struct gs_meta meta;
	struct gs_lease *l;
	struct gs_now now;
	struct gs_key k;
	int rc = gs_handle_may(gs, GS_RIGHT_WORK, item->key, item->key_len);

	if (rc == 0)
		rc = gs_handle_key(gs, &k, item->key, item->key_len);
	if (rc == 0 && item->buf == NULL && item->cap > 0)
		rc = GS_EINVAL;
	if (rc < 0)
		return rc;
	do {
		rc = gs_handle_enter(gs, &l);
		if (rc < 0)
			return rc;
		gs_info_now(gs, &now);
		one = (struct gs_kv_item){ .key = k, .buf = item->buf, .cap = item->cap, .meta = info == NULL ? NULL : &meta };
		rc = put_with_rights(gs, l, &one, args, now.store_ms);
		gs_handle_leave(l);
	} while (wait_turn(gs, &k, rc, &left_ms));
	if ((rc >= 0 || rc == GS_EQUARANTINE) && info != NULL)
		gs_info_fill(gs, &meta, &now, info);
	return rc;
}

int
gs_put(struct gs *gs, const void *key, size_t key_len, const void *val, size_t val_len, const struct gs_put_options *opt)
{
	struct gs_put_args args;
	struct gs_item item;
	int rc = gs_session_put_args(gs, opt, &args);

	if (rc < 0)
		return rc;
	item.key = key;
	item.key_len = key_len;
	item.buf = (void *)(uintptr_t)val;
	item.cap = val_len;
	return put_key(gs, &item, &args, opt == NULL ? NULL : opt->info);
}

int
gs_add(struct gs *gs, const void *key, size_t key_len, const void *val, size_t val_len, const struct gs_put_options *opt)
{
	struct gs_put_options only_new = { .size = sizeof(only_new) };

	if (opt != NULL)
		only_new = *opt;
	only_new.flags |= GS_ONLY_NEW;
	return gs_put(gs, key, key_len, val, val_len, &only_new);
}

struct update {
	gs_update_fn fn;
	void *arg;
	const struct gs_put_options *opt;
	bool is_lost;			/* somebody was faster */
};

/* One attempt of an update. The new length, or an error. */
static ssize_t
update_once(struct gs *gs, struct gs_item *item, unsigned char *now_buf, struct update *u)
{
	struct gs_put_options put = *u->opt;
	struct gs_info info;
	ssize_t len = gs_peek(gs, item->key, item->key_len, item->buf, item->cap, &info), made;
	int rc;

	if (len < 0)
		return len;
	made = u->fn(u->arg, item->buf, (size_t)len, now_buf, item->cap);
	if (made < 0)
		return made;
	put.flags |= GS_ONLY_OLD;
	put.if_version = info.version;
	rc = gs_put(gs, item->key, item->key_len, now_buf, (size_t)made, &put);
	u->is_lost = rc == GS_ECONFLICT;
	return rc < 0 ? rc : made;
}

ssize_t
gs_update_opt(struct gs *gs, const void *key, size_t key_len, gs_update_fn fn, void *arg, const struct gs_put_options *opt)
{
	static const struct gs_put_options plain = { .size = sizeof(plain) };
	struct update u = { .fn = fn, .arg = arg, .opt = opt == NULL ? &plain : opt };
	size_t cap = gs->t->record_size;
	unsigned char *old;
	struct gs_item item;
	ssize_t rc = gs_handle_may(gs, GS_RIGHT_WORK, key, key_len);

	if (rc < 0)
		return rc;
	old = malloc(2 * cap);
	if (old == NULL)
		return GS_ENOMEM;
	item.key = key;
	item.key_len = key_len;
	item.buf = old;
	item.cap = cap;
	for (int tries = 0; tries < UPDATE_TRIES; tries++) {
		u.is_lost = false;
		rc = update_once(gs, &item, old + cap, &u);
		if (!u.is_lost)
			break;
	}
	free(old);
	return u.is_lost ? GS_EAGAIN : rc;
}

ssize_t
gs_update(struct gs *gs, const void *key, size_t key_len, gs_update_fn fn, void *arg)
{
	return gs_update_opt(gs, key, key_len, fn, arg, NULL);
}

/* ---- calls that take a key and little else ---- */

enum small { SMALL_TOUCH, SMALL_DEL, SMALL_MOVE, SMALL_SETATTR, SMALL_PARK };

struct small_call {
	enum small what;
	uint64_t if_version, ttl_ms;
	uint32_t ring;
	const struct gs_put_args *args;
};

/* What each of them takes. */
static uint32_t
rights_for(enum small what)
{
	switch (what) {
	case SMALL_TOUCH:
	case SMALL_SETATTR:
	case SMALL_PARK:
		return GS_RIGHT_WORK;
	case SMALL_DEL:
	case SMALL_MOVE:
		break;
	}
	return GS_RIGHT_START | GS_RIGHT_REAP;
}

static int
call_once(struct gs *gs, const struct gs_key *k, const struct small_call *call)
{
	struct gs_lease *l;
	uint64_t now_ms;
	int rc = gs_handle_enter(gs, &l);

	if (rc < 0)
		return rc;
	now_ms = gs_table_now_ms(gs->t);
	switch (call->what) {
	case SMALL_TOUCH:
		rc = gs_kv_touch(gs->t, &l->ctx, k, now_ms);
		break;
	case SMALL_DEL:
		rc = gs_kv_del(gs->t, &l->ctx, k, now_ms, call->if_version);
		break;
	case SMALL_MOVE:
		rc = gs_kv_move(gs->t, &l->ctx, k, now_ms, call->ring);
		break;
	case SMALL_SETATTR:
		rc = gs_kv_setattr(gs->t, &l->ctx, k, now_ms, call->args);
		break;
	case SMALL_PARK:
		rc = gs_park_set(gs->t, &l->ctx, k, now_ms, call->ttl_ms);
		break;
	}
	gs_handle_leave(l);
	return rc;
}

static int
call_small(struct gs *gs, const void *key, size_t key_len, const struct small_call *call)
{
	uint64_t left_ms = gs->own->patience_ms;
	struct gs_key k;
	int rc = gs_handle_may(gs, rights_for(call->what), key, key_len);

	if (rc == 0)
		rc = gs_handle_key(gs, &k, key, key_len);
	if (rc < 0)
		return rc;
	do
		rc = call_once(gs, &k, call);
	while (wait_turn(gs, &k, rc, &left_ms));
	return rc;
}

int
gs_touch(struct gs *gs, const void *key, size_t key_len, uint64_t ttl_ms)
{
	const struct gs_put_args args = { .set = GS_SET_TTL_BIT | GS_SET_RENEW_BIT, .ttl_ms = ttl_ms, .wall_ns = gs_clock_wall_ns() };

	/* In place where only times change; a new ttl is a new incarnation. */
	if (ttl_ms == 0)
		return call_small(gs, key, key_len, &(struct small_call){ .what = SMALL_TOUCH });
	return call_small(gs, key, key_len, &(struct small_call){ .what = SMALL_SETATTR, .args = &args });
}

int
gs_del(struct gs *gs, const void *key, size_t key_len, uint64_t if_version)
{
	return call_small(gs, key, key_len, &(struct small_call){ .what = SMALL_DEL, .if_version = if_version });
}

int
gs_park(struct gs *gs, const void *key, size_t key_len, uint64_t ttl_ms)
{
	return call_small(gs, key, key_len, &(struct small_call){ .what = SMALL_PARK, .ttl_ms = ttl_ms });
}

int
gs_resume(struct gs *gs, const void *key, size_t key_len)
{
	ssize_t rc = gs_get(gs, key, key_len, NULL, 0, NULL);

	return rc < 0 ? (int)rc : 0;
}

int
gs_move(struct gs *gs, const void *key, size_t key_len, const char *ring)
{
	uint32_t id = ring == NULL ? GS_RING_NONE : gs_table_ring(gs->t, ring);

	if (id == GS_RING_NONE)
		return GS_EINVAL;
	return call_small(gs, key, key_len, &(struct small_call){ .what = SMALL_MOVE, .ring = id });
}

void
gs_session_set_times(struct gs *gs, struct gs_put_args *args, int64_t mtime_ns, int64_t atime_ns)
{
	int64_t last_ns = atime_ns > mtime_ns ? atime_ns : mtime_ns;
	struct gs_now now;
	uint64_t at;

	gs_info_now(gs, &now);
	at = gs_table_store_ms(last_ns / 1000000, now.store_ms, now.wall_ns);

	args->set |= GS_SET_TIMES_BIT;
	args->mtime_ns = mtime_ns;
	args->accessed_ms = at > now.store_ms ? now.store_ms : at;
}

int
gs_setattr(struct gs *gs, const void *key, size_t key_len, const struct gs_attr *attr)
{
	struct gs_put_args args = { .wall_ns = gs_clock_wall_ns() };
	int class_id;

	if (attr->size != sizeof(*attr) && attr->size != offsetof(struct gs_attr, parent))
		return GS_EINVAL;
	if (attr->owner_len > GS_OWNER_BYTES || (attr->owner == NULL && attr->owner_len > 0))
		return GS_EINVAL;
	class_id = gs_classes_find(gs->t, (attr->mask & GS_ATTR_CLASS) != 0 ? attr->class_name : NULL);
	if (class_id < 0)
		return class_id;
	args.set = ((attr->mask & GS_ATTR_UID) != 0 ? GS_SET_UID_BIT : 0) | ((attr->mask & GS_ATTR_GID) != 0 ? GS_SET_GID_BIT : 0) |
	    ((attr->mask & GS_ATTR_MODE) != 0 ? GS_SET_MODE_BIT : 0) | ((attr->mask & GS_ATTR_TTL) != 0 ? GS_SET_TTL_BIT : 0) |
	    ((attr->mask & GS_ATTR_OWNER) != 0 ? GS_SET_OWNER_BIT : 0) | ((attr->mask & GS_ATTR_CLASS) != 0 ? GS_SET_CLASS_BIT : 0);
	args.uid = attr->uid;
	args.gid = attr->gid;
	args.mode = attr->mode;
	args.ttl_ms = attr->ttl_ms;
	args.owner = attr->owner;
	args.owner_len = (uint32_t)attr->owner_len;
	args.class_id = (uint32_t)class_id;
	if ((attr->mask & GS_ATTR_PARENT) != 0) {
		if (attr->size != sizeof(*attr) || !may_hang(gs, attr->parent, attr->parent_len))
			return GS_EINVAL;
		args.set |= GS_SET_LINK_BIT | GS_SET_GIVE_BIT;
		args.link = attr->parent;
		args.link_len = (uint32_t)attr->parent_len;
	}
	if ((attr->mask & GS_ATTR_TIMES) != 0)
		gs_session_set_times(gs, &args, attr->mtime_ns, attr->atime_ns);
	return call_small(gs, key, key_len, &(struct small_call){ .what = SMALL_SETATTR, .args = &args });
}

/* 24 random bytes as 32 characters. */
static int
draw_id(char *out)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned char bits[24];
	int rc = gs_random_bytes(bits, sizeof(bits));

	if (rc < 0)
		return rc;
	for (size_t i = 0, o = 0; i < sizeof(bits); i += 3, o += 4) {
		uint32_t word = (uint32_t)bits[i] << 16 | (uint32_t)bits[i + 1] << 8 | bits[i + 2];

		for (int k = 0; k < 4; k++)
			out[o + (size_t)k] = alphabet[word >> (18 - 6 * k) & 63];
	}
	out[GS_ID_CHARS - 1] = '\0';
	return GS_ID_CHARS - 1;
}

int
gs_new_id(struct gs *gs, char *out, size_t cap)
{
	int rc;

	(void)gs;
	if (cap < GS_ID_CHARS)
		return GS_ERANGE;
	/* An id is also an argument and a file name: it never looks like an option. */
	do
		rc = draw_id(out);
	while (rc > 0 && out[0] == '-');
	return rc;
}
