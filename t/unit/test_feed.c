/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_feed - a log as accesses: numbered keys, time that never goes back, and what is shown of the rest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab/feed.h"

#define T(name) cmocka_unit_test(name)

struct fixture {
	char path[64];
	char *shown;			/* what was complained about */
	size_t shown_len;
	FILE *complain;
	struct feed *feed;
};

static void
open_log(struct fixture *x, enum feed_key key, size_t key_max, const char *text)
{
	int fd;

	(void)strcpy(x->path, "/tmp/test_feed.XXXXXX");
	fd = mkstemp(x->path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
	x->complain = open_memstream(&x->shown, &x->shown_len);
	assert_non_null(x->complain);
	assert_int_equal(feed_open(&x->feed, x->path, key, key_max, x->complain), 0);
	assert_int_equal(unlink(x->path), 0);
}

static void
close_log(struct fixture *x)
{
	feed_close(&x->feed);
	assert_null(x->feed);
	assert_int_equal(fclose(x->complain), 0);
	free(x->shown);
}

static void
expect_access(struct fixture *x, uint32_t id, bool is_first, const char *key, uint64_t at_ms)
{
	struct feed_access a;

	assert_int_equal(feed_next(x->feed, &a), 1);
	assert_int_equal(a.id, id);
	assert_int_equal(a.is_first, is_first);
	assert_int_equal(a.key_len, strlen(key));
	assert_memory_equal(a.key, key, a.key_len);
	assert_int_equal(a.at_ms, at_ms);
}

static void
expect_end(struct fixture *x)
{
	struct feed_access a;

	assert_int_equal(feed_next(x->feed, &a), 0);
}

#define LINE(host, time, rest) host " - - [" time " +0000] \"GET /\" 200 1" rest "\n"

static void
keys_are_numbered_as_they_appear_and_time_never_goes_back(void **state)
{
	struct fixture x;

	(void)state;
	open_log(&x, FEED_KEY_IP, 255,
	    LINE("a", "01/Mar/2020:00:00:10", "")
	    LINE("b", "01/Mar/2020:00:00:05", "")
	    LINE("a", "01/Mar/2020:00:00:12", "")
	    LINE("c", "01/Mar/2020:00:00:11", "")
	    LINE("b", "01/Mar/9999:00:00:00", "")
	    LINE("b", "01/Mar/2020:00:00:13", ""));
	expect_access(&x, 0, true, "a", 0);
	expect_access(&x, 1, true, "b", 0);
	expect_access(&x, 0, false, "a", 2000);
	expect_access(&x, 2, true, "c", 2000);
	expect_access(&x, 1, false, "b", FEED_SPAN_MS);
	expect_access(&x, 1, false, "b", FEED_SPAN_MS);
	expect_end(&x);
	assert_int_equal(x.feed->requests, 6);
	assert_int_equal(x.feed->keys.n_items, 3);
	close_log(&x);
}

static void
an_address_with_two_agents_is_two_sessions(void **state)
{
	struct fixture x;

	(void)state;
	open_log(&x, FEED_KEY_IP_AGENT, 255,
	    LINE("a", "01/Mar/2020:00:00:00", " \"-\" \"one\"")
	    LINE("a", "01/Mar/2020:00:00:01", " \"-\" \"two\"")
	    LINE("a", "01/Mar/2020:00:00:02", "")
	    LINE("a", "01/Mar/2020:00:00:03", " \"-\" \"one\""));
	expect_access(&x, 0, true, "a one", 0);
	expect_access(&x, 1, true, "a two", 1000);
	expect_access(&x, 0, false, "a one", 3000);
	expect_end(&x);
	assert_int_equal(x.feed->unreadable, 1);
	(void)fflush(x.complain);
	assert_non_null(strstr(x.shown, ":3: no user agent: a - - [01/Mar/2020"));
	close_log(&x);
}

static void
a_key_over_key_max_is_replaced_by_its_hash(void **state)
{
	struct feed_access a, b;
	struct fixture x;

	(void)state;
	open_log(&x, FEED_KEY_IP, 40,
	    LINE("a-name-of-more-than-forty-characters.example.org", "01/Mar/2020:00:00:00", "")
	    LINE("a-name-of-more-than-forty-characters.example.com", "01/Mar/2020:00:00:00", "")
	    LINE("a-name-of-more-than-forty-characters.example.org", "01/Mar/2020:00:00:00", ""));
	assert_int_equal(feed_next(x.feed, &a), 1);
	assert_int_equal(a.key_len, 32);
	assert_int_equal(strspn(a.key, "0123456789abcdef"), 32);
	assert_int_equal(feed_next(x.feed, &b), 1);
	assert_int_equal(b.id, 1);
	assert_int_equal(feed_next(x.feed, &a), 1);
	assert_int_equal(a.id, 0);
	close_log(&x);
}

static void
only_the_first_unreadable_lines_are_shown_and_no_byte_of_them_raw(void **state)
{
	struct fixture x;
	size_t i, lines = 0;

	(void)state;
	open_log(&x, FEED_KEY_IP, 255, "\033[2J\xff\n\n\n\n\n\n\n\n\n\n\n\n");
	expect_end(&x);
	assert_int_equal(x.feed->unreadable, 12);
	(void)fflush(x.complain);
	for (i = 0; i < x.shown_len; i++) {
		lines += x.shown[i] == '\n';
		assert_true(x.shown[i] == '\n' || (x.shown[i] >= ' ' && x.shown[i] < 0x7f));
	}
	assert_int_equal(lines, FEED_SHOWN);
	assert_non_null(strstr(x.shown, "\\033[2J\\377"));
	close_log(&x);
}

static void
thousands_of_keys_are_told_apart(void **state)
{
	struct keys keys;
	char key[32];
	uint32_t id, i, round;

	(void)state;
	assert_int_equal(keys_init(&keys), 0);
	for (round = 0; round < 2; round++)
		for (i = 0; i < 20000; i++) {
			int len = snprintf(key, sizeof(key), "%x", i);

			assert_int_equal(keys_number(&keys, key, (size_t)len, &id), round == 0 ? 1 : 0);
			assert_int_equal(id, i);
		}
	keys_fini(&keys);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(keys_are_numbered_as_they_appear_and_time_never_goes_back),
		T(an_address_with_two_agents_is_two_sessions),
		T(a_key_over_key_max_is_replaced_by_its_hash),
		T(only_the_first_unreadable_lines_are_shown_and_no_byte_of_them_raw),
		T(thousands_of_keys_are_told_apart),
	};

	return cmocka_run_group_tests_name("feed", tests, NULL, NULL);
}
