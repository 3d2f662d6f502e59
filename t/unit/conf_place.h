/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf_place.h - a temporary configuration file for a test, and the comparison of two configurations.
 */
#ifndef T_UNIT_CONF_PLACE_H
#define T_UNIT_CONF_PLACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "gsession.h"

/* A directory with a file `c` and a directory `c.d`. */
struct place {
	char dir[64], path[80];
};

static inline void
write_file(const char *path, const void *text, size_t len)
{
	FILE *to = fopen(path, "w");

	assert_non_null(to);
	assert_int_equal(fwrite(text, 1, len, to), len);
	assert_int_equal(fclose(to), 0);
}

static inline void
write_beside(const struct place *p, const char *name, const char *text)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	write_file(path, text, strlen(text));
}

static inline int
make_place(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	char dir[80];

	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/gsession-test-conf-XXXXXX");
	if (mkdtemp(p->dir) == NULL)
		return -1;
	(void)snprintf(p->path, sizeof(p->path), "%s/c", p->dir);
	(void)snprintf(dir, sizeof(dir), "%s/c.d", p->dir);
	*state = p;
	return mkdir(dir, 0700);
}

static inline int
remove_place(void **state)
{
	struct place *p = *state;
	char command[128];
	int rc;

	(void)snprintf(command, sizeof(command), "rm -r '%s'", p->dir);
	rc = system(command);
	free(p);
	return rc;
}

/* Load text as the one file; why is printed when that fails. */
static inline void
load(const struct place *p, const char *text, struct gs_conf *c)
{
	char why[GS_CONF_WHY_BYTES];

	write_file(p->path, text, strlen(text));
	if (gs_conf_load(c, p->path, why) != GS_OK)
		fail_msg("%s", why);
}

static inline char *
print(const struct gs_conf *c)
{
	char *text;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	gs_conf_print(to, c);
	assert_int_equal(fclose(to), 0);
	return text;
}

/* All members of one struct, by the rows about it. */
static inline void
assert_section_equal(enum gs_conf_section section, const void *a, const void *b)
{
	const struct gs_conf_option *o;
	char one[GS_CONF_VALUE_BYTES], other[GS_CONF_VALUE_BYTES];

	for (o = gs_conf_options; o->key != NULL; o++) {
		if (o->section != section)
			continue;
		gs_conf_get(o, a, one, sizeof(one));
		gs_conf_get(o, b, other, sizeof(other));
		if (strcmp(one, other) != 0)
			fail_msg("%s: \"%s\" and \"%s\"", o->key, one, other);
	}
}

static inline void
assert_conf_equal(const struct gs_conf *a, const struct gs_conf *b)
{
	size_t i, k;

	assert_section_equal(GS_CONF_IN_DAEMON, a, b);
	assert_int_equal(a->n_tables, b->n_tables);
	for (i = 0; i < a->n_tables; i++) {
		const struct gs_conf_table *t = &a->tables[i], *u = &b->tables[i];

		assert_string_equal(t->name, u->name);
		assert_section_equal(GS_CONF_IN_TABLE, t, u);
		assert_section_equal(GS_CONF_IN_QUOTA, &t->quota, &u->quota);
		assert_section_equal(GS_CONF_IN_ROLES, &t->roles, &u->roles);
		assert_int_equal(t->n_classes, u->n_classes);
		for (k = 0; k < t->n_classes; k++) {
			assert_string_equal(t->classes[k].name, u->classes[k].name);
			assert_section_equal(GS_CONF_IN_CLASS, &t->classes[k], &u->classes[k]);
		}
		assert_int_equal(t->n_rings, u->n_rings);
		for (k = 0; k < t->n_rings; k++) {
			assert_string_equal(t->rings[k].name, u->rings[k].name);
			assert_int_equal(t->rings[k].is_suspect, u->rings[k].is_suspect);
			assert_section_equal(GS_CONF_IN_RING, &t->rings[k], &u->rings[k]);
		}
	}
}

#endif
