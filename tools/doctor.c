/* SPDX-License-Identifier: BSD-2-Clause */
#include "doctor.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

const struct doctor_row doctor_rows[] = {
	/* The daemon. */
	{ "daemon_dead", doctor_daemon_dead,
	    "no gsessiond serves instance $1: who is attached goes on, but nothing decays, and nobody new attaches", "$2", "$S" },
	{ "socket_gone", doctor_socket_gone,
	    "gsessiond (pid $1) runs, but its socket is gone: nobody can attach or ask it", "$2", "$R" },
	{ "daemon_stopped", doctor_daemon_stopped,
	    "gsessiond (pid $1) is stopped: nothing decays, and nobody new attaches", "/proc/$1/status", "kill -CONT $1" },
	{ "daemon_silent", doctor_daemon_silent,
	    "gsessiond (pid $1) takes connections and has not answered for $2 ms", "$3", "kill -KILL $1; tail --pid=$1 -f /dev/null; $S" },
	{ "no_access", doctor_no_access,
	    "this user may not ask the daemon: $1", "$2", "sudo $G doctor" },
	{ "pid_file", doctor_pid_file,
	    "the pid file says $1, and the daemon is $2", "$3", "$G show node/pid > $3" },
	{ "socket_rights", doctor_socket_rights,
	    "group $1 may attach, says the configuration, and the socket does not let it", "$2", "chgrp $1 $2 && chmod 660 $2" },
	{ "run_dir_closed", doctor_run_dir_closed,
	    "group $1 may attach, says the configuration, and the socket's directory does not let others through", "$2", "chmod a+rx $2" },
	{ "run_dir_foreign", doctor_run_dir_foreign,
	    "the socket's directory belongs to user $1, who is neither root nor the daemon's: he can put a socket of his own in its place", "$2",
	    "chown $3 $2" },
	{ "clock_jumped", doctor_clock_jumped,
	    "the clock of this host was set $1 by $2 since gsessiond (pid $3) started: sessions of a snapshot from before would come back that much $4",
	    "$5", "$G snapshot /var/tmp/gsession-$6.snapshot && { $R; }" },
	{ "daemon_replaced", doctor_daemon_replaced,
	    "gsessiond (pid $1) runs from a program file that was replaced or removed since: it is not the version that is installed", "/proc/$1/exe", "$R" },
	{ "descriptors_low", doctor_descriptors_low,
	    "gsessiond (pid $1) has $2 of $3 descriptors in use: soon nobody more can attach", "/proc/$1/limits", "prlimit --pid $1 --nofile=$4" },
	/* The mount. */
	{ "mount_dead", doctor_mount_dead,
	    "the program that served the mount has died: every access to it fails", "$1", "gsession-fs$I $1" },
	{ "mount_stopped", doctor_mount_stopped,
	    "gsession-fs (pid $2) is stopped: every access to the mount waits", "$1", "kill -CONT $2" },
	{ "mount_silent", doctor_mount_silent,
	    "the mount has not answered for $3 ms (gsession-fs is pid $2)", "$1", "kill -KILL $2; tail --pid=$2 -f /dev/null; gsession-fs$I $1" },
	{ "mount_missing", doctor_mount_missing,
	    "/etc/fstab has a mount of this instance that is not there", "$1", "mount $1" },
	{ "mount_replaced", doctor_mount_replaced,
	    "gsession-fs (pid $2) runs from a program file that was replaced or removed since: it is not the version that is installed", "$1",
	    "umount $1 && gsession-fs$I $1" },
	{ "mount_unkept", doctor_mount_unkept,
	    "gsession-fs (pid $2) has a supervisor, process $3, that keeps no descriptor for it: when it ends, every file that is open is lost", "$1", "$4" },
	{ "php_collects", doctor_php_collects,
	    "PHP keeps sessions in the mount and collects them itself (session.gc_probability is $2): it looks at every session, and ends what rests in an outer ring",
	    "$1", "sed -i '/^[; ]*session.gc_probability *=/d' $1 && echo session.gc_probability = 0 >> $1" },
	{ "updatedb_walks", doctor_updatedb_walks,
	    "updatedb walks through the mount and puts the keys of all sessions into its database", "$1", "sed -i 's/^PRUNEFS *= *\"/&fuse.gsession /' $1" },
	/* The memory. */
	{ "memory_gone", doctor_memory_gone,
	    "the files of the memory were removed while the daemon uses it: its next start begins without a session", "$1", "$N" },
	{ "tmpfs_full", doctor_tmpfs_full,
	    "the tmpfs has $2 left of $3: soon no session can start", "$1", "mount -o remount,size=$4 $5" },
	{ "tmpfs_small", doctor_tmpfs_small,
	    "the tmpfs has $2 left, and the rings may come to need $3 more", "$1", "mount -o remount,size=$4 $5" },
	{ "capacity_cut", doctor_capacity_cut,
	    "the capacities were cut to what the tmpfs had when the memory was made", "$1", "mount -o remount,size=$2 $3 && $N" },
	{ "swapped", doctor_swapped,
	    "$2 of the sessions' memory are swapped out: who asks for them waits for the disk", "$1", "swapoff -a && swapon -a" },
	{ "memory_left", doctor_memory_left,
	    "instance $2 has memory ($3) and no daemon: what ends it, ends its sessions", "$1", "gsessiond -i $2 --purge" },
	{ "memory_held", doctor_memory_held,
	    "process $1 holds the memory of a store of this name that is gone, and finds no session there", "/proc/$1/maps", "kill $1" },
	{ "disk_full", doctor_disk_full,
	    "the disk of ring $2 has $3 left of $4", "$1", "du -xh --max-depth=2 $5 | sort -h | tail" },
	{ "disk_read_only", doctor_disk_read_only,
	    "the disk of ring $2 is mounted read-only: a reboot loses what was moved there since", "$1", "mount -o remount,rw $3" },
	{ "file_aside", doctor_file_aside,
	    "ring $2 could not use this file and began without its sessions: where it was made by another version, that one can, under its old name",
	    "$1", "mv -n $1 /var/tmp/" },
	{ "memory_version", doctor_memory_version,
	    "the memory of table $2 is of version $3, and this gsession is for version $4: no gsessiond of it can take over the sessions there",
	    "$1", "$5" },
	{ "snapshot_version", doctor_snapshot_version,
	    "this snapshot is of version $2, and this gsession reads versions $3 to $4: only the gsession that made it can put it back",
	    "$1", "mv -n $1 /var/tmp/" },
	/* The sessions. */
	{ "ring_refuses", doctor_ring_refuses,
	    "ring $1 is full ($2 of $3), there is none further out, and on_full is refuse: puts fail ($4 did)", "$5/capacity", "$6" },
	{ "ring_filling", doctor_ring_filling,
	    "ring $1 has $2 of $3 sessions, and there is none further out: when it is full, $4", "$5/capacity", "$6" },
	{ "reserve_used", doctor_reserve_used,
	    "ring $1 has $2 sessions, more than its capacity of $3: it lives on its reserve", "$4/capacity", "$5" },
	{ "suspects_full", doctor_suspects_full,
	    "the ring of suspects has $2 of $3 sessions: when it is full, who asks too fast is no longer held", "$1/capacity", "$4" },
	{ "value_too_long", doctor_value_too_long,
	    "table $1 refused $2 values for being over record_size $3; the longest had $4 bytes", "$5",
	    "$G conf show | sed '/^.table $1.$/,/^record_size/s/^record_size.*/record_size = $6/' > $5.new && mv $5.new $5 && $N" },
	{ "value_near_limit", doctor_value_near_limit,
	    "table $1 was offered a value of $3 bytes: longer ones than record_size $2 are refused", "$4",
	    "$G conf show | sed '/^.table $1.$/,/^record_size/s/^record_size.*/record_size = $5/' > $4.new && mv $4.new $4 && $N" },
	{ "damage", doctor_damage,
	    "$2 damaged records were met in table $1: a program wrote where it must not, or the host's memory is bad", "$1/stats", "$G audit" },
	{ "reaper_missing", doctor_reaper_missing,
	    "$2 suspects of table $1 have so many offences that a reaper should judge them, and none runs", "$1/suspects",
	    "$G$T reaper --once --policy offences=$3" },
	{ "quota_reports", doctor_quota_reports,
	    "$2 sessions of table $1 ask faster than the quota, which only reports them", "$1/quota/action", "$G set $1/quota/action quarantine" },
	/* The configuration. */
	{ "conf_wrong", doctor_conf_wrong,
	    "the configuration has an error, so that the daemon could not start again: $2", "$1", "$G conf check $1" },
	{ "conf_unread", doctor_conf_unread,
	    "$2 of the settings in the configuration changed since the daemon read it (gsession conf diff lists them)", "$1", "$G set ctl reload" },
	{ "conf_changed", doctor_conf_changed,
	    "$2 of the settings were changed at run time: a reboot forgets that (gsession conf diff lists them)", "$1", "$G conf show > $1" },
	{ "conf_fixed", doctor_conf_fixed,
	    "$2 of the settings in the configuration are not those that the memory was made with (gsession conf diff lists them)", "$1", "$N" },
	{ "unfinished", doctor_unfinished,
	    "not all was looked at, as the daemon or this host took more than $1 ms", "$2", "$G audit" },
	{ NULL, NULL, NULL, NULL, NULL },
};

char *
doctor_number(char out[DOCTOR_WORD_BYTES], uint64_t n)
{
	(void)snprintf(out, DOCTOR_WORD_BYTES, "%llu", (unsigned long long)n);
	return out;
}

/* How the store is told apart from others on a command line. */
static void
put_instance(FILE *to, const struct doctor *d)
{
	if (strcmp(d->instance, "default") != 0)
		(void)fprintf(to, " -i %s", d->instance);
}

/* Names are somebody's choice: what a terminal or a shell would take for more than a name is written as \ooo. */
static void
put_arg(FILE *to, const char *arg, bool is_for_shell)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@:+,=-%";

	if (!is_for_shell || arg[strspn(arg, plain)] == '\0') {
		(void)fputs(arg, to);
	} else {
		(void)fputs("$'", to);
		for (; *arg != '\0'; arg++)
			(void)fprintf(to, strchr(plain, *arg) != NULL ? "%c" : "\\%03o", (unsigned char)*arg);
		(void)fputc('\'', to);
	}
}

static void
put_gsession(FILE *to, const struct doctor *d)
{
	(void)fputs("gsession", to);
	put_instance(to, d);
	if (d->run_dir != NULL) {
		(void)fputs(" --run-dir ", to);
		put_arg(to, d->run_dir, true);
	}
}

static bool
is_under_systemd(const struct doctor *d)
{
	return strcmp(d->instance, "default") == 0 && d->run_dir == NULL && access("/run/systemd/system", F_OK) == 0;
}

static void
put_daemon(FILE *to, const struct doctor *d, const char *option)
{
	if (d->run_dir != NULL) {
		(void)fputs("env GSESSION_RUN_DIR=", to);
		put_arg(to, d->run_dir, true);
		(void)fputc(' ', to);
	}
	(void)fputs("gsessiond", to);
	put_instance(to, d);
	if (d->conf_path[0] != '\0' && strcmp(d->conf_path, GS_CONF_PATH) != 0) {
		(void)fputs(" -c ", to);
		put_arg(to, d->conf_path, true);
	}
	(void)fprintf(to, " %s", option);
}

static void
put_start(FILE *to, const struct doctor *d)
{
	if (is_under_systemd(d))
		(void)fputs("systemctl start gsessiond", to);
	else
		put_daemon(to, d, "--detach");
}

/* Until a process has ended another cannot take its place. */
static void
put_end(FILE *to, const struct doctor *d)
{
	if (is_under_systemd(d))
		(void)fputs("systemctl stop gsessiond; ", to);
	else if (d->pid != 0)
		(void)fprintf(to, "kill %d; tail --pid=%d -f /dev/null; ", d->pid, d->pid);
}

static void
put_remake(FILE *to, const struct doctor *d)
{
	put_gsession(to, d);
	(void)fprintf(to, " snapshot /var/tmp/gsession-%s.snapshot && { ", d->instance);
	put_end(to, d);
	put_daemon(to, d, "--purge");
	(void)fputs("; ", to);
	put_start(to, d);
	(void)fputs(" && ", to);
	put_gsession(to, d);
	(void)fprintf(to, " restore /var/tmp/gsession-%s.snapshot; }", d->instance);
}

static void
put_special(FILE *to, const struct doctor *d, char which, const char *const args[DOCTOR_ARGS])
{
	switch (which) {
	case 'G':
		put_gsession(to, d);
		break;
	case 'I':
		put_instance(to, d);
		break;
	case 'T':
		if (args[0] != NULL && strcmp(args[0], "sessions") != 0)
			(void)fprintf(to, " -t %s", args[0]);
		break;
	case 'S':
		put_start(to, d);
		break;
	case 'R':
		put_end(to, d);
		put_start(to, d);
		break;
	case 'P':
		put_daemon(to, d, "--purge");
		break;
	case 'N':
		put_remake(to, d);
		break;
	default:
		(void)fprintf(to, "$%c", which);
	}
}

static void
expand(char out[DOCTOR_TEXT_BYTES], const struct doctor *d, const char *text, const char *const args[DOCTOR_ARGS], bool is_for_shell)
{
	FILE *to = fmemopen(out, DOCTOR_TEXT_BYTES, "w");

	out[0] = '\0';
	if (to == NULL)
		return;
	for (; *text != '\0'; text++) {
		unsigned n = (unsigned)(text[1] - '1');

		if (*text != '$' || strchr("123456GITSRPN", text[1]) == NULL) {
			(void)fputc(*text, to);
			continue;
		}
		if (n < DOCTOR_ARGS)
			put_arg(to, args[n] == NULL ? "" : args[n], is_for_shell);
		else
			put_special(to, d, text[1], args);
		text++;
	}
	(void)fclose(to);
	out[DOCTOR_TEXT_BYTES - 1] = '\0';
}

static void
print_text(const char *before, const char *text)
{
	(void)fputs(before, stdout);
	for (; *text != '\0'; text++)
		(void)fprintf(stdout, (unsigned char)*text < 0x20 || *text == 0x7f ? "\\%03o" : "%c", (unsigned char)*text);
}

void
doctor_find(struct doctor *d, ...)
{
	char sentence[DOCTOR_TEXT_BYTES], file[DOCTOR_TEXT_BYTES], mend[DOCTOR_TEXT_BYTES];
	const char *args[DOCTOR_ARGS] = { NULL }, *command = d->row->mend;
	va_list ap;

	va_start(ap, d);
	for (size_t i = 0; i < DOCTOR_ARGS && (args[i] = va_arg(ap, const char *)) != NULL; i++)
		;
	va_end(ap);
	expand(sentence, d, d->row->sentence, args, false);
	expand(file, d, d->row->file, args, false);
	/* Where the whole command is the check's, it is one of names that are plain, and of the table's words. */
	if (command[0] == '$' && command[1] >= '1' && command[1] <= '6' && command[2] == '\0')
		command = args[command[1] - '1'];
	expand(mend, d, command, args, true);
	d->n_findings++;
	if (d->json == NULL) {
		print_text(d->row->id, "");
		print_text(": ", sentence);
		print_text("\n    file  ", file);
		print_text("\n    mend  ", mend);
		(void)putchar('\n');
		return;
	}
	gs_json_object(d->json, NULL);
	gs_json_text(d->json, "id", d->row->id);
	gs_json_text(d->json, "sentence", sentence);
	gs_json_text(d->json, "file", file);
	gs_json_text(d->json, "mend", mend);
	gs_json_end(d->json, false);
}
