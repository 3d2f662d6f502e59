/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * promises_end.c - what libgsession(3) says of other processes and of the end of the daemon and of the store.
 */
#include "promises_words.h"

#include <sys/wait.h>

#include <err.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- other processes, and the daemon's end ---- */

/* What a child's first and second calls answer; errors as their positive numbers cut to a byte are told apart well enough. */
static int
first_call_of_child(void (*before)(void))
{
	int fds[2], rc = 0, status;
	pid_t child;

	if (pipe(fds) < 0)
		err(1, "pipe");
	child = fork();
	if (child == 0) {
		rc = put("child", "of ours");
		(void)!write(fds[1], &rc, sizeof(rc));
		if (before != NULL && rc < 0) {
			before();
			rc = put("child", "of ours");
			_exit(rc < 0 ? 1 : 0);
		}
		gs_detach(&gs);
		_exit(rc < 0 ? 1 : 0);
	}
	(void)!read(fds[0], &rc, sizeof(rc));
	(void)waitpid(child, &status, 0);
	(void)close(fds[0]);
	(void)close(fds[1]);
	if (before != NULL)
		ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "fork: the next call of the child tries again");
	return rc;
}

static void
child_goes_on_with_the_handle(void)
{
	int status;
	pid_t child;

	ok_rc(first_call_of_child(NULL), 1, "fork: a child calls on its parent's handle");
	ok(has_value("child", "of ours") && put("parent", "v") >= 0, "fork: and its end does not disturb the parent");
	child = fork();
	if (child == 0)
		_exit(0);
	(void)waitpid(child, &status, 0);
	ok(put("parent", "w") == 0, "fork: nor that of a child that never called");
	child = fork();
	if (child == 0) {
		gs_detach(&gs);
		_exit(0);
	}
	(void)waitpid(child, &status, 0);
	ok(put("parent", "x") == 0 && get("parent") == 1, "fork: nor that of one that only detached");
}

static void
run(const char *command)
{
	if (system(command) != 0)
		errx(1, "%s", command);
}

static void
start_daemon(void)
{
	run(promises_start);
}

static bool
other_table_has(uint64_t epoch)
{
	struct gs_options opt = options();
	struct gs *tiny;
	bool has;

	opt.table = "tiny";
	if (gs_attach(&tiny, &opt) < 0)
		return false;
	has = gs_control_epoch(tiny) == epoch;
	gs_detach(&tiny);
	return has;
}

static void
calls_go_on_without_the_daemon(void)
{
	struct gs_options opt = options();
	uint64_t epoch = gs_control_epoch(gs);

	(void)put("before", "v");
	ok(epoch != 0 && gs_control_epoch(gs) == epoch, "control_epoch: as long as no setting changes it is the same");
	run(promises_stop);
	ok(gs_control_epoch(gs) == epoch, "control_epoch: and so while no daemon runs");
	ok_rc(attach_with(&opt), GS_EDOWN, "down: attach is EDOWN");
	ok(get("before") == 1 && put("while", "down") == 1 && gs_touch(gs, "before", 6, 0) == 0 && move("before", "cold") == 0 &&
	    get("before") == 1 && gs_del(gs, "while", 5, 0) == 0, "down: calls on a handle go on as before");
	promises_events_end();
	(void)gs_touch(gs, "before", 6, 1);
	pass_ms(40);
	ok_rc(get("before"), GS_ENOENT, "down: what is over is over");
	ok_rc(first_call_of_child(start_daemon), GS_EDOWN, "fork: a child's first call fails as attach does");
	ok_rc(attach_with(&opt), 0, "up again: attach works");
	ok(gs_control_epoch(gs) != epoch, "control_epoch: of another daemon it is another");
	ok(other_table_has(gs_control_epoch(gs)), "control_epoch: and the same in all tables");
	ok(put("after", "v") == 1 && get("after") == 1 && has_value("r", "world"), "up again: the old handle too, and nothing is lost");
}

static void
purged_store_is_gone(void)
{
	struct gs_options opt = options();
	struct gs_item item;
	struct gs_attr attr = { .size = sizeof(attr) };
	uint64_t cursor = 0;
	int calls = 0;

	run(promises_stop);
	run(promises_purge);
	ok(put("r", "v") == GS_EGONE && get("r") == GS_EGONE && gs_stat(gs, "r", 1, NULL) == GS_EGONE &&
	    gs_multi_get(gs, &item, 0) == GS_EGONE && gs_update(gs, "r", 1, append_x, &calls) == GS_EGONE && gs_touch(gs, "r", 1, 0) == GS_EGONE &&
	    gs_del(gs, "r", 1, 0) == GS_EGONE && gs_setattr(gs, "r", 1, &attr) == GS_EGONE && move("r", "cold") == GS_EGONE &&
	    gs_rename(gs, "r", 1, "s", 1, NULL, 0) == GS_EGONE && gs_scan(gs, NULL, &cursor, &item, 1) == GS_EGONE &&
	    gs_find(gs, 1, &item) == GS_EGONE && gs_stats(gs, NULL, NULL, 0) == GS_EGONE && gs_stats(gs, "active", NULL, 0) == GS_EGONE &&
	    gs_stats_all(&gs, 1, NULL, 0) == GS_EGONE && gs_metrics(&gs, 1, NULL, 0) == GS_EGONE, "purge: every call is EGONE");
	promises_events_gone();
	run(promises_start);
	ok_rc(get("r"), GS_EGONE, "purge: also when the daemon has made the store anew");
	ok_rc(first_call_of_child(NULL), GS_EGONE, "purge: and for a child");
	gs_detach(&gs);
	ok_rc(gs_attach(&gs, &opt), 0, "purge: detach and attach again");
	ok_rc(get("r"), GS_ENOENT, "purge: the new store is empty");
}


void
promises_end(void)
{
	child_goes_on_with_the_handle();
	calls_go_on_without_the_daemon();
	purged_store_is_gone();
}
