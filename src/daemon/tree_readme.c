/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/tree_impl.h"

/* Lines that begin with a tab are commands, for a shell in the root of the mount: t/fs/readme.t runs them. */
static const char explained[] =
    "A mount of this store has sessions as files, sessions/RING/KEY (those of a table of another\n"
    "name in its own directory), and control files in control/. gsession-fs(8) says it all.\n"
    "\n"
    "NAMESPACES\n"
    "Give each application one: a directory with sessions of its own, which is there in every ring.\n"
    "\tmkdir -m 700 sessions/active/app\n"
    "\tchown www-data: sessions/active/app\n"
    "Its owner and mode say who may list it and who begins, finds and ends sessions in it, as of\n"
    "any directory. Its limits and its quota are in control/sessions/namespaces/app:\n"
    "\techo 30m > control/sessions/namespaces/app/idle\n"
    "\techo 10000 > control/sessions/namespaces/app/max_sessions\n"
    "A session that was not used for as long as idle says is gone, in whatever ring it is.\n"
    "rmdir removes a namespace that has no sessions.\n"
    "\n"
    "TEMPORARY FILES\n"
    "A new file with a name that control/node/temp_patterns matches, as *.tmp does, is no session:\n"
    "it is staged in memory of this host, and published by a rename to another name, whose session\n"
    "it becomes, or replaces, in one step:\n"
    "\techo value > sessions/active/app/k.tmp\n"
    "\tmv sessions/active/app/k.tmp sessions/active/app/k\n"
    "One that was not written for a minute becomes a session with the name that it has.\n"
    "\n"
    "CONTROL FILES\n"
    "They are listed below, with their directories in control/. Read them with cat, change those\n"
    "with (w) with echo:\n"
    "\techo 30s > control/sessions/rings/active/ttl\n"
    "What you write is checked line by line, all of it or nothing is done; a write that is refused\n"
    "leaves its sentence in control/last_error. Durations are 500ms 30s 5m 2h 7d max, a bare number\n"
    "only 0; sizes are 512 4K 64M. A change outlives a restart of the daemon; `gsession conf show`\n"
    "prints it for the configuration file. control/node/mount is of the mount itself, and not in\n"
    "this list. mkdir in control/sessions/rings makes a ring, which is off, and in classes or\n"
    "namespaces beside it one of those; rmdir removes a ring that is off and empty.\n";

void
tree_readme(const struct tree_place *p, uint64_t offset, FILE *to)
{
	const struct gs_conf_option *o;
	const struct tree_file *f;
	int dir;

	(void)p;
	(void)offset;
	(void)fputs(explained, to);
	for (dir = 0; dir < TREE_DIRS; dir++) {
		if (dir != TREE_RINGS && dir != TREE_CLASSES && dir != TREE_NAMESPACES)
			(void)fprintf(to, "\n%s/\n", tree_dir_pattern((enum tree_dir)dir));
		for (f = tree_files; f->name != NULL; f++) {
			if ((int)f->dir == dir)
				(void)fprintf(to, "    %-14s %s%s\n", f->name, f->help, f->store != NULL ? " (w)" : "");
		}
		for (o = gs_conf_options; o->key != NULL; o++) {
			if ((int)tree_dir_of(o->section) == dir)
				(void)fprintf(to, "    %-14s %s%s\n", o->key, o->help, o->can_change ? " (w)" : "");
		}
	}
}
