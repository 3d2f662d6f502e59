/* SPDX-License-Identifier: BSD-2-Clause */
/* Do the mounts of the instance answer; and what of this host walks through them. */
#include "doctor.h"

#include <ctype.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "doctor_mounts.h"
#include "proc.h"

enum { LINE_BYTES = 1024, PHP_FILES = 64 };

#define FS_TYPE "gsession"
#define FUSE_DEVICE "/dev/fuse"
#define UPDATEDB_CONF "/etc/updatedb.conf"

static bool
is_stopped(int pid)
{
	char state = pid == 0 ? 0 : proc_state(pid);

	return state == 'T' || state == 't';
}

/* Of a mount whose server is gone the line of /etc/fstab knows whose it is. */
struct fstab {
	const char *dir, *instance;
	bool is_other;
};

/* The instance that mount(8) takes from the first field, as mount.gsession reads it. */
static void
instance_of(const char *source, char out[PATH_MAX])
{
	const char *slash = strrchr(source, '/');
	char *dot;

	(void)snprintf(out, PATH_MAX, "%s", slash == NULL ? source : slash + 1);
	dot = slash == NULL ? NULL : strrchr(out, '.');
	if (dot != NULL && strcmp(dot, ".conf") == 0)
		*dot = '\0';
	if (strcmp(out, "gsession") == 0 || strcmp(out, "none") == 0)
		(void)snprintf(out, PATH_MAX, "default");
}

static bool
is_of(const struct doctor_mounted *m, const char *instance)
{
	char of[PATH_MAX];

	instance_of(m->source, of);
	return (strcmp(m->type, FS_TYPE) == 0 || strcmp(m->type, "fuse." FS_TYPE) == 0) && strcmp(of, instance) == 0;
}

static void
take_owner(void *arg, const struct doctor_mounted *m)
{
	struct fstab *f = arg;

	if (strcmp(m->dir, f->dir) == 0)
		f->is_other = !is_of(m, f->instance);
}

static bool
is_of_other(const struct doctor *d, const char *dir)
{
	struct fstab f = { dir, d->instance, false };

	doctor_each_fstab(take_owner, &f);
	return f.is_other;
}

void
doctor_mount_dead(struct doctor *d)
{
	for (size_t i = 0; i < d->n_mounts; i++)
		if (d->mounts[i].answer == DOCTOR_IS_DEAD && !is_of_other(d, d->mounts[i].dir))
			doctor_find(d, d->mounts[i].dir, NULL);
}

void
doctor_mount_stopped(struct doctor *d)
{
	char pid[DOCTOR_WORD_BYTES];

	for (size_t i = 0; i < d->n_mounts; i++)
		if (is_stopped(d->mounts[i].pid))
			doctor_find(d, d->mounts[i].dir, doctor_number(pid, (uint64_t)d->mounts[i].pid), NULL);
}

void
doctor_mount_silent(struct doctor *d)
{
	char pid[DOCTOR_WORD_BYTES], ms[DOCTOR_WORD_BYTES];

	for (size_t i = 0; i < d->n_mounts; i++)
		if (d->mounts[i].answer == DOCTOR_IS_SILENT && d->mounts[i].pid != 0 && !is_stopped(d->mounts[i].pid))
			doctor_find(d, d->mounts[i].dir, doctor_number(pid, (uint64_t)d->mounts[i].pid),
			    doctor_number(ms, DOCTOR_ANSWER_MS), NULL);
}

static void
take_missing(void *arg, const struct doctor_mounted *m)
{
	struct doctor *d = arg;

	if (!is_of(m, d->instance))
		return;
	for (size_t i = 0; i < d->n_mounts; i++)
		if (strcmp(d->mounts[i].dir, m->dir) == 0)
			return;
	doctor_find(d, m->dir, NULL);
}

void
doctor_mount_missing(struct doctor *d)
{
	doctor_each_fstab(take_missing, d);
}

void
doctor_mount_replaced(struct doctor *d)
{
	char pid[DOCTOR_WORD_BYTES];

	for (size_t i = 0; i < d->n_mounts; i++)
		if (d->mounts[i].pid != 0 && proc_is_replaced(d->mounts[i].pid))
			doctor_find(d, d->mounts[i].dir, doctor_number(pid, (uint64_t)d->mounts[i].pid), NULL);
}

/* Who speaks to a supervisor is to be kept by it: its parent, which is systemd or gsession-keep. */
void
doctor_mount_unkept(struct doctor *d)
{
	char pid[DOCTOR_WORD_BYTES], keeper[DOCTOR_WORD_BYTES], unit[PROC_UNIT_BYTES], mend[DOCTOR_TEXT_BYTES];
	uint64_t started;
	int parent;

	for (size_t i = 0; i < d->n_mounts; i++) {
		const struct doctor_mount *m = &d->mounts[i];

		if (m->pid == 0 || !proc_was_told(m->pid, "NOTIFY_SOCKET") || !proc_origin(m->pid, &parent, &started) ||
		    proc_holds(parent, FUSE_DEVICE) != PROC_HOLDS_NOT)
			continue;
		if (parent == 1 && proc_unit(m->pid, unit))
			(void)snprintf(mend, sizeof(mend), "mkdir -p /etc/systemd/system/%s.d && printf '[Service]\\nFileDescriptorStoreMax=16\\n' > "
			    "/etc/systemd/system/%s.d/keep.conf && systemctl daemon-reload && systemctl restart %s", unit, unit, unit);
		else
			(void)snprintf(mend, sizeof(mend), "umount $1 && gsession-keep gsession-fs$I $1");
		doctor_find(d, m->dir, doctor_number(pid, (uint64_t)m->pid), doctor_number(keeper, (uint64_t)parent), mend, NULL);
	}
}

/* ---- who walks through it ---- */

static bool
is_in_a_mount(const struct doctor *d, const char *path)
{
	for (size_t i = 0; i < d->n_mounts; i++)
		if (doctor_is_below(path, d->mounts[i].dir))
			return true;
	return false;
}

/* The value of `key = value` of an ini file, without quotes and what is around them; false when the line is another one. */
static bool
take_ini(char *line, const char *key, char out[LINE_BYTES])
{
	size_t len = strlen(key), end;

	line += strspn(line, " \t");
	if (strncmp(line, key, len) != 0)
		return false;
	line += len + strspn(line + len, " \t");
	if (*line++ != '=')
		return false;
	line += strspn(line, " \t");
	end = *line == '"' ? strcspn(++line, "\"\n") : strcspn(line, "\n");
	while (end > 0 && isspace((unsigned char)line[end - 1]))
		end--;
	(void)snprintf(out, LINE_BYTES, "%.*s", (int)end, line);
	return true;
}

static void
look_at_php(struct doctor *d, const char *file)
{
	char line[LINE_BYTES], value[LINE_BYTES], path[LINE_BYTES] = "", probability[LINE_BYTES] = "1";	/* PHP's own default */
	GS_CLEANUP_FCLOSE FILE *f = fopen(file, "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		/* save_path may have depth and mode before it: 5;600;/path */
		if (take_ini(line, "session.save_path", value))
			(void)snprintf(path, sizeof(path), "%s", strrchr(value, ';') == NULL ? value : strrchr(value, ';') + 1);
		else if (take_ini(line, "session.gc_probability", value))
			(void)snprintf(probability, sizeof(probability), "%s", value);
	}
	if (is_in_a_mount(d, path) && atoi(probability) > 0)
		doctor_find(d, file, probability, NULL);
}

void
doctor_php_collects(struct doctor *d)
{
	static const char *const places[] = { "/etc/php/*/*/php.ini", "/etc/php.ini" };
	glob_t found;

	for (size_t p = 0; d->n_mounts > 0 && p < sizeof(places) / sizeof(places[0]); p++) {
		if (glob(places[p], 0, NULL, &found) != 0)
			continue;
		for (size_t i = 0; i < found.gl_pathc && i < PHP_FILES; i++)
			look_at_php(d, found.gl_pathv[i]);
		globfree(&found);
	}
}

/* Is a word in the list of a line `NAME = "word word"`? */
static bool
has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = strstr(list, word); at != NULL; at = strstr(at + 1, word))
		if ((at == list || strchr(" \"=", at[-1]) != NULL) && strchr(" \"\n", at[len]) != NULL)
			return true;
	return false;
}

void
doctor_updatedb_walks(struct doctor *d)
{
	GS_CLEANUP_FCLOSE FILE *f = fopen(UPDATEDB_CONF, "re");
	char line[4 * LINE_BYTES];
	bool is_pruned = false;

	if (f == NULL || d->n_mounts == 0)
		return;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "PRUNEFS", sizeof("PRUNEFS") - 1) == 0)
			is_pruned = is_pruned || has_word(line, "fuse." FS_TYPE) || has_word(line, "fuse");
		else if (strncmp(line, "PRUNEPATHS", sizeof("PRUNEPATHS") - 1) == 0)
			is_pruned = is_pruned || has_word(line, d->mounts[0].dir);
	}
	if (!is_pruned)
		doctor_find(d, UPDATEDB_CONF, NULL);
}
