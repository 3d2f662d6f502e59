/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf_diff.h"

#include <string.h>

/* The same place in the three configurations; NULL where one does not have it. */
struct three {
	const void *file, *before, *live;
};

struct diff {
	bool has_before;
	conf_diff_fn *fn;
	void *arg;
	struct conf_difference d;	/* section and path are those under way */
};

static bool
is_equal(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static enum conf_diff_since
since(const struct diff *x, const char *file, const char *before, const char *live)
{
	if (!x->has_before)
		return CONF_DIFF_UNKNOWN;
	if (is_equal(file, before))
		return CONF_DIFF_LIVE;
	return is_equal(live, before) ? CONF_DIFF_FILE : CONF_DIFF_BOTH;
}

static void
tell(struct diff *x, const char *file, const char *before, const char *live)
{
	x->d.file = file;
	x->d.live = live;
	x->d.since = since(x, file, before, live);
	x->fn(x->arg, &x->d);
}

/* Is this one of the lines of a list? */
static bool
has_line(const char *list, const char *line, size_t len)
{
	while (list != NULL && *list != '\0') {
		if (strcspn(list, "\n") == len && memcmp(list, line, len) == 0)
			return true;
		list += strcspn(list, "\n");
		list += *list == '\n';
	}
	return false;
}

/* The lines of one list that are not in the other. */
static void
diff_lines(struct diff *x, const char *in, const char *not_in, const char *before, bool is_file)
{
	char line[GS_CONF_OVERRIDE_NAME_BYTES + 64];

	for (const char *at = in; at != NULL && *at != '\0'; at += *at == '\n') {
		size_t len = strcspn(at, "\n");

		if (len < sizeof(line) && !has_line(not_in, at, len)) {
			memcpy(line, at, len);
			line[len] = '\0';
			const char *was = has_line(before, line, len) ? line : NULL;
			tell(x, is_file ? line : NULL, was, is_file ? NULL : line);
		}
		at += len;
	}
}

static const char *
value(const struct gs_conf_option *o, const void *at, char out[GS_CONF_VALUE_BYTES])
{
	if (at == NULL)
		return NULL;
	gs_conf_get(o, at, out, GS_CONF_VALUE_BYTES);
	return out;
}

/* `auto` leaves it to the daemon where the ring lies. */
static bool
is_open(const struct gs_conf_option *o, const char *file)
{
	return o->type == GS_CONF_STORE && strcmp(file, "auto") == 0;
}

static void
diff_option(struct diff *x, const struct gs_conf_option *o, const struct three *at)
{
	char texts[3][GS_CONF_VALUE_BYTES];
	const char *file = value(o, at->file, texts[0]), *before = value(o, at->before, texts[1]), *live = value(o, at->live, texts[2]);

	if (strcmp(file, live) == 0 || is_open(o, file))
		return;
	x->d.key = o->key;
	x->d.can_change = o->can_change;
	if (o->type == GS_CONF_OVERRIDES_LIST) {
		diff_lines(x, file, live, before, true);
		diff_lines(x, live, file, before, false);
	} else {
		tell(x, file, before, live);
	}
}

/* A section that both have, or one of them. `dir` is its control directory. */
static void
diff_section(struct diff *x, enum gs_conf_section section, const char *name, const char *dir, const struct three *at)
{
	size_t len;

	(void)snprintf(x->d.section, sizeof(x->d.section), "%s", name);
	(void)snprintf(x->d.path, sizeof(x->d.path), "%s", dir);
	x->d.kind = section;
	x->d.in_file = at->file;
	if (at->file == NULL || at->live == NULL) {
		x->d.key = "";
		x->d.can_change = section == GS_CONF_IN_RING || section == GS_CONF_IN_CLASS || section == GS_CONF_IN_NAMESPACE;
		tell(x, at->file == NULL ? NULL : "there", at->before == NULL ? NULL : "there", at->live == NULL ? NULL : "there");
		return;
	}
	len = strlen(x->d.path);
	for (const struct gs_conf_option *o = gs_conf_options; o->key != NULL; o++) {
		if (o->section != section)
			continue;
		(void)snprintf(x->d.path + len, sizeof(x->d.path) - len, "/%s", o->key);
		diff_option(x, o, at);
	}
}

static const struct gs_conf_table *
table_of(const struct gs_conf *c, const char *name)
{
	for (size_t i = 0; c != NULL && i < c->n_tables; i++)
		if (strcmp(c->tables[i].name, name) == 0)
			return &c->tables[i];
	return NULL;
}

static const void *
ring_of(const struct gs_conf_table *t, const char *name)
{
	size_t i = t == NULL ? 0 : gs_conf_ring(t, name);

	return t == NULL || i == t->n_rings ? NULL : &t->rings[i];
}

static const void *
class_of(const struct gs_conf_table *t, const char *name)
{
	size_t i = t == NULL ? 0 : gs_conf_class(t, name);

	return t == NULL || i == t->n_classes ? NULL : &t->classes[i];
}

static const void *
namespace_of(const struct gs_conf_table *t, const char *name)
{
	size_t i = t == NULL ? 0 : gs_conf_namespace(t, name);

	return t == NULL || i == t->n_namespaces ? NULL : &t->namespaces[i];
}

static void
diff_namespace(struct diff *x, const struct gs_conf_table *file, const struct gs_conf_table *before, const struct gs_conf_table *live, const char *name)
{
	const struct three at = { namespace_of(file, name), namespace_of(before, name), namespace_of(live, name) };
	char section[CONF_DIFF_SECTION_BYTES], dir[CONF_DIFF_PATH_BYTES];

	(void)snprintf(section, sizeof(section), "namespace %s/%s", file->name, name);
	(void)snprintf(dir, sizeof(dir), "%s/namespaces/%s", file->name, name);
	diff_section(x, GS_CONF_IN_NAMESPACE, section, dir, &at);
}

static void
diff_ring(struct diff *x, const struct gs_conf_table *file, const struct gs_conf_table *before, const struct gs_conf_table *live, const char *name)
{
	const struct three at = { ring_of(file, name), ring_of(before, name), ring_of(live, name) };
	char section[CONF_DIFF_SECTION_BYTES], dir[CONF_DIFF_PATH_BYTES];

	(void)snprintf(section, sizeof(section), "ring %s/%s", file->name, name);
	(void)snprintf(dir, sizeof(dir), "%s/rings/%s", file->name, name);
	diff_section(x, GS_CONF_IN_RING, section, dir, &at);
}

static void
diff_class(struct diff *x, const struct gs_conf_table *file, const struct gs_conf_table *before, const struct gs_conf_table *live, const char *name)
{
	const struct three at = { class_of(file, name), class_of(before, name), class_of(live, name) };
	char section[CONF_DIFF_SECTION_BYTES], dir[CONF_DIFF_PATH_BYTES];

	(void)snprintf(section, sizeof(section), "class %s/%s", file->name, name);
	(void)snprintf(dir, sizeof(dir), "%s/classes/%s", file->name, name);
	diff_section(x, GS_CONF_IN_CLASS, section, dir, &at);
}

/* Those that only one of the two has, or those that both have. */
static void
diff_parts(struct diff *x, const struct gs_conf_table *file, const struct gs_conf_table *before, const struct gs_conf_table *live, bool in_both)
{
	size_t i;

	for (i = 0; i < file->n_classes; i++)
		if ((class_of(live, file->classes[i].name) != NULL) == in_both)
			diff_class(x, file, before, live, file->classes[i].name);
	for (i = 0; i < live->n_classes; i++)
		if (!in_both && class_of(file, live->classes[i].name) == NULL)
			diff_class(x, file, before, live, live->classes[i].name);
	for (i = 0; i < file->n_namespaces; i++)
		if (in_both && namespace_of(live, file->namespaces[i].name) != NULL)
			diff_namespace(x, file, before, live, file->namespaces[i].name);
	for (i = 0; i < live->n_namespaces; i++)
		if (!in_both && namespace_of(file, live->namespaces[i].name) == NULL)
			diff_namespace(x, file, before, live, live->namespaces[i].name);
	for (i = 0; i < file->n_rings; i++)
		if ((ring_of(live, file->rings[i].name) != NULL) == in_both)
			diff_ring(x, file, before, live, file->rings[i].name);
	for (i = 0; i < live->n_rings; i++)
		if (!in_both && ring_of(file, live->rings[i].name) == NULL)
			diff_ring(x, file, before, live, live->rings[i].name);
}

static void
diff_table(struct diff *x, const char *name, const struct gs_conf_table *file, const struct gs_conf_table *before, const struct gs_conf_table *live)
{
	const struct three of_table = { file, before, live };
	char section[CONF_DIFF_SECTION_BYTES], dir[CONF_DIFF_PATH_BYTES];

	(void)snprintf(section, sizeof(section), "table %s", name);
	diff_section(x, GS_CONF_IN_TABLE, section, name, &of_table);
	if (file == NULL || live == NULL)
		return;
	const struct three of_quota = { &file->quota, before == NULL ? NULL : &before->quota, &live->quota };
	const struct three of_roles = { &file->roles, before == NULL ? NULL : &before->roles, &live->roles };

	/* A quota may be about one that is to be there first. */
	for (size_t i = 0; i < file->n_namespaces; i++)
		if (namespace_of(live, file->namespaces[i].name) == NULL)
			diff_namespace(x, file, before, live, file->namespaces[i].name);
	(void)snprintf(section, sizeof(section), "quota %s", name);
	(void)snprintf(dir, sizeof(dir), "%s/quota", name);
	diff_section(x, GS_CONF_IN_QUOTA, section, dir, &of_quota);
	(void)snprintf(section, sizeof(section), "roles %s", name);
	(void)snprintf(dir, sizeof(dir), "%s/roles", name);
	diff_section(x, GS_CONF_IN_ROLES, section, dir, &of_roles);
	diff_parts(x, file, before, live, false);
	diff_parts(x, file, before, live, true);
}

void
conf_diff(const struct gs_conf *file, const struct gs_conf *before, const struct gs_conf *live, conf_diff_fn *fn, void *arg)
{
	const struct three at = { file, before, live };
	struct diff x = { .has_before = before != NULL, .fn = fn, .arg = arg };
	size_t i;

	diff_section(&x, GS_CONF_IN_DAEMON, "daemon", "node", &at);
	for (i = 0; i < file->n_tables; i++) {
		const char *name = file->tables[i].name;

		diff_table(&x, name, &file->tables[i], table_of(before, name), table_of(live, name));
	}
	for (i = 0; i < live->n_tables; i++) {
		const char *name = live->tables[i].name;

		if (table_of(file, name) == NULL)
			diff_table(&x, name, NULL, table_of(before, name), &live->tables[i]);
	}
}

const char *
conf_diff_since_name(enum conf_diff_since which)
{
	switch (which) {
	case CONF_DIFF_LIVE:
		return "live";
	case CONF_DIFF_FILE:
		return "file";
	case CONF_DIFF_BOTH:
		return "both";
	case CONF_DIFF_UNKNOWN:
		break;
	}
	return "unknown";
}
