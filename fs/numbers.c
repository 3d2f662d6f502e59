/* SPDX-License-Identifier: BSD-2-Clause */
#include "numbers.h"

#include <stdlib.h>
#include <string.h>

#include "kept.h"

enum { LAYOUT = 1 };

/* Kept. */
struct given {
	_Atomic uint32_t n;
	char names[MOUNT_TABLES][GS_NAME_BYTES];
};

struct numbers {
	struct kept kept;
	struct given *given;
};

static bool
is_sound(const struct given *g)
{
	uint32_t n = atomic_load(&g->n);

	for (uint32_t i = 0; i < n && n <= MOUNT_TABLES; i++)
		if (g->names[i][0] == '\0' || memchr(g->names[i], '\0', GS_NAME_BYTES) == NULL)
			return false;
	return n <= MOUNT_TABLES;
}

struct numbers *
numbers_new(void)
{
	struct numbers *numbers = calloc(1, sizeof(*numbers));

	if (numbers == NULL)
		return NULL;
	if (kept_open(&numbers->kept, "tables", LAYOUT, sizeof(*numbers->given)) < 0 ||
	    (!is_sound(numbers->kept.base) && kept_refuse(&numbers->kept) < 0)) {
		free(numbers);
		return NULL;
	}
	numbers->given = numbers->kept.base;
	return numbers;
}

void
numbers_free(struct numbers **numbers)
{
	if (*numbers == NULL)
		return;
	kept_close(&(*numbers)->kept);
	free(*numbers);
	*numbers = NULL;
}

int
numbers_of(struct numbers *numbers, const char name[GS_NAME_BYTES])
{
	struct given *g = numbers->given;
	uint32_t n = atomic_load(&g->n), i;

	for (i = 0; i < n; i++)
		if (strcmp(g->names[i], name) == 0)
			return (int)i;
	if (n == MOUNT_TABLES)
		return -1;
	memcpy(g->names[n], name, strlen(name) + 1);
	/* Release: who follows us finds the name. */
	atomic_store_explicit(&g->n, n + 1, memory_order_release);
	return (int)n;
}
