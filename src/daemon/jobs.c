/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/jobs.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
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
#include "shm/restore.h"
#include "shm/snapshot.h"

enum { LEAST_PRIORITY = 19 };

/* What the child says; memory that both have. */
struct report {
	_Atomic uint64_t done, total;	/* entries or records looked at */
	/* before it ends, for who has waited for that: */
	int rc;
	uint64_t n_records, n_damaged, bytes;
	uint64_t became[GS_RESTORE_KINDS], n_homeless;
	char why[GS_SNAPSHOT_WHY_BYTES];
};

static const char *const kind_names[] = { [JOBS_SNAPSHOT] = "snapshot", [JOBS_RESTORE] = "restore" };

static const char *const became_names[GS_RESTORE_KINDS] = {
	[GS_RESTORED] = "restored", [GS_RESTORE_OLDER] = "older", [GS_RESTORE_EXPIRED] = "expired", [GS_RESTORE_ENDED] = "ended",
	[GS_RESTORE_TOO_LONG] = "too_long", [GS_RESTORE_UNKNOWN] = "unknown", [GS_RESTORE_NO_ROOM] = "no_room",
	[GS_RESTORE_DAMAGED] = "damaged",
};

struct jobs {
	struct manager *m;
	struct clients *clients;
	struct report *report;
	uint32_t number;		/* of the last job; 0: there was none */
	pid_t pid;			/* 0: none is under way */
	enum jobs_kind kind;
	char name[JOBS_NAME_BYTES];
	int dir_fd, file_fd;		/* while it is under way; dir_fd -1: the file is the caller's */
	uint64_t cookie[GS_CONF_TABLES];	/* of a restore's contexts */
	struct report last;		/* of the one that has ended */
	uint64_t began_ns, took_ms;
};

/* ---- the child ---- */

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

static void
write_snapshot(const struct jobs *j, struct report *r)
{
	struct gs_snapshot_out out;
	struct manager *m = j->m;

	r->rc = gs_snapshot_begin(&out, j->file_fd, (uint32_t)m->conf.n_tables);
	for (size_t i = 0; i < m->conf.n_tables && r->rc == 0; i++)
		r->rc = gs_snapshot_add_table(&out, m->tables[i].shm, &r->done);
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
look_through(struct gs_snapshot_in *in, int fd, struct found *found, struct report *r)
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

/* The table that a part of the snapshot goes to; NULL when there is none of that name. */
static struct gs_table *
table_of(const struct manager *m, const char *name, struct gs_ctx *ctx, struct gs_ctx **c)
{
	for (size_t i = 0; i < m->conf.n_tables; i++)
		if (strcmp(m->conf.tables[i].name, name) == 0) {
			*c = &ctx[i];
			return m->tables[i].shm;
		}
	return NULL;
}

static int
put_back(const struct jobs *j, struct gs_snapshot_in *in, const struct found *found, struct gs_ctx *ctx, struct report *r)
{
	struct gs_snapshot_item item;
	struct gs_restore to = { .t = NULL };
	struct gs_table *t = NULL;
	struct gs_ctx *c = NULL;
	size_t n_tables = 0;
	int rc = gs_snapshot_open(in, j->file_fd);

	while (rc >= 0 && (rc = gs_snapshot_next(in, &item)) == 1) {
		if (item.kind == GS_SNAPSHOT_TABLE) {
			if (t != NULL)
				gs_restore_end(&to);
			t = table_of(j->m, item.table.name, ctx, &c);
			if (t != NULL)
				gs_restore_begin(&to, t, c, &item.table, atomic_load_explicit(&t->ctl->wall_add_ms, memory_order_relaxed));
			to.tombs = n_tables < GS_CONF_TABLES ? &found->tombs[n_tables++] : NULL;
		} else if (item.kind == GS_SNAPSHOT_NAMESPACES) {
			if (t != NULL)
				gs_restore_namespace(&to, &item.space);
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
read_snapshot(const struct jobs *j, const uint32_t *ids, struct report *r)
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

/* Never returns. go_fd gives the numbers of our contexts, one a table, and ends without them when we are not to begin. */
static void
be_child(const struct jobs *j, pid_t daemon_pid, int go_fd)
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
	const struct report *r = &j->last;

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
		be_child(j, self, go[0]);
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
	j->kind = o->kind;
	(void)snprintf(j->name, sizeof(j->name), "%s", o->name[0] != '\0' ? o->name : "-");
	if (o->kind == JOBS_SNAPSHOT)
		atomic_store_explicit(&j->report->total, entries_of(j->m), memory_order_relaxed);
	j->began_ns = gs_clock_mono_ns();
	j->number++;
	rc = start_child(j);
	if (rc < 0) {
		j->last = (struct report){ .rc = rc };
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

/* A restore may have brought some. */
static void
take_namespaces(struct manager *m)
{
	for (size_t i = 0; i < m->conf.n_tables; i++)
		if (m->tables[i].shm != NULL)
			namespaces_meet(m, i);
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
		take_namespaces(j->m);
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

struct jobs *
jobs_new(struct manager *m, struct clients *clients)
{
	struct jobs *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return NULL;
	j->m = m;
	j->clients = clients;
	j->dir_fd = j->file_fd = -1;
	j->report = mmap(NULL, sizeof(*j->report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (j->report != MAP_FAILED)
		return j;
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
	(void)munmap(j->report, sizeof(*j->report));
	free(j);
}
