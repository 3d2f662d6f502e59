/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * classes.h - the classes that sessions of a table may have: their ids, names and limits.
 *
 * A name keeps its id as long as the memory is there, and longer where arenas
 * lie on a disk: these say the names of the ids in them.
 */
#ifndef GS_SHM_CLASSES_H
#define GS_SHM_CLASSES_H

#include "policy/lifetime.h"
#include "shm/table.h"

/* A class as it is to be. */
struct gs_class_spec {
	char name[GS_RING_NAME_BYTES];
	struct gs_lifetime_rule rule;
};

/* Fill the classes of a table that is made: the built-in ones, and those of a table before (NULL: none), all without limits. */
void gs_classes_init(struct gs_ctl_hdr *ctl, const struct gs_past *past);

/*
 * By the daemon: put these limits into force; a name that is new gets an id, and one that is not among them is RETIRED,
 * which takes its limits away. The built-in ones are always ON. Where that changes when sessions end, all rings are to be
 * re-armed. Returns 0, or GS_ERANGE when the ids are used up: the last ones of the list have none.
 */
int gs_classes_apply(struct gs_table *t, const struct gs_class_spec *classes, uint32_t n);

/* A record of this id was found on a disk: an id that has no name gets one that says so, and is never given to another. */
void gs_classes_meet(struct gs_table *t, uint32_t id);

/* Has this name an id, or could it get one? For the daemon. */
bool gs_classes_has_room(const struct gs_table *t, const char *name);

/* The id of a class that new sessions may have by its name (NULL or "": GS_CLASS_NONE), or GS_EINVAL: there is none. No cost to speak of. */
int gs_classes_find(const struct gs_table *t, const char *name);
/* The same, and those that are RETIRED. */
int gs_classes_find_any(const struct gs_table *t, const char *name);

/* The name of a class, "" for none and an id that nobody gave. */
void gs_classes_name(const struct gs_table *t, uint32_t id, char out[GS_RING_NAME_BYTES]);

/* The limits of a class, of any id that a record may have. */
static inline struct gs_lifetime_rule
gs_classes_rule(const struct gs_table *t, uint32_t id)
{
	const struct gs_class_cfg *c = &t->ctl->session_class[id < GS_CLASSES ? id : GS_CLASS_NONE];

	/* relaxed, both; each is a rule on its own */
	return (struct gs_lifetime_rule){ atomic_load_explicit(&c->ttl_ms, memory_order_relaxed),
	    atomic_load_explicit(&c->idle_ms, memory_order_relaxed) };
}

#endif
