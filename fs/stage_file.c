/* SPDX-License-Identifier: BSD-2-Clause */
#include "stage_impl.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

#include "transport.h"

/* ---- by number ---- */

/* The slot of a number, when nobody is at it; NULL: it has another by now. */
static struct stage_slot *
slot_locked(struct stage *s, struct stage_id id)
{
	struct stage_slot *f = &s->slots[id.slot % STAGE_FILES];

	while (s->is_busy[id.slot % STAGE_FILES]) {
		transport_leave();
		(void)pthread_cond_wait(&s->idle, &s->lock);
	}
	return id.slot < STAGE_FILES && stage_tag_of(f) == id.tag && stage_state_of(f) != STAGE_FREE ? f : NULL;
}

/* One that can be written: it is no session, or not yet. */
static struct stage_slot *
own_locked(struct stage *s, struct stage_id id)
{
	struct stage_slot *f = slot_locked(s, id);

	return f != NULL && stage_state_of(f) != STAGE_PUBLISHED ? f : NULL;
}

int
stage_see(struct stage *s, struct stage_id id, struct stage_seen *out)
{
	struct stage_slot *f;

	pthread_mutex_lock(&s->lock);
	f = slot_locked(s, id);
	if (f != NULL)
		stage_see_locked(s, id.slot, out);
	pthread_mutex_unlock(&s->lock);
	return f == NULL ? ESTALE : 0;
}

void
stage_close(struct stage *s, struct stage_id id, uint64_t *handle)
{
	struct stage_slot *f;

	*handle = 0;
	pthread_mutex_lock(&s->lock);
	f = slot_locked(s, id);
	if (f != NULL && s->n_open[id.slot] > 0 && --s->n_open[id.slot] == 0 && stage_state_of(f) != STAGE_NAMED) {
		/* It stays there for who follows us, if we end before it is closed. */
		*handle = f->handle;
		stage_retire_locked(s, id.slot);
	}
	pthread_mutex_unlock(&s->lock);
}

int
stage_read(struct stage *s, struct stage_id id, uint64_t offset, void *buf, size_t size, size_t *n)
{
	struct stage_slot *f;

	*n = 0;
	pthread_mutex_lock(&s->lock);
	f = own_locked(s, id);
	if (f != NULL && offset < f->size) {
		*n = f->size - offset < size ? (size_t)(f->size - offset) : size;
		memcpy(buf, stage_value_of(s, id.slot) + offset, *n);
	}
	pthread_mutex_unlock(&s->lock);
	return f == NULL ? ESTALE : 0;
}

/* May it be so long? Whatever it is asked to hold beyond its end is zeros until something is written there. */
static int
make_room_locked(struct stage *s, uint32_t i, uint64_t size, uint64_t most)
{
	const struct stage_slot *f = &s->slots[i];

	if (size > most || size > STAGE_FILE_BYTES)
		return EFBIG;
	if (size > f->size && s->bytes - stage_pages_of(f->size) + stage_pages_of(size) > STAGE_BYTES) {
		s->head->refused++;
		return ENOSPC;
	}
	if (size > f->size)
		memset(stage_value_of(s, i) + f->size, 0, (size_t)(size - f->size));
	return 0;
}

static void
resize_locked(struct stage *s, struct stage_slot *f, uint64_t size)
{
	s->bytes = s->bytes - stage_pages_of(f->size) + stage_pages_of(size);
	f->mtime_ns = f->atime_ns = f->ctime_ns = gs_clock_wall_ns();
	f->is_by_hand = 0;
	f->due_ms = gs_clock_mono_ms() + STAGE_MS;
	f->size = size;
}

int
stage_write(struct stage *s, struct stage_id id, const void *data, size_t len, uint64_t offset, bool is_append, uint64_t most)
{
	uint64_t at, end;
	struct stage_slot *f;
	int rc = ESTALE;

	pthread_mutex_lock(&s->lock);
	f = own_locked(s, id);
	if (f != NULL) {
		at = is_append ? f->size : offset;
		end = at > most ? UINT64_MAX : at + len > f->size ? at + len : f->size;
		rc = make_room_locked(s, id.slot, end, most);
		if (rc == 0) {
			memcpy(stage_value_of(s, id.slot) + at, data, len);
			resize_locked(s, f, end);
		}
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

int
stage_resize(struct stage *s, struct stage_id id, uint64_t size, uint64_t most)
{
	struct stage_slot *f;
	int rc = ESTALE;

	pthread_mutex_lock(&s->lock);
	f = own_locked(s, id);
	if (f != NULL)
		rc = make_room_locked(s, id.slot, size, most);
	if (rc == 0)
		resize_locked(s, f, size);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

int
stage_open(struct stage *s, struct stage_id id, bool truncates)
{
	struct stage_slot *f;
	int rc = ESTALE;

	pthread_mutex_lock(&s->lock);
	f = slot_locked(s, id);
	if (f != NULL && stage_state_of(f) == STAGE_NAMED) {
		s->n_open[id.slot]++;
		if (truncates)
			resize_locked(s, f, 0);
		rc = 0;
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

int
stage_set(struct stage *s, struct stage_id id, const struct stage_seen *want)
{
	struct stage_slot *f;

	pthread_mutex_lock(&s->lock);
	f = own_locked(s, id);
	if (f != NULL) {
		f->uid = want->uid;
		f->gid = want->gid;
		f->mode = want->mode;
		f->mtime_ns = want->mtime_ns;
		f->atime_ns = want->atime_ns;
		f->is_by_hand = want->is_by_hand;
		f->ctime_ns = gs_clock_wall_ns();
	}
	pthread_mutex_unlock(&s->lock);
	return f == NULL ? ESTALE : 0;
}

/* ---- becoming a session ---- */

int
stage_begin(struct stage *s, struct stage_id id, struct stage_seen *out, const void **value)
{
	struct stage_slot *f;

	pthread_mutex_lock(&s->lock);
	f = slot_locked(s, id);
	if (f != NULL && stage_state_of(f) != STAGE_NAMED)
		f = NULL;
	if (f != NULL) {
		s->is_busy[id.slot] = true;
		stage_see_locked(s, id.slot, out);
		*value = stage_value_of(s, id.slot);
	}
	pthread_mutex_unlock(&s->lock);
	return f == NULL ? ENOENT : 0;
}

void
stage_try(struct stage *s, struct stage_id id, const struct stage_try *t)
{
	struct stage_slot *f = &s->slots[id.slot];

	pthread_mutex_lock(&s->lock);
	stage_give_name(s, &f->tried, t->dir, t->name);
	f->replaced = t->replaced;
	f->replaced_version = t->replaced_version;
	/* Release: who finds it set finds the three above. */
	atomic_store_explicit(&f->is_tried, 1, memory_order_release);
	pthread_mutex_unlock(&s->lock);
}

bool
stage_tried(struct stage *s, uint32_t *slot, struct stage_seen *out, const void **value, struct stage_try *t)
{
	struct stage_slot *f = NULL;
	bool is_there = false;

	pthread_mutex_lock(&s->lock);
	for (; *slot < STAGE_FILES && !is_there; ++*slot) {
		f = &s->slots[*slot];
		is_there = stage_state_of(f) == STAGE_NAMED && f->is_tried != 0;
		if (!is_there)
			continue;
		s->is_busy[*slot] = true;
		stage_see_locked(s, *slot, out);
		*value = stage_value_of(s, *slot);
		*t = (struct stage_try){ .dir = f->tried.dir, .name = f->tried.bytes, .replaced = f->replaced, .replaced_version = f->replaced_version };
	}
	pthread_mutex_unlock(&s->lock);
	return is_there;
}

static void
end_busy_locked(struct stage *s, uint32_t i)
{
	s->is_busy[i] = false;
	(void)pthread_cond_broadcast(&s->idle);
}

void
stage_done(struct stage *s, struct stage_id id, uint64_t dir, const char *name, uint64_t session)
{
	struct stage_slot *f = &s->slots[id.slot];
	uint32_t which;

	pthread_mutex_lock(&s->lock);
	which = stage_which_of(f);
	f->session = session;
	stage_give_name(s, &f->names[which ^ 1], dir, name);
	stage_unchain_locked(s, id.slot);
	stage_set_word(f, id.tag, which ^ 1, STAGE_PUBLISHED);
	s->head->published++;
	end_busy_locked(s, id.slot);
	if (s->n_open[id.slot] == 0)
		stage_retire_locked(s, id.slot);
	pthread_mutex_unlock(&s->lock);
}

void
stage_undone(struct stage *s, struct stage_id id)
{
	pthread_mutex_lock(&s->lock);
	atomic_store_explicit(&s->slots[id.slot].is_tried, 0, memory_order_relaxed);
	end_busy_locked(s, id.slot);
	pthread_mutex_unlock(&s->lock);
}

uint64_t
stage_handle(struct stage *s, struct stage_id id)
{
	struct stage_slot *f;
	uint64_t handle;

	pthread_mutex_lock(&s->lock);
	f = slot_locked(s, id);
	handle = f == NULL ? 0 : f->handle;
	pthread_mutex_unlock(&s->lock);
	return handle;
}

uint64_t
stage_left(struct stage *s, uint32_t *slot)
{
	uint64_t handle = 0;

	pthread_mutex_lock(&s->lock);
	for (; *slot < STAGE_FILES && handle == 0; ++*slot)
		if (s->n_open[*slot] == 0 && stage_state_of(&s->slots[*slot]) == STAGE_PUBLISHED)
			handle = s->slots[*slot].handle;
	pthread_mutex_unlock(&s->lock);
	return handle;
}

bool
stage_lead(struct stage *s, struct stage_id id, uint64_t handle)
{
	struct stage_slot *f;
	bool is_first;

	pthread_mutex_lock(&s->lock);
	f = slot_locked(s, id);
	is_first = f != NULL && stage_state_of(f) == STAGE_PUBLISHED && s->n_open[id.slot] > 0 && f->handle == 0;
	if (is_first)
		f->handle = handle;
	pthread_mutex_unlock(&s->lock);
	return is_first;
}

bool
stage_due(struct stage *s, bool is_end, uint32_t *slot, struct stage_seen *out, uint64_t *wait_ms)
{
	uint64_t now_ms = gs_clock_mono_ms();
	bool is_there = false;

	pthread_mutex_lock(&s->lock);
	for (; *slot < STAGE_FILES && !is_there; ++*slot) {
		const struct stage_slot *f = &s->slots[*slot];

		if (stage_state_of(f) != STAGE_NAMED || s->is_busy[*slot])
			continue;
		is_there = is_end || f->due_ms <= now_ms;
		if (is_there)
			stage_see_locked(s, *slot, out);
		else if (f->due_ms - now_ms < *wait_ms)
			*wait_ms = f->due_ms - now_ms;
	}
	pthread_mutex_unlock(&s->lock);
	return is_there;
}

bool
stage_lose(struct stage *s, struct stage_id id)
{
	struct stage_slot *f;
	bool is_there;

	pthread_mutex_lock(&s->lock);
	f = slot_locked(s, id);
	is_there = f != NULL && stage_state_of(f) == STAGE_NAMED;
	if (is_there) {
		stage_unname_locked(s, id.slot);
		s->head->lost++;
	}
	pthread_mutex_unlock(&s->lock);
	return is_there;
}

void
stage_put_off(struct stage *s, struct stage_id id, uint64_t ms)
{
	struct stage_slot *f;

	pthread_mutex_lock(&s->lock);
	f = slot_locked(s, id);
	if (f != NULL)
		f->due_ms = gs_clock_mono_ms() + ms;
	pthread_mutex_unlock(&s->lock);
}

void
stage_counts(struct stage *s, struct stage_counts *out)
{
	pthread_mutex_lock(&s->lock);
	out->files = atomic_load_explicit(&s->n_named, memory_order_relaxed);
	out->bytes = s->bytes;
	out->published = s->head->published;
	out->refused = s->head->refused;
	out->lost = s->head->lost;
	pthread_mutex_unlock(&s->lock);
}
