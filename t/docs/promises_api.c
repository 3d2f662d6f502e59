/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * promises_api.c - what libgsession(3) and include/gsession.h say of each function, tried on a running daemon.
 *
 *	promises_api INSTANCE STOP START PURGE
 *
 * Needs the table `sessions` and a table `tiny` with a key_max of 16, whose active ring holds 4.
 * STOP kills the daemon, START starts it again, PURGE ends the store of one that is stopped; all are for the shell.
 */
#include "promises_words.h"

#include <err.h>
#include <stdlib.h>

const char *promises_instance, *promises_stop, *promises_start, *promises_purge;
int promises_said, promises_failed;
struct gs *gs;

int
main(int argc, char **argv)
{
	struct gs_options opt;

	if (argc != 5 || getenv("GSESSION_RUN_DIR") == NULL || getenv("GSESSION_SHM_DIR") == NULL)
		errx(2, "usage: promises_api INSTANCE STOP START PURGE");
	promises_instance = argv[1];
	promises_stop = argv[2];
	promises_start = argv[3];
	promises_purge = argv[4];
	opt = options();
	promises_attach_first();
	ok_rc(gs_attach(&gs, &opt), 0, "attach: 0");
	if (gs == NULL)
		return 1;
	promises_attach();
	promises_read();
	promises_write();
	promises_readers();
	promises_rings();
	promises_namespaces();
	promises_events();
	promises_end();
	gs_detach(&gs);
	(void)printf("1..%d\n", promises_said);
	return promises_failed > 0;
}
