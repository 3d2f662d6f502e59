/* SPDX-License-Identifier: BSD-2-Clause */
/* Is the daemon there, does it answer, can it be reached; and does the configuration say what is in force. */
#include "doctor.h"

#include <sys/stat.h>

#include <grp.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "proc.h"

enum {
	FEW_DESCRIPTORS_PERCENT = 80,
	JUMP_S = 120,			/* to open its memory takes a daemon less, and less is no jump to be told of */
};

static bool
is_reached(const struct doctor *d)
{
	return d->rc == 0;
}

static bool
is_stopped(const struct doctor *d)
{
	char state = d->pid == 0 ? 0 : proc_state(d->pid);

	return state == 'T' || state == 't';
}

void
doctor_daemon_dead(struct doctor *d)
{
	if (d->rc == GS_EDOWN && d->pid == 0)
		doctor_find(d, d->instance, d->socket, NULL);
}

void
doctor_socket_gone(struct doctor *d)
{
	char pid[DOCTOR_WORD_BYTES];

	if (d->rc == GS_EDOWN && d->pid != 0)
		doctor_find(d, doctor_number(pid, (uint64_t)d->pid), d->socket, NULL);
}

void
doctor_daemon_stopped(struct doctor *d)
{
	char pid[DOCTOR_WORD_BYTES];

	if (!is_reached(d) && is_stopped(d))
		doctor_find(d, doctor_number(pid, (uint64_t)d->pid), NULL);
}

void
doctor_daemon_silent(struct doctor *d)
{
	char pid[DOCTOR_WORD_BYTES], ms[DOCTOR_WORD_BYTES];

	if ((d->rc == GS_ETIMEDOUT || d->rc == GS_EPROTO) && !is_stopped(d))
		doctor_find(d, doctor_number(pid, (uint64_t)d->pid), doctor_number(ms, DOCTOR_ANSWER_MS), d->socket, NULL);
}

void
doctor_no_access(struct doctor *d)
{
	if (d->rc == GS_EACCES || d->rc == GS_EPERM)
		doctor_find(d, gs_strerror(d->rc), d->socket, NULL);
}

void
doctor_pid_file(struct doctor *d)
{
	char said[DOCTOR_WORD_BYTES], is[DOCTOR_WORD_BYTES];

	if (is_reached(d) && d->pid != 0 && d->pid != d->pid_in_file)
		doctor_find(d, d->pid_in_file == 0 ? "nothing" : doctor_number(said, (uint64_t)d->pid_in_file),
		    doctor_number(is, (uint64_t)d->pid), d->pid_file, NULL);
}

void
doctor_socket_rights(struct doctor *d)
{
	struct group *g;
	struct stat st;

	if (!d->has_live || d->live.group[0] == '\0' || stat(d->socket, &st) < 0)
		return;
	g = getgrnam(d->live.group);
	if (g != NULL && (g->gr_gid != st.st_gid || (st.st_mode & 0060) != 0060))
		doctor_find(d, d->live.group, d->socket, NULL);
}

void
doctor_run_dir_closed(struct doctor *d)
{
	char dir[PATH_MAX];
	struct stat st;

	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(d->socket, '/') - d->socket), d->socket);
	if (d->has_live && d->live.group[0] != '\0' && stat(dir, &st) == 0 && (st.st_mode & 0001) == 0)
		doctor_find(d, d->live.group, dir, NULL);
}

static bool
daemon_user(const struct doctor *d, uid_t *out)
{
	char path[PATH_MAX];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d", d->pid);
	if (d->pid == 0 || stat(path, &st) != 0)
		return false;
	*out = st.st_uid;
	return true;
}

void
doctor_run_dir_foreign(struct doctor *d)
{
	char dir[PATH_MAX], owner[DOCTOR_WORD_BYTES], user[DOCTOR_WORD_BYTES];
	struct stat st;
	uid_t uid;

	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(d->socket, '/') - d->socket), d->socket);
	if (daemon_user(d, &uid) && stat(dir, &st) == 0 && st.st_uid != uid && st.st_uid != 0)
		doctor_find(d, doctor_number(owner, st.st_uid), dir, doctor_number(user, uid), NULL);
}

/* How long it is that a process was started, by a clock that is never set, s; < 0: not known. */
static int64_t
age_of(int pid)
{
	struct timespec now;
	uint64_t started;
	int parent;

	if (pid == 0 || !proc_origin(pid, &parent, &started) || clock_gettime(CLOCK_BOOTTIME, &now) != 0)
		return -1;
	return (int64_t)now.tv_sec - (int64_t)(started / (uint64_t)sysconf(_SC_CLK_TCK));
}

/* It makes its socket when it starts. */
void
doctor_clock_jumped(struct doctor *d)
{
	char by[GS_TEXT_DURATION_BYTES], pid[DOCTOR_WORD_BYTES];
	int64_t age_s = age_of(d->pid), jump_s;
	struct stat st;

	if (!is_reached(d) || age_s < 0 || stat(d->socket, &st) != 0)
		return;
	jump_s = (int64_t)time(NULL) - (int64_t)st.st_mtime - age_s;
	if (jump_s <= JUMP_S && jump_s >= -JUMP_S)
		return;
	(void)gs_text_print_duration(by, (uint64_t)(jump_s < 0 ? -jump_s : jump_s) * 1000);
	doctor_find(d, jump_s < 0 ? "back" : "forward", by, doctor_number(pid, (uint64_t)d->pid), jump_s < 0 ? "younger" : "older", d->socket,
	    d->instance, NULL);
}

void
doctor_daemon_replaced(struct doctor *d)
{
	char pid[DOCTOR_WORD_BYTES];

	if (is_reached(d) && d->pid != 0 && proc_is_replaced(d->pid))
		doctor_find(d, doctor_number(pid, (uint64_t)d->pid), NULL);
}

void
doctor_descriptors_low(struct doctor *d)
{
	char pid[DOCTOR_WORD_BYTES], has[DOCTOR_WORD_BYTES], may[DOCTOR_WORD_BYTES], more[2 * DOCTOR_WORD_BYTES];
	uint64_t n, soft, hard;

	if (d->pid == 0 || !proc_descriptors(d->pid, &n, &soft, &hard) || n * 100 < soft * FEW_DESCRIPTORS_PERCENT)
		return;
	/* Only a higher hard limit is a privilege. */
	if (hard >= 2 * soft)
		(void)snprintf(more, sizeof(more), "%llu:", (unsigned long long)hard);
	else
		(void)snprintf(more, sizeof(more), "%llu:%llu", (unsigned long long)(4 * hard), (unsigned long long)(4 * hard));
	doctor_find(d, doctor_number(pid, (uint64_t)d->pid), doctor_number(has, n), doctor_number(may, soft),
	    more, NULL);
}

/* ---- configuration ---- */

static const char *
conf_path(const struct doctor *d)
{
	return d->conf_path[0] == '\0' ? GS_CONF_PATH : d->conf_path;
}

void
doctor_conf_wrong(struct doctor *d)
{
	if (d->has_live && !d->has_file)
		doctor_find(d, conf_path(d), d->conf_why, NULL);
}

void
doctor_conf_unread(struct doctor *d)
{
	char n[DOCTOR_WORD_BYTES];

	if (d->n_unread > 0)
		doctor_find(d, conf_path(d), doctor_number(n, d->n_unread), NULL);
}

void
doctor_conf_changed(struct doctor *d)
{
	char n[DOCTOR_WORD_BYTES];

	/* What was cut to fit the memory is no wish of anybody. */
	if (d->n_changed > 0 && !d->is_cut)
		doctor_find(d, conf_path(d), doctor_number(n, d->n_changed), NULL);
}

void
doctor_conf_fixed(struct doctor *d)
{
	char n[DOCTOR_WORD_BYTES];

	if (d->n_fixed > 0)
		doctor_find(d, conf_path(d), doctor_number(n, d->n_fixed), NULL);
}

void
doctor_unfinished(struct doctor *d)
{
	char ms[DOCTOR_WORD_BYTES];

	if (d->is_unfinished)
		doctor_find(d, doctor_number(ms, DOCTOR_BUDGET_MS), d->socket, NULL);
}
