/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What events_print or events_counts print, malloc'ed. */
static char *
printed(const struct events *e, uint64_t offset)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	events_print(e, offset, to);
	assert_int_equal(fclose(to), 0);
	return text;
}

static char *
counted(const struct events *e)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	events_counts(e, to);
	assert_int_equal(fclose(to), 0);
	return text;
}

/* Add until old lines must have gone; each line is its number. Returns how many. */
static unsigned
overflow(struct events *e)
{
	unsigned n = 0;

	while (events_size(e) < 2 * (uint64_t)GS_EVENTS_BYTES)
		events_add(e, "tick", "n=%u", n++);
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
	assert_int_equal(sscanf(text, "%u %*s tick n=%u\n", &revision, &first), 2);
	assert_int_equal(revision, first + 1);
	assert_true(first > 0);
	text[strlen(text) - 1] = '\0';
	at = strrchr(text, '\n') + 1;
	assert_int_equal(sscanf(at, "%u %*s tick n=%u", &revision, &last), 2);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
