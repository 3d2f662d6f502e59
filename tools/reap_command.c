/* SPDX-License-Identifier: BSD-2-Clause */
#include "reap_command.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/clock.h"

enum { NUMBER_BYTES = 32, NOT_RUN = 127 };

static void
set_number(const char *name, uint64_t n)
{
	char text[NUMBER_BYTES];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	(void)setenv(name, text, 1);
}

/* In the child: become the command. */
static void
become(const struct reap_command *c, const struct suspect *s, int in_fd)
{
	char rate[NUMBER_BYTES];
	sigset_t none;

	(void)setpgid(0, 0);
	/* A reaper that is killed leaves no command behind. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)setenv("GSESSION_TABLE", c->table, 1);
	(void)snprintf(rate, sizeof(rate), "%.2f", s->rate_per_s);
	(void)setenv("GSESSION_RATE", rate, 1);
	set_number("GSESSION_OFFENCES", s->offences);
	set_number("GSESSION_HELD_MS", s->held_ms);
	(void)setenv("GSESSION_STATE", s->state, 1);
	if (dup2(in_fd, STDIN_FILENO) >= 0)
		(void)execl("/bin/sh", "sh", "-c", c->text, (char *)NULL);
	_exit(NOT_RUN);
}

/* Start it. Returns its pid, or -1. */
static pid_t
start(const struct reap_command *c, const struct suspect *s)
{
	char line[GS_KEY_BYTES + 1];
	int fd[2];
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) < 0)
		return -1;
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		become(c, s, fd[0]);
	if (pid > 0)
		(void)setpgid(pid, pid);	/* it does so too; whoever is first */
	(void)close(fd[0]);
	memcpy(line, s->key, s->key_len);
	line[s->key_len] = '\n';
	/* Fits in any pipe at once. It may have ended without reading: its exit status is its answer. */
	if (pid > 0 && write(fd[1], line, s->key_len + 1) < 0 && errno != EPIPE)
		(void)fprintf(stderr, "gsession: a key could not be handed to its command: %s\n", strerror(errno));
	(void)close(fd[1]);
	return pid;
}

/* Wait for its end; REAP_LEAVE when it has come, REAP_HUNG, REAP_STOPPED, REAP_FAILED. */
static enum reap_said
wait_for_end(const struct reap_command *c, int pid_fd)
{
	struct pollfd fds[] = { { .fd = pid_fd, .events = POLLIN }, { .fd = c->stop_fd, .events = POLLIN } };
	uint64_t until_ms = gs_clock_mono_ns() / 1000000 + c->timeout_ms;
	uint64_t left_ms;
	int n;

	for (;;) {
		left_ms = gs_sub_sat(until_ms, gs_clock_mono_ns() / 1000000);
		n = poll(fds, 2, (int)left_ms);
		if (n < 0 && errno != EINTR)
			return REAP_FAILED;
		if (n > 0 && fds[0].revents != 0)
			return REAP_LEAVE;
		if (n > 0)
			return REAP_STOPPED;
		if (n == 0)
			return REAP_HUNG;
	}
}

enum reap_said
reap_command_ask(const struct reap_command *c, const struct suspect *s)
{
	pid_t pid = start(c, s);
	enum reap_said said = REAP_FAILED;
	int pid_fd, status;

	if (pid < 0)
		return REAP_FAILED;
	pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pid_fd >= 0) {
		said = wait_for_end(c, pid_fd);
		(void)close(pid_fd);
	}
	if (said != REAP_LEAVE)
		(void)kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (said != REAP_LEAVE)
		return said;
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
		return REAP_ODD;
	return WEXITSTATUS(status) == 0 ? REAP_EXPEL : REAP_LEAVE;
}
