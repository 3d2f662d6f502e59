/* SPDX-License-Identifier: BSD-2-Clause */
/* What the daemon says of itself, within the time that it has. */
#include "doctor.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/paths.h"
#include "conf_diff.h"
#include "proc.h"

enum { PATH_BYTES = 192 };

#define NS_PER_MS UINT64_C(1000000)

bool
doctor_is_late(struct doctor *d)
{
	if (gs_clock_mono_ns() >= d->until_ns)
		d->is_unfinished = true;
	return d->is_unfinished;
}

/* What failed once is not waited for again. */
static void
give_up(struct doctor *d, int rc)
{
	d->rc = rc;
	d->n_waits += rc == GS_ETIMEDOUT;
	gs_ctl_close(&d->ctl);
}

static char *ask(struct doctor *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The text of a control file, malloc'ed, or NULL. */
static char *
ask(struct doctor *d, const char *fmt, ...)
{
	char path[PATH_BYTES], *text;
	va_list ap;
	size_t len;
	int rc;

	if (d->ctl == NULL || doctor_is_late(d))
		return NULL;
	va_start(ap, fmt);
	(void)vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	d->n_requests++;
	rc = gs_ctl_request(d->ctl, GS_VERB_GET, path, "", 0, 0, NULL, &text, &len);
	if (rc == 0)
		return text;
	free(text);
	if (rc == GS_ETIMEDOUT || rc == GS_EDOWN || rc == GS_EPROTO)
		give_up(d, rc);
	return NULL;
}

uint64_t
doctor_counter(const char *stats, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = stats; at != NULL && *at != '\0'; at = strchr(at, '\n'), at += at != NULL) {
		if (strncmp(at, name, len) == 0 && at[len] == ' ')
			return strtoull(at + len + 1, NULL, 10);
	}
	return 0;
}

/* ---- where it is ---- */

static bool
find_paths(struct doctor *d, const struct cmd_env *env)
{
	const char *dir = env->run_dir, *system = gs_path_system_run_dir(env->run_dir);
	char path[PATH_MAX];

	d->instance = env->instance == NULL ? "default" : env->instance;
	d->run_dir = env->run_dir;
	/* As the library chooses: the system's store where there is one. */
	if (system != NULL && gs_path_socket(path, sizeof(path), system, d->instance) == 0 && access(path, F_OK) == 0)
		dir = system;
	return gs_path_socket(d->socket, sizeof(d->socket), dir, d->instance) == 0 &&
	    gs_path_pidfile(d->pid_file, sizeof(d->pid_file), dir, d->instance) == 0 &&
	    gs_path_shm(d->shm, sizeof(d->shm), d->instance) == 0;
}

static void
read_pid_file(struct doctor *d)
{
	GS_CLEANUP_FCLOSE FILE *f = fopen(d->pid_file, "re");

	if (f == NULL || fscanf(f, "%d", &d->pid_in_file) != 1 || d->pid_in_file < 0)
		d->pid_in_file = 0;
	if (d->pid_in_file > 0 && proc_is(d->pid_in_file, "gsessiond"))
		d->pid = d->pid_in_file;
}

/* The kernel knows who listens, also when he does not answer. */
static void
find_listener(struct doctor *d)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(gs_ctl_fd(d->ctl), SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.pid > 0)
		d->pid = (int)cred.pid;
}

static void
reach(struct doctor *d)
{
	d->rc = gs_ctl_open(&d->ctl, d->instance, d->run_dir, DOCTOR_ANSWER_MS);
	if (d->rc < 0) {
		d->n_waits += d->rc == GS_ETIMEDOUT;
		return;
	}
	find_listener(d);
	GS_CLEANUP_FREE char *uptime = ask(d, "uptime");
	(void)uptime;
}

/* ---- what it serves ---- */

static void
count_difference(void *arg, const struct conf_difference *diff)
{
	struct doctor *d = arg;

	/* The memory was made for fewer than the file says, and the file is the same: there was no room. */
	if (strcmp(diff->key, "max_sessions") == 0) {
		if (diff->since == CONF_DIFF_LIVE && strtoull(diff->live, NULL, 10) < strtoull(diff->file, NULL, 10))
			d->is_cut = true;
	} else if (!diff->can_change) {
		d->n_fixed++;
	} else if (diff->since == CONF_DIFF_FILE || diff->since == CONF_DIFF_BOTH) {
		d->n_unread++;
	} else {
		d->n_changed++;
	}
}

static void
compare_settings(struct doctor *d)
{
	char why[GS_CONF_WHY_BYTES];
	int rc;

	if (d->ctl == NULL || live_conf_file(d->ctl, d->conf_path, why) < 0)
		return;
	rc = live_conf_read(d->ctl, &d->live, &d->n_requests, why);
	if (rc < 0) {
		if (rc == GS_ETIMEDOUT || rc == GS_EDOWN)
			give_up(d, rc);
		return;
	}
	d->has_live = true;
	d->has_file = gs_conf_load(&d->file, d->conf_path[0] == '\0' ? NULL : d->conf_path, d->conf_why) == 0;
	d->has_before = live_conf_before(&d->before, d->instance);
	if (d->has_file)
		conf_diff(&d->file, d->has_before ? &d->before : NULL, &d->live, count_difference, d);
}

/* The smallest slot of the ring: `slots_384 85760`. */
static uint64_t
smallest_slot(const char *stats)
{
	const char *at = stats == NULL ? NULL : strstr(stats, "\nslots_");

	return at == NULL ? 0 : strtoull(at + sizeof("\nslots_") - 1, NULL, 10);
}

static void
look_at_table(struct doctor *d, size_t i)
{
	const struct gs_conf_table *conf = &d->live.tables[i];
	struct doctor_table *t = &d->tables[i];
	size_t n_on = gs_conf_chain(conf);

	t->conf = conf;
	t->stats = ask(d, "%s/stats", conf->name);
	t->suspects = ask(d, "%s/suspects", conf->name);
	for (size_t r = 0; r < conf->n_rings; r++) {
		GS_CLEANUP_FREE char *stats = ask(d, "%s/rings/%s/stats", conf->name, conf->rings[r].name);

		t->rings[r] = (struct doctor_ring){
			.conf = &conf->rings[r],
			.is_outermost = r + 1 == n_on,
			.count = doctor_counter(stats, "count"),
			.committed_bytes = doctor_counter(stats, "committed_bytes"),
			.slot_bytes = smallest_slot(stats),
		};
	}
}

bool
doctor_look(struct doctor *d, const struct cmd_env *env)
{
	d->until_ns = gs_clock_mono_ns() + DOCTOR_BUDGET_MS * NS_PER_MS;
	if (!find_paths(d, env)) {
		(void)cmd_misuse("\"%s\" is no name of an instance", d->instance);
		return false;
	}
	read_pid_file(d);
	reach(d);
	compare_settings(d);
	for (size_t i = 0; d->has_live && i < d->live.n_tables; i++)
		look_at_table(d, i);
	doctor_look_at_host(d);
	return true;
}

void
doctor_done(struct doctor *d)
{
	if (d->ctl != NULL)
		gs_ctl_close(&d->ctl);
	for (size_t i = 0; i < GS_CONF_TABLES; i++) {
		free(d->tables[i].stats);
		free(d->tables[i].suspects);
	}
}
