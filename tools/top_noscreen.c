/* SPDX-License-Identifier: BSD-2-Clause */
#include "top_screen.h"

#include "cmd.h"

bool
top_screen_open(void)
{
	(void)cmd_misuse("top: gsession was built without ncurses and has no screen; -b prints without one");
	return false;
}

/* Nobody gets here: there is no screen to be had. */

void
top_screen_close(void)
{
}

void
top_screen_size(size_t *n_rows, size_t *n_cols)
{
	*n_rows = TOP_ROWS_LEAST;
	*n_cols = TOP_COLS_LEAST;
}

void
top_screen_show(const struct top_frame *f)
{
	(void)f;
}

int
top_screen_key(unsigned wait_ms)
{
	(void)wait_ms;
	return TOP_ENDED_BY_SIGNAL;
}
