/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/callers.h"

#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

int
callers_of_peer(int fd, struct manager_caller *out)
{
	struct ucred cred;
	socklen_t len = sizeof(cred), groups_len = sizeof(out->groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return GS_ESYSTEM;
	*out = (struct manager_caller){
		.uid = cred.uid, .gid = cred.gid, .pid = cred.pid, .is_operator = cred.uid == 0 || cred.uid == geteuid(),
	};
	/* More groups than there is room for count as none: a right may be missing then, none is too many. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, out->groups, &groups_len) == 0)
		out->n_groups = (uint32_t)(groups_len / sizeof(out->groups[0]));
	return 0;
}

/* The groups that /proc has of a process, if it is of that user. */
static void
read_groups(struct manager_caller *who)
{
	char path[64], line[1024], *at, *end;
	GS_CLEANUP_FCLOSE FILE *f = NULL;
	uint32_t uid = UINT32_MAX;
	unsigned long gid;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", who->pid);
	f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		/* Real, effective, saved, and that of files, which a mount goes by. */
		(void)sscanf(line, "Uid: %*u %*u %*u %u", &uid);
		if (strncmp(line, "Groups:", 7) != 0 || uid != who->uid)
			continue;
		for (at = line + 7; who->n_groups < MANAGER_CALLER_GROUPS; at = end) {
			gid = strtoul(at, &end, 10);
			if (end == at)
				break;
			who->groups[who->n_groups++] = (uint32_t)gid;
		}
	}
}

void
callers_believed(const struct manager_caller *peer, const struct gs_wire_request *r, struct manager_caller *out)
{
	*out = *peer;
	if (!peer->is_operator || (r->as_uid == peer->uid && r->as_gid == peer->gid && r->as_pid == peer->pid))
		return;
	*out = (struct manager_caller){ .uid = r->as_uid, .gid = r->as_gid, .pid = r->as_pid };
	out->is_operator = r->as_uid == 0 || r->as_uid == geteuid();
	if (!out->is_operator)
		read_groups(out);
}
