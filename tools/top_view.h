/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * top_view.h - what gsession top shows of its model: a frame of lines for a screen of any size, and what a key changes in that.
 */
#ifndef TOOLS_TOP_VIEW_H
#define TOOLS_TOP_VIEW_H

#include "top_model.h"

enum {
	TOP_ROWS_LEAST = 10, TOP_ROWS_MOST = 200,
	TOP_COLS_LEAST = 60, TOP_COLS_MOST = 250,
	TOP_FILTER_BYTES = 64,
};

enum top_sort { TOP_BY_RATE, TOP_BY_HITS, TOP_BY_SIZE, TOP_SORTS };
enum top_look { TOP_PLAIN, TOP_TITLE, TOP_CHOSEN, TOP_ALARM };

/* Keys beside letters, as top_view_key() has them. */
enum { TOP_KEY_UP = 0x100, TOP_KEY_DOWN, TOP_KEY_ENTER, TOP_KEY_ERASE, TOP_KEY_ESCAPE };

struct top_view {
	const char *instance, *table;
	enum top_sort sort;
	bool is_paused, is_filtering, is_detailed, wants_to_quit;
	char filter[TOP_FILTER_BYTES];	/* "": everything is shown */
	size_t chosen;			/* of the sessions that are shown, from the hottest on */
	const char *details;		/* lines about the chosen session, when is_detailed */
};

/* A key was pressed. */
void top_view_key(struct top_view *v, int key);

/* The chosen session; false when none is shown. */
bool top_view_chosen(const struct top *t, struct top_view *v, const void **key, size_t *key_len);

struct top_frame {
	size_t n_rows, n_cols;
	char line[TOP_ROWS_MOST][TOP_COLS_MOST + 1];	/* ASCII, without blanks at the end */
	enum top_look look[TOP_ROWS_MOST];
};

/* Draw for a screen of so many rows and columns; of one that is too small or too large, the nearest that is not. */
void top_draw(struct top_frame *f, const struct top *t, struct top_view *v, size_t n_rows, size_t n_cols);

#endif
