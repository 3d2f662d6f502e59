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
#include "conf_place.h"
#include "gsession.h"

#define DAY_MS (UINT64_C(24) * 60 * 60 * 1000)
#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

/* A generator good enough to pick rows. */
static uint64_t
random_below(uint64_t *seed, uint64_t n)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (*seed >> 33) % n;
}

static uint64_t
random_duration(uint64_t *seed, uint64_t least)
{
	static const uint64_t units[] = { 1, 1000, 60000, 3600000, DAY_MS };

	return least + random_below(seed, 1000) * units[random_below(seed, N(units))];
}

/* Rings chained as they must be, everything else at random. */
static void
randomize_rings(uint64_t *seed, struct gs_conf_table *t)
{
	static const char *const stores[] = { "shm", "auto", "file:/var/lib/some-where/ring@1" };
	uint64_t ttl_ms = 1, half_life_ms = 0;
	size_t i;

	t->n_rings = 2 + random_below(seed, GS_CONF_RINGS - 1);
	for (i = 0; i < t->n_rings; i++) {
		struct gs_conf_ring *r = &t->rings[i];
		bool is_last = i + 2 >= t->n_rings;

		(void)memset(r, 0, sizeof(*r));
		r->is_suspect = i + 1 == t->n_rings;
		ttl_ms = r->is_suspect || (is_last && random_below(seed, 2) == 0) ? UINT64_MAX : random_duration(seed, ttl_ms);
		half_life_ms = random_below(seed, 2) == 0 ? half_life_ms : random_duration(seed, half_life_ms);
		(void)snprintf(r->name, sizeof(r->name), "ring-%zu.%u", i, (unsigned)random_below(seed, 10));
		if (i == 0)
			(void)strcpy(r->name, "active");
		if (r->is_suspect)
			(void)strcpy(r->name, "suspect");
		if (i > 0)
			(void)strcpy(t->rings[i - 1].decay_to, r->is_suspect ? "none" : r->name);
		(void)strcpy(r->decay_to, "none");
		r->ttl_ms = ttl_ms;
		r->half_life_ms = half_life_ms;
		r->promote = random_below(seed, 3);
		r->promote_to = random_below(seed, 2);
		r->on_full = random_below(seed, 4);
		r->capacity = 1 + random_below(seed, 100000);
		(void)strcpy(r->store, stores[random_below(seed, 3)]);
	}
}

static void
randomize_quota(uint64_t *seed, struct gs_conf_quota *q)
{
	static const char *const names[] = { "a", "192.0.2.7", "with\\040blank", "\\073\\043\\134" };
	static const uint64_t rates[] = { 1, 60, 100 * 60, 50 * 3600, GS_CONF_RATE_MAX_PER_H };
	char line[256], why[GS_CONF_WHY_BYTES];

	q->rate_per_h = rates[random_below(seed, N(rates))];
	q->burst = 1 + random_below(seed, GS_CONF_BURST_MAX);
	q->action = random_below(seed, 3);
	q->hold_ms = random_below(seed, DAY_MS);
	q->release_ms = random_below(seed, DAY_MS);
	q->expel_after = 1 + random_below(seed, 63);
	q->strict = random_below(seed, 2) == 0;
	for (uint64_t n = random_below(seed, GS_CONF_OVERRIDES + 1); n > 0; n--) {
		(void)snprintf(line, sizeof(line), "%s %s%llu %s", random_below(seed, 2) == 0 ? "key" : "owner",
		    names[random_below(seed, N(names))], (unsigned long long)n, random_below(seed, 3) == 0 ? "none" : "7/m 3");
		if (gs_conf_set(gs_conf_find(GS_CONF_IN_QUOTA, "overrides"), q, line, why) != GS_OK)
			fail_msg("%s", why);
	}
}

static void
randomize_roles(uint64_t *seed, struct gs_conf_roles *r)
{
	static const char *const lists[] = { "any", "none", "user:bob", "group:33", "user:web.one group:www-data user:1001" };

	r->starters = random_below(seed, 2);
	(void)strcpy(r->starter, lists[random_below(seed, N(lists))]);
	(void)strcpy(r->worker, lists[random_below(seed, N(lists))]);
	(void)strcpy(r->reader, lists[random_below(seed, N(lists))]);
	(void)strcpy(r->reaper, lists[random_below(seed, N(lists))]);
	(void)strcpy(r->operator, lists[random_below(seed, N(lists))]);
}

static void
randomize_classes(uint64_t *seed, struct gs_conf_table *t)
{
	static const char *const names[] = { "anonymous", "authenticated", "guest", "member.gold", "9", "_x", "bot-1" };

	t->n_classes = 2 + random_below(seed, N(names) - 1);
	for (size_t i = 0; i < t->n_classes; i++) {
		struct gs_conf_class *c = &t->classes[i];

		(void)strcpy(c->name, names[i]);
		c->ttl_ms = random_below(seed, 2) == 0 ? UINT64_MAX : random_duration(seed, 1);
		c->idle_ms = random_below(seed, 2) == 0 ? UINT64_MAX : random_duration(seed, 1);
		if (c->idle_ms != UINT64_MAX && c->idle_ms > c->ttl_ms)
			c->idle_ms = c->ttl_ms;
	}
}

static void
randomize(uint64_t *seed, struct gs_conf *c)
{
	size_t i, k;

	gs_conf_defaults(c);
	c->log_level = random_below(seed, 5);
	c->log_keys = random_below(seed, 2) == 0;
	(void)strcpy(c->group, random_below(seed, 2) == 0 ? "" : "web.users");
	c->n_tables = 1 + random_below(seed, GS_CONF_TABLES);
	for (i = 0; i < c->n_tables; i++) {
		struct gs_conf_table *t = &c->tables[i];

		(void)memset(t, 0, sizeof(*t));
		(void)snprintf(t->name, sizeof(t->name), "t%zu-%u", i, (unsigned)random_below(seed, 1000));
		if (i == 0)
			(void)strcpy(t->name, "sessions");
		t->record_size = 64 + random_below(seed, 65000 - 64 + 1);
		for (k = 0; k < random_below(seed, GS_CONF_CLASSES); k++)
			t->slot_sizes[k] = (k > 0 ? t->slot_sizes[k - 1] : 192) + 64 * (1 + random_below(seed, 300));
		t->key_max = 16 + random_below(seed, 240);
		t->max_sessions = random_below(seed, 2) == 0 ? 0 : 1000000 + random_below(seed, 1000000);
		t->max_lifetime_ms = random_below(seed, 2) == 0 ? UINT64_MAX : random_duration(seed, 1);
		randomize_quota(seed, &t->quota);
		randomize_roles(seed, &t->roles);
		randomize_classes(seed, t);
		randomize_rings(seed, t);
	}
}

static void
what_is_printed_loads_back_equal(void **state)
{
	char why[GS_CONF_WHY_BYTES];
	struct gs_conf c, back;
	uint64_t seed = 4711;
	char *text;
	int i;

	for (i = 0; i < 300; i++) {
		randomize(&seed, &c);
		if (gs_conf_check(&c, why) != GS_OK)
			fail_msg("%s", why);
		text = print(&c);
		load(*state, text, &back);
		assert_conf_equal(&c, &back);
		free(text);
	}
}

/* Load what may be damaged; what is accepted all the same prints and loads back equal. */
static void
load_damaged(const struct place *p, const char *text, size_t len)
{
	char why[GS_CONF_WHY_BYTES] = "";
	struct gs_conf c, back;
	char *printed;

	write_file(p->path, text, len);
	if (gs_conf_load(&c, p->path, why) < 0) {
		assert_memory_equal(why, p->path, strlen(p->path));
		assert_non_null(strchr(why, '"'));
		return;
	}
	printed = print(&c);
	load(p, printed, &back);
	assert_conf_equal(&c, &back);
	free(printed);
}

static void
damaged_files_are_refused_or_mean_what_they_say(void **state)
{
	uint64_t seed = 815;
	struct gs_conf c;
	char *text;
	size_t len, n;
	int i;

	for (i = 0; i < 1500; i++) {
		if (i % 100 == 0)
			randomize(&seed, &c);
		text = print(&c);
		len = strlen(text);
		for (n = 1 + random_below(&seed, 3); n > 0; n--)
			text[random_below(&seed, len)] = (char)random_below(&seed, random_below(&seed, 4) == 0 ? 256 : 128);
		load_damaged(*state, text, random_below(&seed, 4) == 0 ? random_below(&seed, len) : len);
		free(text);
	}
}

static char *
print_template(void)
{
	char *text;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	gs_conf_print_template(to);
	assert_int_equal(fclose(to), 0);
	return text;
}

static void
template_is_all_comments_and_says_the_defaults(void **state)
{
	char *text = print_template(), *from, *to;
	struct gs_conf c, defaults;

	gs_conf_defaults(&defaults);
	for (from = text; *from != '\0'; from = strchr(from, '\n') + 1)
		assert_true(*from == '#' || *from == '\n');
	load(*state, text, &c);
	assert_conf_equal(&c, &defaults);
	/* Settings have their # at once before them, sentences have a blank between. */
	for (from = to = text; *from != '\0'; *to++ = *from++)
		if ((from == text || from[-1] == '\n') && from[0] == '#' && from[1] != ' ' && from[1] != '\n')
			from++;
	*to = '\0';
	load(*state, text, &c);
	assert_conf_equal(&c, &defaults);
	free(text);
}

static void
template_has_every_key_and_its_sentence(void **state)
{
	const struct gs_conf_option *o;
	char *text = print_template(), line[64];

	(void)state;
	for (o = gs_conf_options; o->key != NULL; o++) {
		(void)snprintf(line, sizeof(line), "\n#%s =", o->key);
		assert_non_null(strstr(text, line));
		assert_non_null(strstr(text, o->help));
	}
	free(text);
}

static void
template_in_etc_is_what_is_printed(void **state)
{
	const char *top = getenv("abs_top_srcdir");
	char path[4096], in_etc[16384] = "", *text = print_template();
	FILE *from;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/etc/gsession.conf", top != NULL ? top : ".");
	from = fopen(path, "r");
	assert_non_null(from);
	assert_true(fread(in_etc, 1, sizeof(in_etc) - 1, from) > 0);
	(void)fclose(from);
	assert_string_equal(in_etc, text);
	free(text);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_printed_loads_back_equal),
		T(damaged_files_are_refused_or_mean_what_they_say),
		T(template_is_all_comments_and_says_the_defaults),
		T(template_has_every_key_and_its_sentence),
		T(template_in_etc_is_what_is_printed),
	};

	return cmocka_run_group_tests_name("conf_print", tests, NULL, NULL);
}
