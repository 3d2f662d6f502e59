/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keep.c - gsession-keep: run a program, start it again when it dies, and keep meanwhile what it gave us to keep.
 *
 *	start -> it says READY -> it hands over                    -> started again at once
 *	                       -> it is killed while it serves     -> the same; much too often is a crash as well
 *	                       -> it crashes, again and again      -> started again, later each time, until we give up
 *	                       -> it ends by itself, without error -> so do we
 *	      -> it ends before it was ever ready                  -> so do we, with its status
 */
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "prog/args.h"
#include "prog/log.h"
#include "prog/process.h"

#include "gsession.h"
#include "keep_store.h"
#include "unmount.h"

#define NAME "gsession-keep"
#define SYNOPSIS "[-f] [-p FILE] PROGRAM [ARGUMENT ...]"

enum {
	MOST_CRASHES = 10,		/* in a row, each within SHORT_LIFE_MS of the start */
	FREE_KILLS = 60,		/* the same of those that were killed while they served, without a pause */
	MOST_KILLS = 100,
	SHORT_LIFE_MS = 10000,
	MOST_PAUSE_MS = 1000,
	DOWN_MS = 200,			/* between tries while the daemon is not there */
	END_MS = 10000,			/* for an orderly end */
};

struct keeper {
	char **argv;			/* the program's */
	struct store store;
	int signals;
	pid_t child;			/* 0: it is to be started at due_ms */
	uint64_t started_ms, due_ms;	/* CLOCK_MONOTONIC */
	uint32_t crashes, kills;	/* in a row */
	bool is_giving_way;		/* the child was asked to */
	bool was_ready;			/* once, any of them */
	bool is_stopping;
	uint64_t kill_ms;		/* ... and is killed then; 0: it has been */
};

enum { OPT_FOREGROUND, OPT_PIDFILE, OPT_HELP, OPT_VERSION, OPT_LONG };

static const struct args_option table[] = {
	[OPT_FOREGROUND] = { 'f', "foreground", NULL, "stay in the foreground" },
	[OPT_PIDFILE] = { 'p', "pid-file", "FILE", "write the pid there, for as long as we run" },
	[OPT_HELP] = { 'h', "help", NULL, "print this" },
	[OPT_VERSION] = { 'V', "version", NULL, "print the version" },
	[OPT_LONG] = { 0, "long-options", NULL, "print every option, one to a line" },
	{ 0, NULL, NULL, NULL },
};

static uint64_t
now_ms(void)
{
	return gs_clock_mono_ns() / 1000000;
}

/* ---- the child ---- */

static void
start(struct keeper *k)
{
	sigset_t none;

	k->store.is_ready = k->is_giving_way = false;
	k->started_ms = now_ms();
	k->child = fork();
	if (k->child == 0) {
		(void)sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		store_hand_over(&k->store);
		(void)execvp(k->argv[0], k->argv);
		log_fatal("%s", k->argv[0]);
	}
	if (k->child < 0) {
		log_warn("fork");
		k->child = 0;
		k->due_ms = now_ms() + MOST_PAUSE_MS;
	}
}

/* After n in a row; the first is free. */
static int
growing_pause(uint32_t n)
{
	if (n <= 1)
		return 0;
	return n < 7 ? 10 << n : MOST_PAUSE_MS;
}

/* How long to wait before the next start; -1: it is no use any more. */
static int
pause_after(struct keeper *k, int status)
{
	bool is_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;

	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DOWN)
		return DOWN_MS;
	/* It was to be another, and is. */
	if (is_killed && k->is_giving_way)
		return 0;
	if (now_ms() - k->started_ms >= SHORT_LIFE_MS)
		k->crashes = k->kills = 0;
	/* Somebody may want another each time; or the kernel, short of memory, wants none. */
	if (is_killed && k->store.is_ready) {
		if (++k->kills > MOST_KILLS)
			return -1;
		return k->kills <= FREE_KILLS ? 0 : growing_pause(k->kills - FREE_KILLS);
	}
	return ++k->crashes > MOST_CRASHES ? -1 : growing_pause(k->crashes);
}

static void
describe(int status, char *out, size_t room)
{
	if (WIFSIGNALED(status))
		(void)snprintf(out, room, "was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		(void)snprintf(out, room, "ended with status %d", WEXITSTATUS(status));
}

/* Nobody serves it any more. */
static void
take_away(struct keeper *k)
{
	store_drop(&k->store);
	if (k->store.mount[0] != '\0' && unmount_is_ours(k->store.mount))
		unmount_place(k->store.mount);
}

/* It has ended. Returns -1 to go on, or the status to exit with. */
static int
follow_up(struct keeper *k, int status)
{
	char how[128];
	int pause_ms;

	k->child = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_YES)
		return EXIT_YES;
	if (k->is_stopping) {
		take_away(k);
		return EXIT_YES;
	}
	/* It has said why; unless it was killed, be it after it had mounted. */
	if (!k->was_ready) {
		take_away(k);
		return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SYSTEM;
	}
	describe(status, how, sizeof(how));
	pause_ms = pause_after(k, status);
	if (pause_ms < 0) {
		log_errorx("%s %s, for the %uth time in a row: giving up", k->argv[0], how, k->crashes + k->kills);
		take_away(k);
		return EXIT_SYSTEM;
	}
	if (pause_ms != DOWN_MS)
		log_warnx("%s %s: starting it again", k->argv[0], how);
	k->due_ms = now_ms() + (uint64_t)pause_ms;
	return -1;
}

/* ---- signals ---- */

static int
stop(struct keeper *k)
{
	k->is_stopping = true;
	if (k->child == 0) {
		take_away(k);
		return EXIT_YES;
	}
	k->kill_ms = now_ms() + END_MS;
	(void)kill(k->child, SIGTERM);
	return -1;
}

static int
reap(struct keeper *k)
{
	int status;

	/* What it said last comes first. */
	store_hear(&k->store);
	k->was_ready |= k->store.is_ready;
	if (k->child > 0 && waitpid(k->child, &status, WNOHANG) == k->child)
		return follow_up(k, status);
	return -1;
}

static int
hear_signal(struct keeper *k)
{
	struct signalfd_siginfo info;

	if (read(k->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return -1;
	switch (info.ssi_signo) {
	case SIGCHLD:
		return reap(k);
	case SIGHUP:
		k->is_giving_way = k->child > 0;
		if (k->child > 0)
			(void)kill(k->child, SIGHUP);
		return -1;
	}
	return stop(k);
}

static int
open_signals(void)
{
	sigset_t ours;

	(void)sigemptyset(&ours);
	(void)sigaddset(&ours, SIGCHLD);
	(void)sigaddset(&ours, SIGTERM);
	(void)sigaddset(&ours, SIGINT);
	(void)sigaddset(&ours, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &ours, NULL);
	return signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* ---- the loop ---- */

/* Until something is due, -1: nothing is. */
static int
wait_ms(const struct keeper *k)
{
	uint64_t due = k->child == 0 ? k->due_ms : k->kill_ms, now = now_ms();

	if (k->child > 0 && due == 0)
		return -1;
	return due > now ? (int)(due - now) : 0;
}

static void
do_what_is_due(struct keeper *k)
{
	if (k->child == 0 && now_ms() >= k->due_ms)
		start(k);
	else if (k->child > 0 && k->kill_ms != 0 && now_ms() >= k->kill_ms) {
		/* Once: its end may take as long as the system call that it is in. */
		k->kill_ms = 0;
		(void)kill(k->child, SIGKILL);
	}
}

static int
supervise(struct keeper *k, bool is_foreground)
{
	struct pollfd fds[] = { { .fd = k->signals, .events = POLLIN }, { .fd = k->store.socket, .events = POLLIN } };
	bool is_said = false;
	int status = -1;

	start(k);
	while (status < 0) {
		(void)poll(fds, 2, wait_ms(k));
		store_hear(&k->store);
		k->was_ready |= k->store.is_ready;
		if (k->was_ready && !is_said) {
			is_said = true;
			process_ready(k->argv[0]);
			if (!is_foreground)
				log_init(NAME, 1);
		}
		status = hear_signal(k);
		if (status < 0)
			do_what_is_due(k);
	}
	return status;
}

/* After we have become who we are. -1 to go on, or the status to exit with. */
static int
write_pid(const char *path)
{
	int other = 0, rc = path == NULL ? 0 : process_pidfile(path, &other);

	if (rc == GS_EBUSY)
		log_errorx("%s: another " NAME " runs already, pid %d", path, other);
	else if (rc < 0)
		log_errorx("%s: %s", path, strerror(errno));
	return rc == GS_EBUSY ? EXIT_REFUSED : rc < 0 ? EXIT_SYSTEM : -1;
}

int
main(int argc, char **argv)
{
	struct keeper k = { .child = 0 };
	bool is_foreground = false;
	const char *value, *pid_path = NULL;
	int status, at = 1, which;

	log_init(NAME, 0);
	while ((which = args_next(argc, argv, &at, table, &value)) != -1) {
		switch (which) {
		case OPT_FOREGROUND:
			is_foreground = true;
			continue;
		case OPT_PIDFILE:
			pid_path = value;
			continue;
		case OPT_HELP:
			args_usage(stdout, NAME, SYNOPSIS, table);
			return EXIT_YES;
		case OPT_VERSION:
			(void)printf(NAME " %s\n", PACKAGE_VERSION);
			return EXIT_YES;
		case OPT_LONG:
			args_long_options(stdout, table);
			return EXIT_YES;
		}
		return EXIT_USAGE;
	}
	if (at == argc) {
		args_usage(stderr, NAME, SYNOPSIS, table);
		return EXIT_USAGE;
	}
	k.argv = argv + at;
	if (!is_foreground)
		process_detach();
	status = write_pid(pid_path);
	if (status >= 0)
		return status;
	k.signals = open_signals();
	if (k.signals < 0 || store_open(&k.store) < 0)
		log_fatal("cannot supervise");
	status = supervise(&k, is_foreground);
	process_pidfile_remove();
	return status;
}
