/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/paths.h"
#include "gsession.h"

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

enum { STRANGER = 65534 };	/* a uid that is not root */

static int
forget_environment(void **state)
{
	(void)state;
	(void)unsetenv("GSESSION_RUN_DIR");
	(void)unsetenv("GSESSION_SHM_DIR");
	(void)unsetenv("XDG_RUNTIME_DIR");
	return 0;
}

static void
names_are_short_and_plain(void **state)
{
	static const struct { const char *name; bool is_valid; } rows[] = {
		{ "a", true }, { "default", true }, { "0", true }, { "_x", true }, { "a.b-c_d9", true },
		{ "1234567890123456789012345678901", true }, { "12345678901234567890123456789012", false },
		{ "", false }, { ".", false }, { "..", false }, { ".hidden", false }, { "-i", false }, { "A", false }, { "a b", false },
		{ "a/b", false }, { "../x", false }, { "a\n", false }, { "\xc3\xa9", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < N(rows); i++)
		if (gs_name_is_valid(rows[i].name) != rows[i].is_valid)
			fail_msg("\"%s\"", rows[i].name);
}

static void
paths_are_made_of_the_directory_and_the_instance(void **state)
{
	char out[64];

	(void)state;
	assert_int_equal(gs_path_socket(out, sizeof(out), "/r", "x"), 0);
	assert_string_equal(out, "/r/x.sock");
	assert_int_equal(gs_path_pidfile(out, sizeof(out), "/r", "x"), 0);
	assert_string_equal(out, "/r/x.pid");
	assert_int_equal(gs_path_run_dir(out, sizeof(out), "/r"), 0);
	assert_string_equal(out, "/r");
}

static void
environment_wins_unless_the_caller_says_where(void **state)
{
	char out[64];

	(void)state;
	(void)setenv("GSESSION_RUN_DIR", "/env/run", 1);
	(void)setenv("GSESSION_SHM_DIR", "/env/shm", 1);
	assert_int_equal(gs_path_socket(out, sizeof(out), NULL, "x"), 0);
	assert_string_equal(out, "/env/run/x.sock");
	assert_int_equal(gs_path_socket(out, sizeof(out), "/r", "x"), 0);
	assert_string_equal(out, "/r/x.sock");
	assert_int_equal(gs_path_shm(out, sizeof(out), "x"), 0);
	assert_string_equal(out, "/env/shm/x");
}

/* Whether the built-in places are those of this uid; its exit status. */
static int
built_in_places_are_right(unsigned uid)
{
	char out[64], run[64] = "/run/gsession", shm[64] = "/dev/shm/gsession/x";

	if (uid != 0) {
		(void)snprintf(run, sizeof(run), "/tmp/gsession-%u", uid);
		(void)snprintf(shm, sizeof(shm), "/dev/shm/gsession-%u/x", uid);
	}
	if (gs_path_run_dir(out, sizeof(out), NULL) != 0 || strcmp(out, run) != 0)
		return 1;
	if (gs_path_shm(out, sizeof(out), "x") != 0 || strcmp(out, shm) != 0)
		return 2;
	if ((gs_path_system_run_dir(NULL) == NULL) != (uid == 0) || gs_path_system_run_dir("/r") != NULL)
		return 4;
	if (uid != 0 && strcmp(gs_path_system_run_dir(NULL), "/run/gsession") != 0)
		return 5;
	(void)setenv("GSESSION_RUN_DIR", "/r", 1);
	if (gs_path_system_run_dir(NULL) != NULL)
		return 6;
	(void)setenv("GSESSION_RUN_DIR", "", 1);	/* as good as not set */
	(void)setenv("XDG_RUNTIME_DIR", "/run/user/1", 1);
	if (gs_path_run_dir(out, sizeof(out), NULL) != 0 || strcmp(out, uid == 0 ? run : "/run/user/1/gsession") != 0)
		return 3;
	return 0;
}

static void
root_and_others_have_places_of_their_own(void **state)
{
	int status;
	pid_t child;

	(void)state;
	child = fork();
	if (child == 0)
		_exit(built_in_places_are_right(geteuid()));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	if (geteuid() != 0)
		return;
	child = fork();
	if (child == 0)
		_exit(setuid(STRANGER) == 0 ? built_in_places_are_right(STRANGER) : 9);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void
bad_instances_and_long_paths_are_refused(void **state)
{
	char out[10];

	(void)state;
	assert_int_equal(gs_path_socket(out, sizeof(out), "/r", "../x"), GS_EINVAL);
	assert_int_equal(gs_path_pidfile(out, sizeof(out), "/r", ""), GS_EINVAL);
	assert_int_equal(gs_path_shm(out, sizeof(out), "a/b"), GS_EINVAL);
	assert_int_equal(gs_path_socket(out, sizeof(out), "/r", "x"), GS_OK);	/* 9 bytes and the NUL */
	assert_int_equal(gs_path_socket(out, sizeof(out), "/r", "xy"), GS_ERANGE);
	assert_int_equal(gs_path_run_dir(out, sizeof(out), "/234567890"), GS_ERANGE);
	assert_int_equal(gs_path_shm(out, sizeof(out), "x"), GS_ERANGE);
}

#define T(name) cmocka_unit_test_setup(name, forget_environment)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(names_are_short_and_plain),
		T(paths_are_made_of_the_directory_and_the_instance),
		T(environment_wins_unless_the_caller_says_where),
		T(root_and_others_have_places_of_their_own),
		T(bad_instances_and_long_paths_are_refused),
	};

	return cmocka_run_group_tests_name("paths", tests, NULL, NULL);
}
