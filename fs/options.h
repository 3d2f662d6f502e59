/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.h - the command line of gsession-fs, and its -o list.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

enum { OPTIONS_FUSE_BYTES = 1024, OPTIONS_FSNAME_BYTES = 256 };

struct options {
	const char *instance;		/* "default" unless told */
	const char *directory;		/* where to mount, as given */
	bool is_foreground, is_read_only;
	double attr_s;			/* attr_ms, in seconds; 0 is coherence=strict */
	char fsname[OPTIONS_FSNAME_BYTES];	/* what the mount says that it is of */
	bool has_no_xattrs;		/* noxattr */
	char fuse[OPTIONS_FUSE_BYTES];	/* what libfuse is to be told with -o */
};

/* Fill *out from the command line. Returns -1 to go on, or the status to exit with: help was printed, or a fault said. */
int options_parse(int argc, char **argv, struct options *out);

#endif
