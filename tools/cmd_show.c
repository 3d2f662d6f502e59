/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/errors.h"
#include "base/text.h"
#include "show_tree.h"

enum { PATH_BYTES = 256, VALUE_BYTES = 64 };

/* The counters that say that something needs attention: `stats` has them all. */
static const struct {
	const char *name, *text;
} warnings[] = {
	{ "efbig", "values were refused for being over record_size; largest_value says what is needed" },
	{ "enospc", "puts were refused because their ring was full" },
	{ "stuck", "decays were put off because the outer ring was full" },
	{ "corrupt", "damaged records were met: run gsession audit" },
	{ "clients_dropped", "connections were dropped for speaking nonsense" },
};

/* The status is read over one connection; the first failure stays in rc and stops further reading. */
struct status {
	struct gs_ctl *ctl;
	int rc;
};

static char *read_file(struct status *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static char *
read_file(struct status *s, const char *fmt, ...)
{
	char path[PATH_BYTES];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return s->rc < 0 ? NULL : cmd_read(s->ctl, path, &s->rc);
}

/* The value of a one-line file, "-" when there is none. */
static void
read_value(struct status *s, char out[VALUE_BYTES], const char *dir, const char *name)
{
	GS_CLEANUP_FREE char *text = read_file(s, "%s%s%s", dir, dir[0] == '\0' ? "" : "/", name);

	(void)snprintf(out, VALUE_BYTES, "%.*s", text == NULL ? 1 : (int)strcspn(text, "\n"), text == NULL ? "-" : text);
}

/* The number behind a name in a flat keyed text; 0 when it is not there. */
static uint64_t
counter(const char *stats, const char *name)
{
	size_t len = strlen(name);
	const char *at;

	for (at = stats; at != NULL; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, name, len) == 0 && at[len] == ' ')
			return strtoull(at + len + 1, NULL, 10);
		if (*at == '\0')
			break;
	}
	return 0;
}

static void
print_head(struct status *s)
{
	char version[VALUE_BYTES], uptime[VALUE_BYTES], instance[VALUE_BYTES], pid[VALUE_BYTES];

	read_value(s, version, "", "version");
	read_value(s, uptime, "", "uptime");
	read_value(s, instance, "node", "instance");
	read_value(s, pid, "node", "pid");
	if (s->rc == 0)
		(void)printf("gsession %s  instance %s  pid %s  up %s\n", version, instance, pid, uptime);
}

static void
print_ring(struct status *s, const char *table, const char *ring)
{
	static const char *const columns[] = { "count", "capacity", "ttl", "half_life", "decay_to", "promote" };
	char dir[PATH_BYTES], value[VALUE_BYTES];
	size_t i;

	(void)snprintf(dir, sizeof(dir), "%s/rings/%s", table, ring);
	(void)printf("  %-10s", ring);
	for (i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		read_value(s, value, dir, columns[i]);
		(void)printf(" %10s", value);
	}
	(void)putchar('\n');
}

static void
print_table(struct status *s, const char *table)
{
	char path[PATH_BYTES], record_size[VALUE_BYTES];
	struct cmd_entry entry;
	const char *at;

	read_value(s, record_size, table, "record_size");
	GS_CLEANUP_FREE char *stats = read_file(s, "%s/stats", table);
	(void)snprintf(path, sizeof(path), "%s/rings", table);
	GS_CLEANUP_FREE char *list = s->rc < 0 ? NULL : cmd_list(s->ctl, path, &s->rc);
	if (s->rc < 0)
		return;
	(void)printf("\ntable %s  sessions %llu  record_size %s\n", table, (unsigned long long)counter(stats, "sessions"), record_size);
	(void)printf("  %-10s %10s %10s %10s %10s %10s %10s\n", "RING", "COUNT", "CAPACITY", "TTL", "HALF_LIFE", "DECAY_TO", "PROMOTE");
	for (at = list; cmd_next_entry(&at, &entry);)
		print_ring(s, table, entry.name);
}

static void
print_tables(struct status *s)
{
	struct cmd_entry entry;
	const char *at;

	GS_CLEANUP_FREE char *list = s->rc < 0 ? NULL : cmd_list(s->ctl, "", &s->rc);
	for (at = list; at != NULL && cmd_next_entry(&at, &entry);) {
		if (entry.is_dir && strcmp(entry.name, "node") != 0)
			print_table(s, entry.name);
	}
}

static void
print_counters(struct status *s)
{
	static const char *const shown[] = {
		"clients", "gets", "misses", "started", "updated", "ended", "promoted", "decayed", "expired"
	};
	GS_CLEANUP_FREE char *stats = read_file(s, "stats");
	uint64_t n;
	size_t i;

	if (stats == NULL)
		return;
	(void)putchar('\n');
	for (i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		(void)printf("%s%s %llu", i == 0 ? "" : "  ", shown[i], (unsigned long long)counter(stats, shown[i]));
	(void)putchar('\n');
	for (i = 0; i < sizeof(warnings) / sizeof(warnings[0]); i++) {
		n = counter(stats, warnings[i].name);
		if (n > 0)
			(void)printf("warning: %s %llu: %s\n", warnings[i].name, (unsigned long long)n, warnings[i].text);
	}
	n = counter(stats, "efbig") > 0 ? counter(stats, "largest_value") : 0;
	if (n > 0)
		(void)printf("warning: largest_value %llu\n", (unsigned long long)n);
}

static int
print_status(struct gs_ctl *ctl)
{
	struct status s = { .ctl = ctl };

	print_head(&s);
	print_tables(&s);
	print_counters(&s);
	return s.rc < 0 ? gs_error_status(s.rc) : cmd_done();
}

int
cmd_show(int argc, char **argv, const struct cmd_env *env)
{
	struct cmd_line line;
	struct gs_ctl *ctl;
	int status;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	status = cmd_open(&ctl, env, CMD_TIMEOUT_MS);
	if (status != EXIT_YES)
		return status;
	if (line.json)
		status = show_tree_json(ctl, line.n_operands == 0 ? "" : line.operand[0]);
	else if (line.n_operands == 1)
		status = show_tree_print(ctl, line.operand[0]);
	else
		status = print_status(ctl);
	gs_ctl_close(&ctl);
	return status;
}
