/* SPDX-License-Identifier: BSD-2-Clause */
#include "peer.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { READY_MS = 10000, END_MS = 10000, POLL_US = 10000 };

static pid_t server;

static _Noreturn void
be_server(const char *dir, char *const argv[], pid_t parent)
{
	char path[256];
	int fd;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	(void)snprintf(path, sizeof(path), "%s/server.log", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0 || chdir(dir) < 0)
		_exit(1);
	(void)execvp(argv[0], argv);
	/* Debian's redis-tools have the server by another name, and start no service when they are installed. */
	if (strcmp(argv[0], "redis-server") == 0)
		(void)execvp("redis-check-rdb", argv);
	perror(argv[0]);
	_exit(1);
}

int
peer_server_start(const char *dir, char *const argv[])
{
	pid_t parent = getpid();

	server = fork();
	if (server == 0)
		be_server(dir, argv, parent);
	if (server < 0) {
		server = 0;
		perror("fork");
		return -1;
	}
	return 0;
}

static bool
listens(const char *socket_path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_there;

	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", socket_path);
	is_there = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0;
	if (fd >= 0)
		(void)close(fd);
	return is_there;
}

int
peer_server_wait(const char *socket_path)
{
	uint64_t until = gs_clock_mono_ms() + READY_MS;

	while (gs_clock_mono_ms() < until) {
		if (waitpid(server, NULL, WNOHANG) != 0) {
			server = 0;	/* of nobody now, or of somebody else */
			break;
		}
		if (listens(socket_path))
			return 0;
		(void)usleep(POLL_US);
	}
	(void)fprintf(stderr, "the server does not listen; its server.log says why\n");
	return -1;
}

uint64_t
peer_resident_bytes(pid_t pid)
{
	char path[64], line[256];
	uint64_t pages = 0;
	FILE *f;

	if (pid == 0)
		pid = getpid();
	(void)snprintf(path, sizeof(path), "/proc/%jd/statm", (intmax_t)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fgets(line, sizeof(line), f) == NULL || sscanf(line, "%*u %" SCNu64, &pages) != 1)
		pages = 0;
	(void)fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t
peer_server_bytes(void)
{
	return peer_resident_bytes(server);
}

void
peer_server_stop(void)
{
	uint64_t until = gs_clock_mono_ms() + END_MS;

	if (server == 0)
		return;
	(void)kill(server, SIGTERM);
	while (waitpid(server, NULL, WNOHANG) == 0) {
		if (gs_clock_mono_ms() >= until)
			(void)kill(server, SIGKILL);
		(void)usleep(POLL_US);
	}
	server = 0;
}
