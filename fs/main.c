/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - gsession-fs: mount a running store as files, and serve it until it is unmounted.
 */
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prog/args.h"
#include "prog/log.h"
#include "prog/notify.h"
#include "prog/process.h"

#include "alive.h"
#include "connection.h"
#include "kept.h"
#include "mount.h"
#include "options.h"
#include "poke.h"
#include "staged.h"
#include "unmount.h"

/* The kernel remembers a mount whose server was killed: take it away, or nothing can be mounted there. */
static void
repair_stale(const char *directory)
{
	struct statvfs st;

	if (statvfs(directory, &st) == 0 || errno != ENOTCONN)
		return;
	log_notice("%s: unmounting what a killed server left", directory);
	unmount_place(directory);
}

/* Say what hinders, and what to do about it. Returns -1 to go on, or the status to exit with. */
static int
check_place(const char *given, char directory[PATH_MAX])
{
	struct stat st;

	repair_stale(given);
	if (realpath(given, directory) == NULL) {
		log_errorx("%s: %s; make the directory first: mkdir -p %s", given, strerror(errno), given);
		return EXIT_USAGE;
	}
	if (stat(directory, &st) != 0 || !S_ISDIR(st.st_mode)) {
		log_errorx("%s: not a directory, and only on one can be mounted", directory);
		return EXIT_USAGE;
	}
	if (unmount_is_ours(directory)) {
		log_errorx("%s: a store is mounted there already; umount %s first", directory, directory);
		return EXIT_REFUSED;
	}
	if (access("/dev/fuse", F_OK) != 0) {
		log_errorx("/dev/fuse is missing: modprobe fuse, or give the container --device /dev/fuse; "
		    "without the mount, gsession(1) and libgsession(3) work all the same");
		return EXIT_SYSTEM;
	}
	if (geteuid() != 0 && access("/dev/fuse", R_OK | W_OK) != 0) {
		log_errorx("only root may mount here, as /dev/fuse is closed to others: sudo gsession-fs %s", given);
		return EXIT_SYSTEM;
	}
	return -1;
}

static int
attach(struct mount *m, const struct options *o, int fd)
{
	char why[256];
	int rc = mount_open(m, o->instance, o->attr_s, fd, why);

	if (rc == GS_EDOWN || rc == GS_ETIMEDOUT) {
		log_errorx("no daemon serves instance %s: start it with gsessiond -i %s", o->instance, o->instance);
		return EXIT_DOWN;
	}
	if (rc < 0) {
		log_errorx("%s", why);
		return rc == GS_EACCES ? EXIT_REFUSED : EXIT_SYSTEM;
	}
	return -1;
}

/*
 * A mount that was taken away while nobody served it has left files that are to become sessions, as at its end by our own hand.
 * Returns -1 to go on, or the status to exit with: it is tried again then.
 */
static int
wind_up(const struct options *o)
{
	struct mount m;
	int status = staged_has_left() ? attach(&m, o, -1) : EXIT_YES;

	if (status == EXIT_DOWN)
		return status;
	if (status < 0) {
		staged_stop(&m);
		mount_close(&m);
	}
	kept_drop_all();
	notify_settle();
	return -1;
}

/* Of a mount that stands nothing can be asked before it is served. */
static int
name_place(const char *given, char directory[PATH_MAX])
{
	char here[PATH_MAX] = "";

	if (given[0] != '/' && getcwd(here, sizeof(here)) == NULL)
		return EXIT_SYSTEM;
	return snprintf(directory, PATH_MAX, "%s%s%s", here, here[0] != '\0' ? "/" : "", given) < PATH_MAX ? -1 : EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	char directory[PATH_MAX];
	struct alive alive;
	struct options o;
	struct poke poke;
	struct mount m;
	bool is_unmounted;
	int status, fd;

	log_init("gsession-fs", 0);
	status = options_parse(argc, argv, &o);
	if (status >= 0)
		return status;
	kept_begin();
	fd = connection_inherit(&is_unmounted);
	status = fd < 0 && kept_has_any() ? wind_up(&o) : -1;
	if (status >= 0)
		return status;
	if (is_unmounted && kept_ends_with_mount()) {
		log_info("%s: unmounted", o.directory);
		return EXIT_YES;
	}
	status = fd >= 0 ? name_place(o.directory, directory) : check_place(o.directory, directory);
	if (status >= 0)
		return status;
	if (!o.is_foreground)
		process_detach();
	alive_start(&alive, directory);
	poke_start(&poke, o.instance, directory);
	status = attach(&m, &o, fd);
	if (status < 0) {
		m.poke = &poke;
		/* Who watches knows the file of old. */
		if (fd >= 0)
			poke_want(&poke);
		status = connection_serve(&m, &o, directory, fd >= 0);
		mount_close(&m);
	}
	poke_stop(&poke);
	alive_stop(&alive);
	return status;
}
