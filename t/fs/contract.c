/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract.c - contract DIR CLIENT [COMMAND]: the system calls of a program that keeps sessions in files, each result checked.
 *
 * The calls are those of A.1 of the clients' traces: order, flags and modes
 * are theirs.  COMMAND is run with the session's name as $1 between the
 * calls that make a session and those that find it again: what happens to
 * it meanwhile is not the program's business.  While a session is saved over
 * and over another process reads it, and must never see a part of a value,
 * nothing, or none.  Exit status 1 and a sentence when a result is another.
 */
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#include "contract.h"

const char *contract_command;

enum { SAVES = 200 };

/* ---- saying ---- */

void
want(int is_so, const char *what)
{
	int error = errno;

	if (!is_so)
		errx(1, "not so: %s (errno %d, %s)", what, error, strerror(error));
}

void
want_errno(long rc, int error, const char *what)
{
	if (rc != -1 || errno != error)
		errx(1, "%s: %ld, errno %s and not %s", what, rc, rc == -1 ? strerror(errno) : "none", strerror(error));
}

static void
between(const char *name)
{
	pid_t pid;
	int status;

	if (contract_command == NULL)
		return;
	pid = fork();
	if (pid == 0) {
		(void)execl("/bin/sh", "sh", "-c", contract_command, "sh", name, (char *)NULL);
		_exit(127);
	}
	want(waitpid(pid, &status, 0) == pid && status == 0, "the command between");
}

/* ---- values: of each letter one, all of it that letter ---- */

size_t
value_of(char *buf, int letter)
{
	size_t len = 200 + 53 * (size_t)(letter - 'a');

	memset(buf, letter, len);
	return len;
}

static int
is_value(const char *buf, ssize_t len)
{
	char whole[VALUE_BYTES];

	return len > 0 && buf[0] >= 'a' && buf[0] <= 'z' && (size_t)len == value_of(whole, buf[0]) && memcmp(buf, whole, (size_t)len) == 0;
}

/* Read as any program does: open, and read to the end. */
ssize_t
load(const char *name, char buf[VALUE_BYTES])
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n, len = 0;

	if (fd < 0)
		return -1;
	while ((n = read(fd, buf + len, VALUE_BYTES - (size_t)len)) > 0)
		len += n;
	(void)close(fd);
	return n < 0 ? -1 : len;
}

void
want_value(const char *name, int letter)
{
	char buf[VALUE_BYTES];
	struct stat st;
	ssize_t len = load(name, buf);

	want(is_value(buf, len) && buf[0] == letter, "the session has the value that was saved last");
	want(stat(name, &st) == 0 && st.st_size == len && S_ISREG(st.st_mode) && st.st_nlink == 1, "stat(2) says so, too");
}

/* ---- somebody else, who reads ---- */

static pid_t reader;
static int reader_pipe;

static void
read_on(const char *name, int until)
{
	char buf[VALUE_BYTES], end;
	ssize_t len;

	do {
		len = load(name, buf);
		if (len < 0)
			err(1, "a reader meanwhile");
		if (!is_value(buf, len))
			errx(1, "a reader meanwhile saw %zd bytes that are no value", len);
	} while (read(until, &end, 1) < 0 && errno == EAGAIN);
	_exit(0);
}

static void
begin_reading(const char *name)
{
	int ends[2];

	want(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0, "pipe");
	reader = fork();
	if (reader == 0) {
		(void)close(ends[1]);
		read_on(name, ends[0]);
	}
	(void)close(ends[0]);
	reader_pipe = ends[1];
}

static void
end_reading(void)
{
	int status;

	(void)close(reader_pipe);
	want(waitpid(reader, &status, 0) == reader && status == 0, "the reader saw whole values only");
}

/* Save the letters over and over, read by another. */
void
save_on(const char *name, void (*save)(const char *name, int letter))
{
	begin_reading(name);
	for (int i = 0; i < SAVES; i++)
		save(name, 'a' + i % 26);
	end_reading();
	want_value(name, 'a' + (SAVES - 1) % 26);
}

static struct timespec
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return t;
}

static int
is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* ---- PHP, ext/session/mod_files.c ---- */

/* session_start(): returns the descriptor, which stays locked for the whole request. */
static int
php_start(const char *name, char *buf, ssize_t *len)
{
	int fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
	struct stat st;

	want(fd >= 0, "PHP opens");
	want(fstat(fd, &st) == 0 && (st.st_uid == 0 || st.st_uid == getuid()), "and owns it");
	want(flock(fd, LOCK_EX) == 0, "and locks it");
	want(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fstat(fd, &st) == 0, "and asks for its size");
	*len = pread(fd, buf, (size_t)st.st_size, 0);
	want(*len == (ssize_t)st.st_size, "and gets as many bytes as that: else it loses the session");
	return fd;
}

static void
php_write(int fd, const char *buf, size_t len)
{
	want(ftruncate(fd, 0) == 0, "PHP truncates");
	want(pwrite(fd, buf, len, 0) == (ssize_t)len, "and writes all at once");
}

static void
php_save(const char *name, int letter)
{
	char buf[VALUE_BYTES];
	ssize_t len;
	int fd = php_start(name, buf, &len);

	php_write(fd, buf, value_of(buf, letter));
	want(close(fd) == 0, "and closes");
}

static void
php_collect(void)
{
	DIR *d = opendir(".");
	struct dirent *e;
	struct stat st;
	int n = 0;

	want(d != NULL, "PHP's collector lists");
	while ((e = readdir(d)) != NULL)
		if (strncmp(e->d_name, "sess_", 5) == 0) {
			want(e->d_type == DT_REG && stat(e->d_name, &st) == 0, "what it lists is there");
			n++;
		}
	(void)closedir(d);
	want(n > 0, "the session is listed");
}

static void
client_php(void)
{
	static const char name[] = "sess_0123456789abcdefghijklmnop";
	char buf[VALUE_BYTES];
	struct stat was, is;
	ssize_t len;
	int fd;

	want_errno(stat(name, &is), ENOENT, "strict mode looks for it first");
	fd = php_start(name, buf, &len);
	want(len == 0, "a new session is empty");
	php_write(fd, buf, value_of(buf, 'a'));
	want(close(fd) == 0 && stat(name, &was) == 0 && (was.st_mode & 07777) == 0600, "it is written, mode 0600");
	between(name);
	fd = php_start(name, buf, &len);
	want(is_value(buf, len) && buf[0] == 'a', "the next request finds it");
	do
		want(utime(name, NULL) == 0 && stat(name, &is) == 0, "and renews it, unchanged, until the clock of files has ticked");
	while (!is_before(&was.st_mtim, &is.st_mtim) && now().tv_sec < was.st_mtim.tv_sec + 10);
	want(close(fd) == 0 && is_before(&was.st_mtim, &is.st_mtim) && is_before(&was.st_ctim, &is.st_ctim), "mtime and ctime move on");
	php_collect();
	save_on(name, php_save);
	between(name);
	fd = php_start(name, buf, &len);
	want(unlink(name) == 0, "an id that is given up is removed while open");
	want(pwrite(fd, "x", 1, 0) == 1 && close(fd) == 0, "what is written to it then is lost");
	want_errno(stat(name, &is), ENOENT, "it does not come back");
	want_errno(access(name, F_OK), ENOENT, "nor for access(2)");
}

/* ---- Django, contrib/sessions/backends/file.py ---- */

static void
django_save(const char *name, int letter)
{
	char buf[VALUE_BYTES], temp[64];
	size_t len = value_of(buf, letter);
	struct stat st;
	int fd;

	(void)snprintf(temp, sizeof(temp), "%s_out_abc_%04d", name, (int)getpid() % 10000);
	fd = open(name, O_WRONLY | O_CLOEXEC);
	want(fd >= 0 && close(fd) == 0, "Django sees by open and close that it is there");
	fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	want(fd >= 0 && write(fd, buf, len) == (ssize_t)len && close(fd) == 0, "and writes another file");
	want(stat(name, &st) == 0 && rename(temp, name) == 0, "and renames it");
	want_errno(stat(temp, &st), ENOENT, "which is gone then");
}

static void
client_django(void)
{
	static const char name[] = "sessionid0123456789abcdefghijklmnopqrstuv";
	struct timespec before = now();
	struct stat st;
	int fd;

	want_errno(stat(name, &st), ENOENT, "a new key is looked for");
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0777);
	want(fd >= 0 && close(fd) == 0, "and its place taken");
	want_errno(open(name, O_WRONLY | O_CREAT | O_EXCL, 0777), EEXIST, "once");
	want(stat(name, &st) == 0 && st.st_size == 0, "by an empty file");
	django_save(name, 'a');
	between(name);
	want_value(name, 'a');
	want(stat(name, &st) == 0 && !is_before(&st.st_mtim, &before) && (st.st_mode & 07777) == 0600, "of the mode and time of the file that was renamed");
	save_on(name, django_save);
	want(unlink(name) == 0, "deleted");
	want_errno(open(name, O_WRONLY), ENOENT, "an update of what is not there is seen");
}

/* ---- Express, session-file-store with write-file-atomic ---- */

static void
express_save(const char *name, int letter)
{
	char buf[VALUE_BYTES], temp[64];
	size_t len = value_of(buf, letter);
	struct stat st;
	int fd, is_there;

	(void)snprintf(temp, sizeof(temp), "%s.%u", name, 3735928559u + (unsigned)letter);
	is_there = lstat(name, &st) == 0 && stat(name, &st) == 0;
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	want(fd >= 0 && write(fd, buf, len) == (ssize_t)len, "Express writes another file");
	want(fsync(fd) == 0 && close(fd) == 0, "to the disk");
	if (is_there) {
		want(chown(temp, st.st_uid, st.st_gid) == 0, "gives it the owner of the old one");
		want(chmod(temp, st.st_mode & 07777) == 0, "and its mode");
	}
	want(rename(temp, name) == 0, "and renames it");
	want_errno(unlink(temp), ENOENT, "which is gone then");
}

static void
client_express(void)
{
	static const char name[] = "AbCdEfGhIjKlMnOpQrStUvWxYz012345.json";
	char buf[VALUE_BYTES];

	want_errno(load(name, buf), ENOENT, "a session that is not there");
	express_save(name, 'a');
	between(name);
	want_value(name, 'a');
	want(chmod(name, 0640) == 0, "chmod");
	save_on(name, express_save);
	want_value(name, 'a' + (SAVES - 1) % 26);
	want(unlink(name) == 0, "destroyed");
}

/* ---- cachelib, Flask-Session ---- */

static void
cachelib_save(const char *name, int letter)
{
	char buf[VALUE_BYTES], temp[] = "tmpXXXXXX01.__wz_cache";
	size_t len = value_of(buf, letter);
	int fd = mkostemps(temp, 13, O_CLOEXEC);
	struct stat st;

	want(fd >= 0 && write(fd, buf, len) == (ssize_t)len && close(fd) == 0, "cachelib writes another file");
	want(rename(temp, name) == 0, "replaces");
	want(chmod(name, 0600) == 0, "sets the mode, by name");
	want(stat(name, &st) == 0 && st.st_size == (off_t)len, "and sees its size at once");
}

static void
client_cachelib(void)
{
	static const char name[] = "0123456789abcdef0123456789abcdef", count[] = "2029240f6d1128be89ddc32729463129";
	char buf[VALUE_BYTES];
	struct stat st;
	int fd;

	want_errno(stat(name, &st), ENOENT, "a key that is not there");
	cachelib_save(name, 'a');
	cachelib_save(count, 'c');
	between(name);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	want(fd >= 0 && read(fd, buf, 4) == 4 && read(fd, buf + 4, VALUE_BYTES - 4) == 196 && close(fd) == 0, "the time of its end, then the rest");
	save_on(name, cachelib_save);
	want(unlink(name) == 0 && unlink(count) == 0, "deleted");
}

/* ---- Perl, CGI::Session ---- */

static void
cgi_save(const char *name, int letter)
{
	char buf[VALUE_BYTES];
	size_t len = value_of(buf, letter);
	struct stat st;
	int fd, is_new = lstat(name, &st) != 0;

	fd = is_new ? open(name, O_RDWR | O_CREAT | O_EXCL, 0660) : open(name, O_WRONLY | O_NOFOLLOW);
	want(fd >= 0 && lstat(name, &st) == 0 && S_ISREG(st.st_mode), "CGI::Session opens");
	want(flock(fd, LOCK_EX) == 0 && ftruncate(fd, 0) == 0, "locks and truncates");
	want(write(fd, buf, len) == (ssize_t)len && close(fd) == 0, "and writes");
}

static void
client_cgi(void)
{
	static const char name[] = "cgisess_0123456789abcdef0123456789abcdef";
	char buf[VALUE_BYTES];
	struct stat st;
	int fd;

	cgi_save(name, 'a');
	between(name);
	fd = open(name, O_RDONLY | O_NOFOLLOW);
	want(fd >= 0 && flock(fd, LOCK_SH) == 0 && read(fd, buf, sizeof(buf)) == 200 && read(fd, buf, 1) == 0 && close(fd) == 0, "it is read");
	want(stat(name, &st) == 0 && (st.st_mode & 07777) == 0640, "its mode is 0660 and the umask");
	save_on(name, cgi_save);
	want(unlink(name) == 0, "deleted");
}

/* ---- Go, gorilla/sessions ---- */

static void
gorilla_save(const char *name, int letter)
{
	char buf[VALUE_BYTES];
	size_t len = value_of(buf, letter);
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	want(fd >= 0 && write(fd, buf, len) == (ssize_t)len && close(fd) == 0, "os.WriteFile");
}

static void
client_gorilla(void)
{
	static const char name[] = "session_ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQRST";

	gorilla_save(name, 'a');
	between(name);
	want_value(name, 'a');
	save_on(name, gorilla_save);
	want(unlink(name) == 0, "os.Remove");
	want_errno(unlink(name), ENOENT, "once");
}

/* ---- Java, Tomcat's FileStore ---- */

static void
tomcat_save(const char *name, int letter)
{
	char buf[VALUE_BYTES], temp[80];
	size_t len = value_of(buf, letter), half = len / 2;
	struct stat st;
	int fd;

	(void)snprintf(temp, sizeof(temp), "%s.tmp", name);
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	want(fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode), "Tomcat opens another file");
	want(write(fd, buf, half) == (ssize_t)half && write(fd, buf + half, len - half) == (ssize_t)(len - half), "writes it in pieces");
	want(close(fd) == 0 && rename(temp, name) == 0, "and moves it");
	want_errno(access(temp, F_OK), ENOENT, "which is gone then");
}

static void
client_tomcat(void)
{
	static const char name[] = "0123456789ABCDEF0123456789ABCDEF.session";

	tomcat_save(name, 'a');
	between(name);
	want_value(name, 'a');
	save_on(name, tomcat_save);
	want(unlink(name) == 0, "removed");
}

static const struct {
	const char *name;
	void (*run)(void);
} clients[] = {
	{ "php", client_php }, { "django", client_django }, { "express", client_express }, { "cachelib", client_cachelib },
	{ "cgi", client_cgi }, { "gorilla", client_gorilla }, { "tomcat", client_tomcat }, { "rails", client_rails },
	{ "rsync", client_rsync }, { "cp", client_cp }, { "tar", client_tar }, { "shell", client_shell }, { "locks", client_locks },
	{ "times", client_times }, { "refused", client_refused }, { "names", client_names }, { "sizes", client_sizes },
};

int
main(int argc, char **argv)
{
	if (argc < 3 || argc > 4 || chdir(argv[1]) != 0)
		errx(2, "usage: contract DIR CLIENT [COMMAND]");
	contract_command = argv[3];
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++)
		if (strcmp(argv[2], clients[i].name) == 0) {
			clients[i].run();
			return 0;
		}
	errx(2, "%s: no such client", argv[2]);
}
