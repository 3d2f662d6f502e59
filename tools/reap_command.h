/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reap_command.h - ask a command of the operator's about one suspect.
 */
#ifndef TOOLS_REAP_COMMAND_H
#define TOOLS_REAP_COMMAND_H

#include "suspect.h"

/* A command for sh -c, and how it is run. */
struct reap_command {
	const char *text;
	const char *table;		/* in its environment */
	uint32_t timeout_ms;		/* then it and its process group are killed */
	int stop_fd;			/* readable: it is to be killed, we end */
};

enum reap_said {
	REAP_EXPEL,			/* exit status 0 */
	REAP_LEAVE,			/* 1 */
	REAP_HUNG,			/* was killed after timeout_ms */
	REAP_ODD,			/* another status, or it ended by a signal */
	REAP_STOPPED,			/* stop_fd */
	REAP_FAILED,			/* it could not be run */
};

/*
 * Run it with the key, and a newline, on its standard input, and GSESSION_TABLE, GSESSION_RATE, GSESSION_OFFENCES, GSESSION_HELD_MS
 * and GSESSION_STATE in its environment. Waits for its end, nothing of it is left.
 */
enum reap_said reap_command_ask(const struct reap_command *c, const struct suspect *s);

#endif
