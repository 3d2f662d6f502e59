/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf/conf.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "conf/draft.h"
#include "gsession.h"

/* The files to read, in the order in which later ones win. */
struct files {
	const char *main;
	char *dir;
	struct dirent **entries;
	size_t n_entries;
};

static int
is_conf_name(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return e->d_name[0] != '.' && len > 5 && strcmp(e->d_name + len - 5, ".conf") == 0;
}

/* By bytes, whatever the locale. */
static int
compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
find_files(struct files *f, const char *path, bool is_alone, char *why)
{
	int n;

	*f = (struct files){ .main = path };
	if (is_alone)
		return GS_OK;
	if (asprintf(&f->dir, "%s.d", path) < 0) {
		f->dir = NULL;
		return gs_conf_refuse(GS_ESYSTEM, why, "%s: %s", path, strerror(ENOMEM));
	}
	n = scandir(f->dir, &f->entries, is_conf_name, compare_names);
	if (n < 0 && errno != ENOENT)
		return gs_conf_refuse(GS_ESYSTEM, why, "%s: %s", f->dir, strerror(errno));
	f->n_entries = n > 0 ? (size_t)n : 0;
	return GS_OK;
}

static void
free_files(struct files *f)
{
	while (f->n_entries > 0)
		free(f->entries[--f->n_entries]);
	free(f->entries);
	free(f->dir);
}

static char *
print_file_name(const struct files *f, uint32_t i, char *out, size_t cap)
{
	if (i == 0)
		(void)snprintf(out, cap, "%s", f->main);
	else
		(void)snprintf(out, cap, "%s/%s", f->dir, f->entries[i - 1]->d_name);
	return out;
}

static int
read_files(struct gs_conf_draft *d, const struct files *f, char *why)
{
	const struct gs_ini_calls calls = { d, gs_conf_draft_open_section, gs_conf_draft_set };
	char name[PATH_MAX];
	int rc = GS_OK;

	for (d->file = 0; d->file <= f->n_entries && rc == GS_OK; d->file++)
		rc = gs_ini_read(print_file_name(f, d->file, name, sizeof(name)), &calls, why);
	return rc;
}

/* Finish and check; what is refused gets the place where it was written. */
static int
finish(struct gs_conf_draft *d, const struct files *f, struct gs_conf *out, char *why)
{
	char reason[GS_CONF_WHY_BYTES], name[PATH_MAX];
	struct gs_place place = { 0, 0 };
	struct gs_conf_fault fault;
	int rc = gs_conf_draft_finish(d, out, &place, reason);

	if (rc == GS_OK) {
		rc = gs_conf_check_at(out, &fault, reason);
		if (rc == GS_OK)
			return rc;
		place = gs_conf_draft_find_fault(d, &fault);
	}
	(void)print_file_name(f, place.file, name, sizeof(name));
	if (place.line == 0)
		return gs_conf_refuse(rc, why, "%s: %s", name, reason);
	return gs_conf_refuse(rc, why, "%s:%u: %s", name, place.line, reason);
}

static int
load(struct gs_conf *out, const char *path, bool is_alone, char *why)
{
	struct gs_conf_draft *d;
	struct files f;
	int rc;

	if (path == NULL) {
		gs_conf_defaults(out);
		return GS_OK;
	}
	d = malloc(sizeof(*d));
	if (d == NULL)
		return gs_conf_refuse(GS_ESYSTEM, why, "%s: %s", path, strerror(ENOMEM));
	gs_conf_draft_init(d);
	rc = find_files(&f, path, is_alone, why);
	if (rc == GS_OK)
		rc = read_files(d, &f, why);
	if (rc == GS_OK)
		rc = finish(d, &f, out, why);
	free_files(&f);
	free(d);
	return rc;
}

int
gs_conf_load(struct gs_conf *out, const char *path, char why[GS_CONF_WHY_BYTES])
{
	return load(out, path, false, why);
}

int
gs_conf_load_file(struct gs_conf *out, const char *path, char why[GS_CONF_WHY_BYTES])
{
	return load(out, path, true, why);
}
