/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - gsession-fs: mount a running store as files, and serve it until it is unmounted.
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <errno.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prog/args.h"
#include "prog/log.h"
#include "prog/process.h"

#include "alive.h"
#include "call.h"
#include "hold.h"
#include "kept.h"
#include "ops.h"
#include "options.h"
#include "staged.h"
#include "transport.h"

/* The kernel remembers a mount whose server was killed: take it away, or nothing can be mounted there. */
static void
repair_stale(const char *directory)
{
	struct statvfs st;

	if (statvfs(directory, &st) == 0 || errno != ENOTCONN)
		return;
	log_notice("%s: unmounting what a killed server left", directory);
	if (umount2(directory, MNT_DETACH) != 0)
		log_warn("%s", directory);
}

static int
is_mounted(const char *directory)
{
	FILE *mounts = setmntent("/proc/self/mounts", "r");
	struct mntent *m;
	int found = 0;

	if (mounts == NULL)
		return 0;
	while (!found && (m = getmntent(mounts)) != NULL)
		found = strcmp(m->mnt_dir, directory) == 0 && strcmp(m->mnt_type, "fuse.gsession") == 0;
	(void)endmntent(mounts);
	return found;
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
	if (is_mounted(directory)) {
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
attach(struct mount *m, const struct options *o)
{
	char why[256];
	int rc = mount_open(m, o->instance, o->attr_s, why);

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

static int
serve(struct fuse_session *se, struct mount *m, const struct options *o, const char *directory)
{
	struct fuse_loop_config *cfg = fuse_loop_cfg_create();
	char status[PATH_MAX + 64];
	int rc;

	if (cfg == NULL)
		return EXIT_SYSTEM;
	fuse_loop_cfg_set_max_threads(cfg, MOUNT_THREADS);
	fuse_loop_cfg_set_clone_fd(cfg, 0);
	(void)snprintf(status, sizeof(status), "instance %s at %s", o->instance, directory);
	process_ready(status);
	if (!o->is_foreground)
		log_init("gsession-fs", 1);
	log_info("%s: mounted, instance %s", directory, o->instance);
	rc = fuse_session_loop_mt(se, cfg);
	process_stopping();
	/* While they can still be answered. */
	hold_stop(m->hold);
	staged_stop(m);
	fuse_loop_cfg_destroy(cfg);
	log_info("%s: unmounted", directory);
	/* A signal that ended the loop is its number, and as good an end as umount(8). */
	return rc < 0 ? EXIT_SYSTEM : EXIT_YES;
}

static int
mount_and_serve(struct mount *m, const struct options *o, const char *directory)
{
	char name[] = "gsession-fs", dash_o[] = "-o", list[OPTIONS_FUSE_BYTES];
	char *argv[] = { name, dash_o, list, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	struct fuse_session *se;
	int status = EXIT_SYSTEM;

	memcpy(list, o->fuse, sizeof(list));
	se = fuse_session_new(&args, &ops_table, sizeof(ops_table), m);
	fuse_opt_free_args(&args);
	if (se == NULL) {
		log_errorx("libfuse refused the options %s", o->fuse);
		return EXIT_SYSTEM;
	}
	if (fuse_set_signal_handlers(se) != 0)
		goto out_destroy;
	if (fuse_session_mount(se, directory) != 0) {
		log_errorx("%s: cannot mount; in a container it takes CAP_SYS_ADMIN and /dev/fuse, others than root need fusermount3 (package fuse3)",
		    directory);
		goto out_signals;
	}
	if (transport_begin(se) < 0) {
		log_errorx("libfuse does not let us between it and the kernel");
		goto out_unmount;
	}
	status = serve(se, m, o, directory);
out_unmount:
	fuse_session_unmount(se);
out_signals:
	fuse_remove_signal_handlers(se);
out_destroy:
	fuse_session_destroy(se);
	return status;
}

int
main(int argc, char **argv)
{
	char directory[PATH_MAX];
	struct alive alive;
	struct options o;
	struct poke poke;
	struct mount m;
	int status;

	log_init("gsession-fs", 0);
	status = options_parse(argc, argv, &o);
	if (status < 0)
		status = check_place(o.directory, directory);
	if (status >= 0)
		return status;
	if (!o.is_foreground)
		process_detach();
	kept_begin();
	alive_start(&alive, directory);
	poke_start(&poke, o.instance, directory);
	status = attach(&m, &o);
	if (status < 0) {
		m.poke = &poke;
		status = mount_and_serve(&m, &o, directory);
		mount_close(&m);
	}
	poke_stop(&poke);
	alive_stop(&alive);
	return status;
}
