/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proc.h - what /proc says of a process.
 */
#ifndef TOOLS_PROC_H
#define TOOLS_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROC_ARGS_BYTES = 8192, PROC_UNIT_BYTES = 256 };

/* The command line, words ended by NUL each, and one NUL more; its length, 0 when there is none to be read. */
size_t proc_args(int pid, char out[PROC_ARGS_BYTES]);
/* The next word of it, or NULL; *at begins as NULL. */
const char *proc_next_arg(const char *args, size_t len, const char **at);
/* Does it run this program, by the name it was called with? One of a build directory may have lt- before it. */
bool proc_is(int pid, const char *program);
/* As ps(1) prints it: R, S, D, T ...; 0: there is no such process. */
char proc_state(int pid);
/* Who made it, and when, in ticks since boot. False when there is no such process. */
bool proc_origin(int pid, int *parent, uint64_t *started);
/* Is the file of its program no more what it was started from? */
bool proc_is_replaced(int pid);
/* How many descriptors it has, may have, and may allow itself. False when that may not be seen. */
bool proc_descriptors(int pid, uint64_t *n, uint64_t *soft, uint64_t *hard);

/* Was this set in its environment when it was started? False too when that may not be seen. */
bool proc_was_told(int pid, const char *name);
enum proc_holding { PROC_HOLDS, PROC_HOLDS_NOT, PROC_IS_CLOSED };
/* Has it a descriptor of this file, by its path? PROC_IS_CLOSED: that may not be seen. */
enum proc_holding proc_holds(int pid, const char *path);
/* The unit of systemd that it is in; false when it is in none, or in one whose name is not plain. */
bool proc_unit(int pid, char out[PROC_UNIT_BYTES]);

/* What a process has mapped below a directory. */
struct proc_mapped {
	uint64_t swapped_bytes;
	bool has_removed;		/* a file that has no name any more */
};
/* with_swap: the kernel walks the page tables for it. False when it may not be seen. */
bool proc_mapped(int pid, const char *dir, bool with_swap, struct proc_mapped *out);
/* The same of a text as /proc/PID/maps or smaps have it, line by line; in_dir remembers, false at first, what the lines are about. */
void proc_take_line(const char *line, const char *dir, bool *in_dir, struct proc_mapped *out);

#endif
