/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_drain - events of the tables become lines of the daemon's log, each once, also over its restarts.
 */
#include "shm_place.h"

#include <unistd.h>

#include "daemon/drain.h"
#include "daemon/events.h"

struct place {
	struct store s;
	struct manager *m;
};

/* A daemon with one table, which is there. */
static void
start_daemon(struct place *p)
{
	p->m = calloc(1, sizeof(*p->m));
	assert_non_null(p->m);
	p->m->events = events_new();
	p->m->conf.n_tables = 1;
	p->m->tables[0].shm = p->s.t;
	drain_open(p->m);
}

static void
stop_daemon(struct place *p)
{
	events_free(&p->m->events);
	free(p->m);
	p->m = NULL;
}

static void
open_place(struct place *p)
{
	struct gs_table_spec spec = usual_spec();

	open_store(&p->s, &spec);
	/* What this process tells is somebody else's. */
	p->s.c.pid = 7;
	p->s.c.uid = 8;
	start_daemon(p);
}

static void
close_place(struct place *p)
{
	stop_daemon(p);
	close_store(&p->s);
}

static char *
log_of(struct place *p)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	events_print(p->m->events, 0, to);
	assert_int_equal(fclose(to), 0);
	return text;
}

static void
assert_log(struct place *p, const char *want, bool is_there)
{
	char *text;

	drain_round(p->m);
	text = log_of(p);
	if ((strstr(text, want) != NULL) != is_there)
		fail_msg("%s %s in:\n%s", want, is_there ? "is not" : "is", text);
	free(text);
}

static uint32_t
n_lines(struct place *p, const char *what)
{
	char *text = log_of(p);
	uint32_t n = 0;

	for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
		n++;
	free(text);
	return n;
}

static void
an_event_is_a_line_with_what_applies(void **state)
{
	struct place p;

	(void)state;
	open_place(&p);
	assert_int_equal(put_at(&p.s, "abcdefghijkl", "x", NOW), 1);
	assert_log(&p, " created table=t key=abcdefgh~", true);
	assert_log(&p, " to=active reason=write pid=7 uid=8\n", true);
	assert_log(&p, "abcdefghi", false);
	assert_log(&p, "from=", false);
	assert_int_equal(move_at(&p.s, "abcdefghijkl", NOW, WARM), 0);
	assert_log(&p, " moved table=t key=abcdefgh~", true);
	assert_log(&p, " from=active to=warm reason=operator pid=7 uid=8\n", true);
	assert_int_equal(n_lines(&p, "\n"), 2);
	close_place(&p);
}

static void
with_log_keys_the_whole_key_is_shown_escaped(void **state)
{
	struct place p;

	(void)state;
	open_place(&p);
	p.m->conf.log_keys = true;
	assert_int_equal(put_at(&p.s, "with a\nnewline", "x", NOW), 1);
	assert_log(&p, " created table=t key=with\\040a\\012newline to=active", true);
	close_place(&p);
}

static void
what_the_daemon_does_by_itself_has_no_pid(void **state)
{
	struct place p;

	(void)state;
	open_place(&p);
	p.s.c.pid = (uint32_t)getpid();
	assert_int_equal(put_at(&p.s, "k", "x", NOW), 1);
	assert_log(&p, " reason=write\n", true);
	close_place(&p);
}

static void
the_next_daemon_goes_on_where_the_last_one_stopped(void **state)
{
	uint64_t revision;
	struct place p;

	(void)state;
	open_place(&p);
	assert_int_equal(put_at(&p.s, "before", "x", NOW), 1);
	assert_log(&p, "key=before", true);
	revision = events_revision(p.m->events);
	stop_daemon(&p);
	assert_int_equal(put_at(&p.s, "none_ran", "x", NOW), 1);
	start_daemon(&p);
	assert_log(&p, "key=none_ran", true);
	assert_log(&p, "key=before", false);
	assert_int_equal(events_revision(p.m->events), revision + 1);
	close_place(&p);
}

static void
what_was_lost_is_a_line_that_says_how_many(void **state)
{
	uint32_t lines = 0, lost = 0;
	struct place p;
	char *text;

	(void)state;
	open_place(&p);
	for (int i = 0; i < 3 * GS_EVENT_CELLS; i++)
		assert_int_equal(i % 2 == 0 ? put_at(&p.s, "k", "x", NOW) : del_at(&p.s, "k", NOW), i % 2 == 0);
	for (int i = 0; i < GS_EVENT_CELLS / DRAIN_LINES + 1; i++) {
		drain_round(p.m);
		assert_true(n_lines(&p, "\n") - lines <= DRAIN_LINES);
		lines = n_lines(&p, "\n");
	}
	text = log_of(&p);
	assert_int_equal(sscanf(strstr(text, " LOST "), " LOST n=%u table=t", &lost), 1);
	free(text);
	assert_int_equal(n_lines(&p, " LOST "), 1);
	assert_int_equal(lost + n_lines(&p, " created ") + n_lines(&p, " ended "), 3 * GS_EVENT_CELLS);
	close_place(&p);
}

static void
the_counts_are_of_all_that_is_told(void **state)
{
	struct place p;
	char *text = NULL;
	size_t len = 0;
	FILE *to;

	(void)state;
	open_place(&p);
	start_in(&p.s, "k", SUSPECT, NOW);
	for (int i = 0; i < 10; i++)
		assert_int_equal(get_at(&p.s, "k", NOW), GS_EQUARANTINE);
	assert_int_equal(get_at(&p.s, "k", NOW + S), GS_EQUARANTINE);
	drain_round(p.m);
	to = open_memstream(&text, &len);
	assert_non_null(to);
	events_counts(p.m->events, to);
	assert_int_equal(fclose(to), 0);
	assert_string_equal(text, "created 1\nrefused 11\n");
	free(text);
	assert_log(&p, " refused table=t key=k~", true);
	assert_log(&p, " reason=suspect count=10 pid=7", true);
	close_place(&p);
}

static void
the_bell_rings_once_for_what_came(void **state)
{
	uint32_t bell;
	struct place p;

	(void)state;
	open_place(&p);
	bell = atomic_load(&p.s.t->ctl->bell);
	drain_round(p.m);
	assert_int_equal(atomic_load(&p.s.t->ctl->bell), bell);
	assert_int_equal(put_at(&p.s, "k", "x", NOW), 1);
	drain_round(p.m);
	drain_round(p.m);
	assert_int_equal(atomic_load(&p.s.t->ctl->bell), bell + 1);
	close_place(&p);
}

static void
a_place_that_was_damaged_is_no_harm(void **state)
{
	struct place p;

	(void)state;
	open_place(&p);
	stop_daemon(&p);
	atomic_store(&p.s.t->evt->drained, UINT64_MAX);
	atomic_store(&p.s.t->evt->logged, UINT64_MAX);
	start_daemon(&p);
	assert_int_equal(put_at(&p.s, "k", "x", NOW), 1);
	assert_log(&p, "key=k~", true);
	assert_int_equal(events_revision(p.m->events), 1);
	close_place(&p);
}

/* The daemon's own lines have numbers too. */
static void
no_number_is_given_twice_by_two_daemons(void **state)
{
	struct place p;

	(void)state;
	open_place(&p);
	events_add(p.m->events, "set", "path=a");
	events_add(p.m->events, "set", "path=b");
	drain_round(p.m);
	stop_daemon(&p);
	start_daemon(&p);
	events_add(p.m->events, "set", "path=c");
	assert_int_equal(events_revision(p.m->events), 3);
	close_place(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_event_is_a_line_with_what_applies),
		T(with_log_keys_the_whole_key_is_shown_escaped),
		T(what_the_daemon_does_by_itself_has_no_pid),
		T(the_next_daemon_goes_on_where_the_last_one_stopped),
		T(what_was_lost_is_a_line_that_says_how_many),
		T(the_counts_are_of_all_that_is_told),
		T(the_bell_rings_once_for_what_came),
		T(a_place_that_was_damaged_is_no_harm),
		T(no_number_is_given_twice_by_two_daemons),
	};

	return cmocka_run_group_tests_name("drain", tests, NULL, NULL);
}
