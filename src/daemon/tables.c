/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/tables.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/paths.h"
#include "daemon/events.h"
#include "daemon/instance.h"
#include "daemon/rings.h"
#include "daemon/spec.h"
#include "daemon/stores.h"
#include "prog/log.h"
#include "shm/adopt.h"
#include "shm/disk.h"
#include "shm/logout.h"
#include "shm/region.h"

enum {
	LEAST_CAPACITY = 64,			/* sessions of a ring */
	INDEX_BYTES = 15,			/* of the index for a session, at its mean fill */
	FIT_NUMERATOR = 4, FIT_DENOMINATOR = 5,	/* of the free memory may be promised to rings */
	RECOVER_TRIES = 20,			/* a ms apart */
};

#define REMEDY "give the old value back, or, to lose the sessions, gsessiond --purge"

static int
check_shape(const struct gs_table *t, const struct gs_table_spec *spec, char why[GS_CONF_WHY_BYTES])
{
	if (t->record_size != spec->record_size)
		return gs_conf_refuse(GS_EINVAL, why, "table %s: the memory has record_size %u, the configuration %u: " REMEDY, spec->name,
		    t->record_size, spec->record_size);
	if (t->key_max != spec->key_max)
		return gs_conf_refuse(GS_EINVAL, why, "table %s: the memory has key_max %u, the configuration %u: " REMEDY, spec->name, t->key_max,
		    spec->key_max);
	if (t->n_classes != spec->n_classes)
		return gs_conf_refuse(GS_EINVAL, why, "table %s: the memory has other slot_sizes: " REMEDY, spec->name);
	for (uint32_t i = 0; i < spec->n_classes; i++)
		if (t->arena[i].slot_size != spec->slot_size[i])
			return gs_conf_refuse(GS_EINVAL, why, "table %s: the memory has slot size %u, the configuration %u: " REMEDY, spec->name,
			    t->arena[i].slot_size, spec->slot_size[i]);
	if (t->ctl->max_sessions < spec->max_sessions)
		return gs_conf_refuse(GS_ERANGE, why, "table %s: the memory was made for max_sessions %" PRIu64 ", the configuration says %" PRIu64 ": "
		    REMEDY, spec->name, t->ctl->max_sessions, spec->max_sessions);
	return 0;
}

int
tables_check(const struct manager *m, struct gs_conf *c, char why[GS_CONF_WHY_BYTES])
{
	struct gs_table_spec spec;
	int rc;

	for (size_t i = 0; i < c->n_tables; i++) {
		const struct gs_table *t = m->tables[i].shm;

		spec_from_conf(&spec, &c->tables[i]);
		rc = check_shape(t, &spec, why);
		if (rc == 0)
			rc = rings_check(t, &c->tables[i], why);
		if (rc < 0)
			return rc;
		c->tables[i].max_sessions = t->ctl->max_sessions;
	}
	return 0;
}

/* ---- opening ---- */

/* Memory that a table takes however few sessions it holds: registry, the first pages of each arena, one of those for rings to come. */
static uint64_t
fixed_bytes(const struct gs_table_spec *spec)
{
	const uint64_t events = sizeof(struct gs_evt_hdr) + (uint64_t)GS_EVENT_CELLS * GS_EVENT_BYTES;
	uint64_t pages = ((uint64_t)spec->n_rings * 5 + (GS_MAX_RINGS - spec->n_rings)) * spec->n_classes;

	return sizeof(struct gs_ctl_hdr) + (uint64_t)GS_CTX_BYTES * 8 + events + pages * GS_PAGE_BYTES;
}

/* Least memory that its sessions need: their entries of the index, and the smallest slot for each. */
static uint64_t
least_bytes(const struct gs_table_spec *spec)
{
	uint64_t sessions = 0;

	for (uint32_t i = 0; i < spec->n_rings; i++)
		sessions += spec->rings[i].store[0] == '\0' ? spec->rings[i].capacity + spec->rings[i].reserve : 0;
	return spec->max_sessions * INDEX_BYTES + sessions * spec->slot_size[0];
}

/* Cut the capacities to what the tmpfs can hold, and say so. GS_ENOSPC when it cannot hold LEAST_CAPACITY sessions a ring. */
static int
fit(struct gs_conf_table *c, struct gs_table_spec *spec, uint64_t free_bytes, char why[GS_CONF_WHY_BYTES])
{
	uint64_t need = least_bytes(spec), have = gs_sub_sat(free_bytes / FIT_DENOMINATOR * FIT_NUMERATOR, fixed_bytes(spec));
	uint64_t least = (uint64_t)LEAST_CAPACITY * spec->n_rings * (spec->slot_size[0] + 2 * INDEX_BYTES);

	if (need <= have)
		return 0;
	if (have < least)
		return gs_conf_refuse(GS_ENOSPC, why, "table %s: the tmpfs has %" PRIu64 " bytes free, the smallest store takes %" PRIu64
		    ": free some, or mount it larger", c->name, free_bytes,
		    (least + fixed_bytes(spec)) / FIT_NUMERATOR * FIT_DENOMINATOR);
	for (size_t i = 0; i < c->n_rings; i++) {
		uint64_t cut = gs_max_u64((uint64_t)((unsigned __int128)c->rings[i].capacity * have / need), LEAST_CAPACITY);

		if (spec->rings[i].store[0] != '\0')
			continue;
		c->rings[i].reserve = (uint64_t)((unsigned __int128)c->rings[i].reserve * have / need);
		if (cut >= c->rings[i].capacity)
			continue;
		log_warnx("table %s: ring %s: capacity cut from %" PRIu64 " to %" PRIu64 ", the tmpfs has %" PRIu64 " bytes free", c->name,
		    c->rings[i].name, c->rings[i].capacity, cut, free_bytes);
		c->rings[i].capacity = cut;
	}
	c->max_sessions = gs_max_u64((uint64_t)LEAST_CAPACITY * c->n_rings,
	    (uint64_t)((unsigned __int128)c->max_sessions * have / need));
	spec_from_conf(spec, c);
	return 0;
}

/* What the daemon before us left: slots that it held, places that it had reserved. */
static void
recover_own(struct manager_table *mt)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	mt->wants_recount = true;
	(void)gs_recover_ctx(mt->shm, GS_DAEMON_CTX);
	/* A client may have one of them in its list for the moment of an operation. */
	for (int tries = 0; !gs_recover_is_done(mt->shm, GS_DAEMON_CTX) && tries < RECOVER_TRIES; tries++) {
		(void)nanosleep(&pause, NULL);
		(void)gs_recover_ctx(mt->shm, GS_DAEMON_CTX);
	}
	gs_recover_forget(mt->shm, GS_DAEMON_CTX);
}

static int
take_daemon_ctx(struct manager_table *mt)
{
	struct gs_ctl_hdr *ctl = mt->shm->ctl;
	int rc = gs_region_commit(mt->shm->ctx_fd, 0, GS_CTX_BYTES);

	if (rc < 0)
		return rc;
	atomic_store_explicit(&ctl->reg[GS_DAEMON_CTX].state, GS_CTX_DEAD, memory_order_release);
	if (atomic_load_explicit(&ctl->n_ctx_used, memory_order_relaxed) == 0)
		atomic_store_explicit(&ctl->n_ctx_used, 1, memory_order_release);
	recover_own(mt);
	rc = gs_ctx_init(&mt->ctx, mt->shm, GS_DAEMON_CTX);
	if (rc == 0)
		gs_logout_recover(mt->shm, &mt->ctx, GS_DAEMON_CTX);
	ctl->reg[GS_DAEMON_CTX].pid = (uint32_t)getpid();
	atomic_store_explicit(&ctl->reg[GS_DAEMON_CTX].state, GS_CTX_LIVE, memory_order_release);
	atomic_store_explicit(&ctl->daemon_pid, (uint32_t)getpid(), memory_order_relaxed);
	(void)atomic_fetch_add_explicit(&ctl->daemon_epoch, 1, memory_order_relaxed);
	return rc;
}

/* Fill a new table with the sessions that its rings on disks hold. */
static int
find_sessions(struct manager *m, size_t i, const struct gs_past *past)
{
	struct manager_table *mt = &m->tables[i];
	const char *name = m->conf.tables[i].name;
	struct gs_adopted found;
	int rc = take_daemon_ctx(mt);

	if (rc < 0 || past->arenas == 0)
		return rc;
	rc = gs_adopt_run(mt->shm, &mt->ctx, past, &found);
	if (rc < 0)
		return rc;
	gs_table_finish(mt->shm);
	log_notice("table %s: found %" PRIu64 " sessions on disks (over %" PRIu64 ", damaged %" PRIu64 ", without a place %" PRIu64 ")", name,
	    found.sessions, found.over, found.damaged, found.homeless);
	events_add(m->events, "found", "table=%s sessions=%" PRIu64 " over=%" PRIu64 " damaged=%" PRIu64 " homeless=%" PRIu64, name,
	    found.sessions, found.over, found.damaged, found.homeless);
	return 0;
}

/* The table that another's records hang on, or NULL. It is opened before. */
static struct gs_table *
parent_of(struct manager *m, const struct gs_conf_table *c)
{
	for (size_t i = 0; c->parent[0] != '\0' && i < m->conf.n_tables; i++)
		if (strcmp(m->conf.tables[i].name, c->parent) == 0)
			return m->tables[i].shm;
	return NULL;
}

/* The kin of what hangs on a session is the session's own hash: both have one secret. */
static void
share_secret(struct manager *m, const struct gs_conf_table *c, struct gs_table_spec *spec)
{
	const struct gs_table *parent = parent_of(m, c);

	spec->has_secret = parent != NULL;
	if (parent == NULL)
		return;
	spec->sip_k0 = parent->sip_k0;
	spec->sip_k1 = parent->sip_k1;
}

/* Make a table's memory, its rings where the configuration has them by now. */
static int
try_to_make(struct manager *m, size_t i, char why[GS_CONF_WHY_BYTES])
{
	struct stores_teller teller = { m, i };
	struct gs_conf_table *c = &m->conf.tables[i];
	struct manager_table *mt = &m->tables[i];
	char what[GS_DISK_WHY_BYTES] = "";
	struct gs_table_spec spec;
	struct gs_past past;
	int rc;

	spec_from_conf(&spec, c);
	rc = gs_disk_find(&past, &spec, stores_tell, &teller, what);
	if (rc < 0)
		return gs_conf_refuse(rc, why, "%.300s: " REMEDY, what);
	if (stores_give_up(m, i, past.unusable))
		spec_from_conf(&spec, c);
	rc = fit(c, &spec, instance_free_bytes(m->shm_dir_fd), why);
	if (rc < 0)
		return rc;
	share_secret(m, c, &spec);
	rc = gs_table_create_from(&mt->shm, m->shm_dir_fd, &spec, &past);
	if (rc == 0)
		rc = find_sessions(m, i, &past);
	if (rc == 0)
		return 0;
	if (mt->shm != NULL) {
		gs_ctx_fini(&mt->ctx, mt->shm);
		gs_table_free(&mt->shm);
		gs_table_unlink(m->shm_dir_fd, c->name);
	}
	return gs_conf_refuse(rc, why, "table %s: %s: free some of the tmpfs, or lower max_sessions and capacity", c->name, gs_strerror(rc));
}

static int
make_table(struct manager *m, size_t i, char why[GS_CONF_WHY_BYTES])
{
	struct stores_teller teller = { m, i };
	int rc;

	/* A daemon that died while making the table left files without T.ctl: no sessions are in them. */
	gs_table_unlink(m->shm_dir_fd, m->conf.tables[i].name);
	stores_prepare(m, i);
	rc = try_to_make(m, i, why);
	if (rc == 0 || rc == GS_EINVAL || rc == GS_ERANGE || !stores_give_up(m, i, UINT32_MAX))
		return rc;
	/* A full or failing disk must not keep the rest from working. */
	stores_tell(&teller, "all", "cannot be made on disks: they are kept in memory");
	return try_to_make(m, i, why);
}

/* The memory is there: is it what the configuration asks for, and are its files on disks? */
static int
use_table(struct manager *m, size_t i, uint32_t lost, char why[GS_CONF_WHY_BYTES])
{
	struct gs_conf_table *c = &m->conf.tables[i];
	struct manager_table *mt = &m->tables[i];
	struct gs_table_spec spec;
	uint64_t n;
	int rc;

	rc = stores_check(m, i, why);
	if (rc < 0)
		return rc;
	spec_from_conf(&spec, c);
	rc = check_shape(mt->shm, &spec, why);
	if (rc == 0)
		rc = rings_check(mt->shm, c, why);
	if (rc < 0)
		return rc;
	if (lost != 0) {
		n = gs_store_forget(mt->shm, lost);
		log_warnx("table %s: %" PRIu64 " sessions are lost with their files", c->name, n);
		events_add(m->events, "lost", "table=%s sessions=%" PRIu64, c->name, n);
	}
	rc = take_daemon_ctx(mt);
	return rc < 0 ? gs_conf_refuse(rc, why, "table %s: %s", c->name, gs_strerror(rc)) : 0;
}

int
tables_open(struct manager *m, size_t i, bool *is_new, char why[GS_CONF_WHY_BYTES])
{
	struct stores_teller teller = { m, i };
	struct gs_conf_table *c = &m->conf.tables[i];
	uint32_t lost = gs_disk_mend(m->shm_dir_fd, c->name, stores_tell, &teller);
	char what[256] = "";
	int rc = gs_table_open(&m->tables[i].shm, m->shm_dir_fd, c->name, what);
	const struct gs_table *parent;

	*is_new = rc == GS_ENOENT;
	if (rc == GS_ENOENT)
		rc = make_table(m, i, why);
	else if (rc < 0)
		return gs_conf_refuse(rc, why, "table %s: %s: the memory is not used; to lose the sessions, gsessiond --purge", c->name, what);
	else
		rc = use_table(m, i, lost, why);
	if (rc < 0)
		return rc;
	c->max_sessions = m->tables[i].shm->ctl->max_sessions;
	parent = parent_of(m, c);
	if (parent != NULL && (parent->sip_k0 != m->tables[i].shm->sip_k0 || parent->sip_k1 != m->tables[i].shm->sip_k1))
		return gs_conf_refuse(GS_EINVAL, why, "table %s: the memory was not made with that of its parent %s: " REMEDY, c->name, c->parent);
	return 0;
}

void
tables_purge(int dir_fd, const char *name)
{
	struct gs_table *t;
	char what[256];

	if (gs_name_is_valid(name) && gs_table_open(&t, dir_fd, name, what) == 0) {
		/* release; pairs with the acquire in gs_handle_enter */
		(void)atomic_fetch_add_explicit(&t->ctl->retired, 1, memory_order_release);
		for (uint32_t i = 0; i < t->n_rings; i++)
			if (t->ctl->store[i][0] != '\0')
				stores_purge(t->ctl->store[i], name, t->ctl->ring[i].name);
		gs_table_free(&t);
	}
	gs_table_unlink(dir_fd, name);
}
