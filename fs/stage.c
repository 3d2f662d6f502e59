/* SPDX-License-Identifier: BSD-2-Clause */
#include "stage_impl.h"

#include <sys/mman.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"

#include "node.h"
#include "transport.h"

enum { NOBODY = UINT16_MAX };

#define SLOTS_OFF ((size_t)STAGE_PAGE)
#define VALUES_OFF (SLOTS_OFF + (STAGE_FILES * sizeof(struct stage_slot) + STAGE_PAGE - 1) / STAGE_PAGE * STAGE_PAGE)

size_t
stage_bytes(void)
{
	return VALUES_OFF + (size_t)STAGE_FILES * STAGE_FILE_BYTES;
}

static uint16_t *
chain_of(struct stage *s, uint64_t dir, const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ dir;

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return &s->chain[(h ^ h >> 32) % STAGE_CHAINS];
}

static void
chain_locked(struct stage *s, uint32_t i)
{
	const struct stage_name *n = stage_name_of(&s->slots[i]);
	uint16_t *head = chain_of(s, n->dir, n->bytes);

	s->next[i] = *head;
	*head = (uint16_t)i;
	atomic_fetch_add_explicit(&s->n_named, 1, memory_order_relaxed);
}

void
stage_unchain_locked(struct stage *s, uint32_t i)
{
	const struct stage_name *n = stage_name_of(&s->slots[i]);
	uint16_t *link = chain_of(s, n->dir, n->bytes);

	while (*link != i)
		link = &s->next[*link];
	*link = s->next[i];
	atomic_fetch_sub_explicit(&s->n_named, 1, memory_order_relaxed);
}

void
stage_retire_locked(struct stage *s, uint32_t i)
{
	struct stage_slot *f = &s->slots[i];

	s->bytes -= stage_pages_of(f->size);
	/* All but the first page go back to the system; whoever is next needs that one. */
	if (f->size > STAGE_PAGE)
		(void)madvise(stage_value_of(s, i) + STAGE_PAGE, STAGE_FILE_BYTES - STAGE_PAGE, MADV_REMOVE);
	f->size = 0;
	s->free[(s->free_from + s->n_free++) % STAGE_FILES] = (uint16_t)i;
}

static uint32_t
find_locked(struct stage *s, uint64_t dir, const char *name)
{
	uint32_t i;

	for (i = *chain_of(s, dir, name); i != NOBODY; i = s->next[i])
		if (stage_name_of(&s->slots[i])->dir == dir && strcmp(stage_name_of(&s->slots[i])->bytes, name) == 0)
			break;
	return i;
}

/* As find_locked(), when nobody is at it. */
static uint32_t
find_idle_locked(struct stage *s, uint64_t dir, const char *name)
{
	uint32_t i;

	while ((i = find_locked(s, dir, name)) != NOBODY && s->is_busy[i]) {
		transport_leave();
		(void)pthread_cond_wait(&s->idle, &s->lock);
	}
	return i;
}

void
stage_see_locked(const struct stage *s, uint32_t i, struct stage_seen *out)
{
	const struct stage_slot *f = &s->slots[i];
	const struct stage_name *n = stage_name_of(f);

	*out = (struct stage_seen){
		.id = { .slot = i, .tag = stage_tag_of(f) }, .state = stage_state_of(f), .dir = n->dir, .uid = f->uid, .gid = f->gid, .mode = f->mode,
		.n_open = s->n_open[i], .size = f->size, .mtime_ns = f->mtime_ns, .atime_ns = f->atime_ns, .ctime_ns = f->ctime_ns,
		.is_by_hand = f->is_by_hand != 0, .session = f->session,
	};
	memcpy(out->name, n->bytes, sizeof(out->name));
}

void
stage_give_name(struct stage *s, struct stage_name *n, uint64_t dir, const char *name)
{
	n->dir = dir;
	n->order = ++s->head->order;
	n->len = (uint32_t)strlen(name);
	memcpy(n->bytes, name, n->len + 1);
}

/* ---- beginning ---- */

/* A process that was killed in a rename left both: the one that was renamed last has the name. */
static void
adopt_named(struct stage *s, uint32_t i)
{
	const struct stage_name *n = stage_name_of(&s->slots[i]);
	uint32_t other = find_locked(s, n->dir, n->bytes);
	uint32_t loser = other;

	if (other != NOBODY) {
		if (stage_name_of(&s->slots[other])->order > n->order)
			loser = i;
		else
			stage_unchain_locked(s, other);
		stage_set_word(&s->slots[loser], stage_tag_of(&s->slots[loser]), stage_which_of(&s->slots[loser]), STAGE_UNNAMED);
		if (s->n_open[loser] == 0)
			stage_retire_locked(s, loser);
	}
	if (loser != i)
		chain_locked(s, i);
}

static void
adopt(struct stage *s, const uint32_t *n_open)
{
	uint32_t i;

	for (i = 0; i < STAGE_FILES; i++) {
		struct stage_slot *f = &s->slots[i];

		if (n_open != NULL && stage_state_of(f) != STAGE_FREE)
			s->n_open[i] = n_open[i];
		s->bytes += stage_pages_of(f->size);
		if (stage_state_of(f) == STAGE_NAMED)
			adopt_named(s, i);
		else if (s->n_open[i] == 0)
			stage_retire_locked(s, i);
	}
}

static bool
is_sound_name(const struct stage_name *n)
{
	return n->len < STAGE_NAME_BYTES && memchr(n->bytes, '\0', sizeof(n->bytes)) != NULL;
}

bool
stage_is_sound(const void *memory)
{
	const struct stage_head *head = memory;
	const struct stage_slot *f = (const void *)((const unsigned char *)memory + SLOTS_OFF);

	for (uint32_t i = 0; i < STAGE_FILES; i++, f++) {
		if ((atomic_load(&f->word) & 15) > STAGE_PUBLISHED || atomic_load(&f->word) >> 8 > NODE_TAG_MASK || f->size > STAGE_FILE_BYTES)
			return false;
		if ((atomic_load(&f->word) >> 4 & 15) > 1 || !is_sound_name(&f->names[0]) || !is_sound_name(&f->names[1]) || !is_sound_name(&f->tried))
			return false;
	}
	return head->first_tag <= NODE_TAG_MASK;
}

bool
stage_has_named(const void *memory)
{
	const struct stage_slot *f = (const void *)((const unsigned char *)memory + SLOTS_OFF);
	uint32_t i = 0;

	while (i < STAGE_FILES && stage_state_of(&f[i]) != STAGE_NAMED)
		i++;
	return i < STAGE_FILES;
}

struct stage *
stage_new(void *memory, const uint32_t n_open[STAGE_FILES])
{
	struct stage *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->head = memory;
	s->slots = (struct stage_slot *)(void *)((unsigned char *)memory + SLOTS_OFF);
	s->values = (unsigned char *)memory + VALUES_OFF;
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_cond_init(&s->idle, NULL);
	memset(s->chain, 0xff, sizeof(s->chain));
	if (s->head->first_tag == 0 && gs_random_bytes(&s->head->first_tag, sizeof(s->head->first_tag)) == 0)
		s->head->first_tag &= NODE_TAG_MASK;
	adopt(s, n_open);
	return s;
}

void
stage_free(struct stage **s)
{
	if (*s == NULL)
		return;
	(void)pthread_cond_destroy(&(*s)->idle);
	(void)pthread_mutex_destroy(&(*s)->lock);
	free(*s);
	*s = NULL;
}

/* ---- by name ---- */

bool
stage_find(struct stage *s, uint64_t dir, const char *name, struct stage_seen *out)
{
	uint32_t i;

	/* relaxed; who made one answered his request before anybody could ask for it by name */
	if (atomic_load_explicit(&s->n_named, memory_order_relaxed) == 0)
		return false;
	pthread_mutex_lock(&s->lock);
	i = find_locked(s, dir, name);
	if (i != NOBODY && out != NULL)
		stage_see_locked(s, i, out);
	pthread_mutex_unlock(&s->lock);
	return i != NOBODY;
}

static uint32_t
take_free_locked(struct stage *s)
{
	uint32_t i = s->free[s->free_from];

	s->free_from = (s->free_from + 1) % STAGE_FILES;
	s->n_free--;
	return i;
}

static void
begin_locked(struct stage *s, uint32_t i, uint64_t dir, const char *name, const struct stage_seen *want)
{
	struct stage_slot *f = &s->slots[i];
	uint32_t tag = ((stage_tag_of(f) == 0 ? s->head->first_tag : stage_tag_of(f)) + 1) & NODE_TAG_MASK;
	int64_t now_ns = gs_clock_wall_ns();

	/* Whoever dies before the last line leaves a free place. */
	stage_set_word(f, tag, 0, STAGE_FREE);
	f->uid = want->uid;
	f->gid = want->gid;
	f->mode = want->mode;
	s->n_open[i] = 1;
	f->mtime_ns = f->atime_ns = f->ctime_ns = now_ns;
	f->due_ms = gs_clock_mono_ms() + STAGE_MS;
	f->session = f->handle = 0;
	f->is_by_hand = 0;
	f->is_tried = 0;
	f->names[1].len = 0;
	stage_give_name(s, &f->names[0], dir, name);
	stage_set_word(f, tag, 0, STAGE_NAMED);
	chain_locked(s, i);
}

int
stage_create(struct stage *s, uint64_t dir, const char *name, struct stage_seen *f)
{
	uint32_t i;
	int rc = 0;

	if (strlen(name) >= STAGE_NAME_BYTES)
		return ENAMETOOLONG;
	pthread_mutex_lock(&s->lock);
	if (find_locked(s, dir, name) != NOBODY) {
		rc = EEXIST;
	} else if (s->n_free == 0) {
		s->head->refused++;
		rc = ENOSPC;
	} else {
		i = take_free_locked(s);
		begin_locked(s, i, dir, name, f);
		stage_see_locked(s, i, f);
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

void
stage_unname_locked(struct stage *s, uint32_t i)
{
	struct stage_slot *f = &s->slots[i];

	stage_unchain_locked(s, i);
	stage_set_word(f, stage_tag_of(f), stage_which_of(f), STAGE_UNNAMED);
	f->ctime_ns = gs_clock_wall_ns();
	if (s->n_open[i] == 0)
		stage_retire_locked(s, i);
}

int
stage_unlink(struct stage *s, uint64_t dir, const char *name)
{
	uint32_t i;

	pthread_mutex_lock(&s->lock);
	i = find_idle_locked(s, dir, name);
	if (i != NOBODY)
		stage_unname_locked(s, i);
	pthread_mutex_unlock(&s->lock);
	return i == NOBODY ? ENOENT : 0;
}

static void
rename_locked(struct stage *s, uint32_t i, uint32_t replaced, uint64_t dir, const char *name)
{
	struct stage_slot *f = &s->slots[i];
	uint32_t which = stage_which_of(f);

	stage_unchain_locked(s, i);
	stage_give_name(s, &f->names[which ^ 1], dir, name);
	stage_set_word(f, stage_tag_of(f), which ^ 1, STAGE_NAMED);
	if (replaced != NOBODY)
		stage_unname_locked(s, replaced);
	chain_locked(s, i);
	f->ctime_ns = gs_clock_wall_ns();
}

int
stage_rename(struct stage *s, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name, bool only_new)
{
	uint32_t i, to;
	int rc = 0;

	if (strlen(new_name) >= STAGE_NAME_BYTES)
		return ENAMETOOLONG;
	pthread_mutex_lock(&s->lock);
	/* Waiting for the second, the first may have become busy. */
	do {
		i = find_idle_locked(s, dir, name);
		to = find_idle_locked(s, new_dir, new_name);
	} while (i != NOBODY && (s->is_busy[i] || find_locked(s, dir, name) != i));
	if (i == NOBODY)
		rc = ENOENT;
	else if (to != NOBODY && only_new)
		rc = EEXIST;
	else if (to != i)
		rename_locked(s, i, to, new_dir, new_name);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static bool
is_name(const struct stage_name *n, uint64_t dir, const char *name)
{
	return n->len > 0 && n->dir == dir && strcmp(n->bytes, name) == 0;
}

bool
stage_was_renamed(struct stage *s, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name)
{
	bool was = false;
	uint32_t i;

	pthread_mutex_lock(&s->lock);
	for (i = 0; i < STAGE_FILES && !was; i++) {
		const struct stage_slot *f = &s->slots[i];
		uint32_t which = stage_which_of(f);

		was = (stage_state_of(f) == STAGE_NAMED || stage_state_of(f) == STAGE_PUBLISHED) && is_name(&f->names[which], new_dir, new_name) &&
		    is_name(&f->names[which ^ 1], dir, name);
	}
	pthread_mutex_unlock(&s->lock);
	return was;
}

bool
stage_next(struct stage *s, uint64_t dir, uint32_t *slot, struct stage_seen *out)
{
	bool is_there = false;

	/* relaxed; a listing may miss what comes while it is made */
	if (atomic_load_explicit(&s->n_named, memory_order_relaxed) == 0)
		return false;
	pthread_mutex_lock(&s->lock);
	for (; *slot < STAGE_FILES && !is_there; ++*slot) {
		is_there = stage_state_of(&s->slots[*slot]) == STAGE_NAMED && stage_name_of(&s->slots[*slot])->dir == dir;
		if (is_there)
			stage_see_locked(s, *slot, out);
	}
	pthread_mutex_unlock(&s->lock);
	return is_there;
}
