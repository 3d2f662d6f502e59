/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/roles.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/wire.h"
#include "daemon/clients.h"
#include "daemon/events.h"
#include "prog/log.h"
#include "shm/roles.h"

enum { TOLD_A_SECOND = 16, NO_LEASE = 0, LEASE_FREE = 1 };	/* values of T.ctl's starter; another is its holder */

/* ---- who ---- */

/* A name, or a number that need not be anybody's. */
static bool
find_id(const struct gs_conf_who *who, uint32_t *id)
{
	char *end;
	unsigned long n = strtoul(who->name, &end, 10);
	struct passwd *user;
	struct group *group;

	*id = (uint32_t)n;
	if (*end == '\0')
		return n < UINT32_MAX;
	if (who->is_group) {
		group = getgrnam(who->name);
		*id = group == NULL ? 0 : group->gr_gid;
		return group != NULL;
	}
	user = getpwnam(who->name);
	*id = user == NULL ? 0 : user->pw_uid;
	return user != NULL;
}

static void
resolve(struct gs_roles_list *out, const char *list, const char *table, const char *role)
{
	struct gs_conf_who who;

	*out = (struct gs_roles_list){ .is_any = strcmp(list, "any") == 0 };
	while (gs_conf_next_who(&list, &who)) {
		if (find_id(&who, &out->id[out->n]))
			out->groups |= (uint32_t)who.is_group << out->n++;
		else
			log_warnx("table %s: %s: there is no %s %s: nobody is meant", table, role, who.is_group ? "group" : "user", who.name);
	}
}

void
roles_apply(struct manager *m, size_t table)
{
	const struct gs_conf_roles *conf = &m->conf.tables[table].roles;
	struct roles *r = &m->tables[table].roles;
	struct gs_ctl_hdr *ctl = m->tables[table].shm->ctl;
	const char *name = m->conf.tables[table].name;
	uint64_t none = NO_LEASE;

	if (r->is_resolved && memcmp(conf, &r->conf, sizeof(*conf)) == 0)
		return;
	r->lists.owner = (uint32_t)geteuid();
	resolve(&r->lists.of[GS_ROLES_STARTER], conf->starter, name, "starter");
	resolve(&r->lists.of[GS_ROLES_WORKER], conf->worker, name, "worker");
	resolve(&r->lists.of[GS_ROLES_READER], conf->reader, name, "reader");
	resolve(&r->lists.of[GS_ROLES_REAPER], conf->reaper, name, "reaper");
	resolve(&r->lists.of[GS_ROLES_OPERATOR], conf->operator, name, "operator");
	r->conf = *conf;
	r->is_resolved = true;
	/* relaxed; a process that has the lease keeps it over a restart of ours, and each start looks anew */
	if (conf->starters == GS_CONF_STARTERS_ANY)
		atomic_store_explicit(&ctl->starter, NO_LEASE, memory_order_relaxed);
	else
		(void)atomic_compare_exchange_strong_explicit(&ctl->starter, &none, LEASE_FREE, memory_order_relaxed, memory_order_relaxed);
	gs_roles_apply(m->tables[table].shm, &r->lists);
}

uint32_t
roles_rights(const struct manager *m, size_t table, const struct manager_caller *who)
{
	const struct gs_roles_who caller = { .uid = who->uid, .gid = who->gid, .groups = who->groups, .n_groups = who->n_groups };

	return gs_roles_rights(&m->tables[table].roles.lists, &caller);
}

bool
roles_may_operate(const struct manager *m, const size_t *table, const struct manager_caller *who)
{
	if (who->is_operator)
		return true;
	if (table != NULL)
		return (roles_rights(m, *table, who) & GS_RIGHT_OPERATE) != 0;
	for (size_t i = 0; i < m->conf.n_tables; i++)
		if ((roles_rights(m, i, who) & GS_RIGHT_OPERATE) == 0)
			return false;
	return m->conf.n_tables > 0;
}

/* ---- refusals ---- */

void
roles_refused(struct manager *m, size_t table, const struct manager_caller *who, const char *what)
{
	struct roles_told *told = &m->roles_told;
	uint64_t now_s = gs_clock_mono_ns() / UINT64_C(1000000000);
	const char *name = m->conf.tables[table].name;

	if (m->tables[table].shm != NULL)
		gs_ctx_count(&m->tables[table].ctx, GS_COUNT_FORBIDDEN);
	if (told->at_s != now_s)
		*told = (struct roles_told){ .at_s = now_s, .untold = told->untold };
	/* Whoever is refused may try as often as he likes. */
	if (told->n++ >= TOLD_A_SECOND) {
		told->untold++;
		return;
	}
	log_notice("table %s: %s refused to pid %d of uid %u", name, what, (int)who->pid, who->uid);
	events_add_often(m->events, "forbidden", "table=%s what=%s uid=%u pid=%d more=%llu", name, what, who->uid, (int)who->pid,
	    (unsigned long long)told->untold);
	told->untold = 0;
}

/* ---- the lease ---- */

/* A context of a process that lives: of that pid, or that has this number. NULL: none. */
static const struct gs_ctx_reg *
find_process(const struct gs_ctl_hdr *ctl, uint32_t pid, uint64_t process)
{
	uint32_t used = atomic_load_explicit(&ctl->n_ctx_used, memory_order_relaxed);

	for (uint32_t id = GS_DAEMON_CTX + 1; id < used && id < GS_MAX_CTX; id++) {
		const struct gs_ctx_reg *reg = &ctl->reg[id];

		if (atomic_load_explicit(&reg->state, memory_order_relaxed) != GS_CTX_LIVE)
			continue;
		if (pid != 0 ? reg->pid == pid : clients_process(reg->pid, reg->starttime) == process)
			return reg;
	}
	return NULL;
}

static const struct gs_ctx_reg *
holder_of(const struct gs_ctl_hdr *ctl)
{
	uint64_t starter = atomic_load_explicit(&ctl->starter, memory_order_relaxed);

	return starter == NO_LEASE || starter == LEASE_FREE ? NULL : find_process(ctl, 0, starter);
}

int
roles_take_lease(struct manager *m, size_t table, const struct manager_caller *who, char why[GS_CONF_WHY_BYTES])
{
	struct gs_ctl_hdr *ctl = m->tables[table].shm->ctl;
	const struct gs_ctx_reg *me = find_process(ctl, (uint32_t)who->pid, 0), *holder = holder_of(ctl);
	const char *name = m->conf.tables[table].name;

	if (m->conf.tables[table].roles.starters == GS_CONF_STARTERS_ANY)
		return 0;
	if ((roles_rights(m, table, who) & GS_RIGHT_START) == 0)
		return gs_conf_refuse(GS_EPERM, why, "uid %u is no starter of table %s", who->uid, name);
	if (me == NULL)
		return gs_conf_refuse(GS_EPERM, why, "process %d is not attached to table %s as one that may write", (int)who->pid, name);
	if (holder != NULL && (holder->pid != me->pid || holder->starttime != me->starttime))
		return gs_conf_refuse(GS_EPERM, why, "table %s has one starter, and process %u of uid %u has its lease until it ends; "
		    "what others would start is handed to it only in a cluster", name, holder->pid, holder->uid);
	if (holder == NULL)
		events_add(m->events, "lease", "table=%s uid=%u pid=%d", name, who->uid, (int)who->pid);
	atomic_store_explicit(&ctl->starter, clients_process(me->pid, me->starttime), memory_order_relaxed);
	return 0;
}

void
roles_tick(struct manager *m)
{
	for (size_t i = 0; i < m->conf.n_tables; i++) {
		struct gs_ctl_hdr *ctl = m->tables[i].shm->ctl;
		uint64_t starter = atomic_load_explicit(&ctl->starter, memory_order_relaxed);

		if (starter != NO_LEASE && starter != LEASE_FREE && find_process(ctl, 0, starter) == NULL)
			atomic_store_explicit(&ctl->starter, LEASE_FREE, memory_order_relaxed);
	}
}

uint32_t
roles_lease_holder(const struct manager *m, size_t table)
{
	const struct gs_ctx_reg *holder = holder_of(m->tables[table].shm->ctl);

	return holder == NULL ? 0 : holder->pid;
}
