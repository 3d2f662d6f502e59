/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/roles.h"

#include <string.h>

#include "base/atomic.h"

_Static_assert((int)GS_ROLES_KINDS == (int)GS_ROLE_KINDS && (int)GS_ROLES_WHO == (int)GS_ROLE_WHO, "roles as in the memory");

enum { MOST_TRIES = 1000 };		/* each is met by a change of the configuration */

static void
put_list(struct gs_role_cfg *to, const struct gs_roles_list *list)
{
	atomic_store_explicit(&to->n, (uint16_t)(list->is_any ? GS_ROLE_EVERYBODY : list->n), memory_order_relaxed);
	atomic_store_explicit(&to->groups, (uint16_t)list->groups, memory_order_relaxed);
	for (uint32_t i = 0; i < list->n; i++)
		atomic_store_explicit(&to->id[i], list->id[i], memory_order_relaxed);
}

void
gs_roles_apply(struct gs_table *t, const struct gs_roles *roles)
{
	uint32_t epoch = atomic_load_explicit(&t->ctl->roles_epoch, memory_order_relaxed) + 1;
	struct gs_roles_cfg *to = &t->ctl->roles[epoch & 1];

	atomic_store_explicit(&to->epoch, epoch - 1, memory_order_relaxed);
	gs_fence_release();	/* pairs with the acquire fence in gs_roles_load: who sees a word of ours sees that it is none of his */
	atomic_store_explicit(&to->owner, roles->owner, memory_order_relaxed);
	for (int i = 0; i < GS_ROLES_KINDS; i++)
		put_list(&to->of[i], &roles->of[i]);
	atomic_store_explicit(&to->epoch, epoch, memory_order_relaxed);
	/* release; pairs with the acquire in gs_roles_epoch_of: who sees it finds all of it */
	atomic_store_explicit(&t->ctl->roles_epoch, epoch, memory_order_release);
}

static void
load_list(const struct gs_role_cfg *from, struct gs_roles_list *out)
{
	uint32_t n = atomic_load_explicit(&from->n, memory_order_relaxed);

	out->is_any = n == GS_ROLE_EVERYBODY;
	out->n = n <= GS_ROLES_WHO ? n : 0;
	out->groups = atomic_load_explicit(&from->groups, memory_order_relaxed);
	for (uint32_t i = 0; i < out->n; i++)
		out->id[i] = atomic_load_explicit(&from->id[i], memory_order_relaxed);
}

/* False: they were changed twice meanwhile. */
static bool
load(const struct gs_table *t, struct gs_roles *out)
{
	uint32_t epoch = gs_roles_epoch_of(t);
	const struct gs_roles_cfg *from = &t->ctl->roles[epoch & 1];

	out->owner = atomic_load_explicit(&from->owner, memory_order_relaxed);
	for (int i = 0; i < GS_ROLES_KINDS; i++)
		load_list(&from->of[i], &out->of[i]);
	gs_fence_acquire();	/* pairs with the release fence in gs_roles_apply */
	return atomic_load_explicit(&from->epoch, memory_order_relaxed) == epoch;
}

void
gs_roles_load(const struct gs_table *t, struct gs_roles *out)
{
	for (int i = 0; i < MOST_TRIES; i++)
		if (load(t, out))
			return;
	/* The memory is damaged: nobody has a role. */
	memset(out, 0, sizeof(*out));
}
