/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/jobs_impl.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEAST_PRIORITY = 19 };

static bool
is_kept(const struct jobs *j, int fd, const int *more, size_t n_more)
{
	if (fd <= STDERR_FILENO || fd == j->file_fd)
		return true;
	for (size_t i = 0; i < n_more; i++)
		if (more[i] == fd)
			return true;
	return false;
}

/*
 * Locks, sockets and the door of the daemon are not the child's: who comes after a daemon that was killed must not find them
 * held. The descriptors of the tables stay, with them memory is committed.
 */
static void
close_others(const struct jobs *j, int go_fd)
{
	int kept[GS_CONF_TABLES * GS_TABLE_FDS + 1], fd;
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;
	size_t n = 0;

	for (size_t i = 0; i < j->m->conf.n_tables; i++)
		n += (size_t)gs_table_fds(j->m->tables[i].shm, kept + n);
	kept[n++] = go_fd;
	while (dir != NULL && (e = readdir(dir)) != NULL) {
		fd = atoi(e->d_name);
		if (fd != dirfd(dir) && !is_kept(j, fd, kept, n))
			(void)close(fd);
	}
	if (dir != NULL)
		(void)closedir(dir);
}

/* Whoever has work for the processor goes before us. */
static void
step_back(enum jobs_kind kind)
{
	const struct sched_param none = { .sched_priority = 0 };

	(void)setpriority(PRIO_PROCESS, 0, LEAST_PRIORITY);
	if (kind == JOBS_SNAPSHOT)
		(void)sched_setscheduler(0, SCHED_IDLE, &none);
}

/* The quotas of a table's namespaces by their ids. */
static void
find_quotas(const struct manager *m, size_t table, char quota[][GS_SNAPSHOT_QUOTA_BYTES])
{
	const struct gs_conf_table *c = &m->conf.tables[table];

	for (size_t i = 0; i < c->n_namespaces; i++) {
		int id = gs_namespaces_find(m->tables[table].shm, c->namespaces[i].name);

		if (id > 0)
			gs_conf_get_namespace_quota(c, i, quota[id], GS_SNAPSHOT_QUOTA_BYTES);
	}
}

static void
write_snapshot(const struct jobs *j, struct jobs_report *r)
{
	struct gs_snapshot_out out;
	struct manager *m = j->m;

	r->rc = gs_snapshot_begin(&out, j->file_fd, (uint32_t)m->conf.n_tables);
	for (size_t i = 0; i < m->conf.n_tables && r->rc == 0; i++) {
		find_quotas(m, i, j->quotas->text[i]);
		r->rc = gs_snapshot_add_table(&out, m->tables[i].shm, j->quotas->text[i], &r->done);
	}
	if (r->rc == 0)
		r->rc = gs_snapshot_finish(&out);
	r->n_records = out.n_records;
	r->n_damaged = out.n_damaged;
	r->bytes = out.bytes;
	gs_snapshot_free(&out);
	if (r->rc < 0)
		(void)snprintf(r->why, sizeof(r->why), "the file cannot be written: %s", gs_strerror(r->rc));
}

/* What the first reading of a snapshot found: it is whole, and this has ended. */
struct found {
	struct gs_restore_tombs tombs[GS_CONF_TABLES];	/* by the order of tables in the file */
	size_t n_tables;
};

/* Read all of it, changing nothing. */
static int
look_through(struct gs_snapshot_in *in, int fd, struct found *found, struct jobs_report *r)
{
	struct gs_snapshot_item item;
	int rc = gs_snapshot_open(in, fd);

	while (rc >= 0 && (rc = gs_snapshot_next(in, &item)) == 1) {
		if (item.kind == GS_SNAPSHOT_TABLE && ++found->n_tables > GS_CONF_TABLES) {
			(void)snprintf(in->why, sizeof(in->why), "it has more than %d tables", GS_CONF_TABLES);
			rc = GS_ERANGE;
		}
		if (rc == 1 && item.kind == GS_SNAPSHOT_TOMBS)
			rc = gs_restore_bury(&found->tombs[found->n_tables - 1], &item.tomb);
	}
	for (size_t i = 0; i < GS_CONF_TABLES; i++)
		gs_restore_sort(&found->tombs[i]);
	atomic_store_explicit(&r->total, in->n_records, memory_order_relaxed);
	return rc;
}

/* A namespace of a table; of one that was here before, id 0, nobody takes the quota. */
static void
bring_namespace(const struct jobs *j, size_t table, struct gs_restore *to, const struct gs_snapshot_namespace *space)
{
	memcpy(j->quotas->text[table][gs_restore_namespace(to, space)], space->quota, sizeof(space->quota));
}

static int
put_back(const struct jobs *j, struct gs_snapshot_in *in, const struct found *found, struct gs_ctx *ctx, struct jobs_report *r)
{
	struct gs_snapshot_item item;
	struct gs_restore to = { .t = NULL };
	const struct manager *m = j->m;
	struct gs_table *t = NULL;
	size_t n_tables = 0;
	int at = GS_ENOENT;			/* the table that a part of the snapshot goes to */
	int rc = gs_snapshot_open(in, j->file_fd);

	while (rc >= 0 && (rc = gs_snapshot_next(in, &item)) == 1) {
		if (item.kind == GS_SNAPSHOT_TABLE) {
			if (t != NULL)
				gs_restore_end(&to);
			at = manager_table(m, item.table.name);
			t = at < 0 ? NULL : m->tables[at].shm;
			if (t != NULL)
				gs_restore_begin(&to, t, &ctx[at], &item.table, atomic_load_explicit(&t->ctl->wall_add_ms, memory_order_relaxed));
			to.tombs = n_tables < GS_CONF_TABLES ? &found->tombs[n_tables++] : NULL;
		} else if (item.kind == GS_SNAPSHOT_NAMESPACES) {
			if (t != NULL)
				bring_namespace(j, (size_t)at, &to, &item.space);
		} else if (item.kind == GS_SNAPSHOT_RECORDS) {
			if (t != NULL)
				r->became[gs_restore_record(&to, &item, gs_table_now_ms(t))]++;
			else
				r->n_homeless++;
			(void)atomic_fetch_add_explicit(&r->done, 1, memory_order_relaxed);
		}
	}
	if (t != NULL)
		gs_restore_end(&to);
	return rc;
}

static void
read_snapshot(const struct jobs *j, const uint32_t *ids, struct jobs_report *r)
{
	struct gs_ctx ctx[GS_CONF_TABLES];
	struct found found = { .n_tables = 0 };
	struct gs_snapshot_in in;
	size_t n_ctx;

	r->rc = look_through(&in, j->file_fd, &found, r);
	for (n_ctx = 0; n_ctx < j->m->conf.n_tables && r->rc == 0; n_ctx++)
		r->rc = gs_ctx_init(&ctx[n_ctx], j->m->tables[n_ctx].shm, ids[n_ctx]);
	if (r->rc == 0) {
		gs_snapshot_close(&in);
		r->rc = put_back(j, &in, &found, ctx, r);
	}
	if (r->rc < 0)
		(void)snprintf(r->why, sizeof(r->why), "%s", in.why[0] != '\0' ? in.why : gs_strerror(r->rc));
	gs_snapshot_close(&in);
	for (size_t i = 0; i < n_ctx; i++)
		gs_ctx_fini(&ctx[i], j->m->tables[i].shm);
	for (size_t i = 0; i < GS_CONF_TABLES; i++)
		gs_restore_free(&found.tombs[i]);
}

void
jobs_child_run(const struct jobs *j, pid_t daemon_pid, int go_fd)
{
	uint32_t ids[GS_CONF_TABLES] = { 0 };
	sigset_t none;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != daemon_pid)
		_exit(1);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	close_others(j, go_fd);
	if (read(go_fd, ids, sizeof(ids)) != (ssize_t)sizeof(ids))
		_exit(1);
	step_back(j->kind);
	if (j->kind == JOBS_SNAPSHOT)
		write_snapshot(j, j->report);
	else
		read_snapshot(j, ids, j->report);
	_exit(0);
}
