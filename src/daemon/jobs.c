/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/jobs_impl.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/paths.h"
#include "daemon/events.h"
#include "daemon/instance.h"
#include "daemon/namespaces.h"
#include "prog/log.h"
#include "shm/namespaces.h"

static const char *const kind_names[] = { [JOBS_SNAPSHOT] = "snapshot", [JOBS_RESTORE] = "restore" };

static const char *const became_names[GS_RESTORE_KINDS] = {
	[GS_RESTORED] = "restored", [GS_RESTORE_OLDER] = "older", [GS_RESTORE_EXPIRED] = "expired", [GS_RESTORE_ENDED] = "ended",
	[GS_RESTORE_TOO_LONG] = "too_long", [GS_RESTORE_UNKNOWN] = "unknown", [GS_RESTORE_NO_ROOM] = "no_room",
	[GS_RESTORE_DAMAGED] = "damaged",
};

/* ---- files ---- */

static bool
is_valid_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return n > 0 && n < JOBS_NAME_BYTES && name[n] == '\0' && name[0] != '.' && name[0] != '-';
}

static void
part_name(char out[JOBS_NAME_BYTES + 8], const char *name)
{
	(void)snprintf(out, JOBS_NAME_BYTES + 8, ".%s.part", name);
}

/* The instance's directory of snapshots, for nobody else to read; made if that is asked for. A descriptor, or an error. */
static int
open_dir(const struct manager *m, bool may_make, char why[GS_CONF_WHY_BYTES])
{
	char path[PATH_MAX];
	int rc = gs_path_state(path, sizeof(path) - sizeof("/snapshots/"), m->instance), fd;

	if (rc < 0)
		return gs_conf_refuse(rc, why, "this instance keeps nothing on a disk: give `gsession snapshot` a FILE, or set GSESSION_STATE_DIR");
	(void)strcat(path, "/snapshots");
	if (may_make) {
		instance_make_parents(path);
		(void)mkdir(path, 0700);
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return gs_conf_refuse(errno == ENOENT ? GS_ENOENT : GS_ESYSTEM, why, "%.300s: %s", path, strerror(errno));
	return fd;
}

static int
open_named(struct jobs *j, const struct jobs_order *o, char why[GS_CONF_WHY_BYTES])
{
	bool is_snapshot = o->kind == JOBS_SNAPSHOT;
	char part[JOBS_NAME_BYTES + 8];

	if (!is_valid_name(o->name))
		return gs_conf_refuse(GS_EINVAL, why, "\"%.80s\": a snapshot's name is 1 to %d of a-z A-Z 0-9 _ . -, and begins with a letter, a digit or _",
		    o->name, JOBS_NAME_BYTES - 1);
	j->dir_fd = open_dir(j->m, is_snapshot, why);
	if (j->dir_fd < 0)
		return j->dir_fd;
	part_name(part, o->name);
	/* A part of that name is of a job that was killed with its daemon. */
	if (is_snapshot)
		(void)unlinkat(j->dir_fd, part, 0);
	j->file_fd = is_snapshot ? openat(j->dir_fd, part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600) :
	    openat(j->dir_fd, o->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (j->file_fd < 0)
		return gs_conf_refuse(errno == ENOENT ? GS_ENOENT : errno == ENOSPC ? GS_ENOSPC : GS_ESYSTEM, why, "snapshot %s: %s", o->name,
		    strerror(errno));
	return 0;
}

/* The caller's own file: what it may be opened for was decided when he did. */
static int
open_given(struct jobs *j, const struct jobs_order *o, char why[GS_CONF_WHY_BYTES])
{
	int mode = o->fd < 0 ? -1 : fcntl(o->fd, F_GETFL);
	bool is_snapshot = o->kind == JOBS_SNAPSHOT;
	struct stat st;

	if (mode < 0)
		return gs_conf_refuse(GS_EINVAL, why, "%s: the name of a snapshot is expected", kind_names[o->kind]);
	if (fstat(o->fd, &st) < 0 || !S_ISREG(st.st_mode) || (mode & O_ACCMODE) == (is_snapshot ? O_RDONLY : O_WRONLY))
		return gs_conf_refuse(GS_EINVAL, why, "%s: not a file that can be %s", kind_names[o->kind], is_snapshot ? "written" : "read");
	j->file_fd = fcntl(o->fd, F_DUPFD_CLOEXEC, 0);
	return j->file_fd < 0 ? gs_conf_refuse(GS_ESYSTEM, why, "%s: %s", kind_names[o->kind], strerror(errno)) : 0;
}

static void
close_files(struct jobs *j)
{
	if (j->file_fd >= 0)
		(void)close(j->file_fd);
	if (j->dir_fd >= 0)
		(void)close(j->dir_fd);
	j->file_fd = j->dir_fd = -1;
}

/* The child is through with a snapshot under a name: from now on it exists. */
static void
keep_or_drop(struct jobs *j)
{
	char part[JOBS_NAME_BYTES + 8];

	if (j->kind != JOBS_SNAPSHOT || j->dir_fd < 0)
		return;
	part_name(part, j->name);
	if (j->last.rc == 0 && (renameat(j->dir_fd, part, j->dir_fd, j->name) < 0 || fsync(j->dir_fd) < 0)) {
		j->last.rc = GS_ESYSTEM;
		(void)snprintf(j->last.why, sizeof(j->last.why), "it cannot be given its name: %s", strerror(errno));
	}
	if (j->last.rc < 0)
		(void)unlinkat(j->dir_fd, part, 0);
}

/* ---- ending ---- */

static void
print_numbers(const struct jobs *j, FILE *to)
{
	const struct jobs_report *r = &j->last;

	if (j->kind == JOBS_SNAPSHOT) {
		(void)fprintf(to, "sessions=%" PRIu64 " damaged=%" PRIu64 " bytes=%" PRIu64, r->n_records, r->n_damaged, r->bytes);
	} else {
		for (int i = 0; i < GS_RESTORE_KINDS; i++)
			(void)fprintf(to, "%s=%" PRIu64 " ", became_names[i], r->became[i]);
		(void)fprintf(to, "no_table=%" PRIu64, r->n_homeless);
	}
	(void)fprintf(to, " took_ms=%" PRIu64, j->took_ms);
}

static void
tell_end(const struct jobs *j)
{
	GS_CLEANUP_FREE char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	if (to == NULL)
		return;
	print_numbers(j, to);
	if (fclose(to) != 0)
		return;
	events_add(j->m->events, j->last.rc == 0 ? "job_done" : "job_failed", "number=%u what=%s name=%s %s", j->number, kind_names[j->kind],
	    j->name, text);
	if (j->last.rc < 0)
		log_warnx("%s %s: %s", kind_names[j->kind], j->name, j->last.why);
	else
		log_notice("%s %s: %s", kind_names[j->kind], j->name, text);
}

/* It is over, and j->last says how. */
static void
end(struct jobs *j)
{
	keep_or_drop(j);
	close_files(j);
	tell_end(j);
}

/* ---- beginning ---- */

/* Contexts for the child, one a table; their numbers go to ids. */
static int
grant(struct jobs *j, uint32_t ids[GS_CONF_TABLES])
{
	const struct manager_caller child = { .uid = geteuid(), .gid = getegid(), .pid = j->pid, .is_operator = true };

	for (size_t i = 0; i < j->m->conf.n_tables; i++) {
		struct gs_wire_welcome w = { .n_ctx = 0 };

		if (clients_grant(j->clients, i, &child, 1, &w) != 1)
			return GS_EBUSY;
		ids[i] = w.ctx[0];
		j->cookie[i] = w.cookie;
	}
	return 0;
}

static void
give_back(struct jobs *j)
{
	for (size_t i = 0; i < j->m->conf.n_tables; i++) {
		if (j->cookie[i] != 0)
			(void)clients_release(j->clients, j->pid, j->cookie[i]);
		j->cookie[i] = 0;
	}
}

static void
reap(struct jobs *j)
{
	(void)kill(j->pid, SIGKILL);
	while (waitpid(j->pid, NULL, 0) < 0 && errno == EINTR)
		;
	give_back(j);
	j->pid = 0;
}

static uint64_t
entries_of(const struct manager *m)
{
	uint64_t n = 0;

	for (size_t i = 0; i < m->conf.n_tables; i++)
		n += gs_table_entries(m->tables[i].shm);
	return n;
}

static int
start_child(struct jobs *j)
{
	uint32_t ids[GS_CONF_TABLES] = { 0 };
	pid_t self = getpid();
	int go[2], rc = 0;

	if (pipe2(go, O_CLOEXEC) < 0)
		return GS_ESYSTEM;
	j->pid = fork();
	if (j->pid == 0) {
		(void)close(go[1]);
		jobs_child_run(j, self, go[0]);
	}
	(void)close(go[0]);
	if (j->pid < 0) {
		j->pid = 0;
		rc = GS_ENOMEM;
	}
	/* It waits until it is known to be a client. */
	if (rc == 0 && j->kind == JOBS_RESTORE)
		rc = grant(j, ids);
	if (rc == 0 && write(go[1], ids, sizeof(ids)) != (ssize_t)sizeof(ids))
		rc = GS_ESYSTEM;
	(void)close(go[1]);
	if (rc < 0 && j->pid > 0)
		reap(j);
	return rc;
}

int
jobs_begin(struct jobs *j, const struct jobs_order *o, char why[GS_CONF_WHY_BYTES])
{
	int rc;

	jobs_poll(j);
	if (j->pid != 0)
		return gs_conf_refuse(GS_EBUSY, why, "job %u is under way: %s %s", j->number, kind_names[j->kind], j->name);
	if (o->kind == JOBS_RESTORE && j->m->n_removing > 0)
		return gs_conf_refuse(GS_EBUSY, why, "a namespace is being removed, of which it may bring sessions");
	rc = o->name[0] != '\0' ? open_named(j, o, why) : open_given(j, o, why);
	if (rc < 0) {
		close_files(j);
		return rc;
	}
	memset(j->report, 0, sizeof(*j->report));
	memset(j->quotas, 0, sizeof(*j->quotas));
	j->kind = o->kind;
	(void)snprintf(j->name, sizeof(j->name), "%s", o->name[0] != '\0' ? o->name : "-");
	if (o->kind == JOBS_SNAPSHOT)
		atomic_store_explicit(&j->report->total, entries_of(j->m), memory_order_relaxed);
	j->began_ns = gs_clock_mono_ns();
	j->number++;
	rc = start_child(j);
	if (rc < 0) {
		j->last = (struct jobs_report){ .rc = rc };
		(void)snprintf(j->last.why, sizeof(j->last.why), "%s", gs_strerror(rc));
		end(j);
		return gs_conf_refuse(rc, why, "%s: %s", kind_names[o->kind], gs_strerror(rc));
	}
	events_add(j->m->events, "job", "number=%u what=%s name=%s uid=%u pid=%d", j->number, kind_names[j->kind], j->name, o->caller->uid,
	    (int)o->caller->pid);
	return (int)j->number;
}

bool
jobs_is_busy(struct jobs *j)
{
	jobs_poll(j);
	return j->pid != 0;
}

/* The quotas of namespaces that a restore has made. */
static void
take_quotas(struct gs_conf_table *c, const struct gs_table *t, char quota[][GS_SNAPSHOT_QUOTA_BYTES])
{
	char why[GS_CONF_WHY_BYTES], name[GS_RING_NAME_BYTES];

	for (uint32_t id = 1; id < GS_NAMESPACES; id++) {
		size_t i;

		if (quota[id][0] == '\0')
			continue;
		gs_namespaces_name(t, id, name);
		i = gs_conf_namespace(c, name);
		if (i < c->n_namespaces && gs_conf_set_namespace_quota(c, i, quota[id], why) < 0)
			log_warnx("table %s: namespace %s is restored without its quota: %s", c->name, name, why);
	}
}

/* A restore may have brought some. */
static void
take_namespaces(struct jobs *j)
{
	struct manager *m = j->m;

	for (size_t i = 0; i < m->conf.n_tables; i++)
		if (m->tables[i].shm != NULL) {
			namespaces_meet(m, i);
			take_quotas(&m->conf.tables[i], m->tables[i].shm, j->quotas->text[i]);
		}
	for (size_t i = 0; i < m->conf.n_tables; i++)
		manager_apply(m, i, -1);
}

bool
jobs_is_restoring(struct jobs *j)
{
	return jobs_is_busy(j) && j->kind == JOBS_RESTORE;
}

void
jobs_poll(struct jobs *j)
{
	int status;

	if (j->pid == 0 || waitpid(j->pid, &status, WNOHANG) != j->pid)
		return;
	j->took_ms = (gs_clock_mono_ns() - j->began_ns) / 1000000;
	j->last = *j->report;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		j->last.rc = GS_ESYSTEM;
		(void)snprintf(j->last.why, sizeof(j->last.why), "its process was ended by signal %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	} else {
		/* It gave everything back itself; of one that was killed clients_died() takes it. */
		give_back(j);
	}
	memset(j->cookie, 0, sizeof(j->cookie));
	j->pid = 0;
	if (j->kind == JOBS_RESTORE)
		take_namespaces(j);
	end(j);
}

void
jobs_print(struct jobs *j, FILE *to)
{
	uint64_t done = atomic_load_explicit(&j->report->done, memory_order_relaxed);
	uint64_t total = atomic_load_explicit(&j->report->total, memory_order_relaxed);

	jobs_poll(j);
	if (j->number == 0)
		return;
	(void)fprintf(to, "job %u %s %s ", j->number, kind_names[j->kind], j->name);
	if (j->pid != 0) {
		(void)fprintf(to, "running %" PRIu64 "%%\n", total == 0 ? 0 : done >= total ? 100 : done * 100 / total);
		return;
	}
	if (j->last.rc < 0)
		(void)fprintf(to, "failed %s: %s\n", gs_errname(j->last.rc), j->last.why);
	else {
		(void)fputs("done ", to);
		print_numbers(j, to);
		(void)fputc('\n', to);
	}
}

/* Memory that a child has, too; NULL: there is none. */
static void *
share(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void
unshare_all(struct jobs *j)
{
	if (j->report != NULL)
		(void)munmap(j->report, sizeof(*j->report));
	if (j->quotas != NULL)
		(void)munmap(j->quotas, sizeof(*j->quotas));
}

struct jobs *
jobs_new(struct manager *m, struct clients *clients)
{
	struct jobs *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return NULL;
	j->m = m;
	j->clients = clients;
	j->dir_fd = j->file_fd = -1;
	j->report = share(sizeof(*j->report));
	j->quotas = share(sizeof(*j->quotas));
	if (j->report != NULL && j->quotas != NULL)
		return j;
	unshare_all(j);
	free(j);
	return NULL;
}

void
jobs_free(struct jobs **jp)
{
	struct jobs *j = *jp;

	*jp = NULL;
	if (j == NULL)
		return;
	if (j->pid != 0) {
		reap(j);
		j->last.rc = GS_EDOWN;
		keep_or_drop(j);
	}
	close_files(j);
	unshare_all(j);
	free(j);
}
