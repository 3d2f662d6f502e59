/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/torture_place.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "lab/torture_impl.h"

#define PREFIX "gsession-torture."
#define LOG_TAIL 4000

static int __attribute__((format(printf, 4, 5)))
refuse(char *why, size_t why_bytes, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, why_bytes, fmt, ap);
	va_end(ap);
	return rc;
}

/* ---- directories ---- */

/* Remove a directory and what is in it, however deep; links are removed, not followed. */
static void
remove_tree(int parent_fd, const char *name)
{
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(dir), e->d_name, 0) < 0)
			remove_tree(dirfd(dir), e->d_name);
	}
	if (dir != NULL)
		(void)closedir(dir);
	else if (fd >= 0)
		(void)close(fd);
	(void)unlinkat(parent_fd, name, AT_REMOVEDIR);
}

/* Open and lock DIR/lock; -1: somebody has it, or it is not ours. */
static int
lock_in(int parent_fd, const char *name, int flags)
{
	char path[NAME_MAX + 8];
	int fd;

	(void)snprintf(path, sizeof(path), "%.*s/lock", NAME_MAX, name);
	fd = openat(parent_fd, path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

/* Directories that killed tortures left: there is a lock, and nobody has it. */
static void
remove_left(const char *base)
{
	DIR *dir = opendir(base);
	struct dirent *e;
	struct stat st;
	int fd;

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) != 0 || fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
			continue;
		fd = lock_in(dirfd(dir), e->d_name, 0);
		if (fd < 0)
			continue;
		remove_tree(dirfd(dir), e->d_name);
		(void)close(fd);
	}
	if (dir != NULL)
		(void)closedir(dir);
}

/* Where memory files go; sockets of private instances do well there too. */
static const char *
base_dir(void)
{
	const char *dir = getenv("GSESSION_SHM_DIR");

	return dir != NULL && dir[0] != '\0' ? dir : "/dev/shm";
}

/* ---- what is in it ---- */

static const char conf_text[] =
    "[daemon]\n"
    "log_level = warn\n"
    "[table sessions]\n"
    "max_lifetime = 30d\n"
    "[quota]\n"
    "hold = 200ms\n"
    "release = 300ms\n"
    "[ring sessions/active]\n"
    "ttl = 300ms\n"
    "half_life = 300ms\n"
    "decay_to = warm\n"
    "capacity = 384\n"
    "reserve = 384\n"
    "[ring sessions/warm]\n"
    "ttl = 900ms\n"
    "decay_to = cold\n"
    "capacity = 384\n"
    "reserve = 384\n"
    "[ring sessions/cold]\n"
    "ttl = max\n"
    "promote = never\n"
    "on_full = refuse\n"
    "store = auto\n"
    "capacity = 384\n"
    "reserve = 384\n"
    "[ring sessions/suspect]\n"
    "capacity = 384\n"
    "reserve = 384\n";

static int
write_conf(const struct torture_place *p)
{
	GS_CLEANUP_FCLOSE FILE *f = fopen(p->conf, "we");

	return f == NULL || fputs(conf_text, f) == EOF || fflush(f) == EOF ? GS_ESYSTEM : 0;
}

/* ---- the program ---- */

/* Where gsessiond is, seen from the directory of the running program: installed, or in a build tree with and without libtool. */
static const char *const beside[] = { "../sbin/gsessiond", "gsessiond", "../src/gsessiond", "../../src/gsessiond" };

static int
find_daemon(struct torture_place *p, char *why, size_t why_bytes)
{
	char self[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return refuse(why, why_bytes, GS_ESYSTEM, "/proc/self/exe: %s", strerror(errno));
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (slash != NULL)
		*slash = '\0';
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		(void)snprintf(p->daemon, sizeof(p->daemon), "%.*s/%s", PATH_MAX - 64, self, beside[i]);
		if (access(p->daemon, X_OK) == 0)
			return 0;
	}
	return refuse(why, why_bytes, GS_ENOENT, "there is no gsessiond beside %s: it is looked for in ../sbin and in the same directory", self);
}

/* ---- all of it ---- */

static void
name_all(struct torture_place *p)
{
	(void)snprintf(p->run_dir, sizeof(p->run_dir), "%s/run", p->dir);
	(void)snprintf(p->shm_dir, sizeof(p->shm_dir), "%s/shm", p->dir);
	(void)snprintf(p->state_dir, sizeof(p->state_dir), "%s/state", p->dir);
	(void)snprintf(p->conf, sizeof(p->conf), "%s/conf", p->dir);
	(void)snprintf(p->log, sizeof(p->log), "%s/log", p->dir);
}

int
torture_place_init(struct torture_place *p, char *why, size_t why_bytes)
{
	int rc = find_daemon(p, why, why_bytes);

	if (rc < 0)
		return rc;
	remove_left(base_dir());
	(void)snprintf(p->dir, sizeof(p->dir), "%.*s/" PREFIX "XXXXXX", PATH_MAX - 128, base_dir());
	if (mkdtemp(p->dir) == NULL)
		return refuse(why, why_bytes, GS_ESYSTEM, "%s: %s", p->dir, strerror(errno));
	name_all(p);
	p->lock_fd = lock_in(AT_FDCWD, p->dir, O_CREAT);
	if (p->lock_fd < 0 || mkdir(p->run_dir, 0700) < 0 || mkdir(p->shm_dir, 0700) < 0 || mkdir(p->state_dir, 0700) < 0 ||
	    write_conf(p) < 0) {
		rc = refuse(why, why_bytes, GS_ESYSTEM, "%s: %s", p->dir, strerror(errno));
		torture_place_fini(p);
	}
	return rc;
}

void
torture_place_fini(struct torture_place *p)
{
	remove_tree(AT_FDCWD, p->dir);
	if (p->lock_fd >= 0)
		(void)close(p->lock_fd);
	p->lock_fd = -1;
}

void
torture_place_print_log(const struct torture_place *p, FILE *to)
{
	GS_CLEANUP_FCLOSE FILE *f = fopen(p->log, "re");
	char line[1024];

	if (f == NULL)
		return;
	if (fseek(f, -LOG_TAIL, SEEK_END) == 0)
		(void)fgets(line, sizeof(line), f);
	else
		rewind(f);
	while (fgets(line, sizeof(line), f) != NULL)
		(void)fprintf(to, "  gsessiond: %s", line);
}

void
torture_place_serve(const struct torture_place *p)
{
	int log_fd = open(p->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (log_fd < 0 || null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(log_fd, 1) < 0 || dup2(log_fd, 2) < 0 ||
	    setenv("GSESSION_RUN_DIR", p->run_dir, 1) < 0 || setenv("GSESSION_SHM_DIR", p->shm_dir, 1) < 0 ||
	    setenv("GSESSION_STATE_DIR", p->state_dir, 1) < 0 || unsetenv("NOTIFY_SOCKET") < 0 || unsetenv("JOURNAL_STREAM") < 0)
		_exit(126);
	(void)execl(p->daemon, "gsessiond", "-i", TORTURE_INSTANCE, "-c", p->conf, (char *)NULL);
	_exit(127);
}
