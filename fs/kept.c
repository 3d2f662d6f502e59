/* SPDX-License-Identifier: BSD-2-Clause */
#include "kept.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "prog/log.h"
#include "prog/notify.h"

#define MAGIC UINT64_C(0x7470656b2d736667)	/* "gfs-kept" */

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

enum { MOST_KEPT = 16, NAME_BYTES = 32, HEADER_BYTES = 4096 };

struct header {				/* the first page */
	uint64_t magic;
	uint32_t version, reserved;
	uint64_t bytes;			/* behind the header */
};

/* What a process was handed over, once: its environment is one too. */
static struct {
	bool is_kept, is_by_keeper;
	uint32_t n;
	struct {
		char name[NAME_BYTES];
		int fd;			/* -1: taken, or let go */
	} of[MOST_KEPT];
} found;

/*
 * Who has a socket to be told things by need not keep any: a service of type notify without a store does not, and says nothing
 * of it.  systemd tells of its store in FDSTORE, from 254 on; for an older one our unit does.
 */
static bool
has_store(void)
{
	const char *room = getenv("FDSTORE");

	return room != NULL && strtol(room, NULL, 10) > 0;
}

void
kept_begin(void)
{
	char names[NOTIFY_NAMES_BYTES], *save = NULL, *name;
	int n = notify_kept(names), i;

	found.is_by_keeper = notify_is_heard() && getenv("GSESSION_KEEP") != NULL;
	/* What was handed over was kept. */
	found.is_kept = notify_is_heard() && (found.is_by_keeper || has_store() || n > 0);
	name = strtok_r(names, ":", &save);
	for (i = 0; i < n; i++, name = name == NULL ? NULL : strtok_r(NULL, ":", &save)) {
		if (name == NULL || found.n == MOST_KEPT || strlen(name) >= NAME_BYTES) {
			(void)close(NOTIFY_FIRST_FD + i);
			continue;
		}
		(void)snprintf(found.of[found.n].name, NAME_BYTES, "%s", name);
		found.of[found.n++].fd = NOTIFY_FIRST_FD + i;
	}
}

bool
kept_is_supervised(void)
{
	return found.is_kept;
}

bool
kept_ends_with_mount(void)
{
	return found.is_by_keeper;
}

bool
kept_has_any(void)
{
	return found.n > 0;
}

/* Its place among what was found; NULL: it is not there, or not any more. */
static int *
find(const char *name)
{
	for (uint32_t i = 0; i < found.n; i++)
		if (found.of[i].fd >= 0 && strcmp(found.of[i].name, name) == 0)
			return &found.of[i].fd;
	return NULL;
}

int
kept_take(const char *name)
{
	int *place = find(name), fd = -1;

	if (place != NULL) {
		fd = *place;
		*place = -1;
	}
	return fd;
}

static void
tell_drop(const char *name)
{
	char lines[64 + NAME_BYTES];

	if (!found.is_kept)
		return;
	(void)snprintf(lines, sizeof(lines), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	(void)notify_send(lines, -1);
}

void
kept_give(const char *name, int fd)
{
	char lines[64 + NAME_BYTES];

	if (!found.is_kept)
		return;
	tell_drop(name);
	/* A connection that has ended is told by a poll, and is ours to let go of. */
	(void)snprintf(lines, sizeof(lines), "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name);
	if (notify_send(lines, fd) < 0)
		log_warn("%s is not kept: a crash will be seen by who has files open", name);
}

void
kept_drop(const char *name)
{
	int fd = kept_take(name);

	if (fd >= 0)
		(void)close(fd);
	tell_drop(name);
}

void
kept_drop_all(void)
{
	uint32_t i;

	for (i = 0; i < found.n; i++)
		kept_drop(found.of[i].name);
}

/* Map what has the right layout; NULL when it has not. */
static struct header *
map_found(int fd, uint32_t version, size_t bytes)
{
	struct header *h;
	struct stat st;

	/* Nobody can have taken pages away that we are to read. */
	if ((fcntl(fd, F_GET_SEALS) & SEALS) != SEALS || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != HEADER_BYTES + (uint64_t)bytes)
		return NULL;
	h = mmap(NULL, HEADER_BYTES + bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (h == MAP_FAILED)
		return NULL;
	if (h->magic == MAGIC && h->version == version && h->bytes == bytes)
		return h;
	(void)munmap(h, HEADER_BYTES + bytes);
	return NULL;
}

/* A new one, of zeros. */
static struct header *
map_new(const char *name, uint32_t version, size_t bytes)
{
	struct header *h = MAP_FAILED;
	char label[NAME_BYTES + 16];
	int fd, err;

	(void)snprintf(label, sizeof(label), "gsession-fs:%s", name);
	fd = memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return NULL;
	if (ftruncate(fd, (off_t)(HEADER_BYTES + bytes)) == 0 && fcntl(fd, F_ADD_SEALS, SEALS) == 0)
		h = mmap(NULL, HEADER_BYTES + bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	err = errno;
	if (h != MAP_FAILED) {
		*h = (struct header){ .magic = MAGIC, .version = version, .bytes = bytes };
		kept_give(name, fd);
	}
	(void)close(fd);
	errno = err;
	return h == MAP_FAILED ? NULL : h;
}

/* A new memory, in the place of what was found. */
static int
begin(struct kept *k)
{
	struct header *h;

	kept_drop(k->name);
	h = map_new(k->name, k->version, k->bytes);
	if (h == NULL)
		return GS_ESYSTEM;
	k->base = (char *)h + HEADER_BYTES;
	return 0;
}

int
kept_open(struct kept *k, const char *name, uint32_t version, size_t bytes)
{
	struct header *h = NULL;
	const int *place = find(name);

	if (place != NULL) {
		h = map_found(*place, version, bytes);
		if (h == NULL)
			log_warnx("%s is of another version: files that are open now will answer that they are stale", name);
	}
	*k = (struct kept){ .name = name, .version = version, .bytes = bytes, .is_found = h != NULL };
	if (h == NULL)
		return begin(k);
	k->base = (char *)h + HEADER_BYTES;
	return 0;
}

int
kept_refuse(struct kept *k)
{
	log_warnx("%s is damaged: what is open now may answer that it is stale", k->name);
	kept_close(k);
	k->is_found = false;
	return begin(k);
}

void
kept_close(struct kept *k)
{
	if (k->base != NULL)
		(void)munmap((char *)k->base - HEADER_BYTES, HEADER_BYTES + k->bytes);
	k->base = NULL;
}
