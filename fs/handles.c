/* SPDX-License-Identifier: BSD-2-Clause */
#include "handles.h"

#include <sys/mman.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "gsession.h"
#include "base/random.h"

#include "kept.h"

enum {
	LAYOUT = 3,
	FEW = 256,			/* the values of so many keep their pages for the next */
	VALUES_BYTES = HANDLE_VALUES * HANDLE_VALUE_BYTES,
};

/* Kept. */
struct slot {
	_Atomic uint64_t word;		/* [63:8] generation [7:0] enum handle_kind */
	unsigned char kept[HANDLE_BYTES - sizeof(uint64_t)] __attribute__((aligned(8)));
};

struct memory {
	_Atomic uint32_t n_used;	/* slots from here on have never been open */
	uint32_t first;			/* generation of each slot: by chance, so that a number of another memory is none of this */
	unsigned char pad[4088];
	struct slot slots[HANDLES];
	unsigned char values[HANDLES][VALUES_BYTES];
};

struct handles {
	struct kept kept;
	struct memory *mem;
	pthread_mutex_t lock;		/* guards: the list of free slots */
	uint32_t n_free;
	uint32_t free[HANDLES];		/* the last is the next */
	void *local[HANDLES];
};

/* A generation is never 0, and so is no number. */
static uint64_t
fh_of(uint32_t i, uint64_t word)
{
	return (word >> 8) << 32 | i;
}

static uint32_t
slot_of(uint64_t fh)
{
	return (uint32_t)fh % HANDLES;
}

/* All that are not open are free, the lowest to be taken first. */
static void
find_free(struct handles *h)
{
	uint32_t n = atomic_load(&h->mem->n_used);

	for (uint32_t i = HANDLES; i-- > 0;)
		if (i >= n || (h->mem->slots[i].word & 0xff) == HANDLE_FREE)
			h->free[h->n_free++] = i;
}

static bool
is_sound(const struct memory *mem)
{
	uint32_t n = atomic_load(&mem->n_used);

	for (uint32_t i = 0; i < n && n <= HANDLES; i++)
		if ((mem->slots[i].word & 0xff) > HANDLE_STAGED || mem->slots[i].word >> 40 != 0)
			return false;
	return n <= HANDLES;
}

/* 0 or GS_ESYSTEM with errno. */
static int
open_memory(struct kept *kept)
{
	struct memory *mem;
	int rc = kept_open(kept, "handles", LAYOUT, sizeof(*mem));

	if (rc == 0 && kept->is_found && !is_sound(kept->base))
		rc = kept_refuse(kept);
	mem = kept->base;
	while (rc == 0 && mem->first == 0)
		rc = gs_random_bytes(&mem->first, sizeof(mem->first));
	return rc;
}

struct handles *
handles_new(void)
{
	struct handles *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	if (open_memory(&h->kept) < 0) {
		free(h);
		return NULL;
	}
	h->mem = h->kept.base;
	(void)madvise(h->mem, sizeof(*h->mem), MADV_DONTDUMP);
	(void)pthread_mutex_init(&h->lock, NULL);
	find_free(h);
	return h;
}

void
handles_free(struct handles **h)
{
	if (*h == NULL)
		return;
	kept_close(&(*h)->kept);
	(void)pthread_mutex_destroy(&(*h)->lock);
	free(*h);
	*h = NULL;
}

int
handles_reserve(struct handles *h, uint64_t *fh)
{
	uint64_t word;
	uint32_t i = HANDLES;

	pthread_mutex_lock(&h->lock);
	if (h->n_free > 0) {
		i = h->free[--h->n_free];
		if (i >= h->mem->n_used)
			atomic_store(&h->mem->n_used, i + 1);
	}
	pthread_mutex_unlock(&h->lock);
	if (i == HANDLES)
		return ENFILE;
	/* 32 bits of it are in a number, and 0 is none. */
	word = h->mem->slots[i].word >> 8;
	word = word == 0 ? h->mem->first : (word + 1) & UINT32_MAX;
	word = (word == 0 ? 1 : word) << 8 | HANDLE_FREE;
	h->mem->slots[i].word = word;
	*fh = fh_of(i, word);
	return 0;
}

void
handles_commit(struct handles *h, uint64_t fh, enum handle_kind kind)
{
	/* Release: whoever finds it open finds what is kept of it. */
	atomic_fetch_or_explicit(&h->mem->slots[slot_of(fh)].word, (uint64_t)kind, memory_order_release);
}

void
handles_release(struct handles *h, uint64_t fh)
{
	uint32_t i = slot_of(fh);

	h->local[i] = NULL;
	atomic_fetch_and(&h->mem->slots[i].word, ~UINT64_C(0xff));
	/* Where many are open at once, their pages are not kept for when there are as many again. */
	if (i >= FEW)
		(void)madvise(h->mem->values[i], VALUES_BYTES, MADV_REMOVE);
	pthread_mutex_lock(&h->lock);
	h->free[h->n_free++] = i;
	pthread_mutex_unlock(&h->lock);
}

enum handle_kind
handles_kind(const struct handles *h, uint64_t fh)
{
	uint32_t i = (uint32_t)fh;
	uint64_t word;

	if (i >= HANDLES)
		return HANDLE_FREE;
	word = atomic_load_explicit(&h->mem->slots[i].word, memory_order_acquire);
	return fh_of(i, word) == fh ? (enum handle_kind)(word & 0xff) : HANDLE_FREE;
}

void *
handles_kept(const struct handles *h, uint64_t fh)
{
	return h->mem->slots[slot_of(fh)].kept;
}

unsigned char *
handles_value(const struct handles *h, uint64_t fh, uint32_t which)
{
	return h->mem->values[slot_of(fh)] + (size_t)which * HANDLE_VALUE_BYTES;
}

void *
handles_local(const struct handles *h, uint64_t fh)
{
	return h->local[slot_of(fh)];
}

void
handles_set_local(struct handles *h, uint64_t fh, void *local)
{
	h->local[slot_of(fh)] = local;
}

uint64_t
handles_next(const struct handles *h, uint32_t *i)
{
	uint32_t n = atomic_load(&h->mem->n_used);
	uint64_t word;

	while (*i < n && *i < HANDLES) {
		word = h->mem->slots[(*i)++].word;
		if ((word & 0xff) != HANDLE_FREE)
			return fh_of(*i - 1, word);
	}
	return 0;
}

void
handles_let_go(struct handles *h, enum handle_kind kind, void (*free_local)(void *local))
{
	uint32_t i = 0;
	uint64_t fh;
	void *local;

	while ((fh = handles_next(h, &i)) != 0) {
		local = handles_kind(h, fh) == kind ? handles_local(h, fh) : NULL;
		if (local == NULL)
			continue;
		handles_set_local(h, fh, NULL);
		free_local(local);
	}
}
