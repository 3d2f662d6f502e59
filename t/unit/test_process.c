/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "gsession.h"
#include "prog/process.h"

struct place {
	char dir[64], path[80];
};

static int
make_place(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	(void)strcpy(p->dir, "/tmp/gsession-test-process-XXXXXX");
	*state = p;
	if (mkdtemp(p->dir) == NULL)
		return -1;
	(void)snprintf(p->path, sizeof(p->path), "%s/x.pid", p->dir);
	return 0;
}

static int
remove_place(void **state)
{
	struct place *p = *state;
	int rc;

	(void)unlink(p->path);
	rc = rmdir(p->dir);
	free(p);
	return rc;
}

static int
status_of(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
pid_file_holds_our_pid_and_goes_with_us(void **state)
{
	const struct place *p = *state;
	char text[32] = "", want[32];
	int other = 0;
	FILE *from;

	assert_int_equal(process_pidfile(p->path, &other), GS_OK);
	from = fopen(p->path, "r");
	assert_non_null(from);
	assert_non_null(fgets(text, sizeof(text), from));
	(void)fclose(from);
	(void)snprintf(want, sizeof(want), "%ld\n", (long)getpid());
	assert_string_equal(text, want);
	process_pidfile_remove();
	assert_int_equal(access(p->path, F_OK), -1);
	process_pidfile_remove();	/* once is enough, twice is harmless */
}

static void
second_process_is_told_the_pid_of_the_first(void **state)
{
	const struct place *p = *state;
	int fds[2], other = 0;
	char byte;
	pid_t child;

	assert_int_equal(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		int rc = process_pidfile(p->path, &other);

		(void)!write(fds[1], "", 1);
		(void)close(fds[1]);
		for (;;)
			(void)pause();
		_exit(rc);
	}
	assert_int_equal(read(fds[0], &byte, 1), 1);
	assert_int_equal(process_pidfile(p->path, &other), GS_EBUSY);
	assert_int_equal(other, child);
	/* A killed owner leaves its file, not its lock. */
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(access(p->path, F_OK), 0);
	assert_int_equal(process_pidfile(p->path, &other), GS_OK);
	process_pidfile_remove();
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void
pid_file_that_cannot_be_made_is_a_system_error(void **state)
{
	const struct place *p = *state;
	char path[160];
	int other;

	(void)snprintf(path, sizeof(path), "%s/none/x.pid", p->dir);
	assert_int_equal(process_pidfile(path, &other), GS_ESYSTEM);
	assert_int_equal(errno, ENOENT);
	/* A link that somebody laid there is not followed. */
	assert_int_equal(symlink("/etc/passwd", p->path), 0);
	assert_int_equal(process_pidfile(p->path, &other), GS_ESYSTEM);
	assert_int_equal(errno, ELOOP);
}

static void
whoever_detaches_a_process_waits_until_it_is_ready(void **state)
{
	const struct place *p = *state;
	pid_t child = fork();
	struct stat st;

	if (child == 0) {
		int other;

		process_detach();
		/* Here is the process in the background; standard error is still ours. */
		if (process_pidfile(p->path, &other) != GS_OK || getsid(0) == getpid())
			_exit(7);
		process_ready("serving");
		_exit(isatty(STDERR_FILENO) || getsid(0) != getpid() ? 7 : 0);
	}
	assert_int_equal(status_of(child), 0);
	assert_int_equal(stat(p->path, &st), 0);
	assert_true(st.st_size > 0);
}

static void
whoever_detaches_a_process_ends_as_it_does_when_it_fails(void **state)
{
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		process_detach();
		_exit(5);
	}
	assert_int_equal(status_of(child), 5);
	child = fork();
	if (child == 0) {
		process_detach();
		(void)raise(SIGKILL);
	}
	assert_int_equal(status_of(child), 5);
}

static void
systemd_is_told_where_it_listens(void **state)
{
	const struct place *p = *state;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char text[256] = "", want[256];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", p->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	(void)setenv("NOTIFY_SOCKET", p->path, 1);
	process_ready("serving");
	process_alive();
	process_stopping();
	(void)unsetenv("NOTIFY_SOCKET");
	(void)snprintf(want, sizeof(want), "READY=1\nMAINPID=%ld\nSTATUS=serving", (long)getpid());
	assert_int_equal(recv(fd, text, sizeof(text) - 1, 0), (ssize_t)strlen(want));
	assert_string_equal(text, want);
	assert_int_equal(recv(fd, text, sizeof(text) - 1, 0), (ssize_t)strlen("WATCHDOG=1"));
	assert_int_equal(recv(fd, text, sizeof(text) - 1, 0), (ssize_t)strlen("STOPPING=1"));
	(void)close(fd);
}

static void
without_anybody_waiting_ready_changes_nothing(void **state)
{
	struct stat before, after;

	(void)state;
	(void)unsetenv("NOTIFY_SOCKET");
	assert_int_equal(fstat(STDERR_FILENO, &before), 0);
	process_ready("serving");
	process_alive();
	process_stopping();
	assert_int_equal(fstat(STDERR_FILENO, &after), 0);
	assert_true(before.st_dev == after.st_dev && before.st_ino == after.st_ino);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(pid_file_holds_our_pid_and_goes_with_us),
		T(second_process_is_told_the_pid_of_the_first),
		T(pid_file_that_cannot_be_made_is_a_system_error),
		T(whoever_detaches_a_process_waits_until_it_is_ready),
		T(whoever_detaches_a_process_ends_as_it_does_when_it_fails),
		T(systemd_is_told_where_it_listens),
		T(without_anybody_waiting_ready_changes_nothing),
	};

	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
