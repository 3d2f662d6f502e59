/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tree_impl.h - what the files of the control tree have in common; private to tree*.c.
 *
 * A directory is one of a few shapes.  A file is either a row of tree_files[]
 * or a setting: a row of gs_conf_options[], whose section says in which
 * directory it stands.
 */
#ifndef GS_DAEMON_TREE_IMPL_H
#define GS_DAEMON_TREE_IMPL_H

#include "daemon/tree.h"

enum { TREE_LINE_BYTES = 4096 };	/* longest line of a write */

enum tree_dir {
	TREE_ROOT,			/* "" */
	TREE_NODE,			/* node */
	TREE_TABLE,			/* <table> */
	TREE_ROLES,			/* <table>/roles */
	TREE_RINGS,			/* <table>/rings */
	TREE_RING,			/* <table>/rings/<ring> */
	TREE_QUOTA,			/* <table>/quota */
	TREE_CLASSES,			/* <table>/classes */
	TREE_CLASS,			/* <table>/classes/<class> */
	TREE_NAMESPACES,		/* <table>/namespaces */
	TREE_NAMESPACE,			/* <table>/namespaces/<namespace> */
	TREE_DIRS
};

struct tree_file;

/* A path, resolved. */
struct tree_place {
	struct manager *m;
	const struct manager_caller *caller;
	enum tree_dir dir;		/* the directory, or the one the file is in */
	size_t table, ring, of_class, of_namespace;	/* indices into m->conf, where the shape has them */
	const struct tree_file *file;	/* a file that is a row, or NULL */
	const struct gs_conf_option *option;	/* a file that is a setting, or NULL */
};

struct tree_file {
	enum tree_dir dir;
	const char *name;		/* NULL ends the table */
	void (*render)(const struct tree_place *p, uint64_t offset, FILE *to);
	/* NULL: read-only. The sentence about a refusal goes to `to`. */
	int (*store)(const struct tree_place *p, const struct tree_request *r, FILE *to);
	const char *help;
};

extern const struct tree_file tree_files[];

/* The directory in which the settings of a section stand. */
enum tree_dir tree_dir_of(enum gs_conf_section section);
/* The pattern of a directory, as in its comment above. */
const char *tree_dir_pattern(enum tree_dir dir);

/* tree_set.c: take the lines of a write. */
int tree_set_option(const struct tree_place *p, const struct tree_request *r, FILE *to);
int tree_set_ctl(const struct tree_place *p, const struct tree_request *r, FILE *to);
void tree_set_verbs(struct manager *m, FILE *to);
/* The struct in c that has the setting's member: the gs_conf, one of its tables, a quota, a ring ... */
void *tree_set_member(struct gs_conf *c, const struct tree_place *p);

/* The lines of a write, one after the other. */
struct tree_lines {
	const char *at, *end;
	char line[TREE_LINE_BYTES + 1];	/* the current one, blanks trimmed */
};
struct tree_lines tree_set_lines(const struct tree_request *r);
/* Returns 1 with the next line in l->line, 0 at the end, or an error with its sentence. */
int tree_set_next_line(struct tree_lines *l, FILE *to);

/* tree_readme.c: what the mount is, and every file of these rows with its help. */
void tree_readme(const struct tree_place *p, uint64_t offset, FILE *to);

/* tree_ring.c: rings that are made and removed, their states, and what another law would do to one. */
int tree_ring_make(const struct tree_place *p, const char *name, const struct tree_request *r, FILE *to);
int tree_ring_remove(const struct tree_place *p, const struct tree_request *r, FILE *to);
/* Is it the state of a ring that drains? Then there is in it what no change of a setting changes. */
bool tree_ring_is_counting(const struct tree_place *p);
/* Behind `draining`: how many sessions are left; nothing for other files. */
void tree_ring_state_left(const struct tree_place *p, FILE *to);
void tree_ring_preview(const struct tree_place *p, uint64_t offset, FILE *to);
int tree_ring_set_preview(const struct tree_place *p, const struct tree_request *r, FILE *to);
/* tree_class.c: classes that are made; they stay, as sessions may be of them. */
int tree_class_make(const struct tree_place *p, const char *name, const struct tree_request *r, FILE *to);
/* tree_namespace.c: namespaces that are made and removed, what they hold, and their quotas. */
int tree_namespace_make(const struct tree_place *p, const char *name, const struct tree_request *r, FILE *to);
int tree_namespace_remove(const struct tree_place *p, const struct tree_request *r, FILE *to);
void tree_namespace_count(const struct tree_place *p, uint64_t offset, FILE *to);
void tree_namespace_quota(const struct tree_place *p, uint64_t offset, FILE *to);
int tree_namespace_set_quota(const struct tree_place *p, const struct tree_request *r, FILE *to);
/* tree_roles.c: what somebody may, and the lease. */
void tree_roles_mine(const struct tree_place *p, uint64_t offset, FILE *to);
void tree_roles_lease(const struct tree_place *p, uint64_t offset, FILE *to);

/* tree_stats.c: print numbers. */
void tree_stats_total(const struct tree_place *p, uint64_t offset, FILE *to);
void tree_stats_table(const struct tree_place *p, uint64_t offset, FILE *to);
void tree_stats_ring(const struct tree_place *p, uint64_t offset, FILE *to);
void tree_stats_metrics(const struct tree_place *p, uint64_t offset, FILE *to);
void tree_stats_count(const struct tree_place *p, uint64_t offset, FILE *to);

#endif
