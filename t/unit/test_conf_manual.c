/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "conf/conf_impl.h"
#include "conf_place.h"
#include "gsession.h"

enum { MANUAL_BYTES = 32768 };

/* gsession.conf(5) as it is in the source tree. */
static char *
read_manual(void)
{
	const char *top = getenv("abs_top_srcdir");
	char path[4096], *text = calloc(1, MANUAL_BYTES);
	FILE *from;

	(void)snprintf(path, sizeof(path), "%s/man/gsession.conf.5", top != NULL ? top : ".");
	from = fopen(path, "r");
	assert_non_null(from);
	assert_in_range(fread(text, 1, MANUAL_BYTES - 1, from), 1, MANUAL_BYTES - 2);
	(void)fclose(from);
	return text;
}

/* A copy of what stands between two marks, the first after `from`. */
static char *
cut(const char *from, const char *begin, const char *end)
{
	const char *a = strstr(from, begin), *b;

	if (a == NULL)
		fail_msg("the manual has no \"%s\"", begin);
	a += strlen(begin);
	b = strstr(a, end);
	assert_non_null(b);
	return strndup(a, (size_t)(b - a));
}

/* The text of a list's item: up to the next one, or the list's end. */
static char *
cut_item(const char *manual, const char *mark)
{
	char *to_end = cut(manual, mark, "\n.El"), *next = strstr(to_end, "\n.It");

	if (next != NULL)
		next[1] = '\0';
	return to_end;
}

static void
assert_says(const char *item, const char *key, const char *line)
{
	char whole[512];

	(void)snprintf(whole, sizeof(whole), "\n%s", line);
	if (strstr(item, whole) == NULL)
		fail_msg("of %s the manual does not say \"%s\"", key, line);
}

static void
manual_says_of_every_key_what_its_row_says(void **state)
{
	char *manual = read_manual();
	const struct gs_conf_option *o;
	char why[GS_CONF_WHY_BYTES];
	struct gs_conf c;

	(void)state;
	gs_conf_defaults(&c);
	assert_int_equal(gs_conf_add_namespace(&c.tables[0], "app", why), 0);
	for (o = gs_conf_options; o->key != NULL; o++) {
		static const char *const headings[] = {
			[GS_CONF_IN_DAEMON] = "\n.Sh THE DAEMON", [GS_CONF_IN_TABLE] = "\n.Sh TABLES", [GS_CONF_IN_RING] = "\n.Sh RINGS",
			[GS_CONF_IN_QUOTA] = "\n.Sh QUOTAS", [GS_CONF_IN_ROLES] = "\n.Sh ROLES", [GS_CONF_IN_CLASS] = "\n.Sh CLASSES",
			[GS_CONF_IN_NAMESPACE] = "\n.Sh NAMESPACES",
		};
		char mark[64], line[300], allowed[GS_CONF_TEXT_BYTES], value[GS_CONF_TEXT_BYTES], *item;
		const void *at = o->section == GS_CONF_IN_DAEMON ? (void *)&c :
		    o->section == GS_CONF_IN_QUOTA ? (const void *)&c.tables[0].quota :
		    o->section == GS_CONF_IN_CLASS ? (const void *)&c.tables[0].classes[0] :
		    o->section == GS_CONF_IN_NAMESPACE ? (const void *)&c.tables[0].namespaces[0] :
		    o->section == GS_CONF_IN_ROLES ? (const void *)&c.tables[0].roles : &c.tables[0];

		(void)snprintf(mark, sizeof(mark), "\n.It Ic %s", o->key);
		assert_non_null(strstr(manual, headings[o->section]));
		item = cut_item(strstr(manual, headings[o->section]), mark);
		assert_says(item, o->key, o->help);
		(void)snprintf(line, sizeof(line), "Allowed: %s.", gs_conf_describe(o, allowed, sizeof(allowed)));
		assert_says(item, o->key, line);
		if ((strstr(item, "\nCan change at run time") != NULL) != o->can_change)
			fail_msg("of %s the manual says otherwise whether it can change", o->key);
		if (o->section != GS_CONF_IN_RING) {
			gs_conf_get(o, at, value, sizeof(value));
			(void)snprintf(line, sizeof(line), "Default: %s.", value[0] != '\0' ? value : "empty");
			assert_says(item, o->key, line);
		}
		free(item);
	}
	free(manual);
}

static void
manual_has_the_built_in_rings(void **state)
{
	static const char *const keys[] = { "ttl", "half_life", "decay_to", "promote", "capacity", "reserve", "on_full" };
	char *manual = read_manual();
	struct gs_conf c;
	size_t i, k;

	(void)state;
	gs_conf_defaults(&c);
	for (i = 0; i < c.tables[0].n_rings; i++) {
		const struct gs_conf_ring *r = &c.tables[0].rings[i];
		char mark[64], value[GS_CONF_TEXT_BYTES], *row, *rest, *word;

		(void)snprintf(mark, sizeof(mark), "\n%s ", r->name);
		row = rest = cut(manual, mark, "\n");
		for (k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
			rest += strspn(rest, " ");
			word = strsep(&rest, " ");
			gs_conf_get(gs_conf_find(GS_CONF_IN_RING, keys[k]), r, value, sizeof(value));
			assert_string_equal(word, value);
		}
		free(row);
	}
	free(manual);
}

static void
example_of_the_manual_loads(void **state)
{
	char *manual = read_manual(), *example = cut(strstr(manual, ".Sh EXAMPLES"), "-offset indent\n", ".Ed\n");
	struct gs_conf c;

	load(*state, example, &c);
	assert_string_equal(c.group, "www-data");
	assert_int_equal(c.tables[0].rings[0].ttl_ms, 600000);
	assert_string_equal(c.tables[1].name, "tokens");
	assert_int_equal(c.tables[1].n_rings, 2);
	free(example);
	free(manual);
}

static void
errors_look_as_the_manual_shows_them(void **state)
{
	static const char *const wrong[] = {
		"[ring active]\nttl = 5x\n", "[ring warm]\nttl = 4m\n", "[ring active]\nttl = 5m\n  no\n",
	};
	const struct place *p = *state;
	char *manual = read_manual(), *shown = cut(strstr(manual, ".Sh DIAGNOSTICS"), "-offset indent\n", ".Ed\n");
	char why[GS_CONF_WHY_BYTES], *rest = shown, *line;
	struct gs_conf c;
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		line = strsep(&rest, "\n");
		write_file(p->path, wrong[i], strlen(wrong[i]));
		assert_true(gs_conf_load(&c, p->path, why) < 0);
		/* Only the file's name differs. */
		assert_memory_equal(line, "gsession.conf:", 14);
		assert_string_equal(why + strlen(p->path), line + 13);
	}
	assert_string_equal(rest, "");
	free(shown);
	free(manual);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(manual_says_of_every_key_what_its_row_says),
		T(manual_has_the_built_in_rings),
		T(example_of_the_manual_loads),
		T(errors_look_as_the_manual_shows_them),
	};

	return cmocka_run_group_tests_name("conf_manual", tests, NULL, NULL);
}
