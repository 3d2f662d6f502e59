/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stop_at.c - loaded before gsession-fs it stops that at a point which a test names, so that the test can kill it there.
 *
 * The file of the name $GS_STOP_AT says where, and is removed when it has been reached:
 *
 *	to put		gs_put() is about to be called
 *	put		it has returned
 *	rename		gs_rename_into() is about to be called
 *	answer N	the kernel is about to be answered a request of operation N, see linux/fuse.h
 *	unlock N K	a thread that does such a request has given back the K-th lock
 */
#include <sys/uio.h>
#include <linux/fuse.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"

/* What the thread has read from the kernel last. */
static _Thread_local struct fuse_in_header asked;
static _Thread_local unsigned n_unlocked;	/* since then */

static void
stop_at(const char *point)
{
	const char *path = getenv("GS_STOP_AT");
	char line[32] = "";
	FILE *in = path == NULL ? NULL : fopen(path, "re");

	if (in == NULL)
		return;
	if (fgets(line, sizeof(line), in) != NULL)
		line[strcspn(line, "\n")] = '\0';
	(void)fclose(in);
	if (strcmp(line, point) != 0 || unlink(path) != 0)
		return;
	(void)raise(SIGSTOP);
}

__attribute__((visibility("default"))) ssize_t
read(int fd, void *buf, size_t bytes)
{
	ssize_t (*next)(int, void *, size_t);
	ssize_t n;

	*(void **)&next = dlsym(RTLD_NEXT, "read");
	n = next(fd, buf, bytes);
	if (n >= (ssize_t)sizeof(asked)) {
		memcpy(&asked, buf, sizeof(asked));
		n_unlocked = 0;
	}
	return n;
}

__attribute__((visibility("default"))) int
pthread_mutex_unlock(pthread_mutex_t *lock)
{
	static int (*_Atomic next)(pthread_mutex_t *);
	char point[32];
	int rc;

	if (next == NULL)
		next = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_unlock");
	rc = next(lock);
	(void)snprintf(point, sizeof(point), "unlock %u %u", (unsigned)asked.opcode, ++n_unlocked);
	if (asked.opcode != 0)
		stop_at(point);
	return rc;
}

__attribute__((visibility("default"))) ssize_t
writev(int fd, const struct iovec *iov, int count)
{
	ssize_t (*next)(int, const struct iovec *, int);
	struct fuse_out_header answer;
	char point[32];

	if (count > 0 && iov[0].iov_len == sizeof(answer)) {
		memcpy(&answer, iov[0].iov_base, sizeof(answer));
		(void)snprintf(point, sizeof(point), "answer %u", (unsigned)asked.opcode);
		if (answer.unique == asked.unique)
			stop_at(point);
	}
	*(void **)&next = dlsym(RTLD_NEXT, "writev");
	return next(fd, iov, count);
}

__attribute__((visibility("default"))) int
gs_put(struct gs *gs, const void *key, size_t key_len, const void *value, size_t len, const struct gs_put_options *opt)
{
	int (*next)(struct gs *, const void *, size_t, const void *, size_t, const struct gs_put_options *);
	int rc;

	stop_at("to put");
	*(void **)&next = dlsym(RTLD_NEXT, "gs_put");
	rc = next(gs, key, key_len, value, len, opt);
	stop_at("put");
	return rc;
}

__attribute__((visibility("default"))) int
gs_rename_into(struct gs *gs, const void *from, size_t from_len, struct gs *to_gs, const void *to, size_t to_len, const char *ring, uint32_t flags)
{
	int (*next)(struct gs *, const void *, size_t, struct gs *, const void *, size_t, const char *, uint32_t);

	stop_at("rename");
	*(void **)&next = dlsym(RTLD_NEXT, "gs_rename_into");
	return next(gs, from, from_len, to_gs, to, to_len, ring, flags);
}
