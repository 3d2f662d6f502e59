/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/keys.h"

#include <stdlib.h>
#include <string.h>

#include "gsession.h"
#include "base/random.h"
#include "base/siphash.h"

int
keys_init(struct keys *k)
{
	*k = (struct keys){ 0 };
	return gs_random_bytes(k->secret, sizeof(k->secret));
}

/* The slot of a key, or the empty one where it belongs. */
static uint32_t *
find_slot(const struct keys *k, uint64_t hash, const void *bytes, size_t len)
{
	uint32_t mask = k->n_slots - 1, at = (uint32_t)hash & mask;

	for (; k->slots[at] != 0; at = (at + 1) & mask) {
		const struct keys_item *i = &k->items[k->slots[at] - 1];

		if (i->hash == hash && i->len == len && memcmp(i->bytes, bytes, len) == 0)
			break;
	}
	return &k->slots[at];
}

/* Room for one more item and a slot for it. */
static int
grow(struct keys *k)
{
	uint32_t cap = k->cap_items == 0 ? 1024 : k->cap_items * 2, i;
	struct keys_item *items;
	uint32_t *slots;

	if (k->n_items < k->cap_items)
		return GS_OK;
	if (k->cap_items > UINT32_MAX / 4)
		return GS_ENOMEM;
	items = reallocarray(k->items, cap, sizeof(*items));
	if (items == NULL)
		return GS_ENOMEM;
	k->items = items;
	slots = calloc((size_t)cap * 2, sizeof(*slots));
	if (slots == NULL)
		return GS_ENOMEM;
	free(k->slots);
	k->slots = slots;
	k->n_slots = cap * 2;
	k->cap_items = cap;
	for (i = 0; i < k->n_items; i++)
		*find_slot(k, items[i].hash, items[i].bytes, items[i].len) = i + 1;
	return GS_OK;
}

int
keys_number(struct keys *k, const void *bytes, size_t len, uint32_t *out)
{
	uint64_t hash = gs_siphash13(k->secret[0], k->secret[1], bytes, len);
	struct keys_item item = { .hash = hash, .len = (uint32_t)len };
	uint32_t *slot;
	int rc = grow(k);

	if (rc < 0)
		return rc;
	slot = find_slot(k, hash, bytes, len);
	if (*slot != 0) {
		*out = *slot - 1;
		return 0;
	}
	item.bytes = malloc(len == 0 ? 1 : len);
	if (item.bytes == NULL)
		return GS_ENOMEM;
	memcpy(item.bytes, bytes, len);
	k->items[k->n_items] = item;
	*out = k->n_items++;
	*slot = k->n_items;
	return 1;
}

void
keys_fini(struct keys *k)
{
	uint32_t i;

	for (i = 0; i < k->n_items; i++)
		free(k->items[i].bytes);
	free(k->items);
	free(k->slots);
	*k = (struct keys){ 0 };
}
