/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { NAME_BYTES = 64 };

#define REMOVED " (deleted)"
#define OF_BUILD "lt-"
#define SERVICE ".service"

static FILE *
open_file(int pid, const char *name)
{
	char path[NAME_BYTES];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return fopen(path, "re");
}

size_t
proc_args(int pid, char out[PROC_ARGS_BYTES])
{
	GS_CLEANUP_FCLOSE FILE *f = open_file(pid, "cmdline");
	size_t len = f == NULL ? 0 : fread(out, 1, PROC_ARGS_BYTES - 1, f);

	out[len] = '\0';
	return len;
}

const char *
proc_next_arg(const char *args, size_t len, const char **at)
{
	*at = *at == NULL ? args : *at + strlen(*at) + 1;
	return *at >= args + len ? NULL : *at;
}

bool
proc_is(int pid, const char *program)
{
	char args[PROC_ARGS_BYTES];
	const char *name = args, *slash;

	if (proc_args(pid, args) == 0)
		return false;
	slash = strrchr(args, '/');
	name = slash == NULL ? args : slash + 1;
	if (strncmp(name, OF_BUILD, sizeof(OF_BUILD) - 1) == 0)
		name += sizeof(OF_BUILD) - 1;
	return strcmp(name, program) == 0;
}

char
proc_state(int pid)
{
	GS_CLEANUP_FCLOSE FILE *f = open_file(pid, "status");
	char line[256], state;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "State: %c", &state) == 1)
			return state;
	return 0;
}

bool
proc_origin(int pid, int *parent, uint64_t *started)
{
	GS_CLEANUP_FCLOSE FILE *f = open_file(pid, "stat");
	unsigned long long ticks;
	char line[1024];
	const char *at;

	/* The name stands in brackets, and may have some itself. */
	if (f == NULL || fgets(line, sizeof(line), f) == NULL || (at = strrchr(line, ')')) == NULL ||
	    sscanf(at + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", parent, &ticks) != 2)
		return false;
	*started = ticks;
	return true;
}

bool
proc_is_replaced(int pid)
{
	char path[NAME_BYTES], target[PATH_MAX + sizeof(REMOVED)];
	ssize_t len;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < (ssize_t)sizeof(REMOVED))
		return false;
	target[len] = '\0';
	return strcmp(target + len - (sizeof(REMOVED) - 1), REMOVED) == 0;
}

bool
proc_descriptors(int pid, uint64_t *n, uint64_t *soft, uint64_t *hard)
{
	GS_CLEANUP_FCLOSE FILE *f = open_file(pid, "limits");
	unsigned long long limit[2] = { 0, 0 };
	char path[NAME_BYTES], line[256];
	DIR *dir;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL && sscanf(line, "Max open files %llu %llu", &limit[0], &limit[1]) != 2)
		;
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = limit[0] == 0 ? NULL : opendir(path);
	if (dir == NULL)
		return false;
	*soft = limit[0];
	*hard = limit[1];
	for (*n = 0; readdir(dir) != NULL; (*n)++)
		;
	*n -= *n < 2 ? *n : 2;		/* . and .. */
	(void)closedir(dir);
	return true;
}

bool
proc_was_told(int pid, const char *name)
{
	GS_CLEANUP_FCLOSE FILE *f = open_file(pid, "environ");
	GS_CLEANUP_FREE char *line = NULL;
	size_t room = 0, len = strlen(name);

	while (f != NULL && getdelim(&line, &room, '\0', f) > 0)
		if (strncmp(line, name, len) == 0 && line[len] == '=')
			return true;
	return false;
}

enum proc_holding
proc_holds(int pid, const char *path)
{
	char name[NAME_BYTES], target[PATH_MAX];
	bool is_there = false;
	struct dirent *e;
	ssize_t len;
	DIR *dir;

	(void)snprintf(name, sizeof(name), "/proc/%d/fd", pid);
	dir = opendir(name);
	if (dir == NULL)
		return PROC_IS_CLOSED;
	while (!is_there && (e = readdir(dir)) != NULL) {
		len = readlinkat(dirfd(dir), e->d_name, target, sizeof(target) - 1);
		target[len < 0 ? 0 : len] = '\0';
		is_there = strcmp(target, path) == 0;
	}
	(void)closedir(dir);
	return is_there ? PROC_HOLDS : PROC_HOLDS_NOT;
}

bool
proc_unit(int pid, char out[PROC_UNIT_BYTES])
{
	GS_CLEANUP_FCLOSE FILE *f = open_file(pid, "cgroup");
	char line[PATH_MAX], *unit;
	size_t len;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		unit = strrchr(line, '/');
		len = unit == NULL ? 0 : strlen(++unit);
		if (len <= sizeof(SERVICE) - 1 || len >= PROC_UNIT_BYTES || strcmp(unit + len - (sizeof(SERVICE) - 1), SERVICE) != 0)
			continue;
		memcpy(out, unit, len + 1);
		return out[strspn(out, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@_.:-")] == '\0';
	}
	return false;
}

void
proc_take_line(const char *line, const char *dir, bool *in_dir, struct proc_mapped *out)
{
	unsigned long long begin, kib;
	const char *path;
	size_t len = strlen(dir);

	if (sscanf(line, "%llx-%*x %*s", &begin) == 1 && strchr(line, '-') != NULL && line[strcspn(line, "-: ")] == '-') {
		path = strchr(line, '/');
		*in_dir = path != NULL && strncmp(path, dir, len) == 0 && path[len] == '/';
		if (*in_dir && strstr(path, REMOVED "\n") != NULL)
			out->has_removed = true;
	} else if (*in_dir && sscanf(line, "Swap: %llu kB", &kib) == 1) {
		out->swapped_bytes += kib * 1024;
	}
}

bool
proc_mapped(int pid, const char *dir, bool with_swap, struct proc_mapped *out)
{
	GS_CLEANUP_FCLOSE FILE *f = open_file(pid, with_swap ? "smaps" : "maps");
	char line[PATH_MAX + 128];
	bool in_dir = false;

	*out = (struct proc_mapped){ 0 };
	if (f == NULL)
		return false;
	while (fgets(line, sizeof(line), f) != NULL)
		proc_take_line(line, dir, &in_dir, out);
	return true;
}
