/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/agree.h"

#include <stdlib.h>
#include <string.h>

#include "gsession.h"

/* One event at one host. */
struct turn {
	struct agree *a;
	uint16_t from;
	const struct agree_message *m;
	struct agree_actions *out;
};

/* ---- names ---- */

static struct agree_name
name_of(const struct map *m)
{
	struct agree_name name = { .epoch = 0 };

	if (m != NULL) {
		name.epoch = m->epoch;
		memcpy(name.hash, m->hash, sizeof(name.hash));
	}
	return name;
}

static bool
is_named(const struct map *m, const struct agree_name *name)
{
	return m != NULL && m->epoch == name->epoch && memcmp(m->hash, name->hash, sizeof(name->hash)) == 0;
}

static uint64_t
epoch_of(const struct map *m)
{
	return m == NULL ? 0 : m->epoch;
}

/* Does a map say that a host is not there, or is no host of it? */
static bool
is_without(const struct map *m, uint16_t host)
{
	const struct map_host *h = map_host(m, host);

	return h == NULL || h->state == MAP_DOWN || h->state == MAP_LEFT;
}

/* What is kept and not in force, or NULL. */
static const struct map *
prepared(const struct agree *a)
{
	return a->kept.n_prepared == 0 ? NULL : a->kept.prepared[a->kept.n_prepared - 1].map;
}

static uint16_t
proposer(const struct agree *a)
{
	return a->kept.n_prepared == 0 ? MAP_NOBODY : a->kept.prepared[a->kept.n_prepared - 1].proposer;
}

/* ---- what is to be done ---- */

static struct agree_action *
add(struct agree_actions *out, enum agree_do what, uint16_t to)
{
	struct agree_action *action;

	if (out->n == AGREE_ACTIONS)
		abort();
	action = &out->of[out->n++];

	*action = (struct agree_action){ .what = what, .to = to };
	return action;
}

static void
say(struct turn *t, uint16_t to, enum agree_event kind, const struct map *about)
{
	struct agree_action *action = add(t->out, to == MAP_NOBODY ? AGREE_SEND_ALL : AGREE_SEND, to);

	action->message.kind = (uint8_t)kind;
	action->message.name = name_of(about);
	if (kind == AGREE_ON_PREPARE || kind == AGREE_ON_MAP)
		action->message.map = about;
}

static void
announce(struct turn *t, uint16_t to)
{
	struct agree_message *m;

	say(t, to, AGREE_ON_ANNOUNCE, t->a->kept.in_force);
	m = &t->out->of[t->out->n - 1].message;
	m->prepared = name_of(prepared(t->a));
	m->proposer = proposer(t->a);
}

static void
refuse(struct turn *t, enum agree_why why)
{
	struct agree_action *action = add(t->out, AGREE_SEND, t->from);

	action->message.kind = AGREE_ON_REFUSED;
	action->message.why = (uint8_t)why;
	action->message.name = t->m->name;
}

static void
tell(struct turn *t, const struct map *about, enum agree_why why)
{
	struct agree_action *action = add(t->out, AGREE_TELL, t->a->self);

	action->message.name = name_of(about);
	action->why = why;
}

static void
keep(struct turn *t)
{
	(void)add(t->out, AGREE_KEEP, t->a->self);
}

/* ---- steps ---- */

/* The last one that was prepared is not to be. */
static void
forget_last(struct agree *a)
{
	a->kept.n_prepared--;
	a->is_proposing = false;
}

static void
prepare(struct turn *t, const struct map *map, uint16_t by)
{
	uint32_t i = t->a->kept.n_prepared++;

	t->a->kept.prepared[i].map = map;
	t->a->kept.prepared[i].proposer = by;
	t->a->is_proposing = by == t->a->self;
	memset(t->a->has_accepted, 0, sizeof(t->a->has_accepted));
	keep(t);
}

/* A map comes into force; whatever was prepared was of that epoch or an earlier one. */
static void
put_in_force(struct turn *t, const struct map *map)
{
	const struct map *ours = t->a->is_proposing ? prepared(t->a) : NULL;

	t->a->kept.in_force = map;
	t->a->kept.n_prepared = 0;
	t->a->is_proposing = false;
	keep(t);
	(void)add(t->out, AGREE_USE, t->a->self);
	if (ours != NULL)
		tell(t, ours, memcmp(ours->hash, map->hash, sizeof(map->hash)) == 0 ? AGREE_NO_REASON : AGREE_OVERTAKEN);
}

/* The proposal is not to be. It was ours, and only we could have put it in force; after a restart it is forgotten anyway. */
static void
give_up(struct turn *t, enum agree_why why)
{
	const struct map *map = prepared(t->a);

	forget_last(t->a);
	say(t, MAP_NOBODY, AGREE_ON_ABORT, map);
	tell(t, map, why);
}

/* Somebody has another map of an epoch of ours, or may have. Who was declared dead may; else we cannot know which is right. */
static void
meet_fork(struct turn *t)
{
	const struct map *in_force = t->a->kept.in_force;

	if (!is_without(in_force, t->from)) {
		t->a->kept.is_quarantined = true;
		t->a->is_proposing = false;
		keep(t);
	}
	(void)add(t->out, AGREE_ALARM, t->from);
}

/* Has every host accepted that is to be there, of those that are in the map in force? */
static bool
have_all_accepted(const struct agree *a)
{
	const struct map *now = a->kept.in_force;

	for (uint32_t i = 0; i < now->n_hosts; i++) {
		uint16_t id = now->hosts[i].id;

		if (id != a->self && !is_without(prepared(a), id) && !a->has_accepted[i])
			return false;
	}
	return true;
}

static void
commit_if_accepted(struct turn *t)
{
	const struct map *map = prepared(t->a);

	if (!have_all_accepted(t->a))
		return;
	put_in_force(t, map);
	say(t, MAP_NOBODY, AGREE_ON_COMMIT, map);
}

/* May a proposal go before the one that is kept? Only if it says that its proposer is dead, and who was to be dead by that. */
static bool
may_go_before(const struct agree *a, const struct map *map)
{
	const struct map *first = prepared(a);

	if (a->kept.n_prepared == AGREE_PREPARED_MOST || !is_without(map, proposer(a)))
		return false;
	for (uint32_t i = 0; i < first->n_hosts; i++)
		if (is_without(first, first->hosts[i].id) && !is_without(map, first->hosts[i].id))
			return false;
	return true;
}

static void
accept(struct turn *t)
{
	prepare(t, t->m->map, t->from);
	say(t, t->from, AGREE_ON_ACCEPTED, t->m->map);
}

/* ---- events ---- */

static void
ignore(struct turn *t)
{
	(void)t;
}

static void
on_tick(struct turn *t)
{
	announce(t, MAP_NOBODY);
}

static void
on_tick_proposing(struct turn *t)
{
	announce(t, MAP_NOBODY);
	say(t, MAP_NOBODY, AGREE_ON_PREPARE, prepared(t->a));
}

/* A proposal that is not the next here: it was already, comes of another past, or we are behind. True: it has been answered. */
static bool
is_out_of_turn(struct turn *t)
{
	const struct map *now = t->a->kept.in_force, *map = t->m->map;

	if (now != NULL && map_follows(map, now))
		return false;
	if (is_named(now, &t->m->name))
		say(t, t->from, AGREE_ON_ACCEPTED, map);
	else if (map->epoch > epoch_of(now) + 1 || now == NULL)
		say(t, t->from, AGREE_ON_GET, now);
	else {
		refuse(t, AGREE_BEHIND);
		announce(t, t->from);
	}
	return true;
}

static void
on_prepare(struct turn *t)
{
	if (!is_out_of_turn(t))
		accept(t);
}

static void
on_prepare_prepared(struct turn *t)
{
	if (is_out_of_turn(t))
		return;
	if (t->from == proposer(t->a) && is_named(prepared(t->a), &t->m->name))
		say(t, t->from, AGREE_ON_ACCEPTED, t->m->map);
	else if (may_go_before(t->a, t->m->map))
		accept(t);
	else
		refuse(t, AGREE_OTHER);
}

static void
on_prepare_proposing(struct turn *t)
{
	if (!is_out_of_turn(t))
		refuse(t, AGREE_OTHER);
}

static void
on_prepare_quarantined(struct turn *t)
{
	refuse(t, AGREE_IS_QUARANTINED);
}

static void
on_accepted(struct turn *t)
{
	const struct map *now = t->a->kept.in_force;
	const struct map_host *h = map_host(now, t->from);

	if (h == NULL || !is_named(prepared(t->a), &t->m->name))
		return;
	t->a->has_accepted[h - now->hosts] = true;
	commit_if_accepted(t);
}

static void
on_refused(struct turn *t)
{
	if (is_named(prepared(t->a), &t->m->name) && !is_without(prepared(t->a), t->from))
		give_up(t, t->m->why < AGREE_WHYS ? (enum agree_why)t->m->why : AGREE_OTHER);
}

static void
on_withdraw(struct turn *t)
{
	give_up(t, AGREE_GIVEN_UP);
}

/* Of another's map that is in force there. */
static void
look_at_name(struct turn *t)
{
	const struct map *now = t->a->kept.in_force;
	struct agree_name own = name_of(now);

	if (t->m->name.epoch > own.epoch)
		say(t, t->from, AGREE_ON_GET, now);
	else if (t->m->name.epoch == own.epoch && own.epoch > 0 && !is_named(now, &t->m->name))
		meet_fork(t);
}

static void
on_commit(struct turn *t)
{
	if (is_named(prepared(t->a), &t->m->name))
		put_in_force(t, prepared(t->a));
	else
		look_at_name(t);
}

static void
on_abort(struct turn *t)
{
	if (t->from != proposer(t->a) || !is_named(prepared(t->a), &t->m->name))
		return;
	forget_last(t->a);
	keep(t);
}

/*
 * What another has kept of ours and waits for: of the next epoch, if it is not what we propose, it is not to be. Of one that we
 * have passed it may have been in force, and he is going to be given a later one; of a later one we have lost our memory.
 */
static void
answer_prepared(struct turn *t)
{
	const struct agree *a = t->a;
	struct agree_action *action;

	if (t->m->proposer != a->self || a->kept.in_force == NULL || t->m->prepared.epoch != epoch_of(a->kept.in_force) + 1)
		return;
	if (a->is_proposing && is_named(prepared(a), &t->m->prepared))
		return;
	action = add(t->out, AGREE_SEND, t->from);
	action->message.kind = AGREE_ON_ABORT;
	action->message.name = t->m->prepared;
}

static void
on_announce(struct turn *t)
{
	look_at_name(t);
	if (t->a->kept.is_quarantined)
		return;
	answer_prepared(t);
	if (t->m->name.epoch < epoch_of(t->a->kept.in_force))
		announce(t, t->from);
}

static void
on_get(struct turn *t)
{
	const struct map *now = t->a->kept.in_force;

	if (t->m->name.epoch < epoch_of(now))
		say(t, t->from, AGREE_ON_MAP, now);
}

static void
on_map(struct turn *t)
{
	const struct map *now = t->a->kept.in_force, *map = t->m->map;

	if (map->epoch < epoch_of(now))
		return;
	if (now != NULL && !map_knows(map, now))
		(void)add(t->out, AGREE_ALARM, t->from);
	else if (now != NULL && (!map_is_kin(map, now) || map_is_fork(map, now)))
		meet_fork(t);
	else if (map->epoch > epoch_of(now))
		put_in_force(t, map);
}

/* agree_propose has looked at the state itself. */
static void
on_propose(struct turn *t)
{
	prepare(t, t->m->map, t->a->self);
	say(t, MAP_NOBODY, AGREE_ON_PREPARE, t->m->map);
	commit_if_accepted(t);
}

static void (*const table[AGREE_STATES][AGREE_EVENTS])(struct turn *) = {
	[AGREE_IDLE] = {
		[AGREE_ON_PROPOSE] = on_propose,
		[AGREE_ON_TICK] = on_tick,
		[AGREE_ON_WITHDRAW] = ignore,
		[AGREE_ON_PREPARE] = on_prepare,
		[AGREE_ON_ACCEPTED] = ignore,
		[AGREE_ON_REFUSED] = ignore,
		[AGREE_ON_COMMIT] = look_at_name,
		[AGREE_ON_ABORT] = ignore,
		[AGREE_ON_ANNOUNCE] = on_announce,
		[AGREE_ON_GET] = on_get,
		[AGREE_ON_MAP] = on_map,
	},
	[AGREE_PREPARED] = {
		[AGREE_ON_PROPOSE] = on_propose,
		[AGREE_ON_TICK] = on_tick,
		[AGREE_ON_WITHDRAW] = ignore,
		[AGREE_ON_PREPARE] = on_prepare_prepared,
		[AGREE_ON_ACCEPTED] = ignore,
		[AGREE_ON_REFUSED] = ignore,
		[AGREE_ON_COMMIT] = on_commit,
		[AGREE_ON_ABORT] = on_abort,
		[AGREE_ON_ANNOUNCE] = on_announce,
		[AGREE_ON_GET] = on_get,
		[AGREE_ON_MAP] = on_map,
	},
	[AGREE_PROPOSING] = {
		[AGREE_ON_PROPOSE] = ignore,
		[AGREE_ON_TICK] = on_tick_proposing,
		[AGREE_ON_WITHDRAW] = on_withdraw,
		[AGREE_ON_PREPARE] = on_prepare_proposing,
		[AGREE_ON_ACCEPTED] = on_accepted,
		[AGREE_ON_REFUSED] = on_refused,
		[AGREE_ON_COMMIT] = look_at_name,
		[AGREE_ON_ABORT] = ignore,
		[AGREE_ON_ANNOUNCE] = on_announce,
		[AGREE_ON_GET] = on_get,
		[AGREE_ON_MAP] = on_map,
	},
	[AGREE_QUARANTINED] = {
		[AGREE_ON_PROPOSE] = ignore,
		[AGREE_ON_TICK] = ignore,
		[AGREE_ON_WITHDRAW] = ignore,
		[AGREE_ON_PREPARE] = on_prepare_quarantined,
		[AGREE_ON_ACCEPTED] = ignore,
		[AGREE_ON_REFUSED] = ignore,
		[AGREE_ON_COMMIT] = ignore,
		[AGREE_ON_ABORT] = ignore,
		[AGREE_ON_ANNOUNCE] = ignore,
		[AGREE_ON_GET] = ignore,
		[AGREE_ON_MAP] = ignore,
	},
};

/* ---- calls ---- */

enum agree_state
agree_state(const struct agree *a)
{
	if (a->kept.is_quarantined)
		return AGREE_QUARANTINED;
	if (a->kept.n_prepared == 0)
		return AGREE_IDLE;
	return a->is_proposing ? AGREE_PROPOSING : AGREE_PREPARED;
}

int
agree_begin(struct agree *a, uint16_t self, const struct agree_kept *kept)
{
	if (kept->n_prepared > AGREE_PREPARED_MOST || (kept->n_prepared > 0 && kept->in_force == NULL))
		return GS_ECORRUPT;
	memset(a, 0, sizeof(*a));
	a->self = self;
	a->kept = *kept;
	/* Of our own it is known that it did not come into force: then that would have been kept. */
	if (proposer(a) == self && self != MAP_NOBODY)
		forget_last(a);
	return 0;
}

static void
take(struct agree *a, enum agree_event event, uint16_t from, const struct agree_message *m, struct agree_actions *out)
{
	struct turn t = { .a = a, .from = from, .m = m, .out = out };

	out->n = 0;
	table[agree_state(a)][event](&t);
}

int
agree_propose(struct agree *a, const struct map *map, struct agree_actions *out)
{
	const struct agree_message m = { .map = map };
	enum agree_state state = agree_state(a);

	out->n = 0;
	if (state == AGREE_QUARANTINED)
		return GS_EROFS;
	if (a->kept.in_force == NULL || !map_follows(map, a->kept.in_force) || is_without(map, a->self))
		return GS_EINVAL;
	if (is_without(a->kept.in_force, a->self))
		return GS_EROFS;
	if (state == AGREE_PROPOSING || (state == AGREE_PREPARED && !may_go_before(a, map)))
		return GS_EBUSY;
	take(a, AGREE_ON_PROPOSE, a->self, &m, out);
	return 0;
}

int
agree_withdraw(struct agree *a, struct agree_actions *out)
{
	out->n = 0;
	if (agree_state(a) != AGREE_PROPOSING)
		return GS_ENOENT;
	take(a, AGREE_ON_WITHDRAW, a->self, NULL, out);
	return 0;
}

void
agree_tick(struct agree *a, struct agree_actions *out)
{
	take(a, AGREE_ON_TICK, a->self, NULL, out);
}

/* Is it one of the kinds that are sent, with what belongs to that? */
static bool
is_sound(const struct agree_message *m)
{
	if (m->kind < AGREE_ON_PREPARE || m->kind >= AGREE_EVENTS)
		return false;
	return (m->kind != AGREE_ON_PREPARE && m->kind != AGREE_ON_MAP) || is_named(m->map, &m->name);
}

/*
 * Who accepts a map that declares a host dead does not take a map from that host any more: that host may have put its own in
 * force meanwhile, of the same epoch, and those who have one of the two must not come to the other.
 */
static bool
is_dead_to_us(const struct agree *a, uint16_t from)
{
	return a->kept.n_prepared > 0 && is_without(prepared(a), from);
}

void
agree_hear(struct agree *a, uint16_t from, const struct agree_message *m, struct agree_actions *out)
{
	struct turn t = { .a = a, .from = from, .m = m, .out = out };

	out->n = 0;
	if (!is_sound(m))
		return;
	if (m->kind == AGREE_ON_GET || !is_dead_to_us(a, from))
		take(a, (enum agree_event)m->kind, from, m, out);
	else if (m->kind == AGREE_ON_PREPARE)
		refuse(&t, AGREE_OTHER);
}
