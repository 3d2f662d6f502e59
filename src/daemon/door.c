/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/door.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "prog/log.h"

enum { BACKLOG = 128 };

/* Root and the group may connect; without a group, only root and ourselves, as the socket was made. */
static void
set_owner(const char *path, const char *group)
{
	struct group *g;

	if (group[0] == '\0')
		return;
	g = getgrnam(group);
	if (g == NULL)
		log_warnx("group %s does not exist: only root and our own user may attach", group);
	else if (chown(path, (uid_t)-1, g->gr_gid) < 0 || chmod(path, 0660) < 0)
		log_warn("%s: cannot be given to group %s, only root and our own user may attach", path, group);
}

int
door_open(const char *path, const char *group, char why[GS_CONF_WHY_BYTES])
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, rc;

	if (strlen(path) >= sizeof(at.sun_path)) {
		(void)snprintf(why, GS_CONF_WHY_BYTES, "%s: the path of a socket is at most %zu bytes: set GSESSION_RUN_DIR", path,
		    sizeof(at.sun_path) - 1);
		return GS_ERANGE;
	}
	memcpy(at.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The lock on the memory is ours, so a socket that lies there is a dead daemon's. */
	(void)unlink(path);
	mask = umask(0177);
	rc = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&at, sizeof(at));
	(void)umask(mask);
	if (rc == 0 && listen(fd, BACKLOG) == 0) {
		set_owner(path, group);
		return fd;
	}
	(void)snprintf(why, GS_CONF_WHY_BYTES, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return GS_ESYSTEM;
}
