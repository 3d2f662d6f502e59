/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf_impl.h - what the parts of conf share: limits, built-in rings, and where a check failed.
 */
#ifndef GS_CONF_CONF_IMPL_H
#define GS_CONF_CONF_IMPL_H

#include "conf/conf.h"

#define GS_CONF_SESSIONS_MAX (UINT64_C(1) << 27)	/* slots that an index entry can number */
#define GS_CONF_HOLD_MAX (UINT64_C(30) * 24 * 60 * 60 * 1000)
#define GS_CONF_HALF_LIFE_MAX (UINT64_C(100000) * 24 * 60 * 60 * 1000)

enum {
	GS_CONF_OPTIONS = 44,		/* rows of options.def */
	GS_CONF_SLOT_STEP = 64,		/* slot sizes are multiples of it */
	GS_CONF_TEXT_BYTES = 192,	/* any value of one line as text, with its NUL */
	GS_CONF_PATH_MAX = GS_CONF_STORE_BYTES - (int)sizeof("file:"),	/* of a directory in store */
	GS_CONF_LABEL_BYTES = 2 * GS_CONF_NAME_BYTES + 16,	/* "[ring TABLE/NAME]" */
};

/* What of a configuration does not fit: a setting, and the other one that it does not fit to. */
struct gs_conf_fault {
	const struct gs_conf_table *table;
	struct {
		const struct gs_conf_ring *ring;	/* NULL: the setting is the table's, or ... */
		const struct gs_conf_class *of_class;	/* ... that of a class */
		bool is_of_quota;			/* ... that of its quota */
		const char *key;			/* NULL: there is none */
	} at[2];
};

/* gs_conf_check() that says what is at fault. */
int gs_conf_check_at(struct gs_conf *c, struct gs_conf_fault *fault, char why[GS_CONF_WHY_BYTES]);

/* The object that rows of a section are about: settings whose default is the same everywhere get it. */
void gs_conf_fall_back(enum gs_conf_section section, void *at);
/* A new table: the defaults of its rows and the built-in rings. */
void gs_conf_init_table(struct gs_conf_table *t, const char *name);
/* A new ring: what is the same for all rings; not in any chain yet. */
void gs_conf_init_ring(struct gs_conf_ring *r, const char *name);

/* A new class: without limits. */
void gs_conf_init_class(struct gs_conf_class *c, const char *name);

/* A new namespace: of root, without limits. */
void gs_conf_init_namespace(struct gs_conf_namespace *n, const char *name);

/* Does a name mean something else in the control tree? */
bool gs_conf_is_reserved(const char *name);

/* What a row allows, as a sentence without full stop. Returns out. */
char *gs_conf_describe(const struct gs_conf_option *o, char *out, size_t cap);

/* Copy a name or text that fits, the rest filled with NUL. */
void gs_conf_copy_name(char to[GS_CONF_NAME_BYTES], const char *from);
/*
 * A name in one form, however it was escaped, as lines of a file and of the control tree can hold it: at most
 * GS_CONF_OVERRIDE_NAME_BYTES as bytes. Returns its length, or GS_EINVAL, GS_ERANGE.
 */
int gs_conf_normalize_name(char *out, size_t cap, const char *text);
/* Copy text for a message: printable, cut to what cap holds. Returns out. */
char *gs_conf_quote(char *out, size_t cap, const char *text);

#endif
