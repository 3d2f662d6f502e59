/* SPDX-License-Identifier: BSD-2-Clause */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/paths.h"
#include "base/text.h"
#include "prog/args.h"

#define NAME "gsession-fs"
#define SYNOPSIS "[-i INSTANCE] [-f] [-o OPTIONS] DIRECTORY"
#define ALWAYS "nosuid,nodev,noexec,noatime,subtype=gsession"

enum { MOST_ATTR_MS = 60000 };

enum { OPT_INSTANCE, OPT_FOREGROUND, OPT_OPTIONS, OPT_HELP, OPT_VERSION, OPT_LONG };

static const struct args_option table[] = {
	[OPT_INSTANCE] = { 'i', "instance", "NAME", "whose store to mount (default: default)" },
	[OPT_FOREGROUND] = { 'f', "foreground", NULL, "stay in the foreground" },
	[OPT_OPTIONS] = { 'o', "options", "LIST", "attr_ms=N, coherence=strict, fsname=NAME, noxattr, ro, and what fstab may say" },
	[OPT_HELP] = { 'h', "help", NULL, "print this" },
	[OPT_VERSION] = { 'V', "version", NULL, "print the version" },
	[OPT_LONG] = { 0, "long-options", NULL, "print every option, one to a line" },
	{ 0, NULL, NULL, NULL },
};

/* What we set anyway, what means nothing to us, and what fstab says to others. */
static bool
is_idle(const char *o)
{
	static const char *const names[] = {
		"defaults", "rw", "nosuid", "nodev", "noexec", "noatime", "allow_other",
		"auto", "noauto", "user", "nouser", "users", "nofail", "_netdev", "async",
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(o, names[i]) == 0)
			return true;
	return strncmp(o, "x-", 2) == 0 || strncmp(o, "comment=", 8) == 0;
}

static int
set_attr_ms(const char *text, struct options *out)
{
	uint64_t ms;

	if (gs_text_parse_count(text, &ms) < 0 || ms > MOST_ATTR_MS) {
		(void)fprintf(stderr, NAME ": attr_ms=%s: give milliseconds, 0 to %d\n", text, MOST_ATTR_MS);
		return EXIT_USAGE;
	}
	out->attr_s = (double)ms / 1000;
	return -1;
}

/* The kernel believes nothing, so that it asks us each time. */
static int
set_coherence(const char *text, struct options *out)
{
	if (strcmp(text, "strict") != 0) {
		(void)fprintf(stderr, NAME ": coherence=%s: there is only strict; attr_ms=N says how far from it is allowed\n", text);
		return EXIT_USAGE;
	}
	out->attr_s = 0;
	return -1;
}

/*
 * What the mount says that it is of; mount -a takes a line of fstab for mounted where it says the same. There must be one that is
 * no device: with the /dev/fuse that it would be else, systemd ends the mount as that is no unit of its.
 */
static int
set_fsname(const char *text, struct options *out)
{
	if (text[0] == '\0' || strlen(text) >= sizeof(out->fsname) || strncmp(text, "/dev/", 5) == 0) {
		(void)fprintf(stderr, NAME ": fsname=%s: 1 to %zu bytes, and no device\n", text, sizeof(out->fsname) - 1);
		return EXIT_USAGE;
	}
	memcpy(out->fsname, text, strlen(text) + 1);
	return -1;
}

static int
take_one(const char *o, struct options *out)
{
	if (o[0] == '\0' || is_idle(o))
		return -1;
	if (strncmp(o, "attr_ms=", 8) == 0)
		return set_attr_ms(o + 8, out);
	if (strncmp(o, "coherence=", 10) == 0)
		return set_coherence(o + 10, out);
	if (strncmp(o, "fsname=", 7) == 0)
		return set_fsname(o + 7, out);
	if (strcmp(o, "noxattr") == 0) {
		out->has_no_xattrs = true;
		return -1;
	}
	if (strcmp(o, "ro") == 0) {
		out->is_read_only = true;
		return -1;
	}
	(void)fprintf(stderr, NAME ": -o %s: unknown; there are attr_ms=N, coherence=strict, fsname=NAME, noxattr and ro, "
	    "and what fstab says to others is passed over\n", o);
	return EXIT_USAGE;
}

static int
take_list(const char *list, struct options *out)
{
	char *copy = strdup(list), *save = NULL, *o;
	int status = -1;

	if (copy == NULL)
		return EXIT_SYSTEM;
	for (o = strtok_r(copy, ",", &save); o != NULL && status < 0; o = strtok_r(NULL, ",", &save))
		status = take_one(o, out);
	free(copy);
	return status;
}

static int
take(int which, const char *value, struct options *out)
{
	switch (which) {
	case OPT_INSTANCE:
		out->instance = value;
		if (gs_name_is_valid(value))
			return -1;
		(void)fprintf(stderr, NAME ": %s: an instance's name is 1 to 31 of a-z 0-9 _ . -\n", value);
		return EXIT_USAGE;
	case OPT_FOREGROUND:
		out->is_foreground = true;
		return -1;
	case OPT_OPTIONS:
		return take_list(value, out);
	case OPT_HELP:
		args_usage(stdout, NAME, SYNOPSIS, table);
		return EXIT_YES;
	case OPT_VERSION:
		(void)printf(NAME " %s\n", PACKAGE_VERSION);
		return EXIT_YES;
	case OPT_LONG:
		args_long_options(stdout, table);
		return EXIT_YES;
	}
	return EXIT_USAGE;
}

/* For libfuse, to which a backslash is none. */
static void
write_fuse(struct options *out)
{
	char name[2 * sizeof(out->fsname)], *to = name;
	const char *from;

	for (from = out->fsname; *from != '\0'; from++) {
		if (*from == '\\')
			*to++ = '\\';
		*to++ = *from;
	}
	*to = '\0';
	/* Others than root may let others in only where the administrator says so. */
	(void)snprintf(out->fuse, sizeof(out->fuse), ALWAYS ",fsname=%s%s%s", name, geteuid() == 0 ? ",allow_other" : "",
	    out->is_read_only ? ",ro" : "");
}

int
options_parse(int argc, char **argv, struct options *out)
{
	const char *value;
	int at = 1, which, status;

	memset(out, 0, sizeof(*out));
	out->instance = "default";
	out->attr_s = 0.004;
	(void)snprintf(out->fsname, sizeof(out->fsname), "gsession");
	/* mount(8) puts its options behind the directory. */
	for (;;) {
		which = args_next(argc, argv, &at, table, &value);
		if (which == -1 && at < argc && out->directory == NULL) {
			out->directory = argv[at++];
			continue;
		}
		if (which == -1)
			break;
		status = which < 0 ? EXIT_USAGE : take(which, value, out);
		if (status >= 0)
			return status;
	}
	if (out->directory == NULL || at < argc) {
		args_usage(stderr, NAME, SYNOPSIS, table);
		return EXIT_USAGE;
	}
	write_fuse(out);
	return -1;
}
