/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keys.h - numbers the distinct keys of a log in the order in which they first appear.
 */
#ifndef LAB_KEYS_H
#define LAB_KEYS_H

#include <stddef.h>
#include <stdint.h>

struct keys_item {
	uint64_t hash;
	char *bytes;
	uint32_t len;
};

struct keys {
	struct keys_item *items;	/* by number */
	uint32_t *slots;		/* number + 1 by hash, linear probing; 0: empty */
	uint32_t n_items, cap_items;
	uint32_t n_slots;		/* power of two, at least twice n_items */
	uint64_t secret[2];		/* who writes the log must not choose where its keys collide */
};

/* Returns 0 or GS_ESYSTEM. */
int keys_init(struct keys *k);
/* The number of a key. Returns 1 when it is new, 0 when it is not, GS_ENOMEM. */
int keys_number(struct keys *k, const void *bytes, size_t len, uint32_t *out);
void keys_fini(struct keys *k);

#endif
