/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * draft.h - a configuration while its files are being read: settings with the place each came from.
 *
 * Rings are in the order in which they were mentioned, built-in ones first;
 * gs_conf_draft_finish() orders them along decay_to and drops built-in rings that
 * nothing mentions and nothing reaches.
 */
#ifndef GS_CONF_DRAFT_H
#define GS_CONF_DRAFT_H

#include "conf/conf_impl.h"
#include "conf/ini.h"

/* Where something was said; line 0: nowhere, it is a default. */
struct gs_place {
	uint32_t file;			/* index into the list of files */
	uint32_t line;
};

/* A section: where it was last opened, and each of its settings, by row of options.def. */
struct gs_conf_draft_section {
	struct gs_place opened;
	struct gs_place set[GS_CONF_OPTIONS];
};

enum { GS_DRAFT_RINGS = GS_CONF_RINGS + 4 };	/* as many, and the built-in ones that may be dropped */

struct gs_conf_draft_table {
	struct gs_conf_table table;	/* rings apart */
	struct gs_conf_draft_section section, quota_section, roles_section;
	struct gs_conf_ring rings[GS_DRAFT_RINGS];
	struct gs_conf_draft_section ring_sections[GS_DRAFT_RINGS];
	struct gs_conf_draft_section class_sections[GS_CONF_SESSION_CLASSES];	/* beside table.classes */
	struct gs_conf_draft_section namespace_sections[GS_CONF_NAMESPACES];	/* beside table.namespaces */
	size_t n_rings, n_built_in;
};

struct gs_conf_draft {
	struct gs_conf daemon;		/* tables apart */
	struct gs_conf_draft_section section;
	struct gs_conf_roles roles;	/* of [roles]: what the tables have where they have none of their own */
	struct gs_conf_draft_section roles_section;
	struct gs_conf_draft_table tables[GS_CONF_TABLES];
	size_t n_tables;
	uint32_t file;			/* the file being read */
	/* The section being read. */
	enum gs_conf_section kind;
	void *at;			/* the struct that its rows are about */
	struct gs_conf_draft_section *into;
};

void gs_conf_draft_init(struct gs_conf_draft *d);
/* For gs_ini_calls: arg is the draft. */
int gs_conf_draft_open_section(void *arg, unsigned line, const char *name, char why[GS_CONF_WHY_BYTES]);
int gs_conf_draft_set(void *arg, unsigned line, const char *key, const char *value, char why[GS_CONF_WHY_BYTES]);

/* Put the parts together. An error's place goes to *place. */
int gs_conf_draft_finish(struct gs_conf_draft *d, struct gs_conf *out, struct gs_place *place, char why[GS_CONF_WHY_BYTES]);
/* Where a setting at fault was written, or the one that it does not fit to; line 0 for nowhere. */
struct gs_place gs_conf_draft_find_fault(const struct gs_conf_draft *d, const struct gs_conf_fault *fault);

#endif
