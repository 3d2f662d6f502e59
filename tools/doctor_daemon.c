/* SPDX-License-Identifier: BSD-2-Clause */
/* Is the daemon there, does it answer, can it be reached; and does the configuration say what is in force. */
#include "doctor.h"

#include <sys/stat.h>

#include <grp.h>
#include <string.h>
#include <unistd.h>

#include "proc.h"

enum { FEW_DESCRIPTORS_PERCENT = 80 };

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
