/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/instance.h"

#include <sys/stat.h>
#include <sys/vfs.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <linux/magic.h>

#include "gsession.h"
#include "base/paths.h"

void
instance_make_parents(const char *path)
{
	char part[PATH_MAX];

	for (size_t i = 1; path[i] != '\0' && i < sizeof(part) - 1; i++) {
		if (path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		(void)mkdir(part, 0755);
	}
}

/* A directory that somebody else made may be full of his files, or vanish under us. */
static int
check_directory(int fd, const char *path, char why[GS_CONF_WHY_BYTES])
{
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return gs_conf_refuse(GS_ESYSTEM, why, "%s: %s", path, strerror(errno));
	if (st.st_uid != geteuid())
		return gs_conf_refuse(GS_EPERM, why, "%s belongs to uid %u, not to us: remove it, or choose another instance", path, st.st_uid);
	if ((st.st_mode & 077) != 0)
		return gs_conf_refuse(GS_EPERM, why, "%s is open to others (mode %03o): chmod 700 it if what lies there is trusted", path,
		    (unsigned)(st.st_mode & 0777));
	if (fs.f_type != TMPFS_MAGIC)
		return gs_conf_refuse(GS_EPERM, why, "%s is not on a tmpfs: set GSESSION_SHM_DIR to a directory on one", path);
	return 0;
}

/* The lock lives as long as the descriptor, that is as long as we do. */
static int
lock_directory(int dir_fd, const char *path, char why[GS_CONF_WHY_BYTES])
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = openat(dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return gs_conf_refuse(GS_ESYSTEM, why, "%s/lock: %s", path, strerror(errno));
	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	(void)close(fd);
	return gs_conf_refuse(GS_EBUSY, why, "%s is served by another gsessiond: stop it first, or choose another instance with -i", path);
}

int
instance_open(const char *instance, char why[GS_CONF_WHY_BYTES])
{
	char path[PATH_MAX];
	int rc = gs_path_shm(path, sizeof(path), instance), fd;

	if (rc < 0)
		return gs_conf_refuse(rc, why, "instance \"%.40s\": a name is 1 to 31 of a-z 0-9 _ . -", instance);
	instance_make_parents(path);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return gs_conf_refuse(GS_ESYSTEM, why, "%s: %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return gs_conf_refuse(GS_ESYSTEM, why, "%s: %s", path, strerror(errno));
	rc = check_directory(fd, path, why);
	if (rc == 0)
		rc = lock_directory(fd, path, why);
	if (rc < 0) {
		(void)close(fd);
		return rc;
	}
	return fd;
}

/* Call fn for each file of the directory whose name ends so, with the name up to there. */
static void
each_file(int dir_fd, const char *ending, void (*fn)(int dir_fd, const char *stem))
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	char stem[NAME_MAX + 1];

	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((e = readdir(dir)) != NULL) {
		size_t len = strlen(e->d_name), end = strlen(ending);

		if (e->d_type != DT_REG || len < end || strcmp(e->d_name + len - end, ending) != 0)
			continue;
		memcpy(stem, e->d_name, len - end);
		stem[len - end] = '\0';
		fn(dir_fd, stem);
	}
	(void)closedir(dir);
}

void
instance_each_table(int dir_fd, void (*fn)(int dir_fd, const char *table))
{
	each_file(dir_fd, ".ctl", fn);
}

static void
remove_file(int dir_fd, const char *name)
{
	(void)unlinkat(dir_fd, name, 0);
}

void
instance_remove(int dir_fd, const char *instance)
{
	char path[PATH_MAX];

	each_file(dir_fd, "", remove_file);
	if (gs_path_shm(path, sizeof(path), instance) == 0)
		(void)rmdir(path);
}

uint64_t
instance_free_bytes(int dir_fd)
{
	struct statfs fs;

	return fstatfs(dir_fd, &fs) < 0 ? 0 : (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
}

int
instance_save(int dir_fd, const char *name, const struct gs_conf *c)
{
	char tmp[64];
	FILE *to;
	int fd;

	(void)snprintf(tmp, sizeof(tmp), "%s.new", name);
	fd = openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return GS_ESYSTEM;
	to = fdopen(fd, "w");
	if (to == NULL) {
		(void)close(fd);
		return GS_ENOMEM;
	}
	gs_conf_print(to, c);
	if (fclose(to) != 0) {
		(void)unlinkat(dir_fd, tmp, 0);
		return GS_ENOSPC;
	}
	return renameat(dir_fd, tmp, dir_fd, name) < 0 ? GS_ESYSTEM : 0;
}

int
instance_load(int dir_fd, const char *name, struct gs_conf *out, char why[GS_CONF_WHY_BYTES])
{
	char path[PATH_MAX];

	if (faccessat(dir_fd, name, R_OK, 0) < 0)
		return gs_conf_refuse(GS_ENOENT, why, "%s: %s", name, strerror(errno));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir_fd, name);
	return gs_conf_load(out, path, why);
}
