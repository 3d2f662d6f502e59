/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table_image.h - a copy of a small table's memory, taken and put back quickly.
 *
 * Only what can have changed is copied: of the slots those that are not free
 * in the source, and those whose first lines differ.
 */
#ifndef T_PROC_TABLE_IMAGE_H
#define T_PROC_TABLE_IMAGE_H

#include <sys/mman.h>

#include <err.h>
#include <stdbool.h>
#include <string.h>

#include "shm/table.h"

enum { IMAGE_CTX = 4, IMAGE_SLOT_LINES = 128 };

/* The table's own maps, or private copies of them. */
struct image {
	unsigned char *ctl, *idx, *ctx, *arena[GS_MAX_ARENAS];
};

static inline void *
image_memory(size_t bytes)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		err(1, "mmap");
	/* The stepped processes fork at every instruction. */
	(void)madvise(map, bytes, MADV_DONTFORK);
	return map;
}

static inline struct image
image_live(const struct gs_table *t)
{
	struct image at = { (unsigned char *)t->ctl, (unsigned char *)t->idx, (unsigned char *)t->ctx, { NULL } };

	for (int i = 0; i < GS_MAX_ARENAS; i++)
		at.arena[i] = (unsigned char *)t->arena[i].map;
	return at;
}

static inline struct image
image_new(const struct gs_table *t)
{
	struct image at = { image_memory(t->ctl_bytes), image_memory(t->idx_bytes), image_memory(t->ctx_bytes), { NULL } };

	for (int i = 0; i < GS_MAX_ARENAS; i++)
		if (t->arena[i].map != NULL)
			at.arena[i] = image_memory(t->arena[i].bytes);
	return at;
}

static inline void
image_free(struct image *at, const struct gs_table *t)
{
	(void)munmap(at->ctl, t->ctl_bytes);
	(void)munmap(at->idx, t->idx_bytes);
	(void)munmap(at->ctx, t->ctx_bytes);
	for (int i = 0; i < GS_MAX_ARENAS; i++)
		if (at->arena[i] != NULL)
			(void)munmap(at->arena[i], t->arena[i].bytes);
}

/* Does a piece differ? It is made equal, unless `to` is only looked at. */
static inline bool
image_piece(unsigned char *to, const unsigned char *from, size_t bytes, bool is_copied)
{
	if (memcmp(to, from, bytes) == 0)
		return false;
	if (is_copied)
		memcpy(to, from, bytes);
	return true;
}

static inline bool
image_slot(unsigned char *to, const unsigned char *from, size_t bytes, bool is_copied)
{
	const struct gs_slot *s = (const void *)from;

	if (gs_word_state(atomic_load_explicit(&s->W, memory_order_relaxed)) == GS_SLOT_FREE &&
	    memcmp(to, from, IMAGE_SLOT_LINES) == 0)
		return false;
	return image_piece(to, from, bytes, is_copied);
}

static inline bool
image_arena(const struct gs_arena *a, unsigned char *to, const unsigned char *from, bool is_copied)
{
	size_t segments = (size_t)((unsigned char *)a->segments - (unsigned char *)a->map);
	size_t slots = (size_t)(a->slots - (unsigned char *)a->map);
	size_t due = (size_t)((unsigned char *)a->due - (unsigned char *)a->map);
	size_t kin = (size_t)((unsigned char *)a->kin - (unsigned char *)a->map);
	uint64_t word[2];
	bool differs = false;

	for (uint32_t seg = 0; seg < a->n_segments; seg++) {
		memcpy(&word[0], to + segments + 8 * seg, 8);
		memcpy(&word[1], from + segments + 8 * seg, 8);
		if (gs_segment_state(word[0]) == GS_SEGMENT_ABSENT && gs_segment_state(word[1]) == GS_SEGMENT_ABSENT)
			continue;
		differs |= image_piece(to + due + 4ull * seg * a->seg_slots, from + due + 4ull * seg * a->seg_slots, 4ull * a->seg_slots,
		    is_copied);
		differs |= image_piece(to + kin + 4ull * seg * a->seg_slots, from + kin + 4ull * seg * a->seg_slots, 4ull * a->seg_slots,
		    is_copied);
		for (uint32_t i = seg * a->seg_slots; i < (seg + 1) * a->seg_slots; i++)
			differs |= image_slot(to + slots + (size_t)i * a->slot_size, from + slots + (size_t)i * a->slot_size, a->slot_size,
			    is_copied);
	}
	return image_piece(to, from, due, is_copied) || differs;
}

static inline bool
image_all(const struct gs_table *t, const struct image *to, const struct image *from, bool is_copied)
{
	bool differs = image_piece(to->ctl, from->ctl, offsetof(struct gs_ctl_hdr, reg) + IMAGE_CTX * sizeof(struct gs_ctx_reg), is_copied);

	differs |= image_piece(to->idx, from->idx, t->idx_bytes, is_copied);
	for (size_t i = 0; i < IMAGE_CTX; i++)
		differs |= image_piece(to->ctx + i * GS_CTX_BYTES, from->ctx + i * GS_CTX_BYTES,
		    offsetof(struct gs_ctx_page, count) + sizeof(((struct gs_ctx_page *)0)->count), is_copied);
	for (int i = 0; i < GS_MAX_ARENAS; i++)
		if (t->arena[i].map != NULL)
			differs |= image_arena(&t->arena[i], to->arena[i], from->arena[i], is_copied);
	return differs;
}

static inline void
image_copy(const struct gs_table *t, const struct image *to, const struct image *from)
{
	(void)image_all(t, to, from, true);
}

static inline bool
image_differs(const struct gs_table *t, const struct image *a, const struct image *b)
{
	return image_all(t, a, b, false);
}

#endif
