/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * process.h - becoming a daemon, and saying when it is ready.
 */
#ifndef GS_PROG_PROCESS_H
#define GS_PROG_PROCESS_H

/*
 * Fork into the background. The parent waits until process_ready() and exits 0, or exits with the child's status if the
 * child ends first. Returns in the child only. Standard streams stay until process_ready() so that errors are seen; all other
 * descriptors are closed, so it comes before any is opened. Where gsession-keep(8) supervises, it neither forks nor closes
 * anything: it says so in the environment, by GSESSION_KEEP. The session is a new one from process_ready() on: where there
 * is an automount, only the process group that systemd mounts with may look before it has been mounted.
 */
void process_detach(void);

/* Tell whoever started us that we serve: systemd's notify socket, the parent of process_detach(). May be called without either. */
void process_ready(const char *status);
/* systemd: we are stopping; alive (watchdog); a line of status. */
void process_stopping(void);
void process_alive(void);

/* Have as many descriptors as we may: the soft limit becomes the hard one; says so when it cannot. */
void process_raise_descriptors(void);

/* Write our pid to a file, locked for as long as we live. Returns 0, GS_EBUSY with the other's pid in *other, GS_ESYSTEM. */
int process_pidfile(const char *path, int *other);
void process_pidfile_remove(void);

#endif
