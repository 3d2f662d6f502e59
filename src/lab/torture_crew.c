/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/torture_crew.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	STOPPED_MAX = TORTURE_WORKERS / 2,
	STOPPED_MAX_NS = 200000000,
	SEED_OPERATOR = TORTURE_WORKERS,
};

/* ---- one process ---- */

/* In a child: end with the one that conducts, and take signals again. */
static void
become_child(const struct torture_crew *c)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != c->sh->parent)
		_exit(125);
}

/* 0 in the child, 1 in the parent, GS_ESYSTEM. */
static int
spawn(struct torture_crew *c, struct torture_member *m)
{
	pid_t pid = fork();

	if (pid < 0)
		return GS_ESYSTEM;
	if (pid == 0) {
		become_child(c);
		return 0;
	}
	*m = (struct torture_member){ .pid = pid, .n_started = m->n_started + 1 };
	return 1;
}

static int
start_worker(struct torture_crew *c, uint32_t i)
{
	struct torture_member *m = &c->worker[i];
	uint64_t seed = torture_seed(c->sh->seed, 1 + i, m->n_started);
	int rc = spawn(c, m);

	if (rc == 0) {
		atomic_store(&c->sh->worker[i].bound, getpid());
		_exit(torture_worker(c->sh, i, seed));
	}
	return rc < 0 ? rc : 0;
}

static int
start_daemon(struct torture_crew *c)
{
	int rc = spawn(c, &c->daemon);

	if (rc == 0)
		torture_place_serve(c->place);
	return rc < 0 ? rc : 0;
}

/* Kill, and wait until it is gone. */
static void
kill_member(struct torture_member *m)
{
	if (m->pid == 0)
		return;
	(void)kill(m->pid, SIGKILL);
	while (waitpid(m->pid, NULL, 0) < 0 && errno == EINTR)
		;
	m->pid = 0;
	m->stopped_ns = 0;
}

/* It ended by itself, which it should not; or when told to, with a failure. */
static void
report_end(struct torture_crew *c, const char *who, int status)
{
	if (WIFSIGNALED(status))
		torture_found(c->sh, TORTURE_WRONG, "%s was ended by signal %d (%s)", who, WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		torture_found(c->sh, TORTURE_WRONG, "%s ended by itself, status %d", who, WEXITSTATUS(status));
}

/* Has it ended? */
static bool
has_ended(struct torture_member *m, int *status)
{
	if (m->pid == 0 || waitpid(m->pid, status, WNOHANG) != m->pid)
		return false;
	m->pid = 0;
	return true;
}

/* ---- what the plan says ---- */

static int
kill_worker(struct torture_crew *c, uint32_t i)
{
	int status = 0;

	if (has_ended(&c->worker[i], &status))
		report_end(c, "a worker", status);
	kill_member(&c->worker[i]);
	torture_hot_settle(&c->sh->worker[i], gs_clock_mono_ns());
	torture_count(&c->sh->conductor, TORTURE_KILL, 1);
	return start_worker(c, i);
}

static void
stop_worker(struct torture_crew *c, uint32_t who)
{
	int n = 0;

	for (uint32_t i = 0; i < TORTURE_WORKERS; i++)
		n += c->worker[i].stopped_ns != 0;
	/* One that is stopped before it asked to die with us would outlive us, stopped. */
	if (n >= STOPPED_MAX || c->worker[who].stopped_ns != 0 || c->worker[who].pid == 0 ||
	    atomic_load(&c->sh->worker[who].bound) != c->worker[who].pid)
		return;
	(void)kill(c->worker[who].pid, SIGSTOP);
	c->worker[who].stopped_ns = gs_clock_mono_ns();
	torture_count(&c->sh->conductor, TORTURE_STOP, 1);
}

static void
continue_worker(struct torture_crew *c, struct torture_member *m)
{
	if (m->stopped_ns == 0 || m->pid == 0)
		return;
	(void)kill(m->pid, SIGCONT);
	m->stopped_ns = 0;
	torture_count(&c->sh->conductor, TORTURE_CONT, 1);
}

/* This one if it is stopped, else the next that is. */
static void
continue_one(struct torture_crew *c, uint32_t who)
{
	for (uint32_t i = 0; i < TORTURE_WORKERS; i++) {
		struct torture_member *m = &c->worker[(who + i) % TORTURE_WORKERS];

		if (m->stopped_ns != 0) {
			continue_worker(c, m);
			return;
		}
	}
}

int
torture_crew_do(struct torture_crew *c, const struct torture_step *step)
{
	int status;

	switch (step->deed) {
	case TORTURE_DO_KILL:
		return kill_worker(c, step->who);
	case TORTURE_DO_STOP:
		stop_worker(c, step->who);
		return 0;
	case TORTURE_DO_CONT:
		continue_one(c, step->who);
		return 0;
	default:
		if (has_ended(&c->daemon, &status))
			report_end(c, "the daemon", status);
		kill_member(&c->daemon);
		torture_count(&c->sh->conductor, TORTURE_DAEMON_KILL, 1);
		return start_daemon(c);
	}
}

void
torture_crew_look(struct torture_crew *c)
{
	uint64_t now_ns = gs_clock_mono_ns();
	int status;

	for (uint32_t i = 0; i < TORTURE_WORKERS; i++) {
		struct torture_member *m = &c->worker[i];

		if (m->stopped_ns != 0 && now_ns - m->stopped_ns > STOPPED_MAX_NS)
			continue_worker(c, m);
		if (has_ended(m, &status)) {
			report_end(c, "a worker", status);
			torture_hot_settle(&c->sh->worker[i], now_ns);
		}
	}
	if (has_ended(&c->historian, &status))
		report_end(c, "the historian", status);
	if (has_ended(&c->operator, &status))
		report_end(c, "the operator", status);
	if (has_ended(&c->daemon, &status))
		report_end(c, "the daemon", status);
}

/* ---- beginning and end ---- */

int
torture_crew_start(struct torture_crew *c)
{
	int rc = start_daemon(c);

	for (uint32_t i = 0; rc == 0 && i < TORTURE_WORKERS; i++)
		rc = start_worker(c, i);
	if (rc < 0)
		return rc;
	rc = spawn(c, &c->historian);
	if (rc == 0)
		_exit(torture_historian(c->sh));
	if (rc < 0)
		return rc;
	rc = spawn(c, &c->operator);
	if (rc == 0)
		_exit(torture_operator(c->sh, torture_seed(c->sh->seed, 1 + SEED_OPERATOR, 0)));
	return rc < 0 ? rc : 0;
}

/* It was told to end: wait, with a deadline. */
static void
await(struct torture_crew *c, struct torture_member *m, const char *who, uint64_t until_ms)
{
	int status;

	while (m->pid != 0) {
		if (has_ended(m, &status)) {
			if (status != 0)
				report_end(c, who, status);
		} else if (gs_clock_mono_ms() > until_ms) {
			torture_found(c->sh, TORTURE_WRONG, "%s does not end when told to", who);
			kill_member(m);
		} else {
			(void)poll(NULL, 0, TORTURE_POLL_MS);
		}
	}
}

void
torture_crew_dismiss(struct torture_crew *c)
{
	uint64_t until_ms = gs_clock_mono_ms() + 2 * (uint64_t)TORTURE_PATIENCE_MS;

	for (uint32_t i = 0; i < TORTURE_WORKERS; i++)
		continue_worker(c, &c->worker[i]);
	atomic_store(&c->sh->must_stop, 1);
	for (uint32_t i = 0; i < TORTURE_WORKERS; i++)
		await(c, &c->worker[i], "a worker", until_ms);
	for (uint32_t i = 0; i < TORTURE_WORKERS; i++)
		torture_hot_settle(&c->sh->worker[i], gs_clock_mono_ns());
	await(c, &c->historian, "the historian", until_ms);
	await(c, &c->operator, "the operator", until_ms);
}

void
torture_crew_dismiss_daemon(struct torture_crew *c)
{
	if (c->daemon.pid != 0)
		(void)kill(c->daemon.pid, SIGTERM);
	await(c, &c->daemon, "the daemon", gs_clock_mono_ms() + TORTURE_PATIENCE_MS);
}

void
torture_crew_kill(struct torture_crew *c)
{
	for (uint32_t i = 0; i < TORTURE_WORKERS; i++)
		kill_member(&c->worker[i]);
	kill_member(&c->historian);
	kill_member(&c->operator);
	kill_member(&c->daemon);
}
