/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * promises_attach.c - what libgsession(3) says of attaching.
 */
#include "promises_words.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- attaching ---- */

static void
attach_refuses_what_it_cannot(void)
{
	struct gs_options opt = options();
	char longest[200];
	int64_t before;

	opt.size--;
	ok_rc(attach_with(&opt), GS_EINVAL, "attach: another size of the structure is EINVAL");
	opt = options();
	opt.instance = "No";
	ok_rc(attach_with(&opt), GS_EINVAL, "attach: a capital in a name is EINVAL");
	opt = options();
	opt.table = ".t";
	ok_rc(attach_with(&opt), GS_EINVAL, "attach: a name that begins with a dot is EINVAL");
	opt.table = "";
	ok_rc(attach_with(&opt), GS_EINVAL, "attach: an empty name is EINVAL");
	opt.table = "a23456789012345678901234567890x2";
	ok_rc(attach_with(&opt), GS_EINVAL, "attach: a name of 32 bytes is EINVAL");
	opt.table = "a23456789012345678901234567890x";
	ok_rc(attach_with(&opt), GS_ENOENT, "attach: a table that there is not is ENOENT");
	opt = options();
	opt.instance = "nobody";
	opt.timeout_ms = 60000;
	before = mono_ms();
	ok_rc(attach_with(&opt), GS_EDOWN, "attach: no daemon is EDOWN");
	ok(mono_ms() - before < 5000, "attach: and is said without waiting");
	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	opt.run_dir = longest;
	ok_rc(attach_with(&opt), GS_ERANGE, "attach: a path too long for a socket is ERANGE");
}

/* Attach to a daemon of our own that answers `reply`, or nothing when that is NULL. */
static int
attach_to_fake(const char *reply, uint32_t timeout_ms)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct gs_options opt = options();
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0), peer, rc;
	char hello[4096];
	pid_t child;

	opt.instance = "fake";
	opt.timeout_ms = timeout_ms;
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/fake.sock", getenv("GSESSION_RUN_DIR"));
	(void)unlink(at.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 1) < 0)
		err(1, "%s", at.sun_path);
	child = fork();
	if (child == 0) {
		peer = accept(fd, NULL, NULL);
		if (recv(peer, hello, sizeof(hello), 0) > 0 && reply != NULL)
			(void)send(peer, reply, strlen(reply), 0);
		(void)pause();
		_exit(0);
	}
	rc = attach_with(&opt);
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	(void)close(fd);
	(void)unlink(at.sun_path);
	return rc;
}

static void
attach_waits_no_longer_than_told(void)
{
	int64_t before = mono_ms(), took;

	ok_rc(attach_to_fake(NULL, 300), GS_ETIMEDOUT, "attach: a daemon that does not answer is ETIMEDOUT");
	took = mono_ms() - before;
	ok(took >= 290 && took < 5000, "attach: after timeout_ms");
	ok_rc(attach_to_fake("what is this", 5000), GS_EPROTO, "attach: a daemon that answers nonsense is EPROTO");
}

/* How many descriptors are open, and how many of them exec would leave so. */
static int
count_descriptors(int *stay_open)
{
	int n = 0;

	*stay_open = 0;
	for (int fd = 0; fd < 256; fd++) {
		int flags = fcntl(fd, F_GETFD);

		n += flags >= 0;
		*stay_open += flags >= 0 && (flags & FD_CLOEXEC) == 0;
	}
	return n;
}

static void
handle_is_closed_by_exec_and_not_dumped(void)
{
	struct gs_options opt = options();
	int n, before, stay_before, stay, dumped = 0, maps = 0;
	bool is_ours = false;
	char line[512];
	struct gs *other;
	FILE *f;

	before = count_descriptors(&stay_before);
	ok(gs_attach(&other, &opt) == 0, "attach: a second handle is another handle");
	n = count_descriptors(&stay) - before;
	ok(n > 3 && n <= 37, "attach: a handle has a socket and up to 36 other descriptors");
	ok_rc(stay, stay_before, "attach: all of them are closed by exec");
	gs_detach(&other);
	ok(other == NULL, "detach: sets the handle to NULL");
	ok_rc(count_descriptors(&stay), before, "detach: closes all of them");
	f = fopen("/proc/self/smaps", "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (strchr(line, '-') != NULL && strchr(line, '-') < strchr(line, ' '))
			is_ours = strstr(line, getenv("GSESSION_SHM_DIR")) != NULL;
		if (is_ours && strncmp(line, "VmFlags:", 8) == 0) {
			maps++;
			dumped += strstr(line, " dd") == NULL;
		}
	}
	if (f != NULL)
		(void)fclose(f);
	ok(maps > 0 && dumped == 0, "attach: the memory is left out of core dumps");
}

static void
too_many_are_refused(void)
{
	struct rlimit many = { 8192, 8192 };
	struct gs_options opt = options();
	static struct gs *all[256];
	int n = 0, rc = 0;

	if (setrlimit(RLIMIT_NOFILE, &many) < 0) {
		(void)printf("ok %d - attach: too many is EBUSY # SKIP no right to that many descriptors\n", ++promises_said);
		return;
	}
	opt.table = "tiny";
	opt.n_threads = 1000;
	while (n < 256 && (rc = gs_attach(&all[n], &opt)) == 0)
		n++;
	ok_rc(rc, GS_EBUSY, "attach: too many is EBUSY");
	ok(n >= 127 && n <= 129, "attach: that is when 8191 contexts are taken, 64 at most by a handle");
	while (n > 0)
		gs_detach(&all[--n]);
	ok_rc(attach_with(&opt), 0, "detach: gives them back");
}

static void
detach_takes_what_is_no_handle(void)
{
	struct gs *none = NULL;

	gs_detach(&none);
	ok(none == NULL, "detach: of none is nothing");
}


void
promises_attach_first(void)
{
	attach_refuses_what_it_cannot();
	attach_waits_no_longer_than_told();
}

void
promises_attach(void)
{
	handle_is_closed_by_exec_and_not_dumped();
	detach_takes_what_is_no_handle();
	too_many_are_refused();
}
