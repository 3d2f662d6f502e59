/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/paths.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"

#define SYSTEM_RUN_DIR "/run/gsession"
#define SYSTEM_STATE_DIR "/var/lib/gsession"

static int print_path(char *out, size_t cap, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int
print_path(char *out, size_t cap, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(out, cap, fmt, ap);
	va_end(ap);
	return n >= 0 && (size_t)n < cap ? GS_OK : GS_ERANGE;
}

/* An environment variable, NULL when it is empty or when a set-uid program must not trust it. */
static const char *
environment(const char *name)
{
	const char *value = secure_getenv(name);

	return value != NULL && *value != '\0' ? value : NULL;
}

/* RUN/INSTANCE followed by a suffix. */
static int
path_in_run_dir(char *out, size_t cap, const char *run_dir, const char *instance, const char *suffix)
{
	size_t len;
	int rc;

	if (!gs_name_is_valid(instance))
		return GS_EINVAL;
	rc = gs_path_run_dir(out, cap, run_dir);
	if (rc < 0)
		return rc;
	len = strlen(out);
	return print_path(out + len, cap - len, "/%s%s", instance, suffix);
}

bool
gs_name_is_valid(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-");

	return len > 0 && len < GS_NAME_BYTES && name[len] == '\0' && name[0] != '.' && name[0] != '-';
}

int
gs_path_socket(char *out, size_t cap, const char *run_dir, const char *instance)
{
	return path_in_run_dir(out, cap, run_dir, instance, ".sock");
}

int
gs_path_pidfile(char *out, size_t cap, const char *run_dir, const char *instance)
{
	return path_in_run_dir(out, cap, run_dir, instance, ".pid");
}

int
gs_path_shm(char *out, size_t cap, const char *instance)
{
	const char *dir = environment("GSESSION_SHM_DIR");

	if (!gs_name_is_valid(instance))
		return GS_EINVAL;
	if (dir != NULL)
		return print_path(out, cap, "%s/%s", dir, instance);
	if (geteuid() == 0)
		return print_path(out, cap, "/dev/shm/gsession/%s", instance);
	return print_path(out, cap, "/dev/shm/gsession-%u/%s", (unsigned)geteuid(), instance);
}

int
gs_path_state(char *out, size_t cap, const char *instance)
{
	const char *dir = environment("GSESSION_STATE_DIR");

	if (!gs_name_is_valid(instance))
		return GS_EINVAL;
	if (dir == NULL && geteuid() == 0 && environment("GSESSION_SHM_DIR") == NULL)
		dir = SYSTEM_STATE_DIR;
	return dir == NULL ? GS_ENOENT : print_path(out, cap, "%s/%s", dir, instance);
}

const char *
gs_path_system_run_dir(const char *run_dir)
{
	return run_dir == NULL && environment("GSESSION_RUN_DIR") == NULL && geteuid() != 0 ? SYSTEM_RUN_DIR : NULL;
}

bool
gs_path_is_system_run_dir(const char *dir)
{
	return strcmp(dir, SYSTEM_RUN_DIR) == 0;
}

int
gs_path_run_dir(char *out, size_t cap, const char *run_dir)
{
	const char *dir = run_dir != NULL ? run_dir : environment("GSESSION_RUN_DIR");

	if (dir != NULL)
		return print_path(out, cap, "%s", dir);
	if (geteuid() == 0)
		return print_path(out, cap, "%s", SYSTEM_RUN_DIR);
	dir = environment("XDG_RUNTIME_DIR");
	if (dir != NULL)
		return print_path(out, cap, "%s/gsession", dir);
	return print_path(out, cap, "/tmp/gsession-%u", (unsigned)geteuid());
}
