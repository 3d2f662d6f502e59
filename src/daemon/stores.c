/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/stores.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "base/clock.h"
#include "base/paths.h"
#include "base/text.h"
#include "daemon/events.h"
#include "daemon/instance.h"
#include "daemon/syncer.h"
#include "prog/log.h"
#include "shm/disk.h"

#define FILE_WORD "file:"

enum { FEW_SLOTS = 8 };		/* an eighth of an arena waits for the disk: it is time */

void
stores_tell(void *arg, const char *ring, const char *sentence)
{
	const struct stores_teller *teller = arg;
	const char *table = teller->m->conf.tables[teller->table].name;
	char shown[2 * GS_DISK_WHY_BYTES];

	log_warnx("table %s: ring %s: %s", table, ring, sentence);
	(void)gs_text_escape(shown, sizeof(shown), sentence, strlen(sentence));
	events_add(teller->m->events, "store", "table=%s ring=%s why=%s", table, ring, shown);
	(void)snprintf(teller->m->last_error, sizeof(teller->m->last_error), "table %s: ring %s: %.400s", table, ring, sentence);
}

/* ---- where ---- */

static bool
is_auto(const struct gs_conf_ring *r)
{
	return strcmp(r->store, "auto") == 0;
}

/* The directory of a ring, or "". */
static const char *
path_of(const struct gs_conf_ring *r)
{
	return strncmp(r->store, FILE_WORD, sizeof(FILE_WORD) - 1) == 0 ? r->store + sizeof(FILE_WORD) - 1 : "";
}

static void
set_path(struct gs_conf_ring *r, const char *path)
{
	char store[GS_CONF_STORE_BYTES];

	memset(store, 0, sizeof(store));
	(void)snprintf(store, sizeof(store), "%s%.*s", path[0] == '\0' ? "shm" : FILE_WORD,
	    (int)(sizeof(store) - sizeof(FILE_WORD)), path);
	memcpy(r->store, store, sizeof(store));
}

void
stores_resolve(const char *instance, struct gs_conf_ring *r)
{
	char state[PATH_MAX], path[PATH_MAX + 1 + GS_CONF_NAME_BYTES];

	if (!is_auto(r))
		return;
	if (gs_path_state(state, sizeof(state), instance) < 0) {
		set_path(r, "");
		return;
	}
	(void)snprintf(path, sizeof(path), "%s/%s", state, r->name);
	set_path(r, strlen(path) < GS_CONF_STORE_BYTES - sizeof(FILE_WORD) ? path : "");
}

static struct gs_conf_ring *
find_ring(struct gs_conf *c, const char *table, const char *ring)
{
	for (size_t i = 0; i < c->n_tables; i++)
		for (size_t r = 0; strcmp(c->tables[i].name, table) == 0 && r < c->tables[i].n_rings; r++)
			if (strcmp(c->tables[i].rings[r].name, ring) == 0)
				return &c->tables[i].rings[r];
	return NULL;
}

void
stores_keep(struct gs_conf *to, const struct gs_conf *from, bool only_auto)
{
	for (size_t i = 0; i < from->n_tables; i++)
		for (size_t r = 0; r < from->tables[i].n_rings; r++) {
			struct gs_conf_ring *ring = find_ring(to, from->tables[i].name, from->tables[i].rings[r].name);

			if (ring != NULL && (!only_auto || is_auto(ring)))
				memcpy(ring->store, from->tables[i].rings[r].store, sizeof(ring->store));
		}
}

/* ---- is it of use ---- */

/* Make a directory and those above it. */
static int
make_directory(const char *path)
{
	instance_make_parents(path);
	return mkdir(path, 0700) < 0 && errno != EEXIST ? GS_ESYSTEM : 0;
}

static int
check_directory(int fd, const char *path, char why[GS_CONF_WHY_BYTES])
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return gs_conf_refuse(GS_ESYSTEM, why, "%s: %s", path, strerror(errno));
	if (st.st_uid != geteuid())
		return gs_conf_refuse(GS_EPERM, why, "%s belongs to uid %u, not to us", path, st.st_uid);
	if ((st.st_mode & 077) != 0)
		return gs_conf_refuse(GS_EPERM, why, "%s is open to others (mode %03o): chmod 700 it if what lies there is trusted", path,
		    (unsigned)(st.st_mode & 0777));
	return 0;
}

/* Lock a ring's files, for as long as we live. */
static int
lock_ring(struct manager_table *mt, int dir_fd, const char *path, const char *name, char why[GS_CONF_WHY_BYTES])
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return gs_conf_refuse(GS_ESYSTEM, why, "%s/%s: %s", path, name, strerror(errno));
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		(void)close(fd);
		return gs_conf_refuse(GS_EBUSY, why, "%s is used by another gsessiond", path);
	}
	mt->lock_fd[mt->n_locks++] = fd;
	return 0;
}

static int
take_directory(struct manager_table *mt, const char *path, const char *table, const char *ring, char why[GS_CONF_WHY_BYTES])
{
	char name[2 * GS_CONF_NAME_BYTES + 8];
	int fd, rc;

	(void)snprintf(name, sizeof(name), "%s@%s.lock", table, ring);
	if (make_directory(path) < 0)
		return gs_conf_refuse(GS_ESYSTEM, why, "%s: %s", path, strerror(errno));
	fd = gs_disk_open_dir(path);
	if (fd < 0)
		return gs_conf_refuse(fd, why, "%s: %s", path, strerror(errno));
	rc = check_directory(fd, path, why);
	if (rc == 0)
		rc = lock_ring(mt, fd, path, name, why);
	(void)close(fd);
	return rc;
}

void
stores_prepare(struct manager *m, size_t table)
{
	struct stores_teller teller = { m, table };
	struct gs_conf_table *c = &m->conf.tables[table];
	char why[GS_CONF_WHY_BYTES], sentence[GS_CONF_WHY_BYTES + 64];

	for (size_t i = 0; i < c->n_rings; i++) {
		struct gs_conf_ring *r = &c->rings[i];

		stores_resolve(m->instance, r);
		if (path_of(r)[0] == '\0' || take_directory(&m->tables[table], path_of(r), c->name, r->name, why) == 0)
			continue;
		(void)snprintf(sentence, sizeof(sentence), "%s: the ring is kept in memory", why);
		stores_tell(&teller, r->name, sentence);
		set_path(r, "");
	}
}

bool
stores_give_up(struct manager *m, size_t table, uint32_t rings)
{
	struct gs_conf_table *c = &m->conf.tables[table];
	bool any = false;

	for (size_t i = 0; i < c->n_rings; i++)
		if ((rings >> i & 1) != 0 && path_of(&c->rings[i])[0] != '\0') {
			set_path(&c->rings[i], "");
			any = true;
		}
	return any;
}

/* What the memory has of a ring, against what is asked for. */
static int
check_ring(struct manager *m, size_t table, struct gs_conf_ring *r, const char *has, char why[GS_CONF_WHY_BYTES])
{
	const char *name = m->conf.tables[table].name;

	if (is_auto(r) || strcmp(path_of(r), has) == 0) {
		set_path(r, has);
		return 0;
	}
	if (has[0] != '\0')
		return gs_conf_refuse(GS_EINVAL, why, "table %s: ring %s lies in %s, the configuration says store = %s: give the old value back, "
		    "or, to lose the sessions, gsessiond --purge", name, r->name, has, r->store);
	log_warnx("table %s: ring %s: lies in memory: store = %s comes into force when the memory is made anew", name, r->name, r->store);
	set_path(r, "");
	return 0;
}

int
stores_check(struct manager *m, size_t table, char why[GS_CONF_WHY_BYTES])
{
	struct gs_conf_table *c = &m->conf.tables[table];
	struct gs_table *t = m->tables[table].shm;
	int rc = 0;

	for (size_t i = 0; i < c->n_rings && rc == 0; i++) {
		uint32_t id = gs_table_ring(t, c->rings[i].name);
		const char *has = id == GS_RING_NONE ? "" : t->ctl->store[id];

		rc = check_ring(m, table, &c->rings[i], has, why);
		if (rc == 0 && has[0] != '\0')
			rc = take_directory(&m->tables[table], has, c->name, c->rings[i].name, why);
	}
	return rc;
}

/* ---- syncing ---- */

int
stores_open(struct manager *m)
{
	bool any = false;
	int rc;

	/* What was left open stays what it was found to be. */
	stores_keep(&m->file, &m->conf, true);
	for (size_t i = 0; i < m->conf.n_tables; i++) {
		rc = gs_store_sync_init(&m->tables[i].sync, m->tables[i].shm);
		if (rc < 0)
			return rc;
		gs_disk_anchor(m->tables[i].shm);
		any = any || m->tables[i].shm->has_files;
	}
	if (!any)
		return 0;
	m->syncer = syncer_new();
	return m->syncer == NULL ? GS_ESYSTEM : 0;
}

static bool
is_time(const struct manager *m, uint64_t now_ms)
{
	if (now_ms - m->sync_ms >= STORES_SYNC_MS)
		return true;
	for (size_t i = 0; i < m->conf.n_tables; i++)
		for (uint32_t k = 0; k < GS_MAX_ARENAS; k++) {
			const struct gs_arena *a = &m->tables[i].shm->arena[k];

			if (a->map != NULL && a->is_file && gs_store_waiting(a) >= a->n_slots / FEW_SLOTS)
				return true;
		}
	return false;
}

static void
begin_sync(struct manager *m, uint64_t now_ms)
{
	int fds[SYNCER_FDS];
	size_t n = 0;

	for (size_t i = 0; i < m->conf.n_tables; i++) {
		struct gs_table *t = m->tables[i].shm;

		if (!t->has_files)
			continue;
		gs_disk_anchor(t);
		(void)gs_store_sync_begin(&m->tables[i].sync, t);
		for (uint32_t k = 0; k < GS_MAX_ARENAS; k++)
			if (t->arena[k].map != NULL && t->arena[k].is_file)
				fds[n++] = t->arena[k].fd;
	}
	m->sync_ms = now_ms;
	syncer_begin(m->syncer, fds, n);
}

/* A disk that fails is told of when it begins to, and when it is well again. */
static void
note_result(struct manager *m, int rc)
{
	if ((rc < 0) == m->is_sync_failing)
		return;
	m->is_sync_failing = rc < 0;
	if (rc < 0)
		log_warnx("rings on disks: the disk does not take what is written: their sessions would not be found after a reboot");
	else
		log_notice("rings on disks: the disk takes what is written again");
	events_add(m->events, "store", "sync=%s", rc < 0 ? "failed" : "good");
}

void
stores_tick(struct manager *m)
{
	uint64_t now_ms = gs_clock_mono_ms();
	int rc;

	if (m->syncer == NULL)
		return;
	if (m->is_syncing && syncer_poll(m->syncer, &rc)) {
		m->is_syncing = false;
		note_result(m, rc);
		for (size_t i = 0; i < m->conf.n_tables; i++)
			if (m->tables[i].shm->has_files)
				(void)gs_store_sync_end(&m->tables[i].sync, m->tables[i].shm, rc == 0);
	}
	if (m->is_syncing || !is_time(m, now_ms))
		return;
	m->is_syncing = true;
	begin_sync(m, now_ms);
}

void
stores_close(struct manager *m)
{
	syncer_free(&m->syncer);
	for (size_t i = 0; i < m->conf.n_tables; i++) {
		struct manager_table *mt = &m->tables[i];

		gs_store_sync_fini(&mt->sync);
		while (mt->n_locks > 0)
			(void)close(mt->lock_fd[--mt->n_locks]);
	}
}

void
stores_purge(const char *store, const char *table, const char *ring)
{
	char name[2 * GS_CONF_NAME_BYTES + 8];
	int dir_fd = gs_disk_open_dir(store);

	if (dir_fd < 0)
		return;
	for (uint32_t class_id = 0; class_id < GS_MAX_CLASSES; class_id++)
		gs_disk_unlink(store, table, ring, class_id);
	(void)snprintf(name, sizeof(name), "%s@%s.lock", table, ring);
	(void)unlinkat(dir_fd, name, 0);
	(void)close(dir_fd);
	/* Unless it holds anything else. */
	(void)rmdir(store);
}

void
stores_purge_conf(const char *instance, const struct gs_conf *conf)
{
	for (size_t i = 0; i < conf->n_tables; i++)
		for (size_t r = 0; r < conf->tables[i].n_rings; r++) {
			struct gs_conf_ring ring = conf->tables[i].rings[r];

			stores_resolve(instance, &ring);
			if (path_of(&ring)[0] != '\0')
				stores_purge(path_of(&ring), conf->tables[i].name, ring.name);
		}
}
