/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - gsessiond: the manager of an instance's memory.
 */
#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/errors.h"
#include "base/paths.h"
#include "daemon/drain.h"
#include "daemon/events.h"
#include "daemon/manager.h"
#include "daemon/server.h"
#include "prog/args.h"
#include "prog/log.h"
#include "prog/process.h"

#define DEFAULT_CONF GS_CONF_PATH
#define SYNOPSIS "[-i INSTANCE] [-c FILE] [-t | -d | --purge]"

struct options {
	const char *instance, *conf_path;
	bool test_only, detach, purge;
};

enum { OPT_INSTANCE, OPT_CONF, OPT_TEST, OPT_DETACH, OPT_PURGE, OPT_HELP, OPT_VERSION, OPT_LONG };

static const struct args_option table[] = {
	[OPT_INSTANCE] = { 'i', "instance", "NAME", "serve this instance (default)" },
	[OPT_CONF] = { 'c', "conf", "FILE", "read this configuration (" DEFAULT_CONF " if it is there)" },
	[OPT_TEST] = { 't', "test", NULL, "check the configuration and stop" },
	[OPT_DETACH] = { 'd', "detach", NULL, "go to the background when ready" },
	[OPT_PURGE] = { 0, "purge", NULL, "end every session of a stopped instance and give its memory back" },
	[OPT_HELP] = { 'h', "help", NULL, "say this" },
	[OPT_VERSION] = { 'V', "version", NULL, "say the version" },
	[OPT_LONG] = { 0, "long-options", NULL, "list the options, for completion" },
	{ 0, NULL, NULL, NULL },
};

static void
parse(int argc, char **argv, struct options *o)
{
	const char *value;
	int at = 1, i;

	while ((i = args_next(argc, argv, &at, table, &value)) >= 0)
		switch (i) {
		case OPT_INSTANCE:
			o->instance = value;
			break;
		case OPT_CONF:
			o->conf_path = value;
			break;
		case OPT_TEST:
			o->test_only = true;
			break;
		case OPT_DETACH:
			o->detach = true;
			break;
		case OPT_PURGE:
			o->purge = true;
			break;
		case OPT_HELP:
			args_usage(stdout, "gsessiond", SYNOPSIS, table);
			exit(EXIT_YES);
		case OPT_VERSION:
			(void)puts("gsessiond " PACKAGE_VERSION);
			exit(EXIT_YES);
		case OPT_LONG:
			args_long_options(stdout, table);
			exit(EXIT_YES);
		}
	if (i == -2 || at < argc) {
		args_usage(stderr, "gsessiond", SYNOPSIS, table);
		exit(EXIT_USAGE);
	}
}

/* The directory of socket and pid file, for everybody to look through. */
static void
make_run_dir(void)
{
	char path[PATH_MAX];
	struct stat st;

	if (gs_path_run_dir(path, sizeof(path), NULL) < 0)
		return;
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		log_fatal("%s", path);
	/* Whoever owns it can put his own socket in the place of ours. */
	if (lstat(path, &st) < 0)
		log_fatal("%s", path);
	if (!S_ISDIR(st.st_mode) || (st.st_uid != geteuid() && st.st_uid != 0)) {
		log_errorx("%s belongs to uid %u: remove it, or set GSESSION_RUN_DIR", path, st.st_uid);
		exit(EXIT_REFUSED);
	}
}

static void
load_conf(struct gs_conf *c, struct options *o)
{
	char why[GS_CONF_WHY_BYTES];

	/* Without -c the system's file is read if there is one; the built-in defaults serve one host. */
	if (o->conf_path == NULL && access(DEFAULT_CONF, F_OK) == 0)
		o->conf_path = DEFAULT_CONF;
	if (gs_conf_load(c, o->conf_path, why) < 0) {
		log_errorx("%s", why);
		exit(EXIT_USAGE);
	}
}

static void
take_pidfile(const char *instance)
{
	char path[PATH_MAX];
	int other = 0, rc = gs_path_pidfile(path, sizeof(path), NULL, instance);

	if (rc == 0)
		rc = process_pidfile(path, &other);
	if (rc == GS_EBUSY) {
		log_errorx("instance %s: gsessiond runs already (pid %d): stop it first, or choose another instance with -i", instance, other);
		exit(EXIT_REFUSED);
	}
	if (rc < 0)
		log_fatal("%s", path);
}

static void
give_up(int rc, const char *why)
{
	log_errorx("%s", why);
	process_pidfile_remove();
	exit(gs_error_status(rc));
}

static int
purge(const struct options *o)
{
	static struct gs_conf conf;
	const char *path = o->conf_path != NULL ? o->conf_path : access(DEFAULT_CONF, F_OK) == 0 ? DEFAULT_CONF : NULL;
	char why[GS_CONF_WHY_BYTES];
	int rc;

	/* A memory that a bad file made must be got rid of too. */
	if (gs_conf_load(&conf, path, why) < 0) {
		log_warnx("%s: rings on disks are looked for where the built-in defaults have them", why);
		gs_conf_defaults(&conf);
	}
	rc = manager_purge(o->instance, &conf, why);

	if (rc < 0)
		log_errorx("%s", why);
	return gs_error_status(rc);
}

static void
serve(struct manager *m, const struct gs_conf *conf, bool detached)
{
	char why[GS_CONF_WHY_BYTES] = "", path[PATH_MAX];
	struct server *s = NULL;
	int rc = manager_open(m, conf, why);

	if (rc < 0)
		give_up(rc, why);
	rc = gs_path_socket(path, sizeof(path), NULL, m->instance);
	if (rc == 0)
		rc = server_open(&s, m, path, why);
	if (rc < 0)
		give_up(rc, why);
	log_notice("instance %s: serving (pid %d, socket %s)", m->instance, (int)getpid(), path);
	process_ready("serving");
	/* Our standard error is nobody's now. */
	if (detached)
		log_init("gsessiond", 1);
	rc = server_run(s);
	/* The next daemon goes on behind all that this one has told. */
	drain_round(m);
	process_stopping();
	log_notice("instance %s: stopping, the memory stays", m->instance);
	server_close(&s);
	manager_close(m);
	if (rc < 0)
		log_fatal("waiting for events");
}

int
main(int argc, char **argv)
{
	static struct gs_conf conf;
	static struct manager m;
	struct options o = { .instance = "default" };

	log_init("gsessiond", 0);
	/* Whoever reads the log may end before us. */
	(void)signal(SIGPIPE, SIG_IGN);
	parse(argc, argv, &o);
	if (!gs_name_is_valid(o.instance)) {
		log_errorx("instance \"%s\": a name is 1 to 31 of a-z 0-9 _ . -", o.instance);
		return EXIT_USAGE;
	}
	if (o.purge)
		return purge(&o);
	load_conf(&conf, &o);
	if (o.test_only) {
		(void)puts("configuration ok");
		return EXIT_YES;
	}
	log_set_level((enum log_level)conf.log_level);
	make_run_dir();
	if (o.detach)
		process_detach();
	take_pidfile(o.instance);
	m.instance = o.instance;
	m.conf_path = o.conf_path;
	m.events = events_new();
	if (m.events == NULL)
		log_fatalx("out of memory");
	serve(&m, &conf, o.detach);
	events_free(&m.events);
	process_pidfile_remove();
	return EXIT_YES;
}
