/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract.h - what the two files of contract share: checks, values, and clients that are kept in contract_calls.c.
 */
#ifndef CONTRACT_H
#define CONTRACT_H

#include <sys/types.h>
#include <stddef.h>

enum { VALUE_BYTES = 8192 };

/* Exit with 1 and the sentence, unless it is so; or unless rc is -1 with that errno. */
void want(int is_so, const char *what);
void want_errno(long rc, int error, const char *what);

/* The value of a letter, its length. */
size_t value_of(char *buf, int letter);
/* All of a file; -1 with errno. */
ssize_t load(const char *name, char buf[VALUE_BYTES]);
void want_value(const char *name, int letter);
/* Save letter after letter while another process reads. */
void save_on(const char *name, void (*save)(const char *name, int letter));

void client_rails(void);
void client_rsync(void);
void client_cp(void);
void client_tar(void);
void client_shell(void);
void client_locks(void);
void client_times(void);
void client_refused(void);
void client_names(void);
void client_sizes(void);

#endif
