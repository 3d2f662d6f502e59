/* SPDX-License-Identifier: BSD-2-Clause */
#include "live_conf.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "base/cleanup.h"
#include "base/paths.h"
#include "cmd.h"

#define KEPT_FILE "conf.file"		/* as daemon/manager.c names it in the instance's directory */

enum { PATH_BYTES = 192 };

struct reading {
	struct gs_ctl *ctl;
	unsigned n_requests;
	int rc;				/* the first failure stops further reading */
	char *why;			/* GS_CONF_WHY_BYTES */
};

/* Malloc'ed, or NULL with r->rc set. */
static char *
ask(struct reading *r, enum gs_wire_verb verb, const char *path)
{
	char *text;
	size_t len;

	if (r->rc < 0)
		return NULL;
	r->n_requests++;
	r->rc = gs_ctl_request(r->ctl, verb, path, "", 0, 0, NULL, &text, &len);
	if (r->rc == 0)
		return text;
	(void)snprintf(r->why, GS_CONF_WHY_BYTES, "%s: %.400s", path[0] == '\0' ? "control tree" : path, text[0] == '\0' ? gs_strerror(r->rc) : text);
	free(text);
	return NULL;
}

/* The settings of one section from the control directory `dir` into the struct `at`. */
static void
read_section(struct reading *r, enum gs_conf_section section, const char *dir, void *at)
{
	char path[PATH_BYTES];

	for (const struct gs_conf_option *o = gs_conf_options; o->key != NULL && r->rc == 0; o++) {
		if (o->section != section)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir, o->key);
		GS_CLEANUP_FREE char *text = ask(r, GS_VERB_GET, path);
		if (text == NULL)
			return;
		/* Behind a word there may be more to read: `draining 12`. */
		if (o->type != GS_CONF_OVERRIDES_LIST)
			text[strcspn(text, o->type == GS_CONF_WORD ? " \n" : "\n")] = '\0';
		r->rc = gs_conf_set(o, at, text, r->why);
	}
}

static void
read_classes(struct reading *r, struct gs_conf_table *t)
{
	char path[PATH_BYTES];
	struct cmd_entry entry;

	(void)snprintf(path, sizeof(path), "%s/classes", t->name);
	GS_CLEANUP_FREE char *list = ask(r, GS_VERB_LIST, path);
	for (const char *at = list; at != NULL && r->rc == 0 && t->n_classes < GS_CONF_SESSION_CLASSES && cmd_next_entry(&at, &entry);) {
		struct gs_conf_class *c = &t->classes[t->n_classes++];

		(void)snprintf(c->name, sizeof(c->name), "%.31s", entry.name);
		(void)snprintf(path, sizeof(path), "%s/classes/%s", t->name, c->name);
		read_section(r, GS_CONF_IN_CLASS, path, c);
	}
}

static void
read_namespaces(struct reading *r, struct gs_conf_table *t)
{
	char path[PATH_BYTES];
	struct cmd_entry entry;

	(void)snprintf(path, sizeof(path), "%s/namespaces", t->name);
	GS_CLEANUP_FREE char *list = ask(r, GS_VERB_LIST, path);
	for (const char *at = list; at != NULL && r->rc == 0 && t->n_namespaces < GS_CONF_NAMESPACES && cmd_next_entry(&at, &entry);) {
		struct gs_conf_namespace *n = &t->namespaces[t->n_namespaces++];

		(void)snprintf(n->name, sizeof(n->name), "%.31s", entry.name);
		(void)snprintf(path, sizeof(path), "%s/namespaces/%s", t->name, n->name);
		read_section(r, GS_CONF_IN_NAMESPACE, path, n);
		/* They are made and removed meanwhile. */
		if (r->rc == GS_ENOENT) {
			r->rc = 0;
			*n = (struct gs_conf_namespace){ 0 };
			t->n_namespaces--;
		}
	}
}

static void
read_rings(struct reading *r, struct gs_conf_table *t)
{
	char path[PATH_BYTES];
	struct cmd_entry entry;

	(void)snprintf(path, sizeof(path), "%s/rings", t->name);
	GS_CLEANUP_FREE char *list = ask(r, GS_VERB_LIST, path);
	for (const char *at = list; at != NULL && r->rc == 0 && t->n_rings < GS_CONF_RINGS && cmd_next_entry(&at, &entry);) {
		struct gs_conf_ring *ring = &t->rings[t->n_rings++];

		(void)snprintf(ring->name, sizeof(ring->name), "%.31s", entry.name);
		(void)snprintf(path, sizeof(path), "%s/rings/%s", t->name, ring->name);
		read_section(r, GS_CONF_IN_RING, path, ring);
	}
	/* The suspect ring stands last. */
	if (t->n_rings > 0)
		t->rings[t->n_rings - 1].is_suspect = true;
}

static void
read_table(struct reading *r, struct gs_conf_table *t)
{
	char path[PATH_BYTES];

	read_section(r, GS_CONF_IN_TABLE, t->name, t);
	(void)snprintf(path, sizeof(path), "%s/quota", t->name);
	read_section(r, GS_CONF_IN_QUOTA, path, &t->quota);
	(void)snprintf(path, sizeof(path), "%s/roles", t->name);
	read_section(r, GS_CONF_IN_ROLES, path, &t->roles);
	read_classes(r, t);
	read_namespaces(r, t);
	read_rings(r, t);
}

int
live_conf_read(struct gs_ctl *ctl, struct gs_conf *out, unsigned *n_requests, char why[GS_CONF_WHY_BYTES])
{
	struct reading r = { .ctl = ctl, .why = why };
	struct cmd_entry entry;

	*out = (struct gs_conf){ 0 };
	GS_CLEANUP_FREE char *list = ask(&r, GS_VERB_LIST, "");
	read_section(&r, GS_CONF_IN_DAEMON, "node", out);
	for (const char *at = list; at != NULL && r.rc == 0 && out->n_tables < GS_CONF_TABLES && cmd_next_entry(&at, &entry);) {
		if (!entry.is_dir || strcmp(entry.name, "node") == 0)
			continue;
		struct gs_conf_table *t = &out->tables[out->n_tables++];

		(void)snprintf(t->name, sizeof(t->name), "%.31s", entry.name);
		read_table(&r, t);
	}
	if (n_requests != NULL)
		*n_requests += r.n_requests;
	return r.rc;
}

int
live_conf_file(struct gs_ctl *ctl, char out[LIVE_CONF_PATH_BYTES], char why[GS_CONF_WHY_BYTES])
{
	struct reading r = { .ctl = ctl, .why = why };
	GS_CLEANUP_FREE char *text = ask(&r, GS_VERB_GET, "node/conf");

	if (text == NULL)
		return r.rc;
	(void)snprintf(out, LIVE_CONF_PATH_BYTES, "%.*s", (int)strcspn(text, "\n"), text);
	return 0;
}

bool
live_conf_before(struct gs_conf *out, const char *instance)
{
	char path[PATH_MAX], why[GS_CONF_WHY_BYTES];
	size_t len;

	if (gs_path_shm(path, sizeof(path), instance == NULL ? "default" : instance) < 0)
		return false;
	len = strlen(path);
	(void)snprintf(path + len, sizeof(path) - len, "/%s", KEPT_FILE);
	return access(path, R_OK) == 0 && gs_conf_load_file(out, path, why) == 0;
}
