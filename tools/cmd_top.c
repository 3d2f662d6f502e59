/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "top_screen.h"
#include "top_source.h"
#include "top_view.h"

enum { OPT_DELAY, OPT_BATCH, OPT_FRAMES };
enum { DELAY_MS = 1000, DELAY_LEAST_MS = 100, DELAY_MOST_MS = 3600000, BATCH_ROWS = 24, BATCH_COLS = 80 };

const struct args_option cmd_top_options[] = {
	[OPT_DELAY] = { 'd', "delay", "T", "between two looks (1s)" },
	[OPT_BATCH] = { 'b', "batch", NULL, "print frames of text, without a terminal" },
	[OPT_FRAMES] = { 'N', "frames", "N", "end after so many" },
	CMD_OPTIONS_END,
};

/* What is between the samples and the screen. */
struct show {
	struct top_source *source;
	struct top model;
	struct top_view view;
	struct top_frame frame;
	char *details;			/* of the chosen session */
	unsigned delay_ms;
	uint64_t n_left;		/* frames; UINT64_MAX: no end */
};

static int
take_options(struct show *s, const struct cmd_line *line)
{
	uint64_t ms = DELAY_MS;

	s->n_left = UINT64_MAX;
	if (line->value[OPT_DELAY] != NULL && (gs_text_parse_duration(line->value[OPT_DELAY], &ms) < 0 || ms < DELAY_LEAST_MS || ms > DELAY_MOST_MS))
		return cmd_misuse("top: --delay takes a duration from 100ms to 1h, not \"%s\"", line->value[OPT_DELAY]);
	if (line->value[OPT_FRAMES] != NULL && (gs_text_parse_count(line->value[OPT_FRAMES], &s->n_left) < 0 || s->n_left == 0))
		return cmd_misuse("top: --frames takes a number from 1 on, not \"%s\"", line->value[OPT_FRAMES]);
	s->delay_ms = (unsigned)ms;
	return EXIT_YES;
}

static void
read_details(struct show *s)
{
	const void *key;
	size_t key_len;

	free(s->details);
	s->details = NULL;
	if (s->view.is_detailed && top_view_chosen(&s->model, &s->view, &key, &key_len))
		s->details = top_source_details(s->source, key, key_len);
	s->view.details = s->details;
}

static void
pause_ms(unsigned ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	while (nanosleep(&left, &left) != 0)
		;
}

/* ---- without a terminal ---- */

static int
run_batch(struct show *s)
{
	int status = EXIT_YES;

	for (; s->n_left > 0 && status == EXIT_YES; s->n_left -= s->n_left != UINT64_MAX) {
		pause_ms(s->delay_ms);
		top_source_sample(s->source, &s->model);
		top_draw(&s->frame, &s->model, &s->view, BATCH_ROWS, BATCH_COLS);
		/* The last row tells of keys. */
		for (size_t i = 0; i + 1 < s->frame.n_rows; i++)
			(void)puts(s->frame.line[i]);
		(void)putchar('\n');
		status = cmd_done();
	}
	return status;
}

/* ---- with one ---- */

static void
show_frame(struct show *s)
{
	size_t n_rows, n_cols;

	read_details(s);
	top_screen_size(&n_rows, &n_cols);
	top_draw(&s->frame, &s->model, &s->view, n_rows, n_cols);
	top_screen_show(&s->frame);
}

/* Keys until the next look; false at the end. */
static bool
take_keys(struct show *s, uint64_t until_ms)
{
	for (;;) {
		uint64_t now_ms = gs_clock_mono_ns() / 1000000;
		int key = top_screen_key(now_ms < until_ms ? (unsigned)(until_ms - now_ms) : 0);

		if (key == TOP_ENDED_BY_SIGNAL)
			return false;
		if (key == TOP_NO_KEY)
			return true;
		if (key != TOP_RESIZED)
			top_view_key(&s->view, key);
		if (s->view.wants_to_quit)
			return false;
		show_frame(s);
	}
}

static void
run_screen(struct show *s)
{
	uint64_t next_ms = gs_clock_mono_ns() / 1000000;
	bool goes_on = true;

	while (goes_on && s->n_left > 0) {
		show_frame(s);
		next_ms += s->delay_ms;
		/* After a stop it does not catch up. */
		if (next_ms < gs_clock_mono_ns() / 1000000)
			next_ms = gs_clock_mono_ns() / 1000000 + s->delay_ms;
		goes_on = take_keys(s, next_ms);
		s->n_left -= s->n_left != UINT64_MAX;
		if (goes_on && !s->view.is_paused)
			top_source_sample(s->source, &s->model);
	}
}

int
cmd_top(int argc, char **argv, const struct cmd_env *env)
{
	struct cmd_line line;
	struct show *s;
	int status;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return cmd_fail(GS_ENOMEM, "top");
	s->view.instance = env->instance == NULL ? "default" : env->instance;
	s->view.table = env->table;
	status = take_options(s, &line);
	if (status == EXIT_YES && line.value[OPT_BATCH] == NULL && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
		status = cmd_misuse("top: there is no terminal; -b prints without one");
	if (status == EXIT_YES && top_source_open(&s->source, env) < 0)
		status = cmd_fail(GS_ENOMEM, "top");
	/* Rates take two samples; what is not there is missed at the first. */
	if (status == EXIT_YES)
		top_source_sample(s->source, &s->model);
	if (status == EXIT_YES && s->model.now.is_missing)
		status = cmd_unreached(GS_ENOENT, env);
	if (status == EXIT_YES && line.value[OPT_BATCH] != NULL) {
		status = run_batch(s);
	} else if (status == EXIT_YES) {
		status = top_screen_open() ? EXIT_YES : EXIT_USAGE;
		if (status == EXIT_YES) {
			run_screen(s);
			top_screen_close();
		}
	}
	top_source_close(&s->source);
	free(s->details);
	free(s);
	return status;
}
