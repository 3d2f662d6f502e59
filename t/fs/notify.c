/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify.c - notify FILE MS: `ready` when inotify(7) watches the file for IN_MODIFY, then `modified`, or `nothing` when MS are over.
 */
#include <sys/inotify.h>

#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct pollfd p = { .fd = inotify_init1(IN_CLOEXEC), .events = POLLIN };
	struct inotify_event e;

	if (argc != 3 || p.fd < 0)
		errx(2, "usage: notify FILE MS");
	if (inotify_add_watch(p.fd, argv[1], IN_MODIFY) < 0)
		err(1, "%s", argv[1]);
	(void)puts("ready");
	(void)fflush(stdout);
	if (poll(&p, 1, atoi(argv[2])) != 1) {
		(void)puts("nothing");
		return 0;
	}
	if (read(p.fd, &e, sizeof(e)) != (ssize_t)sizeof(e) || (e.mask & IN_MODIFY) == 0)
		errx(1, "another event");
	(void)puts("modified");
	return 0;
}
