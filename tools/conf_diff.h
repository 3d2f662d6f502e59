/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf_diff.h - how the settings in force differ from what the files say, setting by setting.
 */
#ifndef TOOLS_CONF_DIFF_H
#define TOOLS_CONF_DIFF_H

#include "conf/conf.h"

enum { CONF_DIFF_SECTION_BYTES = 80, CONF_DIFF_PATH_BYTES = 160 };

/* Which of the two was changed since the daemon read the files. */
enum conf_diff_since { CONF_DIFF_UNKNOWN, CONF_DIFF_LIVE, CONF_DIFF_FILE, CONF_DIFF_BOTH };

struct conf_difference {
	char section[CONF_DIFF_SECTION_BYTES];	/* as in the file, without its brackets */
	const char *key;		/* "": the section itself is in one of the two only */
	const char *file, *live;	/* the values; NULL: it does not have this */
	enum conf_diff_since since;
	char path[CONF_DIFF_PATH_BYTES];	/* the control file, or directory */
	bool can_change;		/* while the daemon runs */
	enum gs_conf_section kind;	/* of the section, and as the file has it, for gs_conf_get(); NULL: it does not */
	const void *in_file;
};

/* Called for each difference; its strings last as long as the call. */
typedef void conf_diff_fn(void *arg, const struct conf_difference *d);

/*
 * Compare; before is what the files said when the daemon read them, or NULL. Tables, rings, classes and namespaces go by their
 * names; of lists each line is one. Of a table, sections that only one has come before settings of those that both have.
 */
void conf_diff(const struct gs_conf *file, const struct gs_conf *before, const struct gs_conf *live, conf_diff_fn *fn, void *arg);

/* "live", "file", "both", "unknown". */
const char *conf_diff_since_name(enum conf_diff_since since);

#endif
