/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct text {
	char *text;
	size_t len;
	FILE *to;
};

static FILE *
begin(struct text *t)
{
	t->to = open_memstream(&t->text, &t->len);
	assert_non_null(t->to);
	return t->to;
}

static char *
end(struct text *t)
{
	assert_int_equal(fclose(t->to), 0);
	return t->text;
}

/* What events_print, events_print_since or events_counts print, malloc'ed. */
static char *
printed(const struct events *e, uint64_t offset)
{
	struct text t;

	events_print(e, offset, begin(&t));
	return end(&t);
}

static char *
since(const struct events *e, uint64_t revision)
{
	struct text t;

	events_print_since(e, revision, begin(&t));
	return end(&t);
}

static char *
counted(const struct events *e)
{
	struct text t;

	events_counts(e, begin(&t));
	return end(&t);
}

/* Add until old lines must have gone; each line is its number. Returns how many. */
static unsigned
overflow(struct events *e)
{
	unsigned n = 0;

	while (events_size(e) < 2 * (uint64_t)GS_EVENTS_BYTES)
		events_add_often(e, "tick", "table=t n=%u", n++);
	return n;
}

static void
an_event_is_a_line_of_revision_time_name_and_values(void **state)
{
	struct events *e = events_new();
	unsigned year, month, day, hour, minute, second, ms;
	char name[32], rest[64];
	unsigned long revision;
	char *text;

	(void)state;
	assert_non_null(e);
	events_add(e, "start", "%s", "");
	events_add(e, "set", "path=%s new=%d", "a/b", 5);
	text = printed(e, 0);
	assert_int_equal(events_size(e), strlen(text));
	assert_non_null(strstr(text, "\n2 "));
	assert_int_equal(sscanf(strchr(text, '\n') + 1, "%lu %4u-%2u-%2uT%2u:%2u:%2u.%3uZ %31s %63[^\n]",
	    &revision, &year, &month, &day, &hour, &minute, &second, &ms, name, rest), 10);
	assert_int_equal(revision, 2);
	assert_string_equal(name, "set");
	assert_string_equal(rest, "path=a/b new=5");
	assert_int_equal(text[strlen(text) - 1], '\n');
	free(text);
	events_free(&e);
	assert_null(e);
}

static void
what_was_read_is_not_read_again(void **state)
{
	struct events *e = events_new();
	uint64_t offset;
	char *text;

	(void)state;
	events_add(e, "one", "n=1");
	offset = events_size(e);
	text = printed(e, offset);
	assert_string_equal(text, "");
	free(text);
	events_add(e, "two", "n=2");
	text = printed(e, offset);
	assert_null(strstr(text, "one"));
	assert_non_null(strstr(text, "two n=2\n"));
	free(text);
	text = printed(e, events_size(e) + 1000);
	assert_string_equal(text, "");
	free(text);
	events_free(&e);
}

static void
the_oldest_lines_go_and_no_line_is_cut(void **state)
{
	struct events *e = events_new();
	unsigned n = overflow(e), first, last, revision;
	char *text, *at;

	(void)state;
	text = printed(e, 0);
	assert_true(strlen(text) <= GS_EVENTS_BYTES);
	assert_true(strlen(text) > GS_EVENTS_BYTES - 200);
	assert_int_equal(sscanf(text, "%u %*s LOST n=%u\n", &revision, &first), 2);
	assert_int_equal(revision, first);
	assert_int_equal(sscanf(strchr(text, '\n'), "\n%u %*s tick table=t n=%u\n", &revision, &first), 2);
	assert_int_equal(revision, first + 1);
	assert_true(first > 0);
	text[strlen(text) - 1] = '\0';
	at = strrchr(text, '\n') + 1;
	assert_int_equal(sscanf(at, "%u %*s tick table=t n=%u", &revision, &last), 2);
	assert_int_equal(last, n - 1);
	free(text);
	events_free(&e);
}

static void
offsets_stay_valid_when_old_lines_have_gone(void **state)
{
	struct events *e = events_new();
	uint64_t offset;
	char *text;

	(void)state;
	(void)overflow(e);
	offset = events_size(e);
	events_add(e, "after", "n=1");
	text = printed(e, offset);
	assert_non_null(strstr(text, "after n=1\n"));
	assert_null(strstr(text, "tick"));
	free(text);
	events_free(&e);
}

static void
counts_are_by_name_and_outlive_the_lines(void **state)
{
	struct events *e = events_new();
	char want[64], *text;
	unsigned n;

	(void)state;
	events_add(e, "start", "%s", "");
	n = overflow(e);
	text = counted(e);
	(void)snprintf(want, sizeof(want), "start 1\ntick %u\n", n);
	assert_string_equal(text, want);
	free(text);
	events_free(&e);
}

static void
a_line_that_is_too_long_is_cut_and_ends(void **state)
{
	struct events *e = events_new();
	char *longest = malloc(100000), *text;

	(void)state;
	assert_non_null(longest);
	memset(longest, 'x', 99999);
	longest[99999] = '\0';
	events_add(e, "long", "v=%s", longest);
	events_add(e, "next", "n=1");
	text = printed(e, 0);
	assert_non_null(strstr(text, "xx\n2 "));
	assert_true(strlen(text) < 20000);
	free(text);
	free(longest);
	events_free(&e);
}

static void
what_operators_did_outlives_a_hundred_thousand_events_of_sessions(void **state)
{
	struct events *e = events_new();
	unsigned long revision, before, after, lost;
	char *text;

	(void)state;
	for (int i = 0; i < 1000; i++)
		events_add_often(e, "created", "table=sessions key=k~%08x to=active reason=write pid=%d uid=0", i, 100 + i);
	events_add(e, "set", "path=%s old=5m new=2m uid=0 pid=77", "sessions/rings/active/ttl");
	for (int i = 0; i < 100000; i++)
		events_add_often(e, "created", "table=sessions key=k~%08x to=active reason=write pid=%d uid=0", i, 100 + i);
	text = printed(e, 0);
	assert_int_equal(sscanf(text, "%lu %*s LOST n=%lu\n%lu %*s set path=sessions/rings/active/ttl old=5m new=2m uid=0 pid=77\n%lu %*s LOST n=%lu\n",
	    &before, &lost, &revision, &after, &lost), 5);
	assert_int_equal(before, 1000);
	assert_int_equal(revision, 1001);
	assert_int_equal(lost, after - revision);
	free(text);
	events_free(&e);
}

static void
what_one_has_read_until_then_is_not_lost_to_him(void **state)
{
	struct events *e = events_new();
	unsigned long revision, lost;
	char *text;

	(void)state;
	events_add(e, "set", "path=a");
	(void)overflow(e);
	text = since(e, 1000);
	assert_int_equal(sscanf(text, "%lu %*s LOST n=%lu\n", &revision, &lost), 2);
	assert_int_equal(revision - lost, 1000);
	assert_null(strstr(text, " set "));
	free(text);
	text = since(e, events_revision(e) - 1);
	assert_int_equal(sscanf(text, "%lu %*s tick", &revision), 1);
	assert_int_equal(revision, events_revision(e));
	free(text);
	text = since(e, events_revision(e));
	assert_string_equal(text, "");
	free(text);
	text = since(e, UINT64_MAX);
	assert_string_equal(text, "");
	free(text);
	events_free(&e);
}

static void
what_was_lost_before_it_came_here_has_numbers_too(void **state)
{
	struct events *e = events_new();
	unsigned long revision, lost;
	char *text;

	(void)state;
	events_add(e, "set", "path=a");
	events_add_lost(e, 0, 10, "t");
	events_add(e, "set", "path=b");
	assert_int_equal(events_revision(e), 12);
	text = since(e, 0);
	assert_non_null(strstr(text, "\n11 1970-01-01T00:00:00.000Z LOST n=10 table=t\n12 "));
	free(text);
	text = since(e, 5);
	assert_int_equal(sscanf(text, "%lu %*s LOST n=%lu table=t\n12 ", &revision, &lost), 2);
	assert_int_equal(revision, 11);
	assert_int_equal(lost, 6);
	free(text);
	text = counted(e);
	assert_string_equal(text, "set 2\nLOST 10\n");
	free(text);
	events_free(&e);
}

static void
a_log_goes_on_behind_the_one_before(void **state)
{
	struct events *e = events_new();
	char *text;

	(void)state;
	events_add(e, "found", "table=t");
	events_add(e, "lost", "table=t");
	events_continue(e, 100);
	events_continue(e, 50);
	events_add(e, "started", "pid=1");
	text = since(e, 0);
	assert_int_equal(events_size(e), strlen(text));
	assert_ptr_equal(strstr(text, "101 "), text);
	assert_non_null(strstr(text, " found table=t\n102 "));
	assert_non_null(strstr(text, " lost table=t\n103 "));
	assert_non_null(strstr(text, " started pid=1\n"));
	free(text);
	/* Whoever read the one before until there has missed what it had then. */
	text = since(e, 90);
	assert_ptr_equal(strstr(text, "100 "), text);
	assert_non_null(strstr(text, " LOST n=10\n101 "));
	free(text);
	(void)overflow(e);
	text = since(e, 0);
	assert_ptr_equal(strstr(text, "101 "), text);
	assert_non_null(strstr(text, " started pid=1\n"));
	free(text);
	events_free(&e);
}

/* ---- against a model ---- */

enum { MODEL = 40000, SAFE_BYTES = 9000 };

/* What was added under each revision. */
struct model {
	struct events *e;
	unsigned n;
	struct {
		bool is_own, is_lost;
		uint32_t tag;
		uint64_t all, own;	/* bytes of lines up to it, and of the own ones among them */
	} line[MODEL + 1];
	uint64_t seed;
};

static uint32_t
roll(struct model *m, uint32_t n)
{
	m->seed = m->seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
	return (uint32_t)(m->seed >> 33) % n;
}

/* The next revision is of a line of so many bytes, about. */
static void
model_count(struct model *m, bool is_own, uint32_t len)
{
	m->n++;
	m->line[m->n].is_own = is_own;
	m->line[m->n].all = m->line[m->n - 1].all + len;
	m->line[m->n].own = m->line[m->n - 1].own + (is_own ? len : 0);
}

static void
model_add(struct model *m)
{
	uint32_t what = roll(m, 100), tag = roll(m, 1000000), fill = roll(m, 40) == 0 ? roll(m, 4000) : roll(m, 100);
	char padding[4001];

	memset(padding, 'x', fill);
	padding[fill] = '\0';
	if (what < 3) {
		uint32_t n = 1 + roll(m, 20);

		events_add_lost(m->e, 1000, n, "t");
		while (n-- > 0) {
			model_count(m, false, n == 0 ? 50 : 0);
			m->line[m->n].is_lost = true;
		}
		return;
	}
	model_count(m, what < 10, fill + 60);
	m->line[m->n].tag = tag;
	if (what < 10)
		events_add(m->e, "own", "table=t tag=%u %s", tag, padding);
	else
		events_add_often(m->e, "often", "table=t tag=%u %s", tag, padding);
}

/* Had the log to let it go? */
static bool
had_no_room(const struct model *m, unsigned revision)
{
	uint64_t all = m->line[m->n].all - m->line[revision - 1].all, own = m->line[m->n].own - m->line[revision - 1].own;

	return m->line[revision].is_lost ||
	    (all > GS_EVENTS_BYTES - SAFE_BYTES && (!m->line[revision].is_own || own > GS_EVENTS_OWN_BYTES - SAFE_BYTES));
}

/* Every revision behind `from` is a line as it was added or within a LOST, in order; what has room is there. */
static void
model_check(struct model *m, const char *text, unsigned from)
{
	unsigned last = from;

	for (const char *at = text; *at != '\0'; at = strchr(at, '\n') + 1) {
		unsigned revision, n = 0, tag = 0;
		char name[32], line[100];

		(void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
		assert_int_equal(sscanf(line, "%u %*s %31s n=%u", &revision, name, &n) >= 2, 1);
		assert_true(revision <= m->n);
		if (strcmp(name, "LOST") == 0) {
			assert_int_equal(revision - n, last);
			while (last < revision)
				assert_true(had_no_room(m, ++last));
			continue;
		}
		assert_int_equal(revision, ++last);
		assert_int_equal(sscanf(strchr(line, '='), "=t tag=%u ", &tag), 1);
		assert_int_equal(tag, m->line[revision].tag);
		assert_string_equal(name, m->line[revision].is_own ? "own" : "often");
	}
	assert_int_equal(last, m->n);
}

static void
no_number_is_missing_whatever_is_added_and_asked(void **state)
{
	struct model *m = calloc(1, sizeof(*m));
	unsigned from, next = 0;
	char *text;

	(void)state;
	m->e = events_new();
	for (m->seed = 7; m->n + 20 < MODEL;) {
		model_add(m);
		assert_int_equal(events_revision(m->e), m->n);
		if (m->n < next)
			continue;
		next = m->n + roll(m, 4000);
		text = printed(m->e, 0);
		model_check(m, text, 0);
		free(text);
		from = roll(m, m->n + 1);
		text = since(m->e, from);
		model_check(m, text, from);
		free(text);
	}
	events_free(&m->e);
	free(m);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_a_line_of_revision_time_name_and_values),
		cmocka_unit_test(what_was_read_is_not_read_again),
		cmocka_unit_test(the_oldest_lines_go_and_no_line_is_cut),
		cmocka_unit_test(offsets_stay_valid_when_old_lines_have_gone),
		cmocka_unit_test(counts_are_by_name_and_outlive_the_lines),
		cmocka_unit_test(a_line_that_is_too_long_is_cut_and_ends),
		cmocka_unit_test(what_operators_did_outlives_a_hundred_thousand_events_of_sessions),
		cmocka_unit_test(what_one_has_read_until_then_is_not_lost_to_him),
		cmocka_unit_test(what_was_lost_before_it_came_here_has_numbers_too),
		cmocka_unit_test(a_log_goes_on_behind_the_one_before),
		cmocka_unit_test(no_number_is_missing_whatever_is_added_and_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
