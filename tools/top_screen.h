/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * top_screen.h - a terminal for frames of gsession top, and its keys.
 *
 * top_screen.c has it with ncurses; where that was not there when gsession was
 * built, top_noscreen.c says so.
 */
#ifndef TOOLS_TOP_SCREEN_H
#define TOOLS_TOP_SCREEN_H

#include "top_view.h"

/* Take the terminal; false when that cannot be, and the sentence was said. */
bool top_screen_open(void);
void top_screen_close(void);
/* How large it is now. */
void top_screen_size(size_t *n_rows, size_t *n_cols);
void top_screen_show(const struct top_frame *f);

enum { TOP_NO_KEY = -1, TOP_RESIZED = -2, TOP_ENDED_BY_SIGNAL = -3 };

/* The next key as top_view_key() has it, or one of those; waits at most so long. */
int top_screen_key(unsigned wait_ms);

#endif
