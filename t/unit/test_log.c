/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "prog/args.h"
#include "prog/log.h"

/* Standard error, caught in a file. */
static struct {
	FILE *file;
	int was;
} caught;

static int
catch_errors(void **state)
{
	(void)state;
	caught.file = tmpfile();
	caught.was = dup(STDERR_FILENO);
	(void)unsetenv("JOURNAL_STREAM");
	log_set_level(LOG_LEVEL_NOTICE);
	return dup2(fileno(caught.file), STDERR_FILENO) < 0;
}

static int
release_errors(void **state)
{
	(void)state;
	(void)dup2(caught.was, STDERR_FILENO);
	(void)close(caught.was);
	return fclose(caught.file);
}

/* What was said so far. */
static const char *
heard(void)
{
	static char text[8192];
	size_t n;

	rewind(caught.file);
	n = fread(text, 1, sizeof(text) - 1, caught.file);
	text[n] = '\0';
	return text;
}

static void
a_level_keeps_back_what_is_less_grave(void **state)
{
	(void)state;
	log_init("prog", 0);
	assert_int_equal(log_level(), LOG_LEVEL_NOTICE);
	log_debug("one");
	log_info("two");
	log_notice("three %d", 3);
	log_warnx("four");
	log_set_level(LOG_LEVEL_ERROR);
	log_warnx("five");
	log_errorx("six");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("seven");
	assert_string_equal(heard(), "prog: three 3\nprog: four\nprog: six\nprog: seven\n");
}

static void
plain_forms_append_the_errno_and_keep_it(void **state)
{
	(void)state;
	log_init("prog", 0);
	errno = ENOENT;
	log_warn("open %s", "x");
	assert_int_equal(errno, ENOENT);
	assert_string_equal(heard(), "prog: open x: No such file or directory\n");
}

static void
a_line_stays_one_line_without_controls(void **state)
{
	char text[4000];

	(void)state;
	log_init("prog", 0);
	log_notice("a\nb\033[1m\x7f\tc");
	assert_string_equal(heard(), "prog: a?b?[1m??c\n");
	(void)memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_notice("%s", text);
	assert_string_equal(heard() + strlen(heard()) - 2, "x\n");
}

static void
the_journal_is_told_the_priority(void **state)
{
	char stream[64];
	struct stat st;

	(void)state;
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	(void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	(void)setenv("JOURNAL_STREAM", stream, 1);
	log_init("prog", 0);
	log_errorx("one");
	log_notice("two");
	/* Of another stream: somebody redirected us. */
	(void)setenv("JOURNAL_STREAM", "1:1", 1);
	log_init("prog", 0);
	log_notice("three");
	(void)setenv("JOURNAL_STREAM", "nonsense", 1);
	log_init("prog", 0);
	log_notice("four");
	assert_string_equal(heard(), "<3>prog: one\n<5>prog: two\nprog: three\nprog: four\n");
}

static void
fatal_ends_with_the_status_of_a_system_error(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		log_init("prog", 0);
		errno = EACCES;
		log_fatal("map");
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_SYSTEM);
	assert_string_equal(heard(), "prog: map: Permission denied\n");
}

#define T(name) cmocka_unit_test_setup_teardown(name, catch_errors, release_errors)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_level_keeps_back_what_is_less_grave),
		T(plain_forms_append_the_errno_and_keep_it),
		T(a_line_stays_one_line_without_controls),
		T(the_journal_is_told_the_priority),
		T(fatal_ends_with_the_status_of_a_system_error),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
