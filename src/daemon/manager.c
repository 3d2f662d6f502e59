/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/manager.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "daemon/drain.h"
#include "daemon/events.h"
#include "daemon/host.h"
#include "daemon/instance.h"
#include "daemon/jobs.h"
#include "daemon/merge.h"
#include "daemon/namespaces.h"
#include "daemon/rings.h"
#include "daemon/roles.h"
#include "daemon/spec.h"
#include "daemon/stores.h"
#include "daemon/suspects.h"
#include "daemon/tables.h"
#include "prog/log.h"
#include "shm/namespaces.h"

/* Names in the instance's directory: what the file said, and what is in force. */
#define KEPT_FILE "conf.file"
#define KEPT_LIVE "conf.live"

enum {
	LOOKS_APART_NS = 25000000,
	AUDIT_TRIES = 4,
	WALL_SLACK_MS = 10,			/* the wall clock may drift so far before the times shown follow it */
};

/* What was changed by hand outlives a restart, unless the file says something new about it. */
static void
adopt_kept(struct manager *m)
{
	static struct gs_conf before, live;	/* large; one thread, at start */
	char why[GS_CONF_WHY_BYTES];

	if (instance_load(m->shm_dir_fd, KEPT_FILE, &before, why) < 0 || instance_load(m->shm_dir_fd, KEPT_LIVE, &live, why) < 0)
		return;
	merge_conf(&m->conf, &before, &live);
	if (gs_conf_check(&m->conf, why) == 0)
		return;
	log_warnx("what was changed by hand does not fit the file any more and is dropped: %s", why);
	m->conf = m->file;
}

static void
keep_conf(struct manager *m)
{
	/* In this order: killed between the two we take for changed by hand what a reload changed, and it stays in force. */
	if (instance_save(m->shm_dir_fd, KEPT_LIVE, &m->conf) < 0 || instance_save(m->shm_dir_fd, KEPT_FILE, &m->file) < 0)
		log_warnx("the settings in force could not be kept in the instance's directory: a restart reads the file");
}

static int
open_suspects(struct manager *m)
{
	for (size_t i = 0; i < m->conf.n_tables; i++) {
		m->tables[i].suspects = suspects_new(m->tables[i].shm, &m->tables[i].ctx);
		if (m->tables[i].suspects == NULL)
			return GS_ENOMEM;
	}
	return 0;
}

/* Another than any daemon's before, be it of another memory; counted up from here it is never 0. */
static int
begin_control_epoch(struct manager *m)
{
	int rc = gs_random_bytes(&m->control_epoch, sizeof(m->control_epoch));

	m->control_epoch = m->control_epoch >> 1 | 1;
	return rc;
}

int
manager_open(struct manager *m, const struct gs_conf *conf, char why[GS_CONF_WHY_BYTES])
{
	bool is_new, any_old = false;
	int rc;

	m->file = *conf;
	m->conf = *conf;
	m->started_ns = gs_clock_mono_ns();
	m->shm_dir_fd = instance_open(m->instance, why);
	if (m->shm_dir_fd < 0)
		return m->shm_dir_fd;
	rc = begin_control_epoch(m);
	if (rc < 0)
		return gs_conf_refuse(rc, why, "random numbers: %s", gs_strerror(rc));
	adopt_kept(m);
	for (size_t i = 0; i < m->conf.n_tables; i++) {
		rc = tables_open(m, i, &is_new, why);
		if (rc < 0)
			return rc;
		any_old = any_old || !is_new;
	}
	for (size_t i = 0; i < m->conf.n_tables; i++) {
		gs_namespaces_recover(m->tables[i].shm);
		namespaces_meet(m, i);
		(void)namespaces_remove_dropped(m, i, &m->conf.tables[i]);
		namespaces_tell_dropped(&m->conf.tables[i]);
	}
	for (size_t i = 0; i < m->conf.n_tables; i++)
		manager_apply(m, i, 0);
	manager_tick(m);
	rc = open_suspects(m);
	if (rc < 0)
		return gs_conf_refuse(rc, why, "the list of suspects: %s", gs_strerror(rc));
	rc = stores_open(m);
	if (rc < 0)
		return gs_conf_refuse(rc, why, "rings on disks: %s", gs_strerror(rc));
	host_tell(m);
	drain_open(m);
	events_add(m->events, "started", "pid=%d memory=%s", (int)getpid(), any_old ? "kept" : "new");
	return 0;
}

int
manager_purge(const char *instance, const struct gs_conf *conf, char why[GS_CONF_WHY_BYTES])
{
	int dir_fd = instance_open(instance, why);

	if (dir_fd < 0)
		return dir_fd;
	instance_each_table(dir_fd, tables_purge);
	stores_purge_conf(instance, conf);
	instance_remove(dir_fd, instance);
	(void)close(dir_fd);
	return 0;
}

void
manager_close(struct manager *m)
{
	stores_close(m);
	for (size_t i = 0; i < m->conf.n_tables; i++) {
		struct manager_table *mt = &m->tables[i];

		suspects_free(&mt->suspects);
		if (mt->shm == NULL)
			continue;
		gs_ctx_fini(&mt->ctx, mt->shm);
		atomic_store_explicit(&mt->shm->ctl->daemon_pid, 0, memory_order_relaxed);
		gs_table_free(&mt->shm);
	}
	if (m->shm_dir_fd >= 0)
		(void)close(m->shm_dir_fd);
	m->shm_dir_fd = -1;
}

/*
 * Times of sessions are shown through one fixed difference to the wall clock,
 * so that two looks at a session agree to the millisecond; it moves when the
 * clock was set, not with every tick's rounding.
 */
static void
follow_wall_clock(struct gs_table *t)
{
	uint64_t add = gs_clock_wall_less_mono_ms() - atomic_load_explicit(&t->ctl->clock_add_ms, memory_order_relaxed);
	uint64_t kept = atomic_load_explicit(&t->ctl->wall_add_ms, memory_order_relaxed), off = add - kept;

	if (off + WALL_SLACK_MS > 2 * WALL_SLACK_MS)
		atomic_store_explicit(&t->ctl->wall_add_ms, add, memory_order_relaxed);
}

int
manager_table(const struct manager *m, const char *name)
{
	for (size_t i = 0; i < m->conf.n_tables; i++)
		if (strcmp(m->conf.tables[i].name, name) == 0)
			return (int)i;
	return GS_ENOENT;
}

void
manager_tick(struct manager *m)
{
	uint64_t suspended_ms = gs_clock_suspended_ms();

	for (size_t i = 0; i < m->conf.n_tables; i++) {
		struct gs_table *t = m->tables[i].shm;

		if (t == NULL)
			continue;
		/* Time in suspend counts: sessions age while the host sleeps. */
		atomic_store_explicit(&t->ctl->clock_add_ms, t->ctl->clock_base_ms + suspended_ms, memory_order_relaxed);
		follow_wall_clock(t);
	}
}

/* ---- changing ---- */

static void
apply_quota(struct manager *m, size_t table)
{
	struct manager_table *mt = &m->tables[table];
	struct gs_quota_rules rules;

	spec_quota(&rules, &m->conf.tables[table].quota, m->conf.exempt_patterns);
	/* Who is exempt does not decay. First: a daemon that dies in between leaves the patterns for the next one, and this. */
	if (gs_quota_exempts_others(mt->shm, &rules))
		rings_rearm(mt);
	gs_quota_apply(mt->shm, &rules);
}

static void
apply_classes(struct manager_table *mt, const struct gs_conf_table *c)
{
	struct gs_class_spec classes[GS_CONF_SESSION_CLASSES];
	uint32_t n = spec_classes(classes, c);

	if (gs_classes_apply(mt->shm, classes, n) < 0)
		log_warnx("table %s: the memory has had %d classes and has no room for another name: those of the last sections are not there", c->name,
		    GS_CLASSES - 1);
}

/* What of a table is not about a ring. */
static void
apply_table(struct manager *m, size_t table)
{
	const struct gs_conf_table *c = &m->conf.tables[table];
	struct gs_ctl_hdr *ctl = m->tables[table].shm->ctl;
	bool is_tokens = c->parent[0] != '\0', has_tokens = false;

	for (size_t i = 0; i < m->conf.n_tables; i++)
		has_tokens = has_tokens || strcmp(m->conf.tables[i].parent, c->name) == 0;
	/* relaxed; each is a rule on its own, clients read it whenever they judge */
	atomic_store_explicit(&ctl->ended, (uint32_t)c->ended, memory_order_relaxed);
	atomic_store_explicit(&ctl->max_per_owner, (uint32_t)c->max_per_owner, memory_order_relaxed);
	atomic_store_explicit(&ctl->is_tokens, is_tokens, memory_order_relaxed);
	atomic_store_explicit(&ctl->has_tokens, has_tokens, memory_order_relaxed);
}

/* What programs ask us for, and keep to. At each start anew: they may have heard another daemon. */
static void
apply_followed(struct manager *m, size_t table)
{
	struct manager_table *mt = &m->tables[table];

	if (strcmp(mt->told_temp_patterns, m->conf.temp_patterns) == 0)
		return;
	memcpy(mt->told_temp_patterns, m->conf.temp_patterns, sizeof(mt->told_temp_patterns));
	/* release; pairs with the acquire in gs_settings_epoch: who sees it asks us, and hears the new ones */
	(void)atomic_fetch_add_explicit(&mt->shm->ctl->settings_epoch, 1, memory_order_release);
}

/* Whoever shows settings without asking us each time is to ask anew. */
static void
apply_control_epoch(struct manager *m)
{
	m->control_epoch++;
	for (size_t i = 0; i < m->conf.n_tables; i++)
		if (m->tables[i].shm != NULL)
			/* release; pairs with the acquire in gs_control_epoch: before anybody is told of the change */
			atomic_store_explicit(&m->tables[i].shm->ctl->control_epoch, m->control_epoch, memory_order_release);
}

void
manager_apply(struct manager *m, size_t table, int ring)
{
	/* Kept first: a daemon that is killed before the memory follows brings it there when it starts again. */
	keep_conf(m);
	if (m->tables[table].shm != NULL) {
		apply_classes(&m->tables[table], &m->conf.tables[table]);
		namespaces_apply(&m->tables[table], &m->conf.tables[table]);
		apply_table(m, table);
	}
	/* Of each: a setting of the daemon may be about all of them. */
	for (size_t i = 0; i < m->conf.n_tables; i++)
		if (m->tables[i].shm != NULL)
			apply_quota(m, i);
	if (ring >= 0)
		rings_apply(m, table);
	for (size_t i = 0; i < m->conf.n_tables; i++)
		if (m->tables[i].shm != NULL) {
			apply_followed(m, i);
			roles_apply(m, i);
		}
	log_set_level((enum log_level)m->conf.log_level);
	apply_control_epoch(m);
}

int
manager_reload(struct manager *m, char why[GS_CONF_WHY_BYTES])
{
	static struct gs_conf fresh, merged;	/* large; one thread */
	int rc = m->jobs != NULL && jobs_is_restoring(m->jobs) ?
	    gs_conf_refuse(GS_EBUSY, why, "a restore is under way, which makes namespaces") : gs_conf_load(&fresh, m->conf_path, why);

	if (rc < 0)
		return rc;
	stores_keep(&fresh, &m->file, true);
	if (merge_needs_restart(&m->file, &fresh, &m->conf, why))
		return GS_EBUSY;
	merged = fresh;
	merge_conf(&merged, &m->file, &m->conf);
	stores_keep(&merged, &m->conf, false);
	rc = gs_conf_check(&merged, why);
	if (rc == 0)
		rc = tables_check(m, &merged, why);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < m->conf.n_tables; i++) {
		(void)namespaces_remove_dropped(m, i, &merged.tables[i]);
		namespaces_tell_dropped(&merged.tables[i]);
	}
	m->file = fresh;
	m->conf = merged;
	for (size_t i = 0; i < m->conf.n_tables; i++)
		manager_apply(m, i, 0);
	events_add(m->events, "reloaded", "file=%s", m->conf_path == NULL ? "none" : m->conf_path);
	return 0;
}

/*
 * An audit does not wait for the ticks that mend what the dead left in the counters.  Clients at work are given time to
 * end, between two looks, what they had begun in the first: longer than the scheduler keeps one waiting.
 */
static void
settle_population(const struct manager *m, struct manager_table *mt)
{
	const struct timespec apart = { .tv_nsec = m->n_clients > 0 ? LOOKS_APART_NS : 0 };

	if (!mt->wants_recount && !gs_recover_is_recounting(&mt->recount))
		return;
	mt->recount = (struct gs_recount){ 0 };
	while (!gs_recover_recount(mt->shm, &mt->recount, UINT64_MAX))
		(void)nanosleep(&apart, NULL);
	mt->wants_recount = false;
}

/*
 * Places that the dead had reserved can be counted only where nobody counts meanwhile, and more may die between the count and
 * the audit: what the counters have too much is looked at again before it is said.
 */
static void
audit_table(const struct manager *m, struct manager_table *mt, struct gs_audit *out, FILE *to)
{
	for (int tries = 0; tries < AUDIT_TRIES; tries++) {
		settle_population(m, mt);
		gs_audit_run(mt->shm, gs_table_now_ms(mt->shm), out, NULL);
		if (out->broken[9] == 0)
			break;
		mt->wants_recount = true;
	}
	/* Once more, with sentences. */
	if (out->n_broken > 0)
		gs_audit_run(mt->shm, gs_table_now_ms(mt->shm), out, to);
	gs_audit_print(out, mt->shm, to);
}

uint64_t
manager_audit(struct manager *m, FILE *to)
{
	uint64_t n_broken = 0, free = 0, live = 0, listed = 0, capacity = 0;
	struct gs_audit a;

	for (size_t i = 0; i < m->conf.n_tables; i++) {
		if (m->tables[i].shm == NULL)
			continue;
		audit_table(m, &m->tables[i], &a, to);
		n_broken += a.n_broken;
		free += a.free;
		live += a.live;
		listed += a.listed;
		capacity += a.capacity;
	}
	(void)fprintf(to, "free %" PRIu64 " + live %" PRIu64 " + listed %" PRIu64 " = capacity %" PRIu64 "\n", free, live, listed, capacity);
	return n_broken;
}
