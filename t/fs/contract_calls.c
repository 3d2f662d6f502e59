/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract_calls.c - programs that save and restore files of sessions, and calls that no client is known for.
 */
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <linux/fs.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contract.h"

enum { RECORD_SIZE = 8192, PAST_S = 1767323045, PAST_NS = 123456789 };

static void
store(const char *name, int letter)
{
	char buf[VALUE_BYTES];
	size_t len = value_of(buf, letter);
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	want(fd >= 0 && write(fd, buf, len) == (ssize_t)len && close(fd) == 0, "a value is stored");
}

static int
has_past(const char *name)
{
	struct stat st;

	return stat(name, &st) == 0 && st.st_mtim.tv_sec == PAST_S && st.st_mtim.tv_nsec == PAST_NS;
}

/* ---- Rails, ActiveSupport's FileStore ---- */

static void
rails_save(const char *name, int letter)
{
	char buf[VALUE_BYTES], temp[80];
	size_t len = value_of(buf, letter);
	int fd;

	(void)snprintf(temp, sizeof(temp), ".%s.tmp.%x", name, 0xc0ffee + letter);
	fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	want(fd >= 0 && write(fd, buf, len) == (ssize_t)len && close(fd) == 0, "Rails writes another file");
	want(chown(temp, getuid(), getgid()) == 0 && chmod(temp, 0640) == 0, "gives it owner and mode");
	want(rename(temp, name) == 0, "and renames it");
}

void
client_rails(void)
{
	static const char name[] = "rack%3Asession%3A0123456789abcdef";
	struct stat st;

	rails_save(name, 'a');
	want_value(name, 'a');
	want(stat(name, &st) == 0 && (st.st_mode & 07777) == 0640, "with its mode");
	save_on(name, rails_save);
	want(unlink(name) == 0, "deleted");
}

/* ---- rsync -a ---- */

void
client_rsync(void)
{
	static const char name[] = "sess_0123456789abcdefghijklmnop", temp[] = ".sess_0123456789abcdefghijklmnop.Ab12Cd";
	const struct timespec past[2] = { { .tv_nsec = UTIME_NOW }, { PAST_S, PAST_NS } };
	char buf[VALUE_BYTES];
	struct stat st;
	int fd;

	want_errno(open(name, O_RDONLY | O_NOFOLLOW), ENOENT, "what is not there yet");
	fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	want(fd >= 0 && write(fd, buf, value_of(buf, 'r')) > 0 && close(fd) == 0, "rsync writes another file");
	want(utimensat(AT_FDCWD, temp, past, AT_SYMLINK_NOFOLLOW) == 0, "sets its times");
	want(fchownat(AT_FDCWD, temp, getuid(), getgid(), AT_SYMLINK_NOFOLLOW) == 0 && chmod(temp, 0644) == 0, "owner and mode");
	want(rename(temp, name) == 0, "and renames it");
	want_value(name, 'r');
	want(has_past(name), "a second run finds the same time, to the nanosecond,");
	want(lstat(name, &st) == 0 && st.st_size == (off_t)value_of(buf, 'r') && (st.st_mode & 07777) == 0644, "the same size and mode");
	want(unlink(name) == 0, "removed");
}

/* ---- cp -a ---- */

void
client_cp(void)
{
	const struct timespec past[2] = { { PAST_S, PAST_NS }, { PAST_S, PAST_NS } };
	/* rw-r--r-- */
	static const uint32_t acl[] = { 2, 0x60001, UINT32_MAX, 0x40004, UINT32_MAX, 0x40020, UINT32_MAX };
	char names[4096];
	int from, to;

	store("from", 'f');
	from = open("from", O_RDONLY | O_NOFOLLOW);
	to = open("to", O_WRONLY | O_CREAT | O_EXCL, 0600);
	want(from >= 0 && to >= 0, "cp opens both");
	want_errno(ioctl(to, FICLONE, from), EOPNOTSUPP, "a clone");
	want(copy_file_range(from, NULL, to, NULL, SSIZE_MAX, 0) > 0, "copies the value");
	want(copy_file_range(from, NULL, to, NULL, SSIZE_MAX, 0) == 0, "to its end");
	want(futimens(to, past) == 0, "sets its times");
	want(flistxattr(from, names, sizeof(names)) >= 0, "lists attributes");
	want_errno(fsetxattr(to, "system.posix_acl_access", acl, sizeof(acl), 0), EOPNOTSUPP, "an access list");
	want(fchown(to, getuid(), getgid()) == 0 && fchmod(to, 0640) == 0, "sets owner and mode");
	want(close(from) == 0 && close(to) == 0, "and closes");
	want_value("to", 'f');
	want(has_past("to"), "the copy is as old as the other");
	want(unlink("from") == 0 && unlink("to") == 0, "removed");
}

/* ---- tar x ---- */

void
client_tar(void)
{
	const struct timespec past[2] = { { .tv_nsec = UTIME_NOW }, { PAST_S, PAST_NS } };
	char buf[VALUE_BYTES];
	struct stat st;
	int fd;

	store("t", 'o');
	want_errno(open("t", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600), EEXIST, "tar finds it there");
	want(unlinkat(AT_FDCWD, "t", 0) == 0, "removes it");
	fd = open("t", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	want(fd >= 0 && write(fd, buf, value_of(buf, 'n')) > 0, "and writes it anew");
	want(futimens(fd, past) == 0 && fchown(fd, getuid(), getgid()) == 0 && fchmod(fd, 0644) == 0, "with its times, owner and mode");
	want(close(fd) == 0, "closed");
	want_value("t", 'n');
	want(has_past("t") && stat("t", &st) == 0 && (st.st_mode & 07777) == 0644, "all of which are there");
	want(unlink("t") == 0, "removed");
}

/* ---- shells ---- */

void
client_shell(void)
{
	char buf[VALUE_BYTES], new[VALUE_BYTES];
	struct stat st;
	int fd, out = 100;

	store("k", 'o');
	fd = open("k", O_WRONLY | O_CREAT | O_TRUNC, 0666);
	want(fd >= 0 && dup2(fd, out) == out && close(fd) == 0, "a shell opens, and closes a copy");
	want(load("k", buf) > 0 && buf[0] == 'o', "nobody sees an empty file yet");
	want(write(out, new, value_of(new, 'n')) > 0, "what the command writes");
	want_value("k", 'n');
	want(close(out) == 0, "closed");
	want_value("k", 'n');
	fd = open("k", O_WRONLY | O_TRUNC);
	want(fd >= 0 && close(fd) == 0, "`: > k` writes nothing");
	for (int i = 0; i < 500 && stat("k", &st) == 0 && st.st_size > 0; i++)
		(void)usleep(10000);
	want(stat("k", &st) == 0 && st.st_size == 0, "and empties the file");
	fd = open("k", O_WRONLY);
	want(fd >= 0 && close(fd) == 0 && stat("k", &st) == 0 && st.st_size == 0, "to open and close changes nothing");
	want(unlink("k") == 0, "removed");
}

/* ---- flock(2) ---- */

static int
is_locked(const char *name)
{
	int fd = open(name, O_RDWR), rc;

	want(fd >= 0, "another opens the file");
	rc = flock(fd, LOCK_EX | LOCK_NB);
	want(rc == 0 || errno == EWOULDBLOCK, "and tries to lock it");
	(void)close(fd);
	return rc != 0;
}

void
client_locks(void)
{
	int fd;

	store("l", 'a');
	fd = open("l", O_RDWR);
	want(fd >= 0 && flock(fd, LOCK_EX) == 0 && is_locked("l"), "a lock excludes");
	store("l", 'b');
	want(is_locked("l"), "also when somebody writes without one");
	want(flock(fd, LOCK_UN) == 0 && !is_locked("l"), "until it is given back");
	want(flock(fd, LOCK_SH) == 0 && is_locked("l") && close(fd) == 0 && !is_locked("l"), "be it by the close");
	fd = open("l.tmp", O_RDWR | O_CREAT | O_EXCL, 0600);
	want(fd >= 0 && flock(fd, LOCK_EX) == 0 && is_locked("l.tmp") && close(fd) == 0 && unlink("l.tmp") == 0, "and of a temporary file");
	want(unlink("l") == 0, "removed");
}

/* ---- times, modes, owners ---- */

static void
want_times(const char *name, time_t atime_s, time_t mtime_s, const char *what)
{
	struct stat st;

	want(stat(name, &st) == 0 && st.st_atim.tv_sec == atime_s && st.st_mtim.tv_sec == mtime_s, what);
}

static void
try_times(const char *name)
{
	const struct timespec both[2] = { { PAST_S, PAST_NS }, { PAST_S, PAST_NS } }, none[2] = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } };
	const struct timespec mtime[2] = { { 0, UTIME_OMIT }, { PAST_S + 5, 0 } };
	struct stat was, st;
	int fd = open(name, O_RDWR);

	want(fd >= 0 && utimensat(AT_FDCWD, name, both, 0) == 0 && has_past(name), "both times are set, to the nanosecond");
	want_times(name, PAST_S, PAST_S, "the last read as well");
	want(utimensat(AT_FDCWD, name, none, 0) == 0 && has_past(name), "UTIME_OMIT of both changes none");
	want(futimens(fd, mtime) == 0 && stat(name, &st) == 0 && st.st_mtim.tv_sec == PAST_S + 5 && st.st_mtim.tv_nsec == 0, "one of them, by its descriptor");
	want(stat(name, &was) == 0 && fchmod(fd, 0640) == 0 && fstat(fd, &st) == 0, "chmod by its descriptor");
	want((st.st_mode & 07777) == 0640 && st.st_mtim.tv_sec == was.st_mtim.tv_sec, "changes the mode, and not mtime");
	want(st.st_ctim.tv_sec > was.st_ctim.tv_sec || st.st_ctim.tv_nsec > was.st_ctim.tv_nsec, "but ctime");
	want(chmod(name, 0640) == 0 && chown(name, getuid(), getgid()) == 0 && fchown(fd, (uid_t)-1, (gid_t)-1) == 0, "to what it is already");
	want(utimensat(AT_FDCWD, name, NULL, 0) == 0 && stat(name, &st) == 0 && st.st_mtim.tv_sec > PAST_S + 5, "to now");
	want(close(fd) == 0 && unlink(name) == 0, "removed");
}

void
client_times(void)
{
	store("times", 't');
	try_times("times");
	store("times.tmp", 't');
	try_times("times.tmp");
}

/* ---- what there is not ---- */

static void
try_refused(const char *name)
{
	char buf[VALUE_BYTES];
	ssize_t len;
	void *at;
	int fd;

	store(name, 'v');
	store("other", 'o');
	want_errno(link(name, "link"), EPERM, "link");
	want_errno(symlink(name, "link"), EPERM, "symlink");
	want_errno(mknod("node", S_IFREG | 0600, 0), EPERM, "mknod");
	want_errno(mkfifo("fifo", 0600), EPERM, "mkfifo");
	want_errno(open(".", O_TMPFILE | O_RDWR, 0600), EOPNOTSUPP, "O_TMPFILE");
	want_errno(renameat2(AT_FDCWD, name, AT_FDCWD, "other", RENAME_NOREPLACE), EEXIST, "RENAME_NOREPLACE");
	want_errno(renameat2(AT_FDCWD, name, AT_FDCWD, "other", RENAME_EXCHANGE), EINVAL, "RENAME_EXCHANGE");
	want_errno(renameat2(AT_FDCWD, name, AT_FDCWD, "new", RENAME_WHITEOUT), EINVAL, "RENAME_WHITEOUT");
	want_errno(rename("absent", name), ENOENT, "rename of what is not there");
	want_errno(open("other/x", O_RDONLY), ENOTDIR, "a file as a directory");
	want_errno(rmdir(name), ENOTDIR, "rmdir");
	want_errno(unlink("."), EISDIR, "unlink of a directory");
	want_errno(getxattr(name, "user.other", buf, sizeof(buf)), ENODATA, "an attribute of others");
	want_errno(setxattr(name, "user.other", "x", 1, 0), EOPNOTSUPP, "cannot be set");
	want_errno(setxattr(name, "trusted.other", "x", 1, 0), getuid() == 0 ? EOPNOTSUPP : EPERM, "nor of another kind");
	want_value(name, 'v');
	want_value("other", 'o');
	fd = open(name, O_RDWR);
	len = load(name, buf);
	want_errno(fallocate(fd, 0, 0, 100), EOPNOTSUPP, "fallocate");
	want(posix_fallocate(fd, 0, len + 10) == 0 && lseek(fd, 0, SEEK_END) == len + 10, "which the C library does by writing");
	want(ftruncate(fd, len) == 0, "back again");
	want(lseek(fd, 0, SEEK_HOLE) == len && lseek(fd, 0, SEEK_DATA) == 0, "there are no holes");
	want_errno(lseek(fd, len, SEEK_DATA), ENXIO, "behind the end");
	at = mmap(NULL, (size_t)len, PROT_READ, MAP_SHARED, fd, 0);
	want_errno(at == MAP_FAILED ? -1 : 0, ENODEV, "MAP_SHARED");
	at = mmap(NULL, (size_t)len, PROT_READ, MAP_PRIVATE, fd, 0);
	want(at != MAP_FAILED && memcmp(at, buf, (size_t)len) == 0, "MAP_PRIVATE");
	want(munmap(at, (size_t)len) == 0 && fsync(fd) == 0 && fdatasync(fd) == 0 && close(fd) == 0, "fsync");
	want(unlink(name) == 0 && unlink("other") == 0, "removed");
}

void
client_refused(void)
{
	try_refused("refused");
	try_refused("refused.tmp");
}

/* ---- names ---- */

static void
try_name(const char *name)
{
	store(name, 'n');
	want_value(name, 'n');
	want(unlink(name) == 0, "removed");
}

void
client_names(void)
{
	char name[5000];

	want_errno(open("", O_RDWR | O_CREAT, 0600), ENOENT, "a name of no bytes");
	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	try_name(name);
	memcpy(name + 251, ".tmp", 4);
	try_name(name);
	name[255] = 'n';
	name[256] = '\0';
	want_errno(open(name, O_RDWR | O_CREAT, 0600), ENAMETOOLONG, "256 bytes");
	memcpy(name + 252, ".tmp", 4);
	want_errno(open(name, O_RDWR | O_CREAT, 0600), ENAMETOOLONG, "256 bytes that end as a temporary one");
	want_errno(unlink(name), ENAMETOOLONG, "to remove it");
	store("short.tmp", 's');
	want_errno(rename("short.tmp", name), ENAMETOOLONG, "to rename to it");
	want_value("short.tmp", 's');
	name[256] = 'n';
	name[4096] = '\0';
	want_errno(open(name, O_RDWR | O_CREAT, 0600), ENAMETOOLONG, "4096 bytes");
	try_name("\xff\xfe\x01 \n\\*");
	try_name("\xff\xfe\x01 \n\\*.tmp");
	try_name("...");
	try_name(".hidden");
	want_errno(open(".", O_RDWR | O_CREAT, 0600), EISDIR, "the directory itself");
	want(unlink("short.tmp") == 0, "removed");
}

/* ---- sizes ---- */

static void
want_bytes(const char *name, const char *bytes, size_t len)
{
	char buf[VALUE_BYTES];
	struct stat st;

	want(load(name, buf) == (ssize_t)len && memcmp(buf, bytes, len) == 0, "it has these bytes");
	want(stat(name, &st) == 0 && st.st_size == (off_t)len && st.st_blocks == (blkcnt_t)((len + 511) / 512), "and this size");
}

static void
try_sizes(const char *name)
{
	char buf[RECORD_SIZE + 1] = "";
	struct stat st;
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);

	want(fd >= 0 && pwrite(fd, "x", 1, 3) == 1, "a write behind the end");
	want_bytes(name, "\0\0\0x", 4);
	want(ftruncate(fd, 6) == 0, "longer");
	want_bytes(name, "\0\0\0x\0\0", 6);
	want(ftruncate(fd, 2) == 0 && truncate(name, 5) == 0, "shorter, and longer again");
	want_bytes(name, "\0\0\0\0\0", 5);
	want(pwrite(fd, "abc", 3, 1) == 3, "in the middle");
	want_bytes(name, "\0abc\0", 5);
	want_errno(pwrite(fd, "x", 1, RECORD_SIZE), EFBIG, "one byte behind record_size");
	want_errno(pwrite(fd, "x", 1, INT64_C(1) << 40), EFBIG, "far behind");
	want_errno(pwrite(fd, buf, RECORD_SIZE + 1, 0), EFBIG, "longer than record_size");
	want_errno(ftruncate(fd, RECORD_SIZE + 1), EFBIG, "or truncated to more");
	want_bytes(name, "\0abc\0", 5);
	want(pwrite(fd, "x", 1, RECORD_SIZE - 1) == 1 && fstat(fd, &st) == 0 && st.st_size == RECORD_SIZE, "to its last byte it goes");
	want(pread(fd, buf, 10, RECORD_SIZE) == 0 && pread(fd, buf, 10, RECORD_SIZE - 1) == 1 && buf[0] == 'x', "and reads end there");
	want(ftruncate(fd, 3) == 0 && unlink(name) == 0, "removed while open");
	want(fstat(fd, &st) == 0 && st.st_nlink == 0, "it has no name any more");
	want(pread(fd, buf, 10, 0) == 3 && memcmp(buf, "\0ab", 3) == 0, "and can be read on");
	want(pwrite(fd, "z", 1, 0) == 1 && close(fd) == 0, "what is written to it");
	want_errno(stat(name, &st), ENOENT, "does not bring it back");
}

void
client_sizes(void)
{
	try_sizes("sizes");
	try_sizes("sizes.tmp");
}
