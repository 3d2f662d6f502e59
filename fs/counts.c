/* SPDX-License-Identifier: BSD-2-Clause */
#include "counts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 4, STATS_BYTES = 8192, METRICS_BYTES = 1 << 16, MORE_BYTES = 1024 };

enum counts_of { OF_NONE, OF_ALL, METRICS, OF_TABLE, OF_RING, IN_RING, IN_NAMESPACE };

struct counts_file {
	enum counts_of of;
	struct mount_table *table;
	char name[GS_NAME_BYTES];	/* of a ring or a namespace */
};

/* The words between slashes; how many, more than WORDS when there are more or one is too long for a name. */
static size_t
split(const char *path, char words[WORDS][GS_NAME_BYTES])
{
	size_t n = 0, len;

	for (; n < WORDS; path += len + 1) {
		len = strcspn(path, "/");
		if (len >= GS_NAME_BYTES)
			break;
		memcpy(words[n], path, len);
		words[n++][len] = '\0';
		if (path[len] == '\0')
			return n;
	}
	return WORDS + 1;
}

static enum counts_of
kind_of(char words[WORDS][GS_NAME_BYTES], size_t n)
{
	bool is_of_ring = n == 4 && strcmp(words[1], "rings") == 0;

	if (n == 1)
		return strcmp(words[0], "stats") == 0 ? OF_ALL : strcmp(words[0], "metrics") == 0 ? METRICS : OF_NONE;
	if (n == 2 && strcmp(words[1], "stats") == 0)
		return OF_TABLE;
	if (is_of_ring && strcmp(words[3], "stats") == 0)
		return OF_RING;
	if (is_of_ring && strcmp(words[3], "count") == 0)
		return IN_RING;
	return n == 4 && strcmp(words[1], "namespaces") == 0 && strcmp(words[3], "count") == 0 ? IN_NAMESPACE : OF_NONE;
}

/* Which file a path names; false when it is none of these. */
static bool
find(struct mount *m, const char *path, struct counts_file *out)
{
	char words[WORDS][GS_NAME_BYTES] = { "" };
	size_t n = split(path, words);
	int table;

	*out = (struct counts_file){ .of = kind_of(words, n) };
	if (out->of == OF_NONE || n == 1)
		return out->of != OF_NONE;
	table = mount_find_table(m, words[0]);
	if (table < 0 || !mount_has_table(m, (uint32_t)table))
		return false;
	out->table = &m->tables[table];
	if (n == WORDS)
		memcpy(out->name, words[2], sizeof(out->name));
	return true;
}

static ssize_t
print_number(uint64_t n, char *buf, size_t cap)
{
	return snprintf(buf, cap, "%" PRIu64 "\n", n);
}

static ssize_t
print_population(const struct counts_file *f, char *buf, size_t cap)
{
	struct gs_ring_info rings[MOUNT_RINGS];
	uint32_t n = mount_rings(f->table, rings);

	for (uint32_t i = 0; i < n; i++)
		if (strcmp(rings[i].name, f->name) == 0)
			return print_number(rings[i].count, buf, cap);
	return GS_ENOENT;
}

static ssize_t
print_of_namespace(const struct counts_file *f, char *buf, size_t cap)
{
	struct gs_namespace_info info;
	int rc = gs_find_namespace(f->table->gs, f->name, 0, &info);

	return rc < 0 ? rc : print_number(info.count, buf, cap);
}

/* The tables, as many as there are. */
static size_t
all_tables(const struct mount *m, struct gs *out[MOUNT_TABLES])
{
	size_t n = 0;

	for (uint32_t i = 0; i < m->n_tables; i++)
		if (mount_has_table(m, i))
			out[n++] = m->tables[i].gs;
	return n;
}

/* The length of all of it, or an enum gs_err. */
static ssize_t
print(const struct mount *m, const struct counts_file *f, char *buf, size_t cap)
{
	struct gs *all[MOUNT_TABLES];

	switch (f->of) {
	case OF_ALL:
		return gs_stats_all(all, all_tables(m, all), buf, cap);
	case METRICS:
		return gs_metrics(all, all_tables(m, all), buf, cap);
	case OF_TABLE:
		return gs_stats(f->table->gs, NULL, buf, cap);
	case OF_RING:
		return gs_stats(f->table->gs, f->name, buf, cap);
	case IN_RING:
		return print_population(f, buf, cap);
	case IN_NAMESPACE:
		return print_of_namespace(f, buf, cap);
	case OF_NONE:
		break;
	}
	return GS_ENOENT;
}

/* Its text, of malloc(); the same. */
static ssize_t
get(const struct mount *m, const struct counts_file *f, char **text)
{
	size_t cap = f->of == METRICS ? METRICS_BYTES : STATS_BYTES;
	ssize_t n = 0;

	do {
		/* The numbers may have grown since it was found too long. */
		cap = (size_t)n < cap ? cap : (size_t)n + MORE_BYTES;
		free(*text);
		*text = malloc(cap);
		n = *text == NULL ? GS_ENOMEM : print(m, f, *text, cap);
	} while (n >= (ssize_t)cap);
	return n;
}

/* Its line, as the daemon lists it; the same. */
static ssize_t
stat_line(const struct counts_file *f, const char *path, char **text)
{
	const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
	size_t cap = sizeof("f 0440 \n") + strlen(name);
	struct gs_namespace_info info;

	if ((f->of == OF_RING || f->of == IN_RING) && mount_find_ring(f->table, f->name) < 0)
		return GS_ENOENT;
	if (f->of == IN_NAMESPACE && gs_find_namespace(f->table->gs, f->name, 0, &info) < 0)
		return GS_ENOENT;
	*text = malloc(cap);
	return *text == NULL ? GS_ENOMEM : snprintf(*text, cap, "f 0440 %s\n", name);
}

/* Is its table one of before a purge? Then the mount goes over to the new one, with its next request. */
static bool
is_gone(struct mount *m, const struct counts_file *f)
{
	return f->table != NULL && gs_multi_get(f->table->gs, NULL, 0) == GS_EGONE && mount_errno(m, GS_EGONE) != 0;
}

bool
counts_answers(const struct call *c, struct ctlpool *pool, enum gs_wire_verb verb, const char *path, char **text, size_t *len)
{
	struct counts_file f;
	uint64_t turn;
	ssize_t n;

	if ((verb != GS_VERB_GET && verb != GS_VERB_STAT) || !find(c->m, path, &f) || !ctlpool_is_there(pool, &turn) ||
	    is_gone(c->m, &f))
		return false;
	*text = NULL;
	n = verb == GS_VERB_GET ? get(c->m, &f, text) : stat_line(&f, path, text);
	if (n < 0) {
		if (n == GS_EGONE)
			(void)mount_errno(c->m, GS_EGONE);
		free(*text);
		*text = NULL;
		return false;
	}
	*len = (size_t)n;
	return true;
}
