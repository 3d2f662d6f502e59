/* SPDX-License-Identifier: BSD-2-Clause */
#include "prog/process.h"

#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "prog/args.h"
#include "prog/log.h"
#include "prog/notify.h"

/* What a process has one of. */
static struct {
	bool is_kept;			/* in the background of somebody else's making */
	int ready_fd;			/* the waiting parent's pipe, -1: none */
	int pid_fd;			/* the locked pid file, -1: none */
	char *pid_path;
} self = { .ready_fd = -1, .pid_fd = -1 };

/* The parent of process_detach(): end as the child begins, or as it ends. */
static void __attribute__((noreturn))
wait_for_child(pid_t child, int fd)
{
	char byte;
	ssize_t n;
	int status;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(EXIT_YES);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			_exit(EXIT_SYSTEM);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SYSTEM);
}

static void
leave_terminal(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		log_fatal("/dev/null");
	(void)dup2(fd, STDIN_FILENO);
	(void)dup2(fd, STDOUT_FILENO);
	(void)dup2(fd, STDERR_FILENO);
	if (fd > STDERR_FILENO)
		(void)close(fd);
	(void)setsid();
}

/* The pid in a pid file, 0 when there is none. */
static int
read_pid(int fd)
{
	char text[16] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	return n > 0 ? (int)strtol(text, NULL, 10) : 0;
}

/* Whether path still names the file that fd is: its owner may have removed it between our open and our lock. */
static bool
is_same_file(int fd, const char *path)
{
	struct stat mine, named;

	return fstat(fd, &mine) == 0 && stat(path, &named) == 0 && mine.st_dev == named.st_dev && mine.st_ino == named.st_ino;
}

/* Open and lock; the descriptor, GS_EBUSY with *other, or GS_ESYSTEM with errno. */
static int
lock_pidfile(const char *path, int *other)
{
	int fd;

	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (fd < 0)
			return GS_ESYSTEM;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			int err = errno;

			*other = read_pid(fd);
			(void)close(fd);
			errno = err;
			return err == EWOULDBLOCK ? GS_EBUSY : GS_ESYSTEM;
		}
		if (is_same_file(fd, path))
			return fd;
		(void)close(fd);
	}
}

void
process_detach(void)
{
	int fds[2];
	pid_t child;

	self.is_kept = getenv("GSESSION_KEEP") != NULL;
	(void)unsetenv("GSESSION_KEEP");
	if (self.is_kept)
		return;
	/* A lock that somebody holds by a descriptor of ours would be held as long as we serve. */
	(void)close_range(STDERR_FILENO + 1, ~0u, 0);
	if (pipe2(fds, O_CLOEXEC) < 0)
		log_fatal("pipe");
	(void)fflush(NULL);
	child = fork();
	if (child < 0)
		log_fatal("fork");
	if (child > 0) {
		(void)close(fds[1]);
		wait_for_child(child, fds[0]);
	}
	(void)close(fds[0]);
	self.ready_fd = fds[1];
}

void
process_ready(const char *status)
{
	char state[256];

	(void)snprintf(state, sizeof(state), "READY=1\nMAINPID=%ld\nSTATUS=%s", (long)getpid(), status);
	(void)notify_send(state, -1);
	if (self.is_kept || self.ready_fd >= 0)
		leave_terminal();
	if (self.ready_fd < 0)
		return;
	if (write(self.ready_fd, "", 1) != 1)
		log_warn("the process that started us is gone");
	(void)close(self.ready_fd);
	self.ready_fd = -1;
}

void
process_stopping(void)
{
	(void)notify_send("STOPPING=1", -1);
}

void
process_alive(void)
{
	(void)notify_send("WATCHDOG=1", -1);
}

void
process_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warn("the number of descriptors stays at its soft limit");
}

int
process_pidfile(const char *path, int *other)
{
	char *copy = strdup(path);
	int fd;

	if (copy == NULL)
		return GS_ENOMEM;
	fd = lock_pidfile(path, other);
	if (fd < 0) {
		free(copy);
		return fd;
	}
	if (ftruncate(fd, 0) < 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0) {
		(void)unlink(path);
		(void)close(fd);
		free(copy);
		return GS_ESYSTEM;
	}
	self.pid_fd = fd;
	self.pid_path = copy;
	return GS_OK;
}

void
process_pidfile_remove(void)
{
	if (self.pid_fd < 0)
		return;
	/* First the name, then the lock: nobody can lock a file that is about to vanish. Who took the name away has given it to another. */
	if (is_same_file(self.pid_fd, self.pid_path))
		(void)unlink(self.pid_path);
	(void)close(self.pid_fd);
	free(self.pid_path);
	self.pid_fd = -1;
	self.pid_path = NULL;
}
