/* SPDX-License-Identifier: BSD-2-Clause */
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fs/stage.h"
#include "fs/transport.h"

enum { DIR = 7, OTHER_DIR = 8, MOST = 8192, TEXT = 1024, COMPARED = 32 << 10, COPIED = 4, UNFIT = 77 };

/* Here no thread serves a mount. */
void
transport_leave(void)
{
}

static void *
new_memory(void)
{
	void *at = mmap(NULL, stage_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(at, MAP_FAILED);
	return at;
}

static int
set_up(void **state)
{
	void *memory = new_memory();

	*state = stage_new(memory, NULL);
	return *state == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	struct stage *s = *state;

	stage_free(&s);
	return 0;
}

static struct stage_id
create(struct stage *s, uint64_t dir, const char *name)
{
	struct stage_seen f = { .uid = 1, .gid = 2, .mode = 0600 };

	assert_int_equal(stage_create(s, dir, name, &f), 0);
	return f.id;
}

static struct stage_id
write_file(struct stage *s, uint64_t dir, const char *name, const char *value)
{
	struct stage_id id = create(s, dir, name);
	uint64_t handle;

	assert_int_equal(stage_write(s, id, value, strlen(value), 0, false, MOST), 0);
	stage_close(s, id, &handle);
	return id;
}

static void
a_file_has_its_name_in_its_directory(void **state)
{
	struct stage *s = *state;
	struct stage_seen f;
	struct stage_id id = write_file(s, DIR, "a", "value");

	assert_true(stage_find(s, DIR, "a", &f));
	assert_true(f.id.slot == id.slot && f.id.tag == id.tag && f.size == 5 && f.uid == 1 && f.gid == 2 && f.mode == 0600);
	assert_false(stage_find(s, OTHER_DIR, "a", NULL));
	assert_false(stage_find(s, DIR, "b", NULL));
	assert_int_equal(stage_create(s, DIR, "a", &f), EEXIST);
	assert_int_equal(stage_rename(s, DIR, "a", OTHER_DIR, "b", false), 0);
	assert_true(stage_find(s, OTHER_DIR, "b", NULL) && !stage_find(s, DIR, "a", NULL));
	assert_true(stage_was_renamed(s, DIR, "a", OTHER_DIR, "b"));
	assert_false(stage_was_renamed(s, DIR, "a", OTHER_DIR, "a"));
	assert_int_equal(stage_unlink(s, DIR, "a"), ENOENT);
	assert_int_equal(stage_unlink(s, OTHER_DIR, "b"), 0);
	assert_false(stage_find(s, OTHER_DIR, "b", NULL));
}

static void
only_new_replaces_nothing(void **state)
{
	struct stage *s = *state;
	struct stage_seen f;

	(void)write_file(s, DIR, "a", "one");
	(void)write_file(s, DIR, "b", "other");
	assert_int_equal(stage_rename(s, DIR, "a", DIR, "b", true), EEXIST);
	assert_true(stage_find(s, DIR, "b", &f) && f.size == 5 && stage_find(s, DIR, "a", NULL));
	assert_int_equal(stage_rename(s, DIR, "a", DIR, "b", false), 0);
	assert_true(stage_find(s, DIR, "b", &f) && f.size == 3 && !stage_find(s, DIR, "a", NULL));
}

static void
what_was_never_written_is_zeros(void **state)
{
	struct stage *s = *state;
	struct stage_id id = create(s, DIR, "a");
	char buf[16];
	size_t n;

	assert_int_equal(stage_write(s, id, "secret", 6, 0, false, MOST), 0);
	assert_int_equal(stage_resize(s, id, 1, MOST), 0);
	assert_int_equal(stage_write(s, id, "x", 1, 4, false, MOST), 0);
	assert_int_equal(stage_read(s, id, 0, buf, sizeof(buf), &n), 0);
	assert_int_equal(n, 5);
	assert_memory_equal(buf, "s\0\0\0x", 5);
	assert_int_equal(stage_write(s, id, "y", 1, 0, true, MOST), 0);
	assert_int_equal(stage_read(s, id, 4, buf, sizeof(buf), &n), 0);
	assert_true(n == 2 && memcmp(buf, "xy", 2) == 0);
	assert_int_equal(stage_write(s, id, "z", 1, MOST, false, MOST), EFBIG);
	assert_int_equal(stage_write(s, id, "z", 1, UINT64_MAX, false, MOST), EFBIG);
	assert_int_equal(stage_resize(s, id, MOST + 1, MOST), EFBIG);
}

static void
an_opening_may_truncate(void **state)
{
	struct stage *s = *state;
	struct stage_id id = write_file(s, DIR, "a", "value");
	struct stage_counts n;
	struct stage_seen f;
	const void *value;

	assert_int_equal(stage_open(s, id, false), 0);
	assert_true(stage_see(s, id, &f) == 0 && f.size == 5 && f.n_open == 1);
	assert_int_equal(stage_open(s, id, true), 0);
	assert_true(stage_see(s, id, &f) == 0 && f.size == 0 && f.n_open == 2);
	stage_counts(s, &n);
	assert_int_equal(n.bytes, 0);
	assert_int_equal(stage_begin(s, id, &f, &value), 0);
	stage_done(s, id, DIR, "k", 42);
	assert_int_equal(stage_open(s, id, true), ESTALE);
}

static void
one_that_is_lost_gives_its_place_back(void **state)
{
	struct stage *s = *state;
	struct stage_id id = write_file(s, DIR, "a", "value");
	struct stage_counts n;

	assert_true(stage_lose(s, id));
	assert_false(stage_find(s, DIR, "a", NULL));
	assert_false(stage_lose(s, id));
	stage_counts(s, &n);
	assert_true(n.files == 0 && n.bytes == 0 && n.lost == 1);
}

static void
there_is_room_for_so_many(void **state)
{
	struct stage *s = *state;
	struct stage_counts n;
	struct stage_seen f = { 0 };
	char name[16], big[STAGE_FILE_BYTES] = "";
	struct stage_id id;
	uint64_t handle;
	int i;

	for (i = 0; i < STAGE_FILES; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		id = create(s, DIR, name);
		stage_close(s, id, &handle);
	}
	assert_int_equal(stage_create(s, DIR, "more", &f), ENOSPC);
	for (i = 0; i < STAGE_BYTES / STAGE_FILE_BYTES; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		assert_true(stage_find(s, DIR, name, &f));
		assert_int_equal(stage_write(s, f.id, big, sizeof(big), 0, false, sizeof(big)), 0);
	}
	assert_true(stage_find(s, DIR, "1000", &f));
	assert_int_equal(stage_write(s, f.id, "x", 1, 0, false, MOST), ENOSPC);
	stage_counts(s, &n);
	assert_true(n.files == STAGE_FILES && n.bytes == STAGE_BYTES && n.refused == 2);
	for (i = 0; i < STAGE_FILES; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(stage_unlink(s, DIR, name), 0);
	}
	stage_counts(s, &n);
	assert_true(n.files == 0 && n.bytes == 0);
	(void)create(s, DIR, "more");
}

static void
a_number_leads_to_its_session_until_its_place_is_needed(void **state)
{
	struct stage *s = *state;
	struct stage_id id = write_file(s, DIR, "a", "value");
	struct stage_seen f;
	const void *value;
	char name[16];
	int i;

	assert_int_equal(stage_begin(s, id, &f, &value), 0);
	assert_true(f.size == 5 && memcmp(value, "value", 5) == 0);
	stage_done(s, id, OTHER_DIR, "k", 42);
	assert_false(stage_find(s, DIR, "a", NULL));
	assert_int_equal(stage_see(s, id, &f), 0);
	assert_true(f.state == STAGE_PUBLISHED && f.session == 42 && f.dir == OTHER_DIR && strcmp(f.name, "k") == 0);
	assert_int_equal(stage_write(s, id, "x", 1, 0, false, MOST), ESTALE);
	assert_int_equal(stage_begin(s, id, &f, &value), ENOENT);
	for (i = 0; i < STAGE_FILES - 1; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		(void)create(s, DIR, name);
	}
	assert_int_equal(stage_see(s, id, &f), 0);
	(void)create(s, DIR, "last");
	assert_int_equal(stage_see(s, id, &f), ESTALE);
}

/* ---- a process that ends at any instruction, and the next one ---- */

/* What somebody sees: the names with their values, what a number is, and the memory that all take. */
static void
describe(struct stage *s, struct stage_id id, char text[TEXT])
{
	struct stage_counts n;
	struct stage_seen f;
	uint32_t slot = 0;
	char value[64];
	size_t len, at = 0;

	for (uint64_t dir = DIR; dir <= OTHER_DIR; dir++, slot = 0)
		while (stage_next(s, dir, &slot, &f)) {
			assert_int_equal(stage_read(s, f.id, 0, value, sizeof(value), &len), 0);
			at += (size_t)snprintf(text + at, TEXT - at, "%d/%s=%.*s ", (int)dir, f.name, (int)len, value);
		}
	if (stage_see(s, id, &f) == 0)
		at += (size_t)snprintf(text + at, TEXT - at, "is %d %s ", (int)f.state, f.state == STAGE_PUBLISHED ? f.name : "");
	stage_counts(s, &n);
	(void)snprintf(text + at, TEXT - at, "%d files", (int)n.files);
}

/* Whoever takes a copy of the memory over sees this. */
static void
describe_copy(const unsigned char *memory, struct stage_id id, char text[TEXT])
{
	size_t values = stage_bytes() - (size_t)STAGE_FILES * STAGE_FILE_BYTES;
	unsigned char *copy = new_memory();
	struct stage *s;

	memcpy(copy, memory, values);
	memcpy(copy + values, memory + values, (size_t)COPIED * STAGE_FILE_BYTES);
	s = stage_new(copy, NULL);
	assert_non_null(s);
	describe(s, id, text);
	stage_free(&s);
	(void)munmap(copy, stage_bytes());
}

static struct stage_id a;

static void
do_create(struct stage *s)
{
	struct stage_seen f = { .mode = 0600 };

	(void)stage_create(s, DIR, "new", &f);
}

static void do_append(struct stage *s) { (void)stage_write(s, a, " and more", 9, 0, true, MOST); }
static void do_unlink(struct stage *s) { (void)stage_unlink(s, DIR, "a"); }
static void do_rename(struct stage *s) { (void)stage_rename(s, DIR, "a", OTHER_DIR, "c", false); }
static void do_replace(struct stage *s) { (void)stage_rename(s, DIR, "a", DIR, "b", false); }

static void
do_publish(struct stage *s)
{
	struct stage_seen f;
	const void *value;

	(void)stage_begin(s, a, &f, &value);
	stage_done(s, a, OTHER_DIR, "k", 42);
}

/* Let the child go on by one instruction; false: it has ended. */
static bool
step(pid_t pid)
{
	int status;

	assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
	return WIFSTOPPED(status);
}

static void
try_step_by_step(void (*work)(struct stage *s))
{
	static unsigned char last[COMPARED];
	char before[TEXT], after[TEXT], text[TEXT];
	unsigned char *memory = new_memory();
	struct stage *s = stage_new(memory, NULL);
	unsigned n_changes = 0;
	bool is_after = false;
	int status;
	pid_t pid;

	assert_non_null(s);
	a = write_file(s, DIR, "a", "one");
	(void)write_file(s, DIR, "b", "two");
	describe(s, a, before);
	pid = fork();
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
			_exit(UNFIT);
		(void)raise(SIGSTOP);
		work(s);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == UNFIT) {
		print_message("no process can be stepped here\n");
		goto out;
	}
	memcpy(last, memory, sizeof(last));
	after[0] = '\0';
	do {
		if (memcmp(last, memory, sizeof(last)) == 0)
			continue;
		memcpy(last, memory, sizeof(last));
		n_changes++;
		describe_copy(memory, a, text);
		if (!is_after && strcmp(text, before) != 0) {
			is_after = true;
			memcpy(after, text, sizeof(after));
		}
		assert_string_equal(text, is_after ? after : before);
	} while (step(pid));
	describe_copy(memory, a, text);
	assert_true(n_changes >= 2 && is_after);
	assert_string_equal(text, after);
out:
	stage_free(&s);
	(void)munmap(memory, stage_bytes());
}

static void
who_ends_anywhere_leaves_before_or_after(void **state)
{
	(void)state;
	try_step_by_step(do_create);
	try_step_by_step(do_append);
	try_step_by_step(do_unlink);
	try_step_by_step(do_rename);
	try_step_by_step(do_replace);
	try_step_by_step(do_publish);
}

static void
the_next_process_goes_on_with_what_is_open(void **state)
{
	void *memory = new_memory();
	struct stage *s = stage_new(memory, NULL);
	uint32_t n_open[STAGE_FILES] = { 0 };
	struct stage_id open, closed;
	struct stage_counts n;
	struct stage_seen f;
	uint64_t handle;

	(void)state;
	open = create(s, DIR, "open");
	closed = create(s, DIR, "closed");
	assert_int_equal(stage_write(s, open, "kept", 4, 0, false, MOST), 0);
	assert_int_equal(stage_unlink(s, DIR, "open"), 0);
	assert_int_equal(stage_unlink(s, DIR, "closed"), 0);
	stage_free(&s);
	/* It counts who has a file open by what is kept of each, so who was just opening it is in it, or is not. */
	n_open[open.slot] = 2;
	n_open[STAGE_FILES - 1] = 1;
	s = stage_new(memory, n_open);
	assert_non_null(s);
	assert_int_equal(stage_see(s, open, &f), 0);
	assert_true(f.state == STAGE_UNNAMED && f.n_open == 2 && f.size == 4);
	assert_true(stage_see(s, closed, &f) == 0 && f.n_open == 0);
	stage_close(s, open, &handle);
	stage_counts(s, &n);
	assert_int_equal(n.bytes, 4096);
	stage_close(s, open, &handle);
	stage_counts(s, &n);
	assert_int_equal(n.bytes, 0);
	stage_free(&s);
	(void)munmap(memory, stage_bytes());
}

static void
the_next_process_knows_what_was_about_to_be_a_session(void **state)
{
	const struct stage_try to = { .dir = OTHER_DIR, .name = "k", .replaced = 7, .replaced_version = 3 };
	void *memory = new_memory();
	struct stage *s = stage_new(memory, NULL);
	struct stage_id tried, begun;
	struct stage_counts n;
	struct stage_seen f;
	struct stage_try t;
	const void *value;
	uint32_t slot = 0;

	(void)state;
	begun = write_file(s, DIR, "begun", "value");
	tried = write_file(s, DIR, "tried", "value");
	assert_int_equal(stage_begin(s, begun, &f, &value), 0);
	assert_int_equal(stage_begin(s, tried, &f, &value), 0);
	stage_try(s, tried, &to);
	stage_free(&s);
	s = stage_new(memory, NULL);
	assert_non_null(s);
	assert_true(stage_tried(s, &slot, &f, &value, &t));
	assert_true(f.id.slot == tried.slot && f.size == 5 && memcmp(value, "value", 5) == 0);
	assert_true(t.dir == OTHER_DIR && strcmp(t.name, "k") == 0 && t.replaced == 7 && t.replaced_version == 3);
	stage_undone(s, tried);
	assert_false(stage_tried(s, &slot, &f, &value, &t));
	slot = 0;
	assert_false(stage_tried(s, &slot, &f, &value, &t));
	assert_int_equal(stage_begin(s, tried, &f, &value), 0);
	stage_done(s, tried, DIR, "k", 1);
	assert_true(stage_was_renamed(s, DIR, "tried", DIR, "k"));
	stage_counts(s, &n);
	assert_true(n.files == 1 && n.published == 1);
	stage_free(&s);
	(void)munmap(memory, stage_bytes());
}

static void
what_was_opened_for_a_session_is_left_to_the_next_process(void **state)
{
	void *memory = new_memory();
	struct stage *s = stage_new(memory, NULL);
	struct stage_id id = create(s, DIR, "a");
	struct stage_seen f;
	const void *value;
	uint32_t slot = 0;
	uint64_t handle;

	(void)state;
	assert_int_equal(stage_begin(s, id, &f, &value), 0);
	stage_done(s, id, DIR, "k", 42);
	assert_true(stage_lead(s, id, 99));
	assert_false(stage_lead(s, id, 98));
	assert_int_equal(stage_left(s, &slot), 0);
	stage_close(s, id, &handle);
	assert_int_equal(handle, 99);
	/* ... and ends before it has closed that. */
	stage_free(&s);
	s = stage_new(memory, NULL);
	assert_non_null(s);
	slot = 0;
	assert_int_equal(stage_left(s, &slot), 99);
	assert_int_equal(stage_left(s, &slot), 0);
	stage_free(&s);
	(void)munmap(memory, stage_bytes());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_has_its_name_in_its_directory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_new_replaces_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_never_written_is_zeros, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_opening_may_truncate, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_that_is_lost_gives_its_place_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(there_is_room_for_so_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_number_leads_to_its_session_until_its_place_is_needed, set_up, tear_down),
		cmocka_unit_test(who_ends_anywhere_leaves_before_or_after),
		cmocka_unit_test(the_next_process_goes_on_with_what_is_open),
		cmocka_unit_test(the_next_process_knows_what_was_about_to_be_a_session),
		cmocka_unit_test(what_was_opened_for_a_session_is_left_to_the_next_process),
	};

	return cmocka_run_group_tests_name("stage", tests, NULL, NULL);
}
