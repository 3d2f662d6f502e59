/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "top_view.h"

static struct top model;
static struct top_view view;
static struct top_frame frame;

static int
start_anew(void **state)
{
	(void)state;
	memset(&model, 0, sizeof(model));
	memset(&view, 0, sizeof(view));
	view.instance = "i";
	view.table = "sessions";
	return 0;
}

static struct top_sample
sample_at(uint64_t ms)
{
	struct top_sample s = { .at_ms = ms, .daemon = TOP_UP, .pid = 7, .uptime = "5m", .version = "1", .has_counts = true, .is_attached = true, .n_rings = 2 };

	s.rings[0] = (struct top_ring){ .name = "active", .is_on = true, .count = 50, .capacity = 100 };
	s.rings[1] = (struct top_ring){ .name = "cold", .is_on = true, .count = 0, .capacity = 100 };
	return s;
}

static void
offer(const char *key, uint64_t hits, double rate_per_s, uint64_t now_ms)
{
	struct gs_info info = { .hits = hits, .rate_per_s = rate_per_s, .len = 3, .ring = "active", .owner = "alice" };

	top_offer(&model, key, strlen(key), &info, now_ms);
}

static void
draw(size_t rows, size_t cols)
{
	top_draw(&frame, &model, &view, rows, cols);
}

/* The first line that begins so, or NULL. */
static const char *
line_of(const char *begin)
{
	for (size_t i = 0; i < frame.n_rows; i++)
		if (strncmp(frame.line[i], begin, strlen(begin)) == 0)
			return frame.line[i];
	return NULL;
}

static void
a_rate_is_the_difference_of_two_samples_over_their_time(void **state)
{
	struct top_sample a = sample_at(1000), b = sample_at(3000);

	(void)state;
	a.counts[TOP_GETS] = 10;
	b.counts[TOP_GETS] = 50;
	b.rings[0].in = 8;
	top_take(&model, &a);
	assert_true(top_rate(&model, TOP_GETS) < 0);
	top_take(&model, &b);
	assert_true(top_rate(&model, TOP_GETS) == 20);
	assert_true(top_ring_in(&model, 0) == 4);
	assert_true(top_ring_out(&model, 0) == 0);
	assert_true(top_ring_in(&model, 5) < 0);
}

static void
a_rate_over_a_gap_is_not_known(void **state)
{
	struct top_sample a = sample_at(1000), b = sample_at(2000);

	(void)state;
	a.counts[TOP_GETS] = 50;
	b.counts[TOP_GETS] = 10;		/* of a memory made anew */
	top_take(&model, &a);
	top_take(&model, &b);
	assert_true(top_rate(&model, TOP_GETS) < 0);
	b.has_counts = false;			/* the daemon is gone */
	b.at_ms = 3000;
	top_take(&model, &b);
	assert_true(top_rate(&model, TOP_GETS) < 0);
	top_take(&model, &b);
	assert_true(top_ring_in(&model, 0) < 0);	/* no time passed */
}

static void
events_move_sessions_between_rings(void **state)
{
	struct gs_event e = { .kind = GS_EVENT_DECAYED, .from = "active", .to = "cold", .key = "k", .key_len = 1 };
	struct top_sample s = sample_at(1000);

	(void)state;
	top_tell(&model, &s, &e);
	e.count = 4;
	top_tell(&model, &s, &e);
	e = (struct gs_event){ .kind = GS_EVENT_CREATED, .to = "active", .key = "k", .key_len = 1 };
	top_tell(&model, &s, &e);
	/* What stays where it is does not move, whatever is told of it. */
	e = (struct gs_event){ .kind = GS_EVENT_REFUSED, .to = "active", .key = "k", .key_len = 1 };
	top_tell(&model, &s, &e);
	e = (struct gs_event){ .kind = GS_EVENT_MOVED, .from = "active", .to = "active", .key = "k", .key_len = 1 };
	top_tell(&model, &s, &e);
	e = (struct gs_event){ .kind = GS_EVENT_LOST, .count = 9 };
	top_tell(&model, &s, &e);
	assert_int_equal(s.rings[0].out, 5);
	assert_int_equal(s.rings[1].in, 5);
	assert_int_equal(s.rings[0].in, 1);
	assert_int_equal(s.n_lost, 9);
	assert_int_equal(model.n_events, 6);
	assert_non_null(strstr(model.events[5], "lost"));
	assert_non_null(strstr(model.events[0], "active > cold"));
}

static void
of_many_events_the_last_are_kept(void **state)
{
	struct gs_event e = { .kind = GS_EVENT_CREATED, .to = "active" };
	struct top_sample s = sample_at(1000);

	(void)state;
	for (int i = 0; i < TOP_EVENTS + 5; i++) {
		e.key_len = (size_t)snprintf(e.key, sizeof(e.key), "key%d.", i);
		top_tell(&model, &s, &e);
	}
	assert_int_equal(model.n_events, TOP_EVENTS);
	assert_non_null(strstr(model.events[0], "key5."));
	assert_non_null(strstr(model.events[TOP_EVENTS - 1], "key36."));
}

static void
what_was_counted_goes_before_what_interest_means(void **state)
{
	(void)state;
	offer("guess", 5, 3.0, 1000);
	offer("busy", 100, 1.0, 1000);
	offer("busy", 150, 1.0, 2000);
	top_rank(&model);
	assert_string_equal(model.hot[0].shown, "busy");
	assert_true(model.hot[0].rate_per_s == 50);
	assert_true(model.hot[0].is_counted);
	/* It is looked at and was not asked for. */
	offer("busy", 150, 40.0, 3000);
	top_rank(&model);
	assert_string_equal(model.hot[0].shown, "guess");
	/* A key that was started again. */
	offer("busy", 2, 7.0, 4000);
	top_rank(&model);
	assert_string_equal(model.hot[0].shown, "busy");
	assert_false(model.hot[0].is_counted);
}

static void
a_full_list_keeps_the_hottest(void **state)
{
	char key[16];

	(void)state;
	for (int i = 0; i < 10 * TOP_HOT; i++) {
		(void)snprintf(key, sizeof(key), "k%d", (i * 37) % (10 * TOP_HOT));
		offer(key, 1, (i * 37) % (10 * TOP_HOT), 1000);
	}
	top_rank(&model);
	assert_int_equal(model.n_hot, TOP_HOT);
	for (int i = 0; i < TOP_HOT; i++)
		assert_true(model.hot[i].rate_per_s == 10 * TOP_HOT - 1 - i);
	top_forget(&model, "k639", 4);
	top_forget(&model, "none", 4);
	top_rank(&model);
	assert_int_equal(model.n_hot, TOP_HOT - 1);
	assert_string_equal(model.hot[0].shown, "k638");
}

static void
a_screen_of_80_by_24_has_everything(void **state)
{
	struct top_sample s = sample_at(1000);
	struct gs_event e = { .kind = GS_EVENT_CREATED, .to = "active", .key = "k", .key_len = 1 };

	(void)state;
	s.n_suspects = 40;
	(void)snprintf(s.suspects[TOP_SUSPECTS - 1].shown, sizeof(s.suspects[0].shown), "last-suspect");
	top_tell(&model, &s, &e);
	for (int i = 0; i < 30; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "key%02d", i);
		offer(key, 1, 100 - i, 1000);
	}
	top_rank(&model);
	top_take(&model, &s);
	draw(24, 80);
	assert_int_equal(frame.n_rows, 24);
	for (size_t i = 0; i < frame.n_rows; i++)
		assert_true(strlen(frame.line[i]) <= 80);
	assert_non_null(strstr(frame.line[0], "i/sessions"));
	assert_non_null(strstr(frame.line[0], "pid 7 up 5m"));
	assert_non_null(line_of("RING"));
	assert_non_null(strstr(line_of("active"), "#####"));
	assert_non_null(strstr(line_of("active"), " 50 "));
	assert_null(strchr(line_of("cold"), '#'));
	assert_non_null(line_of("key00"));
	assert_non_null(line_of("SUSPECTS 40"));
	assert_non_null(line_of("last-suspect"));
	assert_non_null(line_of("EVENTS"));
	assert_non_null(strstr(frame.line[20], "created"));
	assert_non_null(strstr(frame.line[23], "q quit"));
}

static void
a_frame_fits_every_screen(void **state)
{
	struct top_sample s = sample_at(1000);

	(void)state;
	s.n_rings = TOP_RINGS;
	s.n_suspects = 3;
	for (int i = 0; i < TOP_HOT; i++) {
		char key[200];

		(void)snprintf(key, sizeof(key), "%0150d", i);
		offer(key, 1, i, 1000);
	}
	top_rank(&model);
	top_take(&model, &s);
	for (size_t rows = 0; rows < 220; rows += 3)
		for (size_t cols = 0; cols < 300; cols += 7) {
			view.chosen = rows;
			draw(rows, cols);
			assert_in_range(frame.n_rows, TOP_ROWS_LEAST, TOP_ROWS_MOST);
			for (size_t i = 0; i < frame.n_rows; i++)
				assert_true(strlen(frame.line[i]) <= frame.n_cols);
			assert_non_null(strstr(frame.line[frame.n_rows - 1], "quit"));
		}
}

static void
a_daemon_that_is_gone_is_an_alarm(void **state)
{
	struct top_sample s = sample_at(1000);

	(void)state;
	s.daemon = TOP_DOWN;
	top_take(&model, &s);
	draw(24, 80);
	assert_non_null(strstr(frame.line[0], "DAEMON NOT REACHABLE"));
	assert_int_equal(frame.look[0], TOP_ALARM);
	assert_non_null(line_of("active"));
	s.daemon = TOP_SILENT;
	top_take(&model, &s);
	draw(24, 80);
	assert_non_null(strstr(frame.line[0], "DOES NOT ANSWER"));
}

static void
keys_change_what_is_shown(void **state)
{
	struct top_sample s = sample_at(1000);
	const void *key;
	size_t len;

	(void)state;
	offer("apple", 5, 3, 1000);
	offer("banana", 9, 2, 1000);
	offer("cherry", 1, 1, 1000);
	top_rank(&model);
	top_take(&model, &s);
	assert_true(top_view_chosen(&model, &view, &key, &len));
	assert_memory_equal(key, "apple", len);
	top_view_key(&view, TOP_KEY_DOWN);
	assert_true(top_view_chosen(&model, &view, &key, &len));
	assert_memory_equal(key, "banana", len);
	for (int i = 0; i < 9; i++)
		top_view_key(&view, TOP_KEY_DOWN);
	assert_true(top_view_chosen(&model, &view, &key, &len));
	assert_memory_equal(key, "cherry", len);
	top_view_key(&view, TOP_KEY_UP);
	top_view_key(&view, TOP_KEY_UP);
	top_view_key(&view, TOP_KEY_UP);
	top_view_key(&view, 's');
	assert_true(top_view_chosen(&model, &view, &key, &len));
	assert_memory_equal(key, "banana", len);
	for (const char *at = "/cher"; *at != '\0'; at++)
		top_view_key(&view, *at);
	draw(24, 80);
	assert_non_null(strstr(frame.line[23], "filter: cher_"));
	top_view_key(&view, TOP_KEY_ERASE);
	top_view_key(&view, TOP_KEY_ENTER);
	assert_string_equal(view.filter, "che");
	assert_true(top_view_chosen(&model, &view, &key, &len));
	assert_memory_equal(key, "cherry", len);
	draw(24, 80);
	assert_null(line_of("apple"));
	top_view_key(&view, TOP_KEY_ESCAPE);
	draw(24, 80);
	assert_non_null(line_of("apple"));
	/* An owner is searched for too. */
	for (const char *at = "/nobody"; *at != '\0'; at++)
		top_view_key(&view, *at);
	assert_false(top_view_chosen(&model, &view, &key, &len));
	draw(24, 80);
	assert_non_null(line_of("none that the filter lets through"));
}

static void
details_pause_and_quit(void **state)
{
	struct top_sample s = sample_at(1000);

	(void)state;
	top_take(&model, &s);
	top_view_key(&view, 'p');
	assert_true(view.is_paused);
	draw(24, 80);
	assert_non_null(strstr(frame.line[0], "PAUSED"));
	top_view_key(&view, 'p');
	assert_false(view.is_paused);
	top_view_key(&view, TOP_KEY_ENTER);
	view.details = "key   k\nring  active\n";
	draw(24, 80);
	assert_non_null(line_of("ring  active"));
	assert_null(line_of("RING"));
	top_view_key(&view, 'x');
	assert_false(view.is_detailed);
	assert_false(view.wants_to_quit);
	top_view_key(&view, 'q');
	assert_true(view.wants_to_quit);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_rate_is_the_difference_of_two_samples_over_their_time, start_anew),
		cmocka_unit_test_setup(a_rate_over_a_gap_is_not_known, start_anew),
		cmocka_unit_test_setup(events_move_sessions_between_rings, start_anew),
		cmocka_unit_test_setup(of_many_events_the_last_are_kept, start_anew),
		cmocka_unit_test_setup(what_was_counted_goes_before_what_interest_means, start_anew),
		cmocka_unit_test_setup(a_full_list_keeps_the_hottest, start_anew),
		cmocka_unit_test_setup(a_screen_of_80_by_24_has_everything, start_anew),
		cmocka_unit_test_setup(a_frame_fits_every_screen, start_anew),
		cmocka_unit_test_setup(a_daemon_that_is_gone_is_an_alarm, start_anew),
		cmocka_unit_test_setup(keys_change_what_is_shown, start_anew),
		cmocka_unit_test_setup(details_pause_and_quit, start_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
