/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/classes.h"

#include <stdio.h>
#include <string.h>

#include "gsession.h"
#include "base/atomic.h"
#include "policy/decay.h"

static const char *const built_in[] = { [GS_CLASS_ANONYMOUS] = "anonymous", [GS_CLASS_AUTHENTICATED] = "authenticated" };

enum { N_BUILT_IN = sizeof(built_in) / sizeof(built_in[0]) };

static const struct gs_lifetime_rule no_limits = { GS_DURATION_MAX, GS_DURATION_MAX };

static void
set_rule(struct gs_class_cfg *c, const struct gs_lifetime_rule *rule)
{
	/* relaxed, both; each is a rule on its own, clients read it whenever they judge */
	atomic_store_explicit(&c->ttl_ms, rule->ttl_ms, memory_order_relaxed);
	atomic_store_explicit(&c->idle_ms, rule->idle_ms, memory_order_relaxed);
}

static uint32_t
state_of(const struct gs_class_cfg *c)
{
	/* acquire; pairs with the release in set_state: the name is there */
	return atomic_load_explicit(&c->state, memory_order_acquire);
}

static void
set_state(struct gs_class_cfg *c, uint32_t state)
{
	/* release; pairs with the acquire in state_of */
	atomic_store_explicit(&c->state, state, memory_order_release);
}

/* Name a class that was UNUSED until now. */
static void
give_name(struct gs_class_cfg *c, const char *name, uint32_t state)
{
	char whole[GS_RING_NAME_BYTES] = "";

	memcpy(whole, name, strnlen(name, sizeof(whole) - 1));
	gs_racy_store(c->name, whole, sizeof(whole));
	set_state(c, state);
}

static bool
has_name(const struct gs_class_cfg *c, const char *name)
{
	char whole[GS_RING_NAME_BYTES];

	gs_racy_load(whole, c->name, sizeof(whole));
	return strncmp(whole, name, sizeof(whole)) == 0;
}

void
gs_classes_init(struct gs_ctl_hdr *ctl, const struct gs_past *past)
{
	for (uint32_t id = 0; id < GS_CLASSES; id++) {
		struct gs_class_cfg *c = &ctl->session_class[id];

		set_rule(c, &no_limits);
		if (id == GS_CLASS_NONE)
			continue;
		if (id < N_BUILT_IN)
			give_name(c, built_in[id], GS_CLASS_ON);
		else if (past != NULL && past->class_name[id][0] != '\0')
			give_name(c, past->class_name[id], GS_CLASS_RETIRED);
	}
}

/* ---- by name ---- */

static int
find(const struct gs_table *t, const char *name, bool is_any)
{
	if (name == NULL || name[0] == '\0')
		return GS_CLASS_NONE;
	for (int id = 1; id < GS_CLASSES; id++) {
		const struct gs_class_cfg *c = &t->ctl->session_class[id];
		uint32_t state = state_of(c);

		if ((state == GS_CLASS_ON || (is_any && state == GS_CLASS_RETIRED)) && has_name(c, name))
			return id;
	}
	return GS_EINVAL;
}

int
gs_classes_find(const struct gs_table *t, const char *name)
{
	return find(t, name, false);
}

int
gs_classes_find_any(const struct gs_table *t, const char *name)
{
	return find(t, name, true);
}

/* An id that nobody has, or GS_ERANGE. */
static int
find_unused(const struct gs_table *t)
{
	for (int id = N_BUILT_IN; id < GS_CLASSES; id++)
		if (state_of(&t->ctl->session_class[id]) == GS_CLASS_UNUSED)
			return id;
	return GS_ERANGE;
}

bool
gs_classes_has_room(const struct gs_table *t, const char *name)
{
	return gs_classes_find_any(t, name) >= 0 || find_unused(t) >= 0;
}

void
gs_classes_name(const struct gs_table *t, uint32_t id, char out[GS_RING_NAME_BYTES])
{
	memset(out, 0, GS_RING_NAME_BYTES);
	if (id != GS_CLASS_NONE && id < GS_CLASSES && state_of(&t->ctl->session_class[id]) != GS_CLASS_UNUSED)
		gs_racy_load(out, t->ctl->session_class[id].name, GS_RING_NAME_BYTES);
}

/* ---- by the daemon ---- */

/* Whoever finds the files of rings on disks without the rest of the table learns the names there. The next sync takes them along. */
static void
note_names(struct gs_table *t)
{
	for (uint32_t i = 0; i < GS_MAX_ARENAS; i++) {
		struct gs_arena *a = &t->arena[i];

		for (uint32_t id = 1; id < GS_CLASSES && a->map != NULL && a->is_file; id++)
			if (memcmp(a->map->class_name[id], t->ctl->session_class[id].name, GS_RING_NAME_BYTES) != 0)
				memcpy(a->map->class_name[id], t->ctl->session_class[id].name, GS_RING_NAME_BYTES);
	}
}

/* Where that changes when sessions end, all due hints are of the rule before, as they are when a ring's ttl changes. */
static void
change_rule(struct gs_table *t, struct gs_class_cfg *c, const struct gs_lifetime_rule *rule)
{
	if (atomic_load_explicit(&c->ttl_ms, memory_order_relaxed) == rule->ttl_ms &&
	    atomic_load_explicit(&c->idle_ms, memory_order_relaxed) == rule->idle_ms)
		return;
	/* First: a daemon that is killed between them has the next one do it. */
	for (uint32_t i = 0; i < t->n_rings; i++)
		atomic_store_explicit(&t->ctl->ring[i].rearm, 1, memory_order_relaxed);
	set_rule(c, rule);
}

static bool
is_among(const struct gs_class_cfg *c, const struct gs_class_spec *classes, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (has_name(c, classes[i].name))
			return true;
	return false;
}

/* Those that are there and are not among the classes have no limits, and but for the built-in ones nobody gets them any more. */
static void
retire_others(struct gs_table *t, const struct gs_class_spec *classes, uint32_t n)
{
	for (uint32_t id = 1; id < GS_CLASSES; id++) {
		struct gs_class_cfg *c = &t->ctl->session_class[id];

		if (state_of(c) == GS_CLASS_UNUSED || is_among(c, classes, n))
			continue;
		change_rule(t, c, &no_limits);
		if (id >= N_BUILT_IN)
			set_state(c, GS_CLASS_RETIRED);
	}
}

int
gs_classes_apply(struct gs_table *t, const struct gs_class_spec *classes, uint32_t n)
{
	int rc = 0;

	retire_others(t, classes, n);
	for (uint32_t i = 0; i < n; i++) {
		int id = gs_classes_find_any(t, classes[i].name);

		if (id < 0)
			id = find_unused(t);
		if (id < 0) {
			rc = GS_ERANGE;
			continue;
		}
		/* Nobody has a new one before its limits are there. */
		change_rule(t, &t->ctl->session_class[id], &classes[i].rule);
		if (state_of(&t->ctl->session_class[id]) == GS_CLASS_UNUSED)
			give_name(&t->ctl->session_class[id], classes[i].name, GS_CLASS_ON);
		else
			set_state(&t->ctl->session_class[id], GS_CLASS_ON);
	}
	note_names(t);
	return rc;
}

void
gs_classes_meet(struct gs_table *t, uint32_t id)
{
	char name[GS_RING_NAME_BYTES];

	if (id == GS_CLASS_NONE || id >= GS_CLASSES || state_of(&t->ctl->session_class[id]) != GS_CLASS_UNUSED)
		return;
	(void)snprintf(name, sizeof(name), "unknown-%u", (unsigned)id);
	give_name(&t->ctl->session_class[id], name, GS_CLASS_RETIRED);
}
