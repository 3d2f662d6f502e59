/* SPDX-License-Identifier: BSD-2-Clause */
#include "top_screen.h"

#include <curses.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"

enum { ERASE = 0x08, RETURN = '\r', ESCAPE = 0x1b, DELETE = 0x7f, ESCAPE_MS = 25 };

static volatile sig_atomic_t is_ended;
static SCREEN *screen;

static void
take_signal(int signo)
{
	(void)signo;
	is_ended = 1;
}

static void
catch(int signo)
{
	struct sigaction action = { .sa_handler = take_signal };

	(void)sigaction(signo, &action, NULL);
}

bool
top_screen_open(void)
{
	screen = newterm(NULL, stdout, stdin);
	if (screen == NULL) {
		(void)cmd_misuse("top: the terminal is of a kind that is not known ($TERM); -b prints without one");
		return false;
	}
	/* The terminal is given back as it was, whatever ends us. */
	catch(SIGINT);
	catch(SIGTERM);
	catch(SIGHUP);
	(void)cbreak();
	(void)noecho();
	(void)nonl();
	(void)curs_set(0);
	(void)keypad(stdscr, TRUE);
	(void)set_escdelay(ESCAPE_MS);
	return true;
}

void
top_screen_close(void)
{
	(void)endwin();
	delscreen(screen);
	screen = NULL;
}

void
top_screen_size(size_t *n_rows, size_t *n_cols)
{
	*n_rows = (size_t)LINES;
	*n_cols = (size_t)COLS;
}

static attr_t
attribute(enum top_look look)
{
	switch (look) {
	case TOP_TITLE:
		return A_BOLD;
	case TOP_CHOSEN:
		return A_REVERSE;
	case TOP_ALARM:
		return A_BOLD | A_STANDOUT;
	case TOP_PLAIN:
		break;
	}
	return A_NORMAL;
}

void
top_screen_show(const struct top_frame *f)
{
	(void)erase();
	for (size_t i = 0; i < f->n_rows && i < (size_t)LINES; i++) {
		(void)attrset((int)attribute(f->look[i]));
		/* The last cell of a screen may scroll it. */
		(void)mvaddnstr((int)i, 0, f->line[i], i + 1 == (size_t)LINES ? COLS - 1 : COLS);
	}
	(void)attrset(A_NORMAL);
	(void)refresh();
}

int
top_screen_key(unsigned wait_ms)
{
	int key;

	if (is_ended)
		return TOP_ENDED_BY_SIGNAL;
	timeout((int)wait_ms);
	key = getch();
	switch (key) {
	case ERR:
		return is_ended ? TOP_ENDED_BY_SIGNAL : TOP_NO_KEY;
	case KEY_RESIZE:
		return TOP_RESIZED;
	case KEY_UP:
		return TOP_KEY_UP;
	case KEY_DOWN:
		return TOP_KEY_DOWN;
	case KEY_ENTER:
	case RETURN:
	case '\n':
		return TOP_KEY_ENTER;
	case KEY_BACKSPACE:
	case ERASE:
	case DELETE:
		return TOP_KEY_ERASE;
	case ESCAPE:
		return TOP_KEY_ESCAPE;
	default:
		return key < 0x100 ? key : TOP_NO_KEY;
	}
}
