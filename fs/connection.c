/* SPDX-License-Identifier: BSD-2-Clause */
#include "connection.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "prog/args.h"
#include "prog/log.h"
#include "prog/notify.h"
#include "prog/process.h"

#include "hold.h"
#include "kept.h"
#include "later.h"
#include "ops.h"
#include "staged.h"
#include "transport.h"
#include "unmount.h"

/* Whoever unmounted left nothing of it to serve. */
static bool
has_ended(int fd)
{
	struct pollfd end = { .fd = fd };

	return poll(&end, 1, 0) > 0 && (end.revents & POLLERR) != 0;
}

int
connection_inherit(bool *is_unmounted)
{
	int fd = kept_take(TRANSPORT_CONNECTION);

	*is_unmounted = fd >= 0 && has_ended(fd);
	if (fd >= 0 && !*is_unmounted && transport_can_go_on(fd))
		return fd;
	if (fd >= 0)
		(void)close(fd);
	if (fd >= 0 && !*is_unmounted) {
		/* Before it is mounted anew: as long as it is open somewhere, who waits for the dead one waits on. */
		kept_drop(TRANSPORT_CONNECTION);
		notify_settle();
	}
	return -1;
}

enum { ASKER_MS = 1000, LOOK_MS = 5 };

/* For who handles a signal; NULL: we are at the end. */
static struct fuse_session *served;

/*
 * The next of us begins where a crash would leave it, which is anywhere. But not before systemd has waited for the process of
 * ExecReload=, or it has the reload fail; any other that asks, and stays, is given so long.
 * Who is told to end meanwhile does that.
 */
static void
hand_over(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	for (int ms = 0; ms < ASKER_MS && info->si_pid > 0 && info->si_pid != getppid() && kill(info->si_pid, 0) == 0; ms += LOOK_MS)
		(void)poll(NULL, 0, LOOK_MS);
	if (served != NULL && !fuse_session_exited(served))
		(void)kill(getpid(), SIGKILL);
}

/* Without a supervisor a hangup ends the mount, as it does any other of libfuse. */
static void
handle_hangup(struct fuse_session *se)
{
	const struct sigaction act = { .sa_sigaction = hand_over, .sa_flags = SA_SIGINFO };

	served = se;
	if (kept_is_supervised())
		(void)sigaction(SIGHUP, &act, NULL);
}

static int
loop(struct fuse_session *se, struct mount *m, const struct options *o, const char *directory)
{
	struct fuse_loop_config *cfg = fuse_loop_cfg_create();
	char status[PATH_MAX + 128];
	int rc;

	if (cfg == NULL)
		return EXIT_SYSTEM;
	fuse_loop_cfg_set_max_threads(cfg, MOUNT_THREADS);
	/* None ends before the loop does: the transport counts them. */
	fuse_loop_cfg_set_idle_threads(cfg, MOUNT_THREADS);
	fuse_loop_cfg_set_clone_fd(cfg, 0);
	notify_settle();
	(void)snprintf(status, sizeof(status), "instance %s at %s", o->instance, directory);
	process_ready(status);
	if (!o->is_foreground)
		log_init("gsession-fs", 1);
	rc = fuse_session_loop_mt(se, cfg);
	process_stopping();
	/* It ends with us, though files are open: who went on with it would serve what is mounted nowhere any more. */
	kept_drop(TRANSPORT_CONNECTION);
	notify_settle();
	/* While they can still be answered. */
	hold_stop(m->hold);
	staged_stop(m);
	later_stop(m->later);
	fuse_loop_cfg_destroy(cfg);
	log_info("%s: unmounted", directory);
	/* A signal that ended the loop is its number, and as good an end as umount(8). */
	return rc < 0 ? EXIT_SYSTEM : EXIT_YES;
}

/* Before it is: whoever supervises us is to take it away when we are killed right after. */
static void
tell_place(const char *directory)
{
	char line[PATH_MAX + 32];

	(void)snprintf(line, sizeof(line), "X_GSESSION_MOUNT=%s", directory);
	(void)notify_send(line, -1);
	notify_settle();
}

static int
mount_new(struct fuse_session *se, struct mount *m, const struct options *o, const char *directory)
{
	int status = EXIT_SYSTEM;

	tell_place(directory);
	if (fuse_session_mount(se, directory) != 0) {
		log_errorx("%s: cannot mount; in a container it takes CAP_SYS_ADMIN and /dev/fuse, others than root need fusermount3 (package fuse3)",
		    directory);
		return EXIT_SYSTEM;
	}
	if (transport_begin(m->transport, se) < 0) {
		log_errorx("libfuse does not let us between it and the kernel");
	} else {
		log_info("%s: mounted, instance %s", directory, o->instance);
		status = loop(se, m, o, directory);
	}
	fuse_session_unmount(se);
	return status;
}

static int
go_on(struct fuse_session *se, struct mount *m, const struct options *o, const char *directory)
{
	int status;

	if (transport_take_over(m->transport, se) < 0) {
		log_errorx("libfuse does not let us between it and the kernel");
		return EXIT_SYSTEM;
	}
	log_notice("%s: goes on, instance %s, restarts=%u", directory, o->instance, transport_restarts(m->transport));
	staged_watch(m);
	status = loop(se, m, o, directory);
	if (!has_ended(fuse_session_fd(se)))
		unmount_place(directory);
	return status;
}

int
connection_serve(struct mount *m, const struct options *o, const char *directory, bool is_inherited)
{
	char name[] = "gsession-fs", dash_o[] = "-o", list[OPTIONS_FUSE_BYTES];
	char *argv[] = { name, dash_o, list, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	const struct fuse_lowlevel_ops ops = o->has_no_xattrs ? ops_without_xattrs() : ops_table;
	struct fuse_session *se;
	int status = EXIT_SYSTEM;

	memcpy(list, o->fuse, sizeof(list));
	se = fuse_session_new(&args, &ops, sizeof(ops), m);
	fuse_opt_free_args(&args);
	if (se == NULL) {
		log_errorx("libfuse refused the options %s", o->fuse);
		return EXIT_SYSTEM;
	}
	handle_hangup(se);
	later_begin(m->later, se);
	if (fuse_set_signal_handlers(se) == 0) {
		status = is_inherited ? go_on(se, m, o, directory) : mount_new(se, m, o, directory);
		fuse_remove_signal_handlers(se);
	}
	served = NULL;
	fuse_session_destroy(se);
	return status;
}
